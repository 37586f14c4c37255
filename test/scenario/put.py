"""put.py -- uploads for stories: `upload NAME TYPE KIND TEXT` asks for a place, makes a file of that kind and puts it there."""
import io
import json
import struct
import textwrap
import urllib.error
import urllib.request
import wave

import files
from cases import Wrong, need


def pdf(text, **more):
    """Pages stand between |."""
    pages = [[(72, 760 - 16 * i, 11, line) for i, line in enumerate(textwrap.wrap(page, 80))] for page in text.split(' | ')]
    return files.pdf(pages, 'A title of its own', **more)


def docx(text):
    body = ''.join(f'<w:p><w:r><w:t>{t}</w:t></w:r></w:p>' for t in text.split(' | '))
    word = 'http://schemas.openxmlformats.org/wordprocessingml/2006/main'
    office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument'
    return files.archive({
        '[Content_Types].xml': '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        '_rels/.rels': '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{office}" Target="word/document.xml"/></Relationships>',
        'word/document.xml': f'<?xml version="1.0"?><w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>'})


def html(text):
    words = ''.join(f'<p>{t}</p>' for t in text.split(' | '))
    return f'<!doctype html><html><head><title>A title of its own</title></head><body><nav><a href=/>Home</a></nav><main>{words}</main></body></html>'.encode()


def wav(text):
    """So many seconds of a sound like speech: loud for a moment, then a little quieter, with a pause at the end of each second."""
    loud = [struct.pack('<h', (i * 7919 % 8000 - 4000) // (1 + i // 4000 % 2)) for i in range(13000)]
    second = b''.join(loud) + bytes(2 * 3000)
    with io.BytesIO() as f:
        with wave.open(f, 'wb') as w:
            w.setparams((1, 2, 16000, 0, 'NONE', ''))
            w.writeframes(second * int(text))
        return f.getvalue()


KINDS = {
    'text': lambda t: t.encode('utf-8', 'surrogateescape'),
    'latin1': lambda t: t.encode('latin-1'),
    'utf16': lambda t: b'\xff\xfe' + t.encode('utf-16-le'),
    'pdf': pdf,
    'locked': lambda t: pdf(t, locked=True),
    'cut': lambda t: pdf(t)[:300],
    'docx': docx,
    'html': html,
    'wav': wav,
    'hush': lambda t: wav(t)[:44] + bytes(len(wav(t)) - 44),
}


def send(method, url, body, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=60) as a:
            return a.read()
    except urllib.error.HTTPError as e:
        raise Wrong(f'{method} {url.split("?")[0]}: {e.code} {e.read()[:500]!r}') from None


def upload_bytes(url, key, content_type, data):
    """The id of the upload, its bytes complete."""
    at = json.loads(send('POST', url + '/v1/uploads', json.dumps({'contentType': content_type}).encode(),
                         {'Authorization': 'Bearer ' + key, 'Content-Type': 'application/json'}))['data']
    send('PUT', at['uploadUrl'], data, at['headers'])
    return at['id']


def upload(url, key, content_type, kind, text):
    need(kind in KINDS, f'no kind of file is called {kind}')
    return upload_bytes(url, key, content_type, KINDS[kind](text))
