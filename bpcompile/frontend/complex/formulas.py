"""Write elementwise functions of complex values in real arithmetic on their two parts.

In a `Pair` a part that is zero for certain is None, so that nothing is multiplied by it. A formula
takes pairs; a pair is its complex result, any other value a real one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.frontend.complex.pairs import is_complex, is_zero, parts_of
from bpcompile.frontend.functions.linear_algebra import stop_gradient
from bpcompile.frontend.tracer import Tracer

Part = Any  # a traced value, a number, or None for zero
Pair = tuple[Part, Part]
_MOST_FACTORS = 64


# Arithmetic in which None is zero


def plus(a: Part, b: Part) -> Part:
    """Return a + b."""
    return b if a is None else a if b is None else a + b


def minus(a: Part, b: Part) -> Part:
    """Return a - b."""
    return a if b is None else -b if a is None else a - b


def _times(a: Part, b: Part) -> Part:
    """Return a * b."""
    return None if a is None or b is None else a * b


def _negative(a: Part) -> Part:
    """Return -a."""
    return None if a is None else -a


def number(a: Part) -> Part:
    """Return a part, zero as a number."""
    return 0.0 if a is None else a


def pair_of(value: Any) -> Pair:
    """Return both parts of a value, at most one of them None."""
    if not is_complex(value):
        return value, None
    re, im = parts_of(value)
    if is_zero(im):
        return re, None
    return None if is_zero(re) else re, im


def _square(z: Pair) -> Pair:
    """Return z z."""
    return _multiply(z, z)


def _multiply(a: Pair, b: Pair) -> Pair:
    """Return a b."""
    (ar, ai), (br, bi) = a, b
    return minus(_times(ar, br), _times(ai, bi)), plus(_times(ar, bi), _times(ai, br))


def _divide(a: Pair, b: Pair) -> Pair:
    """Return a / b, both divided by the larger part of b first, so that no square overflows."""
    (ar, ai), (br, bi) = a, b
    if bi is None:
        return None if ar is None else ar / br, None if ai is None else ai / br
    if br is None:  # -i a / bi
        return None if ai is None else ai / bi, None if ar is None else -ar / bi
    scale = np.maximum(np.abs(br), np.abs(bi))
    scale = stop_gradient(scale) if isinstance(scale, Tracer) else scale
    br, bi = br / scale, bi / scale
    size = (br * br + bi * bi) * scale
    re, im = _multiply(a, (br, -bi))
    return re / size, im / size


def _magnitude(z: Pair) -> Part:
    """Return |z|."""
    re, im = z
    return np.abs(re) if im is None else np.abs(im) if re is None else np.hypot(re, im)


def angle_of(z: Pair) -> Part:
    """Return the angle of z with the positive axis."""
    re, im = z
    return np.arctan2(number(im), number(re))


def _exp(z: Pair) -> Pair:
    """Return e^z."""
    re, im = z
    if im is None:
        return np.exp(re), None
    c, s = np.cos(im), np.sin(im)
    return (c, s) if re is None else (np.exp(re) * c, np.exp(re) * s)


def _log(z: Pair) -> Pair:
    """Return log |z| + i angle(z)."""
    return np.log(_magnitude(z)), angle_of(z)


def _scaled_log(factor: float) -> Callable[[Pair], Pair]:
    """Return the logarithm to another base."""

    def found(z: Pair) -> Pair:
        re, im = _log(z)
        return re * factor, im * factor

    return found


def _sqrt(z: Pair) -> Pair:
    """Return the root whose real part is not negative."""
    re, im = map(number, z)
    size = np.sqrt(0.5 * (np.hypot(re, im) + np.abs(re)))
    other = 0.5 * im / np.where(np.equal(size, 0), 1.0, size)
    right = np.greater_equal(re, 0)
    return np.where(right, size, np.abs(other)), np.where(right, other, np.copysign(size, im))


def _sin(z: Pair) -> Pair:
    """Return sin x cosh y + i cos x sinh y."""
    x, y = map(number, z)
    return np.sin(x) * np.cosh(y), np.cos(x) * np.sinh(y)


def _cos(z: Pair) -> Pair:
    """Return cos x cosh y - i sin x sinh y."""
    x, y = map(number, z)
    return np.cos(x) * np.cosh(y), -(np.sin(x) * np.sinh(y))


def _sinh(z: Pair) -> Pair:
    """Return sinh x cos y + i cosh x sin y."""
    x, y = map(number, z)
    return np.sinh(x) * np.cos(y), np.cosh(x) * np.sin(y)


def _cosh(z: Pair) -> Pair:
    """Return cosh x cos y + i sinh x sin y."""
    x, y = map(number, z)
    return np.cosh(x) * np.cos(y), np.sinh(x) * np.sin(y)


def _tanh(z: Pair) -> Pair:
    """Return (t + i u) / (1 + i t u) of t = tanh x and u = tan y."""
    t, u = np.tanh(number(z[0])), np.tan(number(z[1]))
    below = 1 + t * t * u * u
    return t * (1 + u * u) / below, u * (1 - t * t) / below


def _tan(z: Pair) -> Pair:
    """Return -i tanh(i z)."""
    re, im = _tanh((_negative(z[1]), z[0]))
    return im, -re


def _power(a: Pair, b: Pair) -> Pair:
    """Return a to a power: by products where that is a small int, else in polar form."""
    exponent, turned = b
    if turned is None and isinstance(exponent, (int, float, np.integer)):
        if exponent == 0.5:
            return _sqrt(a)
        if float(exponent).is_integer() and abs(float(exponent)) <= _MOST_FACTORS:
            return _whole_power(a, int(exponent))
    if turned is None:
        size, angle = _magnitude(a) ** exponent, angle_of(a) * exponent
        return size * np.cos(angle), size * np.sin(angle)
    return _exp(_multiply(b, _log(a)))


def _whole_power(a: Pair, exponent: int) -> Pair:
    """Return a product of equal factors, by squaring."""
    found: Pair | None = None
    factor: Pair = a
    left = abs(exponent)
    while left:
        if left % 2:
            found = factor if found is None else _multiply(found, factor)
        left //= 2
        factor = _multiply(factor, factor) if left else factor
    if found is None:
        like = next(part for part in a if part is not None)
        return np.ones_like(like), None
    return _divide((1.0, None), found) if exponent < 0 else found


def _either(question: Callable[[Any], Any]) -> Callable[[Pair], Part]:
    """Return what is true where it is true of a part."""
    return lambda z: np.logical_or(*(question(number(part)) for part in z))


def _both(question: Callable[..., Any]) -> Callable[..., Part]:
    """Return what is true where it is true of both parts."""

    def found(*values: Pair) -> Part:
        re, im = (map(number, parts) for parts in zip(*values, strict=True))
        return np.logical_and(question(*re), question(*im))

    return found


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "positive": lambda z: z,
    "negative": lambda z: (_negative(z[0]), _negative(z[1])),
    "conjugate": lambda z: (z[0], _negative(z[1])),
    "add": lambda a, b: (plus(a[0], b[0]), plus(a[1], b[1])),
    "subtract": lambda a, b: (minus(a[0], b[0]), minus(a[1], b[1])),
    "multiply": _multiply,
    "divide": _divide,
    "reciprocal": lambda z: _divide((1.0, None), z),
    "square": _square,
    "power": _power,
    "float_power": _power,
    "absolute": _magnitude,
    "sqrt": _sqrt,
    "exp": _exp,
    "expm1": lambda z: _minus_one(_exp(z)),
    "log": _log,
    "log2": _scaled_log(1 / np.log(2.0)),
    "log10": _scaled_log(1 / np.log(10.0)),
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
    "isnan": _either(np.isnan),
    "isinf": _either(np.isinf),
    "isfinite": _both(np.isfinite),
    "equal": _both(np.equal),
    "not_equal": lambda a, b: np.logical_not(_both(np.equal)(a, b)),
    "isreal": lambda z: np.equal(number(z[1]), 0),
    "iscomplex": lambda z: np.not_equal(number(z[1]), 0),
}


def _minus_one(z: Pair) -> Pair:
    """Return z - 1."""
    return minus(z[0], 1.0), z[1]
