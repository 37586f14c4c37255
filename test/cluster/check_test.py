#!/usr/bin/env python3
"""check_test.py -- histories made by hand: what the checker must find guilty, and what not.

    python3 test/cluster/check_test.py          TAP, and `N passed, N failed` at the end"""
import copy
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), HERE]

import check
import register
from register import Op
from tap import Tap


def call(op, t0, t1, outcome='ok', status=200, **more):
    rid = f'req_{op}_{t0}'
    tries = [dict(node='api1', t0=t0, t1=t1 or t0 + 1, status=status if outcome != 'unknown' else 0, rid=rid)]
    return dict(op=op, client=0, t0=t0, t1=t1 if outcome != 'unknown' else None, outcome=outcome, status=status, code=None, rid=rid, replayed=False,
                etag=None, answer='{}', tries=tries, **more)


def event(kind, ident, at=0, **data):
    return dict(id=f'{at:010d}{abs(hash((kind, ident, str(data)))) % 10 ** 16:016d}', type=kind, body=json.dumps({'data': {'id': ident, **data}}))


def audit(c, resource=None):
    return dict(id=c['rid'], method='POST', route='/', status=200, request=c['rid'], resource=resource)


def innocent():
    """A note, a post with two changes, a job that made a post, one that was cancelled; all as it should be."""
    note = call('note.create', 1, 2, token='n1', key='n1', data={'id': 'note_N'})
    post = call('post.create', 1, 2, token='p0', key='p0', data={'id': 'post_P', 'content': 'p0'})
    one = call('post.patch', 3, 4, id='post_P', expected='p0', token='p1', key='p1', data={'id': 'post_P', 'content': 'p1'})
    two = call('post.patch', 5, 6, outcome='unknown', id='post_P', expected='p1', token='p2', key='p2')
    stale = call('post.patch', 5, 6, outcome='no', status=412, id='post_P', expected='p0', token='p3', key='p3')
    stale['rid'] = 'req_stale'
    read = call('post.get', 7, 8, id='post_P', data={'content': 'p2'})
    got = call('note.get', 3, 4, id='note_N', own='n1', data={'content': 'n1'})
    walk = dict(op='walk', client=0, t0=3, t1=4, outcome='ok', seen=['note_N'], tries=[])
    made = call('generate', 1, 2, token='g', key='g', data={'id': 'job_J', 'status': 'QUEUED'}, body={})
    gone = call('generate', 2.5, 3, token='h', key='h', data={'id': 'job_K', 'status': 'QUEUED'}, body={})
    cancel = call('cancel', 4, 5, id='job_K')
    again = call('replay', 9, 10, key='n1')
    again['replayed'] = True
    upload = call('upload', 1, 2, data={'id': 'upl_U'})
    file = call('file', 2, 3, token='f', key='f', data={'id': 'job_F', 'status': 'QUEUED'}, body={})
    job = dict(id='J', type='POST_GENERATION', status='DONE', input='{"text":"g. And more."}', result='{"postId":"post_Q"}', receipt='{"costMicrocents":5}',
               attempts=1, lost_leases=0, error_code=None, error_message=None)
    state = {
        'note': [dict(id='N', content='n1', folder=None, version=1)],
        'post': [dict(id='P', content='p2', title='', job=None, status_id='S', version=3, scheduled_at=5),
                 dict(id='Q', content='made', title='', job='J', status_id='S', version=1, scheduled_at=None)],
        'folder': [], 'upload': [dict(id='U')], 'source': [dict(id='T', preview='f. And more.')],
        'job': [job, dict(job, id='K', status='CANCELLED', input='{"text":"h"}', result=None, receipt=None),
                dict(job, id='F', type='SOURCE_INGEST_FILE', input='{}', result='{"sourceId":"src_T"}', receipt=None)],
        'event': [event('note.created', 'note_N', content='n1'), event('post.created', 'post_P', content='p0'), event('post.scheduled', 'post_P', content='p0'),
                  event('post.updated', 'post_P', content='p1'), event('post.updated', 'post_P', 1, content='p2'), event('post.created', 'post_Q', content='made'),
                  event('job.completed', 'job_J'), event('job.completed', 'job_F'), event('source.created', 'src_T')],
        'audit': [audit(note, 'note_N'), audit(post, 'post_P'), audit(one), audit(made), audit(gone), audit(cancel), audit(again), audit(upload), audit(file)],
        'post_count': [dict(status_id='S', posts=2)], 'spend': [dict(day=1, reserved=0, spent=5)], 'witness': [], 'later_rows': []}
    return [note, post, one, two, stale, read, got, walk, made, gone, cancel, again, upload, file], state, {'limit': 3}


