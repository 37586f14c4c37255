"""faults.py -- what is done to the cluster: a row for each.

A fault is a function that does its harm, perhaps for some moments, and returns; it may give a function that ends it.  Cluster.heal() mends whatever is left.
    needs    what must be there: kv, s3, old (tables of the last release), disk (a disk of its own under the primary), replica (one that commits wait for)
    forgets  how often what nodes count together is lost by it, where that is kept in what the fault is about: Valkey, or without one the database
    away     whether nodes may count by themselves meanwhile, likewise
    stops    a worker ends in the middle of a job, in order            stored  False: what lies in the bucket cannot be reached meanwhile"""
import random
import socket
import struct
import time
from contextlib import suppress
from typing import NamedTuple

from server import Failure

SKEW_S = 300
pace = 1.0              # a part of the time that each fault has, where there is no more


class Fault(NamedTuple):
    name: str
    do: object
    needs: tuple = ()
    forgets: int = 0
    away: bool = False
    stops: bool = False
    stored: bool = True


def span(rng, least, most):
    return rng.uniform(least, most) * pace


def rest(rng, least, most):
    time.sleep(span(rng, least, most))


def nodes(c, rng, role=None):
    """Some nodes, mostly one."""
    all_ = [n for n in c.nodes.values() if role in (None, n.role) and n.alive()]
    return rng.sample(all_, min(len(all_), rng.choice((1, 1, 1, 2, 5)))) if all_ else []


# --- processes

def kill_api(c, rng):
    for n in nodes(c, rng, 'api')[:2]:          # one is left to be asked
        n.kill()
        rest(rng, 0, 0.3)
        n.revive()


def kill_worker(c, rng):
    for n in nodes(c, rng, 'worker'):
        n.kill()
        rest(rng, 0, 0.3)
        n.revive()


def kill_all(c, rng):
    for n in c.nodes.values():
        n.kill()
    rest(rng, 0, 0.3)
    for n in sorted(c.nodes.values(), key=lambda n: rng.random()):
        n.revive()


def paused(what, seconds):
    what(True)
    time.sleep(seconds)
    what(False)


def pause_worker(c, rng):
    """Longer than its lease: what it holds is another one's when it comes back."""
    lease = c.settings['lease'] / 1000
    for n in nodes(c, rng, 'worker')[:1]:
        paused(n.pause, lease * rng.uniform(1.2, 1.8))


def pause_api(c, rng):
    for n in nodes(c, rng, 'api')[:1]:
        paused(n.pause, span(rng, 0.3, 2))


def restart_all(c, rng):
    """As an upgrade does it: one after the other."""
    for n in sorted(c.nodes.values(), key=lambda n: rng.random()):
        n.restart()


def skew(c, rng):
    for n in nodes(c, rng):
        n.clock.forward(rng.choice((-SKEW_S, SKEW_S)) - n.clock.ahead)
    rest(rng, 0.5, 1.5)

    def back():
        for n in c.nodes.values():
            n.clock.forward(-n.clock.ahead)
    return back


def storm(c, rng):
    """A thousand clients come at once and leave; some have said something."""
    held = []
    for i in range(1000):
        n = rng.choice([n for n in c.nodes.values() if n.role == 'api'])
        with suppress(OSError):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((n.host, n.port))
            held.append(s)
        if i % 3 == 0 and held:
            with suppress(OSError):
                rng.choice(held).send(b'POST /v1/notes HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{')
        if len(held) > 300:
            held.pop(rng.randrange(len(held))).close()
    for s in held:
        s.close()


# --- PostgreSQL

def migrate(c, rng):
    """The last step of a rolling upgrade, while all serve; sometimes it dies on the way, and is done again."""
    c.migrate(rng.choice((None, rng.uniform(0.02, 0.4))))


def fail_over(c, rng):
    c.pg[c.primary].kill()
    rest(rng, 0, 0.5)
    c.promote()


def crash_primary(c, rng):
    """It dies and comes back as it was."""
    c.pg[c.primary].kill()
    rest(rng, 0, 0.5)
    c.pg[c.primary].start()


def hang_primary(c, rng):
    paused(c.pg[c.primary].pause, span(rng, 0.5, 3))


def hang_replica(c, rng):
    """Commits wait for it."""
    paused(c.pg[c.replica()].pause, span(rng, 0.5, 2))


def fill_disk(c, rng):
    c.pg[c.primary].fill(left=rng.choice((0, 0, 64, 512)))
    rest(rng, 0.5, 2)
    return c.pg[c.primary].empty


