#!/usr/bin/env python3
"""nodes.py -- MCP where another node than the asked one has what is asked for: steps of jobs, sessions, streams, tasks.

    python3 test/lib/pg.py -- python3 test/mcp/nodes.py [--only WORDS]

TAP lines, and `N passed, N failed` at the end."""
import contextlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
sys.path.insert(0, os.path.join(HERE, '..', 'provider'))

import cases
import redis
from cases import Skip, case, need
from provider import Provider
from server import Server, wait_for
from talk import ALL, Talk, begun, ends_as, generate

DEAF = {'db_direct': 'postgres://127.0.0.1:1/none'}


@contextlib.contextmanager
def nodes(engine, behaviour='slow-60', **more):
    """An API node and a worker, whose writer is a model that takes its time."""
    if engine != 'postgres':
        raise Skip('one node only')
    with Provider() as p:
        writer = {'writer': 'openai', 'openai_url': p.url(behaviour) + '/v1', 'workers': 4}
        with Server({'role': 'api', **writer, **more}, db=engine) as a, a.twin({'role': 'worker', **writer, **more}) as w:
            yield a, w


def steps_of(st):
    """The steps that a stream tells, and the job that it ends with: nothing comes behind that."""
    *told, last = st.rest()
    need('result' in last and all(e['method'] == 'notifications/progress' for e in told), f'{told} {last}')
    fractions = [e['params']['progress'] for e in told]
    need(fractions == sorted(set(fractions)), f'not in their order, or told twice: {fractions}')
    return [(e['params']['progress'], e['params'].get('message')) for e in told], json.loads(last['result']['content'][0]['text'])['data']


@case('The steps of a job are told whichever node works on it', own=True)
def steps(engine):
    with nodes(engine) as (a, w):
        for v in ALL:
            with Talk(a, v) as t:
                told, job = steps_of(t.stream(generate(t, a)))
                need(job['status'] == 'DONE' and told[-1] == (1, 'done'), f'{told} {job}')
                need(len(told) > 5, f'few of the steps: {told}')
        w.stop()
        with a.twin({**w.settings, 'role': 'all'}) as alone, Talk(alone) as t:
            own, _ = steps_of(t.stream(generate(t, alone)))
            # which of them are told depends on who looks when, but not how far each is
            kinds = [{re.sub(r'\d+', 'N', words) for _, words in steps} for steps in (own, told)]
            need({'writing, N characters', 'done'} <= kinds[0] & kinds[1] and all(far == also for far, words in own for also, same in told if words == same),
                 f'a node that works itself tells other steps: {own} and {told}')


@case('The same with a Valkey', own=True)
def with_kv(engine):
    if redis.program() is None:
        raise Skip('no Valkey or Redis')
    with redis.Redis() as r, nodes(engine, kv=r.url) as (a, w), Talk(a) as t:
        told, job = steps_of(t.stream(generate(t, a)))
        need(job['status'] == 'DONE' and told[-1] == (1, 'done') and len(told) > 5, f'{told} {job}')


@case('Where words do not arrive, steps are told as they are found', own=True)
def deaf(engine):
    with nodes(engine, 'slow-150', **DEAF) as (a, w), Talk(a) as t:
        told, job = steps_of(t.stream(generate(t, a)))
        need(job['status'] == 'DONE' and told[-1] == (1, 'done') and len(told) > 2, f'{told} {job}')


if __name__ == '__main__':
    sys.argv += ['--engine', 'postgres']
    sys.exit(cases.main(__doc__, 'mcp nodes'))
