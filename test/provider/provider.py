#!/usr/bin/env python3
"""provider.py -- a provider that behaves as it is told: /v1/chat/completions, /v1/embeddings and /v1/audio/transcriptions on a free port of 127.0.0.1.

    python3 test/provider/provider.py [--until-eof]

The first line on standard output is the port.  --until-eof: ends when standard input does, so that no test leaves one
behind.  From Python:  with Provider() as p: … p.url('stall') … p.requests() … p.forget()

The behaviour of a request is the first part of its path, if that is one of the names below:
http://127.0.0.1:PORT/stall/v1/chat/completions; else the "model" of its body, if that is one; else `normal`.
NAME-NUMBER gives the number in the third column.

    normal       the text POST below, streamed in odd pieces that split lines and characters
    bytes        the same, one byte a piece, with CRLF, a BOM, comments, `event:` lines and data of several lines
    slow-N       the same, N ms (100) between the words
    held         comments until Provider.go is set, then the same, at once: for a test that wants it to go on just as long
    json         the same, as one JSON document (what a server does that knows no "stream")
    nousage      streamed without token counts
    nodone       streamed, the connection ends after finish_reason, without [DONE]
    lingers      streamed, the connection stays open after [DONE]
    fenced       the post in a code fence        quoted   in quotation marks        think   behind <think>…</think>
    tags         with six hashtags               title    with a first line of 300 characters
    huge         20,000 characters, then done    endless  words for ever
    length       stops inside a sentence with finish_reason "length"
    links        the post and a link that nobody gave; once asked again without: the post      linksonly  the same, again and again
    mails mentions markdown bait synergies tags2 german leaks rules long brief: the post with that flaw; NAMEonly likewise
    filter       finish_reason "content_filter"
    empty        no content at all               blank    blanks only
    late-N       answers after N ms (300)
    mute         takes the request, never answers
    stall        answers half, then nothing more
    drip         a comment every 20 ms, for ever: never silent, never done
    flood        20 MB of comments
    break        half, then the connection breaks
    cut          half, then a clean end of the answer
    drop         closes without an answer
    html         status 200 and a web page       garbage  a stream whose data is not JSON
    utf8         a stream with bytes that are not UTF-8
    error        a stream with an error object in it
    status-N     status N (500) with an error object       page-N   status N (502) with a web page
    bulk-N       status N (500) with 1 MB of text
    busy-N       429 with Retry-After: N (7)     busydate   429 with Retry-After: an HTTP-date 30 s ahead
    quota        429 whose error code is insufficient_quota
    leak         401 whose message repeats the Authorization header and has control characters
    redirect     302 to /normal/…
    flaky-N      status 500 for the first N (1) requests with this path and model, then normal

A question about the parts of a text (PART 1 …) has two answers of its own:

    topics       a document that describes each part truly, but for a takeaway with a number, a link and a hook that are not in it
    loose        400 for a response_format; then the same in a fence behind <think>…</think>, and about the first part only

A transcription says which piece it is of those with this path, in segments of two seconds: "Piece 1, part 1." Of its behaviours the following are its own:

    spoken       (what it does for `normal`) verbose_json when that is asked for, else json
    plain        400 for verbose_json, else json  untimed  verbose_json without segments
    prose        text/plain                       hush     verbose_json with no text at all
    odd          segments whose times are wrong, that say nothing, that are silence
    later-N      status 500 for the second piece, N (1) times

An embedding knows some words that mean the same (ALIKE below), and nothing else. Of its behaviours the following are its own:

    vectors      (what it does for `normal`) N (16) dimensions, or as many as `dimensions` says
    short        the last vector is a number shorter  shorter  each request gets a number less than the one before
    few          one vector less than texts        nan      NaN, as some servers write it
    nulls        null for numbers                  zeros    a vector of zeros
    turned       the vectors in reverse order, their `index` says so
    twice        two vectors with the same index

GET /_requests answers the requests so far: [{"path","behaviour","headers","body"}], body as JSON where it is JSON;
of a form {field: value}, and for its file {"rate","channels","width","ms"}.
DELETE /_requests forgets them, and the counts of `flaky`.  Standard library only."""
import email.parser
import email.policy
import email.utils
import http.server
import io
import json
import re
import select
import sys
import threading
import time
import wave

