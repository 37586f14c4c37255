#!/usr/bin/env python3
"""protocol.py -- MCP as a client speaks it: versions, sessions, headers, tools and their results, in all four versions.

    python3 test/mcp/protocol.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import base64
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))

import cases
from cases import Skip, case, need
from server import Server, wait_for
from talk import LEGACY, META, MODERN, Talk

ALL = [*LEGACY, MODERN]


def error(answer, status, code):
    need(answer.status == status, f'{answer.status} for {status}: {answer.body[:300]!r}')
    got = answer.json()['error']
    need(got['code'] == code and got['message'], f'{got} for {code}')
    return got


def fails(result, *words):
    """The text of a tool error that says all these words."""
    need(result.get('isError') is True, f'no tool error: {result}')
    text = result['content'][0]['text']
    for w in words:
        need(w in text, f'{w!r} is not in {text!r}')
    return text


# --------------------------------------------------------------------------------------------------- versions, sessions

@case('Each version with sessions is agreed on as asked; another one becomes the newest of them')
def agreed(s):
    for asked, given in [(v, v) for v in LEGACY] + [('2024-11-05', '2025-11-25'), (MODERN, '2025-11-25'), ('x', '2025-11-25')]:
        with Talk(s, '2025-11-25', begin=False) as t:
            a = t.post({'jsonrpc': '2.0', 'id': 'a', 'method': 'initialize', 'params': {'protocolVersion': asked, 'capabilities': {}, 'clientInfo': {
                'name': 'x', 'version': '1'}}})
            r = a.json()['result']
            need(r['protocolVersion'] == given and a.json()['id'] == 'a', f'{asked}: {r}')
            need(r['serverInfo']['name'] == 'scriped' and r['instructions'], f'{r}')
            need(r['capabilities']['tools'] == {'listChanged': True} and 'logging' in r['capabilities'], f'{r}')
            sid = a.get('Mcp-Session-Id')
            need(len(sid) == 43 and all(0x21 <= ord(c) <= 0x7e for c in sid), sid)
    with Talk(s, '2025-11-25', begin=False) as t:
        error(t.post({'jsonrpc': '2.0', 'id': 1, 'method': 'initialize', 'params': {}}), 200, -32602)


@case('A session is needed, known, and over when it was ended')
def sessions(s):
    for v in LEGACY:
        with Talk(s, v) as t, Talk(s, v, begin=False) as none:
            need(t.result('ping') == {}, 'ping')
            error(none.ask('ping'), 400, -32600)
            for path in ('/mcp/', '/api/mcp', '/api/mcp/'):
                t.path = path
                need(t.ask('ping').status == 200, path)
            error(t.ask('ping', headers={'Mcp-Session-Id': t.sid[:-1] + ('A' if t.sid[-1] != 'A' else 'B')}), 404, -32600)
            error(t.ask('ping', headers={'MCP-Protocol-Version': '1999-01-01'}), 400, -32022)
            need(t.ask('ping', headers={'MCP-Protocol-Version': None}).status == 200, 'a version is not needed: the session knows it')
            a = t.post({'jsonrpc': '2.0', 'method': 'notifications/initialized'})
            need(a.status == 202 and a.body == b'', f'{a}')
            need(t.client.request('DELETE', '/mcp', None, t.headers()).status == 204, 'DELETE')
            error(t.ask('ping'), 404, -32600)
            error(t.client.request('DELETE', '/mcp', None, t.headers()), 404, -32600)


@case('A session is of any node, and its end holds on all of them', own=True)
def nodes(engine):
    if engine != 'postgres':
        raise Skip('one node only')
    with Server({}, db='postgres') as a, a.twin() as b, Talk(a, '2025-11-25') as t, Talk(b, '2025-11-25', begin=False) as u:
        u.sid = t.sid
        need(u.result('ping') == {} and u.data('list_projects'), 'the other node does not know the session')
        u.result('logging/setLevel', {'level': 'error'})
        need(t.client.request('DELETE', '/mcp', None, t.headers()).status == 204, 'DELETE')
        need(wait_for(lambda: u.ask('ping').status == 404), 'the session lives on at the other node')


@case('2026-07-28: a request says all there is to know, and its headers the same')
def modern(s):
    with Talk(s) as t:
        d = t.result('server/discover')
        need(d['supportedVersions'] == [MODERN, '2025-11-25', '2025-06-18', '2025-03-26'], f'{d}')
        need(d['resultType'] == 'complete' and d['ttlMs'] > 0 and d['cacheScope'] == 'public' and d['instructions'], f'{d}')
        need(d['_meta'][META + 'serverInfo']['name'] == 'scriped' and 'logging' not in d['capabilities'], f'{d}')
        m = t.message('tools/list')
        strip = lambda key: {**m, 'params': {'_meta': {k: v for k, v in m['params']['_meta'].items() if k != META + key}}}
        for bad in ({**m, 'params': {}}, strip('protocolVersion'), strip('clientCapabilities')):
            error(t.post(bad), 400, -32602)
        need(t.post(strip('clientInfo')).status == 200, 'clientInfo is not required')
        error(t.post(m, {'MCP-Protocol-Version': None}), 400, -32020)
        error(t.post(m, {'MCP-Protocol-Version': '2025-11-25'}), 400, -32020)
        error(t.post(m, {'Mcp-Method': None}), 400, -32020)
        error(t.post(m, {'Mcp-Method': 'tools/call'}), 400, -32020)
        e = error(t.ask('tools/list', meta={META + 'protocolVersion': '1900-01-01'}, headers={'MCP-Protocol-Version': '1900-01-01'}), 400, -32022)
        need(e['data'] == {'supported': d['supportedVersions'], 'requested': '1900-01-01'}, f'{e}')
        error(t.ask('tools/list', meta={META + 'logLevel': 'loud'}), 400, -32602)
        for gone in ('initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'no/such'):
            error(t.ask(gone), 404, -32601)
        for name, ok in (('get_note', True), ('get_notes', False), (None, False), ('=?base64?' + base64.b64encode(b'get_note').decode() + '?=', True),
                         ('=?base64?!?=', False)):
            a = t.ask('tools/call', {'name': 'get_note', 'arguments': {}}, headers={'Mcp-Name': name})
            need(a.status == 200 if ok else a.status == 400 and a.json()['error']['code'] == -32020, f'{name}: {a}')
        need(t.ask('tools/list', headers={'Mcp-Session-Id': 'whatever'}).status == 200, 'a session id is ignored')
        need(t.client.request('GET', '/mcp', None, {'Accept': 'text/event-stream'}).status == 405, 'GET')


@case('Messages that are none are refused in words')
def broken(s):
    with Talk(s) as t:
        error(t.post(b'{'), 400, -32700)
        error(t.post(b'{"jsonrpc":"2.0","jsonrpc":"2.0"}'), 400, -32700)
        error(t.post(b'[' * 40 + b']' * 40), 400, -32700)
        for bad in (b'1', b'{}', b'{"jsonrpc":"1.0","id":1,"method":"ping"}', b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
                    b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', b'{"jsonrpc":"2.0","id":1,"method":7}', b'[]',
                    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":1}}'):
            error(t.post(bad), 400, -32600)
        need(t.post(t.message('tools/list'), {'Content-Type': 'text/plain'}).status == 415, 'another media type')
        need(t.client.request('PUT', '/mcp', b'{}', t.headers()).get('Allow') == 'GET, POST, DELETE', 'another method')
        a = t.post({'jsonrpc': '2.0', 'id': 7, 'method': 5})
        need(a.json()['id'] == 7, 'the id of a request that is broken elsewhere')


@case('Batches are of 2025-03-26 alone')
def batches(s):
    with Talk(s, '2025-03-26') as t:
        a = t.post([t.message('ping'), {'jsonrpc': '2.0', 'method': 'notifications/initialized'}, t.message('no/such'), {'jsonrpc': '2.0'},
                    t.message('tools/call', {'name': 'list_projects'})])
        got = a.json()
        need(a.status == 200 and len(got) == 4, f'{a}')
        need(got[0]['result'] == {} and got[1]['error']['code'] == -32601 and got[2]['error']['code'] == -32600, f'{got}')
        need(json.loads(got[3]['result']['content'][0]['text'])['data'], f'{got}')
        need(t.post([{'jsonrpc': '2.0', 'method': 'notifications/initialized'}]).status == 202, 'notifications alone')
        error(t.post([]), 400, -32600)
    with Talk(s, '2025-06-18') as t:
        error(t.post([t.message('ping')]), 400, -32600)


@case('A batch whose answers are too many ends in words, and what was not done is told', alone=True)
def large(s):
    with Talk(s, '2025-03-26') as t:
        for _ in range(30):
            t.data('create_post', {'projectId': s.project, 'content': '"x' * 50_000})
        lists = [t.message('tools/call', {'name': 'list_posts', 'arguments': {'projectId': s.project}}) for _ in range(48)]
        note = {'name': 'create_note', 'arguments': {'projectId': s.project, 'content': 'unwanted'}}
        a = t.post([*lists, {'jsonrpc': '2.0', 'method': 'notifications/initialized'}, t.message('tools/call', note)])
        got = a.json()
        need(a.status == 200 and [x['id'] for x in got[:48]] == [m['id'] for m in lists] and len(got) == 49 and len(a.body) < 16 << 20, f'{a.status} {len(got)}')
        first, *rest = [x['error']['message'].split(',')[0].split(':')[0] for x in got if 'error' in x]
        need('result' in got[0] and 'result' in got[1] and first == 'This was done' and rest and set(rest) == {'This was not begun'}, f'{first} {rest}')
        need('unwanted' not in json.dumps(t.data('list_notes', {'projectId': s.project})), 'it was begun')
        need(t.result('ping') == {}, 'the next one')


@case('What is null is not there; a limit may be written with a point')
def null(s):
    for v in ALL:
        with Talk(s, v) as t:
            need(t.result('tools/list', {'cursor': None})['tools'] and t.result('resources/list', {'cursor': None})['resources'], 'cursor')
            need(t.call('list_projects', None, None)['content'] and t.result('tools/call', {'name': 'list_projects', 'arguments': None})['content'], 'arguments')
            need(not t.call('list_projects', {'limit': 5.0}).get('isError'), 'limit')
            fails(t.call('list_projects', {'limit': 5.5}), 'bad_pagination')
            if v != MODERN:
                need(t.post({'jsonrpc': '2.0', 'id': 1, 'method': 'ping', 'params': None}).json()['result'] == {}, 'params')


# ------------------------------------------------------------------------------------------------------------- tools

@case('Tools are told in a fixed order, each version as much as it knows')
def listed(s):
    names = None
    for v in ALL:
        with Talk(s, v) as t:
            tools = t.result('tools/list')['tools']
            need(names in (None, [x['name'] for x in tools]), 'another order')
            names = [x['name'] for x in tools]
            for x in tools:
                need(x['inputSchema']['type'] == 'object' and x['inputSchema']['additionalProperties'] is False, f'{x}')
                need('$ref' not in json.dumps(x) and set(x['annotations']) == {'title', 'readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'}, f'{x}')
                need(set(x['inputSchema']['required']) <= set(x['inputSchema']['properties']), f'{x}')
                need(('outputSchema' in x) == ('title' in x) == (v != '2025-03-26'), f'{v}: {x["name"]}')
                need('oneOf' not in x['inputSchema'] and len(x['description']) > 20, f'{x}')
            error(t.ask('tools/list', {'cursor': 'bm9uZQ'}), 200, -32602)
            error(t.ask('tools/list', {'cursor': 5}), 200, -32602)
    by = {x['name']: x for x in tools}
    for name in ('list_posts', 'get_post', 'create_post', 'update_post', 'generate_post', 'list_post_statuses', 'list_notes', 'get_note', 'create_note', 'list_projects',
                 'get_project', 'get_source', 'create_source', 'create_knowledge', 'create_upload', 'list_jobs', 'get_job', 'cancel_job', 'get_workspace', 'list_workspaces'):
        need(name in by, name)
    hints = lambda name: tuple(by[name]['annotations'][h + 'Hint'] for h in ('readOnly', 'destructive', 'idempotent', 'openWorld'))
    need(hints('get_note') == (True, False, True, False) and hints('create_note') == (False, False, False, False), 'hints')
    need(hints('delete_folder') == (False, True, True, False) and hints('generate_post') == (False, False, False, True), 'hints')
    need(by['list_notes']['inputSchema']['properties']['limit']['type'] == 'integer', 'limit')
    need('`text`, `noteId` and `sourceId`' in by['generate_post']['inputSchema']['properties']['source']['description'], 'what goes together')


@case('A call answers as the operation does, in every version')
def called(s):
    for v in ALL:
        with Talk(s, v) as t:
            made = t.call('create_note', {'projectId': s.project, 'content': 'Say "hi"\n\u2028 \U0001f600 \\'})
            need(('structuredContent' in made) == (v != '2025-03-26'), f'{v}: {made}')
            note = json.loads(made['content'][0]['text'])['data']
            rest = t.client.get('/v1/notes/' + note['id']).json()
            got = t.call('get_note', {'noteId': note['id']})
            need(json.loads(got['content'][0]['text']) == rest and got.get('structuredContent', rest) == rest, f'{got}')
            need(not got.get('isError') and got.get('resultType', 'complete') == 'complete', f'{got}')
            page = json.loads(t.call('list_notes', {'projectId': s.project, 'limit': 1, 'cursor': ''})['content'][0]['text'])
            need(len(page['data']) == 1 and page['data'][0]['id'] == note['id'], f'{page}')
            need(t.data('list_jobs', {'status': ['DONE', 'FAILED']}) is not None, 'a list of words')
            need('data' not in json.loads(t.call('get_workspace')['content'][0]['text']), 'no arguments, an answer that is not wrapped')


@case('Errors teach what to do')
def taught(s):
    with Talk(s) as t:
        error(t.ask('tools/call', {'name': 'no_such_tool'}), 200, -32602)
        error(t.ask('tools/call', {}), 200, -32602)
        error(t.ask('tools/call', {'name': 'get_note', 'arguments': []}), 200, -32602)
        fails(t.call('get_note', {}), 'invalid_request', '`noteId`', 'get_note')
        fails(t.call('get_note', {'noteId': 5}), 'invalid_request', '`noteId`')
        text = fails(t.call('get_note', {'noteId': 'note_01J9ZAB12CD34E56F7G8H9JKMN'}), 'not_found', 'Note not found.')
        need('Check the id' in text, text)
        fails(t.call('list_notes', {'project_id': s.project}), "'project_id'", '`projectId`')
        fails(t.call('list_notes', {'projectId': 5}), '`projectId`')
        fails(t.call('get_workspace', {'id': s.id}), 'get_workspace takes no arguments')
        fails(t.call('list_notes', {'projectId': s.project, 'limit': 0}), 'bad_pagination')
        fails(t.call('list_notes', {'projectId': s.project, 'cursor': 'x'}), 'bad_cursor')
        fails(t.call('create_note', {'projectId': s.project, 'contentType': 'WRONG'}), 'unprocessable', '`contentType`')
        fails(t.call('generate_post', {'projectId': s.project, 'source': {}}), '`source`')
        r = t.call('create_note', {'content': 'x'})
        e = r['structuredContent']['error']
        need(e['code'] == 'invalid_request' and e['details']['field'] == 'projectId' and e['request_id'].startswith('req_') and e['docs_url'], f'{e}')
        with Talk(s, key=s.mint('notes:read')) as low:
            need('create_note' not in [x['name'] for x in low.result('tools/list')['tools']], 'listed though it may not')
            fails(low.call('create_note', {'projectId': s.project}), 'scope_missing', 'notes:write')


@case('Limits of reads and writes hold for calls, messages have one of their own', alone=True, rate_read=2, rate_mcp=6, rate_write=2)
def limited(s):
    with Talk(s) as t:
        for _ in range(2):
            t.data('list_projects')
        fails(t.call('list_projects'), 'rate_limited', 'Wait')
        for _ in range(3):
            t.result('tools/list')
        a = t.ask('tools/list')
        need(a.status == 429 and int(a.get('Retry-After')) > 0 and a.json()['error']['data']['code'] == 'rate_limited', f'{a}')


@case('A session counts as a write: it is a row', alone=True, rate_write=2)
def limited_sessions(s):
    for _ in range(2):
        with Talk(s, '2025-11-25') as t:
            need(t.result('ping') == {}, 'ping')
    with Talk(s, '2025-11-25', begin=False) as t:
        a = t.begin()
        need(a.status == 429 and int(a.get('Retry-After')) > 0 and a.get('Mcp-Session-Id') is None, f'{a}')


@case('A key of idempotency in _meta repeats a call safely')
def once(s):
    for v in ALL:
        with Talk(s, v) as t:
            for name in ('idempotencyKey', 'io.scripe/idempotencyKey'):
                args, meta = {'projectId': s.project, 'content': 'once'}, {name: f'k-{v}-{len(name)}'}
                first, second = t.call('create_note', dict(args), meta), t.call('create_note', dict(args), meta)
                need(first['content'] == second['content'], 'made twice')
                need([x['_meta']['io.scripe/idempotentReplayed'] for x in (first, second)] == [False, True], f'{first} {second}')
                fails(t.call('create_note', {**args, 'content': 'other'}, meta), 'idempotency_key_conflict')
            r = t.call('create_note', {'projectId': s.project}, {'idempotencyKey': 'not a key'})
            need(r['_meta']['io.scripe/idempotencyKeyIgnored'] == 'malformed', f'{r}')


@case('A change can be made only if nobody was faster')
def matched(s):
    with Talk(s) as t:
        post = t.data('create_post', {'projectId': s.project, 'content': 'a'})
        tag = t.call('get_post', {'postId': post['id']})['_meta']['io.scripe/etag']
        need(tag == t.client.get('/v1/posts/' + post['id']).get('ETag'), tag)
        change = lambda text: t.call('update_post', {'postId': post['id'], 'content': text}, {'io.scripe/ifMatch': tag})
        need(not change('b').get('isError'), 'nobody was faster')
        fails(change('c'), 'precondition_failed', 'Read the resource again')


@case('A call is a request: in the log, the audit log and the figures, with the address and the agent of who called', alone=True, metrics_listen='127.0.0.1:0',
      trusted_proxies='127.0.0.0/8')
def written_down(s):
    with Talk(s) as t:
        a = t.ask('tools/call', {'name': 'create_note', 'arguments': {'projectId': s.project}}, headers={'X-Forwarded-For': '203.0.113.9', 'User-Agent': 'Hosty/1'})
        rid = a.get('X-Request-Id')
        note = json.loads(a.json()['result']['content'][0]['text'])['data']['id']
        line = s.log_wait(rf'^.*id={rid} method=POST path=/v1/notes .*status=200 .*ip=203.0.113.9 .*via=mcp')
        need(line, s.log_text()[-2000:])
        need(len([x for x in s.log_text().split('\n') if rid in x]) == 1, 'two lines of one request')
        audit = json.loads(s.cli('audit', 'list', '--workspace', s.id, '--json')[1])[0]
        need(audit['route'] == '/v1/notes' and audit['resourceId'] == note and audit['ip'] == '203.0.113.9' and audit['requestId'] == rid, f'{audit}')
        row = wait_for(lambda: t.client.get('/v1/request-logs/' + rid).json().get('data'))
        need(row and row['userAgent'] == 'Hosty/1' and row['path'] == '/v1/notes', f'{row}')
        t.ask('no/such')
        need(s.log_wait(r'path=/mcp call=unknown status=404'), 'a method that is unknown')


@case('A workspace may be named, and a key has its own', )
def workspaces(s):
    with Talk(s) as t:
        need(t.data('list_projects', meta={'io.scripe/workspaceId': s.id}), 'its own')
        fails(t.call('list_projects', meta={'io.scripe/workspaceId': s.workspace()}), 'Workspace not found')


@case('Who may not is told where to go')
def challenged(s):
    with Talk(s, key='scripe_sk_live_' + '0' * 64) as t:
        a = t.ask('tools/list')
        challenge = a.get('WWW-Authenticate')
        need(a.status == 401 and 'error="invalid_token"' in challenge and 'scope="notes:read ' in challenge, f'{a.headers}')
        need(f'resource_metadata="{s.url}/.well-known/oauth-protected-resource/mcp"' in challenge, challenge)
        t.path = '/api/mcp'
        need('oauth-protected-resource/api/mcp"' in t.ask('tools/list').get('WWW-Authenticate'), 'the other path')
        a = t.client.request('POST', t.path)
        need(a.status == 401 and 'resource_metadata=' in (a.get('WWW-Authenticate') or ''), f'an empty POST leads nowhere: {a}')
    key = s.mint()
    with Talk(s, key=key) as t:
        need(t.ask('tools/list').status == 200, 'a fresh key')
        s.revoke([k['id'] for k in s.keys() if k['last4'] == key[-4:]][0])
        a = t.ask('tools/list')
        need(a.status == 401 and a.json()['error']['data']['code'] == 'key_revoked', f'{a}')


if __name__ == '__main__':
    sys.exit(cases.main('MCP as a client speaks it.', 'mcp'))
