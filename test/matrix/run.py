#!/usr/bin/env python3
"""run.py -- the bad-input matrix: every operation, every parameter and field, every fault, on both engines.

    python3 test/matrix/run.py [--only WORDS] [--engine sqlite|postgres] [--jobs N] [--list]

The operations and fields are those that the program prints of itself (surface.py); what must be answered stands in values.py,
rules.py and beside the cases (faults.py, heads.py, cursors.py, strict.py).  First all that is refused or only reads: afterwards
every table must be as it was.  A refused write is sent twice with its Idempotency-Key: what a key binds is replayed, anything
else is refused anew.  Then what is taken: read again, it must be what was answered, and each create has one event.  Answers
must be the same on both engines.  PostgreSQL runs where SCRIPED_TEST_PG is set.

A TAP line per operation and field, `N passed, N failed` (cases) at the end.  A failed case is printed as a curl command."""
import argparse
import multiprocessing
import os
import sys
import traceback
from collections import defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'lib')]

import cursors
import faults
import heads
import rules
import strict
import surface
import world
from cases import Wrong, need, sick
from play import Player
from server import Failure
from tap import Tap


def collect(only):
    """The operations; their cases, each with a number that is the same on every engine; and those of a strict server."""
    ops = surface.read()
    cases = [c for op in ops for module in (faults, heads, cursors) for c in (people if op.people else list)(module.cases(op))]
    apart = [c for op in ops if not op.people for c in strict.cases(op)]
    for i, c in enumerate(cases + apart):
        if c.op.idempotent and c.about != 'Idempotency-Key':
            c.code = f'm-{i}'
    words = only.lower()
    return ops, *([c for c in some if words in c.title.lower()] for some in (cases, apart))


BEFORE = ('Scripe-Workspace-Id', 'Scripe-Api-Version', 'Accept')     # looked at before it is asked who may do a thing
SHOWN = ('missing', 'null', 'empty', 'never was', 'given twice')


def people(cases):
    """What is for people alone is refused to a key before its query or body is looked at; some of each kind show it."""
    for c in cases:
        if c.about in BEFORE:
            if c.want:
                yield c
        elif c.routed and not c.script and (c.about.startswith(('{', 'the body')) or c.fault in SHOWN):
            c.want, c.check, c.fresh, c.routed = (403, 'role_missing', None), None, None, False
            c.target = c.target.replace('~fresh~', '~' + world.KINDS[c.op.id_prefix][0] + '~') if c.op.path_id else c.target
            yield c


def check_caps(ops):
    """The caps that the program prints are those of the contract."""
    printed = {}

    def note(op, f):
        printed[op.name, f.name] = f.hi
        for x in f.inner:
            note(op, x)
    for op in ops:
        for f in op.body:
            note(op, f)
    for key, cap in {**rules.TEXT_CAPS, **rules.NAME_CAPS}.items():
        if key[0] in {op.name for op in ops}:
            need(printed.get(key) == cap, f'the cap of {key} is printed as {printed.get(key)}, not {cap}')


class Engine:
    """The matrix on one engine."""

    def __init__(self, engine, only, jobs):
        self.engine, self.jobs = engine, jobs
        self.ops, self.cases, self.strict = collect(only)
        self.whole = []             # (title, None | why): what is claimed of all cases together
        self.results = []

    def run(self):
        self.world = w = world.World(self.engine)
        try:
            gets = {op.id_prefix: op.path.replace('{' + op.path_id.name + '}',
                                                  '{}') for op in self.ops if op.method == 'GET' and op.path_id and op.path.endswith('}')}
            self.player = Player(w, gets, self.jobs)
            cursors.prepare(w, self.ops)
            self.claim('the printed caps are those of the contract', lambda: check_caps(self.ops))
            self.still([c for c in self.cases if not c.writes])
            writes = [c for c in self.cases if c.writes]
            self.results += self.player.play(writes)
            self.world.be_strict()
            self.still([c for c in self.strict if not c.writes])
            self.results += self.player.play([c for c in self.strict if c.writes])
            self.claim('each create that was taken is announced once', self.announced)
        finally:
            self.end()
        return [(c.title, c.op.title, c.about, why, sign) for c, why, sign in self.results], self.whole

    def claim(self, title, what):
        try:
            what()
            self.whole.append((title, None))
        except Wrong as e:
            self.whole.append((title, str(e)))

    def still(self, cases):
        before = self.world.stored()
        self.results += self.player.play(cases)
        self.claim(f'what is refused or reads leaves every table as it was ({len(cases)} cases)', lambda: self.unchanged(before))

    def unchanged(self, before):
        new = world.difference(before, self.world.stored())
        need(not new, new)

    def announced(self):
        events = defaultdict(list)
        for e in self.world.events():
            events[e['data']['id'], e['type']].append(e['data'])
        for data in self.player.created:
            kind = rules.CREATED_EVENT.get(data['id'].split('_')[0])
            need(kind is None or events[data['id'], kind] == [data], f"{data['id']} has the events {kind} {events[data['id'], kind]}")

    def end(self):
        """The server is well and stops when told."""
        why = sick(self.world.server.log_text())
        if not why and not self.world.server.alive():
            why = 'it has died: ' + self.world.server.log_text()[-3000:]
        try:
            self.world.close()
        except Failure as e:
            why = why or str(e)
        self.whole.append(('the server is well and stops when told', why))


def attempt(args):
    try:
        return Engine(*args).run()
    except Exception:
        return [], [('the matrix can be played', traceback.format_exc())]


def same(outcomes):
    """Cases whose answers differ between the engines."""
    (one, (a, _)), (two, (b, _)) = outcomes.items()
    for (title, op, about, why, x), (_, _, _, other, y) in zip(a, b):
        if why is None and other is None and x != y:
            yield title, f'{one} answered {x}\n{two} answered {y}'


def report(tap, outcomes):
    passed = failed = 0
    for engine, (results, whole) in outcomes.items():
        groups = defaultdict(list)
        for title, op, about, why, sign in results:
            groups[f'{op} {about}'].append((title, why))
        for name, cases in groups.items():
            wrong = [f'{title}\n{why}' for title, why in cases if why]
            tap.line(f'{engine} matrix: {name} ({len(cases)} cases)', '\n'.join(wrong) or None)
            passed, failed = passed + len(cases) - len(wrong), failed + len(wrong)
        for title, why in whole:
            tap.line(f'{engine} matrix: {title}', why)
            passed, failed = passed + (not why), failed + bool(why)
    if len(outcomes) == 2:
        differ = [f'{title}\n{why}' for title, why in same(outcomes)]
        tap.line('matrix: both engines answer alike', '\n'.join(differ) or None)
        passed, failed = passed + (not differ), failed + len(differ)
    print(f'1..{tap.n}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--only', default='', help='cases whose title contains this')
    p.add_argument('--engine', choices=('sqlite', 'postgres'))
    p.add_argument('--jobs', type=int, default=6)
    p.add_argument('--list', action='store_true', help='print the titles of the cases and run nothing')
    o = p.parse_args()
    if o.list:
        ops, cases, apart = collect(o.only)
        print('\n'.join(c.title for c in cases + apart))
        return 0
    engines = [o.engine] if o.engine else ['sqlite'] + (['postgres'] if os.environ.get('SCRIPED_TEST_PG') else [])
    with multiprocessing.Pool(len(engines)) as pool:
        outcomes = dict(zip(engines, pool.map(attempt, [(e, o.only, o.jobs) for e in engines])))
    return report(Tap(), outcomes)


if __name__ == '__main__':
    sys.exit(main())
