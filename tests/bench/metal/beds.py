# SPDX-License-Identifier: Apache-2.0
"""The emulators that the bare-metal figures come from. Each runs three things with one processor
whose TSC counts instructions, and gives what came on the serial port: the hypervisor with boot
modules, a kernel without any hypervisor, and Debian's KVM with our program on top."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests/nested'))
import bed  # pylint: disable=wrong-import-position,wrong-import-order

HYPERVISOR = ROOT / 'build/trivet-x86.elf'
MACHINE_MIB = 512


class Qemu:
    """QEMU's TCG, with AMD-V. Its documentation of -icount: the same in every run."""
    name = 'QEMU (AMD-V)'
    COUNTED = ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01,clock=vm', '-seed', '1']

    def _run(self, memory, kernel, append, modules, more=()):
        command = ['qemu-system-x86_64', '-accel', 'tcg', '-M', 'q35', '-cpu', 'max', '-m',
                   str(memory), '-nodefaults', '-display', 'none', '-serial', 'stdio',
                   '-no-reboot', *self.COUNTED, '-kernel', str(kernel), '-append', append, *more]
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
                              {'/g/kernel.elf': kernel}, cpus=1, extra=self.COUNTED,
                              append='nokaslr')
        return steps['exits'].text if 'exits' in steps else text


BEDS = {'qemu': Qemu()}
