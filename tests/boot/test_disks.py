# SPDX-License-Identifier: Apache-2.0
"""Disks as guest and operator see them: both backends, images that fill up, shrink or are
taken, a host's block device, and machines that end in the middle of their requests."""
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys

import pytest
from conftest import BOOT_SECONDS, TRIVET, Result, one_line, trivet
from virtio_guest import Running, arguments

MIB = 1 << 20


def sparse(path, size):
    with open(path, 'wb') as f:
        f.truncate(size)
    return path


def limited(args, **more):
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=BOOT_SECONDS,
                          **more)
    return Result(done.returncode, done.stdout.decode(errors='replace'),
                  done.stderr.decode(errors='replace'))


def said_once(result, *parts):
    """The operator has one line on the first fault and one on how many there were."""
    lines = [x for x in result.err.splitlines() if x.startswith('trivet: disk: ')]
    assert 1 <= len(lines) <= 2, result
    for part in parts:
        assert part in lines[0], result
    assert len(lines) == 1 or lines[1].endswith('requests failed'), result


def stats_of(result):
    line, = [x for x in result.err.splitlines() if x.startswith('{')]
    return json.loads(line)


def uring_refused():
    """Does this host refuse io_uring (a kernel without, a container)?"""
    code = ('import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(425, 1, (ctypes.c_char * 120)())'
            ' < 0)')
    return subprocess.run([sys.executable, '-c', code], check=False).returncode != 0


@pytest.mark.parametrize('io', ['uring', 'threads'])
def test_backends(tmp_path, io):
    """Three disks, many requests in flight, every kind of request; the host checks the bytes."""
    if io == 'uring' and uring_refused():
        pytest.skip('this host refuses io_uring')
    given, taken, third = (tmp_path / n for n in ('given,1.img', 'taken.img', 'third.img'))
    given.write_bytes(os.urandom(24 * MIB + 512 * 3))
    taken.write_bytes(b'\xee' * (32 * MIB))
    third.write_bytes(b'\xdd' * MIB)
    r = trivet(*arguments(tmp_path, '''
cat /sys/block/vda/serial; echo; cat /sys/block/vdb/serial; echo
for i in 0 1 2 3 4 5; do
    dd if=/dev/vda of=/dev/vdb bs=256k skip=$((i*16)) seek=$((i*16)) count=16 \\
        iflag=direct oflag=direct conv=notrunc 2>/dev/null &
done
wait
md5sum /dev/vda
blkdiscard -o 25165824 -l 1048576 /dev/vdb || echo FAILED discard
/bench/blkzero /dev/vdb 29360128 65536 || echo FAILED zeroes
cat /dev/vda >/dev/null & cat /dev/vdb | md5sum
cp /dev/vda /copy; dd if=/copy of=/dev/vdc bs=1M count=1 conv=notrunc,fsync 2>/dev/null
wait
'''), '--disk', f'{given},io={io},ro,serial=AB-1_x.y', '--disk',
               f'{taken},io={io}', '--disk', f'{third},io={io}', '--stats=json',
               timeout=BOOT_SECONDS)
    assert r.status == 0 and 'FAILED' not in r.out, r
    data, want = given.read_bytes(), bytearray(b'\xee' * (32 * MIB))
    want[:24 * MIB] = data[:24 * MIB]
    want[24 * MIB:25 * MIB] = bytes(MIB)
    want[28 * MIB:28 * MIB + 65536] = bytes(65536)
    assert taken.read_bytes() == bytes(want)
    assert third.read_bytes() == data[:MIB]
    assert hashlib.md5(data).hexdigest() in r.out
    assert hashlib.md5(want).hexdigest() in r.out
    assert 'AB-1_x.y' in r.out and 'trivet-1' in r.out
    stats = stats_of(r)
    assert [g['backend'] for g in stats['io'] if g['kind'] == 'block'] == [io] * 3
    assert [g['name'] for g in stats['io'] if g['kind'] == 'block'] == \
        [str(given), str(taken), str(third)]


FILL = '''
dd if=/dev/zero of=/dev/vda bs=64k count=4 oflag=direct conv=notrunc 2>/dev/null || echo FAILED first
tr '\\0' x </dev/zero | dd of=/dev/vda bs=64k seek=4 oflag=direct conv=notrunc 2>&1 | grep -o 'I/O error' |
    head -n 1
dd if=/dev/vda of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null || echo FAILED read
echo alive
'''


