"""faults.py -- the cases of every parameter, every field and every id of a path: missing, null, of another type, empty, at its
bounds and beyond, in every script, pointing at what is not there.

What a fault gives stands here by kind of field; rules.py has what the contract says of single ones."""
import copy
import datetime
import json
import re
import unicodedata
from urllib.parse import quote

import rules
import values
from cases import Wrong, need
from play import Case, at, short
from world import GONE, KINDS, MADE, ulid

NOW = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.000Z')
GOOD_TEXT = 'A text.'


def refusal(status, code, name=None):
    return status, code, name


def bad(name=None):
    return refusal(400, 'invalid_request', name)


# ------------------------------------------------------------------------------------------------------------ good requests

def good_value(f):
    """A value that a field takes; ~name~ for an id."""
    if f.kind == 'id':
        name = KINDS[f.prefix][0]
        return f'~{name}~' if name in MADE else f'~{name}_never~'
    if f.kind == 'object':
        return {x.path[-1]: good_value(x) for x in f.inner if x.required}
    return {'text': GOOD_TEXT[:f.hi], 'word': f.words[0] if f.words else None, 'words': list(f.words[:1]), 'texts': [GOOD_TEXT[:f.hi]], 'moment': '2031-05-15T08:21:00.000Z',
            'day': '2026-05-15',
            'whole': f.lo if f.lo is not None else 1, 'real': f.lo if f.lo is not None else 1, 'flag': True}[f.kind]


def base(op, form=None):
    """A body that is taken, or None.  form: the word that chooses one, where there are several."""
    if not op.body:
        return None
    known = rules.BASES.get((op.name, form)) or rules.BASES.get(op.name)
    if known:
        return copy.deepcopy(known)
    fields = next((fields for word, fields in op.forms if word == form), op.forms[0][1])
    return {f.path[-1]: good_value(f) for f in [f for f in fields if f.required] or fields[:1]}


def target(op, query=(), ident=None):
    """Its path, with an id of ours or another, and the parameters that must be there but for those given."""
    path = op.path
    if op.path_id:
        head, _, tail = path.partition('{')
        path = head + (ident or good_value(op.path_id)) + tail.partition('}')[2]
    given = {n for n, v in query}
    pairs = [(f.name, good_value(f)) for f in op.query if f.required and f.name not in given] + [(n, v) for n, v in query if v is not None]
    return path + ('?' if pairs else '') + '&'.join(f'{quote(n, safe="~")}={quote(v, safe="~")}' for n, v in pairs)


def fresh(op, want=None):
    """The kind of row that a taken change is made on, one for each case; None where there is nothing to change."""
    return KINDS[op.id_prefix][0] if op.path_id and op.method != 'GET' and want is None else None


def put(body, path, value):
    """The body with a value at a path; objects on the way are made."""
    out = copy.deepcopy(body)
    node = out
    for part in path[:-1]:
        node = node.setdefault(part, {})
    node[path[-1]] = value
    return out


class Raw:
    """JSON as it is written."""

    def __init__(self, text):
        self.text = text if isinstance(text, bytes) else text.encode()


def written(body):
    """A body with Raw values, as bytes."""
    raws = []

    def mark(v):
        if isinstance(v, dict):
            return {k: mark(x) for k, x in v.items()}
        if isinstance(v, Raw):
            raws.append(v.text)
            return f'~~raw{len(raws) - 1}~~'
        return v
    data = values.dump(mark(body))
    for i, text in enumerate(raws):
        data = data.replace(b'"~~raw%d~~"' % i, text)
    return data


# ------------------------------------------------------------------------------------------------------------------- bodies

