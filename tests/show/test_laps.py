"""The stop-watch in a module: its stations are the nests of loops that the plan has."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.show.costing import tasks
from bpcompile.show.laps import FIRST, timed
from tests.emit.test_golden_modules import MODELS


def matrices(A, B):
    return np.sum(np.tanh(A @ B) @ B.T)


def branching(x, n):
    total = 0.0
    if n > 3:
        for k in range(n):
            total += x[0] * k
    while total > 1.0:
        total = total * 0.5 * x[1]
    return total * np.sum(x)


CASES = {
    **MODELS,
    "matrices": (matrices, (np.ones((3, 2)), np.ones((2, 4))), {"argnums": (0, 1)}),
    "branching": (branching, (np.ones(3), 5), {}),
}


@pytest.mark.parametrize("model", CASES)
def test_stations_are_the_tasks_of_the_plan(model):
    function, example, options = CASES[model]
    fn = bp.value_and_grad(function, cache=False, **options)
    arguments = fn._subject.arguments(example, {})[0]
    made = fn._find(arguments)
    watch = timed(fn.source, "numba")
    leaves = made.leaves(arguments, ())
    known = tasks(made.compilation.lowered, leaves, cuts=bool(made.program.parts))
    assert len(watch.stations) == len(known)
    lines = fn.source.splitlines()
    for station in watch.stations:
        assert station.code
        assert lines[station.line - 1].strip().startswith(station.code)
    assert watch.length == FIRST + len(watch.stations)
    compile(watch.text, "watch", "exec")


def test_what_the_clock_takes_is_not_counted():
    watch = timed(bp.grad(np.sum, target="numpy").compile(np.ones(3)).source, "numpy")
    ticks = [0, 0, 0, 10, 100, *[50] * len(watch.stations)]
    rest, *spent = watch.seconds(ticks)
    assert spent == pytest.approx([40e-9] * len(watch.stations))
    assert rest == pytest.approx((100 - 10 * watch.laps[0]) * 1e-9)
    assert min(watch.seconds([0, 0, 0, 1000, *ticks[4:]])) == 0
