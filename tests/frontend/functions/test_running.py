"""What runs along an axis gives what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError
from tests.tracing import agrees, traced

RNG = np.random.default_rng(5)
A = RNG.normal(size=(5, 4))
T = RNG.normal(size=(3, 4, 2))
V = RNG.normal(size=7)
X = np.cumsum(RNG.uniform(0.1, 1.0, 7))
HOLED = np.array([[1.0, np.nan, 2.0], [np.nan, 0.5, -1.0]])


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "nancumsum", "nancumprod"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_folds(name, axis):
    function = getattr(np, name)
    agrees(lambda x: function(x, axis=axis), A)
    agrees(lambda x: function(x, axis=axis), HOLED)
    agrees(lambda x: function(x, axis), T)


def test_running_folds_of_other_dtypes():
    agrees(lambda x: np.cumsum(x), np.array([1, 2, 3]))
    agrees(lambda x: np.cumsum(x), np.array([True, False, True]))
    agrees(lambda x: x.cumsum(dtype=float), np.array([1, 2, 3]))
    agrees(lambda x: x.cumprod(), V.astype(np.float32), rtol=1e-6)
    agrees(lambda x: np.cumsum(x), V[:0])
    agrees(lambda x: np.cumprod(x), 3.0)
    agrees(lambda x: np.cumulative_sum(x, include_initial=True), V)
    agrees(lambda x: np.cumulative_prod(x, axis=1, include_initial=True), A)
    with pytest.raises(ShapeError, match="write axis="):
        traced(lambda x: np.cumulative_sum(x), A)


def test_trapezoid():
    agrees(lambda y: np.trapezoid(y), V)
    agrees(lambda y, x: np.trapezoid(y, x), V, X)
    agrees(lambda y: np.trapezoid(y, dx=0.5, axis=0), A)
    agrees(lambda y, x: np.trapezoid(y, x, axis=1), RNG.normal(size=(2, 7, 3)), X)
    agrees(lambda y, x: np.trapezoid(y, x), A, np.sort(A, axis=1))


def test_differences():
    agrees(lambda x: np.ediff1d(x), A)
    agrees(lambda x: np.ediff1d(x, to_begin=0.0, to_end=[1.0, 2.0]), V)
    agrees(lambda x: np.diff(x, prepend=0.0), V)
    agrees(lambda x: np.diff(x, n=2, axis=0, append=A[:1]), A)


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient(edge_order):
    agrees(lambda f: np.gradient(f, edge_order=edge_order), V)
    agrees(lambda f: np.gradient(f, 0.5, edge_order=edge_order), V)
    agrees(lambda f, x: np.gradient(f, x, edge_order=edge_order), V, X, rtol=1e-11)
    agrees(lambda f: tuple(np.gradient(f, edge_order=edge_order)), A)
    agrees(lambda f: np.gradient(f, 2.0, axis=1, edge_order=edge_order), A)
    with pytest.raises(ShapeError, match="too short"):
        traced(lambda f: np.gradient(f, edge_order=edge_order), V[:1])


def test_unwrapped_angles():
    agrees(lambda p: np.unwrap(p), np.array([0.0, 3.0, 6.5, -1.0, 12.0]))
    agrees(lambda p: np.unwrap(p, axis=0, period=4), np.array([[0.0, 3.0], [2.0, -1.0]]))
