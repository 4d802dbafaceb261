"""Declare ``matmul``, the sum of products over one shared axis.

Both operands have the same batch axes, in front; broadcasting among them is explicit in the
graph. The shapes, with `B` for batch axes, are

    (k) (k) -> ()     (m k) (k) -> (m)     (k) (k n) -> (n)     (B m k) (B k n) -> (B m n)

Its cotangents are products again: Ā = ȳ Bᵀ and B̄ = Aᵀ ȳ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.op import Kind, Level, Op, declare, infix
from bpcompile.ir.type import Type
from bpcompile.ops.shape import broadcast_to, swapped

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _infer_matmul(a: Type, b: Type) -> Type:
    """Return the type of a product."""
    shared = b.shape[-2] if b.rank > 1 else b.shape[-1]
    batched = a.rank == b.rank and a.shape[:-2] == b.shape[:-2]
    small = a.rank in (1, 2) and b.rank in (1, 2)
    if a.dtype is not b.dtype or a.shape[-1] != shared or not (small or batched):
        raise CompileError(f"matmul of {a} and {b}")
    if b.rank == 1:
        return a.with_shape(a.shape[:-1])
    if a.rank == 1:
        return b.with_shape(b.shape[1:])
    return a.with_shape((*a.shape[:-1], b.shape[-1]))


def outer(a: Expr, b: Expr) -> Expr:
    """Return the product a bᵀ of two vectors."""
    shape = (*a.shape, *b.shape)
    return broadcast_to(a, shape, (0,)) * broadcast_to(b, shape, (1,))


def _matmul_vjp(g: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Any, ...]:
    """Return Ā = ȳ Bᵀ and B̄ = Aᵀ ȳ, with vectors as one row or column."""
    match len(a.shape), len(b.shape):
        case 1, 1:
            return broadcast_to(g, b.shape) * b, broadcast_to(g, a.shape) * a
        case 2, 1:
            return outer(g, b), matmul(swapped(a), g)
        case 1, 2:
            return matmul(b, g), outer(a, g)
    return matmul(g, swapped(b)), matmul(swapped(a), g)


matmul = declare(
    Op(
        "matmul",
        Kind.CONTRACTION,
        infer=_infer_matmul,
        evaluate=np.matmul,
        vjp=_matmul_vjp,
        multilinear=(0, 1),
        numpy=infix("@", Level.MULTIPLY),
        math=infix("", Level.MULTIPLY),
        doc="The matrix product.",
    )
)
