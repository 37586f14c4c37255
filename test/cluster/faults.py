"""faults.py -- what is done to the cluster: a row for each.

A fault is a function that does its harm, perhaps for some moments, and returns; it may give a function that ends it.  Cluster.heal() mends whatever is left.
    of       what it is done to: faults of one thing take turns, those of different ones may come at once
    needs    what must be there: kv, s3, old (tables of the last release), disk (a disk of its own under the primary), replica (one that commits wait for)
    forgets  how often what nodes count together is lost by it, where that is kept in what the fault is about: Valkey, or without one the database
    away     whether nodes may count by themselves meanwhile, likewise
    stops    a worker ends in the middle of a job, in order            stored  False: what lies in the bucket cannot be reached meanwhile
    ahead    whether PostgreSQL itself shows to readers what is lost with the primary, though nobody acknowledged it"""
import random
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from typing import NamedTuple

from server import Failure

SKEW_S = 300
THINGS = ('db', 'kv', 'links', 'nodes')         # in this order they are waited for
LOCKED = ('note', 'post', 'job', 'event', 'idempotency')
pace = 1.0              # a part of the time that each fault has, where there is no more


class Fault(NamedTuple):
    name: str
    of: str
    do: object
    needs: tuple = ()
    forgets: int = 0
    away: bool = False
    stops: bool = False
    stored: bool = True
    ahead: bool = False


def span(rng, least, most):
    return rng.uniform(least, most) * pace


def rest(rng, least, most):
    time.sleep(span(rng, least, most))


def nodes(c, rng, role=None):
    """Some nodes, mostly one."""
    all_ = [n for n in c.nodes.values() if role in (None, n.role) and n.alive()]
    return rng.sample(all_, min(len(all_), rng.choice((1, 1, 1, 2, 5)))) if all_ else []


# --- processes

def revive(n, rng):
    """Sometimes it dies once more while it starts."""
    if rng.random() < 0.3:
        n.stumble(rng.uniform(0, 0.15))
    n.revive()


def kill_api(c, rng):
    for n in nodes(c, rng, 'api')[:2]:          # one is left to be asked
        n.kill()
        rest(rng, 0, 0.3)
        revive(n, rng)


def kill_worker(c, rng):
    for n in nodes(c, rng, 'worker'):
        n.kill()
        rest(rng, 0, 0.3)
        revive(n, rng)


def kill_all(c, rng):
    for n in c.nodes.values():
        n.kill()
    rest(rng, 0, 0.3)
    for n in sorted(c.nodes.values(), key=lambda n: rng.random()):
        revive(n, rng)


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


def back(c):
    """Whoever starts it makes room first."""
    c.pg[c.primary].empty()
    c.pg[c.primary].start()


def fail_over(c, rng):
    c.pg[c.primary].kill()
    rest(rng, 0, 0.5)
    c.promote()


def crash_primary(c, rng):
    """It dies and comes back as it was."""
    c.pg[c.primary].kill()
    rest(rng, 0, 0.5)
    back(c)


def crash_recovery(c, rng):
    """It dies again while it reads its log."""
    c.pg[c.primary].kill()
    c.pg[c.primary].launch()
    time.sleep(rng.uniform(0, 0.3))             # the moment is what is tested
    c.pg[c.primary].kill()
    back(c)


def crash_successor(c, rng):
    """Who has just been promoted dies, too, and comes back."""
    fail_over(c, rng)
    rest(rng, 0, 0.5)
    crash_primary(c, rng)


def restart_primary(c, rng):
    """As an operator does it, with or without another one in its place."""
    c.pg[c.primary].stop()
    rest(rng, 0, 0.3)
    back(c)


def switch_over(c, rng):
    c.pg[c.primary].stop()
    c.promote()


def start_without_primary(c, rng):
    """Nodes start while there is no database; whoever supervises them tries again."""
    c.pg[c.primary].kill()
    for n in nodes(c, rng):
        n.kill()
        n.stumble(span(rng, 0.1, 0.6))
    back(c)
    for n in c.nodes.values():
        if not n.alive():
            n.revive()


def cancel_all(c, rng):
    """An operator who sees that something hangs cancels and ends whatever runs."""
    end = time.monotonic() + span(rng, 0.5, 1.5)
    while time.monotonic() < end:
        with suppress(Failure):
            c.sql(f"SELECT count(pg_{rng.choice(('cancel', 'cancel', 'terminate'))}_backend(pid)) FROM pg_stat_activity WHERE usename = 'scriped' AND state <> 'idle'")
        rest(rng, 0, 0.1)


def cancel_and_fail_over(c, rng):
    """Commits that wait for a replica that is away are cancelled: PostgreSQL says so in a warning and calls them done; the replica never heard of them."""
    c.proxy.set('hold', 'a-b', 'b-a')
    rest(rng, 0.3, 1)
    cancel_all(c, rng)
    c.pg[c.primary].kill()
    c.proxy.set('open', 'a-b', 'b-a')
    c.promote()


def lock_table(c, rng):
    """Somebody changes a table by hand, and takes his time."""
    with suppress(Failure):
        c.sql(f"BEGIN; SET LOCAL lock_timeout = '2s'; LOCK TABLE {rng.choice(LOCKED)} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({span(rng, 0.5, 3):.2f}); ROLLBACK")


