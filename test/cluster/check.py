"""check.py -- decides whether a history and the rows that were left agree with what the servers promised.

    faults = check(calls, state, meta)          # a list of sentences; empty: not guilty

calls: a history as load.py writes it, replays included.  state: rows of one workspace, {table: [dict]}, as state.py reads them.  meta: {'limit': uploads a minute,
'forgets': how often the counts of rates were lost, 'away': whether any node counted by itself, 'stored': False when the bucket was away, 'stops': whether workers were
stopped in the middle of a job, 'late': whether all was over long before, 'stale_reads': whether reads may come from a replica, 'ahead': whether they may show
what was lost and never acknowledged, 'since' and 'until': the round by the clock of the database, in ms}.

Nothing here asks a server or looks at a clock: a history from a file gives the same verdict."""
import collections
import json

import register
from register import INFINITY

TERMINAL = ('DONE', 'FAILED', 'CANCELLED')
CREATES = {'note.create': 'note', 'post.create': 'post', 'folder.create': 'folder', 'generate': 'job', 'noop': 'job', 'file': 'job'}
# Answers that are no 2xx and yet right, under whatever faults.
REFUSALS = {'note.create': {422}, 'post.patch': {412}, 'cancel': {409}, 'folder.create': {409}, 'folder.delete': {404}, 'upload': {429}}
WINDOW = 60.0
REVOKED_S = 5.0
NEVER_S = 25            # so long callers wait when all was healed
CLOCK_MS = 10000        # by which a node may err about the time of all, which it asks for on a busy machine; its own is five minutes off
DRIFT_MS = 500          # by which two nodes may be apart that have learned one clock so: a third of a lease


class Case:
    def __init__(self, calls, state, meta):
        self.calls, self.state, self.meta = calls, collections.defaultdict(list, state), meta
        self.by_op = collections.defaultdict(list)
        for c in calls:
            self.by_op[c['op']].append(c)
        self.events = collections.defaultdict(list)     # (type, id of the thing) -> what was announced of it
        self.told = {}                                  # (id of a post, what it was changed to) -> when its event was made
        for e in self.state['event']:
            data = json.loads(e['body'])['data']
            self.events[e['type'], data['id']].append(data)
            if e['type'] == 'post.updated':
                self.told[data['id'], data['content']] = moment(e['id'])
        self.updates = collections.defaultdict(list)
        for (kind, ident), all_ in self.events.items():
            if kind == 'post.updated':
                self.updates[ident] += all_


def bare(ident):
    return ident.split('_', 1)[1]


# --- creates: no acknowledged one lost, none doubled

def found_once(case, op, rows, what):
    """rows: token -> ids of the rows that hold it."""
    calls = {c['token']: c for c in case.by_op[op]}
    for token, c in calls.items():
        there = rows.get(token, [])
        if c['outcome'] == 'ok' and bare(c['data']['id']) not in there:
            yield f"{what} {c['data']['id']} ({token}) was acknowledged and is gone"
        if len(there) > 1:
            yield f'{what} {token} is there {len(there)} times: {there}'
        if c['outcome'] == 'no' and there:
            yield f"{what} {token} was refused with {c['status']} and is there: {there}"
    for token, there in rows.items():
        if token not in calls:
            yield f'{what} {there} holds {token!r}, which nobody sent'


def rows_by(rows, token):
    found = collections.defaultdict(list)
    for r in rows:
        found[token(r)].append(r['id'])
    return found


def notes(case):
    yield from found_once(case, 'note.create', rows_by(case.state['note'], lambda r: r['content']), 'note')


def first_content(case, post):
    said = case.events['post.created', 'post_' + post['id']]
    return said[0]['content'] if said else post['content']


def posts(case):
    written = [p for p in case.state['post'] if not p['job']]
    yield from found_once(case, 'post.create', rows_by(written, lambda p: first_content(case, p)), 'post')
    held = sum(c['posts'] for c in case.state['post_count'])
    standing = sum(p['status_id'] is not None for p in case.state['post'])
    if held != standing:
        yield f'{standing} posts stand in columns, and the columns count {held}'


def folders(case):
    gone = {bare(c['id']): c['outcome'] for c in case.by_op['folder.delete']}
    there = {f['id']: f for f in case.state['folder']}
    for c in case.by_op['folder.create']:
        if c['outcome'] != 'ok':
            continue
        ident = bare(c['data']['id'])
        if ident not in there and ident not in gone:
            yield f"folder {c['data']['id']} was acknowledged and is gone"
        if ident in there and gone.get(ident) == 'ok':
            yield f"the deletion of folder {c['data']['id']} was acknowledged and it is there"
    for name, ids in rows_by(case.state['folder'], lambda f: f['name']).items():
        if len(ids) > 1:
            yield f'folder {name} is there {len(ids)} times'


