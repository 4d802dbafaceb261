"""A SymPy expression of thousands of terms: six links' equations of motion, to first gradient."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from benchmarks import pendulum
from benchmarks.case import Case, Clocked, Contender, Sample, within
from benchmarks.cold import cold, cold_to

LIMIT = 120.0
"""Seconds after which SymPy with Numba is stopped."""

RTOL = 1e-9


def complex_step() -> Clocked:
    """Return the reference: the mechanics in NumPy, not written out, by complex steps."""

    def sample() -> Sample:
        start = time.perf_counter()
        pendulum.value_and_gradient(pendulum.point())
        return Sample(time.perf_counter() - start)

    return Clocked(sample, lambda: pendulum.value_and_gradient(pendulum.point()))


def lambdify() -> Clocked:
    """Run SymPy with Numba once, to the limit."""

    def expected() -> list[float]:
        value, slopes = pendulum.value_and_gradient(pendulum.point())
        return [value, *slopes]

    return cold_to(LIMIT, "pendulum_lambdify", expected, RTOL)


def size() -> Mapping[str, str]:
    """Return how large the expression is: a node of SymPy's has as many operands as it likes."""
    import bpcompile as bp

    expression, names = pendulum.misfit(), list(pendulum.arguments())
    compiled = bp.compile(expression, args=names, target="numpy").compile(*pendulum.point())
    nodes = pendulum.distinct(expression)
    operations = compiled.cost(*pendulum.point()).total.operations.value
    return {"size": f"{nodes} distinct nodes of SymPy's, {operations} operations on two numbers"}


CASE = Case(
    name="pendulum",
    title=f"pendulum of {pendulum.LINKS} links in SymPy, value and gradient, cold, after imports",
    contenders=(
        Contender("bpcompile", "bpcompile", partial(cold, "pendulum_bpcompile")),
        Contender("NumPy, complex step", "hand", complex_step),
        Contender("SymPy lambdify and Numba", "hand", lambdify, leaves=0),
    ),
    bars=(within(6.0, "bpcompile"),),
    reference="NumPy, complex step",
    rtol=RTOL,
    rounds=3,
    notes=size,
)
