"""play.py -- a case, how it is sent, and how its answer is judged."""
import json
import os
import queue
import re
import secrets
import shlex
import sys
import threading
import traceback
from dataclasses import dataclass, field

import rules
from cases import Wrong, need
from server import ROOT, Closed

sys.path.append(os.path.join(ROOT, 'test', 'scenario'))
import house

BOUND = (404, 409, 422)     # refusals that an Idempotency-Key binds (12.1)
ID = re.compile(r'[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-9a-f]{16,17}')     # and what ~unique~ stands for
RECENT = re.compile(r'"(createdAt|updatedAt|date)":"[^"]*"')


@dataclass
class Case:
    """want: (status, code, details.field) of a refusal, or None where 200 is right.  check(answer, data, world): what else must be
    true, raises Wrong.  fresh: the kind of a row made for this case alone, ~fresh~.  key: ours or theirs.  about: what is at fault."""
    op: object
    about: str
    fault: str
    target: str
    body: bytes = None
    want: tuple = None
    check: object = None
    headers: list = field(default_factory=list)
    fresh: str = None
    key: str = 'ours'
    code: str = ''      # an Idempotency-Key of its own, so that it can be seen whether it was bound
    routed: bool = True     # whether it comes as far as the key: nothing is bound otherwise
    problem: bool = False   # the refusal has the form of RFC 9457
    alike: bool = True      # the answer is the same on every engine
    script: object = None   # script(client, world) instead of one request

    @property
    def title(self):
        return f'{self.op.title} {self.about}: {self.fault}'

    @property
    def writes(self):
        return self.op.method != 'GET' and self.want is None


def details(a):
    """(code, details.field) of an answer."""
    try:
        e = a.json()['error']
    except (ValueError, KeyError, TypeError):
        return None, None
    return e['code'], e.get('details', {}).get('field')


def at(value, path):
    """value.a.b; Wrong when there is none."""
    for part in path.split('.'):
        need(isinstance(value, dict) and part in value, f'the answer has no {path}')
        value = value[part]
    return value


def short(value):
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 200 else f'{text[:150]}… ({len(text)} characters)'


