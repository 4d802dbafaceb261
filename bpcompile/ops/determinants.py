"""Declare determinants, by the LU factors of the matrix, and their derivative, the cofactors.

∂ det A/∂A is the matrix of cofactors. Where det A is not 0 that is det(A) A⁻ᵀ. Where it is 0, a
product A = B D C with a diagonal D tells, since cof(A) = cof(B) cof(D) cof(C), and cof(D)ᵢᵢ is the
product of the other entries. So the derivative is right at singular matrices, too.

For the second derivative A = U S Vᵀ. The cofactors of a diagonal matrix S change with S + E by

    Cᵢᵢ: Σⱼ Pᵢⱼ Eⱼⱼ over j ≠ i      Cᵢⱼ: -Pᵢⱼ Eⱼᵢ      Pᵢⱼ = Π sₖ over k ≠ i, j

which is linear in E with a symmetric matrix; nothing is divided, so second derivatives are right
everywhere as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.ir.op import OPS, Kind, Op, Routine, call, declare
from bpcompile.ir.type import Type
from bpcompile.ops.choice import equal, select
from bpcompile.ops.contraction import matmul
from bpcompile.ops.index import Slice, index, whole
from bpcompile.ops.matrices import (
    cubic,
    diagonal_matrix,
    diagonal_of,
    places,
    square,
)
from bpcompile.ops.product import prod
from bpcompile.ops.shape import broadcast_to, reshaped, swapped
from bpcompile.ops.spectral import svd
from bpcompile.ops.systems import DEAR, factored, inv

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


# The routines


def _of_pair(count: int) -> Any:
    """Return the type rule of a routine that makes some numbers of each matrix."""
    return lambda a, lu, pivots: a.with_shape((*a.shape[:-2], count))


def _signed(a: Any) -> Any:
    """Return the sign of the determinant and the logarithm of its size, analytic in the entries."""
    sign, size = np.linalg.slogdet(a)
    if np.iscomplexobj(a):
        side = np.sign(np.real(sign))
        sign, size = side, size + 1j * np.angle(sign * side)
    return np.stack([sign, size], axis=-1)


lu_det = declare(
    Op(
        "lu_det",
        Kind.ROUTINE,
        infer=_of_pair(1),
        evaluate=lambda a, lu, pivots: np.linalg.det(a)[..., None],
        derivative="none",
        routine=Routine(
            "_lu_det",
            lambda: "np.linalg.det({0})[..., None]",
            (2, 2, 1),
            (1,),
            work=lambda shape: shape[0],
            aside=(0,),
        ),
        doc="The determinant of A by its factors, as an array of one.",
    )
)

lu_slogdet = declare(
    Op(
        "lu_slogdet",
        Kind.ROUTINE,
        infer=_of_pair(2),
        evaluate=lambda a, lu, pivots: _signed(a),
        derivative="none",
        routine=Routine(
            "_lu_slogdet",
            lambda: "np.stack(np.linalg.slogdet({0}), axis=-1)",
            (2, 2, 1),
            (1,),
            work=lambda shape: 20 * shape[0],
            aside=(0,),
        ),
        doc="The sign of the determinant of A and the logarithm of its magnitude, by its factors.",
    )
)


def _cofactors(a: Any) -> Any:
    """Return the cofactors by singular values; of complex matrices, which are regular, as usual."""
    if np.iscomplexobj(a):
        return np.linalg.det(a)[..., None, None] * np.swapaxes(np.linalg.inv(a), -1, -2)
    u, s, vt = np.linalg.svd(a)
    n = s.shape[-1]
    but = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    return np.rint(sign)[..., None, None] * ((u * but[..., None, :]) @ vt)


lu_cofactors = declare(
    Op(
        "lu_cofactors",
        Kind.ROUTINE,
        infer=lambda a, lu, pivots: a,
        evaluate=lambda a, lu, pivots: _cofactors(a),
        derivative="none",
        routine=Routine("_lu_cofactors", lambda: "_cofactors({0})", (2, 2, 1), (2,), work=cubic),
        cost=20.0,
        doc="The cofactors of A, by its factors where it is regular.",
    )
)


# What models are written in


def _number_of(a: Expr, op: Op, k: int) -> Expr:
    """Return a number that a routine finds for each matrix by its factors."""
    found = op(*factored(a).parts)
    batch = a.shape[:-2]
    one = index(found, spec=(*map(whole, batch), Slice(k, 1, 1)))
    return reshaped(one, batch)


def _infer_number(a: Type) -> Type:
    """Return the type of a number for each square matrix."""
    return square(a).with_shape(a.shape[:-2])


def _over(g: Expr, a: Expr) -> Expr:
    """Return a number for each matrix repeated over its entries."""
    return broadcast_to(g, a.shape, tuple(range(len(a.shape) - 2)))


def _det_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    """Return the cofactors, times the cotangent."""
    return (_over(g, a) * OPS["cofactors"](a),)


det = declare(
    Op(
        "det",
        Kind.COMPOSITE,
        infer=_infer_number,
        evaluate=np.linalg.det,
        vjp=_det_vjp,
        expand=lambda a: _number_of(a, lu_det, 0),
        math=call("det"),
        latex="\\det {0}",
        cost=DEAR,
        doc="The determinant.",
    )
)

signdet = declare(
    Op(
        "signdet",
        Kind.COMPOSITE,
        infer=_infer_number,
        evaluate=lambda a: _signed(a)[..., 0],
        derivative="zero",
        expand=lambda a: _number_of(a, lu_slogdet, 0),
        math=call("signdet"),
        latex="\\operatorname{{sign}} \\det {0}",
        cost=DEAR,
        doc="The sign of the determinant: 1, -1, or 0 where it is 0.",
    )
)

logabsdet = declare(
    Op(
        "logabsdet",
        Kind.COMPOSITE,
        infer=_infer_number,
        evaluate=lambda a: _signed(a)[..., 1],
        vjp=lambda g, y, a: (_over(g, a) * swapped(inv(a)),),
        expand=lambda a: _number_of(a, lu_slogdet, 1),
        math=call("logabsdet"),
        latex="\\log |\\det {0}|",
        cost=DEAR,
        doc="The logarithm of the magnitude of the determinant; -inf where that is 0.",
    )
)


# Cofactors


def _others(s: Expr) -> Expr:
    """Return for each pair of entries of vectors the product of all but these two."""
    batch, n = s.shape[:-1], s.shape[-1]
    rank = len(batch)
    shape = (*batch, n, n, n)
    spread = broadcast_to(s, shape, (*range(rank), rank + 2))
    factor = places(s, shape, rank + 2)
    for k in range(2):
        one = s.builder.const(1, spread.type)
        spread = select(equal(places(s, shape, rank + k), factor), one, spread)
    return prod(spread, axes=(rank + 2,))


def _orientation(u: Expr, vt: Expr) -> Expr:
    """Return det(U) det(V) of orthogonal matrices: 1 or -1."""
    return signdet(u) * signdet(vt)


def _expand_cofactors(a: Expr) -> Expr:
    """Return the cofactors by the factors of the matrix."""
    parts, transposed = factored(a)
    found = lu_cofactors(*parts)
    return swapped(found) if transposed else found


def _cofactors_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    """Return ± U Ē Vᵀ, Ē the change of the cofactors of S by Uᵀ ḡ V."""
    u, s, vt = svd(a, wide=False).items()
    inner = matmul(matmul(swapped(u), g), swapped(vt))
    pairs = _others(s)  # those of equal places cancel below
    own = diagonal_of(inner)
    along = reshaped(matmul(pairs, reshaped(own, (*own.shape, 1))), own.shape)
    middle = diagonal_matrix(along) - pairs * swapped(inner)
    sign = _over(_orientation(u, vt), a)
    return (sign * matmul(matmul(u, middle), vt),)


cofactors = declare(
    Op(
        "cofactors",
        Kind.COMPOSITE,
        infer=square,
        evaluate=_cofactors,
        vjp=_cofactors_vjp,
        expand=_expand_cofactors,
        math=call("cofactors"),
        latex="\\operatorname{{cof}} {0}",
        cost=DEAR,
        doc="The matrix of cofactors, det(A) A⁻ᵀ where that exists.",
    )
)
