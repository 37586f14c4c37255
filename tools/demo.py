#!/usr/bin/env python3
"""demo.py -- the main job from start to end: a text in, a LinkedIn draft out, shown.

    python3 tools/demo.py [FILE]        FILE: a text (examples/talk.txt)

A server of its own on a free port, with data that is gone afterwards."""
import datetime
import os
import sys
import textwrap
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'lib'))
from server import Failure, Server      # noqa: E402

PATIENCE = 60           # seconds for the job
BY_HAND = '''\
key=$(cat var/key)
project=$(curl -s -H "Authorization: Bearer $key" http://127.0.0.1:8080/v1/projects | grep -o 'proj_[0-9A-Z]*' | head -n 1)
python3 -c 'import json, sys; print(json.dumps({"projectId": sys.argv[1], "source": {"text": sys.stdin.read()}}))' \\
    "$project" <examples/talk.txt |
    curl -s -H "Authorization: Bearer $key" http://127.0.0.1:8080/v1/posts/generations --json @-
curl -s -H "Authorization: Bearer $key" http://127.0.0.1:8080/v1/jobs
curl -s -H "Authorization: Bearer $key" "http://127.0.0.1:8080/v1/posts?projectId=$project"'''


def title(words):
    colour = sys.stdout.isatty() and 'NO_COLOR' not in os.environ
    print(f'\n\x1b[1m{words}\x1b[0m' if colour else f'\n{words}')


def show(text, bar='    '):
    for line in text.splitlines():
        print('\n'.join(textwrap.wrap(line, 76, initial_indent=bar, subsequent_indent=bar)) or bar.rstrip())


def data(answer):
    if answer.status != 200:
        raise Failure(f'{answer.status}: {answer.body.decode(errors="replace")}')
    return answer.json()['data']


def follow(client, job):
    """The job once it has ended, and the progress seen on the way, by time."""
    progress, end = {}, time.monotonic() + PATIENCE
    while job['status'] in ('QUEUED', 'RUNNING'):
        if time.monotonic() > end:
            raise Failure(f"{job['id']} did not end within {PATIENCE} s")
        time.sleep(0.01)
        job = data(client.get('/v1/jobs/' + job['id']))
        p = job['progress']
        if p and job['status'] == 'RUNNING':
            progress.setdefault(p['updatedAt'], f"{p['progress']:.0%} {p['message'] or ''}".strip())
    if job['status'] != 'DONE':
        raise Failure(f"{job['id']} {job['status']}: {job['errorCode']}: {job['errorMessage']}")
    return job, progress


def timeline(job, progress):
    rows = [(job['createdAt'], 'enqueued'), (job['startedAt'], f"started, attempt {job['attemptCount']}"), *progress.items(),
            (job['completedAt'], f"{job['status']}, {job['result']['postId']}")]
    for at, what in sorted(rows, key=lambda row: row[0]):
        print(f"    {at}  +{(moment(at) - moment(job['createdAt'])) / datetime.timedelta(milliseconds=1):5.0f} ms  {what}")


def moment(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))


def main(path):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    title(f'The text: {os.path.relpath(path)}, {len(text.split())} words. It begins:')
    show(textwrap.shorten(text, 300, placeholder=' …'))
    with Server(lift=False, workspace='Demo', project='Demo') as server:
        c = server.client()
        job, progress = follow(c, data(c.post('/v1/posts/generations', {'projectId': server.project, 'source': {'text': text}})))
        post = data(c.get('/v1/posts/' + job['result']['postId']))
    title(f"The draft: {post['id']}, {post['status']}, {len(post['content'])} characters")
    show(post['content'], '  | ')
    title(f"The job: {job['id']}")
    timeline(job, progress)
    title('The same by hand, while ./dev run serves in another terminal:')
    print(textwrap.indent(BY_HAND, '    '))


if __name__ == '__main__':
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'examples', 'talk.txt'))
    except (Failure, OSError) as e:
        sys.exit(f'demo: {e}')
