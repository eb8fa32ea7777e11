# SPDX-License-Identifier: Apache-2.0
"""Keys on processors and on memory that is nobody's, as the hosted program has them."""
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, TRIVET, Program, one_line, trivet

KERNELS = ROOT / 'build/kernels'


def vmfile(tmp_path, kernel, *lines):
    path = tmp_path / 'vm.yaml'
    path.write_text(f'kernel: {kernel}\nmemory: 128M\nconsole: stdio\ntestdev: true\n'
                    + ''.join(line + '\n' for line in lines))
    return path


@pytest.mark.parametrize('lines,part', [
    (['weight: 50'], ':5: weight: only bare metal'),
    (['net: [switch]'], ':5: net: switch:default: only bare metal'),
    (['cpuset: 63'], ':5: cpuset: '),
])
def test_refused(tmp_path, lines, part):
    if os.cpu_count() > 63 and 'cpuset' in part:
        pytest.skip('this machine has such a processor')
    one_line(trivet('run', vmfile(tmp_path, KERNELS / 'isolation.elf', *lines)), part)


def allowed(pid):
    return {re.search(r'Cpus_allowed_list:\s*(\S+)', status.read_text())[1]
            for status in Path(f'/proc/{pid}/task').glob('*/status')}


def test_all_threads_are_bound(tmp_path, kernels):
    cpu = min(os.sched_getaffinity(0))
    path = vmfile(tmp_path, kernels['spin'], f'cpuset: {cpu}', 'cpus: 2')
    with Program([TRIVET, 'run', path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
        p.stdout.read(1)
        try:
            assert allowed(p.pid) == {str(cpu)}
        finally:
            p.kill()


def test_bad_access(tmp_path):
    """Ignored, unless the VM file says that it ends the machine: then with one line."""
    kernel = KERNELS / 'isolation.elf'
    assert trivet('run', vmfile(tmp_path, kernel, 'engine: soft')).status == 1
    done = trivet('run', vmfile(tmp_path, kernel, 'engine: soft', 'on_bad_access: stop'))
    assert done.status == 3, done
    assert ('the guest crashed: vCPU 0: read of guest-physical 0x8000ff8, where there is neither '
            'memory nor a device (on_bad_access: stop)') in done.err, done
