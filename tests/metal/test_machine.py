# SPDX-License-Identifier: Apache-2.0
"""The machine that guests see on bare metal, and what they do not reach."""
import re
import subprocess
import sys
import time

import pytest
from conftest import HYPERVISOR, PROMPT, ROOT, TRIVET, bundle, free_kib, vmfile

sys.path.insert(0, str(ROOT / 'tests/kernels'))
import run as kernels  # pylint: disable=wrong-import-position,wrong-import-order


# What may fail in Bochs, with or without a hypervisor: tests/kernels/README.md. What VT-x cannot: SMSW
# runs without an exit, and this processor has no UMIP.
ON_VTX = {'isolation': [], 'mmio': [], 'sleep': [], 'exits': [], 'creg': [], 'segment': [], 'fpu': [],
          'prot32': [], 'task32': [], 'mode32': [], 'apic': [], 'prompt': [], 'time': [],
          'cpu': ['umip-smsw-value', 'umip-smsw'],
          'smc': ['smc-crossing-remapped', 'smc-crossing-two-views', 'smc-crossing-unmapped'],
          'debug': ['mov-ss-int3'], 'detail': ['sysret-steps-at-once'],
          'events': ['rep-step-rf', 'rep-data-breakpoint-rf'], 'paging': ['pf-smap-implicit']}


def check_kernel(on, name, may_fail):
    r = kernels.run(on, name, 1)
    assert r.done and r.passed and r.status == (3 if r.failed else 1), r.text[-2000:]
    assert {f.split(':')[0] for f in r.failed} <= set(may_fail), r.text[-2000:]


@pytest.mark.parametrize('name', ON_VTX)
def test_kernel_on_vtx(name):
    check_kernel('bochs-vtx', name, ON_VTX[name])


@pytest.mark.long
def test_smp_on_vtx():
    """Two processors, two vCPUs."""
    r = kernels.run('bochs-vtx', 'smp', 2)
    assert not r.failed and r.done and len(r.passed) > 20 and r.status == 1, r.text[-2000:]


# When INT n faults on its way, with that fault intercepted, Bochs gives the last exception as what was
# on its way (EXITINTINFO). A guest that is stepped (debug) ends Bochs: the host gets the trap,
# before it has its GS. V_IRQ of a guest that is entered with IF set waits for Bochs's next event, which
# may be behind the guest's CLI (`apic` and `events` want interrupts there too: they are not in the list).
ON_BOCHS_SVM = {'isolation': [], 'mmio': [], 'sleep': [], 'creg': [],
                'exits': [f'shadow-{i}-{what}' for i in ('cpuid', 'vmcall', 'vmmcall')
                          for what in ('interrupt', 'behind')],
                'cpu': ['gp-gate-type', 'gp-gate-null-selector', 'gp-gate-data-selector',
                        'gp-gate-code32', 'gp-beyond-idt', 'gp-ring3-int-dpl']}


@pytest.mark.parametrize('name', ON_BOCHS_SVM)
def test_kernel_on_bochs_svm(name):
    check_kernel('bochs-svm', name, ON_BOCHS_SVM[name])


@pytest.mark.parametrize('bed', ['metal', 'bochs-vtx', 'bochs-svm'])
def test_same_machine_as_on_the_soft_engine(bed):
    """All CPUID leaves, readable MSRs, ACPI tables, PCI devices."""
    seen = [[line for line in kernels.run(where, 'inventory', 1).text.splitlines()
             if line.startswith('NOTE')] for where in ('trivet', bed)]
    assert len(seen[0]) > 200
    assert seen[0] == seen[1]


def mappings(machine):
    """(address, executable, writable) of each page of the hypervisor's own tables: the
    processor is asleep in its idle loop."""
    for _ in range(200):
        machine.monitor('stop')
        registers = machine.monitor('info registers')
        rip = int(re.search(r'RIP=([0-9a-f]+)', registers)[1], 16)
        if 'HLT=1' in registers and 0x200000 <= rip < 0x600000:
            break
        machine.monitor('cont')
        time.sleep(0.05)
    else:
        assert False, 'the processor never slept'
    # flags of `info tlb`: X is no-execute, W writable
    found = re.findall(r'^([0-9a-f]{16}): [0-9a-f]{16} ([XGPDACTUW-]{9})',
                       machine.monitor('info tlb').replace('\r', ''), re.MULTILINE)
    machine.monitor('cont')
    return [(int(a, 16), f[0] != 'X', f[8] == 'W') for a, f in found]


