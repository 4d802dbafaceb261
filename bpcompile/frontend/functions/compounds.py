"""Answer elementwise functions that are made of others: heaviside, fmax, modf, isclose, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, TypeMismatchError
from bpcompile.frontend.elementwise import as_float, as_floats
from bpcompile.frontend.lift import copied, lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.tracer import describe

# Steps and signs


@rule("heaviside")
def heaviside(x1: Any, x2: Any) -> Any:
    """Return 0 below 0, 1 above it, and at 0 the second operand; NaN stays."""
    operands: Any = as_floats(x1, x2)
    x, at_zero = operands
    one = np.ones_like(x)
    above = np.where(x > 0, one, np.where(x < 0, 0.0 * one, at_zero))
    return np.where(np.isnan(x), x, above)


@rule("signbit")
def signbit(x: Any) -> Any:
    """Return whether the sign is negative, that of -0.0 too."""
    return np.copysign(1.0, as_float(x)) < 0


@rule("isposinf")
def isposinf(x: Any, out: Any = None) -> Any:
    """Return whether a value is inf."""
    refuse_keywords("isposinf", {"out": out}, out=None)
    value: Any = as_float(x)
    return value == np.inf


@rule("isneginf")
def isneginf(x: Any, out: Any = None) -> Any:
    """Return whether a value is -inf."""
    refuse_keywords("isneginf", {"out": out}, out=None)
    value: Any = as_float(x)
    return value == -np.inf


# Choices


def _present(name: str) -> Callable[[Any, Any], Any]:
    """Return the rule of fmax or fmin, which takes the other operand for NaN."""

    def answer(x1: Any, x2: Any) -> Any:
        """Return the larger or smaller operand, the other one beside NaN."""
        found = RULES[name](x1, x2)
        left, right = lift_all((x1, x2))
        if left.dtype.kind != "f" and right.dtype.kind != "f":
            return found
        return np.where(np.isnan(left), x2, np.where(np.isnan(right), x1, found))

    return answer


RULES["fmax"], RULES["fmin"] = _present("maximum"), _present("minimum")


@rule("piecewise")
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **keywords: Any) -> Any:
    """Return what the function of the last condition that is true makes of each element."""
    value: Any = lift(x)
    conditions = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ArgumentError(
            f"np.piecewise got {len(conditions)} conditions and {len(funclist)} functions{where()}:"
            " give one function for each condition, and at most one more"
        )

    def made(function: Any) -> Any:
        found = function(value, *args, **keywords) if callable(function) else function
        return lift(found).astype(value.dtype)

    rest = made(funclist[-1]) if len(funclist) > len(conditions) else 0
    result = np.where(np.ones_like(value, dtype=bool), rest, 0).astype(value.dtype)
    for condition, function in zip(conditions, funclist, strict=False):
        result = np.where(condition, made(function), result)
    return result


@rule("choose")
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """Return at each place the element of the choice whose number stands there."""
    refuse_keywords("choose", {"out": out, "mode": mode}, out=None, mode="raise")
    places, *parts = RULES["broadcast_arrays"](a, *choices)
    return np.take_along_axis(np.stack(parts), places[None], axis=0)[0]


# Parts of numbers


@rule("fix")
def fix(x: Any, out: Any = None) -> Any:
    """Return values rounded towards 0."""
    refuse_keywords("fix", {"out": out}, out=None)
    value = lift(x)
    return np.trunc(value) if value.expr.dtype.is_float else copied(value)


@rule("modf")
def modf(x: Any) -> Any:
    """Return what stands behind the point, and what stands before it."""
    value: Any = as_float(x)
    whole = np.trunc(value)
    rest = np.where(np.isinf(value), 0.0, value - whole)
    return np.copysign(rest, value), whole


@rule("ldexp")
def ldexp(x1: Any, x2: Any) -> Any:
    """Return the first operand times 2 to the power of the second, an int."""
    exponent: Any = lift(x2)
    if exponent.dtype.kind not in "iu":
        raise TypeMismatchError(
            f"the exponent {describe(exponent)} of np.ldexp is no int{where()}: write np.exp2"
        )
    # In two steps, so that no power overflows or vanishes where the product does not.
    half = exponent // 2
    value: Any = as_float(x1)
    return (
        value * np.exp2(half.astype(value.dtype)) * np.exp2((exponent - half).astype(value.dtype))
    )


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


# Comparisons


@rule("isclose")
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """Return where two values differ by no more than a tolerance."""
    x: Any = as_float(a)
    y: Any = as_float(b)
    near = np.abs(x - y) <= atol + rtol * np.abs(y)
    found = np.logical_or(x == y, np.logical_and(near, np.isfinite(y)))
    return np.logical_or(found, np.isnan(x) & np.isnan(y)) if equal_nan else found


@rule("allclose")
def allclose(a: Any, b: Any, *args: Any, **keywords: Any) -> Any:
    """Return whether all elements are close."""
    return np.all(isclose(a, b, *args, **keywords))


@rule("array_equal")
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Return whether two arrays have one shape and equal elements."""
    x, y = lift_all((a1, a2))
    if x.shape != y.shape:
        return False
    same: Any = x == y
    if equal_nan:
        same = np.logical_or(same, np.logical_and(np.isnan(x), np.isnan(y)))
    return np.all(same)


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
