#!/usr/bin/env python3
"""uploads.py -- the bytes of uploads: who may put them, how often, and what is left when they do not all come.

    python3 test/uploads.py [--only WORDS] [--large]       --large: a file of 500 MB where it is 60 MB otherwise

TAP lines, and `N passed, N failed` at the end."""
import os
import re
import resource
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import cases
from cases import case, need
from server import wait_for
from store import mint, sql

LARGE = 60_000_000
GROWTH = 20_000_000


class Put:
    """One PUT, written by hand: `target` as in the URL unless another one is given."""

    def __init__(self, s, upload, headers=(), target=None, method='PUT', length=None, chunked=False, kind=None):
        url = urllib.parse.urlsplit(upload['uploadUrl'])
        self.wire = s.wire()
        lines = [f'{method} {target or url.path + "?" + url.query} HTTP/1.1', f'Host: {url.netloc}', *headers]
        if kind != '':
            lines.append(f"Content-Type: {kind or upload['contentType']}")
        if length is not None:
            lines.append(f'Content-Length: {length}')
        if chunked:
            lines.append('Transfer-Encoding: chunked')
        self.wire.send('\r\n'.join([*lines, '', '']).encode())

    def answer(self):
        try:
            return self.wire.answer('PUT')
        finally:
            self.wire.close()


def put(s, upload, body=b'Hello.', **more):
    p = Put(s, upload, length=len(body), **more)
    p.wire.send_some(body)
    return p.answer()


def refused(a, status, code):
    need(a.status == status, f'{a.status} and not {status}: {a.body[:300]!r}')
    need(a.get('Content-Type') == 'application/xml', f"the error is {a.get('Content-Type')}")
    need(f'<Code>{code}</Code>'.encode() in a.body and b'<Message>' in a.body and b'<RequestId>req_' in a.body, f'the error is {a.body!r}')


def folder(s):
    return os.path.join(s.data, 'uploads')


def incoming(s):
    return os.listdir(os.path.join(folder(s), 'incoming'))


def file_of(s, upload):
    tail = upload['id'].split('_')[1]
    found = [f for f in os.listdir(folder(s)) if f.endswith(tail)]
    need(len(found) <= 1, f'more than one file: {found}')
    return os.path.join(folder(s), found[0]) if found else None


def stored(s, upload, body):
    path = file_of(s, upload)
    need(path is not None and open(path, 'rb').read() == body, 'the bytes on the disk are not those that were put')


def nothing(s, upload):
    need(file_of(s, upload) is None, 'there is a file')
    wait_for(lambda: not incoming(s))


@case('A PUT stores the bytes, once')
def once(s):
    u = mint(s)
    a = put(s, u, b'first')
    need(a.status == 200 and a.get('ETag') and a.body == b'', f'{a}')
    stored(s, u, b'first')
    refused(put(s, u, b'other'), 403, 'AccessDenied')
    stored(s, u, b'first')
    need(os.stat(file_of(s, u)).st_mode & 0o777 == 0o600, 'others may read it')


@case('Of many at once one is first, and its bytes stay')
def race(s):
    u = mint(s)
    bodies = [bytes([65 + i]) * 300_000 for i in range(8)]
    puts = [Put(s, u, length=len(b)) for b in bodies]
    for cut in range(0, 300_000, 50_000):
        for p, b in zip(puts, bodies):
            p.wire.send_some(b[cut:cut + 50_000])
    answers = [p.answer() for p in puts]
    won = [i for i, a in enumerate(answers) if a.status == 200]
    need(len(won) == 1, f'{[a.status for a in answers]}')
    for i, a in enumerate(answers):
        if i not in won:
            refused(a, 403, 'AccessDenied')
    stored(s, u, bodies[won[0]])
    wait_for(lambda: not incoming(s))


@case('Bodies in chunks, of nothing, and behind Expect')
def framings(s):
    u = mint(s)
    p = Put(s, u, chunked=True)
    p.wire.send(b'5\r\nHello\r\n2\r\n, \r\n5\r\nworld\r\n0\r\n\r\n')
    need(p.answer().status == 200, 'chunks are refused')
    stored(s, u, b'Hello, world')
    u = mint(s)
    need(put(s, u, b'').status == 200, 'an empty file is refused')
    stored(s, u, b'')
    u = mint(s)
    p = Put(s, u, length=5, headers=['Expect: 100-continue'])
    p.wire.until(b'100 Continue\r\n\r\n')
    p.wire.send(b'Hello')
    need(p.answer().status == 200, 'refused')
    stored(s, u, b'Hello')