def left_behind(case):
    """When all is over nothing names a folder that is gone: a duty takes it out, also of what was written in the moment of the deletion."""
    if case.meta.get('late'):
        there = {f['id'] for f in case.state['folder']}
        yield from (f"note_{n['id']} is in folder {n['folder']}, which is not there" for n in case.state['note'] if n['folder'] not in (None, *there))


# --- each change has one event, and the event tells what the row is

def one_event(case, kind, ident, want=1):
    n = len(case.events[kind, ident])
    if n != want:
        yield f'{ident} has {n} events {kind}, not {want}'


def events(case):
    for n in case.state['note']:
        ident = 'note_' + n['id']
        yield from one_event(case, 'note.created', ident)
        for said in case.events['note.created', ident]:
            if said['content'] != n['content']:
                yield f'note.created of {ident} says {said["content"]!r} and the row {n["content"]!r}'
    for p in case.state['post']:
        ident = 'post_' + p['id']
        yield from one_event(case, 'post.created', ident)
        yield from one_event(case, 'post.scheduled', ident, int(p['scheduled_at'] is not None))
        if len(case.updates[ident]) != p['version'] - 1:
            yield f"{ident} was changed {p['version'] - 1} times and has {len(case.updates[ident])} events post.updated"
    for s in case.state['source']:
        yield from one_event(case, 'source.created', 'src_' + s['id'])
    rows = {'src': {s['id'] for s in case.state['source']}, 'note': {n['id'] for n in case.state['note']}, 'post': {p['id'] for p in case.state['post']}, 'job': {j['id'] for j in case.state['job']}}
    for kind, ident in case.events:
        table = ident.split('_')[0]
        if table in rows and case.events[kind, ident] and bare(ident) not in rows[table]:
            yield f'{kind} tells of {ident}, which is not there'


# --- changes of a post: each from the state that its If-Match named, one after the other

def chains(case):
    patches = {c['token']: c for c in case.by_op['post.patch']}
    for p in case.state['post']:
        ident = 'post_' + p['id']
        steps = {}                                      # what was before -> what came
        for said in case.updates[ident]:
            c = patches.get(said['content'])
            if c is None:
                yield f"post.updated of {ident} says {said['content']!r}, which nobody sent"
                continue
            if c['outcome'] == 'no':
                yield f"the change {c['token']} of {ident} was refused with {c['status']} and was made"
            if c['expected'] in steps:
                yield f"{ident} was changed twice from {c['expected']}: to {steps[c['expected']]} and to {c['token']}: one of them is lost"
            steps[c['expected']] = c['token']
        at = first_content(case, p)
        for _ in range(len(steps)):
            last, at = at, steps.get(at, at)
            if case.told.get((ident, at), INFINITY) < case.told.get((ident, last), 0) - DRIFT_MS:
                yield f'{ident} became {at!r} behind {last!r}, and the outbox tells it before'
        if at != p['content']:
            yield f"{ident} holds {p['content']!r}, and its changes end with {at!r}"
    done = {said['content'] for all_ in case.updates.values() for said in all_}
    for c in case.by_op['post.patch']:
        if c['outcome'] == 'ok' and c['token'] not in done:
            yield f"the change {c['token']} of {c['id']} was acknowledged and was never made"
        if c['outcome'] == 'ok' and c['data']['content'] != c['token']:
            yield f"the change {c['token']} of {c['id']} was answered with {c['data']['content']!r}"


def linearizable(case):
    """What callers saw, without a look at the rows."""
    seen = collections.defaultdict(list)
    for c in case.by_op['post.create']:
        if c['outcome'] == 'ok':
            seen[c['data']['id']].append(register.Op(c['t0'], c['t1'], 'write', None, c['token']))
    for c in case.by_op['post.patch']:
        kind = {'ok': 'swap', 'no': 'miss', 'unknown': 'maybe'}[c['outcome']]
        seen[c['id']].append(register.Op(c['t0'], c['t1'] if kind != 'maybe' else None, kind, c['expected'], c['token']))
    if not case.meta.get('stale_reads'):
        for c in case.by_op['post.get']:
            if c['outcome'] == 'ok':
                seen[c['id']].append(register.Op(c['t0'], c['t1'], 'read', None, c['data']['content']))
    for ident, ops in seen.items() if not case.meta.get('ahead') else ():
        if any(o.kind == 'write' for o in ops) and not register.linearizable(ops):
            yield f'what callers saw of {ident} has no order: ' + '; '.join(map(str, sorted(ops, key=lambda o: o.t0)))


