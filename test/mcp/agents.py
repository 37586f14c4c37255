#!/usr/bin/env python3
"""agents.py -- what a program that acts for people finds over MCP beside the tools: resources, prompts, completions, tasks.

    python3 test/mcp/agents.py [--only WORDS] [--engine sqlite|postgres]

Every claim is made for the versions that have it.  TAP lines, and `N passed, N failed` at the end."""
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))

import cases
from cases import case, need
from people import App, Person
from server import wait_for
from talk import Talk

OLD, MIDDLE, LATE, MODERN = '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'
LEGACY = (OLD, MIDDLE, LATE)
TASKS = 'io.modelcontextprotocol/tasks'
NOBODY = '01J9ZAB12CD34E56F7G8H9JKMN'


class Refused(Exception):
    def __init__(self, error, status):
        super().__init__(f'{status} {error}')
        self.code, self.message, self.data, self.status = error['code'], error['message'], error.get('data'), status


class Agent:
    """A client of one version, of one key."""

    def __init__(self, s, version=MODERN, key=None, can=None):
        self.c, self.version, self.can, self.n, self.session = s.client(key or s.key), version, can or {}, 0, None
        if version != MODERN:
            a = self.send('initialize', {'protocolVersion': version, 'capabilities': self.can, 'clientInfo': {'name': 'agents', 'version': '1'}})
            self.session = a.get('Mcp-Session-Id')
            self.offers = result(a)['capabilities']
            self.c.post('/mcp', {'jsonrpc': '2.0', 'method': 'notifications/initialized'}, self.headers('notifications/initialized', {}))

    def headers(self, method, params):
        h = {'Accept': 'application/json, text/event-stream', 'Content-Type': 'application/json'}
        if self.session:
            h['Mcp-Session-Id'] = self.session
        if method != 'initialize':
            h['MCP-Protocol-Version'] = self.version
        if self.version == MODERN:
            h['Mcp-Method'] = method
            name = params.get({'resources/read': 'uri', 'tools/call': 'name', 'prompts/get': 'name'}.get(method, 'taskId'))
            if name:
                h['Mcp-Name'] = name
        return h

    def send(self, method, params):
        self.n += 1
        if self.version == MODERN:
            about = {'io.modelcontextprotocol/protocolVersion': MODERN, 'io.modelcontextprotocol/clientCapabilities': self.can,
                     'io.modelcontextprotocol/clientInfo': {'name': 'agents', 'version': '1'}}
            params = {**params, '_meta': {**about, **params.get('_meta', {})}}
        return self.c.post('/mcp', {'jsonrpc': '2.0', 'id': self.n, 'method': method, 'params': params}, self.headers(method, params))

    def __call__(self, method, **params):
        return result(self.send(method, params))

    def tool(self, name, **arguments):
        return self('tools/call', name=name, arguments=arguments)

    def close(self):
        self.c.close()


def message(a):
    """The last message of an answer, which may be a stream of them."""
    if 'text/event-stream' in (a.get('Content-Type') or ''):
        data = [line[5:] for line in a.body.decode().splitlines() if line.startswith('data:')]
        return json.loads(data[-1])
    return a.json()


def result(a):
    m = message(a)
    if 'error' in m:
        raise Refused(m['error'], a.status)
    need(a.status == 200, f'a result with {a}')
    return m['result']


def refusal(fn, code, words=''):
    try:
        got = fn()
    except Refused as e:
        need(e.code == code, f'expected {code}, got {e}')
        need(words in e.message, f'{words!r} is not in {e.message!r}')
        return e
    raise cases.Wrong(f'expected {code}, got {got}')


def made(c, path, body):
    a = c.post(path, body)
    need(a.status == 200, f'{a}')
    return a.json()['data']


def things(s):
    """A post, a note and a source of the server's project."""
    c = s.client(s.key)
    ids = {'posts': made(c, '/v1/posts', {'projectId': s.project, 'content': 'A post about bread.', 'title': 'Bread'})['id'],
           'notes': made(c, '/v1/notes', {'projectId': s.project, 'content': 'A note about rye.'})['id'],
           'sources': made(c, '/v1/sources', {'type': 'text', 'projectId': s.project, 'text': 'Rye flour needs more water than wheat flour.', 'name': 'Talk on rye'})['id']}
    wait_for(lambda: c.get('/v1/sources/' + ids['sources']).json()['data']['updatedAt'])     # its topics are found
    c.close()
    return ids


def everything(agent, method, member):
    """All pages of a list."""
    rows, cursor, pages = [], None, 0
    while True:
        r = agent(method, **({'cursor': cursor} if cursor else {}))
        rows += r[member]
        cursor, pages = r.get('nextCursor'), pages + 1
        if not cursor:
            return rows, pages


# -------------------------------------------------------------------------------------------------------- resources

