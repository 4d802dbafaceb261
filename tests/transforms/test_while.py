"""Derivatives through loops with a test, against complex steps through the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import bool_, f64, i64
from bpcompile.passes.dce import drop_dead
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.transforms.control import branch, check, repeat
from tests.transforms.models import N, at, derivatives, loop, params, put, total


def newton(limit=0):
    """Return the cube of a square root by Newton's iteration."""
    b = Builder("newton")
    (x,) = params(b, x=f64[()])

    def test(i, s, x):
        far = OPS["abs"](s * s - x) > 1e-13
        return far & (i < limit) if limit else far

    states = {"i": b.const(0, i64[()]), "s": x}
    _, s = repeat(b, states, {"x": x}, test, lambda i, s, x: (i + 1, 0.5 * (s + x / s)), limit)
    return b.finish((s * s * s,))


@pytest.mark.parametrize("limit", [0, 20])
@pytest.mark.parametrize("x", [2.0, 1.0])
def test_newton(limit, x):
    check(newton(limit), [x], [0])


def test_tape_grows_without_a_limit_and_is_an_array_with_one():
    assert "tape f64[]" in str(reverse(newton(), [0]))
    text = str(reverse(newton(20), [0]))
    assert "tape f64" not in text
    assert "f64[20] = empty()" in text


def test_while_without_a_counter_counts():
    b = Builder()
    (x,) = params(b, x=f64[()])
    (s,) = repeat(b, {"s": x}, {"x": x}, lambda s, x: s < 10.0, lambda s, x: s * s + x)
    check(b.finish((s,)), [1.5], [0])
    check(b.finish((s,)), [20.0], [0])


def test_linear_body_needs_no_tape():
    b = Builder()
    (x,) = params(b, x=f64[()])
    (s,) = repeat(b, {"s": x}, {}, lambda s: s < 10.0, lambda s: s * 2.0)
    graph = b.finish((s,))
    assert check(graph, [1.5], [0]) == [8.0]
    assert "tape" not in str(reverse(graph, [0])).replace("needs no tape", "")


def test_second_derivative_through_the_tape_alone():
    """The gradient of a state that is returned as it is reads no last state, only the tape."""
    b = Builder()
    (x,) = params(b, x=f64[()])
    (s,) = repeat(b, {"s": x}, {"x": x}, lambda s, x: s < 10.0, lambda s, x: s * s + x)
    check(b.finish((s,)), [1.5], [0])


def counted(lower):
    """Return a loop of so many iterations that nothing bounds its tape."""
    b = Builder("counted")
    x, k = params(b, x=f64[()], k=i64[()])

    def step(i, s, x):
        return OPS["sin"](s * x) + x * OPS["astype"](i, dtype=x.dtype) * 0.1

    (s,) = loop(b, lower, k, {"s": x}, {"x": x}, step)
    return b.finish((s,))


@pytest.mark.parametrize(
    ("graph", "args"), [(newton(), [2.0]), (counted(0), [0.7, 4]), (counted(2), [0.7, 5])]
)
def test_third_derivative(graph, args):
    """The second sweep reads the tape from its first row on, the third from its last again."""
    slope = graph
    for _ in range(2):
        joint = reverse(slope, [0])
        slope = joint.with_outputs(joint.outputs[1:])
    found = interpret(reverse(slope, [0]), args)[1]
    np.testing.assert_allclose(found, derivatives(slope, args, 0), rtol=1e-9)


def test_a_loop_that_is_differentiated_is_run_once_each_way():
    """What carries tangents or keeps a tape takes the place of what it was made of."""

    def count(graph):
        names = [node.op.name for node in drop_dead(graph).nodes]
        return {name: names.count(name) for name in ("loop", "while", "branch") if name in names}

    joint = reverse(newton(), [0])
    assert count(joint) == {"while": 1, "loop": 1}
    assert count(forward(newton(), [0])) == {"while": 1}
    assert count(forward(joint, [0])) == {"while": 1, "loop": 1}
    slope = joint.with_outputs(joint.outputs[1:])
    assert count(reverse(slope, [0])) == {"while": 3, "loop": 1}  # three of them keep tapes
    b = Builder()
    x, s = params(b, x=f64["n"], s=f64[()])
    (s,) = loop(b, 0, b.dim(N), {"s": s}, {"x": x}, lambda i, s, x: OPS["sin"](s * at(x, i)))
    graph = b.finish((branch(s > 0.0, {"s": s}, lambda s: OPS["exp"](s), lambda s: s),))
    assert count(forward(graph, [0, 1])) == {"loop": 1, "branch": 1}
    assert count(reverse(graph, [0, 1])) == {"loop": 2, "branch": 2}


