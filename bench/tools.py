"""tools.py -- what the measurements share: wrk, nginx, a scriped with data, /proc, and figures with their spread."""
import ctypes
import json
import os
import platform
import random
import resource
import shutil
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, 'test', 'lib'))
from server import Failure, Server, psql, wait_for        # noqa: E402

CORES = os.cpu_count() or 1
TICK = os.sysconf('SC_CLK_TCK')
CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
CONTENT = ('Support moved to a public tracker last week. The first reply now comes within the hour, because everybody can '
           'see what waits, and two customers answered a third one before we did.')[:175]


# ------------------------------------------------------------------------------------------------------- figures

@dataclass
class Figure:
    """What was measured, several times: the median counts, the spread tells how far to believe it."""
    values: list

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def spread(self):
        """Largest minus smallest, as a part of the median."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0


def progress(words):
    if sys.stderr.isatty():
        print(f'\r\x1b[K{words}', end='', file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------------- /proc

def cpu_us(pids):
    """Microseconds of CPU that these processes have used, user and system."""
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/stat') as f:
            fields = f.read().rpartition(')')[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * 1e6 / TICK


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        return [int(p) for p in f.read().split()]


def memory(pid):
    """(our own, all that is mapped) in MB: RssAnon + RssShmem, and VmRSS."""
    kb = {}
    with open(f'/proc/{pid}/status') as f:
        for line in f:
            name, _, value = line.partition(':')
            if name in ('VmRSS', 'RssAnon', 'RssShmem'):
                kb[name] = int(value.split()[0])
    return (kb['RssAnon'] + kb['RssShmem']) / 1024, kb['VmRSS'] / 1024


class MemoryWatch(threading.Thread):
    """The most that a process held, looked at 50 times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.over, self.most = pid, threading.Event(), (0, 0)

    def run(self):
        while not self.over.wait(0.02):
            self.most = tuple(map(max, self.most, memory(self.pid)))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *what):
        self.over.set()
        self.join()


def busy():
    """Seconds of CPU that this machine has spent since it started, and how many of them were ours and our children's."""
    with open('/proc/stat') as f:
        user, nice, system, idle, wait, irq, soft, stolen = (int(v) for v in f.readline().split()[1:9])
    return (user + nice + system + irq + soft + stolen) / TICK, sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) + reaped()


