"""Declare factorisations of matrices and what is solved with them, each beside its adjoint.

Every op works on the last two axes; the axes in front are a batch. The adjoints are those of
M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), and for Cholesky of I. Murray, "Differentiation of the Cholesky
decomposition" (2016), section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size, product
from bpcompile.ir.op import OPS, Kind, Op, Routine, declare
from bpcompile.ir.type import DType, Type
from bpcompile.ops.contraction import matmul
from bpcompile.ops.shape import broadcast_to, swapped

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _square(x: Type) -> Type:
    """Check that a type is that of square float matrices."""
    if x.rank < 2 or x.shape[-1] != x.shape[-2] or not x.dtype.is_float:
        raise CompileError(f"a factorisation of {x}")
    return x


def _cubic(shape: tuple[Size, ...]) -> Size:
    """Return about as many additions as products of square matrices take."""
    return product(shape) * shape[-1]


def triangle(x: Expr, *, lower: bool = True, diagonal: float = 1.0) -> Expr:
    """Return one triangle of square matrices, with the diagonal times a number."""
    n = x.shape[-1]
    counting = Type(DType.I64, (n, n))
    rows, columns = (
        x.builder.node(OPS["iota"], (), {"shape": (n, n), "axis": k}, counting) for k in (0, 1)
    )
    own = (len(x.shape) - 2, len(x.shape) - 1)
    strict = rows > columns if lower else rows < columns
    inside = broadcast_to(strict, x.shape, own)
    on = broadcast_to(OPS["equal"](rows, columns), x.shape, own)
    zero = x.builder.const(0, x.type)
    return OPS["select"](inside, x, OPS["select"](on, x * diagonal, zero))


def symmetric(x: Expr) -> Expr:
    """Return the symmetric part of square matrices."""
    return (x + swapped(x)) * 0.5


# Cholesky


def _cholesky_vjp(g: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    """Return the symmetric part of L⁻ᵀ Φ(Lᵀ ḡ) L⁻¹, Φ the lower triangle with half the diagonal."""
    middle = triangle(matmul(swapped(y), g), diagonal=0.5)
    half = triangular_solve(y, middle, lower=True, transposed=True)
    whole = triangular_solve(y, swapped(half), lower=True, transposed=True)
    return (symmetric(whole),)


cholesky = declare(
    Op(
        "cholesky",
        Kind.ROUTINE,
        infer=_square,
        evaluate=np.linalg.cholesky,
        vjp=_cholesky_vjp,
        routine=Routine("_cholesky", lambda: "np.linalg.cholesky({0})", (2,), (2,), work=_cubic),
        cost=10.0,
        doc="The lower triangle L with L Lᵀ = x, for symmetric positive definite x.",
    )
)


# Triangular systems


def _infer_triangular_solve(t: Type, b: Type, *, lower: bool, transposed: bool) -> Type:
    """Return the type of the solutions, one in each column."""
    if _square(t).shape[:-1] != b.shape[:-1] or t.dtype is not b.dtype:
        raise CompileError(f"triangular_solve of {t} and {b}")
    return b


def _triangular_solve(t: Any, b: Any, lower: bool, transposed: bool) -> Any:
    """Solve with one triangle; the rest is not looked at."""
    t = np.tril(t) if lower else np.triu(t)
    return np.linalg.solve(np.swapaxes(t, -1, -2) if transposed else t, b)


def _triangular_solve_text(*, lower: bool, transposed: bool) -> str:
    """Return the solution in NumPy, which has no solver for triangles."""
    part = "np.tril({0})" if lower else "np.triu({0})"
    return f"np.linalg.solve({f'np.swapaxes({part}, -1, -2)' if transposed else part}, {{1}})"


def _triangular_solve_vjp(
    g: Expr, y: Expr, t: Expr, b: Expr, lower: bool, transposed: bool
) -> tuple[Expr, Expr]:
    """Return -b̄ yᵀ within the triangle (its transpose if transposed), and b̄ = T⁻ᵀ ḡ."""
    bar = triangular_solve(t, g, lower=lower, transposed=not transposed)
    both = matmul(y, swapped(bar)) if transposed else matmul(bar, swapped(y))
    return triangle(-both, lower=lower), bar


triangular_solve = declare(
    Op(
        "triangular_solve",
        Kind.ROUTINE,
        infer=_infer_triangular_solve,
        evaluate=_triangular_solve,
        vjp=_triangular_solve_vjp,
        linear=(1,),
        routine=Routine(
            "_triangular_solve",
            _triangular_solve_text,
            (2, 2),
            (2,),
            literals=("lower", "transposed"),
            work=_cubic,
        ),
        cost=4.0,
        doc="The solution x of T x = b, or of Tᵀ x = b, for one triangle T of the first operand.",
    )
)
