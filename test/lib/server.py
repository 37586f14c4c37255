"""server.py -- a scriped of one's own for a test, and an HTTP/1.1 client that keeps its hands on every byte.

    with Server({'rate_write': 5}) as s:        # setup, serve on a free port, at the end SIGTERM and exit 0
        c = s.client()                          # speaks with the key that setup made
        c.post('/v1/notes', {'projectId': s.project, 'content': 'Hi'}).json()
        s.kill(); s.start()                     # kill -9, and again on the same data

SCRIPED_BIN names the program (default build/scriped; more words are a wrapper: "valgrind -q build/scriped").
`db='postgres'` makes a database with a random name in the server of SCRIPED_TEST_PG and drops it at the end; with SCRIPED_TEST_SCHEMA=4 it is of
that schema, as before the operator migrates.
The rate limits are lifted unless the settings say otherwise.  SCRIPED_KEEP=1 keeps the folders.

Standard library only.  A Server and a Client belong to one thread each; Server.client() makes as many as one likes.
"""
import base64
import fcntl
import functools
import glob
import hashlib
import json
import os
import re
import secrets
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse
from contextlib import contextmanager

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIFTED = {'rate_read': 0, 'rate_write': 0, 'rate_jobs': 0, 'rate_uploads': 0, 'rate_unknown': 0, 'rate_mcp': 0, 'rate_signin_account': 0,
          'rate_signin_address': 0, 'rate_register': 0, 'rate_documents': 0, 'rate_codes': 0}
# Of a test that submits whatever URL there is: nothing is fetched from anywhere.
OFFLINE = {'fetch_proxy': 'http://127.0.0.1:1', 'youtube_proxy': 'http://127.0.0.1:1'}
PATIENCE = 60           # seconds that anything is waited for: what does not come then never comes, however slow and busy the machine
METRICS = re.compile(rb'^metrics on http://\S+:(\d+)/metrics\n', re.M)
READY = re.compile(r'^scriped ready on http://(\S+):(\d+)$')


def program():
    """The command line of scriped, as a list."""
    return shlex.split(os.environ.get('SCRIPED_BIN', '')) or [os.path.join(ROOT, 'build', 'scriped')]


def surroundings():
    """Our environment without SCRIPED_*: these are settings to scriped, and ours are not meant for it."""
    return {k: v for k, v in os.environ.items() if not k.startswith('SCRIPED_')}


class Failure(Exception):
    """A command or the server did not do what a test needs."""


# ---------------------------------------------------------------------------------------------------- PostgreSQL

