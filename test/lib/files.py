"""files.py -- makes the files that test/extract.py reads, from nothing but the standard library."""
import gzip
import hashlib
import io
import struct
import struct
import zipfile
import zlib

PAGE_LEAD = 'The lead of the article, which says in one sentence what is in it & why it matters.'
PAGE_BODY = 'We changed one form and support calls fell by half. Nobody missed the old fields at all, which surprised us more than we like to admit.'
TEASER = 'A long teaser of another article, which has nothing to do with this one but fills the page.'
PAGE = f'''<!doctype html><html><head><meta charset=utf-8><title>How we halved support | The Blog</title>
<meta property="og:site_name" content="The Blog"><meta property="og:title" content="How we halved support | The Blog"><style>p {{}}</style></head><body>
<header><a href=/>The Blog</a><p>The place for stories about what we do all day long</p></header>
<nav><ul><li><a href=/>Home</a></li><li><a href=/p>Products and everything</a></li></ul></nav>
<div class="cookie-consent"><p>We use cookies to make this site better for you, please accept all of them now.</p><button>Accept</button></div>
<div id=wrap><div class=content><article><header><h1>How we halved
support</h1><p class=lead>The lead of the article, which says in one sentence what is in it &amp; why it matters.</p></header>
<div class="body"><p>{PAGE_BODY}</p><script>track()</script><h2>What we did</h2>
<ul><li>Removed <b>three</b> fields</li><li>Added one <a href=#>hint</a><ul><li>nested</li></ul></li></ul>
<table><tr><th>Month</th><th>Calls</th></tr><tr><td>May</td><td>120</td></tr><tr><td>June</td><td><p>60</p></td></tr></table>
<p>Then we waited.<br>And waited.</p><div class="share-buttons"><a href=x>Share</a></div><p>{PAGE_BODY}</p></div></article></div>
<div class=relatedPosts><h3>Related</h3><p>{TEASER}</p><p>{TEASER}</p></div>
<section id=comments><h3>3 comments</h3><p>{TEASER}</p><p>I think that this is a great article and I want to say so at some length.</p></section></div>
<aside><p>{TEASER}</p></aside><footer><p>Imprint, privacy and everything else that lawyers want to see here.</p></footer></body></html>'''


# ------------------------------------------------------------------------------------------------------------------ PDF

def escape(s):
    return s.encode('cp1252').replace(b'\\', b'\\\\').replace(b'(', b'\\(').replace(b')', b'\\)')


def assemble(objects, root, info, extra=b''):
    out = io.BytesIO()
    out.write(b'%PDF-1.4\n%\xe2\xe3\xcf\xd3\n')
    places = []
    for i, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b'%d 0 obj\n%s\nendobj\n' % (i, body))
    at = out.tell()
    out.write(b'xref\n0 %d\n0000000000 65535 f \n' % (len(objects) + 1))
    for place in places:
        out.write(b'%010d 00000 n \n' % place)
    out.write(b'trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R %s>>\nstartxref\n%d\n%%%%EOF\n' % (len(objects) + 1, root, info, extra, at))
    return out.getvalue()


def lock():
    """The trailer's part of a PDF that wants a password (what it says is true of no password that a test would guess)."""
    key = hashlib.md5(b'nobody').hexdigest().encode() * 2
    return b'/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<00> <00>] ' % (key[:64], key[:64])


def stream(data):
    packed = zlib.compress(data, 9)
    return b'<< /Filter /FlateDecode /Length %d >>\nstream\n%s\n' % (len(packed), packed)


def pdf(pages, title=None, locked=False, images=()):
    """pages: a list of (x, y, size, text) each.  images: a (width, height, grey bytes) for the page of the same number, as wide as it."""
    objects = [b'<< /Type /Catalog /Pages 2 0 R >>', None, b'<< /Title (%s) >>' % escape(title or ''),
               b'<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>']
    kids = []
    for i, lines in enumerate(pages):
        stream = b''.join(b'BT /F %d Tf %d %d Td (%s) Tj ET\n' % (size, x, y, escape(text)) for x, y, size, text in lines)
        resources = b'/Font << /F 4 0 R >>'
        if i < len(images):
            width, height, grey = images[i]
            data = zlib.compress(grey)
            objects.append(b'<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode '
                           b'/Length %d >>\nstream\n%s\nendstream' % (width, height, len(data), data))
            resources += b' /XObject << /I %d 0 R >>' % len(objects)
            tall = 595 * height // width
            stream += b'q 595 0 0 %d 0 %d cm /I Do Q\n' % (tall, 842 - tall)
        objects.append(b'<< /Length %d >>\nstream\n%s\nendstream' % (len(stream), stream))
        objects.append(b'<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << %s >> >>' % (len(objects), resources))
        kids.append(b'%d 0 R' % len(objects))
    objects[1] = b'<< /Type /Pages /Kids [%s] /Count %d >>' % (b' '.join(kids), len(kids))
    return assemble(objects, 1, 3, lock() if locked else b'')


