#!/usr/bin/env python3
"""run.py -- what the built-in writer keeps of a text, beside lead-3, TextRank and LexRank, scored by ROUGE.

    python3 bench/writer/run.py [--json] [--voices] [FILE.jsonl ...]

A line of a file is {"id","text","summary"}.  Without files: summaries/*.jsonl of the folder in SCRIPED_BENCH_DATA, else small.jsonl.
Every system is cut at the number of words of the summary (a file named papers: 150), so that length wins nothing.  README.md of bench/
says more.  A second table holds the drafts with the voices of test/corpus/voices against those without.  Exit status 0: measured; 1: could not."""
import argparse
import glob
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, 'bench'))
import peers        # noqa: E402

PINS = ['sumy==0.13.0', 'rouge-score==0.1.2', 'nltk==3.10.4', 'numpy==2.4.6']
MEASURES = ('rouge1', 'rouge2', 'rougeL')
RESAMPLES = 2000


# --------------------------------------------------------------------------------------------------------- systems

END = re.compile(r'(?<=[.!?])["”’)]*\s+(?=["“„(]?[A-ZÄÖÜ0-9])')


def sentences(text):
    return [s for s in END.split(text.replace('\n', ' ')) if s.strip()]


class Tokens:
    """What sumy asks of a tokenizer; its own one wants a download."""

    def to_sentences(self, text):
        return sentences(text)

    def to_words(self, text):
        return re.findall(r"[^\W\d_][^\W\d_'-]*", text)


def built_in(docs):
    select = os.path.join(ROOT, 'build', 'release', 'select')
    subprocess.run(['make', '-s', '-C', ROOT, 'build/release/select'], check=True, stdout=sys.stderr)
    asked = b''.join(b'%d %d\n%s' % (d['words'], len(d['text'].encode()), d['text'].encode()) for d in docs)
    answer, out = subprocess.run([select], input=asked, capture_output=True, check=True).stdout, []
    while answer:
        size, _, answer = answer.partition(b'\n')
        out.append(answer[:int(size)].decode())
        answer = answer[int(size):]
    return out


def lead(docs):
    return [' '.join(sentences(d['text'])[:3]) for d in docs]


def lead_words(docs):
    """The beginning, whatever its sentences: stronger than lead-3 where three sentences are shorter than the summary."""
    return [d['text'] for d in docs]


def ranker(make):
    from sumy.nlp.stemmers import Stemmer
    from sumy.parsers.plaintext import PlaintextParser
    from sumy.utils import get_stop_words

    def enough(system, document, words):
        for n in range(1, len(document.sentences) + 1):
            chosen = ' '.join(str(s) for s in system(document, n))
            if len(chosen.split()) >= words:
                break
        return chosen

    def run(docs):
        system = make(Stemmer('english'))
        system.stop_words = get_stop_words('english')
        return [enough(system, PlaintextParser.from_string(d['text'].replace('\n', ' '), Tokens()).document, d['words']) for d in docs]
    return run


def systems():
    from sumy.summarizers.lex_rank import LexRankSummarizer
    from sumy.summarizers.text_rank import TextRankSummarizer
    return {'built-in': built_in, 'lead-3': lead, 'first words': lead_words, 'TextRank': ranker(TextRankSummarizer), 'LexRank': ranker(LexRankSummarizer)}


# --------------------------------------------------------------------------------------------------------- scoring

def scores(docs, outs):
    """Per text, ROUGE-1, -2 and -L F1 with stemming, of as many words as the summary has."""
    from rouge_score import rouge_scorer
    scorer, rows = rouge_scorer.RougeScorer(MEASURES, use_stemmer=True), []
    for d, out in zip(docs, outs):
        found = scorer.score(d['summary'], ' '.join(out.split()[:d['words']]))
        rows.append([found[m].fmeasure for m in MEASURES])
    return rows


