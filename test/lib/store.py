"""store.py -- what tests of uploads share: asking for one, and looking at its row."""
import contextlib
import os
import sqlite3

from cases import need
from server import psql


def mint(s, kind='text/plain', size=None, key=None):
    c = s.client(key or s.key)
    try:
        a = c.post('/v1/uploads', {'contentType': kind, **({'maxSizeBytes': size} if size else {})})
        need(a.status == 200, f'no upload: {a}')
        return a.json()['data']
    finally:
        c.close()


def sql(s, text):
    if s.database:
        return psql(s.database.url, text).strip()
    with contextlib.closing(sqlite3.connect(os.path.join(s.data, 'scriped.db'), timeout=60)) as db, db:
        found = db.execute(text).fetchone()
        return found and found[0]
