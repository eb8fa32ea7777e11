# SPDX-License-Identifier: Apache-2.0
"""vsock between Debian's driver and unix sockets of the host, both ways."""
import random
import re
import socket
import threading
import time

from conftest import BOOT_SECONDS, GUEST, one_line, trivet
from scripted import Scripted
from test_ports import client, read_all


class Echo:
    """A service of the host at PATH_PORT that sends back what comes."""

    def __init__(self, path):
        self.path = path
        self.served = 0

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(256)
        threading.Thread(target=self.loop, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def loop(self):
        try:
            while True:
                s, _ = self.socket.accept()
                self.served += 1
                threading.Thread(target=self.one, args=(s,), daemon=True).start()
        except OSError:
            pass

    @staticmethod
    def one(s):
        with s:
            while data := s.recv(65536):
                s.sendall(data)


def dial(path, port):
    """A connection to the guest's port, once there is one who listens."""
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end:
        s = client(path)
        s.sendall(f'CONNECT {port}\n'.encode())
        line = b''
        try:
            while not line.endswith(b'\n') and (c := s.recv(1)):
                line += c
        except ConnectionResetError:
            line = b''
        if line:
            assert re.fullmatch(rb'OK \d+\n', line)
            return s
        s.close()
        time.sleep(0.1)
    raise AssertionError(f'no OK from port {port}')


def test_guest_to_host(tmp_path):
    path = tmp_path / 'v.sock'
    with Echo(f'{path}_5000') as echo, Scripted(tmp_path, '''
/bench/vsock refused 4999
/bench/vsock call 5000 1048576
/bench/vsock call 5000 0
/bench/vsock many 5000 200
/bench/vsock call 5000 100000 & /bench/vsock call 5000 100001 & /bench/vsock call 5000 100002 &
wait
''', '--vsock', path) as guest:
        text = guest.finish()
        assert echo.served == 205
    assert 'connect says Connection reset by peer' in text
    for n in (1048576, 0, 100000, 100001, 100002):
        assert f'echoed {n}\n' in text
    assert 'many 200' in text
    assert not path.exists()


def test_host_to_guest(tmp_path):
    path = tmp_path / 'v.sock'
    data = random.Random(2).randbytes(1 << 20)
    connections = 40
    with Scripted(tmp_path, f'''
/bench/vsock echo 1234 {connections + 1}
/bench/vsock close 1235
/bench/vsock count 1236
''', '--vsock', f'{path},cid=77') as guest:
        guest.wait('listening')
        # nobody at that port; words that are no request
        for words in (b'CONNECT 9999\n', b'HELLO\n', b'CONNECT x\n', b'CONNECT 1 2\n',
                      b'CONNECT 99999999999\n', b'X' * 100):
            s = client(path)
            s.sendall(words)
            try:
                assert s.recv(100) == b''
            except ConnectionResetError:
                pass  # it left words of ours unread
        s = dial(path, 1234)
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        assert read_all(s) == data
        sender.join()
        many = [dial(path, 1234) for _ in range(connections)]
        for i, m in enumerate(many):
            m.sendall(b'%d' % i * 1000)
        for i, m in enumerate(many):
            m.shutdown(socket.SHUT_WR)
            assert read_all(m) == b'%d' % i * 1000
        guest.wait(f'served {connections + 1}')
        # the guest closes; the host closes, with more sent than fits on the way
        assert read_all(dial(path, 1235)) == b'hello\n'
        s = dial(path, 1236)
        s.sendall(data)
        s.close()
        text = guest.finish()
    total = sum(b * (i % 251 + 1) for i, b in enumerate(data))
    assert f'counted {len(data)} {total}' in text
    assert not path.exists()


def test_bad_vsock(tmp_path):
    run = ['run', '--kernel', GUEST / 'vmlinuz', '--vsock']
    one_line(trivet(*run, ''), '--vsock', 'PATH')
    one_line(trivet(*run, f'{tmp_path}/v,cid=2'), '--vsock', '3 to')
    one_line(trivet(*run, f'{tmp_path}/v,cid=4294967295'), '--vsock', '3 to')
    one_line(trivet(*run, f'{tmp_path}/v,cid=-3'), '--vsock', '3 to')
    one_line(trivet(*run, ',cid=3'), '--vsock', 'PATH')
    one_line(trivet(*run, f'{tmp_path}/no/v'), 'vsock', 'No such file')
    one_line(trivet(*run, f'{tmp_path}'), 'vsock', 'no socket')
