"""Give each unary op and its derivative in mpmath, and measure in units in the last place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import mpmath
import numpy as np

mp = mpmath.MPContext()
mp.prec = 160
MAX = mp.mpf(2) ** 1024
FAR = mp.mpf(10) ** 5  # where exponentials have long over- or underflowed


class Reference(NamedTuple):
    """Hold value and derivative, and the open interval where they are tested."""

    value: Callable
    slope: Callable
    low: float = -math.inf
    high: float = math.inf


def _near(function):
    """Keep the argument of an exponential where mpmath can work it out."""
    return lambda x: function(max(-FAR, min(FAR, x)))


def _exponential(value, slope):
    return Reference(_near(value), _near(slope))


def _e(x):
    return mp.exp(-abs(x))


def _gauss(x):
    return mp.exp(-x * x)


def _share(x):
    return 1 / (1 + _e(x)) if x >= 0 else _e(x) / (1 + _e(x))


def _root(x):
    return 1 / mp.sqrt((1 - x) * (1 + x))


REFERENCES = {
    "square": Reference(lambda x: x * x, lambda x: 2 * x),
    "reciprocal": Reference(lambda x: 1 / x, lambda x: -1 / x**2),
    "sqrt": Reference(mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), 0.0),
    "cbrt": Reference(
        lambda x: mp.sign(x) * mp.cbrt(abs(x)), lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2)
    ),
    "exp": _exponential(mp.exp, mp.exp),
    "exp2": _exponential(lambda x: mp.mpf(2) ** x, lambda x: mp.ln(2) * mp.mpf(2) ** x),
    "expm1": _exponential(mp.expm1, mp.exp),
    "log": Reference(mp.log, lambda x: 1 / x, 0.0),
    "log1p": Reference(mp.log1p, lambda x: 1 / (1 + x), -1.0),
    "log2": Reference(lambda x: mp.log(x) / mp.ln(2), lambda x: 1 / (x * mp.ln(2)), 0.0),
    "log10": Reference(lambda x: mp.log(x) / mp.ln(10), lambda x: 1 / (x * mp.ln(10)), 0.0),
    "sin": Reference(mp.sin, mp.cos),
    "cos": Reference(mp.cos, lambda x: -mp.sin(x)),
    "tan": Reference(mp.tan, lambda x: 1 + mp.tan(x) ** 2),
    "arcsin": Reference(mp.asin, _root, -1.0, 1.0),
    "arccos": Reference(mp.acos, lambda x: -_root(x), -1.0, 1.0),
    "arctan": Reference(mp.atan, lambda x: 1 / (1 + x * x)),
    "sinh": _exponential(mp.sinh, mp.cosh),
    "cosh": _exponential(mp.cosh, mp.sinh),
    "tanh": _exponential(mp.tanh, lambda x: mp.sech(x) ** 2),
    "arcsinh": Reference(mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x)),
    "arccosh": Reference(mp.acosh, lambda x: 1 / mp.sqrt((x - 1) * (x + 1)), 1.0),
    "arctanh": Reference(mp.atanh, lambda x: 1 / ((1 - x) * (1 + x)), -1.0, 1.0),
    "sigmoid": _exponential(_share, lambda x: _e(x) / (1 + _e(x)) ** 2),
    "softplus": Reference(lambda x: max(x, 0) + mp.log1p(_e(min(abs(x), FAR))), _near(_share)),
    "log_sigmoid": Reference(
        lambda x: min(x, 0) - mp.log1p(_e(min(abs(x), FAR))), _near(lambda x: _share(-x))
    ),
    "logit": Reference(lambda x: mp.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)), 0.0, 1.0),
    "erf": _exponential(mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * _gauss(x)),
    "erfc": _exponential(mp.erfc, lambda x: -2 / mp.sqrt(mp.pi) * _gauss(x)),
    "ndtr": _exponential(mp.ncdf, mp.npdf),
}


def points(reference: Reference, count: int) -> np.ndarray:
    """Return doubles of every size, with the many that lie where something happens."""
    rng = np.random.default_rng(17)
    exponents = np.resize(rng.permutation(np.arange(-1074, 1024)), count)
    wide = np.ldexp(rng.uniform(1, 2, count), exponents) * rng.choice([-1, 1], count)
    ones = 1 + rng.choice([-1, 1], count // 4) * np.ldexp(1.0, rng.integers(-52, -1, count // 4))
    drawn = np.concatenate(
        [wide, ones, -ones, rng.uniform(-3, 3, count // 2), rng.uniform(-45, 45, count // 2)]
    )
    return drawn[(drawn > reference.low) & (drawn < reference.high) & (drawn != 0)]


def ulps(found: float, exact: mpmath.mpf) -> float:
    """Return the error in units in the last place of the exact value, or inf."""
    if abs(exact) >= MAX * (1 - mp.mpf(2) ** -52):
        same = math.isinf(found) and (found > 0) == (exact > 0)
        return 0.0 if same or abs(found) > 1.79e308 else math.inf
    if not math.isfinite(found):
        return math.inf
    size = max(-1022, int(mp.floor(mp.log(abs(exact), 2)))) if exact else -1022
    return float(abs(mp.mpf(found) - exact) / mp.mpf(2) ** (size - 52))


def worst(found: np.ndarray, at: np.ndarray, exact: Callable) -> tuple[float, float]:
    """Return the largest error of results, and where it is."""
    errors = [ulps(float(f), exact(mp.mpf(float(x)))) for f, x in zip(found, at, strict=True)]
    k = int(np.argmax(errors))
    return errors[k], float(at[k])
