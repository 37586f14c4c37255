#!/usr/bin/env python3
"""move.py -- what is carried from one database to another, or copied and brought back, is the same.

    python3 test/move.py [--rounds N] [--seed N]    SQLite -> PostgreSQL -> SQLite, dumps equal; kills; what is refused; backups
    python3 test/move.py --large [MB]       memory and speed (1000 MB unless said)

The world of these tests has a row in every table that moves: what the API makes of it, and the rest by SQL.  Needs PostgreSQL (test/lib/pg.py)."""
import argparse
import base64
import contextlib
import functools
import gzip
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import pg  # noqa: E402
import s3  # noqa: E402
from dumps import STAYS, as_moved, dump_lite, dump_pg, lite, members, same, ulid, write  # noqa: E402
from server import PATIENCE, Database, Failure, Server, program, psql, surroundings, wait_for  # noqa: E402
from tap import Tap  # noqa: E402


def command(*args, status=0, wait=True, file_max=None):
    """A command of scriped; its standard output, or with another status its standard error.  file_max: no file may be longer."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_max, resource.RLIM_INFINITY))
    p = subprocess.Popen([*program(), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings(),
                         preexec_fn=limit if file_max else None)
    if not wait:
        return p
    out, err = p.communicate(timeout=600)
    if p.returncode != status:
        raise Failure(f'scriped {" ".join(args)} ended with {p.returncode}, not {status}: {err[-600:]}')
    return out if status == 0 else err


# ------------------------------------------------------------------------------------------------------ the world

TEXT = 'We moved our support to one inbox. Answers take "two" hours now, not two days: ü, 漢字, \U0001f600.\nA second line.\n'


def made_by_api(s):
    """What callers make: notes with slots, posts, voice, knowledge, a source with topics, jobs, an upload, a folder."""
    c, p = s.client(), s.project

    def post(path, body, headers=None):
        a = c.post(path, body, headers)
        if a.status >= 300:
            raise Failure(f'POST {path}: {a}')
        return a.json().get('data', {})

    for i in range(40):
        post('/v1/notes', {'projectId': p, 'content': f'{i}: {TEXT}'}, {'Idempotency-Key': f'note-{i}'})
    for i in range(10):
        post('/v1/posts', {'projectId': p, 'content': TEXT, 'title': f'Post {i}'})
    post('/v1/knowledge', {'type': 'text', 'name': 'Prices', 'text': 'The starter plan costs nine euros. ' * 40 + TEXT})
    post('/v1/sources', {'projectId': p, 'type': 'text', 'name': 'Talk', 'text': TEXT * 30})
    if not wait_for(lambda: all(j['status'] == 'DONE' for j in c.get('/v1/jobs?limit=100').json()['data'])):
        raise Failure('jobs of the world of this test do not end')
    c.close()


def in_order(db):
    """The tables, what is referred to first."""
    names = [n for n, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")]
    parents = {n: {p for p, in db.execute('SELECT "table" FROM pragma_foreign_key_list(?)', (n,))} - {n} for n in names}
    done = []
    while len(done) < len(names):
        done += [n for n in names if n not in done and parents[n] <= set(done)]
    return done


def fill_table(db, name, workspace, project):
    """Up to three rows: what refers to something to the first row there is, keys ascending, the rest whatever is hard to carry."""
    fixed = {'workspace': workspace, 'project': project}
    for parent, column, of in db.execute('SELECT "table", "from", "to" FROM pragma_foreign_key_list(?)', (name,)).fetchall():
        if column not in fixed:
            fixed[column] = db.execute(f'SELECT "{of}" FROM "{parent}"').fetchone()[0]
    for i in range(3):
        row = []
        for column, kind, key in db.execute("SELECT name, type, pk FROM pragma_table_info(?)", (name,)).fetchall():
            if column in fixed:
                row.append(fixed[column])
            elif kind == 'TEXT':
                row.append(ulid(1, i + 1) if key or column == 'person' else f'{column} "{i}" \\ \u00fc\t\x01')
            else:
                row.append(9007199254740993 + i if kind == 'INTEGER' else b'\x00\xff' + bytes([i]) + name.encode())
        db.execute(f'INSERT OR IGNORE INTO "{name}" VALUES ({",".join("?" * len(row))})', row)


def fill_by_sql(s, start=True):
    """A row in each table that the API left empty, and jobs in every state.  Values follow from the types of the columns."""
    s.stop()
    with contextlib.closing(sqlite3.connect(s.data + '/scriped.db')) as db:
        workspace, project = db.execute('SELECT workspace, id FROM project').fetchone()
        for i, status in enumerate(('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')):
            db.execute('INSERT OR IGNORE INTO job (workspace, id, project, type, status, input, run_at, queued_us, lease_until, worker, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?)',
                       (workspace, ulid(1790000000000 + i, i), project, 'NOOP', status, '{}', 4000000000000, 1, 5 if status == 'RUNNING' else None,
                        'w' if status == 'RUNNING' else None, 1))
        for name in in_order(db):
            if name not in STAYS and name != 'server_fact' and not db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]:
                fill_table(db, name, workspace, project)
        broken = db.execute('PRAGMA foreign_key_check').fetchall()
        if broken:
            raise Failure(f'the world of this test refers to nothing: {broken[:5]}')
        db.commit()
    if start:
        s.start()


@contextlib.contextmanager
def world():
    with Server({'fetch_proxy': 'http://127.0.0.1:1'}, db='sqlite') as s:
        made_by_api(s)
        fill_by_sql(s)
        yield s


def larger(rows, size):
    """Of a story: it is told while the server stands still and has so many more notes, of random bytes.  Then they go, for the next one would only carry them along."""
    def take(story):
        @functools.wraps(story)
        def told(s, d, *more):
            s.stop()
            with contextlib.closing(sqlite3.connect(s.data + '/scriped.db')) as db:
                workspace, project = db.execute('SELECT workspace, id FROM project').fetchone()
                db.executemany('INSERT INTO note (workspace, id, project, content) VALUES (?,?,?,?)',
                               ((workspace, ulid(1780000000000 + i, i), project, base64.b64encode(random.Random(i).randbytes(size)).decode()) for i in range(rows)))
                db.commit()
            try:
                story(s, d, *more)
            finally:
                s.stop()
                with contextlib.closing(sqlite3.connect(s.data + '/scriped.db')) as db:
                    db.executemany('DELETE FROM note WHERE workspace = ? AND id = ?', ((workspace, ulid(1780000000000 + i, i)) for i in range(rows)))
                    db.commit()
                    db.execute('VACUUM')
                s.start()
        return told
    return take


@contextlib.contextmanager
def folder():
    d = tempfile.mkdtemp(prefix='scriped-move-')
    try:
        yield d
    finally:
        shutil.rmtree(d, ignore_errors=True)


@contextlib.contextmanager
def database():
    db = Database()
    try:
        yield db
    finally:
        db.drop()


@contextlib.contextmanager
def serving(where, key, project):
    """A server on a database that is there already."""
    s = Server({}, db='sqlite')
    s.where, s.key, s.project = where, key, project
    try:
        s.start()
        yield s
    finally:
        s.close()


# ------------------------------------------------------------------------------------------------------ stories

def what_is_seen(s):
    """ETags and bodies of what a key reads."""
    c, seen = s.client(), {}
    of = f'projectId={s.project}'
    for path in (f'/v1/notes?limit=100&{of}', f'/v1/posts?limit=100&{of}', f'/v1/sources?{of}', '/v1/knowledge', '/v1/projects', f'/v1/post-statuses?{of}',
                 '/v1/knowledge/search?q=starter+plan', '/v1/jobs?limit=100&type=KB_INGEST_TEXT'):
        a = c.get(path)
        if a.status != 200:
            raise Failure(f'GET {path}: {a}')
        seen[path] = (a.get('ETag'), a.json()['data'])
    for n in seen[f'/v1/notes?limit=100&{of}'][1][:5]:
        path = '/v1/notes/' + n['id']
        seen[path] = (c.get(path).get('ETag'), None)
    c.close()
    return seen


def everything_goes_there_and_back(s, d):
    """SQLite -> PostgreSQL -> SQLite: dumps are equal table by table, and the same key sees the same."""
    before_seen = what_is_seen(s)
    fill_by_sql(s, start=False)     # what a server empties by itself
    before = dump_lite(s.data)
    empty = sorted(t for t, rows in before.items() if not rows and t != 'server_fact')
    if empty:
        raise Failure(f'the world of this test has no row in {empty}')
    command('export', '--data', s.data, '--to', d + '/a', '--secret', d + '/secret')
    with database() as db:
        command('import', '--db', db.url, '--from', d + '/a', '--secret', d + '/secret')
        got = dump_pg(db.url)
        got['server_fact'] = [f for f in got['server_fact'] if f['name'] == 'setup']
        same(as_moved(before), got)
        days = int(psql(db.url, "SELECT count(*) FROM pg_class WHERE relname ~ '^request_log_[0-9]+$' AND relname < to_char(now(), '\"request_log_\"YYYYMMDD')"))
        if days < 6:
            raise Failure(f'rows of the last week have {days} ranges of a day each')
        command('export', '--db', db.url, '--to', d + '/b')
        command('import', '--data', d + '/new', '--from', d + '/b', '--secret', d + '/secret')
        same(as_moved(before), dump_lite(d + '/new'))
        lines = [[ln for ln in gzip.open(f'{d}/{x}', 'rt', encoding='utf-8') if '"sha256"' not in ln and '"scriped"' not in ln] for x in 'ab']
        if lines[0] != lines[1]:
            raise Failure('the exports of both engines differ')
        for where in (['--db', db.url], ['--data', d + '/new']):
            with serving(where, s.key, s.project) as other:
                seen = what_is_seen(other)
                for path, was in before_seen.items():
                    if seen.get(path) != was:
                        raise Failure(f'{path} is another one on {where[0]}: {was} and {seen.get(path)}')
                a = other.client().post('/v1/notes', {'projectId': s.project, 'content': f'0: {TEXT}'}, {'Idempotency-Key': 'note-0'})
                notes = {n['id'] for n in before_seen[f'/v1/notes?limit=100&projectId={s.project}'][1]}
                if a.status != 200 or a.json()['data']['id'] not in notes:
                    raise Failure(f'an idempotency key does not bind behind the move: {a}')
    s.start()


@contextlib.contextmanager
def writing(s, threads=2):
    """Callers that write meanwhile; gives what was acknowledged."""
    stop, acknowledged = threading.Event(), []

    def load():
        c = s.client()
        while not stop.is_set():
            acknowledged.append(c.post('/v1/notes', {'projectId': s.project, 'content': 'Hi'}).json()['data']['id'])
        c.close()
    running = [threading.Thread(target=load) for _ in range(threads)]
    for t in running:
        t.start()
    try:
        time.sleep(0.1)
        yield acknowledged
    finally:
        stop.set()
        for t in running:
            t.join()


def one_workspace_goes_beside_others(s, d):
    """While servers run on both sides, and nothing of the others' workspaces changes."""
    org = json.loads(command('workspace', 'list', '--data', s.data, '--json'))[0]['id']
    other = command('workspace', 'create', '--data', s.data, '--name', 'Other').strip()
    command('project', 'create', '--data', s.data, '--workspace', other, '--name', 'Secret plans')
    command('export', '--data', s.data, '--workspace', org, '--to', d + '/one')
    text = gzip.open(d + '/one', 'rt', encoding='utf-8').read()
    for word in (other[4:], 'Secret plans', '"table":"session"', '"table":"consent"', '"table":"oauth_family"'):
        if word in text:
            raise Failure(f'{word} is in the export of another workspace')
    for engine in ('postgres', 'sqlite'):
        with Server({}, db=engine) as t:
            keep = t.client().get('/v1/projects').json()['data']
            where = ['--db', t.database.url] if engine == 'postgres' else ['--data', t.data]
            said = command('import', *where, '--from', d + '/one', status=1)
            if 'another secret' not in said or '--without-keys' not in said:
                raise Failure(f'another secret is not explained: {said}')
            with writing(t) as acknowledged:
                command('import', *where, '--from', d + '/one', '--without-keys')
            notes = t.client().get(f'/v1/notes?limit=100&projectId={t.project}').json()['data']
            if not acknowledged or not {n['id'] for n in notes} & set(acknowledged):
                raise Failure('callers could not write meanwhile')
            if engine == 'sqlite':
                with contextlib.closing(lite(t.data)) as db:
                    if db.execute('PRAGMA integrity_check').fetchall() != [('ok',)] or set(acknowledged) - {'note_' + i for i, in db.execute('SELECT id FROM note')}:
                        raise Failure('what callers wrote meanwhile is not there')
            if 'nothing to do' not in command('import', *where, '--from', d + '/one', '--without-keys'):
                raise Failure('an import that is whole is not told to be')
            key = command('key', 'mint', *where, '--workspace', org, '--name', 'New', '--mode', 'live', '--scopes', 'all').strip()
            c = t.client(key)
            if len(c.get(f'/v1/notes?limit=100&projectId={s.project}').json()['data']) < 40 or t.client().get('/v1/projects').json()['data'] != keep:
                raise Failure('what came is not there, or what was there is another')
            command('export', '--data', s.data, '--workspace', org, '--to', d + '/again-' + engine)
            if 'is in this database already' not in command('import', *where, '--from', d + '/again-' + engine, '--without-keys', status=1):
                raise Failure('a workspace that is there is not refused with words')


