"""world.py -- a server with two workspaces and a row of every kind in each, for the cases to point at, and a look at what it stores.

In a target or a body ~name~ stands for World.names[name]: ~project~ is ours, ~project_theirs~ another workspace's, ~project_gone~
was deleted, ~project_never~ was never there; so for every kind in KINDS."""
import json
import os
import re
import secrets
import sqlite3
import time

from server import Failure, Server, psql

DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
# prefix of the id -> (name in ~name~, table)
KINDS = {'proj': ('project', 'project'), 'note': ('note', 'note'), 'post': ('post', 'post'), 'job': ('job', 'job'), 'stat': ('status', 'post_status'),
         'fold': ('folder', 'folder'), 'src': ('source', 'source'), 'org': ('workspace', 'workspace'), 'hk': ('hook', 'hook'), 'slot': ('slot', None)}
# Tables that requests change without a write of theirs.
RESTLESS = {'audit', 'server_fact', 'idempotency', 'api_key', 'schema_version', 'request_log', 'sqlite_sequence'}
NAMED = re.compile(rb'~([a-z_]+)~')


def ulid(ms=None):
    n = (int(time.time() * 1000 if ms is None else ms) << 80) | secrets.randbits(80)
    return ''.join(DIGITS[n >> 5 * i & 31] for i in range(25, -1, -1))


class World:
    """settings: of its server.  use() it from one thread; what the cases need is there before they run."""

    def __init__(self, engine, settings=None):
        self.engine, self.names = engine, {}
        self.server = Server(settings or {}, db=engine)
        self.server.setup()
        self.server.start()
        self.theirs = self.server.workspace('Theirs')
        self.keys = {'ours': self.server.key, 'theirs': self.server.mint(workspace=self.theirs)}
        self.names['own_workspace'] = self.server.id
        self.fill('ours', '', self.server.id, self.server.project)
        self.fill('theirs', '_theirs', self.theirs, self.server.new_project(self.theirs, 'Theirs'))
        self.second = self.names['project_second'] = self.server.new_project(name='Second')
        self.names['status_second'] = self.made_status(self.server.client(), self.second)
        self.names['folder_second'] = self.made_folder(self.server.id, self.second)
        self.names['project_archived'] = self.server.new_project(name='Archived')
        self.sql(f"UPDATE project SET status = 'ARCHIVED' WHERE id = '{self.bare('project_archived')}'")
        for prefix, (name, table) in KINDS.items():
            self.names[name + '_never'] = f'{prefix}_{ulid()}'
            if name in self.names:
                self.names[name + '_misnamed'] = ('post_' if prefix != 'post' else 'note_') + self.bare(name)
                self.names[name + '_encoded'] = ''.join(f'%{ord(c):02x}' for c in self.names[name])
        self.delete_some()

    def fill(self, key, suffix, workspace, project):
        c = self.server.client(self.keys[key])
        n = {'project': project, 'workspace': workspace}
        n['folder'] = self.made_folder(workspace, project)
        n['status'] = self.made_status(c, project)
        for kind in ('note', 'post'):
            n[kind] = self.create(c, kind, project)
        job = c.post('/v1/posts/generations', {'projectId': project, 'source': {'text': 'A sentence to write from.'}}).json()['data']['id']
        c.wait_job(job)
        n['job'] = job
        self.names.update({k + suffix: v for k, v in n.items()})
        c.close()

    def create(self, c, kind, project=None):
        a = c.post(f'/v1/{kind}s', {'projectId': project or self.names['project'], 'content': f'A {kind}.'})
        if a.status != 200:
            raise Failure(f'cannot make a {kind}: {a}')
        return a.json()['data']['id']

    def made_folder(self, workspace, project):
        at = ulid()
        self.sql(f"INSERT INTO folder (workspace, id, project, name) VALUES ('{workspace[4:]}', '{at}', '{project[5:]}', 'Folder')")
        return 'fold_' + at

    def made_status(self, c, project):
        rows = c.get(f'/v1/post-statuses?projectId={project}').json()['data']
        return next(r['id'] for r in rows if r['category'] == 'draft')

    def delete_some(self):
        """Rows that were there and are not any more."""
        c = self.server.client()
        gone = {'note': self.create(c, 'note'), 'post': self.create(c, 'post'), 'folder': self.made_folder(self.server.id, self.names['project'])}
        for name, at in gone.items():
            self.sql(f"DELETE FROM {name} WHERE id = '{at.split('_')[1]}'")
            self.names[name + '_gone'] = at
        c.close()

    def bare(self, name):
        return self.names[name].split('_', 1)[1]

    def fill_in(self, data):
        """bytes with their ~names~ replaced."""
        return NAMED.sub(lambda m: self.names[m.group(1).decode()].encode(), data)

    # what is stored

    def sql(self, text):
        """Runs a statement; rows as lists of texts, which hold no bar and no line end."""
        if self.engine == 'postgres':
            return [line.split('|') for line in psql(self.server.database.url, text).split('\n') if line]
        db = sqlite3.connect(os.path.join(self.server.data, 'scriped.db'), timeout=30)
        try:
            with db:
                return [[str(v) for v in row] for row in db.execute(text)]
        finally:
            db.close()

    def tables(self):
        if self.engine == 'postgres':
            rows = self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        else:
            rows = self.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return sorted(r[0] for r in rows if r[0] not in RESTLESS)

    def stored(self):
        """Everything that a request could have changed: {table: set of rows}."""
        begin = "replace(substr(t::text, 1, 300), E'\\n', ' ')"
        whole = f"SELECT md5(t::text), {begin} FROM {{}} t" if self.engine == 'postgres' else 'SELECT * FROM {}'
        return {t: {'|'.join(r) for r in self.sql(whole.format(t))} for t in self.tables()}

    def events(self):
        """The events, decoded.  Through hexadecimal: psql leaves out characters that it cannot print."""
        text = "encode(convert_to(body, 'UTF8'), 'hex')" if self.engine == 'postgres' else 'hex(body)'
        return [json.loads(bytes.fromhex(r[0])) for r in self.sql(f'SELECT {text} FROM event')]

    def bound(self):
        """The idempotency keys that are bound, with the status of what they bind."""
        return {r[0]: int(r[1]) for r in self.sql('SELECT key, status FROM idempotency')}

    def close(self):
        self.server.close()


def difference(before, after):
    """What a refused request has written, for a person to read; '' if nothing."""
    out = []
    for t in sorted(set(before) | set(after)):
        out += [f'{t}: a row appeared: {r[:300]}' for r in sorted(after.get(t, set()) - before.get(t, set()))]
        out += [f'{t}: a row is gone: {r[:300]}' for r in sorted(before.get(t, set()) - after.get(t, set()))]
    return '\n'.join(out[:20])
