"""Python's own functions on traced values and lengths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpcompile.errors import TraceError, TypeMismatchError, UnsupportedError
from tests.tracing import agrees, run, traced

V = np.array([0.5, -1.5, 2.0])
X = np.arange(6.0).reshape(3, 2)


def test_max_and_min():
    def model(x, s):
        return (
            max(s, x[0]), min(s, x[0], 0.3), max(x), min(x), max([s, 1.0]), max(2, 3), min((1, 2)),
            max(x[0] * 0 + 7, 8.0), max("a", "b") == "b", max([1, -3], key=abs), min([], default=4),
            max(float(k) for k in range(3)),
        )  # fmt: skip

    agrees(model, V, 0.7)


def test_max_of_arrays_is_refused():
    with pytest.raises(
        TypeMismatchError, match=r"max\(\) compares numbers, not `x` .*np.maximum\(a"
    ):
        traced(lambda x: max(x, 0.0), V)
    with pytest.raises(
        TypeMismatchError, match=r"min\(\) of `x` .* compares whole rows.*np.min\(x\)"
    ):
        traced(lambda x: min(x), X)
    with pytest.raises(TraceError, match=r"the truth of"):
        traced(lambda x: max(x, key=lambda v: v), V)


def test_sum():
    def model(x, y):
        return (
            sum(x), sum(y), sum(x, 1.0), sum([v * 2 for v in x]), sum(v for v in x),
            sum([1, 2]), sum([], 5), sum([x, x]),
        )  # fmt: skip

    agrees(model, V, X)
    found = traced(lambda x: sum([x[0], x[1]]), V)
    assert sum(node.op.name == "add" for node in found.graph.nodes) == 1


def test_iteration():
    def model(x, y):
        pairs = [a * b for a, b in zip(x, y[:, 0], strict=True)]
        numbered = [k * v for k, v in enumerate(x)]
        (a, b), *rest = y
        return (
            pairs, numbered, a, b, rest, list(reversed(x)), [len(x), len(y), len("abc")],
            sorted([3, 1, 2]), list(map(np.sin, x)), list(filter(None, [1, 0, 2])),
            any([False, True]), all([]), tuple(x), abs(x), pow(x[0], 2), round(x[2]), bool([1]),
        )  # fmt: skip

    agrees(model, V, X)


def test_numbers():
    def model(x):
        n = x.shape[0]
        return int(n) * x, float(n) * x, int("3"), float("2.5"), int("11", 2), range(n)[1], 0.0

    agrees(model, V)


def test_isinstance():
    def model(x, s, n, b):
        flags = [
            isinstance(x, np.ndarray), isinstance(s, float), isinstance(x[0], np.floating),
            isinstance(s, (int, float)), isinstance(n, int), isinstance(b, bool),
            isinstance(x, float), isinstance(s, np.ndarray), isinstance(s, int),
            isinstance(x[0], float), isinstance(len(x), int), isinstance("a", str),
            isinstance(x, (list, tuple)),
        ]  # fmt: skip
        return x, *flags

    agrees(model, V, 1.5, 2, True)


def test_math_refuses_arrays_and_unknown_functions():
    with pytest.raises(TypeMismatchError, match=r"math.sin takes a number, not `x` \(f64\[n\]\)"):
        traced(lambda x: math.sin(x), V)
    with pytest.raises(UnsupportedError, match=r"math.dist is not known"):
        traced(lambda x: math.dist([x[0]], [1.0]), V)
    agrees(lambda x: x * math.lgamma(3.5) + math.gcd(4, 6) + math.sqrt(len(x) * 1.0), V)


def test_math_on_lengths():
    agrees(lambda x: (x * math.sqrt(len(x)), math.log(x.shape[0]), math.floor(len(x))), V)


def test_len_of_a_scalar():
    with pytest.raises(TypeMismatchError, match=r"`s` \(f64\[\]\) is a scalar and has no length"):
        traced(lambda s: len(s), 1.0)
    with pytest.raises(TypeMismatchError, match=r"is a scalar: it cannot be iterated"):
        traced(lambda s: list(s), 1.0)


def test_numbers_of_another_kind():
    def model(x, t):
        k = int(t / 0.3)
        total = float(k) if bool(k) else 0.5
        for i in range(int(t * 4)):
            total += x[k] * float(i)
        return total, float(x.sum()) * int(-t), round(t)

    found = traced(model, np.arange(4.0), 0.7)
    for t in (0.7, 1.1, 0.0):
        got, want = run(found, np.arange(4.0), t), model(np.arange(4.0), t)
        np.testing.assert_allclose(np.array(got, float), want, rtol=1e-14)
