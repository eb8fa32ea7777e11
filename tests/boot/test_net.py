# SPDX-License-Identifier: Apache-2.0
"""Debian's virtio_net on our card: user-mode networking, port forwards, tap, bad input."""
import hashlib
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import GUEST, boot, command, ended, one_line, trivet

SIZE = 6 << 20


class Server(threading.Thread):
    """A TCP server on a port of its own: sends what it has, keeps what it gets."""

    def __init__(self, data=b'', address='127.0.0.1'):
        super().__init__(daemon=True)
        self.data, self.got = data, b''
        self.socket = socket.create_server((address, 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            got = []
            with peer:
                peer.settimeout(60)
                peer.sendall(self.data)
                if self.data:
                    peer.shutdown(socket.SHUT_WR)
                while part := peer.recv(65536):
                    got.append(part)
            self.got = b''.join(got)

    def close(self):
        self.socket.close()


@pytest.fixture
def server():
    made = []

    def make(*args, **more):
        made.append(Server(*args, **more))
        return made[-1]
    yield make
    for s in made:
        s.close()


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def power_off(child):
    child.sendline('poweroff')
    assert ended(child) == 0


def settled(read, want, seconds=20):
    """read() gives want, at once or soon."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and read() != want:
        time.sleep(.1)
    return read() == want


def transfers(child, server, host):
    """Some MiB both ways, compared."""
    blob = os.urandom(SIZE)
    down = server(blob, '0.0.0.0')
    out = command(child, f'nc {host} {down.port} </dev/null >/tmp/down; md5sum /tmp/down')
    assert hashlib.md5(blob).hexdigest() in out
    up = server(address='0.0.0.0')
    command(child, f'nc {host} {up.port} </tmp/down')
    assert settled(lambda: up.got, blob), f'{len(up.got)} bytes of {SIZE}'


def echoes(address, port):
    """udpecho answers there: short datagrams, and one of many fragments' length."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        for text in (b'datagram', b'odd', b'x' * 20001):
            for _ in range(6):
                s.sendto(text, (address, port))
                try:
                    assert s.recv(65536) == text.upper()
                    break
                except TimeoutError:
                    pass
            else:
                pytest.fail(f'no answer by UDP to {len(text)} bytes')


def test_user(debian, server):
    """DHCP, TCP out and in, names; with two CPUs."""
    port, dgram = free_port(), free_port(socket.SOCK_DGRAM)
    child = boot(debian, '--net', 'user', '--cpus', '2', '-p', f'{port}:80',
                 f'--publish=127.0.0.1:{dgram}:7000/udp', '--name', 'wired')
    out = command(child, 'ip addr show eth0; ip route; cat /etc/resolv.conf')
    assert 'inet 10.0.2.15/24' in out and 'default via 10.0.2.2' in out
    assert 'nameserver 10.0.2.3' in out
    assert re.search('link/ether 02:', out), out
    transfers(child, server, '10.0.2.2')
    command(child, 'httpd -p 80 -h /tmp')
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/down', timeout=60) as page:
        served = page.read()
    assert hashlib.md5(served).hexdigest() in command(child, 'md5sum /tmp/down')
    command(child, '/bench/udpecho 7000 &')
    echoes('127.0.0.1', dgram)
    # by router advertisement, with some delay
    assert settled(lambda: 'inet6 fec0::' in command(child, 'ip addr show eth0'), True)
    try:
        socket.gethostbyname('deb.debian.org')
    except OSError:
        pass  # this host has no names to give
    else:
        # a datagram may be lost between here and the host's name server
        assert settled(lambda: 'Name:' in command(child, 'nslookup deb.debian.org'), True)
    assert 'failed' not in command(child, 'dmesg | grep -i "eth0\\|virtio_net"')
    power_off(child)


def test_many_connections(debian, server):
    """Eight downloads at once: more than the card's ring holds."""
    blob = os.urandom(1 << 20)
    down = [server(blob) for _ in range(8)]
    child = boot(debian, '--net', 'user', '--stats=json')
    ports = ' '.join(str(s.port) for s in down)
    command(child, f'P="{ports}"')
    out = command(child, 'for p in $P; do nc 10.0.2.2 $p </dev/null|md5sum & done; wait')
    assert out.count(hashlib.md5(blob).hexdigest()) == 8
    # refused and unreachable end too
    assert 'refused' in command(child, f'nc 10.0.2.2 {free_port()} </dev/null')
    power_off(child)
    figures = json.loads(re.search(r'^\{.*\}', child.before, re.M)[0])
    card = [g for g in figures['io'] if g['kind'] == 'net'][0]
    assert card['name'] == 'user'
    received, sent = card['ops']['received'], card['ops']['sent']
    assert 8 << 20 <= received['bytes'] < 10 << 20 and not received['errors'], card
    assert 0 < sent['bytes'] < 1 << 20 and not sent['errors'], card
    for op in (received, sent):
        assert 0 < op['latency_ns']['p50'] <= op['latency_ns']['p99'] <= op['latency_ns']['max']


def test_reset(debian, server):
    """The network works again after a reset, and old connections do no harm."""
    port = free_port()
    child = boot(debian, '--net', 'user', '-p', f'{port}:80')
    command(child, 'httpd -p 80 -h /bin; nc -l -p 81 </dev/zero >/dev/null &')
    peer = socket.create_connection(('127.0.0.1', port))
    peer.sendall(b'GET /busybox HTTP/1.0\r\n\r\n')  # not read: queues fill up
    time.sleep(1)
    child.sendline('reboot')
    child.expect('lease of 10.0.2.15')
    child.expect('/root # ')
    transfers(child, server, '10.0.2.2')
    peer.close()
    # the driver alone starts again, and the card with it
    command(child, 'rmmod virtio_net; insmod /modules/*virtio_net.ko')
    assert 'lease of' in command(child, 'udhcpc -i eth0 -n -q -s /etc/udhcpc.script')
    transfers(child, server, '10.0.2.2')
    power_off(child)


def addresses(child):
    return re.findall('02(?::[0-9a-f]{2}){5}', command(child, 'cat /sys/class/net/eth*/address'))


def test_cards(debian):
    """Addresses: a given one, and one made of the machine's name."""
    child = boot(debian, '--net', 'user,mac=02:00:5E:10:00:01', '--net', 'user')
    seen = addresses(child)
    assert len(seen) == 2 and seen[0] == '02:00:5e:10:00:01'
    # the guest may take another one
    command(child, 'ip link set eth0 down')
    command(child, 'ip link set eth0 address 02:aa:00:00:00:01 up')
    assert '02:aa' in command(child, 'cat /sys/class/net/eth0/address')
    assert 'lease of' in command(child, 'udhcpc -i eth0 -n -q -s /etc/udhcpc.script')
    power_off(child)
    child = boot(debian, '--net', 'none', '--net', 'user', '--net', 'user')
    assert addresses(child)[1] == seen[1]
    power_off(child)


def ip(*args):
    return subprocess.run(['ip', *args], stderr=subprocess.PIPE, check=False, text=True)


@pytest.fixture
def tap():
    """The name of a new tap interface and its network, of which the host is number 1: each run
    has its own, for the host routes a network to one interface only."""
    if os.geteuid() != 0:
        pytest.skip('a tap interface is made by root only')
    name = f'tvt{os.getpid() % 1000000}'
    try:
        made = ip('tuntap', 'add', name, 'mode', 'tap')
    except FileNotFoundError:
        pytest.skip('no ip command (package iproute2)')
    if made.returncode:
        pytest.skip(f'no tap interface here: {made.stderr.strip()}')
    network = f'10.{100 + os.getpid() // 256 % 100}.{os.getpid() % 256}'
    ip('addr', 'add', f'{network}.1/24', 'dev', name)
    ip('link', 'set', name, 'up')
    yield name, network
    ip('link', 'del', name)


def test_tap(debian, server, tap):
    tap, network = tap
    child = boot(debian, '--net', f'tap:{tap}')
    busy = ['run', '--kernel', GUEST / 'vmlinuz', '--net', f'tap:{tap}']
    one_line(trivet(*busy), tap, 'in use')
    command(child, f'ip addr add {network}.2/24 dev eth0')
    assert ' 0% packet loss' in command(child, f'ping -c 3 {network}.1')
    transfers(child, server, f'{network}.1')
    command(child, '/bench/udpecho 7000 &')
    echoes(f'{network}.2', 7000)
    # segments whole, checksums by the other side
    out = command(child, 'dmesg | grep -i "bad gso\\|checksum"')
    assert 'eth0' not in out, out
    # gone while in use: the guest goes on
    ip('link', 'del', tap)
    assert '100% packet loss' in command(child, f'ping -c 1 -W 1 {network}.1')
    power_off(child)


def test_bad_cards():
    run = ['run', '--kernel', GUEST / 'vmlinuz', '--net']
    for bad, *parts in (
            ('usr', 'usr', 'user, tap:'), ('', '--net', 'user'), ('user,', 'mac='),
            ('user,mtu=9000', 'mac='), ('none,mac=02:00:00:00:00:01', 'mac='),
            ('user,mac=02:00:00:00:00', 'six bytes'), ('user,mac=02:00:00:00:00:0g', 'six'),
            ('user,mac=02:00:00:00:00:001', 'six'), ('user,mac=02-00-00-00-00-01', 'six'),
            ('user,mac=03:00:00:00:00:01', 'multicast'), ('user,mac=00:00:00:00:00:00', 'zero'),
            ('tap:', 'name of a tap'), ('tap:' + 'x' * 16, 'name of a tap'),
            ('tap:nosuchtap0', 'nosuchtap0', 'no such interface'),
            ('tap:lo', 'lo', 'tap')):
        one_line(trivet(*run, bad), *parts)
    one_line(trivet(*run[:-1], *['--net', 'user'] * 9), '--net', 'at most 8')
    mac = 'user,mac=02:00:00:00:00:09'
    one_line(trivet(*run, mac, '--net', mac), '02:00:00:00:00:09', 'two cards')


def test_bad_forwards():
    run = ['run', '--kernel', GUEST / 'vmlinuz', '--net', 'user', '-p']
    for bad in ('', '80', ':80', '80:', '0:80', '80:0', '65536:80', '80:65536', '80:80/sctp',
                '80:80:80', '1.2.3:80:80', '256.0.0.1:80:80', ':80:80', 'localhost:80:80',
                '80:80 ', '+80:80', '99999999999999999999:1', '[::1]:80:80'):
        one_line(trivet(*run, bad), '--publish', '[ADDRESS:]HOST:GUEST')
    one_line(trivet(*run[:-1], '-p'), '-p', 'value')
    one_line(trivet(*run, '8080:80', '-p', '127.0.0.1:8080:81'), '8080', 'already')
    one_line(trivet(*run, '0.0.0.0:8080:80', '-p', '8080:81'), '8080', 'already')
    one_line(trivet('run', '--kernel', GUEST / 'vmlinuz', '-p', '8080:80'), 'user network')
    # an address that is not this host's
    one_line(trivet(*run, '192.0.2.1:8080:80'), '192.0.2.1:8080/tcp')
    for kind, suffix in ((socket.SOCK_STREAM, ''), (socket.SOCK_DGRAM, '/udp')):
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(('127.0.0.1', 0))
            if kind == socket.SOCK_STREAM:
                s.listen()
            port = s.getsockname()[1]
            one_line(trivet(*run, f'{port}:80{suffix}'), f'127.0.0.1:{port}', 'in use')


def test_vm_file(tmp_path):
    vm = tmp_path / 'vm.yaml'
    head = f'kernel: {GUEST}/vmlinuz\n'
    port = free_port()
    vm.write_text(head + f'net:\n  - user\npublish:\n  - {port}:22\n')
    assert trivet('check', vm).status == 0
    with socket.create_server(('127.0.0.1', port)):
        one_line(trivet('check', vm), 'vm.yaml:4: publish:', str(port), 'in use')
        # the command line's `none` takes all of that away
        done = trivet('run', vm, '--net', 'none', '--timeout', '0.1', '--console', 'none')
        assert done.status == 124, done
    for bad, *parts in (('net: user\n', 'vm.yaml:2: net', 'list'),
                        ('net:\n  - tap:nosuchtap0\n', 'nosuchtap0'),
                        ('net:\n  - wifi\n', 'vm.yaml:2: net', 'wifi'),
                        ('publish:\n  - 22:22\n', 'vm.yaml:2: publish', 'user network'),
                        ('net:\n  - user\npublish:\n  - a:b\n', 'vm.yaml:4: publish', 'a:b'),
                        ('net:\n  - {user: 1}\n', 'plain')):
        vm.write_text(head + bad)
        one_line(trivet('check', vm), *parts)