@case('What is signed cannot be changed')
def signatures(s):
    u = mint(s)
    other = mint(s)
    url = urllib.parse.urlsplit(u['uploadUrl'])
    q = url.query
    refused(put(s, u, kind='text/html'), 403, 'SignatureDoesNotMatch')
    refused(put(s, u, kind=''), 403, 'SignatureDoesNotMatch')
    refused(put(s, u, target=urllib.parse.urlsplit(other['uploadUrl']).path + '?' + q), 403, 'SignatureDoesNotMatch')
    refused(put(s, u, target=url.path + '?' + q.replace('Expires=900', 'Expires=90000')), 403, 'SignatureDoesNotMatch')
    refused(put(s, u, target=url.path + '?' + re.sub('Signature=.', 'Signature=' + ('0' if 'Signature=1' in q else '1'), q)), 403, 'SignatureDoesNotMatch')
    refused(put(s, u, target=url.path + '?' + q.replace('scriped%2F', 'another%2F')), 403, 'InvalidAccessKeyId')
    refused(put(s, u, target=url.path + '?' + q + '&acl='), 400, 'AuthorizationQueryParametersError')
    refused(put(s, u, target=url.path), 400, 'AuthorizationQueryParametersError')
    refused(put(s, u, target='/uploads/' + url.path.split('/')[2]), 404, 'NoSuchUpload')
    nothing(s, u)
    shuffled = '&'.join(sorted(q.split('&'), reverse=True)).replace('%2F', '%2f')
    need(put(s, u, target=url.path + '?' + shuffled).status == 200, 'another order of the query is refused')


@case('A path outside is nowhere')
def paths(s):
    u = mint(s)
    q = urllib.parse.urlsplit(u['uploadUrl']).query
    for path in ('/uploads', '/uploads/', '/uploads/x/y', '/uploads/../secret', '/uploads/org_/upl_', '/uploads//'):
        refused(put(s, u, target=path + '?' + q), 404, 'NoSuchUpload')
    nothing(s, u)


@case('Other methods and encodings are refused')
def methods(s):
    u = mint(s)
    for m in ('GET', 'POST', 'DELETE'):
        a = put(s, u, method=m)
        refused(a, 405, 'MethodNotAllowed')
        need(a.get('Allow') == 'PUT', 'no Allow')
    refused(put(s, u, headers=['Content-Encoding: aws-chunked']), 501, 'NotImplemented')
    refused(Put(s, u).answer(), 411, 'MissingContentLength')
    nothing(s, u)


@case('Too many bytes are refused, before they come where that can be known')
def sizes(s):
    u = mint(s, size=1000)
    refused(put(s, u, b'x' * 1001), 413, 'EntityTooLarge')
    p = Put(s, u, length=1001, headers=['Expect: 100-continue'])
    refused(p.answer(), 413, 'EntityTooLarge')
    p = Put(s, u, chunked=True)
    p.wire.send(b'3e8\r\n' + b'x' * 1000 + b'\r\n1\r\nx\r\n0\r\n\r\n')
    refused(p.answer(), 413, 'EntityTooLarge')
    nothing(s, u)
    need(put(s, u, b'x' * 1000).status == 200, 'the most is refused')


@case('A wrong one hears it before it has sent its bytes')
def early(s):
    u = mint(s)
    url = urllib.parse.urlsplit(u['uploadUrl'])
    p = Put(s, u, length=25_000_000, headers=['Expect: 100-continue'], kind='text/html')
    refused(p.answer(), 403, 'SignatureDoesNotMatch')
    p = Put(s, u, length=25_000_000, headers=['Expect: 100-continue'], target=url.path.replace('upl_', 'upl_0'))
    refused(p.answer(), 404, 'NoSuchUpload')
    need(put(s, u).status == 200, 'the URL is spoilt')
    p = Put(s, u, length=25_000_000, headers=['Expect: 100-continue'])
    refused(p.answer(), 403, 'AccessDenied')


