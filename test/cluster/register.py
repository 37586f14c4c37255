"""register.py -- whether what callers saw of one register has an order that explains it (Herlihy and Wing; the search of Wing and Gong, with memory).

An operation takes effect at one moment between its call and its answer.  The kinds:

    write   the first value
    swap    from `old` to `new`, and it was said to be done
    miss    from `old`, and it was said that the value is another one
    maybe   a swap of which nothing was heard: done at some moment behind its call, refused, or never looked at
    read    saw `new`

Values never come again: each is a token of its own.  Exact, and exponential in how many operations overlap: so few that it does not matter."""
import collections

INFINITY = float('inf')


class Op(collections.namedtuple('Op', 't0 t1 kind old new')):
    """t1 None: nobody heard of its end."""

    def __str__(self):
        return f"{self.t0:.4f}-{'?' if self.t1 is None else format(self.t1, '.4f')} {self.kind} {self.old or ''}>{self.new}"


def after(op, value):
    """The values that may be there behind it; none: it cannot happen now."""
    if op.kind == 'write':
        return [op.new] if value is None else []
    if op.kind == 'swap':
        return [op.new] if value == op.old else []
    if op.kind == 'maybe':
        return [op.new] if value == op.old else []
    if op.kind == 'miss':
        return [value] if value not in (None, op.old) else []
    return [value] if value == op.new else []


def linearizable(ops):
    ops = sorted(ops, key=lambda o: (o.t0, o.t1 or INFINITY))
    must = frozenset(i for i, o in enumerate(ops) if o.kind != 'maybe')
    ends = [INFINITY if o.t1 is None else o.t1 for o in ops]
    seen, stack = set(), [(frozenset(range(len(ops))), None)]
    while stack:
        left, value = stack.pop()
        if not left & must:
            return True
        if (left, value) in seen:
            continue
        seen.add((left, value))
        first_end = min(ends[i] for i in left if i in must)
        for i in left:
            if ops[i].t0 <= first_end:                  # nobody who is left had ended before this one began
                stack += [(left - {i}, v) for v in after(ops[i], value)]
    return False