@case('A resource is read by its address, as the operation answers')
def read(s):
    ids, c = things(s), s.client(s.key)
    for version in (MIDDLE, LATE, MODERN):
        agent = Agent(s, version)
        for kind, ident in [*ids.items(), ('projects', s.project)]:
            for uri in (f'scripe://{kind}/{ident}', f'scripe://projects/{s.project}/{kind}/{ident}'):
                if kind == 'projects' and uri.count('/') > 3:
                    continue
                r = agent('resources/read', uri=uri)
                [got] = r['contents']
                need(got['uri'] == uri and got['mimeType'] == 'application/json', f'{got}')
                need(json.loads(got['text']) == c.get(f'/v1/{kind}/{ident}').json()['data'], f'{got["text"]} is not what REST says')
                need((r.get('ttlMs'), r.get('cacheScope')) == ((0, 'private') if version == MODERN else (None, None)), f'{r}')
        agent.close()
    c.close()


@case('What hangs off a project has an address, too')
def of_project(s):
    ids, agent, c = things(s), Agent(s), s.client(s.key)
    for kind, ident in ids.items():
        got = json.loads(agent('resources/read', uri=f'scripe://projects/{s.project}/{kind}')['contents'][0]['text'])
        need(ident in [r['id'] for r in got['data']] and got['pagination']['has_more'] is False, f'{got}')
    for kind in ('voice', 'pillars', 'samples'):
        [got] = agent('resources/read', uri=f'scripe://projects/{s.project}/{kind}')['contents']
        json.loads(got['text'])
    c.close()
    agent.close()


@case('A page of the documentation is Markdown, by its short name, its path, or encoded')
def pages(s):
    for version in (LATE, MODERN):
        agent = Agent(s, version)
        for name in ('notes', 'api/v1/notes', 'api%2Fv1%2Fnotes', 'notes.md'):
            [got] = agent('resources/read', uri='scripe://docs/' + name)['contents']
            need(got['mimeType'] == 'text/markdown' and got['text'].startswith('# Notes') and got['uri'] == 'scripe://docs/' + name, f'{got}')
        need('scope' in agent('resources/read', uri='scripe://docs/errors/scope_missing')['contents'][0]['text'], 'not the page of the error')
        agent.close()


@case('What is not there is not found, in the words of the version')
def missing(s):
    ids = things(s)
    other = s.new_project(name='Elsewhere')
    for version in (OLD, LATE, MODERN):
        agent, code = Agent(s, version), -32602 if version == MODERN else -32002
        for uri in (f'scripe://posts/post_{NOBODY}', f'scripe://posts/{ids["notes"]}', 'scripe://posts/', 'scripe://posts', 'scripe://', 'scripe://docs/nothing', 'scripe://docs/../llms',
                    'scripe://docs/%2e%2e%2fllms', 'scripe://docs/%00', 'scripe://docs/%zz', 'scripe://docs/%', 'scripe://docs/%ff', 'file:///etc/passwd', 'test://static-text', 'x',
                    f'scripe://projects/{other}/posts/{ids["posts"]}', f'scripe://projects/{s.project}/nothing', f'scripe://posts/{ids["posts"]}/',
                    f'scripe://posts/{ids["posts"]}/x', 'scripe://posts/' + 'x' * 2000):
            e = refusal(lambda: agent('resources/read', uri=uri), code)
            need(e.data['uri'] == uri, f'{e}')
        for params in ({}, {'uri': 7}, {'uri': None}):
            refusal(lambda: agent('resources/read', **params), -32602)
        agent.close()


@case('A resource of another workspace is not there')
def tenants(s):
    ids = things(s)
    agent = Agent(s, key=s.mint(workspace=s.workspace()))
    for kind, ident in [*ids.items(), ('projects', s.project)]:
        refusal(lambda: agent('resources/read', uri=f'scripe://{kind}/{ident}'), -32602)
    agent.close()


@case('A scope that is missing is named')
def scopes(s):
    ids = things(s)
    agent = Agent(s, key=s.mint(scopes='posts:read'))
    agent('resources/read', uri=f'scripe://posts/{ids["posts"]}')
    e = refusal(lambda: agent('resources/read', uri=f'scripe://notes/{ids["notes"]}'), -32602, 'notes:read')
    need(e.data['error']['code'] == 'scope_missing', f'{e}')
    agent.close()


@case('A token that lacks a scope is told which ones, so that its host can ask its user')
def step_up(s):
    ids, ada, app = things(s), Person(s), App(s)
    token = app.walk(ada, scope='posts:read')['access_token']
    for version in (*LEGACY, MODERN):
        agent, uri = Agent(s, version, key=token), f'scripe://notes/{ids["notes"]}'
        agent('resources/read', uri=f'scripe://posts/{ids["posts"]}')
        for method, params in (('resources/read', {'uri': uri}), ('resources/subscribe', {'uri': uri}), ('prompts/get', {'name': 'repurpose_source', 'arguments': {'source': ids['sources']}})):
            if (method, version) == ('resources/subscribe', MODERN):
                continue
            a = agent.send(method, params)
            asked = a.get('WWW-Authenticate') or ''
            need(a.status == 403 and 'error="insufficient_scope"' in asked and 'notes:read' in asked and 'posts:read' in asked, f'{method} {a} {a.headers}')
        need(complete(agent, 'scripe://notes/{id}', 'id', '')['values'] == [], 'notes are told')
        agent.close()
    app.close()