class BodyField:
    """The cases of one field of a body."""

    def __init__(self, op, f, form=None):
        self.op, self.f, self.form = op, f, form
        self.about = f.name if form is None else f'{form} {f.name}'
        self.change = f.place == 'change'
        self.key = (op.name, f.name)
        self.without = base(op, form)
        outer = f.path[:-1]
        self.one_of = f.path[-1] in rules.ONE_OF.get((op.name, '.'.join(outer)), ())
        if self.one_of:
            self.without = put(self.without, outer, {}) if outer else {}

    def case(self, fault, value, want=None, check=None):
        unmet = rules.FORMS_REFUSED.get((self.op.name, self.form))
        if unmet and want is None:
            want, check = unmet, None
        row = fresh(self.op, want)
        return Case(self.op, self.about, fault, target(self.op, ident='~fresh~' if row else None), written(put(self.without, self.f.path, value)),
                    want, check, fresh=row)

    def kept(self, value):
        """The check that an accepted value is found again as it was given."""
        path = rules.SHOWN_AS.get(self.key, self.f.name)

        def check(a, data, world):
            if '.' in path and path.split('.')[0] not in data or '.' not in path and path not in data:
                return          # a field that the resource does not show
            want = world.fill_in(value.encode()).decode() if isinstance(value, str) and value.startswith('~') else value
            want = want[:rules.PREVIEWS[self.key]] if self.key in rules.PREVIEWS else want
            got = at(data, path)
            need(got == want, f'{path} is {short(got)}, not {short(want)}')
        return check

    def taken(self, fault, value, shown=None):
        return self.case(fault, value, None, self.kept(value if shown is None else shown) if self.key not in rules.PLACES else None)

    def cases(self):
        f = self.f
        yield from self.absence()
        for text in values.WRONG[f.kind]:
            yield self.case(f'of another type: {text}', Raw(text), bad(f.name))
        yield from getattr(self, 'as_' + f.kind)()

    # missing and null

    def missing(self, want=None, check=None):
        unmet = rules.FORMS_REFUSED.get((self.op.name, self.form))
        if unmet and want is None:
            want, check = unmet, None
        row = fresh(self.op, want)
        return Case(self.op, self.about, 'missing', target(self.op, ident='~fresh~' if row else None), written(drop(self.without, self.f.path)),
                    want, check, fresh=row)

    def absence(self):
        f, outer = self.f, '.'.join(self.f.path[:-1])
        if self.one_of or f.required:
            want = bad(outer or None if self.one_of else f.name)
            yield self.missing(want)
            yield self.case('null', None, want)
        elif self.change:
            yield self.case('null', None, None if self.key in rules.ERASED else bad(f.name))
        else:
            default = rules.DEFAULTS.get(self.key, Ellipsis)
            check = self.kept(default) if default is not Ellipsis else None
            yield self.missing(None, check)
            yield self.case('null', None, None, check)

    # by kind

    def as_grammar(self, right, wrong):
        for text in right:
            yield self.case(f'right: {text!r}', text, None, self.kept(text) if '~' not in text else None)
        for text in wrong + [text for fault, text in values.TEXTS]:
            yield self.case(f'wrong: {text!r}', text, refusal(422, 'unprocessable', self.f.name) if self.key in rules.RULED_GRAMMARS else bad(self.f.name))

    def as_text(self):
        f = self.f
        if self.key in rules.GRAMMARS:
            yield from self.as_grammar(*rules.GRAMMARS[self.key])
            return
        for fault, text in values.TEXTS:
            yield self.taken(fault, text) if self.fits(text) else self.case(fault, text, self.too(text))
        for fault, raw, text in values.ESCAPED:
            as_escape = 'written with escapes: ' + fault
            yield self.taken(as_escape, Raw(f'"{raw}"'), text) if self.fits(text) else self.case(as_escape, Raw(f'"{raw}"'), self.too(text))
        for fault, raw in values.BROKEN_ESCAPES:
            yield self.case(fault, Raw(b'"' + raw + b'"'), bad())
        for fault, raw in values.BROKEN_UTF8:
            yield self.case('bytes that are no UTF-8: ' + fault, Raw(b'"a' + raw + b'b"'), bad())
        yield self.case('empty', '', bad(f.name)) if f.lo or self.key in rules.NOT_EMPTY else self.taken('empty', '')
        yield from self.bounds()

    def fits(self, text):
        return (self.f.lo or 0) <= len(text) <= (self.cap() or len(text)) and (self.key not in rules.LINES or is_line(text))

    def cap(self):
        return rules.TEXT_CAPS.get(self.key) or rules.NAME_CAPS.get(self.key) or self.f.hi

    def too(self, text):
        long = len(text) > (self.f.lo or 0)
        return refusal(413, 'payload_too_large', self.f.name) if long and self.key in rules.TEXT_CAPS else bad(self.f.name)

    def bounds(self):
        hi, lo = self.cap(), self.f.lo or 0
        if hi and hi <= 10000 or self.key in rules.TEXT_CAPS:
            units = values.UNITS if hi <= 100000 else values.UNITS[:2]
            for name, unit in units:
                yield self.taken(f'{hi} code points, {name}', values.of_length(unit, hi))
                yield self.case(f'{hi} code points and one, {name}', values.of_length(unit, hi + 1), self.too('a' * (hi + 1)))
            yield self.taken(f'{hi} code points less one', 'a' * (hi - 1))
        if lo > 1:
            for name, unit in values.UNITS[:2]:
                yield self.taken(f'{lo} code points, {name}', unit * lo)
                yield self.case(f'{lo} code points less one, {name}', unit * (lo - 1), bad(self.f.name))

    def as_id(self):
        f, (name, table) = self.f, KINDS[self.f.prefix]
        missing = refusal(404, 'not_found') if f.name in rules.FOUND_OR_404 else refusal(422, 'unprocessable', f.name)
        for fault, value in [('never was', f'~{name}_never~'), ('of another workspace', f'~{name}_theirs~'), ('deleted', f'~{name}_gone~'),
                             ('empty', '')] + \
                other_kinds(f.prefix) + values.malformed(f.prefix, ulid()):
            if has(value):
                yield self.case(fault, value, missing)
        if has(f'~{name}~') and f.name not in ('statusId', 'folderId') and self.key not in rules.OF_THE_PROJECT:
            yield self.taken('of ours', f'~{name}~')
        if f.name == 'projectId':
            yield self.taken('of an archived project', '~project_archived~')
        if f.name in ('statusId', 'folderId'):
            yield self.taken('of ours', f'~{name}~')
            yield self.case('of another project', f'~{name}_second~', missing)

    def as_word(self):
        f, unknown = self.f, refusal(422, 'unprocessable', self.f.name) if self.f.path[-1] in rules.RULED_WORDS else bad(self.f.name)
        for w in f.words:
            refused = rules.WORDS_REFUSED.get((*self.key, w))
            yield self.case(f'the word {w}', w, refused) if refused else self.taken(f'the word {w}', w)
        for fault, w in unknown_words(f.words):
            yield self.case(fault, w, unknown)
        for fault, raw in values.BROKEN_UTF8[:3]:
            yield self.case('bytes that are no UTF-8: ' + fault, Raw(b'"' + raw + b'"'), bad())

    def as_words(self):
        f = self.f
        yield self.taken('every word', list(f.words))
        yield self.taken('one word', list(f.words[:1]))
        yield self.case('no word', [], bad(f.name)) if self.key in rules.NOT_EMPTY else self.taken('no word', [])
        yield self.taken('a word twice', list(f.words[:1]) * 2, list(f.words[:1]))
        for fault, w in unknown_words(f.words):
            yield self.case(fault, [f.words[0], w], bad(f.name))

    def as_texts(self):
        """f.lo: the most entries; each is a line."""
        f = self.f
        for fault, text in values.TEXTS:
            right = is_line(text) and len(text) <= f.hi
            yield self.taken('an entry: ' + fault, [GOOD_TEXT, text]) if right else self.case('an entry: ' + fault, [GOOD_TEXT, text], bad(f.name))
        for fault, raw in values.BROKEN_ESCAPES:
            yield self.case(fault, Raw(b'["' + raw + b'"]'), bad())
        for fault, raw in values.BROKEN_UTF8:
            yield self.case('bytes that are no UTF-8: ' + fault, Raw(b'["' + raw + b'"]'), bad())
        for name, unit in values.UNITS:
            yield self.taken(f'{f.lo} entries of {f.hi} code points, {name}', [values.of_length(unit, f.hi)] * f.lo)
            yield self.case(f'an entry of {f.hi} code points and one, {name}', [values.of_length(unit, f.hi + 1)], bad(f.name))
        yield self.taken('no entry', [])
        yield self.case('an empty entry', [''], bad(f.name))
        yield self.case('one entry too many', ['a'] * (f.lo + 1), bad(f.name))

    def as_moment(self):
        f = self.f
        for text, shown in values.MOMENTS:
            label = text if len(text) < 60 else text[:40] + '…'
            if shown is None:
                yield self.case(f'no moment: {label!r}', text, bad(f.name))
            elif f.path[-1] in rules.FUTURE and shown <= NOW:
                yield self.case(f'in the past: {label}', text, refusal(422, 'unprocessable', f.name))
            else:
                yield self.taken(f'a moment: {label}', text, shown[:10] + 'T00:00:00.000Z' if self.key in rules.DAY_ONLY else shown)

    def as_day(self):
        f = self.f
        for text, right in values.DAYS:
            yield self.taken(f'the day {text!r}', text, text + 'T00:00:00.000Z') if right else self.case(f'no day: {text!r}', text, bad(f.name))
        for text, shown in values.MOMENTS:
            if text not in ('', '2031-05-15'):
                label = text if len(text) < 60 else text[:40] + '…'
                yield self.taken(f'a moment: {label}', text, shown[:10] + 'T00:00:00.000Z') if shown else self.case(f'no moment: {label!r}', text,
                        bad(f.name))

    def as_whole(self):
        f, clamp = self.f, rules.CLAMPED.get(self.f.path[-1])
        lo, hi = f.lo, clamp or f.hi
        small = lo if lo and lo > 0 else 1
        for pattern, n in values.SAME_NUMBER:
            if small == 1:
                yield self.taken('1 written ' + pattern.format(n=1), Raw(pattern.format(n=1)), 1)
        if lo is not None:
            yield self.taken(f'{lo}, the least', lo)
            yield self.case(f'{lo - 1}, one less than the least', lo - 1, bad(f.name))
            yield self.case('a large negative number', -10**18, bad(f.name))
            if lo <= 0:
                yield self.taken('-0', Raw('-0'), 0)
                yield self.taken('-0.0', Raw('-0.0'), 0)
        if hi is not None:
            yield self.taken(f'{hi}, the most', hi)
            for n in (hi + 1, 2**31, 2**32, 2**53, 2**63 - 1):
                yield self.case(f'{n}, over the most', n, None if clamp else bad(f.name))
            yield self.case('1e300, over the most', Raw('1e300'), None if clamp else bad(f.name))
        for text in values.NO_NUMBER:
            yield self.case('no number: ' + text, Raw(text), bad())

    def as_real(self):
        f = self.f
        for n in {f.lo, f.hi} - {None}:
            yield self.taken(f'{n}, a bound', n)
        for n in ([f.lo - 0.001] if f.lo is not None else []) + ([f.hi + 0.001] if f.hi is not None else []):
            yield self.case(f'{n}, beyond a bound', n, bad(f.name))
        for text in values.NO_NUMBER[:12]:
            yield self.case('no number: ' + text, Raw(text), bad())

    def as_flag(self):
        yield self.taken('true', True)
        yield self.taken('false', False)
        for raw in ('True', 'FALSE', 'yes', 'tru'):
            yield self.case('no JSON: ' + raw, Raw(raw), bad())

    def as_object(self):
        if self.key in rules.ONE_OF:
            yield self.case('empty', {}, bad(self.f.name))
            members = [x for x in self.f.inner if x.path[-1] in rules.ONE_OF[self.key]]
            need(len(members) == len(rules.ONE_OF[self.key]), f'{self.f.name} has not the members of the contract')
            two = {x.path[-1]: good_value(x) for x in members if has(good_value(x))}
            yield self.case('more than one', two, bad(self.f.name))
        elif not any(x.required for x in self.f.inner):
            yield self.case('empty', {}, None)
        for x in self.f.inner:
            yield from BodyField(self.op, x, self.form).cases()


