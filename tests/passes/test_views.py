"""Views: compositions, ops of views, and reads of what was written."""

from __future__ import annotations

import pytest

from bpcompile.passes.views import simplify_views
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
reshape of reshape | x: f64[n, m]
    v: f64[n*m] = reshape(x, shape=(n*m,))
    y: f64[m, n] = reshape(v, shape=(m, n))
    => y
    y: f64[m, n] = reshape(x, shape=(m, n))
    => y

reshape back | x: f64[n, m]
    v: f64[n*m] = reshape(x, shape=(n*m,))
    y: f64[n, m] = reshape(v, shape=(n, m))
    => y
    => x

double transpose | x: f64[n, m]
    v: f64[m, n] = transpose(x, order=(1, 0))
    y: f64[n, m] = transpose(v, order=(1, 0))
    => y
    => x

transpose of transpose | x: f64[n, m, d]
    v: f64[m, d, n] = transpose(x, order=(1, 2, 0))
    y: f64[d, m, n] = transpose(v, order=(1, 0, 2))
    => y
    y: f64[d, m, n] = transpose(x, order=(2, 1, 0))
    => y

broadcast of broadcast | x: f64[n], z: f64[m, d]
    v: f64[m, n] = broadcast(x, shape=(m, n), axes=(1,))
    y: f64[m, n, d] = broadcast(v, shape=(m, n, d), axes=(0, 1))
    => y
    y: f64[m, n, d] = broadcast(x, shape=(m, n, d), axes=(1,))
    => y

transpose of broadcast | x: f64[n], z: f64[m, d]
    v: f64[m, n] = broadcast(x, shape=(m, n), axes=(1,))
    y: f64[n, m] = transpose(v, order=(1, 0))
    => y
    y: f64[n, m] = broadcast(x, shape=(n, m), axes=(0,))
    => y

broadcast of transpose | x: f64[n, m, d]
    v: f64[m, d, n] = transpose(x, order=(1, 2, 0))
    y: f64[m, d, n, 2] = broadcast(v, shape=(m, d, n, 2), axes=(0, 1, 2))
    => y
    y: f64[m, d, n, 2] = broadcast(x, shape=(m, d, n, 2), axes=(2, 0, 1))
    => y

op of broadcast | x: f64[n], z: f64[m, d]
    v: f64[m, n] = broadcast(x, shape=(m, n), axes=(1,))
    y: f64[m, n] = exp(v)
    => y
    v0: f64[n] = exp(x)
    y: f64[m, n] = broadcast(v0, shape=(m, n), axes=(1,))
    => y

op of broadcast and constant | x: f64[n], z: f64[m, d]
    v: f64[m, n] = broadcast(x, shape=(m, n), axes=(1,))
    c: f64[m, n] = 2.0
    y: bool[m, n] = less(c, v)
    => y
    v0: f64[n] = 2.0
    v1: bool[n] = less(v0, x)
    y: bool[m, n] = broadcast(v1, shape=(m, n), axes=(1,))
    => y

select of views | c: bool[n], x: f64[n], z: f64[n]
    u: bool[n, 1] = reshape(c, shape=(n, 1))
    v: f64[n, 1] = reshape(x, shape=(n, 1))
    w: f64[n, 1] = reshape(z, shape=(n, 1))
    y: f64[n, 1] = select(u, v, w)
    => y
    v0: f64[n] = select(c, x, z)
    y: f64[n, 1] = reshape(v0, shape=(n, 1))
    => y

kept axes | x: f64[n, m]
    s: f64[n] = sum(x, axes=(1,))
    v: f64[n, 1] = reshape(s, shape=(n, 1))
    w: f64[n, 1] = exp(v)
    u: f64[n] = reshape(w, shape=(n,))
    => u
    s: f64[n] = sum(x, axes=(1,))
    u: f64[n] = exp(s)
    => u

max of nothing | x: f64[n]
    y: f64[n] = max(x, axes=())
    => y
    => x

max of length 1 | x: f64[n, 1]
    y: f64[n] = max(x, axes=(1,))
    => y
    y: f64[n] = reshape(x, shape=(n,))
    => y

broadcast that repeats nothing | x: f64[n]
    y: f64[n, 1] = broadcast(x, shape=(n, 1), axes=(0,))
    => y
    y: f64[n, 1] = reshape(x, shape=(n, 1))
    => y

scalar of an op | x: f64[1], z: f64[1, 1]
    u: f64[1] = reshape(z, shape=(1,))
    v: f64[1] = add(x, u)
    y: f64[] = reshape(v, shape=())
    => y
    v0: f64[] = reshape(x, shape=())
    v1: f64[] = reshape(z, shape=())
    y: f64[] = add(v0, v1)
    => y

element of an op | x: f64[3], h: f64[]
    b: f64[3] = broadcast(h, shape=(3,), axes=())
    v: f64[3] = mul(b, x)
    e: f64[1] = index(v, spec=(Slice(1, 1, 1),))
    y: f64[] = reshape(e, shape=())
    => y
    v0: f64[1] = index(x, spec=(Slice(1, 1, 1),))
    v1: f64[] = reshape(v0, shape=())
    y: f64[] = mul(h, v1)
    => y

index of all | x: f64[n]
    y: f64[n] = index(x, spec=(Slice(0, 1, n),))
    => y
    => x

slice of slice | x: f64[9]
    v: f64[4] = index(x, spec=(Slice(8, -2, 4),))
    y: f64[2] = index(v, spec=(Slice(1, 2, 2),))
    => y
    y: f64[2] = index(x, spec=(Slice(6, -4, 2),))
    => y

