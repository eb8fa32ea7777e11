# SPDX-License-Identifier: Apache-2.0
"""Named ports of the virtio console: files, sockets, both ways, open and close; hvc0."""
import hashlib
import os
import random
import re
import socket
import threading
import time

from conftest import BOOT_SECONDS, GUEST, ended, one_line, spawn, trivet
from scripted import Scripted

READY = '''
until [ -e /dev/virtio-ports/{0} ]; do sleep 0.1; done
'''


def client(path):
    end = time.monotonic() + BOOT_SECONDS
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(BOOT_SECONDS)
    while True:
        try:
            s.connect(str(path))
            return s
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < end
            time.sleep(0.05)


def read_all(s):
    parts = []
    while True:
        data = s.recv(65536)
        if not data:
            return b''.join(parts)
        parts.append(data)


def test_file(tmp_path):
    """1 MiB to a file arrives whole."""
    (tmp_path / 'out').write_text('of before')
    with Scripted(tmp_path, READY.format('org.example.log') + '''
dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null
md5sum </tmp/data
cat /tmp/data >/dev/virtio-ports/org.example.log
echo more >/dev/virtio-ports/org.example.log
''', '--port', f'org.example.log={tmp_path}/out') as guest:
        text = guest.finish()
    data = (tmp_path / 'out').read_bytes()
    assert len(data) == (1 << 20) + 5 and data.endswith(b'more\n')
    assert re.search(r'[0-9a-f]{32}', text)[0] == hashlib.md5(data[:1 << 20]).hexdigest()


def test_socket_echo(tmp_path):
    """1 MiB through a port and back, to a client that is slow at first."""
    path = tmp_path / 'port.sock'
    data = random.Random(1).randbytes(1 << 20)
    with Scripted(tmp_path, READY.format('echo') + '''
exec 3<>/dev/virtio-ports/echo
dd bs=4k iflag=fullblock count=256 <&3 2>/dev/null | tee /tmp/data >&3
md5sum </tmp/data
''', '--port', f'other={tmp_path}/none', '--port', f'echo=unix:{path}') as guest:
        s = client(path)
        back = []

        def reader():
            time.sleep(3)
            back.append(read_all(s))
        thread = threading.Thread(target=reader)
        thread.start()
        s.sendall(data)
        thread.join(BOOT_SECONDS)
        # the guest closed the port: the client read the end
        assert back and back[0] == data
        s.close()
        text = guest.finish()
    assert hashlib.md5(data).hexdigest() in text
    assert not path.exists()


def test_sessions(tmp_path):
    """Clients come one after another; each end hears of the other's close."""
    path = tmp_path / 'port.sock'
    with Scripted(tmp_path, READY.format('p') + '''
echo one >/dev/virtio-ports/p
until cat /dev/virtio-ports/p | grep line; do sleep 0.2; done
echo two >/dev/virtio-ports/p
dd if=/dev/zero bs=1k count=300 of=/dev/virtio-ports/p 2>/dev/null
# a power-off would take what is not fetched yet; without a client one reads the end
until read line </dev/virtio-ports/p; do sleep 0.2; done
''', '--port', f'p=unix:{path}') as guest:
        assert read_all(client(path)) == b'one\n'
        s = client(path)  # now the guest reads until this one is gone
        s.sendall(b'line from the host\n')
        waiting = client(path)  # one at a time: this one has to wait
        time.sleep(0.5)
        s.close()
        guest.wait('line from the host')
        assert read_all(waiting) == b'two\n'
        s = client(path)
        time.sleep(1)
        zeroes = read_all(s)
        assert len(zeroes) == 300 * 1024 and not any(zeroes)
        client(path).sendall(b'\n')
        guest.finish()
    assert not path.exists()


def test_a_close_before_the_client(tmp_path):
    """A guest that has seen the end of what came before closes the port just as the next client
    comes: what that one sent is for whoever opens the port then."""
    path = tmp_path / 'port.sock'
    with Scripted(tmp_path, READY.format('p') + '''
mount -t debugfs debug /sys/kernel/debug
exec 3</dev/virtio-ports/p
echo opened
until grep -q "host_connected: 1" /sys/kernel/debug/virtio-ports/*; do :; done
exec 3<&-
head -n 1 /dev/virtio-ports/p
''', '--port', f'p=unix:{path}') as guest:
        guest.wait('opened')
        s = client(path)
        s.sendall(b'for the next one\n')
        assert 'for the next one' in guest.finish()
        s.close()


def test_client_before_the_guest(tmp_path):
    """What a client sent, and left, before the guest opened the port is not lost."""
    path = tmp_path / 'port.sock'
    with Scripted(tmp_path, READY.format('p') + 'cat /dev/virtio-ports/p\n',
                  '--port', f'p=unix:{path}') as guest:
        s = client(path)
        s.sendall(b'early bird\n')
        s.close()
        assert 'early bird' in guest.finish()


