#!/usr/bin/env python3
"""clients.py -- hosts of agents that we did not write, each given nothing but the URL: the two lines of the SDK, and the inspector's command line;
and with a key, what the two lines find beside the tools.

    python3 test/mcp/clients.py [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

from browser import Browser
from people import Person
from server import OFFLINE, Server
from stranger import Stranger, head
from tap import Tap
from walk import NPM, walk

STEPS = 11


def described(port):
    """The metadata document of a host, and its URL."""
    url = f'http://127.0.0.1:{port}/client.json'
    about = json.dumps({'client_id': url, 'client_name': 'A host', 'redirect_uris': ['http://127.0.0.1/callback'], 'token_endpoint_auth_method': 'none',
                        'grant_types': ['authorization_code', 'refresh_token'], 'response_types': ['code']}).encode()
    return url, head('Content-Type: application/json', f'Content-Length: {len(about)}', 'Connection: close') + about


def host(s, tap, line, name, client=''):
    ada = Person(s)

    def allow(url):
        with Browser(s) as b:
            return b.allow(url, ada.email, ada.password).leads_to

    def forward(seconds):
        return s.clock.forward(int(seconds))

    def revoke(_):
        with Browser(s) as b:
            b.sign_in(b.get('/account'), ada.email, ada.password)
            page = b.get('/account')
            return b.send(page.form('revoke'), button='revoke').status

    walk(tap, name, os.path.join(HERE, 'walk.mjs'), STEPS, {'allow': allow, 'forward': forward, 'revoke': revoke},
         LINE=line, URL=s.url + '/mcp', PROJECT=s.project, CLIENT=client)


def beside(s, tap, line, steps):
    walk(tap, f'SDK {line}, beside the tools', os.path.join(HERE, 'beside.mjs'), steps, {}, LINE=line, URL=s.url + '/mcp', KEY=s.key, PROJECT=s.project)


def inspector(s, tap):
    def run(*words):
        command = [os.path.join(NPM, 'bin', 'node'), os.path.join(NPM, 'node_modules', '@modelcontextprotocol', 'inspector', 'clients', 'launcher', 'build', 'index.js'), '--cli',
                   s.url + '/mcp', '--transport', 'http', '--header', f'Authorization: Bearer {s.key}', *words]
        p = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env={**os.environ, 'HOME': s.data})
        try:
            return json.loads(p.stdout), ''
        except ValueError:
            return {}, f'exit {p.returncode}\n{p.stdout[-2000:]}{p.stderr[-2000:]}'

    got, why = run('--method', 'tools/list')
    names = [t['name'] for t in got.get('tools', [])]
    tap.line('the inspector lists the tools', None if 'get_note' in names else why or f'there are {names}')
    got, why = run('--method', 'tools/call', '--tool-name', 'create_note', '--tool-arg', f'projectId={s.project}', '--tool-arg', 'content=Seen')
    note = got.get('structuredContent', {}).get('data', {})
    tap.line('the inspector calls one', None if note.get('content') == 'Seen' else why or f'{got}')


def main():
    p = argparse.ArgumentParser(description='Hosts of agents that we did not write.')
    p.add_argument('--engine', default='sqlite', choices=('sqlite', 'postgres'))
    options = p.parse_args()
    tap = Tap()
    with Server({**OFFLINE, 'fetch_proxy': '', 'oauth_allow_private': True}, db=options.engine, clock=True) as s, Stranger(b'') as web:
        url, web.answer = described(web.port)
        for line in ('1', '2'):
            host(s, tap, line, f'SDK {line}')
            host(s, tap, line, f'SDK {line}, described', url)
        beside(s, tap, '1', 11)
        beside(s, tap, '2', 8)
        inspector(s, tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
