"""world.py -- a server with two workspaces and a row of every kind in each, for the cases to point at, and a look at what it stores.

In a target or a body ~name~ stands for World.names[name]: ~project~ is ours, ~project_theirs~ another workspace's, ~project_gone~
was deleted, ~project_never~ was never there; so for every kind in KINDS."""
import json
import os
import re
import secrets
import sqlite3
import threading
import time

from server import OFFLINE, Failure, Server, psql, wait_for

# Moments of the slots of notes in ~project_dated~, in this order; the note says which it is.
SLOTS = ['1969-12-31T23:59:59.999Z', '2030-03-09T00:00:00Z', '2030-03-10T00:00:00Z', '2030-03-10T23:59:59.999Z', '2030-03-11T05:29:59.999+05:30',
         '2030-03-11T00:00:00Z',
         '2030-03-10T12:00:00-12:00', '2032-02-29T12:00:00Z', '9999-12-31T23:59:59.999Z', '0000-01-01T00:00:00Z']
DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
# prefix of the id -> (name in ~name~, table)
KINDS = {'proj': ('project', 'project'), 'note': ('note', 'note'), 'post': ('post', 'post'), 'job': ('job', 'job'), 'stat': ('status', 'post_status'),
         'fold': ('folder', 'folder'), 'src': ('source', 'source'), 'org': ('workspace', 'workspace'), 'hk': ('hook', 'hook'), 'slot': ('slot', None),
         'upl': ('upload', None), 'kb': ('document', 'knowledge'),
         'key': ('key', 'api_key'), 'usr': ('person', 'person'), 'req': ('request', None),
         'smp': ('sample', 'voice_sample'), 'plr': ('pillar', 'pillar'), 'inv': ('invitation', 'invitation'), 'cons': ('consent', 'consent'),
         'cli': ('client', 'oauth_client')}
MADE = {'project', 'note', 'source', 'post', 'job', 'status', 'folder', 'workspace', 'key', 'person', 'document',
        'request', 'sample', 'pillar', 'invitation', 'consent'}     # there is one of ours and one of theirs
GONE = {'note', 'post', 'folder'}                                                                     # and one that was deleted
# Tables that requests change without a write of theirs.
RESTLESS = {'audit', 'server_fact', 'idempotency', 'schema_version', 'request_log', 'request_log_size', 'usage_day', 'usage_hour',
            'knowledge_unlisted', 'node', 'duty', 'rate_window', 'job_progress'}
NAMED = re.compile(rb'~([a-z_]+)~')


def ulid(ms=None):
    n = (int(time.time() * 1000 if ms is None else ms) << 80) | secrets.randbits(80)
    return ''.join(DIGITS[n >> 5 * i & 31] for i in range(25, -1, -1))


