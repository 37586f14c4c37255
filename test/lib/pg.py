#!/usr/bin/env python3
"""pg.py -- a PostgreSQL cluster for the length of one command.

    python3 test/lib/pg.py -- CMD [ARG ...]

Makes a cluster in a temporary directory, starts it on a free port of 127.0.0.1, runs CMD with
SCRIPED_TEST_PG=postgres://... in its environment, stops the cluster and removes it.  Exits with CMD's status; 2 for
a usage error, 77 when there is no PostgreSQL on this machine, 1 when the cluster does not start.

PostgreSQL refuses to run as root: then its programs run as the user `postgres`, or else `nobody`.  The cluster
trusts the connections of 127.0.0.1 and does not fsync: it is for tests only.  Where SCRIPED_TEST_PG is set already, CMD runs as it is.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

from ports import free_port

SETTINGS = {
    'fsync': 'off', 'synchronous_commit': 'off', 'full_page_writes': 'off', 'max_connections': '400',
    'listen_addresses': '127.0.0.1', 'autovacuum': 'off', 'logging_collector': 'off', 'log_min_messages': 'warning',
}


def find(name):
    """The program `name` of the newest PostgreSQL here, or None."""
    places = glob.glob('/usr/lib/postgresql/*/bin/' + name)
    places.sort(key=lambda p: [int(n) for n in p.split('/')[4].split('.') if n.isdigit()])
    return places[-1] if places else shutil.which(name)


def as_user():
    """The prefix of a command that must not run as root, and the user it runs as."""
    if os.geteuid() != 0:
        return [], pwd.getpwuid(os.geteuid())
    for name in ('postgres', 'nobody'):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if shutil.which('setpriv'):
            return ['setpriv', f'--reuid={user.pw_uid}', f'--regid={user.pw_gid}', '--clear-groups'], user
        return ['runuser', '-u', name, '--'], user
    raise SystemExit('pg: running as root, and there is no user postgres or nobody to run PostgreSQL as')


class Cluster:
    """A running cluster: .url names its database `postgres`; stop() ends and removes it."""

    def __init__(self):
        self.pg_ctl, initdb = find('pg_ctl'), find('initdb')
        if not self.pg_ctl or not initdb:
            raise FileNotFoundError('initdb')
        self.prefix, user = as_user()
        self.dir = tempfile.mkdtemp(prefix='scriped-pg-')
        self.running = False
        os.chmod(self.dir, 0o755)
        self.data, self.log = self.dir + '/data', self.dir + '/log'
        os.mkdir(self.data, 0o700)
        open(self.log, 'w').close()
        if os.geteuid() == 0:
            for p in (self.dir, self.data, self.log):
                os.chown(p, user.pw_uid, user.pw_gid)
        try:
            self.run([initdb, '-D', self.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'])
            with open(self.data + '/postgresql.conf', 'a') as f:
                f.write(f"unix_socket_directories = '{self.dir}'\n")
                f.writelines(f"{k} = '{v}'\n" for k, v in SETTINGS.items())
            self.start()
        except BaseException:
            self.stop()
            raise

    def run(self, cmd):
        p = subprocess.run(self.prefix + cmd, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        if p.returncode:
            raise RuntimeError(f'{os.path.basename(cmd[0])} failed:\n{p.stdout}{open(self.log).read()}')

    def start(self):
        # Another program may take the port between our look and the start: try with others.
        for left in range(5, 0, -1):
            port = free_port()
            try:
                # pg_ctl's own output goes to the log: a pipe would stay open as long as the server lives
                self.run(['sh', '-c', '"$@" >>"$0" 2>&1', self.log, self.pg_ctl, '-D', self.data, '-w', '-t', '60',
                          '-l', self.log, '-o', f'-p {port}', 'start'])
                break
            except RuntimeError:
                if left == 1:
                    raise
        self.running = True
        self.url = f'postgres://postgres@127.0.0.1:{port}/postgres'

    def stop(self):
        try:
            if self.running:
                self.run([self.pg_ctl, '-D', self.data, '-m', 'immediate', '-w', 'stop'])
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)


def main(argv):
    if len(argv) < 2 or argv[0] != '--':
        print(__doc__, file=sys.stderr)
        return 2
    if os.environ.get('SCRIPED_TEST_PG'):
        return subprocess.call(argv[1:])
    # A cluster must not outlive us: turn the usual endings into exceptions, so that `finally` runs.
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda n, frame: sys.exit(128 + n))
    try:
        cluster = Cluster()
    except FileNotFoundError:
        print('pg: no PostgreSQL server on this machine (package postgresql)', file=sys.stderr)
        return 77
    except RuntimeError as e:
        print('pg:', e, file=sys.stderr)
        return 1
    try:
        return subprocess.call(argv[1:], env=dict(os.environ, SCRIPED_TEST_PG=cluster.url))
    except KeyboardInterrupt:
        return 130
    finally:
        cluster.stop()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
