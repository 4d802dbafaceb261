"""Derivatives through branches, against complex steps through the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.transforms.reverse import reverse
from tests.transforms.control import branch, check, repeat
from tests.transforms.models import N, at, loop, params, put, total


@pytest.mark.parametrize(("x", "expected"), [(2.0, np.log(2.0) + 1), (0.0, 0.0), (-1.0, 0.0)])
def test_arm_that_is_not_taken_contributes_nothing(x, expected):
    b = Builder()
    (p,) = params(b, x=f64[()])
    y = branch(p > 0.0, {"x": p}, lambda x: OPS["log"](x), lambda x: 0.0)
    assert check(b.finish((y * p,)), [x], [0]) == [pytest.approx(expected)]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("x", [2.0, 0.0])
def test_value_that_one_arm_reads_has_a_mask(x, first):
    """The square root has an infinite derivative at 0, where no arm reads it."""
    b = Builder()
    (p,) = params(b, x=f64[()])
    arms = [lambda root: root * 2.0, lambda root: 0.0]
    condition, arms = (p > 0.0, arms) if first else (p <= 0.0, arms[::-1])
    y = branch(condition, {"root": OPS["sqrt"](p)}, *arms)
    (gradient,) = check(b.finish((y + p,)), [x], [0])
    assert gradient == (1 + 1 / np.sqrt(x) if x else 1)


@pytest.mark.parametrize("x", [2.0, 0.0])
def test_mask_from_outside_goes_into_the_arms(x):
    """What the branch returns is itself read on one side alone, and by elements."""
    b = Builder()
    p, v = params(b, x=f64[()], v=f64["n"])

    def then(x, v):
        return OPS["sqrt"](x), OPS["sqrt"](v)

    root, roots = branch(p >= 0.0, {"x": p, "v": v}, then, lambda x, v: (x * 2.0, v * 3.0))
    chosen = OPS["select"](p > 1.0, root, p * 1.0) + at(roots, b.const(1, i64[()]))
    check(b.finish((chosen,)), [x, [0.0, 0.25, 0.0]], [0, 1])


def test_both_arms_and_several_results():
    b = Builder()
    x, y, k = params(b, x=f64[()], y=f64[()], k=i64[()])

    def then(x, y):
        e = OPS["exp"](x * y)
        return e, x + y, e * e

    found = branch(k > 1, {"x": x, "y": y}, then, lambda x, y: (y, x * OPS["sin"](y), y))
    graph = b.finish((found[0] * found[1] + found[2] * x,))
    for k in (1, 2):
        check(graph, [0.7, -0.4, k], [0, 1])
        check(graph, [0.7, -0.4, k], [1])


def test_costly_values_are_returned_and_arms_share_the_place():
    b = Builder()
    x, y = params(b, x=f64[()], y=f64[()])

    def arm(op):
        def write(x, y):
            value = OPS[op](OPS["exp"](x) * y)
            return value * value * y

        return write

    z = branch(x > 0.0, {"x": x, "y": y}, arm("tanh"), arm("sin"))
    graph = b.finish((z,))
    for value in (0.4, -0.4):
        check(graph, [value, 0.6], [0, 1])
    forward = next(n for n in reverse(graph, [0, 1]).nodes if n.op.name == "branch")
    assert "also returns" in forward.attrs["note"]
    assert len(forward.type.items) == 4  # the result; exp(x), tanh(v) and the exp(-2|v|) in it
    text = str(reverse(graph, [0, 1]))
    assert text.count("= exp(x)") == 2


def test_dead_and_inactive_results():
    b = Builder()
    x, k = params(b, x=f64[()], k=i64[()])

    def then(x, k):
        return k + 1, x * x, x > 0.0

    n, y, positive = branch(k > 0, {"x": x, "k": k}, then, lambda x, k: (k, x, x < 0.0))
    scaled = y * OPS["astype"](n, dtype=x.dtype) + OPS["select"](positive, x, x * x)
    for value in (0, 1):
        check(b.finish((scaled,)), [0.7, value], [0])


def element_in_one_arm():
    """Return a graph that changes an element of a carried array in one arm."""
    b = Builder()
    x, w = params(b, x=f64["n"], w=f64[()])

    def step(i, x, w):
        def then(x, i, w):
            return put(x, OPS["sin"](at(x, i) * w) * at(x, i - 1), i)

        return branch(at(x, i) > 0.0, {"x": x, "i": i, "w": w}, then, lambda x, i, w: x)

    (y,) = loop(b, 0, b.dim(N), {"x": x}, {"w": w}, step)
    return b.finish((total(y * y),))


def test_element_changed_in_one_arm():
    graph = element_in_one_arm()
    check(graph, [[0.3, -0.4, 0.5, 0.9], 0.7], [0, 1])
    check(graph, [[0.3, -0.4, 0.5, 0.9], 0.7], [1])
    joint = reverse(graph, [0, 1])
    whole = {"update", "accumulate"}
    for node in joint.nodes:
        if node.op.name == "loop":
            assert arrays_made(node.attrs["body"]) <= whole


def arrays_made(graph):
    """Return the ops that make arrays in a region and those inside it."""
    found = set()
    for node in graph.nodes:
        if node.op.name == "branch":
            found |= arrays_made(node.attrs["then"]) | arrays_made(node.attrs["otherwise"])
        elif node.op.name not in ("param", "item") and node.shape:
            found.add(node.op.name)
    return found


def test_element_is_on_the_tape_and_not_the_array():
    joint = reverse(element_in_one_arm(), [0, 1])
    forward = next(node for node in joint.nodes if node.op.name == "loop")
    kept = forward.type.items[1:]
    assert kept
    assert all(len(item.shape) == 1 for item in kept)


def test_array_that_an_arm_only_reads():
    """Each iteration adds to one element of its cotangent, or to none."""
    b = Builder()
    x, c = params(b, x=f64["n"], c=f64["n"])

    def step(i, s, x, c):
        constants = {"s": s, "x": x, "i": i}
        return branch(at(c, i) > 0.0, constants, lambda s, x, i: s * at(x, i), lambda s, x, i: s)

    (s,) = loop(b, 0, b.dim(N), {"s": b.const(1, f64[()])}, {"x": x, "c": c}, step)
    graph = b.finish((s,))
    check(graph, [[0.3, -0.4, 0.5], [1.0, -1.0, 1.0]], [0, 1])
    assert "const" not in [
        n.op.name for g in bodies(reverse(graph, [0])) for n in g.nodes if n.type.__class__ is tuple
    ]


def bodies(graph):
    return [n.attrs["body"] for n in graph.nodes if n.op.name == "loop"]


def test_loops_in_the_arms():
    b = Builder()
    x, w, k = params(b, x=f64["n"], w=f64[()], k=i64[()])

    def then(x, w):
        constants = {"x": x, "w": w}
        n = x.builder.dim(N)
        (s,) = loop(
            x.builder, 0, n, {"s": w}, constants, lambda i, s, x, w: OPS["sin"](s * at(x, i))
        )
        return s

    def otherwise(x, w):
        def halve(s, w):
            return s * OPS["cos"](w * s) * 0.5

        (s,) = repeat(x.builder, {"s": w}, {"w": w}, lambda s, w: s > 0.05, halve)
        return s

    y = branch(k > 0, {"x": x, "w": w}, then, otherwise)
    graph = b.finish((y * y,))
    for k in (0, 1):
        check(graph, [[0.5, 0.7, -0.3], 0.8, k], [0, 1])


def test_branches_in_arms():
    b = Builder()
    x, y = params(b, x=f64[()], y=f64[()])

    def inner(x, y):
        return branch(y > 0.0, {"x": x, "y": y}, lambda x, y: OPS["sqrt"](y) * x, lambda x, y: x)

    z = branch(x > 0.0, {"x": x, "y": y}, inner, lambda x, y: inner(y, x) * y)
    graph = b.finish((z + x,))
    for args in ([0.5, 0.6], [0.5, -0.6], [-0.5, 0.6], [-0.5, -0.6], [0.5, 0.0], [0.0, 0.5]):
        check(graph, args, [0, 1])


def test_whole_array_results():
    b = Builder()
    a, v, k = params(b, A=f64["n n"], v=f64["n"], k=i64[()])

    def then(a, v):
        return OPS["tanh"](OPS["matmul"](a, v))

    y = branch(k > 0, {"A": a, "v": v}, then, lambda a, v: v * v)
    graph = b.finish((total(y * v),))
    matrix = np.array([[0.2, 0.3], [0.5, -0.4]])
    for k in (0, 1):
        check(graph, [matrix, [0.5, 0.7], k], [0, 1])


def test_unread_results_give_no_adjoint():
    b = Builder()
    x, k = params(b, x=f64[()], k=i64[()])
    _, n = branch(k > 0, {"x": x, "k": k}, lambda x, k: (x * x, k), lambda x, k: (x, k + 1))
    joint = reverse(b.finish((x * OPS["astype"](n, dtype=x.dtype),)), [0])
    assert [n.op.name for n in joint.nodes].count("branch") == 1
    assert interpret(joint, [2.0, 3])[1] == 3.0
