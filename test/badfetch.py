#!/usr/bin/env python3
"""badfetch.py -- what strangers' web servers answer when a page is fetched from them: bytes that no server would send, against the real binary.

    python3 test/badfetch.py [--only WORDS] [--engine sqlite|postgres]

Each job ends with an errorCode that tells what it was, or with a document of clean text; nothing is left behind, and the server goes on
serving.  TAP lines, and `N passed, N failed` at the end."""
import gzip
import contextlib
import os
import re
import sys
import threading
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import cases
from cases import case, need
from server import wait_for
from stranger import Stranger, head

SETTINGS = {'fetch_allow_private': 'true', 'fetch_robots': 'false', 'fetch_time': 2, 'fetch_max': 1_000_000, 'job_attempts': 1, 'rate_jobs': 0, 'workers': 4, 'extract_time': 5}
PAGE = b'<html><head><title>A page</title></head><body><p>The lamp of the tower burns all night long, and nobody knows why.</p></body></html>'


def page(body, *lines):
    return head('Content-Type: text/html', f'Content-Length: {len(body)}', 'Connection: close', *lines) + body


def submit(s, url):
    c = s.client()
    try:
        a = c.post('/v1/knowledge', {'type': 'url', 'url': url})
        need(a.status == 200, f'{url}: {a}')
        job = a.json()['data']['id']
        j = wait_for(lambda: ended(c, job))
        need(j, f'the job of {url} does not end')
        return j
    finally:
        c.close()


def ended(c, job):
    j = c.get(f'/v1/jobs/{job}').json()['data']
    return j if j['status'] in ('DONE', 'FAILED') else None


def fetch(s, answer, path='/'):
    """The job that fetched it."""
    with Stranger(answer) as other:
        job = submit(s, f'http://127.0.0.1:{other.port}{path}')
    need(job, 'the job does not end')
    if job['status'] == 'FAILED':
        need(job['errorMessage'].endswith('.') and not re.search(r'[\x00-\x1f\x7f\ufffd]', job['errorMessage']), f'the message is {job["errorMessage"]!r}')
    c = s.client()
    need(c.get('/v1/projects').status == 200, 'the server serves nobody else')
    c.close()
    return job


def fails(s, answer, codes, words='', path='/'):
    j = fetch(s, answer, path)
    need(j['status'] == 'FAILED' and j['errorCode'] in codes and words in j['errorMessage'], f'{j["status"]} {j["errorCode"]} {j["errorMessage"]!r}, expected {codes} {words!r}')


def text_of(s, answer):
    j = fetch(s, answer)
    need(j['status'] == 'DONE', f'{j["errorCode"]} {j["errorMessage"]!r}')
    c = s.client()
    d = c.get('/v1/knowledge/' + j['result']['documentId']).json()['data']
    c.close()
    return d


# ---------------------------------------------------------------------------------------------------------------- HTTP

@case('What is no HTTP is a fault of the network', **SETTINGS)
def no_http(s):
    for data in (b'', b'\r\n\r\n', PAGE, b'SSH-2.0-OpenSSH_9.2\r\n', b'HTTP/1.1\r\n\r\n', b'HTTP/1.1 abc OK\r\n\r\n', b'\x16\x03\x01\x02\x00\x01', b'\0' * 10000,
                 b'HTTP/9.9 200 OK\r\n\r\n' + PAGE):
        fails(s, data, ('fetch_failed',))


@case('Headers without an end, of any kind, end the fetch', **SETTINGS)
def endless_headers(s):
    def lines(c):
        c.sendall(b'HTTP/1.1 200 OK\r\n')
        while True:
            c.sendall(b'X-Header: ' + b'x' * 1000 + b'\r\n')

    def line(c):
        c.sendall(b'HTTP/1.1 200 OK\r\nX-Header: ')
        while True:
            c.sendall(b'x' * 10000)

    def interim(c):
        while True:
            c.sendall(b'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' * 100)

    for how in (lines, line, interim):
        fails(s, how, ('fetch_failed',))


