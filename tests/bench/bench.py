#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the same programs natively, under QEMU's TCG and under Trivet, on the
same kernel and initramfs, and prints one table of ratios. tests/bench/README.md
says what is measured and how. Standard library only."""

import argparse
import json
import os
import platform
import re
import select
import shutil
import statistics
import subprocess
import sys
import time

import debian_boot
import disk
import netbench
from initramfs import write_initramfs

HERE = os.path.dirname(os.path.abspath(__file__))
MARKER = b"BENCH-INIT"
APPEND = "console=ttyS0 panic=-1"
INSTRUCTIONS_PER_ITERATION = 10  # of guest/intloop.c
ORDER = ["intloop", "sha256", "quicksort", "matrix", "simd", "memcopy",
         "getpid", "forkwait", "pipe", "mmap"]
WHAT = {
    "intloop": "integer loop", "sha256": "sha256", "quicksort": "quicksort",
    "matrix": "double matrix product", "simd": "SSE2 integer vectors",
    "memcopy": "memory copy", "getpid": "getpid", "forkwait": "fork+exit+wait",
    "pipe": "pipe ping-pong", "mmap": "mmap+touch+munmap",
}
BENCH_LINE = re.compile(
    r"^BENCH (\w+) (\d+) (\d+) ([0-9a-f]{16})\r*$", re.MULTILINE)

INIT = """#!/bin/busybox sh
/bin/busybox echo %s
for b in %s; do /bench/$b; done
/bin/busybox echo BENCH-END
/bin/busybox poweroff -f
"""


class BenchError(Exception):
    """A run that did not give what it must; the message is for the operator."""


def parse_lines(text, where):
    """The BENCH lines of one run: {name: (ns per iteration, check, ns)}."""
    found = {}
    for name, iterations, ns, check in BENCH_LINE.findall(text):
        found[name] = (int(ns) / int(iterations), check, int(ns))
    missing = [n for n in ORDER if n not in found]
    if missing:
        tail = "\n".join(text.splitlines()[-15:])
        raise BenchError(f"{where}: no result of {', '.join(missing)}; "
                         f"the last lines of the run:\n{tail}")
    return found


def run_native(programs):
    """Every program on the host, on one CPU as in the guests."""
    cpu = max(os.sched_getaffinity(0))
    text = ""
    for path in programs:
        done = subprocess.run([path], stdout=subprocess.PIPE, timeout=120,
                              preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
                              check=False)
        text += done.stdout.decode()
    return {"bench": parse_lines(text, "native")}


def cpu_seconds(pid):
    """User and system time of a process so far (proc(5), fields 14, 15)."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_console(proc, limit, started):
    """Reads the console to its end: its text, and seconds to the marker line,
    by the clock and of CPU time (None when it did not come)."""
    text, marker, cpu = b"", None, None
    fd = proc.stdout.fileno()
    while True:
        left = started + limit - time.monotonic()
        if left <= 0:
            raise subprocess.TimeoutExpired(proc.args, limit, output=text)
        if not select.select([fd], [], [], left)[0]:
            continue
        part = os.read(fd, 65536)
        if not part:
            return text.decode(errors="replace"), marker, cpu
        text += part
        if marker is None and MARKER in text:
            marker = time.monotonic() - started
            cpu = cpu_seconds(proc.pid)


def parse_stats(text):
    """(guest instructions, CPU seconds) of `--stats=json`, or (None, None)."""
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        try:
            stats = json.loads(line)
            count = sum(v["instructions"] for v in stats["vcpus"])
            return count or None, stats["cpu_s"]
        except (ValueError, KeyError, TypeError):
            continue
    return None, None


def run_machine(where, command, limit):
    """Boots one machine; its bench lines, time to init and whole time."""
    errors_path = f"build/bench/{where}.stderr"
    with open(errors_path, "wb") as errors:
        started = time.monotonic()
        proc = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=errors)
        try:
            text, marker, cpu = read_console(proc, limit, started)
            status = proc.wait(timeout=10)
        except subprocess.TimeoutExpired as e:
            tail = (e.output or b"").decode(errors="replace").splitlines()[-15:]
            raise BenchError(f"{where}: not done after {limit} s; the last "
                             "lines:\n" + "\n".join(tail)) from e
        finally:
            if proc.poll() is None:
                proc.kill()
                proc.wait()
    whole = time.monotonic() - started
    with open(f"build/bench/{where}.log", "w", encoding="utf-8") as log:
        log.write(text)
    with open(errors_path, encoding="utf-8", errors="replace") as f:
        errors_text = f.read()
    if marker is None:
        raise BenchError(f"{where}: init was not reached (status {status}):\n"
                         + "\n".join((text + errors_text).splitlines()[-15:]))
    count, cpu_whole = parse_stats(errors_text)
    return {"bench": parse_lines(text, where), "boot": marker, "boot_cpu": cpu,
            "whole": whole, "instructions": count, "whole_cpu": cpu_whole}


