#!/usr/bin/env python3
"""run.py -- many nodes under load, and what can go wrong between them; a checker decides (check.py).

    python3 test/cluster/run.py                     each fault once
    python3 test/cluster/run.py --rounds 200        rounds of one or two faults by lot
    python3 test/cluster/run.py --seed S --first N --rounds 1       one round of another run again
    python3 test/cluster/run.py --without kv        nodes count in the database
    python3 test/cluster/run.py --only 'killed'     the faults whose names match it

Round 0 is the end of a rolling upgrade: the nodes of this release serve the tables of the last one, and are served while the operator migrates.

A round: a workspace of its own; clients (load.py) write, read, change and wait, each asking any of the nodes; one or two faults (faults.py); everything is healed;
the clients come to their ends; jobs end; acknowledged calls are asked again with their keys; then history and rows are judged.  At the end the rows of all
rounds are judged once more: what comes late must not do any harm either.

A round that fails keeps its history, its rows and the logs of the nodes in build/cluster.  TAP, and `N passed, N failed` at the end."""
import argparse
import itertools
import json
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), HERE]

import check
import faults
import pg
import state
from cluster import Cluster
from load import Caller, Load
from server import Failure, Server, wait_for
from tap import Tap

KEPT = os.path.join(ROOT, 'build', 'cluster')
LIMIT = 20              # uploads a minute
REPLAYS = 40            # keys that are sent again in each round
SETTINGS = {'bench': True, 'rate_uploads': LIMIT, 'lease': 1500, 'heartbeat': 400, 'job_poll': 200, 'job_backoff': 100, 'job_attempts': 20, 'job_lost_leases': 1000,
            'db_deadline': 4000, 'db_lock': 4000, 'db_pool': 4, 'workers': 4, 'clean_interval': 2, 'writer': 'openai', 'openai_price_in': 60,
            'openai_price_out': 240, 'drain_time': 5, 'threads': 2}


class Tenant(NamedTuple):
    """The workspace of a round.  lost: a key that is revoked in it."""
    round: int
    id: str
    project: str
    key: str
    lost: str
    lost_id: str


