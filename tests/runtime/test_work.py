"""How much a call computes, from above."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.runtime.work import short_up_to


def limit(model, *args, grad=False):
    fn = (bp.value_and_grad if grad else bp.compile)(model, target="numpy")
    fn(*args)
    (made,) = fn.specializations
    return short_up_to(made.compilation.lowered, made.program.dims)


@pytest.mark.parametrize(
    ("model", "args", "low", "high"),
    [
        (lambda x: np.sin(x), (np.ones(4),), 512, 1024),
        (lambda x, y: np.sin(x[:, None] * y), (np.ones(4), np.ones(5)), 8, 64),
        (lambda x, y: x @ y, (np.ones((4, 5)), np.ones((5, 6))), 1, 8),
        (lambda x: np.sum(x[: len(x) // 2]), (np.ones(4),), 256, 1024),
        (lambda x: np.sum(x) + np.sum(np.ones((100, 100)) * x[0]), (np.ones(4),), -1, 0),
        (lambda x, y: x * y, (1.0, 2.0), 1024, 1024),
    ],
)
def test_the_limit_follows_the_elements_computed(model, args, low, high):
    assert low <= limit(model, *args) <= high


def test_loops_may_take_any_time():
    def model(x, count):
        return bp.fori_loop(0, count, lambda k, total: total + x[0] * k, 0.0)

    assert limit(model, np.ones(2), 3) == -1


def test_very_many_operations_are_not_looked_at():
    def model(x):
        for _ in range(2100):
            x = x * x + 1.0
        return x

    assert limit(model, 1e-9) == -1
