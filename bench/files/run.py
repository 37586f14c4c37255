#!/usr/bin/env python3
"""run.py -- from the bytes of a file to knowledge that the search finds: how long each kind takes.

    python3 bench/files/run.py [--times N]

Each file has a hundred pages of fifty lines, or as much text without pages.  `read` is the program alone (scriped extract), `indexed` is from the
submission to DONE, of a server that does nothing else; the middle of N runs.  README.md of bench/ says more."""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, 'test', 'lib'), os.path.join(ROOT, 'test', 'scenario')]
import files                                                            # noqa: E402
import put                                                              # noqa: E402
from server import Server, program                                      # noqa: E402

WORDS = ('support tracker reply customer hour month queue form field question answer engineer release note price plan team start change week '
         'morning night visit warehouse label printer list shift idea machine').split()


def lines(run):
    """As words of a language come: some often, most seldom."""
    n = len(WORDS)
    return [' '.join(WORDS[(p * 31 + k * 7 + i * i + run) % n] + (str((p * 50 + k) % 997) if i % 5 == 0 else '') for i in range(9)) + '.'
            for p in range(100) for k in range(50)]


def pdf(text):
    return files.pdf([[(60, 800 - 14 * k, 11, text[p * 50 + k]) for k in range(50)] for p in range(100)])


KINDS = {
    'PDF, 100 pages': ('application/pdf', pdf),
    'DOCX': ('application/vnd.openxmlformats-officedocument.wordprocessingml.document', lambda t: put.docx(' | '.join(t))),
    'HTML': ('text/html', lambda t: put.html(' | '.join(t))),
    'plain text': ('text/plain', lambda t: '\n\n'.join(t).encode()),
}


def read_alone(data):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        began = time.monotonic()
        out = subprocess.run([*program(), 'extract', f.name], capture_output=True, check=True).stdout
        return time.monotonic() - began, len(out)


def indexed(server, client, kind, data, name):
    upload = put.upload_bytes(server.url, server.key, kind, data)
    began = time.monotonic()
    job = client.wait_job(client.post('/v1/knowledge', {'type': 'file', 'name': name, 'uploadId': upload}).json()['data']['id'], 120)
    took = time.monotonic() - began
    if job['status'] != 'DONE':
        sys.exit(f'{name}: {job}')
    return took, client.get('/v1/knowledge/' + job['result']['documentId']).json()['data']['passageCount']


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--times', type=int, default=5)
    args = p.parse_args()
    print(f'{"":16}{"read":>10}{"indexed":>10}{"bytes":>12}{"of text":>10}{"passages":>10}')
    with Server() as server:
        client = server.client(server.key)
        for name, (kind, make) in KINDS.items():
            reads, whole = [], []
            for run in range(args.times):
                data = make([f'{name} {run} ' + line for line in lines(run)])
                seconds, text = read_alone(data)
                reads.append(seconds)
                seconds, passages = indexed(server, client, kind, data, f'{name} {run}')
                whole.append(seconds)
            print(f'{name:16}{statistics.median(reads):8.2f} s{statistics.median(whole):8.2f} s{len(data):12}{text:10}{passages:10}', flush=True)
        client.close()


if __name__ == '__main__':
    main()
