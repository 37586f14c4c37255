#!/usr/bin/env python3
"""limits.py -- rates that three nodes count together, on a real PostgreSQL, with a real Valkey or Redis and without one.

    python3 test/lib/pg.py -- python3 test/limits.py

TAP lines, and `N passed, N failed` at the end."""
import os
import sys
import threading
from contextlib import closing

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

from redis import Redis, program
from server import Server, wait_for
from tap import Tap

LIMIT, UNDER = 40, 8
RATES = {'rate_read': LIMIT, 'kv_timeout': 2000}


def hammer(nodes, each):
    """What `each` reads on every node at once get: the statuses and the figures of the headers."""
    out, lock = [], threading.Lock()

    def one(s):
        with closing(s.client()) as c:
            for _ in range(each):
                r = c.get('/v1/projects')
                with lock:
                    out.append((r.status, int(r.get('X-RateLimit-Remaining')), int(r.get('X-RateLimit-Reset'))))
    threads = [threading.Thread(target=one, args=(s,)) for s in nodes]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def health(s):
    with closing(s.client()) as c:
        return c.get('/v1/health').json()


def together(tap, title, nodes, least):
    got = hammer(nodes, LIMIT)
    ok = sum(status == 200 for status, _, _ in got)
    wrong = [x for x in got if x[0] not in (200, 429) or not 0 <= x[1] < LIMIT or not 0 <= x[2] <= 60 or (x[0] == 429 and x[1] != 0)]
    tap.line(title, None if least <= ok <= LIMIT and not wrong else f'{ok} of {LIMIT} let through; {wrong[:5]}')


def with_valkey(tap):
    with Redis() as r, Server({**RATES, 'kv': r.url}, db='postgres') as a, a.twin(a.settings) as b, a.twin(a.settings) as c:
        nodes = (a, b, c)
        check = health(b)['checks']['redis']
        tap.line('health names the Valkey', None if check['ok'] and check['backend'] == 'valkey' else str(check))
        together(tap, 'three nodes with a Valkey let through the limit, and not one less', nodes, LIMIT)
        r.kill()
        wait_for(lambda: all(health(s)['status'] == 'degraded' for s in nodes), 20)
        check = health(a)['checks']['redis']
        tap.line('health says that it is away', None if not check['ok'] and check['error'].startswith('ECONN') else str(check))
        with closing(a.client()) as k:
            status = k.get('/v1/projects').status
        tap.line('requests are judged all the same', None if status in (200, 429) else str(status))
        r.start()
        wait_for(lambda: all(health(s)['status'] == 'ok' for s in nodes), 20)
        together(tap, 'one that began anew counts again', nodes, LIMIT)


def with_postgres(tap):
    with Server(RATES, db='postgres') as a, a.twin(a.settings) as b, a.twin(a.settings) as c:
        check = health(c)['checks']['redis']
        tap.line('health names PostgreSQL', None if check['ok'] and check['backend'] == 'postgres' else str(check))
        together(tap, 'three nodes on PostgreSQL let through at most the limit, and at most eight less', (a, b, c), LIMIT - UNDER)


def main():
    tap = Tap()
    if program():
        with_valkey(tap)
    else:
        tap.line('with a Valkey', RuntimeError('neither valkey-server nor redis-server is here'))
    with_postgres(tap)
    print(f'1..{tap.n}\n{tap.passed} passed, {tap.failed} failed')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main())