class Player:
    """Plays cases against one world, on several kept connections."""

    def __init__(self, world, gets, jobs):
        self.world, self.gets, self.jobs = world, gets, jobs        # gets: {prefix of an id: path to read it at}
        self.seen, self.docs, self.kept = set(), f'{world.server.url}/docs', {}
        self.created = []                                           # data of each accepted create

    def play(self, cases):
        """[(case, None | why, what it answered, in a form that is the same on every engine)], in the order of the cases."""
        results, todo = [None] * len(cases), queue.SimpleQueue()
        for i, c in enumerate(cases):
            todo.put((i, c))
        threads = [threading.Thread(target=self.work, args=(todo, results)) for _ in range(self.jobs)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return results

    def work(self, todo, results):
        clients = {k: self.world.server.client(v) for k, v in self.world.keys.items()}
        while True:
            try:
                i, case = todo.get_nowait()
            except queue.Empty:
                break
            results[i] = (case, *self.attempt(clients, case))
        for c in clients.values():
            c.close()

    def attempt(self, clients, case):
        try:
            return self.send(clients, case)
        except Exception:
            return traceback.format_exc(), None

    def send(self, clients, case):
        if case.script:
            return self.follow(clients[case.key], case), None
        names = dict(self.world.names, unique=secrets.token_hex(8), roomy=self.world.roomy())
        if case.fresh:
            names['fresh'] = self.world.create(clients['ours'], case.fresh)
        target, body, headers = self.filled(case, names)
        try:
            a = clients[case.key].request(case.op.method, target, body, headers)
        except (Closed, ConnectionError, TimeoutError) as e:
            clients[case.key].close()
            return f'no answer: {e!r}\n{self.replay(case, target, body, headers)}', None
        try:
            self.judge(clients, case, a)
            if case.code and case.want:
                self.once_more(case, a, clients[case.key].request(case.op.method, target, body, headers))
            return None, signature(a) if case.alike and case.op.name not in rules.LIVING else None
        except Wrong as e:
            return f'{e}\nit answered {a.status} {a.body[:300].decode(errors="replace")}\n{self.replay(case, target, body, headers)}', signature(a)

    def follow(self, c, case):
        try:
            case.script(c, self.world)
            return None
        except Wrong as e:
            return str(e)
        except Exception:
            c.close()
            return traceback.format_exc()

    def filled(self, case, names):
        def fill(data):
            return re.sub(rb'~([a-z_]+)~', lambda m: names[m.group(1).decode()].encode(), data)
        headers = [(n, fill(v.encode()).decode() if v else v) for n, v in case.headers]
        if case.code:
            headers.append(('Idempotency-Key', case.code))
        return fill(case.target.encode()).decode(), fill(case.body) if case.body is not None else None, headers

    def judge(self, clients, case, a):
        house.answer(case.op.method, case.target, a, self.seen, self.world.server.url, self.docs)
        if case.want:
            code, name = details(a) if not case.problem else (a.json().get('code'), None)
            need((a.status, code, name) == case.want, f'expected {case.want}, not {(a.status, code, name)}')
            data = None
        else:
            need(a.status == 200, f'expected 200, not {(a.status, *details(a))}')
            data = a.json().get('data', a.json()) if a.body else None
        if case.writes:
            self.stands(clients[case.key], case, data)
        if case.check:
            case.check(a, data, self.world)

    def once_more(self, case, a, b):
        """The same refused request with the same key: what a key binds is replayed, anything else is refused anew (12.1)."""
        bound = case.routed and case.want[0] in BOUND
        told = b.get('Idempotent-Replayed') == 'true'
        need(told == bound, f"its key is {'' if told else 'not '}bound, and should {'' if bound else 'not '}be")
        need(b.status == a.status and (b.body == a.body) == bound and b.get('X-Request-Id') != a.get('X-Request-Id'), f'once more it is {b}')

    def stands(self, c, case, data):
        """What was answered is what is read afterwards."""
        if data is not None and 'workspace' in data:
            return          # the one answer without an envelope
        if data is not None and 'formality' in data:        # a voice has no id of its own
            again = c.get(f"/v1/projects/{data['projectId']}/voice").json().get('data')
            need(again == data, f'what is read afterwards is not what was answered: {short(again)}')
            return
        need(isinstance(data, dict) and 'id' in data, 'a write answered no resource')
        prefix = data['id'].split('_')[0]
        if case.op.method == 'POST':
            self.created.append(data)
        if prefix in self.gets and prefix != 'job':
            again = c.get(self.gets[prefix].replace('{}', data['id'])).json().get('data')
            once = {k: v for k, v in data.items() if (prefix, k) != ('key', 'key')}     # a token is shown when it is minted
            need(again == once, f'what is read afterwards is not what was answered: {short(again)}')

    def replay(self, case, target, body, headers):
        """The same by hand."""
        words = ['curl', '-sS', '-X', case.op.method, self.world.server.url + target, '-H', 'Authorization: Bearer $KEY']
        for n, v in headers:
            words += ['-H', f'{n}: {v}']
        if body is not None:
            words += ['-H', 'Content-Type: application/json', '--data-binary']
            try:
                text = body.decode()
            except UnicodeDecodeError:
                text = '\0'
            words.append(text if len(text) < 500 and '\0' not in text else '@' + self.kept_body(body))
        return ' '.join(shlex.quote(w).replace("$KEY'", "'$KEY") for w in words)

    def kept_body(self, body):
        folder = os.path.join(ROOT, 'build', 'matrix')
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f'{self.world.engine}-{len(self.kept)}.body')
        self.kept[path] = True
        with open(path, 'wb') as f:
            f.write(body)
        return os.path.relpath(path, ROOT)


def signature(a):
    """An answer without what differs from run to run: ids, new keys, moments of now, what a worker may have done meanwhile."""
    text = a.body.decode(errors='replace')
    if a.status == 200 and '"id":"job_' in text:
        text = 'a job'
    text = re.sub(r'"checks":.*', '"checks":…', text)
    text = re.sub(r'"(last4|lastUsedAt|revokedAt)":"[^"]*"', r'"\1":…', text)
    text = re.sub(r'scripe_sk_(live|test)_[0-9a-f]{64}', r'scripe_sk_\1_…', text)
    text = re.sub(r'(X-Amz-(?:Credential|Date|Signature))=[^&"]*', r'\1=…', text)
    text = re.sub(r'("maxSizeBytes":\d+,"expiresAt"):"[^"]*"', r'\1:…', text)
    text = re.sub(r'/invite/[\w-]{43}', '/invite/…', text)
    text = re.sub(r'"expiresAt":"[^"]*"(,"acceptedAt")', r'"expiresAt":…\1', text)
    text = RECENT.sub(r'"\1":…', ID.sub('…', text))
    text = re.sub(r'"next_cursor":"[^"]*"', '"next_cursor":…', text)
    text = re.sub(r'http://[^/"]*', '', text)
    heads = {n: a.get(n) for n in ('Scripe-Ignored-Fields', 'Idempotent-Replayed', 'Idempotency-Key-Ignored', 'Content-Type') if a.get(n) is not None}
    return a.status, text, tuple(sorted(heads.items()))
