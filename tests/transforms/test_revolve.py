from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.ir import interpret as interpreter
from bpcompile.ir.graph import Graph
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.transforms.reverse import reverse
from tests.tracing import traced

PLACES = (1, 2, 3, 5, 8)
STEPS = (*range(1, 13), 21, 22, 56, 57, 130)


@functools.cache
def fewest(steps: int, places: int) -> int:
    """Return the least number of steps by trying where to keep the next state."""
    if steps <= 1:
        return 0
    if places == 1:
        return steps * (steps - 1) // 2
    return min(k + fewest(steps - k, places - 1) + fewest(k, places) for k in range(1, steps))


def known_optimum(steps: int, places: int) -> int:
    """Return t(n, c) = r n - β(c + 1, r - 1) of Griewank and Walther."""
    r = 0
    while math.comb(places + r, places) < steps:
        r += 1
    return r * steps - (math.comb(places + r, places + 1) if r else 0)


def orbit(checkpoint: Any) -> Graph:
    """Return the joint graph of a recurrence whose number of steps is an argument."""

    def model(x: Any, steps: Any) -> Any:
        for i in bp.range(steps, checkpoint=checkpoint):
            x = np.sin(x) + 0.1 * i * np.cos(x * x)
        return x * x

    graph = run(traced(model, 0.4, 10).graph, SIMPLIFY)
    return run(reverse(graph, [0]), LOWER)


@pytest.fixture
def advanced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the steps that loops run outside of the adjoint of a step."""
    found = [0]
    evaluate = interpreter._Run._evaluate

    def counting(self: Any, step: Any, values: Any) -> Any:
        if step.node.op.name == "loop" and step.node.attrs["body"].name == "body":
            lower, upper = (int(values[k]) for k in step.args[:2])
            found[0] += max(upper - lower, 0)
        return evaluate(self, step, values)

    monkeypatch.setattr(interpreter._Run, "_evaluate", counting)
    return found


def test_the_closed_form_is_the_least() -> None:
    for places in PLACES:
        assert [known_optimum(n, places) for n in range(1, 41)] == [
            fewest(n, places) for n in range(1, 41)
        ]


@pytest.mark.parametrize("places", PLACES)
def test_steps_are_as_few_as_can_be(places: int, advanced: list[int]) -> None:
    joint, plain = orbit(("binomial", places)), orbit(None)
    for steps in STEPS:
        advanced[0] = 0
        found = interpreter.interpret(joint, [0.4, steps])
        # The forward sweep also runs the last step, which the count leaves to its adjoint.
        assert advanced[0] - 1 == known_optimum(steps, places), f"{steps} steps"
        np.testing.assert_allclose(found, interpreter.interpret(plain, [0.4, steps]), rtol=1e-12)


def test_no_step_is_none() -> None:
    value, gradient = interpreter.interpret(orbit("binomial"), [0.4, 0])
    assert (float(value), float(gradient)) == (0.4 * 0.4, 0.8)


def test_about_log_n_places_are_taken_by_default(advanced: list[int]) -> None:
    interpreter.interpret(orbit("binomial"), [0.4, 300])
    assert advanced[0] - 1 == known_optimum(300, 10)
