# SPDX-License-Identifier: Apache-2.0
"""Debian on the bare-metal hypervisor."""
import re
import time

import pytest
from conftest import GUEST, PROMPT, bundle, image, initrd_with, on, vmfile


def to_its_shell(m, cpus):
    m.expect('Trivet on bare metal', 'trivet: init', PROMPT)
    assert m.command('nproc').strip() == str(cpus)
    assert 'Trivet baseline CPU' in m.command('grep "model name" /proc/cpuinfo')
    assert m.command('echo $((6 * 7))').strip() == '42'
    before = int(m.command('cut -d. -f1 /proc/uptime'))
    m.command('sleep 2')
    assert before + 2 <= int(m.command('cut -d. -f1 /proc/uptime')) <= before + 20
    m.console.sendline('poweroff')
    rest = m.ended()
    assert 'trivet: vm: powered off' in rest and 'all VMs have ended' in rest


@pytest.mark.parametrize('cpu,cpus', [('max', 1), ('EPYC,+svm,+npt', 2)])
def test_debian_to_its_shell(machine, debian, cpu, cpus):
    to_its_shell(machine(cpu=cpu, cpus=cpus, modules=debian,
                         append=f'memory=256M cpus={cpus} -- console=ttyS0 quiet'), cpus)


@on('bochs-vtx', 'bochs-svm')
def test_debian_in_bochs(machine, debian):
    """Ten minutes at most."""
    begin = time.monotonic()
    to_its_shell(machine(memory=512, modules=debian,
                         append='memory=256M -- console=ttyS0 quiet'), 1)
    assert time.monotonic() - begin < 600


@pytest.mark.long
@on('bochs-vtx')
def test_debian_in_bochs_on_two_processors(machine, debian):
    to_its_shell(machine(cpus=2, memory=512, modules=debian,
                         append='memory=256M cpus=2 -- console=ttyS0 quiet'), 2)


def test_reboot_starts_the_guest_again(machine, debian):
    m = machine(modules=debian, append='memory=256M -- console=ttyS0 quiet')
    m.expect('trivet: init', PROMPT)
    m.console.sendline('reboot')
    m.expect('trivet: init', PROMPT)
    m.console.sendline('poweroff')
    m.ended()


def test_two_machines_from_an_iso(machine, tmp_path):
    """GRUB, two VMs of two CPUs on two processors: both work, each ends by itself."""
    files = [vmfile(tmp_path / f'{n}.yaml', n, cpus=2, append='console=ttyS0 quiet')
             for n in ('one', 'two')]
    m = machine(cpus=2, iso=image(*files, out=tmp_path / 'trivet.iso'))
    m.expect('trivet: init', PROMPT)
    assert m.command('nproc').strip() == '2'
    listing = m.operator('list')
    assert re.search(r'0\* one: runs, 2 vCPUs, 256 MiB', listing), listing
    assert re.search(r'1  two: runs, 2 vCPUs, 256 MiB', listing), listing
    m.operator('1')
    m.console.send('\r')
    m.expect(PROMPT)
    m.command('hostname two')
    m.operator('0')
    assert m.command('hostname').strip() == 'trivet'
    # one reboots, two goes on
    m.operator('1')
    m.command('touch /tmp/still-here')
    m.operator('reset 0')
    m.expect(r'one\| [^\n]*trivet: init') # behind what its shell asked the terminal last
    assert m.command('ls /tmp').strip() == 'still-here'
    m.console.sendline('poweroff')
    m.expect('trivet: two: powered off')
    m.operator('0')
    m.console.send('\r')
    m.expect(PROMPT)
    assert m.command('nproc').strip() == '2'
    assert 'asleep' in m.operator('stats')
    m.operator('stop 0')
    m.ended()


def with_virtio(tmp_path):
    """The small RAM disk with Debian's virtio drivers in /mod."""
    drivers = next((GUEST / 'kernel/lib/modules').glob('*/kernel/drivers'))
    tree = tmp_path / 'tree'
    (tree / 'mod').mkdir(parents=True)
    for i, name in enumerate(['virtio/virtio_ring', 'virtio/virtio', 'virtio/virtio_pci_modern_dev',
                              'virtio/virtio_pci_legacy_dev', 'virtio/virtio_pci',
                              'block/virtio_blk']):
        (tree / f'mod/{i}.ko').write_bytes((drivers / f'{name}.ko').read_bytes())
    return initrd_with(tree, tmp_path / 'initrd')


def test_a_disk_from_the_bundle(machine, tmp_path):
    """Debian's virtio driver reads it, writes it, and finds that after a reboot."""
    disk = tmp_path / 'disk.img'
    disk.write_bytes(b'first sector'.ljust(512, b'.') + bytes(1 << 20))
    f = vmfile(tmp_path / 'd.yaml', 'd', append='console=ttyS0 quiet',
               initrd=with_virtio(tmp_path), disks=f'[{disk}]')
    m = machine(modules=[bundle(f, out=tmp_path / 'b.bundle')])
    load = 'for m in /mod/*.ko; do insmod $m; done; cat /sys/block/vda/size'
    m.expect('trivet: init', PROMPT)
    assert m.command(load).split()[-1] == str((512 + (1 << 20)) // 512)
    assert 'first sector' in m.command('head -c 12 /dev/vda; echo')
    m.command('echo second sector | dd of=/dev/vda bs=512 seek=1 conv=fsync 2>/dev/null')
    m.console.sendline('reboot')
    m.expect('trivet: init', PROMPT)
    m.command(load)
    assert m.command('dd if=/dev/vda bs=512 skip=1 count=1 2>/dev/null | head -n 1'
                     ).strip() == 'second sector'
    m.console.sendline('poweroff')
    m.ended()
