"""Every op with a derivative: its two modes are transposes of each other, twice over.

For random x, t and u, u · (J t) = (Jᵀ u) · t. For the Hessian H of a scalar made of the op, forward
over reverse, reverse over forward and reverse over reverse give the same H t.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType, Type
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.ops.cases import cases_of
from tests.ops.support import has_partial

REGIONS = {"loop", "while", "branch", "replay", "item", "param"}  # tested by models
# With several results: tests/frontend/functions/test_linear_algebra and tests/ops/test_fourier.
SEVERAL = {"eigh", "svd", "qr", "lstsq", "dft", "rdft"}


def table():
    for name, op in OPS.items():
        if op.derivative is not None or name in REGIONS or name in SEVERAL:
            continue
        if op.partials is not None and not any(has_partial(op, k) for k in range(len(op.partials))):
            continue
        for number, (operands, attrs) in enumerate(cases_of(op)):
            yield pytest.param(op, operands, attrs, id=f"{name}-{number}")


TABLE = list(table())
every_case = pytest.mark.parametrize(("op", "operands", "attrs"), TABLE)


def graph_of(op, operands, attrs):
    builder = Builder(op.name)
    kinds = {d.numpy_name: d for d in DType}
    xs = [
        builder.param(f"x{k}", Type(kinds[str(a.dtype)], a.shape)) for k, a in enumerate(operands)
    ]
    return builder.finish((op(*xs, **attrs),))


def draw(op, operands, seed):
    """Return which operands are floats with a derivative, and a direction for each of them."""
    rng = np.random.default_rng(seed)
    floats = [k for k, a in enumerate(operands) if np.asarray(a).dtype.kind == "f"]
    wrt = [k for k in floats if op.partials is None or has_partial(op, k)]
    return wrt, [rng.normal(size=operands[k].shape) for k in wrt]


def dot(a, b):
    return sum(float(np.sum(p * q)) for p, q in zip(a, b, strict=True))


@every_case
def test_tangent_and_cotangent_are_dual(op, operands, attrs):
    graph = graph_of(op, operands, attrs)
    wrt, t = draw(op, operands, 1)
    (y,) = interpret(graph, operands)
    u = np.random.default_rng(2).normal(size=y.shape).astype(y.dtype)
    tangent = interpret(forward(graph, wrt), [*operands, *t])[1]
    cotangents = interpret(reverse(graph, wrt, seeds="input"), [*operands, u])[1:]
    single = op.name == "astype" and y.dtype == np.float32
    expected = dot(cotangents, t)
    assert dot([u], [tangent]) == pytest.approx(expected, rel=1e-6 if single else 1e-12, abs=1e-13)


@every_case
def test_tangent_towards_one_operand(op, operands, attrs):
    """Operands without a tangent are as those with a zero one."""
    graph = graph_of(op, operands, attrs)
    wrt, t = draw(op, operands, 1)
    for k, direction in zip(wrt, t, strict=True):
        zeros = [direction if m == k else np.zeros(operands[m].shape) for m in wrt]
        alone = interpret(forward(graph, [k]), [*operands, direction])[1]
        among = interpret(forward(graph, wrt), [*operands, *zeros])[1]
        np.testing.assert_allclose(alone, among, rtol=1e-14, atol=1e-15)


@every_case
def test_second_derivatives_agree(op, operands, attrs):
    wrt, t = draw(op, operands, 3)
    builder = Builder.extending(graph_of(op, operands, attrs))
    y = builder.wrap(builder.nodes[-1])
    if y.dtype is DType.F32:
        pytest.skip("the conversion itself is linear")
    square = y * y
    axes = tuple(range(len(y.shape)))
    graph = builder.finish((OPS["sum"](square, axes=axes) if axes else square,))

    joint = reverse(graph, wrt)
    count = len(wrt)
    first = interpret(forward(joint, wrt), [*operands, *t])[-count:]
    seeds = np.zeros(())
    second = interpret(reverse(joint, wrt, seeds="input"), [*operands, seeds, *t])[-count:]
    tangent = forward(graph, wrt)
    tangent = tangent.with_outputs(tangent.outputs[1:])
    third = interpret(reverse(tangent, wrt), [*operands, *t])[1:]
    for a, b, c in zip(first, second, third, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(c, a, rtol=1e-9, atol=1e-10)


def test_all_kinds_are_met():
    met = {case.values[0].kind for case in TABLE}
    expected = {Kind.ELEMENTWISE, Kind.VIEW, Kind.REDUCE, Kind.INDEX, Kind.CONTRACTION}
    assert expected <= met
