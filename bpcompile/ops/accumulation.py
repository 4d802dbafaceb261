"""Declare running sums and products along an axis, and the recurrence that their adjoints are.

    cumsum      yᵢ = yᵢ₋₁ + xᵢ
    cumprod     yᵢ = yᵢ₋₁ xᵢ
    recurrence  yᵢ = aᵢ yᵢ₋₁ + bᵢ,  with 0 in the place of y before the first

With `reverse` they run from the last place to the first. No adjoint divides: that of a running
product is x̄ᵢ = rᵢ yᵢ₋₁ with the recurrence rᵢ = ḡᵢ + xᵢ₊₁ rᵢ₊₁ from the end, which is right beside
zeros as well (as in G. E. Blelloch, "Prefix sums and their applications", 1990, section 1.4, a
first-order recurrence and its transpose are scans over the same operator).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Size, dim_max, dim_min
from bpcompile.ir.op import OPS, Kind, Op, call, declare
from bpcompile.ir.type import DType, Type
from bpcompile.ops.elementwise import latex_call, numbers
from bpcompile.ops.index import At, Slice, Spec, index, update, whole
from bpcompile.ops.region import loop

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_INDEX = Type(DType.I64)


def _infer(x: Type, *others: Type, axis: int, reverse: bool = False) -> Type:
    """Check that an axis can be run along, and that all operands have one type, of numbers."""
    numbers(x)
    if not 0 <= axis < x.rank or any(other != x for other in others):
        raise CompileError(f"running along axis {axis} of {(x, *others)}")
    return x


def _spec(shape: tuple[Size, ...], axis: int, entry: At | Slice) -> Spec:
    """Return the index that takes places of one axis and all of the others."""
    return tuple(entry if k == axis else whole(n) for k, n in enumerate(shape))


def _along(
    operands: tuple[Expr, ...],
    axis: int,
    reverse: bool,
    step: Callable[..., Expr],
    first: Callable[..., Expr],
) -> Expr:
    """Return the array of which each row is `step` of the one before it and of the operands'."""
    x = operands[0]
    builder, type, count = x.builder, x.type, x.shape[axis]
    start = dim_max(count - 1, 0) if reverse else 0
    ends = _spec(x.shape, axis, Slice(start, 1, dim_min(count, 1)))
    blank = builder.node(OPS["empty"], (), {}, type)
    begun = update(blank, first(*(index(o, spec=ends) for o in operands)), spec=ends)
    body = Builder("running")
    i, done = body.param("i", _INDEX), body.param("done", type)
    given = [body.param(f"x{k}", o.type) for k, o in enumerate(operands)]
    here = i
    if reverse:
        here = (body.dim(count - 1) if isinstance(count, int) else body.dim(count) - 1) - i
    before = here + 1 if reverse else here - 1
    row = _spec(x.shape, axis, At(0))
    following = step(index(done, before, spec=row), *(index(o, here, spec=row) for o in given))
    made = body.finish((update(done, following, here, spec=row),))
    bounds = builder.const(1, _INDEX), builder.dim(count)
    return loop(*bounds, begun, *operands, body=made, carried=1).items()[0]


def shifted(x: Expr, axis: int, by: int, fill: float) -> Expr:
    """Return what stands a place before (`by` 1) or behind (-1), `fill` where nothing does."""
    count = x.shape[axis]
    length = dim_max(count - 1, 0)
    source = _spec(x.shape, axis, Slice(0 if by > 0 else dim_min(count, 1), 1, length))
    target = _spec(x.shape, axis, Slice(dim_min(count, 1) if by > 0 else 0, 1, length))
    return update(x.builder.const(fill, x.type), index(x, spec=source), spec=target)


# Running sums


def _wide(x: Any) -> Any:
    """Return floats as float64 at least, in which they are added up."""
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype == np.float32 else x


def _cumsum(x: Any, axis: int, reverse: bool) -> Any:
    """Add up."""
    order = np.flip(x, axis) if reverse else x
    total = np.cumsum(_wide(order), axis=axis).astype(np.asarray(x).dtype)
    return np.flip(total, axis) if reverse else total


