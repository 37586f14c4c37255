#!/usr/bin/env python3
"""attacks.py -- what is done to an authorization server: to its codes, its tokens, its redirects and its programs.

    python3 test/oauth/attacks.py [--only WORDS] [--engine sqlite|postgres]

Each case says what must happen: the error, and what is taken back or still holds.  The hour of the server is moved, not waited for.
TAP lines, and `N passed, N failed` at the end."""
import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

import cases
import pg
from browser import Browser
from cases import Skip, case, need
from oauthcase import asked, held, lost, on_a_page, query, reads, refused, rows, sent_back, stored, world
from people import CALLBACK, App, Person, Pkce, bearer, form, invite, register
from server import wait_for


# --------------------------------------------------------------------------------------------------------------- codes

@case('A code is used once: its second use is refused, and takes back what the first one gave')
def replay(s):
    w, pkce = world(s), Pkce()
    code = w.code(pkce)
    tokens = w.app.exchange(code, pkce).json()
    need(held(s, tokens), 'the first one gave nothing')
    refused(w.app.exchange(code, pkce), 'invalid_grant')
    lost(w, tokens)


@case('A code stolen by another program gives it nothing')
def stranger(s):
    w, pkce = world(s), Pkce()
    code = w.code(pkce)
    refused(w.other.exchange(code, pkce, redirect_uri=w.app.redirect), 'invalid_grant')
    refused(w.other.exchange(code, pkce), 'invalid_grant')


@case('A code holds for a minute')
def late(s):
    w, pkce = world(s), Pkce()
    code = w.code(pkce)
    s.clock.forward(61)
    refused(w.app.exchange(code, pkce), 'invalid_grant')


@case('A code comes with the redirect URI that it was asked with, or not at all')
def other_redirect(s):
    w = world(s)
    for uri in ('http://127.0.0.1:33418/other', 'http://127.0.0.1:33419/callback', CALLBACK + '/', '', None):
        pkce = Pkce()
        refused(w.app.exchange(w.code(pkce), pkce, redirect_uri=uri), ('invalid_grant', 'invalid_request'))


@case('A code that nobody was given is refused, whatever it looks like')
def guessed(s):
    w = world(s)
    for code in ('', 'x', '0' * 43, '../../etc/passwd', 'a' * 5000, "' OR 1=1 --", '\u0000', '\ud7ff' * 20):
        refused(w.app.exchange(code, Pkce()), ('invalid_grant', 'invalid_request'))


# ---------------------------------------------------------------------------------------------------------------- PKCE

@case('Without PKCE, or with the plain one, nothing begins')
def downgrade(s):
    w = world(s)
    for changed in ({'code_challenge': None, 'code_challenge_method': None}, {'code_challenge': None}, {'code_challenge_method': 'plain'},
                    {'code_challenge_method': None}, {'code_challenge_method': 's256'}, {'code_challenge_method': ''}, {'code_challenge': ''},
                    {'code_challenge': 'x' * 42}, {'code_challenge': 'x' * 44}, {'code_challenge': 'x' * 129}, {'code_challenge': 'ä' * 43},
                    {'code_challenge': 'x' * 42 + '='}, {'code_challenge': 'x' * 42 + '+'}):
        sent_back(w, asked(w, **changed), 'invalid_request')
    sent_back(w, asked(w, w.other, code_challenge=None, code_challenge_method=None), 'invalid_request', w.other)


@case('A verifier that is missing, wrong, too short, too long, or the challenge itself gives nothing')
def verifier(s):
    w = world(s)
    for changed in (lambda p: None, lambda p: '', lambda p: p.verifier[:-1], lambda p: p.verifier + 'x', lambda p: p.challenge, lambda p: 'x' * 129,
                    lambda p: Pkce().verifier, lambda p: p.verifier.swapcase()):
        pkce = Pkce()
        refused(w.app.exchange(w.code(pkce), pkce, code_verifier=changed(pkce)), ('invalid_grant', 'invalid_request'))
    short = Pkce('x' * 42)
    refused(w.app.exchange(w.code(short), short), ('invalid_grant', 'invalid_request'))


# ------------------------------------------------------------------------------------------------------- redirect URIs