def is_line(text):
    return text.replace('\ufeff', '').strip() != '' and not any(unicodedata.category(c) in ('Cc', 'Zl', 'Zp') for c in text)


def has(value):
    """Whether there is such an id in the world (or it is no name of one)."""
    m = re.fullmatch('~([a-z]+)(_theirs|_gone)?~', value)
    return not m or m.group(1) in (GONE if m.group(2) == '_gone' else MADE)


def other_kinds(prefix):
    """Ids of another kind; one has the same 26 letters behind another prefix."""
    name = KINDS[prefix][0]
    out = [(f'of another kind: a {n}', f'~{n}~') for p, (n, t) in KINDS.items() if p != prefix and n in ('project', 'note', 'post', 'job',
            'workspace')]
    return out + [('the letters of ours behind another prefix', f'~{name}_misnamed~')] if has(f'~{name}~') else out


def unknown_words(words):
    w = words[0]
    return [('an unknown word', 'BOGUS'), ('in the other case', w.swapcase()), ('with a blank behind', w + ' '), ('a part of one', w[:-1]),
            ('an emoji', '😀'),
            ('with a zero width blank', w + '\u200b'), ('two in one', f'{w},{w}'), ('5,000 characters', 'x' * 5000), ('empty', ''),
            ('the word null', 'null')]


