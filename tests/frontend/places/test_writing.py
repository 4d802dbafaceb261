"""Assignment to places: what is written, what shares memory, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ShapeError, TraceError
from tests.tracing import run, traced

V = np.arange(1.0, 6.0)
M = np.arange(12.0).reshape(3, 4)


def agrees(model, *args):
    """Check a model against its run by NumPy, whose arguments are copies."""
    found = traced(model, *args)
    got = run(found, *args)
    want = model(*(np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in args))
    for one, other in zip(np.atleast_1d(got), np.atleast_1d(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


WRITES = {
    "element": lambda y, x, i: y.__setitem__(0, x[1]),
    "last": lambda y, x, i: y.__setitem__(-1, 2.0),
    "slice": lambda y, x, i: y.__setitem__(slice(1, 3), x[:2] * 2),
    "slice of one value": lambda y, x, i: y.__setitem__(slice(None, None, 2), 7.0),
    "backwards": lambda y, x, i: y.__setitem__(slice(None, None, -1), x),
    "ellipsis": lambda y, x, i: y.__setitem__(..., x + 1),
    "run-time index": lambda y, x, i: y.__setitem__(i, x[0]),
    "index array": lambda y, x, i: y.__setitem__([0, 2], x[:2]),
    "index array of one value": lambda y, x, i: y.__setitem__(np.array([1, 3]), 9.0),
    "known mask": lambda y, x, i: y.__setitem__(V > 2.5, -1.0),
    "traced mask": lambda y, x, i: y.__setitem__(x > 2.5, -1.0),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes_to_a_vector(name):
    def model(x, i):
        y = np.zeros_like(x) + x
        WRITES[name](y, x, i)
        return y

    agrees(model, V, 3)


def test_writes_to_a_matrix():
    def model(m, i, j):
        a = m.copy()
        a[1] = 5.0
        a[:, 2] = m[:, 0]
        a[0, 0] += 1.0
        a[i, j] *= 3.0
        a[i] -= m[0]
        a[i, 1:3] = a[0, :2]
        a[[0, 2], j] = 8.0
        a[a > 9.0] = 0.5
        a[np.newaxis, 2, ...] = m[1] * 2
        return a

    agrees(model, M, 1, 3)


def test_an_argument_is_not_changed():
    def model(x):
        x[0] = 10.0
        return x

    given = V.copy()
    np.testing.assert_array_equal(run(traced(model, given), given), [10.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(given, V)


def test_views_share_memory():
    def model(m):
        a = m * 1.0
        row, column, flat, turned = a[1], a[:, 1], a.reshape(-1), a.T
        row[2] = 100.0
        flat[0] = 200.0
        turned[3, 2] += 300.0
        column += 1.0
        part = a[1:][:, ::2]
        part[0] = -1.0
        return a, row, column, flat, turned, part

    found = traced(model, M)
    for got, want in zip(run(found, M), model(M), strict=True):
        np.testing.assert_allclose(got, want)


def test_copies_do_not_share_memory():
    def model(m):
        a = m * 1.0
        kept, picked, flat = a.copy(), a[[0, 1]], a.flatten()
        scalar = a[0, 0]
        a[:] = 0.0
        return kept, picked, flat, scalar, a

    found = traced(model, M)
    for got, want in zip(run(found, M), model(M), strict=True):
        np.testing.assert_allclose(got, want)


def test_names_of_one_array():
    def model(x):
        y = x * 1.0
        z = y
        z[0] = 5.0
        y = y + 1.0
        y[1] = 7.0
        return y, z

    found = traced(model, V)
    for got, want in zip(run(found, V), model(V), strict=True):
        np.testing.assert_allclose(got, want)


def test_the_dtype_stays():
    def model(x):
        counts = np.zeros(3, int)
        counts[0] = x[1]
        single = np.zeros(2, np.float32)
        single[:] = x[:2]
        return counts, single

    counts, single = run(traced(model, V + 0.6), V + 0.6)
    np.testing.assert_array_equal(counts, [2, 0, 0])
    assert counts.dtype == np.int64
    assert single.dtype == np.float32


def test_what_does_not_fit_is_refused():
    def wide(x):
        y = x * 1.0
        y[:2] = x
        return y

    with pytest.raises(ShapeError, match=r"`x` .*does not fit the places of shape \(2\)"):
        traced(wide, V)

    def masked(x):
        y = x * 1.0
        y[y > 2] = x[:3]
        return y

    with pytest.raises(TraceError, match=r"how many places that is .*np\.where"):
        traced(masked, V)

    def spread(x):
        y = np.broadcast_to(x, (2, 5))
        y[0] = 0.0
        return y

    with pytest.raises(TraceError, match=r"`y` .*is read-only.*\.copy\(\)"):
        traced(spread, V)


def test_a_value_that_is_overwritten_has_no_gradient():

    def model(x, i):
        y = np.zeros(4)
        y[i] = x
        z = np.zeros((4, 3))
        z[i, 1:] += np.stack([x, 2 * x], 1)
        return np.sum(y**2) + np.sum(z**3)

    x, i = np.array([3.0, -1.0, 4.0, -1.5]), np.array([0, 1, -4, 3])
    function = bp.value_and_grad(model, target="numpy", cache=False)
    value, slope = function(x, i)
    assert value == model(x, i)
    np.testing.assert_allclose(slope, [0.0, *(2 * x[1:] + 27 * x[1:] ** 2)])
    assert function.check(x, i)
