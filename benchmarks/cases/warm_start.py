"""The first result in a new process when the caches are full, after the imports.

The yardstick is the first call of a three-line `@njit(cache=True)` function: what Numba itself
takes to wake up. bpcompile may add its tracing and a tenth of a second.
"""

from __future__ import annotations

import atexit
import functools
import tempfile
from pathlib import Path

from benchmarks.case import Bar, Case, Clocked, Contender, Sample
from benchmarks.processes import first_call


@functools.cache
def caches() -> Path:
    """Return a folder for the caches, which goes when this process ends."""
    made = tempfile.TemporaryDirectory()
    atexit.register(made.cleanup)
    return Path(made.name)


def bpcompile_warm() -> Clocked:
    """Fill the cache, then time new processes; their time in tracing is a part of the sample."""
    first_call("bpcompile", caches())

    def sample() -> Sample:
        found = first_call("bpcompile", caches())
        return Sample(found["seconds"], {"tracing": found["trace"]})

    return Clocked(sample, _checked)


def _checked() -> float:
    """Return the yardstick's result if the warm process repeats the hand-written one's result."""
    from benchmarks.measure import disagreement

    warm, hand = (first_call(name, caches())["result"] for name in ("bpcompile", "hand"))
    wrong = disagreement(warm, hand, 1e-9)
    if wrong:
        raise ArithmeticError(f"disagrees with the function written by hand: {wrong}")
    return 6.0


def three_lines_warm() -> Clocked:
    """Fill the cache, then time new processes."""
    first_call("three_lines", caches())
    return Clocked(lambda: Sample(first_call("three_lines", caches())["seconds"]), lambda: 6.0)


ADDED = Bar(
    text="bpcompile less its tracing <= three lines + 0.1 s",
    subject="bpcompile",
    needs=("bpcompile", "bpcompile: tracing", "three lines"),
    value=lambda seconds: (
        seconds["bpcompile"] - seconds["bpcompile: tracing"] - seconds["three lines"]
    ),
    at_most=0.10,
    unit="s",
)

CASE = Case(
    name="warm_start",
    title="digits MLP, warm first result in a new process, beside three lines of `@njit`",
    contenders=(
        Contender("bpcompile", "bpcompile", bpcompile_warm),
        Contender("three lines", "hand", three_lines_warm),
    ),
    bars=(ADDED,),
    reference="three lines",
    rounds=21,
)
