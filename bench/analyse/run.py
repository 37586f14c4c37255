#!/usr/bin/env python3
"""run.py -- does the built-in analyser find where one text ends and another begins, and how long does it take?

    python3 bench/analyse/run.py [--json] [--texts N] [FILE.jsonl ...]

A line of a file is {"id","text"}.  Without files: summaries/*.jsonl of the folder in SCRIPED_BENCH_DATA, else bench/writer/small.jsonl.
Of each file, N texts (200 unless said) are put together from stretches of some of its documents, without a paragraph or any other hint
between them.  Pk (Beeferman 1999) and WindowDiff (Pevzner 2002) over sentences: 0 is perfect; README.md of bench/ says more.
Exit status 0: measured; 1: could not."""
import argparse
import glob
import json
import os
import random
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
END = re.compile(r'(?<=[.!?])["”’)]*\s+(?=["“„(]?[A-ZÄÖÜ0-9])')
LONG = 1_000_000


def ask(texts):
    """What build/release/topics says of each text."""
    program = os.path.join(ROOT, 'build', 'release', 'topics')
    subprocess.run(['make', '-s', '-C', ROOT, 'build/release/topics'], check=True, stdout=sys.stderr)
    asked = b''.join(b'%d\n%s' % (len(t), t) for t in (t.encode() for t in texts))
    return [json.loads(line) for line in subprocess.run([program], input=asked, capture_output=True, check=True).stdout.splitlines()]


# ------------------------------------------------------------------------------------------------ texts with known parts

def puzzle(rnd, documents):
    """Two to eight stretches of different documents: the sentences, and behind which ones a new document begins."""
    parts = []
    for d in rnd.sample(documents, min(rnd.randint(2, 8), len(documents))):
        n = min(rnd.randint(8, 30), len(d))
        at = rnd.randint(0, len(d) - n)
        parts.append(d[at:at + n])
    cuts, sentences = [], []
    for p in parts:
        sentences += p
        cuts.append(len(sentences))
    return sentences, cuts[:-1]


def found(sentences, answer):
    """The cuts of an answer, in bytes of the text, as numbers of sentences."""
    starts, at = [], 0
    for s in sentences:
        starts.append(at)
        at += len(s.encode()) + 1
    return sorted({min(range(len(starts)), key=lambda i: abs(starts[i] - c)) for c in answer['cuts']} - {0})


# ------------------------------------------------------------------------------------------------ figures

def errors(n, truth, cuts):
    """Pk and WindowDiff of `cuts` in a text of n sentences."""
    k = max(2, round(n / (len(truth) + 1) / 2))

    def between(marks, i):
        return sum(i < c <= i + k for c in marks)
    pairs = [(between(truth, i), between(cuts, i)) for i in range(n - k)]
    return statistics.fmean((a > 0) != (b > 0) for a, b in pairs), statistics.fmean(a != b for a, b in pairs)


def even(n, parts):
    return [round(n * i / parts) for i in range(1, parts)]


def measure(path, texts):
    with open(path, encoding='utf-8') as f:
        documents = [END.split(json.loads(line)['text'].replace('\n', ' ')) for line in f]
    documents = [d for d in ([s.strip() for s in d if s.strip()] for d in documents) if len(d) >= 5]
    rnd = random.Random(1)
    puzzles = [puzzle(rnd, documents) for _ in range(texts)]
    answers = ask([' '.join(s) for s, _ in puzzles])
    systems = {
        'built-in': [found(s, a) for (s, _), a in zip(puzzles, answers)],
        'even, told how many': [even(len(s), len(c) + 1) for s, c in puzzles],
        'random, told how many': [sorted(rnd.sample(range(1, len(s)), len(c))) for s, c in puzzles],
        'none': [[] for _ in puzzles],
    }
    rows = []
    for name, cuts in systems.items():
        both = [errors(len(s), truth, c) for (s, truth), c in zip(puzzles, cuts)]
        off = [abs(len(c) - len(truth)) for (_, truth), c in zip(puzzles, cuts)]
        rows.append({'set': os.path.basename(path).removesuffix('.jsonl'), 'texts': texts, 'system': name, 'pk': statistics.fmean(b[0] for b in both),
                     'windowDiff': statistics.fmean(b[1] for b in both), 'cutsOff': statistics.fmean(off)})
    return rows, [' '.join(d) for d in documents]


def times(texts):
    """Milliseconds for one document, and for as much text as a source may have."""
    whole = '\n\n'.join(texts)
    long = (whole * (LONG // len(whole) + 1))[:LONG]
    usual = sorted(a['us'] / 1000 for a in ask(texts))
    return {'documentMs': statistics.median(usual), 'documentCharacters': statistics.median(map(len, texts)), 'longMs': ask([long])[0]['us'] / 1000, 'longCharacters': LONG}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--json', action='store_true')
    ap.add_argument('--texts', type=int, default=200)
    ap.add_argument('files', nargs='*', metavar='FILE')
    o = ap.parse_args()
    folder = os.environ.get('SCRIPED_BENCH_DATA')
    small = os.path.join(ROOT, 'bench', 'writer', 'small.jsonl')
    files = o.files or (sorted(glob.glob(os.path.join(folder, 'summaries', '*.jsonl'))) if folder else [small])
    if not files:
        sys.exit(f'bench/analyse: no summaries/*.jsonl in {folder}')
    table, texts = [], []
    for f in files:
        rows, more = measure(f, o.texts)
        table += rows
        texts += more
    took = times(texts)
    if o.json:
        print(json.dumps({'cuts': table, 'times': took}, indent=1))
        return
    for r in table:
        print(f"{r['set']:10} {r['system']:24} Pk {r['pk']:.3f}  WindowDiff {r['windowDiff']:.3f}  cuts too many or too few {r['cutsOff']:.1f}")
    print('{documentMs:.1f} ms for a document of {documentCharacters:,.0f} characters; {longMs:,.0f} ms for {longCharacters:,}'.format(**took))


if __name__ == '__main__':
    main()
