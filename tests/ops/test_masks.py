"""Masks of every op: true where a cotangent arrives in general, false at structural zeros alone."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType
from tests.ops.cases import cases_of
from tests.ops.support import params

RNG = np.random.default_rng(29)
# Those whose masks depend on which operands are equal or larger.
CHOICES = {"select", "maximum", "minimum", "clip", "relu", "max", "min"}
MASKED = [op for op in OPS.values() if op.mask is not None]


def table():
    for op in MASKED:
        for number, (operands, attrs) in enumerate(cases_of(op)):
            if all(np.size(operand) for operand in operands):
                yield pytest.param(op, operands, attrs, id=f"{op.name}-{number}")
        if op.name in CHOICES:
            shapes = [(80,)] * len(op.domain.intervals) if op.domain else [(20, 4)]
            ties = [RNG.integers(-2, 3, shape).astype(float) for shape in shapes]
            if op.name == "select":
                ties[0] = ties[0] > 0
            yield pytest.param(op, ties, {} if op.domain else {"axes": (1,)}, id=f"{op.name}-ties")


def arriving(op, operands, attrs, where):
    """Return the mask of each operand, and its cotangent where that of the result is at `where`."""
    builder = Builder(op.name)
    xs = params(builder, operands)
    y = op(*xs, **attrs)
    given = builder.param("where", y.type.with_dtype(DType.BOOL))
    g = builder.param("g", y.type)
    masks = op.mask(None if where is None else given, *xs, **attrs)
    active = [k for k, x in enumerate(xs) if x.dtype.is_float]
    bars = op.vjp(g, y, *xs, **attrs)
    assert all(masks[k] is None and bars[k] is None for k in range(len(xs)) if k not in active)
    shown = [builder.const(True, x.type.with_dtype(DType.BOOL)) for x in xs]
    results = [(bars[k], shown[k] if masks[k] is None else masks[k]) for k in active]
    graph = builder.finish([part for pair in results for part in pair])
    filter = np.ones(y.shape, bool) if where is None else where
    cotangent = RNG.uniform(0.5, 1.5, y.shape) * filter
    found = interpret(graph, [*operands, filter, cotangent.astype(y.dtype.numpy_name)])
    return list(zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize(("op", "operands", "attrs"), list(table()))
def test_a_mask_is_where_a_cotangent_arrives(op, operands, attrs):
    builder = Builder(op.name)
    shape = op(*params(builder, operands), **attrs).shape
    places = [np.zeros(shape, bool), RNG.random(shape) < 0.5, RNG.random(shape) < 0.2]
    for where in (None, *places):
        for bar, mask in arriving(op, operands, attrs, where):
            np.testing.assert_array_equal(mask, bar != 0)
