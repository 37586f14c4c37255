"""agents.py -- the measurements of programs that act for people: calls of tools, tokens, open streams, sign-ins."""
import json
import re
import socket
import tempfile
import threading
import time
import urllib.request

from browser import Browser
from measures import LEAST, MOST, ROWS, Row, charged, capacity, costs, fetched, rates, rounds
from people import App, Person
from server import Failure, wait_for
from tools import Figure, fill_notes, free_port, memory, note_body, pids, progress, scriped, wrk

STATELESS, WITH_SESSION = '2026-07-28', '2025-11-25'
JSON = {'Content-Type': 'application/json', 'Accept': 'application/json, text/event-stream'}
STREAMS = 1000
FAMILIES = 72           # a refresh token for each of 64 connections, and a few for those that are on their way


def lines(headers):
    return [f'{name}: {value}' for name, value in headers.items()]


# ----------------------------------------------------------------------------------------------------------- tools

def meta(version=STATELESS):
    return {'io.modelcontextprotocol/protocolVersion': version, 'io.modelcontextprotocol/clientCapabilities': {},
            'io.modelcontextprotocol/clientInfo': {'name': 'bench', 'version': '1'}}


def stateless(method, params, name=None):
    """Headers and body of a request that stands alone."""
    headers = {**JSON, 'MCP-Protocol-Version': STATELESS, 'Mcp-Method': method, **({'Mcp-Name': name} if name else {})}
    return headers, {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': {**params, '_meta': meta()}}


def said(client, headers, body, status=200):
    a = client.request('POST', '/mcp', body, headers)
    if a.status != status:
        raise Failure(f"{body['method']}: {a!r}")
    return a


def session(client):
    """The headers of requests within a new session."""
    hello = {'jsonrpc': '2.0', 'id': 0, 'method': 'initialize', 'params': {
        'protocolVersion': WITH_SESSION, 'capabilities': {}, 'clientInfo': {'name': 'bench', 'version': '1'}}}
    a = said(client, JSON, hello)
    headers = {**JSON, 'MCP-Protocol-Version': WITH_SESSION}
    if a.get('Mcp-Session-Id'):
        headers['Mcp-Session-Id'] = a.get('Mcp-Session-Id')
    said(client, headers, {'jsonrpc': '2.0', 'method': 'notifications/initialized'}, 202)
    return headers


def calls(s, token, note):
    """Headers and body of tools/call get_note, for a request alone and within a session; each has been tried."""
    client, params = s.client(token), {'name': 'get_note', 'arguments': {'noteId': note}}
    both = [stateless('tools/call', params, 'get_note'),
            (session(client), {'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call', 'params': params})]
    for headers, body in both:
        result = said(client, headers, body).json()['result']
        if result.get('isError') or result['structuredContent']['data']['id'] != note:
            raise Failure(f'get_note: {result}')
    client.close()
    return both


def one_note(s):
    return fetched(s, f'/v1/notes?projectId={s.project}&limit=1').json()['data'][0]['id']


def tools(plan):
    """tools/call get_note beside GET of the same note, all three with the same access token."""
    with scriped(lambda s: fill_notes(s, ROWS)) as s:
        token, note = App(s).walk(Person(s))['access_token'], one_note(s)
        bearer = {'Authorization': 'Bearer ' + token}
        alone, within = calls(s, token, note)
        get = lambda sec: wrk(f'{s.url}/v1/notes/{note}', 64, sec, lines(bearer))           # noqa: E731
        call = lambda of, sec: wrk(s.url + '/mcp', 64, sec, lines({**bearer, **of[0]}), body=json.dumps(of[1]))     # noqa: E731
        get(1), call(alone, 1), call(within, 1)
        rest, bare, old = rounds(plan, 'tools', lambda: charged(pids(s), lambda: get(plan.seconds)),
                                 lambda: charged(pids(s), lambda: call(alone, plan.seconds)),
                                 lambda: charged(pids(s), lambda: call(within, plan.seconds)))
    rows = []
    for what, mine in ((f'tools/call get_note, {STATELESS}, 64 connections', bare), (f'tools/call get_note in a session of {WITH_SESSION}', old)):
        rows += [Row(what, '/s', rates(mine), rates(rest), 'GET', (LEAST, 0.7), 'ratio'),
                 Row('  the same by CPU time', '/s', capacity(mine), capacity(rest), 'GET', (LEAST, 0.7), 'ratio'),
                 Row('  CPU of the server per answer', 'µs', costs(mine), costs(rest), 'GET')]
    return rows


# ---------------------------------------------------------------------------------------------------------- tokens

def families(s, person, count):
    """The client, and a file with a refresh token of each of that many families."""
    app, file = App(s), tempfile.NamedTemporaryFile('w')
    with Browser(s) as b:
        for _ in range(count):
            file.write(app.walk(person, b)['refresh_token'] + '\n')
    file.flush()
    app.close()
    return app.id, file


def tokens(plan):
    """Refreshes: each answer's refresh token is the next request's.  Beside POST /notes, which commits four rows where this commits one."""
    with scriped() as s:
        person = Person(s)

        def refresh(seconds):
            client, file = families(s, person, FAMILIES)
            with file:
                body = f'grant_type=refresh_token&client_id={client}&refresh_token='
                return charged(pids(s), lambda: wrk(s.url + '/oauth/token', 64, seconds, ['Content-Type: application/x-www-form-urlencoded'],
                                                    body=body, turns=file.name))
        post = lambda: wrk(s.url + '/v1/notes', 64, plan.seconds, ['Authorization: Bearer ' + s.key], note=note_body(s))      # noqa: E731
        refresh(1)
        mine, peer = rounds(plan, 'tokens', lambda: refresh(plan.seconds), lambda: charged(pids(s), post))
    return [Row('durable refreshes of a token, 64 connections', '/s', rates(mine), rates(peer), 'POST /notes', (LEAST, 5000)),
            Row('  CPU of the server per refresh', 'µs', costs(mine), costs(peer), 'POST /notes')]


def page_of_metrics(port):
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=10) as a:
        return a.read().decode()


