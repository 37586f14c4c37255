"""strict.py -- the same operations under the setting strict_bodies: what nobody knows is refused by name (contract 12.1)."""
import faults
import values
from cases import need
from play import Case

# Unknown names, and how details.field tells them: as they are, cut at 64 bytes between two characters.
NAMES = [('a word', 'bogus', 'bogus'), ('the wrong case', 'PROJECTID', 'PROJECTID'), ('a blank behind', 'content ', 'content '),
         ('an emoji', '😀', '😀'), ('a header', 'a\r\nb: c', 'a\r\nb: c'),
         ('a quote', 'a"b\\', 'a"b\\'), ('64 letters', 'a' * 64, 'a' * 64), ('5,000 letters', 'a' * 5000, 'a' * 64), ('30 emoji', '😀' * 30, '😀' * 16),
         ('empty', '', '')]


def silent(a, data, world):
    need(a.get('Scripe-Ignored-Fields') is None, 'a refused field is said to be ignored')


def cases(op):
    if op.public or not faults.sendable(op) or (op.path_id and not faults.has(faults.good_value(op.path_id))):
        return
    body = faults.base(op)

    def case(about, fault, more, value, want=None):
        row = faults.fresh(op, want)
        return Case(op, about, 'strict: ' + fault, faults.target(op, more, ident='~fresh~' if row else None),
                    faults.written(value) if op.body else None,
                    want, silent, fresh=row, alike=want is not None)
    yield case('the query', 'nothing unknown', [], body)
    for fault, name, told in NAMES[:6]:
        yield case('the query', fault, [(name, '1')], body, faults.bad(told))
    if not op.body:
        return
    for fault, name, told in NAMES:
        yield case('the body', fault, [], {**body, name: faults.Raw(values.dump(1))}, faults.bad(told))
    for f in op.body:
        if f.kind == 'object':
            inner = body.get(f.path[0]) or {}
            yield case('the body', f'inside {f.name}', [], {**body, f.path[0]: {**inner, 'bogus': 1}}, faults.bad(f'{f.name}.bogus'))