@case('The list goes through projects page by page and ends with the documentation', alone=True)
def listed(s):
    for i in range(44):
        s.new_project(name=f'Project {i}')
    for version in (MIDDLE, MODERN):
        agent = Agent(s, version)
        rows, pages = everything(agent, 'resources/list', 'resources')
        uris = [r['uri'] for r in rows]
        need(pages == 3 and len(set(uris)) == len(uris), f'{pages} pages of {len(uris)}')
        projects = [u for u in uris if u.startswith('scripe://projects/') and u.count('/') == 3]
        need(len(projects) == 45 and projects[-1].endswith(s.project), f'{projects}')
        docs = [r for r in rows if r['uri'].startswith('scripe://docs/')]
        need(len(docs) > 15 and uris[-len(docs):] == [r['uri'] for r in docs], 'the documentation is not at the end')
        need(rows == everything(agent, 'resources/list', 'resources')[0], 'another order')
        for r in rows:
            need(r['name'] and r['title'] and r['mimeType'] and 0 <= r['annotations']['priority'] <= 1, f'{r}')
        [page] = agent('resources/read', uri=docs[3]['uri'])['contents']
        need(len(page['text'].encode()) == docs[3]['size'], 'another size')
        for u in (docs[-1]['uri'], projects[0], projects[0] + '/voice'):
            need(u in uris and agent('resources/read', uri=u)['contents'], u)
        for cursor in ('nonsense', 7):
            refusal(lambda: agent('resources/list', cursor=cursor), -32602)
        agent.close()


@case('Templates are listed, and each leads somewhere')
def templates(s):
    ids = things(s)
    for version in (OLD, MODERN):
        agent = Agent(s, version)
        rows = agent('resources/templates/list')['resourceTemplates']
        forms = [r['uriTemplate'] for r in rows]
        for form in ('scripe://projects/{id}', 'scripe://posts/{id}', 'scripe://notes/{id}', 'scripe://sources/{id}', 'scripe://docs/{page}'):
            need(form in forms, f'{form} is not in {forms}')
        for form in forms:
            ident = next((v for k, v in ids.items() if form.endswith(k + '/{id}')), s.project)
            uri = form.replace('{projectId}', s.project).replace('{id}', ident).replace('{page}', 'index').replace('{code}', 'not_found')
            need(agent('resources/read', uri=uri)['contents'][0]['text'], uri)
        refusal(lambda: agent('resources/templates/list', cursor='x'), -32602)
        agent.close()


@case('A session subscribes to what it may read')
def subscribe(s):
    ids = things(s)
    for version in LEGACY:
        agent, uri = Agent(s, version), f'scripe://posts/{ids["posts"]}'
        need(agent.offers['resources'].get('subscribe') is True, f'{agent.offers}')
        need(agent('resources/subscribe', uri=uri) == {} and agent('resources/subscribe', uri=uri) == {}, 'not empty')
        need(agent('resources/unsubscribe', uri=uri) == {} and agent('resources/unsubscribe', uri=uri) == {}, 'not empty')
        refusal(lambda: agent('resources/subscribe', uri=f'scripe://posts/post_{NOBODY}'), -32002)
        refusal(lambda: agent('resources/subscribe'), -32602)
        agent.close()
    agent = Agent(s, MODERN)
    refusal(lambda: agent('resources/subscribe', uri=uri), -32601)
    agent.close()


@case('Who subscribes is told what changed, by each of its addresses, and nothing else', alone=True)
def updated(s):
    ids, c, other = things(s), s.client(s.key), s.new_project()
    last = f'scripe://projects/{other}'
    with Talk(s) as t, Talk(s, LATE) as old, Talk(s, key=s.mint('posts:read')) as low:
        project = f'scripe://projects/{s.project}'
        uris = [project, *[f'{project}/{k}' for k in (*ids, 'voice')], *[f'{project}/{k}/{i}' for k, i in ids.items()], *[f'scripe://{k}/{i}' for k, i in ids.items()], 'scripe://docs/notes', last]
        st, low_st = [who.stream(who.message('subscriptions/listen', {'notifications': {'resourceSubscriptions': [*uris, 'nothing:of/ours', 'scripe://nothing']}})) for who in (t, low)]
        for each in (st, low_st):
            need(each.next()['params']['notifications'] == {'resourceSubscriptions': uris}, 'the acknowledgement names what is no address')
        for uri in uris:
            old.result('resources/subscribe', {'uri': uri})
        old_st = old.stream(method='GET')

        post = ids['posts']
        for what, about, seen in (
                (lambda: c.request('PATCH', f'/v1/posts/{post}', {'content': 'Changed.'}),
                 {f'{project}/posts', f'{project}/posts/{post}', f'scripe://posts/{post}'}, True),
                (lambda: c.post('/v1/notes', {'projectId': s.project, 'content': 'Another.'}), {f'{project}/notes'}, False),
                (lambda: s.cli('project', 'edit', s.project, '--name', 'Renamed'), {project}, True),
                (lambda: c.post('/v1/sources', {'type': 'text', 'projectId': s.project, 'text': 'Short.'}), {f'{project}/sources'}, False)):
            a = what()
            need(isinstance(a, tuple) or a.status == 200, f'{a}')
            s.cli('project', 'edit', other, '--name', f'Behind {min(about)}')
            got, got_old, got_low = [sorted(stream.until(last)) for stream in (st, old_st, low_st)]
            need(got == got_old == sorted(about), f'{got} and {got_old} instead of {about}')
            need(got_low == (sorted(about) if seen else []), f'{got_low} to who may read posts alone')
    c.close()


