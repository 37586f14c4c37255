#!/usr/bin/env python3
"""flows.py -- what an authorization server tells, asks and gives when everybody means well.

    python3 test/oauth/flows.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import base64
import json
import os
import re
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

import cases
from browser import Browser
from cases import case, need
from oauthcase import asked, held, reads, refused, rows, world
from people import CALLBACK, FORM, App, Person, Pkce, bearer, form, register

WEB = 'https://app.example.com/oauth/callback'
PLACES = ('', '/mcp', '/api/mcp', '/v1')


def bare(s, method, path, headers=None, body=None):
    c = s.client(key='')
    try:
        return c.request(method, path, body, headers or {})
    finally:
        c.close()


# ------------------------------------------------------------------------------------------------------------ discovery

def found(s, path):
    a = bare(s, 'GET', path, {'Origin': 'https://inspector.example'})
    need(a.status == 200 and a.get('Content-Type') == 'application/json', f'{path}: {a}')
    need(a.get('Access-Control-Allow-Origin') == '*' and not a.get('Access-Control-Allow-Credentials'), f'{path}: {a.headers}')
    need('max-age' in a.get('Cache-Control', ''), f'{path}: {a.headers}')
    return a.json()


@case('The metadata of the server is the same wherever a client looks for it')
def server_metadata(s):
    first = found(s, '/.well-known/oauth-authorization-server')
    for name in ('oauth-authorization-server', 'openid-configuration'):
        for place in PLACES:
            for path in (f'/.well-known/{name}{place}', f'/.well-known/{name}{place}/', f'{place}/.well-known/{name}', f'{place}/.well-known/{name}/'):
                got = found(s, path)
                need({k: got[k] for k in first} == first, f'{path}: {got}')
    need(first['issuer'] == s.url and first['authorization_endpoint'] == s.url + '/oauth/authorize', f'{first}')
    need(first['code_challenge_methods_supported'] == ['S256'] and first['response_types_supported'] == ['code'], f'{first}')
    need(first['client_id_metadata_document_supported'] is True and first['authorization_response_iss_parameter_supported'] is True, f'{first}')
    need('offline_access' in first['scopes_supported'] and first['grant_types_supported'] == ['authorization_code', 'refresh_token'], f'{first}')


@case('Who was given localhost finds localhost; no other name is taken from a Host')
def by_name(s):
    port = s.url.rsplit(':', 1)[1]
    for host, origin in ((f'localhost:{port}', f'http://localhost:{port}'), (f'LocalHost:{port}', f'http://localhost:{port}'), ('localhost', s.url),
                         (f'localhost:{port}0', s.url), (f'evil.example:{port}', s.url), (f'localhost.evil.example:{port}', s.url)):
        meta = bare(s, 'GET', '/.well-known/oauth-authorization-server', {'Host': host}).json()
        need(meta['issuer'] == origin and meta['token_endpoint'] == origin + '/oauth/token', f'{host}: {meta}')
        resource = bare(s, 'GET', '/.well-known/oauth-protected-resource/mcp', {'Host': host}).json()
        need(resource['resource'] == origin + '/mcp' and resource['authorization_servers'] == [origin], f'{host}: {resource}')
    a = bare(s, 'POST', '/mcp', {'Host': f'localhost:{port}', 'Content-Type': 'application/json'}, b'{}')
    need(f'resource_metadata="http://localhost:{port}/' in a.get('WWW-Authenticate'), f'{a.headers}')


@case('Every endpoint that the metadata names is there, and takes what it says')
def endpoints(s):
    meta = found(s, '/.well-known/openid-configuration')
    for key, method in (('token_endpoint', 'POST'), ('registration_endpoint', 'POST'), ('revocation_endpoint', 'POST'), ('introspection_endpoint', 'POST'), ('jwks_uri', 'GET')):
        path = meta[key].removeprefix(s.url)
        a = bare(s, 'PATCH', path)
        need(a.status == 405 and method in a.get('Allow', '') and a.json()['error'] == 'method_not_allowed', f'{path}: {a} {a.headers}')
        a = bare(s, 'OPTIONS', path, {'Origin': 'https://x.example', 'Access-Control-Request-Method': method})
        need(a.status == 204 and method in a.get('Access-Control-Allow-Methods', ''), f'{path}: {a} {a.headers}')
    need(found(s, '/oauth/jwks') == {'keys': []}, 'keys, where nothing is signed')
    need(bare(s, 'OPTIONS', '/oauth/authorize', {'Origin': 'https://x.example', 'Access-Control-Request-Method': 'GET'}).get('Access-Control-Allow-Origin') is None,
         'a page of another origin may ask for a person')
    for path in ('/oauth', '/oauth/', '/oauth/nothing', '/.well-known/nothing', '/.well-known/oauth-authorization-server/other', '/mcp/.well-known/x'):
        a = bare(s, 'GET', path)
        need(a.status == 404 and a.json()['error'] == 'not_found', f'{path}: {a}')
    a = bare(s, 'HEAD', '/.well-known/oauth-authorization-server')
    need(a.status == 200 and a.body == b'', f'HEAD: {a}')


@case('The metadata of a resource names the resource that was asked about')
def resource_metadata(s):
    for place in PLACES:
        for path in (f'/.well-known/oauth-protected-resource{place}', f'/.well-known/oauth-protected-resource{place}/', f'{place}/.well-known/oauth-protected-resource'):
            got = found(s, path)
            need(got['resource'] == s.url + place and got['authorization_servers'] == [s.url], f'{path}: {got}')
            need('offline_access' not in got['scopes_supported'] and 'notes:read' in got['scopes_supported'], f'{path}: {got}')


@case('public_url may have a path', alone=True, public_url='https://house.example/scripe')
def public_path(s):
    for path in ('/.well-known/oauth-authorization-server', '/.well-known/oauth-authorization-server/scripe', '/.well-known/oauth-authorization-server/scripe/mcp'):
        need(found(s, path)['issuer'] == 'https://house.example/scripe', path)
    need(found(s, '/.well-known/oauth-protected-resource/scripe/mcp')['resource'] == 'https://house.example/scripe/mcp', 'the resource')


@case('A refusal of the API leads a client to all of it')
def challenge(s):
    a = bare(s, 'GET', '/v1/notes')
    says = a.get('WWW-Authenticate') or ''
    need(a.status == 401 and f'resource_metadata="{s.url}/.well-known/oauth-protected-resource"' in says, f'{a} {says}')


# --------------------------------------------------------------------------------------------------------- registration

@case('A registration is answered with all that is kept, and can be read, replaced and deleted')
def management(s):
    said = {'client_name': 'Acme Notion Sync', 'redirect_uris': [WEB], 'scope': 'notes:read posts:write offline_access', 'token_endpoint_auth_method': 'client_secret_basic',
            'client_uri': 'https://app.example.com', 'contacts': ['ops@example.com'], 'software_id': 'sync', 'nonsense': True}
    a = register(s, **said)
    got = a.json()
    need(a.status == 201 and a.get('Cache-Control') == 'no-store', f'{a}')
    need(all(got[k] == v for k, v in said.items() if k != 'nonsense') and 'nonsense' not in got, f'{got}')
    need(got['client_id'].startswith('cli_') and got['client_secret'] and got['client_secret_expires_at'] == 0 and got['client_id_issued_at'] > 0, f'{got}')
    path, token = got['registration_client_uri'].removeprefix(s.url), got['registration_access_token']
    need(path == '/oauth/register/' + got['client_id'], path)
    a = bare(s, 'GET', path, bearer(token))
    need(a.status == 200 and a.json()['client_name'] == said['client_name'] and 'client_secret' not in a.json(), f'{a}')
    new = {'client_id': got['client_id'], 'client_name': 'Acme', 'redirect_uris': [WEB + '2'], 'token_endpoint_auth_method': 'none'}
    a = bare(s, 'PUT', path, {**bearer(token), 'Content-Type': 'application/json'}, json.dumps(new).encode())
    need(a.status == 200 and a.json()['redirect_uris'] == [WEB + '2'] and 'client_secret' not in a.json() and 'scope' not in a.json(), f'{a}')
    a = bare(s, 'PUT', path, {**bearer(token), 'Content-Type': 'application/json'}, json.dumps({**new, 'client_id': 'cli_01J9ZAB12CD34E56F7G8H9JKMN'}).encode())
    refused(a, 'invalid_client_metadata')
    a = bare(s, 'DELETE', path, bearer(token))
    need(a.status == 204 and a.body == b'', f'{a}')
    for method in ('GET', 'DELETE'):
        need(bare(s, method, path, bearer(token)).status == 401, f'{method} behind the deletion')


@case('A program that goes takes consents and tokens with it')
def gone(s):
    w = world(s)
    app = App(s)
    tokens = app.walk(w.ada, w.browser)
    need(held(s, tokens), 'no token')
    need(bare(s, 'DELETE', '/oauth/register/' + app.id, bearer(app.registered['registration_access_token'])).status == 204, 'not deleted')
    need(reads(s, tokens['access_token']) == 401, 'its token works')
    refused(app.refresh(tokens['refresh_token']), 'invalid_client', 401)


@case('The aliases that clients guess are the same endpoints')
def aliases(s):
    w = world(s)
    a = bare(s, 'POST', '/register', {'Content-Type': 'application/json'}, json.dumps({'redirect_uris': [CALLBACK], 'token_endpoint_auth_method': 'none'}).encode())
    need(a.status == 201, f'{a}')
    app, pkce = App(s), Pkce()
    page = w.browser.allow(app.url(pkce).replace('/oauth/authorize', '/authorize'), w.ada.email, w.ada.password)
    pairs = {'grant_type': 'authorization_code', 'code': page.query()['code'], 'redirect_uri': app.redirect, 'code_verifier': pkce.verifier, 'client_id': app.id}
    need(app.token(pairs, path='/token').status == 200, 'no tokens')


# -------------------------------------------------------------------------------------------------------------- consent

def question(w, app, **changed):
    page = w.browser.get(app.url(Pkce(), **changed))
    if any('password' in f.types.values() for f in page.forms):
        page = w.browser.sign_in(page, w.ada.email, w.ada.password)
    return page


@case('The page says who asks, what for, in which workspace and how sure this is')
def words(s):
    w = world(s)
    page = question(w, App(s, client_name='Acme <b>Sync</b>'), scope='notes:read posts:write offline_access unknown:scope')
    for text in ('Acme <b>Sync</b>', '127.0.0.1:33418', w.ada.email, 'Read your notes', 'Stay connected', 'Admin', 'your own device'):
        need(text in page.text, f'{text!r} is not in {page.text!r}')
    need('webhook' not in page.text and 'unknown' not in page.text, f'too much: {page.text!r}')
    page = question(w, App(s, redirect_uris=[WEB]))
    need('app.example.com' in page.text and 'verified' in page.text, f'{page.text!r}')
    page = question(w, App(s, redirect_uris=['cursor://anysphere.cursor-retrieval/oauth/callback']))
    need('cursor' in page.text and 'your own device' in page.text, f'{page.text!r}')
    for redirect, started in ((CALLBACK, True), (WEB, False)):
        app = App(s, redirect_uris=[redirect])
        s.cli('client', 'verify', app.id)
        text = question(w, app).text
        need('The operator of this server knows this program' in text and 'Nobody' not in text, f'{text!r}')
        need(('just started this yourself' in text) == started, f'{redirect}: {text!r}')


@case('A role that cannot use a scope is told so')
def roles(s):
    reader = Person(s, role='Client', name='Carl')
    with Browser(s) as b:
        page = b.sign_in(b.get(App(s).url(Pkce(), scope='posts:read posts:write')), reader.email, reader.password)
        need('You are Client here, so it could not' in page.text, f'{page.text!r}')
        page = b.get(App(s).url(Pkce(), scope='posts:read webhooks:manage'))
        need('You are Client here.' in page.text, f'what nobody can use yet is no question of roles: {page.text!r}')


@case('A workspace is picked, and the token is of it')
def picker(s):
    w = world(s)
    other = s.workspace('Second')
    s.cli('user', 'create', '--workspace', other, '--email', w.ada.email, '--name', 'Ada', '--role', 'Creator')
    app, pkce = App(s), Pkce()
    page = question(w, app)
    page = w.browser.get(app.url(pkce))
    f = page.form('allow')
    need(sorted(f.choices['workspace']) == sorted([s.id, other]), f'{f.choices}')
    back = w.browser.send(f, button='Allow', workspace=other)
    tokens = app.exchange(back.query()['code'], pkce).json()
    c = s.client(key='')
    me = c.get('/v1/workspaces/me', bearer(tokens['access_token'])).json()
    need(other in json.dumps(me) and s.id not in json.dumps(me), f'another workspace: {me}')
    page = w.browser.get(app.url(pkce))
    f = page.form('allow')
    need(f.value('workspace') == other and 'you allowed this before' in page.text, f'{f.fields} {page.text!r}')
    stranger = s.workspace('Third')
    page = w.browser.send(f, button='Allow', workspace=stranger)
    need(page.status == 422 and not page.leads_to, f'a workspace of others: {page}')
    c.close()


@case('A workspace whose plan has no access is not to be picked, and who has no other can only say no')
def poor(s):
    ada = Person(s, workspace=s.workspace('Poor', plan='FREE'))
    with Browser(s) as b:
        page = b.sign_in(b.get(App(s).url(Pkce())), ada.email, ada.password)
        need('nothing to allow' in page.text and not any('allow' == words.lower() for words, _ in page.form('not').buttons), f'{page} {page.form("not").buttons}')
        back = b.send(page.form('not'), button='not')
        need(back.query()['error'] == 'access_denied', f'{back}')
        s.cli('user', 'create', '--workspace', s.id, '--email', ada.email, '--name', 'Ada', '--role', 'Creator')
        page = b.get(App(s).url(Pkce()))
        f = page.form('allow')
        need('Its plan has no access' in page.text and f.value('workspace') == s.id, f'{f.fields} {page.text!r}')
        poor = next(w for w in f.choices['workspace'] if w != s.id)
        need(b.send(f, button='Allow', workspace=poor).status == 422, 'it was picked all the same')


@case('What was allowed once is not asked again, for as much or less, of a program that is known by more than its name')
def remembered(s):
    w = world(s)
    app, pkce = App(s, redirect_uris=[WEB]), Pkce()
    page = w.browser.allow(app.url(pkce, scope='notes:read posts:read'), w.ada.email, w.ada.password)
    need('code' in page.query(), f'{page}')
    for scope in ('notes:read posts:read', 'notes:read'):
        page = w.browser.get(app.url(pkce, scope=scope))
        need(page.leads_to and 'code' in page.query(), f'{scope}: asked again: {page}')
    need(not w.browser.get(app.url(pkce, scope='notes:read posts:write')).leads_to, 'more was given without a question')
    need(not w.browser.get(app.url(pkce, scope='notes:read', prompt='consent')).leads_to, 'prompt=consent did not ask')
    tokens = app.exchange(page.query()['code'], pkce).json()
    need(tokens['scope'] == 'notes:read', f'{tokens}')
    path, token = '/oauth/register/' + app.id, app.registered['registration_access_token']
    new = {'client_id': app.id, 'client_name': 'A program', 'redirect_uris': [WEB, 'https://elsewhere.example/cb'], 'token_endpoint_auth_method': 'none'}
    need(bare(s, 'PUT', path, {**bearer(token), 'Content-Type': 'application/json'}, json.dumps(new).encode()).status == 200, 'not replaced')
    need(not w.browser.get(app.url(pkce, scope='notes:read')).leads_to, 'it changed its addresses and was not asked about')
    loop = App(s)
    w.browser.allow(loop.url(pkce), w.ada.email, w.ada.password)
    need(not w.browser.get(loop.url(pkce)).leads_to, 'whoever listens at a port of this machine gets a code without a question')
    s.cli('client', 'verify', loop.id)
    need(w.browser.get(loop.url(pkce)).leads_to, 'the operator knows it, and it is asked about')


@case('Who is signed in as somebody else may sign in as themselves')
def another(s):
    ada, bob, app, pkce = Person(s), Person(s, name='Bob'), App(s), Pkce()
    with Browser(s) as b:
        page = b.sign_in(b.get(app.url(pkce)), ada.email, ada.password)
        need(ada.email in page.text and 'use another account' in page.text, f'{page.text!r}')
        link = re.search(r'href="(/signin[^"]*)"', page.answer.body.decode())[1].replace('&amp;', '&')
        page = b.sign_in(b.get(link), bob.email, bob.password)
        need(bob.email in page.text and ada.email not in page.text, f'{page.text!r}')
        need('code' in b.send(page.form('allow'), button='Allow').query(), 'no code')


@case('Who says no, says so to the program')
def denied(s):
    w = world(s)
    for redirect in (CALLBACK, WEB, 'com.example.app:/cb'):
        app = App(s, redirect_uris=[redirect])
        back = w.browser.send(question(w, app).form('allow'), button='Do not')
        said = back.query() if back.leads_to else {}
        need(back.leads_to.startswith(redirect + '?') and said['error'] == 'access_denied' and said['state'] == 'xyz' and said['iss'] == s.url, f'{back}')


@case('An error that no person saw leads to this machine, or to where somebody was let in before; otherwise to a page')
def unseen(s):
    w = world(s)
    web, app = App(s, redirect_uris=[WEB]), App(s, redirect_uris=['com.example.app:/cb'])
    for one in (web, app):
        a = asked(w, one, response_type='token')
        need(a.status == 400 and not a.get('Location') and b'Go back to' in a.body, f'{a} {a.headers}')
    w.browser.allow(web.url(Pkce()), w.ada.email, w.ada.password)
    a = asked(w, web, response_type='token')
    need(a.status == 303 and a.get('Location').startswith(WEB + '?error=unsupported_response_type'), f'{a} {a.headers}')
    a = asked(w, App(s), response_type='token')
    need(a.status == 303 and a.get('Location').startswith(CALLBACK + '?error='), f'{a} {a.headers}')


@case('A program that asks for nothing reads; one that registered with scopes has those')
def defaults(s):
    w = world(s)
    both = ['authorization_code', 'refresh_token']
    tokens = App(s, grant_types=both).walk(w.ada, w.browser, scope=None)
    need(tokens['scope'] == 'notes:read posts:read knowledge:read offline_access' and 'refresh_token' in tokens, f'{tokens}')
    tokens = App(s, grant_types=both).walk(w.ada, w.browser, scope='notes:read')
    need(tokens['scope'] == 'notes:read offline_access' and 'refresh_token' in tokens, f'{tokens}')
    tokens = App(s).walk(w.ada, w.browser, scope=None)
    need(tokens['scope'] == 'notes:read posts:read knowledge:read' and 'refresh_token' not in tokens, f'{tokens}')
    tokens = App(s, scope='posts:write', grant_types=['authorization_code']).walk(w.ada, w.browser, scope=None)
    need(tokens['scope'] == 'posts:write', f'{tokens}')
    app = App(s)
    back = w.browser.get(app.url(Pkce(), scope='openid profile'))
    need(back.query().get('error') == 'invalid_scope', f'{back}')


@case('A form does what a query does, and a single redirect URI need not be named')
def by_post(s):
    w = world(s)
    app, pkce = App(s), Pkce()
    body = urllib.parse.urlsplit(app.url(pkce, redirect_uri=None)).query.encode()
    page = w.browser.follow('POST', '/oauth/authorize', body, {'Content-Type': FORM, 'Origin': 'https://app.example.com', 'Sec-Fetch-Site': 'cross-site'})
    if any('password' in f.types.values() for f in page.forms):
        page = w.browser.sign_in(page, w.ada.email, w.ada.password)
    back = w.browser.send(page.form('allow'), button='Allow')
    need(app.exchange(back.query()['code'], pkce, redirect_uri=None).status == 200, 'no tokens')


@case('A consent is in the audit log of its workspace')
def audited(s):
    w = world(s)
    before = rows(s, "audit WHERE route = '/oauth/consent'")
    app = App(s)
    app.walk(w.ada, w.browser)
    need(rows(s, "audit WHERE route = '/oauth/consent'") == before + 1, 'no entry')


# --------------------------------------------------------------------------------------------------------------- tokens

@case('Where the server is called otherwise, who refreshes is sent to its person, and not given what nobody takes', alone=True)
def renamed(s):
    w = world(s)
    tokens = w.walk()
    w.app.close()
    w.browser.close()
    s.stop()
    s.settings['public_url'] = 'https://elsewhere.example'
    s.start()
    app = w.app.twin()
    refused(app.refresh(tokens['refresh_token']), 'invalid_grant', words='another address')
    app.close()


@case('What is shown twice is told to the operator, once')
def told(s):
    w, pkce = world(s), Pkce()
    app = App(s)
    code = app.code(w.ada, pkce, w.browser)[0]
    need(app.exchange(code, pkce).status == 200, 'no tokens')
    for _ in range(3):
        refused(app.exchange(code, pkce), 'invalid_grant')
    s.log_wait(rf'event=oauth .*client {app.id} is revoked')
    need(len(re.findall(rf'event=oauth .*client {app.id} is revoked', s.log_text())) == 1, 'told more than once')


@case('A client with a secret shows it in the header, encoded as in a form')
def basic(s):
    w = world(s)
    app, pkce = App(s, secret=True, token_endpoint_auth_method='client_secret_basic'), Pkce()
    code = app.code(w.ada, pkce, w.browser)[0]
    pair = base64.b64encode(f'{urllib.parse.quote(app.id)}:{urllib.parse.quote(app.secret)}'.encode()).decode()
    pairs = {'grant_type': 'authorization_code', 'code': code, 'redirect_uri': app.redirect, 'code_verifier': pkce.verifier}
    a = app.token(pairs, {'Authorization': 'Basic ' + base64.b64encode(f'{app.id}:wrong'.encode()).decode()})
    refused(a, 'invalid_client', 401)
    need((a.get('WWW-Authenticate') or '').startswith('Basic '), f'{a.headers}')
    need(app.token(pairs, {'Authorization': 'Basic ' + pair}).status == 200, 'not taken')


@case('Introspection tells the owner what a token is')
def introspection(s):
    w = world(s)
    app = App(s, secret=True)
    tokens = app.walk(w.ada, w.browser, resource=s.url + '/mcp')
    got = app.introspect(tokens['access_token']).json()
    need(got['active'] is True and got['client_id'] == app.id and got['scope'] == tokens['scope'] and got['aud'] == [s.url + '/mcp'] and got['iss'] == s.url, f'{got}')
    need(got['sub'] == w.ada.id and got['exp'] - got['iat'] == 3600 and got['token_type'] == 'Bearer', f'{got}')
    got = app.introspect(tokens['refresh_token']).json()
    need(got['active'] is True and got['exp'] - got['iat'] == 30 * 86400, f'{got}')
    need(app.introspect('nonsense').json() == {'active': False}, 'nonsense is active')
    refused(App(s).introspect(tokens['access_token']), 'invalid_client', 401)
    app.refresh(tokens['refresh_token'])
    need(app.introspect(tokens['refresh_token']).json() == {'active': False}, 'a refresh token that was used is active')


@case('A refresh may ask for less or as much, and is told what the token can do')
def narrowed(s):
    w = world(s)
    tokens = w.walk()
    a = w.app.refresh(tokens['refresh_token'], scope='notes:read').json()
    need(a['scope'] == tokens['scope'] and a['expires_in'] == 3600, f'{a}')
    refused(w.app.refresh(a['refresh_token'], scope='notes:read webhooks:manage'), 'invalid_scope')
    need(w.app.refresh(a['refresh_token']).status == 200, 'a refusal used the token up')


if __name__ == '__main__':
    sys.exit(cases.main('What an authorization server does.', 'flows'))
