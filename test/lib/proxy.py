#!/usr/bin/env python3
"""proxy.py -- TCP links between programs that a test cuts, slows and heals; all of them in one process of their own.

    with Proxy() as p:
        port = p.link('api1-db', '127.0.0.1', 5432)     # what connects to `port` is connected to 5432
        p.set('hold', 'api1-db', 'api2-db'); …; p.set('open', 'api1-db', 'api2-db')

A link is in one of these modes:

    open     carries
    slow     carries, each piece so many milliseconds later, in its order
    refuse   resets what is connected and refuses what connects
    hold     carries nothing, in no direction, and tells nobody: not even that an end has left.  On `open` all of it arrives, as from a
             network that comes back before TCP gives up; connections of ends that left meanwhile end then
    up down  half-open: what goes to the target (up), or comes from it (down), is swallowed.  On `open` those that lost something are reset

python3 test/lib/proxy.py speaks the same by lines of JSON on standard input and output, and ends with its input.  Standard library only."""
import asyncio
import collections
import json
import socket
import struct
import subprocess
import sys
import threading

MODES = ('open', 'slow', 'refuse', 'hold', 'up', 'down')
RESET = struct.pack('ii', 1, 0)         # SO_LINGER: close() sends RST


class End(asyncio.Protocol):
    """One end of a connection: `up` is what came from the client and goes to the target."""

    def __init__(self, pair, way):
        self.pair, self.way, self.transport, self.left = pair, way, None, False
        self.kept = collections.deque()         # (when it is due, bytes or None for the end)
        self.timer = None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info('socket').setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pair.made(self)

    def data_received(self, data):
        mode = self.pair.link.mode
        if mode == self.way:
            self.pair.lost = True
        elif mode == 'open' and not self.kept:
            self.pair.other(self).give(data)
        else:
            self.keep(data)

    def eof_received(self):
        self.ended()
        return True

    def connection_lost(self, why):
        self.left = True
        self.ended()

    def ended(self):
        if self.pair.link.mode == self.way:
            self.pair.lost = True
        elif self.pair.link.mode == 'open' and not self.kept:
            self.pair.close()
        else:
            self.keep(None)

    def keep(self, data):
        link = self.pair.link
        self.kept.append((link.loop.time() + (link.ms / 1000 if link.mode == 'slow' else 0), data))
        self.flow()

    def flow(self):
        """Passes on what is due."""
        link, other = self.pair.link, self.pair.other(self)
        while self.kept and link.mode != 'hold' and other is not None and other.transport is not None:
            due, data = self.kept[0]
            wait = due - link.loop.time() if link.mode == 'slow' else 0
            if wait > 0:
                if self.timer is None:
                    self.timer = link.loop.call_later(wait, self.rung)
                return
            self.kept.popleft()
            if data is None:
                return self.pair.close()
            other.give(data)

    def rung(self):
        self.timer = None
        self.flow()

    def give(self, data):
        if self.transport is None:
            self.pair.other(self).keep(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def reset(self):
        if self.transport is not None and not self.transport.is_closing():
            self.transport.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()


class Pair:
    """A connection: the client's end and the target's."""

    def __init__(self, link):
        self.link, self.client, self.target, self.lost, self.closed = link, End(self, 'up'), None, False, False

    def other(self, end):
        return self.target if end is self.client else self.client

    def made(self, end):
        if self.closed:
            end.reset()
        elif end is self.client:
            self.target = End(self, 'down')
            self.link.pairs.add(self)
            self.link.loop.create_task(self.reach())
        else:
            self.client.flow()

    async def reach(self):
        while self.link.mode == 'hold':
            await self.link.changed.wait()
        try:
            await self.link.loop.create_connection(lambda: self.target, *self.link.to)
        except OSError:
            self.reset()

    def close(self):
        """Both ends, once what was written has gone."""
        if self.closed:
            return
        self.closed = True
        self.link.pairs.discard(self)
        for end in (self.client, self.target):
            if end.transport is not None:
                end.transport.close()

    def reset(self):
        self.closed = True
        self.link.pairs.discard(self)
        self.client.reset()
        self.target.reset()


class Link:
    def __init__(self, loop, to):
        self.loop, self.to, self.mode, self.ms, self.port, self.server = loop, to, 'open', 0, 0, None
        self.pairs, self.changed = set(), asyncio.Event()

    async def listen(self):
        self.server = await self.loop.create_server(lambda: Pair(self).client, '127.0.0.1', self.port, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def set(self, mode, ms):
        self.mode, self.ms = mode, ms
        if mode == 'refuse' and self.server is not None:
            self.server.close()
            self.server = None
        if mode == 'refuse':
            for pair in list(self.pairs):
                pair.reset()
        elif self.server is None:
            await self.listen()
        if mode != 'hold':
            self.changed.set()
            self.changed = asyncio.Event()
            for pair in list(self.pairs):
                if mode == 'open' and pair.lost:
                    pair.reset()
                    continue
                pair.client.flow()
                if pair.target is not None:
                    pair.target.flow()


class Links:
    """The commands."""

    def __init__(self, loop):
        self.loop, self.links = loop, {}

    async def do(self, ask):
        if ask['do'] == 'link':
            link = self.links[ask['name']] = Link(self.loop, ask['to'])
            await link.listen()
            return {'port': link.port}
        if ask['mode'] not in MODES:
            raise ValueError(ask['mode'])
        for name in ask['names']:
            await self.links[name].set(ask['mode'], ask['ms'])
        return {}


async def serve():
    loop = asyncio.get_running_loop()
    links, lines = Links(loop), asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        try:
            said = await links.do(json.loads(line))
        except (OSError, KeyError, ValueError) as e:
            said = {'error': repr(e)}
        print(json.dumps(said), flush=True)


class Proxy:
    """The process, and its commands.  From any thread."""

    def __enter__(self):
        self.lock, self.names = threading.Lock(), []
        self.proc = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()

    def ask(self, **what):
        with self.lock:
            self.proc.stdin.write(json.dumps(what) + '\n')
            self.proc.stdin.flush()
            said = json.loads(self.proc.stdout.readline() or '{"error": "the proxy has ended"}')
        if 'error' in said:
            raise RuntimeError(f'proxy: {what}: {said["error"]}')
        return said

    def link(self, name, host, port):
        self.names.append(name)
        return self.ask(do='link', name=name, to=[host, port])['port']

    def set(self, mode, *names, ms=0):
        self.ask(do='set', mode=mode, names=names, ms=ms)

    def heal(self):
        self.set('open', *self.names)


if __name__ == '__main__':
    asyncio.run(serve())
