"""Declare eigenvalues and vectors of symmetric matrices, and singular values and vectors.

The adjoints are those of M. B. Giles, "Collected matrix derivative results for forward and reverse
mode algorithmic differentiation" (2008). Where two eigenvalues or singular values are equal, their
vectors are any basis of one space, and have no derivative within it: such a pair contributes
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpcompile.ir.op import Kind, Op, Routine, declare
from bpcompile.ir.type import TupleType, Type
from bpcompile.ops.choice import equal, select
from bpcompile.ops.contraction import matmul
from bpcompile.ops.matrices import (
    as_columns,
    as_rows,
    cubic,
    diagonal_matrix,
    matrix,
    real_only,
    square,
)
from bpcompile.ops.shape import swapped

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

Bars = tuple["Expr | None", ...]


def _reciprocal(x: Expr) -> Expr:
    """Return 1/x, and 0 at 0."""
    return select(equal(x, 0.0), 0.0, 1.0 / x)


def _added(*terms: Expr | None) -> Expr | None:
    """Return the sum of those terms that are there."""
    total: Expr | None = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


# Eigenvalues


def _eigh_vjp(g: Bars, y: tuple[Expr, ...], x: Expr) -> tuple[Expr | None]:
    """Return V (diag(w̄) + Vᵀ V̄ / (wⱼ - wᵢ)) Vᵀ, the quotient 0 where the two are equal."""
    (w_bar, v_bar), (w, v) = g, y
    middle = None if w_bar is None else diagonal_matrix(w_bar)
    if v_bar is not None:
        gap = as_rows(w, v) - as_columns(w, v)
        middle = _added(middle, matmul(swapped(v), v_bar) * _reciprocal(gap))
    return (None if middle is None else matmul(matmul(v, middle), swapped(v)),)


eigh = declare(
    Op(
        "eigh",
        Kind.ROUTINE,
        infer=lambda x: TupleType((x.with_shape(x.shape[:-1]), square(x))),
        evaluate=lambda x: tuple(np.linalg.eigh(real_only(x))),
        vjp=_eigh_vjp,
        routine=Routine(
            "_eigh", lambda: "np.linalg.eigh({0})", (2,), (1, 2), work=cubic, names=("w", "v")
        ),
        cost=100.0,
        doc="The eigenvalues of symmetric matrices in ascending order, and the vectors in columns.",
    )
)


# Singular values


def _infer_svd(x: Type, *, wide: bool) -> TupleType:
    """Return the types of U, S and Vᵀ, of which the shorter side of x decides the inner length."""
    *batch, m, n = matrix(x).shape
    k = m if wide else n
    return TupleType(
        (x.with_shape((*batch, m, k)), x.with_shape((*batch, k)), x.with_shape((*batch, k, n)))
    )


def _without_own(bar: Expr, basis: Expr) -> Expr:
    """Return the part of columns outside of the space that orthonormal columns span."""
    return bar - matmul(basis, matmul(swapped(basis), bar))


def _turned(own: Expr, s: Expr) -> Expr:
    """Return skew(X)/E, 0 where two singular values are equal."""
    rows, columns = as_rows(s, own), as_columns(s, own)
    return (own - swapped(own)) * _reciprocal((rows - columns) * (rows + columns))


def _svd_vjp(g: Bars, y: tuple[Expr, ...], x: Expr, wide: bool) -> tuple[Expr | None]:
    """Return the cotangent of U S Vᵀ.

    Inside it is U M Vᵀ with M = diag(s̄) + (skew(Uᵀ Ū)/E) S + S (skew(Vᵀ V̄)/E), where
    Eᵢⱼ = sⱼ² - sᵢ² and skew(X) = X - Xᵀ; of the longer side (1 - U Uᵀ) Ū S⁻¹ Vᵀ or
    U S⁻¹ V̄ᵀ (1 - V Vᵀ) is added.
    """
    (u_bar, s_bar, vt_bar), (u, s, vt) = g, y
    v = swapped(vt)
    middle = None if s_bar is None else diagonal_matrix(s_bar)
    outside: Expr | None = None
    if u_bar is not None:
        own = matmul(swapped(u), u_bar)
        middle = _added(middle, _turned(own, s) * as_rows(s, own))
        if not wide:
            rest = _without_own(u_bar, u)
            outside = matmul(rest * as_rows(_reciprocal(s), rest), vt)
    if vt_bar is not None:
        bar = swapped(vt_bar)
        own = matmul(vt, bar)
        middle = _added(middle, as_columns(s, own) * _turned(own, s))
        if wide:
            rest = _without_own(bar, v)
            outside = _added(outside, matmul(u * as_rows(_reciprocal(s), u), swapped(rest)))
    inside = None if middle is None else matmul(matmul(u, middle), vt)
    return (_added(inside, outside),)


def _svd_text(*, wide: bool) -> str:
    """Return the call in NumPy."""
    return "np.linalg.svd({0}, full_matrices=False)"


svd = declare(
    Op(
        "svd",
        Kind.ROUTINE,
        infer=_infer_svd,
        evaluate=lambda x, wide: tuple(np.linalg.svd(real_only(x), full_matrices=False)),
        vjp=_svd_vjp,
        routine=Routine("_svd", _svd_text, (2,), (2, 1, 2), work=cubic, names=("u", "s", "vt")),
        cost=200.0,
        doc="U, the singular values in descending order, and Vᵀ; U and V have orthonormal columns,"
        " as many as the shorter side. `wide` tells that x has fewer rows than columns.",
    )
)