@larger(3000, 6000)
def killed_and_gone_on_with(s, d, rounds, seed):
    """kill -9 in the middle of imports and exports, again and again, and at the end all is there once."""
    rnd = random.Random(seed)
    before = as_moved(dump_lite(s.data))
    began = time.monotonic()
    command('export', '--data', s.data, '--to', d + '/whole', '--secret', d + '/secret')
    took = time.monotonic() - began
    killed = run_until_whole(lambda: command('export', '--data', s.data, '--to', d + '/killed', wait=False), took, rnd, rounds // 3)
    print(f'# export: killed {killed} times', file=sys.stderr)
    for engine in ('sqlite', 'postgres'):
        with contextlib.ExitStack() as stack:
            where, look = (['--data', d + '/k-' + engine], lambda: dump_lite(d + '/k-sqlite')) if engine == 'sqlite' else (None, None)
            if engine == 'postgres':
                db = stack.enter_context(database())
                where, look = ['--db', db.url], lambda: dump_pg(db.url)
            killed = run_until_whole(lambda: command('import', *where, '--from', d + '/killed', '--secret', d + '/secret', wait=False), took, rnd, rounds)
            print(f'# import to {engine}: killed {killed} times', file=sys.stderr)
            got = look()
            got['server_fact'] = [f for f in got['server_fact'] if f['name'] == 'setup']
            same(before, got)


def run_until_whole(start, took, rnd, rounds):
    """Starts it and kills it after a moment, `rounds` times or until it was faster; then lets it end."""
    for i in range(rounds):
        p = start()
        try:
            p.communicate(timeout=rnd.uniform(0.005, took * 0.4))
            if p.returncode != 0:
                raise Failure(f'it failed behind kill -9: {p.returncode}')
            return i
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
    p = start()
    out, err = p.communicate(timeout=600)
    if p.returncode != 0:
        raise Failure(f'it did not go on: {err}')
    return rounds


def forged_files_are_refused(s, d):
    """Files with good sums and bad contents: nothing of the chunk that is wrong is in."""
    org = json.loads(command('workspace', 'list', '--data', s.data, '--json'))
    mine = [w['id'] for w in org if w['name'] != 'Other'][0]
    command('export', '--data', s.data, '--workspace', mine, '--to', d + '/mine')
    good, ws = members(d + '/mine'), mine[4:]
    def at(table):
        return next(i for i, c in enumerate(good) if f'"table":"{table}"' in c[0])
    def changed(i, f):
        return [[f(ln) for ln in c] if k == i else list(c) for k, c in enumerate(good)]
    def later(chunks):
        return [[re.sub('^{"chunk":([0-9]+)', lambda m: f'{{"chunk":{int(m[1]) + 1}', ln) for ln in c] for c in chunks]
    def whole(chunk):
        return [[ln.replace(f'"scope":"{ws}"', '"scope":"all"') for ln in good[0]], chunk] + later(good[1:])
    note, swap = at('note'), at('folder')
    forged = {
        'a row of another workspace': (changed(note, lambda ln: ln.replace(ws, ulid(5, 5))), 'another workspace'),
        'a password': (changed(at('person'), lambda ln: ln.replace(',null,null]', ',"$argon2id$","1"]').replace('"1"]', '1]')), 'password'),
        'a table that does not move': (changed(note, lambda ln: ln.replace('"table":"note"', '"table":"node"')), 'no export holds'),
        'a secret': (whole(['{"chunk":1,"table":"server_fact","columns":["name","value"]}\n', '["secret","' + 'A' * 43 + '"]\n']), 'fact of a server'),
        'an unknown column': (changed(note, lambda ln: ln.replace('"content"', '"content; DROP TABLE note"')), 'column'),
        'another type': (changed(note, lambda ln: ln.replace(',1]', ',"1"]')), 'another type'),
        'too few values': (changed(note, lambda ln: ln.replace(',1]', ']')), 'more or fewer'),
        'no JSON': (changed(note, lambda ln: ln.replace(',1]', ',')), ''),
        'a row that is no array': (changed(note, lambda ln: '{"a":1}\n' if ln.startswith('["') else ln), 'no row'),
        'a chunk less': (good[:note] + good[note + 1:], 'missing or moved'),
        'two in another order': ([[ln for ln in c] for c in good[:swap]] + [[ln.replace(f'"chunk":{swap + 1}', f'"chunk":{swap}') for ln in good[swap + 1]],
                                 [ln.replace(f'"chunk":{swap}', f'"chunk":{swap + 1}') for ln in good[swap]]] + good[swap + 2:], 'before that of the last'),
        'a row that nobody counted': (changed(note, lambda ln: ln + ln.replace('"01', '"00', 2).replace('"00', '"01', 1) if ln.startswith('["') else ln), 'number of rows'),
        'no end': (good[:-1], 'not whole'),
        'a newer format': (changed(0, lambda ln: ln.replace('"format":1', '"format":2')), 'format'),
        'a newer schema': (changed(0, lambda ln: ln.replace('"schema":', '"schema":9')), 'migrate'),
        'an older schema': (changed(0, lambda ln: re.sub('"schema":[0-9]+', '"schema":3', ln)), 'upgrade the database'),
        'a path': (changed(0, lambda ln: ln)[:-1] + [[f'{{"chunk":{len(good) - 1},"blob":"../../../../etc/passwd","from":0,"size":3}}\n', '["YWJj"]\n']] + later(good[-1:]), 'no upload'),
        'nothing': ([], 'empty'),
    }
    for what, (chunks, word) in forged.items():
        write(d + '/forged', chunks)
        with folder() as t:
            try:
                said = command('import', '--data', t + '/x', '--from', d + '/forged', '--without-keys', status=1)
            except Failure as e:
                raise Failure(f'{what}: {e}') from e
            if word not in said:
                raise Failure(f'{what}: {said}')
    for what, data in {'text': b'hello', 'a bomb': gzip.compress(bytes(1 << 29), 1), 'a bomb in a chunk': gzip.compress(b'{"a":"' + b'x' * (1 << 28) + b'"}\n', 1)}.items():
        with open(d + '/forged', 'wb') as f:
            f.write(data)
        with folder() as t:
            said = command('import', '--data', t + '/x', '--from', d + '/forged', '--without-keys', status=1)
            if 'no export of scriped' not in said:
                raise Failure(f'{what}: {said}')


def uploads_go_along(s, d):
    """The bytes of uploads, from one data folder to another."""
    s.stop()
    with contextlib.closing(sqlite3.connect(s.data + '/scriped.db')) as db:
        names = [f'{w}-{u}' for w, u in db.execute('SELECT workspace, id FROM upload ORDER BY id')]
        db.execute('UPDATE upload SET external = 0')
        db.commit()
    os.makedirs(s.data + '/uploads', exist_ok=True)
    sizes = [1, 2_000_000, 768 << 10]
    for name, n in zip(names, sizes):
        with open(f'{s.data}/uploads/{name}', 'wb') as f:
            f.write(random.Random(n).randbytes(n))
    command('export', '--data', s.data, '--to', d + '/with', '--blobs', '--secret', d + '/secret')
    command('import', '--data', d + '/blobs', '--from', d + '/with', '--secret', d + '/secret')
    for name, n in zip(names, sizes):
        with open(f'{d}/blobs/uploads/{name}', 'rb') as f:
            if f.read() != random.Random(n).randbytes(n):
                raise Failure(f'{name} has other bytes')
    command('backup', '--data', s.data, '--to', d + '/b.tar', '--blobs')
    command('restore', '--from', d + '/b.tar', '--data', d + '/restored')
    same(dump_lite(s.data), dump_lite(d + '/restored'))
    if subprocess.run(['diff', '-r', s.data + '/uploads', d + '/restored/uploads', '-x', 'incoming'], capture_output=True, check=False).returncode:
        raise Failure('uploads are others behind restore')
    s.start()


def uploads_move_house(s, d):
    """From a data folder to a bucket, and back to a folder; a row says where its bytes are, whoever was interrupted."""
    s.stop()
    sizes, states = (1, 5_000_000, 0), ('stored', 'used', 'waiting')
    with contextlib.closing(sqlite3.connect(s.data + '/scriped.db')) as db:
        rows = db.execute('SELECT workspace, id FROM upload ORDER BY id').fetchall()
        for (w, u), n, state in zip(rows, sizes, states):
            db.execute('UPDATE upload SET external = 0, state = ?, size = ? WHERE workspace = ? AND id = ?', (state, n or None, w, u))
        db.commit()
    shutil.rmtree(s.data + '/uploads', ignore_errors=True)
    os.makedirs(s.data + '/uploads')
    bodies = {(w, u): random.Random(n).randbytes(n) for (w, u), n in zip(rows, sizes) if n}
    for (w, u), body in bodies.items():
        with open(f'{s.data}/uploads/{w}-{u}', 'wb') as f:
            f.write(body)
    command('export', '--data', s.data, '--to', d + '/a', '--blobs', '--secret', d + '/secret')
    with s3.Service() as service, database() as db:
        if s3.request(service.endpoint, 'PUT', '/uploads')[0] != 200:
            raise Failure('no bucket')
        at = [*place(service, 'uploads'), '--set', 'blob_bucket=uploads']
        into = ['import', '--db', db.url, '--from', d + '/a', '--secret', d + '/secret']
        if '--data DIR' not in command(*into, status=2):
            raise Failure('an import without a place for the bytes is not explained')
        if 'bucket uploads was answered 403' not in command(*into, *at[:-3], 'blob_key_secret=wrong', *at[-2:], status=1):
            raise Failure('a bucket that refuses is not told')
        command(*into, *at)
        if objects(service, 'uploads') != sorted(f'org_{w}/upl_{u}' for w, u in bodies):
            raise Failure(f'in the bucket: {objects(service, "uploads")}')
        ask = 'SELECT external, state, size FROM upload ORDER BY id'
        if psql(db.url, ask).split() != ['1|waiting|', '1|used|', '0|waiting|']:
            raise Failure(f'rows: {psql(db.url, ask)}')
        (w, u), body = list(bodies.items())[1]      # as a job leaves it, with other bytes where the client may still put some
        for key, what in ((f'/uploads/kept/org_{w}/upl_{u}', body), (f'/uploads/org_{w}/upl_{u}', b'put again')):
            if s3.request(service.endpoint, 'PUT', key, body=what)[0] != 200:
                raise Failure('no object')
        if 'say which' not in command('export', '--db', db.url, '--to', d + '/none', '--blobs', '--data', d, status=2):
            raise Failure('an export that knows no bucket is not explained')
        command('export', '--db', db.url, '--to', d + '/b', '--blobs', *at)
        command('import', '--data', d + '/back', '--from', d + '/b', '--secret', d + '/secret')
        held = {name: open(f'{d}/back/uploads/{name}', 'rb').read() for name in os.listdir(d + '/back/uploads') if name != 'incoming'}
        if held != {f'{w}-{u}': body for (w, u), body in bodies.items()}:
            raise Failure(f'other files came back: { {k: len(v) for k, v in held.items()} }')
        with contextlib.closing(lite(d + '/back')) as back:
            if back.execute(ask).fetchall() != [(0, 'stored', 1), (0, 'used', 5_000_000), (0, 'waiting', None)]:
                raise Failure(f'rows: {back.execute(ask).fetchall()}')
    s.start()


def no_room(what, *args, **more):
    said = command(*args, status=1, **more)
    if 'make room' not in said or said.count('\n') != 1:
        raise Failure(f'{what}: a full disk is not told: {said}')


@larger(1500, 6000)
def full_disks(s, d):
    """In the middle of everything: said in words, nothing of before is lost, and with room again it goes on."""
    before = dump_lite(s.data)
    command('export', '--data', s.data, '--to', d + '/e', '--secret', d + '/secret')
    command('backup', '--data', s.data, '--to', d + '/b')

    def small(disk, **room):
        no_room('export', 'export', '--data', s.data, '--to', disk + '/e', **room)
        if not os.path.getsize(disk + '/e.part'):
            raise Failure('what there was room for is not kept')
        if not room:      # it fills the disk
            shutil.move(disk + '/e.part', d + '/e.part')
        open(disk + '/b', 'w').write('an older one')
        no_room('backup', 'backup', '--data', s.data, '--to', disk + '/b', **room)
        if open(disk + '/b').read() != 'an older one' or [f for f in os.listdir(disk) if f.startswith('b.')]:
            raise Failure(f'a backup without room leaves {os.listdir(disk)}')
        no_room('restore', 'restore', '--from', d + '/b', '--data', disk + '/r', **room)
        if os.path.exists(disk + '/r'):
            raise Failure(f'a restore without room leaves {os.listdir(disk + "/r")}')
        no_room('import', 'import', '--data', disk + '/i', '--from', d + '/e', '--secret', d + '/secret', **room)
        with contextlib.closing(lite(disk + '/i')) as db:
            had = db.execute('SELECT chunk FROM moved').fetchone()[0]
            if db.execute('PRAGMA integrity_check').fetchall() != [('ok',)]:
                raise Failure('an import without room leaves a broken database')
        return had

    def roomy(disk, had):
        command('export', '--data', s.data, '--to', disk + '/e')
        command('import', '--data', disk + '/x', '--from', disk + '/e', '--secret', d + '/secret')
        same(as_moved(before), dump_lite(disk + '/x'))
        command('backup', '--data', s.data, '--to', disk + '/b')
        command('restore', '--from', disk + '/b', '--data', disk + '/r')
        same(before, dump_lite(disk + '/r'))
        went_on = json.loads(command('import', '--data', disk + '/i', '--from', d + '/e', '--secret', d + '/secret', '--json'))
        if not went_on['resumed'] or had < 1:
            raise Failure(f'the import began anew: {went_on}, {had} chunks were in')
        same(as_moved(before), dump_lite(disk + '/i'))
    disk = d + '/disk'
    os.mkdir(d + '/limit')
    os.mkdir(disk)
    roomy(d + '/limit', small(d + '/limit', file_max=3_000_000))
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], capture_output=True, check=False).returncode == 0:
        try:
            had = small(disk)
            subprocess.run(['mount', '-o', 'remount,size=800m', disk], check=True)
            shutil.move(d + '/e.part', disk + '/e.part')
            roomy(disk, had)
        finally:
            subprocess.run(['umount', '-l', disk], check=False)


