"""ports.py -- a port of 127.0.0.1 for a program that must be told one, and that finds it free again when it is killed and started anew.

It lies below those that the system gives to who connects, or listens at port 0: none of these takes it between our look and its use."""
import secrets
import socket

LOWEST = 10000


def free_port():
    with open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii') as f:
        given = int(f.read().split()[0])
    while True:
        port = LOWEST + secrets.randbelow(given - LOWEST) if given > 2 * LOWEST else 0
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
                return s.getsockname()[1]
            except OSError:
                continue        # somebody is there
