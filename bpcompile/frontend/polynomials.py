"""Answer polyval, polyadd, polyder and others: coefficients from the highest power down."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from bpcompile.frontend.lift import lift
from bpcompile.frontend.registry import refuse_keywords, rule
from bpcompile.frontend.tracer import Tracer


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


@rule("polyval")
def polyval(p: Any, x: Any) -> Any:
    """Return the value of a polynomial, highest power first, by Horner's scheme."""
    return _horner(p if isinstance(p, Tracer) else list(p), lift(x))


def _horner(coefficients: Any, x: Any) -> Any:
    """Return the value of a polynomial, highest power first."""
    total: Any = x * 0.0
    for k in range(len(coefficients)):
        total = total * x + coefficients[k]
    return total


@rule("polyder")
def polyder(p: Any, m: int = 1) -> Any:
    """Return the coefficients of the derivative of a polynomial, highest power first."""
    found: Any = lift(p)
    for _ in range(operator.index(m)):
        degree = len(found) - 1
        found = found[:-1] * np.arange(degree, 0, -1)
    return found
