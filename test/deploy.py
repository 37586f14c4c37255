#!/usr/bin/env python3
"""deploy.py -- what deploy/ holds: settings, commands and metrics that its files name exist, units verify and let the sandbox of the
readers be built, manifests are of their schemas, and nginx and Caddy run in front of real nodes.

    python3 test/lib/pg.py -- python3 test/deploy.py [--only WORDS]

Tools that this machine does not have (caddy, docker-compose, kubectl, pgbouncer, systemd-analyze) skip their cases.
TAP lines, and `N passed, N failed` at the end."""
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DEPLOY = os.path.join(ROOT, 'deploy')
sys.path[:0] = [os.path.join(HERE, 'lib'), os.path.join(HERE, 'mcp')]

import cases
import confine
import files
from cases import Skip, case, need
from pg import as_user
from ports import free_port
from server import PATIENCE, Client, Closed, Server, program, surroundings, wait_for
from talk import Talk

UNITS = sorted(glob.glob(os.path.join(DEPLOY, 'systemd', '*.service')))
KINDS = ('.yaml', '.yml', '.service', '.conf', '.ini', '.md', '.example', 'Caddyfile', 'Dockerfile')


def texts():
    """(name, text) of every file that an operator copies or reads."""
    for path in sorted(glob.glob(os.path.join(DEPLOY, '**'), recursive=True)):
        if os.path.isfile(path) and path.endswith(KINDS):
            yield os.path.relpath(path, DEPLOY), open(path).read()


def read(*name):
    return open(os.path.join(DEPLOY, *name)).read()


def scriped(*args, env=None):
    return subprocess.run([*program(), *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**surroundings(), **(env or {})})


def tool(name, *more):
    """Its path; the case is skipped without it."""
    found = shutil.which(name) or next((p for p in more if os.path.exists(p)), None)
    if not found:
        raise Skip(f'no {name} on this machine')
    return found


def run(*args, **more):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    need(p.returncode == 0, f'{" ".join(args[:4])}: exit {p.returncode}: {p.stdout[-3000:]}')
    return p.stdout


# ------------------------------------------------------------------------------------------------------ what is named

PLACES = {'POSTGRES_PASSWORD': 'pw', 'FILES_URL': 'https://files.example.com', 'S3_KEY_ID': 'k', 'S3_KEY_SECRET': 's', 'PUBLIC_URL': 'https://api.example.com'}


def filled(value):
    """With what stands in .env."""
    return re.sub(r'\$\{(\w+)[^}]*\}', lambda m: PLACES[m[1]], value.strip().strip('"'))


def settings_of(text):
    """(name, value or None) of every setting that a file names."""
    for m in re.finditer(r'\bSCRIPED_([A-Z][A-Z0-9_]*)\b(?:[:=] *("[^"\n]*"|[^\s"]*))?', text):
        if m[1] not in ('HOST', 'NODES'):        # of the Caddyfile, which are its own
            yield m[1].lower(), m[2]
    for m in re.finditer(r'--set (\w+)=(\S+)', text):
        yield m[1], m[2]
    for m in re.finditer(r'^[#;]?\t?(public_url|trusted_proxies|drain_delay|db|db_direct|blob|data) = ([^#;\n]*)', text, re.M):
        yield m[1], m[2]


@case('every setting that is named exists and has a value that it may have', own=True)
def settings(_):
    known, seen = json.loads(scriped('conf', '--json').stdout), 0
    for name, text in texts():
        for setting, value in settings_of(text):
            need(setting in known, f'{name}: there is no setting {setting}')
            seen += 1
            if value:
                p = scriped('conf', '--set', f'{setting}={filled(value.replace("%i", "8081"))}')
                need(p.returncode == 0, f'{name}: {setting} = {value}: {p.stderr}')
    need(seen > 30, f'only {seen} settings were found')


