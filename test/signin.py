#!/usr/bin/env python3
"""signin.py -- signing in, invitations and accounts, as browsers and as those who mean no good ask for them.

    python3 test/signin.py [--engine sqlite|postgres] [--only WORDS]

TAP lines, and `N passed, N failed` at the end."""
import json
import os
import re
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import cases
from browser import Browser
from cases import case, need
from people import App, Person, bearer, invite
from server import wait_for

FORM = 'application/x-www-form-urlencoded'
OWN = {'Content-Type': FORM, 'Sec-Fetch-Site': 'same-origin'}
WRONG = 'The e-mail address or the password is wrong.'
GOOD = 'four green ducks'
AWAY = ('//evil.example', 'https://evil.example/', '/\\evil.example', '\\\\evil.example', '/\t/evil.example', 'javascript:alert(1)',
        '/.//evil.example', 'evil.example', ' /account', '/a b', '@evil.example', '///evil.example', '/\x00', 'http:evil.example', '/\r\n/evil')


def signed_in(s, person, **more):
    b = Browser(s)
    page = b.sign_in(b.get('/signin', **more), person.email, person.password)
    need(page.status == 200 and page.url.endswith('/account'), f'not signed in: {page}')
    return b


def post(b, path, pairs, headers=None, own=OWN):
    """One POST as it stands, no redirect followed."""
    return b.request('POST', b.origin + path, urllib.parse.urlencode(pairs).encode(), {**own, **(headers or {})})


def csrf(page, button=None):
    return page.form(button).value('csrf')


def log_of(s, answer):
    """What the log says of a visit: {name: value} of its line of event `people`."""
    number = answer.get('X-Request-Id')
    line = wait_for(lambda: next((x for x in s.log_text().split('\n') if 'event=people' in x and number in x), None))
    return dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line or ''))


def masked(page, email):
    text = page.answer.body.decode()
    return re.sub(r'name="csrf" value="[^"]*"', '', text).replace(email, 'EMAIL')


# ------------------------------------------------------------------------------------------------------- signing in

@case('Who is not signed in is led to sign in, and from there to where they wanted to go')
def there_and_back(s):
    ada, b = Person(s), Browser(s)
    page = b.get('/account')
    need(page.url.endswith('/signin?next=/account') and page.status == 200, f'{page}')
    page = b.sign_in(page, ada.email.upper(), ada.password)
    need(page.url == s.url + '/account' and ada.email in page.text, f'{page}')
    need(b.get('/signin').url.endswith('/account'), 'who is signed in is asked again')
    page = b.send(page.form('sign out'), button='sign out')
    need(page.url.endswith('/signin') and 'scriped' not in b.cookies, f'{page} {b.cookies}')
    need('/signin' in b.get('/account').url, 'still signed in')


@case('An unknown account, one without a password and a wrong password get the same words for the same work')
def no_oracle(s):
    ada = Person(s)
    s.cli('user', 'create', '--workspace', s.id, '--email', 'none@example.com', '--name', 'None', '--role', 'Client')
    seen = []
    for email in (ada.email, 'nobody@example.com', 'none@example.com'):
        b = Browser(s)
        page = b.sign_in(b.get('/signin'), email, 'not the password')
        need(page.status == 422 and WRONG in page.text, f'{page}')
        said = log_of(s, page.answer)
        need(said.get('hashes') == '1' and said.get('what') == '"wrong password"', f'{email}: {said}')
        seen.append((masked(page, email), [n for n, _ in page.answer.headers]))
    need(seen[0] == seen[1] == seen[2], 'the answers differ')


