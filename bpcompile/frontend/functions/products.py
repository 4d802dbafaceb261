"""Answer the products: matmul, dot, outer, inner, tensordot, einsum.

All become ``matmul`` of the table, on vectors, matrices or stacks of matrices with equal batch
axes; a matrix that many others are multiplied with becomes one large product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError
from bpcompile.frontend.elementwise import (
    broadcast,
    cast,
    common_shape,
    describe_operand,
    promoted,
)
from bpcompile.frontend.functions.axes import one_axis
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import quoted, where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, product
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType
from bpcompile.ops.shape import reshaped, transposed


def _operands(a: Any, b: Any) -> tuple[Tracer, Tracer]:
    """Return two operands."""
    return lift(a), lift(b)


def _misfit(a: Tracer, b: Tracer, n: Size, m: Size) -> ShapeError:
    """Return the error for lengths that a product sums over and that differ."""
    sizes = current().session.sizes
    text = quoted()
    lengths = " and ".join(_with_value(size, sizes.value(size)) for size in (n, m))
    return ShapeError(
        f"the product {f'`{text}` ' if text else ''}of {describe_operand(a)} and "
        f"{describe_operand(b)}{where()} sums over lengths that differ, {lengths}: transpose one, "
        "as in x.T, or check the order"
    )


def _with_value(size: Size, value: int | None) -> str:
    """Return a length with its value in the example."""
    return str(size) if isinstance(size, int) or value is None else f"{size} = {value}"


def _multiplied(a: Expr, b: Expr) -> Expr:
    """Return the product of operands that ``matmul`` of the table takes; bools are or-ed."""
    if a.dtype is DType.BOOL:
        total = OPS["matmul"](cast(a, DType.I64), cast(b, DType.I64))
        return cast(total, DType.BOOL)
    return OPS["matmul"](a, b)


def _typed(frame: Frame, a: Tracer, b: Tracer) -> tuple[Expr, Expr]:
    """Return two values in their common dtype."""
    frame.mark()
    dtype = promoted((a, b))
    return cast(frame.expr(a.expr), dtype), cast(frame.expr(b.expr), dtype)


@rule("matmul", "linalg.matmul")
def matmul(x1: Any, x2: Any, **_: Any) -> Tracer:
    """Return the matrix product by NumPy's rules for every rank."""
    refuse_keywords("matmul", _, out=None)
    a, b = _operands(x1, x2)
    for operand in (a, b):
        if not operand.ndim:
            raise ShapeError(
                f"{describe_operand(operand)} is a scalar: @ needs arrays{where()}: write *"
            )
    sizes = current().session.sizes
    n, m = a.sizes[-1], b.sizes[-2 if b.ndim > 1 else -1]
    if not sizes.equal(n, m):
        raise _misfit(a, b, n, m)
    frame = current()
    left, right = _typed(frame, a, b)
    return Tracer(_matmul(frame, left, right, (a, b)))


def _matmul(frame: Frame, a: Expr, b: Expr, given: tuple[Tracer, Tracer]) -> Expr:
    """Return the product of two arrays whose inner lengths agree."""
    ranks = len(a.shape), len(b.shape)
    if max(ranks) <= 2:
        return _multiplied(a, b)
    if ranks[1] <= 2:
        rows = reshaped(a, (product(a.shape[:-1]), a.shape[-1]))
        found = _multiplied(rows, b)
        return reshaped(found, (*a.shape[:-1], *b.shape[1:]))
    left = reshaped(a, (1, *a.shape)) if ranks[0] == 1 else a
    shapes = (left.shape[:-2], b.shape[:-2])
    batch = frame.session.sizes.resolve_shape(common_shape(shapes, lambda: _batch_text(given)))
    left = broadcast(frame.expr(left), (*batch, *left.shape[-2:]))
    right = broadcast(frame.expr(b), (*batch, *b.shape[-2:]))
    found = _multiplied(left, right)
    return reshaped(found, (*found.shape[:-2], found.shape[-1])) if ranks[0] == 1 else found


def _batch_text(given: tuple[Tracer, Tracer]) -> str:
    """Return the beginning of the message about batch axes that do not fit."""
    a, b = map(describe_operand, given)
    return f"the leading axes in the product of {a} and {b}{where()} do not fit together"


@rule("dot")
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Return the sum of products over the last axis of `a` and the second last of `b`."""
    refuse_keywords("dot", {"out": out}, out=None)
    x, y = _operands(a, b)
    if not x.ndim or not y.ndim:
        return RULES["multiply"](x, y)
    if y.ndim <= 2:
        return matmul(x, y)
    return tensordot(x, y, axes=((-1,), (-2,)))


@rule("vdot")
def vdot(a: Any, b: Any, /) -> Tracer:
    """Return the sum of products of all elements."""
    return matmul(RULES["ravel"](a), RULES["ravel"](b))


@rule("inner")
def inner(a: Any, b: Any, /) -> Any:
    """Return the sum of products over the last axes."""
    x, y = _operands(a, b)
    if not x.ndim or not y.ndim:
        return RULES["multiply"](x, y)
    return tensordot(x, y, axes=((-1,), (-1,)))


@rule("vecdot", "linalg.vecdot")
def vecdot(x1: Any, x2: Any, /, *, axis: Any = -1, **_: Any) -> Any:
    """Return the sum of products along an axis."""
    refuse_keywords("vecdot", _, out=None)
    left, right = _with_axes("np.vecdot", (x1, 1), (x2, 1))
    products = RULES["multiply"](left, right)
    return RULES["any" if products.expr.dtype is DType.BOOL else "sum"](products, axis=axis)


def _with_axes(function: str, *pairs: tuple[Any, int]) -> list[Tracer]:
    """Return traced values that have at least so many axes.

    Raises `ShapeError` for one that has fewer.
    """
    values = []
    for value, rank in pairs:
        values.append(lift(value))
        if values[-1].ndim < rank:
            raise ShapeError(
                f"{function} of {describe(values[-1])}{where()}: give it at least {rank} axes"
            )
    return values


@rule("linalg.outer")
def outer_of_vectors(x1: Any, x2: Any, /) -> Any:
    """Return the products of every element of a vector with every one of another."""
    for value in map(lift, (x1, x2)):
        if value.ndim != 1:
            raise ShapeError(
                f"np.linalg.outer of {describe(value)}{where()}: give vectors, or write np.outer"
            )
    return outer(x1, x2)


@rule("outer")
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Return the products of every element of `a` with every one of `b`."""
    refuse_keywords("outer", {"out": out}, out=None)
    column = RULES["expand_dims"](RULES["ravel"](a), 1)
    return RULES["multiply"](column, RULES["ravel"](b))