def given(text):
    """The command lines that a file gives to scriped, as lists of words."""
    for m in re.finditer(r'ExecStart=\S+/scriped (.*)', text):
        yield m[1].replace('%i', '8081').split()
    for m in re.finditer(r'(?:command|args): (\["(?:serve|setup|migrate)"[^]]*\])|CMD (\["serve[^]]*\])', text):
        yield json.loads(m[1] or m[2])
    for m in re.finditer(r'(?:^|[`;] ?|setup )scriped ((?:setup|migrate|serve|doctor|extract|key|request|backup|export|import)\b[^`\n\']*)', text, re.M):
        yield m[1].split()


@case('every command that is named exists and takes its options', own=True)
def commands(_):
    seen = set()
    for name, text in texts():
        for words in given(text):
            verbs = [w for w in words[:2] if re.fullmatch(r'[a-z]+', w)]
            p = scriped(*verbs, '--help')
            if p.returncode != 0:
                p = scriped(verbs[0], '--help')
            need(p.returncode == 0, f'{name}: scriped {" ".join(words)}: {p.stderr}')
            options = [w for w in words if w.startswith('--') and w not in ('--config', '--json')]
            if verbs[0] == 'serve' and options:
                c = scriped('conf', *[w for i, w in enumerate(words[1:], 1) if w != '--config' and words[i - 1] != '--config'])
                need(c.returncode == 0, f'{name}: scriped {" ".join(words)}: {c.stderr}')
            seen.add(verbs[0])
    need({'serve', 'setup', 'migrate'} <= seen, f'only {seen} were found')


@case('every metric of the alerts is one that a server tells', own=True)
def metrics(_):
    with Server({'metrics_listen': '127.0.0.1:0', 'bench': True}) as s:
        c = s.client()
        need(c.post('/v1/notes', {'projectId': s.project, 'content': 'Hi'}).status in (200, 201), 'no note')
        told = ''
        while 'status="' not in told:           # a request is counted behind its answer
            told = Client('127.0.0.1', s.metrics, '').get('/metrics').body.decode()
    types = dict(re.findall(r'^# TYPE (scriped_\w+) (\w+)', told, re.M))
    named = set(re.findall(r'\bscriped_\w+', re.sub(r'^.*(do|summary): .*$', '', read('prometheus.rules.yml'), flags=re.M)))
    for name in named:
        base = re.sub(r'_(bucket|sum|count)$', '', name)
        need(name in types or types.get(base) == 'histogram', f'there is no metric {name}')
    need(len(named) >= 8, f'{named}')
    for name, labels in re.findall(r'(scriped_\w+)\{([^}]*)\}', read('prometheus.rules.yml')):
        for label in re.findall(r'(\w+)=', labels):
            need(re.search(rf'^{name}\{{[^}}]*\b{label}="', told, re.M), f'{name} has no label {label}')
    if shutil.which('promtool'):
        run('promtool', 'check', 'rules', os.path.join(DEPLOY, 'prometheus.rules.yml'))


def seconds(text, name):
    m = re.search(rf'{name}[=: ]+"?(\d+)s?"?', text)
    return int(m[1]) if m else None


@case('who stops a node waits longer than the node takes', own=True)
def patience(_):
    usual = json.loads(scriped('conf', '--json').stdout)
    for unit in UNITS:
        u = confine.unit_of(unit)
        delay = int((re.search(r'drain_delay=(\d+)', u['ExecStart']) or [0, 0])[1])
        need(int(u['TimeoutStopSec']) >= delay + usual['drain_time'] + 5, f'{unit}: TimeoutStopSec')
        need(u['KillMode'] == 'mixed' and u['OOMPolicy'] == 'continue', f'{unit}: readers')
    conf = read('kubernetes', 'config.yaml')
    stop = seconds(conf, 'SCRIPED_DRAIN_DELAY') + seconds(conf, 'SCRIPED_DRAIN_TIME')
    for role in ('api', 'worker'):
        need(seconds(read('kubernetes', f'{role}.yaml'), 'terminationGracePeriodSeconds') >= stop + 5, f'kubernetes {role}')
    compose = read('compose', 'compose.yaml')
    need(seconds(compose, 'stop_grace_period') >= seconds(compose, 'SCRIPED_DRAIN_DELAY') + usual['drain_time'] + 5, 'compose')
    wait, caps = 30, usual['body_max_long']
    need(seconds(read('nginx.conf'), 'proxy_read_timeout') > 2 * wait, 'nginx breaks off waits')
    for name in ('nginx.conf', 'Caddyfile', 'kubernetes/ingress.yaml'):
        megabytes = int(re.search(r'(?:client_max_body_size|max_size|proxy-body-size:) (\d+)', read(name))[1])
        need(caps < megabytes * 1000000, f'{name} takes no body of {caps} bytes')