# --- reads

def reads(case):
    """What was acknowledged is found from then on, by who wrote it and, unless reads may be stale, by all."""
    for kind in ('note', 'post'):
        for c in case.by_op[kind + '.get']:
            if c['outcome'] == 'no' and (c.get('own') or not case.meta.get('stale_reads')):
                yield f"{c['id']} was acknowledged, and a read of it ({c['rid']}) was answered with {c['status']}"
            if c['outcome'] == 'ok' and kind == 'note' and c.get('own') not in (None, c['data']['content']):
                yield f"{c['id']} holds {c['data']['content']!r} to who wrote {c['own']!r}"
    yield from own_changes(case)
    yield from walks(case)


def states(case, post):
    """All that a post held, in order, by the changes that were made."""
    patches = {c['token']: c for c in case.by_op['post.patch']}
    steps = {patches[d['content']]['expected']: d['content'] for d in case.updates['post_' + post['id']] if d['content'] in patches}
    held = [first_content(case, post)]
    while held[-1] in steps and len(held) <= len(steps):
        held.append(steps[held[-1]])
    return held


def own_changes(case):
    """Who changed a post never reads what it held before, wherever the read goes."""
    rows = {'post_' + p['id']: p for p in case.state['post']}
    for c in case.by_op['post.get']:
        if c.get('own') and c['outcome'] == 'ok' and c['id'] in rows:
            held = states(case, rows[c['id']])
            if c['own'] in held and c['data']['content'] in held and held.index(c['data']['content']) < held.index(c['own']):
                yield f"{c['id']} was {c['data']['content']!r} to a reader ({c['rid']}) that had already made {c['own']!r} of it"


def walks(case):
    made = [(c['t1'], c['client'], c['data']['id']) for c in case.by_op['note.create'] if c['outcome'] == 'ok']
    for w in case.by_op['walk']:
        if w['outcome'] == 'no':
            yield f"a walk by pages was refused with {w['status']} {w['code']}"
        if w['outcome'] != 'ok':
            continue
        seen = set(w['seen'])
        if len(seen) != len(w['seen']):
            yield f"a walk that began at {w['t0']} met a note twice"
        for t1, who, ident in made:
            if t1 < w['t0'] and ident not in seen and (who == w['client'] or not case.meta.get('stale_reads')):
                yield f"{ident} was acknowledged at {t1}, and a walk that began at {w['t0']} does not meet it"


# --- jobs

def jobs(case):
    rows = {j['id']: j for j in case.state['job']}
    posts_of = collections.defaultdict(list)
    for p in case.state['post']:
        if p['job']:
            posts_of[p['job']].append(p['id'])
    for op in ('generate', 'noop', 'file'):
        for c in case.by_op[op]:
            if c['outcome'] == 'ok' and bare(c['data']['id']) not in rows:
                yield f"{c['data']['id']} ({op}) was acknowledged and is gone"
    texts = collections.Counter(json.loads(j['input']).get('text') for j in rows.values() if j['type'] == 'POST_GENERATION')
    yield from (f'{n} jobs were made of one request: {text[:60]!r}' for text, n in texts.items() if n > 1)
    asked = sum(1 for c in case.by_op['noop'])
    if sum(j['type'] == 'NOOP' for j in rows.values()) > asked:
        yield f'{asked} jobs NOOP were asked for, and there are more'
    for c in case.by_op['generate']:
        told = c['data'] if c['outcome'] == 'ok' else {}
        row = rows.get(bare(told['id'])) if told else None
        if row and told['status'] in TERMINAL and not case.meta.get('ahead') and (row['status'] != told['status'] or json.loads(row['result'] or 'null') != told['result']):
            yield f"{told['id']} was answered as {told['status']} {told['result']}, and is {row['status']} {row['result']}"
    for j in rows.values():
        yield from job(case, j, posts_of[j['id']])
    for ident, made in posts_of.items():
        if ident not in rows:
            yield f'posts {made} are of job {ident}, which is not there'


