"""values.py -- the values that are sent, by kind of field, and what each must become.

Written from RFC 3339, RFC 8259, Unicode and the contract.  OK as an outcome means: taken and kept as it is."""
import json

# ----------------------------------------------------------------------------------------------------------------- texts

# Kept as they are, code point by code point.
TEXTS = [
    ('an emoji', '😀'), ('emoji joined', '👨‍👩‍👧‍👦'), ('a flag', '🇩🇪'), ('a skin tone', '👍🏽'), ('a keycap', '1️⃣'),
    ('combining marks', 'e\u0301'), ('many combining marks', 'a' + '\u0300\u0323\u0331' * 20), ('composed', '\u00e9'),
    ('NFC and NFD side by side', '\u00c5\u212b A\u030a'), ('conjoining jamo', '\u1112\u1161\u11ab'), ('compatibility forms', 'ﬁ①²Ⅷ'),
    ('right to left', 'שלום עולם، مرحبا'), ('a bidi override', 'a\u202eb\u202c'), ('bidi isolates', '\u2067a\u2069'),
    ('U+FEFF first', '\ufeffa'), ('U+FEFF alone', '\ufeff'), ('line separators', 'a\u2028b\u2029c\u0085d'), ('zero width', 'a\u200bb\u200d\u2060'),
    ('noncharacters', '\ufffe\uffff\U0001fffe\U0010ffff'), ('a replacement character', '\ufffd'), ('private use', '\ue000\U000f0000'),
    ('variation selectors', '☃\ufe0e☃\ufe0f'), ('tags', '\U000e0041\U000e007f'), ('every control but NUL',
            ''.join(map(chr, range(1, 32))) + '\x7f\x80\x9f'),
    ('line ends', 'a\r\nb\nc\rd'), ('blanks around', ' \t a\u00a0\u3000 '), ('quotes', '"\\/\'`\\"'), ('SQL', "'; DROP TABLE note; --"),
    ('markup', '<script>alert(1)</script>&amp;]]>'), ('formats', '%s%n%d{}${x}$1 {{x}}'), ('escapes as text', '\\u0000\\ud800%00'),
    ('words of JSON', 'null'), ('a number', '1e3'), ('Turkish and German', 'İıßẞ'), ('astral letters', '𝔘𐍈𠜎'),
]
# Written with escapes; what they mean.
ESCAPED = [
    ('a pair of surrogates', '\\ud83d\\ude00', '😀'), ('a pair in capitals', '\\uD83D\\uDE00', '😀'),
    ('every short escape', '\\"\\\\\\/\\b\\f\\n\\r\\t', '"\\/\b\f\n\r\t'),
    ('letters as escapes', '\\u0041\\u00e9\\u2028\\ufeff', 'Aé\u2028\ufeff'), ('a noncharacter', '\\uffff', '\uffff'),
]
# What no JSON text holds, between two quotes.
BROKEN_ESCAPES = [
    ('a lone high surrogate', b'\\ud800'), ('a lone low surrogate', b'\\udc00'), ('surrogates the wrong way round', b'\\ude00\\ud83d'),
    ('a high surrogate and a letter', b'\\ud83dA'), ('two high surrogates', b'\\ud83d\\ud83d'), ('U+0000', b'a\\u0000b'),
    ('U+0000 alone', b'\\u0000'),
    ('half an escape', b'\\u00'), ('no escape at all', b'\\x41'), ('a bare backslash', b'\\'), ('digits that are none', b'\\u00g0'),
    ('a raw NUL', b'a\0b'),
    ('a raw line feed', b'a\nb'), ('a raw tab', b'a\tb'), ('a raw U+001F', b'\x1f'),
]
BROKEN_UTF8 = [
    ('FF', b'\xff'), ('FE', b'\xfe'), ('a lone continuation', b'\x80'), ('a cut sequence of two', b'\xc3'), ('a cut sequence of three', b'\xe2\x82'),
    ('a cut sequence of four', b'\xf0\x9f\x98'), ('an overlong slash of two', b'\xc0\xaf'), ('an overlong slash of three', b'\xe0\x80\xaf'),
    ('an overlong slash of four', b'\xf0\x80\x80\xaf'), ('an overlong NUL', b'\xc0\x80'), ('an encoded surrogate', b'\xed\xa0\x80'),
    ('a pair of encoded surrogates', b'\xed\xa0\xbd\xed\xb8\x80'), ('over U+10FFFF', b'\xf4\x90\x80\x80'), ('five bytes', b'\xf8\x88\x80\x80\x80'),
    ('six bytes', b'\xfc\x84\x80\x80\x80\x80'), ('Latin-1', b'caf\xe9'), ('UTF-16', 'a'.encode('utf-16')),
    ('one continuation too many', b'\xc3\xa9\xa9'),
]
# What lengths are counted in: code points.
UNITS = [('ASCII', 'a'), ('emoji', '😀'), ('joined emoji', '👩\u200d🚀'), ('combining marks', 'e\u0301'), ('right to left', 'ש')]


