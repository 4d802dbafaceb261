"""Values within 2 and partials within 4 units in the last place of mpmath, for every float op.

A sample runs each time, of the text of each target as plain Python. The nightly test compiles the
ops with Numba and draws 10 000 points of every binary exponent:

    pytest tests/ops/test_accuracy.py -m nightly

It takes some twelve minutes of one core, eight of them for the references; those it finds
again at the next run, also after one that was stopped (see `reference_store`).
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from bpcompile.ir.type import DType
from tests.emit import running
from tests.ops.limits import EXACT, INNER, REFERENCES, exact, graph_of, limits
from tests.ops.reference_store import kept_at, wanted_at
from tests.ops.references import errors, points
from tests.ops.support import ELEMENTWISE


def misses(name, results, at, wanted, limit):
    """Return a line for each result of an op that is off by more than its limit."""
    lines = []
    within = np.ones(at[0].shape, bool) if limit.beyond is None else ~limit.beyond(*at)
    for (label, *_), found, one in zip(exact(name), results, wanted, strict=True):
        allowed = limit.value if label == "value" else limit.slope
        off = np.where(within, errors(found, one, str(at[0].dtype)), 0.0)
        k = int(np.argmax(off))
        if off[k] > allowed:
            place = tuple(float(x[k]) for x in at)
            lines.append(f"{name}, {label}: {off[k]:.2f} ulp at {place}, limit {allowed}")
    return lines


def test_every_op_is_measured():
    assert {op.name for op in ELEMENTWISE} == set(REFERENCES) | EXACT | INNER
    assert not set(REFERENCES) & EXACT


@functools.cache
def sample(name, dtype):
    """Return some points of an op, and its exact results there."""
    at = points(REFERENCES[name], 48, dtype)
    return at, wanted_at(name, at)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("how", ["numpy", "python"])
@pytest.mark.parametrize("name", REFERENCES)
def test_sample(name, how, dtype):
    at, wanted = sample(name, dtype)
    kind = DType.F64 if dtype == "float64" else DType.F32
    text = running.emit(graph_of([name], kind), running.TARGETS[how])
    results = running.run(text, at, how=how)
    report = misses(name, results, at, wanted, limits(name, how, dtype))
    assert not report, "\n".join(report)


def many_points(reference, count):
    """Return about so many operands: the draw is larger where few of it are within the bounds."""
    size = points(reference, count)[0].size
    at = points(reference, count * count // size)
    assert at[0].size > 0.8 * count
    return at


@pytest.mark.nightly
@pytest.mark.parametrize("name", REFERENCES)
def test_every_binary_exponent(name):
    at = many_points(REFERENCES[name], 10_000)
    wanted = kept_at(name, at)
    report = []
    for how in ("numpy", "numba"):
        text = running.emit(graph_of([name]), how)
        results = running.run(text, at, how=how)
        lines = misses(name, results, at, wanted, limits(name, how, "float64"))
        report += [f"{how}: {line}" for line in lines]
    assert not report, "\n".join(report)