def find(calls, op, n=0):
    return [c for c in calls if c['op'] == op][n]


GUILTY = []


def guilty(word, title):
    def take(f):
        GUILTY.append((title, word, f))
        return f
    return take


# Each takes an innocent case and breaks it; the word must be in the verdict.

@guilty('acknowledged and is gone', 'an acknowledged note that is lost')
def _(calls, state, meta):
    state['note'], state['event'] = [], state['event'][1:]


@guilty('is there 2 times', 'a note that is written twice')
def _(calls, state, meta):
    state['note'].append(dict(state['note'][0], id='N2'))


@guilty('nobody sent', 'a note that nobody wrote')
def _(calls, state, meta):
    state['note'].append(dict(state['note'][0], id='N2', content='x'))


@guilty('is there 2 times', 'an unknown create that happened twice')
def _(calls, state, meta):
    calls.append(call('note.create', 2, None, 'unknown', token='u', key='u'))
    state['note'] += [dict(state['note'][0], id=i, content='u') for i in ('U', 'V')]


@guilty('was refused with 422 and is there', 'a refused create that is there')
def _(calls, state, meta):
    calls.append(call('note.create', 2, 3, 'no', 422, token='r', key='r'))
    state['note'].append(dict(state['note'][0], id='R', content='r'))


@guilty('has 0 events note.created', 'a change without its event')
def _(calls, state, meta):
    state['event'].pop(0)


@guilty('has 2 events note.created', 'a change that is announced twice')
def _(calls, state, meta):
    state['event'].append(state['event'][0])


@guilty("says 'other'", 'an event that tells another state than the row has')
def _(calls, state, meta):
    state['event'][0] = event('note.created', 'note_N', content='other')


@guilty('has 0 events post.scheduled', 'a date without its event')
def _(calls, state, meta):
    state['event'] = [e for e in state['event'] if e['type'] != 'post.scheduled']


@guilty('the outbox tells it before', 'events of a row in another order than its changes')
def _(calls, state, meta):
    state['event'] = [dict(e, id='00000010' + e['id'][8:]) if '"p1"' in e['body'] else e for e in state['event']]


@guilty('was acknowledged and is gone', 'an upload that is lost')
def _(calls, state, meta):
    state['upload'] = []


@guilty('there are 2 sources', 'a file that became two sources')
def _(calls, state, meta):
    state['source'].append(dict(state['source'][0], id='T2'))
    state['event'].append(event('source.created', 'src_T2'))


@guilty('was made by a job and is gone', 'a job whose source is lost')
def _(calls, state, meta):
    state['source'] = []


@guilty('which is not there', 'a note in a folder that is gone')
def _(calls, state, meta):
    meta['late'], state['note'][0]['folder'] = True, 'G'


@guilty('without a look at its key', 'a key that is ignored')
def _(calls, state, meta):
    find(calls, 'note.create')['ignored'] = 'malformed'


@guilty('which is not there', 'an event of a change that was undone')
def _(calls, state, meta):
    state['event'].append(event('note.created', 'note_X', content='x'))


@guilty('one of them is lost', 'two changes from one state: a lost update')
def _(calls, state, meta):
    calls.append(call('post.patch', 3, 4.5, id='post_P', expected='p0', token='p9', key='p9', data={'content': 'p9'}))
    state['event'].append(event('post.updated', 'post_P', content='p9'))
    state['post'][0]['version'] = 4


@guilty('was never made', 'an acknowledged change that is lost')
def _(calls, state, meta):
    state['event'] = [e for e in state['event'] if '"p1"' not in e['body'] and '"p2"' not in e['body']]
    state['post'][0].update(content='p0', version=1)


