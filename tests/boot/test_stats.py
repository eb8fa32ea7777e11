# SPDX-License-Identifier: Apache-2.0
"""Statistics against what the guest did: exits, times, disk operations, memory."""
import json
import re

from conftest import BOOT_SECONDS, boot, command, ended, trivet
from virtio_guest import arguments

MIB = 1 << 20


def stats_of(result):
    return json.loads(result.err.splitlines()[-1])


def test_json_says_what_the_guest_did(tmp_path):
    image = tmp_path / 'a "disk".img'
    image.write_bytes(bytes(64 * MIB))
    r = trivet(*arguments(tmp_path, '''
dd if=/dev/vda of=/dev/null bs=1M count=16 iflag=direct 2>/dev/null || echo FAILED read
dd if=/dev/zero of=/dev/vda bs=4k count=256 oflag=direct conv=notrunc,fsync 2>/dev/null || echo FAILED
blkdiscard -o 4194304 -l 1048576 /dev/vda || echo FAILED discard
dd if=/dev/zero of=/touched bs=1M count=100 2>/dev/null
sleep 2
set -- $(cat /sys/block/vda/stat); echo "GUEST reads $1 sectors $3 writes $5 sectors $7"
'''), '--disk', image, '--stats=json', timeout=BOOT_SECONDS)
    assert r.status == 0 and 'FAILED' not in r.out, r
    said = re.search(r'GUEST reads (\d+) sectors (\d+) writes (\d+) sectors (\d+)', r.out)
    reads, read_sectors, writes, written_sectors = map(int, said.groups())
    s = stats_of(r)

    disk, = [g for g in s['io'] if g['kind'] == 'block']
    assert disk['name'] == str(image)
    ops = disk['ops']
    # the guest's own count and ours agree, request by request and byte by byte
    assert (ops['read']['count'], ops['read']['bytes']) == (reads, read_sectors * 512), r
    # (Linux counts a flush among the writes)
    assert ops['write']['count'] + ops['flush']['count'] == writes, r
    assert ops['write']['bytes'] == written_sectors * 512, r
    assert ops['read']['bytes'] >= 16 * MIB and ops['write']['bytes'] == MIB
    assert ops['write']['count'] == 256 and ops['discard']['bytes'] == MIB
    assert ops['flush']['count'] >= 1 and ops['write_zeroes']['count'] == 0
    assert 'latency_ns' not in ops['write_zeroes']
    assert not any(op['errors'] for op in ops.values())
    t = ops['write']['latency_ns']
    assert 0 < t['p50'] <= t['p90'] <= t['p99'] <= t['max'] < 60e9 and t['mean'] <= t['max']

    cpu, = s['vcpus']
    assert cpu['exits']['io'] > 100 and cpu['exits']['mmio'] >= 256
    assert cpu['halts'] > 0 and cpu['halts'] == cpu['exits']['halt']
    assert cpu['halted_s'] > 1.5  # it slept for two seconds
    assert abs(cpu['monitor_s'] - sum(cpu['exit_s'].values())) < 1e-3
    assert cpu['exit_s']['mmio'] > 0 and cpu['exit_s']['shutdown'] == 0
    whole = cpu['guest_s'] + cpu['monitor_s'] + cpu['halted_s']
    assert 0.8 * s['elapsed_s'] < whole < 1.01 * s['elapsed_s'], cpu
    assert cpu['guest_s'] > cpu['monitor_s']

    m = s['memory']
    assert 512 * MIB - MIB < m['guest_bytes'] <= 512 * MIB
    assert 100 * MIB < m['guest_resident_bytes'] < 400 * MIB
    assert MIB < m['monitor_pss_bytes'] < 100 * MIB


def test_text(tmp_path):
    image = tmp_path / 'disk.img'
    image.write_bytes(bytes(MIB))
    r = trivet(*arguments(tmp_path, 'dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null'),
               '--disk', image, '--stats', timeout=BOOT_SECONDS)
    assert r.status == 0, r
    for part in (r'memory: [\d.]+ of \d+ MiB touched by the guest, [\d.]+ MiB for the monitor',
                 r'cpu 0: [\d.]+ s in the guest, [\d.]+ s in the monitor, [\d.]+ s halted',
                 r'exits: +count +seconds +us each', r'mmio +\d+ +[\d.]+ +[\d.]+',
                 r'block .*/disk.img \((uring|threads)\):', r'read +\d+ +\d+\.\d+ +0( +[\d.]+){4}'):
        assert re.search(part, r.err), (part, r)
    assert 'write_zeroes' not in r.err, r  # what never happened


def test_menu(debian):
    """At any time: the guest runs on."""
    child = boot(debian)
    for _ in range(2):
        child.send('\x1d')
        child.expect('s statistics')
        child.send('s')
        child.expect(r'cpu 0: [\d.]+ s in the guest, .* s halted')
        child.expect(r'halt +\d+')
    assert '42' in command(child, 'echo $((6*7))')
    child.sendline('poweroff')
    assert ended(child) == 0
