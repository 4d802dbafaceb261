"""Mixed scalar operations, one a line, from the function to its first gradient, cold.

The peers that compile nothing (CasADi's virtual machine, PyTorch eagerly) show what building and
differentiating alone take; JAX, which compiles as bpcompile does, is stopped at a limit.
"""

from __future__ import annotations

import time
from functools import partial

from benchmarks.case import Bar, Case, Clocked, Contender, Sample, within
from benchmarks.cases import straight_line
from benchmarks.cold import cold, cold_to

SMALL, LARGE = 10_000, 100_000
LIMIT = 120.0
"""Seconds after which JAX is stopped."""

RTOL = 1e-8


def complex_step(count: int) -> Clocked:
    """Return the reference: the model in plain NumPy, by complex steps."""

    def sample() -> Sample:
        start = time.perf_counter()
        straight_line.value_and_gradient(count)
        return Sample(time.perf_counter() - start)

    return Clocked(sample, partial(straight_line.value_and_gradient, count))


def jax_call(count: int) -> Clocked:
    """Run JAX once, to the limit."""

    def expected() -> list[float]:
        value, slopes = straight_line.value_and_gradient(count)
        return [value, *slopes]

    return cold_to(LIMIT, f"straight_jax_{count}", expected, RTOL)


def case(name: str, count: int, bar: Bar, rounds: int, *others: Contender) -> Case:
    """Return the case of a size."""
    return Case(
        name=name,
        title=f"{count} mixed scalar operations, cold, to first gradient, after imports",
        contenders=(
            Contender("bpcompile", "bpcompile", partial(cold, f"straight_bpcompile_{count}")),
            Contender("NumPy, complex step", "hand", partial(complex_step, count)),
            Contender("CasADi", "CasADi", partial(cold, f"straight_casadi_{count}"), "casadi"),
            Contender("PyTorch", "PyTorch", partial(cold, f"straight_torch_{count}"), "torch"),
            *others,
        ),
        bars=(bar,),
        reference="NumPy, complex step",
        rtol=RTOL,
        rounds=rounds,
    )


CASE = case(
    "straight_line_cold",
    SMALL,
    within(5.0, "bpcompile"),
    3,
    Contender("JAX", "JAX", partial(jax_call, SMALL), "jax", leaves=0),
)
CASES = {"long": case("straight_line_long", LARGE, within(60.0, "bpcompile"), 1)}
