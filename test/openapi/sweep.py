#!/usr/bin/env python3
"""sweep.py -- brings about, of every operation in the printed OpenAPI document, each refusal that the pipeline gives them all.

A new operation is in the sweep without a line here: its parameters and body are the examples of the document.  The traffic goes to
build/traffic/ENGINE-sweep.jsonl, where traffic.py judges it with that of the stories.

    python3 test/openapi/sweep.py [--engine sqlite|postgres]

On PostgreSQL also what needs a database that can be taken away: 503, and 409 idempotency_in_progress.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'lib'), os.path.join(os.path.dirname(HERE), 'scenario')]

import pg
from cases import sick
from run import Traffic
from server import OFFLINE, Client, Server, psql, program, surroundings
from tap import Tap

FOREIGN = 'org_01J9ZAB12CD34E56F7G8H9JKMN'


BUCKETS = ('read', 'write', 'jobs', 'uploads')


class Op:
    """An operation, and a request to it made of the document's examples."""

    def __init__(self, document, method, path, v):
        def follow(x):
            return document['components'][x['$ref'].split('/')[2]][x['$ref'].split('/')[3]] if '$ref' in x else x
        self.id, self.method, self.path, self.v = v['operationId'], method.upper(), path, v
        self.params = [follow(p) for p in v.get('parameters', [])]
        self.public = v.get('security') == []
        self.people = 'x-roles' in v        # whom no key is: what stands behind the door is call_test's
        self.scopes, self.bucket = v.get('x-scopes', []), v.get('x-rate-limit-bucket')
        self.keyed = any(p['name'] == 'Idempotency-Key' for p in self.params)
        self.form, content = next(iter(v.get('requestBody', {}).get('content', {}).items()), (None, {}))
        self.body = content.get('example')
        self.max = v.get('requestBody', {}).get('x-max-bytes')

    def target(self):
        path, query = self.path, {}
        for p in self.params:
            if p['in'] == 'path':
                path = path.replace('{%s}' % p['name'], p['example'])
            elif p['in'] == 'query' and p.get('required'):
                query[p['name']] = p['example']
        return path + ('?' + urllib.parse.urlencode(query) if query else '')

    def headers(self, more):
        return dict({'Content-Type': self.form} if self.form and 'Content-Type' not in more else {}, **more)


