"""Algebra: each identity, exact at special numbers, and the tempting ones that are not there."""

from __future__ import annotations

import pytest

from bpcompile.passes.algebra import apply_algebra
from bpcompile.passes.pipeline import LOWER, run
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
plus -0 | a: f64[n]
    z: f64[n] = -0.0
    y: f64[n] = add(a, z)
    => y
    => a

-0 plus | a: f64[n]
    z: f64[n] = -0.0
    y: f64[n] = add(z, a)
    => y
    => a

minus 0 | a: f64[n]
    z: f64[n] = 0.0
    y: f64[n] = sub(a, z)
    => y
    => a

integer | i: i64[n]
    z: i64[n] = 0
    y: i64[n] = add(i, z)
    => y
    => i

plus neg | a: f64[n], b: f64[n]
    v: f64[n] = neg(b)
    y: f64[n] = add(a, v)
    => y
    y: f64[n] = sub(a, b)
    => y

neg plus | a: f64[n], b: f64[n]
    v: f64[n] = neg(a)
    y: f64[n] = add(v, b)
    => y
    y: f64[n] = sub(b, a)
    => y

minus neg | a: f64[n], b: f64[n]
    v: f64[n] = neg(b)
    y: f64[n] = sub(a, v)
    => y
    y: f64[n] = add(a, b)
    => y

times 1 | a: f64[n]
    o: f64[n] = 1.0
    y: f64[n] = mul(o, a)
    => y
    => a

times -1 | a: f64[n]
    o: f64[n] = -1.0
    y: f64[n] = mul(a, o)
    => y
    y: f64[n] = neg(a)
    => y

neg neg | a: f64[n], b: f64[n]
    v: f64[n] = neg(a)
    w: f64[n] = neg(b)
    y: f64[n] = mul(v, w)
    => y
    y: f64[n] = mul(a, b)
    => y

abs of neg | a: f64[n]
    v: f64[n] = neg(a)
    y: f64[n] = abs(v)
    => y
    y: f64[n] = abs(a)
    => y

abs of a negative multiple | a: f64[n]
    c: f64[n] = -2.0
    v: f64[n] = mul(a, c)
    y: f64[n] = abs(v)
    => y
    v0: f64[n] = 2.0
    v1: f64[n] = mul(a, v0)
    y: f64[n] = abs(v1)
    => y

abs of abs | a: f64[n]
    v: f64[n] = abs(a)
    y: f64[n] = abs(v)
    => y
    v: f64[n] = abs(a)
    => v

square of neg | i: i64[n]
    v: i64[n] = neg(i)
    y: i64[n] = square(v)
    => y
    y: i64[n] = square(i)
    => y

times itself | a: f64[n]
    y: f64[n] = mul(a, a)
    => y
    y: f64[n] = square(a)
    => y

neg times | a: f64[n], b: f64[n]
    v: f64[n] = neg(a)
    y: f64[n] = mul(b, v)
    => y
    v0: f64[n] = mul(a, b)
    y: f64[n] = neg(v0)
    => y

neg times 3 | a: f64[n]
    v: f64[n] = neg(a)
    c: f64[n] = 3.0
    y: f64[n] = mul(v, c)
    => y
    v0: f64[n] = -3.0
    y: f64[n] = mul(a, v0)
    => y

neg of product | a: f64[n]
    c: f64[n] = 3.0
    v: f64[n] = mul(a, c)
    y: f64[n] = neg(v)
    => y
    v0: f64[n] = -3.0
    y: f64[n] = mul(a, v0)
    => y

neg of quotient | a: f64[n]
    c: f64[n] = 3.0
    v: f64[n] = div(c, a)
    y: f64[n] = neg(v)
    => y
    v0: f64[n] = -3.0
    y: f64[n] = div(v0, a)
    => y

over 8 | a: f64[n]
    c: f64[n] = 8.0
    y: f64[n] = div(a, c)
    => y
    v0: f64[n] = 0.125
    y: f64[n] = mul(a, v0)
    => y

over -1 | a: f64[n]
    c: f64[n] = -1.0
    y: f64[n] = div(a, c)
    => y
    y: f64[n] = neg(a)
    => y

neg over | a: f64[n], b: f64[n]
    v: f64[n] = neg(a)
    y: f64[n] = div(v, b)
    => y
    v0: f64[n] = div(a, b)
    y: f64[n] = neg(v0)
    => y

neg over neg | a: f64[n], b: f64[n]
    v: f64[n] = neg(a)
    w: f64[n] = neg(b)
    y: f64[n] = div(v, w)
    => y
    y: f64[n] = div(a, b)
    => y

double neg | a: f64[n]
    v: f64[n] = neg(a)
    y: f64[n] = neg(v)
    => y
    => a

subtracted product | a: f64[n], b: f64[n]
    v: f64[n] = neg(a)
    w: f64[n] = mul(v, b)
    y: f64[n] = add(a, w)
    => y
    v0: f64[n] = mul(a, b)
    y: f64[n] = sub(a, v0)
    => y

select true | a: f64[n], b: f64[n]
    c: bool[n] = True
    y: f64[n] = select(c, a, b)
    => y
    => a

select false | a: f64[n], b: f64[n]
    c: bool[n] = False
    y: f64[n] = select(c, a, b)
    => y
    => b

