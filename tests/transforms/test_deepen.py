"""Inner loops that work in one place of a larger array."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.ir.verify import verify
from bpcompile.transforms.deepen import can_deepen, deepened
from bpcompile.transforms.regions import Loop
from tests.transforms.models import N, at, loop, params, place, put, total


def filled(step, **more):
    """Return a loop over an array `a`, and its builder."""
    b = Builder()
    a, x, k = params(b, a=f64["n"], x=f64["n"], k=i64[()])
    results = loop(b, 0, b.dim(N), {"a": a, **more}, {"x": x, "k": k}, step)
    return b, Loop(results[0].node.args[0])


def nested(i, a, x, k):
    def inner(j, a, x, i):
        return put(a, at(x, j) + at(a, i), j)

    (a,) = loop(a.builder, 0, a.builder.dim(N), {"a": a}, {"x": x, "i": i}, inner, "j")
    return put(a, at(a, k) * 2.0, i)


STATES = {
    "written by elements": (lambda i, a, x, k: put(a, at(x, i), i), True),
    "read and written": (lambda i, a, x, k: put(a, at(a, k) + at(x, i), i), True),
    "through an inner loop": (nested, True),
    "not written": (lambda i, a, x, k: a, True),
    "read as a whole": (lambda i, a, x, k: put(a, total(a), i), False),
    "replaced": (lambda i, a, x, k: a * 2.0, False),
    "replaced by a constant": (lambda i, a, x, k: x, False),
    "added to": (
        lambda i, a, x, k: OPS["accumulate"](a, at(x, i), i, spec=place(a, 1)),
        False,
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_states(name):
    step, expected = STATES[name]
    _, found = filled(step)
    assert can_deepen(found, 0) is expected
    if expected:
        check(step)


def check(step):
    """The loop in row 1 of a table does what it did to an array of its own."""
    b = Builder()
    a, table, x, k, row = params(
        b, a=f64["n"], table=f64[2, "n"], x=f64["n"], k=i64[()], row=i64[()]
    )
    (out,) = loop(b, 0, b.dim(N), {"a": a}, {"x": x, "k": k}, step)
    found = Loop(out.node.args[0])
    node = deepened(found, {0: table.node}, found.operands, [row.node])
    b.adopt(node)
    deep = b.node(OPS["item"], (node,), {"index": 0}, table.type)
    graph = b.finish((out, deep))
    verify(graph)
    start, values = np.array([0.5, 0.1, 0.7]), np.array([1.0, 2.0, 3.0])
    expected, rows = interpret(graph, [start, [values, start], values, 2, 1])
    np.testing.assert_array_equal(rows, [values, expected])


def test_constants():
    _, found = filled(lambda i, a, x, k: put(a, at(x, i), i))
    assert can_deepen(found, 1)
    _, found = filled(lambda i, a, x, k: put(a, total(x), i))
    assert not can_deepen(found, 1)


def test_array_in_two_places_of_an_inner_loop():
    def step(i, a, x, k):
        def inner(j, a, b):
            return put(a, at(b, j), j)

        (a,) = loop(a.builder, 0, a.builder.dim(N), {"a": a}, {"b": a}, inner)
        return a

    _, found = filled(step)
    assert not can_deepen(found, 0)
