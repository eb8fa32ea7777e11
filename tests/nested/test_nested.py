# SPDX-License-Identifier: Apache-2.0
"""The KVM engine under QEMU's emulated AMD-V, and the same VM file on both engines."""
import re

import pytest

# Features that only one engine has: QEMU's CPU lacks some, and Linux derives some from others.
SOFT_ONLY = {'vme', 'pcid', 'invpcid', 'invpcid_single', 'rdseed', '3dnowprefetch'}
KVM_ONLY = {'pti'}


def told(step):
    found = re.search(r'TELL BEGIN\n(.*)TELL END', step.text, re.S)
    assert found, step
    return found[1]


def flags(text):
    return set(re.search(r'^flags\s*: (.*)', text, re.M)[1].split())


def test_unit_tests_run_on_kvm(steps):
    unit = steps['unit']
    assert unit.status == 0, unit
    assert re.search(r'\[  PASSED  \] 1\d test', unit.text), unit
    assert 'skipped' not in unit.text.lower(), unit


def test_engines_says_hardware(steps):
    line = next(s for s in steps['engines'].text.splitlines() if s.startswith('kvm'))
    assert re.match(r"kvm +usable +Linux's KVM with AMD-V; .* \d+ % of the host's speed", line)


def test_auto_takes_kvm_and_debian_boots(steps):
    boot = steps['boot']
    assert boot.status == 0, boot
    assert 'engine kvm' in boot.text, boot
    assert re.search(r'^cpus 2$', boot.text, re.M), boot
    assert not re.search(r'^KERNEL ', boot.text, re.M), boot


def test_disk(steps):
    text = steps['boot'].text
    assert 'disk 8192' in text, steps['boot']
    assert 'made-by-the-host' in text and 'DISK written-by-the-guest' in text, steps['boot']
    assert re.search(r'irq .*MSI.*virtio0-req', text), steps['boot']


def test_network(steps):
    text = steps['boot'].text
    assert 'DHCP 10.0.2.15' in text and '3 packets received' in text, steps['boot']


def test_lacking_features_are_said_once(steps):
    lines = re.findall(r"this host's CPU lacks what the model has: (.*)", steps['boot'].text)
    assert len(lines) == 1 and 'pcid' in lines[0] and 'rdseed' in lines[0], lines


@pytest.mark.parametrize('name, why', [
    ('no_permission', '/dev/kvm: join the group kvm'),
    ('software_module', 'software module kvm_pvm'),
    ('no_module', 'load the module .* kvm_amd'),
    ('no_device', 'load the module .* kvm_amd')])
def test_where_kvm_is_not_for_us(steps, name, why):
    """The reason is said, and auto runs the guest on the soft engine."""
    step = steps[name]
    assert re.search(f'^kvm +not usable .*{why}', step.text, re.M), step
    assert re.search(f'^trivet: engine kvm is not usable here: .*{why}', step.text, re.M), step
    assert 'RESULT 2' in step.text, step
    assert step.text.count('hello from a multiboot kernel') == 1 and 'AUTO 1' in step.text, step
    assert 'LINES 1\n' in step.text.replace('\r', ''), step  # what is wrong is one line, note or not
    told = re.search(f'^trivet: engine soft, not kvm: .*{why}', step.text, re.M)
    assert bool(told) == (name in ('no_permission', 'software_module')), step


def test_same_machine_on_both_engines(steps, soft):
    assert soft.status == 0, soft
    mine, other = told(steps['boot']), told(soft)
    strip = re.compile(r'^flags.*\n', re.M)
    assert strip.sub('', mine) == strip.sub('', other)


def test_same_cpu_but_for_what_the_host_lacks(steps, soft):
    mine, other = flags(told(steps['boot'])), flags(told(soft))
    assert other - mine <= SOFT_ONLY, other - mine
    assert mine - other <= KVM_ONLY, mine - other


def test_a_crash_is_told_with_registers(steps):
    step = steps['crash']
    assert 'RESULT 3' in step.text, step
    assert 'vCPU 0: triple fault' in step.text, step
    assert re.search(r'^rip 00000000\w{8}  rflags', step.text, re.M), step


def test_reset_boots_again(steps):
    step = steps['reset']
    assert 'RESULT 0' in step.text and 'BOOTED again' in step.text, step


def test_hugepages_where_reserved(steps):
    without, reserved = steps['hugepages'].text.split('RESERVED')
    assert re.search(r'^trivet: hugepages: 32 of 2 MiB needed for 64M .*, 0 are free', without,
                     re.M), without
    assert 'hugepages:' not in reserved, reserved
    held = {k: int(v) for k, v in re.findall(r'HugePages_(\w+): *(\d+)', reserved)}
    # some are in use already, the rest is set aside for this guest
    assert 40 - held['Free'] + held['Rsvd'] == 32, reserved
