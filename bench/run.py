#!/usr/bin/env python3
"""run.py -- the measurements of scriped, side by side with nginx and SQLite itself, as a table.

    python3 bench/run.py [--json] [--quick] [NAME ...]

NAMEs: get page filter post patch mixed jobs memory start size, and of agents tools tokens warm streams signin, and of many nodes pg-get pg-post pg-jobs wake three checks; all of them when none is given.  README.md says how each is measured.
Each pair is measured alternately; the table shows medians, and the spread: largest minus smallest, as a part of the median.
SCRIPED_BIN names another program than build/scriped.  Exit status 0: measured, whatever was found; 1: could not; 2: usage."""
import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tools import CORES, ROOT, Failure, busy, file_system, progress      # noqa: E402
import agents                                                                # noqa: E402
import nodes                                                                 # noqa: E402
import measures                                                              # noqa: E402
from measures import LEAST, Plan                                             # noqa: E402

CASES = measures.CASES | agents.CASES | nodes.CASES

HEADINGS = ('what', 'ours', 'spread', 'peer', 'spread', '', 'ratio', 'budget', '')


def number(v, unit):
    text = f'{v:,.0f}' if v >= 1000 else f'{v:.3g}' if v < 100 else f'{v:.0f}'
    return f'{text}{unit}' if unit == '/s' else f'{text} {unit}'


def percent(figure):
    return f'±{50 * figure.spread:.0f}%' if len(figure.values) > 1 else ''


def budget(row):
    if not row.bound:
        return ''
    sign, limit = '≥' if row.bound[0] == LEAST else '≤', row.bound[1]
    return f'{sign} {limit:.2f}' if row.about == 'ratio' else f'{sign} {number(limit, row.unit)}'


def cells(row):
    return (row.what, number(row.ours.median, row.unit), percent(row.ours),
            number(row.peer.median, row.unit) if row.peer else '', percent(row.peer) if row.peer else '', row.against,
            f'{row.ratio:.2f}' if row.peer else '', budget(row), {None: '', True: 'met', False: 'MISSED'}[row.met])


def show(rows):
    lines = [HEADINGS] + [cells(r) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    for line in lines:
        left = (0, 5, 8)
        print('  '.join(c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))).rstrip())


def as_json(row):
    return {'what': row.what.strip(), 'unit': row.unit, 'ours': row.ours.values, 'peer': row.peer.values if row.peer else None,
            'against': row.against or None, 'ratio': row.ratio, 'budget': budget(row) or None, 'met': row.met}


def processor():
    with open('/proc/cpuinfo') as f:
        return next((line.partition(':')[2].strip() for line in f if line.startswith('model name')), platform.machine())


class Noise:
    """What else this machine did meanwhile: figures of a run beside busy neighbours are worth little."""

    def __init__(self):
        self.at, self.began = busy(), time.monotonic()

    def words(self):
        (every, mine), seconds = (b - a for a, b in zip(self.at, busy())), time.monotonic() - self.began
        return (f'{CORES} cores ({processor()}), Linux {platform.release()}, data on {file_system(tempfile.gettempdir())}; '
                f'{seconds:.0f} s, in which others used {max(every - mine, 0) / seconds:.2f} of {CORES} cores')


def measure(names, plan):
    rows = []
    for name in names:
        progress(name)
        rows += CASES[name](plan)
    progress('')
    return rows


def build_helpers():
    p = subprocess.run(['make', '-s', '-C', ROOT, 'bench-build'], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if p.returncode:
        raise Failure('make bench-build: ' + p.stderr.strip())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--json', action='store_true', help='every figure of every round, as one JSON object')
    ap.add_argument('--quick', action='store_true', help='short runs, no 1 GB of data')
    ap.add_argument('names', nargs='*', metavar='NAME')
    o = ap.parse_args()
    unknown = [n for n in o.names if n not in CASES]
    if unknown:
        ap.error(f"no measurement is called {', '.join(unknown)}; there are {' '.join(CASES)}")
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))     # servers end on the way out
    noise, plan = Noise(), Plan(1 if o.quick else 4, 3, o.quick)
    try:
        build_helpers()
        rows = measure(o.names or list(CASES), plan)
    except Failure as e:
        progress('')
        sys.exit(f'bench: {e}')
    except KeyboardInterrupt:
        sys.exit(130)
    if o.json:
        print(json.dumps({'machine': noise.words(), 'rows': [as_json(r) for r in rows]}, indent=1, ensure_ascii=False))
    else:
        show(rows)
        print('\n' + noise.words())


if __name__ == '__main__':
    main()
