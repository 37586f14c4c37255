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
    with subprocess.Popen([NODE, script, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        try:
            out, err = p.communicate(timeout=1200)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
    for ok, title, why in re.findall(r'^(not ok|ok) \d+ - (.*)\n((?:  # .*\n)*)', out, re.M):
        tap.line(title, None if ok == 'ok' else why.replace('  # ', ''))
    tap.line('the browser came to the end', None if '\n1..' in out else f'exit {p.returncode}\n{out[-2000:]}\n{err[-4000:]}')
