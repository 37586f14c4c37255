#!/usr/bin/env python3
"""replicas.py -- reads from a streaming replica: whoever wrote reads what was written, through any node, however far behind the replica is.

    python3 test/replicas.py

Starts its own PostgreSQL, replica, Valkey and nodes (test/lib/cluster.py), each link through a proxy that can cut it.  TAP lines, and
`N passed, N failed` at the end."""
import json
import os
import re
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from threading import Thread

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))

from cluster import Cluster, Node, Postgres
from redis import program
from server import Client, Failure, program as scriped, surroundings, wait_for
from tap import Tap

SETTINGS = {'metrics_listen': '127.0.0.1:0', 'job_poll': 100, 'rate_read': 0, 'rate_write': 0, 'rate_jobs': 0, 'kv_timeout': 300}
TEXT = 'We moved our support to one page. Tickets fell by half. Nobody missed the second form.'
LEASE = 2.0             # SEEN_LEASE_US
NODES = ('api1', 'api2')


def need(what, why):
    if not what:
        raise Failure(why)


class World:
    def __init__(self, cluster):
        self.c = cluster
        self.api = [cluster.nodes[n] for n in NODES]
        self.to = [n.client() for n in self.api]
        self.project = self.api[0].project

    def figure(self, name, node=0):
        with closing(Client(self.api[node].host, self.api[node].metrics)) as c:
            text = c.get('/metrics').body.decode()
        return int(re.search(rf'^scriped_{re.escape(name)} (\d+)', text, re.M).group(1))

    def reads(self, of, node=0):
        return self.figure(f'replica_reads_total{{from="{of}"}}', node)

    def opened(self):
        need(wait_for(lambda: all(self.figure('replica_open', i) for i in range(len(self.api)))), 'the nodes do not read from the replica')

    def note(self, node=0, title='A note'):
        a = self.to[node].post('/v1/notes', {'projectId': self.project, 'title': title, 'content': 'Text.'})
        need(a.status == 200, f'POST /v1/notes: {a}')
        return a.json()['data']['id']

    def status(self, path, node=1):
        return self.to[node].get(path).status

    def settled(self, path, node):
        """The status once it is not 503: its links to a server that was promoted may be on their way."""
        seen = []
        wait_for(lambda: seen.append(self.status(path, node)) or seen[-1] != 503)
        return seen[-1]

    def warm(self):
        """Both nodes read from the replica, and it has what was written."""
        self.opened()
        for i in range(len(self.api)):
            def answered(i=i):
                before = self.reads('replica', i)
                need(self.status(f'/v1/projects/{self.project}/voice', i) == 200, 'the voice is not read')
                return self.reads('replica', i) > before
            need(wait_for(answered, pause=0.2), f'{self.api[i].name} does not read from the replica')

    @contextmanager
    def stuck(self):
        """The replica takes the log in, and replays nothing of it."""
        b = self.c.pg[self.c.replica()]
        b.ask('SELECT pg_wal_replay_pause()')
        need(wait_for(lambda: b.ask('SELECT pg_get_wal_replay_pause_state()').strip() == 'paused'), 'the replay does not pause')
        try:
            yield
        finally:
            b.ask('SELECT pg_wal_replay_resume()')


def answers(w):
    """A replica that has everything answers reads and lists, in one flight each."""
    note = w.note()
    w.warm()
    before, trips, began = w.reads('replica', 1), w.figure('pool_trips_total', 1), time.monotonic()
    for _ in range(20):
        need(w.status(f'/v1/notes/{note}') == 200, 'the note is not read')
    need(w.reads('replica', 1) - before >= 20, f"{w.reads('replica', 1) - before} of 20 reads went to the replica")
    beside = 5 * (time.monotonic() - began)         # health, and looks at licences, each second
    need(w.figure('pool_trips_total', 1) - trips < 20 + 19 + beside, 'a read took more than one trip')
    before = w.reads('replica', 1)
    need(w.status(f'/v1/notes?projectId={w.project}') == 200 and w.reads('replica', 1) > before, 'a list did not go to the replica')
    before = w.reads('replica', 1)
    for path in ('/v1/workspaces/me', '/v1/jobs', f'/v1/projects/{w.project}', '/v1/usage'):
        need(w.status(path) == 200, path)
    need(w.reads('replica', 1) == before, 'what the primary has to answer went to the replica')


