"""nodes.py -- what many nodes on one PostgreSQL cost, beside pgbench and two job queues on the same cluster.

The cluster is ours, with fsync and everything else as it is shipped; both sides use the same number of connections to it."""
import json
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'test', 'lib'))
import pg                                                                               # noqa: E402
import redis                                                                            # noqa: E402
from measures import LEAST, MOST, Row, fetched, rounds                                   # noqa: E402
from server import Failure, psql, wait_for                                              # noqa: E402
from tools import ROOT, Figure, TICK, auth, children, cpu_us, note_body, progress, scriped, wrk     # noqa: E402

POOL, CALLERS, NOTES, WORKERS = 8, 64, 100000, 64
SHIPPED = ('fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum')
QUEUES = {'pg-boss': '10.4.2', 'graphile-worker': '0.17.3'}


@contextmanager
def cluster():
    """A PostgreSQL that loses nothing; SCRIPED_TEST_PG names it meanwhile."""
    before, c = os.environ.get('SCRIPED_TEST_PG'), pg.Cluster()
    try:
        for name in SHIPPED:
            psql(c.url, f'ALTER SYSTEM SET {name} = on')
        psql(c.url, 'ALTER SYSTEM SET shared_buffers = \'256MB\'')
        psql(c.url, 'SELECT pg_reload_conf()')
        os.environ['SCRIPED_TEST_PG'] = c.url
        yield c
    finally:
        os.environ.pop('SCRIPED_TEST_PG') if before is None else os.environ.update(SCRIPED_TEST_PG=before)
        c.stop()


def spent_us(c, nodes):
    """µs of CPU of these nodes and of all processes that the cluster has and had: connections come and go."""
    with open(c.data + '/postmaster.pid') as f:
        top = int(f.readline())
    total = cpu_us([n.proc.pid for n in nodes])
    for pid in [top, *children(top)]:
        try:
            with open(f'/proc/{pid}/stat') as f:
                fields = f.read().rpartition(')')[2].split()
        except FileNotFoundError:
            continue        # it ends just now, and its time is its parent's
        total += sum(int(v) for v in fields[11:15 if pid == top else 13]) * 1e6 / TICK
    return total


def costing(c, nodes, run):
    """(answers a second, µs of CPU of nodes and database for each) of a load: run() gives the rate and the number of answers."""
    before = spent_us(c, nodes)
    rate, answers = run()
    return rate, (spent_us(c, nodes) - before) / answers


def pgbench(url, seconds, *args):
    """Transactions a second, and how many there were."""
    p = subprocess.run([pg.find('pgbench'), '-n', '-M', 'prepared', '-c', str(POOL), '-j', '2', '-T', str(seconds), *args, url],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    m, n = re.search(r'^tps = ([\d.]+)', p.stdout, re.M), re.search(r'^number of transactions actually processed: (\d+)', p.stdout, re.M)
    if p.returncode or not m:
        raise Failure(f'pgbench: {p.stderr.strip()[-1000:]}')
    return float(m[1]), int(n[1])


def first_note(s, key='first'):
    a = s.client().post('/v1/notes', json.loads(note_body(s)), {'Idempotency-Key': key})
    if a.status not in (200, 201):
        raise Failure(f'POST /v1/notes: {a!r}')
    return a.json()['data']['id']


def multiply(url, n):
    """Many more notes like the one that is there, with ids of long ago."""
    psql(url, f"""INSERT INTO note SELECT (jsonb_populate_record(t, jsonb_build_object('id', '00' || lpad(i::text, 24, '0')))).*
                  FROM (SELECT note FROM note LIMIT 1) x(t), generate_series(1, {n}) i""")
    psql(url, 'VACUUM ANALYZE')


def counted(load):
    return load.rate, load.requests


def beside(what, mine, peer, against):
    """Rows of two lists of costing()."""
    (ours, our_us), (theirs, their_us) = ([Figure(list(v)) for v in zip(*side)] for side in (mine, peer))
    return [Row(what, '/s', ours, theirs, against, (LEAST, 0.6), 'ratio'),
            Row('  CPU of server and database per answer', 'µs', our_us, their_us, against)]


def pg_get(plan):
    """GET one note of 100,000 through the server, beside one row of 1,000,000 by its primary key, prepared."""
    with cluster() as c, scriped(db='postgres', db_pool=POOL) as s:
        note = first_note(s)
        multiply(s.database.url, NOTES)
        subprocess.run([pg.find('pgbench'), '-i', '-q', '-s', '10', c.url], check=True, capture_output=True)
        url = f'{s.url}/v1/notes/{note}'
        fetched(s, '/v1/notes/' + note)
        load = lambda seconds: counted(wrk(url, CALLERS, seconds, auth(s)))        # noqa: E731
        load(1)
        mine, peer = rounds(plan, 'pg-get', lambda: costing(c, [s], lambda: load(plan.seconds)),
                            lambda: costing(c, [], lambda: pgbench(c.url, plan.seconds, '-S')))
    return beside(f'PostgreSQL: GET one note, {CALLERS} callers, {POOL} connections', mine, peer, 'pgbench -S')


def four_inserts(url):
    """A pgbench script that writes a note, its idempotency record, its audit entry and its event, as the server did for the one that is there."""
    number = {'note': 'id', 'audit': 'id', 'event': 'id', 'idempotency': 'name'}
    lines = ['\\set n random(1, 999999999999999)', 'BEGIN;']
    for table, key in number.items():
        order = key if table == 'idempotency' else 'id'
        row = json.loads(psql(url, f'SELECT to_jsonb(t) FROM (SELECT * FROM {table} ORDER BY {order} DESC LIMIT 1) t'))
        kinds = dict(line.split('|') for line in psql(url, f"SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'").split('\n') if line)
        values = []
        for name, value in row.items():
            if name == key and kinds[name] == 'bytea':
                values.append("decode(lpad(to_hex(:n::bigint), 50, '0'), 'hex')")
            elif name == key:
                values.append("lpad((:n)::text, 26, '0')")
            elif value is None:
                values.append('NULL')
            elif isinstance(value, (bool, int, float)):
                values.append(str(value).lower())
            else:
                text = value if isinstance(value, str) else json.dumps(value)
                values.append("'" + text.replace("'", "''").replace(':', "' || chr(58) || '") + "'" + ('::bytea' if kinds[name] == 'bytea' and ':' not in text else ''))
        lines.append(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(values)});")
    return '\n'.join([*lines, 'COMMIT;', ''])


