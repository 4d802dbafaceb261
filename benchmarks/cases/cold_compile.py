"""The first result of the digits network in a new process with empty caches, after the imports."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.case import Case, Clocked, Contender, Sample, within
from benchmarks.processes import first_call


def cold(name: str) -> Clocked:
    """Return a contender that starts with empty caches each time."""

    def sample() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            return Sample(first_call(name, Path(folder))["seconds"])

    def result() -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            flat: list[float] = first_call(name, Path(folder))["result"]
            return flat

    return Clocked(sample, result)


CASE = Case(
    name="cold_compile",
    title="digits MLP, cold compile to first result, after imports",
    contenders=(
        Contender("bpcompile", "bpcompile", partial(cold, "bpcompile")),
        Contender("hand", "hand", partial(cold, "hand")),
        Contender("JAX", "JAX", partial(cold, "jax"), "jax"),
        Contender("PyTorch", "PyTorch", partial(cold, "torch"), "torch"),
    ),
    bars=(within(3.0, "bpcompile"),),
    rounds=9,
)