@case('Too many tries for an account are refused unlooked-at, the right one too, whether it exists or not', alone=True, rate_signin_account=3)
def locked(s):
    ada, eve = Person(s), Person(s)
    pages = []
    for email in (ada.email, 'nobody@example.com'):
        b = Browser(s)
        for i in range(3):
            page = b.sign_in(b.get('/signin'), email, f'wrong number {i}')
            need(page.status == 422, f'{page}')
        pages.append(b.sign_in(b.get('/signin'), email, ada.password))
        need(pages[-1].status == 429 and 0 < int(pages[-1].answer.get('Retry-After')) <= 900, f'{pages[-1]}')
        need(log_of(s, pages[-1].answer).get('hashes') == '0', 'a password was looked at')
        need('scriped' not in b.cookies, 'a session began')
    there, nobody = [re.sub(r'\d+ (second|minute)s?', 'a while', p.answer.body.decode()) for p in pages]
    need(there == nobody, f'the answers differ: {there[-3000:]} {nobody[-3000:]}')
    signed_in(s, eve)


@case('Who guesses at an account does not lock out its owner, whose browser has tries of its own', alone=True, rate_signin_account=3)
def not_locked_out(s):
    ada, eve = Person(s), Person(s)
    mine, hers = signed_in(s, ada), signed_in(s, eve)
    for b in (mine, hers):
        b.send(b.get('/account').form('sign out'))
    for i in range(3):
        b = Browser(s)
        b.sign_in(b.get('/signin'), ada.email, f'wrong number {i}')
    need(b.sign_in(b.get('/signin'), ada.email, ada.password).status == 429, 'a stranger may go on')
    forged = Browser(s, {'scriped-known': hers.cookies['scriped-known']})
    need(forged.sign_in(forged.get('/signin'), ada.email, ada.password).status == 429, "somebody else's browser may go on")
    page = mine.sign_in(mine.get('/signin'), ada.email, 'wrong this time')
    need(page.status == 422, f'{page}')
    page = mine.sign_in(page, ada.email, ada.password)
    need(page.url.endswith('/account'), f'{page}')
    mine.send(page.form('sign out'), button='sign out')
    statuses = [mine.sign_in(mine.get('/signin'), ada.email, f'wrong number {i}').status for i in range(3)]
    need(statuses[-1] == 429, f'its tries have no end: {statuses}')


@case('Too many tries from one address are refused, whatever the account', alone=True, rate_signin_address=3)
def address(s):
    ada = Person(s)
    for i in range(3):
        b = Browser(s)
        need(b.sign_in(b.get('/signin'), f'{i}@example.com', 'wrong one').status == 422, 'refused too early')
    page = b.sign_in(b.get('/signin'), ada.email, ada.password)
    need(page.status == 429, f'{page}')


@case('What is too long, missing or sent twice is no try')
def shapes(s):
    b = Browser(s)
    page = b.get('/signin')
    token = csrf(page)
    for pairs in ([('email', 'a@b.example')], [('password', 'x')], [('email', 'a@b.example'), ('password', 'x' * 2000)], [('email', 'a' * 300), ('password', 'x')],
                  [('email', 'a@b.example'), ('password', 'x'), ('password', 'y')], [('email', ''), ('password', '')]):
        answer = post(b, '/signin', [('csrf', token)] + pairs)
        need(answer.status == 422, f'{pairs!r:.80}: {answer.status}')
    for body, kind, status in ((b'csrf=%zz', FORM, 400), (b'a=%00', FORM, 400), (b'a=1&' * 60, FORM, 400), (b'{}', 'application/json', 415), (b'x', 'text/plain', 415),
                               (b'a=' + b'b' * 40000, FORM, 413), (b'--x', 'multipart/form-data; boundary=x', 415)):
        answer = b.request('POST', b.origin + '/signin', body, {**OWN, 'Content-Type': kind})
        need(answer.status == status and answer.get('Content-Type') == 'text/html; charset=utf-8', f'{body[:20]}: {answer.status}')
    for method in ('PUT', 'DELETE', 'PATCH', 'OPTIONS'):
        answer = b.request(method, b.origin + '/signin')
        need(answer.status == 405 and answer.get('Allow') == 'GET, HEAD, POST', f'{method}: {answer.status}')
    need(b.request('HEAD', b.origin + '/signin').status == 200, 'HEAD')


