#!/usr/bin/env python3
"""traffic.py -- holds what the stories sent and got (build/traffic) against the printed OpenAPI document, and says what they never saw.

An answer must have a documented status, media type, headers and exactly the fields of its schema.  A request that succeeded must
be one that the document allows, and one that the document allows must not be refused for its shape.  All together, every
operation, every documented status of every operation and every error code must have come up.  Exceptions stand in the tables below, each
with its reason.

    python3 test/scenario/run.py && build/venv/bin/python test/openapi/traffic.py [--verbose]
"""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'lib')]

from document import Document, bytes_of, header_map
from server import ROOT, program, surroundings
from tap import Tap

# Files whose servers are set up so that the document does not describe them.
OTHERS = {
    'bench': 'operations and jobs of the setting `bench` are in no document',
    'cors': 'the headers of `cors_origins` are between the browser and the server',
}
# Requests that are refused for their shape though the schema allows them: (code, what the message says): why no schema tells.
BEYOND = [
    ('bad_cursor', '', 'what a cursor holds is nobody\'s business but the server\'s'),
    ('invalid_request', "Unknown (field|parameter)", 'only under the setting `strict_bodies`'),
    ('invalid_request', "'status' must be an HTTP status", 'a number or a class such as 4xx: said in words'),
    ('invalid_request', 'What is suggested has no column', 'one of the categories, which words say'),
    ('invalid_request', "'url' must begin with https", 'the format uri takes every scheme'),
    ('invalid_request', '366 days', 'no schema compares two parameters, or one with today'),
    ('invalid_request', 'changes nothing', 'a body of unknown fields only counts as empty: no schema counts the known ones'),
    ('invalid_request', 'must be left out when', 'a form of a body is open to fields that it does not know: the document cannot bar those of another form'),
    ('invalid_request', "'statusId' and 'statusCategory' exclude", 'generators of clients make nonsense of a `not`; the description says it'),
    ('invalid_request', 'says the same as another field', 'of an older version; likewise'),
    ('invalid_request', 'one line of text', 'which characters draw nothing is too long for a pattern'),
    ('invalid_request', 'has no column', 'one word of the list; the description says it'),
    ('version_unsupported', 'is pinned to version', 'what a key is pinned to is not in the request'),
]
# Requests that are taken though the document refuses them: (what is at fault, why it is taken).
TAKEN = [
    (r'^idempotency-key: ', 'one of another form is ignored, and the answer says so'),
    (r'^body.*: null is not of type', 'in a create null is absence'),
    (r'^folderId: ', 'a filter by an id that no folder has finds nothing'),
]
# Statuses that no story can bring about on purpose.
UNSEEN = {
    500: 'an internal error is a bug: the fault tests of the units make them',
}
# (operation, status): likewise
UNSEEN_OF = {}
# Of operations for people: what a key, which they refuse, can see of them.  call_test and people.scn go on from inside.
OF_PEOPLE = {400, 401, 403, 404}
CODES_UNSEEN = {
    'internal_error': UNSEEN[500],
    'workspace_mismatch': 'only a signed-in person or a program gets it, and no story signs one in; people_test does',
    'origin_refused': 'only a browser in which somebody is signed in gets it; people_test has one',
}


def printed(*options):
    p = subprocess.run(program() + ['openapi', '--json', *options], stdout=subprocess.PIPE, check=True, env=surroundings())
    return json.loads(p.stdout)


