"""cases.py -- tests written as functions that get a server: registered, run some at a time, reported as TAP."""
import argparse
import re
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from server import Failure, Server, born
from tap import Tap

CASES = []
SICK = re.compile(r'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|^==\d+== (Invalid|Conditional|Use of)', re.M)


class Wrong(Exception):
    """A claim that does not hold."""


class Skip(Exception):
    """The case does not apply here."""


def need(ok, why):
    if not ok:
        raise Wrong(why)


def sick(log):
    """What a sanitizer or valgrind says in a log, or None."""
    m = SICK.search(log)
    return 'the log shows:\n' + log[m.start():][:3000] if m else None


@dataclass
class Case:
    """settings: of the server that fn gets.  alone: it gets one to itself, at the same time as others run (these wait
    for a clock, or count what is stored).  own: fn gets the engine and makes its server itself."""
    title: str
    fn: object
    settings: dict
    alone: bool
    own: bool


def case(title, alone=False, own=False, **settings):
    """Registers a case."""
    def take(fn):
        CASES.append(Case(title, fn, settings, alone, own))
        return fn
    return take


class Park:
    """The servers: one that cases share, one after the other, and one for each case that is alone."""

    def __init__(self, engine, clock=False):
        self.engine, self.clock = engine, clock
        self.servers, self.dead, self.lock = {}, [], threading.Lock()

    def get(self, case):
        name = case.title if case.alone else ''
        with self.lock:
            s = self.servers.get(name)
            if s and not s.alive():
                self.dead.append(s)
            if not s or not s.alive():
                s = Server(case.settings, db=self.engine, clock=self.clock)
                s.setup()
                self.servers[name] = s.start()
            return s

    def close(self, tap):
        for s in self.dead + list(self.servers.values()):
            why = sick(s.log_text())
            if not why and not s.alive():
                why = 'it has died: ' + s.log_text()[-3000:]
            try:
                s.close()
            except Failure as e:
                why = why or str(e)
            tap.line('the server is well and stops when told', why)


def not_at_midnight():
    """Days end at midnight, UTC, and tests ask what was counted today: so none begins in the last half minute."""
    left = 86400 - time.time() % 86400
    if left < 30:
        time.sleep(left + 1)


def told(park, case, why):
    """Why a case failed, and what its servers said last: the machine it failed on may be out of reach."""
    servers = born() if case.own else [s for s in [park.servers.get(case.title if case.alone else '')] if s]
    return why + ''.join(f'\nthe log of {s.log} ends:\n{s.last_words()}' for s in servers[-4:])


def attempt(park, case):
    born().clear()
    not_at_midnight()
    try:
        s = park.engine if case.own else park.get(case)
        case.fn(s)
        need(case.own or s.alive(), 'the server has died')
        return None
    except Skip as e:
        return e
    except Wrong as e:
        return told(park, case, str(e))
    except Exception:
        return told(park, case, traceback.format_exc())


def main(what, name, clock=False):
    """clock: the servers have one that cases move."""
    p = argparse.ArgumentParser(description=what)
    p.add_argument('--only', default='', help='cases whose title contains this')
    p.add_argument('--engine', default='sqlite', choices=('sqlite', 'postgres'))
    p.add_argument('--jobs', type=int, default=4)
    options = p.parse_args()
    tap, park = Tap(), Park(options.engine, clock)
    chosen = [c for c in CASES if options.only.lower() in c.title.lower()]
    with ThreadPoolExecutor(options.jobs) as pool:
        apart = [(c.title, pool.submit(attempt, park, c)) for c in chosen if c.alone or c.own]
        results = [(c.title, attempt(park, c)) for c in chosen if not (c.alone or c.own)]
        results += [(t, f.result()) for t, f in apart]
    tap.block([(f'{options.engine} {name}: {t}', why) for t, why in results])
    park.close(tap)
    return tap.end()