@case('A redirect URI is the registered one, letter by letter')
def redirects(s):
    w = world(s)
    app = App(s, redirect_uris=['https://app.example.com/a/callback?x=1'])
    on_a_page(asked(w, app, redirect_uri=None, client_id='cli_01J9ZAB12CD34E56F7G8H9JKMN'))
    for uri in ('https://app.example.com/a/callback', 'https://app.example.com/a/callback?x=2', 'https://app.example.com/a/callback?x=1&y=2',
                'https://app.example.com/a/callback/?x=1', 'https://app.example.com/a/Callback?x=1', 'https://app.example.com/a/../a/callback?x=1',
                'https://app.example.com/a/%2e%2e/a/callback?x=1', 'https://app.example.com/a/%2E/callback?x=1', 'https://app.example.com/a//callback?x=1',
                'https://app.example.com:443/a/callback?x=1', 'https://app.example.com:8443/a/callback?x=1', 'https://app.example.com./a/callback?x=1',
                'https://APP.example.com/a/callback?x=1', 'HTTPS://app.example.com/a/callback?x=1', 'http://app.example.com/a/callback?x=1',
                'https://evil.app.example.com/a/callback?x=1', 'https://app.example.com.evil.com/a/callback?x=1', 'https://app.example.com@evil.com/a/callback?x=1',
                'https://user@app.example.com/a/callback?x=1', 'https://app.example.com/a/callback?x=1#', 'https://app.example.com/a/callback?x=1#f',
                'https://app.example.com\\@evil.com/a/callback?x=1', 'https:\\\\app.example.com/a/callback?x=1', ' https://app.example.com/a/callback?x=1',
                'https://app.example.com/a/callback?x=1 ', 'https://app.example.com/a/callback?x=1\r\nX: y', 'https://app.example.com/a/callback?x=1\0',
                'https://app.example.com/a/call%62ack?x=1', '//app.example.com/a/callback?x=1', '/a/callback?x=1', 'javascript:alert(1)', 'data:text/html,x'):
        on_a_page(asked(w, app, redirect_uri=uri))
    app.close()


@case('Of a loopback address the port is free, and nothing else')
def loopback(s):
    w = world(s)
    app = App(s, redirect_uris=['http://127.0.0.1/callback', 'http://localhost:3000/callback', 'http://[::1]/callback'])
    for uri in ('http://127.0.0.1/callback', 'http://127.0.0.1:1/callback', 'http://127.0.0.1:65535/callback', 'http://localhost:9/callback', 'http://[::1]:4711/callback'):
        pkce = Pkce()
        app.redirect = uri
        page = app.code(w.ada, pkce, w.browser)[1]
        need(page.leads_to.startswith(uri + '?'), f'{uri}: {page.leads_to}')
        need(app.exchange(page.query()['code'], pkce).status == 200, f'{uri}: no tokens')
    for uri in ('http://127.0.0.1:9/other', 'http://127.0.0.2:9/callback', 'https://127.0.0.1:9/callback', 'http://127.0.0.1:9/callback/', 'http://127.0.0.1:9/callback#',
                'http://user@127.0.0.1:9/callback', 'http://127.0.0.1:9@evil.com/callback', 'http://127.0.0.1.evil.com:9/callback', 'http://127.0.0.1:/callback',
                'http://127.0.0.1:0x50/callback', 'http://127.0.0.1:99999/callback', 'http://127.0.0.1:-1/callback', 'http://0.0.0.0:9/callback', 'http://2130706433:9/callback',
                'http://LOCALHOST:9/callback', 'http://localhost.:9/callback', 'http://[::1%25lo]:9/callback', 'http://[0:0:0:0:0:0:0:1]:9/callback',
                'http://127.0.0.1:9\\@evil.com/callback', 'http://127.0.0.1:9/callback?x', 'http://127.0.0.1: 9/callback', 'http://[::ffff:127.0.0.1]:9/callback'):
        on_a_page(asked(w, app, redirect_uri=uri))
    app.close()


