"""Measure what this machine can do at most: bytes and operations a second, and the least call.

The ceilings are those of code from this compiler, in one thread: a sum of two arrays for memory,
at as many bytes as the function in question moves, so that what fits into a cache is held to that
cache; polynomials and exponentials of few numbers for arithmetic, which is weighed as in `fn.cost`;
and a bound call that does nothing. After S. Williams, A. Waterman and D. Patterson, "Roofline",
Communications of the ACM 52 (2009).
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.function import compile as compiled

_DEGREE = 64
_FEW = 512  # numbers that lie in the nearest cache
_SAMPLE = 2e-4  # seconds that one sample takes at least


class Bound(NamedTuple):
    """Say what limits a call, and the least time that this leaves it."""

    limit: str
    seconds: float


def least_time(operations: float, moved: float) -> Bound:
    """Return the largest of the least times of a call: by memory, arithmetic or the call itself.

    Args:
        operations: additions, or what takes as long.
        moved: bytes read and written.
    """
    bounds = [
        Bound("memory", moved / bandwidth(moved)),
        Bound("arithmetic", operations / arithmetic()),
        Bound("call", call()),
    ]
    return max(bounds, key=lambda bound: bound.seconds)


def bandwidth(moved: float) -> float:
    """Return the bytes a second of a loop that moves about so many bytes."""
    power = min(24, max(8, round(math.log2(max(moved, 24) / 24))))
    return 24 * (1 << power) / _seconds_of_sum(1 << power)


@functools.cache
def _seconds_of_sum(length: int) -> float:
    """Return the time of the sum of two arrays."""
    x, y = np.ones(length), np.ones(length)
    return lone(_sum.bind(x, y), (x, y))


@functools.cache
def arithmetic() -> float:
    """Return the operations a second of arithmetic on few numbers, at the best register width."""
    x = np.linspace(0.1, 0.2, _FEW)
    rates = []
    for width in widths():
        for model in (_polynomials, np.exp):
            fn = compiled(model, name="arithmetic", unroll=_DEGREE, width=width)
            operations = fn.cost(x).total.operations.found
            assert isinstance(operations, int)
            rates.append(operations / lone(fn.bind(x), (x,)))
    return max(rates)


def widths() -> tuple[int | None, ...]:
    """Return the values of `width=` for which this machine has registers."""
    from llvmlite.binding import get_host_cpu_features

    has = get_host_cpu_features()
    wide = (bits for bits, name in ((256, "avx"), (512, "avx512f")) if has.get(name, False))
    return (None, 128, *wide)


def _polynomials(x: Any) -> Any:
    """Return a sum of polynomials, which do not wait for each other."""
    total = 0.0 * x
    for k in range(4):
        part = x + k
        for _ in range(_DEGREE // 4):
            part = part * x + 0.5
        total = total + part
    return total


@functools.cache
def call() -> float:
    """Return the seconds of a call that does nothing."""
    return lone(_nothing.bind(1.0), (1.0,))


@compiled
def _sum(x: Any, y: Any) -> Any:
    return x + y


@compiled
def _nothing(x: Any) -> Any:
    return x


def lone(function: Callable[..., Any], args: Sequence[Any]) -> float:
    """Return the least seconds of a call among some samples: what disturbs only adds to it."""
    return min(sampled([lambda: function(*args)], 9)[0])


def sampled(calls: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Return for each call the seconds of one run in each round; the calls take turns.

    A sample is as many runs as take long enough for the clock.
    """
    repeats = []
    for run in calls:
        run()
        started = time.perf_counter()
        run()
        once = max(time.perf_counter() - started, 1e-9)
        repeats.append(max(1, round(_SAMPLE / once)))
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for run, count, times in zip(calls, repeats, found, strict=True):
            started = time.perf_counter()
            for _ in range(count):
                run()
            times.append((time.perf_counter() - started) / count)
    return found
