# SPDX-License-Identifier: Apache-2.0
"""A whole Debian with systemd from a disk: examples/debian.yaml."""
import re

import debian_disk
import kernel_log
import pytest
from conftest import trivet


@pytest.fixture
def machine(tmp_path):
    return debian_disk.Machine(tmp_path)


def clean_log(console):
    """No warning or error of the kernel's but those it has under QEMU too."""
    return kernel_log.unexpected(kernel_log.complaints(console.child), kernel_log.ALLOWED_DISK)


def test_network_reboot_poweroff(machine):
    """As the guide says: up, on the network, reached by ssh; what was written stays."""
    console = machine.start()
    assert console.state() == 'running'
    assert console.command('nproc') == '2\n'
    link = console.command('ip -4 -o addr show scope global')
    assert re.search(r'inet 10\.0\.2\.\d+/24 .*dynamic', link), link
    assert 'default via 10.0.2.2' in console.command('ip route')
    assert 'nameserver' in console.command('grep -v "^#" /etc/resolv.conf')

    done = machine.ssh('hostname; tee /root/by-ssh')
    assert (done.returncode, done.stdout) == (0, 'debian\n'), done
    console.command('seq 100000 | tee /root/kept | md5sum >/root/sum')
    identity = console.command('cat /etc/machine-id')
    assert re.fullmatch(r'[0-9a-f]{32}\n', identity), identity
    assert not clean_log(console)

    console.reboot()
    assert console.command('ls -s /root/by-ssh; md5sum </root/kept | diff - /root/sum; '
                           'cat /etc/machine-id').endswith(identity)
    assert console.state() == 'running'
    assert console.poweroff() == 0
    status, said = machine.fsck()
    assert status == 0, said


def test_without_network(machine):
    machine.without_network()
    console = machine.start()
    assert console.state() == 'running'
    assert console.command('ls /sys/class/net') == 'lo\n'
    assert not clean_log(console)
    assert console.poweroff() == 0
    status, said = machine.fsck()
    assert status == 0, said


def test_the_vm_file_is_right(tmp_path):
    r = trivet('check', debian_disk.Machine(tmp_path).vm_file)
    assert r.status == 0, r
