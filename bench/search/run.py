#!/usr/bin/env python3
"""run.py -- how well the search in the knowledge finds, beside BM25 of rank-bm25 and of Lucene's formula; and how fast it is.

    python3 bench/search/run.py [--json] [--passages N]

Documents, questions and judgements: documents.jsonl and queries.jsonl ({"id","title","text"}) and qrels.tsv (question, document, grade) of
the folder search/ in SCRIPED_BENCH_DATA, else the small set in this folder.  --passages N also fills a server with N passages
of made-up text and measures searches and reads there; 0 leaves that out.  README.md of bench/ says more."""
import argparse
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from urllib.parse import quote

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PINS = ['rank-bm25==0.2.2', 'numpy==2.4.6', 'snowballstemmer==2.2.0']
VENV = os.path.join(ROOT, 'build', 'bench', 'search')
sys.path.insert(0, os.path.join(ROOT, 'test', 'lib'))
GAIN = {1: 4, 2: 3, 3: 2, 4: 1}         # of the grades of Cranfield: 1 is best; -1 and 5 are not relevant
COUNT = 50
WORDS = re.compile(r'\w+')


def enter_venv():
    """The peers are the bench's alone: they live under build/, and this program starts again among them."""
    python = os.path.join(VENV, 'bin', 'python')
    if sys.prefix == VENV:
        return
    mark = os.path.join(VENV, 'pins')
    if not os.path.exists(mark) or open(mark).read() != '\n'.join(PINS):
        print('installing ' + ' '.join(PINS), file=sys.stderr)
        subprocess.run([sys.executable, '-m', 'venv', VENV], check=True)
        subprocess.run([python, '-m', 'pip', '-q', '--disable-pip-version-check', 'install', *PINS], check=True)
        with open(mark, 'w') as f:
            f.write('\n'.join(PINS))
    os.execv(python, [python, *sys.argv])


# --- the set ---

def load():
    folder = os.path.join(os.environ['SCRIPED_BENCH_DATA'], 'search') if os.environ.get('SCRIPED_BENCH_DATA') else HERE

    def lines(name):
        with open(os.path.join(folder, name)) as f:
            return [json.loads(line) for line in f if line.strip()]
    grades = {}
    with open(os.path.join(folder, 'qrels.tsv')) as f:
        for line in f:
            q, d, g = line.split()
            if int(g) in GAIN:
                grades.setdefault(q, {})[d] = GAIN[int(g)]
    documents = [d for d in lines('documents.jsonl') if WORDS.search(d['text'])]
    return documents, [q for q in lines('queries.jsonl') if str(q['id']) in grades], grades


def ndcg(found, grades, n=10):
    def sum_of(gains):
        return sum(g / math.log2(i + 2) for i, g in enumerate(gains[:n]))
    return sum_of([grades.get(d, 0) for d in found]) / sum_of(sorted(grades.values(), reverse=True))


def recall(found, grades, n=20):
    return sum(d in grades for d in found[:n]) / len(grades)


# --- the systems: each gives, for each question, ids of documents, best first ---

def okapi(documents, questions):
    """rank-bm25 as it comes: words in lower case, nothing else."""
    from rank_bm25 import BM25Okapi
    bm = BM25Okapi([WORDS.findall(d['text'].lower()) for d in documents])
    for q in questions:
        scores = bm.get_scores(WORDS.findall(q['text'].lower()))
        yield [str(documents[i]['id']) for i in sorted(range(len(documents)), key=lambda i: -scores[i])[:COUNT]]


def lucene(documents, questions, stemmed):
    """BM25 by Lucene's formula, k1 1.2, b 0.75."""
    import snowballstemmer
    stem = snowballstemmer.stemmer('english').stemWords if stemmed else list
    texts = [stem(WORDS.findall(d['text'].lower())) for d in documents]
    mean = sum(map(len, texts)) / len(texts)
    index = {}
    for i, words in enumerate(texts):
        for w in words:
            index.setdefault(w, {}).setdefault(i, 0)
            index[w][i] += 1
    for q in questions:
        scores = {}
        for w in set(stem(WORDS.findall(q['text'].lower()))):
            hits = index.get(w, {})
            rare = math.log(1 + (len(texts) - len(hits) + 0.5) / (len(hits) + 0.5))
            for i, tf in hits.items():
                scores[i] = scores.get(i, 0) + rare * tf / (tf + 1.2 * (0.25 + 0.75 * len(texts[i]) / mean))
        yield [str(documents[i]['id']) for i in sorted(scores, key=lambda i: -scores[i])[:COUNT]]


def submitted(c, body):
    a = c.post('/v1/knowledge', body)
    if a.status != 200:
        raise SystemExit(f'refused: {a}')
    return a.json()['data']['id']


