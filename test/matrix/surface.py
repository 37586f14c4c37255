"""surface.py -- what there is to test: every operation with its parameters and fields, from what the binary prints of itself.

Only names, kinds and bounds come from there.  What must be answered stands in rules.py and values.py."""
import json
import subprocess
from dataclasses import dataclass, field

from cases import Wrong
from server import program, surroundings

FORMATS = {None: 'text', 'date-time': 'moment', 'date-or-date-time': 'day', 'uri': 'text', 'line': 'text', 'web-address': 'text'}
METHODS = ('get', 'post', 'patch', 'put', 'delete')


@dataclass
class Field:
    """place: query, create (body of a POST), change (body of a PATCH) or path.  kind: see kind_of.  path: names from the outside in."""
    place: str
    path: tuple
    kind: str
    required: bool
    lo: int = None
    hi: int = None
    words: tuple = ()
    prefix: str = None
    null: bool = False      # whether null is printed as a value of it
    inner: list = field(default_factory=list)
    forms: list = field(default_factory=list)       # of an object that has several: (the word that chooses, or None; fields)

    @property
    def name(self):
        return '.'.join(self.path)


@dataclass
class Op:
    name: str
    method: str
    path: str
    scopes: list
    query: list
    body: list
    listing: bool
    idempotent: bool
    tagged: bool        # takes If-None-Match
    public: bool

    @property
    def title(self):
        return f'{self.method} {self.path}'

    @property
    def id_prefix(self):
        return self.path_id.prefix if self.path_id else None

    path_id: Field = None
    heads: frozenset = frozenset()      # the headers that it takes
    forms: list = field(default_factory=list)       # of the body, as in Field
    people: bool = False        # for people only: a key is refused, whatever it sends


def words(schema):
    return [w for w in schema.get('enum', schema.get('x-extensible-enum', [])) if w is not None]


def kind_of(schema, follow):
    """text, id, moment, day, word, words, texts, whole, real, flag or object; and the schema that says so."""
    if '$ref' in schema:
        schema = follow(schema['$ref'])
    some = [s for s in schema.get('anyOf', []) if s.get('type') != 'null']
    if len(some) == 1:
        return kind_of(some[0], follow)
    if 'oneOf' in schema:
        return 'object', schema
    if 'const' in schema:
        return 'word', {'enum': [schema['const']]}
    t = schema.get('type')
    t = next((x for x in t if x != 'null'), None) if isinstance(t, list) else t
    if t == 'string':
        if words(schema):
            return 'word', schema
        if schema.get('pattern', '').endswith('_[0-7][0-9A-HJKMNP-TV-Z]{25}$'):
            return 'id', schema
        if schema.get('format') in FORMATS:
            return FORMATS[schema.get('format')], schema
    if t == 'array' and words(schema['items']):
        return 'words', schema
    if t == 'array' and schema['items'].get('type') == 'string':
        return 'texts', schema
    kinds = {'integer': 'whole', 'number': 'real', 'boolean': 'flag', 'object': 'object'}
    if t not in kinds:
        raise Wrong(f'a kind of field that the matrix does not know: {json.dumps(schema)[:300]}')
    return kinds[t], schema


def make_field(place, path, schema, required, follow):
    kind, s = kind_of(schema, follow)
    f = Field(place, path, kind, required)
    f.lo, f.hi = s.get('minLength', s.get('minimum')), s.get('maxLength', s.get('maximum'))
    if kind == 'texts':
        f.lo, f.hi = s.get('maxItems'), s['items'].get('maxLength')
    f.words = tuple(words(s) or words(s.get('items', {})))
    f.null = 'null' in s.get('type', [])
    f.prefix = s['pattern'][1:s['pattern'].index('[') - 1] if kind == 'id' else None
    shapes = [follow(o['$ref']) if '$ref' in o else o for o in s.get('oneOf', [])]
    choice = s.get('discriminator', {}).get('propertyName')
    for shape in shapes or [s] if kind == 'object' else []:
        must = shape.get('required', [])
        fields = [make_field(place, path + (n,), p, n in must, follow) for n, p in shape.get('properties', {}).items()]
        f.forms.append((next((x.words[0] for x in fields if x.path[-1] == choice), None), fields))
        f.inner += [x for x in fields if x.path not in {y.path for y in f.inner}]
    return f


def make_op(path, method, o, follow):
    params = [follow(p['$ref']) if '$ref' in p else p for p in o.get('parameters', [])]
    heads = {p['name'] for p in params if p['in'] == 'header'}
    query = [make_field('query', (p['name'],), p['schema'], p.get('required', False), follow) for p in params if p['in'] == 'query']
    ids = [make_field('path', (p['name'],), p['schema'], True, follow) for p in params if p['in'] == 'path']
    body, forms = [], []
    if 'requestBody' in o:
        whole = make_field('change' if method == 'patch' else 'create', (), o['requestBody']['content']['application/json']['schema'], True, follow)
        body, forms = whole.inner, whole.forms
    return Op(o['operationId'], method.upper(), path, o.get('x-scopes', []), query, body, any(f.name == 'cursor' for f in query),
              'Idempotency-Key' in heads, 'If-None-Match' in heads, o.get('security') == [], ids[0] if ids else None, frozenset(heads), forms,
              'x-roles' in o)


def read():
    """Every operation."""
    p = subprocess.run(program() + ['openapi', '--json'], capture_output=True, check=True, env=surroundings())
    doc = json.loads(p.stdout)

    def follow(ref):
        at = doc
        for part in ref[2:].split('/'):
            at = at[part.replace('~1', '/').replace('~0', '~')]
        return at
    return [make_op(path, m, item[m], follow) for path, item in sorted(doc['paths'].items()) for m in METHODS if m in item]
