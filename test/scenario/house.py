"""house.py -- what every answer under /v1 must hold, whatever its story is about (contract 2, 12.1, 12.2)."""
import datetime
import json
import re

from cases import Wrong, need

VERSION = '2026-08-01'
STATUS = {
    'invalid_request': 400, 'bad_pagination': 400, 'bad_cursor': 400, 'version_unsupported': 400, 'invalid_token': 401,
    'key_expired': 401, 'key_revoked': 401, 'spend_cap_exceeded': 402, 'scope_missing': 403, 'role_missing': 403, 'plan_not_eligible': 403,
    'workspace_mismatch': 403, 'origin_refused': 403, 'not_found': 404, 'method_not_allowed': 405, 'idempotency_key_conflict': 409,
    'idempotency_in_progress': 409, 'not_cancellable': 409, 'conflict': 409, 'precondition_failed': 412,
    'payload_too_large': 413, 'unsupported_media_type': 415, 'unprocessable': 422, 'ssrf_blocked': 422,
    'rate_limited': 429, 'internal_error': 500, 'service_unavailable': 503,
}
ULID = '[0-7][0-9A-HJKMNP-TV-Z]{25}'
PREFIX = {'workspace': 'org', 'project': 'proj', 'note': 'note', 'slot': 'slot', 'folder': 'fold', 'post': 'post', 'status': 'stat',
          'source': 'src', 'topic': 'tpc', 'hook': 'hk', 'document': 'kb', 'job': 'job', 'key': 'key', 'user': 'usr', 'upload': 'upl', 'request': 'req', 'audit': 'aud', 'event': 'evt',
          'sample': 'smp', 'pillar': 'plr', 'client': 'cli', 'consent': 'cons', 'invitation': 'inv'}
TIME = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
CONTENT_TYPES = 'PERSONAL|BUSINESS_INTERNAL|BUSINESS_EXTERNAL|EDUCATIONAL|UNKNOWN'

