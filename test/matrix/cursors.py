"""cursors.py -- pages of every list: limits that change on the way, and cursors of other lists, filters, workspaces and rows that are
gone, or that somebody has worked on (contract 12.1)."""
import base64
import datetime
import json
from urllib.parse import quote, urlencode

import faults
import rules
from cases import need
from play import Case, details
from world import KINDS, ulid

BAD = (400, 'bad_cursor', 'cursor')


def prepare(world, ops):
    """For each list: world.cursors[name] = {'ours', 'theirs', 'second' (of another project), 'gone' (of a deleted row)}, where there is one."""
    world.cursors = {}
    clients = {k: world.server.client(v) for k, v in world.keys.items()}
    for op in ops:
        if op.listing and op.people == world.people:
            found = {'ours': cursor(clients['ours'], world, op), 'gone': gone(clients['ours'], world, op)}
            found['theirs'] = cursor(clients['theirs'], world, op, of_project(op, 'theirs'), '~project_theirs~')
            second = of_project(op, 'second')
            found['second'] = cursor(clients['ours'], world, op, second, '~project_second~') if second or op.path_id else None
            world.cursors[op.name] = {k: v for k, v in found.items() if v}
    for c in clients.values():
        c.close()


def of_project(op, which):
    """The query that names another project, for a list that has one there."""
    return [(f.name, f'~project_{which}~') for f in op.query if f.name == 'projectId']


def get(c, world, op, pairs, ident=None):
    """ident: the project in the path, where one stands there and it is not ours."""
    return c.get(world.fill_in(faults.target(op, pairs, ident if op.path_id else None).encode()).decode())


def cursor(c, world, op, pairs=(), ident=None):
    return get(c, world, op, [*pairs, ('limit', '1')], ident).json()['pagination']['next_cursor']


def gone(c, world, op):
    """The cursor of a row that was there."""
    rows = get(c, world, op, [('limit', '1')]).json()['data']
    maker = rows and world.extra.get(rows[0]['id'].split('_')[0])
    if not maker:
        return None
    ident = maker(c)
    told = cursor(c, world, op)
    world.remove(ident)
    return told


def decoded(text):
    return json.loads(base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)))