def greeting(user, database):
    said = b''.join(w.encode() + b'\0' for w in ('user', user, 'database', database)) + b'\0'
    return struct.pack('!ii', len(said) + 8, 196608) + said


def stranger(c, rng):
    """Somebody else takes all connections that PostgreSQL has, and those that the nodes lose."""
    held, end = [], time.monotonic() + span(rng, 1, 2)
    with suppress(Failure):                 # beside a full disk
        c.sql(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'scriped' AND random() < {rng.uniform(0.2, 1):.2f}")
    while time.monotonic() < end:
        with suppress(OSError):
            s = socket.create_connection(('127.0.0.1', c.pg[c.primary].port), 1)
            s.sendall(greeting('scriped', 'scriped'))
            if s.recv(1) == b'R':
                held.append(s)
            else:
                s.close()
                time.sleep(0.01)        # full: until the nodes lose another one
    for s in held:
        s.close()


# --- links

def links(c, rng, of):
    """of: 'db', 'kv' or 's3': the links of some nodes to it."""
    to = {'db': ('a', 'b'), 'kv': ('kv',), 's3': ('s3',)}[of]
    return [f'{n.name}-{t}' for n in nodes(c, rng) for t in to]


def cut(of, mode, seconds, ms=0):
    def do(c, rng):
        names = ['a-b', 'b-a'] if of == 'replica' else links(c, rng, of)
        c.proxy.set(mode, *names, ms=ms)
        rest(rng, *seconds)
        return lambda: c.proxy.set('open', *names)
    return do


def half(of, seconds):
    def do(c, rng):
        return cut(of, rng.choice(('up', 'down')), seconds)(c, rng)
    return do


def kill_kv(c, rng):
    c.kv.kill()
    rest(rng, 0.2, 1.5)
    c.kv.start()


def hang_kv(c, rng):
    paused(c.kv.pause, span(rng, 0.5, 2))


FAULTS = [
    Fault('an API node is killed', kill_api),
    Fault('a worker is killed', kill_worker),
    Fault('all nodes are killed', kill_all),
    Fault('a worker sleeps longer than its lease', pause_worker),
    Fault('an API node sleeps', pause_api),
    Fault('all nodes are restarted in turn', restart_all, stops=True),
    Fault('clocks are five minutes off', skew),
    Fault('a thousand clients come and leave', storm),
    Fault('the operator migrates', migrate, ('old',)),
    Fault('the primary dies and the replica is promoted', fail_over, ('replica',), forgets=1),
    Fault('the primary dies and comes back', crash_primary, forgets=1),
    Fault('the primary hangs', hang_primary, away=True),
    Fault('the replica hangs', hang_replica, ('replica',), away=True),
    Fault('the disk of the primary is full', fill_disk, ('disk',), forgets=1, away=True),
    Fault('a stranger takes all connections of the database', stranger, away=True),
    Fault('nodes are cut from the database', cut('db', 'hold', (0.5, 3)), away=True),
    Fault('nodes are refused by the database', cut('db', 'refuse', (0.3, 2)), away=True),
    Fault('links to the database are half-open', half('db', (0.5, 3)), away=True),
    Fault('links to the database are slow', cut('db', 'slow', (0.5, 1.5), 200), away=True),
    Fault('primary and replica are cut from each other', cut('replica', 'hold', (0.5, 3)), ('replica',), away=True),
    Fault('Valkey dies and comes back empty', kill_kv, ('kv',), forgets=1, away=True),
    Fault('Valkey hangs', hang_kv, ('kv',), away=True),
    Fault('nodes are cut from Valkey', cut('kv', 'hold', (0.5, 2)), ('kv',), away=True),
    Fault('nodes are refused by Valkey', cut('kv', 'refuse', (0.3, 1.5)), ('kv',), away=True),
    Fault('links to Valkey are half-open', half('kv', (0.5, 2)), ('kv',), away=True),
    Fault('links to Valkey are slow', cut('kv', 'slow', (0.5, 1.5), 200), ('kv',), away=True),
    Fault('nodes are cut from the bucket', cut('s3', 'hold', (0.5, 2)), ('s3',), stored=False),
    Fault('nodes are refused by the bucket', cut('s3', 'refuse', (0.3, 1.5)), ('s3',), stored=False),
]


def possible(c, fault):
    there = {'old': c.schema, 'kv': c.kv, 's3': c.s3, 'disk': c.pg[c.primary].mounted, 'replica': c.pg[c.replica()].proc}
    return all(there[n] for n in fault.needs)


def seeded(*what):
    return random.Random('/'.join(map(str, what)))
