"""Linear forms and ranges of run-time integers."""

from __future__ import annotations

from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim, dim_max, dim_min
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.transforms.counts import Counts, Range
from bpcompile.transforms.regions import Loop
from tests.transforms.models import loop, params, size_param

N = Dim.named("n")


def counts_of(b, *exprs, ranges=None):
    counts = Counts(b.finish(exprs), ranges)
    return counts, [counts.linear(expr.node) for expr in exprs]


def test_forms_are_linear_in_what_is_unknown():
    b = Builder()
    (i, j) = params(b, i=i64[()], j=i64[()])
    n = b.dim(N)
    counts, (a, c, d) = counts_of(b, (i + n) * 2 - i - 3, n * n - (1 + n), -(i - j) * i)
    assert a.terms == {i.node: 1}
    assert a.constant == 2 * N - 3
    assert c.size == N * N - N - 1
    assert d.size is None
    assert counts.range(d) == Range()


def test_ranges_follow_the_signs():
    b = Builder()
    (i, j) = params(b, i=i64[()], j=i64[()])
    ranges = {i.node: Range(0, N - 1), j.node: Range(2, None)}
    counts, (a, c) = counts_of(b, b.dim(N) - 1 - i, i - j, ranges=ranges)
    assert counts.range(a) == Range(0, N - 1)
    assert counts.range(c) == Range(None, N - 3)


def test_extremes():
    b = Builder()
    (k,) = params(b, k=i64[()])
    n = b.dim(N)
    least, most, both = OPS["minimum"](k, n), OPS["maximum"](k, n), OPS["maximum"](n, n * 2 - 5)
    counts, forms = counts_of(b, least, most, both, OPS["minimum"](n, n + 1))
    assert [counts.range(form) for form in forms[:2]] == [Range(None, N), Range(N, None)]
    assert forms[2].size == dim_max(N, 2 * N - 5)
    assert forms[3].size == dim_min(N, N + 1) == N


def test_int_argument_is_a_size_that_may_be_negative():
    b = Builder()
    n = size_param(b)
    x = b.param("x", f64["m"])
    counts = Counts(b.finish((n, x)))
    assert counts.linear(n.node).size == N
    assert not counts.never_negative(N)
    assert counts.never_negative(Dim.named("m") * 2 + 1)
    assert not counts.never_negative(Dim.named("m") - 1)
    assert not counts.never_negative(-1)


def test_inside_of_a_loop():
    b = Builder()
    x = b.param("x", f64[()])
    (k,) = params(b, k=i64[()])
    n = b.dim(N)
    (s,) = loop(b, 1, n, {"s": x}, {"n": n, "k": k}, lambda i, s, n, k: s)
    counts = Counts(b.finish((s,)))
    inner = Loop(s.node.args[0])
    inside = counts.inside(inner)
    assert inside.range(inside.linear(inner.index)) == Range(1, N - 1)
    assert inside.linear(inner.constants[0]).size == N
    assert inside.linear(inner.constants[1]).size is None
