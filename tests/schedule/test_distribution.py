"""Loops around inner loops and dear arithmetic: which are distributed, and what they compute."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bpcompile as bp

RNG = np.random.default_rng(3)
X, W, Y = RNG.normal(size=(6, 4)), RNG.normal(size=4), (RNG.normal(size=6) > 0) * 1.0


def logistic(w, X, y):
    p = 1.0 / (1.0 + np.exp(-(X @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def softmax(w, X, y):
    return np.sum(bp.nn.logsumexp(X * w, axis=1) * y)


def least_squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


def two_products(w, X, y):
    z = X @ w
    e = np.exp(np.tanh(z)) * y
    return np.sum(np.sin(X @ (w * w)) * np.log(1.0 + e * e))


def loops_of(fn):
    """Return the indents of the loops of the emitted function."""
    main = fn.source[fn.source.index("def _main") :]
    main = main[: main.index("\n\n\n")]
    return [len(indent) for indent in re.findall(r"^( +)for ", main, re.MULTILINE)]


def compiled(model):
    fn = bp.value_and_grad(model, cache=False)
    value, slope = fn(W, X, Y)
    plain, gradient = bp.value_and_grad(model, target="numpy")(W, X, Y)
    np.testing.assert_allclose(value, plain, rtol=1e-12)
    np.testing.assert_allclose(slope, gradient, rtol=1e-10, atol=1e-13)
    return fn


def test_dear_arithmetic_gets_a_loop_of_its_own():
    fn = compiled(logistic)
    assert loops_of(fn) == [4, 8, 4, 4, 8]
    assert "_exp(" in fn.source
    assert fn.cost(W, X, Y).workspace.found == 2 * 8 * 6  # a number of each row, twice


@pytest.mark.parametrize("model", [softmax, least_squares])
def test_loops_that_stay(model):
    """Rows that share a buffer must stay, and what is not dear gains nothing."""
    assert loops_of(compiled(model)).count(4) == 1


def test_several_products():
    compiled(two_products)