def psql(url, sql):
    import pg
    exe = pg.find('psql')
    if not exe:
        raise Failure('no psql on this machine')
    p = subprocess.run([exe, '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', sql],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if p.returncode:
        raise Failure('psql: ' + p.stderr.strip())
    return p.stdout


def database_url(server, name):
    return urllib.parse.urlunsplit(urllib.parse.urlsplit(server)._replace(path='/' + name))


@functools.cache
def template(server):
    """The name of a database with all tables and no row, made once, and how to copy it: that takes a tenth of making the tables.

    As files, for through the log, which is what newer servers do unless told, it takes twice as long."""
    schema = hashlib.sha256(b''.join(open(f, 'rb').read() for f in sorted(glob.glob(os.path.join(ROOT, 'schema', '*.sql')))))
    older = os.environ.get('SCRIPED_TEST_SCHEMA')
    name = 'scriped_template_' + schema.hexdigest()[:12] + (f'_{older}' if older else '')
    with open(os.path.join(tempfile.gettempdir(), f'{name}-{urllib.parse.urlsplit(server).port}.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not psql(server, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            part = name + '_part'
            psql(server, f'DROP DATABASE IF EXISTS {part}')
            psql(server, f"CREATE DATABASE {part} TEMPLATE template0 ENCODING 'UTF8'")
            url = database_url(server, part)
            if older:
                subprocess.run([*program(), 'migrate', '--db', url, '--to', older], stdin=subprocess.DEVNULL, capture_output=True, check=True, env=surroundings())
            subprocess.run([*program(), 'setup', '--db', url], stdin=subprocess.DEVNULL, capture_output=True, check=True, env=surroundings())
            psql(url, """DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ')
                         FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_version'); END $$""")
            psql(server, f'ALTER DATABASE {part} RENAME TO {name}')
    return name + (' STRATEGY file_copy' if int(psql(server, 'SHOW server_version_num')) >= 150000 else '')


class Database:
    """A database with a random name; .url for --db; drop() removes it."""

    def __init__(self):
        self.server = os.environ.get('SCRIPED_TEST_PG')
        if not self.server:
            raise Failure('SCRIPED_TEST_PG is not set (run under test/lib/pg.py)')
        self.name = 'scriped_test_' + secrets.token_hex(6)
        psql(self.server, f'CREATE DATABASE {self.name} TEMPLATE {template(self.server)}')
        self.url = database_url(self.server, self.name)

    def drop(self):
        psql(self.server, f'DROP DATABASE IF EXISTS {self.name} WITH (FORCE)')


# -------------------------------------------------------------------------------------------------------- server

LOCAL = threading.local()


def born():
    """The servers that this thread made, for who tells why a test failed, and forgets them behind each."""
    LOCAL.servers = getattr(LOCAL, 'servers', [])
    return LOCAL.servers


class Clock:
    """The time of day of a server, which test/lib/clock.c moves: no test waits for an hour to pass."""

    def __init__(self, path):
        self.path, self.ahead = path, 0.0
        self.forward(0)

    def forward(self, seconds):
        self.ahead += seconds
        with open(self.path, 'r+b' if os.path.exists(self.path) else 'wb') as f:
            f.write(struct.pack('=q', int(self.ahead * 1e9)))

    def now(self):
        return time.time() + self.ahead


def preload(*names):
    """What a program needs in its environment so that these come before everything else."""
    beside, found = os.path.dirname(program()[-1]), []
    for name in names:
        places = [os.path.join(beside, name), os.path.join(beside, 'release', name)]
        found += [f for f in places if os.path.exists(f)][:1]
    if len(found) != len(names):
        raise Failure(f'{" or ".join(names)} is not in {beside}: make build/release/{names[0]}, or BUILD=asan build/asan/{names[0]}')
    # a sanitizer wants to come first; these call nothing of it
    return {'LD_PRELOAD': ':'.join(found), 'ASAN_OPTIONS': ':'.join(filter(None, (os.environ.get('ASAN_OPTIONS'), 'verify_asan_link_order=0')))}


class Server:
    """settings: a dict of --set.  data: a folder to use (kept) instead of a temporary one.  clock: the time of day is .clock's.
    port: where it always listens; 0 is another one at each start.  names: those of test/lib/names.c; what it connects to is a line each of `connects` in the folder.

    .id .project .key are what setup printed; .host .port .url where it listens; .metrics the port of its metrics; .log the path of its standard error."""

    def __init__(self, settings=None, db='sqlite', data=None, workspace='Test', project='Main', lift=True, clock=False, names='', port=0):
        self.settings = {**(LIFTED if lift else {}), **({'db_clock': False} if clock else {}), **(settings or {})}
        self.own = data is None
        self.data = data or tempfile.mkdtemp(prefix='scriped-test-')
        self.log = os.path.join(self.data, 'stderr.log') if self.own else tempfile.mktemp(prefix='scriped-log-')
        self.names, self.names_of = (workspace, project), names
        self.listen = f'127.0.0.1:{port}'
        self.proc = self.host = self.port = self.id = self.project = self.key = None
        self.clock = Clock(os.path.join(self.data, 'clock')) if clock else None
        self.database = Database() if db == 'postgres' else None
        self.where = ['--data', self.data] + (['--db', self.database.url] if self.database else [])
        self.words = None
        born().append(self)

    def __enter__(self):
        try:
            self.setup()
            self.start()
        except BaseException:
            self.close(check=False)
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.close(check=kind is None)

    # commands

    def cli(self, *args, ok=(0,), where=True, timeout=2 * PATIENCE, said=None):
        """Runs `scriped ARGS --data DIR`, with `said` at its standard input; gives (status, standard output, standard error)."""
        given = {'stdin': subprocess.DEVNULL} if said is None else {'input': said}
        p = subprocess.run(program() + [str(a) for a in args] + (self.where if where else []), **given,
                           capture_output=True, text=True, timeout=timeout, env=self.surroundings())
        if ok is not None and p.returncode not in ok:
            raise Failure(f"scriped {' '.join(map(str, args))}: exit {p.returncode}: {p.stderr.strip() or p.stdout.strip()}")
        return p.returncode, p.stdout, p.stderr

    def setup(self):
        """Makes the first workspace; returns and remembers the ids (the key only at the first run)."""
        out = json.loads(self.cli('setup', '--workspace', self.names[0], '--project', self.names[1])[1])
        self.id, self.project = out['workspaceId'], out['projectId']
        self.key = out['key'] or self.key
        return out

    def workspace(self, name='Other', plan=None):
        args = ['workspace', 'create', '--name', name, '--json'] + (['--plan', plan] if plan else [])
        return json.loads(self.cli(*args)[1])['id']

    def new_project(self, workspace=None, name='Project'):
        return json.loads(self.cli('project', 'create', '--workspace', workspace or self.id, '--name', name, '--json')[1])['id']

    def mint(self, scopes='all', mode='live', workspace=None, name='test', expires=None, version=None):
        args = ['key', 'mint', '--workspace', workspace or self.id, '--name', name, '--mode', mode, '--scopes', scopes]
        more = [*(['--expires', expires] if expires else []), *(['--api-version', version] if version else [])]
        return self.cli(*args, *more)[1].strip()

    def keys(self, workspace=None):
        return json.loads(self.cli('key', 'list', '--workspace', workspace or self.id, '--json')[1])

    def revoke(self, key_id, reason=None):
        self.cli('key', 'revoke', key_id, *(['--reason', reason] if reason else []))

    # the process

    def surroundings(self):
        loaded = [n for n, wanted in (('clock.so', self.clock), ('names.so', self.names_of), ('held.so', os.environ.get('SCRIPED_TEST_HELD'))) if wanted]
        more = {'CLOCK_FILE': self.clock.path} if self.clock else {}
        if self.names_of:
            more |= {'NAMES': self.names_of, 'CONNECTS': os.path.join(self.data, 'connects')}
        return {**surroundings(), **more, **(preload(*loaded) if loaded else {})}

    def launch(self, extra=()):
        args = program() + ['serve'] + self.where + ['--listen', self.listen]
        for k, v in self.settings.items():
            args += ['--set', f'{k}={str(v).lower() if isinstance(v, bool) else v}']
        with open(self.log, 'ab') as log:
            self.proc = subprocess.Popen(args + list(extra), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=log, env=self.surroundings())

    def start(self, timeout=PATIENCE, extra=()):
        """Starts serve and waits for its ready line."""
        self.launch(extra)
        try:
            self.host, self.port = self.wait_ready(timeout)
        except BaseException:
            self.kill()
            raise
        self.url = f'http://{self.host}:{self.port}'
        self.reader = threading.Thread(target=self.proc.stdout.read, daemon=True)
        self.reader.start()
        return self

    def wait_ready(self, timeout):
        end, seen, fd, poll = time.monotonic() + timeout, b'', self.proc.stdout.fileno(), select.poll()
        poll.register(fd, select.POLLIN)
        while time.monotonic() < end:
            if not poll.poll(max(0, 1000 * (end - time.monotonic()))):
                break
            part = os.read(fd, 4096)
            if not part:
                break
            seen += part
            for line in seen.decode(errors='replace').split('\n')[:-1]:
                m = READY.match(line)
                if m and ('metrics_listen' not in self.settings or METRICS.search(seen)):
                    self.metrics = int(METRICS.search(seen).group(1)) if 'metrics_listen' in self.settings else None
                    return m.group(1), int(m.group(2))
        raise Failure('scriped serve gave no ready line; it said: ' + (seen.decode(errors='replace') + self.log_text()).strip()[-2000:])

    def stop(self, check=True, timeout=PATIENCE):
        """SIGTERM; with check the exit status must be 0."""
        if not self.proc:
            return None
        proc, self.proc = self.proc, None
        if proc.poll() is None:
            proc.send_signal(signal.SIGTERM)
        try:
            status = proc.wait(timeout)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
            raise Failure(f'scriped did not end within {timeout} s of SIGTERM; its log ends: {self.log_text()[-2000:]}')
        finally:
            self.unpipe(proc)
        if check and status != 0:
            raise Failure(f'scriped exited with {status} at SIGTERM; its log ends: {self.log_text()[-4000:]}')
        return status

    def kill(self):
        """kill -9."""
        if self.proc:
            proc, self.proc = self.proc, None
            proc.kill()
            proc.wait()
            self.unpipe(proc)

    def unpipe(self, proc):
        if getattr(self, 'reader', None):
            self.reader.join(PATIENCE)
            self.reader = None
        proc.stdout.close()

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def restart(self):
        self.stop()
        return self.start()

    def hup(self):
        self.proc.send_signal(signal.SIGHUP)

    def close(self, check=True):
        """Ends the server and removes what was made for it."""
        try:
            self.stop(check)
        finally:
            if self.database:
                self.database.drop()
                self.database = None
            self.words = self.log_text()[-20000:]
            if not os.environ.get('SCRIPED_KEEP'):
                if self.own:
                    shutil.rmtree(self.data, ignore_errors=True)
                elif os.path.exists(self.log):
                    os.unlink(self.log)

    def log_text(self):
        try:
            with open(self.log, errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def last_words(self):
        """The end of its log, also when that is gone."""
        text = self.log_text() if self.words is None else self.words
        return '\n'.join(line[:600] for line in text.strip().split('\n')[-15:])

    def log_wait(self, pattern, timeout=PATIENCE):
        """The first match of a regular expression in the log, waiting for it up to timeout seconds."""
        return wait_for(lambda: re.search(pattern, self.log_text(), re.M), timeout)

    @contextmanager
    def twin(self, settings=None, shared=False, clock=False, port=0):
        """Another node on the same database, with the same key, and a folder of its own or the same one."""
        other = Server(settings, db='sqlite', clock=clock, port=port)
        other.where, other.database, other.key = ['--db', self.database.url, '--data', self.data if shared else other.data], None, self.key
        other.id, other.project = self.id, self.project
        try:
            other.start()
            yield other
        finally:
            other.close()

    # clients

    def wire(self, timeout=PATIENCE):
        return Wire(self.host, self.port, timeout)

    def client(self, key=None, record=None):
        return Client(self.host, self.port, self.key if key is None else key, record)


def wait_for(what, timeout=PATIENCE, pause=0.02):
    """Calls what() until it gives something true, and returns that; None after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() >= end:
            return None
        time.sleep(pause)


# ---------------------------------------------------------------------------------------------------------- HTTP

class Answer:
    """status (int), reason, version, headers (a list of pairs, in order, names as sent), body (bytes)."""

    def __init__(self, status, reason, version, headers, body=b''):
        self.status, self.reason, self.version, self.headers, self.body = status, reason, version, headers, body
        self.value = None

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        return ', '.join(found) if found else default

    def json(self):
        if self.value is None:
            self.value = json.loads(self.body)
        return self.value

    def code(self):
        """error.code of the envelope, or None."""
        try:
            return self.json()['error']['code']
        except (ValueError, KeyError, TypeError):
            return None

    def __repr__(self):
        return f'<{self.status} {self.body[:300]!r}>'


class Closed(Exception):
    """The other end closed before a whole answer came; .partial holds what did."""

    def __init__(self, partial=b''):
        super().__init__(f'connection closed after {len(partial)} bytes of an answer')
        self.partial = partial


class Wire:
    """One connection and nothing in between: send() bytes as they are, answer() reads one answer."""

    def __init__(self, host, port, timeout=PATIENCE, rcvbuf=None):
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect((host.strip('[]'), port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b''

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def send_some(self, data):
        """Sends until done or the other end refuses more; the number of bytes that went."""
        sent = 0
        try:
            while sent < len(data):
                sent += self.sock.send(data[sent:sent + 65536])
        except (BrokenPipeError, ConnectionResetError):
            pass
        return sent

    def more(self):
        try:
            part = self.sock.recv(65536)
        except ConnectionResetError:
            part = b''
        if not part:
            raise Closed(self.held)
        self.held += part

    def until(self, mark):
        while mark not in self.held:
            self.more()
        got, self.held = self.held.split(mark, 1)
        return got

    def exactly(self, n):
        while len(self.held) < n:
            self.more()
        got, self.held = self.held[:n], self.held[n:]
        return got

    def chunked(self):
        body = b''
        while True:
            n = int(self.until(b'\r\n').split(b';')[0], 16)
            if n == 0:
                while self.until(b'\r\n'):
                    pass
                return body
            body += self.exactly(n)
            self.exactly(2)

    def rest(self):
        """All that comes until the other end closes."""
        try:
            while True:
                self.more()
        except Closed:
            got, self.held = self.held, b''
            return got

    def answer(self, method='GET', interim=False):
        """The next answer.  1xx answers are skipped unless interim.  Raises Closed, or socket.timeout."""
        lines = self.until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        version, status, *reason = lines[0].split(' ', 2)
        headers = [tuple(p.strip() for p in line.split(':', 1)) for line in lines[1:]]
        a = Answer(int(status), ''.join(reason), version, headers)
        if a.status < 200:
            return a if interim else self.answer(method)
        if method != 'HEAD' and a.status not in (204, 304):
            if (a.get('Transfer-Encoding') or '').lower() == 'chunked':
                a.body = self.chunked()
            elif a.get('Content-Length') is not None:
                a.body = self.exactly(int(a.get('Content-Length')))
            else:
                a.body = self.rest()
        return a

    def ended(self, timeout=PATIENCE):
        """Whether the other end closes within timeout seconds without sending more."""
        if self.held:
            return False
        self.sock.settimeout(timeout)
        try:
            return self.sock.recv(1) == b''
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def head(method, target, headers=(), host='localhost'):
    """The bytes of a request head.  headers: pairs, or a dict; a None value leaves one out."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    if not any(n.lower() == 'host' for n, v in pairs):
        pairs.insert(0, ('Host', host))
    return b'\r\n'.join([f'{method} {target} HTTP/1.1'.encode()] +
                        [f'{n}: {v}'.encode() for n, v in pairs if v is not None] + [b'', b''])


def text_or_64(name, data):
    """{name: text} where data is UTF-8, else {name64: base64}: how traffic files hold bytes."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {name + '64': base64.b64encode(data).decode()}


class Client:
    """Requests over one kept connection, with a key.  record(request, answer) is called with dicts for each exchange."""

    def __init__(self, host, port, key=None, record=None, timeout=PATIENCE):
        self.host, self.port, self.key, self.record, self.timeout = host, port, key, record, timeout
        self.wire = None

    def close(self):
        if self.wire:
            self.wire.close()
            self.wire = None

    def request(self, method, target, body=None, headers=None):
        """body: bytes as they are, anything else as JSON, None for none.  headers: a dict or pairs; None leaves one out."""
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
        named = {n.lower() for n, v in pairs}
        if self.key and 'authorization' not in named:
            pairs.append(('Authorization', 'Bearer ' + self.key))
        if body is not None:
            if not isinstance(body, bytes):
                body = json.dumps(body, ensure_ascii=False).encode('utf-8', 'surrogatepass')
                if 'content-type' not in named:
                    pairs.append(('Content-Type', 'application/json'))
            if not named & {'content-length', 'transfer-encoding'}:
                pairs.append(('Content-Length', str(len(body))))
        elif method in ('POST', 'PUT', 'PATCH') and not named & {'content-length', 'transfer-encoding'}:
            pairs.append(('Content-Length', '0'))
        data = head(method, target, pairs, f'{self.host}:{self.port}') + (body or b'')
        answer = self.exchange(method, data)
        if self.record:
            self.record(dict(method=method, target=target, headers=[p for p in pairs if p[1] is not None],
                             **(text_or_64('body', body) if body is not None else {})),
                        dict(status=answer.status, headers=answer.headers, **text_or_64('body', answer.body)))
        return answer

    def exchange(self, method, data):
        """Sends on the kept connection.  A server may close an idle one at any time: a GET then goes once more on a new one."""
        kept = self.wire is not None
        if not kept:
            self.wire = Wire(self.host, self.port, self.timeout)
        try:
            answer = self.wire.send(data).answer(method)
        except (Closed, ConnectionError) as e:
            self.close()
            if kept and method in ('GET', 'HEAD') and not getattr(e, 'partial', b''):
                return self.exchange(method, data)
            raise
        except BaseException:
            self.close()
            raise
        if (answer.get('Connection') or '').lower() == 'close' or answer.version == 'HTTP/1.0':
            self.close()
        return answer

    def get(self, target, headers=None):
        return self.request('GET', target, None, headers)

    def post(self, target, body=None, headers=None):
        return self.request('POST', target, body, headers)

    def wait_job(self, job_id, timeout=PATIENCE):
        """The job once it has ended."""
        def ended():
            job = self.get('/v1/jobs/' + job_id).json()['data']
            return job if job['status'] in ('DONE', 'FAILED', 'CANCELLED') else None
        job = wait_for(ended, timeout)
        if not job:
            raise Failure(f'job {job_id} did not end within {timeout} s')
        return job
