"""Putting regions together: new nodes in the place of old ones."""

from __future__ import annotations

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.type import f64, i64
from bpcompile.ir.verify import verify
from bpcompile.transforms.building import LoopBuilder
from bpcompile.transforms.regions import Loop, finish, reached, reaching
from tests.transforms.models import loop, params


def test_replaced_node_stands_where_the_old_one_was():
    b = Builder("f")
    x, y = params(b, x=f64[()], y=f64[()])
    old = x * y
    after = old + 1.0
    other = y * y
    late = y - 2.0
    new = x * late
    graph = finish(b, (after, other), {old.node: new.node})
    verify(graph)
    names = [node.op.name for node in graph.nodes]
    assert names == ["param", "param", "const", "const", "sub", "mul", "add", "mul"]
    assert interpret(graph, [3.0, 5.0]) == (10.0, 25.0)
    assert graph.outputs[1] is other.node  # what does not change is the same object


def test_nothing_replaced():
    b = Builder("f")
    (x,) = params(b, x=f64[()])
    y = x * x
    assert finish(b, (y,), {}).outputs == (y.node,)


def test_loop_builder_captures_what_is_read():
    b = Builder("f")
    x, n, unread = params(b, x=f64[()], n=i64[()], unread=f64[()])
    build = LoopBuilder(b, "body", "i")
    s = build.carry(x, "s")
    build.capture(unread, "unread")
    count = build.number(n, None, 1)
    assert build.number(n, None).node is count.node.args[0]
    assert build.number(n, 3, 1).node.attrs["value"] == 4
    k = build.carry(b.const(0, i64[()]), "k")
    results = build.finish(b.const(0, i64[()]), n, (s * 2.0, k + count), "said")
    made = Loop(results[0].node.args[0])
    assert [p.name for p in made.body.params] == ["i", "s", "k", "n"]
    assert made.node.attrs["note"] == "said"
    graph = b.finish(results)
    verify(graph)
    assert interpret(graph, [1.5, 3, 0.0]) == (12.0, 12)


def test_reach():
    b = Builder()
    x, y = params(b, x=f64[()], y=f64[()])
    z = x * y
    w = z + y
    graph = b.finish((w,))
    assert reaching(graph, [x.node]) == {x.node, z.node, w.node}
    assert reached([w.node], [z.node]) == {w.node, z.node, y.node}


def test_parts_of_a_loop():
    b = Builder()
    x, c = params(b, x=f64[()], c=f64[()])
    (s,) = loop(b, 0, 3, {"s": x}, {"c": c}, lambda i, s, c: s * c)
    parts = Loop(s.node.args[0])
    assert [p.name for p in (*parts.states, *parts.constants)] == ["s", "c"]
    assert parts.operands == (x.node, c.node)