@case('Subscriptions that come at the same time are all kept, up to a hundred')
def together(s):
    def spelled(i):
        """One of many addresses of a page: each letter may stand as it is or encoded."""
        return 'scripe://docs/' + ''.join(f'%{ord(c):02x}' if i >> k & 1 else c for k, c in enumerate('quickstart'))

    agent = Agent(s, LATE)
    agent('logging/setLevel', level='debug')

    def one(i):
        own = Agent.__new__(Agent)
        own.c, own.version, own.can, own.n, own.session = s.client(s.key), LATE, {}, 1000 * i, agent.session
        for k in range(10):
            own('resources/subscribe', uri=spelled(10 * i + k))
            own('logging/setLevel', level='info' if k % 2 else 'error')
        own.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(one, range(10)))
    refusal(lambda: agent('resources/subscribe', uri=spelled(100)), -32602, '100')
    need(agent('resources/subscribe', uri=spelled(99)) == {}, 'one that is there')
    agent('resources/unsubscribe', uri=spelled(0))
    need(agent('resources/subscribe', uri=spelled(100)) == {}, 'a place that was free')
    refusal(lambda: agent('resources/subscribe', uri=spelled(101)), -32602, '100')
    agent.close()


# ---------------------------------------------------------------------------------------------------------- prompts

@case('Three prompts, with what they ask for')
def prompts(s):
    for version in (OLD, LATE, MODERN):
        agent = Agent(s, version)
        rows = agent('prompts/list')['prompts']
        need([p['name'] for p in rows] == ['draft_post', 'plan_week', 'repurpose_source'], f'{rows}')
        for p in rows:
            need(p['title'] and p['description'] and all(a['description'] and isinstance(a['required'], bool) for a in p['arguments']), f'{p}')
        refusal(lambda: agent('prompts/list', cursor='x'), -32602)
        refusal(lambda: agent('prompts/get', name='nothing'), -32602, 'prompts/list')
        refusal(lambda: agent('prompts/get', name='test_simple_prompt'), -32602)
        refusal(lambda: agent('prompts/get'), -32602)
        agent.close()


def parts(r):
    """What a prompt embeds, by address, and its last text."""
    need(all(m['role'] == 'user' for m in r['messages']) and r['messages'][-1]['content']['type'] == 'text', f'{r}')
    inside = {m['content']['resource']['uri']: json.loads(m['content']['resource']['text']) for m in r['messages'][:-1]}
    return inside, r['messages'][-1]['content']['text']


@case('A draft has the project with its voice, and says which tools do the work', alone=True)
def draft(s):
    for version in (OLD, LATE, MODERN):
        agent = Agent(s, version)
        inside, text = parts(agent('prompts/get', name='draft_post', arguments={'topic': 'Rye "bread"\n\u00e9', 'length': 'short', 'language': 'de'}))
        need(list(inside)[:2] == [f'scripe://projects/{s.project}', f'scripe://projects/{s.project}/voice'], f'{list(inside)}')
        need('Rye "bread"\n\u00e9' in text and s.project in text and '"language": "de", "length": "short"' in text, text)
        tools = {t['name'] for t in everything(agent, 'tools/list', 'tools')[0]}
        need({'generate_post', 'get_post', 'update_post', 'search_knowledge', 'get_job'} <= tools, f'{tools}')
        agent.close()


@case('A prompt finds its project by name or id, and otherwise says which there are', alone=True)
def which(s):
    agent = Agent(s)
    other = s.new_project(name='Ada Byron')
    for project in ('ada byron', other):
        inside, _ = parts(agent('prompts/get', name='draft_post', arguments={'topic': 'x', 'project': project}))
        need(f'scripe://projects/{other}' in inside, f'{list(inside)}')
    for arguments in ({'topic': 'x'}, {'topic': 'x', 'project': 'Nobody'}):
        e = refusal(lambda: agent('prompts/get', name='draft_post', arguments=arguments), -32602, 'Ada Byron')
        need(other in e.message and s.project in e.message, f'{e}')
    refusal(lambda: agent('prompts/get', name='draft_post', arguments={'topic': 'x', 'project': f'proj_{NOBODY}'}), -32602)
    refusal(lambda: agent('prompts/get', name='plan_week', arguments={}), -32602, 'Ada Byron')
    agent.close()