def drop(body, path):
    out = copy.deepcopy(body)
    node = out
    for part in path[:-1]:
        node = node.get(part, {})
    node.pop(path[-1], None)
    return out


# ------------------------------------------------------------------------------------------------------------------ queries

class Param:
    """The cases of one query parameter.  A list that is filtered by what names nothing is empty (12.1 References)."""

    def __init__(self, op, f):
        self.op, self.f = op, f

    def case(self, fault, value, want=None, check=None, more=()):
        return Case(self.op, '?' + self.f.name, fault, target(self.op, [(self.f.name, value), *more]), None, want, check)

    def raw(self, fault, text, want):
        """The value as it stands, not encoded."""
        t = target(self.op, [(self.f.name, None)])
        return Case(self.op, '?' + self.f.name, fault, f"{t}{'&' if '?' in t else '?'}{self.f.name}={text}", None, want)

    def cases(self):
        f = self.f
        yield self.case('missing', None, bad(f.name) if f.required else None)
        yield self.case('empty', '', bad(f.name) if f.required else None)
        good = good_value(f)
        good = ','.join(good) if isinstance(good, list) else str(good) if f.kind != 'flag' else 'true'
        good = {'limit': '5', 'cursor': 'x'}.get(f.name, good)
        if f.kind != 'id' or has(good):
            yield self.case('given twice', good, bad(f.name), more=[(f.name, good)])
            yield self.case('given twice, once empty', '', bad(f.name), more=[(f.name, good)])
        for fault, text in (('a NUL', 'a%00b'), ('half an escape', '%4'), ('no escape', '%zz'), ('a bare percent sign', '%'),
                            ('bytes that are no UTF-8', '%ff'),
                            ('an overlong form', '%c0%af'), ('an encoded surrogate', '%ed%a0%80'), ('a cut sequence', '%f0%9f%98')):
            yield self.raw(fault, text, bad())
        yield from getattr(self, 'as_' + f.kind, self.as_other)()

    def as_other(self):
        raise Wrong(f'{self.op.title}: no cases for a parameter of kind {self.f.kind}')

    def as_text(self):
        if self.f.name == 'cursor':
            return
        if (self.op.name, self.f.name) in rules.GRAMMARS:
            right, wrong = rules.GRAMMARS[self.op.name, self.f.name]
            for text in right:
                yield self.case(f'right: {text}', text)
            for text in wrong + [text for fault, text in values.TEXTS]:
                yield self.case(f'wrong: {text!r}', text, bad(self.f.name))
            return
        for fault, text in values.TEXTS:
            yield self.case(fault, text)
        if self.f.hi:
            for name, unit in values.UNITS[:2]:
                yield self.case(f'{self.f.hi} code points, {name}', values.of_length(unit, self.f.hi))
                yield self.case(f'{self.f.hi} code points and one, {name}', values.of_length(unit, self.f.hi + 1), bad(self.f.name))

    def as_whole(self):
        f = self.f
        if f.name == 'limit':
            yield from self.as_limit()
            return
        for text in ('foo', '1.5', '1e2', '0x10', ' 1', '1 ', '--1', '٣', '9223372036854775808'):
            yield self.case('no number: ' + text, text, bad(f.name))
        for n in {f.lo, f.hi} - {None}:
            yield self.case(f'{n}, a bound', str(n))
        for n in ([f.lo - 1] if f.lo is not None else []) + ([f.hi + 1] if f.hi is not None else []):
            yield self.case(f'{n}, beyond a bound', str(n), bad(f.name))

    def as_limit(self):
        wrong = refusal(400, 'bad_pagination', 'limit')
        for text in ('0', '-1', '-0', '501', '999', '1000', '2147483648', '9223372036854775807', '9223372036854775808', '9' * 300, 'foo', 'null',
                     'NaN', '1.0', '1.5', '1e2',
                     '0x10', '5 ', ' 5', '+5', '5,5', '٣', '５', '😀', '5\u200b', 'true', '[]', "5'"):
            yield self.case(f'wrong: {text[:30]}', text, wrong)
        for n in (1, 2, 50, 199, 200, 201, 499, 500):
            yield self.case(f'right: {n}', str(n), None, at_most(min(n, 200)))

    def as_flag(self):
        for text in ('true', 'false'):
            yield self.case(text, text)
        for text in ('1', '0', 'TRUE', 'yes', 'null', 'true '):
            yield self.case('wrong: ' + text, text, bad(self.f.name))

    def as_word(self):
        for w in self.f.words:
            yield self.case(f'the word {w}', w)
        for fault, w in unknown_words(self.f.words):
            if w:
                yield self.case(fault, w, bad(self.f.name))

    def as_words(self):
        f = self.f
        for w in f.words:
            yield self.case(f'the word {w}', w)
        yield self.case('every word', ','.join(f.words))
        yield self.case('a word twice', f'{f.words[0]},{f.words[0]}')
        yield self.case('blanks around words', ' , '.join(f.words[:2]))
        for fault, w in unknown_words(f.words):
            if w and fault not in ('two in one', 'with a blank behind'):
                yield self.case(fault, w, bad(f.name))
                yield self.case(fault + ', behind a good one', f'{f.words[0]},{w}', bad(f.name))
        for fault, text in (('a comma alone', ','), ('a comma behind', f.words[0] + ','), ('a comma before', ',' + f.words[0]),
                            ('a semicolon between', ';'.join(f.words[:2] * 2))):
            yield self.case(fault, text, bad(f.name))

    def as_id(self):
        f, (name, table) = self.f, KINDS[self.f.prefix]
        absent = refusal(404, 'not_found') if f.name in rules.FOUND_OR_404 else None
        for fault, value in [('never was', f'~{name}_never~'), ('of another workspace', f'~{name}_theirs~'), ('deleted', f'~{name}_gone~')] + \
                other_kinds(f.prefix) + values.malformed(f.prefix, ulid()):
            if has(value):
                yield self.case(fault, value, absent, None if absent else empty)
        if has(f'~{name}~'):
            yield self.case('of ours', f'~{name}~')
        if f.name == 'projectId':
            yield self.case('of an archived project', '~project_archived~')

    def as_day(self):
        f, back = self.f, rules.DAYS_BACK.get((self.op.name, self.f.name))
        since = str(datetime.date.today() - datetime.timedelta(days=back)) if back else '0000-00-00'
        for text, right in values.DAYS:
            yield self.case(f'the day {text!r}', text, None if right and text >= since else bad(f.name))
        for text, shown in values.MOMENTS:
            if text and text != '2031-05-15':
                yield self.case(f'the moment {text[:40]!r}', text, None if shown and shown >= since else bad(f.name))
        yield self.raw('an offset whose plus sign became a blank', '2026-05-15T08:21:00+02:00', bad(f.name))


