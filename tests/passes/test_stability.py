"""Stability rewrites: each rule, right at moderate points, and finite where the formula is not."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.passes.pipeline import SIMPLIFY, run
from bpcompile.passes.stability import stabilise
from bpcompile.transforms.reverse import reverse
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
softplus | x: f64[n]
    e: f64[n] = exp(x)
    o: f64[n] = 1.0
    s: f64[n] = add(o, e)
    y: f64[n] = log(s)
    => y
    y: f64[n] = softplus(x)
    => y

softplus by log1p | x: f64[n]
    e: f64[n] = exp(x)
    y: f64[n] = log1p(e)
    => y
    y: f64[n] = softplus(x)
    => y

softplus by logaddexp | x: f64[n]
    o: f64[n] = 0.0
    y: f64[n] = logaddexp(x, o)
    => y
    y: f64[n] = softplus(x)
    => y

log_sigmoid by softplus | x: f64[n]
    m: f64[n] = neg(x)
    s: f64[n] = softplus(m)
    y: f64[n] = neg(s)
    => y
    y: f64[n] = log_sigmoid(x)
    => y

log1p | x: f64[n]
    a: f64[n] = square(x)
    o: f64[n] = 1.0
    s: f64[n] = add(a, o)
    y: f64[n] = log(s)
    => y
    a: f64[n] = square(x)
    y: f64[n] = log1p(a)
    => y

square of a length | x: f64[n], z: f64[n]
    h: f64[n] = hypot(x, z)
    t: f64[n] = 2.0
    y: f64[n] = power(h, t)
    => y
    v0: f64[n] = square(x)
    v1: f64[n] = square(z)
    y: f64[n] = add(v0, v1)
    => y

log1p of minus | x: f64[n]
    a: f64[n] = tanh(x)
    o: f64[n] = 1.0
    s: f64[n] = sub(o, a)
    y: f64[n] = log(s)
    => y
    a: f64[n] = tanh(x)
    v0: f64[n] = neg(a)
    y: f64[n] = log1p(v0)
    => y

logaddexp | x: f64[n], z: f64[n]
    a: f64[n] = exp(x)
    b: f64[n] = exp(z)
    s: f64[n] = add(a, b)
    y: f64[n] = log(s)
    => y
    y: f64[n] = logaddexp(x, z)
    => y

log of exp | x: f64[n]
    e: f64[n] = exp(x)
    y: f64[n] = log(e)
    => y
    => x

log of sigmoid | x: f64[n]
    e: f64[n] = sigmoid(x)
    y: f64[n] = log(e)
    => y
    y: f64[n] = log_sigmoid(x)
    => y

log of one less sigmoid | x: f64[n]
    e: f64[n] = sigmoid(x)
    o: f64[n] = 1.0
    s: f64[n] = sub(o, e)
    y: f64[n] = log(s)
    => y
    v0: f64[n] = neg(x)
    y: f64[n] = log_sigmoid(v0)
    => y

log of softmax | x: f64[n, m]
    s: f64[n, m] = softmax(x, axes=(1,))
    y: f64[n, m] = log(s)
    => y
    y: f64[n, m] = log_softmax(x, axes=(1,))
    => y

log of part of softmax | x: f64[n, m], i: i64[]
    s: f64[n, m] = softmax(x, axes=(1,))
    p: f64[n] = index(s, i, spec=(Slice(0, 1, n), At(0)))
    y: f64[n] = log(p)
    => y
    v0: f64[n, m] = log_softmax(x, axes=(1,))
    y: f64[n] = index(v0, i, spec=(Slice(0, 1, n), At(0)))
    => y

logsumexp | x: f64[n, m]
    e: f64[n, m] = exp(x)
    s: f64[n] = sum(e, axes=(1,))
    y: f64[n] = log(s)
    => y
    y: f64[n] = logsumexp(x, axes=(1,))
    => y

logsumexp by hand | x: f64[n, m]
    t: f64[n] = max(x, axes=(1,))
    b: f64[n, m] = broadcast(t, shape=(n, m), axes=(0,))
    r: f64[n, m] = sub(x, b)
    e: f64[n, m] = exp(r)
    s: f64[n] = sum(e, axes=(1,))
    l: f64[n] = log(s)
    y: f64[n] = add(l, t)
    => y
    y: f64[n] = logsumexp(x, axes=(1,))
    => y

softmax | x: f64[n, m]
    e: f64[n, m] = exp(x)
    s: f64[n] = sum(e, axes=(1,))
    b: f64[n, m] = broadcast(s, shape=(n, m), axes=(0,))
    y: f64[n, m] = div(e, b)
    => y
    y: f64[n, m] = softmax(x, axes=(1,))
    => y

softmax by hand | x: f64[m]
    t: f64[] = max(x, axes=(0,))
    b: f64[m] = broadcast(t, shape=(m,), axes=())
    r: f64[m] = sub(x, b)
    e: f64[m] = exp(r)
    s: f64[] = sum(e, axes=(0,))
    c: f64[m] = broadcast(s, shape=(m,), axes=())
    y: f64[m] = div(e, c)
    => y
    y: f64[m] = softmax(x, axes=(0,))
    => y

log_softmax by hand | x: f64[n, m]
    t: f64[n] = max(x, axes=(1,))
    b: f64[n, m] = broadcast(t, shape=(n, m), axes=(0,))
    r: f64[n, m] = sub(x, b)
    e: f64[n, m] = exp(r)
    s: f64[n] = sum(e, axes=(1,))
    l: f64[n] = log(s)
    c: f64[n, m] = broadcast(l, shape=(n, m), axes=(0,))
    y: f64[n, m] = sub(r, c)
    => y
    y: f64[n, m] = log_softmax(x, axes=(1,))
    => y

expm1 | x: f64[n]
    e: f64[n] = exp(x)
    o: f64[n] = 1.0
    y: f64[n] = sub(e, o)
    => y
    y: f64[n] = expm1(x)
    => y

expm1 from the other side | x: f64[n]
    e: f64[n] = exp(x)
    o: f64[n] = -1.0
    y: f64[n] = add(o, e)
    => y
    y: f64[n] = expm1(x)
    => y

minus expm1 | x: f64[n]
    e: f64[n] = exp(x)
    o: f64[n] = 1.0
    y: f64[n] = sub(o, e)
    => y
    v0: f64[n] = expm1(x)
    y: f64[n] = neg(v0)
    => y

erfc | x: f64[n]
    e: f64[n] = erf(x)
    o: f64[n] = 1.0
    y: f64[n] = sub(o, e)
    => y
    y: f64[n] = erfc(x)
    => y

sigmoid | x: f64[n]
    m: f64[n] = neg(x)
    e: f64[n] = exp(m)
    o: f64[n] = 1.0
    s: f64[n] = add(o, e)
    y: f64[n] = div(o, s)
    => y
    y: f64[n] = sigmoid(x)
    => y

sigmoid by reciprocal | x: f64[n]
    e: f64[n] = exp(x)
    o: f64[n] = 1.0
    s: f64[n] = add(e, o)
    y: f64[n] = reciprocal(s)
    => y
    v0: f64[n] = neg(x)
    y: f64[n] = sigmoid(v0)
    => y

sigmoid by quotient | x: f64[n]
    e: f64[n] = exp(x)
    o: f64[n] = 1.0
    s: f64[n] = add(e, o)
    y: f64[n] = div(e, s)
    => y
    y: f64[n] = sigmoid(x)
    => y

scaled sigmoid | x: f64[n], k: f64[n]
    e: f64[n] = exp(x)
    o: f64[n] = 1.0
    s: f64[n] = add(e, o)
    y: f64[n] = div(k, s)
    => y
    v0: f64[n] = neg(x)
    v1: f64[n] = sigmoid(v0)
    y: f64[n] = mul(k, v1)
    => y

tanh | x: f64[n]
    m: f64[n] = neg(x)
    a: f64[n] = exp(x)
    b: f64[n] = exp(m)
    t: f64[n] = sub(a, b)
    u: f64[n] = add(b, a)
    y: f64[n] = div(t, u)
    => y
    y: f64[n] = tanh(x)
    => y

sinh | x: f64[n]
    m: f64[n] = neg(x)
    a: f64[n] = exp(x)
    b: f64[n] = exp(m)
    t: f64[n] = sub(a, b)
    h: f64[n] = 0.5
    y: f64[n] = mul(h, t)
    => y
    y: f64[n] = sinh(x)
    => y

root of square | x: f64[n]
    s: f64[n] = square(x)
    y: f64[n] = sqrt(s)
    => y
    y: f64[n] = abs(x)
    => y

power 1 | x: f64[n]
    p: f64[n] = 1.0
    y: f64[n] = power(x, p)
    => y
    => x

power 3 | x: f64[n]
    p: f64[n] = 3.0
    y: f64[n] = power(x, p)
    => y
    v0: f64[n] = square(x)
    y: f64[n] = mul(v0, x)
    => y

power 4 | x: f64[n]
    p: f64[n] = 4.0
    y: f64[n] = power(x, p)
    => y
    v0: f64[n] = square(x)
    y: f64[n] = square(v0)
    => y

power -1 | x: f64[n]
    p: f64[n] = -1.0
    y: f64[n] = power(x, p)
    => y
    v0: f64[n] = 1.0
    y: f64[n] = div(v0, x)
    => y
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(stabilise, *RULES[name])


UNTOUCHED = cases(
    """