def test_flag_of_a_break():
    """for i in range(n): if x[i] < 0: break; s = sin(s + x[i])."""
    b = Builder()
    x, s = params(b, x=f64["n"], s=f64[()])

    def test(i, going, s, x):
        return going & (i < x.builder.dim(N))

    def step(i, going, s, x):
        def leave(s, x, i):
            return False, s

        values = {"s": s, "x": x, "i": i}
        found = branch(
            at(x, i) < 0.0, values, leave, lambda s, x, i: (True, OPS["sin"](s + at(x, i)))
        )
        return (i + 1, *found)

    states = {"i": b.const(0, i64[()]), "going": b.const(True, bool_[()]), "s": s}
    i, _, last = repeat(b, states, {"x": x}, test, step, limit=N)
    graph = b.finish((last * OPS["astype"](i, dtype=x.dtype),))
    for values in ([0.3, 0.5, -0.1, 0.7], [0.3, 0.5, 0.1], [-1.0, 2.0]):
        check(graph, [values, 0.4], [0, 1])


@pytest.mark.parametrize("limit", [0, N])
def test_array_changed_by_elements(limit):
    """while i < n and s > 0: x[i] = sin(x[i] s); s -= x[i] / 4."""
    b = Builder()
    x, s = params(b, x=f64["n"], s=f64[()])

    def step(i, x, s):
        value = OPS["sin"](at(x, i) * s)
        return i + 1, put(x, value, i), s - value * 0.25

    def test(i, x, s):
        return (i < i.builder.dim(N)) & (s > 0.0)

    _, y, last = repeat(b, {"i": b.const(0, i64[()]), "x": x, "s": s}, {}, test, step, limit)
    graph = b.finish((total(y * y) * last,))
    check(graph, [[0.4, 0.7, 0.9, 1.3], 0.6], [0, 1])
    check(graph, [[0.4, 0.7, 0.9, 1.3], 0.2], [0, 1])
    text = str(reverse(graph, [0, 1]))
    assert "tape f64[n]" not in text
    assert "f64[n, n]" not in text


def test_states_that_are_not_differentiated():
    """The integer picks an element, and is on the tape."""
    b = Builder()
    x, c = params(b, x=f64[()], c=f64["n"])

    def step(k, s, c):
        return OPS["select"](k > 1, k - 2, k + 3), s * at(c, k) + OPS["exp"](-s)

    states = {"k": b.const(0, i64[()]), "s": x}
    _, s = repeat(b, states, {"c": c}, lambda k, s, c: s < 4.0, step)
    check(b.finish((s,)), [0.5, [1.3, 1.1, 1.7, 2.1, 1.5]], [0, 1])


def test_while_in_a_loop():
    """Each row is iterated to its own tolerance; the tape of a while is not on another tape."""
    b = Builder()
    (x,) = params(b, x=f64["n"])

    def step(i, s, x):
        values = {"v": at(x, i)}
        start = {"r": s + at(x, i)}

        def newton_step(r, v):
            return 0.5 * (r + v / r)

        def far(r, v):
            return OPS["abs"](r * r - v) > 1e-10

        (r,) = repeat(s.builder, start, values, far, newton_step)
        return s * r

    (s,) = loop(b, 0, b.dim(N), {"s": b.const(1, f64[()])}, {"x": x}, step)
    graph = b.finish((s,))
    check(graph, [[0.5, 2.0, 3.0]], [0])


def test_loop_in_a_while():
    b = Builder()
    x, w = params(b, x=f64["n"], w=f64[()])

    def step(s, x, w):
        def inner(i, t, x, s, w):
            return OPS["sin"](t * at(x, i)) + s * w

        (t,) = loop(s.builder, 0, s.builder.dim(N), {"t": s}, {"x": x, "s": s, "w": w}, inner)
        return s + t * t

    (s,) = repeat(b, {"s": w}, {"x": x, "w": w}, lambda s, x, w: s < 1.0, step)
    check(b.finish((s,)), [[0.5, 0.7], 0.4], [0, 1])


def test_while_in_a_while():
    b = Builder()
    (x,) = params(b, x=f64[()])

    def step(s, x):
        (t,) = repeat(
            s.builder, {"t": s}, {"x": x}, lambda t, x: t > 0.2, lambda t, x: OPS["sin"](t * x)
        )
        return s + t * t * 4.0 + 0.1

    (s,) = repeat(b, {"s": x}, {"x": x}, lambda s, x: s < 2.0, step)
    check(b.finish((s,)), [0.7], [0])


@pytest.mark.parametrize("limit", [0, 8])
def test_masks_go_through_a_while(limit):
    b = Builder()
    (x,) = params(b, x=f64[()])

    def step(i, x, y):
        chosen = OPS["select"](x > 2.0, y, x + 1.0)
        return i + 1, chosen, OPS["sqrt"](y)

    states = {"i": b.const(0, i64[()]), "x": x, "y": x * 0.0}
    _, last, _ = repeat(b, states, {}, lambda i, x, y: i < 3, step, limit)
    (gradient,) = check(b.finish((last,)), [0.0], [0])
    assert gradient == 1.0


def test_no_iteration_passes_the_cotangent_on():
    b = Builder()
    x, c = params(b, x=f64[()], c=f64[()])
    (s,) = repeat(b, {"s": x}, {"c": c}, lambda s, c: s < 0.0, lambda s, c: OPS["sin"](s * c))
    gradients = check(b.finish((s * 3.0,)), [0.5, 0.5], [0, 1])
    np.testing.assert_array_equal(gradients, [3.0, 0.0])
