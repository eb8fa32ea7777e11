# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the boot tests: the program, small kernels, Debian's guest."""
import os
import signal
import struct
import subprocess
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TRIVET = ROOT / 'build/trivet'
GUEST = ROOT / 'build/guest'
SOURCES = Path(__file__).resolve().parent / 'kernels'
# Under a busy machine and an interpreter, patience is cheap and flakes are not.
BOOT_SECONDS = 180

# Started in the background or by nohup, the tests inherit ignored signals, and
# would pass that on to programs that are to end by them.
for signo in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(signo) is signal.SIG_IGN:
        signal.signal(signo, signal.SIG_DFL)

# Two workers end at the same time only when the long tests do not come last.
LONG = ('test_smp', 'test_time', 'test_debian_disk')


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


KERNEL_FLAGS = '''-m32 -march=i686 -std=gnu11 -O1 -ffreestanding -fno-stack-protector -fno-pie
-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only -fno-strict-aliasing
-fno-toplevel-reorder -Wall -Wextra -Wshadow -Werror -nostdlib -static -no-pie
-Wl,--build-id=none -Wl,--no-warn-rwx-segments'''.split()


@pytest.fixture(scope='session')
def kernels(tmp_path_factory):
    """name -> path of each tests/boot/kernels/*.c, built as Multiboot ELF32."""
    out = tmp_path_factory.mktemp('kernels')
    built = {}
    for source in sorted(SOURCES.glob('*.c')):
        elf = out / f'{source.stem}.elf'
        subprocess.run(['gcc', *KERNEL_FLAGS, f'-Wl,-T,{SOURCES}/kernel.ld', '-o', elf,
                        SOURCES / 'start.S', source], check=True)
        built[source.stem] = elf
    return built


class Program(subprocess.Popen):
    """A child that does not outlive its `with` block, whatever fails in there."""

    def __exit__(self, *raised):
        if raised[0] and self.poll() is None:
            self.kill()
        super().__exit__(*raised)


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f'status {self.status}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}'


def trivet(*args, timeout=60, stdin=b'', cwd=None, under=()):
    """Runs the program, by the command under, to its end; fails the test when it has to be killed."""
    done = subprocess.run([*under, str(TRIVET), *map(str, args)], input=stdin, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, check=False)
    return Result(done.returncode, done.stdout.decode(errors='replace'),
                  done.stderr.decode(errors='replace'))


def one_line(result, *parts):
    """Bad input: status 2 and one line on stderr that holds the parts."""
    assert result.status == 2, result
    assert result.out == '', result
    lines = result.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('trivet: '), result
    for part in parts:
        assert str(part) in lines[0], result


def multiboot_elf(code, base=0x200000):
    """A Multiboot ELF32 around raw machine code, which runs from its first byte."""
    magic, flags = 0x1badb002, 2
    header = struct.pack('<III', magic, flags, -(magic + flags) & 0xffffffff)
    image = header + b'\0\0\0\0' + code
    ehdr = struct.pack('<16sHHIIIIIHHHHHH', b'\x7fELF\x01\x01\x01', 2, 3, 1, base + 16, 52, 0, 0,
                       52, 32, 1, 0, 0, 0)
    phdr = struct.pack('<IIIIIIII', 1, 84, base, base, len(image), len(image), 7, 4)
    return ehdr + phdr + image


def spawn(*args, timeout=BOOT_SECONDS, **more):
    """The program on a terminal of its own."""
    env = dict(os.environ, TERM='dumb')
    child = pexpect.spawn(str(TRIVET), list(map(str, args)), timeout=timeout, env=env,
                          encoding='utf-8', codec_errors='replace', echo=True,
                          dimensions=(50, 200), **more)
    child.str_last_chars = 3000  # of what was read, when something is missed
    return child


def ended(child, timeout=60):
    """Waits for the end and gives the exit status; output is in child.before."""
    child.expect(pexpect.EOF, timeout=timeout)
    child.close()
    assert child.signalstatus is None, f'killed by signal {child.signalstatus}'
    return child.exitstatus


@pytest.fixture(scope='session')
def debian():
    """Arguments that name Debian's kernel and the small RAM disk."""
    for name in ('vmlinuz', 'initrd.gz'):
        assert (GUEST / name).is_file(), f'no build/guest/{name}: run `make guest`'
    return ['--kernel', GUEST / 'vmlinuz', '--initrd', GUEST / 'initrd.gz']


PROMPT = r'/root # '
# Where the boot is not what is tested: without the kernel's tests of its own ciphers, near
# half of it. test_debian.py's boots to power-off and for the log, and Debian from disk, have them.
QUICK = 'cryptomgr.notests'


def boot(debian, *more, append=QUICK, timeout=BOOT_SECONDS):
    """At the prompt. loglevel: or the kernel may speak in the middle of an echo."""
    child = spawn('run', *debian, '--append', f'console=ttyS0 loglevel=4 {append}', *more,
                  timeout=timeout)
    child.expect('trivet: init')
    child.expect(PROMPT)
    return child


def command(child, text):
    """Types a line at the prompt; what the guest answered."""
    child.sendline(text)
    child.expect_exact(text)
    child.expect(PROMPT)
    return child.before


# What a guest may bring the monitor to: power-off, crash, time-out, debug exit.
def acceptable(status):
    if status == 159:  # the sandbox was tripped: no guest's doing
        return False
    return status in (0, 3, 124) or (status > 0 and status % 2 == 1 and status < 128) \
        or 128 < status < 256 and status % 2 == 1


def no_signal(status):
    """subprocess gives -N when a signal N killed the monitor."""
    assert status >= 0, f'the monitor died of {signal.Signals(-status).name}'
    assert acceptable(status), f'status {status}'