select one | c: bool[n], a: f64[n], b: f64[n]
    y: f64[n] = select(c, a, a)
    => y
    => a

select not | c: bool[n], a: f64[n], b: f64[n]
    v: bool[n] = logical_not(c)
    y: f64[n] = select(v, a, b)
    => y
    y: f64[n] = select(c, b, a)
    => y

select again | c: bool[n], a: f64[n], b: f64[n]
    v: f64[n] = select(c, a, b)
    w: f64[n] = neg(b)
    y: f64[n] = select(c, v, w)
    => y
    w: f64[n] = neg(b)
    y: f64[n] = select(c, a, w)
    => y

select else again | c: bool[n], a: f64[n], b: f64[n]
    v: f64[n] = select(c, a, b)
    y: f64[n] = select(c, a, v)
    => y
    v: f64[n] = select(c, a, b)
    => v

not not | c: bool[n], d: bool[n]
    v: bool[n] = logical_not(c)
    y: bool[n] = logical_not(v)
    => y
    => c

not equal | a: f64[n], b: f64[n]
    v: bool[n] = equal(a, b)
    y: bool[n] = logical_not(v)
    => y
    y: bool[n] = not_equal(a, b)
    => y

not not_equal | a: f64[n], b: f64[n]
    v: bool[n] = not_equal(a, b)
    y: bool[n] = logical_not(v)
    => y
    y: bool[n] = equal(a, b)
    => y

and true | c: bool[n], d: bool[n]
    t: bool[n] = True
    y: bool[n] = logical_and(c, t)
    => y
    => c

and false | c: bool[n], d: bool[n]
    t: bool[n] = False
    y: bool[n] = logical_and(t, c)
    => y
    t: bool[n] = False
    => t

or false | c: bool[n], d: bool[n]
    t: bool[n] = False
    y: bool[n] = logical_or(t, c)
    => y
    => c

or true | c: bool[n], d: bool[n]
    t: bool[n] = True
    y: bool[n] = logical_or(c, t)
    => y
    t: bool[n] = True
    => t

and itself | c: bool[n], d: bool[n]
    y: bool[n] = logical_and(c, c)
    => y
    => c

max of itself | a: f64[n]
    y: f64[n] = maximum(a, a)
    => y
    => a

same dtype | a: f64[n]
    y: f64[n] = astype(a, dtype=f64)
    => y
    => a

back from wider | a: f32[n]
    v: f64[n] = astype(a, dtype=f64)
    y: f32[n] = astype(v, dtype=f32)
    => y
    => a
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(apply_algebra, *RULES[name], exact=True)


# What looks like an identity and is none: -0.0, infinities, NaN, or rounding.
UNTOUCHED = cases(
    """
plus 0 | a: f64[n]
    z: f64[n] = 0.0
    y: f64[n] = add(a, z)
    => y

minus -0 | a: f64[n]
    z: f64[n] = -0.0
    y: f64[n] = sub(a, z)
    => y

0 minus | a: f64[n]
    z: f64[n] = 0.0
    y: f64[n] = sub(z, a)
    => y

times 0 | a: f64[n]
    z: f64[n] = 0.0
    y: f64[n] = mul(a, z)
    => y

minus itself | a: f64[n]
    y: f64[n] = sub(a, a)
    => y

over itself | a: f64[n]
    y: f64[n] = div(a, a)
    => y

over 3 | a: f64[n]
    c: f64[n] = 3.0
    y: f64[n] = div(a, c)
    => y

equals itself | a: f64[n]
    y: bool[n] = equal(a, a)
    => y

not less | a: f64[n], b: f64[n]
    v: bool[n] = less(a, b)
    y: bool[n] = logical_not(v)
    => y

neg of difference | a: f64[n], b: f64[n]
    v: f64[n] = sub(a, b)
    y: f64[n] = neg(v)
    => y

constant chain | a: f64[n]
    c: f64[n] = 0.1
    v: f64[n] = mul(a, c)
    d: f64[n] = 3.0
    y: f64[n] = mul(v, d)
    => y

back from narrower | a: f64[n]
    v: f32[n] = astype(a, dtype=f32)
    y: f64[n] = astype(v, dtype=f64)
    => y

integers to floats | i: i64[n]
    v: f64[n] = astype(i, dtype=f64)
    y: i64[n] = astype(v, dtype=i64)
    => y
"""
)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_untouched(name):
    graph = graph_of(*UNTOUCHED[name])
    assert apply_algebra(graph) is graph


SUMS = """(p, q, r) {
  z: f64[n] = 0.0
  p: f64[n] = add(z, a)ORIGIN
  q: f64[n] = sub(z, a)ORIGIN
  r: f64[n] = add(a, z)ORIGIN
}"""


def test_nothing_is_added_to_cotangents_alone():
    graph = graph_of("a: f64[n]", SUMS.replace("ORIGIN", "  # model.py:3, adjoint of a"))
    found = run(graph, LOWER)
    assert str(found.with_outputs(())) == str(
        graph_of("a: f64[n]", "() {\n q: f64[n] = neg(a)  # model.py:3, adjoint of a\n}")
    )
    assert [out.name for out in found.outputs] == ["a", "q", "a"]
    graph = graph_of("a: f64[n]", SUMS.replace("ORIGIN", "  # model.py:3"))
    assert [node.op.name for node in run(graph, LOWER).nodes] == ["param", "const", "add", "sub"]
