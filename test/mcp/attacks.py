#!/usr/bin/env python3
"""attacks.py -- what is done to an MCP server: from a page of another origin, with another's session, with messages without end, with streams nobody reads.

    python3 test/mcp/attacks.py [--only WORDS] [--engine sqlite|postgres]

Each case says what must happen: the refusal, that nothing was changed, and that others are served.  TAP lines, and `N passed, N failed` at the end."""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'lib')]

import cases
from browser import Browser
from cases import case, need
from people import App, Person, bearer
from server import Wire, head, wait_for
from talk import LEGACY, META, MODERN, Talk

GUESSES = ('A' * 43, '', 'x', '0', '-1', 'A' * 5000, '../../etc/passwd', "' OR 1=1 --", '\u00e4')


def notes(s):
    """How many notes the project has."""
    c = s.client()
    try:
        return len(c.get(f'/v1/notes?projectId={s.project}&limit=200').json()['data'])
    finally:
        c.close()


def quiet(fn):
    """A case that leaves the notes as they were, and the server serving."""
    def checked(s):
        before = notes(s)
        fn(s)
        need(notes(s) == before, f'there are {notes(s)} notes, there were {before}')
    return checked


def write(t, s, content='unwanted'):
    """A message that writes a note."""
    return t.message('tools/call', {'name': 'create_note', 'arguments': {'projectId': s.project, 'content': content}})


def gauge(s, name):
    """A figure of the page of metrics."""
    w = Wire('127.0.0.1', s.metrics)
    try:
        text = w.send(head('GET', '/metrics')).answer().body.decode()
    finally:
        w.close()
    found = re.search(rf'^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$', text, re.M)
    need(found, f'no {name} among the metrics')
    return float(found.group(1))


# --------------------------------------------------------------------------------------------------- Origin and Host

@case('A page of another origin gets nothing, whatever it knows, and is not even asked for a token')
@quiet
def origin(s):
    for version in (*LEGACY[-1:], MODERN):
        t, stranger = Talk(s, version), Talk(s, version, key='', begin=False)
        for bad in ('http://evil.example', 'https://evil.example:8080', 'null', '', 'http://127.0.0.1.evil.example', 'http://localhost@evil.example', 'http://localhost.evil.example',
                    'http://evil.example/http://localhost', 'file://', 'http://[::1].evil.example', 'chrome-extension://abc', f'http://evil.example:{s.port}'):
            for key in (s.key, 'scripe_sk_live_' + '0' * 64, None):
                a = (t if key == s.key else stranger).post(write(t, s), {'Origin': bad, 'Authorization': f'Bearer {key}' if key else None})
                need(a.status == 403 and a.get('WWW-Authenticate') is None and a.get('Access-Control-Allow-Credentials') is None, f'{bad!r}: {a} {a.headers}')
        a = t.client.exchange('POST', head('POST', '/mcp', [('Host', f'127.0.0.1:{s.port}'), ('Origin', s.url), ('Origin', 'http://evil.example'), ('Content-Length', '2'), *bearer(s.key).items()]) + b'{}')
        need(a.status in (400, 403), f'two origins: {a}')
        t.close()
        stranger.close()


@case('A name that was led to our address is not ours')
@quiet
def host(s):
    t = Talk(s)
    for bad in ('evil.example', f'evil.example:{s.port}', 'localhost.evil.example', '127.0.0.1.evil.example', 'localhost@evil.example', 'evil.example#127.0.0.1', '[::1].evil.example', 'x' * 255):
        body = json.dumps(write(t, s)).encode()
        for method in ('POST', 'GET', 'DELETE'):
            with s.wire() as w:
                a = w.send(head(method, '/mcp', {**t.headers(write(t, s)), 'Content-Length': str(len(body)), **bearer(s.key)}, bad) + body).answer()
                need(a.status in (400, 403), f'{method} {bad}: {a}')
    t.close()


# ------------------------------------------------------------------------------------------------------------ sessions

