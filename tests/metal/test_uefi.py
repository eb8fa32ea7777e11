# SPDX-License-Identifier: Apache-2.0
"""The same ISO on a machine with UEFI."""
from conftest import OVMF, image, kernel_file


def test_the_iso_boots_on_uefi(machine, tmp_path):
    """GRUB for UEFI, the memory map and the ACPI tables as UEFI leaves them; a guest runs to its
    end, and the machine is switched off."""
    files = [kernel_file(tmp_path, 'first', 'isolation', memory='128M'),
             kernel_file(tmp_path, 'second', 'secret', memory='64M')]
    m = machine(iso=image(*files, out=tmp_path / 'trivet.iso'), memory=512,
                more=['-bios', str(OVMF)])
    m.expect('Trivet on bare metal', 'PASS ud-vmrun', 'trivet: first: ended with status 1')
    assert 'second: runs' in m.operator('list')
    m.operator('stop second')
    m.ended()
