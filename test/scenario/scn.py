"""scn.py -- reads .scn files into stories (the language is in README.md)."""
import re
from dataclasses import dataclass, field

METHODS = re.compile(r'^([A-Z]+) ((?:/|https?://|\$|\*)(?:\$\([^()]*\)|\S)*)(?: (.*))?$')
HEADER = re.compile(r'^([A-Za-z][A-Za-z0-9-]*):(?: (.*))?$')
CAPTURE = re.compile(r'^(\w+) := (?:header )?(\S+)$')
CHECK = re.compile(r'^(\S+) (=|!=|~|!~|<=|<|>=|>|in|is|has|contains|lacks) (.*)$')
UNARY = re.compile(r'^(\S+) (absent|present|distinct|ascending|descending)$')
EXPECT = re.compile(r'^-> (?:(\d+) x )?(?:(\d{3})|error (\w+)(?: on (\S+))?(?: (".*"|~.*))?|exit (\d+|not 0))$')
PREPARE = ('server', 'fresh', 'workspace', 'project', 'key', 'provider', 'web', 'config', 'hup', 'restart', 'kill', 'start',
           'stop', 'only', 'slow', 'as', 'let', 'upload')


class Bad(Exception):
    """A file that cannot be read; says where."""


@dataclass
class Request:
    line: int
    method: str
    target: str
    body: str = None
    headers: list = field(default_factory=list)


@dataclass
class Check:
    line: int
    kind: str           # header, capture, capture header, or the operator
    path: str
    value: str = ''


@dataclass
class Expect:
    line: int
    count: int = None
    status: int = None
    code: str = None
    on: str = None
    message: str = None
    checks: list = field(default_factory=list)


@dataclass
class Exchange:
    """One or more requests and what their answers must be."""
    line: int
    times: int = 1
    at_once: bool = False
    walk: bool = False
    until: Check = None
    requests: list = field(default_factory=list)
    expects: list = field(default_factory=list)
    across: list = field(default_factory=list)      # (line, 'same' | 'distinct', path)


@dataclass
class Step:
    """A line of preparation, `run` or `log`."""
    line: int
    word: str
    args: str
    expects: list = field(default_factory=list)


@dataclass
class Story:
    title: str
    line: int
    steps: list = field(default_factory=list)


class Reader:
    def __init__(self, name, text):
        self.name, self.n = name, 0
        self.head = Story('head', 0)
        self.stories, self.story, self.step, self.part = [], self.head, None, None
        for self.n, raw in enumerate(text.split('\n'), 1):
            line = raw.rstrip()
            if line.startswith('--') or not line:
                continue
            if line.startswith('  '):
                self.indented(line.strip())
            else:
                self.column_0(line)
        self.whole()

    def bad(self, why):
        raise Bad(f'{self.name}:{self.n}: {why}')

    def whole(self):
        """The step that ends here must be complete."""
        if isinstance(self.step, Exchange) and not (self.step.requests and self.step.expects):
            self.bad(f'the exchange of line {self.step.line} lacks a request or an answer')

    def begin(self, step):
        self.whole()
        self.story.steps.append(step)
        self.step = self.part = step

    def open_exchange(self):
        """The exchange that is being written, which has no answer yet; else a new one."""
        if not isinstance(self.step, Exchange) or self.step.expects:
            self.begin(Exchange(self.n))
        return self.step

    def column_0(self, line):
        word, _, rest = line.partition(' ')
        m = re.match(r'^(\d+) (times|at once)$', line)
        if word == '#':
            self.whole()
            self.story, self.step = Story(rest.strip(), self.n), None
            self.stories.append(self.story)
        elif line.startswith('->'):
            self.expect(line)
        elif m or line == 'at once':
            x = self.open_exchange()
            x.times, x.at_once = int(m.group(1)) if m else 1, not m or m.group(2) == 'at once'
        elif line == 'walk':
            self.open_exchange().walk = True
        elif word == 'until':
            self.open_exchange().until = self.check(rest)
        elif METHODS.match(line):
            self.request(line)
        elif word in ('same', 'distinct') and isinstance(self.step, Exchange):
            self.step.across.append((self.n, word, rest))
        elif word in PREPARE or word in ('run', 'log'):
            self.begin(Step(self.n, word, rest))
        else:
            self.bad(f'not understood: {line}')

    def request(self, line):
        x = self.open_exchange()
        if x.requests and not x.at_once:
            self.bad('the request before this one has no answer (->)')
        m = METHODS.match(line)
        self.part = Request(self.n, m.group(1), m.group(2), m.group(3))
        x.requests.append(self.part)

    def expect(self, line):
        m = EXPECT.match(line)
        if not m or not hasattr(self.step, 'expects'):
            self.bad(f'not an answer, or no request before it: {line}')
        count, status, code, on, message, exit_status = m.groups()
        status = {None: status, 'not 0': -1}.get(exit_status, exit_status)
        self.part = Expect(self.n, int(count) if count else None, int(status) if status is not None else None, code, on, message)
        self.step.expects.append(self.part)

    def indented(self, line):
        if isinstance(self.part, Request):
            m = HEADER.match(line)
            if line.startswith('|'):
                text = line[2:] if line.startswith('| ') else line[1:]
                self.part.body = text if self.part.body is None else self.part.body + '\n' + text
            elif m:
                self.part.headers.append((m.group(1), m.group(2) or ''))
            else:
                self.bad(f'not a header and not a body: {line}')
        elif isinstance(self.part, Expect):
            self.part.checks.append(self.check(line))
        else:
            self.bad(f'nothing to belong to: {line}')

    def check(self, line):
        m = HEADER.match(line)
        if m:
            return Check(self.n, 'header', m.group(1), m.group(2) or '')
        m = CAPTURE.match(line)
        if m:
            return Check(self.n, 'capture header' if ':= header ' in line else 'capture', m.group(2), m.group(1))
        m = UNARY.match(line)
        if m:
            return Check(self.n, m.group(2), m.group(1))
        m = CHECK.match(line)
        if m:
            return Check(self.n, m.group(2), m.group(1), m.group(3))
        self.bad(f'not a check: {line}')


def read(path):
    """(head, stories) of a file."""
    with open(path, encoding='utf-8') as f:
        r = Reader(path, f.read())
    titles = [s.title for s in r.stories]
    for t in titles:
        if titles.count(t) > 1:
            raise Bad(f'{path}: two stories are called "{t}"')
    return r.head, r.stories
