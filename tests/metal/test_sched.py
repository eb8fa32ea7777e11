# SPDX-License-Identifier: Apache-2.0
"""Weights and processors from the VM file."""
import re

from conftest import bundle, kernel_file, on


def test_weights_share_a_processor(machine, tmp_path):
    """Two loops on processor 1, weights 1 to 3; a third has processor 0 for itself, though it
    may run anywhere. A machine bound to a processor that is not there leaves the others."""
    files = [kernel_file(tmp_path, 'light', 'share', weight=50, cpuset='1'),
             kernel_file(tmp_path, 'heavy', 'share', weight=150, cpuset='1'),
             kernel_file(tmp_path, 'alone', 'share'),
             kernel_file(tmp_path, 'lost', 'share', cpuset='0,5')]
    m = machine(cpus=2, memory=512, modules=[bundle(*files, out=tmp_path / 'b.bundle')])
    m.expect('trivet: lost: cpuset: processor 5 is not there; expected 0 to 1')
    listing = m.operator('list')
    for line in (r'0\* light: runs, 1 vCPUs, 32 MiB, weight 50, processors 1 \(bound\)',
                 r'1  heavy: runs, 1 vCPUs, 32 MiB, weight 150, processors 1 \(bound\)',
                 r'2  alone: runs, 1 vCPUs, 32 MiB, weight 100, processors 0$'):
        assert re.search(line, listing, re.MULTILINE), listing
    rest = m.ended().replace('\n', ' ')
    counts = [int(n) for n in re.findall(r'COUNT (\d+)', rest)]
    assert len(counts) == 3, rest
    # in the order of their ends: all by the clock, so told apart by size
    light, heavy, alone = sorted(counts)
    assert 2 < heavy / light < 4.5, counts
    assert alone > heavy, counts


@on('bochs-vtx')
def test_many_machines_on_a_processor(machine, tmp_path):
    """Eight at once, each with a state of its own: what one does to the processor no other sees."""
    names = ('segment', 'fpu', 'mmio', 'exits', 'creg', 'prot32', 'task32', 'mode32')
    files = [kernel_file(tmp_path, n, n, memory='160M') for n in names]
    m = machine(memory=2048, modules=[bundle(*files, out=tmp_path / 'b.bundle')])
    rest = m.ended(timeout=400)
    for n in names:
        assert f'{n}: ended with status 1' in rest, rest[-3000:]
