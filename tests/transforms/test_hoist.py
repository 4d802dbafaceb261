"""Elements that loops read or change alike in all iterations: what is moved, and what stays."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.graph import Guard
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.ir.verify import verify
from bpcompile.transforms.hoist import hoist
from tests.transforms.control import branch, check, repeat
from tests.transforms.models import N, at, loop, params, put, total
from tests.transforms.test_finals import LENGTH, Program, elimination, zero


def inner_loop(step, lower=0, upper=N, rows=N, guards=()):
    """Return the graph of a loop over rows r, around a loop over i of `step(i, a, c, r, k)`."""
    b = Builder("model")
    b.guards = list(guards)
    x, c = params(b, x=f64["n"], c=f64["n"])
    k = b.param("k", i64[()])

    def row(r, a, c, k):
        ends = (a.builder.dim(end) if not isinstance(end, int) else end for end in (lower, upper))
        return loop(a.builder, *ends, {"a": a}, {"c": c, "r": r, "k": k}, step)[0]

    (a,) = loop(b, 0, b.dim(rows), {"a": x * 1.0}, {"c": c, "k": k}, row, "r")
    return b.finish((total(a * a),))


def lighter(graph):
    """Return the lighter graph and its innermost body, after a check that it computes the same."""
    new = hoist(graph)
    verify(new)
    rng = np.random.default_rng(4)
    for length in (4, 1):
        x, c = rng.uniform(0.5, 1.5, length), rng.uniform(0.5, 1.5, length)
        for k in (0, length - 1):
            expected = interpret(graph, [x, c, k])
            np.testing.assert_allclose(interpret(new, [x, c, k]), expected, rtol=1e-14)
    check(new, [np.array([0.7, 1.2, 0.9]), np.array([0.8, 0.6, 1.1]), 1], [0, 1], second=False)
    rows = next(n for n in new.nodes if n.op.name == "loop").attrs["body"]
    return new, next(n for n in rows.nodes if n.op.name == "loop").attrs["body"]


def reads(body):
    return [node for node in body.nodes if node.op.name == "index"]


def test_element_of_a_constant_is_read_once():
    def step(i, a, c, r, k):
        return put(a, at(a, i) * at(c, r) + at(c, zero(i)), i)

    _, body = lighter(inner_loop(step, guards=[Guard(N, ">=", 1)]))
    assert len(reads(body)) == 1
    _, body = lighter(inner_loop(step))  # without the guard nobody knows that c[0] is there
    assert len(reads(body)) == 2


def test_element_that_the_loop_does_not_write_is_read_once():
    def step(i, a, c, r, k):
        return put(a, at(a, i) * at(a, r), i)

    _, body = lighter(inner_loop(step, lower=0, upper=N))
    assert len(reads(body)) == 2

    def above(i, a, c, r, k):
        return put(a, at(a, i + r + 1) * at(a, r), i + r + 1)

    b = Builder("model")
    x, c = params(b, x=f64["n"], c=f64["n"])
    k = b.param("k", i64[()])

    def row(r, a, c, k):
        count = a.builder.dim(N - 1) - r
        return loop(a.builder, 0, count, {"a": a}, {"c": c, "r": r, "k": k}, above)[0]

    (a,) = loop(b, 0, b.dim(N), {"a": x * 1.0}, {"c": c, "k": k}, row, "r")
    _, body = lighter(b.finish((total(a * a),)))
    assert len(reads(body)) == 1


def test_element_that_alone_changes_is_carried():
    def step(i, a, c, r, k):
        return put(a, at(a, r) - at(c, i) * 0.1, r)

    new, body = lighter(inner_loop(step))
    assert not any(node.op.name == "update" for node in body.nodes)
    assert "update" in str(new)


STAYS = {
    "another element may be it": lambda i, a, c, r, k: put(a, at(a, r) - at(a, i) * 0.1, r),
    "at a place that nobody knows": lambda i, a, c, r, k: put(a, at(a, k) - at(c, i) * 0.1, k),
    "at a place that may be behind the end": lambda i, a, c, r, k: branch(
        r + 1 < a.builder.dim(N),
        {"a": a, "r": r, "c": c, "i": i},
        lambda a, r, c, i: put(a, at(a, r + 1) - at(c, i) * 0.1, r + 1),
        lambda a, r, c, i: a,
    ),
    "read as a whole": lambda i, a, c, r, k: put(a, at(a, r) - total(a) * 0.01, r),
    "two places": lambda i, a, c, r, k: put(put(a, at(a, r) * 0.9, r), at(c, i), k),
}


@pytest.mark.parametrize("step", STAYS.values(), ids=STAYS)
def test_element_that_is_not_alone_stays(step):
    _, body = lighter(inner_loop(step))
    assert "update" in str(body)


def test_elements_apart_are_read_from_the_array_as_it_was():
    def step(i, a, c, r, k):
        return put(a, at(a, r) - at(a, i) * 0.1, r)

    b = Builder("model")
    x, c = params(b, x=f64["n"], c=f64["n"])
    k = b.param("k", i64[()])

    def row(r, a, c, k):
        return loop(a.builder, 0, r, {"a": a}, {"c": c, "r": r, "k": k}, step)[0]

    (a,) = loop(b, 0, b.dim(N), {"a": x * 1.0}, {"c": c, "k": k}, row, "r")
    _, body = lighter(b.finish((total(a * a),)))
    assert len(reads(body)) == 1
    assert "update" not in str(body)


def test_loop_that_is_not_run_reads_nothing():
    """The element is out of range; the loop would not look at it."""

    def step(i, a, c, r, k):
        return put(a, at(a, k) + at(c, k), i)

    graph = inner_loop(step, lower=N)
    args = [np.array([1.0, 2.0]), np.array([3.0, 4.0]), 9]
    assert interpret(hoist(graph), args)[0] == interpret(graph, args)[0] == 5.0


def test_while_around_and_inside():
    b = Builder("model")
    x, c = params(b, x=f64["n"], c=f64["n"])

    def again(t, a, c):
        def step(i, a, c, t):
            return put(a, at(a, i) * 0.9 + at(c, zero(i)), i)

        a = loop(a.builder, 0, a.builder.dim(N), {"a": a}, {"c": c, "t": t}, step)[0]
        return t * 2, a

    states = {"t": b.const(1, i64[()]), "a": x * 1.0}
    _, a = repeat(b, states, {"c": c}, lambda t, a, c: t < 5, again)
    graph = b.finish((total(a * a),))
    args = [np.array([0.5, 0.8]), np.array([0.3, 0.4])]
    np.testing.assert_allclose(interpret(hoist(graph), args), interpret(graph, args), rtol=1e-14)
    check(hoist(graph), args, [0, 1])


def test_graph_without_such_elements_is_the_same():
    graph = inner_loop(lambda i, a, c, r, k: put(a, at(a, i) * at(c, i), i))
    assert hoist(graph) is graph


def test_elimination_has_scalars_in_its_inner_loops():
    b = Builder("model")
    x, c = params(b, x=f64["n", "n"], c=f64["n"])
    step = lambda k, a, c: elimination(k, a, c, None)  # noqa: E731 - a step like the others
    (a,) = loop(b, 0, b.dim(N), {"a": x * 1.0}, {"c": c}, step, "k")
    graph = b.finish((total(a * a),))
    new = hoist(graph)
    verify(new)
    args = [np.random.default_rng(3).uniform(0.5, 1.5, (4, 4)), np.ones(4)]
    np.testing.assert_allclose(interpret(new, args), interpret(graph, args), rtol=1e-14)
    column = new
    for _ in range(3):
        column = next(n for n in column.nodes if n.op.name == "loop").attrs["body"]
    assert len(reads(column)) == 2


@pytest.mark.parametrize("seed", range(40))
def test_random_places(seed):
    program = Program(seed + 1000)
    b = Builder("random")
    shape = ("n",) if seed % 2 else ("n", "n")
    x, c = params(b, x=f64[shape], c=f64["n"])
    last = program.nest(x * 1.0, c, [], 3)
    graph = b.finish((total(last * last),))
    new = hoist(graph)
    verify(new)
    values = program.rng.uniform(0.2, 1.0, (LENGTH,) * len(shape))
    args = [values, program.rng.uniform(0.2, 1.0, LENGTH)]
    np.testing.assert_allclose(interpret(new, args), interpret(graph, args), rtol=1e-13)
    check(new, args, [0, 1], second=seed % 8 == 0)


def test_random_places_are_moved_now_and_then():
    """The programs above would prove nothing if nothing in them moved."""
    moved = 0
    for seed in range(1000, 1040):
        b = Builder("random")
        shape = ("n",) if seed % 2 else ("n", "n")
        x, c = params(b, x=f64[shape], c=f64["n"])
        graph = b.finish((total(Program(seed).nest(x * 1.0, c, [], 3)),))
        moved += hoist(graph) is not graph
    assert moved > 5


def test_sum_goes_on_in_a_scalar_both_ways():
    """C[i, j] += A[i, k] * B[k, j] in three loops: nothing but reads in the innermost."""
    b = Builder("product")
    a, c = params(b, a=f64["n n"], c=f64["n n"])

    def rows(i, z, a, c):
        def columns(j, z, a, c, i):
            def terms(k, z, a, c, i, j):
                return put(z, at(z, i, j) + at(a, i, k) * at(c, k, j), i, j)

            given = {"a": a, "c": c, "i": i, "j": j}
            return loop(z.builder, 0, z.builder.dim(N), {"z": z}, given, terms, "k")[0]

        given = {"a": a, "c": c, "i": i}
        return loop(z.builder, 0, z.builder.dim(N), {"z": z}, given, columns, "j")[0]

    (z,) = loop(b, 0, b.dim(N), {"z": b.const(0, a.type)}, {"a": a, "c": c}, rows)
    graph = hoist(b.finish((total(OPS["sin"](z)),)))
    rng = np.random.default_rng(1)
    check(graph, [rng.normal(size=(3, 3)), rng.normal(size=(3, 3))], [0, 1])
    body = graph
    for _ in range(3):
        body = next(n for n in body.nodes if n.op.name == "loop").attrs["body"]
    assert [node.op.name for node in body.nodes if node.op.name != "param"].count("update") == 0