def metric(port, name):
    return int(re.search(rf'^scriped_{name} (\d+)$', page_of_metrics(port), re.M).group(1))


def statements(port, load):
    """Statements that the database ran for each answer of a load."""
    before = metric(port, 'database_statements_total')
    n = load().requests
    return (metric(port, 'database_statements_total') - before) / n


def warm(plan):
    """GET of a note reads the note; who asks costs nothing more, whether by a key, a token or a tool."""
    port = free_port()
    with scriped(lambda s: fill_notes(s, 100), metrics_listen=f'127.0.0.1:{port}', request_log=False) as s:
        token, note = App(s).walk(Person(s))['access_token'], one_note(s)
        (headers, body), _ = calls(s, token, note)
        get = lambda by: wrk(f'{s.url}/v1/notes/{note}', 64, plan.seconds, lines({'Authorization': 'Bearer ' + by}))         # noqa: E731
        call = lambda: wrk(s.url + '/mcp', 64, plan.seconds, lines({'Authorization': 'Bearer ' + token, **headers}), body=json.dumps(body))  # noqa: E731
        get(token), get(s.key)
        by_token, by_key, by_tool = rounds(plan, 'warm', *(lambda of=of: statements(port, of)
                                                           for of in (lambda: get(token), lambda: get(s.key), call)))
    key = Figure(by_key)
    return [Row('statements for GET one note with a warm access token', '', Figure(by_token), key, 'a key', (MOST, 1.01), 'ratio'),
            Row('  for tools/call get_note', '', Figure(by_tool), key, 'a key', (MOST, 1.01), 'ratio')]


# --------------------------------------------------------------------------------------------------------- streams

def request(s, method, path, headers, body=None):
    data = json.dumps(body).encode() if body else b''
    fixed = {'Host': f'{s.host}:{s.port}', **({'Content-Length': len(data)} if body else {})}
    return (f'{method} {path} HTTP/1.1\r\n' + '\r\n'.join(lines({**fixed, **headers})) + '\r\n\r\n').encode() + data


def opened(s, count, data, until):
    """That many connections that have sent data and got an answer up to these bytes."""
    socks = []
    for _ in range(count):
        sock, got = socket.create_connection((s.host, s.port), timeout=10), b''
        sock.sendall(data)
        while until not in got:
            more = sock.recv(65536)
            if not more:
                raise Failure(f'no stream: {got[:300]!r}')
            got += more
        socks.append(sock)
    return socks


