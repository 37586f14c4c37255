"""load.py -- clients as good clients are, and the history of what they asked and were told.

Each logical write has an Idempotency-Key and is asked again with the same key, of any node, until an answer stands: after a connection that broke, a time-out, a 5xx,
a 429 (after its Retry-After), a twin that is in flight.  Some clients are impatient: they ask once and never learn what became of it.

A history is a list of dicts, one for each logical call, in the order of their ends:

    op        note.create post.create post.patch post.get note.get generate noop cancel folder.create folder.delete walk upload file
    client    who asked; a client does one thing after the other
    t0 t1     seconds, from the first try to the last answer; t1 is null when no answer ever stood
    outcome   ok: 2xx; no: an answer that stands and is no 2xx; unknown: none
    status code rid replayed answer etag     of the answer that stands
    tries     [{node, t0, t1, status, rid}]; status 0: no answer
    key token id expected         what the call is about (see each method)

Content is a token: whoever finds it in the database knows who wrote it."""
import json
import random
import threading
import time
import urllib.request

from server import Client, Closed

PATIENCE = 45           # seconds until a good client gives up
TRY_S = 6               # and until it takes a try for lost
ALL_S = 30              # likewise when nothing is wrong with anything: until then there is an answer, if only that it is too much now
HANGS_UP = 0.03         # how many writes with a key lose their answer on the way: the caller is gone, at any moment
RETRIED = (429, 500, 502, 503, 504)
MIX = {'note': 24, 'post': 12, 'patch': 20, 'get': 14, 'generate': 8, 'noop': 6, 'folder': 5, 'walk': 3, 'upload': 5}
PROSE = 'We moved the standup to the afternoon. Nobody missed the morning. The night shift hears the news at last. Two weeks later the other site copied it.'


class History:
    """Filled by all clients."""

    def __init__(self, zero):
        self.zero, self.lock, self.calls = zero, threading.Lock(), []

    def now(self):
        return round(time.monotonic() - self.zero, 6)

    def add(self, call):
        with self.lock:
            self.calls.append(call)


class Load:
    """Some clients of one workspace for some time.  mine: a function that gives the nodes that answer requests."""

    def __init__(self, tenant, nodes, seed, clients, stored):
        self.tenant, self.nodes, self.history, self.rest, self.healed = tenant, nodes, History(time.monotonic()), threading.Event(), threading.Event()
        self.stored = stored                                        # whether there is a bucket for files
        self.posts, self.notes, self.folders, self.broken, self.lock = [], [], [], [], threading.Lock()
        self.threads = [threading.Thread(target=Caller(self, i, random.Random(f'{seed}/{i}')).work, daemon=True) for i in range(clients)]

    def start(self):
        for t in self.threads:
            t.start()

    def stop(self):
        """What is wrong with clients."""
        self.rest.set()
        for t in self.threads:
            t.join(2 * PATIENCE)
        return self.broken + [f'a client ({t.name}) does not come to its end' for t in self.threads if t.is_alive()]

    def keep(self, where, what):
        with self.lock:
            where.append(what)

    def pick(self, rng, where):
        with self.lock:
            return rng.choice(where[-12:]) if where else None       # of the last ones: that is where callers meet