def test_console_without_idle_interrupts(tmp_path):
    """Much output to hvc0 in small pieces: interrupts that find nothing to do are few,
    so that Linux does not turn the line off after 100000 of them."""
    with Scripted(tmp_path, '''
exec >/dev/hvc0
seq 1 30000
awk '/virtio.*-output/ {print "INTERRUPTS", $2; exit}' /proc/interrupts
''', '--hvc', '--console', tmp_path / 'hvc', '--port', f'log={tmp_path}/port') as guest:
        # the serial port is not the console: look at what hvc0 said
        assert guest.child.wait(timeout=2 * BOOT_SECONDS) == 0, guest.errors()
    out = (tmp_path / 'hvc').read_text().replace('\r', '')
    numbers = re.findall(r'^\d+$', out, re.M)
    assert numbers == [str(n) for n in range(1, 30001)]
    assert int(re.search(r'^INTERRUPTS (\d+)$', out, re.M)[1]) < 1000


def test_bad_ports(tmp_path):
    run = ['run', '--kernel', GUEST / 'vmlinuz', '--port']
    one_line(trivet(*run, 'a'), '--port', 'NAME=FILE')
    one_line(trivet(*run, 'a='), '--port', 'NAME=FILE')
    one_line(trivet(*run, 'a=unix:'), '--port', 'NAME=FILE')
    one_line(trivet(*run, '=x'), '--port', 'name')
    one_line(trivet(*run, 'a/b=x'), '--port', 'name')
    one_line(trivet(*run, 'x' * 64 + '=x'), '--port', 'name')
    one_line(trivet(*run, f'a={tmp_path}/x', '--port', f'a={tmp_path}/y'), '--port', 'another')
    one_line(trivet(*run, f'a={tmp_path}/no/x'), 'port a', 'No such file')
    one_line(trivet(*run, f'a={tmp_path}'), 'port a', 'directory')
    one_line(trivet(*run, f'a=unix:{tmp_path}/no/x'), 'port a', 'No such file')
    one_line(trivet(*run, f'a=unix:{tmp_path}/' + 'x' * 110), 'port a', '107')
    many = [a for n in range(9) for a in ('--port', f'p{n}={tmp_path}/p{n}')]
    one_line(trivet('run', '--kernel', GUEST / 'vmlinuz', *many), '--port', '8')
    (tmp_path / 'file').write_text('precious')
    one_line(trivet(*run, f'a=unix:{tmp_path}/file'), 'port a', 'no socket')
    assert (tmp_path / 'file').read_text() == 'precious'
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / 'sock'))
        s.listen()
        one_line(trivet(*run, f'a=unix:{tmp_path}/sock'), 'port a', 'in use')
    # one that nobody listens at any more is taken over; ours vanish at the end
    r = trivet(*run, f'a=unix:{tmp_path}/sock', '--port', f'b=unix:{tmp_path}/sock')
    one_line(r, 'port b', 'in use')
    assert not (tmp_path / 'sock').exists()


def test_vm_file(tmp_path):
    vm = tmp_path / 'vm.yaml'
    head = f'kernel: {GUEST}/vmlinuz\n'
    (tmp_path / 'log').write_text('precious')
    vm.write_text(head + 'ports:\n  - log=log\n  - agent=unix:agent.sock\nvsock: v,cid=7\n'
                  'balloon: 64M\n')
    r = trivet('check', vm)
    assert r.status == 0, r
    assert (tmp_path / 'log').read_text() == 'precious'
    assert sorted(os.listdir(tmp_path)) == ['log', 'vm.yaml']
    for bad, part in (('ports: log\n', 'list'), ('ports:\n  - log\n', 'NAME=FILE'),
                      ('ports:\n  - log=no/x\n', 'no/x'), ('ports:\n  - a=x\n  - a=y\n', 'another'),
                      ('vsock: v,cid=2\n', 'cid'), ('vsock: no/v\n', 'no/v'),
                      ('balloon: 1x\n', 'size'), ('balloon: 600M\n', '16M'),
                      ('balloon: 5000\n', '4K')):
        vm.write_text(head + bad)
        one_line(trivet('check', vm), part)


def test_terminal(tmp_path):
    """hvc0 is as large as the terminal, and follows it; what was typed early is there."""
    guest = Scripted(tmp_path, '''
exec </dev/hvc0 >/dev/hvc0 2>&1
stty -echo
stty size
read line
echo "read [$line]"
until stty size | grep "43 132"; do sleep 0.1; done
''', '--hvc')
    child = spawn(*guest.args[1:])
    child.sendline('typed before Linux had begun')
    child.expect('50 200')
    child.expect_exact('read [typed before Linux had begun]')
    child.setwinsize(43, 132)
    child.expect('43 132')
    assert ended(child) == 0
