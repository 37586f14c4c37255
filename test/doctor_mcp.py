#!/usr/bin/env python3
"""doctor_mcp.py -- scriped doctor --mcp, against a real server behind a proxy that breaks one thing at a time: does it say what, and what mends it?

    python3 test/doctor_mcp.py [--only WORDS]

TAP lines, and `N passed, N failed` at the end.  A lie is a function that gets each request on its way; it may change it, answer itself, or
return a function that changes the answer."""
import argparse
import http.client
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

from cases import Wrong, need, sick
from server import Failure, Server, program, surroundings
from tap import Tap

HOP = {'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host'}
HTML = ('text/html', b'<!doctype html><title>Shop</title><div id=app></div>')


class Reply:
    """What goes back: headers as pairs, body as bytes or None for a stream that is copied as it comes."""

    def __init__(self, status, kind='application/json', body=b'', **more):
        self.status, self.body, self.version = status, body, 'HTTP/1.1'
        self.headers = [('Content-Type', kind), *((n.replace('_', '-'), v) for n, v in more.items())]
        self.source = None

    def drop(self, name):
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]

    def set(self, name, value):
        self.drop(name)
        self.headers.append((name, value))

    def get(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)


class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server_port}'
        self.to, self.lie, self.seen = None, None, []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, address):
        pass        # a client that left


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def handle_one_request(self):
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.close_connection = True
        self.body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        self.pairs = [(n, v) for n, v in self.headers.items() if n.lower() not in HOP]
        self.named = self.headers.get('Host')
        after = self.server.lie(self) if self.server.lie else None
        reply = after if isinstance(after, Reply) else self.forward()
        if reply and callable(after):
            after(reply)
        if reply:
            self.server.seen.append((self.command, self.path, reply.status))
            self.give(reply)

    def forward(self):
        up = http.client.HTTPConnection(*self.server.to, timeout=60)
        up.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for n, v in [('Host', self.named), *self.pairs, ('Content-Length', str(len(self.body)))]:
            up.putheader(n, v)
        up.endheaders(self.body)
        got = up.getresponse()
        reply = Reply(got.status)
        reply.headers = [(n, v) for n, v in got.getheaders() if n.lower() not in HOP]
        if (got.getheader('Content-Type') or '').startswith('text/event-stream'):
            reply.source = got
        else:
            reply.body = got.read()
        return reply

    def give(self, reply):
        head = [f'{reply.version} {reply.status} {http.client.responses.get(reply.status, "?")}', 'Connection: close',
                *(f'{n}: {v}' for n, v in reply.headers)]
        if not reply.source:
            head.append(f'Content-Length: {len(reply.body)}')
        self.wfile.write('\r\n'.join(head).encode() + b'\r\n\r\n' + (b'' if reply.source or self.command == 'HEAD' else reply.body))
        while reply.source:
            piece = reply.source.read1(65536)
            if not piece:
                break
            self.wfile.write(piece)
            self.wfile.flush()


# ------------------------------------------------------------------------------------------------------------ lies

LIES = []


def lie(title, *expected, options=(), token=False, ok=False):
    """expected: (check, result, words of the detail or of what mends it).  ok: nothing fails."""
    def take(fn):
        LIES.append((title, fn, expected, options, token, ok))
        return fn
    return take


def named(path, *starts):
    return any(path == s or path.startswith((s + '/', s + '?')) for s in starts)


def rewrite(reply, old, new):
    if reply.body:
        reply.body = reply.body.replace(old.encode(), new.encode())


@lie('An honest proxy', ('address', 'warn', 'loopback'), ('mcp', 'ok', '401 with a challenge'), ('register', 'ok', 'cli_'), ('removed', 'ok', 'gone again'),
     ('authorize', 'ok', 'led to a page for people'), ('initialize', 'ok', 'speaks 2025-11-25'), ('discover', 'ok', '2026-07-28'), ('tools', 'ok', 'tools for this token'),
     ('stream', 'ok', 'before its end'), ('browsers', 'ok', ''), token=True, ok=True)
def honest(rq):
    return None


@lie('An honest proxy, without a token', ('header', 'ok', 'arrives'), ('slash', 'ok', 'alike'), ok=True)
def honest_too(rq):
    return None


@lie('http leads to https', ('mcp', 'FAIL', 'https://127.0.0.1/mcp'), ('mcp', 'FAIL', 'set public_url to its https origin'))
def to_https(rq):
    return Reply(301, *HTML, Location='https://127.0.0.1' + rq.path)


