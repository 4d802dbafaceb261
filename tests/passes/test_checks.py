"""Test that passes keep checks where they are, as few as need be, and without tokens in the end."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.ir.walk import all_graphs
from bpcompile.passes.checks import settle, simplify_checks
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from tests.tracing import traced


def lowered(model, *args):
    """Return the graph of a model after all passes."""
    return run(run(traced(model, *args).graph, SIMPLIFY, verify=True), LOWER, verify=True)


def ops(graph):
    """Return the names of all ops in a graph and its regions."""
    return [node.op.name for inner in all_graphs(graph) for node in inner.nodes]


def test_an_arm_that_raises_becomes_a_check():
    def model(x):
        if x < 0:
            raise ValueError("negative")
        if not x < 9:
            raise ValueError("large")
        return x

    graph = lowered(model, 1.0)
    assert ops(graph).count("require") == 2
    assert not {"branch", "checked"} & set(ops(graph))
    for bad, text in ((-1.0, "negative"), (9.0, "large")):
        with pytest.raises(ValueError, match=text):
            interpret(graph, [bad])
    lines = [node.origin.line for node in graph.nodes if node.op.name == "require"]
    start = model.__code__.co_firstlineno
    assert lines == [start + 2, start + 4]  # those of `raise`


def test_checks_that_certainly_pass_go():
    def model(x):
        for k in range(3):
            if k > 5:
                assert x > k
            assert x > 0, "once"
        return x

    assert ops(lowered(model, 1.0)).count("require") == 1

    def certain(x):
        ok = True
        for value in x:
            assert ok
            ok = ok or value > 0
        return x

    assert "require" not in ops(lowered(certain, np.ones(20)))


def test_a_branch_and_a_loop_stay_for_their_checks_alone():
    def model(x, y):
        if x[0] > 0:
            assert y > 0, "arm"
        k = 0.0
        for value in x:
            k += 2.0
            if k > 2:
                assert value < 10, "loop"
        return y

    graph = lowered(model, np.ones(20), 1.0)
    assert ops(graph).count("require") == 2
    assert {"branch", "loop"} <= set(ops(graph))
    loop = next(node for node in graph.nodes if node.op.name == "loop")
    assert loop.attrs["carried"] == 1  # `k`, and no token
    x = np.ones(20)
    assert interpret(graph, [x, 3.0]) == (3.0,)
    assert interpret(graph, [-x, -3.0]) == (-3.0,)
    with pytest.raises(AssertionError, match="arm"):
        interpret(graph, [x, -3.0])
    with pytest.raises(AssertionError, match="loop"):
        interpret(graph, [x * 10, 3.0])
    assert interpret(graph, [np.array([10.0]), 3.0]) == (3.0,)
    dropped = ops(drop_dead(graph))
    assert not {"require", "branch", "loop"} & set(dropped)


def test_settling_leaves_a_graph_without_checks_as_it_is():
    graph = traced(lambda x: x * 2.0, 1.0).graph
    assert settle(graph) is graph
    assert simplify_checks(graph) is graph


def test_a_region_is_not_run_twice_for_its_check():
    def model(x):
        s = 0.0
        for value in x:
            assert value > 0
            s += value
        return s

    assert ops(lowered(model, np.ones(20))).count("loop") == 1


def test_no_token_goes_around_nested_loops():
    def model(x):
        s = 0.0
        for row in x:
            for value in row:
                assert value > 0, "inner"
                s += value
        return s

    graph = lowered(model, np.ones((12, 12)))
    loops = [n for inner in all_graphs(graph) for n in inner.nodes if n.op.name == "loop"]
    assert [loop.attrs["carried"] for loop in loops] == [1, 1]
    assert interpret(graph, [np.ones((12, 12))]) == (144.0,)
