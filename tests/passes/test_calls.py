"""Calls of functions with a rule, written out and looked into."""

from __future__ import annotations

import numpy as np

import bpcompile as bp
from bpcompile.ir.interpret import interpret
from bpcompile.ir.verify import verify
from bpcompile.ir.walk import all_graphs
from bpcompile.passes.calls import has_calls, inline_calls, map_calls
from bpcompile.passes.pipeline import SIMPLIFY
from bpcompile.passes.pipeline import run as run_passes
from tests.tracing import traced


@bp.custom_jvp
def doubled(x):
    unused = np.tanh(x)  # noqa: F841 - dead code is under test
    return 2.0 * (1.0 * x)


doubled.defjvps(lambda t, y, x: 2.0 * t)


@bp.custom_jvp
def twice(x):
    return doubled(doubled(x))


twice.defjvps(lambda t, y, x: 4.0 * t)


def model(x, n):
    s = x
    for _ in range(n):
        s = twice(s) if s > 0.0 else doubled(s)
    return s + doubled(x)


def test_calls_are_written_out_in_regions_too():
    found = traced(model, 1.5, 9)
    graph = inline_calls(found.graph)
    verify(graph)
    assert has_calls(found.graph)
    assert not has_calls(graph)
    assert inline_calls(graph) is graph
    for x in (1.5, -1.0):
        assert interpret(graph, [x, 9])[0] == model(x, 9)


def test_results_keep_the_names_of_the_caller():
    def named(x):
        outer = doubled(x)
        return outer * 3.0

    graph = inline_calls(traced(named, 1.5).graph)
    assert [node.op.name for node in graph if node.name == "outer"] == ["mul"]


def test_what_is_called_is_simplified():
    found = run_passes(traced(model, 1.5, 9).graph, SIMPLIFY, verify=True)
    primals = [
        node.attrs["primal"]
        for part in all_graphs(found)
        for node in part
        if "primal" in node.attrs
    ]
    assert primals
    names = {node.op.name for primal in primals for node in primal}
    assert names.isdisjoint({"tanh"})


def test_no_call_no_change():
    graph = traced(lambda x: x * 2.0, 1.5).graph
    assert map_calls(graph, lambda region: region) is graph
