"""Build and run small graphs around one op, for the tests of the op table."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile import ops
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import DType, Type
from bpcompile.ops.elementwise import NoClosedForm
from bpcompile.passes.expand import expand_composites
from bpcompile.transforms.reverse import reverse

# Ops that a schedule puts in, never a model.
INTERNAL = {"copy"}
# Ops on the bits of ints: `tests/ops/test_bits.py` holds them.
BITS = {op.name for op in OPS.values() if op.infer is ops.bits.ints}
ELEMENTWISE = [
    op
    for op in OPS.values()
    if op.kind is Kind.ELEMENTWISE and op.name not in INTERNAL and op.name not in BITS
]
ATTRS = {"astype": {"dtype": DType.F64}}


def names(table: list[Op]) -> list[str]:
    """Return the names of ops, as ids of a parametrised test."""
    return [op.name for op in table]


def takes_bool(op: Op, k: int) -> bool:
    """Tell whether operand k of an op is a condition."""
    return op.name.startswith("logical_") or (op.name == "select" and k == 0)


def draw(op: Op, shape: tuple[int, ...], dtype: str = "float64") -> list[np.ndarray]:
    """Return operands of an elementwise op from its domain, the same at each run."""
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))
    assert op.domain is not None
    drawn = []
    for k, (low, high) in enumerate(op.domain.intervals):
        values = rng.uniform(low, high, shape)
        drawn.append(values > (low + high) / 2 if takes_bool(op, k) else values.astype(dtype))
    return drawn


def params(builder: Builder, arrays: list[np.ndarray]) -> list[Expr]:
    """Return parameters of the types of arrays."""
    kinds = {d.numpy_name: d for d in DType}
    return [
        builder.param(f"x{k}", Type(kinds[str(a.dtype)], np.shape(a))) for k, a in enumerate(arrays)
    ]


Model = Callable[..., Expr]


def graph_of(model: Model, arrays: list[np.ndarray]) -> Graph:
    """Return the graph of a model of one result."""
    builder = Builder("f")
    return builder.finish((model(*params(builder, arrays)),))


def value(model: Model, arrays: list[Any], *, expanded: bool = False) -> np.ndarray:
    """Return the value of a model, with composites as they mean or as they are written out."""
    arrays = [np.asarray(a) for a in arrays]
    graph = graph_of(model, arrays)
    return interpret(expand_composites(graph) if expanded else graph, arrays)[0]


def summed(model: Model) -> Model:
    """Return the model whose result is the sum of another's."""

    def total(*xs: Expr) -> Expr:
        y = model(*xs)
        return OPS["sum"](y, axes=tuple(range(len(y.shape)))) if y.shape else y

    return total


def gradient(model: Model, *arrays: Any, expanded: bool = True) -> list[np.ndarray]:
    """Return the gradient of the sum of a model's result, in its float arguments."""
    given = [np.asarray(a) for a in arrays]
    graph = graph_of(summed(model), given)
    wrt = [k for k, a in enumerate(given) if a.dtype.kind == "f"]
    joint = reverse(graph, wrt)
    return list(interpret(expand_composites(joint) if expanded else joint, given)[1:])


def has_partial(op: Op, k: int) -> bool:
    """Tell whether an op has a derivative in operand k, or none that is a closed form."""
    return op.partials is None or not isinstance(op.partials[k], NoClosedForm)


def apply(op: Op) -> Model:
    """Return an op as a model, which no derivative goes through where the op has none."""

    def model(*xs: Expr) -> Expr:
        kept = [x if has_partial(op, k) else OPS["stop_gradient"](x) for k, x in enumerate(xs)]
        return op(*kept, **ATTRS.get(op.name, {}))

    return model


def gradient_graph(model: Model, arrays: list[np.ndarray]) -> Graph:
    """Return the graph of Σₖ Σ wₖ ∂(Σ model)/∂xₖ, a scalar, with fixed weights wₖ."""
    joint = reverse(graph_of(summed(model), arrays), range(len(arrays)))
    builder = Builder.extending(joint)
    total: Expr | None = None
    for k, bar in enumerate(joint.outputs[1:]):
        expr = builder.wrap(bar) * (0.7 + 0.4 * k)
        square = expr * expr
        part = OPS["sum"](square, axes=tuple(range(len(expr.shape)))) if expr.shape else square
        total = part if total is None else total + part
    assert total is not None
    return builder.finish((total,))


def directional(graph: Graph, arrays: list[np.ndarray], directions: list[np.ndarray]) -> float:
    """Return the derivative of a graph's only scalar in a direction, by the complex step."""
    step = 1e-30
    moved = [a + 1j * step * d for a, d in zip(arrays, directions, strict=True)]
    return float(np.imag(interpret(graph, moved, complex_step=True)[0]) / step)
