# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel with a script as its work, while the test is busy on the host."""
import subprocess
import time

from conftest import BOOT_SECONDS, GUEST, QUICK, TRIVET
from virtio_guest import initrd_with


class Scripted:
    """A machine whose init loads its virtio drivers and runs the script; `with` it."""

    def __init__(self, tmp_path, script, *options, append=''):
        tree = tmp_path / 'tree'
        (tree / 'bench').mkdir(parents=True, exist_ok=True)
        (tree / 'bench/run').write_text('#!/bin/sh\n' + script + '\necho SCRIPT END\n')
        (tree / 'bench/run').chmod(0o755)
        initrd = initrd_with(tree, tmp_path / 'initrd')
        self.log = tmp_path / 'log'
        self.err = tmp_path / 'err'
        self.args = [TRIVET, 'run', '--kernel', GUEST / 'vmlinuz', '--initrd', initrd,
                     '--append', f'console=ttyS0 quiet trivet.auto=bench {QUICK} {append}',
                     '--timeout', str(2 * BOOT_SECONDS), *options]

    def __enter__(self):
        with open(self.log, 'wb') as out, open(self.err, 'wb') as err:
            self.child = subprocess.Popen([str(a) for a in self.args], stdout=out, stderr=err,
                                          stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *raised):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()

    def text(self):
        return self.log.read_text(errors='replace').replace('\r', '')

    def errors(self):
        return self.err.read_text(errors='replace')

    def wait(self, what, times=1):
        """Until the guest has said it so often."""
        end = time.monotonic() + BOOT_SECONDS
        while self.text().count(what) < times:
            assert self.child.poll() is None, self.text() + self.errors()
            assert time.monotonic() < end, f'no {what!r}:\n' + self.text() + self.errors()
            time.sleep(0.05)

    def finish(self):
        """What the guest said, once it has powered off."""
        status = self.child.wait(timeout=2 * BOOT_SECONDS)
        text = self.text()
        assert status == 0 and 'SCRIPT END' in text and 'FAILED' not in text, \
            f'status {status}\n' + text[-4000:] + self.errors()
        return text
