"""heads.py -- the headers of every operation: workspace, version, media types, tags and idempotency keys (contract 12.1)."""
import json

import faults
from cases import need
from play import Case, details
from world import KINDS, ulid

CURRENT = '2026-08-01'


def request(op, fault, about, headers, want=None, check=None):
    """A good request with other headers."""
    row = faults.fresh(op, want)
    return Case(op, about, fault, faults.target(op, ident='~fresh~' if row else None), faults.written(faults.base(op)) if op.body else None, want,
                check, headers, fresh=row)


def workspace(op):
    name = 'Scripe-Workspace-Id'
    missing = faults.refusal(403, 'workspace_mismatch') if op.people else faults.refusal(404, 'not_found')

    def says(a, data, world):
        need(op.people or a.json()['error']['message'] == 'Workspace not found.', f"the message is {a.json()['error']['message']!r}")
    for fault, values in (('our own', ['~own_workspace~']), ('our own, with blanks', ['  ~own_workspace~ '])):
        yield request(op, fault, name, [(name, v) for v in values])
    for fault, values in (('another', ['~workspace_theirs~']), ('one that never was', ['~workspace_never~']), ('empty', ['']), ('a word', ['me']),
                          ('of another kind', ['~project~']),
                          ('ours and another', ['~own_workspace~', '~workspace_theirs~']),
                          ('another and ours', ['~workspace_theirs~', '~own_workspace~']),
                          ('two in one', ['~own_workspace~,~own_workspace~']), ('in lower case', ['~workspace_lower~']), ('an emoji', ['😀']),
                          ('5,000 letters', ['org_' + 'A' * 5000])):
        yield unbound(request(op, fault, name, [(name, v) for v in values], missing, says))


def unbound(case):
    """Refused before the key is looked at."""
    case.routed = False
    return case


def version(op):
    name, refused = 'Scripe-Api-Version', faults.refusal(400, 'version_unsupported')

    def accepted(a, data, world):
        need(a.json()['error']['details'] == {'accepted': [CURRENT]}, f"details are {a.json()['error'].get('details')}")
    for fault, values in (('the current one', [CURRENT]), ('the current one, with blanks', [f' {CURRENT}  '])):
        yield request(op, fault, name, [(name, v) for v in values])
    for fault, values in (('an older one', ['2020-01-01']), ('a later one', ['2099-01-01']), ('one of tests', ['2026-05-01']), ('empty', ['']),
                          ('a word', ['latest']), ('v1', ['v1']),
                          ('another spelling', ['2026-8-1']), ('a moment', [CURRENT + 'T00:00:00Z']), ('two in one', [f'{CURRENT}, {CURRENT}']),
                          ('an emoji', ['😀']),
                          ('the current one and another', [CURRENT, '2020-01-01']), ('another and the current one', ['2020-01-01', CURRENT]),
                          ('5,000 digits', ['2' * 5000])):
        yield request(op, fault, name, [(name, v) for v in values], refused, accepted)
    yield request(op, 'wrong, and no key', name, [(name, '2020-01-01'), ('Authorization', None)], refused, accepted)


def media(op):
    name, refused = 'Content-Type', faults.refusal(415, 'unsupported_media_type')
    for v in ('application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8', 'Application/JSON', 'application/json;',
              ' application/json ', 'application/json ; a="b"',
              'application/json; charset=iso-8859-1'):
        yield request(op, f'right: {v!r}', name, [(name, v)])
    yield request(op, 'none', name, [(name, None)])
    for v in ('text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml',
              'application/octet-stream', 'application/jsonx', 'application/jso',
              'application/vnd.api+json', 'application/problem+json', 'application/json-patch+json', 'application/merge-patch+json',
              'application/ json', 'json', '*/*', 'application/*', 'application/json, text/plain',
              'text/plain; application/json', '😀'):
        yield request(op, f'wrong: {v!r}', name, [(name, v)], refused)


ACCEPT = [
    (None, False), ('application/json', False), ('*/*', False), ('application/*', False), ('text/html', False), ('', False), (';;,,;q=', False),
    ('application/problem+json;q=0', False),
    ('application/problem+json, application/json', False), ('application/json, application/problem+json;q=0.9', False),
    ('application/problem+json;q=0.1, */*', False),
    ('application/problem+json', True), ('Application/Problem+JSON', True), ('application/problem+json;q=0.001', True),
    ('application/problem+json, application/json;q=0.9', True),
    ('application/json;q=0.5, application/problem+json', True), ('application/problem+json, */*;q=0.1', True),
    ('text/html, application/problem+json;q=0.2', True),
    ('application/problem+json; charset=utf-8', True), ('application/problem+json ; Q=1.000 , application/json ; q=0.999', True),
    ('application/json;q=0, application/problem+json;q=0.1', True),
]


