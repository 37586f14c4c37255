#!/usr/bin/env python3
"""conformance.py -- the conformance suite of the Model Context Protocol against a live server: every scenario of its requirement sets, and the two of
an authorization server.  None may fail: there is no list of expected failures.

    python3 test/mcp/conformance.py [--engine sqlite|postgres] [2025-11-25] [2026-07-28] [authorization]

TAP lines, and `N passed, N failed` at the end.  What the suite itself keeps of each scenario goes to build/conformance."""
import argparse
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

from browser import Browser
from people import App, Person
from ports import free_port
from server import ROOT, Client, Server
from tap import Tap

NPM = os.path.join(ROOT, 'build', 'npm')
OUT = os.path.join(ROOT, 'build', 'conformance')
SCORED = {'2025-11-25': 30, '2026-07-28': 37}       # how many scenarios a set holds us to
VERDICT = re.compile(r'^(✓|✗) (\S+): (\d+) passed, (\d+) failed', re.M)
UNSCORED = re.compile(r'^  [✓✗] (\S+) \((.+)\)$', re.M)
WALK = re.compile(r'^http\S+/oauth/authorize\?\S+$')


def suite(*words, **env):
    """A run of the suite, as a process whose output is read."""
    command = [os.path.join(NPM, 'bin', 'node'), os.path.join(NPM, 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js'), *words]
    return subprocess.Popen(command, cwd=OUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, **env})


def requirements(s, tap, revision):
    preload = '--import ' + os.path.join(HERE, 'bearer.mjs')
    p = suite('server', '--url', s.url + '/mcp', '--requirements', revision, '-o', os.path.join(OUT, revision),
              BEARER=s.key, BEARER_FOR=s.url, NODE_OPTIONS=preload)
    text = p.communicate()[0]
    aside = dict(UNSCORED.findall(text))
    scored = [(name, int(passed), int(failed)) for _, name, passed, failed in VERDICT.findall(text) if name not in aside]
    for name, passed, failed in scored:
        tap.line(f'{revision}: {name}', f'{passed} checks passed, {failed} failed; see {OUT}/{revision}' if failed or not passed else None)
    tap.line(f'{revision}: all of its {SCORED[revision]} scenarios ran, and the suite is content',
             None if p.returncode == 0 and len(scored) == SCORED[revision] else f'exit {p.returncode}, {len(scored)} scenarios\n{text[-3000:]}')
    for _, name, passed, failed in VERDICT.findall(text):
        if name in aside:
            tap.line(f'{revision}, not scored ({aside[name]}): {name}', f'{passed} checks passed, {failed} failed; see {OUT}/{revision}' if int(failed) else None)


def authorization(s, tap, _):
    """The suite asks a person to open an address: ours signs in, allows, and goes where it is sent."""
    port = free_port()
    ada, app = Person(s), App(s, redirect_uris=[f'http://127.0.0.1:{port}/callback'])
    p = suite('authorization', '--url', s.url, '--client-id', app.id, '--port', str(port), '--resource', s.url + '/mcp', '-o', os.path.join(OUT, 'authorization'))
    said = []
    for line in p.stdout:
        said.append(line)
        if WALK.match(line.strip()):
            with Browser(s) as b:
                back = b.allow(line.strip(), ada.email, ada.password).leads_to
            Client('127.0.0.1', port).get(back.removeprefix(f'http://127.0.0.1:{port}'))
    text = ''.join(said)
    p.wait()
    for name in ('authorization-server-metadata-endpoint', 'authorization-code-grant'):
        found = [v for v in VERDICT.findall(text) if v[1] == name]
        tap.line(f'authorization server: {name}', None if found and int(found[0][2]) and found[0][3] == '0' else text[-3000:])
    tap.line('authorization server: the suite is content', f'exit {p.returncode}\n{text[-3000:]}' if p.returncode else None)


def main():
    p = argparse.ArgumentParser(description='The conformance suite of the Model Context Protocol.')
    p.add_argument('sets', nargs='*', default=[], help='2025-11-25, 2026-07-28, authorization; all without any')
    p.add_argument('--engine', default='sqlite', choices=('sqlite', 'postgres'))
    options = p.parse_args()
    tap = Tap()
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    with Server({'mcp_conformance': True}, db=options.engine) as s:
        for name in options.sets or [*SCORED, 'authorization']:
            (authorization if name == 'authorization' else requirements)(s, tap, name)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