@lie('The host leads to www', ('mcp', 'FAIL', 'redirect to another name'), ('mcp', 'FAIL', 'remove `return 301`'))
def to_www(rq):
    return Reply(301, *HTML, Location='http://www.example.invalid' + rq.path)


@lie('The path is given a slash', ('mcp', 'FAIL', 'Both forms'), ('mcp', 'FAIL', 'location /mcp {'))
def to_slash(rq):
    return Reply(308, *HTML, Location=rq.path + '/') if rq.path == '/mcp' else None


@lie('The form with a slash is not routed', ('mcp', 'ok', ''), ('slash', 'warn', '/mcp/: 404'), ('slash', 'warn', 'no slash at the end of either'), ok=True)
def bare_only(rq):
    return Reply(404, *HTML) if rq.path == '/mcp/' else None


@lie('/mcp belongs to another application', ('mcp', 'FAIL', '404, a page of HTML'), ('mcp', 'FAIL', 'handle /mcp* {'), ('resource', 'ok', 'with the path inserted'))
def no_mcp(rq):
    return Reply(404, *HTML) if named(rq.path, '/mcp') else None


@lie('A single-page application answers everything else', ('mcp', 'ok', ''), ('resource', 'FAIL', '200, a page of HTML'), ('resource', 'FAIL', 'location ^~ /.well-known/'))
def page_app(rq):
    return None if named(rq.path, '/mcp') else Reply(200, *HTML)


@lie('A page of an application answers where people should sign in', ('issuer', 'ok', 'RFC 8414'), ('authorize', 'FAIL', 'send all of /oauth/'), ('token', 'FAIL', 'POST'),
     ('register', 'FAIL', 'a page of HTML'))
def page_oauth(rq):
    return Reply(200, *HTML) if named(rq.path, '/oauth') else None


@lie('Metadata is somebody else\'s JSON', ('resource', 'FAIL', 'without resource'), ('issuer', 'FAIL', 'without issuer or endpoints'))
def other_json(rq):
    return Reply(200, body=b'{"name":"shop"}') if named(rq.path, '/.well-known') else None


@lie('Metadata is answered 404 without a body', ('resource', 'FAIL', '404, without a body'), ('issuer', 'FAIL', 'send all of /.well-known'))
def no_metadata(rq):
    return Reply(404, 'text/plain') if named(rq.path, '/.well-known') else None


@lie('The challenge is dropped', ('mcp', 'FAIL', 'no WWW-Authenticate'), ('mcp', 'FAIL', 'proxy_hide_header WWW-Authenticate'))
def no_challenge(rq):
    return lambda a: a.drop('WWW-Authenticate')


@lie('The Authorization header is stripped', ('header', 'FAIL', 'like one without any'), ('header', 'FAIL', 'proxy_set_header Authorization $http_authorization'))
def no_authorization(rq):
    rq.pairs = [(n, v) for n, v in rq.pairs if n.lower() != 'authorization']


@lie('The Authorization header is stripped from a good token', ('initialize', 'FAIL', 'header_up -Authorization'), token=True)
def no_authorization_either(rq):
    no_authorization(rq)


@lie('A wrong token', ('initialize', 'FAIL', 'no more) good'), options=('--token', 'scripe_sk_live_' + '0' * 64))
def wrong_token(rq):
    return None


@lie('The proxy has a password of its own', ('mcp', 'FAIL', 'auth_basic off'))
def password(rq):
    return Reply(401, *HTML, WWW_Authenticate='Basic realm="staging"')


@lie('The proxy does not reach the server', ('mcp', 'FAIL', '502'), ('mcp', 'FAIL', 'proxy_pass http://127.0.0.1:8080;'))
def upstream(rq):
    return Reply(502, *HTML)


@lie('A firewall keeps programs out', ('mcp', 'FAIL', 'make an exception'))
def bots(rq):
    return Reply(403, *HTML)


@lie('The proxy asks under a name of its own', ('mcp', 'FAIL', 'proxy_set_header Host $host;'), ('mcp', 'FAIL', '403'))
def other_host(rq):
    rq.named = 'scriped.internal'


@lie('Too many questions', ('mcp', 'FAIL', 'wait a minute'))
def busy(rq):
    return Reply(429, *HTML)


@lie('The server fails', ('mcp', 'FAIL', 'look into its log'))
def fails(rq):
    return Reply(500, *HTML)


@lie('The connection is closed without an answer', ('mcp', 'FAIL', 'the connection with'))
def silent(rq):
    rq.connection.shutdown(socket.SHUT_RDWR)
    return Reply(200)


