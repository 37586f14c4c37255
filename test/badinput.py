#!/usr/bin/env python3
"""badinput.py -- what strangers send: bytes that no client library would, over raw sockets, against the real binary.

    python3 test/badinput.py [--only WORDS] [--engine sqlite|postgres]

Each case gets the documented error, or a closed connection where the request could not be understood; nothing is
changed by it, and the server goes on serving.  TAP lines, and `N passed, N failed` at the end."""
import json
import os
import resource
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import cases
from cases import Skip, Wrong, case, need
from server import PATIENCE, Closed, Failure, Server, Wire, head, psql, wait_for



# ------------------------------------------------------------------------------------------------------------- help

def auth(s):
    return ('Authorization', 'Bearer ' + s.key)


def json_head(s, method, target, length, *more):
    return head(method, target, [auth(s), ('Content-Type', 'application/json'), ('Content-Length', str(length)), *more])


def note(s, content='x'):
    return json.dumps({'projectId': s.project, 'content': content}).encode()


def post_note(s, body, *more):
    return json_head(s, 'POST', '/v1/notes', len(body), *more) + body


def get(s, target='/v1/projects', *more):
    return head('GET', target, [auth(s), *more])


def notes(s):
    """How many notes there are."""
    c, n, cursor = s.client(), 0, ''
    try:
        while True:
            page = c.get(f'/v1/notes?projectId={s.project}&limit=200{cursor}').json()
            n += len(page['data'])
            if not page['pagination']['has_more']:
                return n
            cursor = '&cursor=' + page['pagination']['next_cursor']
    finally:
        c.close()


def refused(w, statuses):
    """An answer with one of the statuses, or none; then the connection ends, and nothing that followed was answered."""
    try:
        a = w.answer()
    except Closed:
        return None
    need(a.status in statuses, f'expected one of {statuses}, got {a}')
    try:
        rest = w.rest()
    except TimeoutError:
        raise Wrong('the connection stays open after what could not be understood')
    need(b'HTTP/1.1 2' not in rest, f'what followed was taken for a request: {rest[:300]!r}')
    return a


def serves(s):
    """The server answers others, soon."""
    c = s.client()
    a = c.get('/v1/projects')
    c.close()
    need(a.status == 200, f'another client got {a}')


def unchanged(fn):
    """A case that must leave the number of notes as it was, and the server serving."""
    def checked(s):
        before = notes(s)
        fn(s)
        serves(s)
        after = notes(s)
        need(after == before, f'there are {after} notes, there were {before}')
    return checked


# ------------------------------------------------------------------------------------------------ request line, headers

@case('300 KB of headers are refused and the connection closed')
@unchanged
def big_headers(s):
    for data in (head('GET', '/v1/projects', [auth(s), ('X-Big', 'a' * 300_000)]),
                 head('GET', '/v1/projects', [auth(s)] + [(f'X-{i}', 'a' * 100) for i in range(3000)])):
        with s.wire() as w:
            w.send_some(data)
            refused(w, (431, 400))


@case('A header block of 30 KB is taken, one over 32 KB is not')
@unchanged
def header_limit(s):
    with s.wire() as w:
        a = w.send(get(s, '/v1/projects', ('X-Big', 'a' * 30_000))).answer()
        need(a.status == 200, f'30 KB: {a}')
    with s.wire() as w:
        w.send_some(get(s, '/v1/projects', ('X-Big', 'a' * 34_000)))
        refused(w, (431, 400))


@case('A target of 40 KB is refused')
@unchanged
def long_target(s):
    with s.wire() as w:
        w.send_some(get(s, '/v1/projects?x=' + 'a' * 40_000))
        refused(w, (414, 431, 400))


@case('A target of 8 KB is taken')
def middle_target(s):
    with s.wire() as w:
        a = w.send(get(s, '/v1/projects?x=' + 'a' * 8_000)).answer()
        need(a.status == 200 and a.get('Scripe-Ignored-Fields') == '?x', f'{a} {a.headers}')