class Judge:
    """What one run of the stories shows."""

    def __init__(self, document):
        self.d = document
        self.older = {}         # documents of other versions, printed when they are met
        self.seen = collections.Counter()       # (operationId, status)
        self.codes = set()      # of errors
        self.faults = collections.OrderedDict()     # text: the first story that shows it
        self.exchanges = 0

    def fault(self, where, text):
        self.faults.setdefault(text, where)

    def exchange(self, engine, name, x):
        request, answer = x['request'], x['answer']
        method, target = request['method'], request['target']
        path = target.split('?')[0]
        if not re.match(r'/v1(/|$)', path) or name in OTHERS or method == 'OPTIONS':      # a browser's own question
            return
        if name == 'versions' and header_map(answer['headers']).get('idempotent-replayed') == 'true':
            return      # in the form of the first answer, whatever version asks again
        self.exchanges += 1
        body, where = bytes_of(answer), f"{engine} {name}: {x['story']}"
        code = self.code_of(body)
        self.codes.add(code or '')
        op = self.of_version(answer).find(method, path)
        if not op:
            if answer['status'] not in (404, 405, 400, 401, 403, 429, 413):
                self.fault(where, f"{method} {path} is in no document and answered {answer['status']}")
            return
        self.seen[op.id, answer['status']] += 1
        for f in op.faults_of_answer(method, answer['status'], answer['headers'], body):
            self.fault(where, f"{op.id} {answer['status']}: {f}")
        self.request(where, op, request, answer['status'], code, body)

    def of_version(self, answer):
        """The document of the version that answered."""
        version = header_map(answer['headers']).get('scripe-api-version')
        if version in (None, self.d.v['info']['version']):
            return self.d
        if version not in self.older:
            self.older[version] = Document(printed('--api-version', version))
        return self.older[version]

    def request(self, where, op, request, status, code, body):
        faults = op.faults_of_request(request['target'], request['headers'], bytes_of(request))
        if status < 400 and faults and not any(re.search(m, faults[0]) for m, why in TAKEN):
            self.fault(where, f'{op.id} {status}: the request was taken, the document refuses it: {faults[0]}')
        if status in (400, 413, 415) and not faults:
            message = body.decode('utf-8', 'replace')
            if not any(code == c and re.search(m, message) for c, m, why in BEYOND):
                self.fault(where, f'{op.id} {status}: the document allows the request, the server says {message[:250]}')

    @staticmethod
    def code_of(body):
        try:
            v = json.loads(body)
            return v['error']['code'] if 'error' in v else v['code']
        except (ValueError, KeyError, TypeError):
            return None


def codes_of(document):
    """Every error code: the table in the description of ErrorBody.code."""
    table = document.v['components']['schemas']['ErrorBody']['properties']['code']['description']
    return re.findall(r'^\| `(\w+)` \|', table, re.M)


def coverage(judge, tap):
    for op in judge.d.ops:
        expected = [s for s in op.responses if s not in UNSEEN and (op.id, s) not in UNSEEN_OF and ('x-roles' not in op.v or s in OF_PEOPLE)]
        missing = [s for s in expected if not judge.seen[op.id, s]]
        tap.line(f'{op.id}: every documented status was seen', f"never seen: {', '.join(map(str, missing))}" if missing else None)
        for s in op.responses:
            if judge.seen[op.id, s] and (op.id, s) in UNSEEN_OF:
                tap.line(f'{op.id} {s} is excepted and yet seen', 'take it out of UNSEEN_OF')
    for c in sorted(judge.codes & set(CODES_UNSEEN)):
        tap.line(f'{c} is excepted and yet seen', 'take it out of CODES_UNSEEN')
    never = [c for c in codes_of(judge.d) if c not in judge.codes and c not in CODES_UNSEEN]
    tap.line('every error code was seen', f"never seen: {', '.join(never)}" if never else None)


def main():
    p = argparse.ArgumentParser(description='Holds recorded traffic against the printed OpenAPI document.')
    p.add_argument('files', nargs='*', default=sorted(glob.glob(os.path.join(ROOT, 'build', 'traffic', '*.jsonl'))))
    p.add_argument('--verbose', action='store_true', help='a table of how often each status was seen')
    options = p.parse_args()
    judge, tap = Judge(Document(printed())), Tap()
    for f in options.files:
        engine, name = os.path.splitext(os.path.basename(f))[0].split('-', 1)
        with open(f) as lines:
            for line in lines:
                judge.exchange(engine, name, json.loads(line))
    tap.line('there is traffic', None if judge.exchanges else 'build/traffic is empty: run test/scenario/run.py first')
    for text, where in judge.faults.items():
        tap.line(text, where)
    tap.line(f'{judge.exchanges} exchanges are as the document says', f'{len(judge.faults)} are not' if judge.faults else None)
    coverage(judge, tap)
    if options.verbose:
        for op in judge.d.ops:
            print('#', op.id, *(f'{s}:{judge.seen[op.id, s]}' for s in sorted(op.responses)))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