@lie('The issuer has a slash at its end', ('issuer', 'FAIL', 'the slash counts'), ('issuer', 'FAIL', 'no slash at its end'))
def slashed(rq):
    if 'oauth-authorization-server' in rq.path or 'openid' in rq.path:
        return lambda a: rewrite(a, f'"issuer":"{rq.server.url}"', f'"issuer":"{rq.server.url}/"')


@lie('A name that paints the terminal and turns it around', ('issuer', 'FAIL', '?[31m?'))
def painted(rq):
    if 'oauth-authorization-server' in rq.path:
        return lambda a: rewrite(a, f'"issuer":"{rq.server.url}"', '"issuer":"\\u001b[31m\\u202e' + '€' * 300 + '"')


@lie('public_url is another one', ('challenge', 'FAIL', 'http://localhost'), ('resource', 'FAIL', 'set public_url = http://127.0.0.1'))
def other_url(rq):
    def change(a):
        other = rq.server.url.replace('127.0.0.1', 'localhost')
        rewrite(a, rq.server.url, other)
        if a.get('WWW-Authenticate'):
            a.set('WWW-Authenticate', a.get('WWW-Authenticate').replace(rq.server.url, other))
    return change


@lie('The settings here name another public_url', ('public_url', 'FAIL', 'public_url = https://api.example.com'), options=('--set', 'public_url=https://api.example.com'))
def settings(rq):
    return None


@lie('The clock there is an hour behind', ('clock', 'FAIL', 'behind ours'), ('clock', 'FAIL', 'timedatectl'))
def clock(rq):
    return lambda a: a.set('Date', time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime(time.time() - 3600)))


@lie('The clock there is a minute ahead', ('clock', 'warn', 'ahead of ours'), ok=True)
def clock_warns(rq):
    return lambda a: a.set('Date', time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime(time.time() + 60)))


@lie('The proxy speaks HTTP/1.0', ('http', 'warn', 'proxy_http_version 1.1'), ok=True)
def old_http(rq):
    return lambda a: setattr(a, 'version', 'HTTP/1.0')


@lie('Streams are kept back until they end', ('stream', 'FAIL', 'nothing of a stream came'), ('stream', 'FAIL', 'proxy_buffering off'), ('tools', 'ok', ''), token=True)
def buffers(rq):
    if b'subscriptions/listen' in rq.body:
        rq.rfile.read()         # until the other end leaves: there is nothing to give before the end
        return Reply(200)
    return None


@lie('A subscription is answered without a stream', ('stream', 'FAIL', 'no stream'), token=True)
def no_stream(rq):
    return Reply(200, body=b'{"jsonrpc":"2.0","id":1,"result":{}}') if b'subscriptions/listen' in rq.body else None


@lie('The page loses its policy', ('authorize', 'FAIL', 'proxy_hide_header Content-Security-Policy'))
def framed(rq):
    def change(a):
        a.drop('Content-Security-Policy')
        a.drop('X-Frame-Options')
    return change


@lie('The proxy adds headers for browsers, too', ('browsers', 'warn', '*, *'), ('browsers', 'warn', 'add_header Access-Control-Allow-Origin'), ok=True)
def doubled(rq):
    return lambda a: a.headers.append(('Access-Control-Allow-Origin', '*'))


@lie('The proxy answers preflights itself', ('browsers', 'warn', '405'), ok=True)
def preflights(rq):
    return Reply(405, *HTML) if rq.command == 'OPTIONS' else None


@lie('A trial client cannot be removed', ('register', 'ok', ''), ('removed', 'warn', 'stays until'), ok=True)
def stays(rq):
    return Reply(405, *HTML) if rq.command == 'DELETE' else None


# ------------------------------------------------------------------------------------------------------------ telling

def doctor(url, *options):
    """Its exit status and its rows, each with the words for a person."""
    asked = [*program(), 'doctor', '--mcp', url, '--json', *options]
    p = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, env=surroundings())
    ill = sick(p.stderr)
    need(not ill, ill)
    need(p.stdout.startswith('['), f'it printed {p.stdout!r} and said {p.stderr!r}')
    return p.returncode, json.loads(p.stdout)


def told(rows, check, result, words):
    return any(r['check'] == check and r['result'] == result and any(words in str(r.get(k, '')) for k in ('detail', 'mend', 'caddy', 'nginx')) for r in rows)


