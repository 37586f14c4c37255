#!/usr/bin/env python3
"""files.py -- kill -9 the server while files are being read and pages fetched, start it again, and count.

    python3 test/crash/files.py 10
    python3 test/lib/pg.py -- python3 test/crash/files.py 10 --engine postgres

A round: files are uploaded and submitted, half of them as sources, half as knowledge, and some pages of a slow web beside them.  The program that reads them takes its time, so that the
kill finds some of them being read.  Then: no reader outlives the server, the next start removes their folders, every job ends as DONE
though it was begun twice, each file is one source or one document, and the search finds each document once.

The last line is `N passed, N failed`."""
import argparse
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', 'scenario')]
import put                                                              # noqa: E402
from cases import Wrong, need                                           # noqa: E402
from server import Failure, Server, program, wait_for                   # noqa: E402
from tap import Tap                                                     # noqa: E402

FILES = 8
SLOW = '#!/bin/sh\nsleep 0.0$(($$ % 9))\n[ $(($$ % 3)) -gt 0 ] || sleep 0.3\nexec {} "$@"\n'


def readers(folder):
    """The processes that run in a folder of the server."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{pid}/cwd').startswith(folder + '/'):
                found.append(int(pid))
        except OSError:
            pass
    return found


class Web:
    """test/web/web.py as a process."""

    def __init__(self):
        cmd = [sys.executable, os.path.join(HERE, '..', 'web', 'web.py'), '--until-eof']
        self.proc = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = 'http://127.0.0.1:' + self.proc.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()


class Run:
    def __init__(self, engine, seed, tools, web):
        self.web = web
        self.rng, self.made, self.again, self.caught = random.Random(seed), [], 0, 0
        slow = os.path.join(tools, 'slow')
        with open(slow, 'w') as f:
            f.write(SLOW.format(os.path.abspath(os.path.join(os.path.dirname(program()[-1]), 'scriped-extract'))))
        os.chmod(slow, 0o700)
        lease = {'lease': 1000, 'heartbeat': 200, 'job_poll': 50} if engine == 'postgres' else {}
        self.server = Server({'extract_program': slow, 'extract_processes': 4, 'analyser': 'off', 'fetch_allow_private': 'true', **lease}, db=engine)
        self.server.setup()
        self.server.start()
        self.tmp = os.path.join(self.server.data, 'tmp')

    def submit(self, c):
        s, word, kind = self.server, 'w' + secrets.token_hex(8), self.rng.choice(('pdf', 'text', 'html', 'page'))
        if kind == 'page':
            a = c.post('/v1/knowledge', {'type': 'url', 'url': f'{self.web.url}/late-{self.rng.randrange(200)}/{word}'})
            need(a.status == 200, f'{a}')
            self.made.append((a.json()['data']['id'], False, word))
            return
        text = f'The word of this file is {word}. It stands here among others, so that it is found again.'
        upload = put.upload(s.url, s.key, {'pdf': 'application/pdf', 'text': 'text/plain', 'html': 'text/html'}[kind], kind, text)
        source = self.rng.random() < 0.5
        body = {'type': 'file', 'uploadId': upload, **({'projectId': s.project} if source else {'name': word})}
        a = c.post('/v1/sources' if source else '/v1/knowledge', body)
        need(a.status == 200, f'{a}')
        self.made.append((a.json()['data']['id'], source, word))

    def round(self):
        s = self.server
        c = s.client(s.key)
        for _ in range(FILES):
            self.submit(c)
        c.close()
        time.sleep(self.rng.uniform(0, 0.3))        # the random instant is what is tested
        self.caught += len(readers(self.tmp))
        s.kill()
        need(wait_for(lambda: not readers(self.tmp)), 'a reader outlives the server')
        s.start()
        c = s.client(s.key)
        for job, source, word in self.made[-FILES:]:
            self.check(c, c.wait_job(job), source, word)
        c.close()
        need(wait_for(lambda: not os.listdir(self.tmp)), f'there is left {os.listdir(self.tmp)}')

    def check(self, c, job, source, word):
        need(job['status'] == 'DONE', f'{job}')
        self.again += job['attemptCount'] > 1
        if source:
            made = c.get('/v1/sources/' + job['result']['sourceId']).json()['data']
            need(word in made['textPreview'], f'{made}')
            return
        found = c.get('/v1/knowledge/search?q=' + word).json()['data']['passages']
        need([p['documentId'] for p in found] == [job['result']['documentId']], f'{word} is found in {found}')

    def counted(self):
        """Nothing is there twice, and no upload waits for anybody."""
        s = self.server
        c = s.client(s.key)
        listed = sum(1 for _ in pages(c, '/v1/knowledge?limit=200'))
        wanted = sum(not source for _, source, _ in self.made)
        need(listed == wanted, f'{wanted} documents were submitted and {listed} are there')
        made = {(c.get('/v1/jobs/' + job).json()['data']['result'] or {}).get('sourceId') for job, source, _ in self.made if source}
        need(len(made) == len(self.made) - wanted and None not in made, 'sources are missing or shared')
        c.close()


def pages(c, path):
    cursor = None
    while True:
        a = c.get(path + (f'&cursor={cursor}' if cursor else '')).json()
        yield from a['data']
        cursor = a['pagination']['next_cursor']
        if not cursor:
            return


def why(fn):
    try:
        fn()
    except (Wrong, Failure, OSError, KeyError, ValueError) as e:
        return f'{type(e).__name__}: {e}'
    return None


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('rounds', type=int, nargs='?', default=10)
    p.add_argument('--engine', choices=('sqlite', 'postgres'), default='sqlite')
    p.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10 ** 6))
    args = p.parse_args()
    tap = Tap()
    with tempfile.TemporaryDirectory() as tools, Web() as web:
        run = Run(args.engine, args.seed, tools, web)
        for i in range(args.rounds):
            tap.line(f'{args.engine} files: round {i + 1}', why(run.round))
        tap.line(f'{args.engine} files: each is one source or one document', why(run.counted))
        tap.line(f'{args.engine} files: the kills met files being read', None if run.caught else 'none was')
        print(f'# seed {args.seed}: {len(run.made)} files, {run.caught} being read when the server died, {run.again} jobs begun again')
        run.server.close()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
