"""Give each float op and its partials in mpmath, and measure in units in the last place.

One entry for each elementwise op whose values are rounded, found by the op's name. The families of
special functions stand in modules of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import mpmath
import numpy as np

mp = mpmath.MPContext()
mp.prec = 160
FAR = mp.mpf(10) ** 5  # where exponentials have long over- or underflowed
ANY = (-math.inf, math.inf)
POSITIVE = (0.0, math.inf)


class Reference(NamedTuple):
    """Hold value and partials in mpmath, and the open interval of each operand in the tests.

    A partial is None where there is none. `term` is the size of the largest term near a zero, in
    whose units errors count where the result itself is smaller; `slope_terms` has those of the
    partials, None for the partials themselves. `whole` are the operands that are whole numbers.
    """

    value: Callable
    slopes: tuple[Callable | None, ...]
    bounds: tuple[tuple[float, float], ...] = (ANY,)
    term: Callable | None = None
    slope_terms: tuple[Callable | None, ...] = (None, None, None)
    whole: tuple[int, ...] = ()


def unary(value, slope, low=-math.inf, high=math.inf, *, term=None, slope_term=None):
    """Return the reference of a function of one operand."""
    return Reference(value, (slope,), ((low, high),), term, (slope_term,))


def near(function):
    """Keep the argument of an exponential where mpmath can work it out."""
    return lambda x: function(max(-FAR, min(FAR, x)))


def near_up(function):
    """Keep the argument of an exponential where it does not overflow."""
    return lambda x: function(min(FAR, x))


def exponential(value, slope):
    """Return the reference of a function that has long settled at the ends."""
    return unary(near(value), near(slope))


def _e(x):
    return mp.exp(-abs(x))


def _gauss(x):
    return mp.exp(-x * x)


def _share(x):
    return 1 / (1 + _e(x)) if x >= 0 else _e(x) / (1 + _e(x))


def _root(x):
    return 1 / mp.sqrt((1 - x) * (1 + x))


def _e2(a, b):
    return mp.mpf(2) ** -min(abs(a - b), FAR)


def _share2(a, b):
    e = _e2(a, b)
    return 1 / (1 + e) if a >= b else e / (1 + e)


def _sinc(x):
    return mp.sinpi(x) / (mp.pi * x) if x else mp.mpf(1)


def _sinc_slope(x):
    if abs(x) > mp.mpf("1e-20"):
        return (mp.cospi(x) - _sinc(x)) / x
    return -(mp.pi**2) * x / 3


def _norm(a, b):
    return mp.sqrt(a * a + b * b)


REFERENCES: dict[str, Reference] = {
    "div": Reference(lambda a, b: a / b, (lambda a, b: 1 / b, lambda a, b: -a / b**2), (ANY, ANY)),
    "square": unary(lambda x: x * x, lambda x: 2 * x),
    "reciprocal": unary(lambda x: 1 / x, lambda x: -1 / x**2),
    "sqrt": unary(mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), 0.0),
    "cbrt": unary(lambda x: mp.sign(x) * mp.cbrt(abs(x)), lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2)),
    "power": Reference(
        lambda a, b: a**b,
        (lambda a, b: b * a ** (b - 1), lambda a, b: a**b * mp.log(a)),
        (POSITIVE, ANY),
    ),
    "hypot": Reference(
        _norm, (lambda a, b: a / _norm(a, b), lambda a, b: b / _norm(a, b)), (ANY, ANY)
    ),
    "exp": exponential(mp.exp, mp.exp),
    "exp2": exponential(lambda x: mp.mpf(2) ** x, lambda x: mp.ln(2) * mp.mpf(2) ** x),
    "expm1": exponential(mp.expm1, mp.exp),
    "log": unary(mp.log, lambda x: 1 / x, 0.0),
    "log1p": unary(mp.log1p, lambda x: 1 / (1 + x), -1.0),
    "log2": unary(lambda x: mp.log(x) / mp.ln(2), lambda x: 1 / (x * mp.ln(2)), 0.0),
    "log10": unary(lambda x: mp.log(x) / mp.ln(10), lambda x: 1 / (x * mp.ln(10)), 0.0),
    "logaddexp": Reference(
        lambda a, b: max(a, b) + mp.log1p(_e(min(abs(a - b), FAR))),
        (lambda a, b: near(_share)(a - b), lambda a, b: near(_share)(b - a)),
        (ANY, ANY),
        term=lambda a, b: max(abs(max(a, b)), mp.log1p(_e(min(abs(a - b), FAR)))),
    ),
    "logaddexp2": Reference(
        lambda a, b: max(a, b) + mp.log1p(_e2(a, b)) / mp.log(2),
        (lambda a, b: _share2(a, b), lambda a, b: _share2(b, a)),
        (ANY, ANY),
        term=lambda a, b: max(abs(max(a, b)), mp.log1p(_e2(a, b)) / mp.log(2)),
    ),
    "sinc": unary(_sinc, _sinc_slope, slope_term=lambda x: 1 / max(1, abs(x))),
    "sin": unary(mp.sin, mp.cos),
    "cos": unary(mp.cos, lambda x: -mp.sin(x)),
    "tan": unary(mp.tan, lambda x: 1 + mp.tan(x) ** 2),
    "arcsin": unary(mp.asin, _root, -1.0, 1.0),
    "arccos": unary(mp.acos, lambda x: -_root(x), -1.0, 1.0),
    "arctan": unary(mp.atan, lambda x: 1 / (1 + x * x)),
    "arctan2": Reference(
        mp.atan2,
        (lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)),
        (ANY, ANY),
    ),
    "sinh": exponential(mp.sinh, mp.cosh),
    "cosh": exponential(mp.cosh, mp.sinh),
    "tanh": exponential(mp.tanh, lambda x: mp.sech(x) ** 2),
    "arcsinh": unary(mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x)),
    "arccosh": unary(mp.acosh, lambda x: 1 / mp.sqrt((x - 1) * (x + 1)), 1.0),
    "arctanh": unary(mp.atanh, lambda x: 1 / ((1 - x) * (1 + x)), -1.0, 1.0),
    "sigmoid": exponential(_share, lambda x: _e(x) / (1 + _e(x)) ** 2),
    "softplus": unary(lambda x: max(x, 0) + mp.log1p(_e(min(abs(x), FAR))), near(_share)),
    "log_sigmoid": unary(
        lambda x: min(x, 0) - mp.log1p(_e(min(abs(x), FAR))), near(lambda x: _share(-x))
    ),
    "logit": unary(lambda x: mp.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)), 0.0, 1.0),
    "xlogy": Reference(
        lambda x, y: x * mp.log(y), (lambda x, y: mp.log(y), lambda x, y: x / y), (ANY, POSITIVE)
    ),
    "erf": exponential(mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * _gauss(x)),
    "erfc": exponential(mp.erfc, lambda x: -2 / mp.sqrt(mp.pi) * _gauss(x)),
    "ndtr": exponential(mp.ncdf, mp.npdf),
}


# Points


def points(reference: Reference, count: int, dtype: str = "float64") -> list[np.ndarray]:
    """Return some 2.5 times as many operands of every size, and of those where much happens."""
    kind = np.finfo(dtype)
    rng = np.random.default_rng(17)
    operands = [_drawn(rng, kind, count) for _ in reference.bounds]
    if len(operands) > 1:  # nearly equal ones too
        first = rng.permutation(operands[0])
        close = 1 + rng.choice([-1, 1], first.size) * _small(rng, kind, first.size)
        pairs = [first, *(first * close for _ in operands[1:])]
        operands = [
            np.concatenate([x, y[: x.size // 3]]) for x, y in zip(operands, pairs, strict=True)
        ]
    operands = [operand.astype(dtype) for operand in operands]
    for k in reference.whole:
        operands[k] = np.rint(operands[k])
    inside = np.ones(operands[0].shape, bool)
    for operand, (low, high) in zip(operands, reference.bounds, strict=True):
        inside &= (operand > low) & (operand < high) & (operand != 0) & np.isfinite(operand)
    return [operand[inside] for operand in operands]


def _small(rng: np.random.Generator, kind: np.finfo, count: int) -> np.ndarray:
    """Return powers of two from the spacing of numbers at 1 to a half."""
    return np.ldexp(1.0, rng.integers(-kind.nmant, 0, count))


def _drawn(rng: np.random.Generator, kind: np.finfo, count: int) -> np.ndarray:
    """Return numbers of every binary exponent, small, close to 1, -1 and 1/2, and moderate."""
    exponents = np.resize(rng.permutation(np.arange(kind.minexp - kind.nmant, kind.maxexp)), count)
    wide = np.ldexp(rng.uniform(1, 2, count), exponents) * rng.choice([-1, 1], count)
    ones = 1 + rng.choice([-1, 1], count // 4) * _small(rng, kind, count // 4)
    small = _small(rng, kind, count // 4) * rng.uniform(-1, 1, count // 4)
    moderate = [rng.uniform(-3, 3, count // 2), rng.uniform(-45, 45, count // 2)]
    drawn = [wide, ones, -ones, *moderate, small, rng.permutation(ones) / 2]
    return rng.permutation(np.concatenate(drawn))


# Units in the last place


def ulps(found: float, exact: mpmath.mpf, dtype: str = "float64", term: float = 0) -> float:
    """Return the error in units in the last place of the exact value or its term, or inf."""
    kind = np.finfo(dtype)
    largest = mp.mpf(2) ** kind.maxexp
    if abs(exact) >= largest * (1 - mp.mpf(2) ** -kind.nmant):
        same = math.isinf(found) and (found > 0) == (exact > 0)
        return 0.0 if same or abs(found) > 0.999 * float(kind.max) else math.inf
    if not math.isfinite(found):
        return math.inf
    size = max(abs(exact), term)
    exponent = max(kind.minexp, mp.mag(size) - 1) if size else kind.minexp
    return float(abs(mp.mpf(found) - exact) / mp.mpf(2) ** (exponent - kind.nmant))


def exactly(
    at: Sequence[np.ndarray], exact: Callable, term: Callable | None = None
) -> list[tuple[mpmath.mpf, mpmath.mpf]]:
    """Return the exact result at each point, and the term in whose units its error counts."""
    places = [[mp.mpf(float(x)) for x in point] for point in zip(*at, strict=True)]
    return [(exact(*place), 0 if term is None else abs(term(*place))) for place in places]


def errors(
    found: np.ndarray, wanted: Sequence[tuple[mpmath.mpf, mpmath.mpf]], dtype: str = "float64"
) -> np.ndarray:
    """Return the errors of results in units in the last place."""
    pairs = zip(found, wanted, strict=True)
    return np.array([ulps(float(result), exact, dtype, term) for result, (exact, term) in pairs])
