"""Bits of ints where they are arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import TypeMismatchError
from bpcompile.passes.pipeline import LOWER
from bpcompile.passes.pipeline import run as run_passes
from tests.emit.running import TARGETS, emit
from tests.emit.running import run as emitted
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


def test_bits_of_any_ints():
    def model(n, m):
        return n & m, n | m, n ^ m, n & 5, n ^ -1, n | 8, ~(n & m) ^ (n | m), (n & (0, 3)[0]) + 1

    n, m = np.array([0, 5, -7, 2**62, -(2**63), 12]), np.array([3, -1, 6, 2**61 + 1, 1, -12])
    agrees(model, n, m)
    agrees(model, 13, -6)
    agrees(lambda n: (n & (0, 3), n | np.array([1, 2])), np.array([7, 9]))


def test_shifts_by_any_number():
    n, k = np.array([1, -5, 2**40, 7, -1, 3, 9]), np.array([0, 3, 30, 63, 64, -1, 100])
    agrees(lambda n, k: (n << k, n >> k, n << 62, n >> 64, n >> 63, 1 << k), n, k)
    agrees(lambda n, k: (n << k, n >> k), -9, 2)


def test_counting_bits():
    n = np.array([0, 1, -1, 255, -256, 2**62 + 5, -(2**63), 2**63 - 1])
    agrees(lambda n: np.bitwise_count(n).astype(int), n)
    agrees(lambda n: np.bitwise_count(n).astype(int), n > 0)


@pytest.mark.parametrize("target", ["numpy", "python"])
def test_emitted(target):
    def model(n, m):
        return (
            (n | m) ^ (n & m),
            (n ^ m) + 1,
            -(n | m) * 2,
            (n << (m & 3)) > (n >> (m & 7)),
            ~(n ^ m),
        )

    graph = run_passes(traced(model, 13, 6).graph, LOWER)
    text = emit(graph, TARGETS[target])
    for n, m in ((13, 6), (-9, 4), (0, -1)):
        assert [int(x) for x in emitted(text, (n, m), how=target)] == [int(x) for x in model(n, m)]


def test_floats_have_no_bits():
    with pytest.raises(TypeMismatchError, match=r"bitwise_count of `x`.*astype\(int\)"):
        traced(lambda x: np.bitwise_count(x), 1.5)
    with pytest.raises(TypeMismatchError):
        traced(lambda x: x & 3, 1.5)