def own_writes(w):
    """The replica is behind: what was written is read through either node, single and in lists, changed and deleted."""
    w.warm()
    with w.stuck():
        for node in (0, 1):
            for i in range(5):
                note = w.note(node, f'Number {i}')
                for reader in (0, 1):
                    need(w.status(f'/v1/notes/{note}', reader) == 200, f'{note}, written by {node}, is not read by {reader}')
                    listed = w.to[reader].get(f'/v1/notes?projectId={w.project}').json()['data']
                    need(note in [n['id'] for n in listed], f'{note}, written by {node}, is not listed by {reader}')
        folder = w.to[0].post('/v1/folders', {'projectId': w.project, 'name': f'F{time.monotonic()}'}).json()['data']['id']
        need(w.to[0].request('PATCH', f'/v1/folders/{folder}', {'name': f'G{folder}'}).status == 200, 'PATCH')
        need(w.to[1].get(f'/v1/folders/{folder}').json()['data']['name'] == f'G{folder}', 'the old name is read')
        need(w.to[0].request('DELETE', f'/v1/folders/{folder}').status == 200 and w.status(f'/v1/folders/{folder}') == 404, 'what was deleted is read')
        need(w.reads('behind', 1) > 0, 'no read found the replica behind')
    w.warm()


def of_others(w):
    """Who wrote nothing meanwhile is answered by a replica that stands still."""
    with closing(w.api[1].client(w.api[0].mint(workspace=w.api[0].workspace('Apart')))) as c:
        need(wait_for(lambda: c.get('/v1/notes/note_01J9ZAB12CD34E56F7G8H9JKMN').status == 404), 'the other workspace')
        w.warm()
        with w.stuck():
            w.note()
            before = w.reads('replica', 1)
            for _ in range(5):
                need(c.get('/v1/notes/note_01J9ZAB12CD34E56F7G8H9JKMN').status == 404, 'the other workspace')
            need(w.reads('replica', 1) - before >= 5, 'it was not the replica that answered')


def of_jobs(w):
    """Who waited for a job, or polled it, reads the post that it made."""
    w.warm()
    with w.stuck():
        for i in range(6):
            a = w.to[i % 2].post('/v1/posts/generations', {'projectId': w.project, 'source': {'text': TEXT}, 'wait_for_completion_ms': 0 if i > 2 else 20000})
            need(a.status == 200, f'{a}')
            job = a.json()['data']
            until = time.monotonic() + 60
            while job['status'] != 'DONE':
                need(time.monotonic() < until and job['status'] in ('QUEUED', 'RUNNING'), f'{job}')
                job = w.to[i % 2].get(f"/v1/jobs/{job['id']}").json()['data']
            need(w.status(f"/v1/posts/{job['result']['postId']}", 1 - i % 2) == 200, 'the post of the job is not read')


def of_commands(w):
    """What a command wrote that found no server is read through any node, once it has ended; a command that writes no content does not shut the replicas."""
    w.warm()
    with w.stuck():
        def command(*args):
            p = subprocess.run([*scriped(), *args, '--json', '--db', w.c.uri('api1')], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=surroundings(), timeout=60)
            need(p.returncode == 0, f'{args}: {p.stderr}')
            return json.loads(p.stdout)
        before = w.reads('replica', 1)
        need(w.status('/v1/folders/fold_01J9ZAB12CD34E56F7G8H9JKMN') == 404 and w.reads('replica', 1) > before, 'nothing is read from the replica')
        command('key', 'mint', '--workspace', w.api[0].id, '--name', 'Beside', '--scopes', 'all')
        need(w.figure('replica_open', 1), 'a key shut the replicas')
        folder = command('folder', 'create', '--workspace', w.api[0].id, '--project', w.project, '--name', 'By a command')['id']
        for node in (0, 1):
            need(w.status(f'/v1/folders/{folder}', node) == 200, f'the folder is not read by {NODES[node]}')
    w.warm()