def accept(op):
    """The form of an error.  One that is refused by every operation: an unknown key."""
    for value, problem in ACCEPT:
        def check(a, data, world, problem=problem):
            kind = 'application/problem+json' if problem else 'application/json'
            need(a.get('Content-Type') == kind, f"the Content-Type is {a.get('Content-Type')}, not {kind}")
            body = a.json()
            need(not problem or (body['status'], body['code'], body['title']) == (401, 'invalid_token',
                    'invalid_token') and body['type'] and body['detail'] and body['request_id'], f'a problem is {body}')
            need(problem or body['error']['code'] == 'invalid_token', f'an error is {body}')
        case = request(op, f'{value!r}', 'Accept', [('Accept', value), ('Authorization', 'Bearer x')], faults.refusal(401, 'invalid_token'), check)
        case.problem = problem
        yield case


def tags(op):
    """If-None-Match on a resource."""
    def script(c, world):
        target = world.fill_in(faults.target(op).encode()).decode()
        first = c.get(target)
        tag = first.get('ETag')
        need(first.status == 200 and tag and tag.startswith('"') and tag.endswith('"'), f'the ETag is {tag}')
        for values in ([tag], ['W/' + tag], ['*'], [f'"x", {tag}'], [f'{tag},"x"'], [f'"x" ,W/{tag} , "y"'], ['"x"', tag], [tag, tag], [f'  {tag}  '],
                       [', ,' + tag]):
            a = c.get(target, [('If-None-Match', v) for v in values])
            need(a.status == 304 and a.body == b'' and a.get('ETag') == tag, f'{values}: expected 304, not {a}')
        for values in (['"x"'], [tag.strip('"')], [tag[:-1]], ['w/' + tag], [tag.upper()] if tag.upper() != tag else ['"y"'], [''], ['"*"'], ['**'],
                       [tag[:-1] + 'x"'], ['"' + 'x' * 5000 + '"']):
            a = c.get(target, [('If-None-Match', v) for v in values])
            need(a.status == 200 and a.body == first.body, f'{values}: expected 200, not {a.status}')
    if faults.has(faults.good_value(op.path_id)):
        yield Case(op, 'If-None-Match', 'lists, weak forms, stars and what is none', '', script=script)


def matches(op):
    """If-Match on a change: judged after the shape and before the meaning, and it binds no key."""
    def script(c, world):
        field, ident = {'update_post': 'title', 'update_voice': 'profile'}.get(op.name, 'name'), world.create(c, KINDS[op.id_prefix][0])
        target = world.fill_in(faults.target(op, ident=ident).encode()).decode()

        def send(body, values, key=None):
            return c.request('PATCH', target, body, [('If-Match', v) for v in values] + ([('Idempotency-Key', key)] if key else []))
        tag = c.get(target).get('ETag')
        for n, form in enumerate(('{}', 'W/{}', '"x", {}', '{} , "x"', '*', '"x",W/{}')):
            a = send({field: f'text {n}'}, [form.format(tag)])
            need(a.status == 200 and a.get('ETag') != tag, f'{form}: expected 200 and another tag, not {a}')
            tag = a.get('ETag')
        need(send({field: 'two lines'}, ['"x"', tag]).status == 200, 'two lines are one list')
        for value in ('"x"', tag, '', '"*"', 'x'):
            a = send({field: 'never'}, [value], 'if-' + ulid())
            need((a.status, *details(a)) == (412, 'precondition_failed', None), f'{value!r}: expected 412, not {a}')
        refusals = [({field: 1}, (400, 'invalid_request', field))]
        if op.name == 'update_post':
            refusals += [(b, (412, 'precondition_failed', None)) for b in ({'contentType': 'BOGUS'}, {'scheduledFor': '2020-01-01T00:00:00Z'})]
        for body, want in refusals:
            a = send(body, ['"x"'])
            need((a.status, *details(a)) == want, f'{body}: expected {want}, not {a}')
        need(c.get(target).json()['data'][field] == 'two lines', 'a refused change was made')
        again = 'if-' + ulid()
        need(send({field: 'later'}, ['"x"'], again).status == 412 and send({field: 'later'}, ['*'], again).get('Idempotent-Replayed') == 'false',
             'a 412 has bound its key')
    yield Case(op, 'If-Match', 'lists, weak forms, stars and what is none', '', script=script)


