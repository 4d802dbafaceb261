"""The random graphs are good ones, and reach every kind of operation."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from bpcompile.ir.interpret import interpret
from bpcompile.ir.parse import parse
from bpcompile.ir.verify import verify
from bpcompile.ir.walk import all_graphs, graph_equal
from tests.strategies import LIMIT, graphs


@settings(max_examples=20)
@given(graphs(scalar=True))
def test_scalar_graphs_have_one_scalar_output(case):
    graph, _ = case
    assert [out.shape for out in graph.outputs] == [()]


def test_random_graphs_are_valid_bounded_and_of_every_kind():
    seen: set[str] = set()

    @settings(max_examples=150)
    @given(graphs())
    def check(case):
        graph, args = case
        verify(graph)
        for value in interpret(graph, args):
            assert np.all(np.abs(value) <= 2 * LIMIT)
        assert graph_equal(parse(str(graph)), graph)
        seen.update(node.op.name for part in all_graphs(graph) for node in part.nodes)

    check()
    wanted = "select sum softmax transpose broadcast reshape matmul index update accumulate loop"
    wanted += " prod var cumsum cumprod solve inv logabsdet cholesky argsort"
    assert set(wanted.split()) <= seen
