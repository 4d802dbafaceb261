"""List small graphs with branches, loops with a test, and tapes, for the tests of both targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type, bool_, f32
from tests.emit.building import F, I, V, abs_, at, branch, loop, named, put, repeat, replay

Case = tuple[Graph, list[Any]]


def newton() -> Case:
    """Compute a root by iteration to a tolerance."""
    b = Builder("newton")
    a = b.param("a", F)
    (x,) = repeat(
        [named(a * 1.0, "x")],
        [a],
        lambda b, x, a: abs_(x * x - a) > 1e-12,
        lambda b, x, a: [named((x + a / x) * 0.5, "x")],
    )
    return b.finish([x]), [2.0]


def collatz() -> Case:
    """Count the steps of Collatz's rule: a branch in a loop with a test."""
    b = Builder("collatz")
    n, steps = b.param("n", I), b.const(0, I)

    def body(b: Builder, n: Expr, steps: Expr) -> list[Expr]:
        odd = OPS["remainder"](n, 2).equals(1)
        (n,) = branch(odd, [n], lambda b, n: [n * 3 + 1], lambda b, n: [OPS["floor_divide"](n, 2)])
        return [n, steps + 1]

    n, steps = repeat([n, ("steps", steps)], [], lambda b, n, steps: n > 1, body)
    return b.finish([steps]), [np.int64(27)]


def chosen_stores() -> Case:
    """Store some elements in a loop and count them."""
    b = Builder("chosen_stores")
    x = b.param("x", V)

    def body(b: Builder, i: Expr, y: Expr, count: Expr, x: Expr) -> tuple[Expr, ...]:
        x_i = named(at(x, i), "x_i")
        return branch(
            x_i > 0.0,
            [y, count, i, x_i],
            lambda b, y, count, i, x_i: [put(y, x_i * 2.0, i), named(count + 1, "count")],
            lambda b, y, count, i, x_i: [y, count],
        )

    start = [("y", b.const(0.0, V)), ("count", b.const(0, I))]
    y, count = loop(b.dim(x.shape[0]), start, [x], body)
    return b.finish([named(y, "y"), count]), [np.array([1.0, -2.0, 3.0])]


def ladder() -> Case:
    """Choose among three formulas."""
    b = Builder("ladder")
    x = b.param("x", F)

    def otherwise(b: Builder, x: Expr) -> tuple[Expr, ...]:
        return branch(
            x > 1.0,
            [x],
            lambda b, x: [named(x * 3.0, "y")],
            lambda b, x: [named(OPS["sin"](x), "y")],
            line=5,
        )

    (y,) = branch(x < 0.0, [x], lambda b, x: [named(-x, "y")], otherwise)
    return b.finish([named(y, "y") * 2.0]), [0.5]


def kept_operand() -> Case:
    """Change an element of an array that is read after the branch."""
    b = Builder("kept_operand")
    x = b.param("x", V)
    s = named(OPS["sum"](x, axes=(0,)), "s")
    (y,) = branch(
        s > 0.0,
        [x, s],
        lambda b, x, s: [put(x, s, b.const(1, I))],
        lambda b, x, s: [named(OPS["sin"](x), "y")],
    )
    return b.finish([named(y, "y"), x * y]), [np.array([1.0, -2.0, 3.0])]


def dead_operand() -> Case:
    """Change an element of an array that is not read after the branch, or make another."""
    b = Builder("dead_operand")
    x = b.param("x", V)
    z = named(OPS["exp"](x), "z")
    s = named(OPS["sum"](x, axes=(0,)), "s")
    (y,) = branch(
        s > 0.0,
        [z, s],
        lambda b, z, s: [put(z, s, b.const(1, I))],
        lambda b, z, s: [named(OPS["sin"](z), "y")],
    )
    return b.finish([named(y, "y")]), [np.array([1.0, -2.0, 3.0])]


def bubble() -> Case:
    """Sort by swapping neighbours, whose values are read before the branch."""
    b = Builder("bubble")
    x = b.param("x", V)

    def inner(b: Builder, j: Expr, x: Expr) -> tuple[Expr, ...]:
        left, right = named(at(x, j), "left"), named(at(x, j + 1), "right")
        return branch(
            left > right,
            [x, j, left, right],
            lambda b, x, j, left, right: [put(put(x, right, j), left, j + 1)],
            lambda b, x, j, left, right: [x],
        )

    def outer(b: Builder, i: Expr, x: Expr, last: Expr) -> tuple[Expr, ...]:
        return loop(last - i, [x], [], lambda b, j, x: inner(b, j, x))

    last = named(b.dim(x.shape[0] - 1), "last")
    (y,) = loop(last, [named(OPS["copy"](x), "x")], [last], outer)
    return b.finish([named(y, "y")]), [np.array([3.0, -2.0, 7.0, 1.0])]