@case('Many at once wait their turn, those on top are asked to come back, and the API answers meanwhile', alone=True, signin_threads=2)
def crowd(s):
    ada, statuses, lock = Person(s), [], threading.Lock()

    def one():
        b = Browser(s)
        b.client.timeout = 600          # for 64 passwords, each of which takes its time and gives way to all others
        page = b.sign_in(b.get('/signin'), ada.email, 'wrong one')
        with lock:
            statuses.append((page.status, page.answer.get('Retry-After')))
        b.close()
    crowd = [threading.Thread(target=one) for _ in range(72)]
    for t in crowd:
        t.start()
    c = s.client(s.key)
    for _ in range(20):
        need(c.get('/v1/projects').status == 200, 'the API does not answer')
    for t in crowd:
        t.join()
    served, turned = [x for x in statuses if x[0] == 422], [x for x in statuses if x[0] == 503]
    need(len(served) + len(turned) == 72 and len(served) >= 64 and all(x[1] for x in turned), f'{len(served)} served, {len(turned)} turned away, {set(statuses)}')
    signed_in(s, ada)


# ------------------------------------------------------------------------------------------------------------ forms

@case('A form that is not ours changes nothing: no token, another one, another origin')
def forged(s):
    ada, eve = Person(s), Person(s)
    b, other = signed_in(s, ada), signed_in(s, eve)
    mine, theirs = b.get('/account'), other.get('/account')
    token, foreign = csrf(mine, 'sign out'), csrf(theirs, 'sign out')
    for pairs, headers in (([], {}), ([('csrf', '')], {}), ([('csrf', foreign)], {}), ([('csrf', csrf(mine, 'change'))], {}), ([('csrf', token), ('csrf', token)], {}),
                           ([('csrf', token)], {'Sec-Fetch-Site': 'cross-site'}), ([('csrf', token)], {'Sec-Fetch-Site': 'same-site'}),
                           ([('csrf', token)], {'Sec-Fetch-Site': None, 'Origin': 'https://evil.example'}), ([('csrf', token)], {'Sec-Fetch-Site': None, 'Origin': 'null'}),
                           ([('csrf', token)], {'Origin': 'https://evil.example'})):
        answer = post(b, '/signout', pairs, headers)
        need(answer.status == 403, f'{pairs} {headers}: {answer.status}')
    answer = post(b, '/account', [('csrf', csrf(theirs, 'change')), ('do', 'password'), ('password', ada.password), ('new', GOOD)])
    need(answer.status == 403, f'{answer.status}')
    need(ada.email in b.get('/account').text, 'signed out by a forged form')
    need(post(b, '/signout', [('csrf', token)], {'Sec-Fetch-Site': None}).status == 303, 'an old browser cannot sign out')


@case('Nobody can be signed in as somebody else by a form: it wants the cookie that came with it')
def login_csrf(s):
    eve, theirs, victim = Person(s), Browser(s), Browser(s)
    token = csrf(theirs.get('/signin'))
    answer = post(victim, '/signin', [('csrf', token), ('email', eve.email), ('password', eve.password)])
    need(answer.status == 403 and 'scriped' not in victim.cookies, f'{answer.status} {victim.cookies}')
    victim.get('/signin')
    answer = post(victim, '/signin', [('csrf', token), ('email', eve.email), ('password', eve.password)])
    need(answer.status == 403 and 'scriped' not in victim.cookies, f'{answer.status} {victim.cookies}')


@case('The session is a new one at each sign-in, and the one before is over')
def fixation(s):
    ada, eve = Person(s), Person(s)
    planted = 'A' * 43
    b = Browser(s, {'scriped': planted})
    b.sign_in(b.get('/signin'), ada.email, ada.password)
    need(b.cookies['scriped'] != planted, 'the planted cookie is a session')
    need('/signin' in Browser(s, {'scriped': planted}).get('/account').url, 'the planted cookie is signed in')
    known = signed_in(s, eve)
    old = dict(known.cookies)
    page = Browser(s).get('/signin')
    answer = post(known, '/signin', [('csrf', csrf_for(known, s)), ('email', ada.email), ('password', ada.password)])
    need(answer.status == 303 and known.cookies['scriped'] != old['scriped'], f'{answer.status} {page.status}')
    need('/signin' in Browser(s, old).get('/account').url, 'the session before still holds')
    need(ada.email in known.get('/account').text, 'not signed in as the other one')