def ours(c, documents, questions):
    """The server itself.  A document counts where its best passage stands."""
    ids = {}
    jobs = [(submitted(c, {'type': 'text', 'name': f"Document {d['id']}", 'text': d['text']}), str(d['id'])) for d in documents]
    for job, d in jobs:
        ids.setdefault(c.wait_job(job, 120)['result']['documentId'], d)
    for q in questions:
        rows = c.get(f"/v1/knowledge/search?count={COUNT}&q={quote(q['text'][:500])}").json()['data']['passages']
        yield list(dict.fromkeys(ids[r['documentId']] for r in rows))


# --- speed ---

def made_up(n, rng):
    """A text of some n passages, its words as unevenly frequent as those of a language."""
    vocabulary = [''.join(rng.choice('bcdfglmnprstv') + rng.choice('aeiou') for _ in range(rng.randint(2, 4))) for _ in range(20000)]
    weights = [1 / (i + 10) for i in range(len(vocabulary))]
    words = rng.choices(vocabulary, weights, k=160 * n)
    return '. '.join(' '.join(words[i:i + 16]).capitalize() for i in range(0, len(words), 16)) + '.', vocabulary


def timed(c, path, n, pause=0.0):
    took = []
    for i in range(n):
        began = time.perf_counter()
        if c.get(path() if callable(path) else path).status != 200:
            raise SystemExit('a read was refused')
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(pause)
    return took


def p(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def cpu(server):
    with open(f'/proc/{server.proc.pid}/stat') as f:
        v = f.read().rsplit(')', 1)[1].split()
    return (int(v[11]) + int(v[12])) / os.sysconf('SC_CLK_TCK')


def speed(server, c, passages):
    rng = random.Random(1)
    note = c.post('/v1/notes', {'projectId': server.project, 'content': 'A note.'}).json()['data']['id']
    timed(c, f'/v1/notes/{note}', 200)
    idle = timed(c, f'/v1/notes/{note}', 1500, 0.001)
    texts, done = [], 0
    while done < passages:
        n = min(600, passages - done)
        text, vocabulary = made_up(n, rng)
        texts.append(text)
        done += n
    began, used = time.perf_counter(), cpu(server)
    jobs = [submitted(c, {'type': 'text', 'name': 'Made up', 'text': t}) for t in texts]
    busy, stop = [], threading.Event()

    def read():
        with_key = server.client()
        while not stop.is_set():
            busy.extend(timed(with_key, f'/v1/notes/{note}', 1, 0.001))
    reader = threading.Thread(target=read)
    reader.start()
    rows = [c.wait_job(j, 600) for j in jobs]
    took, used = time.perf_counter() - began, cpu(server) - used
    stop.set()
    reader.join()
    total = sum(c.get('/v1/knowledge/' + r['result']['documentId']).json()['data']['passageCount'] for r in rows)

    def question():
        return '/v1/knowledge/search?q=' + quote(' '.join(rng.choices(vocabulary[:2000], k=3)))
    timed(c, question, 20)
    before = cpu(server)
    searches = timed(c, question, 400)
    each = (cpu(server) - before) / 400 * 1000
    return {'passages': total, 'ingest/s': total / took, 'ingest/s of CPU': total / used, 'search p50 ms': p(searches, .5),
            'search p99 ms': p(searches, .99), 'search CPU ms': each, 'read p99 idle ms': p(idle, .99), 'read p99 while ingesting ms': p(busy, .99)}


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--json', action='store_true')
    ap.add_argument('--passages', type=int, default=100000)
    o = ap.parse_args()
    enter_venv()
    from server import Server
    documents, questions, grades = load()
    figures = {}
    with Server() as server:
        c = server.client()
        systems = {'rank-bm25, plain': okapi(documents, questions), "Lucene's formula, plain": lucene(documents, questions, False),
                   "Lucene's formula, stemmed": lucene(documents, questions, True), 'scriped': ours(c, documents, questions)}
        for name, answers in systems.items():
            pairs = [(found, grades[str(q['id'])]) for found, q in zip(answers, questions)]
            figures[name] = {'nDCG@10': statistics.mean(ndcg(*x) for x in pairs), 'recall@20': statistics.mean(recall(*x) for x in pairs)}
        c.close()
    if o.passages:
        with Server() as server:
            c = server.client()
            figures['speed'] = speed(server, c, o.passages)
            c.close()
    if o.json:
        print(json.dumps(figures))
        return
    print(f'{len(documents)} documents, {len(questions)} questions')
    for name, row in figures.items():
        print(f'{name:28}' + '   '.join(f'{k} {v:,.3f}' for k, v in row.items()))


if __name__ == '__main__':
    main()