@case('A server that sends its headers a byte at a time has its time, and no more', **SETTINGS)
def slow_headers(s):
    def drip(c):
        for b in head('Content-Type: text/html', 'X: ' + 'x' * 1000):
            c.sendall(bytes([b]))
            time.sleep(0.05)

    began = time.monotonic()
    fails(s, drip, ('fetch_failed',))
    need(time.monotonic() - began < 40, 'it took too long')


@case('Lengths that are lies', **SETTINGS)
def lengths(s):
    for lines in (('Content-Length: -1',), ('Content-Length: 99999999999999999999',), ('Content-Length: 10', 'Content-Length: 20'), ('Content-Length: abc',),
                  ('Content-Length: 500000',), ('Transfer-Encoding: chunked',), ('Transfer-Encoding: chunked', 'Content-Length: 5')):
        j = fetch(s, head('Content-Type: text/html', 'Connection: close', *lines) + PAGE[:100])
        need(j['status'] == 'DONE' or j['errorCode'] in ('fetch_failed', 'empty_text'), f'{lines}: {j["errorCode"]} {j["errorMessage"]}')
    for chunk in (b'FFFFFFFFFFFFFFFF\r\nx', b'zz\r\n', b'-5\r\nabc', b'5\r\nabcdefgh\r\n0\r\n\r\n', b'5;' + b'x' * 200000 + b'\r\nabcde\r\n0\r\n\r\n'):
        j = fetch(s, head('Content-Type: text/html', 'Transfer-Encoding: chunked') + chunk)
        need(j['status'] == 'DONE' or j['errorCode'] in ('fetch_failed', 'empty_text'), f'{chunk[:20]}: {j["errorCode"]} {j["errorMessage"]}')


@case('Encodings that are lies, or grow without end', **SETTINGS)
def encodings(s):
    bomb = gzip.compress(gzip.compress(b'\0' * 50_000_000))
    fails(s, page(b'no gzip at all', 'Content-Encoding: gzip'), ('fetch_failed',))
    fails(s, page(gzip.compress(PAGE)[:40], 'Content-Encoding: gzip'), ('fetch_failed', 'empty_text'))
    fails(s, page(bomb, 'Content-Encoding: gzip, gzip'), ('fetch_failed',), 'too large')
    fails(s, page(bomb, 'Content-Encoding: gzip', 'Content-Encoding: gzip'), ('fetch_failed',))
    fails(s, page(zlib.compress(b' ' * 20_000_000), 'Content-Encoding: deflate'), ('fetch_failed',), 'too large')
    fails(s, page(PAGE, 'Content-Encoding: no-such-thing'), ('fetch_failed',))
    fails(s, page(PAGE, 'Content-Encoding: ' + 'gzip, ' * 50 + 'gzip'), ('fetch_failed',))


@case('Redirects to anywhere', **SETTINGS)
def redirects(s):
    for to, codes in (('http://127.0.0.1:1/', ('fetch_failed',)), ('file:///etc/passwd', ('fetch_blocked',)), ('gopher://127.0.0.1/', ('fetch_blocked',)),
                      ('http://user:secret@127.0.0.1/', ('fetch_blocked',)), ('//', ('fetch_failed', 'fetch_blocked')), ('http://[::1', ('fetch_failed', 'fetch_blocked')),
                      ('', ('fetch_failed',)), ('\x01\x02', ('fetch_failed', 'fetch_blocked')), ('http://' + 'a' * 5000 + '/', ('fetch_blocked',)),
                      ('/' + 'a' * 5000, ('fetch_blocked',)), ('http://a b/', ('fetch_failed', 'fetch_blocked')), ('http://\xfc\xff/', ('fetch_failed', 'fetch_blocked')),
                      ('javascript:alert(1)', ('fetch_failed', 'fetch_blocked')), ('http://127.0.0.1:99999/', ('fetch_failed', 'fetch_blocked'))):
        j = fetch(s, head(f'Location: {to}', 'Content-Length: 0', status='302 Found'))
        need(j['status'] == 'FAILED' and j['errorCode'] in codes, f'{to[:40]!r}: {j["errorCode"]} {j["errorMessage"]!r}')
        need('secret' not in j['errorMessage'], f'the message repeats a password: {j["errorMessage"]}')


