"""Dead code: nodes, and what loops carry, take and hand on in vain."""

from __future__ import annotations

import pytest

from bpcompile.ir.parse import parse
from bpcompile.passes.dce import drop_dead
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
node | x: f64[n]
    a: f64[n] = exp(x)
    b: f64[n] = log(x)
    => a
    a: f64[n] = exp(x)
    => a

loop | x: f64[]
    a: i64[] = 0
    l: (f64[]) = loop(a, a, x, carried=1)
      body = graph body(i: i64[], s: f64[]) -> s {}
    y: f64[] = item(l, index=0)
    => x
    => x

carried value that nobody reads | x: f64[], z: f64[], w: f64[]
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[], f64[]) = loop(a, b, x, z, w, carried=2)
      body = graph body(i: i64[], s: f64[], t: f64[], k: f64[]) -> (u, v) {
        u: f64[] = mul(s, k)
        v: f64[] = add(t, u)
      }
    y: f64[] = item(l, index=0)
    => y
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, w, carried=1)
      body = graph body(i: i64[], s: f64[], k: f64[]) -> u {
        u: f64[] = mul(s, k)
      }
    y: f64[] = item(l, index=0)
    => y

carried by nested loops for nobody | x: f64[], z: f64[]
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[], f64[]) = loop(a, b, x, z, carried=2)
      body = graph body(i: i64[], s: f64[], t: f64[]) -> (u, v) {
        a: i64[] = 0
        l: (f64[], f64[]) = loop(a, i, s, t, carried=2)
          body = graph body(j: i64[], s: f64[], t: f64[]) -> (p, q) {
            p: f64[] = exp(s)
            q: f64[] = add(s, t)
          }
        u: f64[] = item(l, index=0)
        v: f64[] = item(l, index=1)
      }
    y: f64[] = item(l, index=0)
    => y
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, carried=1)
      body = graph body(i: i64[], s: f64[]) -> u {
        a: i64[] = 0
        l: (f64[]) = loop(a, i, s, carried=1)
          body = graph body(j: i64[], s: f64[]) -> p {
            p: f64[] = exp(s)
          }
        u: f64[] = item(l, index=0)
      }
    y: f64[] = item(l, index=0)
    => y

the second is read, which needs the first | x: f64[], z: f64[], w: f64[]
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[], f64[], f64[]) = loop(a, b, w, x, z, carried=3)
      body = graph body(i: i64[], r: f64[], s: f64[], t: f64[]) -> (q, u, v) {
        q: f64[] = exp(r)
        u: f64[] = neg(s)
        v: f64[] = add(t, u)
      }
    y: f64[] = item(l, index=2)
    => y
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[], f64[]) = loop(a, b, x, z, carried=2)
      body = graph body(i: i64[], s: f64[], t: f64[]) -> (u, v) {
        u: f64[] = neg(s)
        v: f64[] = add(t, u)
      }
    y: f64[] = item(l, index=1)
    => y

unused and repeated constants | x: f64[], z: f64[], w: f64[]
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, z, w, z, carried=1)
      body = graph body(i: i64[], s: f64[], j: f64[], k: f64[], m: f64[]) -> u {
        t: f64[] = mul(s, j)
        u: f64[] = mul(t, m)
      }
    y: f64[] = item(l, index=0)
    => y
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, z, carried=1)
      body = graph body(i: i64[], s: f64[], j: f64[]) -> u {
        t: f64[] = mul(s, j)
        u: f64[] = mul(t, j)
      }
    y: f64[] = item(l, index=0)
    => y

a carried value that stays is a constant | x: f64[], z: f64[]
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[], f64[]) = loop(a, b, x, z, carried=2)
      body = graph body(i: i64[], s: f64[], k: f64[]) -> (t, k) {
        t: f64[] = mul(s, k)
      }
    y: f64[] = item(l, index=0)
    => y
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, z, carried=1)
      body = graph body(i: i64[], s: f64[], k: f64[]) -> t {
        t: f64[] = mul(s, k)
      }
    y: f64[] = item(l, index=0)
    => y

