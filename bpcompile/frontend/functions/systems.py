"""Answer the functions of `np.linalg` that solve systems: solve, inv, det, cholesky, lstsq, pinv.

Batch axes follow NumPy 2: `solve` takes `b` as a vector where it has one axis, and as matrices
otherwise.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.elementwise import as_float, cast, describe_operand
from bpcompile.frontend.functions.axes import one_axis
from bpcompile.frontend.functions.matrices import (
    alike,
    apply,
    apply_all,
    batched,
    call,
    column,
    first_column,
    identity,
    is_wide,
    matrices,
    shown,
    squares,
    swapped,
    symmetric,
)
from bpcompile.frontend.lengths.length import length
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.dims import dim_max, product
from bpcompile.ir.type import Type


@functools.cache
def result_type(function: str) -> Any:
    """Return the named tuple that a function of `np.linalg` returns."""
    return type(getattr(np.linalg, function)(np.eye(1)))


def _require_rows(a: Tracer, b: Tracer, axis: int, function: str) -> None:
    """Check that right sides have as many rows as the matrices."""
    rows, given = a.sizes[-2], b.sizes[axis]
    if not current().session.sizes.equal(rows, given):
        raise ShapeError(
            f"{function}{where()} takes right sides of {shown(rows)} rows for "
            f"{describe_operand(a)}, and {describe_operand(b)} has {shown(given)}: transpose it, "
            "or check the order"
        )


def right_side(a: Tracer, b: Any, function: str) -> Tracer:
    """Return right sides for matrices, as floats, with as many rows or entries as those have."""
    x = as_float(b)
    if not x.ndim:
        raise ShapeError(
            f"{function}{where()} takes right sides with {shown(a.sizes[-2])} rows, and "
            f"{describe_operand(x)} is a number: write a vector"
        )
    _require_rows(a, x, -1 if x.ndim == 1 else -2, function)
    return x


def with_columns(a: Tracer, b: Tracer, op: str, *more: Tracer, **attrs: Any) -> Tracer:
    """Return what an op makes of matrices and right sides, which may be one vector."""
    if b.ndim == 1:
        return first_column(with_columns(a, column(b), op, *more, **attrs))
    if a.ndim == 2 and b.ndim > 2:  # one matrix for many: all right sides side by side
        rank = b.ndim
        moved = call("moveaxis", b, -2, 0)
        wide = call("reshape", moved, (b.shape[-2], -1))
        found = apply(op, a, wide, *more, **attrs)
        rows = (found.shape[0], *b.shape[: rank - 2], b.shape[-1])
        return call("moveaxis", call("reshape", found, rows), 0, -2)
    left, right = batched((a, b), (2, 2), f"np.linalg.{op}")
    return apply(op, left, right, *more, **attrs)


@rule("linalg.solve")
def solve(a: Any, b: Any) -> Tracer:
    """Return the solution x of a x = b."""
    x = squares(a, "np.linalg.solve")
    y = right_side(x, b, "np.linalg.solve")
    x, y = alike(x, y)
    if y.ndim == 1:
        left, right = batched((x, y), (2, 1), "np.linalg.solve")
        return apply("solve", left, right)
    return with_columns(x, y, "solve")


@rule("linalg.inv")
def inv(a: Any) -> Tracer:
    """Return the inverse."""
    return apply("inv", squares(a, "np.linalg.inv"))


@rule("linalg.det")
def det(a: Any) -> Tracer:
    """Return the determinant."""
    return apply("det", squares(a, "np.linalg.det"))


@rule("linalg.slogdet")
def slogdet(a: Any) -> Any:
    """Return the sign of the determinant and the logarithm of its magnitude."""
    x = squares(a, "np.linalg.slogdet")
    return result_type("slogdet")(apply("signdet", x), apply("logabsdet", x))


@rule("linalg.cholesky")
def cholesky(a: Any, /, *, upper: bool = False) -> Tracer:
    """Return the triangle L with L Lᵀ = a, of which the symmetric part is taken."""
    found = apply("cholesky", symmetric(squares(a, "np.linalg.cholesky")))
    return swapped(found) if upper else found


@rule("linalg.matrix_power")
def matrix_power(a: Any, n: Any) -> Tracer:
    """Return a power of square matrices, by repeated squaring."""
    x = squares(a, "np.linalg.matrix_power") if _inverts(n) else _keeping_integers(a)
    if n == 0:
        return identity(x)
    base = inv(x) if n < 0 else x
    left = abs(n)
    found: Tracer | None = None
    while left:
        if left % 2:
            found = base if found is None else call("matmul", found, base)
        left //= 2
        if left:
            base = call("matmul", base, base)
    assert found is not None
    return found if found is not x else call("copy", x)


def _inverts(n: Any) -> bool:
    """Tell whether a power is of the inverse.

    Raises `TypeMismatchError` for an exponent that is no known int.
    """
    if isinstance(n, Tracer) or not hasattr(type(n), "__index__"):
        raise TypeMismatchError(
            f"np.linalg.matrix_power{where()} needs its exponent as a known int: name the argument "
            "that it comes from in static_argnames, or multiply in a loop"
        )
    return bool(n < 0)


def _keeping_integers(a: Any) -> Tracer:
    """Return square matrices, of integers where they are."""
    x = lift(a)
    if x.expr.dtype.is_float:
        return squares(x, "np.linalg.matrix_power")
    squares(x, "np.linalg.matrix_power")  # checks the shape
    return Tracer(current().expr(x.expr))


# Least squares


def _cut(x: Tracer, given: Any, function: str) -> Tracer:
    """Return what part of the largest singular value counts as 0; by default eps max(m, n)."""
    frame = current()
    if given is None:
        longest = Tracer(frame.dim(dim_max(*x.sizes[-2:])))
        given = call("multiply", longest, _eps(x))
    part = lift(given)
    if part.ndim:
        raise UnsupportedError(
            f"{function}{where()} with a tolerance for each matrix is not known for traced values: "
            "write a number"
        )
    return Tracer(cast(frame.expr(part.expr), x.expr.dtype))


_UNSET: Any = object()


def _of_kind(a: Any, hermitian: Any, function: str) -> Tracer:
    """Return matrices, which must be square if they are said to be symmetric.

    That says how to compute the same, and nothing else: the singular values are computed.
    """
    return squares(a, function) if hermitian else matrices(a, function)


def _one_bound(old: Any, name: str, new: bool, function: str) -> None:
    """Refuse two bounds below which singular values count as 0."""
    if old is not None and new:
        raise ArgumentError(f"{function} with {name}= and rtol={where()}: write one of them")


@rule("linalg.pinv")
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _UNSET) -> Tracer:
    """Return the pseudo-inverse; singular values up to rcond times the largest count as 0."""
    x = _of_kind(a, hermitian, "np.linalg.pinv")
    _one_bound(rcond, "rcond", rtol is not _UNSET, "np.linalg.pinv")
    if rtol is _UNSET and rcond is None:
        rcond = 1e-15
    cut = _cut(x, rtol if rcond is None else rcond, "np.linalg.pinv")
    wide = is_wide(x, "np.linalg.pinv")
    sides = identity(x, rows=True)
    return apply("lstsq", x, sides, cut, wide=wide)


@rule("linalg.lstsq")
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return the least squares solution, the sums of squared residuals, rank, singular values.

    The residuals are those of full rank.
    """
    x = matrices(a, "np.linalg.lstsq")
    y = right_side(x, b, "np.linalg.lstsq")
    if x.ndim > 2 or y.ndim > 2:
        raise ShapeError(f"np.linalg.lstsq{where()} takes one matrix: map it over a batch")
    x, y = alike(x, y)
    cut = _cut(x, _eps(x) if _is_minus_one(rcond) else rcond, "np.linalg.lstsq")
    wide = is_wide(x, "np.linalg.lstsq")
    found = with_columns(x, y, "lstsq", cut, wide=wide)
    _, values, _ = apply_all("svd", x, wide=wide)
    rank = _rank(values, cut)
    rows, columns = x.sizes[-2:]
    if wide or not current().session.sizes.decide(rows, ">", columns, "np.linalg.lstsq"):
        empty = Tracer(current().const(0, Type(x.expr.dtype, (0,))))
        return found, empty, rank, values
    rest = call("subtract", y, call("matmul", x, found))
    squared = call("sum", call("square", rest), axis=0, keepdims=y.ndim == 1)
    return found, squared, rank, values