def pg_post(plan):
    """Durable POST /notes with keys, beside a script that inserts the same four rows."""
    with cluster() as c, scriped(db='postgres', db_pool=POOL) as s:
        first_note(s)
        script = s.data + '/four.sql'
        with open(script, 'w') as f:
            f.write(four_inserts(s.database.url))
        load = lambda seconds: counted(wrk(f'{s.url}/v1/notes', CALLERS, seconds, auth(s), note=note_body(s)))        # noqa: E731
        load(1)
        mine, peer = rounds(plan, 'pg-post', lambda: costing(c, [s], lambda: load(plan.seconds)),
                            lambda: costing(c, [], lambda: pgbench(s.database.url, plan.seconds, '-f', script)))
    return beside(f'PostgreSQL: durable POST /notes, {CALLERS} callers, {POOL} connections', mine, peer, 'pgbench, 4 inserts')


# ------------------------------------------------------------------------------------------------------------------ jobs

def queues():
    """The folder that holds the two job queues; they are the bench's alone."""
    folder, pins = os.path.join(ROOT, 'build', 'bench', 'queues'), [f'{n}@{v}' for n, v in QUEUES.items()]
    mark = os.path.join(folder, 'pins')
    if not os.path.exists(mark) or open(mark).read() != '\n'.join(pins):
        os.makedirs(folder, exist_ok=True)
        progress('installing ' + ' '.join(pins))
        subprocess.run(['npm', 'install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', *pins], check=True, capture_output=True)
        with open(mark, 'w') as f:
            f.write('\n'.join(pins))
    return folder


def node_js():
    own = os.path.join(ROOT, 'build', 'npm', 'bin', 'node')
    return own if os.path.exists(own) else 'node'


def peer_queue(c, name, n):
    database = f'queue_{time.time_ns()}'
    psql(c.url, f'CREATE DATABASE {database}')
    uri = c.url.rpartition('/')[0] + '/' + database
    p = subprocess.run([node_js(), os.path.join(ROOT, 'bench', 'queues.mjs'), name, uri, str(n)], capture_output=True, text=True, timeout=300,
                       env={**os.environ, 'QUEUES': queues()}, stdin=subprocess.DEVNULL)
    if p.returncode:
        raise Failure(f'{name}: {p.stderr.strip()[-1000:]}')
    return float(p.stdout)


