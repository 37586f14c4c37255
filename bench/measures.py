"""measures.py -- the measurements, one function each: it gets a Plan and gives rows of the table."""
import itertools
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass

from server import Failure, program, surroundings, wait_for
from tools import (CONTENT, CORES, ROOT, Figure, MemoryWatch, Nginx, auth, cpu_us, database, fill_jobs, fill_notes, fill_posts,
                   free_port, memory, note_body, pids, progress, reading, reaped, scriped, wrk, wrk_end, wrk_start)

ROWS = 100000           # notes in the project that is read and listed
MOST, LEAST = 'at most', 'at least'


@dataclass
class Plan:
    """How much to measure."""
    seconds: int        # of one run of a load generator
    rounds: int         # times that each pair is measured
    quick: bool


@dataclass
class Row:
    """One line: ours beside a peer.  Of a pair the ratio is the median of the ratios of each round."""
    what: str
    unit: str
    ours: Figure
    peer: Figure = None
    against: str = ''
    bound: tuple = None         # (MOST or LEAST, limit); judged is what it is about
    about: str = 'ours'         # 'ours' or 'ratio'

    @property
    def ratio(self):
        if not self.peer:
            return None
        return statistics.median(o / p for o, p in zip(self.ours.values, self.peer.values))

    @property
    def met(self):
        if not self.bound:
            return None
        value = self.ratio if self.about == 'ratio' else self.ours.median
        return value >= self.bound[1] if self.bound[0] == LEAST else value <= self.bound[1]


def rounds(plan, title, *runs):
    """Each run once, then each again, and so on; the results of each, in order."""
    results = [[] for _ in runs]
    for i in range(plan.rounds):
        for run, into in zip(runs, results):
            progress(f'{title}: round {i + 1} of {plan.rounds}')
            into.append(run())
    return results


@dataclass
class Charged:
    """A load, and the µs of CPU for each answer: of the serving processes, and of them and the load generator."""
    load: object
    server: float
    both: float


def charged(processes, run):
    server, generator = cpu_us(processes), reaped()
    load = run()
    server, generator = cpu_us(processes) - server, (reaped() - generator) * 1e6
    return Charged(load, server / load.requests, (server + generator) / load.requests)


def rates(results):
    return Figure([c.load.rate for c in results])


def costs(results):
    return Figure([c.server for c in results])


def capacity(results):
    """Answers a second for which this machine has CPU, if nobody else takes any."""
    return Figure([CORES * 1e6 / c.both for c in results])


def beside_nginx(what, mine, peer, limit):
    return [Row(what, '/s', rates(mine), rates(peer), 'nginx', (LEAST, limit), 'ratio'),
            Row('  the same by CPU time', '/s', capacity(mine), capacity(peer), 'nginx', (LEAST, limit), 'ratio'),
            Row('  CPU of the server per answer', 'µs', costs(mine), costs(peer), 'nginx')]


def fetched(s, target):
    a = s.client().get(target)
    if a.status != 200:
        raise Failure(f'{target}: {a!r}')
    return a


# ------------------------------------------------------------------------------------------------- reads and nginx

def get(plan):
    """GET one note at 64 connections, beside nginx serving the same bytes from a file."""
    with scriped(lambda s: fill_notes(s, ROWS)) as s, Nginx() as plain, Nginx(log=True) as logging:
        note = fetched(s, f'/v1/notes?projectId={s.project}&limit=1').json()['data'][0]['id']
        body = fetched(s, '/v1/notes/' + note).body
        load = lambda url, sec: wrk(url, 64, sec, auth(s))                                  # noqa: E731
        url, files = f'{s.url}/v1/notes/{note}', [plain.file('note', body), logging.file('note', body)]
        for u in [url] + files:
            load(u, 1)
        mine, bare, logged = rounds(
            plan, 'get', lambda: charged(pids(s), lambda: load(url, plan.seconds)),
            lambda: charged(plain.pids(), lambda: load(files[0], plan.seconds)),
            lambda: charged(logging.pids(), lambda: load(files[1], plan.seconds)))
    return beside_nginx(f'GET one note ({len(body)} bytes), 64 connections', mine, bare, 0.70) + [
        Row('  beside nginx that writes a log, too', '/s', rates(mine), rates(logged), 'nginx'),
        Row('  the same by CPU time', '/s', capacity(mine), capacity(logged), 'nginx')]


