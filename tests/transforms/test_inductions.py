"""Integers that each iteration changes alike are known backwards, and no array is kept for them."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.ir.dims import evaluate
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.schedule.memory import lay_out
from bpcompile.schedule.plan import plan
from bpcompile.transforms.reverse import reverse
from tests.tracing import traced

X = np.random.default_rng(5).normal(size=9)


def insertion(x):
    """Sort by insertion: the test of the inner loop reads what the outer one changes."""
    a = x.copy()
    for i in range(1, a.shape[0]):
        key = a[i]
        j = i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    total = 0.0
    for i in range(a.shape[0]):
        total += i * a[i] ** 2
    return total


def strides(x):
    """Walk up by two and down by a number that is known at run time."""
    total, up, down, step = 0.0, 1, x.shape[0] - 1, (x > 100.0).sum() + 1
    while down > up:
        total += x[up] * np.sin(x[down])
        up += 2
        down -= step
    return total


def counted(x):
    """Carry a second counter through loops that do not begin at 0."""
    total, k = 0.0, 3
    for i in range(2, x.shape[0] - 1):
        m = k
        for j in range(1, 4):
            total = total * np.cos(x[m % 9]) + x[i] * x[(k + j) % 9]
            m = m - 3
        k = 2 + k
    return total


def reset(x):
    """Count what is not counted alike in all iterations."""
    total, k = 0.0, 0
    for i in range(2 * x.shape[0]):
        total += x[k] * x[i % 9] * total + x[k] ** 2
        k += 1
        if k == 4:
            k = 0
    return total


@pytest.mark.parametrize("model", [insertion, strides, counted, reset])
def test_gradients(model):
    value, slope = bp.value_and_grad(model, target="numpy")(X)
    assert value == pytest.approx(model(X), rel=1e-13)
    for k in range(X.size):
        move = np.zeros(X.size)
        move[k] = 1e-6
        step = (model(X + move) - model(X - move)) / 2e-6
        assert slope[k] == pytest.approx(step, rel=1e-6, abs=1e-7)


def test_a_gradient_of_a_gradient():
    """The index of the backward loop is such a number itself."""

    def inner(x):
        return np.vdot(bp.grad(strides)(x), np.arange(9.0))

    slope = bp.grad(inner, target="numpy")(X)
    _, forward = bp.jvp(bp.grad(strides), target="numpy")(X, np.arange(9.0))
    np.testing.assert_allclose(slope, forward, rtol=1e-12, atol=1e-13)


def test_no_array_is_kept():
    graph = run(reverse(run(traced(insertion, X).graph, SIMPLIFY), (0,)), LOWER)
    assert evaluate(lay_out(plan(graph))[1], {"n": 1000}) == 1000 + 2 * 999
