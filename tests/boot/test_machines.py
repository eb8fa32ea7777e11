# SPDX-License-Identifier: Apache-2.0
"""Small Multiboot kernels: ends of all kinds, the console, wild guests."""
import json
import os
import random
import signal
import subprocess
import termios
import time

import pytest
from conftest import TRIVET, Program, ended, multiboot_elf, no_signal, spawn, trivet


def test_multiboot_exit_code(kernels, tmp_path):
    module = tmp_path / 'module'
    module.write_text('KEY=VALUE')
    r = trivet('run', '--kernel', kernels['hello'], '--initrd', module, '--memory', '64M',
               '--append', 'exit=21 more words', '--timeout', '60')
    assert r.status == 21 << 1 | 1, r
    assert 'hello from a multiboot kernel' in r.out, r
    assert 'exit=21 more words' in r.out and 'module: KEY=VALUE' in r.out, r
    mem_upper = int(r.out.split('mem_upper: ')[1].split()[0])
    assert 60 << 10 <= mem_upper <= 63 << 10, r


def test_triple_fault(kernels):
    r = trivet('run', '--kernel', kernels['triple'], '--timeout', '60')
    assert r.status == 3, r
    assert 'about to fault' in r.out, r
    assert 'triple fault' in r.err.lower(), r
    assert '12345678' in r.err, r  # RAX, as the kernel left it


@pytest.mark.parametrize('append', ['', 'halt=1'])
def test_timeout(kernels, append):
    start = time.monotonic()
    r = trivet('run', '--kernel', kernels['spin'], '--append', append, '--timeout', '1.5')
    assert r.status == 124, r
    assert 1.4 < time.monotonic() - start < 10
    assert 'going on for ever' in r.out and 'time-out' in r.err, r