def test_no_page_is_writable_and_executable(machine, debian):
    m = machine(modules=debian, append='memory=256M -- console=ttyS0 quiet')
    m.expect('trivet: init', PROMPT)
    pages = mappings(m)
    assert len(pages) > 500
    assert not [hex(a) for a, x, w in pages if x and w]
    text = [a for a, x, _ in pages if x]
    assert text and min(text) == 0x200000 and max(text) < 0x200000 + HYPERVISOR.stat().st_size
    assert 0 not in [a for a, _, _ in pages]
    assert m.command('echo still here').strip() == 'still here'


def test_memory_comes_back_wiped(machine, tmp_path):
    """Two machines end one after the other: all pages but the heap's own return."""
    kernel = ROOT / 'build/kernels/isolation.elf'
    files = [vmfile(tmp_path / f'{n}.yaml', n, kernel=kernel, memory='128M', initrd='""',
                    append='""', testdev='true') for n in ('a', 'b')]
    for f in files:
        f.write_text(f.read_text().replace('initrd: ""\n', ''))
    m = machine(cpus=1, modules=[bundle(*files, out=tmp_path / 'two.bundle')],
                append='log=debug', memory=512)
    m.expect(r'(\d+) MiB of memory free')
    free = int(m.console.match[1])
    rest = m.ended()
    assert rest.count('ended with status 1') == 2, rest
    assert free * 1024 - free_kib(rest) < 1024 + 512, rest


BAD = [
    (dict(append='memory=4G'), 'cannot allocate'),
    (dict(append='memory=lots'), 'command line: "memory=lots"; expected'),
    (dict(append='memory=64M', modules=()), 'no boot modules; expected'),
    (dict(cpu='qemu64,-svm'), 'no AMD-V'),
    (dict(cpu='qemu64,+svm,-npt'), 'no nested paging'),
]


@pytest.mark.parametrize('how,what', BAD, ids=[w for _, w in BAD])
def test_one_line_says_what_is_missing(machine, debian, how, what):
    m = machine(**{'modules': debian, 'append': 'memory=64M', 'memory': 512, **how})
    m.expect(r'trivet: [^\r\n]*' + re.escape(what), timeout=40)


def test_a_damaged_bundle(machine, tmp_path):
    whole = bundle(vmfile(tmp_path / 'a.yaml', 'a'), out=tmp_path / 'a.bundle').read_bytes()
    cut = tmp_path / 'cut.bundle'
    cut.write_bytes(whole[:len(whole) // 2])
    m = machine(modules=[cut], memory=512)
    m.expect('cut short')


def test_one_machine_too_big_leaves_the_other(machine, tmp_path):
    files = [vmfile(tmp_path / 'big.yaml', 'big', memory='8G'),
             vmfile(tmp_path / 'small.yaml', 'small', append='trivet.auto=poweroff console=ttyS0')]
    m = machine(modules=[bundle(*files, out=tmp_path / 'b.bundle')])
    m.expect('trivet: big: [^\r\n]*cannot allocate')
    m.expect('trivet: small: powered off')


@pytest.mark.parametrize('key,value', [('engine', 'soft'), ('console', '/tmp/x'), ('timeout', 5),
                                       ('hugepages', 'true'), ('net', '[user]'),
                                       ('net', '["tap:tap0"]'), ('balloon', '0')])
def test_image_refuses_what_metal_cannot(tmp_path, key, value):
    f = vmfile(tmp_path / 'a.yaml', 'a', **{key: value})
    done = subprocess.run([str(TRIVET), 'image', str(f), '-o', str(tmp_path / 'b')],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    assert f'{f}:7: {key}: cannot be honoured on bare metal' in done.stderr, done
    assert not (tmp_path / 'b').exists()