def run_tcg(args):
    return run_machine("tcg", [
        "qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max",
        "-m", "512", "-nographic", "-no-reboot", "-kernel", args.kernel,
        "-initrd", args.initrd, "-append", APPEND], args.limit)


def run_trivet(args):
    return run_machine("trivet", [
        args.trivet, "run", "--engine", args.engine, "--kernel", args.kernel,
        "--initrd", args.initrd, "--append", APPEND, "--memory", "512M",
        "--console", "stdio", "--stats=json"], args.limit)


def median_of(runs):
    """The median of each figure over the runs of one leg."""
    out = {"bench": {}, "checks": {}}
    for name in ORDER:
        out["bench"][name] = statistics.median(
            r["bench"][name][0] for r in runs)
        out["checks"][name] = sorted({r["bench"][name][1] for r in runs})
    for key in ("boot", "boot_cpu", "whole", "whole_cpu", "instructions"):
        values = [r[key] for r in runs if r.get(key) is not None]
        if values:
            out[key] = statistics.median(values)
    return out


def mips_of(leg):
    """Million instructions a second in the integer loop."""
    return INSTRUCTIONS_PER_ITERATION * 1e3 / leg["bench"]["intloop"]


def ratio(legs, over, under, name):
    if over not in legs or under not in legs:
        return None
    if name in ("boot", "boot_cpu"):
        a, b = legs[over].get(name), legs[under].get(name)
        return a / b if a and b else None
    return legs[over]["bench"][name] / legs[under]["bench"][name]


def expectations(legs):
    """(what, measured, met) for each expectation that was measured."""
    out = []
    ours = legs.get("trivet")
    if not ours:
        return out
    mips = mips_of(ours)
    out.append(("integer code, at least 150 M instructions/s",
                f"{mips:.0f} M/s", mips >= 150))
    if "tcg" in legs:
        boot = ratio(legs, "trivet", "tcg", "boot")
        out.append(("boot to init, at most 4 x TCG's time",
                    f"{boot:.2f} x", boot <= 4))
        for name in ("matrix", "simd"):
            r = ratio(legs, "trivet", "tcg", name)
            out.append((f"{WHAT[name]}, faster than TCG", f"{r:.2f} x", r < 1))
    return out


def mismatches(legs):
    """Programs whose results differ between the legs or the runs."""
    return [n for n in ORDER
            if len({c for leg in legs.values() for c in leg["checks"][n]}) > 1]


def cell(value, unit=""):
    return "-" if value is None else f"{value:.2f}{unit}"


def print_table(legs, runs):
    print(f"\nMedian of {runs} run(s) on {platform.machine()}, "
          f"{os.cpu_count()} CPUs. Ratios of time: below 1 is faster.\n")
    print("| program | native ns | TCG ns | Trivet ns | Trivet / TCG "
          "| Trivet / native | TCG / native |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for key, what in (("boot", "start to the first line of init"),
                      ("boot_cpu", "the same in CPU time")):
        boot = [cell(legs[k].get(key), " s") if k in legs else "-"
                for k in ("tcg", "trivet")]
        print(f"| {what} | - | {boot[0]} | {boot[1]} | "
              f"{cell(ratio(legs, 'trivet', 'tcg', key))} | - | - |")
    for name in ORDER:
        ns = [f"{legs[k]['bench'][name]:.1f}" if k in legs else "-"
              for k in ("native", "tcg", "trivet")]
        print(f"| {WHAT[name]} | {ns[0]} | {ns[1]} | {ns[2]} | "
              f"{cell(ratio(legs, 'trivet', 'tcg', name))} | "
              f"{cell(ratio(legs, 'trivet', 'native', name))} | "
              f"{cell(ratio(legs, 'tcg', 'native', name))} |")
    print("\nns: nanoseconds an iteration.")
    load = os.getloadavg()[0]
    if load > os.cpu_count() + 1:
        print(f"The host is busy (load {load:.1f}): times by the clock, the "
              "instructions a second among them, are worse than they should be.")


