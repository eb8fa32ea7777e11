#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-nested: the KVM engine in ticks of a machine whose TSC counts instructions, so that
the figures are the same in every run and on every host."""
import struct
import sys
import tempfile
from pathlib import Path

import bed

# No random: docs of -icount.
EXTRA = ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01,clock=vm', '-seed', '1']

# Multiboot 1: the first act is a byte to COM1, the second the end by the debug port.
CODE = bytes([0x66, 0xba, 0xf8, 0x03, 0xb0, ord('X'), 0xee, 0xb8, 0, 0, 0, 0, 0xe7, 0xf4, 0xf4,
              0xeb, 0xfd])


def first_kernel(base=0x200000):
    magic, flags = 0x1badb002, 2
    image = struct.pack('<IIII', magic, flags, -(magic + flags) & 0xffffffff, 0) + CODE
    ehdr = struct.pack('<16sHHIIIIIHHHHHH', b'\x7fELF\x01\x01\x01', 2, 3, 1, base + 16, 52, 0, 0,
                       52, 32, 1, 0, 0, 0)
    return ehdr + struct.pack('<IIIIIIII', 1, 84, base, base, len(image), len(image), 7, 4) + image


OURS = '/bin/trivet run --engine kvm --kernel /g/first.elf --memory 512M'
# The peer, the same kernel, and a machine of about the same devices.
PEER = ('/bin/qemu-system-x86_64 -L /g/firmware -accel kvm -cpu host -m 512 -nodefaults -display none -serial stdio'
        ' -no-reboot -device isa-debug-exit,iobase=0xf4 -kernel /g/first.elf')
FIRMWARE = ['seabios/bios-microvm.bin', 'seabios/bios-256k.bin', 'qemu/multiboot_dma.bin',
            'qemu/kvmvapic.bin']


def main():
    starts = [f'trivet {OURS}', f'qemu-microvm {PEER} -M microvm', f'qemu-q35 {PEER} -M q35']
    with tempfile.TemporaryDirectory() as name:
        kernel = Path(name) / 'first.elf'
        kernel.write_bytes(first_kernel())
        files = {'/bin/bench_kvm': bed.ROOT / 'build/nested/bench_kvm', '/g/first.elf': kernel,
                 '/bin/qemu-system-x86_64': '/usr/bin/qemu-system-x86_64',
                 **{f'/g/firmware/{Path(f).name}': f'/usr/share/{f}' for f in FIRMWARE}}
        steps, text = bed.run(name, [('bench', f'bench_kvm {" -- ".join(starts)} </dev/null')],
                              files, extra=EXTRA, append='nokaslr', timeout=580)
    if 'bench' not in steps or steps['bench'].status:
        print(text[-3000:])
        return 1
    print(steps['bench'].text, end='')
    return 0


if __name__ == '__main__':
    sys.exit(main())
