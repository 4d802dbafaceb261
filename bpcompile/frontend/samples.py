"""Answer the functions of samples and of small arrays: cov, corrcoef, block, isin, put and others.

All are written in other NumPy functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.axes import one_axis
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.tracer import Tracer, describe

# Samples


@rule("cov")
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
    fweights: Any = None, aweights: Any = None, **_: Any,
) -> Any:  # fmt: skip
    """Return the covariances of variables, one in each row."""
    refuse_keywords("cov", {"fweights": fweights, "aweights": aweights, **_}, dtype=None,
                    fweights=None, aweights=None)  # fmt: skip
    x = _variables(m, rowvar)
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar)])
    count = x.shape[1]
    less = (0 if bias else 1) if ddof is None else ddof
    centred = x - np.mean(x, axis=1, keepdims=True)
    return np.squeeze(centred @ np.transpose(centred) / (count - less))


def _variables(m: Any, rowvar: bool) -> Any:
    """Return a matrix with one variable in each row."""
    x: Any = as_float(m)
    if x.ndim > 2:
        raise ShapeError(f"np.cov of {describe(x)}{where()}: give a vector or a matrix")
    rows = np.atleast_2d(x)
    return rows if rowvar or rows.shape[0] == 1 else np.transpose(rows)


@rule("corrcoef")
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, **_: Any) -> Any:
    """Return the correlations of variables, one in each row."""
    refuse_keywords("corrcoef", _, dtype=None)
    found: Any = cov(x, y, rowvar)
    if not np.ndim(found):
        return found / found
    size = np.sqrt(np.diagonal(found))
    return np.clip(found / size[:, None] / size[None, :], -1, 1)


# Arrays of arrays


@rule("block")
def block(arrays: Any) -> Any:
    """Return nested lists of blocks as one array."""
    depth, inner = 0, arrays
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    return _blocks(arrays, depth, depth)


def _blocks(part: Any, depth: int, left: int) -> Any:
    """Return the blocks of one level joined, the innermost level along the last axis."""
    if not isinstance(part, list):
        x: Any = lift(part)
        return np.reshape(x, (*(1,) * max(depth - x.ndim, 0), *x.shape))
    return np.concatenate([_blocks(p, depth, left - 1) for p in part], axis=-left)


@rule("apply_along_axis")
def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kw: Any) -> Any:
    """Return what a function makes of each vector along an axis."""
    x: Any = lift(arr)
    along = one_axis(axis, x.ndim, x)
    moved = np.moveaxis(x, along, -1)
    function = resolve(func1d)
    rows = np.reshape(moved, (-1, moved.shape[-1]))
    found = [lift(function(row, *args, **kw)) for row in rows]
    stacked: Any = np.stack(found)
    made = np.reshape(stacked, (*moved.shape[:-1], *stacked.shape[1:]))
    last = range(made.ndim - (stacked.ndim - 1), made.ndim)
    return np.moveaxis(made, tuple(last), tuple(along + k for k in range(len(last))))


@rule("isin")
def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False,
         **_: Any) -> Any:  # fmt: skip
    """Return which elements equal one of others."""
    del assume_unique
    refuse_keywords("isin", _, kind=None)
    x: Any = lift(element)
    others: Any = np.ravel(lift(test_elements))
    found = np.any(x[..., None] == others, axis=-1)
    return ~found if invert else found


# Writing


@rule("put")
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write values at places of an array in C order."""
    refuse_keywords("put", {"mode": mode}, mode="raise")
    x: Any = lift(a)
    flat = RULES["copy"](np.ravel(x))
    RULES["__setitem__"](flat, ind, v)
    x[...] = np.reshape(flat, x.shape)


@rule("putmask")
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write values where a mask is true; one for each place, or one for all."""
    x: Any = lift(a)
    given: Any = lift(values)
    if given.ndim and given.shape != x.shape:
        raise ShapeError(
            f"the values {describe(given)} of np.putmask do not fit {describe(x)}{where()}: give "
            "one for each place, or one for all"
        )
    x[...] = np.where(mask, given, x)


@rule("copyto")
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Write an array into another one, where a mask is true."""
    refuse_keywords("copyto", {"casting": casting}, casting="same_kind")
    if not isinstance(dst, Tracer):
        raise TypeMismatchError("np.copyto into a plain array cannot take a traced value")
    target: Any = dst
    target[...] = src if where is True else np.where(where, src, target)


# Parts of real numbers


@rule("imag")
def imag(val: Any) -> Any:
    """Return zeros: there are no complex values."""
    return np.zeros_like(lift(val))


@rule("angle")
def angle(z: Any, deg: bool = False) -> Any:
    """Return 0 for positive numbers and half a turn for negative ones."""
    value: Any = as_float(z)
    return np.where(value < 0, 180.0 if deg else np.pi, 0.0)


@rule("isreal")
def isreal(x: Any) -> Any:
    """Return true everywhere: there are no complex values."""
    return np.ones_like(lift(x), dtype=bool)


@rule("iscomplex")
def iscomplex(x: Any) -> Any:
    """Return false everywhere: there are no complex values."""
    return np.zeros_like(lift(x), dtype=bool)


# Polynomials, their coefficients from the highest power down


def _aligned(a: Any, b: Any) -> tuple[Any, Any]:
    """Return two vectors of coefficients with zeros in front of the shorter one."""
    x: Any = np.atleast_1d(lift(a))
    y: Any = np.atleast_1d(lift(b))
    longer = max(len(x), len(y))
    return np.pad(x, (longer - len(x), 0)), np.pad(y, (longer - len(y), 0))


@rule("polyadd")
def polyadd(a1: Any, a2: Any) -> Any:
    """Return the sum of two polynomials."""
    x, y = _aligned(a1, a2)
    return x + y


@rule("polysub")
def polysub(a1: Any, a2: Any) -> Any:
    """Return the difference of two polynomials."""
    x, y = _aligned(a1, a2)
    return x - y


@rule("polymul")
def polymul(a1: Any, a2: Any) -> Any:
    """Return the product of two polynomials."""
    return np.convolve(lift(a1), lift(a2))


@rule("polyint")
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Return the antiderivative of a polynomial, with constants 0."""
    refuse_keywords("polyint", {"k": k}, k=None)
    found: Any = lift(p)
    for _ in range(m):
        found = np.concatenate([found / np.arange(len(found), 0, -1), np.zeros(1)])
    return found


# Products by name


@rule("matvec")
def matvec(x1: Any, x2: Any, /, **_: Any) -> Any:
    """Return the products of matrices and vectors."""
    refuse_keywords("matvec", _, out=None, axes=None, axis=None)
    vectors: Any = lift(x2)
    return np.matmul(lift(x1), vectors[..., None])[..., 0]


@rule("vecmat")
def vecmat(x1: Any, x2: Any, /, **_: Any) -> Any:
    """Return the products of vectors and matrices."""
    refuse_keywords("vecmat", _, out=None, axes=None, axis=None)
    vectors: Any = lift(x1)
    return np.matmul(vectors[..., None, :], lift(x2))[..., 0, :]
