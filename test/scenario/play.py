"""play.py -- performs one story: its requests against a server, its checks on what comes back."""
import base64
import datetime
import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import threading
import time

import house
import put
from cases import Skip, Wrong, need
from ports import free_port
from scn import Exchange, Step
from server import LIFTED, PATIENCE, ROOT, Client, Server, Wire, wait_for

VARIABLE = re.compile(r'\$(?:\{([a-z]\w*(?:\.\w+)*)\}|([a-z]\w*(?:\.\w+)*))', re.A)
CALL = re.compile(r'\$\((\w+)(?: ([^()]*))?\)')
PLACELESS = ('version', 'openapi', '--help')    # commands that take no --data
CONF = 'test.conf'


# ---------------------------------------------------------------------------------------------------- functions

def iso(seconds):
    t = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=float(seconds))
    return t.strftime('%Y-%m-%dT%H:%M:%S.') + f'{t.microsecond // 1000:03d}Z'


def day(days='0'):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=int(days))).strftime('%Y-%m-%d')


def b64(data):
    return base64.urlsafe_b64encode(data.encode('utf-8', 'surrogateescape')).decode().rstrip('=')


def recursor(args):
    """recursor CURSOR JSON: the cursor with these fields changed, those that are null left out."""
    cursor, change = args.split(' ', 1)
    inside = json.loads(base64.urlsafe_b64decode(cursor + '=' * (-len(cursor) % 4)))
    inside.update(json.loads(change))
    return b64(json.dumps({k: v for k, v in inside.items() if v is not None}, separators=(',', ':')))


def repeat(args):
    n, text = args.split(' ', 1)
    return text * int(n)


def raw_bytes(args):
    return bytes.fromhex(args).decode('utf-8', 'surrogateescape')


FUNCTIONS = {
    'repeat': repeat,
    'nest': lambda a: '[' * int(a) + ']' * int(a),
    'bytes': raw_bytes,
    'time': lambda a: iso(a or 0),
    'day': lambda a: day(a or 0),
    'base64': b64,
    'recursor': recursor,
    'flip': lambda a: a[:-1] + ('0' if a[-1] != '0' else '1'),
    'lower': str.lower,
    'free_port': lambda _: str(free_port()),
    'random': lambda a: secrets.token_hex(8),
    'cut': lambda a: a.split(' ', 1)[1][:int(a.split(' ', 1)[0])],
    'tail': lambda a: a.split(' ', 1)[1][-int(a.split(' ', 1)[0]):],
    'other_mode': lambda a: a.replace('_live_', '_xxxx_').replace('_test_', '_live_').replace('_xxxx_', '_test_'),
}


# ------------------------------------------------------------------------------------------------------ JSON paths

ABSENT = object()


def look(value, path):
    """What stands at a path like data[0].slot.id or data[].id; ABSENT where nothing does."""
    parts = re.findall(r'[^.\[\]]+|\[-?\d*\]', path)
    for i, p in enumerate(parts):
        if p == '[]':
            if not isinstance(value, list):
                return ABSENT
            rest = '.'.join(parts[i + 1:]).replace('.[', '[')
            found = [look(v, rest) if rest else v for v in value]
            return ABSENT if ABSENT in found else found
        if p.startswith('['):
            at = int(p[1:-1])
            if not isinstance(value, list) or not -len(value) <= at < len(value):
                return ABSENT
            value = value[at]
        elif isinstance(value, dict) and p in value:
            value = value[p]
        else:
            return ABSENT
    return value


def shown(value):
    return 'nothing' if value is ABSENT else json.dumps(value, ensure_ascii=False)[:300]


def compare(op, got, want):
    """One operator of a check; want is text for ~ !~ is has, else a value."""
    if op in ('~', '!~'):
        text = got if isinstance(got, str) else json.dumps(got)
        return got is not ABSENT and (re.search(want, text, re.S | re.M) is not None) == (op == '~')
    if op == 'is':
        return got is not ABSENT and house.is_kind(got, want)
    if op == 'has':
        return isinstance(got, (list, str, dict)) and len(got) == int(want)
    if op == '!=':
        return got is not ABSENT and got != want
    if op == '=':
        return got is not ABSENT and got == want and isinstance(got, bool) == isinstance(want, bool)
    if op == 'in':
        return got is not ABSENT and got in want
    if op in ('contains', 'lacks'):
        return isinstance(got, (list, str, dict)) and (want in got) == (op == 'contains')
    try:
        return {'<': got < want, '<=': got <= want, '>': got > want, '>=': got >= want}[op]
    except TypeError:
        return False


