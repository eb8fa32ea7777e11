# SPDX-License-Identifier: Apache-2.0
"""The program among other programs: files that change under it, output that
cannot be written, signals, and a shell's job control."""
import os
import signal
import subprocess
import termios
import time

import pytest
from conftest import GUEST, TRIVET, Program, ended, one_line, spawn, trivet


def start(*args, **more):
    more = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
            'stderr': subprocess.PIPE, **more}
    # auto would say in a line why not KVM, where there is one
    return Program([str(TRIVET), 'run', '--engine', 'soft', *map(str, args)], **more)


def test_kernel_truncated_while_running(kernels, tmp_path):
    """The guest's next reset loads it again: from memory."""
    kernel = tmp_path / 'k.elf'
    kernel.write_bytes(kernels['echo'].read_bytes())
    with start('--kernel', kernel, '--timeout', '60', stdin=subprocess.PIPE) as p:
        assert p.stdout.readline() == b'ready\n'
        os.truncate(kernel, 0)
        p.stdin.write(b'!')  # reset
        p.stdin.flush()
        assert p.stdout.readline() == b'<!>ready\n'
        p.send_signal(signal.SIGTERM)
        assert p.wait(timeout=60) == 128 + signal.SIGTERM, p.stderr.read()


def test_console_file_that_takes_nothing(kernels):
    r = trivet('run', '--engine', 'soft', '--kernel', kernels['hello'], '--append', 'exit=2',
               '--console', '/dev/full')
    assert r.status == 5, r
    assert r.err.count('\n') == 1 and '/dev/full: No space left' in r.err, r


def test_reader_gone_is_told(kernels):
    with start('--kernel', kernels['flood'], '--append', 'lines=20000') as p:
        p.stdout.readline()
        p.stdout.close()
        assert p.wait(timeout=120) == 1
        err = p.stderr.read().decode()
    assert err.count('\n') == 1 and 'stdout: Broken pipe' in err, err


@pytest.mark.parametrize('closed', ['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])
def test_closed_standard_files(closed, kernels):
    done = subprocess.run(['sh', '-c', f'exec {TRIVET} run --kernel {kernels["hello"]} '
                           f'--append exit=2 {closed}'], timeout=60, check=False)
    assert done.returncode == 5


def test_stdout_full():
    with open('/dev/full', 'w', encoding='ascii') as full:
        for command in (['version'], ['help'], ['engines']):
            done = subprocess.run([TRIVET, *command], stdout=full, stderr=subprocess.PIPE,
                                  timeout=60, check=False)
            assert done.returncode == 2 and b'No space left' in done.stderr, done


def test_nohup(kernels):
    """A signal that was ignored at the start stays so, as nohup wants it."""
    with start('--kernel', kernels['spin'],
               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as p:
        assert b'for ever' in p.stdout.readline()
        p.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            p.wait(timeout=1)
        p.send_signal(signal.SIGTERM)
        assert p.wait(timeout=20) == 128 + signal.SIGTERM


@pytest.mark.parametrize('signo', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize('when', ['early', 'amid'])
def test_signal_while_booting(signo, when, debian):
    """Early on and amid the kernel: ends at once, with no word of complaint."""
    with start(*debian, '--append', 'console=ttyS0') as p:
        time.sleep(0.05)
        while when == 'amid' and b'Linux version' not in p.stdout.readline():
            pass
        p.send_signal(signo)
        sent = time.monotonic()
        _, err = p.communicate(timeout=60)
    assert time.monotonic() - sent < 30
    # before main has blocked it, the signal does what it does by itself
    assert p.returncode in (128 + signo, *([-signo] if when == 'early' else [])), err
    assert err.count(b'\n') <= 1, err


def test_window_size_changes(kernels):
    child = spawn('run', '--kernel', kernels['echo'], timeout=60)
    child.expect('ready')
    for rows in range(20, 30):
        child.setwinsize(rows, 80)
        os.kill(child.pid, signal.SIGWINCH)
    child.send('x')
    child.expect('<x>')
    child.send('.')
    ended(child)


def raw(fd):
    return not termios.tcgetattr(fd)[3] & (termios.ECHO | termios.ICANON)


def wait_until(test, what):
    end = time.monotonic() + 60
    while not test():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def stopped(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        return f.read().rsplit(')', 1)[1].split()[0] == 'T'


@pytest.mark.parametrize('signo', [signal.SIGTSTP, signal.SIGSTOP])
def test_stop_and_continue(signo, kernels):
    """As a shell does it: its own terminal settings while the job is stopped."""
    child = spawn('run', '--kernel', kernels['echo'], timeout=60)
    child.expect('ready')
    fd = child.child_fd
    assert raw(fd)
    os.kill(child.pid, signo)
    wait_until(lambda: stopped(child.pid), 'it does not stop')
    if signo == signal.SIGTSTP:
        assert not raw(fd)  # it put the terminal back by itself
    cooked = termios.tcgetattr(fd)
    cooked[3] |= termios.ECHO | termios.ICANON
    termios.tcsetattr(fd, termios.TCSANOW, cooked)
    os.kill(child.pid, signal.SIGCONT)
    wait_until(lambda: raw(fd), 'the terminal is not raw again')
    child.send('x')
    child.expect('<x>')
    child.send('\x1dq')
    assert ended(child) == 0


def test_initrd_of_the_wrong_size(debian, tmp_path):
    initrd = tmp_path / 'huge-initrd'
    with open(initrd, 'wb') as f:
        f.truncate(3 << 30)  # a hole: no disk space, and not read either
    one_line(trivet('run', '--kernel', GUEST / 'vmlinuz', '--initrd', initrd),
             'huge-initrd', "too big for the guest's memory")