# The fields of each resource, all of them: a kind, or words between bars.
SHAPES = {
    'project': {'id': 'id project', 'name': 'string', 'type': 'PERSONAL_BRAND|COMPANY_PAGE', 'status': 'ACTIVE|PAUSED|ARCHIVED|ERROR',
                'url': 'string or null', 'createdAt': 'time'},
    'note': {'id': 'id note', 'projectId': 'id project', 'folderId': 'id folder or null', 'content': 'string', 'createdAt': 'time',
             'updatedAt': 'time or null', 'slot': 'shape slot or null'},
    'slot': {'id': 'id slot', 'date': 'time', 'contentType': CONTENT_TYPES + ' or null'},
    'post': {'id': 'id post', 'projectId': 'id project or null',
             'status': 'waitingProcessing|draft|waitingApproval|approved|rejected|scheduled|published|suggested',
             'platform': 'linkedin|', 'contentType': CONTENT_TYPES, 'title': 'string', 'content': 'string',
             'scheduledAt': 'time or null', 'createdAt': 'time', 'updatedAt': 'time or null', 'statusId': 'id status or null',
             'statusCategory': 'suggested|draft|inProgress|review|scheduled|published', 'autoLike': 'boolean', 'autoComment': 'boolean'},
    'job': {'id': 'id job', 'type': 'POST_GENERATION|KB_INGEST_TEXT|KB_INGEST_FILE|KB_INGEST_URL|KB_INGEST_YOUTUBE|SOURCE_INGEST_FILE|NOOP',
            'status': 'QUEUED|RUNNING|DONE|FAILED|CANCELLED', 'projectId': 'id project or null', 'startedAt': 'time or null',
            'completedAt': 'time or null', 'progress': 'shape progress or null', 'result': 'object or null',
            'errorCode': 'string or null', 'errorMessage': 'string or null', 'attemptCount': 'integer',
            'estimatedCompletionMs': 'integer or null', 'createdAt': 'time', 'updatedAt': 'time'},
    'source': {'id': 'id source', 'projectId': 'id project', 'status': 'Processing|Done|Error', 'name': 'string or null',
               'fileType': 'string or null', 'durationSeconds': 'number or null', 'createdAt': 'time', 'updatedAt': 'time or null',
               'textPreview': 'string', 'textPreviewTruncated': 'boolean', 'hasFullText': 'boolean', 'topics': 'list'},
    'entry': {'id': 'id source', 'projectId': 'id project', 'status': 'Processing|Done|Error', 'name': 'string or null',
              'fileType': 'string or null', 'durationSeconds': 'number or null', 'createdAt': 'time', 'updatedAt': 'time or null',
              'excerpt': 'string', 'hasFullText': 'boolean'},
    'topic': {'id': 'id topic', 'title': 'string', 'summary': 'string', 'keyTakeaways': 'list', 'ranking': 'integer', 'score': 'number',
              'fromSeconds': 'number or null', 'toSeconds': 'number or null', 'hooks': 'list'},
    'hook': {'id': 'id hook', 'content': 'string', 'postType': 'QUESTION|CONTRAST|NUMBER|LESSON|STORY|CLAIM', 'contentType': CONTENT_TYPES},
    'document': {'id': 'id document', 'projectId': 'id project or null', 'type': 'text|file|url|youtube', 'name': 'string', 'url': 'string or null',
                 'language': 'string or null', 'characters': 'integer', 'passageCount': 'integer', 'textPreview': 'string',
                 'textPreviewTruncated': 'boolean', 'createdAt': 'time'},
    'upload': {'id': 'id upload', 'uploadUrl': 'string', 'method': 'PUT|', 'headers': 'object', 'contentType': 'string', 'maxSizeBytes': 'integer',
               'expiresAt': 'time'},
    'folder': {'id': 'id folder', 'projectId': 'id project', 'name': 'string', 'createdAt': 'time'},
    'voice': {'projectId': 'id project', 'profile': 'string', 'formality': 'number or null', 'warmth': 'number or null', 'energy': 'number or null',
              'complexity': 'number or null', 'prefer': 'list', 'avoid': 'list', 'structure': 'string', 'updatedAt': 'time or null'},
    'sample': {'id': 'id sample', 'projectId': 'id project', 'postId': 'id post or null', 'title': 'string or null', 'text': 'string', 'createdAt': 'time'},
    'pillar': {'id': 'id pillar', 'projectId': 'id project', 'name': 'string', 'about': 'string', 'createdAt': 'time'},
    'status': {'id': 'id status', 'projectId': 'id project', 'name': 'string', 'category': 'draft|inProgress|review|scheduled|published',
               'isDefault': 'boolean', 'order': 'integer', 'postCount': 'integer'},
    'progress': {'progress': 'number', 'updatedAt': 'time', 'message': 'string or null'},
    'receipted': {'jobId': 'id job', 'receipt': 'object'},
    'result': {'postId': 'id post'},
    'ingested': {'documentId': 'id document'},
    'read': {'sourceId': 'id source'},
    'request': {'id': 'id request', 'createdAt': 'time', 'principal': 'string', 'mode': 'live|test or null',
                'method': 'GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|OTHER', 'operation': 'string or null', 'route': 'string or null',
                'path': 'string', 'query': 'string or null', 'status': 'integer', 'errorCode': 'string or null', 'durationUs': 'integer',
                'bytesIn': 'integer', 'bytesOut': 'integer', 'ip': 'string', 'userAgent': 'string or null', 'apiVersion': 'string or null',
                'idempotencyKey': 'none|first|replayed|refused|malformed', 'ignored': 'string or null', 'weight': 'integer', 'clientId': 'id client or absent'},
    'audit': {'id': 'id audit', 'createdAt': 'time', 'principal': 'string', 'mode': 'string', 'method': 'string', 'route': 'string',
              'status': 'integer', 'requestId': 'string', 'resourceId': 'string or null', 'ip': 'string', 'clientId': 'id client or absent'},
}

# What older versions had otherwise: the name of a field there, and here; None: it is gone.
OLDER = {'2026-05-01': {'note': {'text': 'content'}, 'post': {'business': None}}}