@case('Many small headers do no harm')
@unchanged
def many_headers(s):
    with s.wire() as w:
        w.send_some(head('GET', '/v1/projects', [auth(s)] + [(f'X-{i}', 'a') for i in range(2000)]))
        a = w.answer()
        need(a.status in (200, 431), f'{a}')


@case('A request without Host is refused and the connection closed')
@unchanged
def no_host(s):
    with s.wire() as w:
        w.send(b'\r\n'.join([b'POST /v1/notes HTTP/1.1', b'Authorization: Bearer ' + s.key.encode(),
                             b'Content-Length: %d' % len(note(s)), b'', note(s)]))
        a = refused(w, (400,))
        need(a is not None, 'no answer')


@case('A doubled Host is refused and the connection closed')
@unchanged
def two_hosts(s):
    for second in ('localhost', 'evil.example'):
        with s.wire() as w:
            w.send(head('POST', '/v1/notes', [('Host', 'localhost'), ('Host', second), auth(s),
                                              ('Content-Length', str(len(note(s))))]) + note(s))
            need(refused(w, (400,)) is not None, 'no answer')


@case('What is not HTTP is refused')
@unchanged
def not_http(s):
    host = b'\r\nHost: localhost\r\n\r\n'
    for line in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\x00' * 100 + b'\r\n\r\n', b'\x00' * 500 + b'\r\n\r\n',
                 b'hello' + host, b'GET' + host, b'GET /v1/health' + host, b'GET /v1/health HTTP/9.9' + host,
                 b'GET /v1/health HTTP/1.1 extra' + host, b'GET /v1/health JUNK/1.1' + host, b'GET v1/health HTTP/1.1' + host,
                 b'G@T /v1/health HTTP/1.1' + host, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'):
        with s.wire() as w:
            w.send_some(line)
            w.sock.shutdown(socket.SHUT_WR)
            try:
                a = w.answer()
                need(400 <= a.status < 600 and a.status not in (500, 503), f'{line[:40]!r} got {a}')
            except Closed:
                pass


@case('A malformed header is refused')
@unchanged
def bad_header(s):
    for line in (b'X y: 1', b'X\x00: 1', b'X: a\x00b', b'Content-Length : 5', b'\x80: 1', b': empty'):
        with s.wire() as w:
            w.send(b'POST /v1/notes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ' + s.key.encode() + b'\r\n' + line + b'\r\n\r\n')
            try:
                a = w.answer()
                need(a.status < 500 and (a.status != 200), f'{line!r} got {a}')
            except Closed:
                pass


@case('Bytes over 127, quotes and blanks in the target do no harm')
@unchanged
def odd_target(s):
    for target in (b'/v1/notes/\xff\xfe', b'/v1/notes/"x"', b'/v1/notes/{x}', b'/v1/notes/a\x01b', b'/v1/notes?projectId=\xff', b'//',
                   b'/v1/notes/..%2f..%2fetc/passwd', b'/../../etc/passwd', b'/v1/%2e%2e/v1/projects', b'/v1/notes#x', b'*'):
        with s.wire() as w:
            w.send(b'GET ' + target + b' HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ' + s.key.encode() + b'\r\n\r\n')
            try:
                a = w.answer()
                need(400 <= a.status < 500, f'{target!r} got {a}')
            except Closed:
                pass


# ------------------------------------------------------------------------------------------------------ length of bodies

@case('Two Content-Lengths are refused, and what follows is not a request')
@unchanged
def two_lengths(s):
    body = note(s)
    smuggled = post_note(s, note(s, 'smuggled'))
    for one, two in ((0, len(body)), (len(body), 0), (len(body), len(body) + 1), (len(body), len(body))):
        with s.wire() as w:
            w.send(head('POST', '/v1/notes', [auth(s), ('Content-Length', str(one)), ('Content-Length', str(two))]) + body + smuggled)
            need(refused(w, (400,)) is not None, f'{one} and {two}: no answer')
    with s.wire() as w:
        w.send(head('POST', '/v1/notes', [auth(s), ('Content-Length', f'{len(body)}, {len(body)}')]) + body + smuggled)
        refused(w, (400,))


