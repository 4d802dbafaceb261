"""Sorting and what is made of it gives what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError, TypeMismatchError, UnsupportedError
from tests.tracing import agrees, traced

RNG = np.random.default_rng(11)
A = RNG.normal(size=(5, 4))
T = np.round(RNG.normal(size=(3, 4, 2)), 1)
V = RNG.normal(size=40)
HOLED = np.array([3.0, np.nan, 1.0, 2.0, np.nan, 0.0])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_sort_and_argsort(axis):
    agrees(lambda x: np.sort(x, axis=axis), A)
    agrees(lambda x: np.argsort(x, axis=axis), A)
    agrees(lambda x: np.sort(x, axis), T)
    agrees(lambda x: np.argsort(x, axis=axis, kind="stable"), T)


def test_sort_of_other_dtypes_and_holes():
    agrees(lambda x: np.sort(x), HOLED)
    agrees(lambda x: np.argsort(x, kind="stable"), HOLED)
    agrees(lambda x: np.sort(x), np.array([3, -1, 2]))
    agrees(lambda x: np.argsort(x, stable=True), np.array([True, False, True, False]))
    agrees(lambda x: np.sort(x), V.astype(np.float32))
    agrees(lambda x: x.argsort(), V)


def test_method_sorts_in_place():
    def model(x):
        y = x * 1.0
        y.sort()
        return y, x

    agrees(model, V)


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_partition_leaves_kth_in_place(count):
    found = agrees(lambda x: np.partition(x, count - 1)[count - 1], V)
    assert found.graph.outputs
    agrees(lambda x: x[np.argpartition(x, 2)[2]], V)
    with pytest.raises(ShapeError, match="kth=40 is out of range"):
        traced(lambda x: np.partition(x, 40), V)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_median_and_quantile(axis, keepdims):
    agrees(lambda x: np.median(x, axis=axis, keepdims=keepdims), T)
    for q in (0.0, 0.3, 1.0, np.array([0.1, 0.5]), np.array([[0.2, 0.4, 0.9]])):
        agrees(lambda x, q=q: np.quantile(x, q, axis=axis, keepdims=keepdims), T)
    agrees(lambda x, q: np.percentile(x, q, axis=axis), T, 35.0)


@pytest.mark.parametrize(
    "method",
    ["linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull", "median_unbiased",
     "normal_unbiased", "interpolated_inverted_cdf"],
)  # fmt: skip
def test_quantile_methods(method):
    q = np.linspace(0, 1, 23)
    agrees(lambda x: np.quantile(x, q, method=method), V)
    agrees(lambda x: np.quantile(x, q, method=method), V[:1])


def test_quantiles_refuse_what_they_do_not_know():
    with pytest.raises(UnsupportedError, match="method='inverted_cdf'"):
        traced(lambda x: np.quantile(x, 0.5, method="inverted_cdf"), V)
    with pytest.raises(ShapeError, match="between 0 and 1"):
        traced(lambda x: np.quantile(x, 1.5), V)
    with pytest.raises(ShapeError, match="no elements"):
        traced(lambda x: np.median(x), V[:0])


def test_median_beside_nan_is_nan():
    agrees(lambda x: np.median(x), HOLED)
    agrees(lambda x: np.quantile(x, [0.2, 0.4]), HOLED)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_median_and_quantile_beside_nan(axis):
    holed = np.where(RNG.uniform(size=T.shape) > 0.4, T, np.nan)
    agrees(lambda x: np.nanmedian(x, axis=axis), holed)
    agrees(lambda x: np.nanquantile(x, 0.3, axis=axis, keepdims=True), holed)
    agrees(lambda x: np.nanpercentile(x, [10.0, 80.0], axis=axis), holed)
    agrees(lambda x: np.nanquantile(x, 0.3, axis=axis), T)


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_and_digitize(side):
    table = np.array([-1.0, 0.0, 0.0, 0.5, 2.0])
    v = np.array([[-2.0, -1.0, 0.0], [0.3, 2.0, np.nan]])
    agrees(lambda a, v: np.searchsorted(a, v, side), table, v)
    agrees(lambda a, v: np.searchsorted(a, v, side=side), table, 0.0)
    agrees(lambda a, v: np.searchsorted(a, v), np.array([1, 3, 5]), np.array([0.5, 3.5]))
    agrees(lambda a, v: np.digitize(v, a, right=side == "right"), table, v[0])
    agrees(lambda a, v: np.digitize(v, a, right=side == "right"), table[::-1].copy(), v[0])
    with pytest.raises(TypeMismatchError, match="'left' or 'right'"):
        traced(lambda a, v: np.searchsorted(a, v, side="middle"), table, v)


def test_interp():
    xs, ys = np.array([0.0, 1.0, 3.0]), np.array([1.0, -1.0, 4.0])
    x = np.array([-1.0, 0.0, 0.4, 1.0, 2.5, 3.0, 7.0, np.nan])
    agrees(lambda x, xs, ys: np.interp(x, xs, ys), x, xs, ys)
    agrees(lambda x, xs, ys: np.interp(x, xs, ys, left=-5.0, right=9.0), x, xs, ys)
    agrees(lambda x, xs, ys: np.interp(x, xs, ys), 0.7, xs, ys)
