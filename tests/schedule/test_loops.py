"""Loops in the schedule: arrays change in place through nested loops, and nothing else changes.

The emitted Numba modules run as plain Python here, so that many programs are cheap to try.
"""

from __future__ import annotations

import numba
import numpy as np
import pytest

from bpcompile.emit.formula import Formulas
from bpcompile.emit.module import emit_module
from bpcompile.ir.interpret import interpret
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.schedule.plan import plan
from bpcompile.schedule.program import Interface
from bpcompile.schedule.statements import CopyArray, For
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.transforms.models import MODELS, filled_table, in_place, recurrence, scan, triangular
from tests.transforms.test_random_loops import LENGTH, Program


def copies_in_loops(statements, inside=False):
    """Count the copies of whole arrays inside loops."""
    found = 0
    for statement in statements:
        if isinstance(statement, For):
            found += copies_in_loops(statement.body, inside=True)
        found += inside and isinstance(statement, CopyArray)
    return found


@pytest.mark.parametrize("model", [recurrence, scan, in_place, triangular, filled_table])
def test_no_iteration_copies_an_array(model):
    graph, _, wrt = model()
    for program in (graph, reverse(graph, wrt)):
        assert copies_in_loops(plan(run(program, LOWER)).statements) == 0


@pytest.fixture
def as_python(monkeypatch):
    """Return a function that runs a graph through its emitted Numba module, not compiled."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)

    def run_graph(graph, args):
        lowered = run(graph, LOWER)
        results = tuple(range(len(lowered.outputs)))
        interface = Interface("model", "model: under test.", results)
        text = emit_module(lowered, interface, "numba", Formulas(graph, graph)).text
        names = {}
        exec(compile(text, "model", "exec"), names)
        given = [np.array(a) if np.ndim(a) else np.asarray(a).item() for a in args]
        with np.errstate(all="ignore"):
            found = names["model"](*given)
        return found if len(results) > 1 else (found,)

    return run_graph


def compare(found, graph, args):
    for value, expected in zip(found, interpret(graph, args), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_models(model, as_python):
    graph, args, wrt = model()
    joint = reverse(run(graph, SIMPLIFY), wrt)
    rng = np.random.default_rng(1)
    dots = [rng.normal(size=np.shape(args[k])) for k in wrt]
    compare(as_python(graph, args), graph, args)
    compare(as_python(joint, args), joint, args)
    twice = forward(joint, wrt)
    compare(as_python(twice, [*args, *dots]), twice, [*args, *dots])


def check(seed, as_python):
    graph = run(Program(seed).model(), SIMPLIFY)
    rng = np.random.default_rng(seed)
    args = [rng.normal(size=LENGTH), rng.normal(size=LENGTH), rng.normal()]
    compare(as_python(graph, args), graph, args)
    joint = reverse(graph, [0, 1, 2])
    compare(as_python(joint, args), joint, args)


# 62 and 92 read an element of what an inner loop left, and then overwrite it.
@pytest.mark.parametrize("seed", [62, 92, *range(20)])
def test_random_program(seed, as_python):
    check(seed, as_python)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(10))
def test_many_random_programs(block, as_python):
    for seed in range(2000 + 50 * block, 2050 + 50 * block):
        check(seed, as_python)
