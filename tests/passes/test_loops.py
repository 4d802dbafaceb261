"""Loops: constants move in, and what a loop leaves alone passes it by."""

from __future__ import annotations

import pytest

from bpcompile.ir.graph import regions
from bpcompile.passes.loops import simplify_loops
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
constant moves in | x: f64[]
    a: i64[] = 0
    b: i64[] = 5
    c: f64[] = 1.5
    l: (f64[]) = loop(a, b, x, c, carried=1)
      body = graph body(i: i64[], s: f64[], k: f64[]) -> t {
        t: f64[] = mul(s, k)
      }
    y: f64[] = item(l, index=0)
    => y
    a: i64[] = 0
    b: i64[] = 5
    l: (f64[]) = loop(a, b, x, carried=1)
      body = graph body(i: i64[], s: f64[]) -> t {
        k: f64[] = 1.5
        t: f64[] = mul(s, k)
      }
    y: f64[] = item(l, index=0)
    => y

length moves in | x: f64[n]
    a: i64[] = 0
    b: i64[] = dim(size=n)
    z: f64[] = 0.0
    l: (f64[]) = loop(a, b, z, x, b, carried=1)
      body = graph body(i: i64[], s: f64[], v: f64[n], k: i64[]) -> t {
        u: f64[] = astype(k, dtype=f64)
        w: f64[] = index(v, i, spec=(At(0),))
        r: f64[] = mul(u, w)
        t: f64[] = add(s, r)
      }
    y: f64[] = item(l, index=0)
    => y
    a: i64[] = 0
    b: i64[] = dim(size=n)
    z: f64[] = 0.0
    l: (f64[]) = loop(a, b, z, x, carried=1)
      body = graph body(i: i64[], s: f64[], v: f64[n]) -> t {
        k: i64[] = dim(size=n)
        u: f64[] = astype(k, dtype=f64)
        w: f64[] = index(v, i, spec=(At(0),))
        r: f64[] = mul(u, w)
        t: f64[] = add(s, r)
      }
    y: f64[] = item(l, index=0)
    => y

while whose test is false | x: f64[]
    w: (f64[]) = while(x, carried=1)
      body = graph body(s: f64[]) -> t {
        t: f64[] = exp(s)
      }
      test = graph test(s: f64[]) -> more {
        more: bool[] = False
      }
    y: f64[] = item(w, index=0)
    => y
    => x

constant moves into body and test | x: f64[], z: f64[]
    a: i64[] = 0
    b: i64[] = 3
    c: f64[] = 1.5
    w: (i64[], f64[], f64[]) = while(a, x, c, b, c, carried=3)
      body = graph body(k: i64[], s: f64[], u: f64[], n: i64[], c: f64[]) -> (m, t, u) {
        one: i64[] = 1
        m: i64[] = add(k, one)
        r: f64[] = mul(s, c)
        t: f64[] = add(r, u)
      }
      test = graph test(k: i64[], s: f64[], u: f64[], n: i64[], c: f64[]) -> more {
        more: bool[] = less(k, n)
      }
    y: f64[] = item(w, index=1)
    => y
    a: i64[] = 0
    c: f64[] = 1.5
    w: (i64[], f64[], f64[]) = while(a, x, c, carried=3)
      body = graph body(k: i64[], s: f64[], u: f64[]) -> (m, t, v0) {
        v0 "u": f64[] = 1.5
        one: i64[] = 1
        m: i64[] = add(k, one)
        r: f64[] = mul(s, v0)
        t: f64[] = add(r, v0)
      }
      test = graph test(k: i64[], s: f64[], u: f64[]) -> more {
        n: i64[] = 3
        more: bool[] = less(k, n)
      }
    y: f64[] = item(w, index=1)
    => y

loop of no turns | x: f64[]
    a: i64[] = 3
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, carried=1)
      body = graph body(i: i64[], s: f64[]) -> t {
        t: f64[] = exp(s)
      }
    y: f64[] = item(l, index=0)
    => y
    => x

mask that is only widened | x: f64[], c: bool[]
    a: i64[] = 0
    b: i64[] = 3
    t: bool[] = True
    l: (f64[], bool[]) = loop(a, b, x, t, c, carried=2)
      body = graph body(i: i64[], s: f64[], m: bool[], c: bool[]) -> (u, w) {
        v: f64[] = sin(s)
        z: f64[] = 0.0
        u: f64[] = select(m, v, z)
        w: bool[] = logical_or(m, c)
      }
    y: f64[] = item(l, index=0)
    n: bool[] = item(l, index=1)
    => y, n
    a: i64[] = 0
    b: i64[] = 3
    t: bool[] = True
    l: (f64[]) = loop(a, b, x, carried=1)
      body = graph body(i: i64[], s: f64[]) -> v {
        v: f64[] = sin(s)
      }
    y: f64[] = item(l, index=0)
    => y, t

value left as it was | x: f64[], z: f64[]
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[], f64[]) = loop(a, b, x, z, carried=2)
      body = graph body(i: i64[], s: f64[], k: f64[]) -> (t, k) {
        t: f64[] = mul(s, k)
      }
    y: f64[] = item(l, index=1)
    => y
    => z
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(lower if "mask" in name else simplify_loops, *RULES[name], exact=True)


def lower(graph):
    return run(graph, LOWER)


def test_a_mask_that_narrows_is_carried():
    text = """(y) {
        a: i64[] = 0
        t: bool[] = True
        l: (f64[], bool[]) = loop(a, n, x, t, carried=2)
          body = graph body(i: i64[], s: f64[], m: bool[]) -> (u, w) {
            v: f64[] = sin(s)
            u: f64[] = select(m, v, s)
            w: bool[] = less(s, v)
          }
        y: f64[] = item(l, index=0)
    }"""
    graph = graph_of("x: f64[], n: i64[]", text)
    assert run(graph, LOWER) is graph


def test_what_moves_in_is_folded_there():
    params, before, _ = RULES["constant moves in"]
    graph = run(graph_of(params, before.replace("1.5", "-1.0")), SIMPLIFY)
    (loop,) = (node for node in graph.nodes if node.op.name == "loop")
    ((_, body),) = regions(loop)
    assert [node.op.name for node in body.nodes] == ["param", "param", "neg"]
