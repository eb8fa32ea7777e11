# SPDX-License-Identifier: Apache-2.0
"""The command line and VM files: bad input gets one line and status 2."""
import os
import re

import pytest
from conftest import GUEST, multiboot_elf, one_line, trivet


def test_version():
    r = trivet('version')
    assert r.status == 0 and re.fullmatch(r'trivet \S+\n', r.out), r


def test_help():
    r = trivet('help')
    assert r.status == 0 and '--kernel' in r.out, r


def test_engines():
    r = trivet('engines')
    assert r.status == 0, r
    assert re.search(r'^soft\s+usable', r.out, re.M), r
    # so far KVM never runs guests here, and says why
    assert re.search(r'^kvm\s+not usable\s+\S+', r.out, re.M), r


@pytest.mark.parametrize('args, parts', [
    ([], ['run, engines, check']),
    (['fly'], ["'fly'"]),
    (['run'], ['--kernel']),
    (['run', '--kernel'], ['--kernel']),
    (['run', '--colour=red', '--kernel', 'K'], ['--colour']),
    (['run', '-x'], ['-x']),
    (['run', 'a', 'b'], ['one VM file']),
    (['run', '--kernel', 'K', '--cpus', '0'], ['--cpus', '1 to 32']),
    (['run', '--kernel', 'K', '--cpus', '33'], ['--cpus', '1 to 32']),
    (['run', '--kernel', 'K', '--cpus', 'x'], ['--cpus', "'x'"]),
    (['run', '--kernel', 'K', '--cpus', '-1'], ['--cpus', "'-1'"]),
    (['run', '--kernel', 'K', '--memory', '1M'], ['--memory', '16M']),
    (['run', '--kernel', 'K', '--memory', '1000T'], ['--memory', '256G']),
    (['run', '--kernel', 'K', '--memory', 'lots'], ['--memory', '512M']),
    (['run', '--kernel', 'K', '--timeout', '0'], ['--timeout']),
    (['run', '--kernel', 'K', '--timeout', 'soon'], ['--timeout', "'soon'"]),
    (['run', '--kernel', 'K', '--engine', 'warp'], ['--engine', 'auto, soft or kvm']),
    (['run', '--kernel', 'K', '--name', 'a b'], ['--name']),
    (['run', '--kernel', 'K', '--stats=xml'], ['--stats']),
    (['run', '--kernel', '/nowhere/K'], ['kernel', '/nowhere/K', 'No such file']),
    (['run', '--kernel', '/'], ['kernel', 'directory']),
    (['run', '--kernel', '/dev/null'], ['kernel', '/dev/null', 'regular file']),
    (['run', '/nowhere/vm.yaml'], ['/nowhere/vm.yaml', 'No such file']),
    (['check'], ['VM file']),
    (['check', '/nowhere/vm.yaml'], ['/nowhere/vm.yaml', 'No such file']),
    (['engines', 'x'], ["'x'"]),
])
def test_bad_usage(args, parts):
    one_line(trivet(*args), *parts)


def test_kvm_not_usable(kernels):
    one_line(trivet('run', '--engine', 'kvm', '--kernel', kernels['hello']), 'kvm', 'not usable')


# Kernel files that are none: content, and what the line must hold.
BAD_KERNELS = {
    'empty': (b'', ['empty']),
    'one byte': (b'x', []),
    'text': (b'#!/bin/sh\necho no kernel\n' * 100, []),
    'zeros': (bytes(1 << 16), []),
    'ELF magic only': (b'\x7fELF', []),
    'half an ELF header': (multiboot_elf(b'\xf4')[:30], []),
    'no program headers': (multiboot_elf(b'\xf4')[:52], []),
    'segment past the end': (multiboot_elf(b'\xf4' * 4096)[:2000], []),
    'segment above memory': (multiboot_elf(b'\xf4' * 64, base=0xf0000000), []),
    'segment wraps': (multiboot_elf(b'\xf4' * 64, base=0xffffffe0), []),
}


@pytest.mark.parametrize('what', BAD_KERNELS)
def test_bad_kernel(what, tmp_path):
    content, parts = BAD_KERNELS[what]
    kernel = tmp_path / 'bad-kernel'
    kernel.write_bytes(content)
    one_line(trivet('run', '--kernel', kernel, '--timeout', '20'), 'bad-kernel', *parts)


@pytest.mark.parametrize('size', [600, 1024, 4096, 40000, 1000000])
def test_truncated_linux(size, debian, tmp_path):
    kernel = tmp_path / 'short-vmlinuz'
    kernel.write_bytes((GUEST / 'vmlinuz').read_bytes()[:size])
    one_line(trivet('run', '--kernel', kernel, '--timeout', '20'), 'short-vmlinuz')


@pytest.mark.parametrize('seed', range(4))
def test_random_bytes_as_kernel(seed, tmp_path):
    import random
    kernel = tmp_path / 'random-kernel'
    kernel.write_bytes(random.Random(seed).randbytes(1 << 20))
    one_line(trivet('run', '--kernel', kernel, '--timeout', '20'), 'random-kernel')


def test_kernel_too_big(tmp_path):
    kernel = tmp_path / 'huge'
    with open(kernel, 'wb') as f:
        f.truncate(5 << 30)  # a hole: no disk space
    one_line(trivet('run', '--kernel', kernel), 'huge', 'too big')


def test_unreadable_kernel(tmp_path):
    # root reads everything, unless it may not
    less = '-dac_override,-dac_read_search'
    root = ['setpriv', f'--bounding-set={less}', f'--inh-caps={less}']
    kernel = tmp_path / 'secret'
    kernel.write_bytes(b'x')
    kernel.chmod(0)
    one_line(trivet('run', '--kernel', kernel, under=[] if os.geteuid() else root), 'secret',
             'Permission')


