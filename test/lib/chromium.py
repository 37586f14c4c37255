"""chromium.py -- runs a script that walks in a real browser (chromium.mjs), and tells what it found as lines of our own."""
import os
import re
import subprocess

from cases import Skip
from server import ROOT

NODE = os.path.join(ROOT, 'build', 'npm', 'bin', 'node')


def browser():
    return os.environ.get('SCRIPED_CHROMIUM') or any(os.path.exists('/usr/bin/' + name) for name in ('chromium', 'chromium-browser', 'google-chrome'))


def stroll(tap, what, script, *args):
    if not browser():
        tap.line(what, Skip('no chromium on this machine; SCRIPED_CHROMIUM may name one'))
        return
    p = subprocess.run([NODE, script, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    for ok, title, why in re.findall(r'^(not ok|ok) \d+ - (.*)\n((?:  # .*\n)*)', p.stdout, re.M):
        tap.line(title, None if ok == 'ok' else why.replace('  # ', ''))
    tap.line('the browser came to the end', None if '\n1..' in p.stdout else p.stdout[-2000:] + p.stderr[-4000:])
