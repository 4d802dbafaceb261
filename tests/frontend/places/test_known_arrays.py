"""Arrays that a model makes of known values, and writes traced ones to."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import UnsupportedError
from tests.frontend.flow.test_more import agrees, refused
from tests.tracing import traced

X = np.array([0.31, -0.42, 0.73, 1.14])
TABLE = np.array([1.0, 2.0, 3.0, 4.0])
SEEN = []


def copies(x, n):
    y, q, t = TABLE.copy(), np.zeros_like(TABLE), np.tile(TABLE, 2).reshape(2, 4)
    z = TABLE * 2
    for i in range(n):
        y[i] += x[i] ** 2
    q[1] = x[3]
    t[1, 2:] = x[:2]
    z += x
    np.add.at(z, np.array([0, 0]), x[3])
    return y, q, t, z


def counters(x, n):
    order = np.arange(4)
    for _ in range(n):
        for j in range(3):
            if x[order[j]] > x[order[j + 1]]:
                kept = order[j]
                order[j] = order[j + 1]
                order[j + 1] = kept
    return x[order], order[n]


def in_a_helper(x, n):
    def made(table, values):
        out = table * 2
        for i in range(n):
            out[i] += values[i]
        return out

    return made(TABLE, x) * made(TABLE, x * 2)


def through_views(x, n):
    y = np.arange(4) * 1.0
    v = y[1:]
    v[0] = x[0] * n
    y[y > 1] = x[2]
    a = b = np.arange(3)
    a[0] = x[3] * 3
    return y, b


def with_out(x, n):
    y, z = np.zeros(4), np.zeros((2, 4))
    np.multiply(x, n, out=y)
    np.sin(x, out=z[1])
    return y, z


@pytest.mark.parametrize("model", [copies, counters, in_a_helper, through_views, with_out])
def test_what_the_model_makes_may_be_written_to(model):
    agrees(model, X, 3)
    assert TABLE.tolist() == [1.0, 2.0, 3.0, 4.0]


def writes_outside(x):
    TABLE[0] = x[0]
    return TABLE.sum()


def writes_by_another_name(x):
    y = TABLE
    y[0] = x[0]
    return y.sum()


def writes_a_view(x):
    y = TABLE.reshape(2, 2)
    y[0, 0] = x[0]
    return y.sum()


@pytest.mark.parametrize("model", [writes_outside, writes_by_another_name, writes_a_view])
def test_what_is_known_from_outside_stays(model):
    refused(model, X, match=r"NumPy array at .*:\d+, whose values are known: bind a copy of it")


def keeps_a_value(x):
    SEEN.append(x[0])
    return x[1]


def test_traced_values_stay_out_of_global_containers():
    refused(keeps_a_value, X, match=r"`SEEN` \(list\) is a global variable, and a traced value")
    assert not SEEN


def test_out_keeps_its_dtype():
    def model(x):
        y = np.zeros(4, int)
        np.add(y, x, out=y)
        return y

    with pytest.raises(UnsupportedError, match=r"np.add with out=.*write `a = a \+ x`"):
        traced(model, X)