POST = '''The smallest change we made this year saved the most time: café owners now see their orders on one page. ☕

Three weeks of interviews, eleven drafts, one decision. We threw away the dashboard and kept the list.

“I finally close at six,” one of them told us. 🚀 That is the number that counts.

What would you throw away first?

#product #café'''
ALIKE = [{'price', 'cost', 'costs', 'expensive', 'euros'}, {'car', 'cars', 'automobile', 'vehicle'}, {'doctor', 'physician'}, {'zebra', 'zebras', 'striped'}]
USAGE = {'prompt_tokens': 321, 'completion_tokens': 123, 'total_tokens': 444}
FLAWS = '(links|mails|mentions|markdown|bait|synergies|tags2|leaks|rules|german|long|brief)(only)?'
HELD_MAX = 1000         # requests that are remembered
MUTE_S = 60             # how long a silent behaviour waits for its client to leave


def words(text):
    return re.findall(r'\s*\S+', text)


def delta(content=None, finish=None, **more):
    choice = {'index': 0, 'delta': {} if content is None else {'content': content}, 'finish_reason': finish}
    return dict({'id': 'x', 'object': 'chat.completion.chunk', 'choices': [choice]}, **more)


def event(value):
    return b'data: ' + json.dumps(value, ensure_ascii=False).encode() + b'\n\n'