class Sweep:
    def __init__(self, engine, ops, tap, traffic):
        self.engine, self.ops, self.tap, self.traffic = engine, ops, tap, traffic

    def ask(self, server, key, op, headers=(), more='', body=None):
        """more: onto the query.  A connection of its own: a refusal may close it."""
        def record(request, answer):
            self.traffic.add(dict(story=f'{op.id} is swept', request=request, answer=answer))
        client = Client(server.host, server.port, key, record)
        target = op.target()
        target += more and ('&' if '?' in target else '?') + more
        body = op.body if body is None else body
        data = json.dumps(body).encode() if op.form else None
        try:
            return client.request(op.method, target, data, op.headers(dict(headers)))
        finally:
            client.close()

    def expect(self, answer, op, status, code=None):
        good = answer.status == status and (code is None or answer.code() == code)
        self.tap.line(f'{self.engine} sweep: {op.id} answers {status} {code or ""}', None if good else repr(answer))

    def every(self, fn):
        """The sweep of one server, which must stay well."""
        server, what = fn
        with server:
            what(server)
            self.tap.line(f'{self.engine} sweep: the server is well', sick(server.log_text()))

    def shape(self, s):
        """400, 401, 403, 404, 413, 415, 409: what is refused before anything is looked up, or by the ledger."""
        poor = s.mint(workspace=s.workspace('Poor', plan='SOLO'))
        other = {scope: s.mint(scopes=scope) for scope in ('webhooks:manage', 'notes:read')}
        for op in self.ops:
            if not op.people:
                self.expect(self.ask(s, s.key, op, more='%zz'), op, 400, 'invalid_request')
            if op.public:
                continue
            self.expect(self.ask(s, s.key, op, {'Scripe-Api-Version': '2020-01-01'}), op, 400, 'version_unsupported')
            self.expect(self.ask(s, None, op), op, 401, 'invalid_token')
            self.expect(self.ask(s, poor, op), op, 403, 'plan_not_eligible')
            if op.scopes:
                wrong = other['notes:read' if 'webhooks:manage' in op.scopes else 'webhooks:manage']
                self.expect(self.ask(s, wrong, op), op, 403, 'scope_missing')
            self.expect(self.ask(s, s.key, op, {'Scripe-Workspace-Id': FOREIGN}), op, 404, 'not_found')
            if op.people:
                self.expect(self.ask(s, s.key, op), op, 403, 'role_missing')
                continue
            if op.form == 'application/json':
                self.expect(self.ask(s, s.key, op, {'Content-Type': 'text/plain'}), op, 415, 'unsupported_media_type')
                self.expect(self.ask(s, s.key, op, {'Content-Type': 'application/json', 'Content-Length': str(op.max + 1),
                                                    'Expect': '100-continue'}), op, 413, 'payload_too_large')
            if op.keyed and op.form:
                self.twice(s, op)

    def twice(self, s, op):
        """A key with two bodies: the example's ids are of nobody, so the first outcome is a bound 404 or 422."""
        key = {'Idempotency-Key': 'sweep-' + op.id.replace('_', '-')}
        first = self.ask(s, s.key, op, key)
        if first.status in (404, 409, 422, 200):
            self.expect(self.ask(s, s.key, op, key, body=dict(op.body, other=1)), op, 409, 'idempotency_key_conflict')
        else:
            self.tap.line(f'{self.engine} sweep: {op.id}: the example has a bound outcome', repr(first))

    def rates(self, s):
        """429: the first request of a bucket takes what there is.  Who asks for what is free is refused as a stranger."""
        taken, stranger = set(), 'scripe_sk_live_' + 64 * '0'
        for op in self.ops:
            if op.public or op.people:
                continue
            key = s.key if op.bucket in BUCKETS else stranger
            if op.bucket not in taken:
                self.ask(s, key, op)
                taken.add(op.bucket)
            self.expect(self.ask(s, key, op), op, 429, 'rate_limited')

    def twin(self, s):
        """409: another node is at it, under the lock of the name that the ledger gives a key, for longer than a twin waits."""
        op = next(o for o in self.ops if o.keyed and not o.people)
        name = hashlib.sha256(f'{s.id[4:]}{op.method} {op.path}\0twin'.encode()).digest()
        holder = subprocess.Popen([pg.find('psql'), '-Xq', '-d', s.database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            holder.stdin.write(f"BEGIN; SELECT pg_advisory_xact_lock({int.from_bytes(name[:8], 'little', signed=True)}); \\echo held\n")
            holder.stdin.flush()
            holder.stdout.readline()
            answer = self.ask(s, s.key, op, {'Idempotency-Key': 'twin'})
        finally:
            holder.stdin.close()
            holder.wait()
            holder.stdout.close()
        self.expect(answer, op, 409, 'idempotency_in_progress')

    def outage(self, s):
        """503: the database is gone, though the key is known."""
        self.ask(s, s.key, next(o for o in self.ops if not (o.public or o.people)))
        unasked = s.mint()
        psql(s.database.server, f'ALTER DATABASE {s.database.name} ALLOW_CONNECTIONS false')
        psql(s.database.server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{s.database.name}'")
        for op in sorted((o for o in self.ops if not o.people), key=lambda o: o.public):     # health is a second old
            answer = self.ask(s, unasked if op.id == 'check_auth' else s.key, op)     # which a known key passes
            self.expect(answer, op, 503, None if op.public else 'service_unavailable')


def operations():
    p = subprocess.run(program() + ['openapi', '--json'], stdout=subprocess.PIPE, check=True, env=surroundings())
    v = json.loads(p.stdout)
    return [Op(v, method, path, o) for path, methods in v['paths'].items() for method, o in methods.items()]


def main():
    p = argparse.ArgumentParser(description='Each refusal of the pipeline, of every operation.')
    p.add_argument('--engine', default='sqlite', choices=('sqlite', 'postgres'))
    options = p.parse_args()
    tap, traffic = Tap(), Traffic(options.engine, 'sweep')
    sweep = Sweep(options.engine, operations(), tap, traffic)
    sweep.every((Server(OFFLINE, db=options.engine), sweep.shape))
    sweep.every((Server({k: 1 for k in ['rate_unknown', *('rate_' + b for b in BUCKETS)]}, db=options.engine), sweep.rates))
    if options.engine == 'postgres':
        sweep.every((Server({'db_lock': 300}, db='postgres'), sweep.twin))
        sweep.every((Server({'db_deadline': 300}, db='postgres'), sweep.outage))
    traffic.file.close()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
