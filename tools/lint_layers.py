#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include under src/ and include/ against the layering.

A room includes only rooms below it (docs/ARCHITECTURE.md); a freestanding room
includes no libc or OS header; nobody reaches into another room's files.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)

# What the C standard promises without a library (C11 4p6).
FREESTANDING = {'stddef.h', 'stdint.h', 'stdbool.h', 'stdarg.h', 'limits.h',
                'float.h', 'stdalign.h', 'stdnoreturn.h', 'iso646.h'}

LIB = {'types', 'bits', 'fmt', 'error', 'string', 'iostats'}
CORE = LIB | {'vm', 'bus', 'engine', 'exit', 'irq', 'mem', 'platform', 'timer'}
DEVICE = CORE | {'chardev', 'device/'}
PCI = DEVICE | {'pci'}
VIRTIO = PCI | {'segment', 'blockdev', 'netdev', 'vsockdev', 'virtio/'}
MACHINE = VIRTIO | {'machine'}

# path prefix: (allowed <trivet/...>, may include <arch/...>, hosted)
ROOMS = {
    'src/lib/': (LIB, False, False),
    # arch/ implements vm.h's architecture contract, so it sees core's header
    'src/arch/': (CORE, True, False),
    'src/core/': (CORE, True, False),
    'src/device/': (DEVICE, True, False),
    'src/pci/': (PCI, True, False),
    'src/virtio/': (VIRTIO, False, False),
    'src/machine/': (MACHINE, True, False),
    'src/engine/soft/': (CORE | {'engines'}, True, False),
    'src/engine/kvm/': (CORE | {'engines'}, True, True),
    'src/engine/hw/': (CORE | {'metal', 'hw'}, True, False),
    'src/engine/svm/': (CORE | {'metal', 'hw'}, True, False),
    'src/metal/common/': (MACHINE | {'metal', 'bundle'}, False, False),
    'src/metal/': (MACHINE | {'metal', 'bundle'}, True, False),
    'src/host/': (MACHINE | {'engines', 'bundle'}, True, True),
    'include/trivet/device/': (DEVICE, False, False),
    'include/trivet/virtio/': (VIRTIO, False, False),
    'include/trivet/': (MACHINE, True, False),
}


def room_of(path):
    best = max((p for p in ROOMS if path.startswith(p)), key=len, default=None)
    return best


def trivet_allowed(name, allowed):
    stem = name.removesuffix('.h')
    return stem in allowed or any(a.endswith('/') and stem.startswith(a) for a in allowed)


def check_include(path, room, bracket, name):
    """None, or what is wrong with this include."""
    allowed, arch, hosted = ROOMS[room]
    if bracket == '"':
        if '..' in name.split('/'):
            return 'reaches out of its room'
        here = (ROOT / path).parent
        if not (here / name).is_file() and not (ROOT / room / name).is_file():
            return 'is not a header of this room; use <...> for a public one'
        return None
    if name.startswith('trivet/'):
        if trivet_allowed(name[len('trivet/'):], allowed):
            return None
        return 'is above this room, or beside it'
    if name.startswith('arch/'):
        return None if arch else 'this room knows no architecture'
    if hosted or name in FREESTANDING:
        return None
    return 'a freestanding room has no libc or OS header'


def check_file(path):
    room = room_of(path)
    if room is None:
        return [f'{path}: lies in no known room']
    text = (ROOT / path).read_text(encoding='utf-8', errors='replace')
    faults = []
    if not text.startswith(('/* SPDX-License-Identifier: Apache-2.0 */',
                            '// SPDX-License-Identifier: Apache-2.0')):
        faults.append(f'{path}:1: expected the line SPDX-License-Identifier: Apache-2.0')
    for m in INCLUDE.finditer(text):
        fault = check_include(path, room, m[1], m[2])
        if fault:
            line = text.count('\n', 0, m.start(2)) + 1
            faults.append(f'{path}:{line}: #include {m[1]}{m[2]}: {fault}')
    return faults


def main():
    files = sorted(str(f.relative_to(ROOT)) for top in ('src', 'include')
                   for f in (ROOT / top).rglob('*') if f.suffix in ('.c', '.h', '.S'))
    faults = [fault for f in files for fault in check_file(f)]
    for fault in faults:
        print(fault)
    print(f'lint: layering of {len(files)} files: '
          + ('in order' if not faults else f'{len(faults)} faults'))
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