def _is_minus_one(rcond: Any) -> bool:
    """Tell whether machine precision is asked for in the old way."""
    return isinstance(rcond, (int, float)) and rcond == -1


def _eps(x: Tracer) -> float:
    """Return the machine precision of a value's dtype."""
    return float(np.finfo(x.dtype).eps)


def _rank(values: Tracer, cut: Tracer) -> Tracer:
    """Return how many singular values are above a part of the largest."""
    largest = call("max", values, axis=-1, keepdims=True)  # of nothing it has none
    return call("count_nonzero", call("greater", values, call("multiply", largest, cut)), axis=-1)


@rule("linalg.matrix_rank")
def matrix_rank(
    A: Any,
    tol: Any = None,
    hermitian: bool = False,
    *,
    rtol: Any = None,
) -> Tracer:
    """Return how many singular values are not negligible."""
    _one_bound(tol, "tol", rtol is not None, "np.linalg.matrix_rank")
    value = as_float(A)
    if value.ndim < 2:
        return call("astype", call("any", call("not_equal", value, 0)), np.int64)
    x = _of_kind(value, hermitian, "np.linalg.matrix_rank")
    _, values, _ = apply_all("svd", x, wide=is_wide(x, "np.linalg.matrix_rank"))
    if tol is not None:
        bound = call("expand_dims", lift(tol), -1)
        return call("count_nonzero", call("greater", values, bound), axis=-1)
    return _rank(values, _cut(x, rtol, "np.linalg.matrix_rank"))


# Tensors


@rule("linalg.tensorinv")
def tensorinv(a: Any, ind: int = 2) -> Tracer:
    """Return the inverse for tensordot over the first `ind` axes."""
    x = as_float(a)
    if not 0 < ind < x.ndim:
        raise ShapeError(f"np.linalg.tensorinv{where()} needs 0 < ind < {x.ndim}, not {ind}")
    first, rest = x.shape[:ind], x.shape[ind:]
    rows = call("reshape", x, (_count(x, 0, ind), _count(x, ind, x.ndim)))
    return call("reshape", inv(rows), (*rest, *first))


def _count(x: Tracer, start: int, stop: int) -> Any:
    """Return the number of elements along some axes."""
    return length(product(x.sizes[start:stop]))


@rule("linalg.tensorsolve")
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Tracer:
    """Return the tensor x whose product with `a` over all axes of x is b."""
    x, y = as_float(a), as_float(b)
    if axes is not None:
        places = [one_axis(axis, x.ndim, x) for axis in axes]
        x = call("transpose", x, [k for k in range(x.ndim) if k not in places] + places)
    rest = x.shape[y.ndim :]
    rows = call("reshape", x, (_count(y, 0, y.ndim), _count(x, y.ndim, x.ndim)))
    return call("reshape", solve(rows, call("ravel", y)), rest)