@case('No program registers an address that would lead a person astray')
def registration(s):
    for uri in ('javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'blob:https://a.example/x', 'vbscript:x', 'about:blank', 'view-source:https://a.example/',
                'http://app.example.com/cb', 'http://10.0.0.1/cb', 'http://127.0.0.1.evil.com/cb', 'https://app.example.com/cb#f', 'https://app.example.com/cb#',
                'https://u:p@app.example.com/cb', 'https://app.example.com/a/../cb', 'https://app.example.com/a/%2e%2e/cb', 'https://app.example.com\\cb', 'https:app.example.com/cb',
                '//app.example.com/cb', '/cb', '', 'https://', 'https:///cb', 'https://*.example.com/cb', 'https://app.example.com/c b', 'https://app.example.com/\r\nX: y',
                'https://app.example.com/\u0000', 'https://app.example.com:99999/', 'https://app.example.com/' + 'a' * 2000, 'ftp://app.example.com/cb', 'ws://app.example.com/'):
        refused(register(s, redirect_uris=[uri]), ('invalid_redirect_uri', 'invalid_client_metadata'))
    for uris in ([], None, 'https://app.example.com/cb', [1], [None], [['https://app.example.com/cb']], [f'https://app.example.com/{i}' for i in range(11)], {}):
        refused(register(s, redirect_uris=uris), ('invalid_redirect_uri', 'invalid_client_metadata'))


@case('What a program says of itself is bounded, and never the law')
def metadata(s):
    for changed in ({'client_name': 'x' * 10_000}, {'client_name': 1}, {'client_name': 'a\u0000b'}, {'grant_types': ['password']}, {'grant_types': 'authorization_code'},
                    {'response_types': ['token']}, {'token_endpoint_auth_method': 'private_key_jwt'}, {'token_endpoint_auth_method': 7}, {'client_uri': 'javascript:alert(1)'},
                    {'logo_uri': 'data:image/png;base64,x'}, {'scope': 1}, {'contacts': 'x' * 100_000}):
        a = register(s, **changed)
        need(a.status in (400, 413), f'{str(changed)[:60]}: {a}')
    a = register(s, client_id='cli_01J9ZAB12CD34E56F7G8H9JKMN', client_secret='mine', verified=True, registration_access_token='mine', software_statement=None)
    got = a.json()
    need(a.status == 201 and got['client_id'] != 'cli_01J9ZAB12CD34E56F7G8H9JKMN' and got.get('client_secret') != 'mine' and got['registration_access_token'] != 'mine', f'{a}')
    c = s.client(key='')
    for body, kind in ((b'{', 'application/json'), (b'[]', 'application/json'), (b'{"a":1,"a":2}', 'application/json'), (b'[' * 100_000, 'application/json'), (b'', 'application/json'),
                       (form({'redirect_uris': CALLBACK}), 'application/x-www-form-urlencoded'), (b'{"redirect_uris":["\xff"]}', 'application/json')):
        a = c.request('POST', '/oauth/register', body, {'Content-Type': kind})
        need(a.status in (400, 413, 415) and a.json().get('error'), f'{body[:30]}: {a}')
    c.close()


@case('Nobody manages the registration of another program')
def management(s):
    mine, other = App(s), App(s)
    path = '/oauth/register/' + mine.id
    c = s.client(key='')
    for token in ('', 'x', other.registered['registration_access_token'], s.key, mine.id):
        for method in ('GET', 'PUT', 'DELETE'):
            a = c.request(method, path, {'client_id': mine.id, 'client_name': 'Mine now', 'redirect_uris': ['https://evil.example/']} if method == 'PUT' else None, bearer(token))
            need(a.status == 401, f'{method} with {token[:10]!r}: {a}')
    own = bearer(mine.registered['registration_access_token'])
    a = c.get(path, own)
    need(a.status == 200 and a.json()['redirect_uris'] == [CALLBACK], f'{a}')
    need(c.request('DELETE', path, None, own).status == 204 and c.get(path, own).status == 401, 'it is not gone')
    on_a_page(asked(world(s), mine))
    c.close()


# -------------------------------------------------------------------------------------------------------------- mix-up

@case('Every way back says who sends it, for programs that know several servers')
def issuer(s):
    w = world(s)
    c = s.client(key='')
    known = c.get('/.well-known/oauth-authorization-server').json()
    c.close()
    need(known['issuer'] == s.url and known['authorization_response_iss_parameter_supported'] is True, f'{known}')
    page = w.app.code(w.ada, Pkce(), w.browser)[1]
    need(page.query()['iss'] == s.url and page.query()['state'] == 'xyz', f'{page}')
    sent_back(w, asked(w, response_type='token'), 'unsupported_response_type')
    sent_back(w, asked(w, scope='no:such everything'), 'invalid_scope')


