"""dumps.py -- what is in a database, of either engine, in one form: {table: sorted rows}, a row a dict; without the tables that never move (src/move/table.c).

    same(dump_lite(folder), dump_pg(url))

And the file of an export, taken apart and put together."""
import contextlib
import gzip
import hashlib
import json
import os
import re
import sqlite3

from server import ROOT, Failure, psql

with open(os.path.join(ROOT, 'src', 'move', 'table.c'), encoding='utf-8') as rows:
    STAYS = set(re.findall(r'^\tSTAYS\("(\w+)"', rows.read(), re.M))


LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'


def ulid(ms, i):
    v = ms << 80 | i
    return ''.join(LETTERS[v >> (5 * k) & 31] for k in range(25, -1, -1))


def lite(folder):
    return sqlite3.connect(f'file:{folder}/scriped.db?mode=ro', uri=True)


def dump_lite(folder):
    """{table: sorted rows}, a row a dict of texts."""
    with contextlib.closing(lite(folder)) as db:
        tables = [n for n, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        return {t: rows(c[0] for c in d.description) for t in tables if t not in STAYS for d in [db.execute(f'SELECT * FROM "{t}"')]
                for rows in [lambda names, d=d: sorted_rows(names, d.fetchall())]}


def sorted_rows(names, rows):
    names = list(names)
    plain = [{n: ('hex:' + v.hex() if isinstance(v, bytes) else v) for n, v in zip(names, row)} for row in rows]
    return sorted(plain, key=lambda r: json.dumps(r, sort_keys=True))


def dump_pg(url):
    tables = psql(url, "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
                       " AND c.relkind IN ('r', 'p') AND NOT c.relispartition").split()
    found = {}
    for t in tables:
        if t in STAYS:
            continue
        lines = psql(url, f'SELECT to_jsonb(x) FROM "{t}" x').splitlines()
        rows = [{k: ('hex:' + v[2:] if isinstance(v, str) and v.startswith('\\x') else v) for k, v in json.loads(line).items()} for line in lines]
        found[t] = sorted(rows, key=lambda r: json.dumps(r, sort_keys=True))
    return found


def same(a, b, but=()):
    for t in sorted(set(a) | set(b)):
        if t in but:
            continue
        if a.get(t) != b.get(t):
            missing = [r for r in a.get(t, []) if r not in b.get(t, [])][:2]
            more = [r for r in b.get(t, []) if r not in a.get(t, [])][:2]
            raise Failure(f'{t} differs: {len(a.get(t, []))} and {len(b.get(t, []))} rows; missing {missing}, more {more}')


def as_moved(dump):
    """What an export makes of a dump: jobs that ran wait, and the facts of the server stay but for what setup made."""
    jobs = [dict(j, status='QUEUED', worker=None, lease_until=None) if j['status'] == 'RUNNING' else j for j in dump['job']]
    facts = [f for f in dump['server_fact'] if f['name'] == 'setup']
    return dict(dump, job=sorted(jobs, key=lambda r: json.dumps(r, sort_keys=True)), server_fact=facts)


def members(path):
    """The chunks of an export: lists of lines."""
    chunks, lines = [], []
    for line in gzip.open(path, 'rt', encoding='utf-8'):
        lines.append(line)
        if line.startswith('{"sha256"'):
            chunks.append(lines)
            lines = []
    return chunks


def write(path, chunks):
    """Chunks with sums that are right, whatever is in them: what somebody writes who means no good."""
    before = bytes(32)
    with open(path, 'wb') as f:
        for lines in chunks:
            body = ''.join(ln for ln in lines if not ln.startswith('{"sha256"')).encode()
            before = hashlib.sha256(before + body).digest()
            f.write(gzip.compress(body + b'{"sha256":"' + before.hex().encode() + b'"}\n'))