class Caller:
    """One client."""

    def __init__(self, load, number, rng, key=None):
        self.load, self.number, self.rng, self.history, self.tenant, self.key = load, number, rng, load.history, load.tenant, key or load.tenant.key
        self.wires, self.impatient, self.serial = {}, number % 5 == 4, 0

    def work(self):
        kinds, weights = zip(*MIX.items())
        try:
            while not self.load.rest.is_set():
                getattr(self, self.rng.choices(kinds, weights)[0])()
        except Exception as e:                  # whatever it is: a client that ended is no quiet client
            self.load.broken.append(f'client {self.number}: {e!r}')

    # asking

    def once(self, node, method, path, body, headers):
        """One try: an answer, or None."""
        at = node.host, node.port
        c = self.wires.get(node.name)
        if c is None or (c.host, c.port) != at:
            c = self.wires[node.name] = Client(*at, self.key)
        c.timeout = ALL_S if self.load.healed.is_set() else TRY_S
        if c.wire:
            c.wire.sock.settimeout(c.timeout)
        if headers and self.rng.random() < HANGS_UP:
            c = Client(*at, self.key, timeout=self.rng.uniform(0.001, 0.03))
        try:
            return c.request(method, path, body, headers)
        except (Closed, OSError, ValueError):
            c.close()
            time.sleep(0.01)
            return None

    def call(self, op, method, path, body=None, key=None, **about):
        """A logical call, from the first try to the answer that stands; enters it into the history and gives it."""
        headers = {'Idempotency-Key': key} if key else {}
        if about.get('match'):
            headers['If-Match'] = about['match']
        call = dict(op=op, client=self.number, path=path, key=key, body=body, t0=self.history.now(), t1=None, outcome='unknown', tries=[], **about)
        again, answer = not self.impatient and (key or method == 'GET' or op.endswith('.delete')), None
        while True:
            node, began = self.rng.choice(self.load.nodes()), self.history.now()
            answer = self.once(node, method, path, body, headers)
            call['tries'].append(dict(node=node.name, t0=began, t1=self.history.now(), status=answer.status if answer else 0,
                                      rid=answer.get('X-Request-Id') if answer else None))
            if self.stands(answer):
                break
            if not again or self.history.now() - call['t0'] > PATIENCE:
                self.history.add(call)
                return call
            time.sleep(self.pause(answer, len(call['tries'])))      # as a client backs off
        call.update(t1=self.history.now(), outcome='ok' if answer.status < 300 else 'no', status=answer.status, code=answer.code() if answer.status >= 300 else None,
                    rid=answer.get('X-Request-Id'), replayed=answer.get('Idempotent-Replayed') == 'true', etag=answer.get('ETag'), ignored=answer.get('Idempotency-Key-Ignored'), answer=answer.body.decode())
        call['data'] = json.loads(answer.body).get('data') if answer.status < 300 else None
        self.history.add(call)
        return call

    @staticmethod
    def stands(answer):
        return answer is not None and answer.status not in RETRIED and answer.code() != 'idempotency_in_progress'

    def pause(self, answer, tries):
        said = answer.get('Retry-After') if answer else None
        return min(float(said or 0) if said else 0.02 * 2 ** min(tries, 6), 2) * self.rng.uniform(0.5, 1)

    def token(self, op):
        self.serial += 1
        return f'{op}-{self.tenant.round}-{self.number}-{self.serial}-{self.rng.getrandbits(48):012x}'

    # what it does

    def note(self):
        token, folder = self.token('note'), self.load.pick(self.rng, self.load.folders) if self.rng.random() < 0.3 else None
        body = {'projectId': self.tenant.project, 'content': token, **({'folderId': folder} if folder else {})}
        call = self.call('note.create', 'POST', '/v1/notes', body, token, token=token, folder=folder)
        if call['outcome'] == 'ok':
            self.load.keep(self.load.notes, call['data']['id'])
            if self.rng.random() < 0.5:
                self.own('note', call)

    def post(self):
        token = self.token('post')
        body = {'projectId': self.tenant.project, 'content': token}
        if self.rng.random() < 0.2:
            body['scheduledFor'] = '2099-01-02T03:04:05.678Z'
        call = self.call('post.create', 'POST', '/v1/posts', body, token, token=token)
        if call['outcome'] == 'ok':
            self.load.keep(self.load.posts, call['data']['id'])
            if self.rng.random() < 0.5:
                self.own('post', call)

    def own(self, kind, wrote):
        """Who wrote reads what it wrote, from any node."""
        ident = wrote['data']['id']
        self.call(f'{kind}.get', 'GET', f'/v1/{kind}s/{ident}', id=ident, own=wrote['token'])

    def get(self):
        kind = self.rng.choice(('post', 'post', 'note'))
        ident = self.load.pick(self.rng, self.load.posts if kind == 'post' else self.load.notes)
        if ident:
            self.call(f'{kind}.get', 'GET', f'/v1/{kind}s/{ident}', id=ident)

    def patch(self):
        """Reads a post, and changes it if it still is what was read; sometimes a moment later."""
        ident = self.load.pick(self.rng, self.load.posts)
        if not ident:
            return
        seen = self.call('post.get', 'GET', f'/v1/posts/{ident}', id=ident)
        if seen['outcome'] != 'ok' or not seen['etag']:
            return
        for _ in range(self.rng.choice((1, 1, 2))):                 # the second one has a stale tag: it must be refused
            token = self.token('patch')
            body = {'content': token}
            call = self.call('post.patch', 'PATCH', f'/v1/posts/{ident}', body, token, match=seen['etag'], id=ident, expected=seen['data']['content'],
                             token=token)
            if call['outcome'] == 'ok' and self.rng.random() < 0.3:
                self.own('post', call)

    def generate(self):
        token = self.token('gen')
        body = {'projectId': self.tenant.project, 'source': {'text': f'{token}. {PROSE}'}}
        if self.rng.random() < 0.4:
            body['wait_for_completion_ms'] = 2000
        call = self.call('generate', 'POST', '/v1/posts/generations', body, token, token=token)
        if call['outcome'] == 'ok' and self.rng.random() < 0.15:
            self.call('cancel', 'POST', f"/v1/jobs/{call['data']['id']}/cancel", id=call['data']['id'])

    def noop(self):
        token = self.token('noop')
        self.call('noop', 'POST', '/v1/jobs', {'type': 'NOOP'}, token, token=token)

    def folder(self):
        if self.rng.random() < 0.6 or not self.load.folders:
            token = self.token('folder')
            body = {'projectId': self.tenant.project, 'name': token}
            call = self.call('folder.create', 'POST', '/v1/folders', body, token, token=token)
            if call['outcome'] == 'ok':
                self.load.keep(self.load.folders, call['data']['id'])
            return
        ident = self.load.pick(self.rng, self.load.folders)
        if ident:
            with self.load.lock:
                if ident in self.load.folders:
                    self.load.folders.remove(ident)
            self.call('folder.delete', 'DELETE', f'/v1/folders/{ident}', id=ident)

    def walk(self):
        """All notes by pages, each of another node; what stood acknowledged before the walk must be met, once."""
        began, seen, cursor = self.history.now(), [], None
        while True:
            path = f'/v1/notes?projectId={self.tenant.project}&limit=50' + (f'&cursor={cursor}' if cursor else '')
            page = self.call('page', 'GET', path)
            if page['outcome'] != 'ok':
                self.history.add(dict(op='walk', client=self.number, t0=began, t1=self.history.now(), outcome=page['outcome'], status=page.get('status'),
                                      code=page.get('code'), tries=[]))
                return
            whole = json.loads(page['answer'])
            seen += [n['id'] for n in whole['data']]
            cursor = whole['pagination']['next_cursor']
            if not cursor:
                break
        self.history.add(dict(op='walk', client=self.number, t0=began, t1=self.history.now(), outcome='ok', seen=seen, tries=[]))

    def revoked(self, node, since):
        """A key that was revoked is shown to one node until it is refused."""
        while self.history.now() < since + 12:
            began, answer = self.history.now(), self.once(node, 'GET', '/v1/workspaces/me', None, {}) if node.port else None
            rid = answer.get('X-Request-Id') if answer else None
            self.history.add(dict(op='revoked', client=self.number, t0=began, t1=self.history.now(), since=since, rid=rid, status=answer.status if answer else 0,
                                  outcome='unknown' if not answer else 'ok' if answer.status == 200 else 'no', code=answer.code() if answer else None,
                                  answer=answer.body.decode() if answer else '', tries=[dict(node=node.name, t0=began, t1=self.history.now(),
                                  status=answer.status if answer else 0, rid=rid)]))
            if answer and answer.status == 401:
                return
            time.sleep(0.2)             # a caller that tries now and then

    def upload(self):
        """Without a key and without a second try: what the rate limit is measured by.  Some of them are used."""
        call = self.call('upload', 'POST', '/v1/uploads', {'contentType': 'text/plain', 'maxSizeBytes': 1000})
        if call['outcome'] == 'ok' and self.load.stored and self.rng.random() < 0.5:
            self.file(call['data'])

    def file(self, upload):
        """The bytes go to the bucket; a source is made of them."""
        token = self.token('file')
        try:
            put = urllib.request.Request(upload['uploadUrl'], f'{token}. {PROSE}'.encode(), method='PUT', headers={'Content-Type': 'text/plain'})
            urllib.request.urlopen(put, timeout=TRY_S).close()
        except OSError:
            return
        body = {'type': 'file', 'projectId': self.tenant.project, 'uploadId': upload['id']}
        self.call('file', 'POST', '/v1/sources', body, token, token=token)
