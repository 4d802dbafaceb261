"""Arrays made inside a model, of known and of run-time lengths."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError, TraceError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.functions import creation
from tests.tracing import agrees, run, traced

V = np.arange(3.0)


def test_filled():
    def model(x, s):
        n = len(x)
        return (
            np.zeros(3),
            np.zeros((2, n)),
            np.ones(n, dtype=int),
            np.full((n, 2), s),
            np.zeros(()),
            np.full(n, 7),
            np.full(2, 1.5, dtype=np.float32),
            np.ones((n, n), bool),
            np.zeros(n, "f4"),
            np.zeros(x.shape),
            np.zeros([2, 3], dtype=x.dtype),
        )

    agrees(model, V, 0.5)


def test_an_empty_array_holds_zeros():
    found = traced(lambda x: np.empty((len(x), 2)), V)
    np.testing.assert_array_equal(run(found, V), np.zeros((3, 2)))


def test_array():
    def model(x, s):
        return (
            np.array([s, 2.0, x[0]]),
            np.array([[s, 1], [x[0], x[1]]]),
            np.array([x, x * 2]),
            np.array(x),
            np.asarray(s),
            np.array([s, 1], dtype=np.float32),
            np.array((1, 2)),
            np.array([x, V, [1.0, s, 2.0]]),
            np.array([[x]]),
            np.array(s, ndmin=2),
            np.array([3, s]),
            np.array(5.0),
            np.array([]),
            np.asarray([s]),
            np.float32(s),
            np.float64(x),
            np.int64(s),
            np.array([1, 2, 3]) * x,
            np.array([len(x), 2]),
            np.ascontiguousarray(x.T),
        )

    agrees(model, V, 0.5)


def test_an_array_keeps_signed_zeros():
    found = traced(lambda s: np.array([s, 0.0, -0.0]), 1.0)
    got = run(found, 1.0)
    assert np.signbit(got).tolist() == [False, False, True]
    assert sum(node.op.name == "update" for node in found.graph.nodes) == 2


def test_counting():
    def model(x, k):
        n = len(x)
        return (
            np.arange(n),
            np.arange(1, n),
            np.arange(n, 0, -1),
            np.arange(0, 2 * n, 2),
            np.arange(k),
            np.arange(n, dtype=float),
            np.arange(k, k + 3),
            np.arange(4),
            np.arange(0.0, 1.0, 0.25),
            np.arange(n) * x,
            np.arange(0, n, 3),
            np.arange(5, step=2),
            np.arange(start=1, stop=n),
        )

    agrees(model, V, 2)


def test_linspace():
    def model(x, s):
        n = len(x)
        return (
            np.linspace(0, s, 5),
            np.linspace(s, 2, n),
            np.linspace(0.0, 1.0, n),
            np.linspace(0, s, 4, endpoint=False),
            np.linspace(s, s + 1, num=2),
            np.linspace(0, 1, 3),
        )

    agrees(model, V, 0.7, rtol=1e-15)


def test_matrices():
    def model(x):
        n = len(x)
        return np.eye(n), np.eye(n, 2), np.eye(n, k=1), np.identity(n), np.eye(3), np.eye(2, 3, -1)

    agrees(model, V)


def test_without_a_trace_they_are_numpys():
    for name in ("zeros", "ones", "empty"):
        found = getattr(creation, name)((2, 3), np.float32)
        assert type(found) is np.ndarray
        assert found.dtype == np.float32
        assert found.shape == (2, 3)
    np.testing.assert_array_equal(creation.full(2, 3.5), np.full(2, 3.5))
    np.testing.assert_array_equal(creation.array([[1, 2]]), np.array([[1, 2]]))
    np.testing.assert_array_equal(creation.arange(2, 8, 3), np.arange(2, 8, 3))
    np.testing.assert_array_equal(creation.arange(5, step=2), np.arange(0, 5, 2))
    np.testing.assert_array_equal(creation.linspace(0, 1, 3), np.linspace(0, 1, 3))
    np.testing.assert_array_equal(creation.eye(2, 3, 1), np.eye(2, 3, 1))
    np.testing.assert_array_equal(creation.identity(2), np.identity(2))
    np.testing.assert_array_equal(creation.asarray((1.0, 2.0)), np.asarray((1.0, 2.0)))


def test_errors():
    with pytest.raises(ShapeError, match=r"the shape \(-1,\) has a negative length"):
        traced(lambda x: np.zeros(-1), V)
    with pytest.raises(TypeMismatchError, match=r"float 2.5 cannot be the length of an axis"):
        traced(lambda x: np.zeros(2.5), V)
    with pytest.raises(TypeMismatchError, match=r"float16 cannot be traced"):
        traced(lambda x: np.zeros(3, dtype=np.float16), V)
    with pytest.raises(TypeMismatchError, match=r"`s` \(f64\[\]\) cannot be a bound of np.arange"):
        traced(lambda s: np.arange(s), 2.0)
    with pytest.raises(TraceError, match=r"the step 0.5 of np.arange"):
        traced(lambda x: np.arange(0, len(x), 0.5), V)
    with pytest.raises(ShapeError, match=r"cannot be put together"):
        traced(lambda x: np.array([x, x[0]]), V)
    with pytest.raises(UnsupportedError, match=r"np.full with order="):
        traced(lambda x: np.zeros(len(x), order="F"), V)
    with pytest.raises(TypeMismatchError, match=r"np.linspace takes scalar bounds"):
        traced(lambda x: np.linspace(x, 1, 3), V)