def interval(differences):
    """95 % of what the mean difference would be on other texts like these (paired bootstrap)."""
    rnd = random.Random(1)
    means = sorted(statistics.fmean(rnd.choices(differences, k=len(differences))) for _ in range(RESAMPLES))
    return means[RESAMPLES // 40], means[-RESAMPLES // 40]


def measure(path):
    name = os.path.basename(path).removesuffix('.jsonl')
    with open(path, encoding='utf-8') as f:
        docs = [json.loads(line) for line in f]
    for d in docs:
        d['words'] = 150 if name == 'papers' else len(d['summary'].split())
    rows = {}
    for system, run in systems().items():
        if sys.stderr.isatty():
            print(f'\r\x1b[K{name}: {system}', end='', file=sys.stderr, flush=True)
        rows[system] = scores(docs, run(docs))
    if sys.stderr.isatty():
        print('\r\x1b[K', end='', file=sys.stderr, flush=True)
    return name, rows


def report(name, rows):
    ours, table = rows['built-in'], []
    for system, theirs in rows.items():
        line = {'set': name, 'texts': len(theirs), 'system': system}
        for i, m in enumerate(MEASURES):
            line[m] = statistics.fmean(r[i] for r in theirs)
            if system != 'built-in':
                line[m + ' behind'] = interval([o[i] - t[i] for o, t in zip(ours, theirs)])
        table.append(line)
    return table


def show(table):
    print(f"{table[0]['set']}: {table[0]['texts']} texts")
    print(f"  {'':12}" + ''.join(f'{m:>8}' for m in ('R-1', 'R-2', 'R-L')) + '   the built-in one is ahead by (95 %)')
    for line in table:
        ahead = '   '.join('{:+.3f} … {:+.3f}'.format(*line[m + ' behind']) for m in MEASURES if m + ' behind' in line)
        print(f"  {line['system']:12}" + ''.join(f'{line[m]:8.4f}' for m in MEASURES) + '   ' + ahead)


# --------------------------------------------------------------------------------------------------------- voices

def drafts(docs, voices):
    """Per text and voice (None first): distance to the samples before and after, milliseconds, the draft."""
    follow = os.path.join(ROOT, 'build', 'release', 'follow')
    subprocess.run(['make', '-s', '-C', ROOT, 'build/release/follow'], check=True, stdout=sys.stderr)
    asked = b''.join(b'%d\n%s' % (len(d['text'].encode()), d['text'].encode()) for d in docs)
    answer, rows, at = subprocess.run([follow, *voices], input=asked, capture_output=True, check=True).stdout, [], 0
    while at < len(answer):
        head = answer.index(b'\n', at)
        before, after, us, size = answer[at:head].split()
        at = head + 1 + int(size)
        rows.append((float(before), float(after), int(us) / 1000, answer[head + 1:at].decode()))
    return [rows[i:i + 1 + len(voices)] for i in range(0, len(rows), 1 + len(voices))]


def follow(path):
    """What a voice changes: how near drafts come to its samples, and what of the text they still keep."""
    name = os.path.basename(path).removesuffix('.jsonl')
    with open(path, encoding='utf-8') as f:
        docs = [json.loads(line) for line in f]
    for d in docs:
        d['words'] = 150 if name == 'papers' else len(d['summary'].split())
    voices = sorted(glob.glob(os.path.join(ROOT, 'test', 'corpus', 'voices', '*.txt')))
    rows, table = drafts(docs, voices), []
    plain = scores(docs, [r[0][3] for r in rows])
    for k, voice in enumerate(voices, 1):
        ours, line = scores(docs, [r[k][3] for r in rows]), {'set': name, 'texts': len(docs), 'voice': os.path.basename(voice).removesuffix('.txt')}
        line |= {'before': statistics.fmean(r[k][0] for r in rows), 'after': statistics.fmean(r[k][1] for r in rows),
                 'nearer': statistics.fmean(r[k][1] < r[k][0] for r in rows), 'ms': statistics.median(r[k][2] for r in rows)}
        for i, m in enumerate(MEASURES):
            line[m + ' before'], line[m] = statistics.fmean(r[i] for r in plain), statistics.fmean(r[i] for r in ours)
        table.append(line)
    return table


def pace(files):
    """Milliseconds of the processor for a draft of 5,000 words with five samples: the median of nine."""
    words = [w for f in files for line in open(f, encoding='utf-8') for w in json.loads(line)['text'].split()]
    words = (words * (5000 // len(words) + 1))[:5000]
    voices = sorted(glob.glob(os.path.join(ROOT, 'test', 'corpus', 'voices', '*.txt')))
    samples = [s for v in voices for s in open(v, encoding='utf-8').read().split('\n%%\n')][:5]
    with tempfile.NamedTemporaryFile('w', encoding='utf-8') as f:
        f.write('\n%%\n'.join(samples))
        f.flush()
        return statistics.median(rows[1][2] for rows in drafts([{'text': ' '.join(words)}] * 9, [f.name]))


def show_voices(table):
    keys = [k for k in table[0] if k not in ('set', 'texts', 'voice')]
    mean = {'voice': 'all'} | {k: statistics.fmean(line[k] for line in table) for k in keys}
    print(f"{table[0]['set']}: drafts of {table[0]['texts']} texts with a voice")
    print(f"  {'':14}distance: without → with   nearer      ms   ROUGE-1, -2, -L of the draft: without → with")
    for line in [*table, mean]:
        rouge = '   '.join(f"{line[m + ' before']:.4f} → {line[m]:.4f}" for m in MEASURES)
        print(f"  {line['voice']:14}{line['before']:15.3f} → {line['after']:.3f} {line['nearer']:9.0%} {line['ms']:7.1f}   {rouge}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--json', action='store_true')
    ap.add_argument('--voices', action='store_true', help='only the table of voices')
    ap.add_argument('files', nargs='*', metavar='FILE')
    o = ap.parse_args()
    peers.enter('writer', PINS)
    folder = os.environ.get('SCRIPED_BENCH_DATA')
    files = o.files or (sorted(glob.glob(os.path.join(folder, 'summaries', '*.jsonl'))) if folder else [os.path.join(HERE, 'small.jsonl')])
    if not files:
        sys.exit(f'bench/writer: no summaries/*.jsonl in {folder}')
    tables = [] if o.voices else [report(*measure(f)) for f in files]
    voices = [follow(f) for f in files]
    ms = pace(files)
    if o.json:
        voices.append([{'words': 5000, 'samples': 5, 'ms': ms}])
        print(json.dumps([line for t in tables + voices for line in t], indent=1))
        return
    for t in tables:
        show(t)
    for t in voices:
        show_voices(t)
    print(f'5,000 words with five samples: {ms:.1f} ms')


if __name__ == '__main__':
    main()