def cut_off(w):
    """The node that writes does not reach the Valkey, where others still read what it said before."""
    w.warm()
    with w.stuck():
        w.c.proxy.set('hold', 'api1-kv')
        try:
            took = []
            for i in range(6):
                began = time.monotonic()
                note = w.note(0, f'Cut {i}')
                took.append(time.monotonic() - began)
                need(w.status(f'/v1/notes/{note}', 1) == 200, f'{note} is not read by the node that reaches the Valkey')
            need(took[0] >= LEASE, f'the first write did not wait for the licences of others: {took}')
            need(min(took[1:]) < LEASE / 2, f'every write waits: {took}')
            need(w.figure('replica_held_total', 0) >= 6, 'nothing was held')
        finally:
            w.c.proxy.heal()
    w.warm()


def emptied(w):
    """A Valkey that comes back without a memory."""
    w.warm()
    with w.stuck():
        note = w.note()
        w.c.kv.kill()
        need(w.status(f'/v1/notes/{note}') == 200, 'without a Valkey the note is not read')
        w.c.kv.start()
        for _ in range(20):
            need(w.status(f'/v1/notes/{note}') == 200, 'after the Valkey came back the note is not read')
            time.sleep(0.2)
    w.warm()


def away(w):
    """The replica dies and comes back; then it is promoted beside the primary, and is no replica any more."""
    w.warm()
    b = w.c.replica()
    w.c.synchronous('')
    w.c.pg[b].kill()
    for i in range(10):
        need(w.status(f'/v1/notes/{w.note()}', i % 2) == 200, 'a read without the replica')
    w.c.pg[b].start()
    w.warm()
    w.c.pg[b].run('pg_ctl', '-D', w.c.pg[b].data, '-w', 'promote')
    for i in range(20):
        note = w.note(i % 2)
        need(w.status(f'/v1/notes/{note}', 1 - i % 2) == 200, 'a replica that was promoted beside the primary answered')
    before = w.reads('replica', 0) + w.reads('replica', 1)
    for i in range(20):
        need(w.status(f'/v1/notes/{note}', i % 2) == 200, 'a read beside a promoted replica')
    need(w.reads('replica', 0) + w.reads('replica', 1) == before, 'who follows nobody is read from')
    w.c.attach(b)
    w.warm()


