"""Where loops write: at other places in each iteration, and at all places together."""

from __future__ import annotations

import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import bool_, f64, i64
from bpcompile.transforms.counts import Counts
from bpcompile.transforms.regions import Loop
from bpcompile.transforms.writes import changed_by_elements, covers, writes_few, written_once
from tests.transforms.control import branch
from tests.transforms.models import N, at, loop, params, place, put


def once(step, lower=0, constants=None, shape=("n",)):
    """Tell whether the loop of `step` over an array is seen to write each place once."""
    b = Builder()
    a = b.param("a", f64[shape])
    k = b.param("k", i64[()])
    (out,) = loop(b, lower, b.dim(N), {"a": a}, {"k": k}, step)
    counts = Counts(b.finish((out,)))
    looped = Loop(out.node.args[0])
    found = written_once(looped, 0, counts.inside(looped))
    return bool(found)


def chosen(then, otherwise):
    """Return a step that runs one of two writes where k is positive."""

    def step(i, a, k):
        return branch(k > 0, {"i": i, "a": a, "k": k}, then, otherwise)

    return step


SINGLE = {
    "in one arm": (chosen(lambda i, a, k: put(a, 1.0, i), lambda i, a, k: a), True),
    "alike in both arms": (
        chosen(lambda i, a, k: put(a, 1.0, i), lambda i, a, k: put(a, 2.0, i)),
        True,
    ),
    "elsewhere in the other arm": (
        chosen(lambda i, a, k: put(a, 1.0, i), lambda i, a, k: put(a, 2.0, i + 1)),
        False,
    ),
    "the whole in the other arm": (
        chosen(lambda i, a, k: put(a, 1.0, i), lambda i, a, k: a * 2.0),
        False,
    ),
    "the index": (lambda i, a, k: put(a, 1.0, i), True),
    "the index shifted forward": (lambda i, a, k: put(a, 1.0, i + 2), True),
    "the index twice": (lambda i, a, k: put(a, 1.0, i * 2), True),
    "from the back": (lambda i, a, k: put(a, 1.0, a.builder.dim(N) - 1 - i), True),
    "may wrap around": (lambda i, a, k: put(a, 1.0, i - 1), False),
    "by something unknown": (lambda i, a, k: put(a, 1.0, i + k), False),
    "the same place": (lambda i, a, k: put(a, 1.0, k), False),
    "two places": (lambda i, a, k: put(put(a, 1.0, i), 2.0, i + 1), False),
    "adds": (lambda i, a, k: OPS["accumulate"](a, at(a, k), i, spec=place(a, 1)), False),
    "the whole": (lambda i, a, k: a * 2.0, False),
}


@pytest.mark.parametrize("name", SINGLE)
def test_one_loop(name):
    step, expected = SINGLE[name]
    assert once(step) is expected


def test_shift_back_is_safe_where_the_loop_starts_later():
    assert once(lambda i, a, k: put(a, 1.0, i - 1), lower=1)


def nested(write):
    def step(i, a, k):
        def inner(j, a, i, k):
            return write(a, i, j, k)

        (a,) = loop(a.builder, 0, a.builder.dim(N), {"a": a}, {"i": i, "k": k}, inner, "j")
        return a

    return step


NESTED = {
    "both": (lambda a, i, j, k: put(a, 1.0, i, j), True),
    "swapped": (lambda a, i, j, k: put(a, 1.0, j, i), True),
    "shifted": (lambda a, i, j, k: put(a, 1.0, i + 1, j), True),
    "inner alone": (lambda a, i, j, k: put(a, 1.0, k, j), False),
    "outer alone": (lambda a, i, j, k: put(a, 1.0, i, k), False),
    "the diagonal meets": (lambda a, i, j, k: put(a, 1.0, i + j, j), True),
    "their sum": (lambda a, i, j, k: put(a, 1.0, i + j, i + j), False),
    "adds inside": (
        lambda a, i, j, k: OPS["accumulate"](a, at(a, k, k), i, j, spec=place(a, 2)),
        False,
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_nested_loops(name):
    write, expected = NESTED[name]
    found = once(nested(write), shape=("n", "n"))
    assert found is (expected and name != "the diagonal meets")


def test_changed_by_elements():
    for step, expected in (
        (lambda i, a, k: put(a, 1.0, k), True),
        (lambda i, a, k: a * 2.0, False),
        (nested(lambda a, i, j, k: put(a, 1.0, k)), True),
    ):
        b = Builder()
        a, k = params(b, a=f64["n"], k=i64[()])
        (out,) = loop(b, 0, b.dim(N), {"a": a}, {"k": k}, step)
        assert changed_by_elements(Loop(out.node.args[0]), 0) is expected


def full(lower, write):
    b = Builder()
    mask, where = params(b, mask=bool_["n"], where=bool_[()])
    (out,) = loop(b, lower, b.dim(N), {"mask": mask}, {"where": where}, write)
    counts = Counts(b.finish((out,)))
    looped = Loop(out.node.args[0])
    return covers(looped, counts.inside(looped), looped.outputs[0], looped.params[0])


def mark(mask, where, i):
    return OPS["accumulate"](mask, where, i, spec=place(mask, 1))


def test_covers():
    def true(mask):
        return mask.builder.const(True, bool_[()])

    assert full(0, lambda i, m, w: mark(m, true(m), i))
    assert full(0, lambda i, m, w: mark(mark(m, w, i + 1), true(m), m.builder.dim(N - 1) - i))
    assert not full(1, lambda i, m, w: mark(m, true(m), i))
    assert full(1, lambda i, m, w: mark(mark(m, w, i), true(m), i - 1)) is False
    assert not full(0, lambda i, m, w: mark(m, w, i))
    assert not full(0, lambda i, m, w: m | m)


@pytest.mark.parametrize(
    ("step", "few"),
    [
        (lambda i, a, k: put(a, 1.0, i), True),
        (lambda i, a, k: a * 2.0, False),
        (lambda i, a, k: a, False),
        (nested(lambda a, i, j, k: put(a, 1.0, j)), False),
        (chosen(lambda i, a, k: put(a, 1.0, i), lambda i, a, k: a), True),
    ],
)
def test_few_elements_are_written(step, few):
    b = Builder()
    a, k = b.param("a", f64["n"]), b.param("k", i64[()])
    (out,) = loop(b, 0, b.dim(N), {"a": a}, {"k": k}, step)
    assert writes_few(Loop(out.node.args[0]), 0) is few
