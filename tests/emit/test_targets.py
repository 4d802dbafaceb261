"""Hold the emitted modules to the interpreter: random graphs, and their adjoints, on each target.

Each random graph is computed by the interpreter before any pass, and after the passes by the
interpreter, by the numpy target and by the text of the numba target. So is the gradient of its
loss, which is also held to the tangent of forward mode. The text of the numba target runs as plain
Python, which tests schedules without the seconds that a compilation takes; a few graphs go through
Numba itself. 20 000 graphs, other ones each time, 500 to a test (some forty minutes on one core):

    pytest tests/emit/test_targets.py -m nightly -k "many_random_graphs and not numba"

Every tenth of as many through Numba takes hours, so each of its forty slices can be run alone:

    pytest tests/emit/test_targets.py -m nightly -k "many_random_graphs_through_numba and 17"
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
from tests.emit.running import TARGETS, agree, combined, emit, run, same
from tests.strategies import arguments, graphs, loss
from tests.tracing import traced

Case = tuple[Graph, list[Any]]
# A failure says the emitted text; to shrink a graph takes minutes and is done by hand where wanted.
QUICK = {"phases": (Phase.generate,), "suppress_health_check": list(HealthCheck)}
LENGTHS = {"n": 3, "m": 2}
SLICE = 500  # graphs of one nightly test
SLICES = range(40)
SPLIT = 5  # one of so many graphs is emitted without fusion


def floats_of(graph: Graph) -> list[int]:
    """Return which parameters are floats."""
    return [k for k, p in enumerate(graph.params) if p.array_type.dtype.is_float]


def value_graph(graph: Graph) -> Graph:
    """Return what computes a graph's results, after all passes."""
    return run_passes(graph, (*SIMPLIFY, *LOWER))


def gradient_graph(graph: Graph) -> Graph:
    """Return what computes the loss of a graph and its gradient, after all passes."""
    model = run_passes(loss(graph), SIMPLIFY)
    return run_passes(reverse(model, floats_of(model)), LOWER)


def hold(graph: Graph, args: list[Any], *, fuse: bool) -> None:
    """Hold a graph and its gradient to the interpreter on both targets, and to forward mode."""
    plain = loss(graph)
    wrt = floats_of(plain)
    joint = reverse(plain, wrt)
    for untouched, lowered in ((graph, value_graph(graph)), (joint, gradient_graph(graph))):
        want = interpret(lowered, args)
        same(interpret(untouched, args), want, f"{untouched}\n{lowered}")
        for how in ("numpy", "python"):
            text = emit(lowered, TARGETS[how], fuse=fuse)
            same(want, run(text, args, how=how), text)
    both_modes(plain, interpret(joint, args)[1:], args)


def both_modes(plain: Graph, gradients: tuple[Any, ...], args: list[Any]) -> None:
    """Hold the gradient along a direction to the tangent of forward mode."""
    wrt = floats_of(plain)
    rng = np.random.default_rng(len(plain))
    dtype = plain.params[wrt[0]].array_type.dtype
    dots = [rng.normal(size=np.shape(args[k])).astype(dtype.numpy_name) for k in wrt]
    tangent = float(interpret(forward(plain, wrt), [*args, *dots])[1])
    terms = [np.multiply(g, d, dtype=float) for g, d in zip(gradients, dots, strict=True)]
    scale = 1 + sum(float(np.sum(np.abs(term))) for term in terms)
    allowed = 1e-10 if dtype is DType.F64 else 1e-3
    assert abs(tangent - sum(float(np.sum(t)) for t in terms)) <= allowed * scale, str(plain)


def hold_many(examples: int, **kwargs: Any) -> None:
    """Hold this many random graphs."""
    count = 0

    @settings(max_examples=examples, **QUICK, **kwargs)
    @given(graphs())
    def check(case: Case) -> None:
        nonlocal count
        count += 1
        try:
            hold(*case, fuse=count % SPLIT != 0)
        except Exception as error:
            error.add_note(f"of the graph\n{case[0]}\nand {case[1]}")
            raise

    check()


def drawn(examples: int, **kwargs: Any) -> list[Graph]:
    """Return every tenth random graph."""
    found: list[Graph] = []

    @settings(max_examples=examples, **QUICK, **kwargs)
    @given(graphs())
    def keep(case: Case) -> None:
        found.append(case[0])

    keep()
    return found[5::10]


def hold_compiled(chosen: list[Graph], math: str = "vector") -> None:
    """Hold several graphs to the interpreter through one compilation by Numba."""
    graph = combined(chosen)
    args = arguments(graph, LENGTHS, seed=len(graph))
    text = emit(graph, "numba", math=math)
    same(interpret(graph, args), run(text, args, how="numba"), text)


def test_random_graphs() -> None:
    """250 draws: as many graphs of values, and as many of gradients."""
    hold_many(250)


@pytest.mark.parametrize("math", ["vector", "libm"])
def test_random_graphs_through_numba(math: str) -> None:
    own = drawn(100)[:3] if math == "vector" else drawn(100)[3:6]
    hold_compiled([make(graph) for make in (value_graph, gradient_graph) for graph in own], math)


@pytest.mark.nightly
@pytest.mark.parametrize("part", SLICES)
def test_many_random_graphs(part: int) -> None:
    hold_many(SLICE, derandomize=False)


@pytest.mark.nightly
@pytest.mark.parametrize("part", SLICES)
def test_many_random_graphs_through_numba(part: int) -> None:
    chosen = drawn(SLICE, derandomize=False)
    for k in range(0, len(chosen), 5):
        for make in (value_graph, gradient_graph):
            hold_compiled([make(graph) for graph in chosen[k : k + 5]])


@pytest.mark.parametrize("how", ["numpy", "python"])
def test_a_wide_fold_is_rounded_into_an_array_that_is_written_into(how: str) -> None:
    def model(x: Any, s: Any, k: Any) -> Any:
        return np.sum(np.sin(s @ x)) + np.sum(np.sin(x[k]))

    rng = np.random.default_rng(0)
    args = [rng.normal(size=3), rng.normal(size=(4, 3)), np.array([2, 0, 1])]
    args[:2] = [x.astype(np.float32) for x in args[:2]]
    graph = traced(model, *args).graph
    agree(run_passes(reverse(run_passes(graph, SIMPLIFY), [0]), LOWER), args, how)