def csrf_for(b, s):
    """The token of the sign-in form for a browser that is signed in, which sees it after a form that was too old."""
    answer = post(b, '/signin', [('email', 'x'), ('password', 'y')])
    return re.search(r'name="csrf" value="([^"]+)"', answer.body.decode()).group(1)


@case('What follows a sign-in is a path of this server, whatever the link says')
def open_redirect(s):
    ada = Person(s)
    for to in AWAY:
        b = Browser(s)
        page = b.get('/signin?next=' + urllib.parse.quote(to, safe=''))
        need(page.status == 200 and page.form().value('next') is None, f'{to!r} is in the form')
        answer = post(b, '/signin', [('csrf', csrf(page)), ('next', to), ('email', ada.email), ('password', ada.password)])
        where = answer.get('Location')
        need(answer.status in (303, 400) and where in ('/account', None), f'{to!r} leads to {where}')
        if answer.status == 303:
            answer = b.request('GET', b.origin + '/signin?next=' + urllib.parse.quote(to, safe=''))
            need(answer.get('Location') == '/account', f'{to!r} leads to {answer.get("Location")}')
    b = Browser(s)
    page = b.get('/signin?next=' + urllib.parse.quote('/invite/abc?x=%2F&y=1', safe=''))
    answer = post(b, '/signin', [('csrf', csrf(page)), ('next', page.form().value('next')), ('email', ada.email), ('password', ada.password)])
    need(answer.get('Location') == '/invite/abc?x=%2F&y=1', f'it leads to {answer.get("Location")}')


# ---------------------------------------------------------------------------------------------------------- headers

@case('Every page is alone: no frame, no script, not stored; and a form leads nowhere else')
def alone(s):
    ada = Person(s)
    b = signed_in(s, ada)
    link = invite(s, 'new@example.com')
    stranger = Browser(s)
    answers = [b.request('GET', b.origin + p) for p in ('/account', '/account?done=joined', urllib.parse.urlsplit(link).path, '/invite/nonsense', '/invite', '/invite/a/b')]
    answers += [stranger.request('GET', b.origin + '/signin'), stranger.request('PUT', b.origin + '/signin'), post(stranger, '/signin', [])]
    for a in answers:
        policy = a.get('Content-Security-Policy')
        need(policy.startswith("default-src 'none'; style-src 'sha256-") and "form-action 'self';" in policy and "frame-ancestors 'none'" in policy, policy)
        need(a.get('X-Frame-Options') == 'DENY' and a.get('Cache-Control') == 'no-store' and a.get('X-Content-Type-Options') == 'nosniff', f'{a.headers}')
        need(a.get('Referrer-Policy') == 'same-origin' and a.get('Cross-Origin-Opener-Policy') == 'same-origin' and a.get('X-Request-Id').startswith('req_'), f'{a.headers}')
        need(b'<script' not in a.body and b' on' + b'click' not in a.body and b'style="' not in a.body, 'script or style')
    page = stranger.get('/signin?next=' + urllib.parse.quote('/oauth/authorize?client_id=x', safe=''))
    need("form-action 'self';" in page.answer.get('Content-Security-Policy') and not page.answer.get('Cross-Origin-Opener-Policy'), f'{page.answer.headers}')
    page = stranger.get('/signin?next=' + urllib.parse.quote('/oauth/authorize?redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb', safe=''))
    need("form-action 'self' https://app.example.com;" in page.answer.get('Content-Security-Policy') and not page.answer.get('Cross-Origin-Opener-Policy'), f'{page.answer.headers}')