def swapped_arrays() -> Case:
    """Exchange two arrays in one arm."""
    b = Builder("swapped_arrays")
    x, y = b.param("x", V), b.param("y", V)

    def body(b: Builder, i: Expr, p: Expr, q: Expr) -> tuple[Expr, ...]:
        return branch(at(p, i) > at(q, i), [p, q], lambda b, p, q: [q, p], lambda b, p, q: [p, q])

    copies = [named(OPS["copy"](x), "p"), named(OPS["copy"](y), "q")]
    p, q = loop(b.dim(x.shape[0]), copies, [], body)
    return b.finish([p, q]), [np.array([3.0, -2.0, 7.0]), np.array([2.0, -1.0, 8.0])]


def overwritten_and_kept() -> Case:
    """Change an array in one arm that also gives back what it was."""
    b = Builder("overwritten_and_kept")
    x, i = b.param("x", V), b.param("i", I)
    p, q = named(x * x * x, "p"), named(OPS["cos"](x), "q")
    p, q = branch(
        at(x, i) > 0.0,
        [p, q, i],
        lambda b, p, q, i: [put(p, at(q, i), i), p],
        lambda b, p, q, i: [q, put(q, at(p, i), i)],
    )
    return b.finish([p, q]), [np.array([3.0, -2.0, 7.0]), np.int64(1)]


def running_maximum() -> Case:
    """Carry a scalar that some iterations replace, and the index where; read both before."""
    b = Builder("running_maximum")
    x = b.param("x", V)

    def body(b: Builder, i: Expr, best: Expr, where: Expr, y: Expr, x: Expr) -> list[Expr]:
        x_i, before = named(at(x, i), "x_i"), at(x, where)
        best, where = branch(
            x_i > best,
            [best, where, x_i, i],
            lambda b, best, where, x_i, i: [x_i, i],
            lambda b, best, where, x_i, i: [best, where],
        )
        return [best, where, put(y, before + at(x, where), i)]

    first = [("best", b.const(-1e9, F)), ("where", b.const(0, I))]
    best, where, y = loop(b.dim(x.shape[0]), [*first, ("y", b.const(0.0, V))], [x], body)
    return b.finish([best, where, named(y, "y")]), [np.array([3.0, -2.0, 7.0, 1.0])]


def narrow() -> Case:
    """Branch on float32 and bool scalars."""
    b = Builder("narrow")
    x, flag = b.param("x", f32[()]), b.param("flag", bool_[()])
    y, seen = branch(
        flag,
        [x, flag],
        lambda b, x, flag: [OPS["sin"](x) * x, flag & (x > 0.5)],
        lambda b, x, flag: [b.const(0.25, f32[()]), b.const(False, Type(DType.BOOL))],
    )
    return b.finish([y * 3.0, seen]), [np.float32(0.7), np.bool_(True)]


def search() -> Case:
    """Search a sorted array by halves."""
    b = Builder("search")
    xs, wanted = b.param("xs", V), b.param("wanted", F)

    def body(b: Builder, low: Expr, high: Expr, xs: Expr, wanted: Expr) -> tuple[Expr, ...]:
        middle = named(OPS["floor_divide"](low + high, 2), "middle")
        return branch(
            at(xs, middle) < wanted,
            [low, high, middle],
            lambda b, low, high, middle: [middle + 1, high],
            lambda b, low, high, middle: [low, middle],
        )

    start = [("low", b.const(0, I)), ("high", b.dim(xs.shape[0]))]
    low, _ = repeat(start, [xs, wanted], lambda b, low, high, xs, wanted: low < high, body)
    return b.finish([low]), [np.array([1.0, 2.0, 3.5, 4.0, 9.0]), 3.6]


def guarded_test() -> Case:
    """Test with a second part that is only run where the first holds."""
    b = Builder("guarded_test")
    x = b.param("x", V)

    def test(b: Builder, k: Expr, n: Expr, x: Expr) -> Expr:
        (found,) = branch(
            k < n,
            [k, x],
            lambda b, k, x: [at(x, k) > 0.0],
            lambda b, k, x: [b.const(False, Type(DType.BOOL))],
        )
        return found

    n = ("n", b.dim(x.shape[0]))
    (k,) = repeat([("k", b.const(0, I))], [n, x], test, lambda b, k, n, x: [k + 1])
    return b.finish([k]), [np.array([1.0, 2.0, 3.5, -4.0, 9.0])]


