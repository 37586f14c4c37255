#!/usr/bin/env python3
"""s3.py -- an S3 service for tests: OpenStack Swift with its s3api, on free ports of 127.0.0.1, in a folder of its own.

    python3 test/lib/s3.py -- COMMAND …      runs it with SCRIPED_TEST_S3=http://127.0.0.1:PORT; ends the service behind it

It checks signatures, copies, and answers errors as S3 does.  Key id test:tester, secret testing; region us-east-1.
From Python:  with s3.Service() as s: … s.endpoint …
Needs the packages swift-proxy, swift-account, swift-container, swift-object."""
import contextlib
import datetime
import hashlib
import hmac
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from ports import free_port

KEY_ID, KEY_SECRET, REGION = 'test:tester', 'testing', 'us-east-1'
SERVERS = ('account', 'container', 'object')


def request(endpoint, method, path, query='', body=b''):
    """A signed request of the service's owner; (status, body)."""
    host = endpoint.split('//')[1]
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    scope, digest = f'{stamp[:8]}/{REGION}/s3/aws4_request', hashlib.sha256(body).hexdigest()
    names = 'host;x-amz-content-sha256;x-amz-date'
    asked = f'{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{stamp}\n\n{names}\n{digest}'
    key = b'AWS4' + KEY_SECRET.encode()
    for part in scope.split('/'):
        key = hmac.digest(key, part.encode(), 'sha256')
    signed = f'AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}'
    r = urllib.request.Request(endpoint + path + ('?' + query if query else ''), body or None, method=method, headers={
        'x-amz-content-sha256': digest, 'x-amz-date': stamp,
        'Authorization': f'AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, Signature={hmac.digest(key, signed.encode(), "sha256").hex()}'})
    try:
        with urllib.request.urlopen(r, timeout=60) as a:
            return a.status, a.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


class Service:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='scriped-s3-')
        self.children = []
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for p in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        with open(f'{self.folder}/{name}', 'w', encoding='utf-8') as f:
            f.write(text)

    def run(self, *args):
        subprocess.run(args, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def child(self, name):
        log = open(f'{self.folder}/{name}.log', 'wb')
        env = dict(os.environ, SWIFT_DIR=self.folder, PYTHONWARNINGS='ignore')
        self.children.append(subprocess.Popen([f'swift-{name}-server', f'{self.folder}/{name}.conf'], env=env, stdout=log, stderr=log,
                                              stdin=subprocess.DEVNULL, start_new_session=True))

    def common(self, port):
        user = __import__('pwd').getpwuid(os.getuid()).pw_name
        return (f'bind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nuser = {user}\nswift_dir = {self.folder}\n'
                f'devices = {self.folder}/devices\nmount_check = false\nlog_level = ERROR\nlog_statsd_host =\ndisable_fallocate = true\n')

    def start(self):
        *ports, proxy = [free_port() for _ in range(len(SERVERS) + 1)]
        os.makedirs(f'{self.folder}/devices/d1')
        os.makedirs(f'{self.folder}/cache')
        self.write('swift.conf', '[swift-hash]\nswift_hash_path_suffix = tests\nswift_hash_path_prefix = tests\n'
                                 '[storage-policy:0]\nname = one\ndefault = yes\n')
        for server, port in zip(SERVERS, ports):
            self.run('swift-ring-builder', f'{server}.builder', 'create', '4', '1', '0')
            self.run('swift-ring-builder', f'{server}.builder', 'add', f'r1z1-127.0.0.1:{port}/d1', '1')
            self.run('swift-ring-builder', f'{server}.builder', 'rebalance')
            self.write(f'{server}.conf', f'[DEFAULT]\n{self.common(port)}[pipeline:main]\npipeline = {server}-server\n'
                                         f'[app:{server}-server]\nuse = egg:swift#{server}\nrecon_cache_path = {self.folder}/cache\n')
            self.child(server)
        self.write('proxy.conf', f'''[DEFAULT]
{self.common(proxy)}[pipeline:main]
pipeline = catch_errors proxy-logging cache s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 10
error_suppression_limit = 1000
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
access_log_level = ERROR
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
s3_acl = false
force_swift_request_proxy_log = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {KEY_SECRET} .admin
''')
        self.child('proxy')
        self.endpoint = f'http://127.0.0.1:{proxy}'
        for port in (*ports, proxy):
            self.wait(f'http://127.0.0.1:{port}')

    def wait(self, url):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(url, timeout=60).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)        # a server that does not listen yet says nothing one could wait for
        raise RuntimeError(f'the S3 service does not answer; see {self.folder}')


def installed():
    return all(shutil.which(f'swift-{s}-server') for s in (*SERVERS, 'proxy'))


def main(argv):
    if len(argv) < 2 or argv[0] != '--':
        print(__doc__, file=sys.stderr)
        return 2
    with Service() as s:
        return subprocess.run(argv[1:], env=dict(os.environ, SCRIPED_TEST_S3=s.endpoint), check=False).returncode


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
