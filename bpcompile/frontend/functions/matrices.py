"""Check and prepare the operands of matrix functions: dtype, shape, batch axes in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpcompile.errors import ShapeError
from bpcompile.frontend.elementwise import (
    as_float,
    broadcast,
    cast,
    common_shape,
    describe_operand,
    promoted,
)
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type
from bpcompile.ops.matrices import identity as of_ones


def call(name: str, *args: Any, **keywords: Any) -> Tracer:
    """Return what a rule makes of its arguments."""
    found: Tracer = RULES[name](*args, **keywords)
    return found


def apply(op: str, *values: Tracer, **attrs: Any) -> Tracer:
    """Return what an op of the table makes of values whose types fit."""
    frame = current()
    frame.mark()
    return Tracer(frame.builder.apply(OPS[op], [frame.expr(v.expr) for v in values], attrs))


def apply_all(op: str, *values: Tracer, **attrs: Any) -> tuple[Tracer, ...]:
    """Return the results of an op that has several."""
    frame = current()
    frame.mark()
    found = frame.builder.apply(OPS[op], [frame.expr(v.expr) for v in values], attrs)
    return tuple(map(Tracer, found.items()))


def matrices(a: Any, function: str) -> Tracer:
    """Return matrices of floats, with a batch in front.

    Raises `ShapeError` for vectors and scalars.
    """
    x = as_float(a)
    if x.ndim < 2:
        raise ShapeError(
            f"{function} of {describe_operand(x)}{where()} needs a matrix: write at least two axes"
        )
    return Tracer(x.expr)


def squares(a: Any, function: str) -> Tracer:
    """Return square matrices of floats, with a batch in front.

    Raises `ShapeError` for any other.
    """
    x = matrices(a, function)
    sizes = current().session.sizes
    rows, columns = x.sizes[-2:]
    if not sizes.equal(rows, columns):
        raise ShapeError(
            f"{function} of {describe_operand(x)}{where()} needs square matrices, and these are "
            f"{shown(rows)} by {shown(columns)}: for others there is np.linalg.lstsq or pinv"
        )
    return Tracer(current().expr(x.expr))


def shown(size: Size) -> str:
    """Return a length with its value in the example."""
    value = current().session.sizes.value(size)
    return str(size) if isinstance(size, int) or value is None else f"{size} = {value}"


def is_wide(x: Tracer, function: str) -> bool:
    """Tell whether matrices have fewer rows than columns; from then on the graph is for that."""
    rows, columns = x.sizes[-2:]
    return current().session.sizes.decide(rows, "<", columns, function)


def alike(*values: Tracer) -> list[Tracer]:
    """Return float values in the dtype that NumPy promotes them to."""
    frame = current()
    dtype = promoted(values)
    return [Tracer(cast(frame.expr(value.expr), dtype)) for value in values]


def batched(values: Sequence[Tracer], own: Sequence[int], function: str) -> list[Tracer]:
    """Return values repeated to one batch; `own` says how many last axes of each are its own."""
    frame = current()

    def explain() -> str:
        operands = " and ".join(map(describe_operand, values))
        return f"the leading axes in {function} of {operands}{where()} do not fit together"

    fronts = [value.sizes[: value.ndim - count] for value, count in zip(values, own, strict=True)]
    batch = frame.session.sizes.resolve_shape(common_shape(fronts, explain))
    found: list[Expr] = []
    for value, count in zip(values, own, strict=True):
        expr = frame.expr(value.expr)
        found.append(broadcast(expr, (*batch, *expr.shape[len(expr.shape) - count :])))
    return [Tracer(expr) for expr in found]


def swapped(x: Tracer) -> Tracer:
    """Return the last two axes exchanged."""
    return call("swapaxes", x, -1, -2)


def symmetric(x: Tracer) -> Tracer:
    """Return the symmetric part of square matrices."""
    return call("multiply", call("add", x, swapped(x)), 0.5)


def column(x: Tracer) -> Tracer:
    """Return vectors as matrices of one column."""
    return call("expand_dims", x, -1)


def first_column(x: Tracer) -> Tracer:
    """Return the only column of matrices."""
    return call("squeeze", x, -1)


def identity(x: Tracer, *, rows: bool = False) -> Tracer:
    """Return identity matrices like square matrices; of any others, with as many rows."""
    frame = current()
    frame.mark()
    expr = frame.expr(x.expr)
    *batch, m, n = expr.shape
    side = m if rows else n
    return Tracer(of_ones(frame.const(0, Type(expr.dtype, (*batch, side, side)))))
