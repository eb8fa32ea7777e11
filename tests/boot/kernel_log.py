#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Warnings and errors in the guest kernel's log: those that the same kernel and
RAM disk show under QEMU's TCG are in kernel_log.txt, and test_debian.py wants
no others. After a new kernel: tests/boot/kernel_log.py --write
"""
import argparse
import re
import sys
from pathlib import Path

import pexpect

HERE = Path(__file__).resolve().parent
GUEST = HERE.parent.parent / 'build/guest'
ALLOWED = HERE / 'kernel_log.txt'
QEMU = ['-accel', 'tcg', '-M', 'q35', '-cpu', 'max', '-m', '512', '-nographic', '-no-reboot',
        '-net', 'none', '-kernel', str(GUEST / 'vmlinuz'), '-initrd', str(GUEST / 'initrd.gz'),
        '-append', 'console=ttyS0 loglevel=8']
COMMAND = 'dmesg -r | grep "^<[0-4]>"; echo e""nd'


def normal(line):
    """Without time stamp; every number is #."""
    line = re.sub(r'^<[0-4]>\[ *[0-9.]+\] *', '', line.strip())
    return re.sub(r'\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b', '#', line)


def complaints(child):
    """What the kernel on this console complained of; at its shell prompt."""
    child.sendline(COMMAND)
    child.expect(r'\nend\r')
    return [l.strip() for l in child.before.splitlines() if re.match(r'<[0-4]>', l)]


def allowed():
    return {l for l in ALLOWED.read_text().splitlines() if l and not l.startswith('# ')}


def unexpected(lines):
    known = allowed()
    return [l for l in lines if normal(l) not in known]


def under_qemu():
    child = pexpect.spawn('qemu-system-x86_64', QEMU, timeout=300, encoding='utf-8',
                          codec_errors='replace', dimensions=(50, 200))
    child.expect('/root # ')
    lines = complaints(child)
    child.sendline('poweroff')
    child.expect(pexpect.EOF)
    return lines


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--write', action='store_true', help='replace kernel_log.txt')
    args = ap.parse_args()
    lines = under_qemu()
    print('\n'.join(lines))
    if args.write:
        ALLOWED.write_text('# Log lines of level 0 to 4 that Debian\'s kernel shows under QEMU\'s '
                           'TCG (q35).\n# Made by kernel_log.py --write; # is any number.\n'
                           + ''.join(f'{l}\n' for l in sorted({normal(l) for l in lines})))
        return 0
    return 1 if unexpected(lines) else 0


if __name__ == '__main__':
    sys.exit(main())