@larger(500, 60000)
def backups_of_a_busy_server(s, d):
    """Of one moment while callers write, whoever is killed; what was acknowledged before is in it."""
    rnd = random.Random(7)
    s.start()
    with writing(s, 3) as acknowledged:
        for i in range(6):
            p = command('backup', '--data', s.data, '--to', d + '/busy.tar', wait=False)
            time.sleep(rnd.uniform(0.01, 0.15))
            p.kill()
            p.communicate()
        had = [n[-26:] for n in acknowledged]
        command('backup', '--data', s.data, '--to', d + '/busy.tar')
    if [f for f in os.listdir(d) if f.startswith('busy.tar.')]:
        raise Failure(f'something was left behind: {os.listdir(d)}')
    command('restore', '--check', '--from', d + '/busy.tar')
    for i in range(5):
        p = command('restore', '--from', d + '/busy.tar', '--data', d + '/busy', wait=False)
        time.sleep(rnd.uniform(0.005, 0.06))
        p.kill()
        p.communicate()
        if os.path.exists(d + '/busy/scriped.db'):
            break
    else:
        command('restore', '--from', d + '/busy.tar', '--data', d + '/busy')
    got = dump_lite(d + '/busy')
    missing = set(had) - {n['id'] for n in got['note']}
    events = {e['body'].count(n) for n in had[:3] for e in got['event'] if n in e['body']}
    if missing or not events:
        raise Failure(f'{len(missing)} of {len(had)} acknowledged notes are not in the backup, events {events}')
    with serving(['--data', d + '/busy'], s.key, s.project) as other:
        if other.client().get('/v1/projects').status != 200:
            raise Failure('the key does not hold behind restore')