@case('the image has every library that the programs are linked with', own=True)
def image(_):
    tool('dpkg')
    asked = re.search(r'FROM debian\S+\nRUN (.*?) && rm', read('Dockerfile'), re.S)[1].split()
    needed = {lib: name for name in ('scriped', 'scriped-extract') for lib in re.findall(r'NEEDED\s+(\S+)', run(tool('objdump'), '-p', os.path.join(ROOT, 'build', name)))}
    known = dict(re.findall(r'^\s+(\S+) .*=> (\S+)$', run('/sbin/ldconfig', '-p'), re.M)[::-1])         # the first of a name is taken
    paths = {lib: os.path.realpath(known[lib]) for lib in needed}
    places = {lib: (path, path.removeprefix('/usr'), '/usr' + path) for lib, path in paths.items()}
    # dpkg reads all that it knows each time it is asked
    found = subprocess.run(['dpkg', '-S', *(p for three in places.values() for p in three)], capture_output=True, text=True).stdout
    owners = [line.partition(': ')[::2] for line in found.splitlines()]
    need(len(needed) > 10, f'{needed} is all that is needed?')
    for lib, name in needed.items():
        packages = {who.split(':')[0] for whose, path in owners if path in places[lib] for who in whose.split(', ')}
        need(packages & set(asked) or packages & {'libc6', 'libgcc-s1', 'libstdc++6'}, f'{name} needs {lib}, of {packages or paths[lib]}')


@case('the health check of the image tells a server that lives from one that does not', own=True)
def healthcheck(_):
    check = json.loads(re.search(r'^HEALTHCHECK .*?CMD (\[.*\])$', read('Dockerfile'), re.M)[1])
    with Server({'metrics_listen': '127.0.0.1:0'}) as s:
        check[-1] = check[-1].replace('/9100', f'/{s.metrics}')
        need(subprocess.run(check).returncode == 0, 'a server that lives')
    need(subprocess.run(check, stderr=subprocess.DEVNULL).returncode != 0, 'a server that is gone')


# --------------------------------------------------------------------------------------------- judged by those who read it

@case('every manifest is YAML, and of the schema of its kind', own=True)
def manifests(_):
    python = os.path.join(ROOT, 'build', 'venv', 'bin', 'python')
    if not os.path.exists(python):
        raise Skip('no build/venv (sh tools/outside python)')
    every = sorted(glob.glob(os.path.join(DEPLOY, 'kubernetes', '[!k]*.yaml')))
    out = run(python, '-m', 'kubernetes_validate', '--strict', *every, env={**os.environ, 'PATH': os.path.dirname(python) + ':' + os.environ['PATH']})
    need(out.count('passed') >= len(every), out)
    run(python, '-c', 'import sys, yaml\nfor f in sys.argv[1:]: list(yaml.safe_load_all(open(f)))', *glob.glob(os.path.join(DEPLOY, '**', '*.y*ml'), recursive=True))


@case('the kustomization holds together', own=True)
def kustomize(_):
    out = run(tool('kubectl'), 'kustomize', os.path.join(DEPLOY, 'kubernetes'))
    need(len(re.findall('^kind: Deployment', out, re.M)) == 2 and 'image: registry.example.com/scriped:' in out and 'image: scriped\n' not in out, out[-1000:])
    release = re.search(r'^## (\S+)', open(os.path.join(ROOT, 'CHANGES.md')).read(), re.M)[1]
    for name in ('kustomization', 'setup', 'migrate'):
        need(release in read('kubernetes', name + '.yaml'), f'{name}.yaml is not of release {release}')


