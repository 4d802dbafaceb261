from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.show.cost import ScheduleCost
from bpcompile.transforms.revolve import fewest_steps

X = np.linspace(0.1, 2.0, 10)


def schedules(checkpoint: Any, steps: int = 100) -> tuple[ScheduleCost, ...]:
    """Return what the cost of a gradient says of the loops."""

    def model(x: Any, steps: Any) -> Any:
        for _ in bp.range(steps, checkpoint=checkpoint):
            x = np.tanh(x) + 0.1 * np.sin(x * x)
        return np.sum(x)

    found: tuple[ScheduleCost, ...] = bp.grad(model, target="numpy").cost(X, steps).schedules
    return found


def test_stretches() -> None:
    (one,) = schedules(8)
    assert (one.kind, one.kept.value, one.runs) == ("stretches of 8 steps", 13 * 80, 2.0)
    assert one.tape.value % (8 * 80) == 0
    assert one.loop.startswith("test_schedules.py:")
    (one,) = schedules("sqrt")
    assert (one.kind, one.kept.value) == ("stretches of 11 steps", 11 * 80)


@pytest.mark.parametrize(("asked", "places"), [(("binomial", 4), 4), ("binomial", 8)])
def test_binomial_schedules(asked: Any, places: int) -> None:
    (one,) = schedules(asked)
    assert (one.kind, one.kept.value) == (f"binomial, {places} states", (places + 1) * 80)
    assert one.tape.value == 0
    assert one.runs == 1 + (fewest_steps(100, places) + 1) / 100


def test_what_is_kept_of_every_step_is_no_schedule() -> None:
    assert schedules(None) == ()


def test_functions_that_are_computed_again() -> None:
    def model(x: Any) -> Any:
        return np.sum(bp.checkpoint(lambda u: np.exp(np.sin(u)))(x))

    cost = bp.grad(model, target="numpy").cost(X)
    assert [(one.kind, one.runs) for one in cost.schedules] == [("computed again", 2.0)]
    assert "runs of a step" in str(cost)
    assert "runs of a step" in cost._repr_html_()
