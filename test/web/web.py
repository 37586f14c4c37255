#!/usr/bin/env python3
"""web.py -- a small web that behaves as it is told, and a video platform in it: HTTP on one free port of 127.0.0.1 to 127.0.0.8.

    python3 test/web/web.py [--until-eof]

The first line on standard output is the port.  --until-eof: ends when standard input does, so that no test leaves one
behind.  Each address is a site with a /robots.txt of its own: see ROBOTS.  The first part of the path is the behaviour;
NAME-NUMBER gives the number N.

    article      a page with navigation, comments and a cookie banner around its article; /article/WORD has the word in it, and so has each that ends in it
    blog         a post among boxes without a name, with buttons, a form and archives     manual   headings, a table and lists beside a tree of links
    canonical    the article, whose canonical address is /the/article; canonical-2: on another site
    plain        text/plain      pdf   a page of PDF      octets   the PDF as application/octet-stream
    sound        a recording as application/octet-stream
    latin1 sjis utf16 meta wrong   pages in other encodings: by header, by header, by mark, by <meta>; and with a header that lies
    gzip         the article, packed       bomb   20 MB of blanks in 20 KB of gzip        nested   the same, packed twice
    huge         12 MB of text, one line after the other      endless   a page without end
    long         says 11 MB, and sends them    short   says 5,000 bytes, sends 1,000     chunks   in chunks, cut off inside one
    drip         a byte every 50 ms            mute    takes the request, never answers      drop   closes without an answer
    late-N       answers after N ms
    empty blank  no body; no text      picture audio video zip   what no page is
    status-N     status N with a page          busy-N   429 with Retry-After: N
    redirect-N   N redirects, then the article    loop   one to itself    to   one to what stands behind the `?`
    nowhere      a redirect without a place    headers   200 KB of headers    cookies   a redirect that sets one, then the article
    flaky-N      status 500 for the first N requests of this path, then the article
    echo         the request as text

    youtube      the video platform: /youtube/watch?v=ID and /youtube/api/timedtext; IDs: see VIDEOS

GET /_requests answers the requests so far: [{"site","path","headers"}].  DELETE /_requests forgets them, and the counts of `flaky`.
Standard library only."""
import gzip
import html
import http.server
import json
import select
import socketserver
import struct
import sys
import threading
import time
import urllib.parse

import youtube

TEXT = ('The lighthouse at Brandon Point was lit for the first time in 1893, and its keeper wrote every evening how much oil he had burned. '
    'His notebooks were found in a wall last year, wrapped in sailcloth, and they are complete.',
    'What they tell is not the weather but the money: each winter the harbour board paid a little less, and each winter the lamp burned a '
    'little longer, because the herring fleet stayed out later and later into the night.',
    'The museum shows the notebooks until October. Entrance is 7 euros, and on Mondays it is free.')

PAGE = '''<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title} | The Coast Paper</title>{head}
<style>.x {{ color: red }}</style><script>var subscribe = "Subscribe to our newsletter now";</script></head><body>
<div id="cookie-banner" class="cookie-consent">We use cookies. <button>Accept all cookies</button></div>
<header><nav><ul><li><a href="/">Home</a></li><li><a href="/sport">Sport</a></li><li><a href="/politics">Politics</a></li></ul></nav></header>
<main><article><h1>{title}</h1>{body}</article></main>
<aside class="related"><h2>Related stories</h2><ul><li><a href="/a">Ten beaches you must see</a></li><li><a href="/b">The best fish soup</a></li></ul></aside>
<section id="comments" class="comments"><h2>Comments</h2><div class="comment"><p>First!!! What a boring comment by a troll.</p></div></section>
<footer><p>Imprint, privacy policy, all rights reserved</p></footer></body></html>'''

