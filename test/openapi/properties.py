#!/usr/bin/env python3
"""properties.py -- Schemathesis against a live server: whatever the printed document allows, and whatever it does not, with all checks.

No 5xx, no undocumented status, header or media type, no answer off its schema, no shape refused that the document allows, none taken that
it does not, no operation open without a key.  Settings and exceptions: schemathesis.toml.

    python3 test/openapi/properties.py [--examples 100] [--phases examples,coverage,fuzzing,stateful]
"""
import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

from cases import sick
from server import OFFLINE, ROOT, Server, program, surroundings
from tap import Tap


def schemathesis(server, document, options):
    """(status, output) of a run."""
    command = [os.path.join(ROOT, 'build', 'venv', 'bin', 'st'), '--config-file', os.path.join(HERE, 'schemathesis.toml'), 'run', document,
               '--url', server.url, '--header', 'Authorization: Bearer ' + server.key, '--checks', 'all', '--mode', 'all', '--phases', options.phases,
               '--max-examples', str(options.examples), '--generation-deterministic',
               '--continue-on-failure', '--suppress-health-check', 'all', '--output-sanitize', 'false', '--no-color']
    p = subprocess.run(command, cwd=os.path.join(ROOT, 'build'), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       env=dict(os.environ, SCHEMATHESIS_HOOKS=os.path.join(HERE, 'schemathesis_hooks.py'), PYTHONPATH=HERE))
    return p.returncode, p.stdout


def main():
    p = argparse.ArgumentParser(description='Schemathesis against a live server.')
    p.add_argument('--examples', type=int, default=3, help='at most so many cases per operation and kind (3)')
    p.add_argument('--phases', default='examples,coverage,fuzzing')
    options = p.parse_args()
    tap = Tap()
    document = os.path.join(ROOT, 'build', 'openapi-properties.json')
    with open(document, 'w') as f:
        subprocess.run(program() + ['openapi', '--json'], stdout=f, check=True, env=surroundings())
    with Server(OFFLINE) as s:
        status, text = schemathesis(s, document, options)
        tap.line('the server is well', sick(s.log_text()) or (None if s.alive() else 'it has died: ' + s.log_text()[-3000:]))
    cases = re.search(r'(\d+) generated', text)
    tap.line(f'{cases.group(1) if cases else "no"} cases show nothing against the document', None if status == 0 and cases else text)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