def is_kind(value, kinds):
    return any(is_one(value, k.strip()) for k in kinds.split(' or '))


def is_one(value, kind):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind.startswith('shape '):
        if isinstance(value, dict):
            shape(value, kind[6:])
            return True
        return False
    if kind.startswith('id '):
        return isinstance(value, str) and re.fullmatch(PREFIX[kind[3:]] + '_' + ULID, value) is not None
    if '|' in kind:
        return isinstance(value, str) and value in kind.split('|') and value != ''
    return {'string': isinstance(value, str), 'integer': number and isinstance(value, int), 'number': number,
            'boolean': isinstance(value, bool), 'null': value is None, 'list': isinstance(value, list),
            'object': isinstance(value, dict), 'time': isinstance(value, str) and TIME.match(value) is not None}[kind]


def shape(value, name):
    """Exactly the fields of SHAPES[name], of their kinds."""
    want = {k: kind for k, kind in SHAPES[name].items() if k in value or not kind.endswith(' or absent')}
    need(set(value) == set(want), f'a {name} has the fields {sorted(value)}, not {sorted(want)}')
    for k, kind in want.items():
        need(is_kind(value[k], kind.removesuffix(' or absent')), f'{name}.{k} is {json.dumps(value[k])}, not {kind}')


def modern(value, name, a):
    """The resource as the current version has it.  A replay is of the version of the first answer, whichever asks."""
    replay, version = a.get('Idempotent-Replayed') == 'true', a.get('Scripe-Api-Version')
    for was in OLDER:
        for old, new in OLDER[was].get(name, {}).items():
            if version == was and not replay:
                need(old in value and new not in value, f'a {name} of {was} has the fields {sorted(value)}')
            if (version == was or replay) and old in value:
                value = {new or k if k == old else k: v for k, v in value.items() if k != old or new}
    return value


def resource(value, a):
    """The shape of a resource, told by the prefix of its id; and what its fields say of each other."""
    if isinstance(value, dict) and 'receipt' in value:
        shape(value, 'receipted')
    if isinstance(value, dict) and 'formality' in value:
        shape(value, 'voice')
    if not isinstance(value, dict) or not isinstance(value.get('id'), str):
        return
    names = {'proj': 'project', 'note': 'note', 'post': 'post', 'src': 'source', 'kb': 'document', 'upl': 'upload', 'job': 'job',
             'req': 'request', 'aud': 'audit', 'fold': 'folder', 'stat': 'status', 'smp': 'sample', 'plr': 'pillar'}
    name = names.get(value['id'].split('_')[0])
    if name == 'source' and 'excerpt' in value:
        name = 'entry'
    if name and ('createdAt' in value or (name == 'status' and 'category' in value) or name == 'upload'):
        shape(modern(value, name, a), name)
    if name and 'createdAt' in value:
        need(born(value['id']) == value['createdAt'], f"createdAt {value['createdAt']} is not the millisecond in {value['id']}")
    if name == 'job':
        job(value)
    if name == 'source':
        topics(value)
    if name == 'request':
        request(value)


def born(ident):
    """The time inside an id, as the API writes times."""
    digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    ms = 0
    for c in ident.split('_')[1][:10]:
        ms = ms * 32 + digits.index(c)
    at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return at.strftime('%Y-%m-%dT%H:%M:%S.') + f'{ms % 1000:03d}Z'


def topics(source):
    found = source['topics']
    need([t['ranking'] for t in found] == list(range(1, len(found) + 1)), f"topics are ranked {[t['ranking'] for t in found]}")
    for t in found:
        shape(t, 'topic')
        need(0 <= t['score'] <= 1 and t['title'] and '\n' not in t['title'], f'a topic has the score {t["score"]} and the title {t["title"]!r}')
        need((t['fromSeconds'] is None) == (t['toSeconds'] is None), f'a topic lasts from {t["fromSeconds"]} to {t["toSeconds"]}')
        need(all(isinstance(k, str) for k in t['keyTakeaways']), 'a takeaway is no text')
        for h in t['hooks']:
            shape(h, 'hook')
            need(0 < len(h['content']) <= 210, f'a hook has {len(h["content"])} characters')