@case('What strangers write comes out as text')
def injected(s):
    nasty = '"><img src=x>\'&'
    b = Browser(s)
    page = b.get('/signin?next=' + urllib.parse.quote('/a?' + "'x", safe=''))
    need("&#39;x" in page.answer.body.decode(), 'the quote of next is as it came')
    page = b.sign_in(b.get('/signin'), nasty, 'whatever it is')
    need(b'<img' not in page.answer.body and b'&lt;img' in page.answer.body, 'markup of the address is markup')
    ada = Person(s, name='<b>Ada</b>')
    page = signed_in(s, ada).get('/account')
    need(b'<b>Ada' not in page.answer.body and '<b>Ada</b>' in page.text, 'markup of the name is markup')


@case('Cookies are for this server alone, and a password crosses no open line')
def cookies(s):
    ada = Person(s)
    b = signed_in(s, ada)
    line = next(x for x in b.set_cookies if x.startswith('scriped='))
    need(re.fullmatch(r'scriped=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=7776000', line), line)
    double = b.request('GET', b.origin + '/account', headers={'Cookie': f'scriped={b.cookies["scriped"]}; scriped=x'})
    need(double.status == 303, 'one of two cookies is believed')
    split = b.request('GET', b.origin + '/account', headers=[('Cookie', 'a=1'), ('Cookie', f'scriped={b.cookies["scriped"]}')])
    need(split.status == 200, f'cookies on two lines are lost: {split.status}')
    bomb = b.request('GET', b.origin + '/account', headers={'Cookie': '; '.join(f'c{i}={"x" * 90}' for i in range(100)) + f'; scriped={b.cookies["scriped"]}'})
    need(bomb.status == 200, f'{bomb.status}')
    b.close()
    bomb = b.request('GET', b.origin + '/signin', headers={'Cookie': 'c=' + 'x' * 60000})
    need(bomb.status == 431, f'{bomb.status}')


@case('With https the cookie is bound to the host and to https', alone=True, public_url='https://scriped.example', trusted_proxies='127.0.0.1')
def https(s):
    ada, b = Person(s), Browser(s)
    own = {'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https', 'Origin': 'https://scriped.example'}
    page = b.get('/signin', headers=own)
    answer = post(b, '/signin', [('csrf', csrf(page)), ('email', ada.email), ('password', ada.password)], own)
    lines = answer.all('Set-Cookie')
    need(answer.status == 303 and re.fullmatch(r'__Host-scriped=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=7776000', lines[0]), f'{answer.status} {lines}')
    need(any(x.startswith('__Host-scriped-form=') and '; Secure' in x for x in b.set_cookies), f'{b.set_cookies}')
    need(b.request('GET', b.origin + '/account', headers=own).status == 200, 'not signed in')
    plain = {**own, 'X-Forwarded-Proto': 'http'}
    for answer in (b.request('GET', b.origin + '/signin', headers=plain), post(b, '/signin', [('csrf', csrf(page)), ('email', ada.email), ('password', ada.password)], plain)):
        need(answer.status == 403 and b'without encryption' in answer.body, f'{answer.status}')


@case('Without https only neighbours are signed in, and others are told why', alone=True, trusted_proxies='127.0.0.1')
def neighbours(s):
    ada = Person(s)
    b = signed_in(s, ada)
    for address, status in (('192.168.1.7', 200), ('10.1.2.3', 200), ('fd00::7', 200), ('203.0.113.7', 403), ('2001:db8::7', 403)):
        for path in ('/signin', '/account', '/invite/x'):
            answer = Browser(s).request('GET', s.url + path, headers={'X-Forwarded-For': address})
            need((answer.status == 403) == (status == 403), f'{address} {path}: {answer.status}')
            need(status != 403 or b'public_url' in answer.body, 'it does not say why')
    answer = b.request('GET', s.url + '/account', headers={'X-Forwarded-For': '203.0.113.7'})
    need(answer.status == 403, f'{answer.status}')


# ------------------------------------------------------------------------------------------------------ invitations