@pytest.mark.parametrize('append', ['', 'halt=1'])
@pytest.mark.parametrize('signo', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends(kernels, signo, append):
    with Program([TRIVET, 'run', '--kernel', kernels['spin'], '--append', append],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
        assert b'for ever' in p.stdout.readline()
        p.send_signal(signo)
        assert p.wait(timeout=20) == 128 + signo


def test_halted_guest_costs_nothing(kernels):
    r = trivet('run', '--kernel', kernels['spin'], '--append', 'halt=1', '--timeout', '2',
               '--stats=json')
    stats = json.loads(r.err.splitlines()[-1])
    assert stats['vcpus'][0]['exits']['halt'] >= 1, r
    assert stats['cpu_s'] < 0.5, r


def test_stats_text(kernels):
    r = trivet('run', '--kernel', kernels['hello'], '--stats')
    assert r.status == 1 and 'cpu 0:' in r.err and 'exits:' in r.err, r


def test_console_file(kernels, tmp_path):
    r = trivet('run', '--kernel', kernels['hello'], '--console', tmp_path / 'log')
    assert r.status == 1 and r.out == '', r
    assert 'hello' in (tmp_path / 'log').read_text()


def test_console_none(kernels):
    r = trivet('run', '--engine', 'soft', '--kernel', kernels['hello'], '--console', 'none')
    assert r.status == 1 and r.out == '' and r.err == '', r


def test_input_from_a_pipe(kernels):
    text = 'abc' * 500  # much more than the serial port holds
    r = trivet('run', '--kernel', kernels['echo'], stdin=(text + '.').encode(), timeout=120)
    assert r.status == 15, r
    assert ''.join(c[1] for c in r.out.split('ready\n')[1].split('>')[:-1]) == text + '.', r


def test_slow_reader_loses_nothing(kernels):
    """A reader that sleeps holds the guest up; every byte still arrives."""
    lines = 150000  # about 1.7 MB, more than every buffer in between
    with Program([TRIVET, 'run', '--engine', 'soft', '--kernel', kernels['flood'], '--append',
                           f'lines={lines}'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        time.sleep(3)
        out, err = p.communicate(timeout=240)
    assert p.returncode == 1 and err == b'', err
    assert out == b''.join(b'line %d\n' % i for i in range(lines))


def test_reader_that_goes_away(kernels):
    with Program([TRIVET, 'run', '--kernel', kernels['flood'], '--append',
                           'lines=20000'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as p:
        p.stdout.readline()
        p.stdout.close()
        assert p.wait(timeout=120) == 1


def test_operator_keys(kernels):
    child = spawn('run', '--kernel', kernels['echo'], timeout=60)
    child.expect('ready')
    child.send('x')
    child.expect('<x>')
    child.send('\x03')  # Ctrl-C is the guest's
    child.expect('<\x03>')
    child.send('\x1dh')
    child.expect('q quit')
    child.send('s')
    child.expect('exits:')
    child.send('\x1d\x1d')
    child.expect('<\x1d>')
    child.send('\x1dr')
    child.expect('ready')
    child.send('!')  # the guest's own reset
    child.expect('ready')
    child.send('\x1dq')
    assert ended(child) == 0


@pytest.mark.parametrize('how', ['quit', 'exit', 'crash', 'SIGTERM', 'SIGSEGV', 'SIGABRT'])
def test_terminal_is_restored(how, kernels):
    kernel = kernels['triple' if how == 'crash' else 'echo']
    child = spawn('run', '--kernel', kernel, timeout=60)
    fd = os.dup(child.child_fd)
    try:
        child.expect('about to fault' if how == 'crash' else 'ready')
        if how == 'quit':
            child.send('\x1dq')
        elif how == 'exit':
            child.send('.')
        elif how.startswith('SIG'):
            assert not termios.tcgetattr(fd)[3] & termios.ECHO  # raw now
            os.kill(child.pid, getattr(signal, how))
        # the last closer of the pty must not be the child: fd keeps it open
        try:
            child.expect(__import__('pexpect').EOF, timeout=60)
        except __import__('pexpect').TIMEOUT:
            pass
        child.wait()
        flags = termios.tcgetattr(fd)[3]
        assert flags & termios.ECHO and flags & termios.ICANON and flags & termios.ISIG
    finally:
        os.close(fd)
        child.close(force=True)


def test_two_machines_at_once(kernels, tmp_path):
    def start(n):
        return subprocess.Popen(
            [TRIVET, 'run', '--name', f'vm-{n}', '--kernel', kernels['flood'], '--append',
             f'lines={3000 + n}', '--console', tmp_path / f'log-{n}'], stdin=subprocess.DEVNULL)
    both = [start(n) for n in range(2)]
    assert [p.wait(timeout=120) for p in both] == [1, 1]
    for n in range(2):
        assert (tmp_path / f'log-{n}').read_text().endswith(f'line {3000 + n - 1}\n')


@pytest.mark.parametrize('seed', range(3))
def test_wild_registers(seed, kernels):
    """Every port and device register, written at random, to the guest's end."""
    r = trivet('run', '--kernel', kernels['wild'], '--console', 'none', '--testdev',
               '--append', f'seed={seed} careful=1 rounds=20000', '--timeout', '60', timeout=90)
    no_signal(r.status)
    assert r.status == 5 << 1 | 1, r


@pytest.mark.parametrize('seed', range(100, 103))
def test_wild_registers_all(seed, kernels):
    """The ports that end or reset the machine as well."""
    r = trivet('run', '--kernel', kernels['wild'], '--console', 'none', '--testdev',
               '--append', f'seed={seed}', '--timeout', '5', timeout=60)
    no_signal(r.status)


@pytest.mark.parametrize('seed', range(4))
def test_chaos(seed, kernels):
    """Random bytes as code, thousands of times in one guest."""
    r = trivet('run', '--kernel', kernels['chaos'], '--console', 'none', '--append',
               f'seed={seed}', '--timeout', '4', timeout=60)
    no_signal(r.status)


@pytest.mark.parametrize('seed', range(8))
def test_random_instructions(seed, tmp_path):
    """Random bytes right behind a Multiboot header."""
    kernel = tmp_path / 'random.elf'
    kernel.write_bytes(multiboot_elf(random.Random(seed).randbytes(65536)))
    r = trivet('run', '--kernel', kernel, '--console', 'none', '--timeout', '2', '--cpus', '2',
               timeout=60)
    no_signal(r.status)