def stopped_in_the_middle(d, data):
    """Ctrl-C while a restore unpacks: it says so, and leaves nothing."""
    p = subprocess.Popen([*program(), 'restore', '--from', '-', '--data', d + '/none'], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings())
    p.stdin.write(data[:len(data) // 2])
    p.stdin.flush()
    if not wait_for(lambda: os.path.exists(d + '/none/restore.part'), 30):
        raise Failure('the restore does not begin')
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=60)
    if p.returncode != 1 or b'stopped: nothing was restored' not in err or os.path.exists(d + '/none'):
        raise Failure(f'{p.returncode} {err}; {os.path.exists(d + "/none")}')


def nothing_of_what_is_damaged(s, d):
    """A database with a broken page is no backup, and an export that was cut or changed leaves no row anywhere."""
    s.stop()
    shutil.copytree(s.data, d + '/broken')
    with contextlib.closing(lite(d + '/broken')) as db:
        page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'note'").fetchone()[0]
    with open(d + '/broken/scriped.db', 'r+b') as f:
        f.seek((page - 1) * 4096)
        f.write(b'\xaa' * 4096)
    said = command('backup', '--data', d + '/broken', '--to', d + '/broken.tar', status=1)
    if said.count('\n') != 1 or [f for f in os.listdir(d) if f.startswith('broken.')]:
        raise Failure(f'a damaged database is backed up: {said}')
    command('export', '--data', s.data, '--to', d + '/whole', '--secret', d + '/its-secret')
    with open(d + '/whole', 'rb') as f:
        whole = f.read()
    for bad in (whole[:len(whole) * 2 // 3], whole[:-200] + b'x' + whole[-199:]):
        with open(d + '/half', 'wb') as f:
            f.write(bad)
        command('import', '--from', d + '/half', '--data', d + '/nobody', '--secret', d + '/its-secret', status=1)
        if os.path.exists(d + '/nobody'):
            raise Failure(f'a damaged export leaves {os.listdir(d + "/nobody")}')
    s.start()


def damaged_backups_are_refused(s, d):
    command('backup', '--data', s.data, '--to', d + '/ok.tar')
    with open(d + '/ok.tar', 'rb') as f:
        data = f.read()
    rnd = random.Random(3)
    for i in range(25):
        at = rnd.randrange(len(data) - 1024)
        bad = bytearray(data)
        if i % 5 == 4:
            bad = bad[:at]
        else:
            bad[at] ^= 1 << rnd.randrange(8)
        with open(d + '/bad.tar', 'wb') as f:
            f.write(bad)
        p = command('restore', '--check', '--from', d + '/bad.tar', wait=False)
        out, err = p.communicate(timeout=600)
        if p.returncode == 0 and bytes(bad) != data and at < data.rfind(b'manifest.json'):
            raise Failure(f'byte {at} was changed, and nobody saw it')
        if p.returncode not in (0, 1):
            raise Failure(f'byte {at}: {p.returncode} {err}')
    command('backup', '--data', s.data, '--to', d + '/bare.tar', '--no-secret')
    os.mkdir(d + '/other', 0o700)
    with open(d + '/other/secret', 'wb') as f:
        f.write(bytes(32))
    for name in ('ok.tar', 'bare.tar'):
        if 'another server' not in command('restore', '--from', f'{d}/{name}', '--data', d + '/other', status=1) or os.listdir(d + '/other') not in (['secret', 'scriped.lock'], ['scriped.lock', 'secret']):
            raise Failure(f'another secret in the folder is overwritten: {os.listdir(d + "/other")}')
    shutil.copy(s.data + '/secret', d + '/other/secret')
    command('restore', '--from', d + '/bare.tar', '--data', d + '/other')
    with open(d + '/bad.tar', 'wb') as f:
        f.write(data.replace(b'"schema":6', b'"schema":7'))
    for more in ((), ('--check',)):
        if 'run a newer scriped' not in command('restore', '--from', d + '/bad.tar', '--data', d + '/none', *more, status=1) or os.path.exists(d + '/none'):
            raise Failure(f'a backup of a newer release leaves {os.listdir(d + "/none")}')
    stopped_in_the_middle(d, data)
    nothing_of_what_is_damaged(s, d)
    for name in ('../../etc/x', 'uploads/../secret', '/etc/x', 'scriped.db-wal'):
        bad = data[:512].replace(b'scriped.db', name.encode().ljust(20, b'\0')[:20], 1)[:512]
        header = bytearray(bad.ljust(512, b'\0'))
        header[148:156] = b' ' * 8
        header[148:156] = b'%06o\0 ' % sum(header)
        with open(d + '/bad.tar', 'wb') as f:
            f.write(bytes(header) + data[512:])
        if 'no backup' not in command('restore', '--check', '--from', d + '/bad.tar', status=1):
            raise Failure(f'a file {name} is taken')


def place(service, bucket):
    return ['--set', f'blob_endpoint={service.endpoint}', '--set', 'blob_path_style=true', '--set', f'blob_key_id={s3.KEY_ID}', '--set', f'blob_key_secret={s3.KEY_SECRET}']


def objects(service, bucket):
    status, body = s3.request(service.endpoint, 'GET', f'/{bucket}', 'list-type=2')
    return sorted(re.findall(r'<Key>(.*?)</Key>', body.decode()))


@larger(500, 60000)
def through_a_bucket(s, d):
    """Exports and backups to S3 and back, in parts where they are large."""
    with s3.Service() as service:
        at = place(service, 'kept')
        if s3.request(service.endpoint, 'PUT', '/kept')[0] != 200:
            raise Failure('no bucket')
        command('export', '--data', s.data, '--to', 's3://kept/deep/a b.export', '--secret', d + '/secret', *at)
        command('import', '--data', d + '/new', '--from', 's3://kept/deep/a b.export', '--secret', d + '/secret', *at)
        same(as_moved(dump_lite(s.data)), dump_lite(d + '/new'))
        command('backup', '--data', s.data, '--to', 's3://kept/b.tar', *at)
        command('restore', '--from', 's3://kept/b.tar', '--check', *at)
        command('restore', '--from', 's3://kept/b.tar', '--data', d + '/back', *at)
        same(dump_lite(s.data), dump_lite(d + '/back'))
        left = [f for f in os.listdir(s.data) if 'backup' in f or 'export' in f]
        if left or objects(service, 'kept') != ['b.tar', 'deep/a b.export']:
            raise Failure(f'left behind: {left}; in the bucket: {objects(service, "kept")}')
        for uri, word in (('s3://nowhere/b.tar', 'NoSuchBucket'), ('s3://kept/none', 'there is no none'), ('s3://kept', 's3://BUCKET/KEY'), ('s3://kept/b?x=1', 'not')):
            said = command('restore', '--from', uri, '--check', *at, status=2 if 'BUCKET/KEY' in word or word == 'not' else 1)
            if word not in said:
                raise Failure(f'{uri}: {said}')
        command('backup', '--data', s.data, '--to', 's3://kept/c.tar', *at[:-1], 'blob_key_secret=wrong', status=1)
        scheduled(s, service, d)


def scheduled(s, service, d):
    """The server does it by itself: the newest are kept, failures are told, and the doctor knows."""
    def serve(**more):
        s.settings = {**s.settings, 'backup_every': 1, 'backup_keep': 2, 'metrics_listen': '127.0.0.1:0', **more}
        s.start()

    def metric(name):
        import urllib.request
        text = urllib.request.urlopen(f'http://127.0.0.1:{s.metrics}/metrics', timeout=PATIENCE).read().decode()
        return int(next(ln.split()[1] for ln in text.splitlines() if ln.startswith(name + ' ')))
    kept, was = d + '/kept', dict(s.settings)
    os.mkdir(kept)
    open(kept + '/scriped-20200101T000000Z.tar.part', 'w').close()
    open(kept + '/mine', 'w').close()
    for i in range(3):          # of a clock that was wrong
        open(kept + f'/scriped-2099010{i + 1}T000000Z.tar', 'w').close()
    serve(backup_to=kept)
    def whole():
        return sorted(f for f in os.listdir(kept) if f.endswith('.tar'))
    if not wait_for(lambda: len(whole()) == 2 and whole()[0] < 'scriped-2099', 3 * PATIENCE):
        raise Failure(f'what was made just now is not kept: {os.listdir(kept)}; {s.log_text()[-500:]}')
    first = whole()[0]
    os.unlink(kept + '/scriped-20990103T000000Z.tar')
    if not wait_for(lambda: len(whole()) == 2 and whole()[0] > first, 3 * PATIENCE):
        raise Failure(f'backups: {os.listdir(kept)}; {s.log_text()[-500:]}')
    s.stop()
    if set(f for f in os.listdir(kept) if not f.endswith('.tar')) != {'mine'}:
        raise Failure(f'left behind: {os.listdir(kept)}')
    command('restore', '--check', '--from', f'{kept}/{max(f for f in os.listdir(kept) if f.endswith(".tar"))}')
    said = subprocess.run([*program(), 'doctor', '--data', s.data, '--set', f'backup_to={kept}'], capture_output=True, text=True, env=surroundings(), check=False).stdout
    if 'the newest' not in said:
        raise Failure(said)
    serve(backup_to=d + '/none')
    if not wait_for(lambda: metric('scriped_backup_ok') == 0 and metric('scriped_backup_failures_total') > 1 and 'level=error' in s.log_text()):
        raise Failure('a failure is not told')
    s.stop()
    serve(backup_to='s3://kept/auto', blob_endpoint=service.endpoint, blob_path_style=True, blob_key_id=s3.KEY_ID, blob_key_secret=s3.KEY_SECRET)
    if not wait_for(lambda: metric('scriped_backup_timestamp_seconds') > 0 and len([k for k in objects(service, 'kept') if k.startswith('auto/')]) == 2, 3 * PATIENCE):
        raise Failure(f'in the bucket: {objects(service, "kept")}; {s.log_text()[-500:]}')
    s.stop()
    s.settings = was


STORIES = (through_a_bucket, everything_goes_there_and_back, uploads_go_along, uploads_move_house, full_disks, one_workspace_goes_beside_others, forged_files_are_refused,
           backups_of_a_busy_server, damaged_backups_are_refused)


# ------------------------------------------------------------------------------------------------------ large

def measured(*args):
    began = time.monotonic()
    p = subprocess.run(['/usr/bin/time', '-f', '%M', *program(), *args], capture_output=True, text=True, env=surroundings(), check=False)
    if p.returncode:
        raise Failure(p.stderr)
    return time.monotonic() - began, int(p.stderr.split()[-1]) / 1000


def large(mb):
    rnd = random.Random(1)
    words = [''.join(rnd.choices('abcdefghijklmnopqrstuvwxyz', k=rnd.randint(2, 9))) for _ in range(5000)]
    base = [' '.join(rnd.choices(words, k=480)) for _ in range(300)]
    with folder() as d, Server({}, db='sqlite') as s, database() as db:
        s.stop()
        with contextlib.closing(sqlite3.connect(s.data + '/scriped.db')) as lite_db:
            workspace, project = lite_db.execute('SELECT workspace, id FROM project').fetchone()
            lite_db.executemany('INSERT INTO note (workspace, id, project, content) VALUES (?,?,?,?)',
                                ((workspace, ulid(1780000000000 + i, i), project, f'{i} {base[i % 300]}') for i in range(mb * 1000000 // 4300)))
            lite_db.commit()
        s.start()
        size = os.path.getsize(s.data + '/scriped.db') / 1e6
        for what, args in (('export of SQLite', ['export', '--data', s.data, '--to', d + '/a', '--secret', d + '/secret']),
                           ('import to PostgreSQL', ['import', '--db', db.url, '--from', d + '/a', '--secret', d + '/secret']),
                           ('export of PostgreSQL', ['export', '--db', db.url, '--to', d + '/b']),
                           ('import to SQLite', ['import', '--data', d + '/new', '--from', d + '/b', '--secret', d + '/secret']),
                           ('backup', ['backup', '--data', s.data, '--to', d + '/x.tar']), ('restore --check', ['restore', '--from', d + '/x.tar', '--check'])):
            took, memory = measured(*args)
            print(f'{what:22} {size:7.0f} MB of database  {took:6.1f} s  {size / took:6.1f} MB/s  {memory:5.1f} MB of memory', flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--large', nargs='?', type=int, const=1000)
    options.add_argument('--rounds', type=int, default=30)
    options.add_argument('--seed', type=int, default=random.randrange(1 << 30))
    options.add_argument('--only')
    o = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not os.environ.get('SCRIPED_TEST_PG'):
        return pg.main(['--', sys.executable, *sys.argv])
    if o.large:
        large(o.large)
        return 0
    tap = Tap()
    print(f'# seed {o.seed}')

    def killed(s, d):
        """kill -9 in the middle of imports and exports, and everything is there once"""
        killed_and_gone_on_with(s, d, o.rounds, o.seed)
    with world() as s:
        for story in (*STORIES, killed):
            if o.only and o.only not in story.__name__.replace('_', ' '):
                continue
            if story in (through_a_bucket, uploads_move_house) and not s3.installed():
                tap.line(story.__name__, OSError('no Swift on this machine'))
                continue
            with folder() as d:
                try:
                    story(s, d)
                    tap.line(story.__name__.replace('_', ' '))
                except (Failure, KeyError, IndexError, TypeError, StopIteration) as e:
                    tap.line(story.__name__.replace('_', ' '), f'{type(e).__name__}: {e}')
                    if not s.alive():
                        s.start()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
