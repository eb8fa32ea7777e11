# SPDX-License-Identifier: Apache-2.0
"""What a guest on bare metal finds outside its own memory."""
from conftest import bundle, kernel_file, on


@on('qemu', 'bochs-vtx', 'bochs-svm')
def test_nothing_of_others(machine, tmp_path):
    """One machine looks at all that is not its own, while another has its memory full; a third
    may not even look: its first access ends it, and nobody else."""
    files = [kernel_file(tmp_path, 'space', 'space', memory='64M'),
             kernel_file(tmp_path, 'secret', 'secret', memory='64M'),
             kernel_file(tmp_path, 'strict', 'isolation', memory='128M', on_bad_access='stop')]
    m = machine(memory=512, modules=[bundle(*files, out=tmp_path / 'b.bundle')])
    m.expect('strict: the guest crashed: vCPU 0: read of guest-physical 0x8000ff8, where there is '
             'neither memory nor a device')
    m.expect('secret[|] FILLED')
    m.console.send('x')
    m.expect('PASS below-4g-nothing-of-others', 'PASS above-4g-nothing-of-others',
             'PASS looked-everywhere', 'space: ended with status 1')
    assert 'strict: ended' in m.operator('list')
    assert 'secret: runs' in m.operator('list')
    m.operator('stop secret')
    m.ended()
