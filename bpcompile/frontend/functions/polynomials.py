"""Answer polyval, polyadd, polyder and others: coefficients from the highest power down."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.functions.axes import whole_number
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.type import DType


def _aligned(a: Any, b: Any) -> tuple[Any, Any]:
    """Return two vectors of coefficients with zeros in front of the shorter one."""
    x, y = (_coefficients(np.atleast_1d(lift(value)), "the arithmetic") for value in (a, b))
    longer = max(len(x), len(y))
    return np.pad(x, (longer - len(x), 0)), np.pad(y, (longer - len(y), 0))


def _coefficients(p: Any, what: str) -> Any:
    """Return the coefficients of a polynomial, which are a vector."""
    if p.ndim > 1:
        raise ShapeError(f"{what} of polynomials of {describe(p)}{where()}: give vectors")
    return p


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
    for _ in range(whole_number(m, "m of np.polyint", 0)):
        found = np.concatenate([found / np.arange(len(found), 0, -1), np.zeros(1)])
    return found


@rule("polyval")
def polyval(p: Any, x: Any) -> Any:
    """Return the value of a polynomial, highest power first, by Horner's scheme."""
    value = lift(x)
    if value.expr.dtype is DType.BOOL:
        raise TypeMismatchError(
            f"np.polyval at {describe(value)}{where()}: convert it with .astype(float)"
        )
    return _horner(p if isinstance(p, Tracer) else list(p), value)


def _horner(coefficients: Any, x: Any) -> Any:
    """Return the value of a polynomial, highest power first."""
    ints = x.dtype.kind != "f" and all(lift(c).dtype.kind in "ib" for c in coefficients)
    total: Any = x * (0 if ints else 0.0)
    for k in range(len(coefficients)):
        total = total * x + coefficients[k]
    return total


@rule("polyder")
def polyder(p: Any, m: int = 1) -> Any:
    """Return the coefficients of the derivative of a polynomial, highest power first."""
    found: Any = _coefficients(lift(p), "the derivative")
    for _ in range(whole_number(m, "m of np.polyder", 0)):
        degree = len(found) - 1
        found = found[:-1] * np.arange(degree, 0, -1)
    return found


@rule("polydiv")
def polydiv(u: Any, v: Any) -> Any:
    """Return quotient and remainder of two polynomials, whose first coefficients are no zeros.

    The remainder has one coefficient less than the divisor, also where the first ones are zero: its
    length must not depend on values. That of a division by a number has one.
    """
    rest: Any = np.atleast_1d(as_float(u))
    divisor: Any = np.atleast_1d(as_float(v))
    sizes = current().session.sizes
    n, m = (sizes.concrete(p.sizes[0]) for p in (rest, divisor))
    if n < m:
        return np.zeros(1), rest
    found = []
    for k in range(n - m + 1):
        found.append(rest[k] / divisor[0])
        places = np.arange(n)
        inside = (places > k) & (places < k + m)
        shifted = divisor[np.clip(places - k, 0, m - 1)]
        rest = rest - np.where(inside, found[k] * shifted, 0.0)
    left = rest[n - m + 1 :] if m > 1 else rest[:1] * 0.0
    return np.stack(found), left


@rule("polyfit")
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None,
    cov: Any = False,
) -> Any:  # fmt: skip
    """Return the coefficients of the polynomial that fits points best by least squares."""
    refuse_keywords("polyfit", {"full": full, "cov": cov}, full=False, cov=False)
    places: Any = as_float(x)
    values: Any = as_float(y)
    if places.ndim != 1 or values.ndim not in (1, 2):
        raise ShapeError(
            f"np.polyfit of {describe(places)} and {describe(values)}{where()}: give a vector of "
            "places, and a vector or matrix of values"
        )
    matrix: Any = np.vander(places, whole_number(deg, "deg of np.polyfit", 0) + 1)
    if w is not None:
        weights: Any = as_float(w)
        matrix = matrix * weights[:, None]
        values = values * (weights[:, None] if values.ndim == 2 else weights)
    scale = np.sqrt(np.sum(matrix * matrix, axis=0))
    if rcond is None:
        count = current().session.sizes.concrete(places.sizes[0])
        rcond = count * float(np.finfo(places.dtype).eps)
    found: Any = np.linalg.lstsq(matrix / scale, values, rcond)[0]
    return found / (scale[:, None] if values.ndim == 2 else scale)
