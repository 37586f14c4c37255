#!/usr/bin/env python3
"""run.py -- how well the search in the knowledge finds, beside BM25 of rank-bm25 and of Lucene's formula; and how fast it is.

    python3 bench/search/run.py [--json] [--passages N] [--embed-url URL --embed-model NAME]

Documents, questions and judgements: documents.jsonl and queries.jsonl ({"id","title","text"}) and qrels.tsv (question, document, grade) of
the folder search/ in SCRIPED_BENCH_DATA, else the small set in this folder.  Vectors come from the endpoint that --embed-url names,
else from one in this process that knows only how words of the set come together (latent semantic analysis).  --passages N also fills a server
with N passages of made-up text and measures searches and reads there; 0 leaves that out.  README.md of bench/ says more."""
import argparse
import http.server
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
import urllib.request
from urllib.parse import quote

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, 'test', 'lib'), os.path.join(ROOT, 'bench')]
import peers        # noqa: E402

PINS = ['rank-bm25==0.2.2', 'numpy==2.4.6', 'snowballstemmer==2.2.0']
GAIN = {1: 4, 2: 3, 3: 2, 4: 1}         # of the grades of Cranfield: 1 is best; -1 and 5 are not relevant
COUNT = 50
WORDS = re.compile(r'\w+')


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


# --- vectors ---

class Latent:
    """Latent semantic analysis of the documents: words that come together mean much the same."""
    DIMS = 128

    def __init__(self, documents):
        import numpy
        import snowballstemmer
        self.np, self.stem, self.lock = numpy, snowballstemmer.stemmer('english').stemWords, threading.Lock()
        texts = [self.words(d['text']) for d in documents]
        self.index = {w: i for i, w in enumerate(sorted(set().union(*texts)))}
        seen = numpy.zeros(len(self.index))
        for t in texts:
            seen[[self.index[w] for w in set(t)]] += 1
        self.idf = numpy.log(len(texts) / seen)
        self.axes = numpy.eye(len(self.index))
        rows = numpy.array([self.weigh(t) for t in texts])
        _, _, axes = numpy.linalg.svd(rows, full_matrices=False)
        self.axes = axes[:self.DIMS]

    def words(self, text):
        return self.stem(WORDS.findall(text.lower()))

    def weigh(self, words):
        v = self.np.zeros(len(self.index))
        for w in words:
            if w in self.index:
                v[self.index[w]] += 1
        v = self.np.log1p(v) * self.idf
        return v / (self.np.linalg.norm(v) or 1)

    def vectors(self, texts):
        """Of each text; one whose words are all unknown leans a little towards everything."""
        return [self.axes @ self.weigh(self.words(t)) + 1e-6 for t in texts]

    def serve(self):
        def answer(texts):
            with self.lock:             # the stemmer has a state
                return json.dumps({'data': [{'index': i, 'embedding': [float(x) for x in v]} for i, v in enumerate(self.vectors(texts))]}).encode()
        return endpoint(answer)


def endpoint(answer):
    """An /embeddings endpoint in this process; `answer` makes the body for some texts."""
    class Endpoint(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def log_message(self, *args):
            pass

        def do_POST(self):
            body = answer(json.loads(self.rfile.read(int(self.headers['Content-Length'])))['input'])
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    listener = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Endpoint)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return f'http://127.0.0.1:{listener.server_address[1]}/v1'


def any_vectors():
    """An endpoint that costs as little as one can: vectors of 384 dimensions that mean nothing."""
    rng = random.Random(2)
    rows = [f'{{"embedding":{json.dumps([round(rng.gauss(0, 1), 3) for _ in range(384)])}}}' for _ in range(64)]
    bodies = [('{"data":[' + ','.join(rows[:n]) + ']}').encode() for n in range(65)]
    return endpoint(lambda texts: bodies[len(texts)])


def asked(url, model, texts):
    """The vectors that an endpoint gives."""
    ret = []
    for i in range(0, len(texts), 64):
        body = json.dumps({'model': model, 'input': texts[i:i + 64]}).encode()
        headers = {'Content-Type': 'application/json', 'Authorization': 'Bearer ' + os.environ.get('SCRIPED_EMBED_KEY', '')}
        with urllib.request.urlopen(urllib.request.Request(url + '/embeddings', body, headers), timeout=60) as a:
            ret += [d['embedding'] for d in sorted(json.load(a)['data'], key=lambda d: d['index'])]
    return ret


