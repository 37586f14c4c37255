#!/usr/bin/env python3
"""streams.py -- answers of MCP that go on: progress, cancellation, subscriptions, and how they end.

    python3 test/mcp/streams.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import json
import os
import secrets
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
sys.path.insert(0, os.path.join(HERE, '..', 'provider'))

import cases
from cases import Skip, case, need
from provider import Provider
from server import Server, wait_for
from talk import ALL, LEGACY, META, TEXT, Talk, begun, ends_as, generate


@case('A generation tells how far it is, and ends with the job')
def progress(s):
    for v in ALL:
        for token in ('p', 7):
            with Talk(s, v) as t:
                st = t.stream(generate(t, s, token))
                need(st.status == 200 and st.headers['content-type'] == 'text/event-stream', f'{st.headers}')
                need(st.headers['x-accel-buffering'] == 'no' and st.headers['cache-control'] == 'no-cache, no-transform', f'{st.headers}')
                events = st.rest()
                *told, last = events
                need(told and all(e['method'] == 'notifications/progress' and e['params']['progressToken'] == token for e in told), f'{events}')
                steps = [e['params']['progress'] for e in told]
                need(steps == sorted(set(steps)) and all(0 <= p <= e['params']['total'] for p, e in zip(steps, told)), f'{steps}')
                job = json.loads(last['result']['content'][0]['text'])['data']
                need(job['status'] == 'DONE' and job['result']['postId'] and not last['result'].get('isError'), f'{last}')
                st.close()


@case('Without a token the answer is plain, and a refusal is, too')
def plain(s):
    with Talk(s) as t:
        a = t.post(generate(t, s, None, wait_for_completion_ms=20000))
        need(a.get('Content-Type') == 'application/json' and '"DONE"' in a.json()['result']['content'][0]['text'], f'{a}')
    with Talk(s, key=s.mint('posts:read')) as t:
        a = t.post(generate(t, s))
        need(a.get('Content-Type') == 'application/json' and a.json()['result']['isError'], f'{a}')
    with Talk(s) as t:
        st = t.stream(generate(t, s, source={}))
        need([e.get('result', {}).get('isError') for e in st.rest()] == [True], 'an argument that is wrong, in a stream')


# ------------------------------------------------------------------------------------------------------- cancellation

class Slow:
    """A server with one worker, whose writer is a model that writes when `s.go` is set."""

    def __init__(self, engine, behaviour='held'):
        self.provider = Provider()
        self.provider.__enter__()
        self.s = Server({'workers': 1, 'drain_time': 600, 'writer': 'openai', 'openai_url': self.provider.url(behaviour) + '/v1'}, db=engine)

    def __enter__(self):
        self.s.__enter__()
        self.s.go = self.provider.go
        return self.s

    def __exit__(self, *what):
        try:
            self.s.__exit__(*what)
        finally:
            self.provider.__exit__(*what)


@case('2026-07-28: who leaves cancels the job that waits for its turn; one that runs goes on', own=True)
def left(engine):
    with Slow(engine) as s, Talk(s) as t:
        first, running = begun(t, generate(t, s), 'RUNNING')
        second, waiting = begun(t, generate(t, s), 'QUEUED')
        second.close()
        ends_as(t, waiting, 'CANCELLED')
        audit = json.loads(s.cli('audit', 'list', '--workspace', s.id, '--json')[1])
        need([a for a in audit if a['route'] == '/v1/jobs/{jobId}/cancel' and a['status'] == 200], 'the cancellation is not in the audit log')
        first.close()
        s.go.set()
        ends_as(t, running, 'DONE')


@case('The versions with sessions: a word cancels, a closed stream does not', own=True)
def told(engine):
    with Slow(engine) as s:
        for v in LEGACY:
            s.go.clear()
            with Talk(s, v) as t, Talk(s, v) as other:
                first, running = begun(t, generate(t, s), 'RUNNING')
                message = generate(t, s)
                second, waiting = begun(t, message, 'QUEUED')
                third, left = begun(t, generate(t, s), 'QUEUED')
                cancel = lambda who, of: who.post({'jsonrpc': '2.0', 'method': 'notifications/cancelled', 'params': {'requestId': of, 'reason': 'no'}})
                need(cancel(other, message['id']).status == 202 and cancel(t, 'unknown').status == 202 and cancel(t, None).status == 202, 'a word that says nothing')
                time.sleep(0.2)         # for what must not happen, and so cannot be waited for
                need(t.client.get('/v1/jobs/' + waiting).json()['data']['status'] == 'QUEUED', 'another session cancelled it')
                need(cancel(t, message['id']).status == 202, 'cancel')
                ends_as(t, waiting, 'CANCELLED')
                need([e for e in second.rest() if 'method' not in e] == [], 'a cancelled request was answered')
                third.close()
                s.go.set()
                ends_as(t, running, 'DONE')
                ends_as(t, left, 'DONE')
                need(first.rest()[-1]['result'], 'the first one has its result')


@case('A server that stops answers those who wait, and ends what listens in good order', own=True)
def stopped(engine):
    with Slow(engine) as s, Talk(s) as t, Talk(s, '2025-11-25') as u:
        call, task = begun(t, generate(t, s), 'RUNNING')
        waits = u.stream(u.message('tasks/result', {'taskId': task}))
        listen = t.stream(t.message('subscriptions/listen', {'notifications': {'toolsListChanged': True}}))
        legacy = u.stream(method='GET')
        need(listen.next()['method'] == 'notifications/subscriptions/acknowledged', 'acknowledged')
        s.stop()
        job = json.loads(call.rest()[-1]['result']['content'][0]['text'])['data']
        need(job['status'] in ('RUNNING', 'QUEUED'), f'{job}')
        e = waits.rest()[-1]['error']
        need(e['data']['code'] == 'service_unavailable' and 'again' in e['message'], f'{e}')
        last = listen.next()
        need(last['result']['_meta'][META + 'subscriptionId'] == last['id'] and listen.next() is None, f'{last}')
        need(legacy.next() is None, 'the stream of the session')


# ------------------------------------------------------------------------------------------------------- subscriptions

def rename(s, project, workspace=None):
    """What is told to everybody of its workspace who asked to hear of the project."""
    s.cli('project', 'edit', project, '--workspace', workspace or s.id, '--name', 'P' + secrets.token_hex(6))
    return 'scripe://projects/' + project


def listening(t, **what):
    message = t.message('subscriptions/listen', {'notifications': what})
    st = t.stream(message)
    return st, message['id'], st.next()


@case('2026-07-28: a stream is acknowledged first, and carries what was asked for alone')
def listened(s):
    with Talk(s) as t:
        post, note = t.data('create_post', {'projectId': s.project, 'content': 'x'}), t.data('create_note', {'projectId': s.project})
        uri = 'scripe://posts/' + post['id']
        project = 'scripe://projects/' + s.project
        st, sid, ack = listening(t, toolsListChanged=True, promptsListChanged=True, resourcesListChanged=True, resourceSubscriptions=[uri, project])
        need(ack['method'] == 'notifications/subscriptions/acknowledged', f'{ack}')
        need(ack['params'] == {'_meta': {META + 'subscriptionId': sid}, 'notifications': {'toolsListChanged': True, 'resourceSubscriptions': [uri, project]}}, f'{ack}')
        t.data('create_note', {'projectId': s.project})
        t.data('update_post', {'postId': post['id'], 'content': 'y'})
        e = st.next()
        need(e == {'jsonrpc': '2.0', 'method': 'notifications/resources/updated', 'params': {'_meta': {META + 'subscriptionId': sid}, 'uri': uri}}, f'{e}')
        need(st.until(rename(s, s.project)) == [], 'told twice, or what nobody asked for')
        st.close()
        posts = f'scripe://projects/{s.project}/posts'
        st, _, _ = listening(t, resourceSubscriptions=[posts, 'scripe://notes/' + note['id']])
        t.data('update_post', {'postId': post['id'], 'content': 'z'})
        need(st.next()['params']['uri'] == posts, 'the list that the post is in')
        st.close()
        for bad in ({}, {'notifications': []}, {'notifications': {'resourceSubscriptions': 'x'}}, {'notifications': {'resourceSubscriptions': [5]}}):
            a = t.ask('subscriptions/listen', bad)
            need(a.json()['error']['code'] == -32602, f'{a}')


@case('Whoever was acknowledged hears of the very next change, whoever else listens')
def at_once(s):
    with Talk(s) as t:
        post = t.data('create_post', {'projectId': s.project, 'content': 'x'})
        uri, streams = 'scripe://posts/' + post['id'], []
        for i in range(40):
            streams.append(listening(t, resourceSubscriptions=[uri])[0])
            t.data('update_post', {'postId': post['id'], 'content': f'{i}'})
        for i, st in enumerate(streams):
            need(st.next()['params'].get('uri') == uri, f'stream {i}')
            st.close()


@case('What the caller may not read is not told, nor what belongs to another workspace')
def unseen(s):
    other = s.workspace()
    foreign = s.new_project(other)
    with Talk(s) as t, Talk(s, key=s.mint('notes:read')) as low, Talk(s, key=s.mint(workspace=other)) as far:
        post = t.data('create_post', {'projectId': s.project, 'content': 'x'})
        uri = 'scripe://posts/' + post['id']
        streams = [listening(who, resourceSubscriptions=[uri, f'scripe://projects/{s.project}/posts', f'scripe://projects/{foreign}/posts', 'scripe://projects/' + own])[0]
                   for who, own in ((low, s.project), (far, foreign))]
        mine = listening(t, resourceSubscriptions=[uri])[0]
        t.data('update_post', {'postId': post['id'], 'content': 'y'})
        need(mine.next()['params']['uri'] == uri, 'its own')
        for st, last in zip(streams, (rename(s, s.project), rename(s, foreign, other))):
            need(st.until(last) == [], 'told to who may not read it')
        for st in (*streams, mine):
            st.close()


@case('A session hears what it subscribed to, on the one stream that it opened last')
def session(s):
    for v in LEGACY:
        with Talk(s, v) as t:
            post = t.data('create_post', {'projectId': s.project, 'content': 'x'})
            uri = 'scripe://posts/' + post['id']
            need(t.client.request('GET', '/mcp', None, {'Accept': 'text/event-stream'}).status == 405, 'without a session')
            old = t.stream(method='GET')
            need(old.status == 200 and old.headers['content-type'] == 'text/event-stream', f'{old.headers}')
            st = t.stream(method='GET')
            need(old.next() is None, 'two streams of one session')
            for each in (uri, 'scripe://projects/' + s.project):
                t.result('resources/subscribe', {'uri': each})
            t.data('update_post', {'postId': post['id'], 'content': 'y'})
            need(st.next() == {'jsonrpc': '2.0', 'method': 'notifications/resources/updated', 'params': {'uri': uri}}, 'not told')
            t.result('resources/unsubscribe', {'uri': uri})
            t.data('update_post', {'postId': post['id'], 'content': 'z'})
            need(st.until(rename(s, s.project)) == [], 'told though it unsubscribed')
            need(t.client.request('DELETE', '/mcp', None, t.headers()).status == 204, 'DELETE')
            need(st.next() is None, 'the stream of a session that has ended')


@case('Whose rights change is told that there are other tools, and whose key is revoked hears nothing more')
def rights(s):
    key = s.mint('posts:read', name='rights')
    key_id = [k['id'] for k in s.keys() if k['last4'] == key[-4:]][0]
    with Talk(s, key=key) as t, Talk(s, '2025-11-25', key=key) as u:
        before = len(t.result('tools/list')['tools'])
        st, _, _ = listening(t, toolsListChanged=True)
        legacy, deaf = u.stream(method='GET'), listening(t, promptsListChanged=True)[0]
        s.cli('key', 'edit', key_id, '--scopes', 'posts:read,posts:write')
        need(st.next()['method'] == 'notifications/tools/list_changed', 'not told')
        need(legacy.next() == {'jsonrpc': '2.0', 'method': 'notifications/tools/list_changed'}, 'the session is not told')
        need(len(t.result('tools/list')['tools']) > before, 'there are no more tools')
        s.revoke(key_id)
        need(st.next().get('result') and st.next() is None and legacy.next() is None, 'it goes on')
        need([e for e in deaf.rest() if 'method' in e] == [], 'told what it did not ask for')


@case('Whose key is revoked waits for no result any more', own=True)
def revoked(engine):
    with Slow(engine) as s:
        key = s.mint(name='revoked')
        with Talk(s) as t, Talk(s, '2025-11-25', key=key) as u:
            first, _ = begun(t, generate(t, s), 'RUNNING')
            task = u.result('tools/call', {'name': 'generate_post', 'arguments': {'projectId': s.project, 'source': {'text': TEXT}}, 'task': {}})['task']['taskId']
            waits = u.stream(u.message('tasks/result', {'taskId': task}))
            s.revoke([k['id'] for k in s.keys() if k['last4'] == key[-4:]][0])
            e = waits.rest()[-1]
            need('error' in e and 'revoked' in e['error']['message'], f'{e}')
            first.close()


@case('Half of the connections are not for streams, and of the others no workspace has more than half', own=True)
def crowd(engine):
    asked = {'notifications': {'toolsListChanged': True}}
    with Server({'max_connections': 24}, db=engine) as s:
        first, second, third = (Talk(s, key=k) for k in (s.key, s.mint(workspace=s.workspace()), s.mint(workspace=s.workspace())))
        streams = []
        for t in (first, second):
            streams += [listening(t, toolsListChanged=True)[0] for _ in range(6)]
            a = t.ask('subscriptions/listen', asked)
            need('as many open streams' in a.json()['error']['message'], f'{a}')
        need('error' in third.ask('subscriptions/listen', asked).json(), 'more than half')
        need(third.client.get('/v1/health/auth').status == 200, 'there is no room for a request')
        streams.pop().close()

        def again():
            st = third.stream(third.message('subscriptions/listen', asked))
            if st.headers['content-type'] == 'text/event-stream':
                return st
            st.close()
        st = wait_for(again)
        need(st and st.next()['method'] == 'notifications/subscriptions/acknowledged', 'the place that became free')
        for one in (*streams, st, first, second, third):
            one.close()


def memory(s):
    """KB of its own."""
    with open(f'/proc/{s.proc.pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('RssAnon'))


@case('A stream keeps nothing of the message that began it', own=True)
def light(engine):
    with Slow(engine) as s, Talk(s) as t, Talk(s, '2025-11-25') as u:
        job = u.result('tools/call', {'name': 'generate_post', 'arguments': {'projectId': s.project, 'source': {'text': TEXT}}, 'task': {}})['task']['taskId']
        many = [{}] * 200_000

        def listen():
            return t.stream(t.message('subscriptions/listen', {'notifications': {'toolsListChanged': True}, 'many': many}))

        def wait():
            return u.stream(u.message('tasks/result', {'taskId': job, 'many': many}))

        for begin in (listen, wait):
            streams, before = [begin()], memory(s)
            streams += [begin() for _ in range(7)]
            need(all(st.headers['content-type'] == 'text/event-stream' for st in streams), 'no stream')
            grown = memory(s) - before
            need('san/' in os.environ.get('SCRIPED_BIN', '') or grown < 100_000, f'{grown} KB for 7 streams more')
            for st in streams:
                st.close()


@case('URIs have a limit of length, those of a stream one of number, and those of a workspace, too')
def followed(s):
    where = 'scripe://projects/' + s.project
    with Talk(s) as t, Talk(s, key=s.mint(workspace=s.workspace())) as other:
        st, _, ack = listening(t, resourceSubscriptions=[where, 'scripe://nothing', 'https://example.com/'])
        need(ack['params']['notifications']['resourceSubscriptions'] == [where], f'{ack}')
        st.close()
        for bad in ([where] * 201, ['scripe://posts/' + 'x' * 300]):
            a = t.ask('subscriptions/listen', {'notifications': {'resourceSubscriptions': bad}})
            need(a.json()['error']['code'] == -32602 and '200 URIs of at most 300 bytes' in a.json()['error']['message'], f'{a}')
        streams = [listening(t, resourceSubscriptions=[where] * 200)[0] for _ in range(50)]
        a = t.ask('subscriptions/listen', {'notifications': {'resourceSubscriptions': [where]}})
        need('10000 URIs together' in a.json()['error']['message'], f'{a}')
        streams += [listening(t, toolsListChanged=True)[0], listening(other, resourceSubscriptions=[where])[0]]
        for st in streams:
            st.close()


@case('A word that reaches another node than the one with the stream cancels, too', own=True)
def told_elsewhere(engine):
    if engine != 'postgres':
        raise Skip('one node only')
    with Server({'role': 'api'}, db='postgres') as a, a.twin({'role': 'api'}) as b, Talk(a, '2025-11-25') as t, Talk(b, '2025-11-25', begin=False) as u:
        u.sid = t.sid
        message = generate(t, a)
        stream, waiting = begun(t, message, 'QUEUED')
        need(u.post({'jsonrpc': '2.0', 'method': 'notifications/cancelled', 'params': {'requestId': message['id']}}).status == 202, 'cancel')
        ends_as(t, waiting, 'CANCELLED')
        need([e for e in stream.rest() if 'method' not in e] == [], 'a cancelled request was answered')


@case('What another node commits is told, too', own=True)
def nodes(engine):
    if engine != 'postgres':
        raise Skip('one node only')
    with Server({}, db='postgres') as a, a.twin() as b, Talk(a) as t, Talk(b) as u:
        post = t.data('create_post', {'projectId': a.project, 'content': 'x'})
        st, _, _ = listening(u, resourceSubscriptions=['scripe://posts/' + post['id']])
        t.data('update_post', {'postId': post['id'], 'content': 'y'})
        need(st.next()['params']['uri'] == 'scripe://posts/' + post['id'], 'not told')
        st.close()


if __name__ == '__main__':
    sys.exit(cases.main('Streams of MCP.', 'mcp streams'))
