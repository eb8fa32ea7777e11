# SPDX-License-Identifier: Apache-2.0
"""Several CPUs, more of them than the host has."""
import re

import debian_disk
from conftest import BOOT_SECONDS, GUEST, QUICK, trivet

STRESS_SECONDS = 60
# What Linux says when a CPU was away too long, or when clocks disagree.
TROUBLE = r'rcu.*stall|soft lockup|hard LOCKUP|hung_task|blocked for more than|' \
          r'clocksource.*(unstable|skewed|Watchdog)|BUG:|WARNING:|Oops|not responding|' \
          r'segfault|general protection'


def test_four_cpus_under_stress(tmp_path):
    """A Debian with 4 CPUs for a minute with threads on each that check their results:
    locks, memory order, page tables, code, signals, processes, pipes (smpstress.c)."""
    machine = debian_disk.Machine(tmp_path).quick().without_network()
    machine.put(GUEST / 'extra/smpstress', '/root/smpstress')
    console = machine.start('--cpus', '4')
    assert console.command('nproc') == '4\n'
    said = console.command(f'./smpstress {STRESS_SECONDS}', timeout=STRESS_SECONDS + BOOT_SECONDS)
    assert 'smpstress: ok' in said, said
    assert console.command('cat /sys/devices/system/clocksource/*/current_clocksource') == 'tsc\n'
    # every CPU took its share of the timer's and the others' interrupts
    for kind in ('LOC', 'RES', 'CAL', 'TLB'):
        counts = console.command(f'grep {kind}: /proc/interrupts').split()[1:5]
        assert all(int(n) > 10 for n in counts), (kind, counts)
    assert console.state() == 'running'
    log = console.command('dmesg')
    assert not re.search(TROUBLE, log), '\n'.join(
        line for line in log.splitlines() if re.search(TROUBLE, line))
    assert console.poweroff() == 0


def test_32_cpus(debian):
    r = trivet('run', *debian, '--cpus', '32', '--memory', '1G', '--append',
               f'console=ttyS0 trivet.auto=poweroff {QUICK}', timeout=3 * BOOT_SECONDS)
    assert r.status == 0, r
    assert 'smp: Brought up 1 node, 32 CPUs' in r.out, r
    assert 'trivet: init' in r.out, r
    assert not re.search(TROUBLE, r.out), r