slice of broadcast | x: f64[4], z: f64[n]
    v: f64[n, 4] = broadcast(x, shape=(n, 4), axes=(1,))
    y: f64[3, 2] = index(v, spec=(Slice(0, 1, 3), Slice(1, 1, 2)))
    => y
    v0: f64[2] = index(x, spec=(Slice(1, 1, 2),))
    y: f64[3, 2] = broadcast(v0, shape=(3, 2), axes=(1,))
    => y

read what was written | x: f64[n], z: f64[1]
    v: f64[n] = update(x, z, spec=(Slice(2, 1, 1),))
    y: f64[1] = index(v, spec=(Slice(2, 1, 1),))
    => y
    => z

read a part of it | x: f64[9], z: f64[4]
    v: f64[9] = update(x, z, spec=(Slice(2, 1, 4),))
    y: f64[2] = index(v, spec=(Slice(3, 1, 2),))
    => y
    y: f64[2] = index(z, spec=(Slice(1, 1, 2),))
    => y

read beside it | x: f64[n], z: f64[1]
    v: f64[n] = update(x, z, spec=(Slice(n - 1, 1, 1),))
    y: f64[1] = index(v, spec=(Slice(n - 2, 1, 1),))
    => y
    y: f64[1] = index(x, spec=(Slice(n - 2, 1, 1),))
    => y

read what was added | x: f64[n], z: f64[1]
    v: f64[n] = accumulate(x, z, spec=(Slice(2, 1, 1),))
    y: f64[1] = index(v, spec=(Slice(2, 1, 1),))
    => y
    v0: f64[1] = index(x, spec=(Slice(2, 1, 1),))
    y: f64[1] = add(v0, z)
    => y

read at the same index | x: f64[n], z: f64[], i: i64[]
    v: f64[n] = update(x, z, i, spec=(At(0),))
    y: f64[] = index(v, i, spec=(At(0),))
    => y
    => z

write all | x: f64[n], z: f64[n]
    y: f64[n] = update(x, z, spec=(Slice(0, 1, n),))
    => y
    => z

add to all | x: f64[n], z: f64[n]
    y: f64[n] = accumulate(x, z, spec=(Slice(0, 1, n),))
    => y
    y: f64[n] = add(x, z)
    => y

mark all | x: bool[n], z: bool[n]
    y: bool[n] = accumulate(x, z, spec=(Slice(0, 1, n),))
    => y
    y: bool[n] = logical_or(x, z)
    => y

elements of a list | a: f64[], b: f64[]
    z: f64[2] = 0.0
    u: f64[1] = reshape(a, shape=(1,))
    w: f64[1] = reshape(b, shape=(1,))
    p: f64[2] = update(z, u, spec=(Slice(0, 1, 1),))
    q: f64[2] = update(p, w, spec=(Slice(1, 1, 1),))
    r: f64[1] = index(q, spec=(Slice(0, 1, 1),))
    y: f64[] = reshape(r, shape=())
    => y
    => a
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(simplify_views, *RULES[name], exact=True)


LOOSE = cases(
    """
zeros to add into stand for nothing | x: f64[n]
    z: f64[n] = 0.0
    y: f64[n] = accumulate(z, x, spec=(Slice(0, 1, n),))
    => y
    => x

sum of nothing | x: f64[n]
    y: f64[n] = sum(x, axes=())
    => y
    => x
"""
)


@pytest.mark.parametrize("name", LOOSE)
def test_rule_up_to_the_sign_of_zero(name, becomes):
    becomes(simplify_views, *LOOSE[name])


UNTOUCHED = cases(
    """
other views | x: f64[n], z: f64[m]
    v: f64[n, m] = broadcast(x, shape=(n, m), axes=(0,))
    w: f64[n, m] = broadcast(z, shape=(n, m), axes=(1,))
    y: f64[n, m] = add(v, w)
    => y

other shapes | x: f64[6, 1], z: f64[2, 3]
    v: f64[6] = reshape(x, shape=(6,))
    w: f64[6] = reshape(z, shape=(6,))
    y: f64[6] = add(v, w)
    => y

axis taken away | x: f64[n, 1]
    v: f64[n] = reshape(x, shape=(n,))
    y: f64[n] = exp(v)
    => y

element of an op of a large array | x: f64[99]
    v: f64[99] = exp(x)
    y: f64[1] = index(v, spec=(Slice(1, 1, 1),))
    => y

symmetric transpose | x: f64[n, n]
    y: f64[n, n] = transpose(x, order=(1, 0))
    => y

one written twice | x: f64[n], z: f64[m], i: i64[m]
    v: f64[n] = update(x, z, i, spec=(At(0),))
    y: f64[m] = index(v, i, spec=(At(0),))
    => y

another index | x: f64[n], z: f64[], i: i64[], j: i64[]
    v: f64[n] = update(x, z, i, spec=(At(0),))
    y: f64[] = index(v, j, spec=(At(0),))
    => y

overlap | x: f64[9], z: f64[4]
    v: f64[9] = update(x, z, spec=(Slice(2, 1, 4),))
    y: f64[4] = index(v, spec=(Slice(3, 1, 4),))
    => y

max of nothing known | x: f64[n, m]
    y: f64[n] = max(x, axes=(1,))
    => y

reversal | x: f64[n]
    y: f64[n] = index(x, spec=(Slice(n - 1, -1, n),))
    => y
"""
)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_untouched(name):
    graph = graph_of(*UNTOUCHED[name])
    assert simplify_views(graph) is graph
