#!/usr/bin/env python3
"""run.py -- generates clients from the committed OpenAPI documents and has each walk through a live server.

    python3 test/clients/run.py [--document contract] typescript python go java

Each walk does what an integration does first: who am I, a create with an idempotency key and its replay, a list to its end, a
generation that is waited for, knowledge of two kinds, a refusal as that language's error; and it reads an answer with a field and words of tomorrow.  The generated
code goes to build/clients/LANGUAGE, made with the generators' defaults and nothing but names set.
"""
import argparse
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'lib'))

from server import OFFLINE, ROOT, Server
from tap import Tap

NPM = os.path.join(ROOT, 'build', 'npm')
JAR = os.path.join(ROOT, 'build', 'tools', 'openapi-generator.jar')
DOCUMENTS = {'full': 'openapi.yaml', 'contract': 'openapi-contract.yaml'}


def node(*words):
    return [os.path.join(NPM, 'bin', 'node'), os.path.join(NPM, 'node_modules', words[0]), *words[1:]]


def generator(language, out, **names):
    """A command that makes the code in the folder `out` of a language's folder."""
    more = ','.join(f'{k}={v}' for k, v in names.items())
    return lambda document: ['java', '-jar', JAR, 'generate', '-i', document, '-g', language, '-o', out, '--additional-properties', more]


MAVEN = ['mvn', '-q', '-B', '-Dstyle.color=never']
STEPS = 9       # that every walk tells of
# By language: how the code is made, what builds it, what runs the walk.  All run in build/clients/LANGUAGE, where the files of
# test/clients/LANGUAGE are copied to.
WALKS = {
    'typescript': (lambda document: node('@hey-api/openapi-ts/bin/run.js', '-i', document, '--no-log-file'),
                   node('typescript/bin/tsc', '-p', '.'), [os.path.join(NPM, 'bin', 'node'), 'out/walk.js']),
    'python': (generator('python', '.', packageName='scripe'), None, [os.path.join(ROOT, 'build', 'venv', 'bin', 'python'), 'walk.py']),
    'go': (generator('go', 'scripe', packageName='scripe', withGoMod='false', generateTests='false'), ['go', 'build', '-o', 'walk', '.'], ['./walk']),
    'java': (generator('java', '.', invokerPackage='scripe', apiPackage='scripe.api', modelPackage='scripe.model', hideGenerationTimestamp='true'),
             MAVEN + ['compile'], MAVEN + ['exec:java']),
}


def said(command, folder, **env):
    """(status, output) of a command."""
    p = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       env=dict(os.environ, **env))
    return p.returncode, p.stdout


def place(language, document):
    """An empty folder."""
    folder = os.path.join(ROOT, 'build', 'clients', f'{language}-{document}')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def fill(language, folder):
    """The files of the walk into the folder."""
    for name in os.listdir(os.path.join(HERE, language)):
        to = os.path.join(folder, 'src', 'main', 'java') if name.endswith('.java') else folder
        os.makedirs(to, exist_ok=True)
        shutil.copy(os.path.join(HERE, language, name), to)


def walk(language, document, tap):
    make, build, run = WALKS[language]
    folder = place(language, document)
    fill(language, folder)      # the TypeScript generator reads tsconfig.json
    status, text = said(make(os.path.join(ROOT, 'spec', DOCUMENTS[document])), folder)
    tap.line(f'{language}: a client is made of the {document} document', text if status else None)
    fill(language, folder)      # the Java generator wrote a pom.xml
    if build and not status:
        status, text = said(build, folder)
        tap.line(f'{language}: it builds without a complaint', text if status else None)
    if status:
        return
    with Server(OFFLINE) as s:
        status, text = said(run, folder, API_URL=s.url, API_KEY=s.key, API_PROJECT=s.project)
    steps = [line.split(' - ', 1) for line in text.splitlines() if line.startswith(('ok - ', 'not ok - '))]
    for word, what in steps:
        tap.line(what, None if word == 'ok' else 'it is not so')
    tap.line(f'{language}: the walk ends well', f'exit {status}\n{text}' if status or len(steps) < STEPS else None)


def main():
    p = argparse.ArgumentParser(description='Walks of generated clients.')
    p.add_argument('languages', nargs='+', choices=WALKS)
    p.add_argument('--document', choices=DOCUMENTS, default='full')
    options = p.parse_args()
    tap = Tap()
    for language in options.languages:
        walk(language, options.document, tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
