"""Bits of ints where they are arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import UnsupportedError
from tests.tracing import agrees, run, traced


def bits(n, k):
    return n & 1, 7 & n, n & -1, n >> 1, n << 3, ~n, n & 0, k & 3, k >> 2, ~k, np.invert(k)


def test_bits_of_ints_are_those_of_python():
    k = np.array([-7, -1, 0, 5, 2**40])
    found = traced(bits, 5, k)
    for n in (5, 0, -1, -6, 2**40 + 3):
        for got, want in zip(run(found, n, k), bits(n, k), strict=True):
            np.testing.assert_array_equal(got, want)


def test_bools_stay_logic():
    x = np.array([True, False, True])
    agrees(lambda x, y: (x & y, x | y, x ^ y, ~x), x, ~x)


def test_a_step_by_squaring():
    def power(x, n):
        result = 1.0
        while n > 0:
            if n & 1:
                result = result * x
            x = x * x
            n >>= 1
        return result

    for n in (0, 1, 6, 13):
        np.testing.assert_allclose(run(traced(power, 1.1, 3), 1.1, n), 1.1**n)


@pytest.mark.parametrize(
    "model",
    [
        lambda n, m: n | m,
        lambda n, m: n ^ m,
        lambda n, m: n & m,
        lambda n, m: n & 5,
        lambda n, m: n << m,
        lambda n, m: n >> 64,
    ],
)
def test_other_bits_are_refused(model):
    with pytest.raises(UnsupportedError, match=r"of traced ints is known for .*py:\d+: write it"):
        traced(model, 5, 3)
