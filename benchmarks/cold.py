"""Contenders whose first result in a new process with empty caches is timed.

In:  the name of an implementation in `benchmarks.first_call`.
Out: a `Clocked`, with the seconds of the processor as a part of each sample. One that may take
minutes is stopped at a limit; its time is then a lower bound, and its result is not known.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.case import Clocked, Sample
from benchmarks.measure import disagreement
from benchmarks.processes import StoppedError, first_call


def _found(name: str, limit: float | None = None) -> Mapping[str, Any]:
    """Return what one new process with empty caches says."""
    with tempfile.TemporaryDirectory() as folder:
        return first_call(name, Path(folder), limit)


def cold(name: str) -> Clocked:
    """Return a contender that starts with empty caches each time.

    The process whose result is checked gives the first sample, too: some take a minute.
    """
    checked: list[Mapping[str, Any]] = []

    def result() -> Any:
        checked.append(_found(name))
        return checked[-1]["result"]

    def sample() -> Sample:
        found = checked.pop() if checked else _found(name)
        return Sample(found["seconds"], {"processor": found["cpu"]})

    return Clocked(sample, result)


def cold_to(limit: float, name: str, expected: Callable[[], list[float]], rtol: float) -> Clocked:
    """Return a contender that is run once, and stopped after `limit` seconds.

    Its result is compared here, if there is one: to the case it shows no leaves.
    """

    @functools.cache
    def once() -> Sample:
        try:
            found = _found(name, limit)
        except StoppedError:
            return Sample(limit, {"stopped, lower bound": limit})
        wrong = disagreement(found["result"], expected(), rtol)
        if wrong:
            raise ArithmeticError(f"disagrees: {wrong}")
        return Sample(found["seconds"], {"processor": found["cpu"]})

    def result() -> tuple[()]:
        once()
        return ()

    return Clocked(once, result)