def grown(s, port, data, until, gauge):
    """MB of our own that open connections add, from a server that has served as many before."""
    for sock in opened(s, 50, data, until):
        sock.close()
    if not wait_for(lambda: metric(port, gauge) == 0, 10):
        raise Failure(f'{gauge}: {metric(port, gauge)} though all clients left')
    before, socks = memory(s.proc.pid)[0], opened(s, STREAMS, data, until)
    after, open_now = memory(s.proc.pid)[0], metric(port, gauge)
    began = time.monotonic()
    for sock in socks:
        sock.close()
    if open_now != STREAMS or not wait_for(lambda: metric(port, gauge) == 0, 10, 0.005):
        raise Failure(f'{gauge}: {open_now}, and {metric(port, gauge)} after all clients left')
    return after - before, (time.monotonic() - began) * 1e3


def streams(plan):
    """1,000 open subscriptions, beside 1,000 connections that got a note and are kept."""
    listen = stateless('subscriptions/listen', {'notifications': {'toolsListChanged': True, 'resourcesListChanged': True}})
    mine, peer = [], []
    for i in range(plan.rounds):
        progress(f'streams: round {i + 1} of {plan.rounds}')
        for into, what in ((mine, 'streams'), (peer, 'connections')):
            port = free_port()
            with scriped(lambda s: fill_notes(s, 100), metrics_listen=f'127.0.0.1:{port}') as s:
                bearer = {'Authorization': 'Bearer ' + s.key}
                if what == 'streams':
                    into.append(grown(s, port, request(s, 'POST', '/mcp', {**bearer, **listen[0]}, listen[1]), b'acknowledged', what))
                else:
                    into.append(grown(s, port, request(s, 'GET', '/v1/notes/' + one_note(s), bearer), b'"content"', what))
    part = lambda list_, i: Figure([m[i] for m in list_])                                   # noqa: E731
    return [Row(f'memory of our own for {STREAMS:,} open streams', 'MB', part(mine, 0), part(peer, 0), 'kept connections', (MOST, 20)),
            Row('  until all are gone, after their clients left', 'ms', part(mine, 1), part(peer, 1), 'kept connections')]


# --------------------------------------------------------------------------------------------------------- sign-in

class Signing(threading.Thread):
    """One who signs in again and again; .times of them."""

    def __init__(self, s, person, over):
        super().__init__(daemon=True)
        self.s, self.person, self.over, self.times, self.failed = s, person, over, 0, None

    def run(self):
        while not self.over.is_set():
            try:
                self.once()
            except Exception as e:              # told by whoever waits for us
                self.failed = e
                return
            self.times += 1

    def once(self):
        with Browser(self.s) as b:
            page = b.sign_in(b.get('/signin'), self.person.email, self.person.password)
            if page.status != 200 or not b.cookies:
                raise Failure(f'sign-in: {page}')


def signin(plan):
    """GET one note over 8 connections, some 250 a second each, while people sign in as fast as Argon2id lets them."""
    with scriped(lambda s: fill_notes(s, ROWS), rate_signin_account=0, rate_signin_address=0) as s:
        people = [Person(s) for _ in range(16)]
        url = f'{s.url}/v1/notes/{one_note(s)}'
        read = lambda: wrk(url, 8, plan.seconds, ['Authorization: Bearer ' + s.key], pause=4, soon=True)         # noqa: E731

        def beside():
            over = threading.Event()
            crowd = [Signing(s, p, over) for p in people]
            for one in crowd:
                one.start()
            time.sleep(1)
            had, began = sum(one.times for one in crowd), time.monotonic()
            try:
                load = read()
                rate = (sum(one.times for one in crowd) - had) / (time.monotonic() - began)
            finally:
                over.set()
                for one in crowd:
                    one.join()
            for one in crowd:
                if one.failed:
                    raise Failure(str(one.failed))
            return load, rate
        read()
        both, alone = rounds(plan, 'signin', beside, read)
    pick = lambda loads, name: Figure([getattr(load, name) for load in loads])              # noqa: E731
    beside_them = [load for load, rate in both]
    return [Row('p99 of GET one note while people sign in', 'ms', pick(beside_them, 'p99'), pick(alone, 'p99'), 'nobody signs in', (MOST, 2), 'ratio'),
            Row('  p50', 'ms', pick(beside_them, 'p50'), pick(alone, 'p50'), 'nobody signs in'),
            Row('  the sign-ins meanwhile', '/s', Figure([rate for load, rate in both]))]


CASES = {'tools': tools, 'tokens': tokens, 'warm': warm, 'streams': streams, 'signin': signin}
