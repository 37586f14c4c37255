#!/usr/bin/env python3
"""documents.py -- programs that nobody knows: metadata documents on hostile servers, and registrations without end.

    python3 test/oauth/documents.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import contextlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

import cases
from browser import Browser
from cases import case, need
from oauthcase import asked, held, on_a_page, processor_time, rows, world
from people import CALLBACK, App, Person, Pkce, register
from server import Server, wait_for
from stranger import Stranger, head

LIFTED = {'rate_register': 0, 'rate_documents': 0}
OPEN = {'oauth_allow_private': True, **LIFTED}
SECRET = 'a word that only the inside knows'


def described(url, **changed):
    about = {'client_id': url, 'client_name': 'A host', 'redirect_uris': [CALLBACK], 'token_endpoint_auth_method': 'none', 'scope': 'notes:read posts:read offline_access', **changed}
    return json.dumps({k: v for k, v in about.items() if v is not None}).encode()


def page(body, *lines, kind='application/json'):
    return head(f'Content-Type: {kind}', f'Content-Length: {len(body)}', 'Connection: close', *lines) + body


@contextlib.contextmanager
def documents(answer, path='/client.json'):
    """A stranger's server and the client_id that leads there; answer: what it says, given the client_id."""
    with Stranger(b'') as other:
        url = f'http://127.0.0.1:{other.port}{path}'
        other.answer = answer(url) if callable(answer) else answer
        yield other, url


def refuses(s, answer):
    """A document that is not taken: the person is told so on a page, of what was answered it shows nothing."""
    w = world(s)
    with documents(answer) as (other, url):
        a = asked(w, client_id=url)
        on_a_page(a)
        need(SECRET not in a.body.decode(), f'{a}')
        need(len(other.requests) <= 1, f'{len(other.requests)} requests')
    return a


@case('A program that is described by its own document walks as a registered one does', alone=True, **OPEN)
def good(s):
    w = world(s)
    with documents(lambda url: page(described(url))) as (other, url):
        app = w.app.twin()
        app.id, app.secret = url, None
        tokens = app.walk(w.ada, w.browser)
        need(held(s, tokens) and held(s, app.refresh(tokens['refresh_token']).json()), 'its tokens do not work')
        app.walk(w.ada, w.browser)
        need(len(other.requests) == 1, f'{len(other.requests)} requests: it is not believed for a while')
        request = other.requests[0].decode().lower()
        need(request.startswith('get /client.json http/1.1') and 'cookie' not in request and 'authorization' not in request, request)
        s.clock.forward(86401)
        app.walk(w.ada, w.browser)
        need(len(other.requests) == 2, f'{len(other.requests)} requests: it is believed for ever')
        on_a_page(asked(w, client_id=url, redirect_uri='https://evil.example/cb'))


@case('A document that is no document is not taken, and nothing of it is shown', alone=True, **OPEN)
def bad(s):
    for answer in (b'', b'nonsense\r\n\r\n', head('Content-Length: 0', status='404 Not Found'), page(SECRET.encode()), page(SECRET.encode(), kind='text/html'),
                   lambda url: page(described(url), kind='text/html'), lambda url: page(described(url + 'x')), lambda url: page(described(url.upper())), lambda url: page(described(None)),
                   lambda url: page(described(url + '#')), lambda url: page(b'[' * 60_000), lambda url: page(described(url)[:-1]), lambda url: page(b'[' + described(url) + b']'),
                   lambda url: page(described(url, redirect_uris=[])), lambda url: page(described(url, redirect_uris=['javascript:alert(1)'])),
                   lambda url: page(described(url, client_secret='x', token_endpoint_auth_method='client_secret_post')),
                   lambda url: page(described(url, client_name=SECRET + 'x' * 70_000)), lambda url: page(described(url, client_name='x' * 10_000_000)),
                   lambda url: head('Content-Type: application/json', 'Content-Length: 99999999999') + described(url)[:50]):
        refuses(s, answer)


