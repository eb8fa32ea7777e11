#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TCP throughput through user-mode networking, guest to host and back, under
Trivet and under QEMU's TCG: same kernel, same initramfs, same libslirp. The host
takes the time, from the connection to its end. Called by bench.py; alone:
tests/bench/netbench.py [--runs N] [--mib N] [--legs tcg,trivet]."""

import argparse
import glob
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

from initramfs import write_initramfs

MODULES = ["virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev",
           "virtio/virtio_pci_modern_dev", "virtio/virtio_pci", "core/failover",
           "net/net_failover", "net/virtio_net"]
INIT = """#!/bin/busybox sh
b=/bin/busybox
for m in {modules}; do $b insmod /mod/$m.ko; done
$b ip link set lo up
$b ip addr add 10.0.2.15/24 dev eth0
$b ip link set eth0 up
$b sleep 1
/bench/tcpflow up {up} 1
/bench/tcpflow down {down} 1
for i in $($b seq {rounds}); do
/bench/tcpflow up {up} {mib}
/bench/tcpflow down {down} {mib}
done
$b poweroff -f
"""
DIRECTIONS = (("up", "guest to host"), ("down", "host to guest"))
ROUNDS = 3


class Peer(threading.Thread):
    """The host's end of one direction: bytes and seconds of each connection."""

    def __init__(self, direction, mib):
        super().__init__(daemon=True)
        self.up, self.mib, self.seen = direction == "up", mib, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        piece = memoryview(bytearray(1 << 20))
        warm = True
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            started, count = time.monotonic(), 0
            with peer:
                if not self.up:
                    for _ in range(1 if warm else self.mib):
                        peer.sendall(piece)
                        count += len(piece)
                    peer.shutdown(socket.SHUT_WR)
                while n := peer.recv_into(piece):
                    count += n
            self.seen.append((count, time.monotonic() - started))
            warm = False

    def rate(self):
        """MB/s, the median of the rounds; the first connection warmed up."""
        return statistics.median(n / s / 1e6 for n, s in self.seen[1:])


def command_of(leg, args, initrd):
    append = "console=ttyS0 quiet panic=-1"
    if leg == "tcg":
        return ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max",
                "-m", "512", "-nographic", "-no-reboot", "-kernel", args.kernel,
                "-initrd", initrd, "-append", append, "-netdev", "user,id=n0",
                "-device", "virtio-net-pci,netdev=n0,romfile="]
    return [args.trivet, "run", "--engine", args.engine, "--kernel", args.kernel,
            "--initrd", initrd, "--append", append, "--memory", "512M", "--net", "user"]


def find_modules(kernel):
    root = os.path.join(os.path.dirname(kernel), "kernel/lib/modules/*/kernel")
    found = {}
    for m in MODULES:
        folder = "net/" if m.startswith("core/") else "drivers/"
        paths = glob.glob(f"{root}/{folder}{m}.ko")
        if not paths:
            raise RuntimeError(f"{root}/{folder}{m}.ko: missing (make guest brings it)")
        found[f"/mod/{os.path.basename(m)}.ko"] = paths[0]
    return found


def run_leg(leg, args):
    """MB/s each way, of one boot."""
    peers = {d: Peer(d, args.net_mib) for d, _ in DIRECTIONS}
    initrd = f"build/bench/net-{leg}.gz"
    files = find_modules(args.kernel)
    files["/bin/busybox"] = shutil.which("busybox")
    files["/bench/tcpflow"] = os.path.join(args.programs, "tcpflow")
    write_initramfs(initrd, files, INIT.format(
        modules=" ".join(os.path.basename(m) for m in MODULES), rounds=ROUNDS,
        up=peers["up"].port, down=peers["down"].port, mib=args.net_mib))
    try:
        done = subprocess.run(command_of(leg, args, initrd), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=args.limit, check=False)
    finally:
        for p in peers.values():
            p.socket.close()
    text = done.stdout.decode(errors="replace")
    with open(f"build/bench/net-{leg}.log", "w", encoding="utf-8") as log:
        log.write(text)
    whole = re.findall(r"TCPFLOW (\w+) (\d+) of (\d+)", text)
    if len(whole) != 2 * (ROUNDS + 1) or any(n != want for _, n, want in whole):
        raise RuntimeError(f"net, {leg}: transfers are missing; the last lines:\n"
                           + "\n".join(text.splitlines()[-15:]))
    return {d: p.rate() for d, p in peers.items()}


def measure(args):
    """{leg: {direction: MB/s}}, the median of args.runs boots; legs take turns."""
    runs = {leg: [] for leg in args.legs if leg != "native"}
    for n in range(args.runs):
        for leg in runs:
            print(f"net, run {n + 1}/{args.runs}: {leg}", file=sys.stderr)
            runs[leg].append(run_leg(leg, args))
    return {leg: {d: statistics.median(r[d] for r in rs) for d, _ in DIRECTIONS}
            for leg, rs in runs.items()}


def print_table(rates):
    """Ratios of throughput: above 1 is faster than QEMU."""
    print("\n| TCP through user-mode networking | TCG MB/s | Trivet MB/s "
          "| Trivet / TCG |")
    print("|---|---:|---:|---:|")
    for direction, what in DIRECTIONS:
        cells = [f"{rates[leg][direction]:.1f}" if leg in rates else "-"
                 for leg in ("tcg", "trivet")]
        both = "tcg" in rates and "trivet" in rates
        ratio = rates["trivet"][direction] / rates["tcg"][direction] if both else 0
        print(f"| {what} | {cells[0]} | {cells[1]} | "
              f"{f'{ratio:.2f}' if both else '-'} |")
    print("\nMB/s: 10^6 bytes a second. Expected: no less than TCG's.")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--mib", dest="net_mib", type=int, default=32)
    p.add_argument("--legs", default="tcg,trivet")
    p.add_argument("--engine", default="soft")
    p.add_argument("--trivet", default="build/trivet")
    p.add_argument("--kernel", default="build/guest/vmlinuz")
    p.add_argument("--programs", default="build/bench/guest")
    p.add_argument("--limit", type=int, default=300)
    args = p.parse_args()
    args.legs = args.legs.split(",")
    try:
        print_table(measure(args))
    except (RuntimeError, OSError, subprocess.SubprocessError) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