@case('compose takes its file', own=True)
def compose(_):
    with tempfile.TemporaryDirectory() as d:
        shutil.copytree(DEPLOY, d + '/deploy')
        shutil.copy(d + '/deploy/compose/env.example', d + '/deploy/compose/.env')
        out = run(tool('docker-compose'), 'config', cwd=d + '/deploy/compose')
        need(all(f'\n  {name}:' in out for name in ('api1', 'api2', 'worker', 'postgres', 'valkey', 'files', 'caddy')), out[:2000])


@case('systemd verifies the units, and finds them shut', own=True)
def units(_):
    analyze = tool('systemd-analyze')
    with tempfile.TemporaryDirectory() as d:
        for path in [*UNITS, os.path.join(DEPLOY, 'systemd', 'scriped.target')]:
            name = os.path.basename(path).replace('@.', '@8081.')
            with open(os.path.join(d, name), 'w') as f:
                f.write(open(path).read().replace('/usr/local/bin/scriped', program()[-1]))
        out = run(analyze, 'verify', '--man=no', *glob.glob(d + '/*'))
        need(d not in out and 'scriped' not in out, out)
        for name in glob.glob(d + '/*.service'):
            run(analyze, 'security', '--offline=true', '--threshold=20', '--no-pager', name)
    for name in ('sysusers', 'tmpfiles'):
        need(re.search(r'^[ufd] ', read('systemd', f'scriped.{name}'), re.M), name)
    if shutil.which('systemd-sysusers'):
        run('systemd-sysusers', '--dry-run', os.path.join(DEPLOY, 'systemd', 'scriped.sysusers'))


VERSION_OF_LANDLOCK = 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))'


@case('under the filter of the units the server serves, and readers shut themselves in and read', own=True)
def confined(_):
    tool('systemd-analyze')
    if not os.path.exists(confine.NUMBERS):
        raise Skip('no x86-64, or no headers of the kernel')
    here = ctypes.CDLL(None).syscall(444, None, 0, 1)
    draw = os.path.join(ROOT, 'build', 'release', 'draw')
    with tempfile.TemporaryDirectory() as d:
        page = os.path.join(d, 'page.pdf')
        with open(page, 'wb') as f:
            f.write(files.pdf([[(50, 700, 12, 'Good evening to everybody.')]]))
        for unit in UNITS:
            inside = [sys.executable, confine.__file__, unit, '--']
            need(int(run(*inside, sys.executable, '-c', VERSION_OF_LANDLOCK)) == here, f'{unit}: Landlock is kept out')
            need('Good evening to everybody.' in run(*inside, *program(), 'extract', page), f'{unit}: a PDF')
            if os.path.exists(draw):
                image = os.path.join(d, 'image.png')
                with open(image, 'wb') as f:
                    f.write(subprocess.run([draw, 'png', '40', 'Good evening'], capture_output=True, check=True).stdout)
                need('Good evening' in run(*inside, *program(), 'extract', image), f'{unit}: a picture')
        with Inside(os.path.join(DEPLOY, 'systemd', 'scriped.service')) as s:
            c = s.client()
            a = c.post('/v1/posts/generations', {'projectId': s.project, 'source': {'text': 'We moved to a tracker. Calls fell by half.'}, 'wait_for_completion_ms': 20000})
            need(a.status == 200 and a.json()['data']['status'] == 'DONE', f'{a}')


@case('as many nodes of a machine as one likes: no two units want one port', own=True)
def ports(_):
    taken = []
    for unit, instances in (('api', ('8081', '8082')), ('worker', ('1', '2'))):
        for i in instances:
            args = read('systemd', f'scriped-{unit}@.service').replace('%i', i)
            taken += [re.search(r'--listen (\S+)', args)[1], re.search(r'metrics_listen=(\S+)', args)[1]]
    fixed = [at for at in taken if not at.endswith(':0')]
    need(len(set(fixed)) == len(fixed) and len(fixed) >= 6, f'{taken}')