def at_most(n):
    def check(a, data, world):
        need(len(data) <= n, f'{len(data)} rows for a limit of {n}')
        need(len(data) == n or not a.json()['pagination']['has_more'], f'{len(data)} rows for a limit of {n}, and there are more')
    return check


def empty(a, data, world):
    need(data == [] and not a.json()['pagination']['has_more'], f'a filter that nothing fits gave {len(data)} rows')


# ------------------------------------------------------------------------------------------------------------ ids in a path

def path_cases(op):
    f, (name, table) = op.path_id, KINDS[op.id_prefix]
    body = written(base(op)) if op.body else None
    noun = rules.NOUNS.get(op.id_prefix)

    def says(a, data, world):
        need(noun is None or a.json()['error']['message'] == f'{noun} not found.', f"the message is {a.json()['error']['message']!r}")
    for fault, value in [('never was', f'~{name}_never~'), ('of another workspace', f'~{name}_theirs~'), ('deleted', f'~{name}_gone~')] + \
            other_kinds(op.id_prefix) + [(t, quote(v, safe='')) for t, v in values.malformed(op.id_prefix, ulid()) if v != '..'] + \
            [('percent-encoded letters of ours', '~' + name + '_encoded~')]:
        if fault == 'percent-encoded letters of ours':
            if has(f'~{name}~') and op.method == 'GET':
                yield Case(op, '{' + f.name + '}', fault, target(op, ident=value))
        elif has(value):
            yield Case(op, '{' + f.name + '}', fault, target(op, ident=value), body, refusal(404, 'not_found'), says)
    for fault, value in (('nothing', ''), ('an encoded slash', 'a%2Fb'), ('an encoded NUL', 'a%00'), ('bytes that are no UTF-8', '%ff'),
                         ('half an escape', '%4')):
        yield Case(op, '{' + f.name + '}', fault, op.path.replace('{' + f.name + '}', value), body, refusal(404, 'not_found'), routed=False)


