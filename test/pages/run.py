#!/usr/bin/env python3
"""run.py -- the pages that people see (sign-in, invitation, consent, account) in a real browser, without JavaScript.

    python3 test/pages/run.py [--engine sqlite|postgres]

Needs the packages of test/package.json (tools/outside npm) and chromium; SCRIPED_SHOTS is a folder for pictures."""
import argparse
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

from cases import sick
from people import App, Person, Pkce, invite
from server import Server
from tap import Tap
from chromium import stroll


def world(s):
    """What the walk needs: people, links, programs, and the URLs of what these ask for."""
    other = s.workspace('A second workspace with a name that is rather long')
    ada, eve = Person(s), Person(s)
    there = 'https://app.example.com/oauth/callback'
    app = App(s, client_name='Acme Notion Sync', redirect_uris=[there])
    local = App(s, client_name='A program of the desktop', redirect_uris=['http://127.0.0.1:33418/callback'])
    return {
        'ada': [ada.email, ada.password], 'eve': [eve.email, eve.password],
        'new': invite(s, 'new@example.com'), 'late': invite(s, 'late@example.com'), 'known': invite(s, ada.email, workspace=other),
        'there': there, 'web': app.url(Pkce(), state='a b&c' * 100), 'local': local.url(Pkce()), 'silent': app.url(Pkce(), redirect_uri=None), 'login': app.url(Pkce(), prompt='login'),
    }


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0].split(' -- ')[1])
    p.add_argument('--engine', default='sqlite', choices=('sqlite', 'postgres'))
    options, tap = p.parse_args(), Tap()
    with Server(db=options.engine) as s:
        stroll(tap, 'the pages are used in a browser', os.path.join(HERE, 'walk.mjs'), s.url, json.dumps(world(s)))
        tap.line('the server is well', sick(s.log_text()))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
