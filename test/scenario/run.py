#!/usr/bin/env python3
"""run.py -- runs the stories of test/scenario/*.scn against the real binary; how they are written: README.md.

Prints TAP lines, and at the end `N passed, N failed`; exits 0 when nothing failed."""
import argparse
import glob
import json
import os
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'lib')]

import play
import scn
from cases import Skip, Wrong, not_at_midnight, sick
from server import ROOT, Closed, Failure, Server
from tap import Tap


class Traffic:
    """build/traffic/ENGINE-FILE.jsonl, one exchange per line."""

    def __init__(self, engine, name):
        folder = os.path.join(ROOT, 'build', 'traffic')
        os.makedirs(folder, exist_ok=True)
        self.file = open(os.path.join(folder, f'{engine}-{name}.jsonl'), 'w')
        self.lock = threading.Lock()

    def add(self, exchange):
        with self.lock:
            self.file.write(json.dumps(exchange) + '\n')


class Theme:
    """One file on one engine: a server, and its stories one after the other."""

    def __init__(self, engine, path, options, tap):
        self.engine, self.path, self.options, self.tap = engine, path, options, tap
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.head, stories = scn.read(path)
        self.stories = [s for s in stories if not options.only or options.only.lower() in s.title.lower()]
        self.results = []       # (title, None | why | Skip)
        self.world = None

    def report(self, title, outcome=None):
        self.results.append((f'{self.engine} {self.name}: {title}', outcome))

    def begin(self):
        """The file's world: `server` in the head or not, there is one."""
        self.world = play.World(self.engine, self.traffic.add, set(), self.options.slow)
        early = [s for s in self.head.steps if isinstance(s, scn.Step) and s.word in ('server', 'provider', 'web', 'only')]
        for s in sorted(early, key=lambda s: s.word == 'server'):
            self.world.prepare(s)
        if not self.world.server:
            self.world.use(Server({}, db=self.engine))
        self.world.play(scn.Story('head', 0, [s for s in self.head.steps if s not in early]))

    def end(self):
        """The server must have stayed well, and stop when told."""
        world, self.world = self.world, None
        try:
            world.close()
            return None
        except Failure as e:
            return str(e)

    def one(self, story):
        not_at_midnight()
        world = self.world.child(story.title)
        try:
            world.play(story)
            return None
        except Skip as s:
            return s
        except Wrong as w:
            return str(w)
        except (Closed, Failure, OSError) as e:
            return f'{type(e).__name__}: {e}'
        except Exception:
            return traceback.format_exc()
        finally:
            world.close()

    def story(self, story):
        try:
            outcome = self.one(story)
        except Failure as e:
            outcome = str(e)
        log = self.world.server.log_text()
        if not self.world.server.alive():
            outcome = f'{outcome or "all was well, but"}\nthe server has died; its log ends:\n{log[-3000:]}'
            self.end()
            self.begin()
        elif sick(log):
            outcome = f'{outcome or "all was well, but"}\n{sick(log)}'
        self.report(story.title, outcome)

    def run(self):
        if not self.stories:
            return
        self.traffic = Traffic(self.engine, self.name)
        try:
            self.begin()
            for s in self.stories:
                self.story(s)
            self.report('the server stops when told', self.end())
        except Skip as s:
            self.report('all', s)
        except Exception as e:
            self.report('the file runs', f'{type(e).__name__}: {e}')
            if self.world:
                self.end()
        finally:
            self.traffic.file.close()
            self.tap.block(self.results)


def chosen(names):
    if not names:
        return sorted(glob.glob(os.path.join(HERE, '*.scn')))
    return [n if n.endswith('.scn') else os.path.join(HERE, n + '.scn') for n in names]


def main():
    p = argparse.ArgumentParser(description='Runs the stories of test/scenario.')
    p.add_argument('files', nargs='*', help='names of files (notes, or a path); all by default')
    p.add_argument('--engine', help='sqlite, postgres or both with a comma; default: what is there')
    p.add_argument('--only', help='stories whose title contains this')
    p.add_argument('--jobs', type=int, default=2, help='files at the same time (2)')
    p.add_argument('--slow', action='store_true', help='also the stories that wait for a clock')
    p.add_argument('--parse', action='store_true', help='read the files and run nothing')
    options = p.parse_args()
    default = 'sqlite,postgres' if os.environ.get('SCRIPED_TEST_PG') else 'sqlite'
    engines = (options.engine or default).split(',')
    tap = Tap()
    try:
        themes = [Theme(e, f, options, tap) for f in chosen(options.files) for e in engines]
    except (scn.Bad, OSError) as e:
        print(e, file=sys.stderr)
        return 2
    if options.parse:
        print(f'{sum(len(t.stories) for t in themes)} stories in {len(themes)} files')
        return 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for done in [pool.submit(t.run) for t in themes]:
            done.result()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
