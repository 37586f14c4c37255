#!/usr/bin/env python3
"""migrate.py -- the schema of a PostgreSQL that nodes serve is brought forward: what starts, what is refused, what goes on; two migrate at
once, kill -9 in the middle, and nobody who asks notices.

    python3 test/lib/pg.py -- python3 test/migrate.py [--only WORDS] [--full]

--full: also with the real program of the release before schema 5, where git has it.  TAP lines, and `N passed, N failed` at the end."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import cases
from cases import Skip, case, need
from server import PATIENCE, ROOT, Server, program, psql, surroundings, wait_for

OLD, NEW = '4', '6'
SEED = int(os.environ.get('SCRIPED_SEED', 0)) or random.randrange(1 << 32)
ROWS = 150000       # of the log, so that looking at all of them takes a while


def migrate(s, *args, url=None, **kw):
    p = subprocess.run([*program(), 'migrate', '--db', url or s.database.url, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=120, env=surroundings(), **kw)
    return p.returncode, p.stdout, p.stderr


class Older(Server):
    """On a database of an older schema, made by the files of that time."""

    def __init__(self, schema=OLD, settings=None):
        super().__init__(settings, db='postgres')
        self.database.drop()
        psql(self.database.server, f"CREATE DATABASE {self.database.name} TEMPLATE template0 ENCODING 'UTF8'")
        if schema:
            status, _, err = migrate(self, '--to', schema)
            need(status == 0, err)

    def count(self, sql):
        return int(psql(self.database.url, sql))


# ------------------------------------------------------------------------------------------------------- what starts

@case('an empty database is not served, and made by setup', own=True)
def _(engine):
    s = Older(schema=None)
    try:
        status, _, err = s.cli('serve', '--listen', '127.0.0.1:0', ok=None)
        need(status == 1 and 'empty' in err and 'scriped setup' in err, f'{status} {err}')
        need(psql(s.database.url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").strip() == '0', 'it made tables')
        status, out, _ = migrate(s, '--check')
        need(status == 1 and '0001_init.sql' in out and '0006' in out, f'{status} {out}')
        s.setup()
        status, out, _ = migrate(s, '--check', '--json')
        need(status == 0 and json.loads(out) == {'from': int(NEW), 'schema': int(NEW), 'latest': int(NEW), 'pending': []}, f'{status} {out}')
        s.start()
        need(s.client().get('/v1/workspaces/me').status == 200, 'it does not serve')
    finally:
        s.close()


@case('a setup that was killed half way is ended by the next one, which leaves alone what is served', own=True)
def _(engine):
    s = Older('3')
    try:
        s.setup()
        status, out, _ = migrate(s, '--check')
        need(status == 0 and out == f'schema {NEW}\n', f'{status} {out}')
    finally:
        s.close()
    s = Older(None)
    try:
        s.setup()
        psql(s.database.url, f'DELETE FROM schema_version WHERE number = {NEW}')
        status, out, err = s.cli('setup', '--workspace', 'Another', ok=None)
        need(status == 0 and '"created":false' in out, f'{status} {out} {err}')
        need(migrate(s, '--check')[0] == 1, 'setup migrated what others may serve')
    finally:
        s.close()


@case('one that is too old is not served, and says what to do', own=True)
def _(engine):
    s = Older('3')
    try:
        status, _, err = s.cli('serve', '--listen', '127.0.0.1:0', ok=None)
        need(status == 1 and 'schema 3' in err and 'scriped migrate' in err, f'{status} {err}')
        status, out, err = migrate(s, '--json')
        need(status == 0 and json.loads(out)['from'] == 3 and json.loads(out)['schema'] == int(NEW), f'{status} {out} {err}')
        status, out, err = migrate(s)
        need(status == 0 and out == f'schema {NEW}\n', f'again: {status} {out} {err}')
    finally:
        s.close()


@case('a start changes nothing, wrong words are usage, and an embedded database comes along by itself', own=True)
def _(engine):
    s = Older()
    try:
        s.setup()
        s.start()
        need(s.count('SELECT max(number) FROM schema_version') == int(OLD), 'serve migrated')
        for args in (['--to', '99'], ['--to', 'x'], ['more']):
            status, _, err = migrate(s, *args)
            need(status == 2, f'{args}: {status} {err}')
    finally:
        s.close()
    with Server(db='sqlite') as s:
        s.stop()
        status, out, err = s.cli('migrate', '--json', ok=None)
        need(status == 0 and json.loads(out)['schema'] == int(NEW), f'{status} {out} {err}')


# ---------------------------------------------------------------------------------------------------- while they serve

class Caller(threading.Thread):
    """Writes notes with a key each, reads them back, lists, and lets jobs run, on its node; whatever is not as it should be is in .wrong."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.c, self.project, self.number = server.client(), server.project, number
        self.notes, self.jobs, self.wrong, self.slowest, self.over = [], [], [], 0.0, False

    def ask(self, method, path, body=None, **headers):
        began = time.monotonic()
        a = self.c.request(method, path, body, headers={k.replace('_', '-'): v for k, v in headers.items()})
        self.slowest = max(self.slowest, time.monotonic() - began)
        if a.status not in (200, 201, 202):
            self.wrong.append(f'{method} {path}: {a}')
        return a

    def run(self):
        try:
            n = 0
            while not self.over:
                n += 1
                a = self.ask('POST', '/v1/notes', {'projectId': self.project, 'content': f'caller {self.number} note {n}'},
                             Idempotency_Key=f'c{self.number}-{n}')
                if a.status in (200, 201):
                    self.notes.append(a.json()['data']['id'])
                    self.ask('GET', '/v1/notes/' + self.notes[-1])
                if n % 5 == 0:
                    self.jobs.append(self.ask('POST', '/v1/jobs', {'type': 'NOOP'}).json()['data']['id'])
                    self.ask('GET', '/v1/jobs/' + self.jobs[-1])
                    self.ask('GET', '/v1/jobs?status=DONE&limit=20')
        except Exception as e:
            self.wrong.append(f'{type(e).__name__}: {e}')