def files(case):
    """An upload that was acknowledged is there; a job makes one source of it, or none."""
    there, sources = {u['id'] for u in case.state['upload']}, rows_by(case.state['source'], lambda s: s['preview'].split('.')[0])
    for c in case.by_op['upload']:
        if c['outcome'] == 'ok' and bare(c['data']['id']) not in there:
            yield f"{c['data']['id']} was acknowledged and is gone"
    if len(there) > len(case.by_op['upload']):
        yield f"{len(case.by_op['upload'])} uploads were asked for, and there are {len(there)}"
    for token, ids in sources.items():
        if len(ids) > 1:
            yield f'of the file {token} there are {len(ids)} sources: {ids}'
    made = [bare(json.loads(j['result'])['sourceId']) for j in case.state['job'] if j['type'] == 'SOURCE_INGEST_FILE' and j['status'] == 'DONE']
    left = {s['id'] for s in case.state['source']}
    yield from (f'src_{s} was made by a job and is gone' for s in made if s not in left)
    yield from (f'src_{s} is of no job that is DONE' for s in left - set(made))


def job(case, j, made):
    ident = 'job_' + j['id']
    if j['status'] not in TERMINAL:
        yield f"{ident} ({j['type']}) is {j['status']} for ever: attempts {j['attempts']}, lost leases {j['lost_leases']}"
    if j['status'] == 'FAILED' and case.meta.get('stored', True):
        yield f"{ident} ({j['type']}) FAILED, and nothing was wrong with it: {j['error_code']}: {j['error_message']}"
    done, failed = j['status'] == 'DONE', j['status'] == 'FAILED'
    if j['type'] in ('SOURCE_ANALYSE', 'UPLOAD_REMOVE'):
        return
    yield from one_event(case, 'job.completed', ident, int(done))
    yield from one_event(case, 'job.failed', ident, int(failed))
    if j['type'] != 'POST_GENERATION':
        return
    if len(made) != int(done):
        yield f'{ident} is {j["status"]} and has the posts {made}'
    if done and made and json.loads(j['result']).get('postId') != 'post_' + made[0]:
        yield f"{ident} says {j['result']} and made {made}"
    if done and not j['receipt']:
        yield f'{ident} is DONE without a receipt'


def cancels(case):
    rows = {j['id']: j for j in case.state['job']}
    for c in case.by_op['cancel']:
        status = rows.get(bare(c['id']), {}).get('status')
        if c['outcome'] == 'ok' and status != 'CANCELLED':
            yield f"the cancel of {c['id']} was acknowledged, and it is {status}"
    asked = {bare(c['id']) for c in case.by_op['cancel']}
    yield from (f"job_{j['id']} is CANCELLED, and nobody asked for it" for j in rows.values() if j['status'] == 'CANCELLED' and j['id'] not in asked)


def spend(case):
    """What was reserved was given back, and what was spent is what the receipts say."""
    reserved, spent = (sum(s[k] for s in case.state['spend']) for k in ('reserved', 'spent'))
    told = sum(json.loads(j['receipt']).get('costMicrocents', 0) for j in case.state['job'] if j['receipt'])
    if reserved and all(j['status'] in TERMINAL for j in case.state['job']):
        yield f'{reserved} cents are reserved, and no job runs'
    if spent < told or spent > told and not case.meta.get('stops'):
        yield f'{spent} were spent, and the receipts say {told}'


# --- the audit log, and replays

def audit(case):
    """Each write that was answered has one entry; each row that a write made has one, too, whether its caller heard of it or not."""
    by_request = collections.Counter(a['request'] for a in case.state['audit'])
    by_resource = collections.Counter(a['resource'] for a in case.state['audit'] if a['method'] == 'POST' and a['resource'])
    for request, n in by_request.items():
        if n > 1:
            yield f'{request} has {n} entries in the audit log'
    for c in case.calls:
        if c['op'] not in CREATES and c['op'] not in ('post.patch', 'folder.delete', 'upload', 'cancel', 'replay'):
            continue
        if c['outcome'] == 'ok' and by_request[c['rid']] != 1:
            yield f"{c['op']} {c['rid']} was answered with {c['status']} and has {by_request[c['rid']]} entries in the audit log"
    made = ['note_' + n['id'] for n in case.state['note']] + ['post_' + p['id'] for p in case.state['post'] if not p['job']]
    for ident in made:
        if by_resource[ident] != 1:
            yield f'{ident} has {by_resource[ident]} entries in the audit log'