@case('A Content-Length with Transfer-Encoding is refused, and what follows is not a request')
@unchanged
def length_and_chunked(s):
    smuggled = post_note(s, note(s, 'smuggled'))
    for pairs in ([('Content-Length', '5'), ('Transfer-Encoding', 'chunked')], [('Transfer-Encoding', 'chunked'), ('Content-Length', '500')],
                  [('Content-Length', '5'), ('Transfer-Encoding', 'identity')], [('Content-Length', '5'), ('transfer-encoding', 'Chunked')]):
        with s.wire() as w:
            w.send(head('POST', '/v1/notes', [auth(s)] + pairs) + b'0\r\n\r\n' + smuggled)
            need(refused(w, (400, 501)) is not None, f'{pairs}: no answer')


@case('A length that is no number is refused')
@unchanged
def bad_length(s):
    smuggled = post_note(s, note(s, 'smuggled'))
    for value in ('-1', '+5', '5x', '0x5', '5 5', '1e3', '99999999999999999999', '18446744073709551621'):
        with s.wire() as w:
            w.send(head('POST', '/v1/notes', [auth(s), ('Content-Length', value)]) + b'{"a":' + smuggled)
            refused(w, (400, 413))


@case('An encoding that is not chunked is refused')
@unchanged
def other_encoding(s):
    smuggled = post_note(s, note(s, 'smuggled'))
    for value in ('gzip', 'gzip, chunked', 'chunked, gzip', 'xchunked', 'chunked, chunked', ''):
        with s.wire() as w:
            w.send(head('POST', '/v1/notes', [auth(s), ('Transfer-Encoding', value)]) + b'0\r\n\r\n' + smuggled)
            try:
                a = w.answer()
                need(400 <= a.status < 600 and a.status not in (500, 503), f'{value!r} got {a}')
            except Closed:
                pass


@case('Chunked bodies are read, whatever the size of the chunks, up to the largest body there is')
def chunked(s):
    small, large = note(s, 'chunked ' + 'é' * 1000), {'type': 'text', 'projectId': s.project, 'text': '😀' * 990_000}
    large = json.dumps(large).encode()
    for size, path, body in [(n, '/v1/notes', small) for n in (1, 7, 4096, 100_000)] + [(n, '/v1/sources', large) for n in (4096, 65_536)]:
        parts = [body[i:i + size] for i in range(0, len(body), size)]
        data = b''.join(b'%x\r\n%s\r\n' % (len(p), p) for p in parts) + b'0\r\nX-Trailer: 1\r\n\r\n'
        with s.wire() as w:
            a = w.send(head('POST', path, [auth(s), ('Transfer-Encoding', 'chunked')]) + data).answer()
            need(a.status == 200 and a.json()['data'].get('content', 'chunked ' + 'é' * 1000) == 'chunked ' + 'é' * 1000, f'chunks of {size}: {a}')
            a = w.send(get(s)).answer()
            need(a.status == 200, f'after chunks of {size}: {a}')


@case('Broken chunks are refused')
@unchanged
def bad_chunks(s):
    h = head('POST', '/v1/notes', [auth(s), ('Content-Type', 'application/json'), ('Transfer-Encoding', 'chunked')])
    # a chunk header larger than the library's buffer gets its own 500 and a closed connection: no handler sees it
    oversized = b'5;' + b'x' * 100_000 + b'\r\nhello\r\n0\r\n\r\n'
    for data in (b'zz\r\n', b'-5\r\nhello\r\n0\r\n\r\n', b'5\r\nhelloXX', b'ffffffffffffffffff\r\n', oversized):
        with s.wire() as w:
            w.send_some(h + data)
            try:
                w.sock.shutdown(socket.SHUT_WR)
                a = w.answer()
                need(400 <= a.status < 500 or (data == oversized and a.status == 500), f'{data[:20]!r} got {a}')
                need(w.ended(), f'{data[:20]!r}: the connection stays')
            except (Closed, OSError):
                pass