class World:
    """What the cases need is there before they run, for they run on several threads."""

    def __init__(self, engine, people=False):
        self.engine, self.people, self.names = engine, people, {}
        self.lock, self.used, self.rooms = threading.Lock(), 0, ['proj_' + '0' * 26]
        self.server = Server({**OFFLINE, 'analyser': 'off'}, db=engine)
        self.server.setup()
        self.file = self.server.data + '/settings'
        self.write_settings('')
        self.server.start(extra=('--config', self.file))
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
        self.names['workspace_lower'] = self.server.id.lower()
        self.delete_some()
        # what makes one more row of a kind
        self.extra = {'note': lambda c: self.create(c, 'note'), 'post': lambda c: self.create(c, 'post'), 'job': self.made_job,
                      'fold': lambda c: self.made_folder(self.server.id, self.names['project']),
                      'proj': lambda c: self.copied('project', 'project', 'proj'), 'stat': lambda c: self.copied('post_status', 'status', 'stat')}
        self.more()

    def more(self):
        """Rows enough for some pages, and a project of notes whose slots lie at the edges of days."""
        c = self.server.client()
        for kind in ('note', 'post', 'post', 'note', 'job', 'job'):
            self.extra[kind](c)
        self.names['project_dated'] = self.server.new_project(name='Dated')
        for i, moment in enumerate(SLOTS):
            a = c.post('/v1/notes', {'projectId': self.names['project_dated'], 'content': str(i), 'date': moment})
            if a.status != 200:
                raise Failure(f'no note for {moment}: {a}')
        for kind in ('note', 'post'):
            for turn in range(2):
                self.create(c, kind, self.second)
        for project in (self.names['project'], self.second):
            for turn in range(2):
                self.made_under(c, project, 'voice/samples', {'text': f'Another sample, {turn}.'})
                self.made_under(c, project, 'pillars', {'name': f'Another pillar {turn}'})
        theirs = self.server.client(self.keys['theirs'])
        for kind in ('note', 'post'):
            self.create(theirs, kind, self.names['project_theirs'])
        self.made_under(theirs, self.names['project_theirs'], 'voice/samples', {'text': 'Another one of theirs.'})
        self.made_under(theirs, self.names['project_theirs'], 'pillars', {'name': 'Another one of theirs'})
        self.server.new_project(self.theirs, 'Also theirs')
        c.close()
        theirs.close()

    def made_job(self, c):
        job = c.post('/v1/posts/generations', {'projectId': self.names['project'],
                                               'source': {'text': 'A sentence to write from.'}}).json()['data']['id']
        c.wait_job(job)
        return job

    def made_document(self, c):
        job = c.post('/v1/knowledge', {'type': 'text', 'name': 'A document', 'text': f'A text like no other: {secrets.token_hex(8)}.'}).json()['data']['id']
        return c.wait_job(job)['result']['documentId']

    def made_under(self, c, project, what, body):
        a = c.post(f'/v1/projects/{project}/{what}', body)
        if a.status != 200:
            raise Failure(f'cannot make one of {what}: {a}')
        return a.json()['data']['id']

    def copied(self, table, name, prefix):
        """A row like that of ~name~, with an id of its own."""
        at = ulid()
        columns = self.columns(table)
        chosen = ', '.join(f"'{at}'" if col == 'id' else col for col in columns)
        self.sql(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} WHERE id = '{self.bare(name)}'")
        return f'{prefix}_{at}'

    def columns(self, table):
        if self.engine == 'postgres':
            return [r[0] for r in self.sql(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped")]
        return [r[1] for r in self.sql(f'PRAGMA table_info({table})')]

    def remove(self, ident):
        prefix, letters = ident.split('_')
        self.sql(f"DELETE FROM {KINDS[prefix][1]} WHERE id = '{letters}'")

    def roomy(self):
        """A project that nobody has put anything into: names are unique in one, and it holds only so many folders and columns."""
        with self.lock:
            self.used += 1
            return self.rooms[self.used % len(self.rooms)]

    def make_room(self, n):
        at = [ulid() for i in range(n)]
        columns = self.columns('project')
        rows = [', '.join(f"'{i}'" if c == 'id' else c for c in columns) for i in at]
        for i in range(0, n, 100):
            chosen = ' UNION ALL '.join(f"SELECT {r} FROM project WHERE id = '{self.bare('project')}'" for r in rows[i:i + 100])
            self.sql(f"INSERT INTO project ({', '.join(columns)}) {chosen}")
        self.rooms = ['proj_' + i for i in at]

    def write_settings(self, text):
        with open(self.file, 'w') as f:
            f.write(text)

    def be_strict(self):
        """From now on what nobody knows is refused."""
        c = self.server.client()
        self.write_settings('strict_bodies = true\n')
        self.server.hup()
        if not wait_for(lambda: c.get('/v1/projects?bogus=1').status == 400):
            raise Failure(f"strict_bodies was not taken up: {c.get('/v1/projects?bogus=1')}")
        c.close()

    def fill(self, key, suffix, workspace, project):
        c = self.server.client(self.keys[key])
        n = {'project': project, 'workspace': workspace}
        n['folder'] = self.made_folder(workspace, project)
        n['status'] = self.made_status(c, project)
        for kind in ('note', 'post', 'source'):
            n[kind] = self.create(c, kind, project)
        job = c.post('/v1/posts/generations', {'projectId': project, 'source': {'text': 'A sentence to write from.'}}).json()['data']['id']
        c.wait_job(job)
        n['job'] = job
        n['document'] = self.made_document(c)
        n['sample'] = self.made_under(c, project, 'voice/samples', {'text': 'A sample.'})
        n['pillar'] = self.made_under(c, project, 'pillars', {'name': 'A pillar'})
        n['key'] = self.minted(workspace)
        n['person'] = self.made_person(workspace)
        n['invitation'] = self.made_invitation(workspace)
        n['consent'] = self.made_consent(workspace, n['person'])
        n['request'] = c.post('/v1/notes', {'projectId': project, 'content': 'A logged request.'}).get('X-Request-Id')
        if not wait_for(lambda: c.get('/v1/request-logs/' + n['request']).status == 200):
            raise Failure('a write is not in the request log')
        self.names.update({k + suffix: v for k, v in n.items()})
        c.close()

    def create(self, c, kind, project=None):
        """A row of ours, by the API."""
        project = project or self.names['project']
        if kind in ('sample', 'pillar'):
            return self.made_under(c, self.roomy(), *{'sample': ('voice/samples', {'text': 'A sample.'}), 'pillar': ('pillars', {'name': 'A pillar'})}[kind])
        if kind == 'project' and not self.people:
            return self.roomy()
        path, body = {
            'note': ('notes', {'projectId': project, 'content': 'A note.'}), 'post': ('posts', {'projectId': project, 'content': 'A post.'}),
            'source': ('sources', {'type': 'text', 'projectId': project, 'text': 'A source.'}),
            'folder': ('folders', {'projectId': self.roomy(), 'name': 'Folder'}),
            'status': ('post-statuses', {'projectId': self.roomy(), 'name': 'Column', 'category': 'draft'}),
            'project': ('projects', {'name': 'A project'}), 'key': ('keys', {'name': 'A key', 'scopes': ['notes:read']}),
            'invitation': ('invitations', {'email': f'{secrets.token_hex(8)}@example.com'}),
            'person': ('members', {'name': 'Ada', 'email': f'{secrets.token_hex(8)}@example.com', 'role': 'Client'}),
        }[kind]
        a = c.post('/v1/' + path, body)
        if a.status != 200:
            raise Failure(f'cannot make a {kind}: {a}')
        return a.json()['data']['id']

    def made_folder(self, workspace, project):
        at = ulid()
        self.sql(f"INSERT INTO folder (workspace, id, project, name) VALUES ('{workspace[4:]}', '{at}', '{project[5:]}', 'Folder')")
        return 'fold_' + at

    def minted(self, workspace):
        """A key that nobody speaks with."""
        self.server.mint(workspace=workspace, name='spare')
        return next(k['id'] for k in self.server.keys(workspace) if k['name'] == 'spare')

    def made_invitation(self, workspace):
        return json.loads(self.server.cli('user', 'invite', '--workspace', workspace, '--email', f'{secrets.token_hex(8)}@example.com', '--json')[1])['id']

    def made_consent(self, workspace, person):
        client, consent = ulid(), ulid()
        self.sql(f"INSERT INTO oauth_client (id, name, auth_method, redirects, metadata, created_at, changed_at) VALUES ('{client}', 'A program', 'none', '[]', '{{}}', 1, 1)")
        self.sql(f"INSERT INTO consent (person, id, client, workspace, scopes, given_at) VALUES ('{person[4:]}', '{consent}', '{client}', '{workspace[4:]}', 'notes:read', 1)")
        return 'cons_' + consent

    def made_person(self, workspace):
        return json.loads(self.server.cli('user', 'create', '--workspace', workspace, '--email', f'{secrets.token_hex(8)}@example.com', '--name',
                                          'Ada', '--role',
                                          'Client', '--json')[1])['id']

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
        names = dict(self.names, unique=secrets.token_hex(8), roomy=self.roomy())
        return NAMED.sub(lambda m: names[m.group(1).decode()].encode(), data)

    # what is stored

    def sql(self, text):
        """Runs a statement; rows as lists of texts, which hold no bar and no line end."""
        if self.engine == 'postgres':
            return [line.split('|') for line in psql(self.server.database.url, text).split('\n') if line]
        db = sqlite3.connect(os.path.join(self.server.data, 'scriped.db'), timeout=60)
        try:
            with db:
                return [[str(v) for v in row] for row in db.execute(text)]
        finally:
            db.close()

    def tables(self):
        if self.engine == 'postgres':
            rows = self.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition")
        else:
            rows = self.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return sorted(r[0] for r in rows if r[0] not in RESTLESS)

    def stored(self):
        """Everything that a request could have changed: {table: set of rows}."""
        begin = "replace(substr(t::text, 1, 300), E'\\n', ' ')"
        what = f'md5(t::text), {begin}' if self.engine == 'postgres' else '*'
        return {t: {'|'.join(r) for r in self.sql(f'SELECT {what} FROM (SELECT {self.lasting(t)} FROM {t}) t')} for t in self.tables()}

    def lasting(self, table):
        """The columns of a table but for the one that reading changes."""
        return ', '.join(c for c in self.columns(table) if c != 'last_used_at')

    def events(self):
        """The events, decoded.  Through hexadecimal: psql leaves out characters that it cannot print."""
        text = "encode(convert_to(body, 'UTF8'), 'hex')" if self.engine == 'postgres' else 'hex(body)'
        return [json.loads(bytes.fromhex(r[0])) for r in self.sql(f'SELECT {text} FROM event')]

    def close(self):
        self.server.close()


def difference(before, after):
    """What a refused request has written, for a person to read; '' if nothing."""
    out = []
    for t in sorted(set(before) | set(after)):
        out += [f'{t}: a row appeared: {r[:300]}' for r in sorted(after.get(t, set()) - before.get(t, set()))]
        out += [f'{t}: a row is gone: {r[:300]}' for r in sorted(before.get(t, set()) - after.get(t, set()))]
    return '\n'.join(out[:20])
