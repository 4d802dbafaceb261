"""Whole numbers and places: against NumPy, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError, TypeMismatchError, UnsupportedError
from tests.tracing import agrees, run, traced

A = np.array([12, -18, 0, 7, 2**40, 0])
B = np.array([18, 12, 5, 0, 2**20 * 3, 0])
M = np.arange(12.0).reshape(3, 4)


def test_divisors_and_multiples():
    agrees(lambda a, b: (np.gcd(a, b), np.lcm(a, b), np.gcd(a, 6)), A, B)
    agrees(lambda a, b: np.gcd(a, b), 12, 18)


def test_places_in_flat_arrays():
    i, j = np.array([0, 2, 1]), np.array([3, 0, 2])
    agrees(lambda i, j: np.ravel_multi_index((i, j), (3, 4)), i, j)
    agrees(lambda i, j: np.ravel_multi_index((i, j), (3, 4), order="F"), i, j)
    agrees(lambda i, j: np.ravel_multi_index((i, j), (2, 3), mode=("wrap", "clip")), i, j)
    agrees(lambda k: np.unravel_index(k, (3, 4)), np.array([0, 7, 11]))
    agrees(lambda k: np.unravel_index(k, (2, 3, 2), order="F"), np.array([0, 7, 11]))
    found = traced(lambda k: np.unravel_index(k, (3, 4)), np.array([0, 7]))
    with pytest.raises(ValueError, match="out of range"):
        run(found, np.array([0, 12]))


def test_indices_from_a_matrix():
    agrees(lambda m: m[np.tril_indices_from(m)].sum() + m[np.triu_indices_from(m, 1)].prod(), M)
    agrees(lambda m: m[np.diag_indices_from(m)], M[:, :3])


def test_order_by_several_keys():
    first, second = np.array([1, 5, 1, 4, 3, 4, 4]), np.array([9.0, 4, 0, 4, 0, 2, 1])
    agrees(lambda a, b: np.lexsort((b, a)), first, second)
    agrees(lambda a: np.lexsort((a, a > 1), axis=0), np.array([[1, 5], [0, 2], [3, 0]]))


def test_writing_and_filling():
    def placed(x, values):
        y = x.copy()
        np.place(y, y > 4.0, values)
        return y

    agrees(placed, M, np.array([-1.0, -2.0, -3.0]))
    agrees(lambda x: (np.resize(x, (2, 9)), np.resize(x, 5), np.resize(x, (0, 2))), M)


def test_over_axes_and_equivalence():
    agrees(lambda x: np.apply_over_axes(np.sum, x, (0, 1)), M)
    agrees(lambda x, y: (np.array_equiv(x, y), np.array_equiv(x, x)), M, M[0])
    assert not run(traced(lambda x, y: np.array_equiv(x, y), M, M[:2]), M, M[:2])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_mantissa_and_exponent(dtype):
    info = np.finfo(dtype)
    values = [0.5, 1.0, 0.75, 3.0, -8.0, 1e30, 1e-30, 0.0, -0.0, np.inf, -np.inf, np.nan]
    edges = [info.max, info.tiny, info.smallest_subnormal, np.nextafter(1, 0), np.nextafter(2, 3)]
    x = np.array([*values, *edges, *2.0 ** np.arange(-20, 20), 5 * info.smallest_subnormal], dtype)
    agrees(np.frexp, x, rtol=0.0)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (lambda x: np.gcd(x, 2), TypeMismatchError, r"np\.gcd of `x`.*astype\(int\)"),
        (lambda x: np.ravel_multi_index((x > 0,), (3, 4)), ShapeError, "one of each"),
        (lambda x: np.tril_indices_from(x), ShapeError, "at least two axes"),
        (
            lambda x: np.unravel_index(x.astype(int), (3,), order="Z"),
            UnsupportedError,
            "write 'C' or 'F'",
        ),
        (lambda x: np.resize(x, -2), ShapeError, "write an int from 0"),
    ],
)
def test_refusals(model, error, message):
    with pytest.raises(error, match=message) as found:
        traced(model, M[0])
    assert "test_integers.py:" in str(found.value)