def stop_replay(c, rng):
    """The replica takes what comes and shows an older state."""
    replica = c.pg[c.replica()]
    replica.ask('SELECT pg_wal_replay_pause()')
    rest(rng, 1, 6)

    def go_on():
        with suppress(Failure):                 # promoted, or dead meanwhile
            replica.ask('SELECT pg_wal_replay_resume()')
    return go_on


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
    """of: 'db', 'kv' or 's3': the links of some nodes to it; 'all': to everything there is."""
    to = {'db': ('a', 'b'), 'kv': ('kv',), 's3': ('s3',), 'all': ('a', 'b', 'kv', 's3')}[of]
    return [name for n in nodes(c, rng) for t in to if (name := f'{n.name}-{t}') in c.port]


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


def old_kv(c, rng):
    """It comes back with what it knew a moment ago."""
    c.kv.save()
    rest(rng, 0.3, 1)
    c.kv.kill()
    rest(rng, 0, 0.5)
    c.kv.start(old=True)


def hang_kv(c, rng):
    paused(c.kv.pause, span(rng, 0.5, 2))


FAULTS = [
    Fault('an API node is killed', 'nodes', kill_api),
    Fault('a worker is killed', 'nodes', kill_worker),
    Fault('all nodes are killed', 'nodes', kill_all),
    Fault('a worker sleeps longer than its lease', 'nodes', pause_worker),
    Fault('an API node sleeps', 'nodes', pause_api),
    Fault('all nodes are restarted in turn', 'nodes', restart_all, stops=True),
    Fault('clocks are five minutes off', 'nodes', skew),
    Fault('a thousand clients come and leave', 'nodes', storm),
    Fault('the operator migrates', 'db', migrate, ('old',)),
    Fault('the primary dies and the replica is promoted', 'db', fail_over, ('replica',), forgets=1),
    Fault('the primary dies and comes back', 'db', crash_primary, forgets=1),
    Fault('the primary dies again while it comes back', 'db', crash_recovery, forgets=2),
    Fault('the primary dies, and then its successor', 'db', crash_successor, ('replica',), forgets=2),
    Fault('the primary is restarted in order', 'db', restart_primary, away=True),
    Fault('the replica takes over in order', 'db', switch_over, ('replica',), forgets=1),
    Fault('nodes start while there is no primary', 'db nodes', start_without_primary, forgets=1),
    Fault('an operator cancels what runs', 'db', cancel_all, away=True),
    Fault('an operator cancels what waits for the replica, and makes it the primary', 'db links', cancel_and_fail_over, ('replica',), forgets=1, away=True, ahead=True),
    Fault('somebody locks a table', 'db', lock_table, away=True),
    Fault('the replica stops replaying', 'db', stop_replay, ('replica',)),
    Fault('the primary hangs', 'db', hang_primary, away=True),
    Fault('the replica hangs', 'db', hang_replica, ('replica',), away=True),
    Fault('the disk of the primary is full', 'db', fill_disk, ('disk',), forgets=1, away=True),
    Fault('a stranger takes all connections of the database', 'db', stranger, away=True),
    Fault('nodes are cut from the database', 'links', cut('db', 'hold', (0.5, 3)), away=True),
    Fault('nodes are refused by the database', 'links', cut('db', 'refuse', (0.3, 2)), away=True),
    Fault('links to the database are half-open', 'links', half('db', (0.5, 3)), away=True),
    Fault('links to the database are slow', 'links', cut('db', 'slow', (0.5, 1.5), 200), away=True),
    Fault('nodes are cut from everything', 'links', cut('all', 'hold', (0.5, 3)), away=True, stored=False),
    Fault('primary and replica are cut from each other', 'links', cut('replica', 'hold', (0.5, 3)), ('replica',), away=True),
    Fault('Valkey dies and comes back empty', 'kv', kill_kv, ('kv',), forgets=1, away=True),
    Fault('Valkey dies and comes back with old data', 'kv', old_kv, ('kv',), forgets=1, away=True),
    Fault('Valkey hangs', 'kv', hang_kv, ('kv',), away=True),
    Fault('nodes are cut from Valkey', 'links', cut('kv', 'hold', (0.5, 2)), ('kv',), away=True),
    Fault('nodes are refused by Valkey', 'links', cut('kv', 'refuse', (0.3, 1.5)), ('kv',), away=True),
    Fault('links to Valkey are half-open', 'links', half('kv', (0.5, 2)), ('kv',), away=True),
    Fault('links to Valkey are slow', 'links', cut('kv', 'slow', (0.5, 1.5), 200), ('kv',), away=True),
    Fault('nodes are cut from the bucket', 'links', cut('s3', 'hold', (0.5, 2)), ('s3',), stored=False),
    Fault('nodes are refused by the bucket', 'links', cut('s3', 'refuse', (0.3, 1.5)), ('s3',), stored=False),
]


def possible(c, fault):
    there = {'old': c.schema, 'kv': c.kv, 's3': c.s3, 'disk': c.pg[c.primary].mounted, 'replica': c.pg[c.replica()].proc}
    return all(there[n] for n in fault.needs)


def seeded(*what):
    return random.Random('/'.join(map(str, what)))


def in_turn(c, chosen, rng):
    """Gives what ends them."""
    return [f.do(c, rng) for f in chosen if possible(c, f)]


def at_once(c, chosen, rng):
    """Likewise, but one comes in the middle of another, or while that is mended."""
    ends, wrong, things = [], [], {t: threading.Lock() for t in THINGS}

    def run(f, dice):
        with ExitStack() as turn:
            try:
                rest(dice, 0, 0.8)
                for thing in f.of.split():
                    turn.enter_context(things[thing])
                ends.extend(in_turn(c, [f], dice))
            except Exception as e:              # it is the main thread's
                wrong.append(e)
    threads = [threading.Thread(target=run, args=(f, random.Random(rng.random())), daemon=True) for f in chosen]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if wrong:
        raise wrong[0]
    return ends