@case('A source is repurposed for its own project')
def repurpose(s):
    ids, agent = things(s), Agent(s)
    inside, text = parts(agent('prompts/get', name='repurpose_source', arguments={'source': ids['sources'], 'posts': '2'}))
    need(list(inside)[:2] == [f'scripe://sources/{ids["sources"]}', f'scripe://projects/{s.project}'], f'{list(inside)}')
    need('Make 2 LinkedIn posts' in text and f'"sourceId": "{ids["sources"]}"' in text and 'hookId' in text, text)
    refusal(lambda: agent('prompts/get', name='repurpose_source', arguments={'source': f'src_{NOBODY}'}), -32602)
    agent.close()


@case('A week is planned from what is there', alone=True)
def week(s):
    ids, agent = things(s), Agent(s)
    inside, text = parts(agent('prompts/get', name='plan_week', arguments={'start': '2026-11-23', 'posts': '4'}))
    for kind, ident in ids.items():
        need(ident in [r['id'] for r in inside[f'scripe://projects/{s.project}/{kind}']['data']], f'{kind}')
    need('from 2026-11-23 to 2026-11-29: 4' in text, text)
    _, text = parts(agent('prompts/get', name='plan_week'))
    need('for the week from 2' in text, text)
    agent.close()


@case('A prompt is read whole, however long the posts of its project are', alone=True)
def long_posts(s):
    agent = Agent(s)
    for _ in range(50):
        agent.tool('create_post', projectId=s.project, content='"x' * 50_000)
    r = agent('prompts/get', name='plan_week', arguments={})
    said = [m['content']['text'] for m in r['messages'] if m['content']['type'] == 'text']
    need(f'scripe://projects/{s.project}/posts is too long' in said[0] and '`list_posts`' in said[0] and 'Plan the LinkedIn posts' in said[-1], f'{said}')
    late = Agent(s, LATE)
    e = refusal(lambda: late('resources/read', uri='scripe://posts/' + 'x' * 3_000_000), -32002, 'not found')
    need(len(e.data['uri']) == 2048, 'a long address is sent back')
    agent.close()
    late.close()


@case('Arguments of a prompt are checked')
def arguments(s):
    agent = Agent(s)
    for name, given in (('draft_post', {}), ('draft_post', {'topic': ''}), ('draft_post', {'topic': 7}), ('draft_post', []), ('draft_post', {'topic': 'x', 'length': 'huge'}),
                        ('draft_post', {'topic': 'x', 'language': 'a"b'}), ('draft_post', {'topic': 'x' * 100001}), ('repurpose_source', {}),
                        ('repurpose_source', {'source': f'src_{NOBODY}', 'posts': '0'}), ('repurpose_source', {'source': f'src_{NOBODY}', 'posts': 'many'}),
                        ('plan_week', {'start': 'monday'}), ('plan_week', {'start': '2026-02-30'}), ('plan_week', {'posts': '15'})):
        refusal(lambda: agent('prompts/get', name=name, arguments=given), -32602)
    agent.close()


@case('A prompt leaves out what its caller may not read')
def blind(s):
    agent = Agent(s, key=s.mint(scopes='knowledge:read'))
    inside, _ = parts(agent('prompts/get', name='draft_post', arguments={'topic': 'x', 'project': s.project}))
    need(list(inside) == [f'scripe://projects/{s.project}'], f'{list(inside)}')
    agent.close()


# ------------------------------------------------------------------------------------------------------ completions

def complete(agent, ref, name, value, **known):
    ref = {'type': 'ref/resource', 'uri': ref} if '://' in ref else {'type': 'ref/prompt', 'name': ref}
    r = agent('completion/complete', ref=ref, argument={'name': name, 'value': value}, **({'context': {'arguments': known}} if known else {}))['completion']
    need(len(r['values']) <= 100 and all(isinstance(v, str) for v in r['values']) and isinstance(r['hasMore'], bool), f'{r}')
    return r