@case('The session of another principal is none, and cannot be ended by it')
@quiet
def other_session(s):
    t, other = Talk(s, '2025-11-25'), Talk(s, '2025-11-25', key=s.mint())
    mine = t.sid
    t.sid = other.sid
    need(t.ask('tools/list').status == 404, 'it may be used')
    need(t.post(write(t, s)).status == 404, 'it may be used to write')
    need(t.client.request('DELETE', '/mcp', None, t.headers()).status == 404, 'it may be ended')
    need(other.ask('tools/list').status == 200, 'it was ended')
    t.sid = mine
    need(t.ask('tools/list').status == 200, 'the own one does not work')
    t.client.request('DELETE', '/mcp', None, t.headers())
    need(t.ask('tools/list').status == 404, 'it goes on behind its end')
    for x in (t, other):
        x.close()


@case('The id of a session is 32 random bytes: none is found by trying')
@quiet
def guess(s):
    t = Talk(s, '2025-11-25')
    need(re.fullmatch(r'[A-Za-z0-9_-]{43}', t.sid), t.sid)
    good = t.sid
    for sid in (*GUESSES, good[:-1], good + 'A', good.swapcase()):
        t.sid = sid
        a = t.ask('tools/list')
        need(a.status in (400, 404), f'{sid[:40]!r}: {a}')
    sids = set()
    for _ in range(5):
        with Talk(s, '2025-11-25') as more:
            sids.add(more.sid)
    need(len(sids) == 5, 'ids repeat')
    t.close()


@case('A key that is revoked ends what it began')
def revoked(s):
    key = s.mint()
    t = Talk(s, '2025-11-25', key=key)
    need(t.ask('tools/list').status == 200, 'it does not work')
    s.revoke(next(k['id'] for k in s.keys() if k['last4'] == key[-4:] and not k['revokedAt']))
    a = wait_for(lambda: (lambda a: a if a.status == 401 else None)(t.ask('tools/list')))
    need(a and 'resource_metadata="' in a.get('WWW-Authenticate'), f'it goes on: {a}')
    t.close()


@case('A thousand sessions of one principal are bounded work', alone=True)
def many_sessions(s):
    t = Talk(s, '2025-11-25')
    for _ in range(300):
        need(t.begin().status in (200, 429), 'not begun')
    need(t.ask('tools/list').status == 200, 'the last one does not work')
    t.close()


# --------------------------------------------------------------------------------------------------------------- tools

@case('A tool that the key has no scope for is not listed, and its call changes nothing')
@quiet
def scope(s):
    key = s.mint('notes:read')
    for version in (*LEGACY, MODERN):
        with Talk(s, version, key=key) as t:
            names = [x['name'] for x in t.result('tools/list')['tools']]
            need('get_note' in names and 'create_note' not in names and 'generate_post' not in names, f'{names}')
            a = t.post(write(t, s))
            need('notes:write' in a.body.decode() and ('error' in a.json() or a.json()['result'].get('isError')), f'{a}')


@case('A token that lacks a scope is told which ones, so that its host can ask its user')
@quiet
def step_up(s):
    ada, app = Person(s), App(s)
    tokens = app.walk(ada, scope='notes:read')
    for version in (*LEGACY, MODERN):
        with Talk(s, version, key=tokens['access_token']) as t:
            a = t.post(write(t, s))
            asked = a.get('WWW-Authenticate') or ''
            need(a.status == 403 and 'error="insufficient_scope"' in asked and 'notes:write' in asked and 'resource_metadata="' in asked, f'{version}: {a} {a.headers}')
    app.close()


@case('What belongs to another workspace is not there')
def isolation(s):
    there = s.workspace()
    project, key = s.new_project(there), s.mint(workspace=there)
    with Talk(s, key=key) as t, Talk(s) as own:
        note = own.data('create_note', {'projectId': s.project, 'content': 'mine'})
        for tool, arguments in (('get_note', {'noteId': note['id']}), ('create_note', {'projectId': s.project, 'content': 'x'}), ('list_notes', {'projectId': s.project})):
            r = t.call(tool, arguments)
            need(r.get('isError') and r['structuredContent']['error']['code'] == 'not_found', f'{tool}: {r}')
        a = t.ask('tools/call', {'name': 'list_projects', 'arguments': {}}, headers={'Scripe-Workspace-Id': s.id})
        need(s.project not in a.body.decode(), f'{a}')
        need(project in str(t.call('list_projects')), 'its own is not there')