def encoded(value):
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(',', ':')).encode()
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class Pages:
    """The cases of one list."""

    def __init__(self, op):
        self.op = op

    def case(self, fault, script):
        return Case(self.op, '?cursor', fault, '', script=lambda c, world: self.play(c, world, script))

    def play(self, c, world, script):
        at = world.cursors[self.op.name]
        if 'ours' in at:
            script(c, world, at)

    def refused(self, c, world, text, pairs=(), what=''):
        a = get(c, world, self.op, [*pairs, ('cursor', text)])
        need((a.status, *details(a)) == BAD, f'{what or text[:200]!r}: expected {BAD}, not {(a.status, *details(a))}')

    def taken(self, c, world, text, pairs=(), what=''):
        a = get(c, world, self.op, [*pairs, ('cursor', text)])
        need(a.status == 200, f'{what or text[:200]!r}: expected 200, not {(a.status, *details(a))}')
        return a.json()

    def cases(self):
        for name in ('flipped', 'cut', 'of_other_lists', 'of_other_filters', 'of_another_workspace', 'of_a_deleted_row', 'reshaped', 'worked_on',
                     *(() if self.op.name in rules.LIVING else ('walk', 'padded', 'spelled'))):
            yield self.case(name.replace('_', ' '), getattr(self, name))
        for fault, text in (('no base64', '!!!'), ('a word', 'next'), ('a number', '1'), ('null', 'null'), ('an emoji', '😀'), ('a blank', ' '),
                            ('a line feed', '\n'), ('a NUL in base64', 'AA'),
                            ('equals signs', '===='), ('base64 of nothing', 'e30'), ('the other alphabet', '+/+/+/+/'),
                            ('10,000 letters', 'A' * 10000), ('20,000 letters', 'e' * 20000)):
            yield Case(self.op, '?cursor', fault, faults.target(self.op, [('cursor', text)]), None, BAD)

    def walk(self, c, world, at):
        """Whatever the sizes of the pages, each row comes once and in order."""
        whole = get(c, world, self.op, [('limit', '200')]).json()
        need(not whole['pagination']['has_more'], 'the world has more rows than a page')
        for sizes in ((1,), (2,), (1, 3), (5, 1, 2), (200, 1)):
            rows, following, turn = [], None, 0
            while turn == 0 or following:
                more = [('cursor', following)] if following else []
                page = get(c, world, self.op, [('limit', str(sizes[turn % len(sizes)])), *more]).json()
                rows, following, turn = rows + page['data'], page['pagination']['next_cursor'], turn + 1
                need(turn < 300, 'the pages do not end')
            need([r['id'] for r in rows] == [r['id'] for r in whole['data']], f'pages of {sizes} are not the whole list')

    def flipped(self, c, world, at):
        """Each letter another one.  The id of a neighbour, born in the same millisecond, is as good a place as the one given out,
        and it may be in another project."""
        good = decoded(at['ours'])
        pages = [get(c, world, self.op, [('limit', '200')]), get(c, world, self.op, [('limit', '200'), *of_project(self.op, 'second')], '~project_second~')]
        rows = {r['id'] for page in pages for r in page.json()['data']}
        neighbours = {encoded({**good, 'id': ident}) for ident in rows}
        for i, ch in enumerate(at['ours']):
            for other in {'A' if ch != 'A' else 'B', chr(ord(ch) ^ 1) if chr(ord(ch) ^ 1).isalnum() else '_'} - {ch}:
                text = at['ours'][:i] + other + at['ours'][i + 1:]
                if text not in neighbours:
                    self.refused(c, world, text, what=f'letter {i} is {other} for {ch}')

    def cut(self, c, world, at):
        for n in range(1, len(at['ours'])):
            self.refused(c, world, at['ours'][:n], what=f'the first {n} letters')
        self.refused(c, world, at['ours'][1:])
        self.refused(c, world, at['ours'] + 'A')
        self.refused(c, world, at['ours'] * 2)

    def padded(self, c, world, at):
        """Some libraries put back the padding; more of it than belongs there is none."""
        plain = self.taken(c, world, at['ours'])
        pad = '=' * (-len(at['ours']) % 4)
        need(self.taken(c, world, at['ours'] + pad) == plain, 'a padded cursor is another place')
        self.refused(c, world, at['ours'] + pad + '=')
        self.refused(c, world, '=' + at['ours'])

    def of_other_lists(self, c, world, at):
        for name, other in world.cursors.items():
            if name != self.op.name and 'ours' in other:
                self.refused(c, world, other['ours'], what=f'a cursor of {name}')

    def of_other_filters(self, c, world, at):
        """Limits may change on the way, and what is no filter; filters may not."""
        for pairs in ([('limit', '1')], [('limit', '500')], [('limit', '')], [('unknown', 'x')]):
            self.taken(c, world, at['ours'], pairs, what=str(pairs))
        for f in self.op.query:
            if f.name in ('limit', 'cursor'):
                continue
            good = rules.GRAMMARS[self.op.name, f.name][0][0] if (self.op.name, f.name) in rules.GRAMMARS else faults.good_value(f)
            good = ','.join(good) if isinstance(good, list) else str(good).lower() if f.kind == 'flag' else str(good)
            if not f.required:
                self.taken(c, world, at['ours'], [(f.name, '')], what=f'with {f.name} empty')
                if faults.has(good):
                    self.refused(c, world, at['ours'], [(f.name, good)], what=f'with {f.name}={good}')
        if 'second' in at:
            self.refused(c, world, at['second'], what='a cursor of another project')

    def of_another_workspace(self, c, world, at):
        if 'theirs' in at:
            self.refused(c, world, at['theirs'])

    def of_a_deleted_row(self, c, world, at):
        if 'gone' in at:
            self.refused(c, world, at['gone'])

    def reshaped(self, c, world, at):
        """Other JSON in the same coat."""
        good = decoded(at['ours'])
        need(set(good) == {'createdAt', 'id', 'f'}, f'a cursor holds {good}')
        for value in ({}, [], None, 1, 'x', True, [good], {'data': good}, b'{', b'\xff', b'null ', b'{"id":' * 40):
            self.refused(c, world, encoded(value), what=f'a cursor of {value!r}')
        for name in good:
            self.refused(c, world, encoded({k: v for k, v in good.items() if k != name}), what=f'without {name}')
            for wrong in (None, 0, 1.5, True, [], {}, '', [good[name]], {'a': good[name]}, good[name] + 'x', ' ' + good[name], good[name][:-1],
                          good[name] * 100):
                self.refused(c, world, encoded({**good, name: wrong}), what=f'{name} is {str(wrong)[:80]!r}')
        self.refused(c, world, encoded(b'\xff' + json.dumps(good).encode()))
        self.refused(c, world, encoded(json.dumps(good).encode()[:-1] + b', "id": "x"}'), what='an id twice')

    def worked_on(self, c, world, at):
        """Right in form and not what was given out."""
        good = decoded(at['ours'])
        prefix, letters = good['id'].split('_')
        for wrong in (f'{prefix}_{ulid()}', f'{prefix}_{letters.lower()}', f"{'post' if prefix != 'post' else 'note'}_{letters}",
                      f'{prefix}_{letters[:-1]}I', letters,
                      world.names.get(KINDS[prefix][0] + '_theirs', 'x') if prefix in KINDS else 'x', f"{prefix}_{'Z' * 26}", f"{prefix}_{'0' * 26}",
                      f'{prefix}_-'):
            self.refused(c, world, encoded({**good, 'id': wrong}), what=f'id is {wrong}')
        for wrong in ('2026-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '0000-01-01T00:00:00.000Z', '1970-01-01T00:00:00.000Z',
                      good['createdAt'][:10], '2026-02-30T00:00:00.000Z'):
            self.refused(c, world, encoded({**good, 'createdAt': wrong}), what=f'createdAt is {wrong}')
        for wrong in (good['f'].upper(), good['f'][::-1], '0' * len(good['f'])):
            if wrong != good['f']:
                self.refused(c, world, encoded({**good, 'f': wrong}), what=f'f is {wrong}')

    def spelled(self, c, world, at):
        """The order of parameters is nobody's business, escapes are only spelling, and twice is once too often."""
        text, more = at['ours'], urlencode([('limit', '2'), *[(f.name, world.names['project']) for f in self.op.query if f.required]])
        escaped = ''.join(f'%{ord(ch):02X}' for ch in text)
        path = world.fill_in(faults.target(self.op).partition('?')[0].encode()).decode()
        answers = [c.get(f'{path}?{q}') for q in (f'cursor={quote(text)}&{more}', f'{more}&cursor={text}', f'{more}&cursor={escaped}')]
        need(all(a.status == 200 and a.body == answers[0].body for a in answers), f'three spellings, three answers: {answers}')
        a = c.get(f'{path}?{more}&cursor={text}&cursor={text}')
        need((a.status, *details(a)) == (400, 'invalid_request', 'cursor'), f'given twice: {a}')