@case('A chunked body over its cap is 413')
@unchanged
def chunked_over(s):
    h = head('POST', '/v1/notes', [auth(s), ('Content-Type', 'application/json'), ('Transfer-Encoding', 'chunked')])
    with s.wire() as w:
        w.send(h + b''.join(b'10000\r\n' + b'a' * 65536 + b'\r\n' for _ in range(40)) + b'0\r\n\r\n')
        a = w.answer()
        need(a.status == 413 and a.code() == 'payload_too_large', f'{a}')


@case('A 10 MB body to a 100 KB field is 413, and the connection stays')
@unchanged
def ten_megabytes(s):
    body = note(s, 'a' * 10_000_000)
    with s.wire() as w:
        a = w.send(post_note(s, body)).answer()
        need(a.status == 413 and a.code() == 'payload_too_large', f'{a}')
        need(w.send(get(s)).answer().status == 200, 'the connection does not go on')


@case('A body over what is drained gets its 413 and a closed connection')
@unchanged
def twenty_megabytes(s):
    with s.wire() as w:
        w.send_some(json_head(s, 'POST', '/v1/notes', 40_000_000) + b'a' * 40_000_000)
        a = w.answer()
        need(a.status == 413 and a.code() == 'payload_too_large', f'{a}')
        need(w.ended(), 'the connection stays open')


@case('A body after a refusal is read away, and the connection stays')
@unchanged
def refusals_drain(s):
    body, length = b'a' * 1_000_000, ('Content-Length', '1000000')
    bad, kind = ('Authorization', 'Bearer nonsense'), ('Content-Type', 'application/json')
    poor = ('Authorization', 'Bearer ' + s.mint('notes:read'))
    for status, data in ((401, head('POST', '/v1/notes', [bad, kind, length])), (403, head('POST', '/v1/notes', [poor, kind, length])), (404, head('POST', '/v1/nowhere', [auth(s), kind, length])),
                         (405, head('PUT', '/v1/notes', [auth(s), kind, length])),
                         (415, head('POST', '/v1/notes', [auth(s), ('Content-Type', 'text/plain'), length])),
                         (400, head('POST', '/v1/notes', [auth(s), kind, length, ('Scripe-Api-Version', '1')]))):
        with s.wire() as w:
            a = w.send(data + body).answer()
            need(a.status == status, f'expected {status}, got {a}')
            need(w.send(get(s)).answer().status == 200, f'after {status} the connection does not go on')


@case('So is the body of who is over the limit', alone=True, rate_write=1)
def refused_by_rate(s):
    with s.wire() as w:
        a = w.send(post_note(s, note(s))).answer()
        need(a.status == 200, f'{a}')
        a = w.send(json_head(s, 'POST', '/v1/notes', 1_000_000) + b'a' * 1_000_000).answer()
        need(a.status == 429 and a.get('Retry-After'), f'{a}')
        need(w.send(get(s)).answer().status == 200, 'the connection does not go on')
        a = w.send(json_head(s, 'POST', '/v1/notes', 1000, ('Expect', '100-continue'))).answer(interim=True)
        need(a.status == 429 and w.ended(), f'expected 429 at once and the end, got {a}')


@case('A refused body over what is drained gets its refusal and a closed connection')
@unchanged
def refused_beyond_draining(s):
    with s.wire() as w:
        w.send_some(head('POST', '/v1/nowhere', [auth(s), ('Content-Length', '40000000')]) + b'a' * 40_000_000)
        a = w.answer()
        need(a.status == 404 and a.code() == 'not_found', f'{a}')
        need(w.ended(), 'the connection stays open')


@case('A preflight with a body passes, and the connection stays', alone=True, cors_origins='https://app.example.com')
def preflight_with_a_body(s):
    lines = [('Origin', 'https://app.example.com'), ('Access-Control-Request-Method', 'POST'), ('Content-Length', '100000')]
    with s.wire() as w:
        a = w.send(head('OPTIONS', '/v1/notes', lines) + b'a' * 100_000).answer()
        need(a.status == 204 and a.get('Access-Control-Allow-Origin') == 'https://app.example.com' and not a.get('Content-Length'), f'{a}')
        need(w.send(get(s)).answer().status == 200, 'the connection does not go on')