@case('Arguments are completed by what is there', alone=True)
def completions(s):
    ids, other = things(s), s.new_project(name='Ada Byron')
    for version in (OLD, LATE, MODERN):
        agent = Agent(s, version)
        for ref, name in (('draft_post', 'project'), ('scripe://projects/{id}', 'id'), ('scripe://projects/{projectId}/posts/{id}', 'projectId')):
            need(complete(agent, ref, name, 'ada')['values'] == [other] == complete(agent, ref, name, 'BYRON')['values'] == complete(agent, ref, name, other[:-1])['values'], ref)
            need(set(complete(agent, ref, name, '')['values']) == {other, s.project}, ref)
            need(complete(agent, ref, name, 'zzz') == {'values': [], 'total': 0, 'hasMore': False}, ref)
        need(complete(agent, 'repurpose_source', 'source', 'talk')['values'] == [ids['sources']], 'source')
        for kind in ids:
            need(complete(agent, f'scripe://{kind}/{{id}}', 'id', '')['values'] == [ids[kind]], kind)
            form = f'scripe://projects/{{projectId}}/{kind}/{{id}}'
            need(complete(agent, form, 'id', '', projectId=s.project)['values'] == [ids[kind]], kind)
            need(complete(agent, form, 'id', '', projectId=other)['values'] == [], kind)
            need(complete(agent, form, 'id', '', projectId=f'proj_{NOBODY}')['values'] == [], kind)
        need(complete(agent, 'draft_post', 'length', 'm')['values'] == ['medium'], 'length')
        need('de' in complete(agent, 'draft_post', 'language', 'd')['values'], 'language')
        need('notes' in complete(agent, 'scripe://docs/{page}', 'page', 'no')['values'], 'page')
        need('scope_missing' in complete(agent, 'scripe://docs/errors/{code}', 'code', 'scope')['values'], 'code')
        need(len(complete(agent, 'plan_week', 'start', '2')['values']) == 4, 'start')
        agent.close()


@case('More than a hundred are said to be more', alone=True)
def many(s):
    for i in range(103):
        s.new_project(name=f'Many {i}')
    agent = Agent(s)
    r = complete(agent, 'draft_post', 'project', 'many')
    need(len(r['values']) == 100 and r['total'] == 103 and r['hasMore'], f'{len(r["values"])} {r["total"]}')
    agent.close()


@case('What cannot be completed is refused, and what may not be seen is not told')
def no_completion(s):
    things(s)
    agent, blind = Agent(s), Agent(s, key=s.mint(scopes='posts:read'))
    for ref, name in (('nothing', 'x'), ('draft_post', 'nothing'), ('scripe://docs/{page}', 'id'), ('scripe://posts/x', 'id'), ('test://template/{id}/data', 'id')):
        refusal(lambda: complete(agent, ref, name, ''), -32602)
    for params in ({}, {'ref': {'type': 'ref/prompt', 'name': 'draft_post'}}, {'ref': 7, 'argument': {'name': 'x', 'value': 'y'}},
                   {'ref': {'type': 'ref/prompt', 'name': 'draft_post'}, 'argument': {'name': 'topic', 'value': 7}}):
        refusal(lambda: agent('completion/complete', **params), -32602)
    need(complete(blind, 'scripe://notes/{id}', 'id', '')['values'] == [], 'notes are told')
    agent.close()
    blind.close()


# ------------------------------------------------------------------------------------------------------------ tasks

GENERATION = {'source': {'text': 'We moved our support to a public tracker. Replies came sooner. Nobody misses the old way.'}}


@case('2025-11-25: a call becomes a task where it asks for one')
def late_tasks(s):
    agent = Agent(s, LATE)
    need(agent.offers['tasks'] == {'list': {}, 'cancel': {}, 'requests': {'tools': {'call': {}}}}, f'{agent.offers}')
    support = {t['name']: t.get('execution', {}).get('taskSupport') for t in everything(agent, 'tools/list', 'tools')[0]}
    need(support['generate_post'] == support['create_knowledge'] == 'optional' and support['get_post'] in (None, 'forbidden'), f'{support}')
    r = agent('tools/call', name='generate_post', arguments={'projectId': s.project, **GENERATION}, task={'ttl': 60000})
    task = r['task']
    need(set(task) == {'taskId', 'status', 'statusMessage', 'createdAt', 'lastUpdatedAt', 'ttl', 'pollInterval'} and task['status'] == 'working', f'{task}')
    done = agent('tasks/result', taskId=task['taskId'])
    need(done['_meta']['io.modelcontextprotocol/related-task'] == {'taskId': task['taskId']}, f'{done}')
    job = done['structuredContent']['data']
    need(job['id'] == task['taskId'] and job['status'] == 'DONE' and done['isError'] is False and json.loads(done['content'][0]['text']) == done['structuredContent'], f'{done}')
    need(agent('tasks/get', taskId=task['taskId'])['status'] == 'completed', 'not completed')
    need(task['taskId'] in [t['taskId'] for t in everything(agent, 'tasks/list', 'tasks')[0]], 'not listed')
    refusal(lambda: agent('tasks/cancel', taskId=task['taskId']), -32602)
    for method in ('tasks/get', 'tasks/result', 'tasks/cancel'):
        for ident in (f'job_{NOBODY}', 'x', ''):
            refusal(lambda: agent(method, taskId=ident), -32602)
        refusal(lambda: agent(method), -32602)
    refusal(lambda: agent('tasks/list', cursor='x'), -32602)
    refusal(lambda: agent('tools/call', name='list_projects', arguments={}, task={}), -32601, 'taskSupport')
    refusal(lambda: agent('tasks/update', taskId=task['taskId'], inputResponses={}), -32601)
    stranger = Agent(s, LATE, key=s.mint(workspace=s.workspace()))
    for method in ('tasks/get', 'tasks/result', 'tasks/cancel'):
        refusal(lambda: stranger(method, taskId=task['taskId']), -32602)
    need(stranger('tasks/list')['tasks'] == [], 'tasks of others')
    for a in (agent, stranger):
        a.close()


