"""cluster.py -- real servers for one test: PostgreSQL with a streaming replica, Valkey or Redis, an S3 service, and nodes of scriped over them.

    with Cluster(apis=3, workers=2) as c:
        c.nodes['api1'].client() …
        c.proxy.set('hold', 'api1-a'); c.pg['a'].kill(); c.promote(); c.heal()

Every link goes through one proxy (proxy.py) and has a name: NODE-a and NODE-b to the two PostgreSQL, NODE-kv, NODE-s3, and a-b, b-a for replication (who
asks, then who is asked).  A node has the URI of both PostgreSQL and takes the one that writes.  A commit is acknowledged when the replica has it on disk, too.

Everything listens on free ports of 127.0.0.1 and lies in one temporary folder, .dir; SCRIPED_KEEP=1 keeps it.  An ordinary user is enough: where root may mount,
the data of PostgreSQL lies on disks of their own of .disk_mb MB, so that they can be filled."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress

import pg
import redis
import s3
from ports import free_port
from proxy import Proxy
from server import PATIENCE, Closed, Failure, Server, program, psql, surroundings, wait_for

SUPERUSER, USER, DATABASE, BUCKET = 'postgres', 'scriped', 'scriped', 'cluster'
DISK_MB = 600
OLD_SCHEMA = 4          # what nodes of this release find at a rolling upgrade
CONF = {'fsync': 'on', 'synchronous_commit': 'on', 'wal_level': 'replica', 'max_wal_senders': 6, 'hot_standby': 'on', 'wal_keep_size': 64, 'max_connections': 100,
        'listen_addresses': '127.0.0.1', 'shared_buffers': '32MB', 'max_wal_size': '96MB', 'min_wal_size': '32MB', 'wal_sender_timeout': '4s',
        'wal_receiver_timeout': '4s', 'wal_retrieve_retry_interval': '200ms', 'log_min_messages': 'warning', 'log_line_prefix': '%m [%p] ',
        'autovacuum_naptime': '5s', 'max_locks_per_transaction': 256}


class Postgres:
    """One PostgreSQL, a primary or a replica, on a port that stays."""

    def __init__(self, name, folder):
        self.name, self.dir = name, folder
        self.prefix, self.user = pg.as_user()
        self.data, self.log, self.proc = f'{folder}/data', f'{folder}/log', None
        self.port = free_port()
        os.makedirs(folder)
        self.mounted = self.mount()
        open(self.log, 'w').close()
        if os.geteuid() == 0:
            for p in (folder, self.log):
                os.chown(p, self.user.pw_uid, self.user.pw_gid)

    def mount(self):
        """A disk of its own, where that is allowed: one can fill it."""
        return os.geteuid() == 0 and subprocess.call(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MB}m,mode=755', 'tmpfs', self.dir],
                                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0

    def run(self, *cmd, env=None):
        p = subprocess.run([*self.prefix, pg.find(cmd[0]), *cmd[1:]], cwd=self.dir, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env)
        if p.returncode:
            raise Failure(f'{cmd[0]} of {self.name}: {p.stderr.strip()[-1000:]}')

    def init(self):
        self.run('initdb', '-D', self.data, '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N', '--wal-segsize=4')
        with open(self.data + '/postgresql.conf', 'a', encoding='utf-8') as f:
            f.write(f"unix_socket_directories = '{self.dir}'\n")
            f.writelines(f"{k} = '{v}'\n" for k, v in CONF.items())
        with open(self.data + '/pg_hba.conf', 'a', encoding='utf-8') as f:
            f.write('host replication all 127.0.0.1/32 trust\n')

    def copy(self, port):
        """A replica of who answers at the port, in place of what was here."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run('pg_basebackup', '-D', self.data, '-R', '-X', 'stream', '-c', 'fast', '-d',
                 f'host=127.0.0.1 port={port} user={SUPERUSER} application_name={self.name}')
        with open(self.data + '/postgresql.conf', 'a', encoding='utf-8') as f:
            f.write(f"unix_socket_directories = '{self.dir}'\n")

    def launch(self):
        with open(self.log, 'ab') as log:
            self.proc = subprocess.Popen([*self.prefix, pg.find('postgres'), '-D', self.data, '-p', str(self.port)], cwd=self.dir, stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log)

    def start(self, timeout=PATIENCE):
        self.launch()
        if not wait_for(lambda: self.proc.poll() is not None or self.answers(), timeout) or self.proc.poll() is not None:
            raise Failure(f'PostgreSQL {self.name} does not start: {self.log_text()[-1500:]}')

    def answers(self):
        with suppress(Failure):
            return self.ask('SELECT 1') == '1\n'

    def url(self, database='postgres', user=SUPERUSER):
        return f'postgres://{user}@127.0.0.1:{self.port}/{database}?connect_timeout=5'

    def ask(self, sql, database='postgres'):
        return psql(self.url(database), sql)

    def processes(self):
        """The postmaster and its children."""
        found = [self.proc.pid]
        for stat in glob.glob('/proc/[0-9]*/stat'):
            with suppress(OSError), open(stat, encoding='utf-8', errors='replace') as f:
                part = f.read().rsplit(')', 1)
                if int(part[1].split()[1]) == self.proc.pid:
                    found.append(int(part[0].split()[0]))
        return found

    def signal(self, which):
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, which)

    def pause(self, on):
        """It hangs: nothing of it runs, and its connections stand."""
        self.signal(signal.SIGSTOP if on else signal.SIGCONT)

    def kill(self):
        """As a machine dies: all processes at once."""
        if not self.proc:
            return
        with suppress(ProcessLookupError):
            os.kill(self.proc.pid, signal.SIGSTOP)          # no new child while we look
        self.signal(signal.SIGKILL)
        self.proc.wait()
        self.proc = None
        with suppress(OSError, IndexError), open(self.data + '/postmaster.pid', encoding='utf-8') as f:
            subprocess.call(['ipcrm', '-m', f.read().split('\n')[6].split()[1]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with suppress(FileNotFoundError):
            os.unlink(self.data + '/postmaster.pid')

    def stop(self):
        """In order: what runs is ended, what is written reaches the replica."""
        self.proc.send_signal(signal.SIGINT)
        if not wait_for(lambda: self.proc.poll() is not None, 60):
            raise Failure(f'PostgreSQL {self.name} does not end: {self.log_text()[-1500:]}')
        self.proc = None

    def fill(self, left=0):
        """Until the disk has `left` KB; nothing where it is not ours alone."""
        ballast = os.open(self.dir + '/ballast', os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while True:
                os.write(ballast, bytes(1 << 20))
        os.ftruncate(ballast, max(0, os.fstat(ballast).st_size - left * 1024))
        os.close(ballast)

    def empty(self):
        with suppress(FileNotFoundError):
            os.unlink(self.dir + '/ballast')

    def log_text(self):
        with open(self.log, errors='replace', encoding='utf-8') as f:
            return f.read()

    def close(self):
        self.kill()
        if self.mounted:
            subprocess.call(['umount', '-l', self.dir], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Node(Server):
    """One scriped of the cluster: the links are its own, and so is its clock."""

    def __init__(self, name, cluster, role, settings):
        super().__init__({'role': role, 'db_clock': True, **settings}, clock=True, data=os.path.join(cluster.dir, name))
        self.name, self.role, self.log, self.crashes = name, role, os.path.join(cluster.dir, name + '.log'), {}
        self.where = ['--data', self.data, '--db', cluster.uri(name)]

    def pause(self, on):
        self.proc.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def restart(self):
        self.stop()
        self.revive()

    def launch(self, extra=()):
        self.look()
        super().launch(extra)

    def kill(self):
        self.look()
        super().kill()

    def look(self):
        """Whether it has ended as nobody wanted; one that finds no database ends with 1."""
        status = self.proc.poll() if self.proc else None
        if status not in (None, 0, 1):
            self.crashes[self.proc.pid] = status

    def stumble(self, after):
        """It starts, and dies so many seconds later, however far it is."""
        self.launch()
        wait_for(lambda: not self.alive(), after)
        self.kill()

    def revive(self):
        """As whoever supervises it does; one that finds no database ends, and Cluster.heal() tries again."""
        with suppress(Failure):
            self.start(timeout=20)

    def healthy(self):
        with suppress(OSError, Closed):
            c = self.client()
            c.timeout = 3
            try:
                return c.get('/v1/workspaces/me').status == 200
            finally:
                c.close()


class Cluster:
    """settings: those of all nodes.  kv, bucket: whether there is such a service, and the nodes use it; replica_reads: reads may go to the
    replica.  .schema: the older one that the tables have, or None."""

    def __init__(self, settings=None, apis=3, workers=2, kv=True, bucket=True, replica_reads=False):
        self.settings, self.kv, self.s3, self.pg, self.nodes, self.port = dict(settings or {}), None, None, {}, {}, {}
        self.schema, self.replica_reads = OLD_SCHEMA, replica_reads
        self.with_kv, self.with_bucket = kv and bool(redis.program()), bucket and s3.installed()
        self.names = {f'api{i + 1}': 'api' for i in range(apis)} | {f'worker{i + 1}': 'worker' for i in range(workers)}

    # up and down

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix='scriped-cluster-')
        os.chmod(self.dir, 0o755)
        self.proxy = Proxy().__enter__()
        try:
            self.databases()
            self.services()
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes.values():
            with suppress(Exception):
                node.kill()
        for thing in (self.kv, self.s3):
            if thing:
                thing.__exit__()
        for p in self.pg.values():
            p.close()
        self.proxy.__exit__()
        if not os.environ.get('SCRIPED_KEEP'):
            shutil.rmtree(self.dir, ignore_errors=True)

    def databases(self):
        self.pg = {n: Postgres(n, f'{self.dir}/pg-{n}') for n in 'ab'}
        self.primary = 'a'
        for one, other in ('ab', 'ba'):
            self.link(f'{one}-{other}', self.pg[other].port)
        self.pg['a'].init()
        self.pg['a'].start()
        self.pg['a'].ask(f'CREATE ROLE {USER} LOGIN')
        self.pg['a'].ask(f"CREATE DATABASE {DATABASE} OWNER {USER} TEMPLATE template0 ENCODING 'UTF8'")
        self.attach('b')
        for name in self.names:
            for one in 'ab':
                self.link(f'{name}-{one}', self.pg[one].port)

    def link(self, name, port):
        self.port[name] = self.proxy.link(name, '127.0.0.1', port)

    def services(self):
        """What the nodes use beside the database, through links of their own."""
        if self.with_kv:
            self.kv = redis.Redis(f'{self.dir}/kv.log').__enter__()
        if self.with_bucket:
            self.s3 = s3.Service().__enter__()
            s3.request(self.s3.endpoint, 'PUT', f'/{BUCKET}')
        for name in self.names:
            if self.kv:
                self.link(f'{name}-kv', self.kv.port)
            if self.s3:
                self.link(f'{name}-s3', int(self.s3.endpoint.rsplit(':', 1)[1]))

    def begin(self):
        """The tables, as the last release had them, then the nodes; migrate() is for later."""
        for name, role in self.names.items():
            os.mkdir(os.path.join(self.dir, name))
            self.nodes[name] = Node(name, self, role, {**self.settings, **self.of_services(name)})
        first = self.nodes['api1']
        first.cli('migrate', '--to', self.schema)
        first.setup()
        for node in self.nodes.values():
            node.key, node.id, node.project = first.key, first.id, first.project
            node.start()

    def of_services(self, name):
        given = {'kv': f"redis://127.0.0.1:{self.port[name + '-kv']}?name=kv"} if self.kv else {}
        if self.replica_reads:
            given |= {'db_read': self.uri(name, 'prefer-standby')}
        if self.s3:
            given |= {'blob_endpoint': f"http://127.0.0.1:{self.port[name + '-s3']}", 'blob_bucket': BUCKET, 'blob_region': s3.REGION,
                      'blob_key_id': s3.KEY_ID, 'blob_key_secret': s3.KEY_SECRET, 'blob_path_style': 'true'}
        return given

    # PostgreSQL

    def uri(self, name, which='read-write'):
        hosts = ','.join(f'127.0.0.1:{self.port[f"{name}-{one}"]}' for one in 'ab')
        return f'postgres://{USER}@{hosts}/{DATABASE}?target_session_attrs={which}'

    def sql(self, sql):
        return self.pg[self.primary].ask(sql, DATABASE)

    def replica(self):
        return 'b' if self.primary == 'a' else 'a'

    def attach(self, name):
        """Makes `name` the replica of the primary, and commits wait for it from now on."""
        p = self.pg[name]
        p.kill()
        p.copy(self.port[f'{name}-{self.primary}'])
        p.start()
        self.streaming()
        self.synchronous(name)
        self.streaming()

    def streaming(self):
        at = self.pg[self.primary].ask('SELECT pg_current_wal_flush_lsn()').strip()
        if not wait_for(lambda: 't' in self.pg[self.primary].ask(f"SELECT state = 'streaming' AND flush_lsn >= '{at}' FROM pg_stat_replication")):
            raise Failure(f'the replica does not stream: {self.pg[self.replica()].log_text()[-1000:]}')

    def synchronous(self, name):
        self.pg[self.primary].ask(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.pg[self.primary].ask('SELECT pg_reload_conf()')
        wait_for(lambda: self.pg[self.primary].ask('SHOW synchronous_standby_names').strip() == name)

    def promote(self):
        """The replica becomes the primary; who was it must be dead.  Until attach() there is no replica, and commits do not wait for one."""
        self.primary = self.replica()
        p = self.pg[self.primary]
        p.run('pg_ctl', '-D', p.data, '-w', 'promote')
        self.synchronous('')

    def migrate(self, kill_after=None):
        """The operator migrates; kill_after: dies in the middle of it, and does it again."""
        cmd = [*program(), 'migrate', '--db', self.pg[self.primary].url(DATABASE, USER)]
        if kill_after is not None:
            with subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=surroundings()) as p:
                wait_for(lambda: p.poll() is not None, kill_after)
                p.kill()
        p = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=surroundings(), timeout=120)
        if p.returncode:
            raise Failure(f'scriped migrate: {p.stderr.strip() or p.stdout.strip()}')
        self.schema = None

    def heal(self):
        """Everything as at the beginning, but for which of the two is the primary."""
        self.proxy.heal()
        for p in self.pg.values():
            p.empty()
        if self.kv and not self.kv.answers():
            self.kv.kill()
            self.kv.start()
        p = self.pg[self.primary]
        if p.proc is None or p.proc.poll() is not None:
            p.proc = None
            p.start()
        r = self.pg[self.replica()]
        if r.proc is None or r.proc.poll() is not None:
            self.attach(r.name)
        self.streaming()
        for node in self.nodes.values():
            if not node.alive():
                node.kill()
                node.start()

    def served(self, timeout=PATIENCE):
        """Waits until every node that answers requests does so; gives those that do not."""
        late = [n for n in self.nodes.values() if n.role != 'worker']

        def ready():
            late[:] = [n for n in late if not n.healthy()]
            return not late
        wait_for(ready, timeout, 0.05)
        return late