def cancelled(w):
    """A COMMIT that was made to give up waiting for its synchronous replica is not acknowledged; one with a key is when the replica has it."""
    w.warm()
    primary, b = w.c.pg[w.c.primary], w.c.pg[w.c.replica()]
    w.c.synchronous(b.name)
    answers, words = {}, 'made the primary give up waiting'

    def post(name, **headers):
        with closing(w.api[0].client()) as c:
            c.timeout = 60
            answers[name] = c.request('POST', '/v1/notes', {'projectId': w.project, 'content': name}, headers)

    def cancel(name):
        """Whoever waits for the replica, until that one has its answer."""
        primary.ask("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        return name in answers

    def waits():
        return int(primary.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'"))
    callers = [Thread(target=post, args=('plain',)), Thread(target=post, args=('named',), kwargs={'Idempotency-Key': 'cancelled-1'})]
    b.pause(True)
    try:
        callers[0].start()
        need(wait_for(lambda: cancel('plain'), 30, 0.1), 'the write without a key is not answered')
        need(answers['plain'].status == 503 and 'not known whether this was done' in answers['plain'].json()['error']['message'], f"{answers['plain']}")
        callers[1].start()
        need(wait_for(waits, 30, 0.05), 'nobody waits for the replica')
        before = w.figure('pool_local_commits_total')
        need(wait_for(lambda: cancel('none') or w.figure('pool_local_commits_total') > before, 30, 0.1), 'no commit was cancelled')
        need(wait_for(waits, 30, 0.05) and 'named' not in answers, 'the write with a key was acknowledged before the replica had it')
    finally:
        b.pause(False)
        for t in callers:
            t.join()
    need(answers['named'].status == 200, f"{answers['named']}")
    for name in answers:
        need(w.c.sql(f"SELECT count(*) FROM note WHERE content = '{name}'").strip() == '1', f'{name} is not there once')
    need(wait_for(lambda: words in w.api[0].log_text(), 10), 'the log does not say it')
    w.c.synchronous('')
    w.warm()


def diverged(w):
    """A replica that does not follow the server that was promoted answers nothing, though it has more of the old log."""
    c, old, new = w.c, w.c.primary, w.c.replica()
    c.synchronous('')
    c.pg['c'] = third = Postgres('c', f'{c.dir}/pg-c')
    third.copy(c.pg[old].port)
    third.start()
    for to, port in [(n, c.pg[n].port) for n in 'ab'] + [('kv', c.kv.port)]:
        c.link(f'far-{to}', port)
    os.mkdir(os.path.join(c.dir, 'far'))
    c.nodes['far'] = node = Node('far', c, 'api', {**c.settings, **c.of_services('far'), 'db_read': third.url('scriped', 'scriped')})
    node.key, node.id, node.project = w.api[0].key, w.api[0].id, w.api[0].project
    node.start()
    w.api.append(node)
    w.to.append(node.client())
    w.note()
    w.warm()
    c.proxy.set('hold', f'{new}-{old}')
    for _ in range(4):
        w.note()
        c.sql('SELECT pg_switch_wal()')         # some megabytes ahead of what is promoted
    at = c.sql('SELECT pg_current_wal_flush_lsn()').strip()
    need(wait_for(lambda: third.ask(f"SELECT pg_last_wal_replay_lsn() >= '{at}'").strip() == 't', 30), 'the third server does not follow')
    c.pg[old].kill()
    c.promote()
    c.proxy.heal()
    for i in range(2):
        need(wait_for(lambda: w.status('/v1/jobs', 0) == 200, 60), 'nothing is served after the promotion')
        for _ in range(20):
            note = w.note()
            status = w.settled(f'/v1/notes/{note}', 2)
            need(status == 200, f'what was written after a promotion is not read: {status}')
        if i == 0:
            w.opened()


def refused(w):
    """Without `kv` a replica is refused at the start."""
    node = w.api[0]
    for given, words in ((['--db', w.c.uri('api1'), '--set', 'db_read=postgres://x/y'], 'db_read needs kv'), (['--set', 'db_read=postgres://x/y'], 'lead to the database of db')):
        p = subprocess.run([*scriped(), 'serve', '--data', node.data + '-x', *given], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=surroundings(), timeout=60)
        need(p.returncode == 2 and words in p.stderr, f'{p.returncode} {p.stderr}')


def looked_at(w):
    """The doctor knows a replica of this database from other servers."""
    def said(read):
        p = subprocess.run([*scriped(), 'doctor', '--json', '--db', w.c.uri('api1'), '--kv', f'redis://127.0.0.1:{w.c.kv.port}', '--set', 'db_read=' + read], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, env=surroundings(), timeout=60)
        return [(row['result'], row['detail']) for row in json.loads(p.stdout) if row['check'] == 'db_read']
    primary, replica = w.c.pg[w.c.primary], w.c.pg[w.c.replica()]
    for read, result, words in ((w.c.uri('api1', 'prefer-standby'), 'ok', 'a replica of this database'), (primary.url('scriped', 'scriped'), 'FAIL', 'follows nobody'),
                                (replica.url('postgres', 'scriped'), 'FAIL', 'another database'), ('postgres://127.0.0.1:1/x', 'warn', 'all is read from the primary')):
        need([(result, True)] == [(r, words in d) for r, d in said(read)], f'{read}: {said(read)}')


def main():
    tap = Tap()
    if not program():
        tap.line('reads from a replica', RuntimeError('no Valkey or Redis is installed'))
        return tap.end()
    only = sys.argv[1] if len(sys.argv) > 1 else ''
    with Cluster(SETTINGS, apis=2, workers=1, bucket=False, replica_reads=True) as c:
        c.migrate()
        w = World(c)
        for case in (refused, looked_at, answers, own_writes, of_others, of_jobs, of_commands, cut_off, emptied, cancelled, away, diverged):
            if only not in case.__name__:
                continue
            try:
                case(w)
                tap.line(case.__doc__.strip())
            except (Failure, OSError, KeyError, AttributeError) as e:
                tap.line(case.__doc__.strip(), f'{case.__name__}: {e!r}' + ''.join(f'\n{n.name} said last:\n{n.last_words()}' for n in c.nodes.values()))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