@case('A redirect into the network is refused where strangers have keys, and so is every spelling of it', alone=True, fetch_robots='false', rate_jobs=0, job_attempts=1)
def inside(s):
    c = s.client()
    for url in ('http://127.0.0.1:8080/', 'http://127.1/', 'http://0/', 'http://0x7f000001/', 'http://2130706433/', 'http://0177.0.0.1/', 'http://[::1]/', 'http://[::]/',
                'http://[::ffff:7f00:1]/', 'http://[64:ff9b::7f00:1]/', 'http://[2002:7f00:1::]/', 'http://localhost/', 'http://LOCALHOST./', 'http://x.localhost:443/',
                'http://10.0.0.1/', 'http://172.16.0.1/', 'http://192.168.0.1/', 'http://169.254.169.254/latest/meta-data/', 'http://100.64.0.1/',
                'http://[fd00:ec2::254]/', 'http://[fe80::1]/', 'http://\uff11\uff12\uff17.0.0.1/', 'http://127\u30020\u30020\u30021/', 'http://127.0.0.1./'):
        a = c.post('/v1/knowledge', {'type': 'url', 'url': url})
        need(a.status == 422 and a.code() == 'ssrf_blocked', f'{url}: {a}')
    for url in ('http://user@example.com/', 'http://example.com:22/', 'http://[fe80::1%25eth0]/', 'http://example.com:0/', 'http://', 'http://1.2.3.4.5/',
                'http://a..b/', 'https://exa\u0000mple.com/', 'http://example.com/\r\nX: y'):
        a = c.post('/v1/knowledge', {'type': 'url', 'url': url})
        need(a.status in (400, 422), f'{url!r}: {a}')
    need(c.get('/v1/jobs').json()['data'] == [], 'there are jobs')
    c.close()


@case('A content type may be anything', **SETTINGS)
def types(s):
    for kind in ('', ';', 'text', '/', 'text/html; charset=', 'text/html; charset="utf-16', 'x' * 50000, '\xff\xfe\x01', 'text/html\0', 'TEXT/HTML;CHARSET=UTF-8;q=1', '$(id)', '--help',
                 'text/html; charset=' + 'a' * 1000, '../../etc/passwd'):
        j = fetch(s, page(PAGE).replace(b'text/html', kind.encode('latin-1'), 1))
        need(j['status'] == 'DONE' or j['errorCode'] in ('unsupported_media', 'fetch_failed', 'extraction_failed'), f'{kind[:30]!r}: {j["errorCode"]} {j["errorMessage"]}')


# ---------------------------------------------------------------------------------------------------------------- HTML

@case('Documents that no browser would finish', **SETTINGS)
def documents(s):
    bodies = {
        'deep': b'<div>' * 100_000 + b'the bottom of it' + b'</div>' * 100_000,
        'wide': b'<p>word</p>' * 80_000,
        'one attribute': b'<p x="' + b'a' * 900_000 + b'">A sentence stands here, after all of it.</p>',
        'attributes': b'<p ' + b' '.join(b'a%d=1' % i for i in range(80_000)) + b'>A sentence stands here, after all of it.</p>',
        'entities': b'<p>' + b'&amp;' * 150_000 + b'</p>',
        'nested tables': b'<table><tr><td>' * 20_000 + b'x' * 50,
        'open tags': b'<a href="' * 50_000, 'less than': b'<' * 500_000, 'nul': PAGE.replace(b'lamp', b'la\0mp'),
        'comment': b'<!--' + b'-' * 500_000, 'script': b'<script>' + b'x' * 500_000, 'cdata': b'<![CDATA[' * 10_000, 'links': b'<link rel=canonical ' * 30_000,
        'formatting': b'<b><i><u><a href=x>' * 20_000 + b'text',
    }
    for name, body in bodies.items():
        j = fetch(s, page(body))
        need(j['status'] == 'DONE' or j['errorCode'] in ('empty_text', 'extraction_failed', 'fetch_failed', 'unsupported_media'), f'{name}: {j["errorCode"]} {j["errorMessage"]}')