class Inside(Server):
    """One that is confined as a unit says."""

    def __init__(self, unit):
        super().__init__()
        self.unit = unit

    def start(self, timeout=60, extra=()):
        before = os.environ.get('SCRIPED_BIN')
        os.environ['SCRIPED_BIN'] = ' '.join([sys.executable, confine.__file__, self.unit, '--', *program()])
        try:
            return super().start(timeout, extra)
        finally:
            os.environ.pop('SCRIPED_BIN') if before is None else os.environ.update(SCRIPED_BIN=before)


# ------------------------------------------------------------------------------------------------ proxies before two nodes

class Proxy:
    """A proxy from its file in deploy/, changed in names, ports and certificates alone.  .port speaks plain HTTP, .tls with a certificate."""

    def __init__(self, *nodes):
        self.dir = tempfile.mkdtemp(prefix='scriped-proxy-')
        os.chmod(self.dir, 0o755)
        self.port, self.tls = free_port(), free_port()
        self.proc = subprocess.Popen(self.command(nodes), stdout=subprocess.DEVNULL, stderr=open(self.dir + '/log', 'wb'), env=self.environment(nodes))
        need(wait_for(self.up), 'the proxy does not start: ' + open(self.dir + '/log').read()[-3000:])

    def environment(self, nodes):
        return {**os.environ, 'HOME': self.dir, 'XDG_DATA_HOME': self.dir}

    def up(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def client(self, key, timeout=60):
        return Client('127.0.0.1', self.port, key, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.terminate()
        self.proc.wait(PATIENCE)
        shutil.rmtree(self.dir, ignore_errors=True)


def swap(text, *pairs):
    for old, new in pairs:
        need(old in text, f'the file has no {old!r}')
        text = text.replace(old, new)
    return text


class Nginx(Proxy):
    title = 'nginx'

    def command(self, nodes):
        exe, d = tool('nginx', '/usr/sbin/nginx'), self.dir
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=api.example.com', '-keyout', d + '/key', '-out', d + '/cert')
        text = swap(read('nginx.conf'), ('listen 80;', f'listen 127.0.0.1:{free_port()};'), ('listen 443 ssl http2;', f'listen 127.0.0.1:{self.tls} ssl http2; listen 127.0.0.1:{self.port};'),
                    ('/etc/letsencrypt/live/api.example.com/fullchain.pem', d + '/cert'), ('/etc/letsencrypt/live/api.example.com/privkey.pem', d + '/key'),
                    ('server_name api.example.com;', 'server_name _;'),
                    *((f'server 127.0.0.1:{8081 + i} ', f'server 127.0.0.1:{n.port} ') for i, n in enumerate(nodes)))
        with open(d + '/conf', 'w') as f:
            f.write(f'daemon off;\nworker_processes 2;\npid {d}/pid;\nerror_log {d}/error.log;\nevents {{ worker_connections 1024; }}\nhttp {{\naccess_log off;\n' +
                    ''.join(f'{what}_temp_path {d}/{what};\n' for what in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi')) + text + '}\n')
        run(exe, '-t', '-q', '-e', d + '/error.log', '-c', d + '/conf')
        return [exe, '-e', d + '/error.log', '-c', d + '/conf']


class Caddy(Proxy):
    title = 'Caddy'

    def command(self, nodes):
        exe = tool('caddy')
        run(exe, 'validate', '--adapter', 'caddyfile', '--config', os.path.join(DEPLOY, 'Caddyfile'), env=self.environment(nodes))
        need(run(exe, 'fmt', os.path.join(DEPLOY, 'Caddyfile')) == read('Caddyfile'), 'caddy fmt would write it otherwise')
        with open(self.dir + '/Caddyfile', 'w') as f:
            f.write('{\n\tadmin off\n\tauto_https off\n}\n' + read('Caddyfile'))
        return [exe, 'run', '--adapter', 'caddyfile', '--config', self.dir + '/Caddyfile']

    def environment(self, nodes):
        return {**super().environment(nodes), 'SCRIPED_HOST': f'http://127.0.0.1:{self.port}', 'SCRIPED_NODES': ' '.join(f'127.0.0.1:{n.port}' for n in nodes)}


class Load:
    """Callers that read and write through a proxy until told; each write has content of its own."""

    def __init__(self, proxy, s, keyed=True, callers=4):
        self.proxy, self.s, self.keyed = proxy, s, keyed
        self.done, self.acked, self.tried, self.wrong, self.n, self.lock = threading.Event(), set(), set(), [], 0, threading.Lock()
        self.threads = [threading.Thread(target=self.call, args=(i,)) for i in range(callers)]
        for t in self.threads:
            t.start()

    def call(self, who):
        c, i = self.proxy.client(self.s.key), 0
        while not self.done.wait(0.01):     # others want the processor, too
            i += 1
            content = f'note {i} of {who}'
            with self.lock:
                self.tried.add(content)
            try:
                read = c.get('/v1/workspaces/me')
                a = c.post('/v1/notes', {'projectId': self.s.project, 'content': content}, {'Idempotency-Key': f'{who}-{i}'} if self.keyed else None)
            except (Closed, OSError) as e:
                c.close()
                read = a = e
            with self.lock:
                self.n += 1
                if getattr(a, 'status', 0) in (200, 201):
                    self.acked.add(content)
                self.wrong += [str(one) for one in {id(x): x for x in (read, a)}.values() if getattr(one, 'status', 0) not in (200, 201)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done.set()
        for t in self.threads:
            t.join(60)

    def more(self, n, why):
        """Waits until so many more requests were answered."""
        was = self.n
        need(wait_for(lambda: self.n > was + n), why)

    def stored(self):
        """What is stored, as often as it is."""
        found, cursor, c = [], '', self.s.client()
        while True:
            a = c.get(f'/v1/notes?projectId={self.s.project}&limit=100{cursor}').json()
            found += [n['content'] for n in a['data']]
            if not a['pagination']['next_cursor']:
                return found
            cursor = '&cursor=' + a['pagination']['next_cursor']

    def judge(self):
        found = self.stored()
        need(len(found) == len(set(found)), f'{len(found) - len(set(found))} writes are there twice')
        need(self.acked <= set(found) <= self.tried, f'{len(self.acked - set(found))} acknowledged writes are missing')


BEHIND = {'trusted_proxies': '127.0.0.1', 'public_url': 'https://api.example.com', 'mcp_origins': '*'}


def behind(proxy, **more):
    """A case that gets a proxy of this kind and the two nodes behind it."""
    def wrap(fn):
        def go(engine):
            with Server({**BEHIND, **more}, db='postgres', port=free_port()) as s, s.twin({**BEHIND, **more}, port=free_port()) as other, proxy(s, other) as p:
                for node in (s, other):
                    need(wait_for(lambda node=node: node.client().get('/readyz').status == 200), 'never ready')
                fn(p, s, other)
        return go
    return wrap


def passes(p, s, other):
    c = p.client(s.key)
    need(c.get('/v1/workspaces/me').status == 200 and c.get('/readyz').status == 404 == c.get('/livez').status, 'plain requests')
    c.get('/v1/workspaces/me', {'X-Forwarded-For': '6.6.6.6'})
    need(wait_for(lambda: 'ip=127.0.0.1' in s.log_text() + other.log_text()) and '6.6.6.6' not in s.log_text() + other.log_text(), 'callers choose their address')
    # caps are told by scriped and not by the proxy
    body = json.dumps({'type': 'text', 'name': 'Long', 'text': 'All is well here. ' * 50000}).encode()
    for size, status in ((11_900_000, (200, 202)), (12_100_000, (413,))):
        a = c.request('POST', '/v1/knowledge', body.ljust(size), {'Content-Type': 'application/json'})
        need(a.status in status and a.json(), f'a body of {size} bytes: {a}')
    for size in (100, 250_000):
        body = json.dumps({'projectId': s.project, 'content': 'Hi'}).encode().ljust(size)
        with socket.create_connection(('127.0.0.1', p.port), PATIENCE) as w:
            w.sendall(f'POST /v1/notes HTTP/1.1\r\nHost: 127.0.0.1:{p.port}\r\nAuthorization: Bearer {s.key}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n'.encode())
            need(w.recv(4096).startswith(b'HTTP/1.1 100'), 'no 100 Continue')
            w.sendall(body)
            got = b''
            while b'HTTP/1.1 2' not in got and (piece := w.recv(65536)):
                got += piece
            need(re.search(rb'^HTTP/1.1 20[01] ', got, re.M), got[:300])
    a = c.post('/v1/posts/generations', {'projectId': s.project, 'source': {'text': 'We moved to a tracker. Calls fell by half.'}, 'wait_for_completion_ms': 30000})
    need(a.status == 200 and a.json()['data']['status'] == 'DONE', f'a wait: {a}')


def told(st, method):
    """That this is what a stream tells next; its beats do not count."""
    late = threading.Timer(PATIENCE, st.wire.sock.shutdown, [socket.SHUT_RDWR])
    late.start()
    try:
        e = st.next()
        need(e and e['method'] == method, f'{e} and not {method}')
    except Closed:
        need(False, f'{method} did not come within {PATIENCE} s')
    finally:
        late.cancel()


def streams(p, s, other):
    """An event of the one node is told by a stream through the proxy, whichever node holds it, and at once."""
    class There:
        def client(self, key=None):
            return p.client(key or s.key)
    with Talk(There()) as t:
        post = s.client().post('/v1/posts', {'projectId': s.project, 'content': 'One'}).json()['data']['id']
        st = t.stream(t.message('subscriptions/listen', {'notifications': {'resourceSubscriptions': [f'scripe://posts/{post}']}}))
        need(st.status == 200, f'{st.status}')
        told(st, 'notifications/subscriptions/acknowledged')
        for node in (s, other):
            a = node.client().request('PATCH', f'/v1/posts/{post}', {'content': f'changed by {node.port}'})
            need(a.status == 200, f'{a}')
            told(st, 'notifications/resources/updated')
        st.close()


def killed(p, s, other):
    with Load(p, s) as load:
        load.more(100, 'no load')
        other.kill()
        load.more(200, 'the load stands still')
    other.start()
    return load


def rolled(p, s, other):
    """One node after the other is told to stop and comes back at its port: nobody notices."""
    with Load(p, s, keyed=False) as load:       # writes that no proxy may send again
        load.more(100, 'no load')
        for node in (other, s):
            need(node.stop() == 0, 'it did not stop')
            load.more(50, 'the load stands still')
            said = len(node.log_text())
            node.start()
            need(wait_for(lambda node=node, said=said: 'path=/v1/notes' in node.log_text()[said:]), 'the proxy does not send it callers again: ' + node.log_text()[-2000:])
    need(not load.wrong, f'{len(load.wrong)} of {load.n} failed while nodes were exchanged: {load.wrong[:3]}')
    load.judge()


for kind in (Nginx, Caddy):
    case(f'{kind.title}: bodies, addresses, 100-continue and waits pass', own=True)(behind(kind)(passes))
    case(f'{kind.title}: streams arrive at once, from whichever node', own=True)(behind(kind)(streams))
    case(f'{kind.title}: nodes are exchanged one after the other, and nobody notices', own=True)(behind(kind, drain_delay=5)(rolled))


@case('nginx: a killed node is passed over, and nothing is doubled', own=True)
@behind(Nginx)
def nginx_killed(p, s, other):
    load = killed(p, s, other)
    need(not load.wrong, f'{len(load.wrong)} of {load.n} failed: {load.wrong[:3]}')
    load.judge()


@case('Caddy: of a killed node reads are passed over, writes in flight are told, and nothing is doubled', own=True)
@behind(Caddy)
def caddy_killed(p, s, other):
    load = killed(p, s, other)
    need(len(load.wrong) <= 8, f'{len(load.wrong)} of {load.n} failed: {load.wrong[:3]}')
    load.judge()


@case('nginx: HTTP/2 with TLS', own=True)
@behind(Nginx)
def http2(p, s, other):
    out = run(tool('curl'), '-sk', '--http2', '-o', '/dev/null', '-w', '%{http_version} %{http_code}', '-H', f'Authorization: Bearer {s.key}', f'https://127.0.0.1:{p.tls}/v1/workspaces/me')
    need(out == '2 200', out)


# ------------------------------------------------------------------------------------------------------------ PgBouncer

class Bouncer:
    """PgBouncer with deploy/pgbouncer.ini in front of one database: transactions where it can, as the file says."""

    def __init__(self, database):
        exe, prefix = tool('pgbouncer', '/usr/sbin/pgbouncer'), as_user()[0]
        version = tuple(int(n) for n in re.search(r'PgBouncer (\d+)\.(\d+)', run(exe, '--version')).groups())
        self.pools = 'transaction' if version >= (1, 21) else 'session'
        self.dir, port, at = tempfile.mkdtemp(prefix='scriped-pgbouncer-'), free_port(), urllib.parse.urlsplit(database.url)
        text = swap(read('pgbouncer.ini'), ('host=10.0.0.5 port=5432 dbname=scriped', f'host={at.hostname} port={at.port} dbname={database.name} user={at.username}'),
                    ('listen_port = 6432', f'listen_port = {port}'), ('auth_type = scram-sha-256', 'auth_type = any'), ('auth_file = /etc/pgbouncer/userlist.txt', 'unix_socket_dir ='))
        if self.pools == 'session':
            text = re.sub(r'^max_prepared_statements.*$', '', swap(text, ('pool_mode = transaction', 'pool_mode = session')), flags=re.M)
        with open(self.dir + '/pgbouncer.ini', 'w') as f:
            f.write(text)
        os.chmod(self.dir, 0o755)
        self.url = f'postgres://{at.username}@127.0.0.1:{port}/scriped'
        self.log = open(self.dir + '/log', 'w+')
        self.proc = subprocess.Popen([*prefix, exe, self.dir + '/pgbouncer.ini'], stdout=self.log, stderr=self.log)

    def __enter__(self):
        port = urllib.parse.urlsplit(self.url).port
        need(wait_for(lambda: self.proc.poll() is not None or not socket.socket().connect_ex(('127.0.0.1', port))) and self.proc.poll() is None, 'PgBouncer does not start: ' + self.said())
        return self

    def said(self):
        self.log.seek(0)
        return self.log.read()[-2000:]

    def __exit__(self, *_):
        self.proc.terminate()
        self.proc.wait(PATIENCE)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


@case('PgBouncer: nodes work through it, and hear each other past it', own=True)
def bouncer(_):
    s = Server({}, db='postgres')
    try:
        s.setup()
        with Bouncer(s.database) as b:
            s.settings['db_direct'] = s.database.url
            s.where = ['--data', s.data, '--db', b.url]
            s.start()
            with s.twin({'db_direct': s.database.url}) as other:
                def write(i):
                    c, answers = (s, other)[i % 2].client(), []
                    for n in range(20):
                        a = c.post('/v1/notes', {'projectId': s.project, 'content': f'{i} {n}'}, {'Idempotency-Key': f'{i}-{n}'})
                        again = c.post('/v1/notes', {'projectId': s.project, 'content': f'{i} {n}'}, {'Idempotency-Key': f'{i}-{n}'})
                        answers += [a.status, again.status, c.get('/v1/notes/' + a.json()['data']['id']).status if a.status == 200 else a.body[:300]]
                    return answers
                with ThreadPoolExecutor(12) as pool:
                    said = [one for answers in pool.map(write, range(12)) for one in answers]
                need(set(said) == {200}, f'{b.pools}: {set(said)}; {s.log_text()[-1500:]}; {b.said()}')
                looked = [(row['check'], row['result']) for row in json.loads(scriped('doctor', '--json', '--db', b.url).stdout)]
                need(('pooler', 'warn') in looked and ('words', 'ok' if b.pools == 'session' else 'warn') in looked, f'{b.pools}: {looked}')
                for node in (s, other):
                    a = node.client().post('/v1/posts/generations', {'projectId': s.project, 'source': {'text': 'We moved to a tracker. Calls fell by half.'}, 'wait_for_completion_ms': 20000})
                    need(a.status == 200 and a.json()['data']['status'] == 'DONE', f'{a}')
            s.stop()
    finally:
        s.close(check=False)


if __name__ == '__main__':
    sys.exit(cases.main(__doc__, 'deploy'))
