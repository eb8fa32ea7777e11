# SPDX-License-Identifier: Apache-2.0
"""Bad input of the newer keys, and machines that lack something: one clear line each."""
import re
import subprocess

from conftest import TRIVET, bundle, kernel_file


def refusal(tmp_path, *files):
    """What `trivet image` says: one line, status 2, and nothing written."""
    out = tmp_path / 'refused'
    done = subprocess.run([str(TRIVET), 'image', *map(str, files), '-o', str(out)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    assert not out.exists()
    return done.stderr


def test_two_cards_of_one_address(tmp_path):
    mac = '"switch,mac=02:00:00:00:00:01"'
    files = [kernel_file(tmp_path, n, 'secret', net=f'[{mac}]') for n in ('a', 'b')]
    assert '02:00:00:00:00:01 is the address of a card of "a"' in refusal(tmp_path, *files)
    files[1] = kernel_file(tmp_path, 'b', 'secret', net=f'[{mac.replace("switch", "switch:x")}]')
    bundle(*files, out=tmp_path / 'fine') # another switch


def test_no_local_apic(machine, tmp_path):
    f = kernel_file(tmp_path, 'a', 'secret')
    m = machine(cpu='max,-apic', memory=512, modules=[bundle(f, out=tmp_path / 'b')])
    m.expect('trivet: no local APIC; expected one', timeout=40)


def test_a_bundle_with_one_bit_wrong(machine, tmp_path):
    f = kernel_file(tmp_path, 'a', 'secret')
    bits = bytearray(bundle(f, out=tmp_path / 'b').read_bytes())
    at = bits.index(b'baseline') # in VM 0
    bits[at:at + 32] = b'x' * 32
    (tmp_path / 'bad').write_bytes(bits)
    m = machine(memory=512, modules=[tmp_path / 'bad'])
    m.expect(re.escape('trivet: bundle: VM 0 is damaged: its CPU model'), timeout=40)


def test_more_memory_than_there_is(machine, tmp_path):
    """The first two fit, the third is left out, the fourth fits again."""
    sizes = dict(a=128, b=128, c=512, d=64)
    files = [kernel_file(tmp_path, n, 'isolation' if n != 'd' else 'secret', memory=f'{s}M')
             for n, s in sizes.items()]
    m = machine(memory=512, modules=[bundle(*files, out=tmp_path / 'b')])
    m.expect('trivet: c: memory: cannot allocate 511 MiB for the guest')
    m.expect('a: ended with status 1')
    listing = m.operator('list')
    assert ' c:' not in listing and 'd: runs' in listing, listing
    m.operator('stop d')
    m.ended()
