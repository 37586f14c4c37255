"""peers.py -- Python packages that a bench compares us with.  They are the bench's alone and live under build/bench."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def enter(name, pins):
    """Installs them where they are not yet, and starts this program again among them."""
    venv = os.path.join(ROOT, 'build', 'bench', name)
    python = os.path.join(venv, 'bin', 'python')
    if sys.prefix == venv:
        return
    mark = os.path.join(venv, 'pins')
    if not os.path.exists(mark) or open(mark).read() != '\n'.join(pins):
        print('installing ' + ' '.join(pins), file=sys.stderr)
        subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
        subprocess.run([python, '-m', 'pip', '-q', '--disable-pip-version-check', 'install', *pins], check=True)
        with open(mark, 'w') as f:
            f.write('\n'.join(pins))
    os.execv(python, [python, *sys.argv])