def _expand_cumsum(x: Expr, axis: int, reverse: bool) -> Expr:
    """Return the loop that adds up, in float64."""
    narrow = x.dtype is DType.F32
    wide = OPS["astype"](x, dtype=DType.F64) if narrow else x
    total = _along((wide,), axis, reverse, lambda y, x: y + x, lambda x: x)
    return OPS["astype"](total, dtype=DType.F32) if narrow else total


def _cumsum_vjp(g: Expr, y: Expr, x: Expr, axis: int, reverse: bool) -> tuple[Expr]:
    """Return the sum of the cotangents from the other end."""
    return (OPS["cumsum"](g, axis=axis, reverse=not reverse),)


def _cumsum_mask(where: Expr | None, x: Expr, axis: int, reverse: bool) -> tuple[Any]:
    """Activate each place that an active sum has in it."""
    if where is None:
        return (None,)
    counted = OPS["astype"](where, dtype=DType.I64)
    return (cumsum(counted, axis=axis, reverse=not reverse) > 0,)


cumsum = declare(
    Op(
        "cumsum",
        Kind.COMPOSITE,
        infer=_infer,
        evaluate=_cumsum,
        vjp=_cumsum_vjp,
        mask=_cumsum_mask,
        linear=(0,),
        expand=_expand_cumsum,
        math=call("cumsum"),
        latex=latex_call("\\operatorname{cumsum}"),
        cost=2.0,
        doc="The sum of all elements up to each place along `axis`, or from it on with `reverse`.",
    )
)


# Recurrences and running products


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """Run along the axis."""
    factors, result = (np.moveaxis(_wide(x), axis, 0)[:: -1 if reverse else 1] for x in (a, b))
    result = np.array(result, np.result_type(factors, result))
    for i in range(1, len(result)):
        result[i] += factors[i] * result[i - 1]
    return np.moveaxis(result[:: -1 if reverse else 1], 0, axis).astype(np.result_type(a, b))


def _recurrence_vjp(
    g: Expr, y: Expr, a: Expr, b: Expr, axis: int, reverse: bool
) -> tuple[Expr, Expr]:
    """Return b̄ᵢ = ḡᵢ + aᵢ₊₁ b̄ᵢ₊₁ and āᵢ = b̄ᵢ yᵢ₋₁."""
    back = -1 if not reverse else 1
    bar = recurrence(shifted(a, axis, back, 0.0), g, axis=axis, reverse=not reverse)
    return bar * shifted(y, axis, -back, 0.0), bar


recurrence = declare(
    Op(
        "recurrence",
        Kind.COMPOSITE,
        infer=_infer,
        evaluate=_recurrence,
        vjp=_recurrence_vjp,
        linear=(1,),
        expand=lambda a, b, axis, reverse: _along(
            (a, b), axis, reverse, lambda y, a, b: a * y + b, lambda a, b: b
        ),
        math=call("recurrence", 2),
        latex=latex_call("\\operatorname{recurrence}"),
        cost=3.0,
        doc="The solution of yᵢ = aᵢ yᵢ₋₁ + bᵢ along `axis`, from the other end with `reverse`.",
    )
)


def _cumprod(x: Any, axis: int) -> Any:
    """Multiply up."""
    return np.cumprod(_wide(x), axis=axis).astype(np.asarray(x).dtype)


def _cumprod_vjp(g: Expr, y: Expr, x: Expr, axis: int) -> tuple[Expr]:
    """Return x̄ᵢ = rᵢ yᵢ₋₁ with rᵢ = ḡᵢ + xᵢ₊₁ rᵢ₊₁."""
    later = recurrence(shifted(x, axis, -1, 0.0), g, axis=axis, reverse=True)
    return (later * shifted(y, axis, 1, 1.0),)


cumprod = declare(
    Op(
        "cumprod",
        Kind.COMPOSITE,
        infer=_infer,
        evaluate=_cumprod,
        vjp=_cumprod_vjp,
        expand=lambda x, axis: _along((x,), axis, False, lambda y, x: y * x, lambda x: x),
        math=call("cumprod"),
        latex=latex_call("\\operatorname{cumprod}"),
        cost=2.0,
        doc="The product of all elements up to each place along `axis`.",
    )
)
