"""Write what derivative rules of matrices are made of: triangles, diagonals, symmetric parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size, product
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.shape import broadcast_to, swapped

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr
    from bpcompile.ir.graph import Node


def matrix(x: Type) -> Type:
    """Check that a type is that of float matrices."""
    if x.rank < 2 or not x.dtype.is_float:
        raise CompileError(f"a factorisation of {x}")
    return x


def square(x: Type) -> Type:
    """Check that a type is that of square float matrices."""
    if matrix(x).shape[-1] != x.shape[-2]:
        raise CompileError(f"a factorisation of {x}")
    return x


def real_only(x: Any) -> Any:
    """Return an array as it is; refuse complex entries, of which LAPACK takes conjugates.

    So a derivative by the complex step is not attempted.
    """
    if np.iscomplexobj(x):
        raise TypeError("a factorisation of complex matrices is not analytic in their entries")
    return x


def cubic(shape: tuple[Size, ...]) -> Size:
    """Return about as many additions as products of square matrices take."""
    return product(shape) * shape[-1]


def is_swap(node: Node) -> bool:
    """Tell whether a node exchanges the last two axes."""
    rank = len(node.shape)
    return (
        node.op.name == "transpose"
        and rank > 1
        and node.attrs["order"] == (*range(rank - 2), rank - 1, rank - 2)
    )


def places(like: Expr, shape: tuple[Size, ...], axis: int) -> Expr:
    """Return the index along an axis at each place of a shape."""
    type = Type(DType.I64, shape)
    return like.builder.node(OPS["iota"], (), {"shape": shape, "axis": axis}, type)


def on_diagonal(x: Expr) -> Expr:
    """Return where the row and the column of matrices are equal."""
    own = x.shape[-2:]
    return _over_batch(OPS["equal"](places(x, own, 0), places(x, own, 1)), x)


def _over_batch(condition: Expr, x: Expr) -> Expr:
    """Return a matrix of bools repeated to the shape of matrices."""
    return broadcast_to(condition, x.shape, (len(x.shape) - 2, len(x.shape) - 1))


def triangle(x: Expr, *, lower: bool = True, diagonal: float = 1.0) -> Expr:
    """Return one triangle of matrices, with the diagonal times a number."""
    own = x.shape[-2:]
    rows, columns = places(x, own, 0), places(x, own, 1)
    zero = x.builder.const(0, x.type)
    if diagonal == 1:
        inside = OPS["greater_equal" if lower else "less_equal"](rows, columns)
        return OPS["select"](_over_batch(inside, x), x, zero)
    strict = OPS["greater" if lower else "less"](rows, columns)
    rest = OPS["select"](on_diagonal(x), x * diagonal, zero) if diagonal else zero
    return OPS["select"](_over_batch(strict, x), x, rest)


def symmetric(x: Expr) -> Expr:
    """Return the symmetric part of square matrices."""
    return (x + swapped(x)) * 0.5


def mirrored(x: Expr, *, lower: bool = True) -> Expr:
    """Return the symmetric matrices that have a triangle of square matrices."""
    strict = triangle(x, lower=lower, diagonal=0.0)
    return triangle(x, lower=lower) + swapped(strict)


def as_rows(v: Expr, x: Expr) -> Expr:
    """Return vectors as rows of the shape of matrices: vⱼ at (i, j)."""
    rank = len(x.shape)
    return broadcast_to(v, x.shape, (*range(rank - 2), rank - 1))


def as_columns(v: Expr, x: Expr) -> Expr:
    """Return vectors as columns of the shape of matrices: vᵢ at (i, j)."""
    return broadcast_to(v, x.shape, tuple(range(len(x.shape) - 1)))


def diagonal_matrix(v: Expr) -> Expr:
    """Return square matrices with vectors on their diagonals."""
    shape = (*v.shape, v.shape[-1])
    spread = broadcast_to(v, shape, tuple(range(len(v.shape))))
    return OPS["select"](on_diagonal(spread), spread, v.builder.const(0, spread.type))


def diagonal_of(x: Expr) -> Expr:
    """Return the diagonals of square matrices."""
    zero = x.builder.const(0, x.type)
    only = OPS["select"](on_diagonal(x), x, zero)
    return OPS["sum"](only, axes=(len(x.shape) - 1,))


def identity(x: Expr) -> Expr:
    """Return identity matrices of the type of square matrices."""
    one, zero = (x.builder.const(value, x.type) for value in (1, 0))
    return OPS["select"](on_diagonal(x), one, zero)