def cursor_after(s, target, pages):
    """The cursor behind that many pages of a list."""
    client, cursor = s.client(), None
    for _ in range(pages):
        page = client.get(target + (f'&cursor={cursor}' if cursor else '')).json()
        cursor = page['pagination']['next_cursor']
    client.close()
    return cursor


def page(plan):
    """A list of 50 at 100,000 rows, beside nginx with the same bytes; and the 1,000th page beside the first."""
    with scriped(lambda s: fill_notes(s, ROWS)) as s, Nginx() as nginx:
        first = f'/v1/notes?projectId={s.project}'
        deep = f'{first}&cursor={cursor_after(s, first, 999)}'
        body = fetched(s, first).body
        if len(json.loads(fetched(s, deep).body)['data']) != 50:
            raise Failure('the 1,000th page is not full')
        urls = [s.url + first, nginx.file('page', body), s.url + deep]
        load = lambda url, sec: wrk(url, 64, sec, auth(s))                                  # noqa: E731
        for u in urls:
            load(u, 1)
        mine, peer, last = rounds(
            plan, 'page', lambda: charged(pids(s), lambda: load(urls[0], plan.seconds)),
            lambda: charged(nginx.pids(), lambda: load(urls[1], plan.seconds)),
            lambda: charged(pids(s), lambda: load(urls[2], plan.seconds)))
    middle = lambda runs: Figure([c.load.p50 for c in runs])                                # noqa: E731
    return beside_nginx(f'list of 50 of {ROWS:,} notes ({len(body) / 1000:.1f} KB), 64 connections', mine, peer, 0.25) + [
        Row('the 1,000th page', '/s', rates(last), rates(mine), 'the first', (LEAST, 0.90), 'ratio'),
        Row('  the same by CPU time', '/s', capacity(last), capacity(mine), 'the first', (LEAST, 0.90), 'ratio'),
        Row('  p50 of its latency', 'ms', middle(last), middle(mine), 'the first')]


STATES = 'draft,approved,scheduled'


def filters(s, limit):
    """The filters of the list of posts, by their names; the project holds two fifths of all."""
    day = lambda ago: time.strftime('%Y-%m-%d', time.gmtime(time.time() - ago * 86400))     # noqa: E731
    base = f'/v1/posts?projectId={s.project}&limit={limit}'
    return {'project': base, 'one state': f'{base}&status=draft', 'three states': f'{base}&status={STATES}',
            'three states, from a day on': f'{base}&status={STATES}&dateFrom={day(90)}',
            'three states, between two days': f'{base}&status={STATES}&dateFrom={day(90)}&dateTo={day(5)}'}


