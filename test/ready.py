#!/usr/bin/env python3
"""ready.py -- /livez and /readyz, as load balancers and those who start processes ask them.

    python3 test/ready.py [--engine postgres] [--only WORDS]

TAP lines, and `N passed, N failed` at the end."""
import contextlib
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))

import cases
from cases import case, need
from server import Client, Server, psql, wait_for

METRICS = {'metrics_listen': '127.0.0.1:0'}


def both(s):
    """A client without a key for each listener of a server."""
    return [Client('127.0.0.1', port, '') for port in (s.port, s.metrics)]


def state(c):
    a = c.get('/readyz')
    need(a.get('Content-Type') == 'application/json' and a.get('Cache-Control') == 'no-store', f'headers of /readyz: {a.headers}')
    need(set(a.json()) == {'ready', 'status', 'database', 'kv'} and a.json()['ready'] is (a.status == 200), f'/readyz says {a}')
    return a.status, a.json()['status'], a.json()['database']


@case('both answer on both listeners, with GET and HEAD, without a key or a line in the log', alone=True, log_level='debug', **METRICS)
def plain(s):
    for c in both(s):
        need(wait_for(lambda: state(c)[0] == 200), f'never ready: {state(c)}')
        need(state(c) == (200, 'ok', 'ok'), f'{state(c)}')
        a = c.get('/livez')
        need(a.status == 200 and a.json() == {'live': True}, f'/livez: {a}')
        for path in ('/livez', '/readyz'):
            a = c.request('HEAD', path)
            need(a.status == 200 and a.body == b'' and int(a.get('Content-Length')) > 10, f'HEAD {path}: {a} {a.headers}')
            a = c.request('POST', path, body=b'{}')
            need(a.status == 405 and a.get('Allow') == 'GET, HEAD', f'POST {path}: {a} {a.headers}')
            need(c.get(path + '/x').status in (401, 404), f'{path}/x is something')
    need('path=/readyz ' not in s.log_text() and 'path=/livez ' not in s.log_text(), 'probes are in the log: ' + s.log_text()[-500:])


@case('after SIGTERM /readyz says so while requests go on, for as long as drain_delay says, and a second signal cuts it short', own=True)
def leaving(engine):
    with Server({**METRICS, 'drain_delay': 600}, db=engine) as s:
        api, other = both(s)
        need(wait_for(lambda: state(other)[0] == 200), 'never ready')
        s.proc.send_signal(signal.SIGTERM)
        need(wait_for(lambda: state(api)[:2] == (503, 'stopping')), f'{state(api)}')
        need(state(other)[:2] == (503, 'stopping'), f'{state(other)}')
        need(api.get('/livez').status == other.get('/livez').status == 200, 'it is alive while it drains')
        c = s.client()
        for i in range(3):
            a = c.post('/v1/notes', {'projectId': s.project, 'content': f'written on the way out, {i}'})
            need(a.status in (200, 201), f'a write after SIGTERM: {a}')
        need(Client('127.0.0.1', s.port, s.key).get('/v1/workspaces/me').status == 200, 'a new connection after SIGTERM')
        need(s.stop() == 0, 'the second signal did not end it')


@case('drain_delay ends by itself', own=True)
def notice(engine):
    with Server({'drain_delay': 1}, db=engine) as s:
        began = time.monotonic()
        need(s.stop() == 0 and time.monotonic() - began >= 1, f'it took {time.monotonic() - began:.1f} s')


@case('without drain_delay SIGTERM is as prompt as ever', own=True)
def prompt(engine):
    with Server({'drain_time': 600}, db=engine) as s:
        need(s.stop() == 0, 'it does not end well')


@case('a database that is away makes a node unready and no less alive, and it comes back by itself', own=True)
def away(engine):
    if engine != 'postgres':
        raise cases.Skip('the embedded database cannot leave')
    with Server(METRICS, db=engine) as s:
        api, other = both(s)
        need(wait_for(lambda: state(api)[0] == 200), 'never ready')
        name = s.database.name
        psql(s.database.server, f'ALTER DATABASE {name} ALLOW_CONNECTIONS false')
        psql(s.database.server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        need(wait_for(lambda: state(api)[:2] == (503, 'unready')), f'{state(api)}')
        need(state(other)[:2] == (503, 'unready') and state(other)[2] != 'ok', f'{state(other)}')
        figures = Client('127.0.0.1', s.metrics, '').get('/metrics')
        need(figures.status == 200 and b'scriped_database_up 0' in figures.body, f'/metrics without a database: {figures}')
        need(api.get('/livez').status == other.get('/livez').status == 200, 'a node is not started anew because its database is away')
        psql(s.database.server, f'ALTER DATABASE {name} ALLOW_CONNECTIONS true')
        need(wait_for(lambda: state(api) == (200, 'ok', 'ok')), f'{state(api)}')


@case('a store of limits that is away makes a node degraded, and it goes on taking callers', own=True)
def lame(engine):
    if engine != 'postgres':
        raise cases.Skip('one process counts in its memory')
    with Server({**METRICS, 'kv': 'redis://127.0.0.1:1'}, db=engine) as s:
        api, _ = both(s)
        need(wait_for(lambda: state(api) == (200, 'degraded', 'ok')), f'{state(api)}')
        need(api.get('/readyz').json()['kv'] != 'ok' and s.client().get('/v1/workspaces/me').status == 200, f'{api.get("/readyz")}')


@case('a full disk makes a node degraded: reads are served, and writes again as soon as there is room', own=True)
def no_room(engine):
    if engine == 'postgres':
        raise cases.Skip('test/cluster fills the disk of its primary')
    with tempfile.TemporaryDirectory() as disk:
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk], capture_output=True, check=False).returncode != 0:
            raise cases.Skip('no disk can be mounted here')
        try:
            with Server(METRICS, db=engine, data=disk + '/data') as s:
                api, c = both(s)[0], s.client()
                need(wait_for(lambda: state(api)[0] == 200), 'never ready')
                with open(disk + '/ballast', 'wb', buffering=0) as f, contextlib.suppress(OSError):
                    while f.write(bytes(4096)) == 4096:
                        pass
                write = lambda: c.post('/v1/notes', {'projectId': s.project, 'content': 'x' * 50000}).status
                need(wait_for(lambda: write() == 503 and state(api)[:2] == (200, 'degraded'), 30), f'{write()} {state(api)}')
                need('full' in state(api)[2] and c.get('/v1/workspaces/me').status == 200 and api.get('/v1/health').status == 503, f'{state(api)}')
                os.unlink(disk + '/ballast')
                need(wait_for(lambda: write() == 200 and state(api) == (200, 'ok', 'ok'), 30), f'{write()} {state(api)}')
        finally:
            subprocess.run(['umount', '-l', disk], check=False)


if __name__ == '__main__':
    sys.exit(cases.main(__doc__, 'ready'))
