"""Each loop model at a tiny size: its value is Python's, its gradient that of differences."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import bpcompile as bp
from benchmarks import loops, models
from benchmarks.measure import disagreement
from benchmarks.models import mixture
from tests.tracing import agrees, traced

STEP = 1e-6
QUICK = ("lorenz_euler", "vanderpol_euler", "kalman", "median", "newton", "wave", "search", "garch")
"""Models that Numba compiles in a second or two; it compiles the others in the nightly run."""

WAITING: dict[str, str] = {}
"""Why a model does not compile yet, by name."""

UNROLLED: dict[str, str] = {}
"""Why the graph of a model grows with its data, by name."""


@functools.cache
def problem(name: str) -> tuple[models.Model, tuple[Any, ...], tuple[Any, ...]]:
    """Return a model, its arguments, and value and gradients by central differences."""
    model = models.load(name)
    arguments = model.arguments(model.tiny)
    gradients = []
    for position in model.argnums:
        point = np.asarray(arguments[position], dtype=np.float64)
        gradient = np.zeros(point.shape)
        for index in np.ndindex(*point.shape):
            sides = []
            for sign in (1.0, -1.0):
                moved = point.copy()
                moved[index] += sign * STEP
                given = list(arguments)
                given[position] = moved if moved.ndim else float(moved)
                sides.append(model.function(*given))
            gradient[index] = (sides[0] - sides[1]) / (2.0 * STEP)
        gradients.append(gradient)
    return model, arguments, (model.function(*arguments), *gradients)


def check(name: str, target: str) -> None:
    model, arguments, expected = problem(name)
    before = [np.copy(argument) for argument in arguments]
    function = bp.value_and_grad(model.function, argnums=model.argnums, target=target)
    value, gradients = function(*arguments)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    same_gradients((value, *gradients), expected)
    for argument, kept in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(argument, kept)


def same_gradients(found: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    """Check results against differences, whose error is that of the value over the step."""
    noise = 1e-9 * max(1.0, abs(expected[0]))
    for gradient, difference in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(gradient, difference, rtol=1e-6, atol=noise)


def waiting(name: str, reasons: dict[str, str] = WAITING) -> Any:
    """Return the name as a parameter, expected to fail where the model waits for something."""
    marks = [pytest.mark.xfail(reason=reasons[name], strict=True)] if name in reasons else []
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", models.NAMES)
def test_the_trace_computes_what_python_computes(name):
    model, arguments, _ = problem(name)
    agrees(model.function, *arguments, rtol=1e-12)


@pytest.mark.parametrize("name", [waiting(name, UNROLLED) for name in models.NAMES])
def test_loops_stay_rolled(name):
    model = models.load(name)
    small, large = (
        str(traced(model.function, *model.arguments(size)).graph).count("\n")
        for size in (model.tiny, model.tiny + 9)
    )
    assert small == large


@pytest.mark.parametrize("name", [waiting(name) for name in models.NAMES])
def test_value_and_gradient_in_numpy(name):
    check(name, "numpy")


@pytest.mark.parametrize("name", [waiting(name) for name in QUICK])
def test_value_and_gradient_in_numba(name):
    check(name, "numba")


@pytest.mark.nightly
@pytest.mark.parametrize("name", [waiting(name) for name in models.NAMES if name not in QUICK])
def test_value_and_gradient_in_numba_at_length(name):
    check(name, "numba")


@pytest.mark.parametrize("name", [name for name in models.NAMES if models.load(name).hand])
def test_the_adjoint_by_hand_is_right(name):
    model, arguments, expected = problem(name)
    call = model.hand(*arguments)
    value = call.function.py_func(*call.arguments)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    same_gradients((value, *call.filled), expected)


def test_the_mixture_is_the_same_as_loops_and_as_arrays():
    arguments = mixture.arguments(30)
    written = [
        bp.value_and_grad(function, argnums=(0, 1, 2), target="numpy")(*arguments)
        for function in (mixture.loops, mixture.arrays)
    ]
    assert disagreement(*written, 1e-12) == ""


@pytest.mark.parametrize("name", models.NAMES)
def test_a_case_holds_the_model_to_what_is_promised(name):
    case = loops.case(models.load(name))
    assert case.name == f"loop_{name}"
    known = {contender.name for contender in case.contenders}
    for bar in case.bars:
        assert {need.partition(": ")[0] for need in bar.needs} <= known
    assert case.reference in known
