#!/usr/bin/env python3
"""clients.py -- libraries of OAuth clients that we did not write walk code, refresh, introspection and revocation.

    python3 test/oauth/clients.py [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

from browser import Browser
from people import App, Person
from server import Server
from tap import Tap
from walk import walk


def main():
    p = argparse.ArgumentParser(description='Libraries of OAuth clients that we did not write.')
    p.add_argument('--engine', default='sqlite', choices=('sqlite', 'postgres'))
    options = p.parse_args()
    tap = Tap()
    with Server(db=options.engine) as s:
        ada, app = Person(s), App(s, secret=True)

        def allow(url):
            with Browser(s) as b:
                return b.allow(url, ada.email, ada.password).leads_to

        for library, steps in (('oauth4webapi', 9), ('simple-oauth2', 5)):
            walk(tap, library, os.path.join(HERE, 'walk.mjs'), steps, {'allow': allow}, LIBRARY=library, URL=s.url, ID=app.id, SECRET=app.secret)
        app.close()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