a loop in a loop | x: f64[], z: f64[]
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, z, carried=1)
      body = graph outer(i: i64[], s: f64[], k: f64[]) -> t {
        a: i64[] = 0
        l: (f64[], f64[]) = loop(a, i, s, k, carried=2)
          body = graph inner(j: i64[], s: f64[], k: f64[]) -> (t, u) {
            t: f64[] = sin(s)
            u: f64[] = cos(k)
          }
        t: f64[] = item(l, index=0)
      }
    y: f64[] = item(l, index=0)
    => y
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, carried=1)
      body = graph outer(i: i64[], s: f64[]) -> t {
        a: i64[] = 0
        l: (f64[]) = loop(a, i, s, carried=1)
          body = graph inner(j: i64[], s: f64[]) -> t {
            t: f64[] = sin(s)
          }
        t: f64[] = item(l, index=0)
      }
    y: f64[] = item(l, index=0)
    => y

states and constants of a while | x: f64[], z: f64[], v: f64[]
    a: i64[] = 0
    w: (i64[], f64[], f64[], f64[]) = while(a, x, z, v, z, v, carried=4)
      body = graph go(k: i64[], s: f64[], t: f64[], q: f64[], u: f64[], p: f64[]) -> (n, r, t, o) {
        one: i64[] = 1
        n: i64[] = add(k, one)
        r: f64[] = mul(s, u)
        o: f64[] = mul(q, p)
      }
      test = graph test(k: i64[], s: f64[], t: f64[], q: f64[], u: f64[], p: f64[]) -> more {
        three: i64[] = 3
        more: bool[] = less(k, three)
      }
    y: f64[] = item(w, index=1)
    => y
    a: i64[] = 0
    w: (i64[], f64[]) = while(a, x, z, carried=2)
      body = graph go(k: i64[], s: f64[], u: f64[]) -> (n, r) {
        one: i64[] = 1
        n: i64[] = add(k, one)
        r: f64[] = mul(s, u)
      }
      test = graph test(k: i64[], s: f64[], u: f64[]) -> more {
        three: i64[] = 3
        more: bool[] = less(k, three)
      }
    y: f64[] = item(w, index=1)
    => y

tape that nobody replays | x: f64[]
    a: i64[] = 0
    w: (i64[], f64[], tape f64[], tape f64[]) = while(a, x, carried=2, kept=2)
      body = graph body(k: i64[], s: f64[]) -> (n, r, s, q) {
        one: i64[] = 1
        n: i64[] = add(k, one)
        r: f64[] = sin(s)
        q: f64[] = exp(s)
      }
      test = graph test(k: i64[], s: f64[]) -> more {
        three: i64[] = 3
        more: bool[] = less(k, three)
      }
    t: tape f64[] = item(w, index=3)
    y: f64[] = replay(t, a)
    => y
    a: i64[] = 0
    w: (i64[], f64[], tape f64[]) = while(a, x, carried=2, kept=1)
      body = graph body(k: i64[], s: f64[]) -> (n, r, q) {
        one: i64[] = 1
        n: i64[] = add(k, one)
        r: f64[] = sin(s)
        q: f64[] = exp(s)
      }
      test = graph test(k: i64[], s: f64[]) -> more {
        three: i64[] = 3
        more: bool[] = less(k, three)
      }
    t: tape f64[] = item(w, index=2)
    y: f64[] = replay(t, a)
    => y

results and operands of a branch | c: bool[], x: f64[], z: f64[], w: f64[]
    b: (f64[], f64[], f64[]) = branch(c, x, w, z, x)
      otherwise = graph otherwise(p: f64[], q: f64[], r: f64[], s: f64[]) -> (r, q, r) {}
      then = graph then(p: f64[], q: f64[], r: f64[], s: f64[]) -> (t, u, t) {
        t: f64[] = add(p, s)
        u: f64[] = mul(q, q)
      }
    y: f64[] = item(b, index=0)
    v: f64[] = item(b, index=2)
    m: f64[] = div(y, v)
    => m
    b: (f64[]) = branch(c, x, z)
      otherwise = graph otherwise(p: f64[], r: f64[]) -> r {}
      then = graph then(p: f64[], r: f64[]) -> t {
        t: f64[] = add(p, p)
      }
    y: f64[] = item(b, index=0)
    m: f64[] = div(y, y)
    => m
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(drop_dead, *RULES[name], exact=True)


def test_parameters_stay():
    graph = parse("graph f(x: f64[], z: f64[]) -> z {}")
    assert drop_dead(graph) is graph


def test_names_and_origins_stay():
    params, before, _ = RULES["carried value that nobody reads"]
    graph = graph_of(params, before.replace("carried=2)", "carried=2)  # model.py:7"))
    loop = next(node for node in drop_dead(graph).nodes if node.op.name == "loop")
    assert loop.name == "l"
    assert repr(loop.origin) == "model.py:7"
