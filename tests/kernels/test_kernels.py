# SPDX-License-Identifier: Apache-2.0
"""Every test kernel on build/trivet: no FAIL line, and the exit code by which a
kernel without failures ends."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run as kernels  # pylint: disable=wrong-import-position


@pytest.mark.parametrize("name,cpus", kernels.RUNS,
                         ids=[f"{n}-{c}" for n, c in kernels.RUNS])
def test_kernel(name, cpus):
    r = kernels.run("trivet", name, cpus)
    tail = "\n".join(r.text.splitlines()[-15:])
    assert not r.failed, "\n".join(r.failed)
    assert r.done, f"no DONE line; status {r.status}; the last lines:\n{tail}"
    assert r.passed, tail
    # (0 << 1) | 1: the value 0 at port f4h
    assert r.status == 1, tail