@case('Text that is no text becomes clean, or is refused', **SETTINGS)
def letters(s):
    d = text_of(s, page(PAGE.replace(b'lamp', b'la\xffmp')))
    need('la' in d['textPreview'] and 'tower burns' in d['textPreview'], f'{d["textPreview"]!r}')
    for junk in (PAGE.replace(b'lamp', b'la\x01\x02\x1bmp'), os.urandom(20000), b'\xff\xfe' + b'\xd8\x00' * 1000, b'MZ' + bytes(3000), b'\x7fELF' + os.urandom(3000)):
        j = fetch(s, page(junk))
        need(j['status'] == 'DONE' or j['errorCode'] in ('unsupported_media', 'empty_text', 'extraction_failed'), f'{j["errorCode"]} {j["errorMessage"]}')


@case('An address that a page gives itself is believed on its own site only', **SETTINGS)
def canonical(s):
    for i, (href, keeps) in enumerate((('https://elsewhere.example/x', False), ('javascript:alert(1)', False), ('/own/page', True), ('http://user@127.0.0.1/', False),
                                       ('x' * 5000, False), ('//evil.example/', False), ('/a\xfcb', None), ('', False), ('/', False), ('?only=query', True))):
        body = PAGE.replace(b'<title>', f'<link rel="canonical" href="{href}"><title>'.encode('latin-1')).replace(b'nobody', b'nobody %d' % i)
        d = text_of(s, page(body))
        need(d['url'].startswith('http://127.0.0.1:'), f'{href[:40]!r}: {d["url"]}')
        moved = not re.fullmatch(r'http://127\.0\.0\.1:\d+/', d['url'])
        need(keeps is None or moved == keeps, f'{href[:40]!r}: {d["url"]}')


# ---------------------------------------------------------------------------------------------------------- the server

@case('A request carries nothing of ours but our name', alone=True, **SETTINGS)
def request(s):
    with Stranger(page(PAGE)) as other:
        submit(s, f'http://127.0.0.1:{other.port}/a?b=c#secret')
        need(len(other.requests) == 1, f'{len(other.requests)} requests')
        text = other.requests[0].decode()
    need(text.startswith('GET /a?b=c HTTP/1.1\r\n'), text)
    names = {line.split(':')[0].lower() for line in text.split('\r\n')[1:] if line}
    need(names <= {'host', 'user-agent', 'accept', 'accept-encoding'}, f'headers: {names}')
    need(re.search(r'^User-Agent: scriped/[0-9.]+', text, re.M), text)


@case('Fetches that hang hold up neither the server nor its end', alone=True, **{**SETTINGS, 'fetch_time': 300, 'drain_time': 600})
def hanging(s):
    over = threading.Event()

    def hang(c):
        over.wait(300)

    with Stranger(hang) as other:
        c = s.client()
        for i in range(6):
            need(c.post('/v1/knowledge', {'type': 'url', 'url': f'http://127.0.0.1:{other.port}/{i}'}).status == 200, 'not taken')
        need(wait_for(lambda: len(other.requests) >= 2), f'{len(other.requests)} fetch')
        need(c.get('/v1/projects').status == 200, 'the server serves nobody else')
        c.close()
        s.stop()
        over.set()
        s.start()


@case('Nothing is left behind: no file, no descriptor', alone=True, **SETTINGS)
def left(s):
    def open_now():
        """Readers of the database come with the threads that need one."""
        names = []
        for n in os.listdir(f'/proc/{s.proc.pid}/fd'):
            with contextlib.suppress(FileNotFoundError):        # closed since it was listed
                names.append(os.readlink(f'/proc/{s.proc.pid}/fd/{n}'))
        return sorted(n for n in names if 'scriped.db' not in n)

    fetch(s, page(PAGE))
    before = open_now()
    for answer in (page(PAGE), b'nonsense', page(b'no gzip', 'Content-Encoding: gzip'), head('Location: /', 'Content-Length: 0', status='302 Found'), page(b'\0' * 1000)):
        for _ in range(3):
            fetch(s, answer)
    need(wait_for(lambda: len(open_now()) <= len(before)), f'open are {open_now()}, and were {before}')
    tmp = os.path.join(s.data, 'tmp')
    need(not os.path.isdir(tmp) or os.listdir(tmp) == [], f'{tmp} holds {os.listdir(tmp) if os.path.isdir(tmp) else None}')


if __name__ == '__main__':
    sys.exit(cases.main('Answers as no web server would.', 'badfetch'))