@case('What is no authorization code is no way in')
def other_ways(s):
    w = world(s)
    for kind in ('token', 'id_token', 'code token', 'code id_token', 'none', '', None):
        a = asked(w, response_type=kind)
        sent_back(w, a, 'unsupported_response_type' if kind else 'invalid_request')
    for kind in ('password', 'client_credentials', 'implicit', 'urn:ietf:params:oauth:grant-type:device_code', 'urn:ietf:params:oauth:grant-type:jwt-bearer'):
        refused(w.other.token({'grant_type': kind, 'username': w.ada.email, 'password': w.ada.password, **w.other.named()}), 'unsupported_grant_type')
    refused(w.other.token(w.other.named()), 'invalid_request')


# ------------------------------------------------------------------------------------------------------ refresh tokens

@case('A refresh token is used once: ten seconds later its second use takes the whole family back')
def reuse(s):
    w = world(s)
    first = w.walk()
    second = w.app.refresh(first['refresh_token']).json()
    s.clock.forward(11)
    third = w.app.refresh(second['refresh_token']).json()
    need(held(s, third), 'the rightful one has nothing')
    refused(w.app.refresh(first['refresh_token']), 'invalid_grant')
    lost(w, third)


@case('An answer that was lost is given again, the very same, for ten seconds')
def lost_answer(s):
    w = world(s)
    first = w.walk()
    once, again = w.app.refresh(first['refresh_token']).json(), w.app.refresh(first['refresh_token']).json()
    need((once['access_token'], once['refresh_token']) == (again['access_token'], again['refresh_token']), f'{once} and {again}')
    s.clock.forward(9)
    need(w.app.refresh(first['refresh_token']).json()['refresh_token'] == once['refresh_token'], 'not within ten seconds')
    third = w.app.refresh(once['refresh_token'])
    need(third.status == 200 and held(s, third.json()), f'{third}')
    s.clock.forward(11)
    refused(w.app.refresh(once['refresh_token']), 'invalid_grant')
    lost(w, third.json())


@case('Where the clock is set back, what was used before is still told from an answer that was lost', alone=True)
def set_back(s):
    w = world(s)
    s.clock.forward(86400)
    first = w.walk()
    second = w.app.refresh(first['refresh_token']).json()
    s.clock.forward(-3600)
    third = w.app.refresh(second['refresh_token']).json()
    need(w.app.refresh(second['refresh_token']).json() == third, 'an answer that was lost is not given again')
    need(held(s, third) and 3590 <= third['expires_in'] <= 3600, f'{third}')
    s.clock.forward(-3600)
    refused(w.app.refresh(second['refresh_token']), 'invalid_grant')
    lost(w, third)


@case('No two turns of a family give the same access token, whatever the clocks of two nodes say', alone=True)
def moments(s):
    w = world(s)
    first = w.walk()
    second = w.app.refresh(first['refresh_token']).json()
    s.clock.forward(-2)
    third = w.app.refresh(second['refresh_token']).json()
    at = [int(t['access_token'][36:47], 16) for t in (second, third)]
    need(at[1] == at[0] + 1, f'{at}')
    need(w.app.refresh(second['refresh_token']).json() == third, 'an answer that was lost is not given again')
    need(held(s, third), 'it does not hold')