def stream(text, finish='stop', usage=True, done=True):
    """The whole of a stream, as bytes."""
    out = event({'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, 'finish_reason': None}]})
    out += b''.join(event(delta(w)) for w in words(text))
    if finish:
        out += event(delta(None, finish))
        if usage:
            out += event({'choices': [], 'usage': USAGE})
    return out + (b'data: [DONE]\n\n' if done else b'')


def odd(data):
    """Cuts into pieces of 1, 7, 2, 31, 5, 64, … bytes."""
    sizes, i, k = (1, 7, 2, 31, 5, 64, 3, 113), 0, 0
    while i < len(data):
        yield data[i:i + sizes[k % len(sizes)]]
        i, k = i + sizes[k % len(sizes)], k + 1


def ornate(text):
    """The same stream as a pedant would write it."""
    out = b'\xef\xbb\xbf: hello\r\n\r\nretry: 10\r\n\r\n'
    for w in words(text):
        two = json.dumps(delta(w), ensure_ascii=False).encode().replace(b', "object"', b',\r\ndata:  "object"')
        out += b'event: message\r\nid\r\ndata:' + two + b'\r\n\r\n: still here\r\n'
    return out + event(delta(None, 'stop')).replace(b'\n', b'\r') + event({'choices': [], 'usage': USAGE}) + b'data:[DONE]\n\n'


def form(kind, data):
    """A form as {field: value}; of a file what its WAV head says, and how long it is."""
    head = b'Content-Type: ' + kind.encode() + b'\r\n\r\n'
    fields = {}
    for part in email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + data).iter_parts():
        name, content = part.get_param('name', header='Content-Disposition'), part.get_payload(decode=True)
        if part.get_filename():
            with wave.open(io.BytesIO(content)) as w:
                frames = len(w.readframes(w.getnframes())) // w.getsampwidth() // w.getnchannels()
                fields[name] = {'rate': w.getframerate(), 'channels': w.getnchannels(), 'width': w.getsampwidth(),
                                'ms': frames * 1000 // w.getframerate(), 'name': part.get_filename()}
        else:
            fields[name] = content.decode()
    return fields


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = 0

    def log_message(self, *args):
        pass

    # answering

    def plain(self, status, body, kind='application/json', **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers, Content_Type=kind, Content_Length=len(body)).items():
            self.send_header(name.replace('_', '-'), str(value))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, message, code=None, **headers):
        self.plain(status, {'error': {'message': message, 'type': 'test', 'code': code}}, **headers)

    def begin(self, kind='text/event-stream; charset=utf-8'):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()

    def piece(self, data):
        self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))

    def end(self):
        self.wfile.write(b'0\r\n\r\n')

    def streamed(self, data, pieces=odd, end=True):
        self.begin()
        for part in pieces(data):
            self.piece(part)
        if end:
            self.end()

    def left(self, seconds):
        """Waits until the client closes; whether it did within that time."""
        return bool(select.select([self.connection], [], [], seconds)[0])

    def wait_gone(self):
        self.left(MUTE_S)
        self.close_connection = True

    # behaviours, in the order of the list above

    def as_normal(self, n):
        self.streamed(stream(POST))

    def as_bytes(self, n):
        self.streamed(ornate(POST), lambda data: (data[i:i + 1] for i in range(len(data))))

    def as_held(self, n):
        self.begin()
        while not self.server.go.is_set():
            self.piece(b': wait\n')
            if self.left(0.02):
                return
        self.tell(5)

    def as_slow(self, n):
        self.begin()
        self.tell(n or 100)

    def tell(self, ms):
        for w in words(POST):
            self.piece(event(delta(w)))
            if self.left(ms / 1000):
                return
        self.piece(stream(''))
        self.end()

    def as_json(self, n):
        message = {'role': 'assistant', 'content': POST}
        self.plain(200, {'choices': [{'index': 0, 'message': message, 'finish_reason': 'stop'}], 'usage': USAGE})

    def as_nousage(self, n):
        self.streamed(stream(POST, usage=False))

    def as_nodone(self, n):
        self.streamed(stream(POST, usage=False, done=False))

    def as_lingers(self, n):
        self.streamed(stream(POST), end=False)
        self.wait_gone()

    def as_fenced(self, n):
        self.streamed(stream('```markdown\n' + POST + '\n```\n'))

    def as_quoted(self, n):
        self.streamed(stream('“One line that holds. And another.”'))

    def as_think(self, n):
        self.streamed(stream('<think>\nThey want a post.\n</think>\n\n' + POST))

    def as_tags(self, n):
        self.streamed(stream('We like #one and #two in a sentence.\n\n#three #four #five #six'))

    def as_title(self, n):
        self.streamed(stream('müde ' * 60 + '\n\nA second paragraph.'))

    def as_huge(self, n):
        self.streamed(stream('Every sentence counts fünf words. ' * 600))

    def as_endless(self, n):
        self.begin()
        part = b''.join(event(delta(f' word{i}.')) for i in range(100))
        while True:
            self.piece(part)

    def as_length(self, n):
        self.streamed(stream('The first sentence is whole. The second one is not who', finish='length'))

    def flawed(self, name):
        """The flaw, and in the second call (which shows the first answer) none, unless the name says only."""
        messages = self.body['messages']
        if len(messages) > 2 and not name.endswith('only'):
            self.streamed(stream(POST))
            return
        code = re.search(r'MATERIAL ([0-9a-f]{16})', messages[1]['content']).group(1)
        self.streamed(stream({
            'links': POST + '\n\nRead more at https://evil.invalid/x today.', 'mails': POST + '\n\nWrite to ceo@evil.invalid now.',
            'mentions': POST + '\n\nThanks to @eve and (@mallory) for this.', 'markdown': POST + '\n\nSee [our page](https://evil.invalid/x) for it.',
            'bait': POST + '\n\n👉 https://evil.invalid/x', 'synergies': POST + '\n\nThe synergies are everywhere.',
            'tags2': POST.replace('#product', '#Synergy'), 'leaks': POST + f'\n\nMATERIAL {code}', 'rules': messages[0]['content'][:400],
            'german': 'Wir haben das Dashboard weggeworfen und die Liste behalten. Das war die beste Entscheidung, die wir in diesem Jahr getroffen haben.',
            'long': 'Every sentence of this one says that we kept the list. ' * 40, 'brief': 'We kept the list.',
        }[re.sub('only$', '', name)]))

    def as_filter(self, n):
        self.streamed(stream('I cannot', finish='content_filter'))

    def as_empty(self, n):
        self.streamed(stream(''))

    def as_blank(self, n):
        self.streamed(stream('').replace(b'"content": ""', b'"content": " \\n\\t "'))

    def as_late(self, n):
        if not self.left((n or 300) / 1000):
            getattr(self, 'as_' + self.normal())(None)

    def as_mute(self, n):
        self.wait_gone()

    def half(self):
        data = stream(POST)
        self.streamed(data[:len(data) // 2], end=False)

    def as_stall(self, n):
        self.half()
        self.wait_gone()

    def as_drip(self, n):
        self.begin()
        while not self.left(0.02):
            self.piece(b': wait\n')

    def as_flood(self, n):
        self.begin()
        for _ in range(320):
            self.piece(b': 0123456789abc\n' * 4096)
        self.end()

    def as_break(self, n):
        self.half()
        self.close_connection = True

    def as_cut(self, n):
        self.half()
        self.end()

    def as_drop(self, n):
        self.close_connection = True

    def as_html(self, n):
        self.plain(200, b'<!DOCTYPE html><title>Welcome</title><p>It works!', 'text/html')

    def as_garbage(self, n):
        self.streamed(b'data: hello\n\ndata: [DONE]\n\n')

    def as_utf8(self, n):
        self.streamed(stream('one two').replace(b'two', b'\xff\xfe'))

    def as_error(self, n):
        self.streamed(stream('Half a', finish=None, done=False) + event({'error': {'message': 'The GPU is on fire', 'code': 503}}))

    def as_status(self, n):
        self.refuse(n or 500, f'status {n or 500} as asked')

    def as_page(self, n):
        self.plain(n or 502, b'<html><h1>Bad Gateway</h1></html>', 'text/html')

    def as_bulk(self, n):
        self.plain(n or 500, b'It did not work. ' * 61681, 'text/plain')

    def as_busy(self, n):
        self.refuse(429, 'Rate limit reached', 'rate_limit_exceeded', Retry_After=7 if n is None else n)

    def as_busydate(self, n):
        self.refuse(429, 'Rate limit reached', Retry_After=email.utils.formatdate(time.time() + 30, usegmt=True))

    def as_quota(self, n):
        self.refuse(429, 'You exceeded your current quota', 'insufficient_quota', Retry_After=7)

    def as_leak(self, n):
        self.refuse(401, f"Wrong key:\n\x1b[31m{self.headers.get('Authorization', '')}\x1b[0m; " + 'see the manual. ' * 20)

    def as_redirect(self, n):
        self.plain(302, b'', Location='/normal/v1/chat/completions')

    def as_flaky(self, n):
        if self.server.count((self.path, self.model)) <= (n or 1):
            self.as_status(500)
        else:
            getattr(self, 'as_' + self.normal())(None)

    # what is in the parts of a text

    def described(self, first_only=False):
        parts = re.findall(r'PART (\d+) ([0-9a-f]{16})\n(.*?)\nEND \1 \2', self.body['messages'][-1]['content'], re.S)
        topics = []
        for number, _, text in parts[:1] if first_only else parts:
            line = text.split('.')[0].strip() + '.'
            topics.append({
                'part': int(number), 'title': f'What a model calls part {"one two three four".split()[int(number) - 1]}', 'summary': f'A model says: {line}', 'score': 0.25,
                'keyTakeaways': ['A takeaway of a model.', 'It grew by 98765 percent.', 'See https://example.com/more for all of it.'],
                'hooks': [{'content': line, 'postType': 'STORY', 'contentType': 'PERSONAL'}, {'content': 'word ' * 60, 'postType': 'CLAIM', 'contentType': 'PERSONAL'},
                          {'content': 'What would you do?', 'postType': 'RIDDLE', 'contentType': 'SECRET'}]})
        return json.dumps({'topics': topics})

    def answered(self, text):
        self.plain(200, {'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': text}, 'finish_reason': 'stop'}], 'usage': USAGE})

    def as_topics(self, n):
        self.answered(self.described())

    def as_loose(self, n):
        if 'response_format' in self.body:
            self.refuse(400, 'response_format is not known here')
        else:
            self.answered('<think>{"topics": []} or so</think>Here it is:\n```json\n' + self.described(first_only=True) + '\n```')

    # transcriptions

    def segments(self):
        """What it heard in the piece: two seconds each."""
        end = self.form['file']['ms'] / 1000
        return [{'id': i, 'start': 2.0 * i, 'end': min(2.0 * i + 2, end), 'text': f' Piece {self.piece_number}, part {i + 1}.',
                 'avg_logprob': -0.3, 'no_speech_prob': 0.01} for i in range(int(end // 2) or 1)]

    def transcript(self, segments, **more):
        text = ''.join(s['text'] for s in segments)
        if self.form['response_format'] != 'verbose_json':
            self.plain(200, {'text': text})
        else:
            self.plain(200, dict({'task': 'transcribe', 'language': 'english', 'text': text, 'segments': segments}, **more))

    def as_spoken(self, n):
        self.transcript(self.segments())

    def as_plain(self, n):
        if self.form['response_format'] == 'verbose_json':
            self.refuse(400, "response_format 'verbose_json' is not compatible with this model. Use 'json' or 'text' instead.")
        else:
            self.as_spoken(n)

    def as_untimed(self, n):
        self.plain(200, {'text': f'Piece {self.piece_number}.'})

    def as_prose(self, n):
        self.plain(200, f'Piece {self.piece_number}.\n'.encode(), 'text/plain; charset=utf-8')

    def as_hush(self, n):
        self.transcript([])

    def as_odd(self, n):
        self.plain(200, {'text': 'not this', 'segments': [
            {'start': -5, 'end': 'x', 'text': 'Before the\x01 beginning.'}, {'start': 1e300, 'end': 2, 'text': 'Of no time.'},
            {'start': 1, 'end': 90000.5, 'text': 'Behind the end. '}, {'text': '  '}, 'nothing', None, {'start': 1, 'end': 2, 'text': 7},
            {'start': 1, 'end': 2, 'text': 'Thank you.', 'no_speech_prob': 0.9, 'avg_logprob': -1.4},
            {'start': 0.5, 'end': 0.1, 'text': 'Backwards.'}, {'start': 3, 'end': 4, 'text': ' [BLANK_AUDIO]'},
            {'start': 4, 'end': 5, 'text': '(soft music)'}, *({'start': 5 + i, 'end': 6 + i, 'text': ' Thanks.'} for i in range(9)),
            {'start': 15, 'end': 16, 'text': ' (So it was.) And [then] (it) was not.'}]})

    def as_later(self, n):
        if self.piece_number in range(2, 2 + (n or 1)):
            self.as_status(500)
        else:
            self.as_spoken(n)

    # embeddings

    def vector(self, text, n):
        """An axis for words that mean the same, one for each of the others by their letters, and one that all have."""
        v = [0.01] * n
        for w in re.findall(r'\w+', text.lower()):
            axis = next((i for i, words in enumerate(ALIKE) if w in words), None)
            if axis is not None:
                v[axis % n] += 3
            else:
                v[(4 + sum(w.encode()) % 64) % n] += 0.02
        return v

    def embeddings(self, n=None, change=lambda data: data):
        texts = self.body['input']
        dims = self.body.get('dimensions') or n or 16
        data = [{'object': 'embedding', 'index': i, 'embedding': self.vector(t, dims)} for i, t in enumerate(texts)]
        tokens = sum(len(t) // 4 for t in texts)
        self.plain(200, json.dumps({'object': 'list', 'data': change(data), 'model': self.model, 'usage': {'prompt_tokens': tokens, 'total_tokens': tokens}}).encode())

    def as_vectors(self, n):
        self.embeddings(n)

    def as_short(self, n):
        self.embeddings(change=lambda data: data[:-1] + [dict(data[-1], embedding=data[-1]['embedding'][:-1])])

    def as_shorter(self, n):
        self.embeddings(32 - self.server.count(('shorter', self.path)))

    def as_few(self, n):
        self.embeddings(change=lambda data: data[:-1])

    def as_nan(self, n):
        self.embeddings(change=lambda data: [dict(d, embedding=[float('nan')] + d['embedding'][1:]) for d in data])

    def as_nulls(self, n):
        self.embeddings(change=lambda data: [dict(d, embedding=[None] * 16) for d in data])

    def as_zeros(self, n):
        self.embeddings(change=lambda data: [dict(d, embedding=[0] * 16) for d in data])

    def as_turned(self, n):
        self.embeddings(change=lambda data: data[::-1])

    def as_twice(self, n):
        self.embeddings(change=lambda data: [dict(d, index=0) for d in data])

    # requests

    def behaviour(self):
        for text in (self.path.split('/')[1], self.model or ''):
            m = re.fullmatch(r'([a-z0-9]+?)(?:-(\d+))?', text)
            if re.fullmatch(FLAWS, text):
                return text, None
            if m and hasattr(self, 'as_' + m.group(1)):
                name = self.normal() if m.group(1) == 'normal' else m.group(1)
                return name, int(m.group(2)) if m.group(2) else None
        return self.normal(), None

    def normal(self):
        return 'spoken' if self.form else 'vectors' if self.path.endswith('/embeddings') else 'normal'

    def read_form(self, data):
        kind = self.headers.get('Content-Type', '')
        if not kind.startswith('multipart/form-data'):
            return None
        self.piece_number = self.server.count(('piece', self.path))
        return form(kind, data)

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.form = self.read_form(data)
        try:
            body = self.form or json.loads(data)
        except ValueError:
            body = data.decode('utf-8', 'replace')
        self.body = body
        self.model = body.get('model') if isinstance(body, dict) else None
        name, n = self.behaviour()
        self.server.remember({'path': self.path, 'behaviour': name, 'headers': dict(self.headers), 'body': body})
        try:
            self.flawed(name) if re.fullmatch(FLAWS, name) else getattr(self, 'as_' + name)(n)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self):
        if self.path == '/_requests':
            self.plain(200, self.server.all())
        else:
            self.refuse(404, 'not here')

    def do_DELETE(self):
        self.server.forget()
        self.plain(200, {})


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        self.lock, self.held, self.counts, self.go = threading.Lock(), [], {}, threading.Event()
        super().__init__(('127.0.0.1', 0), Handler)

    def handle_error(self, request, client):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client)

    def remember(self, request):
        with self.lock:
            self.held = self.held[-HELD_MAX + 1:] + [request]

    def count(self, key):
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key]

    def all(self):
        with self.lock:
            return list(self.held)

    def forget(self):
        with self.lock:
            self.held, self.counts = [], {}


class Provider:
    """The server in a thread of this process."""

    def __enter__(self):
        self.server = Listener()
        self.port, self.go = self.server.server_address[1], self.server.go
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()
        return self

    def __exit__(self, *what):
        self.server.shutdown()
        self.server.server_close()

    def url(self, behaviour='normal'):
        """What openai_url must be."""
        return f'http://127.0.0.1:{self.port}/{behaviour}/v1'

    def requests(self):
        return self.server.all()

    def forget(self):
        self.server.forget()


def main():
    with Provider() as p:
        print(p.port, flush=True)
        if '--until-eof' in sys.argv[1:]:
            sys.stdin.buffer.read()
        else:
            threading.Event().wait()


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        pass
