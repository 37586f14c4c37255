#!/usr/bin/env python3
"""crash.py -- kill -9 the server under load, start it again, and count.

    python3 test/crash/crash.py 50
    python3 test/lib/pg.py -- python3 test/crash/crash.py 50 --engine pg

A round: clients write notes, posts, sources, generations and knowledge documents, each under an Idempotency-Key of its own, and go on trying until
they have an answer, as a good client does.  At a random instant the server dies (sometimes again while it starts), and
comes back on the same data.  When every client has its answers, every job has ended and each source has its topics, once, the round is counted: what is
listed is what was acknowledged, no less, no more, nothing twice; each job is DONE with one post of its own, or
CANCELLED with none; each document has all its passages once, and of a deleted one nothing is left; an acknowledged key gives the same bytes again.  At the end all of it is counted once more, and every key is replayed.

Some clients are unlucky on top: they hang up before the answer, send a request twice at once, or cancel the job they made.
In about every other life the writer is a chat-completions endpoint that streams slowly, so that the kill meets jobs half written, and
knowledge gets vectors of an endpoint.

--seed repeats the choices of a run (not its timing).  The last line is `N passed, N failed`; a failed run keeps its data.
"""
import argparse
import collections
import glob
import itertools
import json
import os
import random
import sqlite3
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', 'provider')]
from provider import Provider                                                       # noqa: E402
from server import Client, Closed, Failure, Server, Wire, wait_for      # noqa: E402

PATIENCE = 60                                   # seconds until something that must happen counts as never
PATHS = {'note': '/v1/notes', 'post': '/v1/posts', 'source': '/v1/sources', 'job': '/v1/posts/generations', 'document': '/v1/knowledge'}
SENTENCES = (
    'The {n}th warehouse visit taught us more than the survey did.', 'Forklift drivers know where the hours go.',
    'We moved {n} pallets by hand because a label printer was down.', 'Nobody had written the workaround down.',
    'A checklist of seven lines saved two shifts in {n} days.', 'The second site copied it without being asked.',
    'Measure the queue before you buy a faster machine.', 'Our best idea came from the night shift in week {n}.',
    'Training took an afternoon, and forgetting took {n} weeks.', 'What would your team write on such a list?')

Write = collections.namedtuple('Write', 'kind key answer exact')    # answer: the bytes; exact: a replay gives these very ones


class Mismatch(Exception):
    """The server is not in the state that its answers promised."""


def text(rng, sentences):
    return ' '.join(rng.choice(SENTENCES).format(n=rng.randrange(2, 999)) for _ in range(sentences))


def compose(project, kind, key):
    """The body that goes out under a key: a function of the key, so that it need not be kept."""
    rng, body = random.Random(key), {'projectId': project}
    if kind == 'document':
        body.update(type='text', name=key, text=f'{key}. ' + text(rng, rng.choice((2, 40, 400, 2000))))
    elif kind == 'job':
        body['source'] = {'text': f'{key}. ' + text(rng, rng.choice((8, 8, 40, 400)))}
        if rng.random() < 0.2:
            body['wait_for_completion_ms'] = 200
    elif kind == 'source':
        body.update(type='text', text=f'{key}: {text(rng, rng.choice((2, 2, 2, 3000)))}')
    else:
        body['content'] = f'{key}: {text(rng, 2)}'
        if kind == 'post' and rng.random() < 0.3:
            body['scheduledFor'] = '2099-01-02T03:04:05.678Z'
    return body


def same(a, b, exact):
    """Whether two answers to one create agree.  One that waited shows a job further on than the replay does."""
    return a == b if exact else json.loads(a)['data']['id'] == json.loads(b)['data']['id']


