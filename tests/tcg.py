# SPDX-License-Identifier: Apache-2.0
"""QEMU's emulation of AMD-V, on one CPU of the host and all CPUs on one thread.

QEMU 7.2's VMRUN and #VMEXIT change interrupt_request without its lock, and lose an interrupt that
another thread raises at that moment: the timer's of a local APIC, whose timers go off on the main
thread. On a host whose CPUs are far apart a nested Debian lost one each second. Its vCPU, which waited
for a lock of the other one in PAUSE, was not preempted any more, with vector 236 in the IRR of QEMU's
local APIC, until a key was pressed. A thread cannot come between on its own CPU, where that change is
one instruction."""
import os


def host_cpu():
    """One that this test has to itself, if there are enough."""
    cpus = sorted(os.sched_getaffinity(0))
    worker = os.environ.get('PYTEST_XDIST_WORKER', 'gw0')
    return cpus[int(worker.removeprefix('gw')) % len(cpus)]


def command(*args):
    """Of QEMU with these arguments."""
    return ['taskset', '-c', str(host_cpu()), 'qemu-system-x86_64', '-accel', 'tcg,thread=single',
            '-M', 'q35', *map(str, args)]