def of_length(unit, n):
    return (unit * n)[:n]


# ------------------------------------------------------------------------------------------------------------ JSON types

# kind -> the JSON values of another type; each is refused by name.
WRONG = {
    'text': ['0', '1', '1.5', 'true', 'false', '[]', '["a"]', '{}', '{"a":"b"}'],
    'flag': ['0', '1', '"true"', '"false"', '""', '"yes"', '[]', '[true]', '{}'],
    'whole': ['"1"', '"1.0"', '"1e2"', '"NaN"', '"Infinity"', '""', '"0x10"', '1.5', '-0.5', '1e-3', 'true', 'false', '[]', '[1]', '{}'],
    'real': ['"1"', '"NaN"', '""', 'true', '[]', '[1]', '{}'],
    'object': ['0', '""', '"a"', 'true', '[]', '[{}]'],
    'texts': ['0', '""', '"a"', 'true', '{}', '[1]', '[null]', '[true]', '[[]]', '[{}]'],
    'words': ['0', '""', '"a"', 'true', '{}', '[1]', '[null]', '[true]', '[[]]', '[{}]'],
}
for name in ('id', 'moment', 'day', 'word'):
    WRONG[name] = WRONG['text']

# Whole numbers in other clothes (JSON has one kind of number, and 1.0 is a whole one), and what they are.
SAME_NUMBER = [('{n}.0', 1), ('{n}e0', 1), ('{n}.00E+0', 1), ('{n}0e-1', 1), ('0.{n}e1', 1)]
# Not numbers, or beyond what is read: the body is no JSON then.
NO_NUMBER = ['NaN', 'Infinity', '-Infinity', '+1', '01', '1.', '.5', '0x10', '1e', '1_000', '--1', '1e400', '9223372036854775808',
             '-9223372036854775809',
             '123456789012345678901234567890']

# --------------------------------------------------------------------------------------------------------------- moments

