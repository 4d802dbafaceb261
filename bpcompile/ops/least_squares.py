"""Declare least squares: the shortest of the vectors x that bring A x closest to b, A⁺ b.

The derivative is that of the pseudo-inverse at constant rank (G. H. Golub and V. Pereyra, "The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate",
1973). Its parts are least squares again, with A or with Aᵀ, and share the singular vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.op import Kind, Level, Op, declare, pattern
from bpcompile.ir.type import Type
from bpcompile.ops.choice import equal, select
from bpcompile.ops.contraction import matmul
from bpcompile.ops.matrices import as_columns, is_swap, matrix, places
from bpcompile.ops.reduce import sum_
from bpcompile.ops.shape import broadcast_to, swapped
from bpcompile.ops.spectral import svd

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _infer(a: Type, b: Type, cut: Type, *, wide: bool) -> Type:
    """Return the type of the solutions, one in each column."""
    *batch, m, n = matrix(a).shape
    dtypes = {a.dtype, b.dtype, cut.dtype}
    if len(dtypes) > 1 or cut.rank or b.rank != a.rank or b.shape[:-1] != (*batch, m):
        raise CompileError(f"lstsq of {a} and {b}")
    return b.with_shape((*batch, n, b.shape[-1]))


def _lstsq(a: Any, b: Any, cut: Any, wide: bool) -> Any:
    """Return the solutions; of complex matrices those that are analytic, by transposes."""
    turned = np.swapaxes(a, -1, -2)
    if np.iscomplexobj(a) or np.iscomplexobj(b):
        if wide:
            return turned @ np.linalg.solve(a @ turned, b)
        return np.linalg.solve(turned @ a, turned @ b)
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    large = s > cut * s.max(axis=-1, initial=0, keepdims=True)
    inverse = np.divide(1, s, out=np.zeros_like(s), where=large)
    return np.swapaxes(vt, -1, -2) @ (inverse[..., None] * (np.swapaxes(u, -1, -2) @ b))


def _expand(a: Expr, b: Expr, cut: Expr, wide: bool) -> Expr:
    """Return V S⁺ (Uᵀ b); with Aᵀ it is U S⁺ (V b)."""
    if is_swap(a.node):
        right, s, vt = svd(a.builder.wrap(a.node.args[0]), wide=not wide).items()
        left = swapped(vt)
    else:
        left, s, vt = svd(a, wide=wide).items()
        right = swapped(vt)
    first = select(equal(places(s, s.shape, len(s.shape) - 1), 0), s, 0.0)
    axes = (len(s.shape) - 1,)
    largest = sum_(first, axes=axes)
    bound = largest * broadcast_to(cut, largest.shape)
    above = s > broadcast_to(bound, s.shape, tuple(range(len(s.shape) - 1)))
    inverse = select(above, 1.0 / s, 0.0)
    parts = matmul(swapped(left), b)
    return matmul(right, as_columns(inverse, parts) * parts)


def _vjp(g: Expr, y: Expr, a: Expr, b: Expr, cut: Expr, wide: bool) -> tuple[Expr, Expr, None]:
    """Return Ā = -b̄ xᵀ + r (A⁺ b̄)ᵀ + (A⁺ᵀ x)(x̄ - Aᵀ b̄)ᵀ with r = b - A x, and b̄ = A⁺ᵀ x̄."""
    turned = swapped(a)
    bar = lstsq(turned, g, cut, wide=not wide)
    rest = b - matmul(a, y)
    through = lstsq(a, bar, cut, wide=wide)
    back = lstsq(turned, y, cut, wide=not wide)
    outside = g - matmul(turned, bar)
    total = matmul(rest, swapped(through)) + matmul(back, swapped(outside))
    return total - matmul(bar, swapped(y)), bar, None


lstsq = declare(
    Op(
        "lstsq",
        Kind.COMPOSITE,
        infer=_infer,
        evaluate=_lstsq,
        vjp=_vjp,
        linear=(1,),
        expand=_expand,
        math=pattern("lstsq({0}, {1})", Level.ATOM, *(Level.CONDITION,) * 3),
        latex="{0}^{{+}} {1}",
        cost=200.0,
        doc="The shortest x, in columns, of those that bring A x closest to b. Singular values of A"
        " up to the third operand times the largest count as 0; `wide` tells that A has fewer rows"
        " than columns.",
    )
)