def by_vectors(documents, questions, url, model):
    """Documents by the cosine of whole texts, as floating point."""
    import numpy

    def unit(texts):
        v = numpy.array(asked(url, model, texts))
        return v / numpy.linalg.norm(v, axis=1, keepdims=True)
    likeness = unit([q['text'] for q in questions]) @ unit([d['text'] for d in documents]).T
    for row in likeness:
        yield [str(documents[i]['id']) for i in numpy.argsort(-row)[:COUNT]]


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


def speed(server, passages):
    rng = random.Random(1)
    texts, done = [], 0
    while done < passages:
        n = min(600, passages - done)
        text, vocabulary = made_up(n, rng)
        texts.append(text)
        done += n
    c = server.client()         # making the texts takes longer than an idle connection is kept
    note = c.post('/v1/notes', {'projectId': server.project, 'content': 'A note.'}).json()['data']['id']
    timed(c, f'/v1/notes/{note}', 200)
    idle = timed(c, f'/v1/notes/{note}', 1500, 0.001)
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

    def worst():
        return '/v1/knowledge/search?count=50&q=' + quote(' '.join(rng.sample(vocabulary[:60], 32)))
    timed(c, question, 20)
    before = cpu(server)
    searches = timed(c, question, 400)
    each = (cpu(server) - before) / 400 * 1000
    slowest, reads = timed(c, worst, 20), []
    searching = [threading.Thread(target=lambda: timed(server.client(), worst, 15)) for _ in range(4)]
    for t in searching:
        t.start()
    while any(t.is_alive() for t in searching):
        reads.extend(timed(c, f'/v1/notes/{note}', 1, 0.001))
    return {'passages': total, 'ingest/s': total / took, 'ingest/s of CPU': total / used, 'search p50 ms': p(searches, .5),
            'search p99 ms': p(searches, .99), 'search CPU ms': each, 'search of 32 common words ms': p(slowest, .5),
            'read p99 idle ms': p(idle, .99), 'read p99 while ingesting ms': p(busy, .99), 'read p99 beside 4 such searches ms': p(reads, .99)}


def scores(answers, questions, grades):
    """Of all questions, and of those in odd and in even places: what was tuned was tuned on the odd ones."""
    pairs = [(found, grades[str(q['id'])]) for found, q in zip(answers, questions)]
    row = {}
    for name, some in (('', pairs), (', odd', pairs[::2]), (', even', pairs[1::2])):
        row['nDCG@10' + name] = statistics.mean(ndcg(*x) for x in some)
        row['recall@20' + name] = statistics.mean(recall(*x) for x in some)
    return row


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--json', action='store_true')
    ap.add_argument('--passages', type=int, default=100000)
    ap.add_argument('--embed-url')
    ap.add_argument('--embed-model', default='latent')
    o = ap.parse_args()
    peers.enter('search', PINS)
    from server import Server
    documents, questions, grades = load()
    url = o.embed_url or Latent(documents).serve()
    with Server() as plain, Server({'embed_url': url, 'embed_model': o.embed_model, 'embed_key': os.environ.get('SCRIPED_EMBED_KEY', ''),
                                    'embed_question': 10000}) as fused:
        a, b = plain.client(), fused.client()
        systems = {'rank-bm25, plain': okapi(documents, questions), "Lucene's formula, plain": lucene(documents, questions, False),
                   "Lucene's formula, stemmed": lucene(documents, questions, True), 'scriped': ours(a, documents, questions),
                   f'{o.embed_model} vectors alone': by_vectors(documents, questions, url, o.embed_model),
                   f'scriped with {o.embed_model}': ours(b, documents, questions)}
        figures = {name: scores(answers, questions, grades) for name, answers in systems.items()}
        a.close()
        b.close()
    for name, settings in (('words', {}), ('words and vectors', {'embed_url': any_vectors(), 'embed_pause': 10})):
        if o.passages:
            with Server(settings) as server:
                figures['speed, ' + name] = speed(server, o.passages)
    if o.json:
        print(json.dumps(figures))
        return
    print(f'{len(documents)} documents, {len(questions)} questions')
    for name, row in figures.items():
        print(f'{name:28}' + '   '.join(f'{k} {v:,.3f}' for k, v in row.items()))


if __name__ == '__main__':
    main()
