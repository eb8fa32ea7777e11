# SPDX-License-Identifier: Apache-2.0
"""The nested test bed: QEMU's emulated AMD-V runs Debian's kernel with kvm_amd, whose initramfs
holds our program and a guest for it. A run is a list of steps, shell text each; what each printed and
its status come back."""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests'))
import tcg # pylint: disable=wrong-import-position

GUEST = ROOT / 'build/guest'
TRIVET = ROOT / 'build/trivet'

HOST_MODULES = ['virt/lib/irqbypass', 'arch/x86/kvm/kvm', 'arch/x86/kvm/kvm-amd']
GUEST_MODULES = ['drivers/virtio/virtio_ring', 'drivers/virtio/virtio',
                 'drivers/virtio/virtio_pci_modern_dev', 'drivers/virtio/virtio_pci_legacy_dev',
                 'drivers/virtio/virtio_pci', 'drivers/block/virtio_blk',
                 'drivers/char/hw_random/virtio-rng', 'net/core/failover',
                 'drivers/net/net_failover', 'drivers/net/virtio_net']

INIT = '''#!/bin/sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
ip link set lo up
for m in {modules}; do insmod /mod/$m.ko || echo "FAILED insmod $m"; done
{text}
sleep 1 # until a serial port as slow as a real one has sent all
poweroff -f
'''

# One CPU. QEMU (7.2, and its source of 2025 reads the same) leaves the number of an interrupt that
# VMRUN injects where a pending exception's is. If it is asked to leave its CPU loop before the guest's
# next exit, without an interrupt of the host's, it delivers that interrupt a second time, with
# interrupts off and mostly at the handler's first instruction. The guest's kernel then runs with the
# user's GS ("ENTRY_TRAMPOLINE stack guard page was hit") or spins on a lock it holds. With several CPUs
# on one host thread a timer asks so ten times a second. Asked 500 times a second, Debian died within 15
# seconds, and hung in its boot under qemu -accel kvm; with that one store (helper_vmrun, exception_index)
# taken out of QEMU both ran the same load to its end. With one CPU nobody asks so.
# (With a thread for each, QEMU 7.2 besides now and then goes on running an INT3 that Linux has
# patched away, a static key in __schedule when a vCPU is made, for ever.)
QEMU = ['-cpu', 'max', '-m', '2048', '-nographic', '-no-reboot', '-nodefaults',
        '-serial', 'stdio', '-net', 'none']


def cpio(tree, out, base):
    """An initramfs: base's files, and tree's over them, which no emulated CPU need unpack."""
    names = subprocess.run(['find', '.'], cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    made = subprocess.run(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0'], cwd=tree,
                          input=names, stdout=subprocess.PIPE, check=True).stdout
    packed = Path(base).read_bytes()
    out.write_bytes(packed + bytes(-len(packed) % 4) + made)


def modules_dir():
    found = sorted((GUEST / 'kernel/lib/modules').glob('*/kernel'))
    assert found, 'no build/guest/kernel: run `make guest`'
    return found[-1]


def add_modules(tree, modules):
    (tree / 'mod').mkdir()
    for m in modules:
        shutil.copy(modules_dir() / f'{m}.ko', tree / 'mod')
    return ' '.join(Path(m).name for m in modules)


def write_init(tree, modules, text):
    init = tree / 'init'
    init.write_text(INIT.format(modules=add_modules(tree, modules), text=text))
    init.chmod(0o755)


def libraries(program):
    """What the dynamic linker loads for program, itself included."""
    text = subprocess.run(['ldd', program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted(set(re.findall(r'(/\S+)', text)))


def guest_initrd(out, text):
    """The innermost guest's: the virtio drivers, and text to run."""
    with tempfile.TemporaryDirectory() as name:
        write_init(Path(name), GUEST_MODULES, text)
        cpio(Path(name), out, GUEST / 'initrd.gz')


def host_initrd(out, steps, files, modules=None):
    """The middle one's: KVM, our program, files {path there: path here}."""
    text = ''.join(f'echo "@@ BEGIN {name}"\n(\n{step}\n) 2>&1\necho "@@ END {name} $?"\n'
                   for name, step in steps)
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        for there, here in {'/bin/trivet': TRIVET, **files}.items():
            place = tree / there.lstrip('/')
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(here, place)
            if place.parent.name == 'bin':
                for lib in libraries(here):
                    to = tree / lib.lstrip('/')
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(lib, to)
        write_init(tree, modules or HOST_MODULES, text)
        cpio(tree, out, GUEST / 'initrd.gz')


class Step:
    """Text without what terminals on the way put in, and without empty lines."""
    def __init__(self, text, status):
        self.text, self.status = re.sub(r'\n+', '\n', text.replace('\r', '')), status

    def __repr__(self):
        return f'status {self.status}\n{self.text[-6000:]}'


def split(text):
    """{name: Step} of what the middle machine printed."""
    found = re.findall(r'@@ BEGIN (\S+)\r?\n(.*?)@@ END \1 (\d+)', text, re.S)
    return {name: Step(body, int(status)) for name, body, status in found}


def run(work, steps, files, extra=(), timeout=280, append=''):
    """Boots the middle machine. ({name: Step}, all of the text)."""
    initrd = Path(work) / 'host.initrd'
    host_initrd(initrd, steps, files)
    command = tcg.command(*QEMU, *extra, '-kernel', GUEST / 'vmlinuz', '-initrd', initrd,
               '-append', f'console=ttyS0 quiet loglevel=4 panic=-1 {append}')
    log = Path(work) / 'console.txt'
    with open(log, 'wb') as out:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                           stderr=subprocess.STDOUT, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            out.write(b'\n@@ TIME-OUT\n')
    text = log.read_text(errors='replace')
    return split(text), text
