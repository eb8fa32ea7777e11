#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-metal: what the bare-metal hypervisor costs, in instructions (the guest's TSC counts
them): exits beside KVM's in the same emulator, Debian's boot beside the same without a hypervisor,
and the image's size and memory. What is missed is printed as it is and is no failure."""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from beds import BEDS, HYPERVISOR, MACHINE_MIB, ROOT

sys.path.insert(0, str(ROOT / 'tests/bench'))
from initramfs import write_initramfs  # pylint: disable=wrong-import-position,wrong-import-order

START = ROOT / 'build/bench/metal/start'
GUEST = ROOT / 'build/guest'
GUEST_MIB = 256

# Exit: KVM's count is to be this many times ours; None: nothing is promised.
WANTED = {'rdtsc': None, 'cpuid': 4, 'hypercall': 4, 'rdmsr-apicbase': None, 'cr8-read': None,
          'cr8-write': None, 'port-read': 10, 'port-write': 10, 'serial-read': 10,
          'serial-write': 10, 'ioapic-read': 10, 'ioapic-write': 10, 'virtio-read': 10,
          'virtio-write': 10, 'apic-read': None, 'apic-write': None, 'first-touch': 3}
BOOT_WANTED = 5.0  # per cent
TEXT_WANTED = 200  # KiB
MEMORY_WANTED = 4096  # KiB


def exits_of(text, where):
    """{name: (least, median)}"""
    found = {name: (int(least), int(median)) for name, least, median in
             re.findall(r'^EXIT (\S+) (\d+) (\d+)$', text, re.MULTILINE)}
    if 'first-touch' not in found:
        sys.exit(f'{where}: the guest did not finish:\n{text[-3000:]}')
    return found


def verdict(ok):
    return 'met' if ok else 'missed'


def print_exits(ours, kvm):
    print(f'{"exit":16}{"Trivet":>8}{"median":>8}{"KVM":>8}{"median":>8}{"KVM/Trivet":>12}  wanted')
    for name, factor in WANTED.items():
        line = f'{name:16}'
        for leg in (ours, kvm):
            least, median = leg.get(name, ('-', '-'))
            line += f'{least:>8}{median:>8}'
        if name in ours and name in kvm:
            ratio = kvm[name][1] / ours[name][1]
            line += f'{ratio:>12.1f}'
            if factor:
                line += f'  {factor} or more: {verdict(ratio >= factor)}'
        print(line)


def boot(emulator, work):
    """Instructions from the kernel's entry to the first program, (ours, without)."""
    initrd = Path(work) / 'initrd.gz'
    extra = Path(work) / 'extra.gz'
    write_initramfs(str(extra), {'/start': START}, '')
    initrd.write_bytes((GUEST / 'initrd.gz').read_bytes() + extra.read_bytes())
    append = 'console=ttyS0 quiet nokaslr rdinit=/start'
    modules = (GUEST / 'vmlinuz', initrd)
    texts = (emulator.metal(f'memory={GUEST_MIB}M -- {append}', modules),
             emulator.bare(GUEST_MIB, modules[0], append, modules[1:]),
             emulator.bare(GUEST_MIB, emulator.exits))
    found = [re.search(r'^(?:INIT|START) (\d+)$', t, re.MULTILINE) for t in texts]
    if not all(found):
        sys.exit(f'a boot did not finish:\n{texts[found.index(None)][-3000:]}')
    counts = [int(f[1]) for f in found]
    # what the firmware takes before it starts a kernel is in the TSC there
    return counts[0], counts[1] - counts[2]


def print_boot(emulator, work):
    ours, without = boot(emulator, work)
    percent = (ours / without - 1) * 100
    print(f'Debian to its first program: {ours / 1e6:.1f} million instructions, '
          f'{without / 1e6:.1f} without a hypervisor: {percent:+.1f} %; wanted under '
          f'{BOOT_WANTED:g} %: {verdict(percent < BOOT_WANTED)}')


def section_sizes():
    text = subprocess.run(['size', '-A', str(HYPERVISOR) + '64'], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return {name: int(size) for name, size in re.findall(r'^(\.\w+) +(\d+)', text, re.MULTILINE)}


def print_image(text):
    """text: of a run with log=debug."""
    sizes = section_sizes()
    kib = sizes['.text'] / 1024
    print(f'image: text {kib:.0f} KiB, constants {sizes[".rodata"] / 1024:.0f} KiB; wanted under '
          f'{TEXT_WANTED} KiB of text: {verdict(kib < TEXT_WANTED)}')
    free = re.search(r'(\d+) KiB are free beside', text)
    own = (MACHINE_MIB - GUEST_MIB) * 1024 - int(free[1])
    print(f'memory that is no guest\'s, page tables, firmware and boot modules included: {own} KiB; '
          f'wanted under {MEMORY_WANTED} KiB: {verdict(own < MEMORY_WANTED)}')


def measure(emulator, args):
    print(f'{emulator.name}, in instructions')
    metal = emulator.metal(f'memory={GUEST_MIB}M testdev=on log=debug', [emulator.exits])
    ours, kvm = exits_of(metal, 'Trivet'), {}
    with tempfile.TemporaryDirectory() as work:
        if args.kvm:
            kvm = exits_of(emulator.kvm(work, emulator.exits), 'KVM')
        print_exits(ours, kvm)
        if args.boot and emulator.boots:
            print_boot(emulator, work)
    print_image(metal)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--on', choices=BEDS, action='append', help='emulators (all)')
    p.add_argument('--no-kvm', dest='kvm', action='store_false', help='ours alone')
    p.add_argument('--no-boot', dest='boot', action='store_false', help='exits alone')
    args = p.parse_args()
    for name in args.on or BEDS:
        measure(BEDS[name], args)


if __name__ == '__main__':
    main()
