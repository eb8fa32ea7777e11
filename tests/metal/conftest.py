# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the bare-metal tests: the hypervisor in QEMU's emulation of AMD-V and in Bochs's of
VT-x and AMD-V."""
import functools
import gzip
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest
from bochs import Bochs
from console import PROMPT, Console # pylint: disable=unused-import

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests'))
import tcg # pylint: disable=wrong-import-position

TRIVET = ROOT / 'build/trivet'
HYPERVISOR = ROOT / 'build/trivet-x86.elf'
GUEST = ROOT / 'build/guest'
KERNELS = ROOT / 'build/kernels'
OVMF = Path('/usr/share/ovmf/OVMF.fd')
BOOT_SECONDS = 150


class Machine(Console):
    """One QEMU. console: a pexpect child on the serial port.

    Several CPUs are on one host thread (tcg.py). QEMU then often leaves its CPU loop early, which
    made it deliver an injected interrupt twice (tests/nested/bed.py); that hits no guest of ours: an
    external interrupt goes by V_IRQ (src/engine/svm/run.c), which does not have that fault."""

    def __init__(self, tmp, cpu='max', cpus=1, memory=2048, kernel=None, append='', modules=(),
                 iso=None, more=()):
        self.monitor_path = str(tmp / 'monitor')
        args = ['-cpu', cpu, '-smp', cpus, '-m', memory, '-nodefaults', '-display', 'none',
                '-no-reboot', '-serial', 'stdio',
                '-monitor', f'unix:{self.monitor_path},server=on,wait=off', *more]
        if iso:
            args += ['-cdrom', iso, '-boot', 'd']
        else:
            args += ['-kernel', kernel or HYPERVISOR, '-append', append]
            if modules:
                args += ['-initrd', ','.join(map(str, modules))]
        program, *args = tcg.command(*args)
        self.console = pexpect.spawn(program, args, timeout=BOOT_SECONDS,
                                     env=dict(os.environ, TERM='dumb'), encoding='utf-8',
                                     codec_errors='replace', echo=False, dimensions=(50, 200))
        self.console.delaybeforesend = None
        # pylint: disable-next=consider-using-with
        self.console.logfile_read = open(tmp / 'console', 'w', encoding='utf-8')

    def monitor(self, text):
        """QEMU's answer to a command of its own."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.monitor_path)
            s.settimeout(20)
            answer = ''
            while not answer.endswith('(qemu) '):
                answer += s.recv(65536).decode(errors='replace')
            s.sendall(text.encode() + b'\n')
            answer = ''
            while not answer.endswith('(qemu) '):
                answer += s.recv(65536).decode(errors='replace')
        return answer

    def close(self):
        self.console.close(force=True)


BEDS = {'qemu': Machine, 'bochs-vtx': functools.partial(Bochs, cpu='vtx'),
        'bochs-svm': functools.partial(Bochs, cpu='svm')}


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes many minutes; of `make check-long`')


def on(*beds):
    """A test's machine is in each of these emulators; without, in QEMU."""
    return pytest.mark.parametrize('machine', beds, indirect=True)


@pytest.fixture
def machine(tmp_path, request):
    made = []

    def make(**more):
        made.append(BEDS[getattr(request, 'param', 'qemu')](tmp_path, **more))
        return made[-1]
    yield make
    for m in made:
        m.close()


@pytest.fixture(scope='session')
def debian():
    """Debian's kernel and the small RAM disk, as boot modules."""
    for name in ('vmlinuz', 'initrd.gz'):
        assert (GUEST / name).is_file(), f'no build/guest/{name}: run `make guest`'
    return [GUEST / 'vmlinuz', GUEST / 'initrd.gz']


def vmfile(path, name, **keys):
    keys = {'memory': '256M', 'cpus': 1, 'kernel': GUEST / 'vmlinuz',
            'initrd': GUEST / 'initrd.gz', 'append': 'console=ttyS0', **keys}
    path.write_text(f'name: {name}\n' + ''.join(f'{k}: {v}\n' for k, v in keys.items()))
    return path


def kernel_file(tmp_path, name, kernel, **keys):
    """A VM file for a test kernel."""
    keys = {'memory': '32M', 'kernel': KERNELS / f'{kernel}.elf', 'testdev': 'true', **keys}
    path = tmp_path / f'{name}.yaml'
    path.write_text(f'name: {name}\n' + ''.join(f'{k}: {v}\n' for k, v in keys.items()))
    return path


def initrd_with(tree, out):
    """The small RAM disk with that of a tree behind it, which wins."""
    names = subprocess.run(['find', '.'], cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    made = subprocess.run(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0'], cwd=tree,
                          input=names, stdout=subprocess.PIPE, check=True).stdout
    out.write_bytes((GUEST / 'initrd.gz').read_bytes() + gzip.compress(made, 1))
    return out


def image(*files, out):
    done = subprocess.run([str(TRIVET), 'image', *map(str, files), '-o', str(out)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return out


def bundle(*files, out):
    return image(*files, out=out)


def wait_for(check, seconds=30):
    """check() until it is true."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, 'not in time'
        time.sleep(0.2)


def free_kib(text):
    return int(re.findall(r'(\d+) KiB are free', text)[-1])
