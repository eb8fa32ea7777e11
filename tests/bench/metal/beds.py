# SPDX-License-Identifier: Apache-2.0
"""The emulators that the bare-metal figures come from. Each runs three things with one processor
whose TSC counts instructions, and gives what came on the serial port: the hypervisor with boot
modules, a kernel without any hypervisor, and Debian's KVM with our program on top."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent
sys.path[:0] = [str(ROOT / 'tests'), str(ROOT / 'tests/nested'), str(ROOT / 'tests/metal')]
import bed  # pylint: disable=wrong-import-position,wrong-import-order
import tcg  # pylint: disable=wrong-import-position,wrong-import-order

HYPERVISOR = ROOT / 'build/trivet-x86.elf'
BOCHS = ROOT / 'tests/metal/bochs.py'
EXITS = ROOT / 'build/bench/metal/exits.elf'
EXITS_INTEL = ROOT / 'build/bench/metal/exits-intel.elf'
MACHINE_MIB = 512


class Qemu:
    """QEMU's TCG, with AMD-V. Its documentation of -icount: the same in every run."""
    name = 'QEMU (AMD-V)'
    exits = EXITS
    boots = True
    COUNTED = ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01,clock=vm', '-seed', '1']

    def _run(self, memory, kernel, append, modules, more=()):
        command = tcg.command('-cpu', 'max', '-m', memory, '-nodefaults', '-display', 'none',
                              '-serial', 'stdio', '-no-reboot', *self.COUNTED, '-kernel', kernel,
                              '-append', append, *more)
        if modules:
            command += ['-initrd', ','.join(map(str, modules))]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=400, check=False)
        return done.stdout.decode(errors='replace').replace('\r', '')

    def metal(self, append, modules):
        return self._run(MACHINE_MIB, HYPERVISOR, append, modules)

    def bare(self, memory, kernel, append='', modules=()):
        return self._run(memory, kernel, append, modules,
                         ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'])

    def kvm(self, work, kernel):
        steps, text = bed.run(work, [('exits', 'trivet run --engine kvm --kernel /g/kernel.elf '
                                      '--memory 256M --testdev --timeout 250 </dev/null')],
                              {'/g/kernel.elf': kernel}, extra=self.COUNTED, append='nokaslr')
        return steps['exits'].text if 'exits' in steps else text


class Bochs:
    """Bochs, whose TSC counts instructions as well, if not always the same number: the time of
    day is in it. modules: of KVM. What its BIOS and GRUB take before a kernel starts depends on what
    they load, so a boot cannot be compared with one without a hypervisor."""
    boots = False

    def __init__(self, name, cpu, exits, modules):
        self.name, self.cpu, self.exits, self.modules = name, cpu, exits, modules

    def _run(self, memory, append, modules, more=()):
        done = subprocess.run([str(BOCHS), '--cpu', self.cpu, '--memory', str(memory), '--append',
                               append, *map(str, more), '--', *map(str, modules)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=1600,
                              check=False)
        return done.stdout.decode(errors='replace').replace('\r', '')

    def metal(self, append, modules):
        return self._run(MACHINE_MIB, append, modules)

    def bare(self, memory, kernel, append='', modules=()):
        how = 'linux' if append else 'multiboot'
        return self._run(memory, append, modules, ['--kernel', kernel, '--how', how])

    def kvm(self, work, kernel):
        initrd = Path(work) / 'host.initrd'
        bed.host_initrd(initrd, [('exits', 'trivet run --engine kvm --kernel /g/kernel.elf '
                                  '--memory 256M --testdev --timeout 250 </dev/null')],
                        {'/g/kernel.elf': kernel}, self.modules)
        text = self.bare(1024, bed.GUEST / 'vmlinuz', 'console=ttyS0 quiet loglevel=4 panic=-1 nokaslr',
                         [initrd])
        steps = bed.split(text)
        return steps['exits'].text if 'exits' in steps else text


KVM = ['virt/lib/irqbypass', 'arch/x86/kvm/kvm']
BEDS = {'qemu': Qemu(),
        'bochs-vtx': Bochs('Bochs (VT-x)', 'vtx', EXITS_INTEL, [*KVM, 'arch/x86/kvm/kvm-intel']),
        'bochs-svm': Bochs('Bochs (AMD-V)', 'svm', EXITS, [*KVM, 'arch/x86/kvm/kvm-amd'])}
