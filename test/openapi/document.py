"""document.py -- the printed OpenAPI document as something that judges requests and answers.

    d = Document(json.loads(text))
    op = d.find('GET', '/v1/notes/note_01...')     # an Operation, or None
    op.faults_of_answer(status, headers, body)     # a list of texts, empty when the answer is as the document says
    op.faults_of_request(target, headers, body)

Answers are closed: a field that the document does not name is a fault, though a client must ignore it.  Validators are made once per schema.
"""
import base64
import datetime
import json
import re
import unicodedata
import urllib.parse

import jsonschema_rs

HOME = 'urn:scriped'
DEPTH = 32      # of JSON, contract 12.1
# Headers of HTTP itself and of browsers, documented nowhere.
PLAIN = {'date', 'content-type', 'content-length', 'connection', 'allow', 'transfer-encoding', 'vary',
         'access-control-allow-origin', 'access-control-expose-headers'}


class NotJson(Exception):
    """Bytes that this API does not take for JSON."""


def strict_json(data):
    """JSON as the API reads it: UTF-8, no key twice, no NUL, at most DEPTH deep."""
    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise NotJson('a key stands twice')
        return dict(pairs)

    def look(v, left):
        if isinstance(v, (dict, list)) and not left:
            raise NotJson('nested too deep')
        for one in [*v.keys(), *v.values()] if isinstance(v, dict) else v if isinstance(v, list) else ():
            look(one, left - 1)
        if isinstance(v, str):
            if '\0' in v:
                raise NotJson('a NUL in a text')
            v.encode()

    def refuse(word):
        raise NotJson(f'{word} is no number')
    try:
        v = json.loads(data.decode(), object_pairs_hook=unique, parse_constant=refuse)
        look(v, DEPTH)
    except (ValueError, RecursionError) as e:
        raise NotJson(str(e)) from None
    return v


def header_map(pairs):
    """Lower-case names; what is sent twice is joined."""
    found = {}
    for n, v in pairs:
        found[n.lower()] = found[n.lower()] + ', ' + v if n.lower() in found else v
    return found


def closed(v):
    """A copy in which every object that names its properties has no others."""
    if isinstance(v, list):
        return [closed(one) for one in v]
    if not isinstance(v, dict):
        return v
    copy = {k: closed(one) for k, one in v.items()}
    if isinstance(v.get('properties'), dict) and 'type' in v:
        copy['additionalProperties'] = False
    return copy


def is_day_or_moment(text):
    """The format date-or-date-time, of filters.  RFC 3339 has a year 0, a leap year as 2000 is; datetime has none."""
    text = '2000' + text[4:] if text.startswith('0000') else text
    try:
        (datetime.date if len(text) == 10 else datetime.datetime).fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10 or text[-1] in 'Zz' or text[-6] in '+-'


def is_line(text):
    """The format line, of names: no control character, something that one can see."""
    unseen = {*' \u00a0\u00ad\u1680\u2800\u3000\u3164\ufeff', *map(chr, [*range(0x2000, 0x2010), *range(0x202a, 0x2030), *range(0x205f, 0x2065)])}
    return not any(unicodedata.category(c) in ('Cc', 'Zl', 'Zp') for c in text) and not set(text) <= unseen


def types_of(schema):
    t = schema.get('type')
    return {t} if isinstance(t, str) else set(t or [])


class Document:
    def __init__(self, v):
        self.v = v
        self.open, self.shut = [jsonschema_rs.Registry([(HOME, {k: d.get(k) for k in ('components', 'paths')})]) for d in (v, closed(v))]
        self.known = {}
        self.ops = [Operation(self, method.upper(), path, o)
                    for path, methods in v['paths'].items() for method, o in methods.items()]

    def find(self, method, path):
        """HEAD is answered as GET is.  A path without parameter goes before a template that it also fits."""
        method = 'GET' if method == 'HEAD' else method
        path = urllib.parse.unquote(path)
        hits = [o for o in self.ops if o.method == method and o.pattern.fullmatch(path)]
        return min(hits, key=lambda o: o.path.count('{'), default=None)

    def follow(self, v):
        while '$ref' in v:
            at = self.v
            for part in v['$ref'].lstrip('#/').split('/'):
                at = at[part.replace('~1', '/').replace('~0', '~')]
            v = at
        return v

    def faults(self, schema, value, answer, where):
        """schema: as it stands in the document, with its references."""
        key = (json.dumps(schema, sort_keys=True), answer)
        if key not in self.known:
            text = json.dumps(closed(schema) if answer else schema).replace('"#/', f'"{HOME}#/')
            self.known[key] = jsonschema_rs.Draft202012Validator(json.loads(text), registry=self.shut if answer else self.open,
                                                                 validate_formats=True, formats={'date-or-date-time': is_day_or_moment, 'line': is_line, 'web-address': is_line})
        validator = self.known[key]
        if validator.is_valid(value):
            return []
        return [f'{where}{"".join("/" + str(p) for p in e.instance_path)}: {e.message[:300]}' for e in validator.iter_errors(value)]

    def from_text(self, schema, text):
        """A parameter or header as the value that its text stands for; the text itself where it is none."""
        schema = self.follow(schema)
        kinds = types_of(schema)
        if 'array' in kinds:
            return [self.from_text(schema.get('items', {}), t) for t in text.split(',')]
        if 'integer' in kinds and re.fullmatch(r'-?\d+', text):
            return int(text)
        if 'boolean' in kinds and text in ('true', 'false'):
            return text == 'true'
        return text