def replays(case):
    first = {c['key']: c for c in case.calls if c['op'] != 'replay' and c.get('key') and c['t1'] is not None}
    for c in case.by_op['replay']:
        was = first[c['key']]
        if c['outcome'] == 'unknown':
            continue
        if not c['replayed']:
            yield f"{was['op']} {c['key']} was acknowledged, and the same request is no replay but {c['status']} {c['answer'][:120]}"
        elif 'wait_for_completion_ms' in was.get('body', {}):
            if json.loads(c['answer'])['data']['id'] != was['data']['id']:
                yield f"{was['op']} {c['key']} gives another job at its replay"
        elif c['answer'] != was['answer']:
            yield f"{was['op']} {c['key']} was answered with {was['answer']!r}, and its replay with {c['answer']!r}"


def refusals(case):
    """No fault turns into an answer that a good client takes for its own mistake, or for ours."""
    for c in case.calls:
        if c.get('ignored'):
            yield f"{c['op']} {c['rid']} was answered without a look at its key: {c['ignored']}"
        if c['outcome'] == 'no' and c['op'] not in ('walk', 'page', 'revoked') and c['status'] not in REFUSALS.get(c['op'], ()) and not c['op'].endswith('.get'):
            yield f"{c['op']} {c['rid']} was refused with {c['status']} {c['code']}: {c['answer'][:200]}"
        for t in c['tries']:
            if t['status'] == 0 and t['t1'] - t['t0'] > NEVER_S:
                yield f"{c['op']} {c.get('path')} was not answered by {t['node']} at all, from {t['t0']} to {t['t1']}"
            if t['status'] == 500:
                yield f"{c['op']} {t['rid']} was answered by {t['node']} with 500"


# --- what nodes count together, and who has a lease

def rates(case):
    """Never more than the limit within a minute: whatever the clocks, all of these were admitted between the first t0 and the last t1."""
    limit = case.meta.get('limit')
    if not limit:
        return
    allowed = limit * (1 + case.meta.get('forgets', 0)) + (limit if case.meta.get('away') else 0)
    took = sorted((t['t0'], t['t1']) for c in case.by_op['upload'] for t in c['tries'] if t['status'] == 200)
    for i, (t0, _) in enumerate(took):
        ends = sorted(t1 for _, t1 in took[i:] if t1 - t0 < WINDOW)
        if len(ends) > allowed:
            yield f'{len(ends)} uploads were admitted within {ends[-1] - t0:.1f} s; {allowed} may'
            return


def leases(case):
    """Nobody takes what another still holds: by the clock of the database, which all nodes share."""
    for w in case.state['witness']:
        if w['was_until'] is not None and w['was_holder'] != w['holder'] and w['was_until'] > w['at'] + DRIFT_MS:
            yield (f"{w['kind']} {w['name']} went from {w['was_holder']} to {w['holder']} at {w['at']}, "
                   f"and the lease held for another {w['was_until'] - w['at']} ms")


def revoked(case):
    """A key that is revoked opens nothing five seconds later, on any node."""
    for c in case.by_op['revoked']:
        if c['outcome'] == 'ok' and c['t0'] > c['since'] + REVOKED_S:
            yield f"{c['tries'][0]['node']} took a key {c['t0'] - c['since']:.1f} s after it was revoked ({c['rid']})"


def moments(case):
    """The moment in an id is of the clock that all nodes share, whatever their own clocks say."""
    if 'since' not in case.meta:
        return
    first, last = case.meta['since'] - CLOCK_MS, case.meta['until'] + CLOCK_MS
    for table in ('note', 'post', 'job', 'event', 'audit', 'folder'):
        off = [(r['id'], moment(r['id'])) for r in case.state[table] if not first <= moment(r['id']) <= last]
        if off:
            ident, ms = off[0]
            yield f'{len(off)} rows of {table} have ids of another time, {ident} is {(ms - first) / 1000 if ms < first else (ms - last) / 1000:+.1f} s off'


def moment(ulid):
    ms = 0
    for c in ulid[:10]:
        ms = ms * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.index(c)
    return ms


def partitions(case):
    yield from (f"partition {p['name']} is behind the end of time and holds rows" for p in case.state['later_rows'])


CHECKS = (notes, posts, folders, left_behind, events, chains, linearizable, reads, jobs, files, cancels, spend, audit, replays, refusals, rates, leases, revoked, moments, partitions)


def check(calls, state, meta):
    case = Case(calls, state, meta)
    return [f'{f.__name__}: {said}' for f in CHECKS for said in f(case)]