@case('What breaks leaves nothing, and may be repeated')
def broken(s):
    u = mint(s, 'audio/mpeg')
    p = Put(s, u, length=1_000_000)
    p.wire.send(b'x' * 700_000)
    wait_for(lambda: incoming(s))
    need(file_of(s, u) is None, 'half a file has its name')
    p.wire.close()
    nothing(s, u)
    body = os.urandom(1_000_000)
    need(put(s, u, body).status == 200, 'it may not be repeated')
    stored(s, u, body)


@case('A server that is killed in the middle leaves nothing either', alone=True)
def killed(s):
    u, done = mint(s, 'audio/mpeg'), mint(s)
    need(put(s, done, b'complete').status == 200, 'refused')
    p = Put(s, u, length=1_000_000)
    p.wire.send(b'x' * 700_000)
    wait_for(lambda: incoming(s))
    s.kill()
    p.wire.close()
    s.start()
    nothing(s, u)
    stored(s, done, b'complete')


@case('A server that was killed between the row and the name gives it its name', alone=True)
def renamed(s):
    u = mint(s)
    need(put(s, u, b'complete').status == 200, 'refused')
    path = file_of(s, u)
    attempt = sql(s, f"SELECT attempt FROM upload WHERE id = '{u['id'][4:]}'")
    s.kill()
    os.rename(path, os.path.join(folder(s), 'incoming', os.path.basename(path) + '-' + attempt))
    stranger = os.path.basename(path)[:-1] + ('0' if path[-1] != '0' else '1') + '-' + attempt
    open(os.path.join(folder(s), 'incoming', stranger), 'w').close()
    s.start()
    stored(s, u, b'complete')
    need(incoming(s) == [], f'{incoming(s)}')


