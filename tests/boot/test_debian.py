# SPDX-License-Identifier: Apache-2.0
"""Debian's own kernel: to the shell, commands, reboot, power-off, panic."""
import re
import subprocess
import time

import kernel_log
from conftest import BOOT_SECONDS, PROMPT, QUICK, ROOT, TRIVET, boot, command, ended, trivet

def test_shell_reboot_poweroff(debian):
    child = boot(debian)
    assert '6.' in command(child, 'uname -r')
    assert '1764' in command(child, 'echo $((42 * 42))')
    assert 'MemTotal' in command(child, 'cat /proc/meminfo')
    assert 'ttyS0' in command(child, 'cat /sys/class/tty/console/active')
    # job control: Ctrl-C interrupts what runs
    child.sendline('sleep 1000')
    time.sleep(1)
    child.send('\x03')
    child.expect(PROMPT)
    # the clock shows the date of today
    guest = int(re.search(r'T=(\d+)', command(child, 'echo T=$(date +%s)'))[1])
    assert abs(guest - time.time()) < 10
    command(child, 'x=before-the-reboot')
    child.sendline('reboot')
    child.expect('trivet: init')
    child.expect(PROMPT)
    assert 'before' not in command(child, 'echo "[$x]"').split('\n', 1)[-1]
    child.sendline('poweroff')
    assert ended(child) == 0


def test_long_line_arrives_whole(debian):
    child = boot(debian)
    words = ' '.join(f'word{i}' for i in range(120))
    child.sendline(f'echo {words} | wc -w')
    child.expect(r'\r\n120\r\n')
    child.expect(PROMPT)
    child.sendline('exit')
    assert ended(child) == 0


def test_panic_resets(debian):
    child = boot(debian, append=f'panic=1 {QUICK}')
    child.sendline('echo c > /proc/sysrq-trigger')
    child.expect('Kernel panic')
    child.expect('trivet: init')
    child.expect(PROMPT)
    child.send('\x1dq')
    assert ended(child) == 0


def test_no_terminal(debian):
    """What `make run </dev/null` does."""
    r = trivet('run', *debian, '--append', 'console=ttyS0 trivet.auto=poweroff',
               timeout=BOOT_SECONDS)
    assert r.status == 0, r
    assert re.search(r'trivet: init\r?\nLinux 6\.\S+', r.out), r


def test_two_debians_at_once(debian, tmp_path):
    both = [subprocess.Popen(
        [TRIVET, 'run', *debian, '--name', f'vm-{n}', '--console', tmp_path / f'log-{n}',
         '--append', 'console=ttyS0 trivet.auto=poweroff'], stdin=subprocess.DEVNULL)
        for n in range(2)]
    assert [p.wait(timeout=2 * BOOT_SECONDS) for p in both] == [0, 0]
    for n in range(2):
        assert 'trivet: init' in (tmp_path / f'log-{n}').read_text(errors='replace')


def test_more_cpus(debian):
    r = trivet('run', *debian, '--cpus', '2', '--append',
               'console=ttyS0 trivet.auto=poweroff', timeout=2 * BOOT_SECONDS)
    assert r.status == 0, r
    assert re.search(r'smp: Brought up 1 node, 2 CPUs', r.out), r


def test_log_is_clean(debian):
    """No warning or error of the kernel's but those it has under QEMU too."""
    child = boot(debian, append='loglevel=8')
    lines = kernel_log.complaints(child)
    child.sendline('poweroff')
    assert ended(child) == 0
    assert not kernel_log.unexpected(lines)


def test_make_run_without_terminal(debian):
    done = subprocess.run(['make', '--no-print-directory', 'run'], cwd=ROOT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=2 * BOOT_SECONDS, check=False)
    text = done.stdout.decode(errors='replace')
    assert done.returncode == 0, text[-3000:]
    assert 'trivet: init' in text


def test_vm_file_of_make_run():
    r = trivet('check', ROOT / 'tools/guest/debian.yaml')
    assert r.status == 0, r