def more(callers, n):
    """Waits until each has written so many more."""
    was = [len(c.notes) for c in callers]
    need(wait_for(lambda: all(len(c.notes) >= before + n or c.wrong for c, before in zip(callers, was))), f'the callers stand still: {was}, {[len(c.notes) for c in callers]}')


def over(callers):
    for c in callers:
        c.over = True
    for c in callers:
        c.join(2 * PATIENCE)
        need(not c.is_alive(), f'caller {c.number} waits for an answer')


def old_rows(s):
    """Of three days ago, so that the tables are worth looking at, and no duty finds them older than they are kept."""
    at, letters = int(time.time() - 3 * 86400) * 1000, '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    moment = ''.join(letters[at >> 5 * k & 31] for k in range(9, -1, -1))
    psql(s.database.url, f"""INSERT INTO audit (workspace, id, principal, mode, method, route, status, request, ip)
        SELECT '{s.id[4:]}', '{moment}' || lpad(i::text, 16, '0'), 'key', 'live', 'POST', '/v1/of-old', 200, 'req', '127.0.0.1' FROM generate_series(1, {ROWS}) i""")


def hold_against(s, callers, rnd):
    """kill -9 at random moments, two at once, and in the end somebody goes through."""
    killed = 0
    for _ in range(8):
        p = subprocess.Popen([*program(), 'migrate', '--db', s.database.url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=surroundings())
        time.sleep(rnd.random() * 0.25)
        killed += p.poll() is None
        p.kill()
        p.wait()
    two = [subprocess.Popen([*program(), 'migrate', '--db', s.database.url, '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=surroundings()) for _ in range(2)]
    for p in two:
        out, err = p.communicate(timeout=120)
        need(p.returncode == 0 and json.loads(out)['schema'] == int(NEW), f'{p.returncode} {out} {err}')
    return killed


def check_history(s, callers):
    for c in callers:
        need(not c.wrong, f'caller {c.number}: {len(c.wrong)} of {len(c.notes)}: {c.wrong[:3]}')
    notes, jobs = [n for c in callers for n in c.notes], [j for c in callers for j in c.jobs]
    ids = set(psql(s.database.url, 'SELECT id FROM note').split())
    need(ids == {n[5:] for n in notes} and len(notes) == len(ids), f'{len(ids)} notes, {len(notes)} were acknowledged')
    need(s.count("SELECT count(*) FROM event WHERE type = 'note.created'") == len(notes), 'events of notes')
    need(s.count("SELECT count(*) FROM audit WHERE route = '/v1/notes'") >= len(notes), 'entries of the audit log')
    need(s.count('SELECT count(*) FROM audit') >= ROWS + len(notes), 'the audit log lost rows')
    done = lambda: s.count("SELECT count(*) FROM job WHERE status = 'DONE' AND attempts = 1")
    need(wait_for(lambda: done() == len(jobs)), f'{done()} of {len(jobs)} jobs are DONE at their first attempt')


@case('under load of two nodes, with kill -9 in the middle and two at once, nobody notices and nothing is lost or doubled', own=True)
def _(engine):
    print(f'# seed {SEED}')
    rnd, s = random.Random(SEED), Older(settings={'bench': True})
    try:
        s.setup()
        old_rows(s)
        s.start()
        with s.twin({'bench': True}) as other:
            callers = [Caller(node, i) for i, node in enumerate((s, other, s, other))]
            for c in callers:
                c.start()
            more(callers, 10)
            killed = hold_against(s, callers, rnd)
            need(all(node.log_wait(f'event=schema .* to {NEW}') for node in (s, other)), 'a node does not see what is new')
            more(callers, 10)
            over(callers)
            check_history(s, callers)
            print(f'# {sum(len(c.notes) for c in callers)} notes, {killed} killed, the slowest request {1000 * max(c.slowest for c in callers):.0f} ms')
            need(max(c.slowest for c in callers) < 30, 'somebody waited for 30 s')
            need(s.count("SELECT count(*) FROM pg_class WHERE relkind = 'p'") == 4, 'tables are not partitioned')
            need(s.count("SELECT count(*) FROM pg_constraint WHERE conname LIKE '%\\_bound'") == 0, 'a rule was left')
            # what needs the new schema begins in nodes that run: duties with names
            need(wait_for(lambda: s.count('SELECT count(*) FROM duty') > 0 and s.count('SELECT count(*) FROM node') >= 2), 'no node uses what is new')
    finally:
        s.close()


@case('a node goes on when the database is migrated by a later release, and one that starts is refused', own=True)
def _(engine):
    s = Older(NEW)
    try:
        s.setup()
        s.start()
        status, out, err = migrate(s, '--set', 'test_schema=true', '--json')
        need(status == 0 and json.loads(out)['schema'] == 9999, f'{status} {out} {err}')
        need(s.count("SELECT count(*) FROM pg_index WHERE indexrelid = 'tomorrow'::regclass AND indisvalid") == 1, 'the index of tomorrow')
        need(s.log_wait('event=schema .* to 9999'), 'the node does not see it')
        c = s.client()
        note = c.post('/v1/notes', {'projectId': s.project, 'content': 'Still here'})
        need(note.status in (200, 201) and c.get('/v1/health').json()['status'] == 'ok', f'{note}')
        status, _, err = s.cli('serve', '--listen', '127.0.0.1:0', '--data', tempfile.mkdtemp(dir=s.data), ok=None)
        need(status == 1 and 'newer' in err, f'{status} {err}')
        status, _, err = migrate(s)
        need(status == 1 and 'newer' in err, f'migrate: {status} {err}')
    finally:
        s.close()


# ------------------------------------------------------------------------------------------- the release before, really

def old_program(folder):
    """The program of the commit before schema 5, built; Skip where it cannot be had."""
    def git(*args):
        return subprocess.run(['git', '-C', ROOT, *args], capture_output=True, text=True)
    first = git('log', '--format=%H', '--diff-filter=A', '--', 'schema/0005_nodes.sql').stdout.split()
    if not first or git('rev-parse', '--verify', '-q', first[-1] + '^').returncode:
        raise Skip('the history is too short to have the release before')
    if git('worktree', 'add', '--detach', '-f', folder, first[-1] + '^').returncode:
        raise Skip('no worktree can be made here')
    p = subprocess.run(['make', '-j2', '-C', folder, 'scriped'], capture_output=True, text=True)
    if p.returncode:
        raise Skip('the release before cannot be built here: ' + p.stderr[-300:])
    return os.path.join(folder, 'build', 'release', 'scriped')


def real():
    folder = tempfile.mkdtemp(prefix='scriped-before-')
    s = None
    try:
        binary = old_program(folder)
        s = Older(schema=None)
        new = os.environ.get('SCRIPED_BIN')
        os.environ['SCRIPED_BIN'] = binary
        try:
            s.setup()           # by its own files
            old_rows(s)
            s.start()
        finally:
            os.environ.pop('SCRIPED_BIN')
            if new:
                os.environ['SCRIPED_BIN'] = new
        with s.twin() as other:     # this program beside it, on its schema
            callers = [Caller(s, 0), Caller(other, 1)]
            for c in callers:
                c.c.project = s.project
                c.start()
            more(callers, 10)
            status, _, err = migrate(s)
            need(status == 0 and other.log_wait(f'event=schema .* to {NEW}'), err)
            more(callers, 10)
            over(callers)
            for c in callers:       # the old one has no bench jobs switched on; everything else holds
                c.wrong = [w for w in c.wrong if '/v1/jobs' not in w and 'KeyError' not in w]
                need(not c.wrong, f'{c.wrong[:3]}')
            need(s.count('SELECT count(*) FROM note') == sum(len(c.notes) for c in callers), 'notes')
            p = subprocess.run([binary, 'serve', '--db', s.database.url, '--listen', '127.0.0.1:0'], capture_output=True, text=True, timeout=30,
                               env=surroundings())
            need(p.returncode == 1 and 'newer' in p.stderr, f'the old program starts: {p.stderr}')
    finally:
        if s:
            s.close(check=False)
        subprocess.run(['git', '-C', ROOT, 'worktree', 'remove', '--force', folder], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


if '--full' in sys.argv:
    sys.argv.remove('--full')
    case('the real program of the release before goes on while it is migrated, and does not start after it', own=True)(lambda engine: real())

if __name__ == '__main__':
    sys.exit(cases.main('Migrates a PostgreSQL that nodes serve.', 'migrate'))
