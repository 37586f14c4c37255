#!/usr/bin/env python3
"""browsers.py -- what is done to a person at a browser: forged forms, frames, fixed sessions, open redirects, split answers; and to the server by one.

    python3 test/oauth/browsers.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import json
import os
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

import cases
from browser import Browser, Page
from cases import case, need
from oauthcase import asked, on_a_page, quickest, rows, sent_back, world
from people import FORM, App, Person, Pkce, bearer, form

ELSEWHERE = {'Origin': 'https://evil.example', 'Sec-Fetch-Site': 'cross-site'}


def consent_page(w, app=None, browser=None):
    """A program that nobody allowed yet asks; the page, and the browser it is in."""
    b = browser or w.browser
    app = app or App(w.s)
    page = b.get(app.url(Pkce()))
    if any('password' in f.types.values() for f in page.forms):
        page = b.sign_in(page, w.ada.email, w.ada.password)
    need(not page.leads_to, f'allowed without a question: {page}')
    return page, app


def yes(page, **changed):
    """The body of an allowing consent form."""
    f = page.form('allow')
    pairs = [(n, v) for n, v in f.fields if n not in changed] + [(n, v) for n, v in changed.items() if v is not None]
    return f, form(pairs + [next(b for words, b in f.buttons if 'allow' in words.lower())])


def signed_in(b):
    """Whether the account page shows an account."""
    page = b.get('/account')
    return page.status == 200 and not any('password' in f.types.values() and 'email' in f.types.values() for f in page.forms)


# ---------------------------------------------------------------------------------------------------------------- CSRF

@case('A consent that was not given on our own page is none')
def forged_consent(s):
    w = world(s)
    page, app = consent_page(w)
    f, body = yes(page)
    secret = next(n for n, t in f.types.items() if t == 'hidden' and 'csrf' in n.lower())
    stranger = Browser(s)
    bob = Person(s)
    stranger.sign_in(stranger.get('/account'), bob.email, bob.password)
    foreign = consent_page(w, app, stranger)[0].form('allow').value(secret)
    own = {'Content-Type': FORM, 'Origin': s.url, 'Sec-Fetch-Site': 'same-origin'}
    before = rows(s, 'consent')
    for body2, headers in ((body, {**own, **ELSEWHERE}), (body, {**own, 'Origin': 'null', 'Sec-Fetch-Site': 'cross-site'}), (body, {**own, 'Sec-Fetch-Site': 'same-site', 'Origin': 'http://evil.127.0.0.1'}),
                           (yes(page, **{secret: None})[1], own), (yes(page, **{secret: ''})[1], own), (yes(page, **{secret: 'x' * 64})[1], own),
                           (yes(page, **{secret: foreign})[1], own), (body, {**own, 'Content-Type': 'text/plain'}), (body, {**own, 'Content-Type': 'application/json'})):
        a = w.browser.request('POST', f.action, body2, headers)
        need(a.status in (400, 403, 415, 422) or (a.get('Location') or '').startswith('/signin?'), f'{body2[-80:]} {headers}: {a} {a.headers}')
    a = w.browser.request('GET', f.action + ('&' if '?' in f.action else '?') + body.decode())
    need('code=' not in (a.get('Location') or ''), f'a GET allowed it: {a.headers}')
    need(rows(s, 'consent') == before, 'a consent was kept')
    a = w.browser.request('POST', f.action, body, own)
    need('code=' in (a.get('Location') or ''), f'the true one is refused: {a} {a.headers}')
    stranger.close()
    app.close()


def says_else(app, **changed):
    """The program manages its registration: something else than it said before."""
    said = {k: v for k, v in app.registered.items() if k in ('client_id', 'client_name', 'redirect_uris', 'token_endpoint_auth_method', 'scope', 'grant_types')}
    a = app.client.request('PUT', '/oauth/register/' + app.id, json.dumps({**said, **changed}).encode(),
                           {'Content-Type': 'application/json', **bearer(app.registered['registration_access_token'])})
    need(a.status == 200, f'{a}')


@case('What a program says of itself while the page is open, the click does not allow')
def swapped(s):
    w = world(s)
    for changed in ({'scope': 'notes:read notes:write posts:write'}, {'grant_types': ['authorization_code', 'refresh_token']}, {'redirect_uris': ['https://evil.example/cb']},
                    {'client_name': 'Your bank'}):
        app = App(s, scope='notes:read', redirect_uris=['https://app.example.com/cb'])
        f, body = yes(w.browser.get(app.url(Pkce(), scope=None, redirect_uri=None)))
        says_else(app, **changed)
        a = w.browser.request('POST', f.action, body, {'Content-Type': FORM, 'Origin': s.url, 'Sec-Fetch-Site': 'same-origin'})
        need(a.status == 422 and b'asks for something else' in a.body, f'{changed}: {a} {a.headers}')
        need(rows(s, f"consent WHERE client = '{app.id[4:]}'") == 0, f'{changed}: it was allowed unseen')
        app.close()


@case('What the operator vouched for is the program as it was')
def vouched(s):
    w, app = world(s), App(s, redirect_uris=['https://app.example.com/cb'])
    known, warned = 'The operator of this server knows', 'Nobody has verified'
    s.cli('client', 'verify', app.id)
    need(known in w.browser.get(app.url(Pkce())).text, 'not vouched for')
    says_else(app, scope='notes:read')
    need(known in w.browser.get(app.url(Pkce())).text, 'another scope is asked for on the page anyway')
    says_else(app, redirect_uris=['https://evil.example/cb'])
    page = w.browser.get(app.url(Pkce(), redirect_uri='https://evil.example/cb'))
    need(warned in page.text and known not in page.text, f'{page}')
    app.close()


@case('HEAD of the authorization endpoint makes no code')
def looked_at(s):
    w, pkce = world(s), Pkce()
    app = App(s, redirect_uris=['https://app.example.com/cb'])
    app.code(w.ada, pkce, w.browser)
    before = rows(s, 'oauth_code')
    a = w.browser.request('HEAD', app.url(pkce))
    need(a.status == 200 and not a.get('Location') and rows(s, 'oauth_code') == before, f'{a} {a.headers}')
    need('code=' in w.browser.request('GET', app.url(pkce)).get('Location', ''), 'it is not remembered')
    app.close()


@case('A sign-in that was not begun on our own page is none: nobody is signed in to the account of an attacker')
def forged_sign_in(s):
    w = world(s)
    with Browser(s) as b:
        page = b.get('/signin')
        f = page.form()
        names = {t: n for n, t in f.types.items()}
        fields = dict(f.fields) | {names['email']: w.ada.email, names['password']: w.ada.password}
        secret = next(n for n in fields if 'csrf' in n.lower())
        own = {'Content-Type': FORM, 'Origin': s.url, 'Sec-Fetch-Site': 'same-origin'}
        before = rows(s, 'session')
        for changed, headers in (({}, {**own, **ELSEWHERE}), ({secret: 'x' * 64}, own), ({secret: ''}, own), ({secret: None}, own), ({}, {**own, 'Content-Type': 'text/plain'}),
                                 ({}, {**own, 'Cookie': 'x=y'})):
            a = b.request('POST', '/signin', form({**fields, **changed}), headers)
            need(a.status in (400, 403, 415), f'{changed} {headers}: {a}')
        need(rows(s, 'session') == before, 'somebody was signed in')


@case('Who signs out, or takes something back, meant to')
def forged_account(s):
    w = world(s)
    for path in ('/signout', '/account'):
        for headers in ({'Content-Type': FORM, **ELSEWHERE}, {'Content-Type': FORM, 'Origin': s.url, 'Sec-Fetch-Site': 'same-origin'}):
            a = w.browser.request('POST', path, b'action=x', headers)
            need(a.status in (400, 403), f'{path} {headers}: {a}')
    w.browser.get('/signout')
    page, app = consent_page(w)
    need(page.status == 200, 'a GET signed out')
    app.close()


# -------------------------------------------------------------------------------------------------------------- frames

@case('No page of ours is shown in a frame, runs a script or is kept by anybody')
def frames(s):
    w = world(s)
    page, app = consent_page(w)
    stranger = Browser(s)
    for p in (page, w.browser.get('/account'), stranger.get('/signin'), stranger.get('/invite/nothing'), Page(asked(w, client_id='x'), 'error')):
        h = p.answer
        policy = {part.split()[0]: part.split()[1:] for part in h.get('Content-Security-Policy').split(';') if part.split()}
        need(policy['frame-ancestors'] == ["'none'"] and h.get('X-Frame-Options') == 'DENY', f'{p}: frames: {policy}')
        need(policy['default-src'] == ["'none'"] and 'script-src' not in policy and "'unsafe-inline'" not in str(policy), f'{p}: {policy}')
        need('base-uri' in policy and 'form-action' in policy, f'{p}: {policy}')
        need('no-store' in h.get('Cache-Control') and h.get('X-Content-Type-Options') == 'nosniff' and h.get('Referrer-Policy'), f'{p}: {h.headers}')
        need(b'<script' not in h.body.lower() and b' onclick' not in h.body.lower(), f'{p}: a script')
    stranger.close()
    app.close()


@case('A program whose name nobody can see is called by its host')
def nameless(s):
    w = world(s)
    for name in ('', ' ', '\u200b', '\u3164\u2800', '\u202e\u2066', '\u00a0\u2003', '\u200f\u061c', '\ufe0f'):
        app = App(s, client_name=name, redirect_uris=['https://app.example.com/cb'])
        page, _ = consent_page(w, app)
        need(page.title.startswith('Allow app.example.com?'), f'{name!r}: {page.title}')
        app.close()


@case('What a program calls itself is text on the page, and its lies are seen')
def names(s):
    w = world(s)
    for name in ('<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onmouseover='x", '</title></style><h1>Scripe', '&lt;b&gt;', '{{7*7}}', '\u202egnp.exe', 'Google\u200b\u200d'):
        app = App(s, client_name=name, redirect_uris=['https://app.example.com/cb'])
        page, _ = consent_page(w, app)
        body = page.answer.body.decode()
        need('<script' not in body and '<img' not in body and '<h1>Scripe' not in body, f'{name}: {body}')
        need('app.example.com' in page.text, f'{name}: its host is not named: {page.text}')
        need('\u202e' not in body and '\u200b' not in body, f'{name}: letters that nobody sees')
        app.close()


# ------------------------------------------------------------------------------------------------------ open redirects

@case('A sign-in leads back to a path of ours, whatever it was given')
def next_path(s):
    w = world(s)
    for to in ('https://evil.example/', '//evil.example/', '/\\evil.example/', '\\\\evil.example/', '/\t/evil.example/', '///evil.example', 'javascript:alert(1)', '/%09/evil.example',
               'http:evil.example', '/\r\nX-Evil: y', '/\x00', 'evil.example', '/..//evil.example/', '/.//evil.example/', '@evil.example', s.url + '@evil.example/', '/account\r\nSet-Cookie: a=b', 'x' * 9000):
        with Browser(s) as b:
            page = b.get('/signin?' + form({'next': to}).decode())
            if page.status != 200:
                need(page.status in (400, 414) and not page.leads_to, f'{to!r}: {page}')
                continue
            page = b.sign_in(page, w.ada.email, w.ada.password)
            need(not page.leads_to and page.url.startswith(s.url + '/'), f'{to!r} leads to {page.leads_to or page.url}')
            need(not urllib.parse.urlsplit(page.url).path.startswith('//'), f'{to!r} leads to {page.url}')
            need(not any(c in ''.join(n + v for n, v in page.answer.headers).lower() for c in ('x-evil', 'a=b')), f'{to!r}: {page.answer.headers}')


@case('An error leads nobody to an address that was not registered')
def error_redirect(s):
    w = world(s)
    for changed in ({'client_id': 'cli_01J9ZAB12CD34E56F7G8H9JKMN'}, {'client_id': ''}, {'client_id': None}, {'client_id': 'x' * 3000}, {'client_id': 'https://evil.example/'},
                    {'redirect_uri': 'https://evil.example/'}):
        on_a_page(asked(w, **{'redirect_uri': 'https://evil.example/cb', **changed, 'response_type': 'nonsense'}))


@case('Who registers a minute ago and asks for nonsense sends nobody anywhere: the person sees a page with a link')
def open_redirector(s):
    w = world(s)
    app = App(s, redirect_uris=['https://evil.example/cb'])
    for changed in ({'response_type': 'nonsense'}, {'scope': 'nonsense'}, {'code_challenge': None}, {'resource': 'https://other.example/'}, {'prompt': 'none'}):
        a = asked(w, app, **changed)
        on_a_page(a)
        need(b'href="https://evil.example/cb?error=' in a.body, f'{changed}: no way back')
    app.code(w.ada, Pkce(), w.browser)
    a = asked(w, app, response_type='nonsense')
    need((a.get('Location') or '').startswith('https://evil.example/cb?error='), f'once it was allowed something: {a} {a.headers}')
    bob, stranger = Person(s), Browser(s)
    for changed in ({'response_type': 'nonsense'}, {'prompt': 'none'}):
        on_a_page(stranger.request('GET', app.url(Pkce(), **changed)))         # what one allowed is not what all did
    stranger.sign_in(stranger.get('/account'), bob.email, bob.password)
    on_a_page(stranger.request('GET', app.url(Pkce(), response_type='nonsense')))
    stranger.close()
    app.close()


# ------------------------------------------------------------------------------------------------------------ sessions

@case('A session has a secret that nobody could know before, and ends with it')
def fixation(s):
    w = world(s)
    with Browser(s) as b:
        page = b.get('/signin')
        given = dict(b.cookies)
        b.sign_in(page, w.ada.email, w.ada.password)
        name = next(n for n in b.cookies if n in ('scriped', '__Host-scriped'))
        first = b.cookies[name]
        need(first not in given.values() and len(first) >= 43, f'the secret was there before: {given}')
        line = next(l for l in b.set_cookies if l.startswith(name + '=' + first)).lower()
        need('httponly' in line and 'samesite=lax' in line and 'domain' not in line and 'path=/' in line, line)
        need(signed_in(b), 'not signed in')
        with Browser(s, {name: 'A' * 43}) as fixed:
            fixed.sign_in(fixed.get('/signin'), w.ada.email, w.ada.password)
            need(fixed.cookies[name] not in ('A' * 43, first), 'a secret that was given is kept')
        b.send(next(f for f in b.get('/account').forms if f.action == '/signout'))
        with Browser(s, {name: first}) as later:
            need(not signed_in(later), 'the session goes on')


@case('Whether an account exists shows neither in words nor in time')
def unknown(s):
    w = world(s)

    def wrong(email):
        with Browser(s) as b:
            page = b.sign_in(b.get('/signin'), email, 'no such password')
            return page.status, page.text.replace(email, ''), page.title

    nobody = 'nobody@example.com'
    need(wrong(w.ada.email) == wrong(nobody) and wrong(nobody)[0] in (200, 400, 401, 403, 422), f'{wrong(w.ada.email)} and {wrong(nobody)}')
    for _ in range(3):      # a busy machine may be slow for a moment, not for always
        known, not_known = quickest(lambda: wrong(w.ada.email)), quickest(lambda: wrong(nobody))
        if 0.4 < known / not_known < 2.5:
            return
    need(False, f'{known:.3f} s where there is an account, {not_known:.3f} s where there is none')


# --------------------------------------------------------------------------------------------------------- odd letters

@case('The state comes back as it was sent, whatever it is')
def state(s):
    w = world(s)
    for word in (' ', 'a b', 'a+b', 'a%20b', '%', '%zz', '&code=x', '#f', '?', '=', 'a=b&c=d', 'é', '日本語', '😀', '"', "'", '<script>', '\\', '/../', '{"a":1}', 'x' * 2000, 'a;b', '\t', '\r\nX: y', '\r\n\r\n<html>'):
        page = w.browser.get(w.app.url(Pkce(), state=word))
        page = page if page.leads_to else w.browser.send(page.form('allow'), button='allow')
        need(page.query().get('state') == word, f'{word!r} came back as {page.query().get("state")!r}')
        need('\r' not in page.leads_to and '\n' not in page.leads_to and not page.answer.get('X'), f'{word!r}: {page.answer.headers}')
        a = asked(w, state=word, response_type='x')
        back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(a.get('Location')).query, keep_blank_values=True))
        need(back.get('state') == word, f'an error: {word!r} came back as {back.get("state")!r}')
    page = w.browser.get(w.app.url(Pkce(), state=None))
    need('state' not in page.query(), f'a state that was not sent: {page.leads_to}')


@case('No header is split by what a request holds')
def splitting(s):
    w = world(s)
    evil = 'x\r\nX-Evil: y\r\n\r\n<html>'
    for changed in ({'state': evil}, {'scope': evil}, {'redirect_uri': evil}, {'client_id': evil}, {'resource': evil}, {'prompt': evil}, {'response_type': evil}, {evil: 'x'}):
        a = asked(w, **changed)
        need(a.get('X-Evil') is None and a.status in (200, 302, 303, 400, 401), f'{changed}: {a} {a.headers}')
    for path in ('/signin?next=' + urllib.parse.quote(evil), '/invite/' + urllib.parse.quote(evil), '/oauth/register/' + urllib.parse.quote(evil), '/oauth/' + urllib.parse.quote(evil)):
        a = w.browser.request('GET', path)
        need(a.get('X-Evil') is None and a.status < 500, f'{path}: {a}')


@case('Cookies without number or end hurt nobody')
def bombs(s):
    w = world(s)
    name = next(n for n in w.browser.cookies if n in ('scriped', '__Host-scriped'))
    good = w.browser.cookies[name]
    for line in ('; '.join(f'c{i}=x' for i in range(3000)), 'x=' + 'y' * 30_000, f'{name}=' + 'A' * 20_000, f'{name}={good}; {name}=other', f'{name}=other; {name}={good}', '=' * 5000, ';' * 20_000,
                 f'{name}="{good}"', f'{name}', f'{name}=', f' {name} = x ', f'{name}=\xe4\xff', f'$Version=1; {name}=x', f'{name.upper()}=x'):
        a = w.browser.request('GET', '/account', None, {'Cookie': line})
        need(a.status in (200, 302, 303, 400, 401, 403, 431), f'{line[:60]!r}: {a}')
        need(a.status != 200 or 'email' not in a.body.decode() or w.ada.email not in a.body.decode(), f'{line[:60]!r} signs in')
    need(w.browser.request('GET', '/account').status == 200, 'the good one is refused')


@case('prompt=none asks nobody, prompt=login and consent ask again')
def prompt(s):
    w = world(s)
    w.walk()
    a = asked(w, prompt='none')
    need(a.status in (302, 303) and ('code=' in a.get('Location') or 'error=' in a.get('Location')), f'{a} {a.headers}')
    app = App(s)
    sent_back(w, asked(w, app, prompt='none'), 'consent_required', app)
    with Browser(s) as b:
        a = b.request('GET', app.url(Pkce(), prompt='none'))
        need('error=login_required' in (a.get('Location') or ''), f'{a} {a.headers}')
    page = w.browser.get(w.app.url(Pkce(), prompt='consent'))
    need(not page.leads_to and page.form('allow'), f'no question: {page}')
    app.close()


if __name__ == '__main__':
    sys.exit(cases.main('Attacks on people at a browser.', 'browsers', clock=True))