def fibonacci() -> Case:
    """Carry two scalars of which each needs the other's old value."""
    b = Builder("fibonacci")
    n, one = b.param("n", I), b.const(1, I)
    first = [("a", b.const(0, I)), ("c", one), ("k", b.const(0, I))]
    a, _, _ = repeat(
        first, [n], lambda b, a, c, k, n: k < n, lambda b, a, c, k, n: [c, a + c, k + 1]
    )
    return b.finish([a]), [np.int64(30)]


def nested_whiles() -> Case:
    """Run a loop with a test inside of another, and a counted one inside of that."""
    b = Builder("nested_whiles")
    x = b.param("x", V)

    def inner(b: Builder, s: Expr, x: Expr) -> list[Expr]:
        (s,) = loop(b.dim(x.shape[0]), [s], [x], lambda b, i, s, x: [s * 0.5 + at(x, i)])
        return [s * 0.25]

    def outer(b: Builder, k: Expr, s: Expr, x: Expr) -> list[Expr]:
        (s,) = repeat([named(s + 9.0, "s")], [x], lambda b, s, x: s > 3.0, inner)
        return [k + 1, s]

    start = [("k", b.const(0, I)), ("s", b.const(0.0, F))]
    _, s = repeat(start, [x], lambda b, k, s, x: k < 3, outer)
    return b.finish([s]), [np.array([1.0, 2.0, 0.5])]


def taped() -> Case:
    """Keep rows of scalars in more iterations than a tape begins with, and read them backwards."""
    b = Builder("taped")
    a, n = b.param("a", F), b.param("n", I)
    start = [named(a * 1.0, "x"), ("k", b.const(0, I))]
    x, k, x_tape, q_tape = repeat(
        start,
        [a, n],
        lambda b, x, k, a, n: k < n,
        lambda b, x, k, a, n: [named((x + a / x) * 0.5, "x"), k + 1, x, a / x],
        kept=2,
        note="keeps x of each step on the tape",
    )
    (s,) = loop(
        k,
        [("s", b.const(1.0, F))],
        [k, named(x_tape, "x_tape"), named(q_tape, "q_tape")],
        lambda b, i, s, k, x, q: [s * replay(x, k - 1 - i) + replay(q, k - 1 - i)],
    )
    return b.finish([x, k, s]), [2.0, np.int64(150)]


def taped_arrays(**limit: int) -> Case:
    """Keep an array that is changed in place, an element, a bool and no counter of iterations."""
    b = Builder("taped_arrays")
    a, n = b.param("a", V), b.param("m", F)

    def body(b: Builder, x: Expr, left: Expr) -> list[Expr]:
        j = b.const(0, I)
        e = at(OPS["sin"](x), j)
        return [put(x, at(x, j) * 1.1, j), left - 1.0, x, e, e > 0.1]

    carried = [named(OPS["copy"](a), "x"), named(n, "left")]
    x, _, rows, *tapes = repeat(carried, [], lambda b, x, left: left > 0.0, body, kept=3, **limit)

    def back(b: Builder, i: Expr, s: Expr, t: Expr, e: Expr, flags: Expr) -> list[Expr]:
        scaled = OPS["select"](replay(flags, i), replay(e, i), b.const(2.0, F))
        return [s + at(replay(t, i), b.const(0, I)) * scaled]

    (s,) = loop(b.const(66, I), [("s", b.const(1.0, F))], [named(rows, "x_tape"), *tapes], back)
    return b.finish([x, s]), [np.array([0.3, 0.2, 0.1]), 70.0]


def tape_of_a_state() -> Case:
    """Keep the next value of a carried number, which is stored where the number was."""
    b = Builder("tape_of_a_state")
    n = b.param("n", I)

    def body(b: Builder, k: Expr, j: Expr) -> list[Expr]:
        after = named(j - 2, "j")
        return [k + 1, after, after]

    carried = [("k", b.const(0, I)), named(n, "j")]
    k, j, tape = repeat(carried, [], lambda b, k, j: j > 0, body, kept=1)
    (s,) = loop(
        k,
        [("s", b.const(0, I))],
        [named(tape, "j_tape")],
        lambda b, i, s, tape: [s * 2 + replay(tape, i)],
    )
    return b.finish([j, s]), [np.int64(9)]


def limited_tape() -> Case:
    """Keep rows of a loop whose iterations have a limit."""
    return taped_arrays(limit=70)


CASES: list[Callable[[], Case]] = [
    newton,
    collatz,
    chosen_stores,
    ladder,
    kept_operand,
    dead_operand,
    bubble,
    swapped_arrays,
    overwritten_and_kept,
    running_maximum,
    narrow,
    search,
    guarded_test,
    fibonacci,
    nested_whiles,
    taped,
    taped_arrays,
    limited_tape,
    tape_of_a_state,
]