def job(j):
    ended = j['status'] in ('DONE', 'FAILED', 'CANCELLED')
    need((j['completedAt'] is not None) == ended, f"a job that is {j['status']} has completedAt {j['completedAt']}")
    if j['result'] is not None and j['type'] != 'NOOP':
        shape(j['result'], 'ingested' if j['type'].startswith('KB_') else 'read' if j['type'] == 'SOURCE_INGEST_FILE' else 'result')
    need((j['result'] is not None) == (j['status'] == 'DONE'), f"a job that is {j['status']} has the result {j['result']}")
    need((j['errorCode'] is not None) == (j['status'] == 'FAILED'), f"a job that is {j['status']} has the errorCode {j['errorCode']}")
    need((j['errorMessage'] is not None) == (j['status'] == 'FAILED'), f"a job that is {j['status']} has the errorMessage {j['errorMessage']}")
    need(j['status'] in ('QUEUED', 'CANCELLED') or j['startedAt'] is not None, f"a job that is {j['status']} has no startedAt")
    if j['progress']:
        need(0 <= j['progress']['progress'] <= 1, f"progress is {j['progress']['progress']}")


FREE = (400, 401, 403, 404, 405, 429)    # where a refusal may have cost nothing


def request(r):
    need((r['errorCode'] is not None) == (r['status'] >= 400), f"a request with status {r['status']} has the errorCode {r['errorCode']}")
    need((r['operation'] is None) == (r['route'] is None), f"a request has the operation {r['operation']} and the route {r['route']}")
    need(r['weight'] == 1 or (r['weight'] > 1 and (r['status'] < 400 or r['status'] in FREE)), f"a request with status {r['status']} has the weight {r['weight']}")


def lists(value, a):
    """The envelope of a list: rows of one kind, newest first."""
    p = value['pagination']
    need(set(value) == {'data', 'pagination'}, f'a list has the fields {sorted(value)}')
    need(isinstance(p, dict) and set(p) == {'next_cursor', 'has_more'}, f'pagination is {p}')
    need(isinstance(p['has_more'], bool) and is_kind(p['next_cursor'], 'string or null'), f'pagination is {p}')
    need(p['has_more'] == (p['next_cursor'] is not None), f'has_more is {p["has_more"]} with next_cursor {p["next_cursor"]}')
    for row in value['data']:
        resource(row, a)
    keys = [(r.get('createdAt', ''), r['id']) for r in value['data']]
    need(keys == sorted(keys, reverse=True), 'a list is not sorted by (createdAt, id), newest first')


def envelope(answer, value, docs):
    """The error envelope; docs: the base of docs_url."""
    need(isinstance(value, dict) and set(value) == {'error'}, f'an error is {json.dumps(value)[:200]}')
    e = value['error']
    need({'code', 'message', 'request_id', 'docs_url'} <= set(e) <= {'code', 'message', 'request_id', 'docs_url', 'details', 'meta'},
         f'an error has the fields {sorted(e)}')
    need(e['code'] in STATUS, f"the code {e['code']} is in no list")
    need(STATUS[e['code']] == answer.status, f"{e['code']} came with {answer.status}")
    need(is_kind(e['message'], 'string') and e['message'], 'an error has no message')
    replay = answer.get('Idempotent-Replayed') == 'true'
    need(replay or e['request_id'] == answer.get('X-Request-Id'), f"request_id {e['request_id']} is not the header's")
    need(e['docs_url'] == f"{docs}/api/v1/errors#{e['code']}", f"docs_url is {e['docs_url']}")
    need(is_kind(e.get('details', {}), 'object'), f"details is {e.get('details')}")
    d = e.get('details', {})
    need('field' not in d or (is_kind(d['field'], 'string') and is_kind(d.get('reason'), 'string') and d['reason']), f'details is {d}')