@case('An invitation makes a new person a member, once')
def joins(s):
    path = urllib.parse.urlsplit(invite(s, 'New.Person@example.com', 'Creator')).path
    b = Browser(s)
    page = b.get(path)
    need(page.status == 200 and 'new.person@example.com' in page.text and 'as Creator' in page.text, f'{page}')
    for password in ('short', 'password123', 'new.person@example.com', '1234567890', 'x' * 300):
        page = b.send(page.form('join'), button='join', password=password)
        need(page.status == 422, f'{password[:20]!r} is taken: {page}')
    page = b.send(page.form('join'), button='join', name=' ', password=GOOD)
    need(page.status == 422 and 'name' in page.text, f'{page}')
    page = b.send(page.form('join'), button='join', name='Grace Hopper', password=GOOD)
    need(page.status == 200 and 'Grace Hopper' in page.text and 'Creator' in page.text and 'Welcome' in page.text, f'{page}')
    need(Browser(s).get(path).status == 404, 'the link works again')
    again = Browser(s)
    page = again.sign_in(again.get('/signin'), 'new.person@example.com', GOOD)
    need('Grace Hopper' in page.text, f'{page}')


@case('The link says who invites, and when it is used up, where to sign in')
def says_who(s):
    b = signed_in(s, Person(s, name='Ada of the Workspace'))
    own = {'Content-Type': 'application/json', 'Origin': s.url, 'Sec-Fetch-Site': 'same-origin'}
    answer = b.request('POST', s.url + '/v1/invitations', b'{"email": "asked@example.com"}', own)
    need(answer.status == 200, f'{answer.status} {answer.body}')
    path = urllib.parse.urlsplit(answer.json()['data']['url']).path
    guest = Browser(s)
    page = guest.get(path)
    need('Ada of the Workspace invites you to the workspace' in page.text, f'{page}')
    need('You are invited' in Browser(s).get(urllib.parse.urlsplit(invite(s, 'unasked@example.com')).path).text, 'the command line has a name')
    guest.send(page.form('join'), button='join', password=GOOD)
    page = Browser(s).get(path)
    need(page.status == 404 and 'href="/signin"' in page.answer.body.decode(), f'{page}')


@case('A link ends with the role of who made it')
def put_out(s):
    Person(s)                                               # an Admin who stays
    bob = Person(s)
    b = signed_in(s, bob)
    own = {'Content-Type': 'application/json', 'Origin': s.url, 'Sec-Fetch-Site': 'same-origin'}
    paths = [urllib.parse.urlsplit(b.request('POST', s.url + '/v1/invitations', b'{"email": "back%d@example.com", "role": "Admin"}' % i, own).json()['data']['url']).path
             for i in range(2)]
    guest = Browser(s)
    page = guest.get(paths[0])
    s.cli('user', 'edit', bob.id, '--workspace', s.id, '--role', 'Creator')
    need(Browser(s).get(paths[1]).status == 404, 'a Creator invites an Admin')
    s.cli('user', 'remove', bob.id, '--workspace', s.id)
    need(b.get(paths[1]).status == 404, 'who was put out comes back')
    page = guest.send(page.form('join'), button='join', password=GOOD)
    need(page.status == 404 and 'Admin no more' in page.text, f'{page}')


@case('Of many who open a link at once one joins')
def race(s):
    path = urllib.parse.urlsplit(invite(s, 'raced@example.com')).path
    pages, lock = [], threading.Lock()

    def one(i):
        b = Browser(s)
        page = b.send(b.get(path).form('join'), button='join', name=f'Number {i}', password=f'{GOOD} {i}')
        with lock:
            pages.append((page.status, page.url))
        b.close()
    crowd = [threading.Thread(target=one, args=(i,)) for i in range(6)]
    for t in crowd:
        t.start()
    for t in crowd:
        t.join()
    need(sum(u.endswith('done=joined') for _, u in pages) == 1 and all(u.endswith('done=joined') or st == 404 for st, u in pages), f'{pages}')