def our_queue(s, n):
    done, client = "SELECT count(*) FROM job WHERE status = 'DONE'", s.client()
    left = "SELECT EXISTS (SELECT 1 FROM job WHERE status = 'QUEUED' AND run_at >= 0) OR EXISTS (SELECT 1 FROM job WHERE status = 'RUNNING' AND lease_until >= 0)"
    had, began = int(psql(s.database.url, done)), time.monotonic()
    for _ in range(n // 1000):
        a = client.post('/v1/jobs', {'type': 'NOOP', 'count': 1000})
        if a.status != 200:
            raise Failure(f'POST /v1/jobs: {a!r}')
    if not wait_for(lambda: psql(s.database.url, left).strip() == 'f', 240, 0.1) or int(psql(s.database.url, done)) != had + n:
        raise Failure('the jobs did not end')
    return n / (time.monotonic() - began)


def pg_jobs(plan):
    """No-op jobs from the first that is put in, a thousand at a time, to the last that is done."""
    n = 5000 if plan.quick else 20000
    with cluster() as c, scriped(db='postgres', db_pool=POOL, bench=True, workers=WORKERS) as s:
        mine, boss, graphile = rounds(plan, 'pg-jobs', lambda: our_queue(s, n), lambda: peer_queue(c, 'pg-boss', n), lambda: peer_queue(c, 'graphile-worker', n))
    return [Row(f'PostgreSQL: no-op jobs end to end, {n:,} of them', '/s', Figure(mine), bound=(LEAST, 5000)),
            Row('  beside', '/s', Figure(mine), Figure(boss), f'pg-boss {QUEUES["pg-boss"]}'),
            Row('  beside', '/s', Figure(mine), Figure(graphile), f'Graphile Worker {QUEUES["graphile-worker"]}')]


# ----------------------------------------------------------------------------------------------------------- many nodes

def ended_ms(url, job):
    return int(psql(url, f"SELECT completed_at FROM job WHERE id = '{job.partition('_')[2]}'"))


def wake(plan):
    """From the end of a job on a worker, as the row says it, to the answer of who waits for it on an API node."""
    n, late = 50 if plan.quick else 200, []
    with cluster(), scriped(db='postgres', role='api') as s, s.twin({'role': 'worker'}):
        c = s.client()
        body = {'projectId': s.project, 'source': {'text': 'We moved to a tracker. Calls fell by half.'}, 'wait_for_completion_ms': 20000}
        for i in range(n + 5):
            progress(f'wake: {i} of {n}')
            a = c.post('/v1/posts/generations', body)
            now = time.time() * 1e3
            job = a.json()['data']
            if a.status != 200 or job['status'] != 'DONE':
                raise Failure(f'a wait was answered with {a!r}')
            if i >= 5:
                late.append(now - ended_ms(s.database.url, job['jobId'] if 'jobId' in job else job['id']))
    late.sort()
    return [Row('end of a job on one node to the answer on another: p50', 'ms', Figure([late[n // 2]])),
            Row('  p99', 'ms', Figure([late[n * 99 // 100]]), bound=(MOST, 20))]


def through(nodes, note, seconds):
    """(answers a second, µs of CPU of these nodes for each): the same three threads of callers, whether they share one node or have one each."""
    places = [f'{nodes[i % len(nodes)].host}:{nodes[i % len(nodes)].port}' for i in range(3)]
    before = cpu_us([n.proc.pid for n in nodes])
    load = wrk(f'{nodes[0].url}/v1/notes/{note}', CALLERS // 3 * 3, seconds, auth(nodes[0]), places=places)
    return load.rate, (cpu_us([n.proc.pid for n in nodes]) - before) / load.requests


def three(plan):
    """Reads through one node, and through three on the same database: answers, and what one costs the nodes.  Many short rounds, for what others do on
    the machine changes from one second to the next, and is the same for both of a round more often than not."""
    plan = replace(plan, rounds=3 * plan.rounds, seconds=max(plan.seconds // 3, 1))
    with cluster(), scriped(db='postgres', db_pool=POOL) as s, s.twin({'db_pool': POOL}) as second, s.twin({'db_pool': POOL}) as third:
        note = first_note(s)
        for nodes in ([s], [second], [third]):
            through(nodes, note, 1)
        one, all_three = rounds(plan, 'three', lambda: through([s], note, plan.seconds), lambda: through([s, second, third], note, plan.seconds))
    (rate, us), (rates, uses) = ([list(v) for v in zip(*side)] for side in (one, all_three))
    return [Row('GET through three nodes beside one', '/s', Figure(rates), Figure(rate), 'one node'),
            Row('  CPU of the nodes per answer: one, and three', 'µs', Figure(us), Figure(uses), 'three nodes'),
            Row('  the ratio of both, round by round', '', Figure([a / b for a, b in zip(us, uses)]), bound=(LEAST, 0.8))]


def commands(r):
    """Calls that the store ran, and the µs that they took it."""
    out = subprocess.run(['redis-cli', '-p', str(r.port), 'info', 'commandstats'], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r'^cmdstat_(?:evalsha|eval|fcall)\w*:calls=(\d+),usec=(\d+)', out, re.M)
    return sum(int(n) for n, _ in rows), sum(int(us) for _, us in rows)


def checks(plan):
    """Requests under a limit that Valkey counts, and for how many checks one store has time."""
    with cluster(), redis.Redis() as r, scriped(db='postgres', db_pool=POOL, kv=r.url, rate_read=1000000) as s:
        note = first_note(s)
        load = lambda: wrk(f'{s.url}/v1/notes/{note}', CALLERS, plan.seconds, auth(s)).rate        # noqa: E731
        load()
        calls, us = commands(r)
        answers, = rounds(plan, 'checks', load)
        calls, us = (b - a for a, b in zip((calls, us), commands(r)))
    total = statistics.mean(answers) * plan.seconds * plan.rounds
    return [Row('GET one note under a limit that Valkey counts', '/s', Figure(answers)),
            Row('  checks for which one store has time', '/s', Figure([total / (us / 1e6)]), bound=(LEAST, 20000)),
            Row('  checks in one script', '', Figure([total / max(calls, 1)]))]


CASES = {'pg-get': pg_get, 'pg-post': pg_post, 'pg-jobs': pg_jobs, 'wake': wake, 'three': three, 'checks': checks}