@case('Twins at the same moment get the same pair')
def twins(s):
    w = world(s)
    first, got = w.walk(), []

    def one():
        app = w.app.twin()
        got.append(app.refresh(first['refresh_token']))
        app.close()

    threads = [threading.Thread(target=one) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    pairs = {(a.json().get('access_token'), a.json().get('refresh_token')) for a in got}
    need(len(got) == 12 and len(pairs) == 1 and all(a.status == 200 for a in got), f'{len(pairs)} pairs, {[a.status for a in got]}')
    need(held(s, got[0].json()), 'the pair does not work')


@case('A refresh token stolen by another program gives it nothing, and takes nothing from its owner')
def stolen(s):
    w = world(s)
    tokens = w.walk()
    refused(w.other.refresh(tokens['refresh_token']), 'invalid_grant')
    refused(w.app.refresh(tokens['refresh_token'], client_id='cli_01J9ZAB12CD34E56F7G8H9JKMN'), 'invalid_client', 401)
    refused(w.app.refresh(tokens['access_token']), 'invalid_grant')
    need(reads(s, tokens['refresh_token']) == 401, 'a refresh token opens the API')
    need(w.app.refresh(tokens['refresh_token']).status == 200, 'its owner has lost it')


@case('A token that was changed by one letter is nobody\'s')
def changed(s):
    w = world(s)
    tokens = w.walk()
    for name in ('access_token', 'refresh_token'):
        t = tokens[name]
        for at in (3, 9, 10, 20, 35, 36, 40, 46, 47, 80, len(t) - 1):
            bad = t[:at] + ('1' if t[at] == '0' else '0') + t[at + 1:]
            need(reads(s, bad) == 401, f'{name} changed at {at} opens the API')
            refused(w.app.refresh(bad), 'invalid_grant')
        for bad in (t[:-1], t + '0', t.upper(), t.lower() + 'x', ' ' + t, t.replace('_rt_', '_at_') if name == 'refresh_token' else t.replace('_at_', '_rt_')):
            need(bad.strip() == t or reads(s, bad) == 401, f'{bad} opens the API')
            refused(w.app.refresh(bad), 'invalid_grant')
    need(w.app.refresh(tokens['refresh_token']).status == 200, 'the true one was taken back')


@case('A scope is not widened by a refresh, and nothing by a scope that a role has not')
def widened(s):
    w = world(s)
    app = App(s)
    tokens = app.walk(w.ada, w.browser, scope='notes:read offline_access')
    need(tokens['scope'].split() == ['notes:read', 'offline_access'], f'{tokens["scope"]}')
    refused(app.refresh(tokens['refresh_token'], scope='notes:read notes:write'), 'invalid_scope')
    narrow = app.refresh(tokens['refresh_token'], scope='notes:read')
    need(narrow.status == 200 and 'posts' not in narrow.json()['scope'], f'{narrow}')
    c = s.client(key='')
    a = c.post('/v1/notes', {'projectId': s.project, 'content': 'x'}, bearer(narrow.json()['access_token']))
    need(a.status == 403 and a.code() == 'scope_missing' and 'insufficient_scope' in a.get('WWW-Authenticate'), f'{a} {a.headers}')
    reader = Person(s, role='Client')
    tokens = app.walk(reader, scope='notes:read notes:write offline_access')
    a = c.post('/v1/notes', {'projectId': s.project, 'content': 'x'}, bearer(tokens['access_token']))
    need(a.status == 403, f'a role that may not write wrote: {a}')
    c.close()
    app.close()


@case('Without offline_access there is no refresh token')
def online(s):
    w = world(s)
    app = App(s)
    tokens = app.walk(w.ada, w.browser, scope='notes:read')
    need('refresh_token' not in tokens and held(s, tokens) and 3590 <= tokens['expires_in'] <= 3600 and tokens['token_type'] == 'Bearer', f'{tokens}')
    app.close()


@case('An access token ends after an hour, a refresh token thirty days behind its last use', alone=True)
def over(s):
    w = world(s)
    tokens = w.walk()
    s.clock.forward(3590)
    need(held(s, tokens), 'it ends too early')
    s.clock.forward(11)
    c = s.client(key='')
    a = c.get('/v1/projects', bearer(tokens['access_token']))
    need(a.status == 401 and 'error="invalid_token"' in a.get('WWW-Authenticate') and 'expired' in a.json()['error']['message'], f'{a} {a.headers}')
    c.close()
    for _ in range(2):
        s.clock.forward(29 * 86400)
        tokens = w.app.refresh(tokens['refresh_token']).json()
    need(held(s, tokens), 'it does not slide')
    s.clock.forward(31 * 86400)
    refused(w.app.refresh(tokens['refresh_token']), 'invalid_grant')


# ----------------------------------------------------------------------------------------------------------- resources

@case('A token is asked for this server and for no other')
def resource(s):
    w = world(s)
    for other in ('https://other.example/mcp', s.url + '.evil.com', s.url.replace('http:', 'https:'), s.url + '/mcp#x', 'http://localhost.evil', 'x', s.url + '@evil.com/'):
        sent_back(w, asked(w, resource=other), 'invalid_target')
    for own in (s.url, s.url + '/', s.url + '/mcp', s.url + '/api/mcp', s.url + '/v1', s.url + '/mcp/'):
        tokens = w.walk(resource=own)
        need(held(s, tokens), f'a token for {own} does not work')
    pkce = Pkce()
    code = w.code(pkce, resource=s.url + '/mcp')
    for other in ('https://other.example/', s.url + '/v1'):
        refused(w.app.exchange(code, pkce, resource=other), 'invalid_target')
    tokens = w.walk(resource=s.url + '/mcp')
    for other in ('https://other.example/', s.url + '/v1'):
        refused(w.app.refresh(tokens['refresh_token'], resource=other), 'invalid_target')


@case('A token of another origin opens nothing here, under the same secret', alone=True)
def origin(s):
    w = world(s)
    tokens = w.walk()
    need(held(s, tokens), 'it does not work')
    w.app.close()
    w.browser.close()
    s.stop()
    s.settings['public_url'] = 'https://elsewhere.example'
    s.start()
    need(reads(s, tokens['access_token']) == 401, 'it works under another public_url')


# ------------------------------------------------------------------------------------------------------------ programs

@case('A secret is proven in one way, and a wrong one says so')
def secrets(s):
    w = world(s)
    tokens = w.walk(w.other)
    basic = lambda user, word: {'Authorization': 'Basic ' + base64.b64encode(f'{user}:{word}'.encode()).decode()}
    asked_for = {'grant_type': 'refresh_token', 'refresh_token': tokens['refresh_token']}
    for named in ({'client_id': w.other.id}, {'client_id': w.other.id, 'client_secret': 'x'}, {'client_id': w.other.id, 'client_secret': ''}, {'client_secret': w.other.secret},
                  {'client_id': w.app.id, 'client_secret': w.other.secret}, {}):
        a = w.other.token({**asked_for, **named})
        need(a.status in (400, 401) and a.json()['error'] in ('invalid_client', 'invalid_request', 'invalid_grant'), f'{named}: {a}')
    for word in ('wrong', '', 'x' * 10_000, '\u00e4'):
        a = w.other.token(asked_for, basic(w.other.id, word))
        need(a.status == 401 and a.json()['error'] == 'invalid_client' and a.get('WWW-Authenticate', '').startswith('Basic'), f'{word[:10]}: {a} {a.headers}')
    refused(w.other.token({**asked_for, **w.other.named()}, basic(w.other.id, w.other.secret)), ('invalid_request', 'invalid_client'), 400)
    for bad in ('Basic', 'Basic !!!', 'Basic ' + base64.b64encode(b'nocolon').decode(), 'Bearer ' + s.key, 'Basic ' + 'A' * 5000):
        a = w.other.token(asked_for, {'Authorization': bad})
        need(a.status in (400, 401) and a.json()['error'] in ('invalid_client', 'invalid_request'), f'{bad[:20]}: {a}')
    need(w.other.refresh(tokens['refresh_token']).status == 200, 'all that took it back')


@case('A stranger revokes nothing and learns nothing; the owner does')
def revoke(s):
    w = world(s)
    tokens = w.walk()
    for app in (w.other, App(s)):
        for token in (tokens['access_token'], tokens['refresh_token'], 'x', '', s.key):
            a = app.revoke(token)
            need(a.status == 200 or (token == '' and a.status == 400), f'{token[:12]!r}: {a}')
        need(held(s, tokens), 'a stranger revoked it')
    need(w.other.introspect(tokens['access_token']).json() == {'active': False}, 'a stranger reads it')
    refused(w.app.token({'token': tokens['access_token']}, path='/oauth/introspect'), 'invalid_client', 401)
    need(w.app.revoke(tokens['access_token'], token_type_hint='no_such').status == 200, 'a hint is only a hint')
    lost(w, tokens)
    mine = w.walk(w.other)
    known = w.other.introspect(mine['access_token']).json()
    need(known['active'] is True and known['client_id'] == w.other.id and known['scope'] == mine['scope'], f'{known}')
    need(w.other.revoke(mine['refresh_token']).status == 200, 'not revoked')
    lost(w, mine, w.other)
    need(w.other.introspect(mine['access_token']).json() == {'active': False}, 'it is still active')


@case('Who takes a consent back, ends its tokens at once')
def taken_back(s):
    w = world(s)
    bob, app = Person(s), App(s)
    tokens = app.walk(bob)
    out = s.cli('consent', 'list', '--workspace', s.id, '--json')[1]
    need(app.id in out, f'{out}')
    with Browser(s) as b:
        b.sign_in(b.get('/account'), bob.email, bob.password)
        page = b.get('/account')
        b.send(page.form('revoke'), button='revoke')
    lost(w, tokens, app)
    app.close()


@case('What somebody allowed who left is no business of the workspace any more')
def left(s):
    w, app = world(s), App(s)
    bob = Person(s, role='Creator')
    app.walk(bob)
    consent = 'cons_' + query(s, f"SELECT id FROM consent WHERE person = '{bob.id[4:]}'")[0]
    need(consent in s.cli('consent', 'list', '--workspace', s.id, '--json')[1], 'not listed')
    s.cli('user', 'remove', bob.id, '--workspace', s.id)
    need(consent not in s.cli('consent', 'list', '--workspace', s.id, '--json')[1], 'it is still listed')
    need('not found' in s.cli('consent', 'revoke', consent, '--workspace', s.id, ok=(1,))[2], 'it can be revoked from there')
    app.close()


@contextlib.contextmanager
def standing(s, sql):
    """A transaction of somebody else that has run sql, and ends with the block."""
    p = subprocess.Popen([pg.find('psql'), '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', s.database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        p.stdin.write(f"BEGIN; {sql}; SELECT 'stands';\n")
        p.stdin.flush()
        need(p.stdout.readline() == 'stands\n', f'{sql}: not run')
        yield
        p.stdin.write('COMMIT;\n')
    finally:
        p.communicate()


def started(s, fn):
    """fn in a thread that stands still at a lock; what join() returns is what fn did."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    before, pool = query(s, sql), ThreadPoolExecutor(1)
    ret = pool.submit(fn)
    wait_for(lambda: query(s, sql) != before or ret.done())
    need(not ret.done(), f'it did not wait: {ret.done() and ret.result()}')
    pool.shutdown(wait=False)
    return ret


@case('A code that is exchanged while its consent is taken back gives nothing that holds')
def raced(s):
    if not s.database:
        raise Skip('one writer does one after the other')
    w, pkce = world(s), Pkce()
    bob, app = Person(s), App(s)
    code = app.code(bob, pkce)[0]
    where = f"person = '{bob.id[4:]}'"
    # who takes it back came first
    with standing(s, f'UPDATE consent SET revoked_at = 1 WHERE {where}; UPDATE oauth_family SET revoked_at = 1 WHERE {where}'):
        late = started(s, lambda: app.twin().exchange(code, pkce))
    refused(late.result(), 'invalid_grant', words='revoked')
    need(rows(s, f'oauth_family WHERE {where}') == 0, 'a family was made')
    # the exchange came first: it holds the consent, and the end of it waits
    code = app.code(bob, pkce)[0]
    consent = 'cons_' + query(s, f'SELECT id FROM consent WHERE {where}')[0]
    with standing(s, 'LOCK TABLE oauth_family IN SHARE MODE'):
        first = started(s, lambda: app.twin().exchange(code, pkce))
        then = started(s, lambda: s.cli('consent', 'revoke', consent, '--workspace', s.id))
    need(first.result().status == 200, f'{first.result()}')
    then.result()
    lost(w, first.result().json(), app)
    app.close()


@case('Who loses a role or the membership takes it from every program, too')
def removed(s):
    world(s)                    # somebody else is Admin
    bob, app = Person(s), App(s)
    tokens = app.walk(bob, scope='notes:read notes:write offline_access')
    c = s.client(key='')

    def writes():
        return c.post('/v1/notes', {'projectId': s.project, 'content': 'x'}, bearer(tokens['access_token']))

    need(writes().status == 200, 'an Admin may not write')
    s.cli('user', 'edit', bob.id, '--workspace', s.id, '--role', 'Client')
    a = writes()
    need(a.status == 403 and a.code() == 'role_missing', f'a Client writes: {a}')
    s.cli('user', 'remove', bob.id, '--workspace', s.id)
    need(reads(s, tokens['access_token']) in (401, 403), 'who was removed still reads')
    again = app.refresh(tokens['refresh_token'])
    need(again.status == 400 or reads(s, again.json()['access_token']) in (401, 403), f'and by a fresh token: {again}')
    c.close()
    app.close()


# ------------------------------------------------------------------------------------------------------ bad requests

@case('A parameter that comes twice is refused')
def twice(s):
    w = world(s)
    for name, value in (('client_id', w.other.id), ('redirect_uri', 'https://evil.example/')):
        on_a_page(asked(w, raw='&' + form({name: value}).decode()))
    for name, value in (('scope', 'notes:write'), ('response_type', 'token'), ('code_challenge', 'x' * 43), ('code_challenge_method', 'plain')):
        sent_back(w, asked(w, raw='&' + form({name: value}).decode()), 'invalid_request')
    tokens = w.walk()
    for name in ('grant_type', 'refresh_token', 'client_id'):
        pairs = [('grant_type', 'refresh_token'), ('refresh_token', tokens['refresh_token']), ('client_id', w.app.id)]
        refused(w.app.token(pairs + [p for p in pairs if p[0] == name]), 'invalid_request')


@case('The token endpoint takes forms by POST, and nothing from its query')
def forms(s):
    w = world(s)
    tokens = w.walk()
    pairs = {'grant_type': 'refresh_token', 'refresh_token': tokens['refresh_token'], 'client_id': w.app.id}
    c = w.app.client
    refused(c.post('/oauth/token', pairs), 'invalid_request')
    for kind, body in (('text/plain', form(pairs)), ('multipart/form-data; boundary=x', form(pairs)), (None, form(pairs)), ('application/json', form(pairs)),
                       ('application/x-www-form-urlencoded', b''), ('application/x-www-form-urlencoded', b'%zz=%'), ('application/x-www-form-urlencoded', b'&' * 10_000),
                       ('application/x-www-form-urlencoded', form(pairs) + b'&x=%00'), ('application/x-www-form-urlencoded', b'a=\xff\xfe'),
                       ('application/x-www-form-urlencoded', b'&'.join(b'a%d=1' % i for i in range(5000)))):
        a = c.request('POST', '/oauth/token', body, {'Content-Type': kind})
        need(a.status in (400, 401, 413, 415) and a.json().get('error') in ('invalid_request', 'invalid_client'), f'{kind} {body[:30]}: {a}')
    refused(c.request('POST', '/oauth/token?' + form(pairs).decode(), b'', {'Content-Type': 'application/x-www-form-urlencoded'}), 'invalid_client', 401)
    for method in ('GET', 'PUT', 'DELETE'):
        a = c.request(method, '/oauth/token?' + form(pairs).decode())
        need(a.status == 405 and 'POST' in a.get('Allow', ''), f'{method}: {a}')
    need(w.app.refresh(tokens['refresh_token']).status == 200, 'one of them was taken')


@case('Nothing of a token, a code, a password or a secret is kept, nor written to the log')
def at_rest(s):
    w, pkce = world(s), Pkce()
    code = w.code(pkce)
    tokens = w.app.exchange(code, pkce).json()
    again = w.app.refresh(tokens['refresh_token']).json()
    session = next(v for k, v in w.browser.cookies.items() if k in ('scriped', '__Host-scriped'))
    link = invite(s, 'nobody.yet@example.com').rsplit('/', 1)[1]
    mcp = {'jsonrpc': '2.0', 'id': 1, 'method': 'initialize', 'params': {'protocolVersion': '2025-06-18', 'capabilities': {}, 'clientInfo': {'name': 'x', 'version': '1'}}}
    sid = w.app.client.request('POST', '/mcp', json.dumps(mcp).encode(), {'Content-Type': 'application/json', 'Accept': 'application/json, text/event-stream',
                                                                        **bearer(again['access_token'])}).get('Mcp-Session-Id')
    need(sid and link, 'no session, or no link')
    for place in (stored(s), s.log_text().encode()):
        for name, word in (('code', code), ('verifier', pkce.verifier), ('access', tokens['access_token']), ('refresh', again['refresh_token']), ('session', session),
                           ('password', w.ada.password), ('secret', w.other.secret), ('registration', w.app.registered['registration_access_token']), ('link', link), ('session of MCP', sid)):
            need(word.encode() not in place, f'the {name} is kept')


if __name__ == '__main__':
    sys.exit(cases.main('Attacks on the authorization server.', 'attacks', clock=True))