def judge(url, expected, options, ok):
    status, rows = doctor(url, *options)
    shown = '\n'.join(json.dumps(r) for r in rows)
    for check, result, words in expected:
        need(told(rows, check, result, words), f'no {result} of {check} with {words!r} among\n{shown}')
    need((status == 0) == ok and (status == 1) == any(r['result'] == 'FAIL' for r in rows), f'exit {status}:\n{shown}')
    for r in rows:
        need(r['result'] == 'ok' or r['check'] == 'removed' or r.get('mend'), f'nothing mends {r}')
        need('{' not in r.get('mend', ''), f'a place was not filled in: {r}')
    names = set(re.findall(r'set public_url = (\S+)', shown))
    need(len(names) < 2 and all(url.startswith(name) for name in names), f'hosts are given {url}, and public_url should be any of {names}')


def of_lie(proxy, key, row):
    title, fn, expected, options, token, ok = row
    proxy.lie, proxy.seen = fn, []
    judge(proxy.url + '/mcp', expected, [*options, *(['--token', key] if token else [])], ok)


def of_trial(proxy, key):
    """With --no-register nothing is registered; otherwise what was is removed."""
    proxy.lie, proxy.seen = None, []
    doctor(proxy.url + '/mcp', '--no-register')
    need(not any('/register' in path and method == 'POST' for method, path, status in proxy.seen), f'it registered: {proxy.seen}')
    proxy.seen = []
    doctor(proxy.url + '/mcp')
    made = [1 for method, path, status in proxy.seen if '/register' in path and method == 'POST' and status == 201]
    gone = [1 for method, path, status in proxy.seen if '/register' in path and method == 'DELETE' and status == 204]
    need(len(made) == 1 and len(gone) == 1, f'{len(made)} made, {len(gone)} removed: {proxy.seen}')


def of_stdin(proxy, key):
    """A token may come from standard input, where no list of processes shows it; the words for people name what mends it."""
    p = subprocess.run([*program(), 'doctor', '--mcp', proxy.url + '/mcp', '--token', '-'], input=key + '\n', capture_output=True, text=True, env=surroundings())
    need(p.returncode == 0 and re.search(r'^ok +tools +\d+ tools', p.stdout, re.M), p.stdout + p.stderr)
    need(key not in p.stdout + p.stderr, 'it printed the token')
    proxy.lie = framed
    p = subprocess.run([*program(), 'doctor', '--mcp', proxy.url + '/mcp'], capture_output=True, text=True, env=surroundings())
    need(p.returncode == 1 and re.search(r'^FAIL +authorize .*\n +The page must say.*\n +Caddy: .*\n +nginx: ', p.stdout, re.M), p.stdout + p.stderr)


def of_tls(proxy, key):
    """A certificate that nobody vouches for."""
    with tempfile.TemporaryDirectory() as there:
        pem = os.path.join(there, 'own.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', pem, '-out', pem + '.crt', '-subj', '/CN=localhost', '-days', '2'],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem + '.crt', pem)
        with socket.create_server(('127.0.0.1', 0)) as listener:
            def serve():
                try:
                    context.wrap_socket(listener.accept()[0], server_side=True)
                except OSError:
                    pass
            threading.Thread(target=serve, daemon=True).start()
            judge(f'https://127.0.0.1:{listener.getsockname()[1]}/mcp', [('mcp', 'FAIL', 'no TLS with'), ('mcp', 'FAIL', 'fullchain.pem')], (), False)


def of_nobody(proxy, key):
    """Nothing listens; no such name; no path; no URL."""
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
    judge(f'http://127.0.0.1:{port}/mcp', [('mcp', 'FAIL', 'start the proxy')], (), False)
    judge('https://mcp.invalid/mcp', [('address', 'FAIL', 'Make an A or AAAA record for mcp.invalid')], (), False)
    judge(proxy.url, [('mcp', 'FAIL', f'the endpoint is {proxy.url}/mcp')], (), False)
    judge('mcp.example.com', [('address', 'FAIL', 'Give the whole URL')], (), False)


def main():
    p = argparse.ArgumentParser(description='Tells the doctor lies.')
    p.add_argument('--only', default='', help='only what has these words in its title')
    only = p.parse_args().only.lower()
    tap, proxy = Tap(), Proxy()
    todo = [(row[0], of_lie, row) for row in LIES] + [(fn.__doc__.split('\n')[0].rstrip('.'), fn, None) for fn in (of_trial, of_stdin, of_tls, of_nobody)]
    with Server({'public_url': proxy.url}) as s:
        proxy.to = (s.host, s.port)
        for title, fn, row in todo:
            if only not in title.lower():
                continue
            try:
                fn(proxy, s.key, row) if row else fn(proxy, s.key)
                tap.line(title)
            except (Wrong, Failure, subprocess.TimeoutExpired) as e:
                tap.line(title, str(e))
            proxy.lie = None
        ill = sick(s.log_text())
    if ill:
        tap.line('the server is well', ill)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
