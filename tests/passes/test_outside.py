"""What is computed before a region is not computed again inside it."""

from __future__ import annotations

import pytest

from bpcompile.passes.outside import share_outside
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
element that the condition has read | x: f64[n], w: f64[]
    i: i64[] = 1
    v: f64[] = index(x, i, spec=(At(0),))
    z: f64[] = 0.0
    c: bool[] = greater(v, z)
    b: (f64[]) = branch(c, x, i, w)
      otherwise = graph otherwise(x: f64[n], i: i64[], w: f64[]) -> w {}
      then = graph then(x: f64[n], i: i64[], w: f64[]) -> p {
        v: f64[] = index(x, i, spec=(At(0),))
        s: f64[] = sin(v)
        p: f64[] = mul(s, w)
      }
    y: f64[] = item(b, index=0)
    => y
    i: i64[] = 1
    v: f64[] = index(x, i, spec=(At(0),))
    z: f64[] = 0.0
    c: bool[] = greater(v, z)
    b: (f64[]) = branch(c, w, v)
      otherwise = graph otherwise(w: f64[], v: f64[]) -> w {}
      then = graph then(w: f64[], v: f64[]) -> p {
        s: f64[] = sin(v)
        p: f64[] = mul(s, w)
      }
    y: f64[] = item(b, index=0)
    => y

what only an arm of an arm reads | c: bool[], x: f64[], z: f64[]
    e: f64[] = exp(x)
    b: (f64[]) = branch(c, x, z)
      otherwise = graph otherwise(x: f64[], z: f64[]) -> x {}
      then = graph then(x: f64[], z: f64[]) -> r {
        o: f64[] = 0.0
        d: bool[] = less(z, o)
        b: (f64[]) = branch(d, x, z)
          otherwise = graph otherwise(x: f64[], z: f64[]) -> z {}
          then = graph then(x: f64[], z: f64[]) -> e {
            e: f64[] = exp(x)
          }
        r: f64[] = item(b, index=0)
      }
    y: f64[] = item(b, index=0)
    w: f64[] = add(y, e)
    => w
    e: f64[] = exp(x)
    b: (f64[]) = branch(c, x, z)
      otherwise = graph otherwise(x: f64[], z: f64[]) -> x {}
      then = graph then(x: f64[], z: f64[]) -> r {
        o: f64[] = 0.0
        d: bool[] = less(z, o)
        b: (f64[]) = branch(d, x, z)
          otherwise = graph otherwise(x: f64[], z: f64[]) -> z {}
          then = graph then(x: f64[], z: f64[]) -> e {
            e: f64[] = exp(x)
          }
        r: f64[] = item(b, index=0)
      }
    y: f64[] = item(b, index=0)
    w: f64[] = add(y, e)
    => w

constants of a loop and no states | x: f64[], w: f64[]
    e: f64[] = exp(w)
    f: f64[] = exp(x)
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, w, carried=1)
      body = graph body(i: i64[], s: f64[], w: f64[]) -> r {
        e: f64[] = exp(w)
        f: f64[] = exp(s)
        r: f64[] = mul(f, e)
      }
    y: f64[] = item(l, index=0)
    z: f64[] = mul(y, e)
    u: f64[] = mul(z, f)
    => u
    e: f64[] = exp(w)
    f: f64[] = exp(x)
    a: i64[] = 0
    b: i64[] = 3
    l: (f64[]) = loop(a, b, x, e, carried=1)
      body = graph body(i: i64[], s: f64[], e: f64[]) -> r {
        f: f64[] = exp(s)
        r: f64[] = mul(f, e)
      }
    y: f64[] = item(l, index=0)
    z: f64[] = mul(y, e)
    u: f64[] = mul(z, f)
    => u

sums of integers stay | c: bool[], k: i64[], x: f64[n]
    o: i64[] = 1
    j: i64[] = add(k, o)
    v: f64[] = index(x, j, spec=(At(0),))
    b: (f64[]) = branch(c, x, k)
      otherwise = graph otherwise(x: f64[n], k: i64[]) -> z {
        z: f64[] = 0.0
      }
      then = graph then(x: f64[n], k: i64[]) -> v {
        t: i64[] = 2
        o: i64[] = 1
        j: i64[] = add(k, o)
        m: i64[] = mul(j, t)
        v: f64[] = index(x, m, spec=(At(0),))
      }
    y: f64[] = item(b, index=0)
    w: f64[] = add(y, v)
    => w
    o: i64[] = 1
    j: i64[] = add(k, o)
    v: f64[] = index(x, j, spec=(At(0),))
    b: (f64[]) = branch(c, x, k)
      otherwise = graph otherwise(x: f64[n], k: i64[]) -> z {
        z: f64[] = 0.0
      }
      then = graph then(x: f64[n], k: i64[]) -> v {
        t: i64[] = 2
        o: i64[] = 1
        j: i64[] = add(k, o)
        m: i64[] = mul(j, t)
        v: f64[] = index(x, m, spec=(At(0),))
      }
    y: f64[] = item(b, index=0)
    w: f64[] = add(y, v)
    => w
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(share_outside, *RULES[name], exact=True)


def test_graph_without_regions_is_the_same_object():
    graph = graph_of("x: f64[]", "y {y: f64[] = exp(x)}")
    assert share_outside(graph) is graph