@case('A call that fails before its job is refused, as a task, too')
def no_task(s):
    agent = Agent(s, LATE)
    refusal(lambda: agent('tools/call', name='generate_post', arguments={'projectId': f'proj_{NOBODY}', **GENERATION}, task={}), -32602)
    agent.close()
    modern = Agent(s, can={'extensions': {TASKS: {}}})
    r = modern.tool('generate_post', projectId=f'proj_{NOBODY}', **GENERATION)
    need(r['isError'] is True and r['resultType'] == 'complete', f'{r}')
    modern.close()


@case('2026-07-28: who knows tasks gets one')
def modern_tasks(s):
    agent, plain = Agent(s, can={'extensions': {TASKS: {}}}), Agent(s)
    offers = agent('server/discover')['capabilities']
    need(TASKS in offers['extensions'] and 'tasks' not in offers, f'{offers}')
    task = agent.tool('generate_post', projectId=s.project, **GENERATION)
    need(task['resultType'] == 'task' and set(task) - {'_meta', 'resultType'} == {'taskId', 'status', 'statusMessage', 'createdAt', 'lastUpdatedAt', 'ttlMs', 'pollIntervalMs'}, f'{task}')
    need(agent('tasks/get', taskId=task['taskId'])['taskId'] == task['taskId'], 'not there at once')
    wait_for(lambda: agent('tasks/get', taskId=task['taskId'])['status'] == 'completed')
    done = agent('tasks/get', taskId=task['taskId'])
    need(done['resultType'] == 'complete' and done['result']['structuredContent']['data']['result']['postId'].startswith('post_') and done['result']['isError'] is False, f'{done}')
    need(agent('tasks/cancel', taskId=task['taskId']).keys() <= {'resultType', '_meta'}, 'not empty')
    need(agent('tasks/update', taskId=task['taskId'], inputResponses={'x': {}}).keys() <= {'resultType', '_meta'}, 'not empty')
    for method in ('tasks/get', 'tasks/cancel'):
        refusal(lambda: agent(method, taskId=f'job_{NOBODY}'), -32602)
        e = refusal(lambda: plain(method, taskId=task['taskId']), -32021)
        need(e.status == 400 and e.data['requiredCapabilities'] == {'extensions': {TASKS: {}}}, f'{e}')
    refusal(lambda: plain('subscriptions/listen', notifications={'taskIds': [task['taskId']]}), -32021)
    for method in ('tasks/list', 'tasks/result'):
        need(refusal(lambda: agent(method, taskId=task['taskId']), -32601).status == 404, method)
    r = plain('tools/call', name='generate_post', arguments={'projectId': s.project, **GENERATION}, task={'ttl': 1})
    need(r['resultType'] == 'complete' and 'taskId' not in r and r['structuredContent']['data']['id'].startswith('job_'), f'{r}')
    r = agent.tool('generate_post', projectId=s.project, wait_for_completion_ms=20000, **GENERATION)
    need(r['resultType'] == 'complete' and r['structuredContent']['data']['status'] == 'DONE', f'{r}')
    agent.close()
    plain.close()


@case('A job that fails is a task that says why')
def failed(s):
    c = s.client(s.key)
    empty = made(c, '/v1/sources', {'type': 'text', 'projectId': s.project, 'text': ' \n '})['id']
    for version in (LATE, MODERN):
        agent = Agent(s, version, can={'extensions': {TASKS: {}}} if version == MODERN else {})
        call = {'name': 'generate_post', 'arguments': {'projectId': s.project, 'source': {'sourceId': empty}}}
        r = agent('tools/call', **call, **({'task': {}} if version == LATE else {}))
        ident = (r.get('task') or r)['taskId']
        wait_for(lambda: agent('tasks/get', taskId=ident)['status'] != 'working')
        t = agent('tasks/get', taskId=ident)
        need(t['status'] == ('failed' if version == LATE else 'completed') and t['statusMessage'], f'{t}')
        outcome = agent('tasks/result', taskId=ident) if version == LATE else t['result']
        need(outcome['isError'] is True and outcome['structuredContent']['data']['errorCode'] == 'empty_text', f'{outcome}')
        agent.close()
    c.close()


