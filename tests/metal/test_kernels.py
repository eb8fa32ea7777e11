# SPDX-License-Identifier: Apache-2.0
"""All test kernels under the bare-metal hypervisor: what fails on the soft engine nowhere fails
here but for what QEMU's emulation does wrong (deviations.py), and each of those does fail."""
import re
import sys

import deviations
import pytest
from conftest import ROOT, bundle, kernel_file

sys.path.insert(0, str(ROOT / 'tests/kernels'))
import run as kernels  # pylint: disable=wrong-import-position,wrong-import-order

# Those that compare clocks, or wait for one, have the machine for themselves.
ALONE = ['apic', 'prompt', 'sleep', 'time', 'debug', 'events']
TOGETHER = [n for n, cpus in kernels.RUNS if cpus == 1 and n not in (*ALONE, 'smp', 'vmrun')]
MEMORY = {'isolation': '128M'}
KERNEL_SECONDS = 240


def judge(name, failed, text):
    assert re.search('^DONE ', text, re.MULTILINE), text[-1500:]
    assert set(failed) == deviations.of(name), text[-3000:]


def case_names(lines):
    """"name: what was expected" less what follows the name."""
    return [line.split(':')[0] for line in lines]


@pytest.mark.parametrize('name,cpus', [(n, 1) for n in ALONE] + [('smp', 2), ('smp', 4)])
def test_alone(name, cpus):
    r = kernels.run('metal', name, cpus, KERNEL_SECONDS)
    judge(name, case_names(r.failed), r.text)
    assert r.status is not None


def output_of(name, console):
    """A machine's own lines, which have its name in front."""
    return ''.join(re.findall(rf'^{name}\| (.*\n)', console.replace('\r', ''), re.MULTILINE))


def test_together(machine, tmp_path):
    """All others at the same time, each in its machine; the console is a sleeper's."""
    files = [kernel_file(tmp_path, 'sleeper', 'secret', memory='64M')]
    files += [kernel_file(tmp_path, name, name, memory=MEMORY.get(name, '64M')) for name in TOGETHER]
    m = machine(memory=2048, modules=[bundle(*files, out=tmp_path / 'b.bundle')])
    for _ in TOGETHER:
        m.expect(r'trivet: \w+: ended with status \d+', timeout=KERNEL_SECONDS)
    console = (tmp_path / 'console').read_text(encoding='utf-8')
    for name in TOGETHER:
        text = output_of(name, console)
        failed = re.findall(r'^FAIL (.*)$', text, re.MULTILINE)
        judge(name, case_names(failed), text)
    m.operator('stop sleeper')
    m.ended()