@pytest.mark.parametrize('io', ['uring', 'threads'])
def test_host_full(tmp_path, io):
    """A sparse image on a file system that fills up."""
    small = tmp_path / 'small'
    small.mkdir()
    space = ['unshare', '-m'] if os.geteuid() == 0 else ['unshare', '-rm']
    if not shutil.which('unshare') or subprocess.run(
            [*space, 'mount', '-t', 'tmpfs', 'none', small], check=False).returncode:
        pytest.skip('needs a mount name space for a small tmpfs')
    if io == 'uring' and uring_refused():
        pytest.skip('this host refuses io_uring')
    inside = f'mount -t tmpfs -o size=2m none {small} && truncate -s 16M {small}/d.img && exec "$@"'
    r = limited([*space, 'sh', '-c', inside, 'sh', TRIVET, *arguments(tmp_path, FILL),
                 '--disk', f'{small}/d.img,io={io}'])
    assert r.status == 0 and 'FAILED' not in r.out, r
    assert 'I/O error' in r.out and 'alive' in r.out, r
    said_once(r, 'd.img', 'write of', 'No space left', 'the guest was told')


def test_file_size_limit(tmp_path):
    """EFBIG, which comes with a signal that would end the program."""
    image = sparse(tmp_path / 'd.img', 16 * MIB)
    r = limited([TRIVET, *arguments(tmp_path, FILL), '--disk', image], preexec_fn=lambda:
                resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB)))
    assert r.status == 0 and 'FAILED' not in r.out, r
    assert 'I/O error' in r.out and 'alive' in r.out, r
    said_once(r, 'd.img', 'write of', 'File too large')
    assert image.read_bytes()[256 << 10:MIB] == b'x' * (MIB - (256 << 10))


def test_image_truncated(tmp_path):
    """Reads and writes of a disk that became shorter fail, and it does not grow again."""
    image = tmp_path / 'd.img'
    image.write_bytes(os.urandom(8 * MIB))
    run = Running(*arguments(tmp_path, '''
echo 3 >/proc/sys/vm/drop_caches
echo READY
while dd if=/dev/vda of=/dev/null bs=64k skip=64 count=1 iflag=direct 2>/dev/null; do sleep 1; done
echo READ FAILED
dd if=/dev/zero of=/dev/vda bs=64k seek=100 count=1 oflag=direct conv=notrunc 2>/dev/null ||
    echo WRITE FAILED
dd if=/dev/vda bs=4k count=4 iflag=direct 2>/dev/null | md5sum
'''), '--disk', image, '--stats=json')
    start = hashlib.md5(image.read_bytes()[:16384]).hexdigest()
    run.wait_for('READY')
    os.truncate(image, MIB)
    r = run.end()
    assert r.status == 0 and 'READ FAILED' in r.out and 'WRITE FAILED' in r.out, r
    assert start in r.out, r  # what is left can be read
    assert image.stat().st_size == MIB
    said_once(r, 'd.img', 'read of', 'became shorter')
    ops = stats_of(r)['io'][0]['ops']
    assert ops['read']['errors'] >= 1 and ops['write']['errors'] >= 1


def test_image_in_use(kernels, tmp_path):
    """One machine may write an image, or several read it."""
    image = sparse(tmp_path / 'd.img', MIB)
    kernel = ['run', '--kernel', kernels['spin'], '--append', 'halt=1', '--timeout']
    run = Running(*kernel, 120, '--disk', image)
    run.wait_for('for ever')
    one_line(trivet(*kernel, 1, '--disk', image), 'd.img', 'in use')
    one_line(trivet(*kernel, 1, '--disk', f'{image},ro'), 'd.img', 'in use')
    run.child.terminate()
    assert run.end().status == 143
    run = Running(*kernel, 120, '--disk', f'{image},ro')
    run.wait_for('for ever')
    assert trivet(*kernel, 1, '--disk', f'{image},ro').status == 124
    one_line(trivet(*kernel, 1, '--disk', image), 'd.img', 'in use')
    run.child.terminate()
    assert run.end().status == 143


