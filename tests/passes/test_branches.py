"""Branches: certain arms, results that both arms return alike, and what is known inside them."""

from __future__ import annotations

import pytest

from bpcompile.passes.branches import simplify_branches
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
arm that is certain | x: f64[], z: f64[]
    c: bool[] = False
    b: (f64[]) = branch(c, x, z)
      otherwise = graph otherwise(p: f64[], q: f64[]) -> r {
        r: f64[] = mul(p, q)
      }
      then = graph then(p: f64[], q: f64[]) -> r {
        r: f64[] = log(p)
      }
    y: f64[] = item(b, index=0)
    => y
    r: f64[] = mul(x, z)
    => r

operand that both arms hand on | c: bool[], x: f64[], z: f64[]
    b: (f64[], f64[]) = branch(c, x, z)
      otherwise = graph otherwise(p: f64[], q: f64[]) -> (p, q) {}
      then = graph then(p: f64[], q: f64[]) -> (p, r) {
        r: f64[] = log(q)
      }
    y: f64[] = item(b, index=0)
    => y
    => x

constant that both arms return | c: bool[], x: f64[]
    b: (f64[], f64[]) = branch(c, x)
      otherwise = graph otherwise(p: f64[]) -> (k, k) {
        k: f64[] = 1.5
      }
      then = graph then(p: f64[]) -> (k, p) {
        k: f64[] = 1.5
      }
    y: f64[] = item(b, index=0)
    => y
    y: f64[] = 1.5
    => y

results that are the condition | c: bool[], x: f64[]
    b: (bool[], bool[]) = branch(c, x)
      otherwise = graph otherwise(p: f64[]) -> (f, t) {
        f: bool[] = False
        t: bool[] = True
      }
      then = graph then(p: f64[]) -> (t, f) {
        f: bool[] = False
        t: bool[] = True
      }
    u: bool[] = item(b, index=0)
    v: bool[] = item(b, index=1)
    w: bool[] = equal(u, v)
    => w
    v: bool[] = logical_not(c)
    w: bool[] = equal(c, v)
    => w

negated condition | c: bool[], x: f64[]
    n: bool[] = logical_not(c)
    b: (f64[]) = branch(n, x)
      otherwise = graph otherwise(p: f64[]) -> p {}
      then = graph then(p: f64[]) -> r {
        r: f64[] = exp(p)
      }
    y: f64[] = item(b, index=0)
    => y
    b: (f64[]) = branch(c, x)
      otherwise = graph then(p: f64[]) -> r {
        r: f64[] = exp(p)
      }
      then = graph otherwise(p: f64[]) -> p {}
    y: f64[] = item(b, index=0)
    => y

condition inside its arms | c: bool[], x: f64[]
    b: (f64[]) = branch(c, x, c)
      otherwise = graph otherwise(p: f64[], c: bool[]) -> r {
        b: (f64[]) = branch(c, p)
          otherwise = graph otherwise(p: f64[]) -> p {}
          then = graph then(p: f64[]) -> r {
            r: f64[] = log(p)
          }
        r: f64[] = item(b, index=0)
      }
      then = graph then(p: f64[], c: bool[]) -> r {
        r: f64[] = exp(p)
      }
    y: f64[] = item(b, index=0)
    => y
    b: (f64[]) = branch(c, x)
      otherwise = graph otherwise(p: f64[]) -> p {}
      then = graph then(p: f64[]) -> r {
        r: f64[] = exp(p)
      }
    y: f64[] = item(b, index=0)
    => y
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(simplify_branches, *RULES[name], exact=True)


def test_constants_move_into_arms_and_fold():
    graph = graph_of(
        "c: bool[], x: f64[]",
        """y {
        k: f64[] = 2.0
        b: (f64[]) = branch(c, x, k)
          otherwise = graph otherwise(p: f64[], k: f64[]) -> k {}
          then = graph then(p: f64[], k: f64[]) -> r {
            s: f64[] = sqrt(k)
            r: f64[] = mul(p, s)
          }
        y: f64[] = item(b, index=0)
        }""",
    )
    text = str(run(run(graph, SIMPLIFY, verify=True), LOWER, verify=True))
    assert "branch(c, x)" in text
    assert "sqrt" not in text
    assert "1.4142135623730951" in text


def test_small_arms_stay_arms():
    graph = graph_of(
        "c: bool[], x: f64[]",
        """y {
        b: (f64[]) = branch(c, x)
          otherwise = graph otherwise(p: f64[]) -> p {}
          then = graph then(p: f64[]) -> r {
            r: f64[] = neg(p)
          }
        y: f64[] = item(b, index=0)
        }""",
    )
    assert run(run(graph, SIMPLIFY), LOWER) is graph
