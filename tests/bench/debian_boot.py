# SPDX-License-Identifier: Apache-2.0
"""Debian with systemd from its disk (`make debian`) to the login prompt: Trivet
against QEMU's TCG, the same image, kernel, RAM disk, command line and CPUs."""

import os
import select
import statistics
import subprocess
import time

BASE = "build/debian/base"
COPY = "build/bench/debian.img"
PROMPT = b"debian login: "
APPEND = "root=/dev/vda rw console=ttyS0"
CPUS, MEMORY_MB = 2, 1024
TARGET = 4  # times TCG's time, while the engine is an interpreter


def commands(args):
    """{leg: command}; each boots the copy and writes the console to stdout."""
    kernel, initrd = f"{BASE}/vmlinuz", f"{BASE}/initrd.img"
    return {
        "tcg": ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max",
                "-m", str(MEMORY_MB), "-smp", str(CPUS), "-nographic", "-no-reboot",
                "-nic", "none", "-kernel", kernel, "-initrd", initrd, "-append", APPEND,
                "-drive", f"file={COPY},if=virtio,format=raw"],
        "trivet": [args.trivet, "run", "--engine", args.engine, "--kernel", kernel,
                   "--initrd", initrd, "--append", APPEND, "--memory", f"{MEMORY_MB}M",
                   "--cpus", str(CPUS), "--disk", COPY],
    }


def until_prompt(where, command, limit):
    """Seconds from the start of the process to the prompt, then the machine ends;
    None when it did not come within `limit` seconds."""
    subprocess.run(["cp", "--sparse=always", f"{BASE}/disk.img", COPY], check=True)
    text, started = b"", time.monotonic()
    with open(f"build/bench/debian-{where}.stderr", "wb") as errors, \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=errors) as proc:
        try:
            while PROMPT not in text:
                left = started + limit - time.monotonic()
                if left <= 0 or not select.select([proc.stdout], [], [], left)[0]:
                    return None
                part = os.read(proc.stdout.fileno(), 65536)
                if not part:
                    return None
                text += part
            return time.monotonic() - started
        finally:
            proc.kill()
            with open(f"build/bench/debian-{where}.log", "wb") as log:
                log.write(text)


def measure(args):
    """Prints the row; the legs take turns, the figure is the median."""
    legs = {leg: c for leg, c in commands(args).items() if leg in args.legs}
    times = {leg: [] for leg in legs}
    try:
        for _ in range(args.runs):
            for leg, command in legs.items():
                seconds = until_prompt(leg, command, args.limit)
                if seconds is None:
                    print(f"\nDebian from disk, {leg}: no login prompt within {args.limit} s; "
                          f"the console is in build/bench/debian-{leg}.log")
                    return None
                times[leg].append(seconds)
    finally:
        if os.path.exists(COPY):
            os.unlink(COPY)
    result = {leg: statistics.median(t) for leg, t in times.items()}
    if not result:
        return None
    print(f"\nDebian from disk to the login prompt, {CPUS} CPUs: "
          + ", ".join(f"{leg} {s:.1f} s" for leg, s in result.items()))
    if len(result) == 2:
        ratio = result["trivet"] / result["tcg"]
        print(f"  {ratio:.2f} x TCG's time; expected at most {TARGET} x: "
              f"{'met' if ratio <= TARGET else 'missed'}")
    return result
