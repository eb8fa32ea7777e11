# SPDX-License-Identifier: Apache-2.0
"""A guest with Debian's virtio drivers that runs a script: what the tests of devices and
of statistics share."""
import gzip
import os
import subprocess
import threading

from conftest import BOOT_SECONDS, GUEST, QUICK, TRIVET, Result

MODULES = ['virtio/virtio_ring', 'virtio/virtio', 'virtio/virtio_pci_modern_dev',
           'virtio/virtio_pci_legacy_dev', 'virtio/virtio_pci', 'block/virtio_blk',
           'char/hw_random/virtio-rng', 'char/virtio_console']

INIT = '''#!/bin/sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in {modules}; do insmod /mod/$m.ko || echo "FAILED insmod $m"; done
{script}
dmesg -r | grep '^<[0-3]>' | sed 's/^/KERNEL /'
echo TEST END
poweroff -f
'''


def initrd_with(tree, out):
    """The small guest's initramfs with that of a tree behind it, which wins."""
    names = subprocess.run(['find', '.'], cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    made = subprocess.run(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0'], cwd=tree,
                          input=names, stdout=subprocess.PIPE, check=True).stdout
    out.write_bytes((GUEST / 'initrd.gz').read_bytes() + gzip.compress(made, 1))
    return out


def make_initrd(tmp_path, script):
    """An initramfs whose init loads the drivers and runs the script."""
    drivers = sorted((GUEST / 'kernel/lib/modules').glob('*/kernel/drivers'))
    assert drivers, 'no build/guest/kernel/lib/modules: run `make guest`'
    tree = tmp_path / 'tree'
    (tree / 'mod').mkdir(parents=True, exist_ok=True)
    for m in MODULES:
        (tree / 'mod' / (os.path.basename(m) + '.ko')).write_bytes(
            (drivers[0] / (m + '.ko')).read_bytes())
    names = ' '.join(os.path.basename(m) for m in MODULES)
    (tree / 'init').write_text(INIT.format(modules=names, script=script))
    (tree / 'init').chmod(0o755)
    return initrd_with(tree, tmp_path / 'initrd')


def arguments(tmp_path, script, *options):
    """For trivet(): a guest that runs the script and powers off. The engine is named:
    auto would say in a line why not KVM, where there is one."""
    return ['run', '--engine', 'soft', '--kernel', GUEST / 'vmlinuz',
            '--initrd', make_initrd(tmp_path, script), '--append',
            f'console=ttyS0 quiet {QUICK}', *options]


class Running:
    """A guest that runs: what it says can be waited for, line by line."""

    def __init__(self, *args, stdin=subprocess.DEVNULL):
        self.child = subprocess.Popen([str(TRIVET), *map(str, args)], stdin=stdin,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = []

    def wait_for(self, text, seconds=BOOT_SECONDS):
        timer = threading.Timer(seconds, self.child.kill)
        timer.start()
        for line in self.child.stdout:
            self.lines.append(line.decode(errors='replace'))
            if text in self.lines[-1]:
                break
        else:
            raise AssertionError((f'{text} was not said', self.lines, self.child.stderr.read()))
        timer.cancel()

    def end(self, seconds=BOOT_SECONDS):
        out, err = self.child.communicate(timeout=seconds)
        return Result(self.child.returncode, ''.join(self.lines) + out.decode(errors='replace'),
                      err.decode(errors='replace'))