@case('A disk that is full is told, and nothing is kept', alone=True)
def full(s):
    u = mint(s, 'audio/mpeg')
    resource.prlimit(s.proc.pid, resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
    try:
        refused(put(s, u, b'x' * 4_000_000), 507, 'InsufficientStorage')
        nothing(s, u)
        need(put(s, u, b'x' * 1_000_000).status == 200, 'a smaller one is refused')
    finally:
        resource.prlimit(s.proc.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def memory(s):
    with open(f'/proc/{s.proc.pid}/status') as f:
        return sum(int(n) for n in re.findall(r'^Rss(?:Anon|Shmem):\s+(\d+) kB', f.read(), re.M)) * 1024


@case('A large file takes no memory, and arrives whole', alone=True)
def large(s):
    u = mint(s, 'video/mp4')
    piece, before, most = os.urandom(1 << 20), memory(s), 0
    p = Put(s, u, length=LARGE)
    for at in range(0, LARGE, len(piece)):
        p.wire.send(piece[:LARGE - at])
        most = max(most, memory(s) - before)
    need(p.answer().status == 200, 'refused')
    with open(file_of(s, u), 'rb') as f:
        for at in range(0, LARGE, len(piece)):
            need(f.read(len(piece)) == piece[:LARGE - at], f'other bytes from {at} on')
    need(os.path.getsize(file_of(s, u)) == LARGE, 'more bytes')
    need(most < GROWTH, f'{most} bytes more')


@case('curl -T puts a file')
def curl(s):
    u = mint(s)
    with tempfile.NamedTemporaryFile() as f:
        f.write(b'We moved our support to a public tracker.\n' * 40_000)
        f.flush()
        out = subprocess.run(['curl', '-s', '-S', '-o', '-', '-w', '%{http_code}', '-T', f.name, '-H', 'Content-Type: text/plain', u['uploadUrl']],
                             capture_output=True, text=True, timeout=60)
    need(out.stdout == '200', f'{out.stdout} {out.stderr}')


@case('A text becomes a source, once')
def source(s):
    c = s.client(s.key)
    try:
        u = mint(s, 'text/plain')
        need(put(s, u, '\ufeffWe moved our support. Replies came soon é.'.encode()).status == 200, 'refused')
        body = {'type': 'file', 'projectId': s.project, 'uploadId': u['id'], 'name': 'Talk'}
        a = c.post('/v1/sources', body)
        need(a.status == 200 and a.json()['data']['type'] == 'SOURCE_INGEST_FILE', f'{a}')
        job = c.wait_job(a.json()['data']['id'])
        need(job['status'] == 'DONE' and set(job['result']) == {'sourceId'}, f'{job}')
        made = c.get('/v1/sources/' + job['result']['sourceId']).json()['data']
        need((made['name'], made['fileType'], made['textPreview'], made['status']) ==
             ('Talk', 'text/plain', 'We moved our support. Replies came soon é.', 'Done'), f'{made}')
        a = c.post('/v1/sources', body)
        need(a.status == 422 and 'used already' in a.json()['error']['message'], f'{a}')
    finally:
        c.close()


@case('What cannot be read fails in words, and may be used again')
def not_text(s):
    c = s.client(s.key)
    try:
        for data, code in ((b'\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0', 'unsupported_media'), (b' \n', 'empty_text'), (b'', 'empty_text'),
                           (b'x' * 1_000_001, 'upload_too_large'), (b'x' * 5_000_000, 'upload_too_large')):
            u = mint(s, 'text/markdown')
            a = put(s, u, data)
            need(a.status == 200, f'{a}')
            a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': u['id']})
            job = c.wait_job(a.json()['data']['id'])
            need((job['status'], job['errorCode']) == ('FAILED', code), f'{job}')
            a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': u['id']})
            need(a.status == 200, f'{a}')
            c.wait_job(a.json()['data']['id'])
    finally:
        c.close()


@case('Pages of the origins that are allowed may put', alone=True, cors_origins='https://app.example.com')
def origins(s):
    u = mint(s)
    ask = ['Origin: https://app.example.com', 'Access-Control-Request-Method: PUT']
    a = Put(s, u, headers=ask, method='OPTIONS', kind='').answer()
    need(a.status == 204 and a.get('Access-Control-Allow-Methods') == 'PUT', f'{a}')
    a = Put(s, u, headers=['Origin: https://evil.example.com', ask[1]], method='OPTIONS', kind='').answer()
    need(a.get('Access-Control-Allow-Origin') is None, f'{a}')
    a = put(s, u, headers=ask[:1])
    need(a.status == 200 and a.get('Access-Control-Allow-Origin') == 'https://app.example.com', f'{a}')


@case('Behind a proxy, and a path in front', alone=True, public_url='https://scripe.example.com/base/')
def proxied(s):
    u = mint(s)
    need(u['uploadUrl'].startswith('https://scripe.example.com/base/uploads/org_'), u['uploadUrl'])
    need(put(s, {**u, 'uploadUrl': u['uploadUrl'].replace('/base/', '/', 1)}).status == 200, 'refused')


@case('What nobody used goes, and what was used stays', alone=True, clean_interval=1)
def cleaned(s):
    c = s.client(s.key)
    used, idle, empty, failed, gone = mint(s), mint(s), mint(s), mint(s), mint(s)
    for u in (used, idle, gone):
        need(put(s, u, b'Hello there.').status == 200, 'refused')
    a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': used['id']})
    c.wait_job(a.json()['data']['id'])
    need(put(s, failed, b' ').status == 200, 'refused')
    a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': failed['id']})
    need(c.wait_job(a.json()['data']['id'])['status'] == 'FAILED', 'blanks became a source')
    a = c.post('/v1/knowledge', {'type': 'file', 'name': 'x', 'uploadId': gone['id']})
    need(c.request('DELETE', '/v1/knowledge/' + c.wait_job(a.json()['data']['id'])['result']['documentId']).status == 200, 'not deleted')
    wait_for(lambda: file_of(s, gone) is None)
    need(file_of(s, failed) is not None, 'the bytes of a job that failed are gone at once')
    sql(s, 'UPDATE upload SET since = since - 86400000')
    wait_for(lambda: file_of(s, idle) is None and file_of(s, failed) is None)
    need(file_of(s, used) is not None, 'what was used is gone')
    a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': idle['id']})
    need(a.status == 422 and 'no upload' in a.json()['error']['message'], f'{a}')
    refused(put(s, empty), 404, 'NoSuchUpload')
    c.close()


if __name__ == '__main__':
    if '--large' in sys.argv:
        sys.argv.remove('--large')
        LARGE = 500_000_000
    sys.exit(cases.main('Puts the bytes of uploads.', 'uploads'))
