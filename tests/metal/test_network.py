# SPDX-License-Identifier: Apache-2.0
"""Debians on a switch of the bare-metal hypervisor; the operator's commands on them."""
import re

from conftest import PROMPT, bundle, initrd_with, vmfile

# A shell on the virtio console: the RAM disk's own waits for the serial port's.
HVC_INIT = '''#!/bin/sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci \\
    virtio_console failover net_failover virtio_net; do insmod /modules/$m.ko; done
until (exec </dev/hvc0) 2>/dev/null; do sleep 0.1; done
exec </dev/hvc0 >/dev/hvc0 2>&1
cd /root
printf "alias poweroff='/bin/busybox poweroff -f'\\n" >/etc/shrc
echo "trivet: init on hvc0"
ENV=/etc/shrc setsid sh -c 'exec sh </dev/hvc0 >/dev/hvc0 2>&1'
'''


def hvc_initrd(tmp_path):
    tree = tmp_path / 'tree'
    tree.mkdir()
    (tree / 'init').write_text(HVC_INIT)
    (tree / 'init').chmod(0o755)
    return initrd_with(tree, tmp_path / 'initrd')


def lost(text):
    """Of 100 percent, as ping says it."""
    return int(re.search(r'(\d+)% packet loss', text)[1])


def address(m, last):
    m.command(f'ip addr add 10.1.1.{last}/24 dev eth0')
    m.command('ip link set eth0 up; sleep 1')


def test_two_machines_on_a_switch(machine, tmp_path):
    """Two CPUs each on two processors. They reach each other; one is paused, reboots and ends
    while the other goes on; frames that are too big for one queue arrive all the same."""
    files = [vmfile(tmp_path / 'one.yaml', 'one', cpus=2, append='console=ttyS0 quiet',
                    net='["switch:lan,mac=02:00:00:00:00:01"]'),
             vmfile(tmp_path / 'two.yaml', 'two', cpus=2, append='console=hvc0 quiet',
                    initrd=hvc_initrd(tmp_path), hvc='true',
                    net='["switch:lan,mac=02:00:00:00:00:02", switch]')]
    m = machine(cpus=2, modules=[bundle(*files, out=tmp_path / 'b.bundle')])
    m.expect('trivet: init', PROMPT)
    address(m, 1)
    m.operator('two')
    m.console.send('\r')
    m.expect(PROMPT)
    assert m.command('ls /sys/class/net | tr "\\n" " "').split() == ['eth0', 'eth1', 'lo']
    address(m, 2)
    assert lost(m.command('ping -c 20 -i 0.1 10.1.1.1')) == 0
    assert '02:00:00:00:00:01' in m.command('cat /proc/net/arp')
    # ten megabytes through TCP, checked
    m.operator('one')
    m.command('head -c 10000000 /dev/urandom >data')
    m.command('(nc -l -p 99 <data >/dev/null &)')
    digest = m.command('md5sum <data').split()[0]
    m.operator('two')
    assert m.command('nc 10.1.1.1 99 | md5sum').split()[0] == digest
    # paused it does not answer, afterwards it does
    m.operator('pause one')
    assert '0  one: paused' in m.operator('list')
    assert lost(m.command('ping -c 3 -w 4 10.1.1.1')) == 100
    m.operator('resume one')
    assert lost(m.command('ping -c 10 -i 0.2 10.1.1.1')) == 0
    counts = m.operator('stats one')
    assert re.search(r'net 0 \(switch:lan\): sent [1-9]\d+ frames, received [1-9]\d+', counts), counts
    assert re.search(r'vCPU 1: mmio [1-9]\d*, [1-9]\d* cycles', counts), counts
    # it reboots; frames for it are lost meanwhile, no more
    m.operator('reset one')
    m.expect(r'one\| [^\n]*trivet: init') # behind what its shell asked the terminal last
    m.operator('one')
    m.console.send('\r')
    m.expect(PROMPT)
    address(m, 1)
    assert lost(m.command('ping -c 10 -i 0.1 10.1.1.2')) == 0
    used = int(re.search(r'one: (\d+) KiB', m.operator('memory'))[1])
    assert 256 * 1024 < used < 264 * 1024
    m.console.sendline('poweroff')
    m.expect('trivet: one: powered off')
    left = m.operator('memory')
    assert 'one:' not in left and re.search(r'hypervisor: image \d+ KiB, allocated \d+ KiB', left)
    assert 'one has ended' in m.operator('pause one')
    m.operator('two')
    m.console.send('\r')
    m.expect(PROMPT)
    assert lost(m.command('ping -c 2 -w 3 10.1.1.1')) == 100
    assert m.command('echo $((6 * 7))').strip() == '42'
    assert 'pause [N]' in m.operator('help')
    assert 'not understood' in m.operator('jump')
    m.console.sendline('poweroff')
    m.ended()
