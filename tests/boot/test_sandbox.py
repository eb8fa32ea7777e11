# SPDX-License-Identifier: Apache-2.0
"""The sandbox around the whole program: what a running machine has given up, and
what becomes of a thread that does what it may not."""
import json
import os
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest
from conftest import TRIVET, ended, one_line, spawn, trivet

# A library for LD_PRELOAD, which only whoever starts the program can give it: the
# thread named $TRIP makes a forbidden system call when it next takes a lock.
TRIP = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void trip(void)
{
	const char *who = getenv("TRIP");
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	if (who && strcmp(who, name) == 0)
		close((int)syscall(SYS_openat, -100, "/etc/passwd", 0));
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
	int (*real)(pthread_mutex_t *) = dlsym(RTLD_NEXT, "pthread_mutex_lock");

	trip();
	return real(m);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int (*real)(struct pollfd *, nfds_t, int) = dlsym(RTLD_NEXT, "poll");

	trip();
	return real(fds, n, timeout);
}
'''


@pytest.fixture(scope='session')
def trip(tmp_path_factory):
    """Environment for a program whose thread of that name trips the sandbox."""
    where = tmp_path_factory.mktemp('trip')
    (where / 'trip.c').write_text(TRIP)
    subprocess.run(['gcc', '-shared', '-fPIC', '-o', where / 'trip.so', where / 'trip.c'],
                   check=True)
    return lambda thread: {'LD_PRELOAD': str(where / 'trip.so'), 'TRIP': thread}


def disks(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).write_bytes(bytes(1 << 20))
    return ['--disk', tmp_path / 'a', '--disk', f'{tmp_path}/b,ro']


def start(*args, **more):
    # auto would say in a line why not KVM, where there is one
    return subprocess.Popen([str(TRIVET), 'run', '--engine', 'soft', *map(str, args)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **more)


def statuses(pid):
    """name of each thread -> its /proc status as a dictionary."""
    found = {}
    for task in Path(f'/proc/{pid}/task').iterdir():
        lines = (task / 'status').read_text().splitlines()
        fields = dict(line.split(':', 1) for line in lines if ':' in line)
        found[fields['Name'].strip()] = {k: v.strip() for k, v in fields.items()}
    return found


def has_landlock():
    probe = 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))'
    done = subprocess.run(['/usr/bin/python3', '-c', probe], stdout=subprocess.PIPE, check=True)
    return int(done.stdout) > 0


def test_what_every_thread_gave_up(kernels, tmp_path):
    with start('--kernel', kernels['echo'], '--cpus', '2', *disks(tmp_path)) as p:
        assert p.stdout.readline() == b'ready\n'
        found = statuses(p.pid)
        p.stdin.write(b'.')
        p.stdin.flush()
        assert p.wait(timeout=60) == 15, p.stderr.read()
        assert p.stderr.read() == b''
    assert {'trivet', 'vcpu 0', 'vcpu 1', 'console', 'disk 0', 'disk 1'} <= set(found), found
    for name, s in found.items():
        assert s['NoNewPrivs'] == '1', (name, s)
        assert s['Seccomp'] == '2', (name, s)
        for caps in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
            assert int(s[caps], 16) == 0, (name, s)
        if os.geteuid() == 0:
            assert int(s['CapBnd'], 16) == 0 and s['Groups'] == '', (name, s)


def test_no_sandbox(kernels, tmp_path):
    vm = tmp_path / 'vm.yaml'
    vm.write_text(f'kernel: {kernels["echo"]}\nsandbox: false\n')
    for args in (['--no-sandbox', '--kernel', kernels['echo']], [vm]):
        with start(*args, '--stats=json') as p:
            assert p.stdout.readline() == b'ready\n'
            for name, s in statuses(p.pid).items():
                assert s['NoNewPrivs'] == '0' and s['Seccomp'] == '0', (name, s)
            p.stdin.write(b'.')
            p.stdin.flush()
            assert p.wait(timeout=60) == 15
            assert json.loads(p.stderr.read())['sandbox'] == 'off'


def test_statistics_say_so(kernels):
    r = trivet('run', '--kernel', kernels['hello'], '--append', 'exit=2', '--stats')
    assert r.status == 5, r
    assert ('sandbox on' if has_landlock() else 'sandbox on, without Landlock') in r.err, r


def test_bad_settings(kernels, tmp_path):
    one_line(trivet('run', '--no-sandbox=maybe', '--kernel', kernels['hello']), '--no-sandbox')
    vm = tmp_path / 'vm.yaml'
    vm.write_text(f'kernel: {kernels["hello"]}\nsandbox: perhaps\n')
    one_line(trivet('check', vm), 'vm.yaml:2: sandbox', 'true or false')


@pytest.mark.parametrize('thread', ['trivet', 'vcpu 0', 'console'])
def test_forbidden_call(thread, trip, kernels):
    """One line that says who did what, and a status of its own."""
    with start('--kernel', kernels['echo'], '--timeout', '60',
               env={**os.environ, **trip(thread)}) as p:
        _, err = p.communicate(b'x', timeout=60)
    err = err.decode()
    assert p.returncode == 159, (p.returncode, err)
    assert err.count('\n') == 1 and err.startswith('trivet: sandbox: '), err
    for part in (f'"{thread}"', 'openat (number 257', '--no-sandbox'):
        assert part in err, err


def test_forbidden_call_without_sandbox(trip, kernels):
    """The same program, told to: it may."""
    with start('--kernel', kernels['echo'], '--no-sandbox',
               env={**os.environ, **trip('vcpu 0')}) as p:
        out, err = p.communicate(b'x.', timeout=60)
    assert p.returncode == 15 and out == b'ready\n<x><.>' and err == b'', (out, err)


def cooked(fd):
    return bool(termios.tcgetattr(fd)[3] & (termios.ECHO | termios.ICANON))


def test_terminal_after_a_forbidden_call(trip, kernels, monkeypatch):
    for name, value in trip('vcpu 0').items():
        monkeypatch.setenv(name, value)
    child = spawn('run', '--kernel', kernels['echo'], timeout=60)
    child.expect('forbidden system call, openat')
    end = time.monotonic() + 30
    while child.isalive() and time.monotonic() < end:
        time.sleep(0.02)
    assert cooked(child.child_fd)
    assert ended(child) == 159


def test_resets_stops_and_menu(kernels, tmp_path):
    """The rarer ways of a machine's life, with all that they call."""
    child = spawn('run', '--kernel', kernels['echo'], '--cpus', '2', *disks(tmp_path), timeout=60)
    child.expect('ready')
    for _ in range(3):
        child.send('!')
        child.expect('ready')
    child.send('\x1dr')
    child.expect('ready')
    child.send('\x1dh')
    child.expect('any other key')
    child.send('s')
    child.expect('sandbox on')
    os.kill(child.pid, signal.SIGTSTP)
    time.sleep(0.2)
    os.kill(child.pid, signal.SIGCONT)
    child.send('x')
    child.expect('<x>')
    os.kill(child.pid, signal.SIGTERM)
    assert ended(child) == 128 + signal.SIGTERM


def test_crash_is_reported(kernels):
    """The registers' dump and the crash's status come from inside the sandbox."""
    r = trivet('run', '--kernel', kernels['triple'])
    assert r.status == 3 and 'rip' in r.err, r