@case('A redirect is not followed, wherever it leads', alone=True, **OPEN)
def redirect(s):
    with Stranger(page(SECRET.encode())) as inside:
        for to in (f'http://127.0.0.1:{inside.port}/', 'http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd', '/client.json'):
            for status in ('301 Moved', '302 Found', '307 Temporary Redirect', '308 Permanent Redirect'):
                refuses(s, head(f'Location: {to}', 'Content-Length: 0', 'Connection: close', status=status))
        need(not inside.requests, f'it was followed: {inside.requests}')


@case('A server that is slow has five seconds, and holds up nobody', alone=True, **OPEN)
def slow(s):
    def drip(c):
        c.sendall(head('Content-Type: application/json', 'Content-Length: 1000'))
        for _ in range(900):
            c.sendall(b' ')
            time.sleep(0.1)

    world(s)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(refuses, s, lambda url: drip)
        while not late.done():
            c = s.client()
            need(c.get('/v1/projects').status == 200, 'nobody is served')
            c.close()
            wait([late], 0.2)
        late.result()
    need(4 < time.monotonic() - began < 60, f'it took {time.monotonic() - began:.1f} s')


@case('A server that stops waits for nobody else: who waits for a document is told to come again', own=True)
def stops(engine):
    with Server(OPEN, db=engine) as s, documents(lambda url: lambda c: c.recv(1)) as (other, url), ThreadPoolExecutor(1) as pool:
        late = pool.submit(asked, world(s), client_id=url)
        need(wait_for(lambda: other.requests), 'nothing was fetched')
        s.stop()
        a = late.result()       # and not that there is no such document
        need(a.status == 503 and a.get('Retry-After') == '1', f'{a} {a.headers}')


@case('Nobody who is not signed in has anything fetched, and nobody scans with us', alone=True, oauth_allow_private=True, rate_documents=5)
def scanner(s):
    w = world(s)
    with documents(page(b'{}')) as (other, url), Browser(s) as b:
        a = b.request('GET', w.app.url(Pkce(), client_id=url))
        need(not other.requests and a.status in (302, 303, 400), f'a stranger made us fetch: {a}')
        told = [asked(w, client_id=url + str(i)).status for i in range(12)]
        need(len(other.requests) <= 6 and 429 in told, f'{len(other.requests)} fetches, told {told}')
        need(asked(w, client_id=url + '0').status in (400, 401, 429), 'a failure is forgotten')


@case('No address inside is asked, however it is spelled', alone=True, **LIFTED)
def inside(s):
    w = world(s)
    with Stranger(page(SECRET.encode())) as other:
        p = other.port
        for url in (f'https://127.0.0.1:{p}/c', f'http://127.0.0.1:{p}/c', f'https://localhost:{p}/c', f'https://[::1]:{p}/c', f'https://127.1:{p}/c', f'https://0x7f000001:{p}/c',
                    f'https://2130706433:{p}/c', f'https://0177.0.0.1:{p}/c', f'https://[::ffff:7f00:1]:{p}/c', f'https://0:{p}/c', 'https://127.0.0.1/c', 'https://10.0.0.1/c', 'https://192.168.0.1/c',
                    'https://172.16.0.1/c', 'https://169.254.169.254/latest/meta-data/', 'https://100.64.0.1/c', 'https://[fd00:ec2::254]/c', 'https://[64:ff9b::7f00:1]/c', 'https://[2002:7f00:1::]/c',
                    'https://x.localhost/c', 'https://metadata.google.internal/c', 'https://a/', 'https://a', 'https://', 'https:///c', 'https://user@example.com/c', 'https://example.com/c#f',
                    'https://example.com/a/../c', 'https://example.com/%2e%2e/c', 'https://example.com\\@127.0.0.1/c', 'ftp://example.com/c', 'file:///etc/passwd', 'gopher://127.0.0.1/c', 'data:,{}',
                    'https://example.com/c\r\nX: y', 'https://' + 'a' * 3000 + '.example/c', 'https://\uff11\uff12\uff17.0.0.1/c'):
            a = asked(w, client_id=url)
            on_a_page(a)
            need(a.get('X') is None and SECRET not in a.body.decode(), f'{url}: {a}')
        need(not other.requests, f'it was asked: {other.requests}')


