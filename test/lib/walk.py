"""walk.py -- a program of Node that walks through a server, and what it asks of the world on its way.

The program prints a line for each step, `ok - WORDS` or `not ok - WORDS`, and lines `? WORD ARGUMENT`, each of which one line answers at its
standard input: `answers[WORD](ARGUMENT)`.  What else it prints is shown when it fails.  Its packages are those of test/package.json."""
import os
import subprocess
import threading

from server import ROOT

NPM = os.path.join(ROOT, 'build', 'npm')
LONGEST = 60        # seconds


def walk(tap, name, program, steps, answers, **env):
    """Runs it and reports its steps, of which there are so many."""
    p = subprocess.Popen([os.path.join(NPM, 'bin', 'node'), program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         env={**os.environ, 'NPM': NPM + '/', **env})
    end = threading.Timer(LONGEST, p.kill)
    end.start()
    said, told = [], 0
    for line in p.stdout:
        said.append(line)
        if line.startswith('? '):
            word, _, argument = line[2:].strip().partition(' ')
            p.stdin.write(f'{answers[word](argument)}\n')
            p.stdin.flush()
        elif line.startswith(('ok - ', 'not ok - ')):
            told += 1
            right, _, words = line.strip().partition(' - ')
            tap.line(f'{name}: {words}', None if right == 'ok' else 'it is not so; before it was said:\n' + ''.join(said[-8:-1]))
    status = p.wait()
    end.cancel()
    text = ''.join(said)
    tap.line(f'{name}: the walk comes to its end', f'exit {status}, {told} steps of {steps}\n{text[-4000:]}' if status or told != steps else None)