@case('Who has an account signs in and joins with one click, under whatever address')
def joins_too(s):
    other = s.workspace('Other')
    ada = Person(s)
    path = urllib.parse.urlsplit(invite(s, ada.email, 'Manager', workspace=other)).path
    b = Browser(s)
    page = b.get(path)
    need('There is an account' in page.text and not page.forms, f'{page}')
    page = b.sign_in(b.get('/signin?next=' + path), ada.email, ada.password)
    need(page.url.endswith(path) and ada.email in page.text, f'{page}')
    need(b.get('/account').text.count('Other') == 0, 'a member before the click')
    page = b.send(page.form('join'), button='join')
    need('Other' in page.text and 'Manager' in page.text, f'{page}')
    second = urllib.parse.urlsplit(invite(s, 'another@example.com', workspace=other)).path
    page = b.get(second)
    need('You belong to it already' in page.text, f'{page}')
    need(Browser(s).get(second).status == 200, 'looking at the link used it up')


@case('A link cannot take over an account that another workspace made')
def no_takeover(s):
    other = s.workspace('Victims')
    s.cli('user', 'create', '--workspace', other, '--email', 'victim@example.com', '--name', 'Victim', '--role', 'Admin')
    path = urllib.parse.urlsplit(invite(s, 'victim@example.com')).path
    b = Browser(s)
    page = b.get(path)
    need(not page.forms and 'no password yet' in page.text, f'{page}')
    token = csrf(Browser(s).get('/signin'))
    answer = post(b, path, [('csrf', token), ('do', 'create'), ('name', 'Eve'), ('password', GOOD)])
    need(answer.status in (200, 403), f'{answer.status}')
    page = b.sign_in(b.get('/signin'), 'victim@example.com', GOOD)
    need(page.status == 422, f'{page}')
    path = urllib.parse.urlsplit(invite(s, 'ours@example.com')).path
    s.cli('user', 'create', '--workspace', s.id, '--email', 'ours@example.com', '--name', 'Ours', '--role', 'Client')
    page = b.send(b.get(path).form('join'), button='join', password=GOOD)
    need(page.url.endswith('done=joined') and 'Client' in page.text, f'{page}')


@case('Who opened an account at the address of somebody else gets nothing by it')
def squatted(s):
    eve, app = Browser(s), App(s)
    page = eve.send(eve.get(urllib.parse.urlsplit(invite(s, 'ceo@example.com')).path).form('join'), button='join', password=GOOD)
    need(page.url.endswith('done=joined'), f'{page}')
    other = s.workspace('Victims')
    bob = Person(s, workspace=other)
    own = {'Content-Type': 'application/json', 'Origin': s.url, 'Sec-Fetch-Site': 'same-origin'}
    a = signed_in(s, bob).request('POST', s.url + '/v1/members', b'{"email": "ceo@example.com", "name": "CEO", "role": "Admin"}', own)
    need(a.status == 409 and b'make an invitation' in a.body, f'the squatter is Admin: {a}')
    squatter = Person(s)                                    # of any name: what follows is of whoever had the account
    tokens = app.walk(squatter)
    s.cli('user', 'password', '--email', squatter.email, said=GOOD + '\n')
    need(app.refresh(tokens['refresh_token']).status == 400, 'the program of the one before goes on')
    need(app.client.get('/v1/projects', bearer(tokens['access_token'])).status == 401, 'its access token works')
    app.close()


@case('Who joins by a link, and which program is shut out, is in the audit log of the workspace')
def audited(s):
    app, ada = App(s), Person(s)
    app.walk(ada)
    there = signed_in(s, ada)
    there.send(there.get('/account').form('revoke'), button='revoke')
    b = Browser(s)
    b.send(b.get(urllib.parse.urlsplit(invite(s, 'seen@example.com')).path).form('join'), button='join', password=GOOD)
    other = s.workspace('Elsewhere')
    path = urllib.parse.urlsplit(invite(s, 'seen@example.com', workspace=other)).path
    b.send(b.get(path).form('join'), button='join')
    mine, theirs = (json.loads(s.cli('audit', 'list', '--workspace', w, '--json')[1]) for w in (s.id, other))
    shut = [e for e in mine if e['route'] == '/account']
    need(len(shut) == 1 and shut[0]['resourceId'].startswith('cons_') and shut[0]['principal'] == ada.id, f'{shut}')
    for log in (mine, theirs):
        joined = [e for e in log if e['route'] == '/invite/{token}' and e['principal'] not in (None, ada.id)]
        need(joined and joined[0]['resourceId'].startswith('inv_') and joined[0]['principal'].startswith('usr_'), f'{log}')
    app.close()