# ------------------------------------------------------------------------------------------------------- registrations

@case('A name that changes its address between the check and the call leads nowhere', own=True)
def rebinding(engine):
    names = 'turning.test=9.9.9.9,127.0.0.1 both.test=9.9.9.9+127.0.0.1 inside.test=10.0.0.1'
    with Server(LIFTED, db=engine, names=names) as s:
        w = world(s)
        for i, host in enumerate(('turning.test', 'turning.test', 'turning.test', 'both.test', 'inside.test')):
            on_a_page(asked(w, client_id=f'https://{host}/{i}.json'))
        with open(os.path.join(s.data, 'connects')) as f:
            called = {line.strip() for line in f if line.strip().endswith(':443')}
        need('9.9.9.9:443' in called, f'the checked address was not called: {called}')
        need(called == {'9.9.9.9:443'}, f'called were {called}')
        w.browser.close()


MANY = 100_000 if os.environ.get('SCRIPED_LONG') else 600
KEPT = 100      # at the most of those that nobody allowed anything
SLACK = 110     # they are counted now and then only


def memory(s):
    """KB of the server's own."""
    with open(f'/proc/{s.proc.pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('RssAnon'))


@case('Registrations without end: the oldest that nobody used make room', alone=True, oauth_clients_unused=KEPT, **LIFTED)
def without_end(s):
    w = world(s)
    w.walk()                    # this one is used, and stays

    def some(count):
        c = s.client(key='')
        for i in range(count):
            a = c.post('/oauth/register', {'client_name': f'Program {i} ' + 'x' * 150, 'redirect_uris': [CALLBACK], 'token_endpoint_auth_method': 'none'})
            need(a.status == 201, f'{i}: {a}')
        c.close()

    def cost():
        """Processor time of 200 of them."""
        began = processor_time(s)
        some(200)
        return processor_time(s) - began

    first, before = cost(), memory(s)
    with ThreadPoolExecutor(8) as pool:
        for f in [pool.submit(some, MANY // 8) for _ in range(8)]:
            f.result()
    last, grown, kept = cost(), memory(s) - before, rows(s, 'oauth_client')
    need(kept <= KEPT + SLACK, f'{kept} are kept')
    need(last < 3 * first + 0.05, f'they become slow: 200 took {first * 1000:.0f} ms of the processor, then {last * 1000:.0f} ms')
    need(grown < 20_000, f'{MANY} of them take {grown} KB of memory')
    need(s.database or os.path.getsize(f'{s.data}/scriped.db') < 10_000_000, 'they fill the disk')
    need(held(s, w.walk()), 'one that was used is gone')


@case('One address registers so many programs a minute', alone=True, rate_register=20)
def rate(s):
    told = [register(s) for _ in range(25)]
    taken = [a.status for a in told].index(429)
    # On PostgreSQL alone a node takes its slots in blocks: never one over the limit, and at most 8 under it.
    need(taken == 20 or (s.database and 12 <= taken < 20), f'{[a.status for a in told]}')
    need([a.status for a in told] == [201] * taken + [429] * (25 - taken), f'{[a.status for a in told]}')
    need(1 <= int(told[-1].get('Retry-After')) <= 60 and told[-1].json()['error'], f'{told[-1]} {told[-1].headers}')
    c = s.client(key='')
    need(c.post('/oauth/register', {'redirect_uris': [CALLBACK]}, {'X-Forwarded-For': '203.0.113.9'}).status == 429, 'a header of the caller changes its address')
    c.close()


if __name__ == '__main__':
    sys.exit(cases.main('Programs that nobody knows.', 'documents', clock=True))
