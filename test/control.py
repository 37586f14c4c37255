#!/usr/bin/env python3
"""control.py -- the socket that commands reach a running server through: what it takes, what it refuses, and that neither
harms the server.

    python3 test/control.py [--only WORDS]

TAP lines, and `N passed, N failed` at the end."""
import json
import os
import socket
import stat
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import cases
from cases import case, need


def connect(s):
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(60)
    c.connect(os.path.join(s.data, 'scriped.sock'))
    return c


def say(s, data, end=True):
    """What the server answers to these bytes, as JSON; None when it says nothing."""
    with connect(s) as c:
        try:
            c.sendall(data)
            if end:
                c.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass        # it has heard enough
        got = b''
        try:
            while not got.endswith(b'\n'):
                piece = c.recv(1 << 16)
                if not piece:
                    break
                got += piece
        except ConnectionResetError:
            pass
    return json.loads(got) if got else None


def order(s, *command, **options):
    return say(s, json.dumps({'command': command, 'options': options}).encode() + b'\n')


def refused(answer, usage, words):
    need(answer is not None and set(answer) == {'error', 'usage'}, f'the answer is {answer}')
    need(answer['usage'] == usage and words in answer['error'], f'the answer is {answer}')


def well(s):
    c = s.client(s.key)
    try:
        need(c.get('/v1/projects').status == 200, 'the server does not serve any more')
    finally:
        c.close()
    need('result' in order(s, 'project', 'list', workspace=s.id, limit='1'), 'the socket does not serve any more')


@case('The socket is for its owner alone')
def private(s):
    mode = stat.S_IMODE(os.stat(os.path.join(s.data, 'scriped.sock')).st_mode)
    need(mode == 0o600, f'its mode is {mode:o}')


@case('What is not JSON, or not a command, is refused in words')
def nonsense(s):
    for line in (b'{', b'nonsense', b'"text"', b'[]', b'{}', b'{"command":[]}', b'{"command":"key"}', b'{"command":[1,2]}',
                 b'{"command":["key"]}', b'{"command":["no","such"]}', b'{"command":["serve"]}', b'{"command":["conf"]}',
                 b'\xff\xfe', b'{"command":["key","list"],"command":["key","list"]}', b'[' * 5000, b''):
        answer = say(s, line + b'\n')
        need(answer is not None and 'error' in answer, f'{line[:40]!r} is answered with {answer}')
    well(s)


@case('A line that is too long is refused, and one that never ends too')
def long_line(s):
    refused(say(s, b'{"command":["key","list"],"options":{"x":"' + b'y' * (5 << 20) + b'"}}\n'), True, 'at most')
    refused(say(s, b'z' * (6 << 20), end=False), True, 'at most')
    well(s)


@case('An operation takes its own options and no others')
def options(s):
    refused(order(s, 'project', 'create', workspace=s.id, name='x', colour='red'), True, 'colour')
    refused(order(s, 'project', 'create', workspace=s.id), True, '--name is required')
    refused(order(s, 'project', 'list', workspace=s.id, strange='1'), True, 'strange')
    refused(order(s, 'project', 'get', workspace=s.id), True, 'an id is missing')
    refused(order(s, 'project', 'get', workspace=s.id, id='../../etc/passwd'), False, 'Project not found')
    refused(order(s, 'project', 'get', workspace='org_nonsense', id=s.project), False, 'Workspace not found')
    refused(order(s, 'key', 'revoke', id='key_01J9ZAB12CD34E56F7G8H9JKMN'), False, 'API key not found')
    answer = say(s, b'{"command":["project","create"],"options":{"workspace":"%s","name":["x"]}}\n' % s.id.encode())
    refused(answer, True, '--name is required')
    well(s)


@case('More options than there are names for do no harm')
def many(s):
    refused(order(s, 'project', 'create', workspace=s.id, **{f'o{i}': 'x' for i in range(500)}), True, 'o')
    well(s)


@case('Who goes away before the answer, or says nothing, harms no one')
def leavers(s):
    for data in (b'', b'{"command":', b'{"command":["project","list"],"options":{"workspace":"%s"}}\n' % s.id.encode()):
        with connect(s) as c:
            c.sendall(data)
    well(s)


@case('Twenty commands at once are each done once')
def at_once(s):
    answers = []

    def one(i):
        answers.append(order(s, 'folder', 'create', workspace=s.id, projectId=s.project, name=f'folder {i}'))
    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    need(all(a and 'result' in a for a in answers) and len(answers) == 20, f'the answers are {answers}')
    got = order(s, 'folder', 'list', workspace=s.id, projectId=s.project, limit='200')['result']['data']
    need(sorted(f['name'] for f in got) == sorted(f'folder {i}' for i in range(20)), f'the folders are {got}')


@case('A list by command is whole, page by page', alone=True)
def whole(s):
    for i in range(250):
        need('result' in order(s, 'project', 'create', workspace=s.id, name=f'project {i}'), 'no project was made')
    got = json.loads(s.cli('project', 'list', '--json')[1])
    need(len(got) == 251 and len({p['id'] for p in got}) == 251, f'the list has {len(got)} rows')
    need([p['id'] for p in got] == sorted((p['id'] for p in got), reverse=True), 'the list is not newest first')
    need(json.loads(s.cli('project', 'list', '--json', '--limit', '120')[1]) == got[:120], 'a shorter list is not its beginning')


@case('A data folder with a slip in its name is not made by looking into it')
def slip(s):
    nowhere = s.data + '-slip'
    code, out, err = s.cli('project', 'list', '--data', nowhere, ok=(1,), where=False)
    need('there is no data folder' in err and 'scriped setup' in err, f'it says {err}')
    need(not os.path.exists(nowhere), 'the folder was made')


if __name__ == '__main__':
    sys.exit(cases.main('Speaks to the control socket.', 'control'))
