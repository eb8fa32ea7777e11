# SPDX-License-Identifier: Apache-2.0
"""The memory balloon: the host's memory comes back, the guest's too."""
import re
import time

from conftest import BOOT_SECONDS, GUEST, ended, one_line, spawn, trivet
from scripted import Scripted
from test_ports import READY, client


def rss(pid):
    """MiB of the host's memory that the program has."""
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1]) >> 10


def until(what, condition):
    end = time.monotonic() + BOOT_SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def test_free_pages_go_back(tmp_path):
    """A file of 200 MiB in memory, removed: the host has its memory back on its own."""
    with Scripted(tmp_path, READY.format('go') + '''
dd if=/dev/zero of=/tmp/big bs=1M count=200 2>/dev/null
echo FULL
until read line </dev/virtio-ports/go; do sleep 0.2; done
rm /tmp/big
until read line </dev/virtio-ports/go; do sleep 0.2; done
''', '--balloon', '0', '--port', f'go=unix:{tmp_path}/go', '--stats') as guest:
        guest.wait('FULL')
        full = rss(guest.child.pid)
        assert full > 200
        client(tmp_path / 'go').sendall(b'\n')
        until('the memory of the file', lambda: rss(guest.child.pid) < full - 150)
        client(tmp_path / 'go').sendall(b'\n')
        guest.finish()
        assert float(re.search(r'free pages given back ([\d.]+)M', guest.errors())[1]) > 150


def free(child, condition):
    """Waits until the guest says a number of free MiB that fits."""
    end = time.monotonic() + BOOT_SECONDS
    while True:
        child.expect(r'FREE (\d+)\r')
        if condition(int(child.match[1]) >> 10):
            return
        assert time.monotonic() < end, child.before


def test_inflate_and_deflate(tmp_path):
    """Half of the memory gone at start; the operator gives it back, and takes a part."""
    guest = Scripted(tmp_path, '''
stty -echo
while ! read -t 1 line; do awk '/MemFree/ {print "FREE", $2}' /proc/meminfo; done
''', '--balloon', '256M', '--memory', '512M')
    child = spawn(*guest.args[1:])
    free(child, lambda mib: mib < 220)
    until('the memory of the balloon', lambda: rss(child.pid) < 512 - 256 + 40)
    child.send('\x1d+' * 4)  # in one read of the monitor's: each key counts
    free(child, lambda mib: mib > 380)
    for _ in range(2):
        child.send('\x1d-')
        child.expect('balloon: (64|128)M of the guest')
    free(child, lambda mib: mib < 350)
    time.sleep(1)
    child.send('\x1ds')
    child.expect(r'balloon: wanted 128.0M, held 128.0M')
    child.sendline('end')
    assert ended(child) == 0


def test_deflate_when_short(tmp_path):
    """A guest that runs out takes memory back by itself."""
    with Scripted(tmp_path, '''
until awk '/MemFree/ {exit $2 > 130000}' /proc/meminfo; do sleep 0.5; done
dd if=/dev/zero of=/dev/null bs=150M count=1 2>/dev/null && echo GOT IT
''', '--balloon', '360M', '--memory', '512M') as guest:
        assert 'GOT IT' in guest.finish()


def test_bad_balloon():
    run = ['run', '--kernel', GUEST / 'vmlinuz', '--balloon']
    one_line(trivet(*run, 'x'), '--balloon', 'size')
    one_line(trivet(*run, '4097'), '--balloon', '4K')
    one_line(trivet(*run, '500M'), '--balloon', '16M', '512M')
