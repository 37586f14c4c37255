#!/usr/bin/env python3
"""load.py -- many programs at once, and the end of the server in the middle of their refreshes.

    python3 test/oauth/load.py [--only WORDS] [--engine sqlite|postgres]

A program that holds the last pair it was given, or asks again for the one whose answer it did not see, always gets on; and no turn is made twice.
TAP lines, and `N passed, N failed` at the end."""
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

import cases
from browser import Browser
from cases import case, need
from oauthcase import query, reads, refused
from people import App, Person
from ports import free_port
from server import Closed, Server

CLIENTS = 50
KILLS = 3
SETTINGS = {'rate_register': 0}


def crowd(s, n):
    """n programs, each with a browser of a person who is signed in."""
    people = [Person(s) for _ in range(3)]
    signed = []
    for ada in people:
        with Browser(s) as b:
            b.sign_in(b.get('/signin'), ada.email, ada.password)
            signed.append(b.cookies)
    return [(App(s), people[i % 3], Browser(s, signed[i % 3])) for i in range(n)]


@case('Fifty programs walk at once from authorization to revocation, and none sees another', alone=True, **SETTINGS)
def walks(s):
    def one(app, ada, browser):
        first = app.walk(ada, browser)
        tokens = app.refresh(first['refresh_token']).json()
        need(reads(s, tokens['access_token']) == 200, f'{app.id}: a fresh token does not work')
        need(app.revoke(tokens['refresh_token']).status == 200, f'{app.id}: not revoked')
        need(reads(s, tokens['access_token']) == 401, f'{app.id}: a revoked token works')
        refused(app.refresh(tokens['refresh_token']), 'invalid_grant')
        app.close()
        browser.close()
        return first['access_token'], tokens['access_token'], first['refresh_token'], tokens['refresh_token']

    all_of_them = crowd(s, CLIENTS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        seen = [token for f in [pool.submit(one, *c) for c in all_of_them] for token in f.result()]
    need(len(set(seen)) == 4 * CLIENTS, 'a token was given twice')


class Holder:
    """A program that refreshes without a pause, and remembers what it was answered and what it was not."""

    def __init__(self, s, app, tokens):
        self.s, self.app, self.held, self.asked, self.turns, self.wrong = s, app, tokens['refresh_token'], None, 0, None

    def once(self):
        self.asked = self.held
        answer = self.app.refresh(self.asked)
        if answer.status != 200:
            self.wrong = f'after {self.turns} turns: {answer}'
            return
        self.held, self.asked, self.turns, self.access = answer.json()['refresh_token'], None, self.turns + 1, answer.json()['access_token']

    def go_on(self, over):
        try:
            while not over.is_set() and not self.wrong:
                self.once()
        except (OSError, Closed):
            pass            # the server is gone

    def again(self):
        """With the server as it is now."""
        self.app.close()
        self.app.client = self.s.client(key='')
        self.once()


@case('kill -9 in the middle of refreshes: nobody is locked out, and no turn is made twice', own=True)
def kills(engine):
    with Server(SETTINGS, db=engine, port=free_port()) as s:      # tokens are of an origin
        holders = [Holder(s, app, app.walk(ada, browser)) for app, ada, browser in crowd(s, 12)]
        unanswered = 0
        for _ in range(KILLS):
            over = threading.Event()
            threads = [threading.Thread(target=h.go_on, args=(over,)) for h in holders]
            before = sum(h.turns for h in holders)
            for t in threads:
                t.start()
            while sum(h.turns for h in holders) < before + 150 and not any(h.wrong for h in holders):
                time.sleep(0.002)
            s.kill()
            over.set()
            for t in threads:
                t.join()
            unanswered += sum(h.asked is not None for h in holders)
            s.start()
            for h in holders:
                h.again()
            bad = [h.wrong for h in holders if h.wrong]
            need(not bad, f'{len(bad)} of {len(holders)} cannot go on: {bad[0] if bad else ""}')
            need(all(reads(s, h.access) == 200 for h in holders), 'an access token does not work')
        turned = sorted(int(n) for n in query(s, 'SELECT turn FROM oauth_family'))
        first = min(turned) - min(h.turns for h in holders)
        need(turned == sorted(h.turns + first for h in holders), f'turns of the server {turned}, of the programs {sorted(h.turns for h in holders)}')
        print(f'# {sum(h.turns for h in holders)} refreshes, {KILLS} kills, {unanswered} without an answer')
        for h in holders:
            h.app.close()


if __name__ == '__main__':
    sys.exit(cases.main('Many programs at once.', 'load'))
