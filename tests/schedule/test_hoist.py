"""Tests of indices go out of loops where that says the same, and stay where it does not."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.ir.dims import Dim
from bpcompile.schedule.cursor import Count, Cursor
from bpcompile.schedule.hoist import hoisted
from bpcompile.schedule.ranges import Facts

N, M, D = Dim.named("n"), Dim.named("m"), Dim.named("d")
I, J, V = Dim.named("%i"), Dim.named("%j"), Dim.named("%v")


def placed(value, *counts, born=(), barrier=False):
    """Return where the test of an index goes from inside of loops, and the number of loops left."""
    facts, cursor = Facts(), Cursor()
    depths = {cursor: 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "_counters", {})
        for depth, (token, first, end) in enumerate(counts):
            loop = facts.counting(token, first, end)
            loop.__enter__()
            cursor = cursor.nested(Count(token, first, end))
            if born and depth == born[0]:
                cursor._born.add(str(V))
            if barrier:
                cursor = cursor.nested()
            depths[cursor] = depth + 1
        return hoisted(value, cursor, facts), depths


def test_an_index_that_no_loop_changes_is_tested_once():
    found, depths = placed(V, ("%i", 0, N), ("%j", 0, M), born=(0,))
    assert depths[found.cursor] == 1
    assert (found.value, found.runs, found.is_extreme) == (V, (M,), False)


def test_the_largest_index_is_tested_before_the_loops():
    found, depths = placed(I + J * 2 + D, ("%i", 0, N), ("%j", 1, M))
    assert depths[found.cursor] == 0
    assert found.value == D + N - 1 + 2 * M - 2
    assert found.runs == (N, M - 1)
    assert found.is_extreme


def test_an_index_that_falls_is_tested_at_its_first_step():
    found, depths = placed(N - 1 - I, ("%i", 0, N))
    assert (depths[found.cursor], found.value) == (0, N - 1)


def test_inner_steps_that_depend_on_the_outer_counter_keep_the_test_inside():
    found, depths = placed(J + D, ("%i", 0, N), ("%j", 0, I))
    assert depths[found.cursor] == 1  # the inner loop may take no step at i = 0
    assert (found.value, found.runs) == (I - 1 + D, (I,))


def test_inner_steps_that_are_never_none_do_not():
    found, depths = placed(J + D, ("%i", 0, N), ("%j", 0, I + 1))
    assert depths[found.cursor] == 0
    assert (found.value, found.runs) == (N - 1 + D, (N,))


def test_an_index_that_may_be_negative_stays():
    found, depths = placed(I - 1, ("%i", 0, N))
    assert depths[found.cursor] == 1
    assert not found.is_extreme


def test_a_product_of_counters_stays():
    found, depths = placed(I * J, ("%i", 0, N), ("%j", 0, M))
    assert depths[found.cursor] == 2


def test_no_test_leaves_a_branch():
    found, _ = placed(I + D, ("%i", 0, N), barrier=True)
    assert found.cursor.counts is None
    assert found.value == I + D


def beside(x, y, n):
    total = 0.0
    for i in range(n):
        for j in range(y.shape[0]):
            total += x[i + j] * y[j]
    return total


def test_the_error_says_the_array_and_the_line():
    made = bp.value_and_grad(beside, argnums=(0, 1))
    x, y = np.arange(6.0), np.array([1.0, 2.0])
    value, (x_bar, _) = made(x, y, 5)
    assert value == beside(x, y, 5)
    assert x_bar.tolist() == [1.0, 3.0, 3.0, 3.0, 3.0, 2.0]
    assert made(x, y[:0], 60)[0] == 0.0  # no step of the inner loop, so no index
    with pytest.raises(IndexError, match=r"index 6 .* of `x` .*test_hoist\.py:\d+"):
        made(x, y, 6)
