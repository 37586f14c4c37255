#!/usr/bin/env python3
"""confine.py -- runs a command as a systemd unit would confine it, where no systemd runs.

    python3 test/lib/confine.py UNIT -- COMMAND …

Applies NoNewPrivileges, SystemCallFilter (sets are expanded by systemd-analyze), SystemCallErrorNumber, MemoryDenyWriteExecute,
RestrictAddressFamilies and RestrictNamespaces of the unit: what decides whether the sandbox of scriped-extract can be
built inside it.  Name spaces and mounts are left out.  x86-64 only."""
import ctypes
import errno
import os
import re
import socket
import struct
import subprocess
import sys

NUMBERS = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'
ARCH_X86_64 = 0xC000003E
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, SET, RETURN = 0x20, 0x15, 0x45, 0x06         # BPF: ld word; jump if equal, if any bit is set; return
NR, ARCH, ARGS = 0, 4, 16
NEW_NAMESPACE = 0x7E020080      # CLONE_NEW…


def unit_of(path):
    """{name: value}; of a name that is given more than once the values are joined."""
    found = {}
    for line in open(path):
        m = re.match(r'([A-Za-z]+)=(.*)', line.strip())
        if m:
            found[m[1]] = f'{found[m[1]]} {m[2]}' if m[1] in found else m[2]
    return found


def expand(names):
    """The system calls of a list in which @sets may stand."""
    calls, sets = set(), [n for n in names if n.startswith('@')]
    seen = set(sets)
    calls.update(n for n in names if not n.startswith('@'))
    while sets:
        out = subprocess.run(['systemd-analyze', 'syscall-filter', sets.pop()], capture_output=True, text=True, check=True).stdout
        for word in (line.strip() for line in out.split('\n')[1:]):
            if word.startswith('@') and word not in seen:
                seen.add(word)
                sets.append(word)
            elif word and word[0] not in '@#':
                calls.add(word)
    return calls


def numbers():
    return {m[1]: int(m[2]) for m in re.finditer(r'^#define __NR_(\w+)\s+(\d+)', open(NUMBERS).read(), re.M)}


def ins(code, k, yes=0, no=0):
    return struct.pack('=HBBI', code, yes, no, k)


def rules(unit, number):
    """The filter, in the order in which it is asked."""
    refuse = ERRNO | getattr(errno, unit.get('SystemCallErrorNumber', 'EPERM'))
    prog = [ins(LOAD, ARCH), ins(EQUAL, ARCH_X86_64, 1, 0), ins(RETURN, KILL), ins(LOAD, NR)]

    def of_call(name, body):
        """body: of instructions that end in a refusal or fall through; then the number is loaded again."""
        prog.extend([ins(EQUAL, number[name], 0, len(body) + 1), *body, ins(LOAD, NR)])

    if unit.get('MemoryDenyWriteExecute') == 'yes':
        of_call('mmap', [ins(LOAD, ARGS + 16), ins(SET, 4, 0, 2), ins(SET, 2, 0, 1), ins(RETURN, refuse)])
        for name in ('mprotect', 'pkey_mprotect'):
            of_call(name, [ins(LOAD, ARGS + 16), ins(SET, 4, 0, 1), ins(RETURN, refuse)])
    families = [int(getattr(socket, f)) for f in unit.get('RestrictAddressFamilies', '').split()]
    if families:
        body = [ins(LOAD, ARGS)]
        body += [ins(EQUAL, f, len(families) - i, 0) for i, f in enumerate(families)]
        of_call('socket', [*body, ins(RETURN, ERRNO | errno.EAFNOSUPPORT)])
    if unit.get('RestrictNamespaces') == 'yes':
        of_call('clone', [ins(LOAD, ARGS), ins(SET, NEW_NAMESPACE, 0, 1), ins(RETURN, refuse)])
        of_call('clone3', [ins(RETURN, ERRNO | errno.ENOSYS)])
        for name in ('unshare', 'setns'):
            of_call(name, [ins(RETURN, refuse)])
    for name in sorted(expand(unit['SystemCallFilter'].split())):
        if name in number:
            prog.extend([ins(EQUAL, number[name], 0, 1), ins(RETURN, ALLOW)])
    return b''.join([*prog, ins(RETURN, refuse)])


def confine(unit):
    prog = rules(unit, numbers())
    hold = ctypes.create_string_buffer(prog, len(prog))
    arg = ctypes.create_string_buffer(struct.pack('=H6xQ', len(prog) // 8, ctypes.addressof(hold)), 16)
    libc = ctypes.CDLL(None, use_errno=True)
    if unit.get('NoNewPrivileges') != 'yes' or libc.prctl(38, 1, 0, 0, 0) != 0:
        raise SystemExit('confine: no NoNewPrivileges=yes')
    if libc.prctl(22, 2, ctypes.byref(arg), 0, 0) != 0:
        raise SystemExit('confine: ' + os.strerror(ctypes.get_errno()))


if __name__ == '__main__':
    if len(sys.argv) < 4 or sys.argv[2] != '--':
        raise SystemExit(__doc__)
    confine(unit_of(sys.argv[1]))
    os.execvp(sys.argv[3], sys.argv[3:])
