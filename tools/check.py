#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stages of `make check`, or a test bed's, and counts: check: N passed, M failed."""
import argparse
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# At once: a guest keeps a CPU busy, and some start several.
WORKERS = max(1, min(os.cpu_count() or 1, 8))
# Beds of their own: pytest's arguments, and how many tests at once.
BEDS = {'nested': (['tests/nested'], 1),
        'metal': (['tests/metal', '-m', 'not long'], WORKERS),
        'long': (['tests/metal', '-m', 'long'], WORKERS)}
COUNT = re.compile(r'(\d+) passed, (\d+) failed')


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, stage, passed, failed):
        print(f'{stage}: {passed} passed, {failed} failed', flush=True)
        self.passed += passed
        self.failed += failed


def run(command):
    """Echoes the output as it comes; (status, text)."""
    text = []
    # the job server of the make that called us does not reach this far
    env = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS')}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors='replace') as p:
        for line in p.stdout:
            text.append(line)
            if not COUNT.search(line):
                print(line, end='', flush=True)
    return p.returncode, ''.join(text)


def counted(tally, stage, command):
    """A stage that prints 'N passed, M failed'; else its exit status counts."""
    status, text = run(command)
    found = COUNT.findall(text)
    passed, failed = (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)
    if not found and status == 0:
        passed = 1
    if status and not failed:
        failed = 1
    tally.add(stage, passed, failed)


def fuzz_one(program, seconds):
    """None, or what the fuzzer said of its finding."""
    name = Path(program).name
    corpus = ROOT / 'build/fuzz/corpus' / name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / 'tests/fuzz/corpus' / name
    done = subprocess.run(
        [str(ROOT / program), f'-max_total_time={seconds}', '-timeout=10',
         '-rss_limit_mb=2048', f'-artifact_prefix={ROOT}/build/fuzz/{name}-',
         str(corpus), *([str(seeds)] if seeds.is_dir() else [])],
        cwd=ROOT, capture_output=True, text=True, errors='replace')
    if not done.returncode:
        return None
    return f'FAILED {program}\n' + '\n'.join(done.stderr.splitlines()[-30:])


def fuzz(tally, programs, seconds):
    with ThreadPoolExecutor(WORKERS) as pool:
        said = list(pool.map(lambda p: fuzz_one(p, seconds), programs))
    found = [text for text in said if text]
    for text in found:
        print(text)
    tally.add('fuzz', len(said) - len(found), len(found))


def pytest(tally, stage, *places, workers=1):
    report = ROOT / f'build/{stage}.xml'
    report.unlink(missing_ok=True)
    run(['/usr/bin/python3', '-m', 'pytest', '-q', '--tb=short',
         f'--junitxml={report}', '-p', 'no:cacheprovider',
         *(['-n', str(workers), '--dist', 'loadgroup'] if workers > 1 else []), *places])
    try:
        suites = ET.parse(report).getroot().iter('testsuite')
        total = bad = skipped = 0
        for s in suites:
            total += int(s.get('tests'))
            bad += int(s.get('failures')) + int(s.get('errors'))
            skipped += int(s.get('skipped'))
    except (OSError, ET.ParseError):
        total, bad, skipped = 1, 1, 0
    tally.add(stage, total - bad - skipped, bad)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--make', default='make')
    ap.add_argument('--fuzz', default='')
    ap.add_argument('--fuzz-seconds', type=int, default=5)
    ap.add_argument('--native', action='store_true')
    ap.add_argument('--bed', choices=BEDS, help='only this test bed')
    args = ap.parse_args()
    make = [*shlex.split(args.make), '-s', '--no-print-directory']
    tally = Tally()
    if args.bed:
        places, workers = BEDS[args.bed]
        pytest(tally, args.bed, *places, workers=workers)
        print(f'check-{args.bed}: {tally.passed} passed, {tally.failed} failed')
        return 1 if tally.failed else 0
    counted(tally, 'lint', [*make, 'lint'])
    counted(tally, 'unit', [*make, 'unit'])
    if args.native:
        counted(tally, 'native', [*make, 'native'])
    fuzz(tally, args.fuzz.split(), args.fuzz_seconds)
    pytest(tally, 'boots', 'tests/boot', 'tests/kernels', workers=WORKERS)
    print(f'check: {tally.passed} passed, {tally.failed} failed')
    return 1 if tally.failed else 0


if __name__ == '__main__':
    sys.exit(main())