def reaped():
    """Seconds of CPU of the children that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def file_system(path):
    """The kind and the device of the file system that holds path."""
    best = ('', '?', '?')
    with open('/proc/mounts') as f:
        for line in f:
            device, point, kind = line.split()[:3]
            inside = os.path.realpath(path).startswith(point.rstrip('/') + '/')
            if inside and len(point) >= len(best[0]):
                best = (point, kind, device)
    return f'{best[1]} on {best[2]}'


# ------------------------------------------------------------------------------------------------------------ wrk

@dataclass
class Load:
    """One run of wrk."""
    rate: float             # answers a second
    p50: float              # ms
    p99: float
    worst: float
    requests: int


def prompt():
    """In a child: from now on it gets its turn soon after it wakes, as the loops of the server do, so that what is measured is not its own waiting.
    Linux 6.12 grants it (a slice of 100 us), others let it be."""
    number = {'x86_64': 314, 'aarch64': 274}.get(platform.machine())        # sched_setattr
    if number:
        attr = ctypes.create_string_buffer(struct.pack('=IIQiIQQQ', 48, 0, 0, 0, 0, 100000, 0, 0))
        ctypes.CDLL(None).syscall(number, 0, attr, 0)


def wrk_start(url, connections, seconds, headers=(), note=None, ordered=False, pause=0, ids=None, body=None, turns=None, soon=False, places=None):
    """note: the body of POSTs, under random Idempotency-Keys or ordered ones; with ids, a file of them, of PATCHes behind the URL.
    body: of POSTs that are all alike; with turns, a file of refresh tokens, one of them follows, and each answer holds the next.
    places: HOST:PORT for each of as many threads, instead of the URL's.
    pause: ms between an answer and the next request; soon: see prompt()."""
    threads = str(len(places or ()) or min(connections, CORES))
    env = dict(os.environ, BENCH_PAUSE=str(pause), BENCH_SEED=str(random.getrandbits(31)), BENCH_THREADS=threads)
    if places is not None:
        env['BENCH_PLACES'] = ' '.join(places)
    if note is not None:
        env['BENCH_NOTE'] = note
    if ordered:
        env['BENCH_ORDER'] = str(time.time_ns() // 1000000)
    if ids is not None:
        env['BENCH_IDS'] = ids
    if body is not None:
        env['BENCH_BODY'] = body
    if turns is not None:
        env['BENCH_TURNS'] = turns
    args = ['wrk', '-t', threads, '-c', str(connections), '-d', f'{seconds}s', '--timeout', '20s', '--latency',
            '-s', os.path.join(HERE, 'load.lua')]
    for h in headers:
        args += ['-H', h]
    return subprocess.Popen(args + [url], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=prompt if soon else None)


def wrk_end(proc):
    try:
        out, err = proc.communicate()
    except BaseException:
        proc.kill()
        proc.wait()
        raise
    if proc.returncode:
        raise Failure(f'wrk: {err.strip() or out.strip()}')
    s = json.loads(out.rstrip().rpartition('\n')[2])
    if s['status'] or s['socket'] or not s['requests']:
        raise Failure(f"wrk: {s['requests']} answers, {s['status']} of them errors, {s['socket']} connections failed")
    return Load(s['requests'] * 1e6 / s['us'], s['p50_us'] / 1e3, s['p99_us'] / 1e3, s['max_us'] / 1e3, s['requests'])


def wrk(*args, **more):
    return wrk_end(wrk_start(*args, **more))


# ---------------------------------------------------------------------------------------------------------- nginx

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


NGINX = '''\
daemon off; worker_processes {cores}; pid {dir}/pid; error_log {dir}/error.log; {user}
events {{ worker_connections 4096; }}
http {{
	access_log {log}; default_type application/json; sendfile on; tcp_nodelay on;
	open_file_cache max=100; open_file_cache_valid 3600; keepalive_requests 1000000000; keepalive_timeout 3600;
	client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
	server {{ listen 127.0.0.1:{port} backlog=4096 reuseport; root {dir}/www; }}
}}
'''


class Nginx:
    """nginx at its best: files from its cache, a worker and a listening queue per core, no request log; with log=True a buffered one."""

    def __init__(self, log=False):
        self.log, self.dir, self.proc = log, tempfile.mkdtemp(prefix='scriped-nginx-'), None

    def __enter__(self):
        try:
            os.mkdir(f'{self.dir}/www')
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        exe = shutil.which('nginx', path=os.environ.get('PATH', '') + ':/usr/sbin')
        if not exe:
            raise Failure('nginx is missing (./dev deps)')
        self.port = free_port()
        with open(f'{self.dir}/nginx.conf', 'w') as f:
            f.write(NGINX.format(dir=self.dir, port=self.port, cores=CORES, user='user root;' if os.geteuid() == 0 else '',
                                 log=f'{self.dir}/access.log combined buffer=64k flush=1s' if self.log else 'off'))
        self.proc = subprocess.Popen([exe, '-c', f'{self.dir}/nginx.conf', '-p', self.dir], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_for(self.answers, 10):
            raise Failure(f'nginx does not answer; see {self.dir}/error.log')

    def answers(self):
        with socket.socket() as s:
            return self.proc.poll() is None and s.connect_ex(('127.0.0.1', self.port)) == 0

    def file(self, name, body):
        """Serves these bytes; gives their URL."""
        with open(f'{self.dir}/www/{name}', 'wb') as f:
            f.write(body)
        return f'http://127.0.0.1:{self.port}/{name}'

    def pids(self):
        return children(self.proc.pid)

    def __exit__(self, *what):
        if self.proc and self.proc.poll() is None:
            self.proc.terminate()
            self.proc.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


# -------------------------------------------------------------------------------------------------------- scriped

@contextmanager
def scriped(fill=None, db='sqlite', **settings):
    """A server whose requests are logged to a file; fill(server) puts data into its database before it starts."""
    s = Server(settings, db=db)
    s.settings['log_file'] = s.data + '/requests.log'
    try:
        s.setup()
        if fill:
            fill(s)
        s.start()
        yield s
        s.close()
    finally:
        s.close(check=False)


def auth(s):
    return ['Authorization: Bearer ' + s.key]


def pids(s):
    return [s.proc.pid]


def note_body(s):
    return json.dumps({'projectId': s.project, 'content': CONTENT})


def database(s):
    return s.data + '/scriped.db'


@contextmanager
def reading(s):
    db = sqlite3.connect(f'file:{database(s)}?mode=ro', uri=True)
    try:
        yield db
    finally:
        db.close()


def ulid(ms, rng):
    n = ms << 80 | rng.getrandbits(80)
    return ''.join(CROCKFORD[n >> 5 * i & 31] for i in range(25, -1, -1))


def bare(an_id):
    return an_id.rpartition('_')[2]


@contextmanager
def loading(s):
    """The database of a server that does not run, for mass inserts."""
    db = sqlite3.connect(database(s), isolation_level=None)
    try:
        db.execute('PRAGMA synchronous=OFF')
        db.execute('PRAGMA cache_size=-400000')
        db.execute('BEGIN')
        yield db
        db.execute('COMMIT')
    finally:
        db.close()


def fill_notes(s, count, content=CONTENT):
    """Notes as POST makes them, a millisecond apart, the last one now."""
    rng, first, w, p = random.Random(1), int(time.time() * 1000) - count, bare(s.id), bare(s.project)
    day = first // 86400000 * 86400000
    rows = ((w, ulid(first + i, rng), p, content, ulid(first + i, rng), day) for i in range(count))
    with loading(s) as db:
        db.executemany("INSERT INTO note (workspace, id, project, content, slot, slot_date, slot_type)"
                       " VALUES (?, ?, ?, ?, ?, ?, 'PERSONAL')", rows)


def fill_jobs(s, count):
    """Jobs that are done."""
    rng, first, w = random.Random(2), int(time.time() * 1000) - count, bare(s.id)
    rows = ((w, ulid(first + i, rng), first + i, 1000 * (first + i), first + i, first + i, first + i) for i in range(count))
    with loading(s) as db:
        db.executemany("INSERT INTO job (workspace, id, type, status, input, result, attempts, run_at, queued_us, started_at, completed_at,"
                       " updated_at) VALUES (?, ?, 'NOOP', 'DONE', '{}', '{}', 1, ?, ?, ?, ?, ?)", rows)


# Both engines make the rows themselves: a million take some 20 s.  Ids are ULIDs of their moment; the random part counts.
ALPHABET = "substr('" + CROCKFORD + "', 1 + CAST((ms >> {}) & 31 AS INTEGER), 1)"
POSTS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count}),
 place(i, ms, k) AS (SELECT i, {first} + CAST(i AS BIGINT) * {apart}, CASE WHEN i % 5 < 2 THEN 0 ELSE 1 + (i * 7919) % {others} END FROM n),
 board(number, id, project, category) AS (SELECT row_number() OVER (PARTITION BY category ORDER BY project) - 1, id, project, category FROM post_status)
INSERT INTO post (workspace, id, project, status, status_id, category, content_type, title, content)
 SELECT '{workspace}', {ulid} || substr(CAST(10000000000000000 + i AS TEXT), 2, 16), b.project,
  CASE i / 5 % 8 WHEN 0 THEN 'draft' WHEN 1 THEN 'waitingApproval' WHEN 2 THEN 'approved' WHEN 3 THEN 'rejected' WHEN 4 THEN 'scheduled'
   WHEN 5 THEN 'published' WHEN 6 THEN 'suggested' ELSE 'waitingProcessing' END, b.id, b.category, 'PERSONAL', 'A post', '{content}'
 FROM place JOIN board b ON b.number = k AND b.category =
  CASE i / 5 % 8 WHEN 4 THEN 'scheduled' WHEN 5 THEN 'published' WHEN 0 THEN 'draft' WHEN 6 THEN 'draft' WHEN 7 THEN 'draft' ELSE 'review' END"""
RECOUNT = """INSERT INTO post_count (workspace, status_id, part, posts)
 SELECT workspace, status_id, 0, count(*) FROM post WHERE status_id IS NOT NULL GROUP BY workspace, status_id"""


def fill_posts(s, count, projects=1, days=100):
    """Posts of every state, evenly over the last days; of several projects the first one has two fifths."""
    for i in range(projects - 1):
        s.cli('project', 'create', '--workspace', s.id, '--name', f'Project {i}')
    apart, now = days * 86400000 // count, int(time.time() * 1000)
    sql = POSTS.format(count=count, first=now - count * apart, apart=apart, others=max(projects - 1, 1), workspace=bare(s.id),
                       ulid=' || '.join(ALPHABET.format(5 * k) for k in range(9, -1, -1)), content=CONTENT)
    if projects == 1:
        sql = sql.replace('i % 5 < 2', '0 = 0')
    if s.database:
        psql(s.database.url, f'{sql}; {RECOUNT}; ANALYZE post')
    else:
        with loading(s) as db:
            db.execute(sql)
            db.execute(RECOUNT)
