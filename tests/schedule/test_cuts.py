"""Loops cut into parts: whatever the order of the parts, the results are the interpreter's.

The emitted modules run as plain Python here, with parts as short as they can be. Threads may finish
parts in any order, so each module also runs with its parts backwards.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.dims import evaluate
from bpcompile.ir.interpret import interpret
from bpcompile.ir.parse import parse
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.schedule import cuts
from bpcompile.schedule.kernels import Kernel, split
from bpcompile.schedule.plan import known_of, plan
from bpcompile.transforms.reverse import reverse
from tests.emit import running
from tests.emit.programs import Program
from tests.transforms.models import MODELS
from tests.transforms.test_random_loops import LENGTH
from tests.transforms.test_random_loops import Program as Loops

PARTS = "for part in range(first, last):"


@pytest.fixture
def short_parts(monkeypatch):
    """Cut whatever can be cut, into as many parts as there are steps."""
    monkeypatch.setattr(cuts, "_GRAIN", 1)
    monkeypatch.setattr(cuts, "_ROWS", 1)


def check(graph, args):
    """Hold a lowered graph, cut, to the interpreter; return in how many places it is cut."""
    text = running.emit(graph, "numba", cuts=True)
    backwards = text.replace(PARTS, "for part in reversed(range(first, last)):")
    wanted = interpret(graph, args)
    for module in {text, backwards}:
        running.same(wanted, running.run(module, args, how="python"), module)
    return text.count(PARTS)


@pytest.mark.usefixtures("short_parts")
def test_models_and_their_gradients():
    found = 0
    for model in MODELS:
        graph, args, wrt = model()
        found += check(run(graph, LOWER), args)
        found += check(run(reverse(run(graph, SIMPLIFY), wrt), LOWER), args)
    assert found >= 10


def check_random(seed):
    """Hold random loops with their gradient, and a random program, to the interpreter."""
    rng = np.random.default_rng(seed)
    args = [rng.normal(size=LENGTH), rng.normal(size=LENGTH), rng.normal()]
    joint = reverse(run(Loops(seed).model(), SIMPLIFY), [0, 1, 2])
    program = Program(seed)
    graph, given = program.graph(), program.arguments()
    return check(run(joint, LOWER), args) + check(graph, given)


@pytest.mark.usefixtures("short_parts")
def test_random_programs():
    assert sum(check_random(seed) for seed in range(6)) >= 10


@pytest.mark.nightly
@pytest.mark.usefixtures("short_parts")
@pytest.mark.parametrize("block", range(5))
def test_many_random_programs(block):
    for seed in range(100 + 60 * block, 160 + 60 * block):
        check_random(seed)


def stages(text):
    """Return the cut plan of a graph, and its kernels."""
    graph = run(parse(text), LOWER)
    found = cuts.cut(plan(graph), known_of(graph))
    return found, [part for part in split(found) if isinstance(part, Kernel)]


def test_number_of_parts_follows_from_the_lengths():
    found, (kernel,) = stages("graph f(x: f64[n]) -> y {\n  y: f64[n] = sin(x)\n}\n")
    assert kernel.parts is not None
    (number,) = found.parts
    assert [evaluate(number, {"n": n}) for n in (0, 1000, 10**12)] == [0, 1, cuts.MOST_PARTS]


def test_short_loop_stays_whole():
    graph = run(parse("graph f(x: f64[99]) -> y {\n  y: f64[99] = sin(x)\n}\n"), LOWER)
    whole = plan(graph)
    assert cuts.cut(whole, known_of(graph)) is whole


def test_sum_of_parts_is_added_up_after_them():
    _, kernels = stages("graph f(x: f64[n]) -> y {\n  y: f64[] = sum(x, axes=(0,))\n}\n")
    assert [kernel.parts is not None for kernel in kernels] == [True, False]


def test_steps_that_wait_for_each_other_stay_together():
    text = """graph f(x: f64[n]) -> y {
  y: f64[n] = cumsum(x, axis=0, reverse=False)
}
"""
    assert stages(text)[1] == []
