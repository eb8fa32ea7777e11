#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test kernels on Trivet or on QEMU's TCG and counts their PASS and FAIL
lines: tests/kernels/run.py [--on trivet|qemu|bochs|metal|bochs-vtx|bochs-svm] [-v]
[NAME ...]. metal: on the bare-metal hypervisor in QEMU; bochs-...: the same in Bochs."""

import argparse
import os
import re
import subprocess
import sys
from collections import namedtuple

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tcg # pylint: disable=wrong-import-position

# (kernel, number of CPUs)
RUNS = [("cpu", 1), ("creg", 1), ("segment", 1), ("paging", 1), ("debug", 1),
         ("smc", 1), ("fpu", 1), ("prot32", 1), ("task32", 1), ("mode32", 1),
         ("apic", 1), ("prompt", 1), ("events", 1), ("mmio", 1), ("detail", 1), ("sleep", 1),
         ("isolation", 1), ("inventory", 1), ("exits", 1), ("exits32", 1), ("vmrun", 1),
         ("time", 1), ("smp", 1), ("smp", 2), ("smp", 4)]

BOCHS = ("bochs", "bochs-vtx", "bochs-svm")

Result = namedtuple("Result", "status passed failed skipped done text")


def command(on, name, cpus, limit):
    elf = os.path.join(TOP, "build/kernels", name + ".elf")
    if on == "qemu":
        return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp",
                str(cpus), "-display", "none", "-serial", "stdio", "-device",
                "isa-debug-exit,iobase=0xf4,iosize=4", "-device",
                "pc-testdev", "-no-reboot",
                "-kernel", elf]
    if on == "metal":
        return tcg.command("-cpu", "max", "-smp", min(cpus, 2), "-m", "512", "-nodefaults",
                           "-display", "none", "-serial", "stdio", "-no-reboot",
                           "-kernel", os.path.join(TOP, "build/trivet-x86.elf"),
                           "-append", f"memory=128M cpus={cpus} testdev=on", "-initrd", elf)
    if on in BOCHS:
        bochs = [os.path.join(TOP, "tests/metal/bochs.py"), "--cpus", str(min(cpus, 2))]
        if on == "bochs":
            return [*bochs, "--kernel", elf, "--how", "multiboot"]
        return [*bochs, "--cpu", on[6:], "--append", f"memory=128M cpus={cpus} testdev=on", elf]
    return [os.path.join(TOP, "build/trivet"), "run", "--engine", "soft",
            "--kernel", elf, "--cpus", str(cpus), "--memory", "128M", "--testdev",
            "--console", "stdio", "--timeout", str(limit)]


def run(on, name, cpus, limit=60):
    """One kernel's Result. status None: it did not end in time."""
    if on in BOCHS:
        limit *= 5  # a tenth of QEMU's speed, and a BIOS and a boot loader before it
    proc = subprocess.Popen(command(on, name, cpus, limit),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    try:
        out, _ = proc.communicate(timeout=limit + 5)
        status = proc.returncode
    except subprocess.TimeoutExpired:
        proc.kill()
        out, _ = proc.communicate()
        status = None
    text = out.decode(errors="replace").replace("\r", "")
    if on == "metal" or on in BOCHS[1:]:
        ended = re.search(r"^trivet: vm: ended with status (\d+)$", text, re.MULTILINE)
        status = int(ended.group(1)) if ended else None
    lines = {kind: re.findall(rf"^{kind} (.*)$", text, re.MULTILINE)
             for kind in ("PASS", "FAIL", "SKIP")}
    return Result(status, lines["PASS"], lines["FAIL"], lines["SKIP"],
                  re.search(r"^DONE ", text, re.MULTILINE) is not None, text)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--on", choices=("trivet", "qemu", "metal", *BOCHS), default="trivet")
    p.add_argument("--limit", type=int, default=60, help="seconds a kernel")
    p.add_argument("-v", action="store_true", help="the whole output")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    bad = 0
    for name, cpus in RUNS:
        if args.names and name not in args.names:
            continue
        r = run(args.on, name, cpus, args.limit)
        bad += len(r.failed) + (not r.done)
        print(f"{name} ({cpus} CPU): {len(r.passed)} passed, "
              f"{len(r.failed)} failed, status {r.status}"
              + ("" if r.done else ", DID NOT FINISH"))
        for line in r.text.splitlines() if args.v else \
                ["FAIL " + x for x in r.failed]:
            print("   ", line)
        if not r.done and not args.v:
            print("    ... " + "\n        ".join(r.text.splitlines()[-12:]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