# ------------------------------------------------------------------------------------------------------------ messages

@case('Batches are small, and of the one version that has them')
@quiet
def batches(s):
    with Talk(s, '2025-03-26') as t:
        many = [t.message('ping') for _ in range(10_000)]
        for batch in (many, [write(t, s) for _ in range(1000)], [], [[]], [many[:10]], [None], ['x'], [1, 2], [{}] * 1000):
            a = t.post(json.dumps(batch).encode())
            need(a.status in (200, 400, 413) and (a.status != 200 or '"error"' in a.body.decode()), f'{str(batch)[:60]}: {a}')
    with Talk(s, '2025-03-26') as t:
        a = t.post(json.dumps([t.message('ping'), t.message('ping')]).encode())
        need(a.status == 200 and len(a.json()) == 2, f'two pings: {a}')
    for version in (*LEGACY[1:], MODERN):
        with Talk(s, version) as t:
            a = t.post(json.dumps([write(t, s)]).encode())
            need(a.status == 400, f'{version}: {a}')


@case('Messages that are none, too deep or too large are refused, and their server serves on')
@quiet
def broken(s):
    for version in ('2025-11-25', MODERN):
        t = Talk(s, version)
        good = json.dumps(write(t, s))
        bodies = [b'', b' ', b'{', b'null', b'true', b'1', b'"x"', b'[' * 100_000, b'{"a":' * 50_000, b'[' * 5000 + b']' * 5000, good.encode()[:-1], good.encode() + b'x', b'\xff' + good.encode(),
                  good.replace('"jsonrpc"', '"jsonrpc": "2.0", "jsonrpc"').encode(), good.replace('"2.0"', '"1.0"').encode(), good.replace('"2.0"', '2').encode(),
                  good.replace('create_note', 'create_\\u0000note').encode(), good.replace('create_note', 'create_\\ud800note').encode(),
                  json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'x' * 100_000}).encode(), json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 5}).encode(),
                  json.dumps({'jsonrpc': '2.0', 'id': 1}).encode(), json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call', 'params': [1]}).encode(),
                  json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call', 'params': {'name': ['create_note']}}).encode(), b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'9' * 200_000 + b'}']
        for ident in ({}, [], None, 1e400, -0.5, 'x' * 100_000, True):
            bodies.append(json.dumps({**json.loads(good), 'id': ident}).encode())
        bodies.append(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b'y' * 14_000_000 + b'"}}')
        for body in bodies:
            a = t.post(body)
            fine = a.status in (400, 404, 413) or (a.status == 200 and 'error' in a.json())
            need(fine or b'"id":' + b'"xxx' in a.body.replace(b' ', b''), f'{version} {body[:80]}: {a}')
        need(t.ask('tools/list').status == 200, f'{version}: nobody is served')
        t.close()


@case('Headers that say something else than the message are refused')
@quiet
def headers(s):
    with Talk(s) as t:
        for changed in ({'Mcp-Method': 'tools/list'}, {'Mcp-Name': 'get_note'}, {'Mcp-Method': None}, {'Mcp-Name': None}, {'MCP-Protocol-Version': '2025-11-25'},
                        {'MCP-Protocol-Version': None}, {'MCP-Protocol-Version': '1999-01-01'}, {'Mcp-Name': '=?base64?!!!?='}, {'Mcp-Name': 'x' * 20_000}, {'Content-Type': 'text/plain'},
                        {'Content-Type': 'application/x-www-form-urlencoded'}):
            a = t.post(write(t, s), changed)
            need(a.status in (400, 415, 431), f'{changed}: {a}')


@case('Methods without a right are as if they were not there')
def unauthorized(s):
    for version in (*LEGACY, MODERN):
        t = Talk(s, version, key='', begin=False)
        for method in ('initialize', 'ping', 'server/discover', 'tools/list', 'tools/call', 'resources/list', 'no/such', ''):
            for auth in (None, 'Bearer', 'Bearer x', 'Basic ' + 'A' * 20, f'Bearer {s.key}x', f'bearer{s.key}', 'Bearer ' + 'x' * 10_000):
                a = t.ask(method, headers={'Authorization': auth or None})
                need(a.status in (400, 401), f'{version} {method} {auth}: {a}')
                need(a.status == 400 or 'resource_metadata="' + s.url in a.get('WWW-Authenticate'), f'{a.headers}')
        t.close()