class Operation:
    def __init__(self, document, method, path, v):
        self.d, self.method, self.path, self.v = document, method, path, v
        self.id = v['operationId']
        self.pattern = re.compile(re.sub(r'\\\{(\w+)\\\}', r'(?P<\1>[^/]+)', re.escape(path)))
        self.params = [document.follow(p) for p in v.get('parameters', [])]
        self.responses = {int(s): document.follow(r) for s, r in v['responses'].items()}

    def faults_of_answer(self, method, status, headers, body):
        r = self.responses.get(status)
        if r is None:
            return [f'the status {status} is not documented']
        return self.headers(r, header_map(headers)) + self.content(r, method, header_map(headers), body)

    def headers(self, r, sent):
        known = {n.lower(): self.d.follow(h) for n, h in r.get('headers', {}).items()}
        out = [f'the header {n} is not documented' for n in sent if n not in known and n not in PLAIN]
        for n in set(sent) & set(known):
            out += self.d.faults(known[n]['schema'], self.d.from_text(known[n]['schema'], sent[n]), True, n)
        return out + [f'the header {n} is missing' for n, h in known.items() if h.get('required') and n not in sent]

    def content(self, r, method, sent, body):
        forms = r.get('content', {})
        if method == 'HEAD':
            return []
        if not forms:
            return ['a body where none is documented'] if body else []
        form = sent.get('content-type', '').split(';')[0]
        if form not in forms:
            return [f'the media type {form!r} is not documented']
        try:
            value = strict_json(body) if form.endswith('json') else body.decode()
        except NotJson as e:
            return [f'the body is not JSON: {e}']
        return self.d.faults(forms[form].get('schema', {}), value, True, 'body')

    def faults_of_request(self, target, headers, body):
        path, _, query = target.partition('?')
        sent = header_map(headers)
        given = {'path': self.pattern.fullmatch(urllib.parse.unquote(path)).groupdict(),
                 'query': {}, 'header': sent}
        out = ['a bad escape'] if re.search(r'%(?![0-9A-Fa-f]{2})', query) else []
        for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
            if name in given['query'] and any(p['name'] == name for p in self.params if p['in'] == 'query'):
                out.append(f'?{name} stands twice')
            given['query'][name] = value
        for p in self.params:
            out += self.param(p, given.get(p['in'], {}))
        return out + self.body(sent, body)

    def param(self, p, given):
        name = p['name'].lower() if p['in'] == 'header' else p['name']
        text = given.get(name)
        if text is None or (text == '' and p['in'] == 'query'):     # an empty parameter of a query counts as absent
            return [f'{name} is missing'] if p.get('required') else []
        return self.d.faults(p['schema'], self.d.from_text(p['schema'], text), False, name)

    def body(self, sent, body):
        r = self.v.get('requestBody')
        if not r:
            return []
        size = max(len(body), int(sent.get('content-length', 0)))
        if size > r['x-max-bytes']:
            return [f'a body of {size} bytes']
        if not body:
            return ['the body is missing'] if r.get('required') else []
        form = sent.get('content-type', 'application/json').split(';')[0].strip().lower()
        if form not in r['content']:
            return [f'a body of type {form}']
        if not form.endswith('json'):
            return []
        try:
            return self.d.faults(r['content'][form]['schema'], strict_json(body), False, 'body')
        except NotJson as e:
            return [f'the body is not JSON: {e}']


def bytes_of(record, name='body'):
    """The bytes that a traffic file holds as text or base64."""
    if name + '64' in record:
        return base64.b64decode(record[name + '64'])
    return record.get(name, '').encode()
