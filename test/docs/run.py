#!/usr/bin/env python3
"""run.py -- the documentation against the real server: its examples are run as they stand, then walk.mjs reads it in a browser.

    python3 test/docs/run.py [--examples]

Each `sh` example of docs/*.md that speaks to the server is run by a shell, in the order of its page; all must succeed, and the JSON shown
behind one must have the fields of what really came. Needs the packages of test/package.json (tools/outside npm) and chromium."""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

from cases import sick
from server import OFFLINE, ROOT, Server
from tap import Tap
from chromium import stroll

BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', re.M | re.S)
MARK = '--- example'
# Every example runs in one shell, so that what one exports is there for the next.
PRELUDE = 'curl() { command curl -sS --fail-with-body "$@"; }\n'


def shape(v):
    """The fields of a value, without their values; of a list those of its first row."""
    if isinstance(v, dict):
        return {k: shape(x) for k, x in v.items() if k not in ('backend', 'progress', 'details')}
    if isinstance(v, list):
        return [shape(v[0])] if v and isinstance(v[0], dict) else []
    return None


def examples(text):
    """(command, JSON shown behind it or None)"""
    blocks = [(m.group(1), m.group(2), m.end()) for m in BLOCK.finditer(text)]
    for i, (kind, body, _) in enumerate(blocks):
        if kind == 'sh' and 'SCRIPED_URL' in body:
            follows = i + 1 < len(blocks) and blocks[i + 1][0] == 'json'
            yield body, json.loads(blocks[i + 1][1]) if follows else None


def last_json(out):
    """The JSON that a command printed, behind headers perhaps."""
    at = out.find('{')
    try:
        return json.loads(out[at:]) if at >= 0 else None
    except ValueError:
        return None


def run_page(s, name, text):
    """What is wrong with the examples of a page, or None; and how many there are."""
    found = list(examples(text))
    script = PRELUDE + ''.join(f"echo '{MARK}'\n{command}" for command, _ in found)
    with tempfile.TemporaryDirectory() as home:
        os.mkdir(os.path.join(home, 'var'))
        with open(os.path.join(home, 'var', 'key'), 'w') as f:
            f.write(s.key + '\n')
        env = dict(os.environ, SCRIPED_URL=s.url, SCRIPED_KEY=s.key, SCRIPED_PROJECT=s.project)
        p = subprocess.run(['bash', '-eo', 'pipefail', '-c', script.replace('http://127.0.0.1:8080', s.url)], cwd=home, env=env,
                           capture_output=True, text=True, timeout=60)
    if p.returncode:
        return f'exit {p.returncode}: {p.stdout[-600:]}{p.stderr[-600:]}', len(found)
    for (command, shown), out in zip(found, p.stdout.split(MARK + '\n')[1:]):
        if shown is not None and 'error' not in shown and shape(last_json(out)) != shape(shown):
            return f'{command}shows\n{shape(shown)}\nand gives\n{shape(last_json(out))}\n{out[:600]}', len(found)
    return None, len(found)


def main():
    tap, total = Tap(), 0
    with Server(OFFLINE) as s:
        for name in sorted(os.listdir(os.path.join(ROOT, 'docs'))):
            if not name.endswith('.md'):
                continue
            with open(os.path.join(ROOT, 'docs', name), encoding='utf-8') as f:
                why, n = run_page(s, name, f.read())
            total += n
            if n:
                tap.line(f'docs/{name}: {n} examples do what the page says', why)
        tap.line(f'{total} examples were run', None if total > 15 else 'too few: are they found?')
        if '--examples' not in sys.argv[1:]:
            stroll(tap, 'the pages are read by a browser', os.path.join(HERE, 'walk.mjs'), s.url)
        tap.line('the server is well', sick(s.log_text()))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
