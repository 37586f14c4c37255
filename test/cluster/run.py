#!/usr/bin/env python3
"""run.py -- many nodes under load, and what can go wrong between them; a checker decides (check.py).

    python3 test/cluster/run.py                     each fault once
    python3 test/cluster/run.py --rounds 200        rounds of up to three faults by lot, in turn or at once; ends with the first that fails
    python3 test/cluster/run.py --seed S --first N --rounds 1       one round of another run again
    python3 test/cluster/run.py --kind bare         without Valkey: nodes count in the database; replica: reads may go to the replica
    python3 test/cluster/run.py --only 'killed'     the faults whose names match it

By lot each 20 rounds have a cluster of their own, of the next kind.  It begins with the end of a rolling upgrade: the nodes of this release serve the tables of
the last one, and are served while the operator migrates.

A round: a workspace of its own; clients (load.py) write, read, change and wait, each asking any of the nodes; one or two faults (faults.py); everything is healed;
the clients come to their ends; jobs end; acknowledged calls are asked again with their keys; then history and rows are judged.  At the end the rows of all
rounds are judged once more: what comes late must not do any harm either.

A round that fails keeps its history, its rows and the logs of the nodes in build/cluster, and says how it is run again.  TAP, and `N passed, N failed`
at the end."""
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
KINDS = ('whole', 'bare', 'whole', 'replica', 'whole')
BLOCK = 20              # rounds by lot of one cluster
ROUND_S = 600           # one that takes longer never ends
SETTINGS = {'bench': True, 'rate_uploads': LIMIT, 'lease': 1500, 'heartbeat': 400, 'job_poll': 200, 'job_backoff': 100, 'job_attempts': 20, 'job_lost_leases': 1000,
            'db_deadline': 4000, 'db_lock': 4000, 'db_pool': 4, 'workers': 4, 'clean_interval': 2, 'writer': 'openai', 'openai_price_in': 60,
            'openai_price_out': 240, 'drain_time': 5, 'threads': 2}


class Tenant(NamedTuple):
    """The workspace of a round.  lost: a key that is revoked in it."""
    round: str
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


class Guilty(Exception):
    """A round by lot failed: nothing is done to the cluster that it left."""


class Run:
    """The rounds of one cluster."""

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

    def round(self, number, chosen, harm=faults.in_turn):
        """A title and what is wrong."""
        began, rng = time.monotonic(), faults.seeded(self.args.seed, number)
        title = f'round {number}: ' + (', then ' if harm == faults.in_turn else ', amid ').join(f.name for f in chosen)
        signal.alarm(ROUND_S)
        state.watch(self.c)
        apart = self.c.schema and not self.c.kv         # the tables of the last release have no place for counts
        since, tenant = state.now(self.c), self.tenant(number)
        load = Load(tenant, self.apis, f'{self.args.seed}/{number}', self.args.clients, bool(self.c.s3))
        self.said = {n.name: len(n.log_text()) for n in self.c.nodes.values()}
        load.start()
        try:
            time.sleep(rng.uniform(0.1, 0.5))               # the moment is what is tested; there is nothing to wait for
            probes = self.revoke(load, tenant)
            for end in filter(None, harm(self.c, chosen, rng)):
                end()
            self.c.heal()
            load.healed.set()
            time.sleep(rng.uniform(0.2, 0.6))
            wrong = self.quiet(load, tenant, rng)
            for p in probes:
                p.join()
        except (Failure, RuntimeError, OSError) as e:
            self.c.heal()
            wrong = [f'the cluster: {e!r}', *load.stop()]
        meta = self.meta(chosen, since) | ({'limit': None} if apart else {})
        rows = state.read(self.c, tenant.id, since)
        wrong += self.crashed() + check.check(load.history.calls, rows, meta)
        if wrong:
            self.keep(number, load.history.calls, rows, meta, wrong)
        else:
            self.past.append((number, tenant, since, load.history.calls, meta))
        signal.alarm(0)
        acknowledged = sum(c['outcome'] == 'ok' for c in load.history.calls)
        return f'{title} ({acknowledged} of {len(load.history.calls)} calls answered, {time.monotonic() - began:.1f} s)', wrong

    def meta(self, chosen, since):
        """What the faults excuse: the counts of rates are in Valkey, and without one in the database."""
        alone = any(was_alone(n.log_text(), self.said[n.name]) for n in self.c.nodes.values())
        of_counts = [f for f in chosen if bool(self.c.kv) == ('kv' in f.needs)]
        return {'limit': LIMIT, 'forgets': sum(f.forgets for f in of_counts), 'away': alone or any(f.away for f in of_counts), 'stops': any(f.stops for f in chosen),
                'stored': all(f.stored for f in chosen), 'ahead': any(f.ahead for f in chosen), 'stale_reads': self.c.replica_reads, 'since': since, 'until': state.now(self.c)}

    def crashed(self):
        """Nodes that ended by themselves, or of which a sanitizer says something."""
        wrong = []
        for n in self.c.nodes.values():
            n.look()
            wrong += [f'{n.name} ended with status {status}' for status in n.crashes.values()]
            wrong += re.findall(r'.*(?:Sanitizer: |runtime error: ).*', n.log_text()[self.said[n.name]:])
            n.crashes.clear()
        return wrong

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

    def quiet(self, load, tenant, rng):
        """Everything comes to its end; gives what does not."""
        wrong = [f'{n.name} does not answer after all was healed' for n in self.c.served()]
        wrong += load.stop()
        left = last = state.unfinished(self.c, tenant.id)
        while left and wait_for(lambda: state.unfinished(self.c, tenant.id) < last, 60, 0.05):
            left = last = state.unfinished(self.c, tenant.id)
        if left:
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
            late = check.check(calls, {**rows, 'witness': []}, {**meta, 'stops': True, 'late': True})
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

    def by_lot(self, numbers):
        """Faults of things that do not hinder each other often come at once."""
        for number in numbers:
            rng, lot = faults.seeded(self.args.seed, number, 'lot'), self.lot()
            yield number, rng.sample(lot, min(len(lot), rng.choice((1, 2, 2, 3)))), rng.choice((faults.in_turn, faults.at_once))

    def all(self, name, rounds):
        """name: of the first one, which is no round by lot."""
        for number, *how in itertools.chain([(name, [f for f in faults.FAULTS if f.needs == ('old',)])], rounds):
            title, wrong = self.round(number, *how)
            self.say(title, wrong)
            if wrong and self.args.rounds:
                raise Guilty(number)
        self.say('the rows of all rounds, once more', self.once_more())

    def say(self, title, wrong):
        self.tap.line(title, '\n'.join(wrong[:12] + ([f'and {len(wrong) - 12} more'] if len(wrong) > 12 else [])) or None)


