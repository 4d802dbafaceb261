"""The verifier: each invariant, broken once."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim
from bpcompile.ir.graph import Graph, Guard, Node, Origin
from bpcompile.ir.op import OPS
from bpcompile.ir.parse import parse
from bpcompile.ir.type import DType, TupleType, Type, f64, i64
from bpcompile.ir.verify import InvalidGraph, bound_names, verify
from bpcompile.ops.index import Slice

X = Node(OPS["param"], (), {"name": "x"}, f64["n"], None, "x")
SQUARE = Node(OPS["mul"], (X, X), {}, f64["n"], Origin("model.py", 7), "square")
LOOP = parse("""graph f(x: f64[]) -> v3 {
    v0: i64[] = 0
    v1: i64[] = 4
    v2: (f64[]) = loop(v0, v1, x, carried=1)
        body = graph body(i: i64[], s: f64[]) -> t { t: f64[] = mul(s, s) }
    v3: f64[] = item(v2, index=0)
}""")
_, _, _, TUPLE, _ = LOOP.nodes


def node(op, args=(), type=f64["n"], **attrs):
    return Node(OPS[op], args, attrs, type, Origin("model.py", 8), "y")


def graph(*nodes, outputs=None, params=(X,), guards=()):
    return Graph("f", params, (*params, *nodes), outputs or nodes[-1:], guards)


def test_a_good_graph_passes():
    verify(graph(SQUARE, guards=(Guard(Dim.named("n"), "<", 9),)))
    verify(LOOP)


def test_bound_names_are_the_bare_ones():
    builder = Builder()
    builder.param("x", f64["n", "m + 1", 3])
    k = builder.param("k", i64[()])
    k.node.attrs["size"] = Dim.named("k")
    assert bound_names(builder.finish(())) == {"n", "k"}


BROKEN = {
    "twice": (graph(SQUARE, SQUARE), r"f: square = mul\(...\) at model.py:7: stands twice"),
    "order": (graph(node("neg", (SQUARE,)), SQUARE), "y = neg.* reads square = mul"),
    "foreign": (graph(node("neg", (SQUARE,))), "y = neg.* does not stand before"),
    "type": (graph(node("neg", (X,), f64[()])), r"y = .*f64\[\], and its operands make f64\[n\]"),
    "rule": (graph(node("neg", (X,), f64[3])), r"has the type f64\[3\]"),
    "axes beyond": (graph(node("sum", (X,), f64[()], axes=(1,))), r"axes = \(1,\), which does"),
    "axes twice": (graph(node("sum", (X,), f64[()], axes=(0, 0))), "which does not fit it"),
    "permutation": (graph(node("transpose", (X,), order=(1,))), r"order = \(1,\), which does not"),
    "axis": (graph(node("iota", (), i64[3], shape=(3,), axis=1)), "axis = 1, which does not"),
    "index": (
        graph(node("index", (X,), f64[1], spec=(Slice(-1, 1, 1),))),
        "spec = .*, which does not fit it",
    ),
    "beyond": (
        graph(node("index", (X,), f64["n"], spec=(Slice(1, 1, Dim.named("n")),))),
        "spec = .*, which does not fit it",
    ),
    "no step": (
        graph(node("index", (X,), f64["n"], spec=(Slice(0, 0, Dim.named("n")),))),
        "spec = .*, which does not fit it",
    ),
    "whole array": (graph(node("index", (X,), f64["n"], spec=())), "spec = .*, which does not"),
    "count": (graph(node("mul", (X,))), "has 1 operands and takes 2"),
    "fit": (graph(node("sum", (X,), f64[()])), "does not fit its operands: .*axes"),
    "numpy": (graph(node("sum", (X,), f64[()], axes=(np.int64(0),))), "no text can hold"),
    "list": (graph(node("sum", (X,), f64[()], axes=[0])), r"axes = \[0\], which no text can hold"),
    "dims": (graph(node("dim", (), i64[()], size=Dim.named("m"))), "m of m is bound by no"),
    "type dims": (graph(node("const", (), f64["n m"], value=1.0)), "dimension m of m"),
    "negative": (graph(node("const", (), Type(DType.F64, (-1,)), value=1.0)), "the length -1"),
    "const": (graph(node("const", value=1)), "holds 1, which is no number of type"),
    "table": (graph(node("table", (), f64[3], values=(1.0,))), "holds 1 numbers and has"),
    "table type": (graph(node("table", (), f64["n"], values=(1.0,))), "holds 1 numbers"),
    "size": (graph(node("dim", (), f64[()], size=3)), "is a length: an i64 scalar"),
    "param": (graph(node("param", name="z")), "parameters stand first"),
    "nameless": (graph(params=(node("param"),)), "is a parameter: an array with the"),
    "binding": (graph(params=(node("param", name="k", size=3),)), "gives a size and must be"),
    "first": (Graph("f", (X,), (SQUARE, X), ()), "f: the parameters do not stand first"),
    "output": (graph(SQUARE, outputs=(node("neg", (X,)),)), "is an output and no node"),
    "tuple": (LOOP.with_outputs((TUPLE,)), "is an output and no array"),
    "tuple operand": (
        Graph("f", LOOP.params, (*LOOP.nodes, node("neg", (TUPLE,), f64[()])), ()),
        "only item may",
    ),
    "relation": (graph(SQUARE, guards=(Guard(3, "~", 3),)), "f: ~ is no relation"),
    "guard": (graph(SQUARE, guards=(Guard(Dim.named("k"), "==", 3),)), "f: the dimension k of k"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_invariants_are_named(name):
    broken, message = BROKEN[name]
    with pytest.raises(CompileError, match=message):
        verify(broken)


def test_a_region_reads_nothing_from_outside():
    s = Node(OPS["param"], (), {"name": "s"}, f64[()], None, "s")
    i = Node(OPS["param"], (), {"name": "i"}, i64[()], None, "i")
    outside = LOOP.params[0]
    leak = Node(OPS["mul"], (s, outside), {}, f64[()], None, "leak")
    body = Graph("body", (i, s), (i, s, leak), (leak,))
    zero, four = LOOP.nodes[1:3]
    loop = Node(
        OPS["loop"], (zero, four, outside), {"body": body, "carried": 1}, TupleType((f64[()],))
    )
    with pytest.raises(InvalidGraph, match=r"leak = mul.* reads x") as caught:
        verify(Graph("f", (outside,), (outside, zero, four, loop), ()))
    assert caught.value.node is leak
