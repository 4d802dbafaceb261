"""Writes that the next one overwrites."""

from __future__ import annotations

import pytest

from bpcompile.passes.stores import drop_overwritten
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
overwritten | x: f64[n], a: f64[], b: f64[], i: i64[]
    y: f64[n] = update(x, a, i, spec=(At(0),))
    z: f64[n] = accumulate(y, a, i, spec=(At(0),))
    w: f64[n] = update(z, b, i, spec=(At(0),))
    => w
    w: f64[n] = update(x, b, i, spec=(At(0),))
    => w

read between | x: f64[n], b: f64[], i: i64[], j: i64[]
    y: f64[n] = update(x, b, i, spec=(At(0),))
    r: f64[] = index(y, j, spec=(At(0),))
    w: f64[n] = update(y, r, i, spec=(At(0),))
    => w
    y: f64[n] = update(x, b, i, spec=(At(0),))
    r: f64[] = index(y, j, spec=(At(0),))
    w: f64[n] = update(y, r, i, spec=(At(0),))
    => w

another place, and adding | x: f64[n], b: f64[], i: i64[], j: i64[]
    y: f64[n] = update(x, b, i, spec=(At(0),))
    z: f64[n] = update(y, b, j, spec=(At(0),))
    w: f64[n] = accumulate(z, b, j, spec=(At(0),))
    => w
    y: f64[n] = update(x, b, i, spec=(At(0),))
    z: f64[n] = update(y, b, j, spec=(At(0),))
    w: f64[n] = accumulate(z, b, j, spec=(At(0),))
    => w

inside a loop | x: f64[n], b: f64[]
    p: i64[] = 0
    l: (f64[n]) = loop(p, p, x, b, carried=1)
      body = graph body(i: i64[], x: f64[n], b: f64[]) -> w {
        y: f64[n] = update(x, b, i, spec=(At(0),))
        c: f64[] = 1.0
        w: f64[n] = update(y, c, i, spec=(At(0),))
      }
    y: f64[n] = item(l, index=0)
    => y
    p: i64[] = 0
    l: (f64[n]) = loop(p, p, x, b, carried=1)
      body = graph body(i: i64[], x: f64[n], b: f64[]) -> w {
        c: f64[] = 1.0
        w: f64[n] = update(x, c, i, spec=(At(0),))
      }
    y: f64[n] = item(l, index=0)
    => y
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(drop_overwritten, *RULES[name], exact=True)


def test_graph_without_such_writes_is_the_same():
    params, before, _ = RULES["read between"]
    graph = graph_of(params, before)
    assert drop_overwritten(graph) is graph
