#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Warnings and errors in the guest kernel's log: those that the same kernel and
RAM disk show under QEMU's TCG are in kernel_log.txt, and test_debian.py wants
no others; those of the Debian on a disk are in kernel_log_disk.txt.
After a new kernel: tests/boot/kernel_log.py --write, and again with --disk
"""
import argparse
import re
import sys
from pathlib import Path

import pexpect

HERE = Path(__file__).resolve().parent
GUEST = HERE.parent.parent / 'build/guest'
DISK = HERE.parent.parent / 'build/debian/base'
ALLOWED = HERE / 'kernel_log.txt'
ALLOWED_DISK = HERE / 'kernel_log_disk.txt'
QEMU = ['-accel', 'tcg', '-M', 'q35', '-cpu', 'max', '-m', '512', '-nographic', '-no-reboot',
        '-net', 'none', '-kernel', str(GUEST / 'vmlinuz'), '-initrd', str(GUEST / 'initrd.gz'),
        '-append', 'console=ttyS0 loglevel=8']
QEMU_DISK = ['-accel', 'tcg', '-M', 'q35', '-cpu', 'max', '-m', '1024', '-smp', '2', '-nographic',
             '-no-reboot', '-nic', 'user,model=virtio-net-pci', '-device', 'virtio-rng-pci',
             '-kernel', str(DISK / 'vmlinuz'), '-initrd', str(DISK / 'initrd.img'),
             '-append', 'root=/dev/vda rw console=ttyS0', '-snapshot',
             '-drive', f'file={DISK}/disk.img,if=virtio,format=raw']
# What a guest says whose host does not run it for a while: QEMU's too, when it is stopped for
# 80 ms and let go for 10, for a minute.
WAITED = {'hrtimer: interrupt took # ns'}
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


def allowed(path=ALLOWED):
    return {l for l in path.read_text().splitlines() if l and not l.startswith('# ')}


def unexpected(lines, path=ALLOWED):
    known = allowed(path) | WAITED
    return [l for l in lines if normal(l) not in known]


def under_qemu(disk):
    child = pexpect.spawn('qemu-system-x86_64', QEMU_DISK if disk else QEMU, timeout=300,
                          encoding='utf-8', codec_errors='replace', dimensions=(50, 200))
    if disk:
        child.expect('login: ')
        child.sendline('root')
    child.expect('~# ' if disk else '/root # ')
    lines = complaints(child)
    child.sendline('poweroff')
    child.expect(pexpect.EOF)
    return lines


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--write', action='store_true', help='replace the list')
    ap.add_argument('--disk', action='store_true', help='the Debian on a disk')
    args = ap.parse_args()
    lines = under_qemu(args.disk)
    path = ALLOWED_DISK if args.disk else ALLOWED
    print('\n'.join(lines))
    if args.write:
        path.write_text('# Log lines of level 0 to 4 that Debian\'s kernel shows under QEMU\'s '
                           'TCG (q35).\n# Made by kernel_log.py --write; # is any number.\n'
                           + ''.join(f'{l}\n' for l in sorted({normal(l) for l in lines})))
        return 0
    return 1 if unexpected(lines, path) else 0


if __name__ == '__main__':
    sys.exit(main())
