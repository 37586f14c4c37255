#!/usr/bin/env python3
"""nodes.py -- several processes over one PostgreSQL: roles, wake-ups, duties, clocks, and a worker that was thought dead.

    python3 test/lib/pg.py -- python3 test/nodes.py [--only WORDS]

TAP lines, and `N passed, N failed` at the end."""
import functools
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))

import cases
import redis
from cases import case, need
from server import Client, Failure, Server, database_url, preload, program, psql, surroundings, wait_for

class Provider:
    """An endpoint that writes a post when it is told to."""

    def __init__(self):
        self.asked, self.go = 0, threading.Event()

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers['Content-Length']))
                outer.asked += 1
                outer.go.wait(600)
                said = json.dumps({'choices': [{'message': {'role': 'assistant', 'content': TEXT}, 'finish_reason': 'stop'}],
                                   'usage': {'prompt_tokens': 100, 'completion_tokens': 50}}).encode()
                try:
                    self.send_response(200)
                    self.send_header('Content-Type', 'application/json')
                    self.send_header('Content-Length', str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)
                except OSError:
                    pass        # who asked has left

            def log_message(self, *what):
                pass

        self.http = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f'http://127.0.0.1:{self.http.server_port}'
        return self

    def __exit__(self, *what):
        self.go.set()
        self.http.shutdown()


API, WORKER = {'role': 'api', 'bench': True}, {'role': 'worker', 'bench': True}


TEXT = 'We moved our support to one page. Tickets fell by half. Nobody missed the second form.'


def generate(s, c, wait):
    """A short job, waited for."""
    a = c.post('/v1/posts/generations', {'projectId': s.project, 'source': {'text': TEXT}, 'wait_for_completion_ms': wait})
    need(a.status == 200, f'POST /v1/posts/generations: {a}')
    return a.json()['data']


def reads(s, c):
    return c.get(f'/v1/notes?projectId={s.project}').status


def nodes(s):
    return json.loads(s.cli('node', 'list', '--json')[1])


def sql(s, text):
    return psql(s.database.url, text).strip()


def moment(an_id):
    """When an id was made, in ms."""
    return functools.reduce(lambda n, letter: 32 * n + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.index(letter), an_id.split('_')[1][:10], 0)


def percentile(v, p):
    return sorted(v)[min(len(v) - 1, int(len(v) * p / 100))]


@case('a role is for nodes that share a database', own=True)
def alone(engine):
    s = Server()
    try:
        s.setup()
        p = subprocess.run(program() + ['serve', '--data', s.data, '--role', 'worker', '--listen', '127.0.0.1:0'], capture_output=True, text=True,
                           timeout=60, env=surroundings())
        need(p.returncode == 2 and '--db postgres://' in p.stderr and not p.stdout, f'{p}')
    finally:
        s.close()


@case('an API node takes jobs and a worker runs them; a wait that is parked on the one ends with the other', own=True)
def roles(engine):
    unpolled = {'job_poll': 60000}      # who is not told finds out behind the wait
    with Server({**API, **unpolled}, db=engine) as api:
        c = api.client()
        need(generate(api, c, 300)['status'] == 'QUEUED', 'a node of role api ran a job')
        with api.twin({**WORKER, **unpolled}) as w:
            need(wait_for(lambda: c.get('/v1/jobs?status=QUEUED').json()['data'] == []), 'the worker does not run what was queued before it came')
            took = []
            for _ in range(200):
                began = time.monotonic()
                need(generate(api, c, 20000)['status'] == 'DONE', 'a wait ended without its job')
                took.append(1000 * (time.monotonic() - began))
            print(f'# a post, waited for on one node and written on another: p50 {percentile(took, 50):.1f} ms, p99 {percentile(took, 99):.1f} ms')

            def told():         # it is written a moment behind the end
                return [j['progress'] and j['progress']['progress'] for j in c.get('/v1/jobs?limit=10').json()['data']]
            need(wait_for(lambda: told() == [1] * 10), f'a list does not tell the progress of jobs on another node: {told()}')
            listed = c.get('/v1/jobs?limit=10').json()['data']
            need(all(c.get('/v1/jobs/' + j['id']).json()['data']['progress'] == j['progress'] for j in listed), 'a list and its jobs tell different progress')
            need({n['role'] for n in nodes(api) if n['alive']} == {'api', 'worker'}, f'{nodes(api)}')
            other = w.client()
            a = other.get('/v1/notes')
            need(a.status == 503 and 'role api' in a.json()['error']['message'], f'a worker says {a}')
            need(other.get('/v1/health').status == 200 and other.get('/livez').status == 200 and other.get('/nothing').status == 503, 'health of a worker')
        need([n['role'] for n in nodes(api)] == ['api'], f'who stopped is still there: {nodes(api)}')