@guilty('its changes end with', 'a row that holds another state than its last change')
def _(calls, state, meta):
    state['post'][0]['content'] = 'p1'


@guilty('was refused with 412 and was made', 'a refused change that was made')
def _(calls, state, meta):
    find(calls, 'post.patch', 2)['expected'] = 'p2'
    state['event'].append(event('post.updated', 'post_P', content='p3'))
    state['post'][0].update(content='p3', version=4)


@guilty('has no order', 'a read that goes back in time')
def _(calls, state, meta):
    calls.append(call('post.get', 9, 10, id='post_P', data={'content': 'p1'}))


@guilty('was answered with 404', 'a read of what was acknowledged that finds nothing')
def _(calls, state, meta):
    find(calls, 'note.get').update(outcome='no', status=404)


@guilty('that had already made', 'a read of a replica that does not know what its reader wrote')
def _(calls, state, meta):
    meta['stale_reads'] = True
    calls.append(call('post.get', 9, 10, id='post_P', own='p1', data={'content': 'p0'}))


@guilty('does not meet it', 'a walk that misses what was acknowledged')
def _(calls, state, meta):
    find(calls, 'walk')['seen'] = []


@guilty('met a note twice', 'a walk that meets a row twice')
def _(calls, state, meta):
    find(calls, 'walk')['seen'] = ['note_N', 'note_N']


@guilty('for ever', 'a job that never ends')
def _(calls, state, meta):
    state['job'][0]['status'] = 'RUNNING'


@guilty('and has the posts', 'a job that made two posts')
def _(calls, state, meta):
    state['post'].append(dict(state['post'][1], id='Q2'))
    state['event'].append(event('post.created', 'post_Q2', content='made'))
    state['post_count'][0]['posts'] = 3


@guilty('without a receipt', 'a job without its receipt')
def _(calls, state, meta):
    state['job'][0]['receipt'] = None


@guilty('has 2 events job.completed', 'a job that ended twice')
def _(calls, state, meta):
    state['event'].append(event('job.completed', 'job_J'))


@guilty('2 jobs were made of one request', 'one request that made two jobs')
def _(calls, state, meta):
    state['job'].append(dict(state['job'][1], id='L'))


@guilty('nothing was wrong with it', 'a job that a fault made fail')
def _(calls, state, meta):
    state['job'][1].update(status='FAILED', error_code='internal_error')


@guilty('it is DONE', 'a cancel that was acknowledged and did nothing')
def _(calls, state, meta):
    calls.append(call('cancel', 4, 5, id='job_J'))


@guilty('the receipts say', 'spend that was counted twice')
def _(calls, state, meta):
    state['spend'][0]['spent'] = 10


@guilty('cents are reserved', 'a reservation that nobody gives back')
def _(calls, state, meta):
    state['spend'][0]['reserved'] = 5


@guilty('0 entries in the audit log', 'a write without its audit entry')
def _(calls, state, meta):
    state['audit'] = state['audit'][1:]


@guilty('2 entries in the audit log', 'a write with two audit entries')
def _(calls, state, meta):
    state['audit'].append(state['audit'][0])


@guilty('is no replay', 'a key that is forgotten')
def _(calls, state, meta):
    find(calls, 'replay')['replayed'] = False


@guilty('and its replay with', 'a replay that differs')
def _(calls, state, meta):
    find(calls, 'replay')['answer'] = '{ }'


@guilty('was refused with 409', 'a fault that looks like a mistake of the caller')
def _(calls, state, meta):
    calls.append(call('note.create', 2, 3, 'no', 409, token='c', key='c'))


@guilty('not answered by api2 at all', 'a request that hangs when all was healed')
def _(calls, state, meta):
    find(calls, 'note.create').update(path='/v1/notes')
    find(calls, 'note.create')['tries'].insert(0, dict(node='api2', t0=1, t1=31, status=0, rid=None))


@guilty('with 500', 'an internal error')
def _(calls, state, meta):
    find(calls, 'note.create')['tries'].insert(0, dict(node='api2', t0=0, t1=1, status=500, rid='req_5'))