def dates(op):
    """Lists by day of creation: the first and the last millisecond of what a filter names are inside."""
    def script(c, world):
        rows = get(c, world, op, [('limit', '200')]).json()['data']
        need(rows, 'there are no rows')

        def ids(**query):
            return {r['id'] for r in get(c, world, op, [('limit', '200'), *query.items()]).json()['data']}
        for r in rows:
            at, day = r['createdAt'], r['createdAt'][:10]
            before, after = moved(at, -1), moved(at, 1)
            for query, inside in (({'dateFrom': at}, True), ({'dateTo': at}, True), ({'dateFrom': at, 'dateTo': at}, True),
                                  ({'dateFrom': after}, False), ({'dateTo': before}, False),
                                  ({'dateFrom': day, 'dateTo': day}, True), ({'dateFrom': moved(at, 86400000)[:10]}, False),
                                  ({'dateTo': moved(at, -86400000)[:10]}, False),
                                  ({'dateFrom': at.replace('Z', '+00:00')}, True), ({'dateFrom': after, 'dateTo': before}, False),
                                  ({'dateFrom': '0000-01-01', 'dateTo': '9999-12-31'}, True),
                                  ({'dateFrom': f'{day}T00:00:00.000Z', 'dateTo': f'{day}T23:59:59.999Z'}, True), ({'dateFrom': '9999-12-31'}, False),
                                  ({'dateTo': '0000-01-01'}, False)):
                need((r['id'] in ids(**query)) == inside, f"{r['id']} of {at} is {'not ' if inside else ''}in {query}")
    return Case(op, '?dateFrom and ?dateTo', 'edges of a moment and of a day', '', script=script)


def moved(moment, ms):
    t = datetime.datetime.strptime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') + datetime.timedelta(milliseconds=ms)
    return t.strftime('%Y-%m-%dT%H:%M:%S.') + f'{t.microsecond // 1000:03d}Z'


# Queries for notes of world.SLOTS, and those that they find (contract 6.5: by the slot's day, days inclusive).
FOUND = [
    ({'dateFrom': '2030-03-10', 'dateTo': '2030-03-10'}, {2, 3, 4}), ({'dateFrom': '2030-03-11', 'dateTo': '2030-03-11'}, {5, 6}),
    ({'dateFrom': '2030-03-09', 'dateTo': '2030-03-10'}, {1, 2, 3, 4}),
    ({'dateFrom': '2030-03-11'}, {5, 6, 7, 8}), ({'dateTo': '2030-03-09'}, {0, 1, 9}), ({'dateFrom': '2032-02-29', 'dateTo': '2032-02-29'}, {7}),
    ({'dateFrom': '2032-03-01'}, {8}),
    ({'dateFrom': '9999-12-31'}, {8}), ({'dateTo': '0000-01-01'}, {9}), ({'dateTo': '1969-12-31'}, {0, 9}),
    ({'dateFrom': '2030-03-11', 'dateTo': '2030-03-10'}, set()),
    ({'dateFrom': '0000-01-01', 'dateTo': '9999-12-31'}, set(range(10))), ({'dateFrom': '2030-03-10T00:00:00+00:00',
            'dateTo': '2030-03-10T23:59:59.999Z'}, {2, 3, 4}),
]


def slots(op):
    def script(c, world):
        for query, found in FOUND:
            rows = get(c, world, op, [('projectId', '~project_dated~'), *query.items()]).json()['data']
            got = {int(r['content']) for r in rows}
            need(got == found, f'{query} finds {sorted(got)}, not {sorted(found)}')
    return Case(op, '?dateFrom and ?dateTo', 'edges of days of slots', '', script=script)


def cases(op):
    if not op.listing:
        return
    yield from Pages(op).cases()
    if any(f.name == 'dateFrom' for f in op.query) and op.name not in rules.LIVING:
        yield slots(op) if op.name == 'list_notes' else dates(op)