def clusters(args):
    """(kind, the numbers of its rounds by lot) of each."""
    if not args.rounds:
        return [(args.kind or 'whole', [])]
    numbers = range(args.first, args.first + args.rounds)
    return [(args.kind or KINDS[i % len(KINDS)], list(some)) for i, some in itertools.groupby(numbers, lambda n: (n - 1) // BLOCK)]


def once(args, tap, writer, kind, numbers):
    """One cluster, and its rounds."""
    with Cluster({**SETTINGS, 'openai_url': writer}, kv=kind != 'bare', bucket=not args.no_bucket, replica_reads=kind == 'replica') as c:
        run = Run(args, c, tap)
        if numbers:
            run.all(f'upgrade-{(numbers[0] - 1) // BLOCK}', run.by_lot(numbers))
        else:
            run.all('upgrade', enumerate(run.alone(), 1))


def all_clusters(args, tap, writer):
    began, done = time.monotonic(), 0
    for kind, numbers in clusters(args):
        if numbers:
            print(f'# rounds {numbers[0]} to {numbers[-1]}: {kind}', flush=True)
        try:
            once(args, tap, writer, kind, numbers)
        except Guilty as e:
            again = numbers[0] if str(e).startswith('upgrade') else e
            same = f'# again: python3 test/cluster/run.py --seed {args.seed} --first {again} --rounds '
            print(f'{same}1 --kind {kind}', f'{same}{args.first + args.rounds - int(str(again))}', sep='\n', flush=True)
            return
        done += len(numbers)
        each = (time.monotonic() - began) / max(1, done)
        if numbers:
            print(f'# {done} of {args.rounds} rounds, {each:.1f} s each, {each * (args.rounds - done) / 60:.0f} minutes more', flush=True)


def arguments():
    p = argparse.ArgumentParser(description='Many nodes, and what can go wrong between them.')
    p.add_argument('--rounds', type=int, default=0, help='rounds by lot; without it each fault once')
    p.add_argument('--first', type=int, default=1, help='number of the first round')
    p.add_argument('--seed', default=secrets.token_hex(4))
    p.add_argument('--clients', type=int, default=10)
    p.add_argument('--only', default='', help='faults whose names match this')
    p.add_argument('--pace', type=float, default=1.0, help='a part of the time that each fault has')
    p.add_argument('--kind', choices=sorted(set(KINDS)), help='of all clusters; by lot they take turns')
    p.add_argument('--no-bucket', action='store_true', help='no S3 service')
    p.add_argument('--together', type=int, default=1, help='faults in a round when each has its turn')
    return p.parse_args()


def was_alone(log, since):
    """Whether a node counted by itself from there on, be it that it said so before."""
    word = 'each node counts its share'
    return word in log[since:] or log.rfind(word, 0, since) > log.rfind('all nodes count there', 0, since)


def too_long(*_):
    raise Failure(f'the round has not ended after {ROUND_S} s')


def main():
    args = arguments()
    if not pg.find('initdb'):
        print('1..0 # SKIP no PostgreSQL on this machine')
        return 0
    for s in (signal.SIGTERM, signal.SIGHUP):       # the servers must not outlive us
        signal.signal(s, lambda n, frame: sys.exit(128 + n))
    signal.signal(signal.SIGALRM, too_long)
    tap, faults.pace = Tap(), args.pace
    print(f'# seed {args.seed}; what fails is kept in {os.path.relpath(KEPT)}', flush=True)
    with Writer() as writer:
        all_clusters(args, tap, writer)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
