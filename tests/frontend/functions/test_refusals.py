"""Refuse what NumPy refuses: an error there is a typed one here, at the user's line."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from tests.tracing import traced

V = np.array([0.5, 1.0, 2.0, 3.0])
A = np.arange(12.0).reshape(3, 4) / 7
S = np.eye(3)
T = np.ones((2, 3, 4))


def filled(x):
    y = np.copy(x)
    np.fill_diagonal(y, 1.0)
    return y


CASES = {
    "a bool as axis": (lambda x: np.sum(x, axis=True), A),
    "a bool as axis of a sort": (lambda x: np.argsort(x, axis=True), A),
    "a mask that is no bool": (lambda x: np.sum(x, where=A), A),
    "an initial value with axes": (lambda x: np.max(x, initial=(1,)), A),
    "an initial value of a sum with axes": (lambda x: np.sum(x, initial=(1, 2, 3, 4)), A),
    "a mask beside NaN that is no bool": (lambda x: np.nanmean(x, where=A), A),
    "a mask beside NaN without initial": (lambda x: np.nanmax(x, where=A > 0.2), A),
    "a fraction as place": (lambda x: np.partition(x, 1.5), A),
    "weights that do not fit": (lambda x: np.average(x, weights=np.ones(1)), V),
    "one bound of clip by place": (lambda x: np.clip(x, 0), A),
    "bounds of clip twice": (lambda x: np.clip(x, 0, 1, min=2), A),
    "a number as condition": (lambda x: np.compress(1.5, x), A),
    "an order that there is not": (lambda x: np.copy(x, order="bad"), A),
    "a number to correlate with": (lambda x: np.correlate(x, 1.5), V),
    "a fraction as ddof": (lambda x: np.cov(x, ddof=1.5), A),
    "points of unequal counts": (lambda x: np.interp(x, np.arange(4.0), np.arange(5.0)), V),
    "points that are no vector": (lambda x: np.interp(x, np.arange(4.0), S), V),
    "a fraction as place of insert": (lambda x: np.insert(x, 1.5, 2.0), V),
    "a place of insert outside": (lambda x: np.insert(x, 99, 2.0), V),
    "more lengths than axes": (lambda x: np.fft.irfftn(x, s=[1, 2, 3]), A),
    "a diagonal of unequal axes": (filled, T),
    "an indexing that there is not": (lambda x: np.meshgrid(x, x, indexing="ji"), V),
    "a matrix of coefficients": (lambda x: np.polyadd(x, np.ones(2)), A),
    "a matrix to differentiate": (lambda x: np.polyder(x), A),
    "symmetric and not square": (lambda x: np.linalg.pinv(x, hermitian=True), A),
    "two bounds of pinv": (lambda x: np.linalg.pinv(x, 1e-9, rtol=1e-3), S),
    "two bounds of matrix_rank": (lambda x: np.linalg.matrix_rank(x, 1e-9, rtol=1e-3), S),
    "an axis of tensorsolve outside": (
        lambda x: np.linalg.tensorsolve(x, np.ones(3), axes=(0, 9)),
        S,
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # NumPy's, before its error
@pytest.mark.parametrize("name", CASES)
def test_what_numpy_refuses_is_refused(name):
    model, x = CASES[name]
    with pytest.raises((TypeError, ValueError, IndexError)):
        model(x.copy())
    with pytest.raises(bp.BpcompileError, match=r"test_refusals\.py:\d+"):
        traced(model, x)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: x.clip(0.5),
        lambda x: x.clip(max=2.0),
        lambda x: np.clip(x, 0.5, None),
        lambda x: np.clip(x, min=0.5),
        lambda x: np.insert(x, -4, 1.0),
        lambda x: np.insert(x, 4, 1.0),
    ],
)
def test_what_is_close_to_that_is_right(model):
    np.testing.assert_array_equal(bp.compile(model, target="numpy", cache=False)(V), model(V))