def unary(op, got):
    if op in ('absent', 'present'):
        return (got is ABSENT) == (op == 'absent')
    if not isinstance(got, list):
        return False
    if op == 'distinct':
        return len({json.dumps(v, sort_keys=True) for v in got}) == len(got)
    return got == sorted(got, reverse=op == 'descending')


# -------------------------------------------------------------------------------------------------------- the world

class Out:
    """What a command printed, in the form of an answer."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr, self.body = status, stdout, stderr, stdout.encode()

    def __repr__(self):
        return f'<exit {self.status} stdout {self.stdout[:300]!r} stderr {self.stderr[:300]!r}>'


class World:
    """A server, the variables known to a story, and who speaks."""

    def __init__(self, engine, record, seen, slow=False):
        self.engine, self.record, self.seen, self.slow = engine, record, seen, slow
        self.server, self.vars, self.who, self.client, self.made = None, {}, 'key', None, []
        self.title, self.settings, self.patience = '', {}, PATIENCE

    def child(self, title):
        """The world of one story: what its file prepared, and its own from there."""
        w = World(self.engine, self.record, self.seen, self.slow)
        w.server, w.vars, w.title, w.settings = self.server, dict(self.vars), title, dict(self.settings)
        w.vars.update(title=title, engine=self.engine)
        return w

    def close(self):
        """Ends what this world made; the file's server stays."""
        if self.client:
            self.client.close()
        for thing in reversed(self.made):
            thing.close()

    # text

    def fill(self, text):
        """Variables and functions replaced; the result may hold bytes as surrogates."""
        def variable(m):
            name = m.group(1) or m.group(2)
            value = self.value(name)
            return value if isinstance(value, str) else json.dumps(value)

        def call(m):
            if m.group(1) not in FUNCTIONS:
                raise Wrong(f'there is no function {m.group(1)}')
            return FUNCTIONS[m.group(1)](m.group(2) or '')
        text = VARIABLE.sub(variable, text)
        while CALL.search(text):
            text = CALL.sub(call, text)
        return text

    def value(self, name):
        if name not in self.vars and name.endswith('.id') and name[:-3] in self.vars:
            self.vars[name] = self.key_id(self.vars[name[:-3]], name[:-3])
        if name not in self.vars:
            raise Wrong(f'nothing is called ${name}')
        return self.vars[name]

    def key_id(self, key, name):
        workspace = self.vars.get(name + '.workspace', self.vars['workspace'])
        found = [k['id'] for k in self.server.keys(workspace) if k['name'] == name and k['last4'] == key[-4:]]
        need(len(found) == 1, f'the list of keys has {len(found)} called {name}')
        return found[0]

    def literal(self, text):
        """A JSON value, or a variable's value as it is."""
        m = VARIABLE.fullmatch(text)
        if m:
            return self.value(m.group(1) or m.group(2))
        try:
            return json.loads(self.fill(text))
        except ValueError:
            raise Wrong(f'not JSON: {text}')

    # preparation

    def prepare(self, step):
        words = [] if step.word in ('log', 'let', 'upload') else shlex.split(self.fill(step.args))
        names = [w for w in words if '=' not in w]
        options = dict(w.split('=', 1) for w in words if '=' in w)
        getattr(self, 'do_' + step.word)(step, names, options)

    def do_server(self, step, names, options):
        self.settings = dict(self.settings, **options)
        self.use(Server(self.settings, db=self.engine))

    def use(self, server, extra=()):
        """A server of this world's own, from setup to the ready line."""
        self.made.append(server)
        self.server, self.extra = server, list(extra)
        server.setup()
        server.start(extra=self.extra)
        self.vars.update(workspace=server.id, project=server.project, key=server.key)
        self.rebind()

    def rebind(self):
        """The server may listen elsewhere now."""
        s = self.server
        self.vars.update(url=s.url, host=s.host, port=str(s.port), data=s.data)
        if self.client:
            self.client.close()
        self.client = None

    def do_config(self, step, names, options):
        """A settings file in front of the server's start, or rewritten while it runs."""
        if not any(isinstance(m, Server) for m in self.made):
            s = Server(self.settings, db=self.engine, lift=False)   # the file must be able to say otherwise
            self.write_conf(s, options)
            self.use(s, ['--config', os.path.join(s.data, CONF)])
        else:
            self.write_conf(self.server, options)

    def write_conf(self, server, options):
        with open(os.path.join(server.data, CONF), 'w') as f:
            f.writelines(f'{k} = {v}\n' for k, v in {**options, **{k: v for k, v in LIFTED.items() if k not in options}}.items())

    def do_hup(self, *_):
        self.server.hup()

    def do_restart(self, *_):
        self.server.stop()
        self.do_start()

    def do_kill(self, *_):
        self.server.kill()

    def do_stop(self, *_):
        self.server.stop()

    def do_start(self, *_):
        self.server.start(extra=getattr(self, 'extra', ()))
        self.rebind()

    def do_fresh(self, step, names, options):
        self.do_workspace(step, ['fresh'], options)
        for k, source in (('workspace', 'fresh'), ('project', 'fresh.project'), ('key', 'fresh.key')):
            self.vars[k] = self.vars[source]

    def do_workspace(self, step, names, options):
        n = names[0]
        self.vars[n] = self.server.workspace(n, options.get('plan'))
        self.vars[n + '.project'] = self.server.new_project(self.vars[n], n)
        self.vars[n + '.key'] = self.server.mint(workspace=self.vars[n], name=n)

    def of_workspace(self, options):
        return self.vars[options.get('workspace', 'workspace')]

    def do_project(self, step, names, options):
        self.vars[names[0]] = self.server.new_project(self.of_workspace(options), options.get('name', names[0]))

    def do_key(self, step, names, options):
        self.vars[names[0]] = self.server.mint(options.get('scopes', 'all'), options.get('mode', 'live'),
                                               self.of_workspace(options), names[0], options.get('expires'), options.get('version'))
        self.vars[names[0] + '.workspace'] = self.of_workspace(options)

    def do_provider(self, step, names, options):
        self.help('provider/provider.py', names[0])

    def do_web(self, step, names, options):
        self.help('web/web.py', names[0])

    def help(self, script, name):
        h = Helper(script)
        self.made.append(h)
        self.vars[name] = h.url
        self.vars[name + '.port'] = h.url.rpartition(':')[2]

    def do_as(self, step, names, options):
        self.who = names[0]

    def do_only(self, step, names, options):
        if self.engine not in names:
            raise Skip(f'only {names[0]}')

    def do_slow(self, *_):
        if not self.slow:
            raise Skip('slow')
        self.patience = 3 * PATIENCE

    def do_let(self, step, *_):
        name, text = step.args.split(' = ', 1)
        self.vars[name] = self.fill(text)

    def do_upload(self, step, *_):
        name, content_type, kind, *text = self.fill(step.args).split(' ', 3)
        self.vars[name] = put.upload(self.server.url, self.token(), content_type, kind, text[0] if text else '')

    def do_log(self, step, *_):
        op, pattern = self.fill(step.args).split(' ', 1)
        end = '; its end:\n' + self.server.log_text()[-1500:]
        if op == '~':
            need(self.server.log_wait(pattern), f'no line of the log matches {pattern}{end}')
        else:
            need(not re.search(pattern, self.server.log_text(), re.M), f'a line of the log matches {pattern}{end}')

    def do_run(self, step, *_):
        words = shlex.split(self.fill(step.args))
        out = Out(*self.server.cli(*words, ok=None, where=words[0] not in PLACELESS))
        self.judge([out], step.expects, 'run ' + step.args)

    # requests

    def token(self):
        if self.who == 'nobody':
            return None
        return self.vars[self.who + '.key'] if self.who + '.key' in self.vars else self.value(self.who)

    def ask(self, request, target=None):
        """Sends one request of a story; the answer, after the rules of the house."""
        method, target, headers, body = self.dressed(request, target)
        m = re.match(r'^https?://([^/:]+):(\d+)(/.*)?$', target)
        if m:
            return self.elsewhere(m, method, body, headers)
        if not self.client:
            self.client = Client(self.server.host, self.server.port, record=self.note)
        began = time.monotonic()
        answer = self.client.request(method, target, body, headers)
        answer.seconds = time.monotonic() - began
        return self.housed(method, target, answer)

    def elsewhere(self, m, method, body, headers):
        """A request to another server than scriped's API: not held to its rules, not recorded."""
        client = Client(m.group(1), int(m.group(2)))
        try:
            return client.request(method, m.group(3) or '/', body, headers)
        finally:
            client.close()

    def housed(self, method, target, answer):
        house.answer(method, target, answer, self.seen, self.public(), self.docs())
        return answer

    def public(self):
        return self.settings.get('public_url') or self.server.url

    def docs(self):
        return self.settings.get('docs_url_base') or self.public() + '/docs'

    def note(self, request, answer):
        self.record(dict(story=self.title, request=request, answer=answer))

    def dressed(self, request, target=None):
        """Method, target, headers and body as they go out."""
        headers = [(n, self.fill(v)) for n, v in request.headers]
        named = {n.lower() for n, v in headers}
        body = None if request.body is None else self.fill(request.body).encode('utf-8', 'surrogateescape')
        if 'authorization' not in named and self.token():
            headers.append(('Authorization', 'Bearer ' + self.token()))
        if body is not None and 'content-type' not in named:
            headers.append(('Content-Type', 'application/json'))
        headers = [(n, None if v == '-' else v) for n, v in headers]
        return request.method, target or self.fill(request.target), headers, body

    def volley(self, requests, times):
        """Each request `times` times, every one on a connection of its own, all sent at one instant."""
        clients = [(Client(self.server.host, self.server.port, record=self.note), r) for r in requests for _ in range(times)]
        for c, r in clients:
            c.wire = Wire(c.host, c.port, c.timeout)
        try:
            return [self.housed(*a) for a in self.fire(clients)]
        finally:
            for c, r in clients:
                c.close()

    def fire(self, clients):
        """A Client sends and then reads: to send all before the first is read, each runs in a thread that waits at a gate."""
        gate, out = threading.Barrier(len(clients)), [None] * len(clients)

        def one(i, c, r):
            method, target, headers, body = self.dressed(r)
            gate.wait(PATIENCE)
            try:
                out[i] = (method, target, c.request(method, target, body, headers))
            except Exception as e:      # told by the thread that judges
                out[i] = e
        threads = [threading.Thread(target=one, args=(i, c, r)) for i, (c, r) in enumerate(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for o in out:
            if isinstance(o, Exception):
                raise o
        return out

    def walk(self, request):
        """All pages; an answer whose body has all rows."""
        target, rows, pages = self.fill(request.target), [], 0
        while True:
            a = self.ask(request, target=target)
            if a.status != 200:
                return a
            page, pages = a.json(), pages + 1
            rows += page['data']
            if not page['pagination']['has_more']:
                break
            need(pages < 1000, 'a walk of 1,000 pages')
            base = self.fill(request.target)
            target = base + ('&' if '?' in base else '?') + 'cursor=' + page['pagination']['next_cursor']
        a.body = json.dumps({'data': rows, 'pages': pages}).encode()
        return a

    def until(self, x):
        """Asks again until the check holds; the last answer, whether or not it came to that."""
        last = []

        def holds():
            last[:] = [self.ask(x.requests[0])]
            try:
                self.check(x.until, last[0])
                return True
            except Wrong:
                return False
        if not wait_for(holds, self.patience, 0.03):
            raise Wrong(f'{self.patience} s later still not {x.until.path} {x.until.kind} {x.until.value}: {last[0]}')
        return last[0]

    def exchange(self, x):
        if x.walk:
            answers = [self.walk(x.requests[0])]
        elif x.until:
            answers = [self.until(x)]
        elif x.at_once:
            answers = self.volley(x.requests, x.times)
        else:
            answers = [self.ask(r) for r in x.requests for _ in range(x.times)]
        r = x.requests[0]
        self.judge(answers, x.expects, f'{r.method} {self.fill(r.target)}')
        for line, op, path in x.across:
            values = [self.at(path, a) for a in answers]
            kinds = {json.dumps(None if v is ABSENT else v, sort_keys=True) for v in values}
            need(len(kinds) == (1 if op == 'same' else len(values)), f'line {line}: {path} is not {op}: {[shown(v) for v in values]}')

    # judgement

    def judge(self, answers, expects, what):
        """Every answer must be claimed by an expectation that has room, and every expectation get its number."""
        if len(answers) == 1 and len(expects) == 1:
            return self.meet(expects[0], answers[0], what)
        counts = [0] * len(expects)
        for a in answers:
            why = []
            for i, e in enumerate(expects):
                try:
                    need(e.count is None or counts[i] < e.count, f'line {e.line}: {e.count} of these have been seen already')
                    self.meet(e, a, what)
                    counts[i] += 1
                    break
                except Wrong as w:
                    why.append(str(w))
            else:
                raise Wrong('an answer that nothing expects: ' + '; '.join(why))
        for i, e in enumerate(expects):
            need(counts[i] == e.count if e.count is not None else counts[i] > 0,
                 f'line {e.line}: expected {e.count or "some"}, got {counts[i]}')

    def meet(self, e, answer, what):
        try:
            if e.code:
                self.meet_error(e, answer)
            else:
                need(answer.status == e.status or e.status == -1 and answer.status != 0, f'expected {e.status if e.status >= 0 else "another status than 0"}')
            kept = dict(self.vars)
            try:
                for c in e.checks:
                    self.check(c, answer)
            except Wrong:
                self.vars = kept
                raise
        except Wrong as w:
            line = str(w) if str(w).startswith('line ') else f'line {e.line}: {w}'
            raise Wrong(f'{line}\n{what}\n{answer}')

    def meet_error(self, e, answer):
        need(e.code in house.STATUS, f'no code {e.code}')
        need(answer.status == house.STATUS[e.code], f'expected {house.STATUS[e.code]} {e.code}')
        try:
            error = answer.json()['error']
        except (ValueError, KeyError, TypeError):
            raise Wrong(f'expected the error {e.code}')
        need(error['code'] == e.code, f"expected {e.code}, not {error['code']}")
        if e.on:
            need(look(error, 'details.field') == e.on, f"expected details.field {e.on}, got {shown(look(error, 'details.field'))}")
        if e.message and e.message.startswith('~'):
            need(re.search(self.fill(e.message[1:]), error['message']), f'message does not match {e.message[1:]}')
        elif e.message:
            need(error['message'] == self.literal(e.message), f"message is {error['message']!r}")

    def at(self, path, answer):
        if path == 'http':
            return answer.status
        if path == 'seconds':
            return answer.seconds
        if path == 'body':
            return answer.body.decode('utf-8', 'replace')
        if path in ('stdout', 'stderr') and isinstance(answer, Out):
            return getattr(answer, path)
        try:
            value = json.loads(answer.body)
        except ValueError:
            raise Wrong(f'no JSON to look for {path} in')
        return look({'json': value}, path) if re.match(r'json($|[.\[])', path) else look(value, path)

    def check(self, c, answer):
        where = f'line {c.line}: {c.path}'
        if c.kind == 'header':
            return self.check_header(c, answer)
        if c.kind == 'capture header':
            need(answer.get(c.path) is not None, f'{where} is not in the answer')
            self.vars[c.value] = answer.get(c.path)
            return None
        got = self.at(c.path, answer)
        if c.kind == 'capture':
            need(got is not ABSENT, f'{where} is not in the answer')
            self.vars[c.value] = got
        elif c.value == '':
            need(unary(c.kind, got), f'{where} is {shown(got)}, expected {c.kind}')
        else:
            want = self.fill(c.value) if c.kind in ('~', '!~', 'is', 'has') else self.literal(c.value)
            try:
                good = compare(c.kind, got, want)
            except Wrong as w:
                raise Wrong(f'{where}: {w}')
            need(good, f'{where} is {shown(got)}, expected {c.kind} {str(want)[:200]}')
        return None

    def check_header(self, c, answer):
        got, want = answer.get(c.path), c.value
        if want == '-':
            good = got is None
        elif want == '*':
            good = got is not None
        elif want.startswith('~ '):
            good = got is not None and re.search(self.fill(want[2:]), got) is not None
        else:
            good = got == self.fill(want)
        need(good, f'line {c.line}: the header {c.path} is {got!r}, expected {want}')

    def play(self, story):
        for step in story.steps:
            if isinstance(step, Exchange):
                try:
                    self.exchange(step)
                except Wrong as w:
                    raise Wrong(str(w) if str(w).startswith('line ') else f'line {step.line}: {w}')
            elif isinstance(step, Step):
                try:
                    self.prepare(step)
                except (Wrong, Skip):
                    raise
                except Exception as e:
                    raise Wrong(f'line {step.line}: {step.word} {step.args}: {type(e).__name__}: {e}')


class Helper:
    """A script of test/ as a process; .url is the server's, in front of a behaviour: $p/stall/v1."""

    def __init__(self, script):
        cmd = [sys.executable, os.path.join(ROOT, 'test', script), '--until-eof']
        self.proc = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.proc.stdout.readline().strip()
        if not line.isdigit():
            self.close()
            raise Wrong(f'{script} said {line!r}')
        self.url = f'http://127.0.0.1:{line}'

    def close(self):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()
