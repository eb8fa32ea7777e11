# SPDX-License-Identifier: Apache-2.0
"""Debian's own virtio drivers on our devices: a disk mounted, written, checked from outside."""
import hashlib
import os
import re
import subprocess

import pytest
from conftest import BOOT_SECONDS, GUEST, one_line, trivet
from virtio_guest import Running, arguments


def sound(r):
    """What the guest said, if it came to the script's end without a fault."""
    assert r.status == 0 and 'TEST END' in r.out and 'FAILED' not in r.out, r
    assert 'KERNEL' not in r.out, r
    return r.out.replace('\r', '')


@pytest.fixture
def guest(tmp_path):
    """run(script, *options): what a guest with the virtio drivers says of script."""
    def run(script, *options):
        return sound(trivet(*arguments(tmp_path, script, *options), timeout=BOOT_SECONDS))
    return run


def pattern(path, size, seed):
    """A file whose every 64 bytes say where they are."""
    with open(path, 'wb') as f:
        for at in range(0, size, 64):
            f.write(f'{seed} {at:012d} '.encode().ljust(64, b'.'))
    return hashlib.md5(path.read_bytes()).hexdigest()


def ext4(path, root, size='64M'):
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-d', root, path, size], check=True)


def debugfs(image, request):
    return subprocess.run(['debugfs', '-R', request, image], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout


def test_ext4(guest, tmp_path):
    root = tmp_path / 'root'
    root.mkdir()
    before = pattern(root / 'given', 5 << 20, 'given')
    ext4(tmp_path / 'disk.img', root)
    out = guest('''
cat /sys/block/vda/serial; echo
mount -t ext4 /dev/vda /tmp || echo FAILED mount
md5sum /tmp/given
echo "written by the guest" >/tmp/small
dd if=/tmp/given of=/tmp/copy bs=64k 2>/dev/null
sync
umount /tmp || echo FAILED umount
''', '--disk', tmp_path / 'disk.img')
    assert 'trivet-0' in out
    assert before in out
    subprocess.run(['e2fsck', '-fn', tmp_path / 'disk.img'], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert debugfs(tmp_path / 'disk.img', 'cat /small') == b'written by the guest\n'
    assert hashlib.md5(debugfs(tmp_path / 'disk.img', 'cat /copy')).hexdigest() == before


def test_raw_disks(guest, tmp_path):
    """Two disks: a read-only one of an odd number of sectors, and one to discard and zero."""
    size = (3 << 20) + 512 * 7
    given = pattern(tmp_path / 'ro.img', size, 'ro')
    pattern(tmp_path / 'rw.img', 8 << 20, 'rw')
    whole = (tmp_path / 'rw.img').read_bytes()
    out = guest('''
md5sum /dev/vda
cat /sys/block/vda/ro /sys/block/vda/size
echo x >/dev/vda 2>/dev/null && echo FAILED read-only disk took a write
dd if=/dev/vda of=/dev/vdb bs=4k seek=256 count=16 conv=notrunc,fsync 2>/dev/null || echo FAILED dd
blkdiscard -o 4194304 -l 1048576 /dev/vdb || echo FAILED discard
/bench/blkzero /dev/vdb 6291456 65536 || echo FAILED zeroes
cat /sys/class/misc/hw_random/rng_available
dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c
sync
''', '--disk', f'{tmp_path}/ro.img,ro', '--disk', f'{tmp_path}/rw.img')
    assert given in out
    assert re.search(rf'^1\n{size // 512}\n', out, re.M), out
    assert 'virtio_rng' in out and '\n64\n' in out
    ro, rw = (tmp_path / 'ro.img').read_bytes(), (tmp_path / 'rw.img').read_bytes()
    assert hashlib.md5(ro).hexdigest() == given
    want = bytearray(whole)
    want[1 << 20:(1 << 20) + 65536] = ro[:65536]
    want[4 << 20:5 << 20] = bytes(1 << 20)
    want[6 << 20:(6 << 20) + 65536] = bytes(65536)
    assert rw == bytes(want)


def test_console(tmp_path):
    """hvc0: input, and much output. (Linux polls for it and counts our interrupts as
    unhandled: after 100000 it says so, so not that much.)"""
    run = Running(*arguments(tmp_path, '''
# a console among ports comes a moment after its driver
until (exec </dev/hvc0) 2>/dev/null; do sleep 0.1; done
exec </dev/hvc0 >/dev/hvc0 2>&1
stty -echo
echo READY
read line
echo "read [$line]"
seq 100000 120000
''', '--hvc'), stdin=subprocess.PIPE)
    run.wait_for('READY')
    run.child.stdin.write(b'typed at the console\n')
    out = sound(run.end())
    assert 'read [typed at the console]' in out
    numbers = re.findall(r'^\d{6}$', out, re.M)
    assert numbers == [str(n) for n in range(100000, 120001)]


def test_bad_images(tmp_path):
    kernel = ['run', '--kernel', GUEST / 'vmlinuz', '--disk']
    (tmp_path / 'odd').write_bytes(bytes(1000))
    (tmp_path / 'empty').write_bytes(b'')
    (tmp_path / 'good').write_bytes(bytes(512))
    os.mkfifo(tmp_path / 'fifo')
    one_line(trivet(*kernel, tmp_path / 'odd'), 'odd', '1000 bytes', 'multiple of 512')
    one_line(trivet(*kernel, tmp_path / 'empty'), 'empty', 'multiple of 512')
    one_line(trivet(*kernel, tmp_path / 'gone'), 'gone', 'No such file')
    one_line(trivet(*kernel, tmp_path), 'directory')
    one_line(trivet(*kernel, f'{tmp_path}/fifo,ro'), 'fifo')
    one_line(trivet(*kernel, f'{tmp_path}/good,xx'), ',xx', ',ro')
    one_line(trivet(*kernel, ''), '--disk', 'file name')
    one_line(trivet(*kernel[:-1], *['--disk', tmp_path / 'good'] * 17), '--disk', '16')
    # the same image twice would be corrupted
    one_line(trivet(*kernel, tmp_path / 'good', '--disk', tmp_path / 'good'), 'good', 'in use')
    one_line(trivet(*kernel, tmp_path / 'good', '--disk', f'{tmp_path}/good,ro'), 'in use')


def test_vm_file(tmp_path):
    (tmp_path / 'good').write_bytes(bytes(512))
    vm = tmp_path / 'vm.yaml'
    head = f'kernel: {GUEST}/vmlinuz\n'
    vm.write_text(head + 'disks:\n  - good,ro\n  - ./good,ro\n')
    assert trivet('check', vm).status == 0
    vm.write_text(head + 'disks:\n  - good\n  - missing.img\n')
    one_line(trivet('check', vm), 'missing.img', 'No such file')
    for bad, part in (('disks: good\n', 'list'), ('disks:\n  - [good]\n', 'plain'),
                      ('disks:\n  - file: good\n', 'plain'), ('disks:\n  - good,no\n', ',no'),
                      ('kernels: [a]\n', 'kernels')):
        vm.write_text(head + bad)
        one_line(trivet('check', vm), 'vm.yaml:', part)
