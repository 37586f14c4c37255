#!/usr/bin/env python3
"""limits.py -- rates that three nodes count together, on a real PostgreSQL, with a real Valkey or Redis (also over TLS) and without one.

    python3 test/lib/pg.py -- python3 test/limits.py

TAP lines, and `N passed, N failed` at the end."""
import os
import sys
import tempfile
import threading
from contextlib import closing

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

from redis import Redis, program
from server import Failure, Server, wait_for
from tap import Tap
from tls import Authority

LIMIT, UNDER = 40, 8
RATES = {'rate_read': LIMIT, 'kv_timeout': 5000}


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


def health_is(status, nodes):
    if not wait_for(lambda: all(health(s)['status'] == status for s in nodes)):
        raise Failure(f'health is not {status}: {[health(s) for s in nodes]}')


def together(tap, title, nodes, least):
    got = hammer(nodes, LIMIT)
    ok = sum(status == 200 for status, _, _ in got)
    wrong = [x for x in got if x[0] not in (200, 429) or not 0 <= x[1] < LIMIT or not 0 <= x[2] <= 60 or (x[0] == 429 and x[1] != 0)]
    tap.line(title, None if least <= ok <= LIMIT and not wrong else f'{ok} of {LIMIT} let through; {wrong[:5]}')


def with_valkey(tap):
    with Redis() as r, Server({**RATES, 'kv': r.url}, db='postgres') as a, a.twin(a.settings) as b, a.twin(a.settings) as c:
        nodes = (a, b, c)
        health_is('ok', nodes)
        check = health(b)['checks']['redis']
        tap.line('health names the Valkey', None if check['ok'] and check['backend'] == 'valkey' else str(check))
        together(tap, 'three nodes with a Valkey let through the limit, and not one less', nodes, LIMIT)
        r.kill()
        health_is('degraded', nodes)
        check = health(a)['checks']['redis']
        tap.line('health says that it is away', None if not check['ok'] and check['error'].startswith('ECONN') else str(check))
        with closing(a.client()) as k:
            status = k.get('/v1/projects').status
        tap.line('requests are judged all the same', None if status in (200, 429) else str(status))
        r.args = ['--requirepass', 'x']
        r.start()
        said = wait_for(lambda: all('ECONN' in s.log_text() and 'wants a password' in s.log_text() for s in nodes))
        tap.line('the log says why it is away, and when that is for another reason', None if said else a.log_text()[-1000:])
        r.kill()
        r.args = []
        r.start()
        health_is('ok', nodes)
        together(tap, 'one that began anew counts again', nodes, LIMIT)


def with_postgres(tap):
    with Server(RATES, db='postgres') as a, a.twin(a.settings) as b, a.twin(a.settings) as c:
        check = health(c)['checks']['redis']
        tap.line('health names PostgreSQL', None if check['ok'] and check['backend'] == 'postgres' else str(check))
        together(tap, 'three nodes on PostgreSQL let through at most the limit, and at most eight less', (a, b, c), LIMIT - UNDER)


USERS = ['--requirepass', 's@cret', '--user', 'scriped', 'on', '>p:w', '~scriped:*', '+eval', '+evalsha', '+script|load', '+select', '+ping', '+@list', '+time', '+pexpire',
         '+get', '+set']


def said_of(a, uri, authority, word, words):
    """What a node says of the store under that URI: the word of health, and the line of its log."""
    os.environ.pop('SSL_CERT_FILE', None)
    if authority:
        os.environ['SSL_CERT_FILE'] = authority.file
    try:
        with a.twin({**a.settings, 'kv': uri}) as b:
            look = lambda: health(b)['checks']['redis']
            wait_for(lambda: look().get('error', '') == (word or ''))
            check = look()
            with closing(b.client()) as c:
                status = c.get('/v1/projects').status
            if words:
                b.log_wait(words)
            return check['ok'] and check['backend'] == 'valkey', check.get('error', ''), b.log_text(), status
    finally:
        os.environ.pop('SSL_CERT_FILE', None)


def over_tls(tap):
    """Whom a node trusts, and as whom it signs in; each refusal has its own word, and no log has a password."""
    with tempfile.TemporaryDirectory(prefix='scriped-tls-') as d, Server(RATES, db='postgres') as a:
        folders = [os.path.join(d, n) for n in ('ours', 'theirs')]
        for f in folders:
            os.mkdir(f)
        ours, theirs = map(Authority, folders)
        with Redis(args=USERS, tls=ours.certify('127.0.0.1')) as r, Redis(args=USERS, tls=ours.certify('valkey.example.com')) as named, Redis() as plain:
            def uri(s, who):
                return f'rediss://{who}127.0.0.1:{s.port}'
            cases = (
                ('the password is right', uri(r, ':s%40cret@'), ours, None, None),
                ('user and password are right', uri(r, 'scriped:p%3Aw@'), ours, None, None),
                ('the name is another', uri(named, ':s%40cret@'), ours, 'CERTIFICATE_NAME', 'another name'),
                ('the authority is another', uri(r, ':s%40cret@'), theirs, 'CERTIFICATE_UNTRUSTED', 'SSL_CERT_FILE'),
                ('nobody is trusted', uri(r, ':s%40cret@'), None, 'CERTIFICATE_UNTRUSTED', 'SSL_CERT_FILE'),
                ('the password is wrong', uri(r, ':nonsense@'), ours, 'WRONGPASS', 'password in kv is wrong'),
                ('the user is nobody', uri(r, 'nobody:s%40cret@'), ours, 'WRONGPASS', 'user or password'),
                ('there is no password', uri(r, ''), ours, 'NOAUTH', 'wants a password'),
                ('it speaks no TLS', uri(plain, ''), ours, 'ETIMEDOUT', 'without TLS'),
                ('we speak no TLS', f'redis://:s%40cret@127.0.0.1:{r.port}', ours, 'ECONNRESET', 'rediss://'),
            )
            for title, where, authority, word, words in cases:
                ok, error, log, status = said_of(a, where, authority, word, words)
                good = ok == (word is None) and status == 200 and (word is None or (error == word and words in log)) and 's@cret' not in log and 'nonsense' not in log
                tap.line(f'over TLS: {title}', None if good else f'health: {ok} {error!r}, a read {status}; log: {log[-400:]}')


def main():
    tap = Tap()
    if program():
        with_valkey(tap)
        over_tls(tap)
    else:
        tap.line('with a Valkey', RuntimeError('neither valkey-server nor redis-server is here'))
    with_postgres(tap)
    print(f'1..{tap.n}\n{tap.passed} passed, {tap.failed} failed')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main())