# RFC 3339, and the moment in milliseconds of UTC; None is refused.
MOMENTS = [
    ('2031-05-15T08:21:00Z', '2031-05-15T08:21:00.000Z'), ('2031-05-15T00:00:00.000Z', '2031-05-15T00:00:00.000Z'),
    ('2031-05-15T23:59:59.999Z', '2031-05-15T23:59:59.999Z'), ('2031-05-15t08:21:00z', '2031-05-15T08:21:00.000Z'),
    ('2031-05-15T08:21:00t', None),
    # fractions: milliseconds are kept, what is finer is cut, never rounded
    ('2031-05-15T08:21:00.1Z', '2031-05-15T08:21:00.100Z'), ('2031-05-15T08:21:00.12Z', '2031-05-15T08:21:00.120Z'),
    ('2031-05-15T08:21:00.123Z', '2031-05-15T08:21:00.123Z'), ('2031-05-15T08:21:00.1239Z', '2031-05-15T08:21:00.123Z'),
    ('2031-05-15T08:21:00.12399Z', '2031-05-15T08:21:00.123Z'), ('2031-05-15T08:21:00.123999Z', '2031-05-15T08:21:00.123Z'),
    ('2031-05-15T08:21:00.1239999Z', '2031-05-15T08:21:00.123Z'), ('2031-05-15T08:21:00.12399999Z', '2031-05-15T08:21:00.123Z'),
    ('2031-05-15T23:59:59.999999999Z', '2031-05-15T23:59:59.999Z'), ('2031-05-15T08:21:00.0000000000000000000001Z', '2031-05-15T08:21:00.000Z'),
    ('2031-05-15T08:21:00.Z', None), ('2031-05-15T08:21:00,5Z', None), ('2031-05-15T08:21:00.5', None), ('2031-05-15T08:21:00.-5Z', None),
    # offsets
    ('2031-05-15T01:00:00+05:30', '2031-05-14T19:30:00.000Z'), ('2031-05-15T12:00:00-12:00', '2031-05-16T00:00:00.000Z'),
    ('2031-05-15T13:59:59+14:00', '2031-05-14T23:59:59.000Z'), ('2031-05-15T14:00:00+14:00', '2031-05-15T00:00:00.000Z'),
    ('2031-05-15T08:21:00+00:00', '2031-05-15T08:21:00.000Z'), ('2031-05-15T08:21:00-00:00', '2031-05-15T08:21:00.000Z'),
    ('2031-05-15T08:21:00+23:59', '2031-05-14T08:22:00.000Z'), ('2031-12-31T23:30:00-01:00', '2032-01-01T00:30:00.000Z'),
    ('2031-05-15T08:21:00.5+00:01', '2031-05-15T08:20:00.500Z'),
    ('2031-05-15T08:21:00+24:00', None), ('2031-05-15T08:21:00+05:60', None), ('2031-05-15T08:21:00+0530', None), ('2031-05-15T08:21:00+05', None),
    ('2031-05-15T08:21:00+5:30', None), ('2031-05-15T08:21:00 +05:30', None), ('2031-05-15T08:21:00Z+01:00', None), ('2031-05-15T08:21:00UTC', None),
    ('2031-05-15T08:21:00 Z', None), ('2031-05-15T08:21:00\u221205:00', None), ('2031-05-15T08:21:00', None),
    # days and years
    ('2032-02-29T12:00:00Z', '2032-02-29T12:00:00.000Z'), ('2400-02-29T12:00:00Z', '2400-02-29T12:00:00.000Z'),
    ('2031-02-28T23:59:59.999Z', '2031-02-28T23:59:59.999Z'),
    ('2031-02-29T00:00:00Z', None), ('2100-02-29T00:00:00Z', None), ('2031-02-30T00:00:00Z', None), ('2031-04-31T00:00:00Z', None),
    ('2031-00-10T00:00:00Z', None), ('2031-13-01T00:00:00Z', None), ('2031-01-00T00:00:00Z', None), ('2031-01-32T00:00:00Z', None),
    ('9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'), ('9999-12-31T23:59:59-00:01', None), ('10000-01-01T00:00:00Z', None),
    ('+10000-01-01T00:00:00Z', None),
    ('1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999Z'), ('1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'),
    ('1582-10-10T00:00:00Z', '1582-10-10T00:00:00.000Z'),
    ('0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'), ('0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'),
    ('0000-02-29T00:00:00Z', '0000-02-29T00:00:00.000Z'),
    ('0000-01-01T00:00:00+00:01', None), ('-0001-01-01T00:00:00Z', None),
    # hours, minutes, seconds; a leap second ends a day of UTC and nothing else
    ('2031-05-15T23:59:60Z', '2031-05-16T00:00:00.000Z'), ('1998-12-31T15:59:60.123-08:00', '1999-01-01T00:00:00.123Z'),
    ('2031-05-15T22:59:60Z', None),
    ('2031-05-15T23:58:60Z', None), ('2031-05-15T23:59:60+01:00', None), ('9999-12-31T23:59:60Z', None), ('2031-05-15T23:59:61Z', None),
    ('2031-05-15T24:00:00Z', None), ('2031-05-15T25:00:00Z', None), ('2031-05-15T23:60:00Z', None), ('2031-05-15T-1:00:00Z', None),
    # other forms
    ('2031-05-15 08:21:00Z', None), ('2031-05-15_08:21:00Z', None), ('2031-05-15', None), ('15/05/2031', None), ('05/15/2031', None),
    ('20310515T082100Z', None),
    ('2031-05-15T08:21Z', None), ('2031-5-15T08:21:00Z', None), ('2031-05-15T8:21:00Z', None), ('2031-135T08:21:00Z', None),
    ('2031-W20-4T08:21:00Z', None),
    ('Thu, 15 May 2031 08:21:00 GMT', None), ('1936599660', None), ('1936599660000', None), ('tomorrow', None), ('now', None), ('null', None),
    (' 2031-05-15T08:21:00Z', None), ('2031-05-15T08:21:00Z ', None), ('2031-05-15T08:21:00Z\n', None), ('2031-05-15T08:21:00ZZ', None), ('', None),
    ('２０３１-05-15T08:21:00Z', None), ('2031\u201305\u201315T08:21:00Z', None), ('2031-05-15T08:21:00.' + '9' * 5000 + 'Z', '2031-05-15T08:21:00.999Z'),
    ('2031-05-15T08:21:00.' + '9' * 200, None), ('a' * 5000, None),
]
# Days, where a filter takes days and moments.
DAYS = [
    ('2026-05-15', True), ('2028-02-29', True), ('2000-02-29', True), ('9999-12-31', True), ('0000-01-01', True), ('1969-12-31', True),
    ('2026-02-29', False), ('1900-02-29', False), ('2026-04-31', False), ('2026-13-01', False), ('2026-00-01', False), ('2026-01-00', False),
    ('2026-01-32', False),
    ('10000-01-01', False), ('2026-5-15', False), ('15/05/2026', False), ('05/15/2026', False), ('2026/05/15', False), ('20260515', False),
    ('2026-05', False),
    ('2026', False), ('2026-05-15Z', False), ('2026-05-15T', False), (' 2026-05-15', False), ('2026-05-15 ', False), ('today', False),
    ('1778803200', False),
    ('２０２６-05-15', False),
]

