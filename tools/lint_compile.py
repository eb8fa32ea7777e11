#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles (syntax and warnings only) every source with gcc and with clang, and
every header by itself. Called by `make lint`, which passes the build's flags."""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BATCH = 12


def sources():
    free, host = [], []
    for f in sorted((ROOT / 'src').rglob('*.c')):
        path = str(f.relative_to(ROOT))
        hosted = path.startswith(('src/host/', 'src/engine/kvm/'))
        (host if hosted else free).append(path)
    tests = [str(f.relative_to(ROOT)) for d in ('unit', 'fuzz')
             for f in sorted((ROOT / 'tests' / d).glob('*.c'))]
    return free, host, tests


def headers(directory):
    """One tiny source per header, twice included: alone, and guarded."""
    free, host = [], []
    tops = ('include', 'src')
    for i, f in enumerate(sorted(h for t in tops for h in (ROOT / t).rglob('*.h'))):
        out = Path(directory) / f'{i}_{f.stem}_h.c'
        out.write_text(f'#include "{f}"\n#include "{f}"\nextern int lint_nothing;\n')
        path = str(f.relative_to(ROOT))
        hosted = path.startswith(('src/host/', 'src/engine/kvm/'))
        (host if hosted else free).append(str(out))
    return free, host


def batches(files):
    return [files[i:i + BATCH] for i in range(0, len(files), BATCH)]


def compile_batch(job):
    compiler, flags, files = job
    done = subprocess.run([compiler, *flags, '-fsyntax-only', *files], cwd=ROOT,
                          capture_output=True, text=True)
    return done.returncode, done.stderr


def main():
    ap = argparse.ArgumentParser()
    for name in ('gcc', 'clang', 'flags', 'free', 'host'):
        ap.add_argument('--' + name, required=True)
    args = ap.parse_args()
    base = shlex.split(args.flags)
    free_flags = base + shlex.split(args.free) + ['-Isrc/metal']
    host_flags = base + shlex.split(args.host)
    test_flags = [f for f in base if f != '-Wmissing-prototypes'] + [
        '-Itests/unit', '-D_GNU_SOURCE']
    with tempfile.TemporaryDirectory() as tmp:
        free, host, tests = sources()
        free_h, host_h = headers(tmp)
        sets = [(free + free_h, free_flags), (host + host_h, host_flags),
                (tests, test_flags)]
        jobs = [(cc, flags, batch) for cc in (args.gcc, args.clang)
                for files, flags in sets for batch in batches(files)]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            results = list(pool.map(compile_batch, jobs))
    failed = [text for code, text in results if code]
    for text in failed:
        print(text, end='')
    count = len(free) + len(host) + len(tests)
    print(f'lint: {count} sources and {len(free_h) + len(host_h)} headers with '
          f'{args.gcc} and {args.clang}: ' + ('clean' if not failed else 'faults'))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