@case('Who asks before sending a refused body is told at once')
@unchanged
def expect_refused(s):
    ask = ('Expect', '100-continue')
    for status, data in ((413, json_head(s, 'POST', '/v1/notes', 10_000_000, ask)),
                         (401, head('POST', '/v1/notes', [('Content-Length', '1000'), ask])),
                         (404, head('POST', '/v1/nowhere', [auth(s), ('Content-Length', '1000'), ask])),
                         (415, head('POST', '/v1/notes', [auth(s), ('Content-Type', 'text/plain'), ('Content-Length', '1000'), ask]))):
        with s.wire() as w:
            a = w.send(data).answer(interim=True)
            need(a.status == status, f'expected {status} at once, got {a}')
            need(w.ended(), f'after {status} the connection stays open')


@case('Who asks before sending a good body is told to go on')
def expect_taken(s):
    body = note(s, 'asked first')
    with s.wire() as w:
        a = w.send(json_head(s, 'POST', '/v1/notes', len(body), ('Expect', '100-continue'))).answer(interim=True)
        need(a.status == 100, f'expected 100, got {a}')
        a = w.send(body).answer()
        need(a.status == 200, f'{a}')
        need(w.send(get(s)).answer().status == 200, 'the connection does not go on')


# ------------------------------------------------------------------------------------------------------------ pipelining

@case('Pipelined requests are answered in order')
def pipelined(s):
    with s.wire() as w:
        body = note(s, 'piped')
        w.send(get(s) + head('HEAD', '/v1/projects', [auth(s)]) + post_note(s, body) + get(s, '/v1/nowhere') +
               get(s, f'/v1/notes?projectId={s.project}&limit=1') + get(s, '/v1/health'))
        got = [w.answer(m) for m in ('GET', 'HEAD', 'POST', 'GET', 'GET', 'GET')]
        need([a.status for a in got] == [200, 200, 200, 404, 200, 200], f'{got}')
        need(got[2].json()['data']['content'] == 'piped', f'{got[2]}')
        need('status' in got[5].json(), f'{got[5]}')


@case('A hundred pipelined writes are all done, in order')
def pipelined_writes(s):
    with s.wire() as w:
        w.send(b''.join(post_note(s, note(s, f'piped {i}')) for i in range(100)))
        for i in range(100):
            a = w.answer('POST')
            need(a.status == 200 and a.json()['data']['content'] == f'piped {i}', f'the {i}th: {a}')


@case('A pipelined request behind a refused body is answered')
@unchanged
def pipelined_refusal(s):
    with s.wire() as w:
        w.send(head('POST', '/v1/notes', [('Authorization', 'Bearer nonsense'), ('Content-Length', '5')]) + b'hello' + get(s))
        need([w.answer().status for _ in range(2)] == [401, 200], 'not 401 and 200')


@case('A request in single bytes is a request')
def bytewise(s):
    body = note(s, 'slowly')
    with s.wire() as w:
        for b in post_note(s, body):
            w.send(bytes([b]))
        a = w.answer('POST')
        need(a.status == 200 and a.json()['data']['content'] == 'slowly', f'{a}')


# ---------------------------------------------------------------------------------------------------------- slow senders

@case('Headers that come too slowly end the connection', alone=True, header_timeout=1)
@unchanged
def slow_headers(s):
    with s.wire() as w:
        began, data = time.monotonic(), get(s, '/v1/projects', ('X-Slow', 'a' * 200))
        ended = False
        try:
            for b in data[:-4]:
                w.send(bytes([b]))
                ended = select_closed(w, 0.15)
                if ended:
                    break
        except OSError:
            ended = True
        took = time.monotonic() - began
        need(ended, f'after {took:.1f} s the connection is still open')
        need(0.8 <= took < 30, f'the connection was closed after {took:.1f} s')