# -------------------------------------------------------------------------------------------------------------------- ids


def malformed(prefix, ulid):
    """Texts that look like an id and are none; the last ones do not even look like one."""
    whole = f'{prefix}_{ulid}'
    return [
        ('all in lower case', whole.lower()), ('a prefix in capitals', f'{prefix.upper()}_{ulid}'), ('no prefix', ulid),
        ('a prefix alone', prefix + '_'),
        ('a hyphen in the place of the line', f'{prefix}-{ulid}'), ('a character less', whole[:-1]), ('a character more', whole + '0'),
        ('two prefixes', f'{prefix}_{whole}'),
        ('the letter I', whole[:-1] + 'I'), ('the letter L', whole[:-1] + 'L'), ('the letter O', whole[:-1] + 'O'),
        ('the letter U', whole[:-1] + 'U'),
        ('a moment that is too large', f'{prefix}_8{ulid[1:]}'), ('a blank behind', whole + ' '), ('a blank before', ' ' + whole),
        ('a line feed behind', whole + '\n'),
        ('a zero width blank behind', whole + '\u200b'), ('a full-width digit', whole[:-1] + '０'), ('an emoji', '😀'), ('a word', 'undefined'),
        ('null as a text', 'null'),
        ('a number', '1'), ('dots', '..'), ('quotes', "' OR 1=1 --"), ('5,000 characters', f'{prefix}_' + '0' * 5000),
    ]


# ----------------------------------------------------------------------------------------------------------------- bodies

# Bodies that are no JSON object, whatever the operation; {} stands for a good one.
NO_OBJECT = [b'null', b'true', b'0', b'1', b'""', b'"{}"', b'[]', b'[{}]', b'[null]']
NO_JSON = [
    b'', b' ', b'\n', b'{', b'}', b'{"', b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,}', b'{,}', b'{a:1}', b"{'a':1}", b'{"a":1}}', b'{"a":1} x',
    b'{"a":1}{"a":1}',
    b'{"a":undefined}', b'{"a":1 "b":2}', b'{"a"=1}', b'// c\n{"a":1}', b'{"a":1}/* c */', b'{"a":tru}', b'{"a":True}', b'{"a":NULL}', b'a=1&b=2',
    b'<a>1</a>', b'--x\r\n',
    b'\x1f\x8b\x08', b'{"a":1}\0', b'\0{"a":1}', '{"a":1}'.encode('utf-16'), '{"a":1}'.encode('utf-16-le'), '{"a":1}'.encode('utf-32'),
    b'\xff\xfe{"a":1}', b'{"a":"', b'{"a":[1,2}',
    b'{"a":1\xa0}', b'\xc2\xa0{"a":1}', b'{"a":1;}', b'{"\xff":1}', b'{"\\ud800":1}', b'{"\\u0000":1}',
    b'{"a":{"b":1,"b":2}}', b'{"a":1,"a":1}', b'{"a":1,"\\u0061":1}', b'[' * 100000, b'{"a":' * 10000, b'{"a":' + b'[' * 32 + b']' * 32 + b'}',
]


def dump(value):
    return json.dumps(value, ensure_ascii=False).encode()
