"""Ctrl-C ends a loop in compiled code however it is called, and the process goes on computing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import os, signal, subprocess, sys
import numpy as np
from numba import njit
import bpcompile as bp

# Whoever starts the tests in the background has it ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

def endless(x):
    y = x
    while y > -1.0:
        y = y * 0.5 + 1.0
    return y * x

def long(x, n):
    y = x
    for i in range(n):
        y = np.sin(y) + 0.5 * y
    return y

def many(x, n):
    total = 0.0
    for i in range(n):
        y = x * (1.0 + 1e-9 * i)
        while y * y - 2.0 > 1e-12:
            y = 0.5 * (y + 2.0 / y)
        total += y
    return total

def interrupted(name, call):
    # From outside: no thread of this process runs while the user's function holds Python's lock.
    subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -INT {os.getpid()}"])
    try:
        call()
    except KeyboardInterrupt:
        print(name, flush=True)

value = bp.compile(endless).compile(1.0)
gradient = bp.grad(endless).compile(1.0)
inner = value.njit

@njit
def outer(x):
    return inner(x) + 1.0

value.save(sys.argv[1])
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import saved

calls = [value, value.bind(1.0), gradient, outer, saved.endless_compile]
results = [float(call(-3.0)) for call in calls]
for name, call in zip(["value", "bound", "gradient", "njit", "saved"], calls):
    interrupted(name, lambda: call(1.0))
for function in (long, many):
    counted = bp.compile(function).compile(1.0, 3)
    interrupted(function.__name__, lambda: counted(3.0, 10**11))
print(results == [float(call(-3.0)) for call in calls], flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a process")
def test_every_call_of_an_endless_loop_is_interrupted(tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(SCRIPT, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "saved.py")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert found.stderr == ""
    assert found.stdout.split() == [
        *("value", "bound", "gradient", "njit", "saved", "long", "many", "True")
    ]
