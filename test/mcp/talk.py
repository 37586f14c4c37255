"""talk.py -- the Model Context Protocol over one connection: builds messages as each version wants them, and keeps its hands on every byte."""
import itertools
import json

from cases import need
from server import PATIENCE, Wire, head, wait_for

LEGACY = ['2025-03-26', '2025-06-18', '2025-11-25']
MODERN = '2026-07-28'
ALL = [*LEGACY, MODERN]
META = 'io.modelcontextprotocol/'


class Talk:
    """version: of the protocol.  One with sessions is begun at once, unless begin is False.

    .sid the session's id; .client the HTTP client underneath."""

    def __init__(self, server, version=MODERN, key=None, begin=True, path='/mcp', capabilities=None):
        self.client, self.version, self.path = server.client(key), version, path
        self.capabilities, self.sid, self.ids = capabilities or {}, None, itertools.count(1)
        if version != MODERN and begin:
            self.begin()

    def close(self):
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def begin(self):
        a = self.post({'jsonrpc': '2.0', 'id': 0, 'method': 'initialize', 'params': {
            'protocolVersion': self.version, 'capabilities': self.capabilities, 'clientInfo': {'name': 'talk', 'version': '1'}}})
        self.sid, self.begun = a.get('Mcp-Session-Id'), a
        return a

    def headers(self, message=None):
        h = {'Content-Type': 'application/json', 'Accept': 'application/json, text/event-stream'}
        if self.version == MODERN:
            h['MCP-Protocol-Version'] = MODERN
            if isinstance(message, dict) and 'method' in message:
                h['Mcp-Method'] = message['method']
                named = (message.get('params') or {}).get({'resources/read': 'uri'}.get(message['method'], 'name'))
                if isinstance(named, str) and message['method'] in ('tools/call', 'resources/read', 'prompts/get'):
                    h['Mcp-Name'] = named
        elif self.sid:
            h['Mcp-Session-Id'] = self.sid
            if self.version != '2025-03-26':
                h['MCP-Protocol-Version'] = self.version
        return h

    def post(self, message, headers=None):
        """What a POST of this message is answered with.  A header of None is left out."""
        h = self.headers(message)
        h.update(headers or {})
        return self.client.request('POST', self.path, message if isinstance(message, bytes) else json.dumps(message).encode(),
                                   {k: v for k, v in h.items() if v is not None})

    def message(self, method, params=None, meta=None):
        params, meta = dict(params or {}), dict(meta or {})
        if self.version == MODERN:
            meta = {META + 'protocolVersion': MODERN, META + 'clientInfo': {'name': 'talk', 'version': '1'},
                    META + 'clientCapabilities': self.capabilities, **meta}
        if meta:
            params['_meta'] = meta
        return {'jsonrpc': '2.0', 'id': next(self.ids), 'method': method, **({'params': params} if params else {})}

    def ask(self, method, params=None, meta=None, headers=None):
        return self.post(self.message(method, params, meta), headers)

    def result(self, method, params=None, meta=None):
        a = self.ask(method, params, meta)
        if a.status != 200 or 'result' not in a.json():
            raise AssertionError(f'{method} is answered with {a.status} {a.body[:600]!r}')
        return a.json()['result']

    def call(self, tool, arguments=None, meta=None):
        return self.result('tools/call', {'name': tool, **({} if arguments is None else {'arguments': arguments})}, meta)

    def data(self, tool, arguments=None, meta=None):
        r = self.call(tool, arguments, meta)
        if r.get('isError'):
            raise AssertionError(f'{tool} fails: {r}')
        return json.loads(r['content'][0]['text'])['data']

    def stream(self, message=None, method='POST', headers=None, timeout=PATIENCE):
        """Sends on a connection of its own; a Stream of what comes."""
        body = json.dumps(message).encode() if message is not None else b''
        pairs = {**self.headers(message), **(headers or {}), 'Authorization': 'Bearer ' + self.client.key, 'Content-Length': str(len(body))}
        wire = Wire(self.client.host, self.client.port, timeout)
        return Stream(wire.send(head(method, self.path, pairs, f'{self.client.host}:{self.client.port}') + body))


class Stream:
    """Server-sent events as they come: next() gives the JSON of one, None when the stream has ended.  .status .headers of the answer."""

    def __init__(self, wire):
        self.wire, self.buffer, self.over = wire, b'', False
        lines = wire.until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        self.status = int(lines[0].split(' ')[1])
        self.headers = {n.lower(): v.strip() for n, v in (line.split(':', 1) for line in lines[1:])}

    def chunk(self):
        n = int(self.wire.until(b'\r\n'), 16)
        if n == 0:
            self.over = True
        self.buffer += self.wire.exactly(n)
        self.wire.exactly(2)

    def next(self):
        while True:
            while b'\n\n' not in self.buffer:
                if self.over:
                    return None
                self.chunk()
            event, self.buffer = self.buffer.split(b'\n\n', 1)
            data = [line[6:] for line in event.split(b'\n') if line.startswith(b'data: ')]
            if data:
                return json.loads(b'\n'.join(data))

    def rest(self):
        return list(iter(self.next, None))

    def until(self, uri):
        """The addresses that are told to have changed before this one is.  What one pass finds is told in the order of the subscription: so one that
        stands last in it, and is changed behind everything else, shows that nothing more comes."""
        told = []
        while (m := self.next())['params'].get('uri') != uri:
            told.append(m['params'].get('uri', m['method']))
        return told

    def close(self):
        self.wire.close()


# -------------------------------------------------------------------------------------- a job that a call waits for

TEXT = 'We moved our support to a public tracker. Calls fell by half. Nobody missed the old form.'


def generate(t, s, token='p', **more):
    return t.message('tools/call', {'name': 'generate_post', 'arguments': {'projectId': s.project, 'source': {'text': TEXT}, **more}},
                     {'progressToken': token} if token is not None else None)


def begun(t, message, status):
    """A stream, and the id of the job that its call began, once that is so far."""
    known = {j['id'] for j in t.client.get('/v1/jobs').json()['data']}
    st = t.stream(message)
    jobs = wait_for(lambda: [j for j in t.client.get('/v1/jobs').json()['data'] if j['id'] not in known and j['status'] == status])
    need(jobs, f'no job is {status}')
    return st, jobs[0]['id']


def ends_as(t, job, *states):
    got = wait_for(lambda: t.client.get('/v1/jobs/' + job).json()['data']['status'] in states)
    need(got, f"{t.client.get('/v1/jobs/' + job).json()['data']} is none of {states}")
