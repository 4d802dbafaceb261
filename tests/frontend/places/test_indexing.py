"""Reading at an index: NumPy's result for every kind of index, guards, and errors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpcompile.errors import ShapeError, TraceError, TypeMismatchError
from tests.tracing import agrees, run, traced

X = np.arange(60.0).reshape(3, 4, 5)
V = np.arange(7.0)

INDICES = [
    0, -1, 2, slice(None), slice(1, None), slice(None, -1), slice(None, 2), slice(-2, None),
    slice(None, None, 2), slice(None, None, -1), slice(2, 0, -1), slice(5, 1), slice(-100, 100),
    slice(100, None, -2), slice(None, -3, -1), slice(0, 0), ..., None, (0, 1), (0, 1, 2),
    (slice(1, 3), 0), (..., 0), (0, ..., -1), (slice(None), None, 1), (None, ..., None),
    (..., slice(None, None, 2)), [0, 2], [[0, 1], [2, 0]], [-1, -3], (slice(None), [0, 3]),
    ([0, 1], [2, 3]), ([0, 1], [2, 3], [4, 0]), ([[0], [1]], [2, 3]), (0, [1, 2]), ([1, 2], 0),
    (0, slice(None), [1, 2]), ([0, 1], slice(None), [1, 2]), (slice(None), 0, [1, 2]),
    (slice(None), [1, 2], 0), ([0, 1], slice(1, 3)), (slice(1, 3), [1, 2]), (None, [0, 2]),
    ([0, 2], None), (1, [0, 1], None), [], (..., [0, 1]), X[:, 0, 0] > 20, X > 30,
    (slice(None), X[0, :, 0] > 5), np.array([2, 0]), np.array(1),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("dims", ["auto", "exact"])
def test_index(index, dims):
    agrees(lambda x: x[index], X, dims=dims)


def test_every_slice_of_a_short_vector():
    bounds = [None, -9, -8, -7, -3, -1, 0, 1, 3, 6, 7, 8, 9]
    slices = [
        slice(*s)
        for s in itertools.product(bounds, bounds, [None, 2, -1, -3])
        if s[0] is None or s[1] is None or (s[0] + s[1]) % 3 == 0
    ]
    agrees(lambda x: [x[s] for s in slices], V)
    agrees(lambda x: [x[s] for s in slices], V, dims="exact")


def test_traced_indices():
    k = np.array([[0, 3], [-1, 1]])

    def model(x, i, k):
        return x[i], x[:, i], x[k % 3], x[i, k], x[:, k], x[k[1], 1], x[0, i, k[1]], x[i, :, k]

    agrees(model, X, 2, k)


def test_traced_index_from_the_back():
    agrees(lambda x, i: (x[i], x[i, -2]), X, -1)


def test_a_run_time_int_bounds_a_slice():
    def model(x, k):
        return x[:k], x[k:], x[k - 1 : k + 1], x[-k:], x[: 2 * k : 2]

    found = agrees(model, V, 3)
    # The same graph serves another int and another length.
    other = np.arange(11.0)
    for got, want in zip(run(found, other, 4), model(other, 4), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_slice_of_known_length_at_a_computed_place():
    def model(x, k):
        i = np.argmax(k)
        return x[i : i + 3], x[:, i : i + 2]

    agrees(model, X, np.array([1, 9, 2]).repeat(2)[:3] * [1, 0, 0])


def test_new_lengths_use_the_same_graph():
    def model(x):
        return x[1:] - x[:-1], x[::2], x[::-1], x[2], x[-1]

    found = agrees(model, V)
    for n in (3, 4, 12):
        y = np.sin(np.arange(n))
        for got, want in zip(run(found, y), model(y), strict=True):
            np.testing.assert_array_equal(got, want)


def test_an_index_makes_a_guard_with_its_line():
    def model(x):
        return x[2]

    found = traced(model, V)
    (guard,) = found.graph.guards
    line = model.__code__.co_firstlineno + 1
    assert str(guard) == "n >= 3"
    assert guard.reason == f"x[2] at {__file__}:{line}"
    with pytest.raises(ShapeError, match=r"n >= 3 does not hold: 2 against 3, needed by x\[2\]"):
        run(found, V[:2])


def test_a_read_writes_nothing_where_nothing_is_taken_away():
    found = traced(lambda x: x[...], V)
    assert found.graph.outputs[0].op.name == "param"


def message_of(error):
    return str(error.value)


def test_out_of_range():
    def model(data):
        y = data * 2
        return y[7]

    with pytest.raises(IndexError) as error:
        traced(model, V)
    line = model.__code__.co_firstlineno + 2
    assert message_of(error) == (
        f"index 7 is out of range for axis 0 of `y` (f64[n]) with length n = 7 at {__file__}"
        f":{line}: write one from -n to n - 1"
    )
    with pytest.raises(
        IndexError, match=r"index -8 is out of range for axis 0 of `x` \(f64\[7\]\)"
    ):
        traced(lambda x: x[-8], V, dims="exact")
    with pytest.raises(IndexError, match=r"index 9 is out of range"):
        traced(lambda x: x[[0, 9]], V)
    with pytest.raises(IndexError, match=r"has 4 entries for `x` \(f64\[n, d, k\]\) of 3 axes"):
        traced(lambda x: x[0, 0, 0, 0], X)


def test_a_traced_mask_is_refused_with_the_way_out():
    with pytest.raises(
        TraceError, match=r"`x\[x > 2\]` .*not known.*write np.where\(mask, x, 0.0\)"
    ):
        traced(lambda x: x[x > 2], V)


def test_what_is_no_index():
    with pytest.raises(TypeMismatchError, match=r"str is no index of `x`"):
        traced(lambda x: x["a"], V)
    with pytest.raises(TypeMismatchError, match=r"float is no index of `x`"):
        traced(lambda x: x[1.0], V)
    with pytest.raises(TypeMismatchError, match=r"cannot be an index of `x`.*\.astype\(int\)"):
        traced(lambda x: x[x], V)
    with pytest.raises(TypeMismatchError, match=r"True as an index"):
        traced(lambda x: x[True], V)


GIVEN = np.array([0.0, 0.0])


def test_assignment_into_a_captured_array_is_refused():
    def plain(x):
        out = GIVEN
        out[0] = x[0]
        return out

    def augmented(x):
        out = GIVEN
        out[1] += x[0]
        return out

    for model, line in ((plain, 2), (augmented, 2)):
        with pytest.raises(TraceError) as error:
            traced(model, V)
        where = f"{__file__}:{model.__code__.co_firstlineno + line}"
        assert f"is written to a place of a NumPy array at {where}" in message_of(error)


def test_assignment_of_known_values_is_pythons_own():
    def model(x):
        table = {}
        table["a"] = x
        weights = np.array([0.0, 0.0, 0.0])
        weights[1:] = 2.0
        weights[0] += 5.0
        counts = [0]
        counts[0] += 3
        return table["a"] * weights * counts[0]

    agrees(model, np.arange(3.0))
