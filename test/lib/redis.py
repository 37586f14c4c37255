"""redis.py -- a Valkey or Redis that keeps nothing, for a test that stops, kills and revives it.

    with Redis() as r: … r.url … r.kill(); r.start()
    r.save(); …; r.kill(); r.start(old=True)            as it was at save()
    with Redis(args=['--requirepass', 'x'], tls=Authority(folder).certify("127.0.0.1")) as r:   TLS alone (test/lib/tls.py); r.url is rediss://

It listens on a port of 127.0.0.1 that stays the same.  Needs valkey-server or redis-server."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from ports import free_port


def program():
    return shutil.which('valkey-server') or shutil.which('redis-server')


class Redis:
    def __init__(self, log=os.devnull, args=(), tls=None):
        self.log, self.proc, self.args, self.tls, self.dir = log, None, args, tls, tempfile.mkdtemp(prefix='scriped-kv-')
        self.port = free_port()
        self.url = f'{"rediss" if tls else "redis"}://127.0.0.1:{self.port}'

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, old=False):
        if not old:
            self.forget()
        with open(self.log, 'ab') as log:
            self.proc = subprocess.Popen([program(), *self.listen(), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no',
                                          '--dir', self.dir, *self.args],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while not self.answers():
            if self.proc.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f'{program()} does not start; see {self.log}')
            time.sleep(0.01)        # it says nothing that one could wait for

    def listen(self):
        if not self.tls:
            return ['--port', str(self.port)]
        cert, key = self.tls
        return ['--port', '0', '--tls-port', str(self.port), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no']

    def answers(self):
        if self.tls or self.args:
            return self.listens()
        try:
            return self.ask(b'PING') == b'+PONG\r\n'
        except OSError:
            return False

    def ask(self, command, timeout=1):
        with socket.create_connection(('127.0.0.1', self.port), timeout) as s:
            s.sendall(command + b'\r\n')
            return s.recv(100)

    def save(self):
        """What it knows now is what start(old=True) brings back."""
        self.ask(b'SAVE', 30)

    def forget(self):
        for name in os.listdir(self.dir):
            os.unlink(os.path.join(self.dir, name))

    def listens(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        """kill -9: all that it remembered is gone."""
        if self.proc:
            self.proc.kill()
            self.proc.wait()
            self.proc = None

    def pause(self, on):
        self.proc.send_signal(signal.SIGSTOP if on else signal.SIGCONT)
