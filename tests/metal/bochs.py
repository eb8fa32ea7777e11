#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The hypervisor in Bochs 2.7, which has VT-x (corei7_skylake_x) and AMD-V (trinity_apu):
tests/metal/bochs.py [--cpu vtx|svm] [--cpus N] [--memory MIB] [--append TEXT] [--kernel FILE]
[--how multiboot2|multiboot|linux] [MODULE...] runs it, or another kernel, with boot modules and copies
the serial port to the standard output.

Bochs counts one tick of the TSC per instruction, and 50 million of them as a second: the clock of
the machine has nothing to do with the wall's. A machine that sleeps takes no time."""
import argparse
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import threading
import tty
from pathlib import Path

import pexpect
import pexpect.fdpexpect
from console import Console

ROOT = Path(__file__).resolve().parent.parent.parent
HYPERVISOR = ROOT / 'build/trivet-x86.elf'
MODELS = {'vtx': 'corei7_skylake_x', 'svm': 'trinity_apu'}
BOOT_SECONDS = 300
LIMIT_SECONDS = 1500

# The terminal display, since rfb's now and then aborts; nobody looks at it. Bochs gets as much memory
# as the machine has: with less it swaps, and then loses what was written (a machine of 2 GiB with 1 GiB
# under it, once 1 GiB was used: the hypervisor returned to address 0).
BOCHSRC = '''\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1, iodebug=0, e1000=0
config_interface: textconfig
display_library: term
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model={model}, count={cpus}, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1, quantum=16
clock: sync=none, time0=1767225600, rtc_sync=0
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={serial}
port_e9_hack: enabled=1
log: {log}
panic: action=fatal
error: action=ignore
info: action=report, cpu0=ignore
debug: action=ignore
'''

# How GRUB loads a kernel, and what goes with it.
LOADS = {'multiboot2': 'module2', 'multiboot': 'module', 'linux': 'initrd'}


def make_iso(where, out, kernel, how, append, modules):
    """A disc for BIOS machines, as `trivet image` makes them, but with a command line."""
    tree = where / 'tree'
    (tree / 'boot/grub').mkdir(parents=True)
    shutil.copy(kernel, tree / 'boot/kernel')
    lines = [f'{how} /boot/kernel {append}']
    for i, module in enumerate(modules):
        shutil.copy(module, tree / f'boot/module{i}')
        lines.append(f'{LOADS[how]} /boot/module{i} module{i}' if how != 'linux' else
                     f'initrd /boot/module{i}')
    (tree / 'boot/grub/grub.cfg').write_text('\n'.join(
        ['set timeout=0', 'menuentry Trivet {', *lines, '}', '']))
    subprocess.run(['grub-mkrescue', '-d', '/usr/lib/grub/i386-pc', '-o', str(out), str(tree)],
                   check=True, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return out


class Bochs(Console):
    """One Bochs. cpu: of MODELS."""
    timeout = BOOT_SECONDS

    def __init__(self, tmp, cpu='vtx', cpus=1, memory=2048, kernel=HYPERVISOR, append='', modules=(),
                 iso=None, how='multiboot2'):
        tmp = Path(tempfile.mkdtemp(prefix='bochs-', dir=tmp))
        iso = iso or make_iso(tmp, tmp / 'disc.iso', kernel, how, append, modules)
        serial, its_serial = pty.openpty()
        self.screen, its_screen = pty.openpty()
        tty.setraw(its_serial)
        (tmp / 'rc').write_text('c\n') # Debian's has the debugger, which waits
        (tmp / 'bochsrc').write_text(BOCHSRC.format(
            memory=memory, model=MODELS[cpu], cpus=cpus, iso=iso, serial=os.ttyname(its_serial),
            log=tmp / 'log'))
        # its_serial is only held open, so that the end of the process is the end of the line
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            ['bochs', '-q', '-f', str(tmp / 'bochsrc'), '-rc', str(tmp / 'rc')], stdin=its_screen,
            stdout=its_screen, stderr=its_screen, pass_fds=[its_serial], cwd=tmp,
            start_new_session=True, env=dict(os.environ, TERM='vt100'))
        os.close(its_serial)
        os.close(its_screen)
        self.console = pexpect.fdpexpect.fdspawn(serial, timeout=BOOT_SECONDS, encoding='utf-8',
                                                 codec_errors='replace')
        self.console.delaybeforesend = None
        # pylint: disable-next=consider-using-with
        self.console.logfile_read = open(tmp / 'console', 'w', encoding='utf-8', buffering=1)
        threading.Thread(target=self._drain, daemon=True).start()
        self.limit = threading.Timer(LIMIT_SECONDS, self.process.kill)
        self.limit.daemon = True
        self.limit.start()

    def _drain(self):
        """What it writes to its screen, until it ends: a full terminal would hold it up."""
        try:
            while os.read(self.screen, 65536):
                pass
        except OSError:
            pass
        os.close(self.screen)

    def close(self):
        self.limit.cancel()
        self.process.kill()
        self.process.wait()
        self.console.close()
        self.console.logfile_read.close()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--cpu', choices=MODELS, default='vtx')
    p.add_argument('--cpus', type=int, default=1)
    p.add_argument('--memory', type=int, default=512)
    p.add_argument('--append', default='')
    p.add_argument('--kernel', default=HYPERVISOR)
    p.add_argument('--how', choices=LOADS, default='multiboot2')
    p.add_argument('modules', nargs='*')
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        m = Bochs(tmp, args.cpu, args.cpus, args.memory, args.kernel, args.append,
                  args.modules, how=args.how)
        m.console.logfile_read = sys.stdout
        try:
            m.console.expect(pexpect.EOF, timeout=LIMIT_SECONDS)
        finally:
            m.console.logfile_read = open(os.devnull, 'w', encoding='utf-8')
            m.close()


if __name__ == '__main__':
    main()
