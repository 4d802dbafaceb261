"""Values within 2 and derivatives within 4 units in the last place of mpmath, for every unary op.

A sample runs with NumPy's functions each time; the nightly test compiles all ops with Numba and
draws 10 000 points of every binary exponent.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64
from bpcompile.passes.pipeline import LOWER, run
from bpcompile.transforms.reverse import scaled
from tests.emit import running
from tests.ops.references import REFERENCES, points, worst
from tests.ops.support import ELEMENTWISE

VALUE, SLOPE = 2.0, 4.0
# What is beyond, with its figure and reason.
EXCEPTIONS = {
    "erfc": (2.3, SLOPE, "the C library's own error, by which ndtr is bounded too"),
    "ndtr": (2.6, SLOPE, "that of erfc"),
    "tanh": (2.3, SLOPE, "the C library's own error below 0.55"),
    "sigmoid": (2.5, SLOPE, "three roundings, of e, 1 + e and their quotient, for x < 0"),
}
# Steps, whose derivative is zero; pieces of lines; and derivatives of others, never a model's own.
EXACT = {"neg", "abs", "sign", "floor", "ceil", "rint", "trunc", "relu", "astype", "stop_gradient"}
INNER = {"gaussian", "norm_pdf", "tanh_near_zero"}
QUESTIONS = {"isnan", "isinf", "isfinite", "logical_not"}


def limits(name):
    return EXCEPTIONS.get(name, (VALUE, SLOPE, ""))[:2]


def graph_of(names):
    """Return the lowered graph of values and derivatives of ops, each at points of its own."""
    builder = Builder("f")
    xs = [builder.param(f"x{k}", f64[f"n{k}"]) for k in range(len(names))]
    outputs = []
    for name, x in zip(names, xs, strict=True):
        y = OPS[name](x)
        (partial,) = OPS[name].partials
        outputs += [y, scaled(builder.const(1, x.type), partial(y, x))]
    return run(builder.finish(outputs), LOWER)


def test_every_unary_op_is_measured():
    unary = {op.name for op in ELEMENTWISE if len(op.domain.intervals) == 1}
    assert unary == set(REFERENCES) | EXACT | INNER | QUESTIONS


@pytest.mark.parametrize("name", REFERENCES)
def test_sample(name):
    reference = REFERENCES[name]
    x = points(reference, 60)
    value, slope = interpret(graph_of([name]), [x])
    for found, exact, limit in zip((value, slope), reference, limits(name), strict=False):
        error, at = worst(found, x, exact)
        assert error <= limit, f"{error:.2f} ulp at {at!r}"


@pytest.mark.nightly
def test_every_binary_exponent_compiled():
    arrays = [points(reference, 5000) for reference in REFERENCES.values()]
    text = running.emit(graph_of(list(REFERENCES)), "numba")
    results = iter(running.run(text, arrays, how="numba"))
    report = []
    for (name, reference), x in zip(REFERENCES.items(), arrays, strict=True):
        for exact, limit in zip(reference[:2], limits(name), strict=True):
            error, at = worst(np.asarray(next(results)), x, exact)
            if error > limit:
                report.append(f"{name}: {error:.2f} ulp at {at!r}, limit {limit}")
    assert not report, "\n".join(report)