GOOD_KEYS = ['a', '0', '-', '_', 'A-b_9', 'x' * 64]
BAD_KEYS = [[''], [' '], ['x' * 65], ['x' * 5000], ['a b'], ['a.b'], ['a,b'], ['a;b'], ['a/b'], ['"a"'], ['é'], ['😀'], ['a\tb'], ['a%20b'], ['a=b'],
            ['a+b'], ['{a}'], ['a', 'a'], ['a', 'b']]


def keys(op):
    """Shapes of Idempotency-Key; what is malformed is ignored, and told."""
    def send(c, world, values, anew=False):
        kind = KINDS[op.id_prefix][0] if op.path_id else None
        target = world.fill_in(faults.target(op, ident=world.create(c, kind) if kind else None).encode()).decode()
        body = faults.written(faults.base(op))
        data = world.fill_in(body)
        return [c.request(op.method, target, world.fill_in(body) if anew else data, [('Idempotency-Key', v) for v in values]) for turn in range(2)]

    def good(c, world):
        for key in GOOD_KEYS + [' surrounded ']:
            a, b = send(c, world, [key])
            need(a.status == b.status == 200, f'{key!r}: {a} {b}')
            need((a.get('Idempotent-Replayed'), b.get('Idempotent-Replayed')) == ('false', 'true'),
                 f"{key!r}: {a.get('Idempotent-Replayed')} and {b.get('Idempotent-Replayed')}")
            need(a.body == b.body and a.get('X-Request-Id') != b.get('X-Request-Id') and b.get('ETag') is None,
                 f'{key!r}: the replay is not the first answer')
            need(a.get('Idempotency-Key-Ignored') is None, f'{key!r} is said to be ignored')

    def malformed(c, world):
        for key in BAD_KEYS:
            a, b = send(c, world, key, anew=True)
            for x in (a, b):
                need(x.status == 200 and x.get('Idempotency-Key-Ignored') == 'malformed' and x.get('Idempotent-Replayed') is None,
                     f'{key!r}: {x} {x.headers}')
            need(op.method != 'POST' or a.json()['data']['id'] != b.json()['data']['id'], f'{key!r}: was taken for a key')

    def fingerprint(c, world):
        """What is the same body and what is another one."""
        base = faults.base(op)
        plain = world.fill_in(json.dumps(base).encode())
        turned = json.dumps(dict(reversed(list(json.loads(plain).items()))), indent=3).encode()
        first = next(iter(base))
        escaped = plain.replace(b'"' + first.encode(), b'"\\u%04x' % ord(first[0]) + first[1:].encode())
        ident = world.create(c, KINDS[op.id_prefix][0]) if op.path_id else None
        target = world.fill_in(faults.target(op, ident=ident).encode()).decode()
        for body, replayed in ((turned, True), (escaped, True), (b'\xef\xbb\xbf' + plain, True), (plain[:-1] + b', "unknown": 1}', False),
                               (plain[:-1] + b', "unknown": null}', False)):
            key = 'fp-' + ulid()
            a, b = (c.request(op.method, target, x, {'Idempotency-Key': key}) for x in (plain, body))
            need(a.status in (200, 409), f'{a}')       # 409: a member is there already, and that is bound as well
            ok = b.get('Idempotent-Replayed') == 'true' if replayed else (b.status, b.code()) == (409, 'idempotency_key_conflict')
            need(ok, f'{body[:200]!r} after {plain[:200]!r}: {b}')
    yield Case(op, 'Idempotency-Key', 'right shapes', '', script=good)
    yield Case(op, 'Idempotency-Key', 'wrong shapes', '', script=malformed)
    yield Case(op, 'Idempotency-Key', 'the same body and another', '', script=fingerprint)


def no_keys(op):
    """An operation that takes no key says nothing of one."""
    def silent(a, data, world):
        need(a.get('Idempotent-Replayed') is None and a.get('Idempotency-Key-Ignored') is None, f'it speaks of a key: {a.headers}')
    for fault, key in (('on a read', 'a'), ('malformed, on a read', 'a b')):
        yield request(op, fault, 'Idempotency-Key', [('Idempotency-Key', key)], None, silent)


def cases(op):
    if op.public:
        return
    if faults.sendable(op) and (not op.path_id or faults.has(faults.good_value(op.path_id))):
        yield from workspace(op)
        yield from version(op)
        yield from accept(op)
        yield from (keys if op.idempotent else no_keys)(op)
    if op.body:
        yield from media(op)
    if op.tagged and op.path_id:
        yield from tags(op)
    if op.method == 'PATCH' and 'If-Match' in op.heads:
        yield from matches(op)