BLOG = '''<html><head><title>How we brew - Bean &amp; Cup</title></head><body><div><div><a href="/">Bean &amp; Cup</a> <a href="/shop">Shop</a> <a href="/about">About</a></div>
<div><div><div><h2>How we brew</h2><div>3 May, by Ada</div><div>Coffee is mostly water, so we begin with the water: it is filtered twice, and it never boils. Ninety-three degrees are enough.<br><br>
Then the beans. We roast on Mondays, wait for four days, and grind it fresh for each cup, because an hour later half of what smells so good is gone.</div>
<div>What remains is time: four minutes, not three and not five. We have tried them all, and the notes of two years hang on the wall of the shop.</div>
<div><a href="#">Share on Facebook</a> <a href="#">Share on X</a></div></div></div>
<div><div>Sign up for our letter</div><form><input name="email"><button>Sign up</button></form></div>
<div><b>Archives</b><ul><li><a href="/1">April</a></li><li><a href="/2">March</a></li><li><a href="/3">February</a></li></ul></div></div>
<div><h3>2 replies</h3><div>bob: nice</div><div>eve: try tea</div><h3>Leave a reply</h3><form><textarea></textarea><button>Post</button></form></div></div></body></html>'''

MANUAL = '''<!DOCTYPE html><html><head><meta charset="utf-8"><title>Prices | Manual</title></head><body>
<nav class="sidebar"><ul>''' + ''.join(f'<li><a href="/p{i}">Chapter {i} of it</a></li>' for i in range(40)) + '''</ul></nav>
<main role="main"><a href="/edit">Edit this page</a><h1>Prices</h1><p>All prices are per month and without taxes. They hold for new customers from May on.</p>
<h2>Plans</h2><table><thead><tr><th>Plan</th><th>Price</th></tr></thead><tbody><tr><td>Starter</td><td>9 euros</td></tr><tr><td>Team</td><td>29 euros</td></tr></tbody></table>
<h2>What is part of each plan</h2><ul><li>It can be cancelled every month.</li><li>Support answers within one working day.</li></ul></main>
<aside class="toc"><h4>On this page</h4><ul><li><a href="#a">Plans</a></li></ul></aside><div class="pager"><a href="/p1">Previous page</a><a href="/p2">Next page</a></div></body></html>'''

ROBOTS = {
    '127.0.0.1': (404, ''),
    '127.0.0.2': (200, 'User-agent: *\nDisallow: /\n\nUser-agent: Scriped\nDisallow: /status\nDisallow: /*.secret$\nAllow: /\nCrawl-delay: 1\n'),
    '127.0.0.3': (500, 'broken'),
    '127.0.0.4': (200, '\ufeffUser-agent: *\r\nDisallow: /article\r\nAllow: /article/open\r\n' + '# ' + 'x' * 600000 + '\nUser-agent: scriped\nDisallow: /\n'),
    '127.0.0.5': (403, 'nobody may read these rules'),
    '127.0.0.6': (302, 'http://127.0.0.2:PORT/robots.txt'),
    '127.0.0.7': (429, 'later'),
    '127.0.0.8': (0, ''),       # never answers
}

state = {'requests': [], 'counts': {}, 'port': 0}
lock = threading.Lock()


def article(title='The notebooks of Brandon Point', head='', word=''):
    body = ''.join(f'<p>{html.escape(t)}</p>' for t in TEXT)
    if word:
        body += f'<p>One more sentence of this page has the word {html.escape(word)} in it, so that it can be found again.</p>'
    return PAGE.format(title=html.escape(title), head=head, body=body)


def pdf(lines):
    """A page of PDF with these lines."""
    text = b'BT /F1 12 Tf 60 760 Td 16 TL ' + b''.join(b'(%s) Tj T* ' % s.encode('latin-1') for s in lines) + b'ET'
    objects = [b'<< /Type /Catalog /Pages 2 0 R >>', b'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
        b'<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
        b'<< /Length %d >>\nstream\n%s\nendstream' % (len(text), text), b'<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>']
    out, at = b'%PDF-1.4\n', []
    for i, o in enumerate(objects, 1):
        at.append(len(out))
        out += b'%d 0 obj\n%s\nendobj\n' % (i, o)
    start = len(out)
    out += b'xref\n0 %d\n0000000000 65535 f \n' % (len(objects) + 1) + b''.join(b'%010d 00000 n \n' % a for a in at)
    return out + b'trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n' % (len(objects) + 1, start)