# --------------------------------------------------------------------------------------------------------------- images

def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(size, dots):
    """A grey image that claims a size and has these dots, with the filter byte of each row."""
    width, height = size
    rows = b''.join(b'\0' + dots[i:i + width] for i in range(0, len(dots), width))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def exif(orientation, big):
    """The part of a JPEG that says which way is up."""
    order = '>' if big else '<'
    tiff = (b'MM' if big else b'II') + struct.pack(order + 'HIHHHIHHI', 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return b'\xff\xe1' + struct.pack('>H', len(tiff) + 8) + b'Exif\0\0' + tiff


# ------------------------------------------------------------------------------------------------------------- archives

def archive(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return out.getvalue()


OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def xml(name, inside, more=''):
    spaces = 'xmlns:w="w" xmlns:a="a" xmlns:p="p" xmlns:mc="mc" xmlns:r="r" xmlns:dc="dc"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} {spaces}{more}>{inside}</{name}>'


def rels(*rows):
    """rows: (id, kind, target) each."""
    return xml('Relationships', ''.join(f'<Relationship Id="{i}" Type="{OFFICE}/{kind}" Target="{target}"/>' for i, kind, target in rows))


def office(main, parts, title=None):
    """parts: the members besides those that every document has."""
    members = {'[Content_Types].xml': TYPES, '_rels/.rels': rels(('r1', 'officeDocument', main)), **parts}
    if title:
        members['docProps/core.xml'] = xml('cp', f'<dc:title>{title}</dc:title>')
    return archive(members)


def docx(body, title=None, **parts):
    styles = ('<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style><w:style w:styleId="Mine"><w:basedOn w:val="berschrift2"/></w:style>'
              '<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
              '<w:style w:styleId="Liste"><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr></w:style><w:style w:styleId="Liste2"><w:basedOn w:val="Liste"/></w:style>'
              '<w:style w:styleId="T"><w:name w:val="Title"/></w:style>')
    return office('word/document2.xml', {'word/document2.xml': body if body.startswith('<?') else xml('w:document', f'<w:body>{body}</w:body>'),
                                         'word/_rels/document2.xml.rels': rels(('s', 'styles', 'styles.xml'), ('f', 'footnotes', '/word/footnotes.xml')),
                                         'word/styles.xml': xml('w:styles', styles), **parts}, title)


def word(text, style=None, more='', run=''):
    look = (f'<w:pStyle w:val="{style}"/>' if style else '') + more
    return f'<w:p><w:pPr>{look}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def pptx(slides, notes=None):
    """slides: the inside of each one's shapes.  notes: what was noted for the first one."""
    n = range(1, len(slides) + 1)
    parts = {'ppt/presentation.xml': xml('p:presentation', '<p:sldIdLst>' + ''.join(f'<p:sldId id="{256 + i}" r:id="r{i}"/>' for i in n) + '</p:sldIdLst>'),
             'ppt/_rels/presentation.xml.rels': rels(*((f'r{i}', 'slide', f'slides/slide{i}.xml') for i in reversed(n)))}
    for i, slide in zip(n, slides):
        parts[f'ppt/slides/slide{i}.xml'] = xml('p:sld', slide)
    if notes:
        parts['ppt/slides/_rels/slide1.xml.rels'] = rels(('r1', 'notesSlide', '../notesSlides/n.xml'))
        parts['ppt/notesSlides/n.xml'] = xml('p:notes', shape('sldNum', '1') + shape('body', notes))
    return office('ppt/presentation.xml', parts)


def shape(kind, *paragraphs):
    place = '' if kind is None else f'<p:ph type="{kind}"/>' if kind else '<p:ph idx="1"/>'
    return f'<p:sp>{place}<p:txBody>' + ''.join(f'<a:p><a:r><a:t>{one}</a:t></a:r></a:p>' for one in paragraphs) + '</p:txBody></p:sp>'


def xlsx(sheets, strings, title=None):
    """sheets: (name, more attributes, rows as XML) each."""
    n = range(1, len(sheets) + 1)
    parts = {'xl/workbook.xml': xml('workbook', ''.join(f'<sheet name="{name}" r:id="r{i}"{more}/>' for i, (name, more, _) in zip(n, sheets))),
             'xl/_rels/workbook.xml.rels': rels(('s', 'sharedStrings', 'sharedStrings.xml'), ('t', 'styles', 'styles.xml'),
                                                *((f'r{i}', 'worksheet', f'worksheets/sheet{i}.xml') for i in n)),
             'xl/styles.xml': xml('styleSheet', '<numFmts><numFmt numFmtId="164" formatCode="[$-407]dd\\.mm\\.yyyy"/></numFmts><cellStyleXfs><xf numFmtId="14"/>'
                                                '</cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="22"/></cellXfs>'),
             'xl/sharedStrings.xml': xml('sst', ''.join(f'<si>{one}</si>' for one in strings))}
    for i, (_, _, rows) in zip(n, sheets):
        parts[f'xl/worksheets/sheet{i}.xml'] = xml('worksheet', f'<sheetData>{rows}</sheetData>')
    return office('xl/workbook.xml', parts, title)


def ole(streams):
    """A compound file of these streams, each of which is made large enough to need no mini sectors."""
    size, table, places, data = 512, [], [], b''
    for body in streams.values():
        body = body + bytes(max(4096, -(-len(body) // size) * size) - len(body))
        first = len(table)
        places.append((first, len(body)))
        table += list(range(first + 1, first + len(body) // size)) + [0xFFFFFFFE]
        data += body
    rows = [('Root Entry', 5, 0xFFFFFFFE, 0)] + [(name, 2, *place) for name, place in zip(streams, places)]
    directory = b''
    for i, (name, kind, first, length) in enumerate(rows):
        text = name.encode('utf-16-le') + b'\0\0'
        directory += (text + bytes(64 - len(text)) + struct.pack('<HBBIII', len(text), kind, 1, 0xFFFFFFFF, i + 1 if 0 < i < len(rows) - 1 else 0xFFFFFFFF,
                                                                 1 if i == 0 else 0xFFFFFFFF) + bytes(36) + struct.pack('<III', first, length, 0))
    directory += bytes(-len(directory) % size)
    start = len(table)
    table += list(range(start + 1, start + len(directory) // size)) + [0xFFFFFFFE]
    data += directory
    sectors = -(-(len(table) + 1) // 127)
    names = list(range(len(table), len(table) + sectors))
    table += [0xFFFFFFFD] * sectors
    table += [0xFFFFFFFF] * (sectors * 128 - len(table))
    head = (b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' + bytes(16) + struct.pack('<HHHHH', 0x3E, 3, 0xFFFE, 9, 6) + bytes(10) +
            struct.pack('<IIIIIIIII', sectors, start, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)[:32])
    head += b''.join(struct.pack('<I', n) for n in names) + b'\xff' * 4 * (109 - len(names))
    return head + data + b''.join(struct.pack('<I', n) for n in table)


def doc(paragraphs, wide=False, flags=0):
    """A document of Word 97: (text, style, more) each, where text ends with its own mark, style is 1 for a heading and more the bytes of its look."""
    text = ''.join(one for one, _, _ in paragraphs)
    start = 0x600
    body = text.encode('utf-16-le' if wide else 'cp1252')
    unit = 2 if wide else 1
    ends = [start]
    for one, _, _ in paragraphs:
        ends.append(ends[-1] + len(one) * unit)
    page, at = bytearray(512), 512 - 1
    page[:4 * len(ends)] = struct.pack(f'<{len(ends)}I', *ends)
    for i, (_, style, more) in enumerate(paragraphs):
        look = struct.pack('<H', style) + more
        look += b'\0' if len(look) % 2 == 0 else b''
        at = (at - len(look) - 1) & ~1
        page[at:at + 1 + len(look)] = bytes([(len(look) + 1) // 2]) + look
        page[4 * len(ends) + 13 * i] = at // 2
    page[511] = len(paragraphs)
    fc = start if wide else start * 2 | 0x40000000
    pieces = struct.pack('<II', 0, len(text)) + struct.pack('<HIH', 0, fc, 0)
    clx = b'\1' + struct.pack('<H', 2) + b'xx' + b'\2' + struct.pack('<I', len(pieces)) + pieces
    look = struct.pack('<III', ends[0], ends[-1], 2)        # which page of 512 bytes
    main = bytearray(start + len(body))
    struct.pack_into('<HHHHHH', main, 0, 0xA5EC, 0xC1, 0, 0x407, 0, 0x1200 | flags)
    struct.pack_into('<H', main, 32, 14)
    struct.pack_into('<H', main, 62, 22)
    struct.pack_into('<I', main, 0x18, start)
    struct.pack_into('<I', main, 0x1C, start + len(body))
    struct.pack_into('<I', main, 0x4C, len(text))
    struct.pack_into('<H', main, 0x98, 93)
    struct.pack_into('<II', main, 0x102, 0, len(look))
    struct.pack_into('<II', main, 0x1A2, len(look), len(clx))
    main[2 * 512:3 * 512] = page
    main[start:] = body
    return ole({'WordDocument': bytes(main), '1Table': look + clx})


def gzip_bomb():
    return gzip.compress(gzip.compress(bytes(50 << 20)))
