"""Stores and reads where a mask is true, and ufuncs that add at places."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ShapeError, TraceError, TypeMismatchError, UnsupportedError
from tests.frontend.flow.test_more import M, V, agrees
from tests.tracing import traced

J = np.array([3, 1, 0, 1])


def both_sides(x):
    y = x * 1.0
    m = y > 3
    y[m] *= 2.0
    y[m] -= x[m] ** 2 * 0.1
    y[~m] = np.sqrt(abs(x[~m])) * 0.5
    y[m] += x[0] * np.clip(x[m], 0.0, 5.0) / (1.0 + x[m])
    return y


def in_a_loop(x, n):
    y = x * 1.0
    for i in range(n):
        y[y > i] = 2.0 * x[y > i]
        y[1:][x[1:] < 0] += i
        if y[0] > 4:
            y[y > 4] = -y[y > 4].astype(float)
    return y, y[y > 2].sum()


def of_rows(m):
    y = m * 1.0
    rows = m[:, 0] > 1
    y[rows] = m[rows] * np.arange(4.0) + 1
    y[rows] += m[1]
    y[m > 7] = 1 / m[m > 7]
    y[rows, ...] = y[rows].copy()
    return y, y[rows].sum(), y[rows].mean()


def reduced(x):
    taken = x[x > 1]
    parts = taken.sum(), np.sum(2.0 - taken), taken.mean(axis=0), np.prod(taken), np.mean(x[x < 4])
    return *parts, np.add.reduce(taken), (taken > 5).any(), np.all(taken > 0), x[x > 99].sum()


def of_known_arrays(x):
    known = np.arange(10.0)
    y = np.zeros(10)
    y[x > 3] = known[x > 3] + x[x > 3]
    return y


def whole_condition(x, flag):
    x[flag] = x[flag] * 2.0
    return x


@pytest.mark.parametrize(
    ("model", "args"),
    [
        (both_sides, (V,)),
        (in_a_loop, (V, 3)),
        (of_rows, (M,)),
        (reduced, (V,)),
        (of_known_arrays, (V,)),
    ],
)
def test_masks_agree_with_numpy(model, args):
    agrees(model, *args)


def test_a_condition_of_no_axes_takes_all_or_nothing():
    for flag in (True, False):
        agrees(whole_condition, V, flag)


def test_what_a_mask_leaves_out_contributes_nothing():
    def roots(x):
        y = np.zeros(len(x))
        y[x > 0] = np.sqrt(x[x > 0]) + np.log(x[x > 0])
        y[x > 0] *= x[x > 0]
        return y.sum() + (1 / x[x != 0]).mean()

    x = np.array([4.0, 0.0, -1.0])
    x_bar = bp.grad(roots, target="numpy", cache=False)(x)
    first = 1.5 * 2.0 + np.log(4.0) + 1.0 - 0.5 / 16.0
    np.testing.assert_allclose(x_bar, [first, 0.0, -0.5], rtol=1e-14)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: x[x > 3].max(),
        lambda x: len(x[x > 3]),
        lambda x: x[x > 3],
        lambda x: x[x > 3] * x,
        lambda x: x[x > 3] @ x[x > 3],
        lambda x: x[x > 3] + x[x > 4],
        lambda x: np.cumsum(x[x > 3])[-1],
        lambda x: x[x > 3].reshape(2, 3),
        lambda x: sum(v for v in x[x > 3]),
        lambda x: np.concatenate((x[x > 3], x)),
        lambda x: x[x > 3][0],
    ],
)
def test_what_needs_the_length_is_refused(model):
    with pytest.raises(
        TraceError, match=r"`x\[x > 3\]` at .*py:\d+ has a length that is not known"
    ):
        traced(model, V)


def test_stores_that_cannot_be_placed():
    def other_mask(x):
        x[x > 3] = x[x > 4]
        return x

    def values(x):
        x[x > 3] = x
        return x

    def unfit(m):
        m[m[0] > 3] = 1.0
        return m

    with pytest.raises(TraceError, match=r"`x\[x > 4\]` at .* is written where another mask is"):
        traced(other_mask, V)
    with pytest.raises(TraceError, match=r"`x` .*is written where a mask is true.*value\[mask\]"):
        traced(values, V)
    with pytest.raises(ShapeError, match=r"the mask .* does not fit"):
        traced(unfit, M, dims="exact")


def adds_up(x, j):
    y = x * 1.0
    np.add.at(y, j, x[:4])
    np.subtract.at(y, j, 2.0)
    np.add.at(y, 0, 1.0)
    np.add.at(y, slice(1, 3), x[4:6])
    np.add.at(y, x > 3, 1.5)
    z = np.zeros((3, 4))
    np.add.at(z, (j % 3, j), x[:4])
    z[j % 3, j] += x[:4]
    count = np.zeros(4, int)
    np.add.at(count, j, 1)
    return y, z, count


def adds_up_in_a_loop(x, n):
    y = np.zeros(4)
    for i in range(n):
        np.add.at(y, J, x[i : i + 4])
        if x[i] > 0:
            np.add.at(y, i, x[i])
    return y


def test_adding_at_places_agrees_with_numpy():
    agrees(adds_up, V, J)
    agrees(adds_up_in_a_loop, V, 3)

    def weighted(x, j):
        y = np.zeros(4)
        np.add.at(y, j, x[:4] ** 2)
        return (y * np.arange(4.0)).sum()

    x_bar = bp.grad(weighted, target="numpy", cache=False)(V, J)
    np.testing.assert_allclose(x_bar[:4], 2 * V[:4] * J, rtol=1e-14)


def test_what_adds_at_no_places():
    def product(x, j):
        np.multiply.at(x, j, 2.0)
        return x

    def of_ints(x, j):
        np.add.at(j, 0, x[0])
        return j

    def outside(x, j):
        np.add.at(V, 0, x[0])
        return x

    with pytest.raises(UnsupportedError, match=r"np.multiply.at .*write a `for`"):
        traced(product, V, J)
    with pytest.raises(TypeMismatchError, match=r"cannot be added to `j`"):
        traced(of_ints, V, J)
    with pytest.raises(TraceError, match=r"np.add.at writes to a NumPy array"):
        traced(outside, V, J)
