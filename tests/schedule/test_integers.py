"""Integers of a plan: those that lengths and counters say, and the turns of loops with a test."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from benchmarks.models import load
from bpcompile.ir.dims import size_names
from bpcompile.schedule.integers import _all, integers
from bpcompile.schedule.plan import plan
from bpcompile.schedule.statements import For, SizeValue, While


def planned(function, *example, **options):
    """Return the plan of a value and gradient."""
    fn = bp.value_and_grad(function, target="numpy", cache=False, **options).compile(*example)
    return plan(fn.specializations[0].compilation.lowered)


def bounds(found, known):
    """Return the names in the bounds of counted loops that are no lengths, and the counters."""
    loops = [s for s in _all(found.statements) if isinstance(s, For)]
    sizes = [b.size for s in loops for b in (s.lower, s.upper) if isinstance(b, SizeValue)]
    names = {name for size in sizes for name in size_names(known.resolved(size))}
    counters = {token for loop in loops for token in loop.var.tokens}
    return {name for name in names if name.startswith("%")}, counters


@pytest.mark.parametrize("name", ["cholesky", "lu", "median", "dtw", "edit"])
def test_bounds_of_counted_loops_are_lengths_and_counters(name):
    model = load(name)
    found = planned(model.function, *model.arguments(model.tiny), argnums=model.argnums)
    names, counters = bounds(found, integers(found))
    assert names <= counters


def test_loops_of_one_line_share_their_turns_with_what_counts_them():
    model = load("newton")
    found = planned(model.function, *model.arguments(model.tiny), argnums=model.argnums)
    known = integers(found)
    loops = [s for s in _all(found.statements) if isinstance(s, While)]
    assert len(loops) == 2
    assert {known.turns[id(loop)] for loop in loops} == known.places.keys()
    (place,) = known.places.values()
    assert place.file.endswith("newton.py")
    names, counters = bounds(found, known)
    assert names - counters == known.places.keys()
    tapes = [known.shape(b.shape)[0] for b in found.buffers if b.role == "tape"]
    assert {str(size) for size in tapes} == known.places.keys()


def test_what_a_model_computes_is_left_with_its_name():
    def model(x, k):
        stop = k[0] + k[1]
        total = 0.0
        for i in range(stop):
            total += x * i
        return total

    found = planned(model, 1.5, np.array([1, 2]))
    known = integers(found)
    names, counters = bounds(found, known)
    assert {known.hints[name] for name in names - counters} <= {"stop"}