@guilty('may', 'more than the limit within a minute')
def _(calls, state, meta):
    calls += [call('upload', t, t + 0.5, data={'id': 'upl_U'}) for t in (10, 11, 12, 13)]
    state['audit'] += [audit(c) for c in calls[-4:]]


@guilty('and the lease held', 'a lease that was taken from one who held it')
def _(calls, state, meta):
    state['witness'].append(dict(at=1000, kind='job', name='J', was_holder='w1', was_until=2000, holder=None))


@guilty('after it was revoked', 'a key that opens a node long after it was revoked')
def _(calls, state, meta):
    calls.append(call('revoked', 16, 17, since=10))


@guilty('of another time', 'an id of a clock that is five minutes off')
def _(calls, state, meta):
    meta.update(since=1795361890000, until=1795361899000)
    state.update({t: [] for t in ('note', 'post', 'job', 'event', 'audit')})
    state['folder'] = [dict(id='01M81YGRT5FA9DBW19XRDFVEF1', name='f'), dict(id='01M81YSXQR0000000000000000', name='g')]


@guilty('was answered as DONE', 'a wait whose answer is not what became of the job')
def _(calls, state, meta):
    find(calls, 'generate')['data'] = {'id': 'job_J', 'status': 'DONE', 'result': {'postId': 'post_X'}}


@guilty('is behind the end of time', 'rows in the partition for what is younger than all')
def _(calls, state, meta):
    state['later_rows'].append({'name': 'event_later'})


@guilty('the columns count', 'a column that counts wrongly')
def _(calls, state, meta):
    state['post_count'][0]['posts'] = 5


ORDERS = [
    ('reads of one value after the other', True, [Op(0, 1, 'write', None, 'a'), Op(2, 3, 'swap', 'a', 'b'), Op(4, 5, 'read', None, 'b')]),
    ('a read beside a change may see either', True, [Op(0, 1, 'write', None, 'a'), Op(2, 5, 'swap', 'a', 'b'), Op(3, 4, 'read', None, 'a')]),
    ('once seen, a change stays', False, [Op(0, 1, 'write', None, 'a'), Op(2, 9, 'swap', 'a', 'b'), Op(3, 4, 'read', None, 'b'), Op(5, 6, 'read', None, 'a')]),
    ('two changes from one value', False, [Op(0, 1, 'write', None, 'a'), Op(2, 9, 'swap', 'a', 'b'), Op(2, 9, 'swap', 'a', 'c')]),
    ('a refusal needs another value', False, [Op(0, 1, 'write', None, 'a'), Op(2, 3, 'miss', 'a', 'b')]),
    ('a change of which nothing was heard may explain a read', True, [Op(0, 1, 'write', None, 'a'), Op(2, None, 'maybe', 'a', 'b'), Op(8, 9, 'read', None, 'b')]),
    ('or a refusal', True, [Op(0, 1, 'write', None, 'a'), Op(2, None, 'maybe', 'a', 'b'), Op(8, 9, 'miss', 'a', 'c')]),
    ('but not before it was asked for', False, [Op(0, 1, 'write', None, 'a'), Op(5, None, 'maybe', 'a', 'b'), Op(2, 3, 'read', None, 'b')]),
    ('and it need not have happened', True, [Op(0, 1, 'write', None, 'a'), Op(2, None, 'maybe', 'a', 'b'), Op(8, 9, 'read', None, 'a')]),
    ('a chain of three, heard in another order', True, [Op(0, 1, 'write', None, 'a'), Op(2, 9, 'swap', 'b', 'c'), Op(2, 9, 'swap', 'a', 'b'), Op(2, 9, 'read', None, 'b')]),
]


def main():
    tap = Tap()
    said = check.check(*innocent())
    tap.line('an innocent history is found innocent', '\n'.join(said) or None)
    for title, word, spoil in GUILTY:
        case = copy.deepcopy(innocent())
        spoil(*case)
        said = check.check(*case)
        tap.line('guilty: ' + title, None if any(word in s for s in said) else f'the verdict does not say {word!r}: {said}')
    for title, may, ops in ORDERS:
        tap.line('one register: ' + title, None if register.linearizable(ops) == may else f'{not may}')
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
