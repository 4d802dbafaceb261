"""Counts of what loops do are exact sums over their counters."""

from __future__ import annotations

import pytest

from bpcompile.ir.dims import Dim, evaluate
from bpcompile.schedule.traffic import _least, _Loop, _total

N, D = Dim.named("n"), Dim.named("d")


@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_sums_over_a_counter_are_exact(power):
    i = Dim.named("%i")
    each = [D * 3, i * D + 2, i * i * 2 + i, i * i * i * D - i][power]
    for lower, upper in [(0, 7), (2, 7), (3, 3), (0, 1)]:
        total = _total(each, (_Loop("%i", lower, upper),))
        expected = sum(evaluate(each, {"%i": k, "d": 5}) for k in range(lower, upper))
        assert evaluate(total, {"d": 5}) == expected


def test_triangular_loops_and_bounds_by_counters():
    i = Dim.named("%i")
    loops = (_Loop("%i", 0, N), _Loop("%j", 0, i))
    for n in (0, 1, 5, 10):
        assert evaluate(_total(1, loops), {"n": n}) == n * (n - 1) // 2
    assert str(_total(1, loops)) == "(n*n - n) // 2"
    cubic = (*loops, _Loop("%k", 0, Dim.named("%j")))
    for n in (3, 6):
        exact = sum(j for i in range(n) for j in range(i))
        assert evaluate(_total(1, cubic), {"n": n}) == exact


def test_least_of_two_counts():
    assert _least(N * 2, N) == N
    assert _least(N, N * D) in (N, _least(N, N * D))
    assert _least(3, N) == 3
    assert _least(7, 5) == 5
    assert evaluate(_least(N * 2 - 2, N), {"n": 1}) == 0
    assert evaluate(_least(N * 2 - 2, N), {"n": 9}) == 9