root | x: f64[n]
    p: f64[n] = 0.5
    y: f64[n] = power(x, p)
    => y

square of root | x: f64[n]
    r: f64[n] = sqrt(x)
    y: f64[n] = square(r)
    => y

exp of log | x: f64[n]
    l: f64[n] = log(x)
    y: f64[n] = exp(l)
    => y

share of other sums | x: f64[n, n]
    e: f64[n, n] = exp(x)
    s: f64[n] = sum(e, axes=(0,))
    b: f64[n, n] = broadcast(s, shape=(n, n), axes=(0,))
    y: f64[n, n] = div(e, b)
    => y

shift by another maximum | x: f64[n, n]
    t: f64[n] = max(x, axes=(0,))
    b: f64[n, n] = broadcast(t, shape=(n, n), axes=(0,))
    r: f64[n, n] = sub(x, b)
    y: f64[n, n] = softmax(r, axes=(1,))
    => y
"""
)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_untouched(name):
    graph = graph_of(*UNTOUCHED[name])
    assert stabilise(graph) is graph


LOSS = """(y) {
    m: f64[n] = neg(x)
    e: f64[n] = exp(m)
    o: f64[n] = 1.0
    s: f64[n] = add(o, e)
    l: f64[n] = log(s)
    y: f64[] = sum(l, axes=(0,))
}"""


def test_the_derivative_is_that_of_the_stable_form():
    graph = graph_of("x: f64[n]", LOSS)
    x = np.array([-1e4, -800.0, 0.0, 800.0])
    written = interpret(reverse(graph, [0]), [x])
    stable = interpret(reverse(run(graph, SIMPLIFY), [0]), [x])
    assert written[0] == np.inf
    assert np.isnan(written[1]).any()
    assert stable[0] == pytest.approx(10800 + np.log(2))
    assert stable[1].tolist() == [-1.0, -1.0, -0.5, 0.0]