# --------------------------------------------------------------------------------------------------------------- whole bodies

def body_cases(op):
    cap = rules.BODY_CAPS.get(op.name, rules.BODY_CAP)
    good = written(base(op))

    def case(fault, body, want=None, check=None):
        row = fresh(op, want)
        return Case(op, 'the body', fault, target(op, ident='~fresh~' if row else None), body, want, check, fresh=row)
    for text in values.NO_OBJECT + values.NO_JSON:
        yield case('no object: ' + repr(text[:30]), text, None if text == b'' and op.name in rules.BODY_OPTIONAL else bad())
    for fault, tail in (('a letter behind', b'x'), ('another behind', good), ('a NUL behind', b'\0'), ('a comma behind', b',')):
        yield case(fault, good + tail, bad())
    yield case('blanks around', b' \r\n\t' + good + b' \r\n\t')
    yield case('a byte order mark before', b'\xef\xbb\xbf' + good)
    yield case('two byte order marks before', b'\xef\xbb\xbf' * 2 + good, bad())
    yield case('a byte order mark behind', good + b'\xef\xbb\xbf', bad())
    yield case('a byte order mark alone', b'\xef\xbb\xbf', bad())
    yield case('as large as it may be', good + b' ' * (cap - len(good) - 100))
    yield case('larger than it may be', good + b' ' * (cap + 1), refusal(413, 'payload_too_large'))
    yield case('as deep as it may be', good[:-1] + b', "x": ' + b'[' * 31 + b']' * 31 + b'}', None, ignores('x'))
    yield case('deeper than it may be', good[:-1] + b', "x": ' + b'[' * 32 + b']' * 32 + b'}', bad())
    name = json.dumps(next(iter(json.loads(good))))
    yield case('a field twice', good[:-1] + b', ' + name.encode() + b': 1}', bad())
    for fault, key, told in ignored_names():
        yield case('an unknown field: ' + fault, good[:-1] + b', ' + values.dump(key) + b': 1}', None, ignores(told))
    many = {f'f{i:02}': i for i in range(25)}
    yield case('25 unknown fields', good[:-1] + b', ' + values.dump(many)[1:], None, ignores(', '.join(list(many)[:20])))
    for wrong in ('1', 'null', '"a"', '[1]', '{"a": 1}', '18446744073709551615', '1e400'):
        outcome = bad() if wrong in ('18446744073709551615', '1e400') else None
        yield case(f'an unknown field that is {wrong}', good[:-1] + b', "x": ' + wrong.encode() + b'}', outcome, None if outcome else ignores('x'))
    for f in op.body:
        if f.kind == 'object' and (op.name, f.name) not in rules.ONE_OF:
            yield case('an unknown field inside', written(put(base(op), f.path + ('more',), 1)), None, ignores(f'{f.name}.more'))
    if op.method == 'PATCH':
        must = next((f.name for f in op.body if f.required), None)
        yield case('empty', b'{}', bad(must))
        yield case('of unknown fields only', b'{"x": 1}', bad(must))


