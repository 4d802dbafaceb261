"""The pipelines: few walks, each observed and verified, and right on gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bpcompile.errors import CompileError
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.type import DType
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.transforms.reverse import reverse
from tests.passes.conftest import graph_of
from tests.strategies import graphs


def test_at_most_eight_passes():
    assert len(SIMPLIFY) + len(LOWER) <= 8


def test_observer_sees_each_pass():
    seen = []
    graph = graph_of("a: f64[n]", "(y) {o: f64[n] = 1.0 y: f64[n] = mul(a, o)}")
    found = run(graph, SIMPLIFY, observe=lambda *stage: seen.append(stage))
    assert [name for name, _, _ in seen] == ["scalar_states", "simplify", "drop_dead"]
    assert seen[0][1] is graph
    assert seen[-1][2] is found


def test_the_pass_that_breaks_a_graph_is_named():
    def broken(graph):
        return Graph(graph.name, graph.params, graph.nodes[:1], graph.outputs)

    graph = graph_of("a: f64[n]", "(y) {y: f64[n] = exp(a)}")
    with pytest.raises(CompileError, match="after broken: f: y = exp"):
        run(graph, (broken,), verify=True)


@settings(max_examples=80)
@given(graphs(scalar=True, dtype=DType.F64))
def test_gradients_are_kept(case):
    """Simplify, differentiate, lower: the same as differentiating the model as it is."""
    graph, args = case
    wrt = [k for k, param in enumerate(graph.params) if param.array_type.dtype.is_float]
    written = interpret(reverse(graph, wrt), args)
    lowered = run(reverse(run(graph, SIMPLIFY, verify=True), wrt), LOWER, verify=True)
    for a, b in zip(written, interpret(lowered, args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
