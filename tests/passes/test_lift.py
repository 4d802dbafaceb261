"""What is dear and the same in each iteration is computed once, before the loop."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.graph import regions
from bpcompile.ir.interpret import interpret
from bpcompile.ir.verify import verify
from bpcompile.passes.lift import lift
from bpcompile.passes.pipeline import LOWER, run
from bpcompile.transforms.reverse import reverse
from tests.tracing import traced

RNG = np.random.default_rng(5)
A, B, X = np.eye(4) + 0.1 * RNG.random((4, 4)), 0.3 * RNG.random((4, 4)), RNG.random(4)
STEPS = 9


def implicit(a, b, x, steps):
    for _ in range(steps):
        x = np.linalg.solve(a, x) + 0.1 * x
    return np.sum(x)


def nested(a, b, x, steps):
    for _ in range(steps):
        for _ in range(steps):
            x = np.tanh((a @ b) @ x)
    return np.sum(x)


def until(a, b, x, steps):
    while x[0] < 5.0:
        x = 1.5 * x + np.linalg.solve(a + b, x) + 1.0
    return np.sum(x)


def in_a_branch(a, b, x, steps):
    for _ in range(steps):
        if x[0] > 0.5:
            x = 0.5 * np.linalg.solve(a, x)
    return np.sum(x)


def changing(a, b, x, steps):
    for _ in range(steps):
        x = np.linalg.solve(a + x[0] * b, x)
    return np.sum(x)


def raising(a, b, x, steps):
    for _ in range(steps):
        x = np.linalg.cholesky(a @ a.T) @ (0.5 * x)
    return np.sum(x)


def dear(graph, name, inside=False):
    """Return the numbers of ops of a name outside of regions, and inside of them."""
    outside, within = 0, 0
    for node in graph.nodes:
        found = node.op.name == name
        outside, within = outside + (found and not inside), within + (found and inside)
        for _, region in regions(node):
            within += dear(region, name, inside=True)[1]
    return outside, within


@pytest.mark.parametrize(
    ("model", "name", "gradient", "want"),
    [
        (implicit, "lu_factor", False, (1, 0)),
        (implicit, "lu_factor", True, (1, 0)),  # one for both sweeps
        (nested, "matmul", False, (1, 1)),
        (until, "lu_factor", False, (1, 0)),
        (until, "lu_factor", True, (1, 0)),
        (in_a_branch, "lu_factor", False, (0, 1)),  # the arm may not run
        (changing, "lu_factor", False, (0, 1)),
        (raising, "cholesky", False, (0, 1)),  # the loop may not run
    ],
)
def test_what_stands_before_the_loop(model, name, gradient, want):
    graph = traced(model, A, B, X, STEPS).graph
    graph = reverse(graph, [0, 1, 2]) if gradient else graph
    lowered = run(graph, LOWER)
    verify(lowered)
    assert dear(lowered, name) == want
    for expected, found in zip(
        interpret(graph, [A, B, X, STEPS]), interpret(lowered, [A, B, X, STEPS]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_nothing_to_lift():
    graph = traced(lambda x: np.sum(np.sin(x)), X).graph
    assert lift(graph) is graph