PDF = pdf(['The tide table of the harbour says when the ferry leaves.', 'In winter it leaves at nine, in summer at seven.'])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def send(self, body, kind='text/html; charset=utf-8', status=200, length=None, **headers):
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if kind:
            self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(data)

    def go(self, place, status=302, **headers):
        self.send('moved', status=status, Location=place, **headers)

    # ------------------------------------------------------------------------------------------------- pages

    def as_article(self, n):
        parts = self.path.split('?')[0].split('/', 2)
        self.send(article(word=parts[2] if len(parts) > 2 else ''))

    def as_blog(self, n):
        self.send(BLOG)

    def as_manual(self, n):
        self.send(MANUAL)

    def as_canonical(self, n):
        place = 'https://elsewhere.example/article' if n == 2 else '/the/article'
        self.send(article(head=f'<link rel="canonical" href="{place}">'))

    def as_plain(self, n):
        self.send('\n\n'.join(TEXT), 'text/plain')

    def as_pdf(self, n):
        self.send(PDF, 'application/pdf')

    def as_octets(self, n):
        self.send(PDF, 'application/octet-stream')

    def as_sound(self, n):
        samples = bytes(64000)
        self.send(b'RIFF' + struct.pack('<I', 36 + len(samples)) + b'WAVEfmt ' + struct.pack('<IHHIIHH', 16, 1, 1, 16000, 32000, 2, 16) +
            b'data' + struct.pack('<I', len(samples)) + samples, 'application/octet-stream')

    def as_latin1(self, n):
        self.send('<html><head><title>Caf\xe9</title></head><body><p>Le caf\xe9 ferme \xe0 six heures, et le patron est tr\xe8s content de sa journ\xe9e.</p></body></html>'
            .encode('latin-1'), 'text/html; charset=ISO-8859-1')

    def as_sjis(self, n):
        self.send('<html><body><p>灯台の記録は壁の中で見つかりました。博物館は十月まで展示しています。</p></body></html>'.encode('shift_jis'), 'text/html; charset=Shift_JIS')

    def as_utf16(self, n):
        self.send('\ufeff' + '<html><body><p>The lamp of the tower is written in sixteen bits, and it burns all night long.</p></body></html>', 'text/html') if n == 8 else \
            self.send('<html><body><p>The lamp of the tower is written in sixteen bits, and it burns all night long.</p></body></html>'.encode('utf-16'), 'text/html')

    def as_meta(self, n):
        self.send('<html><head><meta charset="windows-1252"></head><body><p>The price of the caf\xe9 is 3 \x80, and it \x93never\x94 changes.</p></body></html>'
            .encode('latin-1'), 'text/html')

    def as_wrong(self, n):
        self.send('<html><body><p>The café is open, whatever its header says about the letters in it.</p></body></html>', 'text/html; charset=no-such-thing')

    def as_gzip(self, n):
        self.send(gzip.compress(article(word='gzipped').encode()), Content_Encoding='gzip')

    def as_bomb(self, n):
        self.send(gzip.compress(b' ' * 20_000_000), Content_Encoding='gzip')

    def as_nested(self, n):
        self.send(gzip.compress(gzip.compress(b' ' * 20_000_000)), Content_Encoding='gzip, gzip')

    def as_huge(self, n):
        self.send('A line of a text that never ends, and nobody reads it. \n' * 220_000, 'text/plain')

    def as_endless(self, n):
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Connection', 'close')
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(b'<p>and on and on and on</p>\n' * 1000)

    def as_long(self, n):
        self.send(b'x ' * 5_500_000, 'text/plain')

    def as_short(self, n):
        self.send(article()[:1000], length=5000)
        self.close_connection = True

    def as_chunks(self, n):
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        self.wfile.write(b'400\r\n' + article().encode()[:500])
        self.close_connection = True

    def as_drip(self, n):
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', '100000')
        self.end_headers()
        for _ in range(100000):
            self.wfile.write(b'x')
            time.sleep(0.05)

    def as_mute(self, n):
        select.select([self.connection], [], [], 60)
        self.close_connection = True

    def as_drop(self, n):
        self.close_connection = True

    def as_late(self, n):
        time.sleep((n or 300) / 1000)
        self.as_article(None)

    def as_empty(self, n):
        self.send('')

    def as_blank(self, n):
        self.send('<html><head><title>Nothing</title></head><body><nav><a href="/">Home</a></nav><script>render()</script></body></html>')

    def as_picture(self, n):
        self.send(b'GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;', 'image/gif')

    def as_audio(self, n):
        self.send(b'ID3' + bytes(1000), 'audio/mpeg')

    def as_video(self, n):
        self.send(b'\0\0\0\x18ftypmp42' + bytes(1000), 'video/mp4')

    def as_zip(self, n):
        self.send(b'PK\x05\x06' + bytes(18), 'application/zip')

    def as_status(self, n):
        self.send(article(f'Status {n}'), status=n or 500)

    def as_busy(self, n):
        self.send('busy', status=429, Retry_After=str(n or 7))

    def as_redirect(self, n):
        n = 1 if n is None else n
        self.go(f'/redirect-{n - 1}/x' if n > 1 else '/article/redirected')

    def as_loop(self, n):
        self.go('/loop', status=301)

    def as_to(self, n):
        self.go(urllib.parse.unquote(self.path.partition('?')[2]), status=307)

    def as_nowhere(self, n):
        self.send('moved', status=302)

    def as_headers(self, n):
        self.send(article(), **{f'X_Header_{i}': 'x' * 1000 for i in range(99)}) if n is None else \
            self.send(article(), X_Header='x' * n)

    def as_cookies(self, n):
        self.go('/echo', Set_Cookie='session=secret; Path=/')

    def as_flaky(self, n):
        with lock:
            count = state['counts'][self.path] = state['counts'].get(self.path, 0) + 1
        if count <= (1 if n is None else n):
            self.send('broken', status=500)
        else:
            self.as_article(None)

    def as_echo(self, n):
        self.send(f'{self.command} {self.path} was asked for.\n' + str(self.headers), 'text/plain')

    def as_youtube(self, n):
        status, kind, body, headers = youtube.answer(self.path.partition('/youtube')[2], self.headers)
        self.send(body, kind, status, **headers)

    # ---------------------------------------------------------------------------------------------- the rest

    def robots(self):
        status, text = ROBOTS[self.server.server_address[0]]
        if status == 0:
            self.as_mute(None)
        elif status == 302:
            self.go(text.replace('PORT', str(state['port'])))
        else:
            self.send(text, 'text/plain', status)

    def do_GET(self):
        path = self.path.split('?')[0]
        if path == '/_requests':
            with lock:
                self.send(json.dumps(state['requests']), 'application/json')
            return
        with lock:
            state['requests'].append({'site': self.server.server_address[0], 'path': self.path, 'headers': dict(self.headers.items())})
        if path == '/robots.txt':
            self.robots()
            return
        name, _, number = path.split('/')[1].partition('-')
        method = getattr(self, 'as_' + name, None)
        if method is None:
            self.send('no such page', status=404)
        else:
            method(int(number) if number.isdigit() else None)

    def do_DELETE(self):
        with lock:
            state['requests'].clear()
            state['counts'].clear()
        self.send('{}', 'application/json')

    def handle(self):
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            pass        # who asked has left: that is what some tests are about


class Site(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def sites():
    """All on one port."""
    while True:
        first = Site(('127.0.0.1', 0), Handler)
        port, made = first.server_port, [first]
        try:
            made += [Site((address, port), Handler) for address in ROBOTS if address != '127.0.0.1']
            return port, made
        except OSError:
            for s in made:
                s.server_close()


def main():
    port, made = sites()
    state['port'] = port
    for s in made:
        threading.Thread(target=s.serve_forever, daemon=True).start()
    print(port, flush=True)
    if '--until-eof' in sys.argv[1:]:
        sys.stdin.read()
    else:
        threading.Event().wait()


if __name__ == '__main__':
    main()