def filtered_on(plan, db, count, limit):
    """Of each filter the first page and the 1,000th; and the columns of the board, which know how many posts they hold."""
    with scriped(lambda s: fill_posts(s, count, 100), db=db) as s:
        rows, load = [], lambda target: wrk(s.url + target, 8, max(plan.seconds // 2, 1), auth(s))   # noqa: E731
        for name, target in filters(s, limit).items():
            progress(f'filter: {name}')
            deep = f'{target}&cursor={cursor_after(s, target, 999)}'
            if len(fetched(s, deep).json()['data']) != limit:
                raise Failure(f'the 1,000th page of {target} is not full')
            first, last = rounds(plan, f'filter: {name}', lambda: load(target), lambda: load(deep))
            p50 = lambda runs: Figure([r.p50 for r in runs])                                # noqa: E731
            rows.append(Row(f'  {name}: p50 of the 1,000th page', 'ms', p50(last), p50(first), 'the first', (MOST, 2), 'ratio'))
        board, = rounds(plan, 'filter: columns', lambda: load(f'/v1/post-statuses?projectId={s.project}'))
    rows[0].what = f'{count:,} posts in 100 projects, {db}, {rows[0].what.strip()}'
    return rows + [Row('  columns of the board with their numbers, p50', 'ms', Figure([r.p50 for r in board]))]


def filtered(plan):
    """Lists of posts by status and date at a million posts, the 1,000th page beside the first."""
    rows = filtered_on(plan, 'sqlite', 100000 if plan.quick else 1000000, 10 if plan.quick else 50)
    if os.environ.get('SCRIPED_TEST_PG'):
        rows += filtered_on(plan, 'postgres', 100000 if plan.quick else 300000, 10)
    return rows


# ---------------------------------------------------------------------------------------------------------- writes

def commits(s, seconds, calls):
    """Notes that SQLite itself commits in a second, `calls` of them in a transaction, into the data of a stopped server."""
    p = subprocess.run([os.path.join(ROOT, 'build', 'bench', 'commits'), database(s), str(seconds), str(calls)],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if p.returncode:
        raise Failure(p.stderr.strip())
    out = json.loads(p.stdout)
    return out['notes'] / out['seconds']


def post(plan):
    """Durable POST /notes, each with its own Idempotency-Key, beside SQLite committing the same four rows on the same disk."""
    counts = (1, 16, 64, 256)
    with scriped() as s, scriped() as lite:
        lite.stop()
        load = lambda n, **more: wrk(s.url + '/v1/notes', n, plan.seconds, auth(s), note=note_body(s), **more)  # noqa: E731
        load(64)
        each = [lambda n=n: charged(pids(s), lambda: load(n)) for n in counts]
        *mine, ordered, single, shared = rounds(
            plan, 'post', *each, lambda: charged(pids(s), lambda: load(64, ordered=True)),
            lambda: commits(lite, plan.seconds, 1), lambda: commits(lite, plan.seconds, 64))
        verify(s)
    row, single = {n: rates(m) for n, m in zip(counts, mine)}, Figure(single)
    rows = [Row(f'durable POST /notes, {n} connection{"s" if n > 1 else ""}', '/s', row[n], single, 'SQLite, 1 a commit',
                (LEAST, 20000) if n == 64 else None) for n in counts]
    return rows + [Row('  64 connections beside one', '/s', row[64], row[1], 'one', (LEAST, 4), 'ratio'),
                   Row('  64 connections beside SQLite alone', '/s', row[64], Figure(shared), 'SQLite, 64 a commit'),
                   Row('  64 connections beside keys in order', '/s', row[64], rates(ordered), 'keys in order'),
                   Row('  CPU of the server per POST, 64 connections', 'µs', costs(mine[counts.index(64)]), costs(ordered), 'keys in order')]


def verify(s):
    """Every note that was written has its three companions."""
    with reading(s) as db:
        n, others = db.execute('SELECT (SELECT count(*) FROM note), (SELECT count(*) FROM event)').fetchone()
        keys = db.execute('SELECT count(*) FROM idempotency WHERE status = 200').fetchone()[0]
    if not n == others == keys:
        raise Failure(f'{n} notes, {others} events, {keys} idempotency records')


def patch(plan):
    """PATCH of the text of one of 100,000 posts, each under a key of its own, beside POST /notes on the same server."""
    with scriped(lambda s: fill_posts(s, ROWS)) as s, tempfile.NamedTemporaryFile('w') as ids:
        with reading(s) as db:
            ids.writelines(f'post_{i}\n' for i, in db.execute("SELECT id FROM post WHERE status <> 'published'"))
        ids.flush()
        change = json.dumps({'content': 'XXXXXXXX' + CONTENT[8:]})
        ours = lambda n: wrk(s.url + '/v1/posts/', n, plan.seconds, auth(s), note=change, ids=ids.name)         # noqa: E731
        post = lambda n: wrk(s.url + '/v1/notes', n, plan.seconds, auth(s), note=note_body(s))                  # noqa: E731
        ours(64)
        many, notes, one, note = rounds(plan, 'patch', lambda: charged(pids(s), lambda: ours(64)), lambda: charged(pids(s), lambda: post(64)),
                                        lambda: charged(pids(s), lambda: ours(1)), lambda: charged(pids(s), lambda: post(1)))
    return [Row(f'PATCH one of {ROWS:,} posts, 64 connections', '/s', rates(many), rates(notes), 'POST /notes', (LEAST, 0.8), 'ratio'),
            Row('  the same by CPU time', '/s', capacity(many), capacity(notes), 'POST /notes', (LEAST, 0.8), 'ratio'),
            Row('  CPU of the server per PATCH', 'µs', costs(many), costs(notes), 'POST /notes'),
            Row('  1 connection', '/s', rates(one), rates(note), 'POST /notes')]


def mixed(plan):
    """GET one note over 8 connections, some 250 a second each, while 64 connections POST flat out."""
    with scriped(lambda s: fill_notes(s, ROWS)) as s:
        note = fetched(s, f'/v1/notes?projectId={s.project}&limit=1').json()['data'][0]['id']
        read = lambda: wrk(f'{s.url}/v1/notes/{note}', 8, plan.seconds, auth(s), pause=4)   # noqa: E731

        def beside():
            writer = wrk_start(s.url + '/v1/notes', 64, plan.seconds + 2, auth(s), note=note_body(s))
            try:
                time.sleep(1)       # into the middle of the writes
                return read(), wrk_end(writer)
            finally:
                if writer.poll() is None:
                    writer.kill()
                    writer.wait()
        both, alone = rounds(plan, 'mixed', beside, read)
    reads, writes = [r for r, w in both], [w for r, w in both]
    pick = lambda loads, name: Figure([getattr(load, name) for load in loads])              # noqa: E731
    return [Row('p99 of GET one note beside POST flat out, 64 connections', 'ms', pick(reads, 'p99'), pick(alone, 'p99'), 'no writes', (MOST, 10)),
            Row('  p50', 'ms', pick(reads, 'p50'), pick(alone, 'p50'), 'no writes'),
            Row('  the slowest', 'ms', pick(reads, 'worst'), pick(alone, 'worst'), 'no writes'),
            Row('  the POSTs meanwhile', '/s', pick(writes, 'rate'))]


# ------------------------------------------------------------------------------------------------------------ jobs

def start_bins(port):
    """scriped_job_start_seconds: [(upper bound in ms, jobs so far)]."""
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=10) as a:
        text = a.read().decode()
    return [(float(le) * 1e3, int(n)) for le, n in re.findall(r'^scriped_job_start_seconds_bucket\{le="([^"]+)"\} (\d+)$', text, re.M)]


def quantile(before, after, q):
    """Straight through the bin that holds it; the last bin has no end, and counts as its beginning."""
    counts = [(le, b - a) for (le, a), (_, b) in zip(before, after)]
    goal, low, below = q * counts[-1][1], 0.0, 0
    for le, upto in counts:
        if upto >= goal:
            return low if le == float('inf') else low + (le - low) * (goal - below) / max(upto - below, 1)
        low, below = le, upto
    return low


def latency(plan, s, port, n):
    client, before = s.client(), start_bins(port)
    for _ in range(n):
        answer = client.post('/v1/jobs', {'type': 'NOOP'})
        if answer.status != 200:
            raise Failure(f'POST /v1/jobs: {answer!r}')
        time.sleep(0.004)       # the pace: the server is idle again
    client.close()
    if not wait_for(lambda: start_bins(port)[-1][1] - before[-1][1] == n, 10):
        raise Failure('not every job was started')
    after = start_bins(port)
    return quantile(before, after, 0.5), quantile(before, after, 0.99)


def throughput(s, n):
    """Jobs a second from the first POST to the last DONE, both by the clock of this machine; counted in the database."""
    client, done = s.client(), 'SELECT count(*), max(completed_at) FROM job WHERE status = \'DONE\''
    with reading(s) as db:
        had, began = db.execute(done).fetchone()[0], time.time()
        for _ in range(n // 1000):
            answer = client.post('/v1/jobs', {'type': 'NOOP', 'count': 1000})
            if answer.status != 200:
                raise Failure(f'POST /v1/jobs: {answer!r}')
        if not wait_for(lambda: db.execute(done).fetchone()[0] == had + n, 120, 0.1):
            raise Failure('the jobs did not end')
        ended = db.execute(done).fetchone()[1] / 1e3
    client.close()
    return n / (ended - began)


def jobs(plan):
    """From POST to start of a job on an idle server, and no-op jobs from end to end."""
    port, n, many = free_port(), 200 if plan.quick else 1000, 10000 if plan.quick else 50000
    with scriped(bench=True, metrics_listen=f'127.0.0.1:{port}') as s:
        latency(plan, s, port, 100)
        starts, ends = rounds(plan, 'jobs', lambda: latency(plan, s, port, n), lambda: throughput(s, many))
    return [Row('enqueue to start of a job, idle: p50', 'ms', Figure([a for a, b in starts]), bound=(MOST, 1)),
            Row('  p99', 'ms', Figure([b for a, b in starts]), bound=(MOST, 10)),
            Row(f'no-op jobs end to end, {many:,} of them', '/s', Figure(ends), bound=(LEAST, 5000))]


# ------------------------------------------------------------------------------------------- memory, start, size

def under_load(plan, s):
    """The most that it held with 1,000 connections: reads, lists, writes."""
    note = fetched(s, f'/v1/notes?projectId={s.project}&limit=1').json()['data'][0]['id']
    with MemoryWatch(s.proc.pid) as watch:
        wrk(f'{s.url}/v1/notes/{note}', 1000, plan.seconds, auth(s))
        wrk(f'{s.url}/v1/notes?projectId={s.project}', 1000, plan.seconds, auth(s))
        wrk(f'{s.url}/v1/notes', 1000, plan.seconds, auth(s), note=note_body(s))
    return watch.most


def memory_case(plan):
    """RssAnon + RssShmem and VmRSS, idle after the start and the most under load."""
    idle, loaded = [], []
    for i in range(plan.rounds):
        progress(f'memory: round {i + 1} of {plan.rounds}')
        with scriped(lambda s: fill_notes(s, ROWS)) as s:
            time.sleep(1)           # its threads have started, its first duties are done
            idle.append(memory(s.proc.pid))
            loaded.append(under_load(plan, s))
    own, every = 'memory of our own', 'VmRSS'
    part = lambda list_, i: Figure([m[i] for m in list_])                                   # noqa: E731
    return [Row(f'{own}, idle', 'MB', part(idle, 0), bound=(MOST, 6)),
            Row(f'  {every}, idle', 'MB', part(idle, 1), bound=(MOST, 20)),
            Row(f'{own}, 1,000 connections', 'MB', part(loaded, 0), bound=(MOST, 60)),
            Row(f'  {every}, 1,000 connections', 'MB', part(loaded, 1), bound=(MOST, 110))]


def timed_ms(run):
    began = time.monotonic()
    run()
    return (time.monotonic() - began) * 1e3


def version():
    subprocess.run(program() + ['version'], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=surroundings())


def starts(plan, title, fill, limit):
    """Each figure is the median of five starts."""
    with scriped(fill) as s:
        def ready():
            times = []
            for _ in range(5):
                s.stop()
                times.append(timed_ms(s.start))
            return statistics.median(times)
        mine, peer = rounds(plan, title, ready, lambda: statistics.median(timed_ms(version) for _ in range(5)))
        size = os.path.getsize(database(s)) / 1e9
    return Row(title + (f' ({size:.1f} GB)' if fill else ''), 'ms', Figure(mine), Figure(peer), '`scriped version`', (MOST, limit))


def start(plan):
    """From exec to the ready line."""
    rows = [starts(plan, 'exec to ready, empty', None, 80)]
    if not plan.quick:
        text = ''.join(itertools.islice(itertools.cycle(CONTENT + ' '), 4000))

        def fill(s):
            fill_notes(s, 230000, text)
            fill_jobs(s, 100000)
        progress('start: making 1 GB of data')
        rows.append(starts(plan, 'exec to ready, full', fill, 200))
    return rows


def size(plan):
    """The server binary, stripped, with and without the pages that it serves."""
    whole, pages = os.path.getsize(program()[-1]) / 1e6, os.path.getsize(os.path.join(ROOT, 'build', 'release', 'site.pack')) / 1e6
    return [Row('server binary, stripped, without the documentation', 'MB', Figure([whole - pages]), bound=(MOST, 2)),
            Row('  with it', 'MB', Figure([whole]))]


CASES = {'get': get, 'page': page, 'filter': filtered, 'post': post, 'patch': patch, 'mixed': mixed, 'jobs': jobs, 'memory': memory_case, 'start': start, 'size': size}
