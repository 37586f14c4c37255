"""people.py -- people and programs of a test: an account, a registered client, PKCE, the endpoints of OAuth as any program calls them.

    ada = Person(s)                             # an account with a password, a member of the workspace
    app = App(s)                                # registered dynamically; public unless secret=True
    tokens = app.walk(ada)                      # authorize, sign in, allow, exchange: the answer of the token endpoint
    app.refresh(tokens['refresh_token'])        # an Answer

Standard library only."""
import base64
import copy
import hashlib
import itertools
import json
import secrets
import urllib.parse

from browser import Browser
from server import Failure

READ = 'notes:read posts:read'
FORM = 'application/x-www-form-urlencoded'
CALLBACK = 'http://127.0.0.1:33418/callback'
numbers = itertools.count(1)


def form(pairs):
    pairs = pairs.items() if isinstance(pairs, dict) else pairs
    return urllib.parse.urlencode([(k, v) for k, v in pairs if v is not None]).encode()


class Person:
    """.email .password .id; role: in the workspace of the server unless `workspace` names another."""

    def __init__(self, s, role='Admin', name='Ada Lovelace', workspace=None):
        self.email, self.password = f'ada{next(numbers)}@example.com', secrets.token_urlsafe(12)
        out = s.cli('user', 'create', '--workspace', workspace or s.id, '--email', self.email, '--name', name, '--role', role, '--json')[1]
        self.id = json.loads(out)['id']
        s.cli('user', 'password', '--email', self.email, said=self.password + '\n')


def invite(s, email, role='Creator', workspace=None):
    """The link of an invitation."""
    made = json.loads(s.cli('user', 'invite', '--workspace', workspace or s.id, '--email', email, '--role', role, '--json')[1])
    return s.url + urllib.parse.urlsplit(made['url']).path


class Pkce:
    def __init__(self, verifier=None):
        self.verifier = verifier or secrets.token_urlsafe(48)
        self.challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip('=')


def register(s, **metadata):
    """The Answer of the registration endpoint."""
    body = {'client_name': 'A program', 'redirect_uris': [CALLBACK], 'token_endpoint_auth_method': 'none', **metadata}
    c = s.client(key='')
    try:
        return c.post('/oauth/register', {k: v for k, v in body.items() if v is not None})
    finally:
        c.close()


class App:
    """A program that acts for people."""

    def __init__(self, s, secret=False, **metadata):
        answer = register(s, **{'token_endpoint_auth_method': 'client_secret_post' if secret else 'none', **metadata})
        if answer.status != 201:
            raise Failure(f'registration: {answer}')
        self.s, self.redirect = s, (metadata.get('redirect_uris') or [CALLBACK])[0]
        self.registered = answer.json()
        self.id, self.secret = self.registered['client_id'], self.registered.get('client_secret')
        self.client = s.client(key='')

    def close(self):
        self.client.close()

    def twin(self):
        """The same program with a connection of its own, for another thread."""
        other = copy.copy(self)
        other.client = self.s.client(key='')
        return other

    # the browser's way

    def url(self, pkce, **changed):
        """Of the authorization page; a value of None leaves a parameter out."""
        asked = {'response_type': 'code', 'client_id': self.id, 'redirect_uri': self.redirect, 'code_challenge': pkce.challenge,
                 'code_challenge_method': 'S256', 'scope': READ + ' offline_access', 'state': 'xyz', **changed}
        return f'{self.s.url}/oauth/authorize?' + form(asked).decode()

    def code(self, person, pkce, browser=None, **changed):
        """The code that a person's yes gave, with the page that led back."""
        b = browser or Browser(self.s)
        try:
            page = b.allow(self.url(pkce, **changed), person.email, person.password)
        finally:
            if not browser:
                b.close()
        if not page.leads_to or 'code' not in page.query():
            raise Failure(f'no code: {page}')
        return page.query()['code'], page

    def walk(self, person, browser=None, resource=None, **changed):
        pkce = Pkce()
        code, _ = self.code(person, pkce, browser, resource=resource, **changed)
        answer = self.exchange(code, pkce, resource=resource)
        if answer.status != 200:
            raise Failure(f'exchange: {answer}')
        return answer.json()

    # the program's way

    def token(self, pairs, headers=None, path='/oauth/token'):
        return self.client.request('POST', path, form(pairs), {'Content-Type': FORM, **(headers or {})})

    def named(self):
        return {'client_id': self.id, 'client_secret': self.secret}

    def exchange(self, code, pkce, **changed):
        return self.token({'grant_type': 'authorization_code', 'code': code, 'redirect_uri': self.redirect, 'code_verifier': pkce.verifier,
                           **self.named(), **changed})

    def refresh(self, token, **changed):
        return self.token({'grant_type': 'refresh_token', 'refresh_token': token, **self.named(), **changed})

    def revoke(self, token, **changed):
        return self.token({'token': token, **self.named(), **changed}, path='/oauth/revoke')

    def introspect(self, token, **changed):
        return self.token({'token': token, **self.named(), **changed}, path='/oauth/introspect')


def bearer(token):
    return {'Authorization': f'Bearer {token}'}
