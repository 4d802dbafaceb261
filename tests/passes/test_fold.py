"""Folding: splat constants of any shape, tables of literal shape, exact sums, and what is left."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.passes.fold import fold_constants
from tests.passes.conftest import cases, graph_of

RULES = cases(
    """
elementwise | x: f64[n]
    a: f64[n] = 0.1
    b: f64[n] = 0.2
    c: f64[n] = add(a, b)
    => c
    c: f64[n] = 0.30000000000000004
    => c

chain | x: f64[n]
    a: f32[n] = 3.0
    b: f32[n] = exp(a)
    c: f32[n] = log(b)
    => c
    a: f32[n] = 3.0
    => a

comparison | x: f64[n]
    a: f64[n] = nan
    c: bool[n] = less(a, a)
    => c
    c: bool[n] = False
    => c

conversion | x: f64[n]
    a: i64[n] = 3
    c: f32[n] = astype(a, dtype=f32)
    => c
    c: f32[n] = 3.0
    => c

composite | x: f64[3]
    a: f64[3] = 2.0
    c: f64[3] = softmax(a, axes=(0,))
    => c
    c: f64[3] = 0.3333333333333333
    => c

views | x: f64[n, m]
    a: f64[n] = 2.0
    b: f64[n, m] = broadcast(a, shape=(n, m), axes=(0,))
    c: f64[m, n] = transpose(b, order=(1, 0))
    d: f64[m*n] = reshape(c, shape=(m*n,))
    e: f64[1] = index(d, spec=(Slice(0, 1, 1),))
    => e
    e: f64[1] = 2.0
    => e

table | x: f64[n]
    a: f64[3] = table(values=(1.0, 2.0, 4.0))
    b: f64[3] = 2.0
    c: f64[3] = mul(a, b)
    d: f64[] = sum(c, axes=(0,))
    => c, d
    c: f64[3] = table(values=(2.0, 4.0, 8.0))
    d: f64[] = 14.0
    => c, d

table that becomes flat | x: f64[n]
    a: i64[2] = table(values=(1, 2))
    b: i64[2] = sub(a, a)
    => b
    b: i64[2] = 0
    => b

product of tables | x: f64[n]
    a: f64[2, 2] = table(values=(1.0, 2.0, 3.0, 4.0))
    b: f64[2] = table(values=(1.0, -1.0))
    c: f64[2] = matmul(a, b)
    => c
    c: f64[2] = -1.0
    => c

count | x: f64[n]
    a: f64[n] = 1.0
    c: f64[] = sum(a, axes=(0,))
    => c
    v0: i64[] = dim(size=n)
    c: f64[] = astype(v0, dtype=f64)
    => c

integer count | x: f64[n, m]
    a: i64[n, m] = 1
    c: i64[] = sum(a, axes=(0, 1))
    => c
    c: i64[] = dim(size=m*n)
    => c

sum of zeros | x: f64[n, m]
    a: f64[n, m] = 0.0
    c: f64[n] = sum(a, axes=(1,))
    => c
    c: f64[n] = 0.0
    => c

sum of a literal number of integers | x: f64[n]
    a: f64[n, 100] = -3.0
    c: f64[n] = sum(a, axes=(1,))
    => c
    c: f64[n] = -300.0
    => c

largest of equals | x: f64[n]
    a: f64[n, 5] = 0.1
    c: f64[n] = max(a, axes=(1,))
    => c
    c: f64[n] = 0.1
    => c

any of none | x: f64[n]
    a: bool[n] = False
    c: bool[] = any(a, axes=(0,))
    => c
    c: bool[] = False
    => c
"""
)


@pytest.mark.parametrize("name", RULES)
def test_rule(name, becomes):
    becomes(fold_constants, *RULES[name], exact=True)


UNTOUCHED = cases(
    """
inexact sum | x: f64[n]
    a: f64[n, 10] = 0.1
    y: f64[n] = sum(a, axes=(1,))
    => y

sum of negative zeros | x: f64[n]
    a: f64[n] = -0.0
    y: f64[] = sum(a, axes=(0,))
    => y

largest of perhaps none | x: f64[n]
    a: f64[n] = 0.1
    y: f64[] = max(a, axes=(0,))
    => y

any of perhaps none | x: f64[n]
    a: bool[n] = True
    y: bool[] = any(a, axes=(0,))
    => y

index that may be out of range | x: f64[n], i: i64[]
    a: f64[n] = 1.0
    y: f64[] = index(a, i, spec=(At(0),))
    => y

index out of range | x: f64[n]
    a: f64[3] = table(values=(1.0, 2.0, 4.0))
    i: i64[] = 7
    y: f64[] = index(a, i, spec=(At(0),))
    => y

counting | x: f64[n]
    y: i64[3] = iota(shape=(3,), axis=0)
    => y

table too large | x: f64[n]
    a: f64[5] = table(values=(1.0, 2.0, 3.0, 4.0, 5.0))
    y: f64[5, 5] = broadcast(a, shape=(5, 5), axes=(0,))
    => y
"""
)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_untouched(name):
    params, text = UNTOUCHED[name]
    graph = graph_of(params, text)
    assert fold_constants(graph) is graph


def test_division_by_zero_folds_to_what_numpy_gives():
    text = "(a, b) {z: f64[n] = 0.0 o: f64[n] = 1.0 a: f64[n] = div(o, z) b: f64[n] = div(z, z)}"
    graph = graph_of("x: f64[n]", text)
    found = interpret(fold_constants(graph), [np.zeros(1)])
    assert found[0] == np.inf
    assert np.isnan(found[1])