def select_closed(w, seconds):
    """Whether the other end closes (or answers) within this time."""
    w.sock.settimeout(seconds)
    try:
        w.sock.recv(65536)
        return True
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@case('A body that stops ends the connection, and is not stored', alone=True)
@unchanged
def stopped_body(s):
    body = note(s, 'half')
    h = head('POST', '/v1/notes', [auth(s), ('Content-Type', 'application/json'), ('Transfer-Encoding', 'chunked')])
    wires = [s.wire(), s.wire()]
    wires[0].send(post_note(s, body)[:-5])
    wires[1].send(h + b'%x\r\n' % (len(body) + 100) + body)
    for w in wires:
        w.sock.settimeout(PATIENCE)
        try:
            got = w.sock.recv(65536)
        except ConnectionResetError:
            got = b''
        except TimeoutError:
            raise Wrong(f'{PATIENCE} s later the connection is still open')
        need(b' 200 ' not in got[:20], f'half a body got {got[:100]!r}')
        w.close()


@case('A body that drips ends the connection', alone=True)
@unchanged
def dripping_body(s):
    with s.wire() as w:
        w.send(json_head(s, 'POST', '/v1/notes', 100_000))
        began = time.monotonic()
        try:
            while time.monotonic() - began < PATIENCE and not select_closed(w, 0.5):
                w.send(b'aaaa')
        except OSError:
            pass
        need(time.monotonic() - began < PATIENCE, 'a dripping body was read for ever')


@case('A client that never reads harms no one')
def deaf(s):
    w = Wire(s.host, s.port, 2, rcvbuf=4096)
    w.sock.settimeout(0.5)
    try:
        while True:
            w.sock.send(get(s, f'/v1/notes?projectId={s.project}') * 50)
    except (TimeoutError, OSError):
        pass
    serves(s)
    w.close()
    serves(s)


