"""The engine: sharing, identity, names, origins, regions, depth."""

from __future__ import annotations

import pytest

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder
from bpcompile.ir.op import Kind
from bpcompile.ir.parse import parse
from bpcompile.ir.type import f64
from bpcompile.passes.algebra import apply_algebra
from bpcompile.passes.cse import share_common
from bpcompile.passes.expand import expand_composites
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.passes.rewrite import Rules, for_operands, rewrite
from tests.passes.conftest import graph_of


def test_equal_nodes_become_one_in_either_order():
    graph = graph_of(
        "a: f64[n], b: f64[n]",
        """(u) {
          s: f64[n] = add(a, b)
          t: f64[n] = add(b, a)
          u: f64[n] = sub(s, t)
        }""",
    )
    assert str(share_common(graph)) == str(
        graph_of("a: f64[n], b: f64[n]", "(u) {s: f64[n] = add(a, b) u: f64[n] = sub(s, s)}")
    )


def test_differences_in_order_bits_and_types_are_kept():
    text = """(p, q, r, s, t, u) {
      p: f64[n] = sub(a, b)
      q: f64[n] = sub(b, a)
      r: f64[n] = 0.0
      s: f64[n] = -0.0
      t: f32[n] = 0.0
      u: i64[n] = 0
    }"""
    graph = graph_of("a: f64[n], b: f64[n]", text)
    assert share_common(graph) is graph


def test_what_does_not_change_is_the_same_object():
    graph = graph_of(
        "a: f64[n]",
        "(y) {s: f64[n] = exp(a) o: f64[n] = 1.0 t: f64[n] = mul(s, o) y: f64[n] = log(t)}",
    )
    found = apply_algebra(graph)
    assert found is not graph
    assert found.nodes[:2] == graph.nodes[:2]  # nodes are compared by identity
    assert [node.name for node in found.nodes] == ["a", "s", "y"]


def test_a_name_goes_to_the_replacement():
    """Also where an older graph has the replacement without a name: it keeps its text."""
    graph = graph_of(
        "a: f64[n]", "(y) {v0: f64[n] = exp(a) o: f64[n] = 1.0 y: f64[n] = mul(v0, o)}"
    )
    before = str(graph)
    found = apply_algebra(graph)
    assert str(found) == str(graph_of("a: f64[n]", "(y) {y: f64[n] = exp(a)}"))
    assert str(graph) == before


def test_a_replacement_keeps_its_own_name():
    graph = graph_of(
        "a: f64[n]", "(y) {e: f64[n] = exp(a) v0: f64[n] = neg(e) y: f64[n] = neg(v0)}"
    )
    assert apply_algebra(graph).outputs[0].name == "e"


def test_what_a_rule_builds_has_the_origin_of_what_it_replaces():
    graph = graph_of(
        "a: f64[n]",
        "(y) {\ns: f64[n] = sigmoid(a)  # model.py:3\ny: f64[n] = exp(s)  # model.py:4\n}",
    )
    found = expand_composites(graph)
    assert len(found) > 4
    assert [node.origin.line for node in found.nodes[1:-1]] == [3] * (len(found) - 2)
    assert found.nodes[-2].name == "s"


def test_expansion_shares_intermediates():
    graph = graph_of("a: f64[n]", "(s, t) {s: f64[n] = sigmoid(a) t: f64[n] = softplus(a)}")
    found = run(graph, LOWER, verify=True)
    assert [node.op.name for node in found.nodes].count("exp") == 1
    assert all(node.op.expand is None for node in found.nodes)


def test_regions_are_rewritten_and_stay_shared():
    text = """graph f(x: f64[]) -> (y, z) {
      a: i64[] = 0
      b: i64[] = 3
      l: (f64[]) = loop(a, b, x, carried=1)
        body = graph body(i: i64[], s: f64[]) -> t {
          u: f64[] = neg(s)
          t: f64[] = neg(u)
        }
      y: f64[] = item(l, index=0)
      m: (f64[]) = loop(a, b, y, carried=1)
        body = graph body(i: i64[], s: f64[]) -> s {}
      z: f64[] = item(m, index=0)
    }"""
    graph = parse(text)
    loops = [node for node in graph.nodes if node.op.name == "loop"]
    loops[1].attrs["body"] = loops[0].attrs["body"]
    found = apply_algebra(graph)
    bodies = [node.attrs["body"] for node in found.nodes if node.op.name == "loop"]
    assert bodies[0] is bodies[1]
    assert len(bodies[0]) == 2
    assert apply_algebra(found) is found


def test_rules_that_come_to_no_end_are_stopped():
    grow = Rules({"exp": (lambda y, build: build("exp", build("neg", y.args[0])),)})
    with pytest.raises(CompileError, match="rewriting exp comes to no end"):
        rewrite(graph_of("a: f64[n]", "(y) {y: f64[n] = exp(a)}"), grow)


def test_depth_costs_no_stack():
    builder = Builder()
    x = builder.param("x", f64[()])
    y = x
    for _ in range(6000):
        negative = -(y * 1.0)
        y = -negative * 0.5 + x
    graph = builder.finish((y,))
    found = run(graph, (*SIMPLIFY, *LOWER), verify=True)
    assert len(found) == 2 * 6000 + 2


def test_a_rule_sees_only_nodes_with_the_operands_that_it_asks_for():
    seen = []

    @for_operands("exp", Kind.REDUCE)
    def note(y, _build):
        seen.append(y.name)

    graph = graph_of(
        "a: f64[n], b: f64[]",
        """(r, s, t) {
          p: f64[] = sum(a, axes=(0,))
          q: f64[] = exp(b)
          r: f64[] = add(p, b)
          s: f64[] = add(b, q)
          t: f64[] = add(b, b)
        }""",
    )
    assert rewrite(graph, Rules({"add": (note,)})) is graph
    assert seen == ["r", "s"]
