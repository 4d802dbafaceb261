"""Declare linear systems and inverses, all by one LU factorisation of the matrix.

`solve` and `inv` are what models are written in and differentiated in, and the determinants of
`bpcompile.ops.determinants`. Each is written out in terms of `lu_factor` and of routines that read
its results. Equal nodes are one, so that the value and the adjoint of x = A⁻¹ b share one
factorisation: b̄ = A⁻ᵀ x̄ takes it transposed.

NumPy has no LU factorisation that it shares. So those routines have the matrix itself as their
first operand, which only their text for NumPy reads, as in ``np.linalg.solve(A, b)``.

The adjoints are those of M. B. Giles, "Collected matrix derivative results for forward and reverse
mode algorithmic differentiation" (2008).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import product
from bpcompile.ir.op import Kind, Op, Routine, call, declare
from bpcompile.ir.type import DType, TupleType, Type
from bpcompile.ops.contraction import matmul
from bpcompile.ops.matrices import as_columns, as_rows, cubic, is_swap, square
from bpcompile.ops.shape import swapped

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

DEAR = 200.0  # so that no loop computes one again to spare memory


# The routines


def _infer_lu_factor(x: Type) -> TupleType:
    """Return the types of the factors in one matrix, and of the row exchanges."""
    return TupleType((square(x), Type(DType.I64, x.shape[:-1])))


def _lu_factor(x: Any) -> tuple[Any, Any]:
    """Return the factors by Gaussian elimination with the largest pivots."""
    lu = np.array(x)
    n, batch = lu.shape[-1], lu.shape[:-2]
    pivots = np.zeros((*batch, n), np.int64)
    for place in np.ndindex(*batch):
        matrix = lu[place]
        for k in range(n):
            best = k + int(np.argmax(np.abs(np.real(matrix[k:, k]))))
            pivots[(*place, k)] = best
            matrix[[k, best]] = matrix[[best, k]]
            if matrix[k, k] != 0:
                matrix[k + 1 :, k] /= matrix[k, k]
                matrix[k + 1 :, k + 1 :] -= np.outer(matrix[k + 1 :, k], matrix[k, k + 1 :])
    return lu, pivots


lu_factor = declare(
    Op(
        "lu_factor",
        Kind.ROUTINE,
        infer=_infer_lu_factor,
        evaluate=_lu_factor,
        derivative="none",
        routine=Routine(
            "_lu_factor",
            None,
            (2,),
            (2, 1),
            work=cubic,
            names=("lu", "pivots"),
            is_total=True,
        ),
        cost=20.0,
        doc="The factors L and U of the rows of x exchanged, in one matrix, and the exchanges: row"
        " k with row `pivots[k]`, one after the other.",
    )
)


def _infer_lu_solve(a: Type, lu: Type, pivots: Type, b: Type, *, transposed: bool) -> Type:
    """Return the type of the solutions, one in each column."""
    return b


def _turned(text: str, transposed: bool) -> str:
    """Return the text of a matrix, transposed or not."""
    return f"{text}.mT" if transposed else text


def _solved(a: Any, b: Any, transposed: bool = False) -> Any:
    """Return the solutions in the columns of a matrix."""
    return np.linalg.solve(np.swapaxes(a, -1, -2) if transposed else a, b)


lu_solve = declare(
    Op(
        "lu_solve",
        Kind.ROUTINE,
        infer=_infer_lu_solve,
        evaluate=lambda a, lu, pivots, b, transposed: _solved(a, b, transposed),
        derivative="none",
        routine=Routine(
            "_lu_solve",
            lambda transposed: f"np.linalg.solve({_turned('{0}', transposed)}, {{3}})",
            (2, 2, 1, 2),
            (2,),
            literals=("transposed",),
            work=cubic,
            aside=(0,),
        ),
        cost=10.0,
        doc="The solutions in the columns of x of A x = b, or of Aᵀ x = b, by the factors of A.",
    )
)

lu_solve_vector = declare(
    Op(
        "lu_solve_vector",
        Kind.ROUTINE,
        infer=_infer_lu_solve,
        evaluate=lambda a, lu, pivots, b, transposed: _solved(a, b[..., None], transposed)[..., 0],
        derivative="none",
        routine=Routine(
            "_lu_solve_vector",
            lambda transposed: (
                f"np.linalg.solve({_turned('{0}', transposed)}, {{3}}[..., None])[..., 0]"
            ),
            (2, 2, 1, 1),
            (1,),
            literals=("transposed",),
            work=lambda shape: 2 * product(shape),
            aside=(0,),
            single=lambda transposed: f"np.linalg.solve({_turned('{0}', transposed)}, {{3}})",
        ),
        cost=10.0,
        doc="The solution x, a vector, of A x = b, or of Aᵀ x = b, by the factors of A.",
    )
)

lu_inverse = declare(
    Op(
        "lu_inverse",
        Kind.ROUTINE,
        infer=lambda a, lu, pivots: a,
        evaluate=lambda a, lu, pivots: np.linalg.inv(a),
        derivative="none",
        routine=Routine(
            "_lu_inverse",
            lambda: "np.linalg.inv({0})",
            (2, 2, 1),
            (2,),
            work=cubic,
            aside=(0,),
        ),
        cost=20.0,
        doc="The inverse of A by its factors.",
    )
)


# What models are written in


class Factored(NamedTuple):
    """Hold a matrix with its factors, and whether it was wanted transposed."""

    parts: tuple[Expr, ...]
    transposed: bool


def factored(a: Expr) -> Factored:
    """Return the factors of a matrix, or of that which it is the transpose of."""
    transposed = is_swap(a.node)
    matrix = a.builder.wrap(a.node.args[0]) if transposed else a
    return Factored((matrix, *lu_factor(matrix).items()), transposed)


def _infer_solve(a: Type, b: Type) -> Type:
    """Return the type of the solution: that of the right side, vectors or matrices."""
    own = 1 if b.rank < a.rank else 2
    batch = a.shape[:-2]
    if square(a).dtype is not b.dtype or b.shape[: b.rank - own] != batch:
        raise CompileError(f"solve of {a} and {b}")
    if b.shape[b.rank - own] != a.shape[-1]:
        raise CompileError(f"solve of {a} and {b}")
    return b


def _solve(a: Any, b: Any) -> Any:
    """Return the solution for vectors or matrices."""
    return _solved(a, b) if np.ndim(a) == np.ndim(b) else _solved(a, b[..., None])[..., 0]


def _expand_solve(a: Expr, b: Expr) -> Expr:
    """Return the solution by the factors of the matrix."""
    parts, transposed = factored(a)
    op = lu_solve_vector if len(b.shape) < len(a.shape) else lu_solve
    return op(*parts, b, transposed=transposed)


def _solve_vjp(g: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Return -b̄ xᵀ and b̄ = A⁻ᵀ x̄."""
    bar = solve(swapped(a), g)
    if len(b.shape) == len(a.shape):
        return -matmul(bar, swapped(y)), bar
    return -(as_columns(bar, a) * as_rows(y, a)), bar


solve = declare(
    Op(
        "solve",
        Kind.COMPOSITE,
        infer=_infer_solve,
        evaluate=_solve,
        vjp=_solve_vjp,
        linear=(1,),
        expand=_expand_solve,
        math=call("solve", 2),
        latex="{0}^{{-1}} {1}",
        cost=DEAR,
        doc="The solution x of A x = b, for vectors or the columns of matrices.",
    )
)


def _expand_inv(a: Expr) -> Expr:
    """Return the inverse by the factors of the matrix."""
    parts, transposed = factored(a)
    found = lu_inverse(*parts)
    return swapped(found) if transposed else found


def _inv_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    """Return -A⁻ᵀ ȳ A⁻ᵀ."""
    turned = swapped(y)
    return (-matmul(matmul(turned, g), turned),)


inv = declare(
    Op(
        "inv",
        Kind.COMPOSITE,
        infer=square,
        evaluate=np.linalg.inv,
        vjp=_inv_vjp,
        expand=_expand_inv,
        math=call("inv"),
        latex="{0}^{{-1}}",
        cost=DEAR,
        doc="The inverse.",
    )
)
