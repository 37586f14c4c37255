#!/usr/bin/env python3
"""extract.py -- scriped-extract: what it makes of each format, and that no file harms anything: each fails with a code and a message.

    SCRIPED_EXTRACT=build/asan/scriped-extract python3 test/extract.py [--only WORDS]

Every file is made here, by test/lib/files.py.  TAP lines, and `N passed, N failed` at the end."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import files
from tap import Tap

PROGRAM = os.path.abspath(os.environ.get('SCRIPED_EXTRACT', os.path.join(HERE, '..', 'build', 'scriped-extract')))
DRAW = os.path.join(HERE, '..', 'build', 'asan' if 'asan' in PROGRAM else 'release', 'draw')
CASES = []


def case(title):
    return lambda fn: CASES.append((title, fn)) or fn


def need(that, why):
    if not that:
        raise AssertionError(why)


class Result:
    """What one run said.  Every line is held to the protocol here."""

    def __init__(self, lines, seconds, folder):
        self.lines, self.seconds, self.folder = lines, seconds, folder      # seconds of computing
        self.error = lines[-1].get('error')
        self.message = lines[-1].get('message')
        self.title = next((one['title'] for one in lines if 'title' in one), None)
        self.type = lines[0].get('type')
        self.texts = [one['text'] for one in lines if 'text' in one]
        self.headings = [(one['heading'], one['text']) for one in lines if 'heading' in one]
        self.pages = [one['page'] for one in lines if 'page' in one]

    def page(self, n):
        """The texts of one page."""
        found, at = [], None
        for one in self.lines:
            at = one.get('page', at)
            if at == n and 'text' in one:
                found.append(one['text'])
        return found


SHAPES = [{'type'}, {'progress', 'what'}, {'title'}, {'page'}, {'heading', 'text'}, {'text'}, {'fromMs', 'toMs', 'text'}, {'durationMs'}, {'end'},
          {'error', 'message'}]
CODES = {'unsupported_media', 'upload_too_large', 'empty_text', 'extraction_failed', 'transcription_failed'}


def hold(raw, status):
    """The lines of one run, as JSON; fails when they are not as extract.h says."""
    need(len(raw) == 0 or raw.endswith(b'\n'), f'the last line has no end: {raw[-200:]!r}')
    need(all(len(one) < 256 << 10 for one in raw.split(b'\n')), 'a line is too long')
    lines = [json.loads(one) for one in raw.decode('utf-8').split('\n') if one]
    need(lines, f'it said nothing, status {status}')
    for i, one in enumerate(lines):
        need(set(one) in SHAPES, f'no line of the protocol: {one}')
        need(('end' in one or 'error' in one) == (i == len(lines) - 1), f'a last line in the middle, or none: {one}')
        need(one.get('error') is None or (one['error'] in CODES and one['message'].endswith('.')), f'an error that does not say enough: {one}')
        text = one.get('text', one.get('title', 'x'))
        need(text and text == text.strip() and all(ord(c) >= 32 or c == '\n' for c in text), f'a text that is not clean: {text!r}')
    need('type' in lines[0] or 'error' in lines[0], f'the first line is {lines[0]}')
    need(sum('title' in one for one in lines) <= 1, 'two titles')
    need(status == (0 if 'end' in lines[-1] else 1), f'status {status} behind {lines[-1]}')
    return lines


def run(data, *, type='', name='', options=()):
    """data: bytes, or a file."""
    words = [PROGRAM] + (['--type', type] if type else []) + (['--name', name] if name else []) + list(options)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as f, tempfile.TemporaryFile() as said:
        if isinstance(data, bytes):
            f.write(data)
            f.seek(0)
        p = subprocess.Popen(words, stdin=f if isinstance(data, bytes) else data, stdout=said, stderr=subprocess.DEVNULL, cwd=folder)
        late = threading.Timer(300, p.kill)
        late.start()
        _, status, used = os.wait4(p.pid, 0)
        late.cancel()
        p.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return Result(hold(said.read(), p.returncode), used.ru_utime + used.ru_stime, os.listdir(folder))


def fails(r, code, words):
    need(r.error == code and words in r.message, f'wanted {code}, "{words}", got {r.error}: {r.message}')


def same(is_, want):
    need(is_ == want, f'wanted {want!r}\ngot    {is_!r}')


# ---------------------------------------------------------------------------------------------------------------- text

@case('A text is its paragraphs; lines that were wrapped are joined, a list stays lines')
def text():
    wrapped = 'This line was wrapped by an editor of mails at\nsome seventy letters, and so it goes on here.\n\n- one\n- two\n\nThe last.\n'
    r = run(wrapped.encode())
    same(r.type, 'text/plain')
    same(r.texts, ['This line was wrapped by an editor of mails at some seventy letters, and so it goes on here.', '- one\n- two', 'The last.'])


@case('A paragraph to a line, as word processors write it')
def long_lines():
    a, b = 'One sentence that goes on. ' * 8, 'Another one of the same kind. ' * 8
    same(run(f'{a}\r\n{b}\r\n'.encode()).texts, [a.strip(), b.strip()])


@case('A text in any common encoding')
def encodings():
    german = 'Größe ändert sich über Straßen: „schön“ – 5 €. ' * 4
    for encoding in ('utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be', 'utf-32', 'utf-32-le', 'utf-32-be', 'cp1252'):
        same(run(german.encode(encoding)).texts, [german.strip()])
    same(run('Größe über Straße'.encode('latin-1')).texts, ['Größe über Straße'])
    for encoding, words in (('cp1251', 'Съешь же ещё этих мягких французских булок, да выпей чаю. '), ('shift_jis', '吾輩は猫である。名前はまだ無い。どこで生れたか。'),
                            ('gb18030', '天地玄黄,宇宙洪荒。日月盈昃,辰宿列张。寒来暑往,秋收冬藏。'), ('euc_kr', '모든 국민은 인간으로서의 존엄과 가치를 가지며 행복을 추구할 권리를 가진다. ')):
        same(run((words * 4).encode(encoding)).texts, [(words * 4).strip()])
    polish = 'Zażółć gęślą jaźń, proszę. '
    same(run(polish.encode('iso8859-2'), type='text/plain; charset="ISO-8859-2"').texts, [polish.strip()])


@case('A text in an encoding that nobody knows is still text; bytes that are none are no text')
def odd_encodings():
    r = run(b'Plain words with \xe4 letter', type='text/plain; charset=klingon-1')
    same(r.texts, ['Plain words with ä letter'])
    same(run(b'Cut in the middle of a character: \xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6 \xe2\x82').texts,
         ['Cut in the middle of a character: äöüäöüäö \ufffd\ufffd'])
    fails(run(bytes(range(256)) * 40, type='text/plain'), 'unsupported_media', 'no type that can be read')
    fails(run(os.urandom(5000)), 'unsupported_media', 'no type that can be read')


@case('Markdown: headings, lists, tables, code, the title of its front matter')
def markdown():
    source = '---\ntitle: "A title"\ntags: [x]\n---\n# Head\n\nSome *words* with a [link](http://x) and ![an image](y)\nwrapped &amp; `code`.\n\n' \
             '1. one\n2. two\n   - deep\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n  more\n```\n\n<div>no text</div>\n\nSub\n---\n\nend\n'
    r = run(source.encode(), type='text/markdown')
    same((r.type, r.title), ('text/markdown', 'A title'))
    same(r.headings, [(1, 'Head'), (2, 'Sub')])
    same(r.texts, ['Head', 'Some words with a link and wrapped & code.', '- one\n- two\n- deep', 'a | b\n1 | 2', 'code\nmore', 'Sub', 'end'])
    same(run(source.encode(), name='notes.md').title, 'A title')
    same(run(b'# Its first heading\n\nwords\n', name='notes.md').title, 'Its first heading')


# ---------------------------------------------------------------------------------------------------------------- pages

@case('A page: its own text among navigation, banners, comments and related links')
def page():
    r = run(files.PAGE.encode(), type='text/html')
    same((r.type, r.title), ('text/html', 'How we halved support'))
    same(r.headings, [(1, 'How we halved support'), (2, 'What we did')])
    same(r.texts[1:], [files.PAGE_LEAD, files.PAGE_BODY, 'What we did', '- Removed three fields\n- Added one hint\n- nested', 'Month | Calls\nMay | 120\nJune | 60',
                       'Then we waited.\nAnd waited.', files.PAGE_BODY])


@case('A page of tables and forms, as they were written once; a page that is hardly one')
def old_pages():
    words = 'A sentence of running text that is long enough to count as such. ' * 3
    same(run(f'<html><body><table><tr><td><a href=a>A</a><a href=b>B</a></td><td>{words}<br>\n <br/>{words}</td></tr></table></body>'.encode()).texts,
         [words.strip()] * 2)
    same(run(b'<p>short', type='text/html').texts, ['short'])
    same(run(b'only words, no mark', type='text/html').texts, ['only words, no mark'])
    same(run('<html><title>Ein längerer Titel – Die Seite</title><body>Größe</body></html>'.encode('utf-16')).title, 'Ein längerer Titel')
    same(run('<html><meta charset=iso-8859-2><body>Zażółć gęślą jaźń</body></html>'.encode('iso8859-2')).texts, ['Zażółć gęślą jaźń'])


@case('Comments longer than what they are about, a page that is about cookies, a wiki, a page without a word of structure')
def page_kinds():
    words = files.PAGE_BODY
    longer = f'<div class=comments-area><h2>Thoughts</h2><p>{words}{words}</p><p>{words}{words}</p></div>'
    r = run(f'<html><title>A post – A blog</title><body class="has-sidebar"><h1>A blog</h1><main><article class="comments-open"><h1>A post</h1><p>{words}</p><p>{words}</p>'
            f'<p>{words}</p></article>{longer}</main></body></html>'.encode())
    same((r.title, r.texts), ('A post', ['A post', words, words, words]))
    r = run(f'<html><body><div class="cookie-policy"><h1>Cookies</h1><p>{words}</p></div><div>Imprint</div></body></html>'.encode())
    same((r.title, r.texts[:2]), ('Cookies', ['Cookies', words]))
    r = run(f'<html><div role=main><h1>Berlin</h1><div><p>{words}<sup class="reference"><a href=#1>[1]</a></sup></p><h2>History<span class="mw-editsection">[edit]</span></h2>'
            f'<p>{words}</p></div></div></html>'.encode())
    same(r.texts, ['Berlin', words, 'History', words])
    r = run(f'<html><div><a href=1>Home</a> <a href=2>About</a></div><div><div><a href=1>One link of many</a></div><div>{words}<br><br>{words}<ul><li>one</ul></div>'
            '<div><p>A teaser of some other thing.</p></div></div></html>'.encode())
    same(r.texts, [words, words, '- one'])


@case('A page of a hundred thousand open elements, and one of scripts alone')
def hostile_pages():
    r = run(b'<html><body>' + b'<div>' * 100000 + b'deep words')
    fails(r, 'extraction_failed', 'nests elements too deep')
    same(run(b'<html><body>' + b'<div>' * 3000 + b'deep words').texts, ['deep words'])
    for open_ones in ('<div><p></p>', '<b a{}></x>', '<p-x>', '<div a=">"/>', '<!-- --!><div>', '<script></script><b>', '<style/></style><i>'):
        r = run(b'<html><body>' + ''.join(open_ones.format(i) for i in range(20000)).encode() + b'deep words')
        fails(r, 'extraction_failed', 'nests elements too deep')
    attributes = ' '.join(f'a{i}=1' for i in range(80000))
    fails(run(f'<html><body><p {attributes}>words</p>'.encode()), 'extraction_failed', 'too many attributes')
    fails(run(('<html>' + ''.join(f'<body a{i}=1></body>' for i in range(80000)) + 'words').encode()), 'extraction_failed', 'too many attributes')


@case('Pages with much that looks deep and is not')
def shallow_pages():
    for harmless in ('<!-- <div> -->', '<script>if (a<b) x = "<div>"</script>', '<SCRIPT>a<b</SCRIPT>', '<svg><path d="M 0 0"/><circle r=1 /></svg>', '<p a="<div>">', '<li>x',
                     '<style>a>b{}</style>', '<b>x</b>', "<p title='<b><i>'>", '<br/><hr>', '<textarea><div></textarea>', '<ruby>x<rt>y</ruby>', '<svg/>', 'a <b2> </b2> < c'):
        r = run(b'<html><body>' + harmless.encode() * 6000 + b'<p>shallow words')
        need(r.texts and r.texts[-1].endswith('shallow words'), f'{harmless}: {r}')
    r = run(('<html><body>' + ''.join(f'<p class="a b" id=x{i} data-x="{i}" style="color: red">words</p>' for i in range(20000))).encode())
    same(len(r.texts), 20000)
    fails(run(b'<html><script>var x = "text"</script><style>p{}</style></html>'), 'empty_text', 'No text')


# ------------------------------------------------------------------------------------------------------------------ PDF

@case('A PDF: title, headings, paragraphs over lines and pages; what repeats on every page is no text')
def pdf():
    pages = []
    for n in range(1, 5):
        pages.append([(60, 800, 8, 'The running head'), (60, 740, 18, f'Chapter {n}'),
                      (60, 700, 11, 'The first line of a paragraph that goes on in the sec-'), (60, 686, 11, 'ond line and ends there.'),
                      (60, 650, 11, 'Another paragraph of this page, number ' + 'one two three four'.split()[n - 1] + '.'),
                      (60, 620, 11, '- an item'), (60, 606, 11, '- another item'), (300, 30, 8, f'Page {n}')])
    r = run(files.pdf(pages, title='The title'), type='application/pdf')
    same((r.type, r.title, r.pages), ('application/pdf', 'The title', [1, 2, 3, 4]))
    same(r.page(2), ['Chapter 2', 'The first line of a paragraph that goes on in the second line and ends there.', 'Another paragraph of this page, number two.',
                     '- an item\n- another item'])
    same(r.headings, [(1, f'Chapter {n}') for n in range(1, 5)])
    same(run(files.pdf([[(60, 740, 18, 'What it is about'), (60, 700, 11, 'Words . . . . . . . . 7'), (60, 680, 11, 'Only words of a line.')]])).title, 'What it is about')


@case('A PDF of two columns is read one after the other')
def pdf_columns():
    left = ['The left column begins with a line that', 'goes on here and is as wide as it can be', 'until it is at its end.']
    right = ['The right one stands beside it on the', 'same height, and must not be mixed into', 'the one that is left of it.']
    r = run(files.pdf([[(60, 700 - 14 * i, 11, one) for i, one in enumerate(left)] + [(330, 700 - 14 * i, 11, one) for i, one in enumerate(right)]]))
    same(' '.join(r.texts), ' '.join(left + right))


@case('PDFs that unpack, nest or claim more than there is')
def pdf_bombs():
    few = ['--cpu-s', '3']
    for data in (files.pdf([[]], images=[(100000, 100000, b'x')]), files.pdf([[]]).replace(b'[0 0 595 842]', b'[0 0 -1 .001]'),
                 files.pdf([[]]).replace(b'/Kids [6 0 R]', b'/Kids [2 0 R]'), b'%PDF-1.4\n1 0 obj\n' + b'[' * 300000):
        need(run(data, options=few).error in ('empty_text', 'extraction_failed'), 'it found text')
    same(run(files.pdf([[(60, 700, 11, 'Words.')]]).replace(b'[0 0 595 842]', b'[0 0 9e9 9e9]'), options=few).texts, ['Words.'])
    endless = files.pdf([[]]).replace(b'<< /Length 0 >>\nstream\n\n', files.stream(b'BT /F 9 Tf 9 9 Td (words words) Tj ET\n' * 1000000))
    fails(run(endless, options=['--cpu-s', '1']), 'extraction_failed', 'more than 1 s of computing')


@case('A PDF of a hundred pages takes well under two seconds')
def pdf_speed():
    line = 'Words of a line that is about as long as lines in a book are, '
    r = run(files.pdf([[(60, 800 - 14 * k, 11, line + f'{n} {k}') for k in range(50)] for n in range(100)]))
    need(len(r.pages) == 100 and r.seconds < (2 if 'asan' not in PROGRAM else 20), f'{len(r.pages)} pages in {r.seconds:.2f} s')


@case('PDFs that are locked, cut off, without pages or with ten thousand of them')
def pdf_broken():
    good = files.pdf([[(60, 700, 11, 'Words.')]])
    fails(run(files.pdf([[(60, 700, 11, 'Words.')]], locked=True)), 'extraction_failed', 'protected by a password')
    fails(run(b'%PDF-1.7\nno more than that'), 'extraction_failed', 'damaged')
    fails(run(files.pdf([])), 'empty_text', 'No text')
    fails(run(files.pdf([[]] * 10000)), 'extraction_failed', '10000 pages')
    r = run(good[:len(good) * 2 // 3])
    need(r.error in (None, 'extraction_failed', 'empty_text'), f'it said {r.lines[-1]}')


# --------------------------------------------------------------------------------------------------------------- Office

ITEM = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="3"/></w:numPr>'


@case('DOCX: headings by their styles in any language, lists, tables, footnotes; nothing that was deleted or hidden')
def docx():
    w = files.word
    body = (w('The title', 'T') + w('Head', 'berschrift1') + w('Sub', 'Mine') + w('Words &amp; more') + w('one', more=ITEM) + w('two', 'Liste2') +
            w('hidden', run='<w:vanish/>') + '<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:tab/><w:t>too</w:t><w:br/><w:t>line'
            '</w:t></w:r></w:p><w:tbl><w:tr><w:tc>' + w('a') + '</w:tc><w:tc>' + w('b') + w('c') + '</w:tc></w:tr><w:tr><w:tc>' + w('1') + '</w:tc><w:tc>' + w('2') +
            '</w:tc></w:tr></w:tbl><mc:AlternateContent><mc:Choice>' + w('box') + '</mc:Choice><mc:Fallback>' + w('box') + '</mc:Fallback></mc:AlternateContent>')
    r = run(files.docx(body, **{'word/footnotes.xml': files.xml('w:footnotes', w('A note.'))}), type='application/msword')
    same(r.type, 'application/vnd.openxmlformats-officedocument.wordprocessingml.document')
    same(r.title, 'The title')
    same(r.headings, [(1, 'The title'), (1, 'Head'), (2, 'Sub')])
    same(r.texts[3:], ['Words & more', '- one\n- two', 'kept too\nline', 'a | b c\n1 | 2', 'box', 'A note.'])
    cell = '<w:tbl><w:tr><w:tc>' + w('a') + '</w:tc></w:tr></w:tbl>'
    same(run(files.docx(w('one', more=ITEM) + cell + w('two', more=ITEM))).texts, ['- one', 'a', '- two'])
    same(run(files.docx(body, 'By its properties')).title, 'By its properties')
    same(run(files.docx(body, 'Microsoft Word - x.doc')).title, 'The title')


@case('PPTX: slides in their order with titles, points, tables, and what the speaker noted')
def pptx():
    table = '<a:tbl><a:tr><a:tc><a:p><a:t>a</a:t></a:p></a:tc><a:tc><a:p><a:t>b</a:t></a:p></a:tc></a:tr></a:tbl>'
    s = files.shape
    r = run(files.pptx([s('ctrTitle', 'The deck') + s('subTitle', 'Who made it') + s('sldNum', '1'), s('title', 'Second') + s('', 'one', 'two') + table + s(None, 'A box')],
                       notes='Say hello.'))
    same((r.type, r.title, r.pages), ('application/vnd.openxmlformats-officedocument.presentationml.presentation', 'The deck', [1, 2]))
    same(r.page(1), ['The deck', 'Who made it', 'Say hello.'])
    same(r.page(2), ['Second', '- one\n- two', 'a | b', 'A box'])
    same(r.headings, [(1, 'The deck'), (2, 'Second')])


@case('XLSX: sheets with their rows, numbers as they are meant, dates as dates; hidden sheets are none')
def xlsx():
    rows = ('<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="inlineStr"><is><t>in line</t></is></c></row>'
            '<row><c><v>0.1</v></c><c><v>1200000</v></c><c t="b"><v>1</v></c><c s="1"><v>45292</v></c><c s="2"><v>45292.75</v></c><c t="e"><v>#REF!</v></c></row><row/><row><c r="B4"><v>1</v></c><c r="D4"><v>2</v></c><c r="ZZ4"/></row>')
    secret = '<row><c t="inlineStr"><is><t>secret</t></is></c></row>'
    r = run(files.xlsx([('Figures', '', rows), ('Hidden', ' state="hidden"', secret), ('Empty', '', '')],
                       ['<t>Month</t>', '<r><t>Ca</t></r><r><t>lls</t></r><rPh><t>x</t></rPh>'], 'A workbook'))
    same((r.title, r.pages), ('A workbook', [1]))
    same(r.texts, ['Figures', 'Month | Calls | in line\n0.1 | 1200000 | yes | 2024-01-01 | 2024-01-01 18:00\n1 | | 2'])
    fails(run(files.xlsx([('Empty', '', '')], [])), 'empty_text', 'No text')


@case('Office documents that are cut off, broken, locked or bombs')
def office_broken():
    good = files.docx(files.word('Words that fill the document. ' * 50))
    fails(run(good[:len(good) // 2]), 'extraction_failed', 'cut off')
    fails(run(good[:300] + bytes(200) + good[500:]), 'extraction_failed', 'damaged')
    fails(run(files.docx('<?xml version="1.0"?><w:document xmlns:w="w"><w:p>')), 'extraction_failed', 'no XML')
    fails(run(files.docx(files.word(' ' * (120 << 20)))), 'extraction_failed', 'unpacks to more')
    laughs = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">' + ''.join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip('abcdefgh', 'bcdefghi')) + ']>'
    r = run(files.docx(laughs + '<w:document xmlns:w="w"><w:p><w:r><w:t>&i;words</w:t></w:r></w:p></w:document>'))
    need(r.error == 'extraction_failed' or r.texts == ['words'], f'it said {r.lines}')
    outside = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><w:document xmlns:w="w"><w:p><w:r><w:t>&a;words</w:t></w:r></w:p></w:document>'
    r = run(files.docx(outside))
    need(r.error == 'extraction_failed' or r.texts == ['words'], f'it said {r.lines}')
    fails(run(files.office('word/none.xml', {'word/x.xml': ''})), 'extraction_failed', 'main part is missing')
    locked = bytearray(good)
    for mark, at in ((b'PK\1\2', 8), (b'PK\3\4', 6)):
        place = -1
        while (place := locked.find(mark, place + 1)) >= 0:
            locked[place + at] |= 1
    fails(run(bytes(locked)), 'extraction_failed', 'password')


OLD = [('Head\r', 1, b''), ('Words – „more“ €.\r', 0, b''), ('one\r', 0, b'\x0b\x46\1\0'), ('two\r', 0, b'\x0b\x46\1\0'),
       ('A \x13 HYPERLINK "x" \x14link\x15 and\x0ba line.\r', 0, b''), ('a\7', 0, b''), ('\7', 0, b''), ('c\7', 0, b''), ('\7', 0, b'\x17\x24\1'), ('The end.\r', 0, b'')]


@case('DOC: the pieces of Word 97, in one and two bytes a letter, with headings, lists and tables')
def doc():
    for wide in (False, True):
        r = run(files.doc(OLD, wide), type='application/vnd.openxmlformats-officedocument.wordprocessingml.document')
        same(r.type, 'application/msword')
        same(r.headings, [(1, 'Head')])
        same(r.texts, ['Head', 'Words – „more“ €.', '- one\n- two', 'A link and\na line.', 'a | | c', 'The end.'])
    row, item = ('\7', 0, b'\x17\x24\1'), ('one\r', 0, b'\x0b\x46\1\0')
    same(run(files.doc([item, ('a\7', 0, b''), row, item])).texts, ['- one', 'a', '- one'])
    long = [('A paragraph of many words, which go on. ' * 20 + '\r', 0, b'')] * 25
    same(len(run(files.doc(long)).texts), 25)


@case('Old Office files that are locked, cut off, no documents, or whose chains go round')
def doc_broken():
    good = files.doc(OLD)
    fails(run(files.doc(OLD, flags=0x100)), 'extraction_failed', 'password')
    fails(run(files.ole({'EncryptedPackage': b'x', 'EncryptionInfo': b'y'})), 'extraction_failed', 'password')
    fails(run(files.ole({'Workbook': b'x'}), type='application/vnd.ms-excel'), 'unsupported_media', 'old Excel workbook')
    fails(run(files.ole({'WordDocument': b'x'})), 'extraction_failed', 'damaged')
    for n in (600, len(good) // 2):
        need(run(good[:n]).error in ('extraction_failed', 'unsupported_media'), f'cut at {n}')
    table = len(good) - 512
    fails(run(good[:table] + bytes(512)), 'unsupported_media', 'damaged Office document')
    for seed in range(40):      # bytes that somebody turned
        spoiled, at = bytearray(good), seed * 97 % 512
        for k in range(6):
            spoiled[(at + k * seed * 131) % len(spoiled)] ^= 0xFF
        r = run(bytes(spoiled))
        need(r.error != 'empty_text' or r.lines, 'it said nothing')


# --------------------------------------------------------------------------------------------------------------- images

SAID = ['We changed one form and support', 'calls fell by half. Größe, Straße.', '', 'A second paragraph of words.']
READ = ['We changed one form and support calls fell by half. Größe, Straße.', 'A second paragraph of words.']


def draw(kind, size, lines):
    # it ends without giving anything back
    return subprocess.run([DRAW, kind, str(size)] + lines, capture_output=True, check=True, env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'}).stdout


@case('The words of a PNG, JPEG, WebP and TIFF in English and German; of a screenshot, whose letters are small')
def images():
    for kind in ('png', 'jpeg', 'webp', 'tiff'):
        r = run(draw(kind, 40, SAID), type='image/png')
        same((r.type, r.texts), (f'image/{kind}', READ))
    same(run(draw('png', 14, SAID)).texts, READ)
    turned = draw('turned', 40, SAID)
    for big in (False, True):
        same(run(turned[:2] + files.exif(6, big) + turned[2:]).texts, READ)


@case('A PDF of scanned pages among others')
def scan():
    head, dots = draw('grey', 40, SAID).split(b'\n', 1)
    size = [int(n) for n in head.split()]
    r = run(files.pdf([[], [(60, 700, 11, 'Words of a page that has text.')], []], images=[(*size, dots)]))
    same((r.page(1), r.page(2), r.pages), (READ, ['Words of a page that has text.'], [1, 2]))


@case('Images that lie about their size, are cut off, empty or of a kind that is not read')
def images_broken():
    good = draw('png', 40, SAID)
    for size in ((100000, 100000), (20000, 20000)):
        fails(run(files.png(size, b'')), 'extraction_failed', f'{size[0]} x {size[1]} pixels')
    fails(run(files.png((5000, 5000), b'few')), 'extraction_failed', 'damaged')
    fails(run(good[:40]), 'extraction_failed', 'damaged')
    fails(run(files.png((300, 300), bytes([255]) * 300 * 300)), 'empty_text', 'No text')
    fails(run(b'GIF89a' + bytes(100)), 'unsupported_media', 'as PNG or JPEG')
    fails(run(bytes(4) + b'ftypheic' + bytes(100), type='image/heic'), 'unsupported_media', 'as PNG or JPEG')
    fails(run(good, type='application/pdf'), 'unsupported_media', 'a PNG image')


# -------------------------------------------------------------------------------------------------------------- hostile

@case('An empty file; a type that is not what it says; archives')
def wrong():
    fails(run(b''), 'empty_text', 'empty')
    fails(run(b'  \n\n \t '), 'empty_text', 'No text')
    fails(run(files.pdf([[(60, 700, 11, 'Words.')]]), type='image/png'), 'unsupported_media', 'declared as image/png, but its bytes are a PDF')
    fails(run(b'Just words', type='application/pdf'), 'unsupported_media', 'declared as application/pdf, but its bytes are plain text')
    fails(run(files.gzip_bomb(), type='text/plain'), 'unsupported_media', 'gzip')
    fails(run(files.archive({'a.txt': b'words'})), 'unsupported_media', 'ZIP')
    same(run(b'Just words', type='application/octet-stream', name='x.pdf').texts, ['Just words'])


@case('Limits of text, of CPU time and of memory end it with a message')
def limits():
    fails(run(b'A line of words.\n\n' * 100000, options=['--output-mb', '1']), 'extraction_failed', 'more than 1 MB of text')
    fails(run(b'<html><body>' + b'<div>' * 3900 + b'</z>' * 4000000, options=['--cpu-s', '1']), 'extraction_failed', 'more than 1 s of computing')
    if 'asan' not in PROGRAM:
        fails(run(b'<html><body>' + b'<p>x' * 2000000, options=['--memory-mb', '320']), 'extraction_failed', 'more memory than 320 MB')
        fails(run(b'words', options=['--memory-mb', '20']), 'extraction_failed', 'more memory than 20 MB')


@case('A file of endless zeros, and one that is larger than any')
def endless():
    with tempfile.TemporaryFile() as f:
        f.truncate(1 << 30)
        fails(run(f), 'unsupported_media', 'no type')
        f.truncate(3 << 30)
        fails(run(f), 'upload_too_large', '3072 MB')


@case('It leaves nothing in its folder, and says so when it is called wrongly')
def called():
    same(run(b'words').folder, [])
    for words in (['--nothing'], ['--cpu-s', '0'], ['--memory-mb', 'x'], ['file']):
        need(subprocess.run([PROGRAM] + words, stdin=subprocess.DEVNULL, capture_output=True).returncode == 2, f'{words} is taken')
    p = subprocess.run([PROGRAM], input=b'words', capture_output=True)
    need(p.returncode == 2 and b'no file' in p.stderr, 'a pipe is taken')


@case('--formats names each format once')
def formats():
    rows = [json.loads(one) for one in subprocess.run([PROGRAM, '--formats'], capture_output=True, check=True).stdout.splitlines()]
    need(all(set(one) == {'format', 'types', 'reads', 'missing'} for one in rows), f'{rows}')
    need(len({one['format'] for one in rows}) == len(rows), 'twice')
    need({'pdf', 'html', 'markdown', 'text'} <= {one['format'] for one in rows if one['reads']}, f'{rows}')


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument('--only', default='')
    only = options.parse_args().only
    tap = Tap()

    def one(title, fn):
        start = time.monotonic()
        try:
            fn()
            tap.block([(f'{title} ({time.monotonic() - start:.1f} s)', None)])
        except Exception as e:
            tap.block([(title, str(e) if isinstance(e, AssertionError) else traceback.format_exc())])

    with ThreadPoolExecutor(os.cpu_count() + 1) as pool:
        for title, fn in CASES:
            if only.lower() in title.lower():
                pool.submit(one, title, fn)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