@rule("tensordot", "linalg.tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tracer:
    """Return the sum of products over pairs of axes."""
    x, y = _operands(a, b)
    if isinstance(axes, int):
        first: Sequence[int] = range(x.ndim - axes, x.ndim)
        second: Sequence[int] = range(axes)
    else:
        given_a, given_b = axes
        first = given_a if isinstance(given_a, (tuple, list)) else (given_a,)
        second = given_b if isinstance(given_b, (tuple, list)) else (given_b,)
    left = [one_axis(k, x.ndim, x) for k in first]
    right = [one_axis(k, y.ndim, y) for k in second]
    if len(left) != len(right):
        raise ShapeError(
            f"np.tensordot names {len(left)} axes and {len(right)}{where()}: name as many"
        )
    sizes = current().session.sizes
    for k, j in zip(left, right, strict=True):
        if not sizes.equal(x.sizes[k], y.sizes[j]):
            raise _misfit(x, y, x.sizes[k], y.sizes[j])
    frame = current()
    return Tracer(contracted(*_typed(frame, x, y), left, right))


def contracted(a: Expr, b: Expr, left: Sequence[int], right: Sequence[int]) -> Expr:
    """Return the sum of products over pairs of axes, as one product of two matrices."""
    kept_a = [k for k in range(len(a.shape)) if k not in left]
    kept_b = [k for k in range(len(b.shape)) if k not in right]
    rows = tuple(a.shape[k] for k in kept_a)
    columns = tuple(b.shape[k] for k in kept_b)
    count = product(tuple(a.shape[k] for k in left))
    one = transposed(a, (*kept_a, *left))
    two = transposed(b, (*right, *kept_b))
    # A side of which nothing is kept stays a vector.
    one = reshaped(one, (product(rows), count) if rows else (count,))
    two = reshaped(two, (count, product(columns)) if columns else (count,))
    return reshaped(_multiplied(one, two), (*rows, *columns))


@rule("kron")
def kron(a: Any, b: Any) -> Any:
    """Return the Kronecker product: `b` times each element of `a`, as blocks."""
    x, y = _operands(a, b)
    rank = max(x.ndim, y.ndim)
    left, right = (
        RULES["reshape"](value, ((1,) * (rank - value.ndim) + value.shape)) for value in (x, y)
    )
    shape = tuple(n * m for n, m in zip(left.shape, right.shape, strict=True))
    found = RULES["multiply"](
        RULES["expand_dims"](left, tuple(range(1, 2 * rank, 2))),
        RULES["expand_dims"](right, tuple(range(0, 2 * rank, 2))),
    )
    return RULES["reshape"](found, shape) if rank else found


@rule("cross", "linalg.cross")
def cross(
    a: Any,
    b: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Any:
    """Return the vectors perpendicular to two in space."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = _operands(a, b)
    for value, place in ((x, axisa), (y, axisb)):
        if not value.ndim or not current().session.sizes.equal(
            value.sizes[one_axis(place, value.ndim, value)], 3
        ):
            raise ShapeError(
                f"np.cross of {describe_operand(value)}{where()} takes vectors of 3 components: "
                "in the plane write a[0] * b[1] - a[1] * b[0]"
            )
    left = [RULES["take"](x, k, axis=axisa) for k in range(3)]
    right = [RULES["take"](y, k, axis=axisb) for k in range(3)]
    parts = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        forward = RULES["multiply"](left[i], right[j])
        parts.append(RULES["subtract"](forward, RULES["multiply"](left[j], right[i])))
    return RULES["stack"](parts, axis=axisc)


@rule("matvec")
def matvec(x1: Any, x2: Any, /, **_: Any) -> Any:
    """Return the products of matrices and vectors."""
    refuse_keywords("matvec", _, out=None, axes=None, axis=None)
    matrices, vectors = _with_axes("np.matvec", (x1, 2), (x2, 1))
    return np.matmul(matrices, vectors[..., None])[..., 0]


@rule("vecmat")
def vecmat(x1: Any, x2: Any, /, **_: Any) -> Any:
    """Return the products of vectors and matrices."""
    refuse_keywords("vecmat", _, out=None, axes=None, axis=None)
    vectors, matrices = _with_axes("np.vecmat", (x1, 1), (x2, 2))
    return np.matmul(vectors[..., None, :], matrices)[..., 0, :]