class Writer:
    """The model that writes posts, in a process of its own: slowly, so that jobs last."""

    def __enter__(self):
        self.proc = subprocess.Popen([sys.executable, os.path.join(HERE, '..', 'provider', 'provider.py'), '--until-eof'], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        return f'http://127.0.0.1:{int(self.proc.stdout.readline())}/slow-5/v1'

    def __exit__(self, *_):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()


class Run:
    def __init__(self, args, cluster, tap):
        self.args, self.c, self.tap, self.past = args, cluster, tap, []
        self.office = Server({}, data=cluster.dir)          # for commands: past the proxy, and of no node

    def tenant(self, number):
        self.office.where = ['--db', self.c.pg[self.c.primary].url('scriped', 'scriped')]
        w = self.office.workspace(f'Round {number}')
        project, key, lost = self.office.new_project(w), self.office.mint(workspace=w), self.office.mint(workspace=w, name='lost')
        return Tenant(number, w, project, key, lost, next(k['id'] for k in self.office.keys(w) if k['name'] == 'lost'))

    def apis(self):
        return [n for n in self.c.nodes.values() if n.role == 'api' and n.port]

    def round(self, number, chosen):
        """A title and what is wrong."""
        began, rng = time.monotonic(), faults.seeded(self.args.seed, number)
        title = f'round {number}: ' + ', then '.join(f.name for f in chosen)
        state.watch(self.c)
        apart = self.c.schema and not self.c.kv         # the tables of the last release have no place for counts
        since, tenant = state.now(self.c), self.tenant(number)
        load = Load(tenant, self.apis, f'{self.args.seed}/{number}', self.args.clients, bool(self.c.s3))
        self.said = {n.name: len(n.log_text()) for n in self.c.nodes.values()}
        load.start()
        try:
            time.sleep(rng.uniform(0.1, 0.5))               # the moment is what is tested; there is nothing to wait for
            probes = self.revoke(load, tenant)
            self.harm(chosen, rng)
            time.sleep(rng.uniform(0.2, 0.6))
            wrong = self.quiet(load, tenant, rng)
            for p in probes:
                p.join()
        except (Failure, RuntimeError, OSError) as e:
            self.c.heal()
            wrong = [f'the cluster: {e!r}', *load.stop()]
        meta = self.meta(chosen, since) | ({'limit': None} if apart else {})
        rows = state.read(self.c, tenant.id, since)
        wrong += check.check(load.history.calls, rows, meta)
        if wrong:
            self.keep(number, load.history.calls, rows, meta, wrong)
        else:
            self.past.append((number, tenant, since, load.history.calls, meta))
        acknowledged = sum(c['outcome'] == 'ok' for c in load.history.calls)
        return f'{title} ({acknowledged} of {len(load.history.calls)} calls answered, {time.monotonic() - began:.1f} s)', wrong

    def meta(self, chosen, since):
        """What the faults excuse: the counts of rates are in Valkey, and without one in the database."""
        alone = any('each node counts its share' in n.log_text()[self.said[n.name]:] for n in self.c.nodes.values())
        of_counts = [f for f in chosen if bool(self.c.kv) == ('kv' in f.needs)]
        return {'limit': LIMIT, 'forgets': sum(f.forgets for f in of_counts), 'away': alone or any(f.away for f in of_counts), 'stops': any(f.stops for f in chosen),
                'stored': all(f.stored for f in chosen), 'stale_reads': self.args.replica_reads, 'since': since, 'until': state.now(self.c)}

    def revoke(self, load, tenant):
        """A key that every node knows is revoked; who asks with it from then on."""
        asking = [(n, Caller(load, -2, random.Random(0), tenant.lost)) for n in self.apis()]
        for n, caller in asking:
            caller.once(n, 'GET', '/v1/workspaces/me', None, {})
        self.office.revoke(tenant.lost_id)
        since = load.history.now()
        probes = [threading.Thread(target=caller.revoked, args=(n, since), daemon=True) for n, caller in asking]
        for p in probes:
            p.start()
        return probes

    def harm(self, chosen, rng):
        ends = []
        for f in chosen:
            if faults.possible(self.c, f):
                ends.append(f.do(self.c, rng))
        for end in ends:
            if end:
                end()
        self.c.heal()

    def quiet(self, load, tenant, rng):
        """Everything comes to its end; gives what does not."""
        wrong = [f'{n.name} does not answer after all was healed' for n in self.c.served()]
        wrong += load.stop()
        if not wait_for(lambda: state.unfinished(self.c, tenant.id) == 0, 30, 0.05):
            wrong.append('there are jobs that do not end')
        self.again(load, rng)
        return wrong

    def again(self, load, rng):
        """Some acknowledged calls once more, with their keys."""
        done = [c for c in load.history.calls if c.get('key') and c['outcome'] == 'ok']
        caller = Caller(load, -1, rng)
        for c in rng.sample(done, min(REPLAYS, len(done))):
            caller.call('replay', 'PATCH' if c['op'] == 'post.patch' else 'POST', c['path'], c['body'], c['key'], match=c.get('match'))

    def keep(self, number, calls, rows, meta, wrong):
        into = os.path.join(KEPT, f'{self.args.seed}-{number}')
        os.makedirs(into, exist_ok=True)
        for name, what in (('history', calls), ('rows', rows), ('meta', meta), ('verdict', wrong)):
            with open(f'{into}/{name}.json', 'w', encoding='utf-8') as f:
                json.dump(what, f, indent=1)
        for n in self.c.nodes.values():
            shutil.copy(n.log, into)
        for p in self.c.pg.values():
            shutil.copy(p.log, f'{into}/pg-{p.name}.log')

    def once_more(self):
        """The rows of all rounds, when all is over."""
        wrong = []
        for number, tenant, since, calls, meta in self.past:
            rows = state.read(self.c, tenant.id, since)
            late = check.check(calls, {**rows, 'witness': []}, {**meta, 'stops': True})
            if late:
                self.keep(number, calls, rows, meta, late)
            wrong += [f'round {number}: {w}' for w in late]
        return wrong

    def lot(self):
        """The faults that can be."""
        return [f for f in faults.FAULTS if re.search(self.args.only, f.name) and faults.possible(self.c, f) and f.needs != ('old',)]

    def alone(self):
        """Each fault once, some at a time."""
        lot = self.lot()
        for f in faults.FAULTS:
            if not faults.possible(self.c, f):
                self.tap.line(f.name, RuntimeError('needs ' + ' and '.join(f.needs)))
        random.Random(self.args.seed).shuffle(lot)
        return [lot[i:i + self.args.together] for i in range(0, len(lot), self.args.together)]

    def by_lot(self):
        for number in range(self.args.first, self.args.first + self.args.rounds):
            rng, lot = faults.seeded(self.args.seed, number, 'lot'), self.lot()
            yield rng.sample(lot, min(len(lot), rng.choice((1, 2))))

    def all(self):
        upgrade = [f for f in faults.FAULTS if f.needs == ('old',)]
        rounds = itertools.chain([(0, upgrade)], enumerate(self.by_lot() if self.args.rounds else self.alone(), self.args.first))
        for number, chosen in rounds:
            title, wrong = self.round(number, chosen)
            self.tap.line(title, '\n'.join(wrong[:12] + ([f'and {len(wrong) - 12} more'] if len(wrong) > 12 else [])) or None)
        wrong = self.once_more()
        self.tap.line('the rows of all rounds, once more', '\n'.join(wrong[:12]) or None)


def arguments():
    p = argparse.ArgumentParser(description='Many nodes, and what can go wrong between them.')
    p.add_argument('--rounds', type=int, default=0, help='rounds by lot; without it each fault once')
    p.add_argument('--first', type=int, default=1, help='number of the first round')
    p.add_argument('--seed', default=secrets.token_hex(4))
    p.add_argument('--clients', type=int, default=10)
    p.add_argument('--only', default='', help='faults whose names match this')
    p.add_argument('--pace', type=float, default=1.0, help='a part of the time that each fault has')
    p.add_argument('--without', default='', help='kv, s3: what the cluster does not have')
    p.add_argument('--replica-reads', action='store_true', help='reads may go to the replica')
    p.add_argument('--together', type=int, default=1, help='faults in a round when each has its turn')
    return p.parse_args()


def main():
    args = arguments()
    if not pg.find('initdb'):
        print('1..0 # SKIP no PostgreSQL on this machine')
        return 0
    for s in (signal.SIGTERM, signal.SIGHUP):       # the servers must not outlive us
        signal.signal(s, lambda n, frame: sys.exit(128 + n))
    tap, faults.pace = Tap(), args.pace
    print(f'# seed {args.seed}; what fails is kept in {os.path.relpath(KEPT)}', flush=True)
    with Writer() as writer, Cluster({**SETTINGS, 'openai_url': writer}, kv='kv' not in args.without, bucket='s3' not in args.without,
                                     replica_reads=args.replica_reads) as c:
        Run(args, c, tap).all()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
