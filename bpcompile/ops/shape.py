"""Declare the ops that rearrange: broadcast, reshape, transpose.

The transpose of ``broadcast`` is ``sum`` (in `ops.reduce`); ``reshape`` and ``transpose`` are each
their own. A schedule reads through them; no element is copied where it can be helped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size, product
from bpcompile.ir.op import OPS, Kind, Op, declare
from bpcompile.ir.type import DType, Type

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _infer_broadcast(x: Type, *, shape: tuple[Size, ...], axes: tuple[int, ...]) -> Type:
    """Check that each axis of the operand keeps its length."""
    if len(axes) != x.rank or any(shape[a] != n for a, n in zip(axes, x.shape, strict=True)):
        raise CompileError(f"broadcast of {x} to {shape} along axes {axes}")
    return x.with_shape(shape)


def _broadcast(x: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Place axis k of `x` at axis `axes[k]` of the result and repeat along the others."""
    spread = [1] * len(shape)
    for axis, length in zip(axes, np.shape(x), strict=True):
        spread[axis] = length
    return np.broadcast_to(np.transpose(x, np.argsort(axes)).reshape(spread), shape)


def _new_axes(shape: tuple[Size, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes along which a broadcast repeats."""
    return tuple(k for k in range(len(shape)) if k not in axes)


def _broadcast_vjp(g: Expr, y: Expr, x: Expr, shape: Any, axes: tuple[int, ...]) -> tuple[Expr]:
    """Sum over the repeated axes: x̄ = Σ ȳ."""
    total = OPS["sum"](g, axes=_new_axes(shape, axes))
    order = tuple(int(k) for k in np.argsort(np.argsort(axes)))
    return (transposed(total, order),)


def _broadcast_mask(where: Expr | None, x: Expr, shape: Any, axes: tuple[int, ...]) -> Any:
    """Keep the places of which any copy is active."""
    if where is None:
        return (None,)
    found = OPS["any"](where, axes=_new_axes(shape, axes))
    return (transposed(found, tuple(int(k) for k in np.argsort(np.argsort(axes)))),)


broadcast = declare(
    Op(
        "broadcast",
        Kind.VIEW,
        infer=_infer_broadcast,
        evaluate=_broadcast,
        vjp=_broadcast_vjp,
        mask=_broadcast_mask,
        linear=(0,),
        doc="Repeat along new axes: axis k of the operand is axis `axes[k]` of the result.",
    )
)


def broadcast_to(x: Expr, shape: tuple[Size, ...], axes: tuple[int, ...] | None = None) -> Expr:
    """Return `x` repeated to `shape`; without `axes` its axes are the last ones."""
    if axes is None:
        axes = tuple(range(len(shape) - len(x.shape), len(shape)))
    if x.shape == shape:
        return x
    if x.node.op.name == "const":
        return x.builder.const(x.node.attrs["value"], x.type.with_shape(shape))
    return broadcast(x, shape=shape, axes=axes)


def _infer_reshape(x: Type, *, shape: tuple[Size, ...]) -> Type:
    """Check that the number of elements stays."""
    if product(x.shape) != product(shape):
        raise CompileError(f"reshape of {x} to {shape}")
    return x.with_shape(shape)


reshape = declare(
    Op(
        "reshape",
        Kind.VIEW,
        infer=_infer_reshape,
        evaluate=lambda x, shape: np.reshape(x, shape),
        vjp=lambda g, y, x, shape: (reshaped(g, x.shape),),
        mask=lambda where, x, shape: (where and reshaped(where, x.shape),),
        linear=(0,),
        doc="The same elements in C order under another shape.",
    )
)


def reshaped(x: Expr, shape: tuple[Size, ...]) -> Expr:
    """Return `x` under another shape, or `x` itself where that is its shape."""
    return x if x.shape == shape else reshape(x, shape=shape)


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """Return the permutation that undoes `order`."""
    return tuple(int(k) for k in np.argsort(order))


transpose = declare(
    Op(
        "transpose",
        Kind.VIEW,
        infer=lambda x, *, order: x.with_shape(tuple(x.shape[k] for k in order)),
        evaluate=lambda x, order: np.transpose(x, order),
        vjp=lambda g, y, x, order: (transposed(g, _inverse(order)),),
        mask=lambda where, x, order: (where and transposed(where, _inverse(order)),),
        linear=(0,),
        doc="Axis k of the result is axis `order[k]` of the operand.",
    )
)


def transposed(x: Expr, order: tuple[int, ...]) -> Expr:
    """Return `x` with permuted axes, or `x` itself where nothing moves."""
    return x if order == tuple(range(len(order))) else transpose(x, order=order)


def swapped(x: Expr) -> Expr:
    """Return `x` with its last two axes exchanged."""
    rank = len(x.shape)
    return transposed(x, (*range(rank - 2), rank - 1, rank - 2))


def zeros_like(x: Expr) -> Expr:
    """Return zeros of the type of `x`."""
    return x.builder.const(0, x.type)


def filled(x: Expr, value: bool, shape: tuple[Size, ...]) -> Expr:
    """Return a bool constant of a shape, in the graph of `x`."""
    return x.builder.const(value, Type(DType.BOOL, shape))