@case('Clients that leave in the middle harm no one')
@unchanged
def leavers(s):
    whole = post_note(s, note(s, 'left'))[:-1]
    for i in range(200):
        w = s.wire()
        w.send(whole[:i * len(whole) // 200])
        if i % 2:       # a reset instead of an end
            w.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        w.close()


@case('Clients that pipeline two hundred requests and leave make no one wait', alone=True)
def pipeline_and_leave(s):
    many, waited = get(s) * 200, 0
    for _ in range(1000):
        w = s.wire()
        w.send(many)
        w.close()
        for _ in range(3):
            with s.wire() as w:
                try:
                    need(w.send(get(s)).answer().status == 200, 'not 200')
                except (TimeoutError, Closed):
                    waited += 1
                    need(waited < 3, 'three requests of others got no answer')
    need(waited == 0, f'{waited} of 3,000 requests of others got no answer')


@case('A client that leaves while its job is waited for harms no one')
def left_waiting(s):
    body = json.dumps({'projectId': s.project, 'source': {'text': 'A sentence.'}, 'wait_for_completion_ms': 25000}).encode()
    for _ in range(20):
        w = s.wire()
        w.send(json_head(s, 'POST', '/v1/posts/generations', len(body)) + body)
        w.close()
    serves(s)


# ----------------------------------------------------------------------------------------------------------- connections

@case('5,000 idle connections, and one that works', own=True)
def idle(engine):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    many = min(5000, (hard if hard > 0 else 1 << 20) - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Server(db=engine) as s:
        wires = []
        try:
            for _ in range(many):
                wires.append(s.wire())
            serves(s)
            for w in wires[::many // 50]:
                need(w.send(get(s)).answer().status == 200, 'an idle connection cannot ask')
        finally:
            for w in wires:
                w.close()
        serves(s)


@case('Connections over the limit are closed, not left hanging', own=True)
def too_many(engine):
    with Server({'max_connections': 20, 'threads': 2}, db=engine) as s:
        wires = [s.wire() for _ in range(60)]
        answered = closed = 0
        for w in wires:
            try:
                w.send(get(s))
                answered += w.answer().status == 200
            except (Closed, ConnectionError):
                closed += 1
            except TimeoutError:
                raise Wrong(f'a connection hangs (answered {answered}, closed {closed})')
        need(answered >= 10 and closed >= 30, f'of 60 connections {answered} were answered, {closed} closed')
        for w in wires:
            w.close()
        need(wait_for(lambda: quiet(s)), 'after all have left, a new one is not served')


def quiet(s):
    try:
        serves(s)
        return True
    except (Wrong, Closed, ConnectionError):
        return False


@case('Two bodies under one idempotency key at the same instant: one is written')
def two_bodies(s):
    before, rounds = notes(s), 20
    for i in range(rounds):
        pair = [s.wire(), s.wire()]
        key = ('Idempotency-Key', f'two-{i}-{os.getpid()}')
        data = [post_note(s, note(s, text), key) for text in ('left', 'right')]
        gate = threading.Barrier(2)
        threads = [threading.Thread(target=lambda w, d: (gate.wait(), w.send(d)), args=a) for a in zip(pair, data)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        got = [w.answer('POST') for w in pair]
        need(sorted(a.status for a in got) == [200, 409], f'{got}')
        need({a.code() for a in got} == {None, 'idempotency_key_conflict'}, f'{got}')
        for w in pair:
            w.close()
    need(notes(s) == before + rounds, f'{notes(s) - before} notes for {rounds} keys')


# ------------------------------------------------------------------------------------------------------- disk, database

def database_of(s):
    """The file of the embedded database."""
    for folder, _, names in os.walk(s.data):
        for n in names:
            path = os.path.join(folder, n)
            with open(path, 'rb') as f:
                if f.read(16) == b'SQLite format 3\0':
                    return path
    raise Failure('no database in the data folder')


@case('A database file that is not one is refused by name', own=True)
def not_a_database(engine):
    if engine != 'sqlite':
        raise Skip('only sqlite')
    for junk in (b'This is not a database. ' * 1000, b'SQLite format 3\0' + b'\xff' * 8192):
        s = Server()
        try:
            s.setup()
            path = database_of(s)
            for suffix in ('-wal', '-shm'):
                if os.path.exists(path + suffix):
                    os.unlink(path + suffix)
            with open(path, 'wb') as f:
                f.write(junk)
            status, out, err = s.cli('serve', '--listen', '127.0.0.1:0', ok=None)
            need(status == 1, f'exit {status}')
            need(os.path.basename(path) in err and 'ready' not in out, f'standard error: {err!r}')
            with open(path, 'rb') as f:
                need(f.read() == junk, 'the file was changed')
        finally:
            s.close(check=False)


@case('A database of a newer schema is refused, and not changed', own=True)
def newer(engine):
    if engine != 'sqlite':
        raise Skip('only sqlite')
    s = Server()
    try:
        s.setup()
        path = database_of(s)
        db = sqlite3.connect(path)
        table = [t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND (name LIKE '%migration%' OR name LIKE '%schema%')"
                                          " AND name NOT LIKE 'sqlite%'")]
        need(len(table) == 1, f'the tables of the schema version are {table}')
        columns = [r[1] for r in db.execute(f'PRAGMA table_info({table[0]})')]
        row = list(db.execute(f"SELECT {', '.join(columns)} FROM {table[0]} ORDER BY 1 DESC LIMIT 1").fetchone())
        row[0] = row[0] + 1000 if isinstance(row[0], int) else '9' + row[0][1:]
        db.execute(f"INSERT INTO {table[0]} ({', '.join(columns)}) VALUES ({', '.join('?' * len(row))})", row)
        db.commit()
        db.close()
        status, out, err = s.cli('serve', '--listen', '127.0.0.1:0', ok=None)
        need(status == 1 and err.strip().count('\n') == 0 and 'newer' in err, f'exit {status}, standard error: {err!r}')
    finally:
        s.close(check=False)


class Tmpfs:
    """A small file system, where root may mount one."""

    def __init__(self, megabytes):
        self.dir = tempfile.mkdtemp(prefix='scriped-disk-')
        p = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={megabytes}m', 'tmpfs', self.dir], capture_output=True)
        self.mounted = p.returncode == 0

    def close(self):
        if self.mounted:
            subprocess.run(['umount', '-l', self.dir], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)


def fill(c, s, content):
    """Writes notes until one is refused; how many went in, and the refusal."""
    for n in range(2000):
        a = c.post('/v1/notes', {'projectId': s.project, 'content': content})
        if a.status != 200:
            return n, a
    raise Wrong('2,000 notes and the disk is not full')


def full(c, s, already):
    """The disk is full: writes are refused as documented, reads go on, nothing half-written; how many notes are there."""
    stored, a = fill(c, s, 'x' * 90_000)
    small, b = fill(c, s, 'y')
    stored += small
    for answer in (a, b):
        need(answer.status == 503 and answer.code() == 'service_unavailable', f'{answer}')
        need((answer.get('Retry-After') or '').isdigit(), '503 without Retry-After')
    need(stored > 0, 'not one note fitted')
    need(c.get(f'/v1/notes?projectId={s.project}').status == 200, 'reads do not go on')
    need(notes(s) == already + stored, f'{notes(s)} notes, {already + stored} were acknowledged')
    return already + stored


@case('A full disk refuses writes, lets reads go on, and ends when there is space', own=True)
def full_disk(engine):
    if engine != 'sqlite':
        raise Skip('only sqlite')
    disk = Tmpfs(16)
    try:
        if not disk.mounted:
            raise Skip('may not mount a tmpfs')
        ballast, data = os.path.join(disk.dir, 'ballast'), os.path.join(disk.dir, 'data')
        os.mkdir(data, 0o700)
        with open(ballast, 'wb') as f:
            f.write(b'\0' * 8_000_000)
        s = Server(data=data)
        with s:
            c = s.client()
            count = full(c, s, 0)
            os.unlink(ballast)
            a = wait_for(lambda: good(c.post('/v1/notes', {'projectId': s.project, 'content': 'again'})))
            need(a, 'there is space again, and writes are still refused')
            need(notes(s) == count + 1, f'{notes(s)} notes, not {count + 1}')
            s.restart()
            need(notes(s) == count + 1, f'{notes(s)} notes after a restart, not {count + 1}')
    finally:
        disk.close()


def good(answer):
    return answer if answer.status == 200 else None


@case('A database at its largest size refuses writes and lets reads go on', own=True)
def full_database(engine):
    if engine != 'sqlite':
        raise Skip('only sqlite')
    with Server({'db_max_size': 3}) as s:
        c = s.client()
        count = full(c, s, 0)
        s.settings['db_max_size'] = 30
        s.restart()
        c = s.client()
        need(good(c.post('/v1/notes', {'projectId': s.project, 'content': 'again'})), 'a larger limit does not help')
        need(notes(s) == count + 1, f'{notes(s)} notes, not {count + 1}')


@case('A database that goes away gives 503 and a degraded health, and is found again when it comes back', own=True)
def lost_database(engine):
    if engine != 'postgres':
        raise Skip('only postgres')
    with Server({'db_deadline': 1000}, db=engine) as s:
        c, name = s.client(), s.database.name
        first = c.post('/v1/notes', {'projectId': s.project, 'content': 'before'})
        need(first.status == 200, f'{first}')
        psql(s.database.server, f'ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false')
        psql(s.database.server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        for a in (c.post('/v1/notes', {'projectId': s.project}), c.get(f'/v1/notes?projectId={s.project}')):
            need(a.status == 503 and a.code() == 'service_unavailable' and (a.get('Retry-After') or '').isdigit(), f'{a} {a.headers}')
        sick = wait_for(lambda: degraded(c.get('/v1/health')))
        need(sick, 'health does not say so')
        need(sick.status == 503 and (sick.get('Retry-After') or '').isdigit(), f'{sick} {sick.headers}')
        psql(s.database.server, f'ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true')
        need(wait_for(lambda: good(c.post('/v1/notes', {'projectId': s.project, 'content': 'after'}))), 'it is not found again')
        need(wait_for(lambda: good(c.get('/v1/health'))), 'health stays degraded')
        need(notes(s) == 2, f'{notes(s)} notes')


def degraded(answer):
    return answer if answer.json()['status'] == 'degraded' and answer.json()['checks']['db']['ok'] is False else None


if __name__ == '__main__':
    sys.exit(cases.main('Sends what no client would.', 'badinput'))
