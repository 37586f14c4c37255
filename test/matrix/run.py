#!/usr/bin/env python3
"""run.py -- the bad-input matrix: every operation, every parameter and field, every fault, on both engines.

    python3 test/matrix/run.py [--only WORDS] [--engine sqlite|postgres] [--jobs N] [--list]

The operations and fields are those that the program prints of itself (surface.py); what must be answered stands in values.py,
rules.py and beside the cases (faults.py, heads.py, cursors.py, strict.py).  First all that is refused or only reads: afterwards
every table must be as it was.  A refused write is sent twice with its Idempotency-Key: what a key binds is replayed, anything
else is refused anew.  Then what is taken: read again, it must be what was answered, and each create has one event.  Answers
must be the same on both engines.  PostgreSQL runs where SCRIPED_TEST_PG is set.

What is for people alone is asked of a second program, whose keys are people (people.c): `make BUILD=asan build/asan/scriped-people`.
It is looked for beside SCRIPED_BIN; without it only the refusal of keys is seen.

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
from server import Failure, program, wait_for
from tap import Tap


def collect(only, ops, people):
    """The cases, each with a number that is the same on every engine, and those of a strict server.  people: asked by people, or by keys."""
    cases, apart = [], []
    for op in ops:
        if op.people == people:
            cases += [c for module in (faults, heads, cursors) for c in module.cases(op)]
            apart += strict.cases(op)
        elif op.people:
            cases += [c for module in (faults, heads) for c in refused(module.cases(op)) if c.about != 'Scripe-Workspace-Id']
    for i, c in enumerate(cases + apart):
        if c.op.idempotent and c.about != 'Idempotency-Key':
            c.code = f'm-{i}'
    words = only.lower()
    return [[c for c in some if words in c.title.lower()] for some in (cases, apart)]


BEFORE = ('Scripe-Workspace-Id', 'Scripe-Api-Version', 'Accept')     # looked at before it is asked who may do a thing
SHOWN = ('missing', 'null', 'empty', 'never was', 'given twice')


def refused(cases):
    """What is for people alone is refused to a key before its query or body is looked at; some of each kind show it."""
    for c in cases:
        if c.about in BEFORE:
            if c.want:
                yield c
        elif c.routed and not c.script and (c.about.startswith(('{', 'the body')) or c.fault in SHOWN):
            c.want, c.check, c.fresh, c.routed = (403, 'role_missing', None), None, None, False
            c.target = c.target.replace('~fresh~', '~' + world.KINDS[c.op.id_prefix][0] + '~') if c.op.path_id else c.target
            yield c


def check_printed(ops):
    """The caps that the program prints are those of the contract, and in a change only what may be erased may be null."""
    printed = {}

    def note(op, f):
        printed[op.name, f.name] = f.hi
        need(f.place != 'change' or f.null == ((op.name, f.name) in rules.ERASED),
             f'{op.title}: {f.name} is printed as {"" if f.null else "not "}nullable')
        for x in f.inner:
            note(op, x)
    for op in ops:
        for f in op.body:
            note(op, f)
    for key, cap in {**rules.TEXT_CAPS, **rules.NAME_CAPS}.items():
        if key[0] in {op.name for op in ops}:
            need(printed.get(key) == cap, f'the cap of {key} is printed as {printed.get(key)}, not {cap}')


class Part:
    """The matrix on one engine, as keys see it or as people do."""

    def __init__(self, engine, only, jobs, people):
        self.engine, self.jobs, self.people = engine, jobs, people
        self.ops = surface.read()
        self.cases, self.strict = collect(only, self.ops, people)
        self.whole = []             # (title, None | why): what is claimed of all cases together
        self.results = []

    def run(self):
        self.world = w = world.World(self.engine, self.people)
        try:
            gets = {op.id_prefix: op.path.replace('{' + op.path_id.name + '}', '{}') for op in self.ops
                    if op.method == 'GET' and op.path_id and op.path.endswith('}') and (self.people or not op.people)}
            self.player = Player(w, gets, self.jobs)
            cursors.prepare(w, self.ops)
            self.claim('the printed caps are those of the contract', lambda: check_printed(self.ops))
            self.still([c for c in self.cases if not c.writes])
            w.make_room(2000)
            self.results += self.player.play([c for c in self.cases if c.writes])
            w.be_strict()
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
        if not wait_for(lambda: self.world.sql("SELECT count(*) FROM job WHERE status IN ('QUEUED', 'RUNNING')")[0][0] == '0', 120):
            raise Failure('some jobs did not end')
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
    engine, only, jobs, people = args
    if people:
        os.environ['SCRIPED_BIN'] = people
    try:
        return Part(engine, only, jobs, bool(people)).run()
    except Exception:
        return [], [('the matrix can be played', traceback.format_exc())]


def same(one, two):
    """Cases whose answers differ between the engines."""
    for (title, op, about, why, x), (_, _, _, other, y) in zip(one, two):
        if why is None and other is None and x != y:
            yield title, f'one answered {x}\nthe other {y}'


def report(tap, outcomes):
    """outcomes: (engine, who asks, (results, claims of all))."""
    passed = failed = 0

    def claim(title, wrong, n):
        nonlocal passed, failed
        tap.line(title, '\n'.join(wrong) or None)
        passed, failed = passed + n - len(wrong), failed + len(wrong)
    for engine, who, (results, whole) in outcomes:
        groups = defaultdict(list)
        for title, op, about, why, sign in results:
            groups[f'{op} {about}'].append((title, why))
        for name, cases in groups.items():
            claim(f'{engine} matrix of {who}: {name} ({len(cases)} cases)', [f'{title}\n{why}' for title, why in cases if why], len(cases))
        for title, why in whole:
            claim(f'{engine} matrix of {who}: {title}', [why] if why else [], 1)
    for who in ('keys', 'people'):
        both = [x[0] for engine, w, x in outcomes if w == who]
        if len(both) == 2:
            differ = [f'{title}\n{why}' for title, why in same(*both)]
            claim(f'matrix of {who}: both engines answer alike', differ, max(1, len(differ)))
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
        ops = surface.read()
        print('\n'.join(c.title for people in (False, True) for some in collect(o.only, ops, people) for c in some))
        return 0
    engines = [o.engine] if o.engine else ['sqlite'] + (['postgres'] if os.environ.get('SCRIPED_TEST_PG') else [])
    people = ' '.join(program()) + '-people'
    parts = [(e, o.only, o.jobs, p) for p in (None, people if os.path.exists(people.split()[-1]) else '') if p != '' for e in engines]
    with multiprocessing.Pool(2) as pool:
        outcomes = pool.map(attempt, parts, chunksize=1)
    return report(Tap(), [(e, 'people' if p else 'keys', x) for (e, only, jobs, p), x in zip(parts, outcomes)])


if __name__ == '__main__':
    sys.exit(main())
