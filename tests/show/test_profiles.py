"""Where a call spends its time: rows that add up, beside the figures of the cost."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ArgumentError


def network(W, b, X, y):
    h = np.tanh(X @ W + b)
    return np.mean((np.sum(h, axis=1) - y) ** 2)


def newton(x):
    y = x
    while abs(y * y - x) > 1e-9:
        y = 0.5 * (y + x / y)
    return y


ARGUMENTS = (np.full((4, 3), 0.1), np.zeros(3), np.ones((64, 4), np.float64), np.ones(64))


def test_compiled_code():
    fn = bp.value_and_grad(network, argnums=("W", "b"))
    before = fn(*ARGUMENTS)
    profile = fn.profile(*ARGUMENTS, repeat=7)
    cost = fn.cost(*ARGUMENTS)
    assert profile.runs == 7
    assert profile.dims == {"n": 4, "d": 3, "m": 64}
    assert sum(row.seconds for row in profile.rows) == pytest.approx(profile.seconds)
    assert sum(row.share for row in profile.rows) == pytest.approx(1.0)
    assert profile.call > 0
    *rows, rest = profile.rows
    assert (rest.name, rest.line, rest.operations) == ("between these", 0, None)
    lines = fn.source.splitlines()
    assert all("for " in lines[row.line - 1] or "np.dot" in lines[row.line - 1] for row in rows)
    assert [row.name for row in rows if "np.dot" in lines[row.line - 1]] == [
        "X W",
        "W_bar = Xᵀ temporary",
    ]
    assert 0 < sum(row.operations for row in rows) <= cost.total.operations.value
    assert all(row.bandwidth is None or row.bandwidth > 0 for row in rows)
    text = str(profile)
    assert text.startswith("Profile of network at n = 4, d = 3, m = 64: ")
    assert max(map(len, text.splitlines())) <= 100
    assert profile._repr_html_().count("<table") == 1
    np.testing.assert_equal(fn(*ARGUMENTS), before)


def test_what_only_a_run_can_tell_is_left_out():
    fn = bp.grad(newton, target="numpy")
    profile = fn.profile(2.0, repeat=3)
    assert any(row.name.startswith("while ") for row in profile.rows)
    assert all(row.operations is None and row.bytes is None for row in profile.rows)


def test_lines_of_the_numpy_target():
    fn = bp.value_and_grad(network, target="numpy")
    profile = fn.profile(*ARGUMENTS, repeat=3)
    lines = fn.source.splitlines()
    *rows, _ = profile.rows
    assert rows
    assert all(lines[row.line - 1].strip().startswith(row.name[:31]) for row in rows)


def test_many_rows_are_cut_to_those_that_take_longest():
    def long(x):
        for _ in range(8):
            x = np.sin(x) + np.sum(x)
            x = np.tanh(x @ x) * x
        return np.sum(x)

    text = str(bp.grad(long, target="numpy").profile(np.ones(3), repeat=2))
    assert "others" in text
    assert len(text.splitlines()) < 40


@pytest.mark.parametrize("repeat", [0, -1, 2.5, "many", True])
def test_repeat_is_a_number_of_runs(repeat):
    with pytest.raises(ArgumentError, match="give the number of runs"):
        bp.grad(newton, target="numpy").profile(2.0, repeat=repeat)


def test_what_a_model_raises_is_explained():
    fn = bp.compile(lambda x, i: x[i] * 2.0, target="numpy")
    fn(np.ones(3), 1)
    with pytest.raises(IndexError, match="out of range"):
        fn.profile(np.ones(3), 7)