def print_rest(legs):
    ours = legs.get("trivet")
    if ours:
        print(f"\nTrivet, integer loop: {mips_of(ours):.0f} M instructions/s "
              f"({INSTRUCTIONS_PER_ITERATION} an iteration)")
        if "instructions" in ours:
            millions = ours["instructions"] / 1e6
            print(f"Trivet, boot and programs: {millions:.0f} M instructions in "
                  f"{ours['whole']:.1f} s, {ours['whole_cpu']:.1f} s of CPU time: "
                  f"{millions / ours['whole_cpu']:.0f} M/s of CPU time")
    rows = expectations(legs)
    if rows:
        print("\n| expected | measured | |\n|---|---:|---|")
    for what, measured, met in rows:
        print(f"| {what} | {measured} | {'met' if met else 'missed'} |")
    for name in mismatches(legs):
        print(f"WRONG RESULT: {name} computed different values: " + ", ".join(
            f"{k} {'/'.join(leg['checks'][name])}" for k, leg in legs.items()))


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--runs", type=int, default=3, help="median of this many")
    p.add_argument("--quick", action="store_true", help="one run")
    p.add_argument("--json", metavar="FILE", help="write the figures there too")
    p.add_argument("--legs", default="native,tcg,trivet",
                   help="which to run, by comma")
    p.add_argument("--engine", default="soft")
    p.add_argument("--trivet", default="build/trivet")
    p.add_argument("--kernel", default="build/guest/vmlinuz")
    p.add_argument("--programs", default="build/bench/guest")
    p.add_argument("--initrd", default="build/bench/initrd.gz")
    p.add_argument("--limit", type=int, default=300,
                   help="seconds one boot with all programs may take")
    p.add_argument("--net-mib", type=int, default=32,
                   help="each transfer of the network's figures; 0: none")
    args = p.parse_args()
    if args.quick:
        args.runs = 1
    if args.runs < 1:
        p.error("--runs must be at least 1")
    args.legs = [x for x in args.legs.split(",") if x]
    bad = [x for x in args.legs if x not in ("native", "tcg", "trivet")]
    if bad or not args.legs:
        p.error(f"--legs takes native, tcg and trivet, not {bad}")
    return args


def prepare(args):
    """Checks what a run needs and builds the initramfs."""
    programs = [os.path.join(args.programs, n) for n in ORDER]
    needed = programs + ([args.kernel] if args.legs != ["native"] else [])
    if "trivet" in args.legs:
        needed.append(args.trivet)
    for path in needed:
        if not os.path.exists(path):
            raise BenchError(f"{path}: missing (make bench builds it)")
    for tool, leg in (("qemu-system-x86_64", "tcg"), ("busybox", "trivet")):
        if leg in args.legs and not shutil.which(tool):
            raise BenchError(f"{tool}: not installed "
                             "(qemu-system-x86, busybox-static)")
    os.makedirs("build/bench", exist_ok=True)
    files = {"/bench/" + n: p for n, p in zip(ORDER, programs)}
    if args.legs != ["native"]:
        files["/bin/busybox"] = shutil.which("busybox")
        init = INIT % (MARKER.decode(), " ".join(ORDER))
        write_initramfs(args.initrd, files, init)
    return programs


def measure(args, programs):
    """The legs take turns, so that a slow spell of the host meets them all."""
    runs = {leg: [] for leg in args.legs}
    for n in range(args.runs):
        for leg in args.legs:
            print(f"run {n + 1}/{args.runs}: {leg}", file=sys.stderr)
            runs[leg].append(run_native(programs) if leg == "native" else
                             run_tcg(args) if leg == "tcg" else
                             run_trivet(args))
    return {leg: median_of(r) for leg, r in runs.items()}


def main():
    args = parse_arguments()
    try:
        legs = measure(args, prepare(args))
        disks = disk.measure_for(args)
        net = netbench.measure(args) if args.net_mib else {}
    except (BenchError, RuntimeError, OSError, subprocess.SubprocessError) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    print_table(legs, args.runs)
    print_rest(legs)
    if disks:
        disk.print_table(disks)
    if net:
        netbench.print_table(net)
    from_disk = debian_boot.measure(args)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({"runs": args.runs, "legs": legs, "net_mb_s": net,
                       "disk_requests_s": disks,
                       "debian_from_disk_s": from_disk, "expectations": [
                {"what": w, "measured": m, "met": ok}
                for w, m, ok in expectations(legs)]}, f, indent=1)
    return 1 if mismatches(legs) else 0


if __name__ == "__main__":
    sys.exit(main())
