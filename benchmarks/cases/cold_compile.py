"""The first result of the digits network in a new process with empty caches, after the imports."""

from __future__ import annotations

from functools import partial

from benchmarks.case import Case, Contender, within
from benchmarks.cold import cold

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
