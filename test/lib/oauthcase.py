"""oauthcase.py -- what the attacks on OAuth share: a world of people and programs per server, and what a right refusal looks like."""
import contextlib
import glob
import os
import sqlite3
import time
import urllib.parse

from browser import Browser
from cases import need
from people import App, Person, Pkce, bearer
from server import psql


class World:
    """A person who is signed in in a browser, a public program, and a confidential one that is a stranger to the first."""

    def __init__(self, s):
        self.s, self.ada, self.browser = s, Person(s), Browser(s)
        self.app, self.other = App(s), App(s, secret=True)
        self.browser.sign_in(self.browser.get('/signin'), self.ada.email, self.ada.password)

    def code(self, pkce, app=None, **changed):
        return (app or self.app).code(self.ada, pkce, self.browser, **changed)[0]

    def walk(self, app=None, **changed):
        return (app or self.app).walk(self.ada, self.browser, **changed)


def world(s):
    if not hasattr(s, 'world'):
        s.world = World(s)
    return s.world


def refused(answer, code, status=400, words=''):
    """An error of RFC 6749 in its own form, which nobody may store."""
    said = answer.json()
    need(answer.status == status and said.get('error') in ((code,) if isinstance(code, str) else code), f'expected {status} {code}: {answer}')
    need(set(said) <= {'error', 'error_description', 'error_uri'} and said.get('error_description'), f'its form: {answer}')
    need(answer.get('Cache-Control') == 'no-store', f'it may be stored: {answer.headers}')
    need(words in said['error_description'], f'expected {words!r}: {answer}')


def reads(s, token, path='/v1/notes'):
    """The status that a token gets."""
    c = s.client(key='')
    try:
        return c.get(f'{path}?projectId={s.project}', bearer(token)).status
    finally:
        c.close()


def held(s, tokens):
    """Whether the access token of a pair works."""
    return reads(s, tokens['access_token']) == 200


def lost(w, tokens, app=None):
    """Neither of a pair works any more."""
    need(reads(w.s, tokens['access_token']) == 401, 'the access token still works')
    refused((app or w.app).refresh(tokens['refresh_token']), 'invalid_grant')


def asked(w, app=None, pkce=None, raw='', **changed):
    """GET of the authorization endpoint by whoever is signed in, no redirect followed."""
    return w.browser.request('GET', (app or w.app).url(pkce or Pkce(), **changed) + raw)


def on_a_page(answer):
    """The refusal is told to the person: nobody is redirected anywhere."""
    need(answer.status in (400, 401) and answer.get('Location') is None, f'it is no page: {answer} {answer.headers}')
    need((answer.get('Content-Type') or '').startswith('text/html'), f'{answer.headers}')
    need("frame-ancestors 'none'" in (answer.get('Content-Security-Policy') or ''), f'a page without a policy: {answer.headers}')


def sent_back(w, answer, code, app=None):
    """The refusal goes to the program, with its state and who says it."""
    to = answer.get('Location') or ''
    need(answer.status in (302, 303) and to.startswith((app or w.app).redirect + '?'), f'it is not sent back: {answer} {answer.headers}')
    said = urllib.parse.parse_qs(urllib.parse.urlsplit(to).query, keep_blank_values=True)
    need(said.get('error') == [code] and 'code' not in said, f'expected {code}: {to}')
    need(said.get('iss') == [w.s.url] and said.get('state') == ['xyz'], f'without state or issuer: {to}')


def quickest(fn, times=5):
    """Seconds of the quickest of some runs: what a busy machine adds is no part of it."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        fn()
        took.append(time.monotonic() - began)
    return min(took)


def processor_time(s):
    """Seconds that the server's threads have run, whatever else the machine does."""
    total = 0
    for name in glob.glob(f'/proc/{s.proc.pid}/task/*/schedstat'):
        with contextlib.suppress(OSError), open(name) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def query(s, sql):
    """The first column of all rows, as texts."""
    if s.database:
        return psql(s.database.url, sql).split()
    with contextlib.closing(sqlite3.connect(f'file:{s.data}/scriped.db?mode=ro', uri=True)) as db:
        return [str(row[0]) for row in db.execute(sql)]


def rows(s, table):
    """How many rows a table has."""
    return int(query(s, f'SELECT count(*) FROM {table}')[0])


def stored(s):
    """All that the database holds, as bytes to search in."""
    if not s.database:
        names = [f'{s.data}/scriped.db{end}' for end in ('', '-wal')]
        return b''.join(open(name, 'rb').read() for name in names if os.path.exists(name))
    names = psql(s.database.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").split()
    return ''.join(psql(s.database.url, f'SELECT t::text FROM {name} t') for name in names).encode()
