from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.parse import parse
from bpcompile.ir.verify import verify
from bpcompile.ir.walk import all_graphs, graph_equal
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.tracing import traced

CHOICES: list[Any] = [1, 4, "sqrt", ("binomial", 1), ("binomial", 3), "binomial"]


def models(checkpoint: Any) -> dict[str, Callable[[Any], Any]]:
    """Return functions whose loops ask for what is kept."""

    def steps(*bounds: Any) -> Any:
        return bp.range(*bounds, checkpoint=checkpoint)

    def scanned(x: Any) -> Any:
        def step(c: Any, u: Any) -> Any:
            return np.sin(c) * u + 0.3, c * c

        c, ys = bp.scan(step, x[0], x, checkpoint=checkpoint)
        d, zs = bp.scan(step, x[1], x, reverse=True, checkpoint=checkpoint)
        return np.sum(ys * ys) + c + np.sum(zs * np.sin(zs)) * d

    def pair(x: Any) -> Any:
        def step(i: Any, c: Any) -> Any:
            return np.sin(c[0]) + c[1] * 0.1 * i, c[0] * c[1]

        return np.sum(bp.fori_loop(2, 13, step, (x, x * 2), checkpoint=checkpoint)[1])

    def nested(x: Any) -> Any:
        s = 0.5
        for i in steps(len(x)):
            for j in steps(len(x) - i):
                s = s + np.sin(s * x[i]) * x[i + j] * 0.1
        return s * s

    def inner_alone(x: Any) -> Any:
        s = 0.5
        for i in range(len(x)):
            for j in steps(i, len(x)):
                s = s + np.sin(s * x[i]) * x[j] * 0.1
        return s * s

    def counted_by_data(x: Any) -> Any:
        for i in steps(np.sum(np.floor(x)).astype(int) + 3):
            x = x + np.sin(x * i) * 0.3
        return np.sum(x * x)

    def branches(x: Any) -> Any:
        s = 0.1
        for i in steps(len(x)):
            if x[i] > 0.5:
                s = s * x[i] + np.sqrt(x[i])
            else:
                s = np.cos(s) + x[i]
        return s

    def repeats(x: Any) -> Any:
        s = x[0]
        for i in steps(len(x)):
            while s < 2.0:
                s = s * 1.3 + x[i] * 0.1
            s = s / 2.2 * np.cos(s) + 1
        return s

    def strided(x: Any) -> Any:
        s = x[1]
        for i in steps(1, len(x), 3):
            s = s + np.sin(s * x[i])
        for i in steps(len(x) - 1, -1, -1):
            s = s + np.sin(s * x[i])
        return s

    def written(x: Any) -> Any:
        y = np.zeros(len(x))
        s = 0.0
        for i in steps(len(x)):
            y[i] = np.sin(x[i]) * s * 0.3
            s = s * 0.5 + y[i] * y[i - 1] + x[i]
        return s * np.sum(y * y) + np.sum(x * x)  # which brings x a cotangent before

    def grown(x: Any) -> Any:
        w = np.outer(x, x) * 0.1
        for i in steps(len(x)):
            x = np.tanh(w @ x) + x[i]
        return np.sum(x)

    return {name: f for name, f in locals().items() if name not in ("checkpoint", "steps")}


NAMES = tuple(models(None))
X = np.random.default_rng(0).uniform(0.7, 1.6, 11)


def graph_of(name: str, checkpoint: Any) -> Graph:
    return run(traced(models(checkpoint)[name], X).graph, SIMPLIFY)


def swept(name: str, checkpoint: Any) -> tuple[Graph, list[Any]]:
    """Return the lowered graph of value and gradient, and what it gives."""
    joint = reverse(graph_of(name, checkpoint), [0])
    verify(joint)
    lowered = run(joint, LOWER, verify=True)
    return lowered, [*interpret(joint, [X]), *interpret(lowered, [X])]


@functools.cache
def without(name: str) -> list[Any]:
    """Return what the graphs without checkpoints give."""
    return swept(name, None)[1]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_that_without_checkpoints(name: str, choice: Any) -> None:
    for got, want in zip(swept(name, choice)[1], without(name), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11)


@pytest.mark.parametrize("name", ["scanned", "nested", "counted_by_data", "branches", "grown"])
def test_second_derivative_is_that_without_checkpoints(name: str) -> None:
    plain = interpret(reverse(_gradient_sum(name, None), [0]), [X])
    for choice in (4, ("binomial", 2)):
        found = interpret(reverse(_gradient_sum(name, choice), [0]), [X])
        for got, want in zip(found, plain, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=str(choice))


def _gradient_sum(name: str, checkpoint: Any) -> Graph:
    """Return the graph of a weighted sum of the gradient."""
    model = models(checkpoint)[name]

    def weighted(x: Any) -> Any:
        return np.sum(bp.grad(model)(x) * np.cos(x))

    return run(traced(weighted, X).graph, SIMPLIFY)


@pytest.mark.parametrize("name", ["scanned", "nested"])
def test_forward_mode_ignores_it(name: str) -> None:
    tangent = np.cos(X)
    expected = interpret(forward(graph_of(name, None), [0]), [X, tangent])
    found = interpret(forward(graph_of(name, "sqrt"), [0]), [X, tangent])
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, want)


def test_reverse_over_forward_keeps_the_choice() -> None:
    tangent = forward(graph_of("pair", 4), [0])
    joint = reverse(tangent, [0])
    expected = interpret(reverse(forward(graph_of("pair", None), [0]), [0]), [X, np.cos(X)])
    for got, want in zip(interpret(joint, [X, np.cos(X)]), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11)
    assert set(_tapes(joint)) == {"3, n", "4, n"}


def _tapes(graph: Graph) -> Iterator[str]:
    """Yield the shape of each array that a loop starts without a value."""
    for region in all_graphs(graph):
        for node in region.nodes:
            if node.op.name == "empty":
                yield ", ".join(map(str, node.shape))


def test_the_tape_of_a_stretch_is_not_kept() -> None:
    shapes = set(_tapes(swept("pair", 4)[0]))
    assert shapes == {"3, n", "4, n"}, "3 states, and the 4 steps of one stretch"


def test_an_array_changed_by_elements_is_not_kept_whole() -> None:
    assert sorted(_tapes(swept("written", 4)[0])) == sorted(_tapes(swept("written", None)[0]))


def test_what_is_only_handed_out_is_not_kept() -> None:
    shapes = list(_tapes(swept("scanned", 4)[0]))
    assert set(shapes) == {"(n + 3) // 4", "4"}


@pytest.mark.parametrize("choice", [4, "sqrt", "binomial"])
def test_what_it_makes_can_be_written_and_read(choice: Any) -> None:
    joint = reverse(graph_of("pair", choice), [0])
    assert graph_equal(parse(str(joint)), joint)
