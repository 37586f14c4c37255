#!/usr/bin/env python3
"""bucket.py -- uploads whose bytes go to a bucket of a real S3 service, and come back to become sources and knowledge.

    python3 test/lib/s3.py -- python3 test/bucket.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end."""
import os
import re
import sys
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))

import cases
import s3
from cases import case, need
from server import wait_for
from store import mint, sql

ENDPOINT = os.environ.get('SCRIPED_TEST_S3', '')
BUCKET = 'scriped-uploads'
SETTINGS = {'blob_endpoint': ENDPOINT, 'blob_bucket': BUCKET, 'blob_region': s3.REGION, 'blob_key_id': s3.KEY_ID,
            'blob_key_secret': s3.KEY_SECRET, 'blob_path_style': 'true', 'job_backoff': '10', 'clean_interval': '1'}


def put(upload, body):
    r = urllib.request.Request(upload['uploadUrl'], body, method='PUT', headers={'Content-Type': upload['contentType']})
    try:
        with urllib.request.urlopen(r, timeout=60) as a:
            return a.status
    except urllib.error.HTTPError as e:
        return e.code


def objects():
    status, body = s3.request(ENDPOINT, 'GET', f'/{BUCKET}', 'max-keys=1000')
    need(status == 200, f'the bucket cannot be listed: {status} {body[:200]!r}')
    return set(re.findall('<Key>([^<]*)</Key>', body.decode()))


def objects_of(upload):
    return sorted(k for k in objects() if k.endswith(upload['id']))


def source_of(s, upload):
    """The job that makes a source of it, when it has ended."""
    c = s.client(s.key)
    a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': upload['id']})
    need(a.status == 200, f'{a}')
    job = c.wait_job(a.json()['data']['id'])
    c.close()
    return job


def text_of(s, job):
    need(job['status'] == 'DONE', f'{job}')
    c = s.client(s.key)
    a = c.get('/v1/sources/' + job['result']['sourceId'])
    c.close()
    return a.json()['data']['textPreview'].strip()


@case('What is put into the bucket becomes a source, and lies apart from what may be put again', **SETTINGS)
def kept(s):
    u = mint(s)
    need(u['uploadUrl'].startswith(f'{ENDPOINT}/{BUCKET}/org_'), f"the URL is {u['uploadUrl']}")
    need(put(u, b'We moved the standup to the afternoon.') == 200, 'the service refuses the URL')
    need(text_of(s, source_of(s, u)) == 'We moved the standup to the afternoon.', 'the text is another one')
    need([k.split('/')[0] for k in objects_of(u)] == ['kept'], f'{objects_of(u)}')
    need(put(u, b'Something else.') == 200, 'a later PUT is refused')
    c = s.client(s.key)
    a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': u['id']})
    need(a.status == 422 and 'used already' in a.json()['error']['message'], f'{a}')
    c.close()


@case('A job that comes before the bytes fails; after the PUT the upload can be used', **SETTINGS)
def early(s):
    u = mint(s)
    job = source_of(s, u)
    need((job['status'], job['errorCode']) == ('FAILED', 'upload_missing'), f'{job}')
    need(put(u, b'Here it is at last.') == 200, 'refused')
    need(text_of(s, source_of(s, u)) == 'Here it is at last.', 'the text is another one')


@case('What is larger than was said fails the job with upload_too_large', **SETTINGS)
def large(s):
    u = mint(s, size=10)
    need(put(u, b'eleven bytes') == 200, 'refused')
    job = source_of(s, u)
    need((job['status'], job['errorCode']) == ('FAILED', 'upload_too_large'), f'{job}')
    need('maxSizeBytes' in job['errorMessage'], job['errorMessage'])


@case('Knowledge is made of a file in the bucket, and its bytes go with the document', **SETTINGS)
def knowledge(s):
    u, c = mint(s), s.client(s.key)
    need(put(u, b'The starter plan is nine euros a month.') == 200, 'refused')
    a = c.post('/v1/knowledge', {'type': 'file', 'name': 'Prices', 'uploadId': u['id']})
    job = c.wait_job(a.json()['data']['id'])
    need(job['status'] == 'DONE', f'{job}')
    found = c.get('/v1/knowledge/search?q=starter+plan').json()['data']['passages']
    need(any(p['documentId'] == job['result']['documentId'] for p in found), f'{found}')
    need(len(objects_of(u)) == 1, f'{objects_of(u)}')
    need(c.request('DELETE', '/v1/knowledge/' + job['result']['documentId']).status == 200, 'the document cannot be deleted')
    wait_for(lambda: not objects_of(u))
    c.close()


@case('What nobody takes leaves the bucket after a day', alone=True, **SETTINGS)
def unwanted(s):
    u, empty = mint(s), mint(s)
    need(put(u, b'Nobody wants this.') == 200, 'refused')
    sql(s, 'UPDATE upload SET since = since - 86400000')
    wait_for(lambda: not objects_of(u))
    for gone in (u, empty):
        c = s.client(s.key)
        a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': gone['id']})
        need(a.status == 422 and 'no upload' in a.json()['error']['message'], f'{a}')
        need(not [j for j in c.get('/v1/jobs').json()['data'] if 'UPLOAD' in j['type']], 'the job that removes is shown')
        c.close()


@case('A bucket that refuses fails the job with words for its caller, and with its own in the log', alone=True, **{**SETTINGS, 'blob_key_secret': 'wrong'})
def refuses(s):
    job = source_of(s, mint(s))
    need((job['status'], job['errorCode']) == ('FAILED', 'fetch_failed'), f'{job}')
    need('SignatureDoesNotMatch' not in job['errorMessage'] and 'operator' in job['errorMessage'], job['errorMessage'])
    need('SignatureDoesNotMatch' in s.log_text(), 'the log says nothing')


@case('A bucket that does not answer is asked three times', alone=True, **{**SETTINGS, 'blob_endpoint': 'http://127.0.0.1:1'})
def away(s):
    job = source_of(s, mint(s))
    need((job['status'], job['errorCode'], job['attemptCount']) == ('FAILED', 'fetch_failed', 3), f'{job}')


if __name__ == '__main__':
    if not ENDPOINT:
        sys.exit('bucket: no S3 service; python3 test/lib/s3.py -- python3 test/bucket.py')
    need(s3.request(ENDPOINT, 'PUT', f'/{BUCKET}')[0] in (200, 409), 'the bucket cannot be made')
    sys.exit(cases.main('Uploads in a bucket of an S3 service.', 'bucket'))