def refusal_headers(answer, public):
    whole = re.compile(r'^\d+$')
    if answer.status == 401:
        w = answer.get('WWW-Authenticate', '')
        need(w.startswith(f'Bearer resource_metadata="{public}/.well-known/oauth-protected-resource"'), f'WWW-Authenticate is {w!r}')
    if answer.status in (429, 503) or answer.code() == 'idempotency_in_progress':
        need(whole.match(answer.get('Retry-After', '')) is not None, f"Retry-After is {answer.get('Retry-After')!r}")
    if answer.status == 405:
        need(answer.get('Allow'), '405 without Allow')


def rates(answer):
    """Both dialects of the rate headers, wherever one is, must say the same."""
    x = [answer.get('X-RateLimit-' + n) for n in ('Limit', 'Remaining', 'Reset')]
    policy, rate = answer.get('RateLimit-Policy'), answer.get('RateLimit')
    if not any(x + [policy, rate]):
        return
    p = re.fullmatch(r'"(read|write|jobs|uploads)";q=(\d+);w=60', policy or '')
    r = re.fullmatch(r'"(read|write|jobs|uploads)";r=(\d+);t=(\d+)', rate or '')
    need(p and r and p.group(1) == r.group(1), f'RateLimit-Policy is {policy!r}, RateLimit is {rate!r}')
    need(x == [p.group(2), r.group(2), r.group(3)], f'X-RateLimit-* are {x}, RateLimit is {rate!r} under {policy!r}')
    need(int(r.group(2)) <= int(p.group(2)) and int(r.group(3)) <= 60, f'RateLimit is {rate!r} under {policy!r}')


def answer(method, target, a, seen, public, docs):
    """seen: the request ids of this run so far, a set."""
    if not re.match(r'^/v1(/|$|\?)', target):
        return
    path = target.split('?')[0]
    ids = a.all('X-Request-Id')
    need(len(ids) == 1 and re.fullmatch('req_' + ULID, ids[0]), f'X-Request-Id is {ids}')
    need(ids[0] not in seen, f'the request id {ids[0]} was given twice')
    seen.add(ids[0])
    if method == 'OPTIONS' and a.status == 204:
        need(a.get('Access-Control-Allow-Origin'), 'a preflight that allows nobody')
        return
    version = a.all('Scripe-Api-Version')
    need(version == [VERSION] or (len(version) == 1 and a.get('Scripe-Deprecation') is not None), f'Scripe-Api-Version is {version}')
    refusal_headers(a, public) if method != 'HEAD' else None
    rates(a)
    if path != '/v1/health' and a.status == 200:
        need(a.get('Cache-Control') == 'private, no-cache', f"Cache-Control is {a.get('Cache-Control')!r}")
        need(a.all('Vary')[:1] == ['Accept, Authorization, Scripe-Api-Version'], f"Vary is {a.all('Vary')!r}")
    if method == 'HEAD' or a.status == 304:
        need(a.body == b'', f'{a.status} to {method} has a body')
        return
    body(a, docs)


def unique(pairs):
    names = [n for n, v in pairs]
    need(len(names) == len(set(names)), f'a JSON object names a key twice: {names}')
    return dict(pairs)


def body(a, docs):
    kind = a.get('Content-Type', '')
    problem = kind.startswith('application/problem+json')
    need(problem or re.match(r'application/json(;|$)', kind), f'Content-Type is {kind!r}')
    try:
        value = json.loads(a.body.decode('utf-8'), object_pairs_hook=unique)
    except ValueError as e:
        raise Wrong(f'the body is not JSON ({e}): {a.body[:200]!r}')
    if a.status >= 400 and not problem and not (isinstance(value, dict) and value.get('status') == 'degraded'):
        envelope(a, value, docs)
    if a.status == 200 and isinstance(value, dict):
        if isinstance(value.get('data'), list):
            lists(value, a)
        elif 'data' in value:
            need(set(value) == {'data'}, f'a single resource has the fields {sorted(value)}')
            resource(value['data'], a)