def ignored_names():
    """Unknown names, and how Scripe-Ignored-Fields tells them (12.1)."""
    return [
        ('plain', 'a.b-c_D9', 'a.b-c_D9'), ('a blank', 'a b', 'a%20b'), ('a comma', 'a,b', 'a%2Cb'), ('a quote', 'a"b', 'a%22b'),
        ('a header', 'a\r\nSet-Cookie: b', 'a%0D%0ASet-Cookie%3A%20b'),
        ('a percent sign', '%41', '%2541'), ('an accent', 'é', '%C3%A9'), ('an emoji', '😀', '%F0%9F%98%80'), ('a question mark', 'a?b', 'a%3Fb'),
        ('a tilde', '\u007e', '%7E'),
        ('64 letters', 'a' * 64, 'a' * 64), ('65 letters', 'a' * 65, 'a' * 64), ('an escape that would be cut', 'a' * 63 + 'é', 'a' * 63),
        ('5,000 letters', 'a' * 5000, 'a' * 64),
        ('21 emoji', '😀' * 21, '%F0%9F%98%80' * 5 + '%F0'), ('a name in the wrong case', 'PROJECTID', 'PROJECTID'),
    ]


def ignores(told):
    def check(a, data, world):
        got = a.get('Scripe-Ignored-Fields')
        need(got == told, f'Scripe-Ignored-Fields is {short(got)}, not {short(told)}')
    return check


