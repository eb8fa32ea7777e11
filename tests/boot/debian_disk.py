# SPDX-License-Identifier: Apache-2.0
"""The Debian of `make debian`, from a copy of its image: the machine of
examples/debian.yaml, logged in on its console."""
import re
import socket
import subprocess

from conftest import BOOT_SECONDS, QUICK, ROOT, ended, spawn

BASE = ROOT / 'build/debian/base'
KEY = ROOT / 'build/debian/id_ed25519'
VM_FILE = ROOT / 'examples/debian.yaml'
# systemd starts a lot: on a busy machine several minutes' worth.
LOGIN_SECONDS = 600
DONE = re.compile(r'\[status (\d+)\]')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Machine:
    """A directory laid out as ours is, so that the VM file's own paths hold: a
    sparse copy of the image, and the VM file with a port of its own."""

    def __init__(self, tmp):
        files = tmp / 'build/debian'
        files.mkdir(parents=True)
        (tmp / 'examples').mkdir()
        for name in ('vmlinuz', 'initrd.img'):
            assert (BASE / name).is_file(), f'no {BASE / name}: run `make debian`'
            (files / name).symlink_to(BASE / name)
        self.disk = files / 'disk.img'
        subprocess.run(['cp', '--sparse=always', '--reflink=auto', BASE / 'disk.img', self.disk],
                       check=True)
        self.port = free_port()
        self.vm_file = tmp / 'examples/debian.yaml'
        self.vm_file.write_text(VM_FILE.read_text().replace('2222:22', f'{self.port}:22'))

    def without_network(self):
        text = re.sub(r'^(net|publish):.*\n(  .*\n)*', '', self.vm_file.read_text(), flags=re.M)
        self.vm_file.write_text(text)
        return self

    def quick(self):
        text = self.vm_file.read_text()
        self.vm_file.write_text(text.replace('console=ttyS0', f'console=ttyS0 {QUICK}'))
        return self

    def put(self, program, path):
        """Lays a program into the file system of the image, which is not in use."""
        for request in (f'write {program} {path}', f'sif {path} mode 0100755'):
            subprocess.run(['/sbin/debugfs', '-w', '-R', request, self.disk], check=True,
                           capture_output=True)

    def start(self, *options):
        return Console(spawn('run', self.vm_file, *options, timeout=LOGIN_SECONDS))

    def fsck(self):
        """The image from outside: (status, text); status 0 is a clean file system."""
        done = subprocess.run(['/sbin/e2fsck', '-f', '-n', self.disk], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout

    def ssh(self, text):
        """What a command says that ssh runs in the guest, through the forwarded port."""
        return subprocess.run(
            ['ssh', '-p', str(self.port), '-i', KEY, '-o', 'StrictHostKeyChecking=no',
             '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes',
             '-o', 'ConnectTimeout=30', 'root@localhost', text], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)


class Console:
    """A shell of root's on the guest's console."""

    def __init__(self, child):
        self.child = child
        self.login()

    def login(self):
        self.child.expect('debian login: ')
        self.child.sendline('root')
        self.child.expect('root@debian:~# ')
        # no colours, no line editing, no wrapping, no kernel in what the tests read
        self.command('export TERM=dumb PAGER=cat; bind "set enable-bracketed-paste off"; '
                     'stty cols 500; dmesg -n 4')

    def run(self, text, timeout=BOOT_SECONDS):
        """(status, output) of a command."""
        self.child.sendline(f'{text}; echo "[status ""$?]"')
        self.child.expect_exact('"$?]"\r\n', timeout=timeout)
        self.child.expect(DONE, timeout=timeout)
        status, said = int(self.child.match[1]), self.child.before
        self.child.expect('root@debian:~# ')
        return status, said.replace('\r', '')

    def command(self, text, timeout=BOOT_SECONDS):
        status, said = self.run(text, timeout)
        assert status == 0, f'{text}: status {status}\n{said}'
        return said

    def state(self):
        """What systemd says of the whole, once all has started."""
        status, said = self.run('systemctl is-system-running --wait')
        if status:
            said += self.run('systemctl --no-legend --failed; systemctl list-jobs')[1]
        return said.strip()

    def reboot(self):
        self.child.sendline('reboot')
        self.login()

    def poweroff(self):
        """Powers off from the shell; the program's exit status."""
        self.child.sendline('poweroff')
        return ended(self.child, timeout=LOGIN_SECONDS)