def test_fifo_as_kernel(tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    one_line(trivet('run', '--kernel', tmp_path / 'fifo'), 'fifo', 'regular file')


def test_bad_initrd(kernels, tmp_path):
    (tmp_path / 'empty').write_bytes(b'')
    one_line(trivet('run', '--kernel', kernels['hello'], '--initrd', '/nowhere/I'),
             'initrd', '/nowhere/I')
    one_line(trivet('run', '--kernel', kernels['hello'], '--initrd', tmp_path / 'empty'),
             'initrd', 'empty')


@pytest.mark.parametrize('kernel', ['hello', 'linux'])
def test_initrd_larger_than_memory(kernel, kernels, debian, tmp_path):
    initrd = tmp_path / 'big-initrd'
    with open(initrd, 'wb') as f:
        f.truncate(100 << 20)
    path = GUEST / 'vmlinuz' if kernel == 'linux' else kernels['hello']
    one_line(trivet('run', '--kernel', path, '--initrd', initrd, '--memory', '96M',
                    '--timeout', '20'), 'big-initrd')


def test_too_little_memory_for_linux(debian):
    one_line(trivet('run', *debian, '--memory', '16M', '--timeout', '20'), 'vmlinuz')


def test_bad_console(kernels):
    one_line(trivet('run', '--kernel', kernels['hello'], '--console', '/nowhere/C'), '/nowhere/C')
    one_line(trivet('run', '--kernel', kernels['hello'], '--console', '/'), 'console', 'directory')


VM_FILES = {
    'kernel: K\ncpus: 0\n': [':2: cpus:', '1 to 32'],
    'kernel: K\ncpus: 99\n': [':2: cpus:', '1 to 32'],
    'kernel: K\ncpus: two\n': [':2: cpus:', 'number'],
    'kernel: K\nmemory: 4K\n': [':2: memory:', '16M'],
    'kernel: K\n\n\nmemory: much\n': [':4: memory:', '512M'],
    'kernel: K\ncolour: red\n': [':2: colour:', 'no such key'],
    'kernel: K\nkernel: L\n': [':2: kernel:', 'twice'],
    'kernel: [K]\n': [':1: kernel:', 'one value'],
    'engine: warp\nkernel: K\n': [':1: engine:', 'auto, soft or kvm'],
    'kernel: K\ntestdev: perhaps\n': [':2: testdev:', 'true or false'],
    'kernel: K\n  bad indent: [\n': ['YAML'],
    '': ['empty'],
    'just text\n': [':1:', 'mapping'],
    'name: x\n': ['kernel'],
}


@pytest.mark.parametrize('command', ['check', 'run'])
@pytest.mark.parametrize('text', VM_FILES)
def test_bad_vm_file(text, command, tmp_path):
    (tmp_path / 'vm.yaml').write_text(text)
    parts = VM_FILES[text]
    if text != 'name: x\n':
        parts = ['vm.yaml', *parts]
    one_line(trivet(command, tmp_path / 'vm.yaml'), *parts)


def test_vm_file_binary_and_big(tmp_path):
    (tmp_path / 'binary').write_bytes(os.urandom(2000))
    one_line(trivet('check', tmp_path / 'binary'), 'binary')
    (tmp_path / 'big').write_text('kernel: K\n' + '# filler\n' * 20000)
    one_line(trivet('check', tmp_path / 'big'), 'big', '64 KiB')
    one_line(trivet('check', tmp_path), 'directory')


def test_vm_file_runs(kernels, tmp_path):
    """Paths are the file's neighbours; options win over keys."""
    (tmp_path / 'k.elf').write_bytes(kernels['hello'].read_bytes())
    (tmp_path / 'vm.yaml').write_text(
        'name: small\nkernel: k.elf\nmemory: 64M\nappend: exit=3\ntimeout: 60\n')
    check = trivet('check', tmp_path / 'vm.yaml')
    assert check.status == 0 and 'no fault' in check.out, check
    r = trivet('run', tmp_path / 'vm.yaml', cwd='/')
    assert r.status == 7 and 'exit=3' in r.out, r
    r = trivet('run', tmp_path / 'vm.yaml', '--append', 'exit=4')
    assert r.status == 9, r


def test_vm_file_is_json_too(kernels, tmp_path):
    (tmp_path / 'vm.json').write_text(
        '{"kernel": "%s", "cpus": 1, "append": "exit=1", "console": "none", '
        '"engine": "soft"}' % kernels['hello'])
    r = trivet('run', tmp_path / 'vm.json')
    assert r.status == 3 and r.out == '' and r.err == '', r


def test_nothing_left_behind(tmp_path):
    before = set(os.listdir('/tmp'))
    trivet('run', '--kernel', '/nowhere/K', cwd=tmp_path)
    assert os.listdir(tmp_path) == []
    assert not [f for f in set(os.listdir('/tmp')) - before if 'trivet' in f]


def test_image_replaces_only_when_whole(kernels, tmp_path):
    """A bundle for bare metal is written beside, and a failure leaves what was there."""
    out, vm = tmp_path / 'bundle', tmp_path / 'vm.yaml'
    out.write_bytes(b'of before')
    vm.write_text(f'kernel: {kernels["hello"]}\ninitrd: {tmp_path}/none\n')
    one_line(trivet('image', vm, '-o', out), 'initrd', 'none', 'No such file')
    assert out.read_bytes() == b'of before'
    vm.write_text(f'kernel: {kernels["hello"]}\n')
    r = trivet('image', vm, '-o', out)
    assert r.status == 0 and not r.out and not r.err, r
    assert kernels['hello'].read_bytes() in out.read_bytes()
    assert sorted(tmp_path.iterdir()) == [out, vm]