@case('what cannot serve is refused at the start, with what mends it', own=True)
def refused(engine):
    with tempfile.TemporaryDirectory() as d:
        def refuses(why, *args):
            p = subprocess.run([*program(), *args, '--listen', '127.0.0.1:0'], capture_output=True, text=True, timeout=60, env=surroundings())
            need(p.returncode == 2 and why in p.stderr, f'{args}: {p.returncode} {p.stderr}')

        refuses('postgres://USER', 'serve', '--db', 'mysql://127.0.0.1/scriped')
        refuses('say --db', 'serve', '--data', d, '--role', 'worker')
        refuses('say --db', 'serve', '--data', d, '--set', 'db_read=postgres://127.0.0.1:1/x')
        refuses('say --db', 'serve', '--data', d, '--set', 'db_direct=postgres://127.0.0.1:1/x')
    base, name = os.environ['SCRIPED_TEST_PG'], f'latin_{os.getpid()}'
    psql(base, f"CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        refuses("ENCODING 'UTF8' TEMPLATE template0", 'setup', '--db', re.sub(r'/[^/?]*(\?|$)', rf'/{name}\1', base))
    finally:
        psql(base, f'DROP DATABASE {name}')


@case('a node with another secret is refused: no key would work there', own=True)
def secrets(engine):
    with tempfile.NamedTemporaryFile() as f, Server(API, db=engine) as s:
        f.write(os.urandom(32))
        f.flush()
        p = subprocess.run([*program(), 'serve', '--db', s.database.url, '--listen', '127.0.0.1:0', '--set', f'secret_file={f.name}'], capture_output=True,
                           text=True, timeout=60, env=surroundings())
        need(p.returncode == 2 and 'secret_file' in p.stderr, f'{p}')
        need(s.client().get('/v1/workspaces/me').status == 200, 'the node that was there')


def doctor(*args, env=None):
    """What it says, by check: a list of (result, words) each."""
    p, said = subprocess.run([*program(), 'doctor', '--json', *args], capture_output=True, text=True, timeout=60, env={**surroundings(), **(env or {})}), {}
    for row in json.loads(p.stdout):
        said.setdefault(row['check'], []).append((row['result'], row['detail']))
    return said


def says(said, check, result, words):
    need(any(r == result and words in d for r, d in said.get(check, [])), f'{check}: {result} … {words}: {said.get(check)}')


@case('settings that nodes must have alike and have not are told: in the log, by node list and by doctor', own=True)
def alike(engine):
    with Server({**API, 'public_url': 'https://a.example.com'}, db=engine) as a:
        need([n['differs'] for n in nodes(a)] == [''], f'{nodes(a)}')
        look = lambda: [row for row in json.loads(a.cli('doctor', '--json', ok=None)[1]) if row['check'] == 'nodes']
        need([row['result'] for row in look()] == ['ok'], f'{look()}')
        with a.twin({**WORKER, 'public_url': 'https://b.example.com', 'rate_read': 7}) as b:
            need(b.log_wait("public_url is 'https://b.example.com' here and 'https://a.example.com' on node"), b.log_text())
            need(b.log_text().count('let all nodes of a database have the same') == 2, b.log_text())
            need({n['role']: n['differs'] for n in nodes(a)} == {'api': 'public_url=https://a.example.com rate_read=0', 'worker': 'public_url=https://b.example.com rate_read=7'},
                 f'{nodes(a)}')
            need({row['result'] for row in look()} == {'warn'} and 'rate_read=7 on ' in str(look()), f'{look()}')
        need([n['differs'] for n in nodes(a)] == [''], f'{nodes(a)}')


@case('who would read from a replica what others do not tell is refused, and there is a way from the one to the other', own=True)
def replicas(engine):
    if redis.program() is None:
        raise cases.Skip('no Valkey or Redis')

    def refused(server, settings, why):
        try:
            with server.twin(settings):
                pass
        except Failure as e:
            need(why in str(e), f'{settings}: {e}')
            return
        raise cases.Wrong(f'{settings} is not refused')

    with redis.Redis() as r, redis.Redis() as other, Server(API, db=engine) as a:
        replica = {'db_read': a.database.url + '?application_name=replica', 'kv': r.url}
        tells = {'db_read': a.database.url, 'kv': r.url}
        refused(a, {**WORKER, **replica}, 'has no db_read and tells nobody')
        need(len(nodes(a)) == 1, f'who was refused is there: {nodes(a)}')
        with a.twin({**WORKER, **tells, 'kv': f'redis://localhost:{r.port}?name=127.0.0.1:{r.port}'}):
            a.settings.update(tells)
            a.restart()
            with a.twin({**WORKER, **replica}):
                refused(a, WORKER, 'reads from a replica, and would not be told')
                refused(a, {**WORKER, **tells, 'kv': other.url}, 'has another kv')
            need(a.client().post('/v1/notes', {'projectId': a.project, 'content': 'x'}).status == 200, 'who tells, and reads from no replica')
        sql(a, "INSERT INTO node (id, role, host, version, began_at, seen_at) VALUES ('01J9ZAB12CD34E56F7G8H9JKMN', 'api', 'older:1', '0', 0, extract(epoch FROM now()) * 1000 + 600000)")
        with a.twin({**WORKER, **replica}) as c:
            need('older:1' not in c.log_text(), f'a node that says nothing of its settings: {c.log_text()}')


@case('doctor asks the Valkey that nodes share', own=True)
def asks_kv(engine):
    if redis.program() is None:
        raise cases.Skip('no Valkey or Redis')
    with redis.Redis(args=['--maxmemory', '64mb', '--maxmemory-policy', 'volatile-ttl']) as r, redis.Redis(args=['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction', '--appendonly', 'yes',
                     '--dir', tempfile.gettempdir(), '--appenddirname', f'aof-{os.getpid()}']) as full, redis.Redis() as wide:
        look = lambda uri: doctor('--kv', uri)
        need(look(r.url)['kv'] == [('ok', 'it answers, and takes what nodes count')], f'{look(r.url)["kv"]}')
        says(look(full.url), 'kv', 'warn', 'maxmemory-policy volatile-ttl')
        says(look(full.url), 'kv', 'ok', 'appendonly')
        says(look(wide.url), 'kv', 'warn', 'no limit of memory')
        says(look('redis://127.0.0.1:1'), 'kv', 'FAIL', 'ECONNREFUSED')


@case('setup, migrate, serve and doctor say which right is missing', own=True)
def rights(engine):
    root, name = os.environ['SCRIPED_TEST_PG'], 'rights_' + os.urandom(4).hex()
    there, of = database_url(root, name), lambda url, user: re.sub('//[^@]*@', f'//{user}@', url)
    run = lambda *args: subprocess.run([*program(), *args], capture_output=True, text=True, timeout=60, env=surroundings())
    for user in ('owner', 'other'):
        psql(root, f'CREATE ROLE {name}_{user} LOGIN')
    psql(root, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        psql(there, 'REVOKE ALL ON SCHEMA public FROM public')
        owner, other = of(there, name + '_owner'), of(there, name + '_other')
        for args in (('setup',), ('migrate',)):
            p = run(*args, '--db', owner)
            need(p.returncode == 1 and f'GRANT USAGE, CREATE ON SCHEMA public TO {name}_owner' in p.stderr, f'{p}')
        psql(there, f'GRANT USAGE ON SCHEMA public TO {name}_owner')
        p = run('setup', '--db', owner)
        need(p.returncode == 1 and f'GRANT USAGE, CREATE ON SCHEMA public TO {name}_owner' in p.stderr, f'{p}')
        psql(there, f'GRANT CREATE ON SCHEMA public TO {name}_owner; GRANT USAGE ON SCHEMA public TO {name}_other')
        need(run('setup', '--db', owner).returncode == 0 and 'rights' not in doctor('--db', owner), 'the owner')
        for args in (('setup',), ('migrate',), ('serve', '--listen', '127.0.0.1:0')):
            p = run(*args, '--db', other)
            need(p.returncode != 0 and f'let the URI name {name}_owner' in p.stderr, f'{p}')
        says(doctor('--db', other), 'rights', 'FAIL', f'let the URI name {name}_owner')
    finally:
        psql(root, f'DROP DATABASE {name} WITH (FORCE)')
        for user in ('owner', 'other'):
            psql(root, f'DROP ROLE {name}_{user}')


@case('doctor sees ranges of time that end, a clock that is wrong, and a server that forgets', own=True)
def ranges(engine):
    with Server(API, db=engine) as s, tempfile.NamedTemporaryFile() as clock:
        said = doctor('--db', s.database.url, '--set', 'db_direct=' + database_url(s.database.url, 'postgres'))
        says(said, 'partitions', 'ok', 'stand ready until')
        says(said, 'server', 'warn', 'ALTER SYSTEM SET fsync = on')         # as the tests' own server is
        says(said, 'connections', 'ok', 'nodes: 1')
        says(said, 'words', 'ok', 'LISTEN hears')
        says(said, 'clock', 'ok', 'the database')
        says(said, 'db_direct', 'FAIL', 'another database')
        s.stop()
        letters, ms = '0123456789ABCDEFGHJKMNPQRSTVWXYZ', int(time.time() - 60) * 1000
        low = ''.join(letters[ms >> 5 * i & 31] for i in range(9, -1, -1)) + '0' * 16
        psql(s.database.url, f"""DO $$ DECLARE p regclass; BEGIN
            FOR p IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'event'::regclass LOOP EXECUTE format('DROP TABLE %s', p); END LOOP;
            CREATE TABLE event_later PARTITION OF event FOR VALUES FROM ('{low}') TO (MAXVALUE); END $$""")
        said = doctor('--db', s.database.url)
        need(len(said['partitions']) == 1, f'{said["partitions"]}')
        says(said, 'partitions', 'FAIL', 'the ranges of event end at')
        psql(s.database.url, 'DROP TABLE event_later')
        says(doctor('--db', s.database.url), 'partitions', 'FAIL', 'event has no ranges of time')
        clock.write(struct.pack('=q', 3600 * 10**9))
        clock.flush()
        wrong = {'CLOCK_FILE': clock.name, **preload('clock.so')}
        says(doctor('--db', s.database.url, env=wrong), 'clock', 'warn', '3600.0 s ahead of')
        says(doctor('--db', s.database.url, '--set', 'db_clock=false', env=wrong), 'clock', 'FAIL', 'leave db_clock out')


@case('without LISTEN all is a second later', own=True)
def deaf(engine):
    nowhere = {'db_direct': 'postgres://127.0.0.1:1/none', 'metrics_listen': '127.0.0.1:0'}
    with Server({**API, **nowhere}, db=engine) as a, a.twin({**WORKER, **nowhere}):
        c = a.client()
        for _ in range(3):
            need(generate(a, c, 20000)['status'] == 'DONE', 'a wait ended without its job')
        page = lambda: Client('127.0.0.1', a.metrics, '').get('/metrics').body.decode()
        need(wait_for(lambda: 'scriped_bus_up 0' in page() and 'scriped_nodes 2' in page(), pause=0.5), page()[:3000])


def heard(s, nodes, revoke):
    """That nodes are told of a revocation.  Who is not told believes a key for another `auth_cache`, 5 s: so at least one of five is refused sooner."""
    took = []
    for _ in range(5):
        key = s.mint()
        callers = [n.client(key) for n in nodes]
        need(all(reads(s, c) == 200 for c in callers), 'the key does not work')
        revoke(next(k['id'] for k in s.keys() if k['last4'] == key[-4:] and not k['revokedAt']))
        began = time.monotonic()
        need(wait_for(lambda callers=callers: all(reads(s, c) == 401 for c in callers), pause=0.002), 'a node goes on believing the key')
        took.append(time.monotonic() - began)
        if took[-1] < 2.5:
            return
    need(False, f'the nodes were not told, but forgot after {took} s')


@case('what is revoked on one node is refused by the others at once', own=True)
def busts(engine):
    with Server(API, db=engine) as a, a.twin(API) as b:
        heard(a, (a, b), a.revoke)


@case('a command that finds no server tells all nodes, too', own=True)
def commands(engine):
    with Server(API, db=engine) as a:
        heard(a, (a,), lambda key: subprocess.run([*program(), 'key', 'revoke', key, '--db', a.database.url], check=True, capture_output=True, env=surroundings()))


@case('one node does what is to be done for all, and another when that one is killed', own=True)
def duties(engine):
    with Server(API, db=engine) as a:
        with a.twin(WORKER) as b:
            held = "SELECT count(DISTINCT holder) || ' ' || count(*) FROM duty WHERE until > extract(epoch FROM now()) * 1000"
            need(wait_for(lambda: sql(a, held).startswith('1 ') or sql(a, held).startswith('2 ')), sql(a, 'SELECT * FROM duty'))
            first = sql(a, "SELECT min(holder) FROM duty WHERE name = 'leases'")
            owner, other = (a, b) if f'node_{first}' == next(n['id'] for n in nodes(a) if n['role'] == 'api') else (b, a)
            until = lambda: int(sql(a, "SELECT until FROM duty WHERE name = 'leases'"))
            was = until()
            need(wait_for(lambda: until() > was), 'nobody holds on to a duty')
            need(sql(a, "SELECT min(holder) FROM duty WHERE name = 'leases'") == first, 'a duty went over to another node while its holder lives')
            owner.kill()
            began = time.monotonic()
            need(wait_for(lambda: sql(a, "SELECT min(holder) FROM duty WHERE name = 'leases'") != first, pause=0.5), 'nobody took it over')
            print(f'# taken over after {time.monotonic() - began:.0f} s')
            need([n['alive'] for n in json.loads(other.cli('node', 'list', '--json')[1]) if n['id'] == f'node_{first}'] == [False], 'the killed one is shown as alive')


@case('a node whose clock is five minutes off does nothing early, and its ids are in order', own=True)
def skew(engine):
    with Server({**API, 'lease': 4000, 'heartbeat': 1000}, db=engine) as a, a.twin({'bench': True, 'db_clock': True, 'lease': 4000, 'heartbeat': 1000}, clock=True) as b:
        b.clock.forward(300)
        b.restart()
        c, d = a.client(), b.client()
        made = [(x.post('/v1/notes', {'projectId': a.project, 'content': f'{i}'}).json()['data']['id']) for i, x in enumerate([c, d] * 20)]
        ms = [moment(i) for i in made]
        # the database's time is known as exactly as it is quickly answered
        need(all(later > sooner - 2000 for sooner, later in zip(ms, ms[1:])), f'ids are not in the order in which they were made: {made}')
        now = time.strftime('%Y-%m-%dT%H:%M', time.gmtime(time.time() + 60))
        key = b.mint()
        sql(a, f"UPDATE api_key SET expires_at = {int(1000 * time.time()) + 120000} WHERE last4 = '{key[-4:]}'")
        a1 = b.client(key).get(f'/v1/notes?projectId={a.project}')
        need(a1.status == 200, f'a key that holds for two minutes, on the node that is ahead: {a1}')
        need(wait_for(lambda: 'off the database' in b.log_text()), 'its operator is not told')
        need(generate(a, c, 20000)['status'] == 'DONE', 'jobs')
        need(d.get(f'/v1/notes/{made[0]}').json()['data']['createdAt'] < now, 'times')


@case('two nodes share a data folder: what one takes the other reads', own=True)
def folder(engine):
    with Server({'role': 'api'}, db=engine) as a, a.twin({'role': 'worker'}, shared=True) as w:
        c = a.client()
        up = c.post('/v1/uploads', {'filename': 'talk.txt', 'contentType': 'text/plain', 'maxSizeBytes': 1000}).json()['data']
        path = '/' + up['uploadUrl'].split('/', 3)[3]
        put = c.request('PUT', path, body=b'We moved our support to one page. Tickets fell by half.', headers={'Content-Type': 'text/plain', 'Authorization': None})
        need(put.status == 200, f'PUT: {put}')
        job = c.post('/v1/sources', {'projectId': a.project, 'type': 'file', 'name': 'Talk', 'uploadId': up['id']}).json()['data']
        need(wait_for(lambda: c.get(f"/v1/jobs/{job['id']}").json()['data']['status'] == 'DONE'), f'never read: {w.log_text()[-1000:]}')
        need('go through that one' in w.log_text(), 'the second one is not told who has the socket')


@case('a file that only another node has is read by that one', own=True)
def elsewhere(engine):
    with Server({'role': 'api'}, db=engine) as a:
        c = a.client()
        up = c.post('/v1/uploads', {'filename': 'talk.txt', 'contentType': 'text/plain', 'maxSizeBytes': 1000}).json()['data']
        put = c.request('PUT', '/' + up['uploadUrl'].split('/', 3)[3], body=TEXT.encode(), headers={'Content-Type': 'text/plain', 'Authorization': None})
        need(put.status == 200, f'PUT: {put}')
        with a.twin({'role': 'worker'}) as far:
            job = c.post('/v1/sources', {'projectId': a.project, 'type': 'file', 'name': 'Talk', 'uploadId': up['id']}).json()['data']
            need(far.log_wait('let all nodes share one folder'), 'the operator is not told')
            with a.twin({'role': 'worker'}, shared=True):
                need(wait_for(lambda: c.get(f"/v1/jobs/{job['id']}").json()['data']['status'] == 'DONE'), f"{c.get('/v1/jobs/' + job['id'])}")


class Stopped:
    """A process that stands still."""

    def __init__(self, server):
        self.proc = server.proc

    def __enter__(self):
        self.proc.send_signal(signal.SIGSTOP)

    def __exit__(self, *what):
        self.proc.send_signal(signal.SIGCONT)


@case('a worker that stood still for longer than its lease writes nothing any more', own=True)
def paused(engine):
    lease = {'lease': 1500, 'heartbeat': 300, 'writer': 'openai', 'openai_key': 'k', 'log_level': 'info'}
    with Provider() as p, Server({**API}, db=engine) as a, a.twin({**WORKER, **lease, 'openai_url': p.url}) as slow:
        c = a.client()
        job = generate(a, c, 0)
        need(wait_for(lambda: p.asked == 1), 'the provider was not asked')
        with Stopped(slow):
            p.go.set()
            with a.twin({**WORKER, **lease, 'openai_url': p.url}) as other:
                need(wait_for(lambda: c.get(f"/v1/jobs/{job['id']}").json()['data']['status'] == 'DONE'), f"{c.get('/v1/jobs/' + job['id'])} {other.log_text()[-800:]}")
                made = sql(a, 'SELECT (SELECT count(*) FROM post), (SELECT count(*) FROM event), (SELECT sum(spent) FROM spend), (SELECT sum(reserved) FROM spend), (SELECT max(attempts) FROM job)')
        need(slow.log_wait('event=job .*end=lost'), f'the other one was not refused: {slow.log_text()[-1500:]}')
        now = sql(a, 'SELECT (SELECT count(*) FROM post), (SELECT count(*) FROM event), (SELECT sum(spent) FROM spend), (SELECT sum(reserved) FROM spend), (SELECT max(attempts) FROM job)')
        need(made == now and made.startswith('1|'), f'what was written before and after: {made} {now}')


if __name__ == '__main__':
    sys.argv += ['--engine', 'postgres']
    sys.exit(cases.main(__doc__, 'nodes'))