@case('A member who has no password yet gets a link that changes nothing but that and the name, and nobody else does')
def first_password(s):
    s.cli('user', 'create', '--workspace', s.id, '--email', 'old.hand@example.com', '--name', 'Old Hand', '--role', 'Manager')
    path = urllib.parse.urlsplit(invite(s, 'Old.Hand@example.com', 'Admin')).path
    b = Browser(s)
    page = b.get(path)
    need('as Manager' in page.text and 'value="Old Hand"' in page.answer.body.decode(), f'{page}')
    page = b.send(page.form('join'), button='join', name='Older Hand', password=GOOD)
    need(page.url.endswith('done=joined') and 'Manager' in page.text and 'Admin' not in page.text, f'{page}')
    need('Older Hand\tManager' in s.cli('user', 'list', '--workspace', s.id)[1], 'the member has another name or role')
    code, _, said = s.cli('user', 'invite', '--workspace', s.id, '--email', 'old.hand@example.com', ok=(1,))
    need(code == 1 and 'member already' in said, f'{code} {said}')


# ---------------------------------------------------------------------------------------------------------- account

@case('Another password ends all other sessions, and the old one works no more')
def changes(s):
    ada = Person(s)
    here, there = signed_in(s, ada), signed_in(s, ada)
    page = here.get('/account')
    for old, new, words in (('wrong one', GOOD, 'until now is wrong'), (ada.password, 'password123', 'tried first'), (ada.password, 'short', 'characters'),
                            (ada.password, ada.password, 'the one that you have'), (ada.password, ada.email, 'e-mail address')):
        page = here.send(page.form('change'), button='change', password=old, new=new)
        need(page.status == 422 and words in page.text, f'{new}: {page}')
    need(ada.email in there.get('/account').text, 'ended too early')
    before = here.cookies['scriped']
    page = here.send(page.form('change'), button='change', password=ada.password, new=GOOD)
    need(page.url.endswith('done=password') and here.cookies['scriped'] != before, f'{page}')
    need('/signin' in there.get('/account').url, 'the other session holds')
    need('/signin' in Browser(s, {'scriped': before}).get('/account').url, 'the old secret holds')
    b = Browser(s)
    need(b.sign_in(b.get('/signin'), ada.email, ada.password).status == 422, 'the old password works')
    ada.password = GOOD
    signed_in(s, ada)


@case('The other sessions can be ended, and are shown')
def others(s):
    ada = Person(s)
    here, there = signed_in(s, ada), signed_in(s, ada)
    page = here.get('/account')
    need(page.text.count('last seen on') == 2 and page.text.count('This browser') == 1, f'{page.text}')
    page = here.send(page.form('everywhere else'), button='everywhere else')
    need(page.url.endswith('done=others') and page.text.count('last seen on') == 1, f'{page}')
    need('/signin' in there.get('/account').url, 'the other session holds')


@case('Nothing that is secret is in the log')
def quiet(s):
    ada = Person(s)
    link = invite(s, 'quiet@example.com')
    b = signed_in(s, ada)
    b.get(urllib.parse.urlsplit(link).path)
    wrong = Browser(s)
    page = wrong.sign_in(wrong.get('/signin'), 'quiet-try@example.com', 'my other secret')
    log_of(s, page.answer)
    for secret in (b.cookies['scriped-known'], ada.password, 'my other secret', link.rsplit('/', 1)[1], b.cookies['scriped'], wrong.cookies['scriped-form'], 'quiet-try@example.com'):
        need(secret not in s.log_text(), f'the log has {secret}')


if __name__ == '__main__':
    sys.exit(cases.main(__doc__.split('\n')[0].split(' -- ')[1], 'sign-in'))
