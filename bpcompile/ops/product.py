"""Declare ``prod``, whose derivative is the product of all other elements.

Never prod(x)/x: a single zero leaves 0/0, and the whole product may overflow where a part does
not. The products of what stands before and of what stands behind each element are built by one
loop, in as many multiplications as there are elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Size, product
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import Kind, Op, declare
from bpcompile.ir.type import DType, Type
from bpcompile.ops.elementwise import numbers
from bpcompile.ops.index import At, Spec, index, update, whole
from bpcompile.ops.reduce import kept_axes, kept_shape, spread
from bpcompile.ops.region import loop
from bpcompile.ops.shape import reshaped, transposed

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_INDEX = Type(DType.I64)


def _infer_prod(x: Type, *, axes: tuple[int, ...]) -> Type:
    """Return the type of a product."""
    return numbers(x).with_shape(kept_shape(x, axes))


def _prod(x: Any, axes: tuple[int, ...]) -> Any:
    """Multiply in float64 and round once."""
    x = np.asarray(x)
    wide = np.float64 if x.dtype == np.float32 else x.dtype
    return np.prod(x, axis=axes, dtype=wide).astype(x.dtype)


def _both_ends(rows: Type, count: Size) -> Graph:
    """Return the body of the loop over rows from both ends at once.

    It carries the products of the rows before each row and behind each row, and the product of
    all rows passed so far from either end.
    """
    spec: Spec = (At(0), *(whole(n) for n in rows.shape[1:]))
    row = rows.with_shape(rows.shape[1:])
    body = Builder("products")
    front = body.param("i", _INDEX)
    before, behind = body.param("before", rows), body.param("behind", rows)
    passed, passed_back = body.param("passed", row), body.param("passed_back", row)
    values = body.param("values", rows)
    back = body.dim(count) - 1 - front
    return body.finish(
        (
            update(before, passed, front, spec=spec),
            update(behind, passed_back, back, spec=spec),
            passed * index(values, front, spec=spec),
            passed_back * index(values, back, spec=spec),
        )
    )


def exclusive_product(x: Expr, axes: tuple[int, ...]) -> Expr:
    """Return at each place the product over `axes` of all other elements."""
    kept = kept_axes(len(x.shape), axes)
    order = (*axes, *kept)
    moved = transposed(x, order)
    count = product(tuple(x.shape[k] for k in axes))
    rows = reshaped(moved, (count, *kept_shape(x.type, axes)))
    builder, type = x.builder, rows.type
    blank = builder.const(0, type)
    one = builder.const(1, type.with_shape(type.shape[1:]))
    ends = (builder.const(0, _INDEX), builder.dim(count))
    carried = (blank, blank, one, one)
    before, behind, *_ = loop(
        *ends, *carried, rows, body=_both_ends(type, count), carried=len(carried)
    ).items()
    back = tuple(int(k) for k in np.argsort(order))
    return transposed(reshaped(before * behind, moved.shape), back)


def _prod_vjp(g: Expr, y: Expr, x: Expr, axes: tuple[int, ...]) -> tuple[Expr]:
    """Return g times the product of the others."""
    return (spread(g, x, axes) * exclusive_product(x, axes),)


prod = declare(
    Op(
        "prod",
        Kind.REDUCE,
        infer=_infer_prod,
        evaluate=_prod,
        vjp=_prod_vjp,
        mask=lambda where, x, axes: (where and spread(where, x, axes),),
        latex="\\prod {0}",
        doc="The product over `axes`.",
    )
)