def query_cases(op):
    """Parameters that nobody knows, on any operation."""
    def case(fault, more, check):
        row = fresh(op)
        return Case(op, 'the query', fault, target(op, more, ident='~fresh~' if row else None), written(base(op)) if op.body else None, None, check,
                    fresh=row)
    for fault, key, told in ignored_names():
        if key != '~' and '\n' not in key:
            cut = ('?' + told)[:64] if '%' not in told[-4:] else '?' + told
            if fault not in ('an escape that would be cut', '21 emoji'):
                yield case('an unknown parameter: ' + fault, [(key, '1')], ignores(cut))
    yield case('an unknown parameter in brackets', [('projectId[]', 'x')], ignores('?projectId%5B%5D'))
    yield case('25 unknown parameters', [(f'f{i:02}', '') for i in range(25)], ignores(', '.join(f'?f{i:02}' for i in range(20))))


# ----------------------------------------------------------------------------------------------------------------------- all

def sendable(op):
    """Whether a request of an operation can be played as often as one likes: a cancel, say, is taken once."""
    return op.method in ('GET', 'PATCH') or op.body


def cases(op):
    for f in op.query:
        yield from Param(op, f).cases()
    for form, fields in op.forms:
        for f in fields:
            yield from BodyField(op, f, form).cases()
    if op.path_id:
        yield from path_cases(op)
    if op.body:
        yield from body_cases(op)
    if sendable(op) and not op.public:
        yield from query_cases(op)