class Ledger:
    """What the server has acknowledged, by kind and id.  Filled by the clients, read when they rest."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rows = {kind: {} for kind in PATHS}
        self.cancelled, self.doubtful, self.problems = set(), set(), []
        self.deleted = set()                    # documents that somebody was told are deleted
        self.recovered = 0                      # answers that came from a replay: lost before, or the twin's

    def add(self, replayed, write, ident):
        with self.lock:
            self.recovered += replayed
            other = self.rows[write.kind].setdefault(ident, write)
            if other is not write:
                self.problems.append(f'{ident} was given to two keys: {other.key} and {write.key}')

    def problem(self, what):
        with self.lock:
            self.problems.append(what)

    def writes(self):
        return [w for rows in self.rows.values() for w in rows.values()]


class Run:
    """One server, many lives."""

    def __init__(self, args, provider):
        self.rng, self.args, self.ledger = random.Random(args.seed), args, Ledger()
        self.writers = {'writer': 'builtin'}, {'writer': 'openai', 'openai_url': provider.url('slow-1'), 'analyser': 'builtin',
                                                  'embed_url': provider.url(), 'embed_pause': 100}
        self.up, self.rest = threading.Event(), threading.Event()
        self.known = {kind: set() for kind in PATHS}
        self.documents = []                     # that were there when the last round was counted
        # With PostgreSQL a job of a dead node comes back when its lease has run out; the embedded server takes its own back at once.
        lease = {'lease': 1000, 'heartbeat': 200, 'job_poll': 50} if args.engine == 'postgres' else {}
        self.server = Server(lease, db=args.engine)
        self.kills = self.resumed = 0

    def open(self):
        self.server.setup()
        self.start()

    def start(self):
        self.server.settings.update({'embed_url': ''}, **self.rng.choice(self.writers))
        self.server.start()
        self.up.set()

    def client(self):
        return Client(self.server.host, self.server.port, self.server.key, timeout=PATIENCE)

    # the clients

    def load(self, number):
        """One client of one round."""
        rng = random.Random(f'{self.args.seed}/{number}')
        try:
            caller = Caller(self, rng)
            while not self.rest.is_set():
                self.write(caller, rng)
        except (Failure, Mismatch) as e:
            self.ledger.problem(str(e))

    def write(self, caller, rng):
        kind = rng.choices(('note', 'post', 'source', 'job', 'document'), (33, 24, 10, 25, 8))[0]
        key = f'crash-{rng.getrandbits(96):024x}'
        body = compose(self.server.project, kind, key)
        answer = caller.create(PATHS[kind], key, body)
        ident = answer.json()['data']['id']
        self.ledger.add(answer.get('Idempotent-Replayed') == 'true', Write(kind, key, answer.body, 'wait_for_completion_ms' not in body), ident)
        if kind in ('job', 'document') and rng.random() < 0.2:
            self.cancel(caller, ident)
        if self.documents and rng.random() < 0.05:
            self.delete(caller, rng.choice(self.documents))

    def delete(self, caller, document):
        """Gone, whoever was first."""
        answer, _ = caller.insist('DELETE', f'/v1/knowledge/{document}')
        with self.ledger.lock:
            self.ledger.deleted.add(document)
            if answer.status not in (200, 404):
                self.ledger.problems.append(f'deletion of {document}: {answer!r}')

    def cancel(self, caller, job):
        """A cancel has no idempotency key: when an answer was lost, a 409 may be due to our own first try."""
        answer, tries = caller.insist('POST', f'/v1/jobs/{job}/cancel')
        with self.ledger.lock:
            if answer.status == 200:
                self.ledger.cancelled.add(job)
            elif answer.code() != 'not_cancellable':
                self.ledger.problems.append(f'cancel of {job}: {answer!r}')
            elif tries > 1:
                self.ledger.doubtful.add(job)

    # the counting

    def settle(self):
        c = self.client()
        left = []

        def ended():
            left[:] = c.get('/v1/jobs?status=QUEUED,RUNNING&limit=5').json()['data']
            return not left
        if not wait_for(ended, PATIENCE):
            raise Mismatch(f'jobs that do not end: {left}')
        c.close()

    def listed(self, c, kind, known=frozenset()):
        """The rows of a list, newest first, back to the first page that holds nothing new."""
        path = {'note': f'/v1/notes?projectId={self.server.project}&', 'post': f'/v1/posts?projectId={self.server.project}&',
                'job': '/v1/jobs?type=POST_GENERATION&', 'document': '/v1/jobs?type=KB_INGEST_TEXT&', 'listed': '/v1/knowledge?'}[kind] + 'limit=200'
        rows, cursor = {}, None
        while True:
            answer = c.get(path + (f'&cursor={cursor}' if cursor else ''))
            if answer.status != 200:
                raise Mismatch(f'GET {path}: {answer!r}')
            page = answer.json()
            fresh = [r for r in page['data'] if r['id'] not in known]
            for r in fresh:
                if r['id'] in rows:
                    raise Mismatch(f"{r['id']} is listed twice")
                rows[r['id']] = r
            cursor = page['pagination']['next_cursor']
            if not cursor or not fresh:
                return rows

    def acknowledged(self, c, known):
        """Sources have no list: those that were acknowledged and are there, each with its beginning, once its topics came."""
        found = {}
        for i in self.ledger.rows['source'].keys() - known:
            a = c.get(f'/v1/sources/{i}')
            if a.status != 200:
                continue
            if a.json()['data']['updatedAt'] is None:
                wait_for(lambda: c.get(f'/v1/sources/{i}').json()['data']['updatedAt'], PATIENCE)
                a = c.get(f'/v1/sources/{i}')
            found[i] = a.json()['data']
        return found

    def count(self, known):
        """Raises Mismatch unless the rows behind `known` are those acknowledged; adds them to known."""
        c, bad = self.client(), list(self.ledger.problems)
        rows = {kind: self.acknowledged(c, known[kind]) if kind == 'source' else self.listed(c, kind, known[kind]) for kind in PATHS}
        c.close()
        wanted = {kind: {i: w for i, w in self.ledger.rows[kind].items() if i not in known[kind]} for kind in PATHS}
        for kind in PATHS:
            bad += [f'{i} was acknowledged and is gone' for i in wanted[kind].keys() - rows[kind].keys()]
        for kind in ('note', 'job', 'document'):
            bad += [f'{i} is there and nobody was told' for i in rows[kind].keys() - wanted[kind].keys()]
        for kind in ('note', 'post'):
            bad += [f"{i} has another content than was sent: {rows[kind][i]['content']!r}" for i in wanted[kind].keys() & rows[kind].keys()
                    if rows[kind][i]['content'] != compose(self.server.project, kind, wanted[kind][i].key)['content']]
        bad += [f'{i} has another text than was sent' for i, s in rows['source'].items()
                if s['textPreview'] != compose(self.server.project, 'source', wanted['source'][i].key)['text'][:2000]]
        bad += [f"{i} has the topics {[t['ranking'] for t in s['topics']]}" for i, s in rows['source'].items()
                if not s['topics'] or [t['ranking'] for t in s['topics']] != list(range(1, len(s['topics']) + 1))]
        self.resumed += sum(job['attemptCount'] > 1 for job in rows['job'].values())
        bad += self.count_jobs(rows['job'], rows['post'], set(wanted['post']))
        bad += self.count_documents(rows['document'])
        if bad:
            raise Mismatch('\n  '.join(bad[:20] + ([f'and {len(bad) - 20} more'] if len(bad) > 20 else [])))
        for kind in PATHS:
            known[kind] |= rows[kind].keys()
        self.count_columns(len(known['post']))

    def count_jobs(self, jobs, posts, written):
        """Each job has one post of its own or was cancelled; each post has one job or was written by a client."""
        owner = {}
        for i, job in jobs.items():
            post = (job['result'] or {}).get('postId')
            may = {'CANCELLED'} if i in self.ledger.cancelled else {'DONE', 'CANCELLED'} if i in self.ledger.doubtful else {'DONE'}
            if job['status'] not in may:
                yield f"{i} is {job['status']} ({job['errorCode']}: {job['errorMessage']}) and should be {' or '.join(sorted(may))}"
            elif (job['status'] == 'DONE') != (post is not None):
                yield f"{i} is {job['status']} with result {job['result']}"
            elif post is not None and owner.setdefault(post, i) != i:
                yield f'{post} belongs to {i} and to {owner[post]}'
            elif post is not None and post not in posts:
                yield f'{post} of {i} is gone'
        for post in posts.keys() - owner.keys() - written:
            yield f'{post} is there without a job and nobody was told'
        for post in owner.keys() & written:
            yield f'{post} was written by a client and is the result of {owner[post]}'

    def count_documents(self, jobs):
        """Each new ingest made a document or was cancelled; what is listed is what was made and not deleted."""
        c = self.client()
        listed = self.listed(c, 'listed')
        c.close()
        for i, job in jobs.items():
            document = (job['result'] or {}).get('documentId')
            may = {'CANCELLED'} if i in self.ledger.cancelled else {'DONE', 'CANCELLED'} if i in self.ledger.doubtful else {'DONE'}
            if job['status'] not in may:
                yield f"{i} is {job['status']} ({job['errorCode']}: {job['errorMessage']}) and should be {' or '.join(sorted(may))}"
            elif job['status'] == 'DONE' and (document in listed) == (document in self.ledger.deleted):
                yield f"{document} of {i} is {'there and was deleted' if document in listed else 'gone'}"
        self.documents = list(listed)

    def documents_whole(self, db):
        """Every passage of every document once, and nothing of any other."""
        def ask(sql):
            return db.execute(sql).fetchall()
        torn = ask("""SELECT k.id, k.passages, count(p.place) FROM knowledge k LEFT JOIN knowledge_passage p ON p.document = k.id GROUP BY k.id HAVING count(p.place) <> k.passages""")
        size = ask('SELECT sum(passages), sum(words) FROM knowledge')[0], (ask('SELECT passages, words FROM knowledge_size') or [(None, None)])[0]
        left = {t: ask(f'SELECT count(*) FROM {t} WHERE document NOT IN (SELECT id FROM knowledge)')[0][0]
                for t in ('knowledge_passage', 'knowledge_term', 'knowledge_slice', 'knowledge_vector')}
        left['knowledge_unlisted'] = ask('SELECT count(*) FROM knowledge_unlisted')[0][0]
        short = ask("""SELECT k.id, k.passages, coalesce(sum(v.n), 0) FROM knowledge k LEFT JOIN knowledge_vector v ON v.document = k.id AND v.model = k.vectors
                       WHERE k.vectors <> '' GROUP BY k.id HAVING coalesce(sum(v.n), 0) <> k.passages""")
        if torn or short or any(left.values()) or [v or 0 for v in size[0]] != [v or 0 for v in size[1]]:
            raise Mismatch(f'documents: passages {torn[:3]}, vectors {short[:3]}, left behind {left}, size {size}')

    def count_columns(self, posts):
        """Each post stands in a column, and the columns of the board know how many they hold."""
        c = self.client()
        columns = c.get(f'/v1/post-statuses?projectId={self.server.project}').json()['data']
        c.close()
        if sum(column['postCount'] for column in columns) != posts:
            raise Mismatch(f"{posts} posts, and the columns hold {[column['postCount'] for column in columns]}")

    def replay(self, writes):
        c = self.client()
        for w in writes:
            a = c.post(PATHS[w.kind], compose(self.server.project, w.kind, w.key), {'Idempotency-Key': w.key})
            if a.status != 200 or a.get('Idempotent-Replayed') != 'true':
                raise Mismatch(f'replay of {w.key} ({w.kind}): Idempotent-Replayed {a.get("Idempotent-Replayed")}, {a!r}')
            if not same(a.body, w.answer, w.exact):
                raise Mismatch(f'replay of {w.key} ({w.kind}) gives\n    {a.body!r}\n  and the first answer was\n    {w.answer!r}')
        c.close()

    # the rounds

    def round(self, number):
        self.rest.clear()
        before = len(self.ledger.writes())
        threads = [threading.Thread(target=self.load, args=(f'{number}.{i}',), daemon=True) for i in range(self.args.clients)]
        for t in threads:
            t.start()
        time.sleep(self.rng.uniform(0.002, 0.25))       # the random instant is what is tested, no event to wait for
        self.crash()
        while self.rng.random() < 0.15:
            self.crash_while_starting()
        self.start()
        time.sleep(self.rng.uniform(0, 0.03))           # some writes on the server that came back
        self.rest.set()
        for t in threads:
            t.join(2 * PATIENCE)
            if t.is_alive():
                raise Mismatch('a client got no answer')
        self.settle()
        self.count(self.known)
        writes = self.ledger.writes()
        self.replay(self.rng.sample(writes, min(20, len(writes))))
        return len(writes) - before

    def crash(self):
        self.up.clear()
        self.server.kill()
        self.kills += 1

    def crash_while_starting(self):
        """A second death on the way up, before or after the ready line."""
        def strike():
            proc = self.server.proc
            if proc:
                proc.kill()
        timer = threading.Timer(self.rng.uniform(0, 0.08), strike)
        timer.start()
        try:
            self.server.start()
        except Failure:
            pass                                        # it died before it was ready, as it was meant to
        timer.join()
        self.server.kill()
        self.kills += 1

    # the end

    def all_there(self):
        self.resumed = 0
        self.count({kind: set() for kind in PATHS})

    def all_replayed(self):
        self.replay(self.ledger.writes())
        self.settle()
        self.all_there()

    def emptied(self):
        """The keeper has removed what is of no document: looked at from outside, for no operation tells."""
        path = os.path.join(self.server.data, 'scriped.db')
        with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as db:
            return db.execute('SELECT count(*) FROM knowledge_unlisted').fetchone()[0] == 0

    def database_whole(self):
        if os.path.exists(os.path.join(self.server.data, 'scriped.db')) and not wait_for(self.emptied, PATIENCE):
            raise Mismatch('what is left of deleted documents is not removed')
        self.server.stop()
        for path in glob.glob(os.path.join(self.server.data, '*')):
            if not os.path.isfile(path) or open(path, 'rb').read(15) != b'SQLite format 3':
                continue
            with sqlite3.connect(path) as db:
                if db.execute('PRAGMA integrity_check').fetchall() != [('ok',)] or db.execute('PRAGMA foreign_key_check').fetchall():
                    raise Mismatch(f'{os.path.basename(path)} is damaged')
                self.documents_whole(db)
                whole = db.execute('SELECT count(*) FROM source s JOIN source_text t ON t.source = s.id').fetchone()[0]
                if not whole == len(self.ledger.rows['source']) == db.execute('SELECT count(*) FROM source').fetchone()[0]:
                    raise Mismatch(f"{len(self.ledger.rows['source'])} sources were acknowledged and {whole} are there with their text")
                if db.execute("SELECT count(*) FROM job WHERE type = 'SOURCE_ANALYSE'").fetchone()[0]:
                    raise Mismatch('an analysis ended and left its job behind')
        self.server.cli('doctor')


class Caller:
    """A client that never gives up and never changes its request."""

    def __init__(self, run, rng):
        self.run, self.rng, self.client, self.served = run, rng, None, None

    def once(self, method, path, body, headers):
        """An answer, or None when none came."""
        if not self.run.up.wait(PATIENCE):
            raise Failure('the server does not come back')
        address = self.run.server.host, self.run.server.port
        if self.client is None or self.served != address:
            self.client, self.served = self.run.client(), address
        try:
            return self.client.request(method, path, body, headers)
        except (Closed, ConnectionError):
            return None
        except OSError as e:
            raise Failure(f'{method} {path}: no answer: {e}') from None

    def insist(self, method, path, body=None, headers=None):
        """The answer that stands, and after how many tries."""
        end = time.monotonic() + PATIENCE
        for tries in itertools.count(1):
            answer = self.once(method, path, body, headers)
            if answer is not None and answer.status != 503 and answer.code() != 'idempotency_in_progress':
                return answer, tries
            if time.monotonic() > end:
                raise Failure(f'{method} {path}: {answer!r} after {tries} tries')
            if answer is not None:
                if not (answer.get('Retry-After') or '').isdigit():
                    raise Mismatch(f'{method} {path}: {answer!r} has no Retry-After')
                time.sleep(int(answer.get('Retry-After')))
            else:
                time.sleep(0.002)                       # the port may be dead before the test knows it

    def create(self, path, key, body):
        headers, luck = {'Idempotency-Key': key}, self.rng.random()
        if luck < 0.05:
            self.hang_up(path, headers, body)
        twin = Twin(self, path, headers, body) if luck > 0.95 else None
        answer, _ = self.insist('POST', path, body, headers)
        if answer.status != 200:
            raise Mismatch(f'POST {path} under {key}: {answer!r}')
        if twin:
            twin.compare(answer, 'wait_for_completion_ms' not in body)
        return answer

    def hang_up(self, path, headers, body):
        try:
            Hasty(self.run.server.host, self.run.server.port, self.run.server.key, timeout=PATIENCE).post(path, body, headers)
        except (OSError, Closed):
            pass


class Hasty(Client):
    """The request goes out and the connection ends before the answer."""

    def exchange(self, method, data):
        with Wire(self.host, self.port, self.timeout) as wire:
            wire.send(data)
        raise Closed()


class Twin(threading.Thread):
    """The same request at the same time over another connection."""

    def __init__(self, caller, path, headers, body):
        super().__init__()
        self.caller, self.args, self.answer, self.error = Caller(caller.run, caller.rng), ('POST', path, body, headers), None, None
        self.start()

    def run(self):
        try:
            self.answer, _ = self.caller.insist(*self.args)
        except (Failure, Mismatch) as e:
            self.error = e

    def compare(self, other, exact):
        self.join()
        if self.error:
            raise Mismatch(f'the twin: {self.error}')
        a, b = self.answer, other
        if a.status != b.status or not same(a.body, b.body, exact):
            raise Mismatch(f'twins got different answers: {a!r} and {b!r}')
        if (a.get('Idempotent-Replayed'), b.get('Idempotent-Replayed')) == ('false', 'false'):
            raise Mismatch(f'both twins were the first: {a!r}')


def bar(done, total, note):
    if sys.stderr.isatty():
        n = 30 * done // total
        print(f'\r[{"#" * n}{"." * (30 - n)}] {done}/{total} {note}\x1b[K', end='' if done < total else '\n', file=sys.stderr, flush=True)


def check(tally, name, fn, *args):
    try:
        result = fn(*args)
    except (Mismatch, Failure, OSError, ValueError, KeyError) as e:
        tally[1] += 1
        print(f'not ok - {name}\n  {type(e).__name__}: {e}')
        return None
    tally[0] += 1
    return result if result is not None else True


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0], epilog='example: python3 test/crash/crash.py 50 --seed 7')
    p.add_argument('rounds', type=int, nargs='?', default=50)
    p.add_argument('--engine', choices=('sqlite', 'postgres', 'pg'), default='sqlite')
    p.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10 ** 6))
    p.add_argument('--clients', type=int, default=6)
    args = p.parse_args()
    if args.engine == 'pg':
        args.engine = 'postgres'
    print(f'crash: {args.rounds} rounds on {args.engine}, seed {args.seed}', flush=True)
    with Provider() as provider:
        return crash(Run(args, provider), args)


def crash(run, args):
    tally, began = [0, 0], time.monotonic()
    try:
        rounds(run, args, tally)
    except BaseException:
        run.server.kill()
        raise
    kinds = ', '.join(f'{len(rows)} {kind}s' for kind, rows in run.ledger.rows.items())
    print(f'{run.kills} kills, {kinds}; {run.ledger.recovered} answers given again, {run.resumed} jobs begun again, '
          f'{len(run.ledger.cancelled)} cancelled, {len(run.ledger.deleted)} documents deleted; {time.monotonic() - began:.1f} s')
    if tally[1]:
        os.environ['SCRIPED_KEEP'] = '1'
        print(f'data kept in {run.server.data}; again with --seed {args.seed}')
    run.server.close(check=False)
    print(f'{tally[0]} passed, {tally[1]} failed')
    return tally[1] != 0


def rounds(run, args, tally):
    writes = 0
    if not check(tally, 'start', run.open):
        return
    for i in range(args.rounds):
        done = check(tally, f'round {i + 1}', run.round, i)
        if not done:
            return                                  # what follows would only repeat it
        writes += done
        bar(i + 1, args.rounds, f'{writes} writes')
    for name, fn in (('everything acknowledged is there, once', run.all_there), ('every key is replayed', run.all_replayed),
                     ('the database is whole', run.database_whole)):
        check(tally, name, fn)


if __name__ == '__main__':
    sys.exit(main())
