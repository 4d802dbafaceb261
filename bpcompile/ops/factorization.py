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
from bpcompile.ir.dims import Size
from bpcompile.ir.op import Kind, Op, Routine, declare
from bpcompile.ir.type import TupleType, Type
from bpcompile.ops.contraction import matmul
from bpcompile.ops.index import Slice, index, update, whole
from bpcompile.ops.matrices import cubic, matrix, mirrored, real_only, square, symmetric, triangle
from bpcompile.ops.shape import swapped, zeros_like

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


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
        infer=square,
        evaluate=lambda x: np.linalg.cholesky(real_only(x)),
        vjp=_cholesky_vjp,
        routine=Routine("_cholesky", lambda: "np.linalg.cholesky({0})", (2,), (2,), work=cubic),
        cost=10.0,
        doc="The lower triangle L with L Lᵀ = x, for symmetric positive definite x.",
    )
)


# Triangular systems


def _infer_triangular_solve(t: Type, b: Type, *, lower: bool, transposed: bool) -> Type:
    """Return the type of the solutions, one in each column."""
    if square(t).shape[:-1] != b.shape[:-1] or t.dtype is not b.dtype:
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
            work=cubic,
        ),
        cost=4.0,
        doc="The solution x of T x = b, or of Tᵀ x = b, for one triangle T of the first operand.",
    )
)


# QR


def _infer_qr(x: Type, *, wide: bool) -> TupleType:
    """Return the types of Q and R, of which the shorter side of x decides the inner length."""
    *batch, m, n = matrix(x).shape
    k = m if wide else n
    return TupleType((x.with_shape((*batch, m, k)), x.with_shape((*batch, k, n))))


def _pulled_to_columns(q_bar: Expr | None, r_bar: Expr | None, q: Expr, r: Expr) -> Expr:
    """Return (Q̄ + Q sym(M)) R⁻ᵀ for square R, sym(M) being the lower triangle of M, mirrored.

    M = R R̄ᵀ - Q̄ᵀ Q.
    """
    middle = None if r_bar is None else matmul(r, swapped(r_bar))
    if q_bar is not None:
        part = matmul(swapped(q_bar), q)
        middle = -part if middle is None else middle - part
    assert middle is not None
    left = matmul(q, mirrored(middle))
    total = left if q_bar is None else q_bar + left
    return swapped(triangular_solve(r, swapped(total), lower=False, transposed=False))


def _columns(x: Expr, start: Size, stop: Size) -> Expr:
    """Return some columns of matrices."""
    rows = map(whole, x.shape[:-1])
    return index(x, spec=(*rows, Slice(start, 1, stop - start)))


def _qr_vjp(g: tuple[Expr | None, ...], y: tuple[Expr, ...], x: Expr, wide: bool) -> tuple[Expr]:
    """Return the cotangent of Q R.

    Of a wide matrix [X Y] = Q [U V] the part X = Q U is square, and Y = Q V a product beside it
    (D. A. O. Roberts and L. R. Roberts, "QR and LQ decomposition matrix backpropagation algorithms
    for square, wide, and deep matrices", 2020).
    """
    (q_bar, r_bar), (q, r) = g, y
    if not wide:
        return (_pulled_to_columns(q_bar, r_bar, q, r),)
    m, n = x.shape[-2:]
    zeros = zeros_like(x)
    spec = (*map(whole, x.shape[:-1]), Slice(0, 1, m))
    if r_bar is None:
        square_bar = _pulled_to_columns(q_bar, None, q, _columns(r, 0, m))
        return (update(zeros, square_bar, spec=spec),)
    v_bar = _columns(r_bar, m, n)
    through = matmul(_columns(x, m, n), swapped(v_bar))
    q_bar = through if q_bar is None else q_bar + through
    square_bar = _pulled_to_columns(q_bar, _columns(r_bar, 0, m), q, _columns(r, 0, m))
    beside = (*map(whole, x.shape[:-1]), Slice(m, 1, n - m))
    found = update(zeros, square_bar, spec=spec)
    return (update(found, matmul(q, v_bar), spec=beside),)


qr = declare(
    Op(
        "qr",
        Kind.ROUTINE,
        infer=_infer_qr,
        evaluate=lambda x, wide: tuple(np.linalg.qr(real_only(x))),
        vjp=_qr_vjp,
        routine=Routine(
            "_qr", lambda wide: "np.linalg.qr({0})", (2,), (2, 2), work=cubic, names=("q", "r")
        ),
        cost=20.0,
        doc="Q with orthonormal columns, as many as the shorter side, and R, an upper triangle."
        " `wide` tells that x has fewer rows than columns.",
    )
)