@case('A token in the address is no token')
def in_query(s):
    with Talk(s, key='') as t:
        for query in ('?access_token=' + s.key, '?token=' + s.key, '?key=' + s.key):
            t.path = '/mcp' + query
            need(t.ask('tools/list').status == 401, query)
    need(s.key not in s.log_text(), 'it stands in the log')


# ------------------------------------------------------------------------------------------------------------- streams

def listen(s, key=None):
    """A stream that stays open: what it began with, and its connection."""
    t = Talk(s, key=key)
    message = t.message('subscriptions/listen', {'notifications': {'toolsListChanged': True}})
    body = json.dumps(message).encode()
    w = s.wire()
    w.send(head('POST', '/mcp', {**t.headers(message), 'Content-Length': str(len(body)), **bearer(key or s.key)}, f'127.0.0.1:{s.port}') + body)
    t.close()
    first = w.until(b'\r\n\r\n')
    need(b' 200 ' in first and b'text/event-stream' in first.lower(), f'no stream: {first}')
    return w


def open_streams(s):
    return gauge(s, 'scriped_streams')


@case('A thousand open streams cost little, hinder nobody, and are gone when their readers are', alone=True, metrics_listen='127.0.0.1:0')
def thousand(s):

    def memory():
        with open(f'/proc/{s.proc.pid}/status') as f:
            return next(int(line.split()[1]) for line in f if line.startswith('RssAnon'))

    listen(s).close()
    before, open_now = memory(), []
    for _ in range(1000):
        open_now.append(listen(s))
    need(open_streams(s) >= 1000, f'{open_streams(s)} streams are open')
    grown = memory() - before
    sanitized = 'san/' in os.environ.get('SCRIPED_BIN', '')
    need(sanitized or grown <= 20_000, f'1,000 streams take {grown} KB')
    with Talk(s) as t:
        need(t.ask('tools/list').status == 200, 'nobody else is served')
    for w in open_now:
        w.close()
    need(wait_for(lambda: open_streams(s) == 0), f'{open_streams(s)} streams are left')


@case('A stream ends soon when its key is revoked', alone=True, metrics_listen='127.0.0.1:0')
def revoked_stream(s):
    key = s.mint()
    w = listen(s, key)
    s.revoke(next(k['id'] for k in s.keys() if k['last4'] == key[-4:]))
    rest = w.rest()
    need(b'HTTP/1.1' not in rest, f'{rest[-300:]}')
    need(wait_for(lambda: open_streams(s) == 0), 'the stream is left')
    w.close()


@case('A stream of a program ends soon when its person takes the consent back', alone=True, metrics_listen='127.0.0.1:0')
def taken_back(s):
    ada, app = Person(s), App(s)
    w = listen(s, app.walk(ada)['access_token'])
    with Browser(s) as b:
        b.sign_in(b.get('/signin'), ada.email, ada.password)
        b.send(b.get('/account').form('revoke'), button='revoke')
    w.rest()
    need(wait_for(lambda: open_streams(s) == 0), 'the stream is left')
    w.close()
    app.close()


@case('A stream of a program ends when its token does', alone=True, metrics_listen='127.0.0.1:0')
def expired_stream(s):
    ada, app = Person(s), App(s)
    w = listen(s, app.walk(ada)['access_token'])
    s.clock.forward(3601)
    w.rest()
    need(wait_for(lambda: open_streams(s) == 0), 'the stream is left')
    w.close()
    app.close()


@case('Streams that are open do not hold up the end of the server', alone=True, drain_time=600)
def shutdown(s):
    held = [listen(s) for _ in range(20)]
    s.stop()
    for w in held:
        w.close()
    s.start()


if __name__ == '__main__':
    sys.exit(cases.main('Attacks on the MCP server.', 'attacks', clock=True))
