"""Hold the emitted modules to the interpreter: random graphs, and their adjoints, on each target.

The text of the numba target is also run as plain Python, which tests schedules without the seconds
that a compilation takes; a few graphs go through Numba itself. A gradient is also held to that of
the graph without any pass, and to the tangent of forward mode. 5 000 graphs of each kind:

    pytest tests/emit/test_targets.py -m nightly
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.type import DType
from bpcompile.passes.pipeline import LOWER, SIMPLIFY
from bpcompile.passes.pipeline import run as run_passes
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.emit.running import agree, combined, emit, run, same
from tests.strategies import arguments, graphs
from tests.tracing import traced

Case = tuple[Graph, list[Any]]
# A failure says the emitted text; to shrink a graph takes minutes and is done by hand where wanted.
QUICK = {"phases": (Phase.generate,), "suppress_health_check": list(HealthCheck)}
LENGTHS = {"n": 3, "m": 2}


def value_graph(case: Case) -> Graph:
    return run_passes(case[0], LOWER)


def floats_of(graph: Graph) -> list[int]:
    """Return which parameters are floats."""
    return [k for k, p in enumerate(graph.params) if p.array_type.dtype.is_float]


def gradient_graph(case: Case) -> Graph:
    graph = case[0]
    return run_passes(reverse(run_passes(graph, SIMPLIFY), floats_of(graph)), LOWER)


def both_modes(case: Case) -> None:
    """Hold the gradient, with passes and without, and the tangent to each other, in float64."""
    graph, args = case
    wrt = floats_of(graph)
    if not wrt or graph.params[wrt[0]].array_type.dtype is not DType.F64:
        return
    plain = interpret(reverse(graph, wrt), args)
    same(plain, interpret(gradient_graph(case), args), str(graph))
    rng = np.random.default_rng(len(graph))
    t = [rng.normal(size=np.shape(args[k])) for k in wrt]
    tangent = float(interpret(forward(graph, wrt), [*args, *t])[1])
    terms = [np.sum(g * d) for g, d in zip(plain[1:], t, strict=True)]
    scale = 1 + sum(float(np.sum(np.abs(g * d))) for g, d in zip(plain[1:], t, strict=True))
    assert abs(tangent - sum(terms)) <= 1e-10 * scale, str(graph)


KINDS = {"value": (value_graph, False), "gradient": (gradient_graph, True)}
every_kind = pytest.mark.parametrize("kind", KINDS)


def hold(kind: str, how: str, examples: int, fuse: bool = True, **kwargs: Any) -> None:
    """Hold this many random graphs to the interpreter."""
    lowered, scalar = KINDS[kind]

    @settings(max_examples=examples, **QUICK, **kwargs)
    @given(graphs(scalar=scalar))
    def check(case: Case) -> None:
        agree(lowered(case), case[1], how, fuse=fuse)
        if scalar and how == "numpy":
            both_modes(case)

    check()


def drawn(kind: str, examples: int, **kwargs: Any) -> list[Graph]:
    """Return every tenth random graph of some size."""
    lowered, scalar = KINDS[kind]
    found: list[Graph] = []

    @settings(max_examples=examples, **QUICK, **kwargs)
    @given(graphs(scalar=scalar))
    def keep(case: Case) -> None:
        found.append(lowered(case))

    keep()
    return [graph for graph in found if len(graph) > 12][::10]


def hold_compiled(chosen: list[Graph], math: str = "vector") -> None:
    """Hold several graphs to the interpreter through one compilation by Numba."""
    graph = combined(chosen)
    args = arguments(graph, LENGTHS, seed=len(graph))
    text = emit(graph, "numba", math=math)
    same(interpret(graph, args), run(text, args, how="numba"), text)


@every_kind
@pytest.mark.parametrize("how", ["numpy", "python"])
def test_random_graphs(kind: str, how: str) -> None:
    hold(kind, how, 125)


@every_kind
def test_random_graphs_without_fusion(kind: str) -> None:
    hold(kind, "python", 50, fuse=False)


@pytest.mark.parametrize("math", ["vector", "libm"])
def test_random_graphs_through_numba(math: str) -> None:
    values, gradients = (drawn(kind, 120) for kind in KINDS)
    own = slice(0, 3) if math == "vector" else slice(3, 6)
    hold_compiled([*values[own], *gradients[own]], math)


@pytest.mark.nightly
@every_kind
@pytest.mark.parametrize("how", ["numpy", "python"])
def test_many_random_graphs(kind: str, how: str) -> None:
    hold(kind, how, 5000, derandomize=False)


@pytest.mark.nightly
@every_kind
def test_many_random_graphs_through_numba(kind: str) -> None:
    chosen = drawn(kind, 2000, derandomize=False)
    for k in range(0, len(chosen), 5):
        hold_compiled(chosen[k : k + 5])


@pytest.mark.parametrize("how", ["numpy", "python"])
def test_a_wide_fold_is_rounded_into_an_array_that_is_written_into(how: str) -> None:
    def model(x: Any, s: Any, k: Any) -> Any:
        return np.sum(np.sin(s @ x)) + np.sum(np.sin(x[k]))

    rng = np.random.default_rng(0)
    args = [rng.normal(size=3), rng.normal(size=(4, 3)), np.array([2, 0, 1])]
    args[:2] = [x.astype(np.float32) for x in args[:2]]
    graph = traced(model, *args).graph
    agree(run_passes(reverse(run_passes(graph, SIMPLIFY), [0]), LOWER), args, how)