@case('A task that waits for its turn is cancelled', alone=True, workers=1)
def cancelled(s):
    c = s.client(s.key)
    for version in (LATE, MODERN):
        agent = Agent(s, version, can={'extensions': {TASKS: {}}} if version == MODERN else {})
        busy = [made(c, '/v1/posts/generations', {'projectId': s.project, 'source': {'text': 'Words of many kinds. ' * 4000}}) for _ in range(20)]
        r = agent('tools/call', name='generate_post', arguments={'projectId': s.project, **GENERATION}, **({'task': {}} if version == LATE else {}))
        ident = (r.get('task') or r)['taskId']
        t = agent('tasks/cancel', taskId=ident)
        need(version == MODERN or t['status'] == 'cancelled', f'{t}')
        need(agent('tasks/get', taskId=ident)['status'] == 'cancelled', 'not cancelled')
        if version == LATE:
            need(agent('tasks/result', taskId=ident)['structuredContent']['data']['status'] == 'CANCELLED', 'no result')
        for job in busy:
            c.wait_job(job['id'])
        agent.close()
    c.close()


# --------------------------------------------------------------------------------------------------------- fixtures

@case('Without the setting, what the conformance suite asks for does not exist')
def no_fixtures(s):
    for version in (LATE, MODERN):
        agent = Agent(s, version)
        for method, member, name in (('tools/list', 'tools', 'name'), ('prompts/list', 'prompts', 'name'), ('resources/list', 'resources', 'uri'),
                                     ('resources/templates/list', 'resourceTemplates', 'uriTemplate')):
            rows, _ = everything(agent, method, member)
            need(not [r for r in rows if r[name].startswith(('test', 'json_schema', 'greet', 'slow_', 'failing_', 'protocol_', 'confirm_', 'multi_'))], f'{method} has a fixture')
        refusal(lambda: agent.tool('test_simple_text'), -32602)
        refusal(lambda: agent.tool('test_trigger_tool_change'), -32602)
        refusal(lambda: agent('resources/read', uri='test://static-text'), -32602 if version == MODERN else -32002)
        agent.close()


@case('With the setting it does', alone=True, mcp_conformance='true')
def fixtures(s):
    for version in (LATE, MODERN):
        agent = Agent(s, version)
        need('test_simple_text' in [t['name'] for t in everything(agent, 'tools/list', 'tools')[0]], 'no tool')
        need(agent.tool('test_simple_text')['content'] == [{'type': 'text', 'text': 'This is a simple text response for testing.'}], 'another text')
        need('"123"' in agent('resources/read', uri='test://template/123/data')['contents'][0]['text'], 'no template')
        agent.close()


@case('An argument that a header repeats is taken where both say the same', alone=True, mcp_conformance='true')
def mirrored(s):
    agent = Agent(s)

    def call(region, **header):
        params = {'name': 'test_x_mcp_header', 'arguments': {'region': region}}
        headers, plain = {**agent.headers('tools/call', params), **header}, agent.headers
        agent.headers = lambda *_: headers
        try:
            return agent('tools/call', **params)['content'][0]['text']
        finally:
            agent.headers = plain

    for text, header in (('Hello', 'Hello'), ('Hello', '=?base64?SGVsbG8=?='), ('Hello', '  Hello  '), ('=?base64?SGVsbG8=', '=?base64?SGVsbG8=')):
        need(call(text, **{'Mcp-Param-Region': header}) == f'The region is {text}.', header)
        need(call(text, **{'mcp-param-REGION': header}) == f'The region is {text}.', header)
    for header in ('hello', '=?base64?SGVsbG8?=', '=?base64?SGVs!!!bG8=?=', '=?base64??=', ''):
        need(refusal(lambda: call('Hello', **{'Mcp-Param-Region': header}), -32020).status == 400, header)
    need(refusal(lambda: call('Hello'), -32020).status == 400, 'without')
    agent.close()


@case('A state that travels through the client is taken back from that client, for that tool, unchanged', alone=True, mcp_conformance='true')
def states(s):
    agent, other = Agent(s, can={'elicitation': {}}), Agent(s, can={'elicitation': {}}, key=s.mint())
    ask = lambda a, tool, state: a('tools/call', name=tool, arguments={}, requestState=state, inputResponses={'confirm': {'action': 'accept', 'content': {'ok': True}}})
    state = agent.tool('test_input_required_result_request_state')['requestState']
    need(ask(agent, 'test_input_required_result_request_state', state)['content'][0]['text'] == 'state-ok', 'refused')
    for a, tool, what in ((agent, 'request_state', state + 'x'), (agent, 'request_state', state[:-1]), (agent, 'request_state', ''), (agent, 'request_state', 'a.b.c'),
                          (agent, 'tampered_state', state), (other, 'request_state', state)):
        refusal(lambda: ask(a, 'test_input_required_result_' + tool, what), -32602)
    agent.close()
    other.close()


if __name__ == '__main__':
    sys.exit(cases.main('What agents find over MCP.', 'agents'))