@pytest.fixture
def loop(tmp_path):
    """A loop device over an image, which holds 0xcc."""
    if os.geteuid() != 0:
        pytest.skip('a loop device needs root')
    image = tmp_path / 'loop.img'
    image.write_bytes(b'\xcc' * (8 * MIB))
    done = subprocess.run(['losetup', '--find', '--show', image], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        pytest.skip('no loop device here')
    device = done.stdout.decode().strip()
    yield device, image
    subprocess.run(['losetup', '--detach', device], check=True)


def test_host_block_device(loop, tmp_path):
    device, image = loop
    r = trivet(*arguments(tmp_path, '''
cat /sys/block/vda/size
dd if=/dev/zero bs=64k count=8 2>/dev/null | tr '\\0' y | dd of=/dev/vda bs=64k conv=notrunc,fsync 2>/dev/null
blkdiscard -o 2097152 -l 1048576 /dev/vda || echo FAILED discard
/bench/blkzero /dev/vda 4194304 65536 || echo FAILED zeroes
sync
'''), '--disk', device, timeout=BOOT_SECONDS)
    assert r.status == 0 and 'FAILED' not in r.out and '16384' in r.out, r
    assert r.err == '', r
    subprocess.run(['blockdev', '--flushbufs', device], check=True)
    want = bytearray(b'\xcc' * (8 * MIB))
    want[:512 << 10] = b'y' * (512 << 10)
    want[2 * MIB:3 * MIB] = bytes(MIB)
    want[4 * MIB:4 * MIB + 65536] = bytes(65536)
    assert image.read_bytes() == bytes(want)


@pytest.mark.parametrize('io', ['uring', 'threads'])
def test_end_with_requests_in_flight(tmp_path, io):
    """A reset, then a power-off, while several processes write and read."""
    if io == 'uring' and uring_refused():
        pytest.skip('this host refuses io_uring')
    image = sparse(tmp_path / 'd.img', 64 * MIB)
    r = trivet(*arguments(tmp_path, '''
boots=$(dd if=/dev/vda bs=512 count=1 iflag=direct 2>/dev/null | tr -d '\\0' | wc -c)
echo "BOOT $boots"
for i in 1 2 3 4; do
    (while :; do dd if=/dev/zero of=/dev/vda bs=512k seek=$((i*16)) count=16 oflag=direct \\
        conv=notrunc 2>/dev/null; done) &
    (while :; do dd if=/dev/vda of=/dev/null bs=256k skip=$((i*32)) count=32 iflag=direct \\
        2>/dev/null; done) &
done
sleep 1
if [ $boots -lt 2 ]; then
    printf 'xxx' | cut -c 1-$((boots+1)) | tr -d '\\n' | dd of=/dev/vda bs=512 conv=notrunc,sync,fsync 2>/dev/null
    echo b >/proc/sysrq-trigger
fi
'''), '--disk', f'{image},io={io}', '--stats=json', timeout=BOOT_SECONDS)
    assert r.status == 0, r
    assert [x[:6] for x in r.out.splitlines() if x.startswith('BOOT')] == \
        ['BOOT 0', 'BOOT 1', 'BOOT 2'], r
    assert len(r.err.splitlines()) == 1, r
    ops = stats_of(r)['io'][0]['ops']
    assert not any(op['errors'] for op in ops.values()), r


@pytest.mark.parametrize('text,part', [
    ('d.img,serial=', 'serial='), ('d.img,serial=has space', 'letters'),
    ('d.img,serial=012345678901234567890', '1 to 20'), ('d.img,io=fast', 'io=uring'),
    ('d.img,io=threads,ro,rx', ',rx'), ('d.img,io=fast,ro', 'io=uring'), (',ro', 'file name')])
def test_bad_options(tmp_path, text, part):
    sparse(tmp_path / 'd.img', MIB)
    one_line(trivet('run', '--kernel', 'K', '--disk', text, cwd=tmp_path), '--disk', part)


def test_bad_disks(kernels, tmp_path):
    kernel = ['run', '--kernel', kernels['hello'], '--disk']
    sparse(tmp_path / 'a.img', MIB)
    sparse(tmp_path / 'b.img', MIB)
    one_line(trivet(*kernel, f'{tmp_path}/a.img,serial=x', '--disk',
                    f'{tmp_path}/b.img,serial=x'), 'serial=x', 'twice')
    os.link(tmp_path / 'a.img', tmp_path / 'c.img')  # another name of the same
    one_line(trivet(*kernel, tmp_path / 'a.img', '--disk', tmp_path / 'c.img'), 'c.img', 'in use')
    one_line(trivet(*kernel, '/dev/null'), '/dev/null', 'block device')
    if os.geteuid() != 0:
        (tmp_path / 'b.img').chmod(0o444)
        one_line(trivet(*kernel, tmp_path / 'b.img'), 'Permission denied', ',ro')
        (tmp_path / 'b.img').chmod(0)
        one_line(trivet(*kernel, f'{tmp_path}/b.img,ro'), 'Permission denied')


def test_vm_file_options(kernels, tmp_path):
    sparse(tmp_path / 'a.img', MIB)
    vm = tmp_path / 'vm.yaml'
    vm.write_text(f'kernel: {kernels["hello"]}\ndisks:\n  - a.img,io=threads,serial=S1\n')
    assert trivet('check', vm).status == 0
    r = trivet('run', vm, '--stats')
    assert r.status == 1, r
    vm.write_text(f'kernel: {kernels["hello"]}\ndisks:\n  - a.img,io=slow\n')
    one_line(trivet('check', vm), 'vm.yaml:2', 'io=slow')
