#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Disks: the same guest program on the same image under QEMU's TCG and under
Trivet. bench.py calls it; alone it measures just that. Standard library only."""

import argparse
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

from initramfs import write_initramfs

MODULES = ["virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_modern_dev",
           "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci",
           "block/virtio_blk"]
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for m in %s; do /bin/busybox insmod /mod/$m.ko; done
/bench/diskio /dev/vda || /bin/busybox echo DISK-FAILED
/bin/busybox poweroff -f
"""
ORDER = ["seqread", "seqwrite", "randread", "randwrite"]
WHAT = {"seqread": "sequential read, 1 MiB", "seqwrite": "sequential write, 1 MiB",
        "randread": "random read, 4 KiB", "randwrite": "random write, 4 KiB"}
LINE = re.compile(r"^DISK (\w+) (\d+) (\d+) (\d+)\r*$", re.MULTILINE)
APPEND = "console=ttyS0 panic=-1 quiet"
IMAGE_SIZE = 256 << 20
MONITOR_MAX = 8 << 20


class DiskError(RuntimeError):
    """A run that did not give what it must."""


def make_initrd(path, program):
    modules = sorted(glob.glob("build/guest/kernel/lib/modules/*/kernel/drivers"))
    if not modules:
        raise DiskError("build/guest/kernel: missing (make guest)")
    files = {"/bench/diskio": program, "/bin/busybox": shutil.which("busybox")}
    for m in MODULES:
        files[f"/mod/{os.path.basename(m)}.ko"] = f"{modules[0]}/{m}.ko"
    names = " ".join(os.path.basename(m) for m in MODULES)
    write_initramfs(path, files, INIT % names)


def make_image(path):
    """Written whole, so that no leg has to allocate, and in the page cache."""
    if os.path.exists(path) and os.path.getsize(path) == IMAGE_SIZE:
        return
    block = os.urandom(1 << 20)
    with open(path, "wb") as f:
        for _ in range(IMAGE_SIZE >> 20):
            f.write(block)


def command_of(leg, args):
    kernel = ["-kernel", args.kernel, "-initrd", args.disk_initrd, "-append", APPEND]
    if leg.startswith("tcg"):
        return ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max",
                "-m", "512", "-nographic", "-no-reboot", *kernel, "-drive",
                f"if=virtio,format=raw,cache=writeback,file={args.image},"
                f"aio={leg.partition('-')[2] or 'io_uring'}"]
    return [args.trivet, "run", "--engine", args.engine,
            *[k.replace("-", "--", 1) if k.startswith("-") else k for k in kernel],
            "--memory", "512M", "--stats=json", "--disk",
            args.image + (",io=" + leg.partition("-")[2] if "-" in leg else "")]


def run_leg(leg, args):
    """{name: requests a second}, and Trivet's statistics."""
    done = subprocess.run(command_of(leg, args), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=args.limit, check=False)
    text = done.stdout.decode(errors="replace")
    found = {name: int(count) * 1e9 / int(ns)
             for name, count, _, ns in LINE.findall(text)}
    if "DISK-FAILED" in text or sorted(found) != sorted(ORDER):
        raise DiskError(f"disk, {leg}: no result; the last lines of the run:\n"
                        + "\n".join((text + done.stderr.decode()).splitlines()[-15:]))
    stats = next((json.loads(line) for line in done.stderr.decode().splitlines()
                  if line.startswith("{")), None)
    return found, stats


def measure(args, legs, runs):
    """The legs take turns: {leg: {name: median requests a second}}, and
    "monitor_pss" of Trivet's last run in bytes."""
    args.image = "build/bench/disk.img"
    args.disk_initrd = "build/bench/disk-initrd.gz"
    make_initrd(args.disk_initrd, "build/bench/guest/diskio")
    make_image(args.image)
    runs_of, pss = {leg: [] for leg in legs}, None
    for n in range(runs):
        for leg in legs:
            print(f"run {n + 1}/{runs}: disk, {leg}", file=sys.stderr)
            found, stats = run_leg(leg, args)
            runs_of[leg].append(found)
            pss = stats["memory"].get("monitor_pss_bytes") if stats else pss
    return {"legs": {leg: {name: statistics.median(r[name] for r in found)
                           for name in ORDER} for leg, found in runs_of.items()},
            "monitor_pss": pss}


def measure_for(args):
    """For bench.py, with its arguments: empty when there is no guest among its legs."""
    legs = [x for x in args.legs if x != "native"]
    return measure(args, legs, args.runs) if legs else {}


def shown(name, rate):
    return f"{rate:.0f} MiB/s" if name.startswith("seq") else f"{rate:.0f} /s"


def expectations(figures):
    """(what, measured, met) as in bench.py."""
    rows, legs = [], figures["legs"]
    ours = next((x for x in legs if x.startswith("trivet")), None)
    peer = next((x for x in legs if x.startswith("tcg")), None)
    for name in ORDER if ours and peer else ():
        ratio = legs[ours][name] / legs[peer][name]
        rows.append((f"disk, {WHAT[name]}, no less than TCG", f"{ratio:.2f} x",
                     ratio >= 1))
    if figures["monitor_pss"]:
        pss = figures["monitor_pss"]
        rows.append(("the monitor's own memory, under 8 MiB",
                     f"{pss / 2**20:.1f} MiB", pss < MONITOR_MAX))
    return rows


def print_table(figures):
    legs = figures["legs"]
    print("\n| disk | " + " | ".join(legs) + " |")
    print("|---|" + "---:|" * len(legs))
    for name in ORDER:
        print(f"| {WHAT[name]} | "
              + " | ".join(shown(name, legs[x][name]) for x in legs) + " |")
    print("\nOne request at a time, direct I/O in the guest, the image in the host's "
          "page cache. More is better.\n\n| expected | measured | |\n|---|---:|---|")
    for what, measured, met in expectations(figures):
        print(f"| {what} | {measured} | {'met' if met else 'missed'} |")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--legs", default="tcg,trivet", help="also tcg-threads, "
                   "trivet-threads, trivet-uring")
    p.add_argument("--engine", default="soft")
    p.add_argument("--trivet", default="build/trivet")
    p.add_argument("--kernel", default="build/guest/vmlinuz")
    p.add_argument("--limit", type=int, default=300)
    args = p.parse_args()
    try:
        print_table(measure(args, args.legs.split(","), args.runs))
    except DiskError as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
