"""The conventions at kinks, limits, overflow and NaN, as a user meets them: each row, each target.

`tests/ops/test_numerics.py` holds the rules themselves to them, with the interpreter. Here one
model has every row for a result, so that what rewrites and the emitted code do to them is seen as
well, and one compilation does for all. Refused types and indices are in `test_bad_input.py`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
import scipy.special

import bpcompile as bp
from tests.emit import running

INF, NAN = math.inf, math.nan
TINY = 5e-324
mp = mpmath.MPContext()
mp.prec = 200


class Row(NamedTuple):
    """Hold a model, its operands, its value, and its derivative in each entry of the operands.

    None promises nothing; `ulps` bounds the errors of derivatives where numbers are rounded.
    """

    model: Callable[..., Any]
    operands: tuple[Any, ...]
    value: Any
    slopes: list[Any]
    ulps: float = 4


def two(a: float, b: float) -> np.ndarray:
    return np.array([a, b])


def unary(function: Callable[..., Any], *points: tuple[Any, Any, Any]) -> list[Row]:
    """Return rows of a function of one number."""
    return [Row(function, (point,), value, [slope]) for point, value, slope in points]


def binary(function: Callable[..., Any], *points: tuple[Any, Any, Any, list[Any]]) -> list[Row]:
    """Return rows of a function of two numbers."""
    return [Row(function, (a, b), value, slopes) for a, b, value, slopes in points]


def vector(function: Callable[..., Any], *points: tuple[Any, Any, Any]) -> list[Row]:
    """Return rows of a function of a vector."""
    return [Row(function, (np.array(x),), value, slopes) for x, value, slopes in points]


E40, E80 = mp.exp(-40), mp.exp(-80)
NEAR_ONE = 1 - 2.0**-40
ROOT = 1 / mp.sqrt(1 - mp.mpf(NEAR_ONE) ** 2)


def sinc_slope(x: float) -> Any:
    return (mp.cospi(x) - mp.sinpi(x) / (mp.pi * x)) / x


ROWS: dict[str, list[Row]] = {
    "where over an undefined branch": [
        *unary(lambda x: np.where(x > 0.0, np.log(x), 3 * x), (0.0, 0.0, 3.0), (-1.0, -3.0, 3.0)),
        *unary(lambda x: np.where(x > 0.0, np.sqrt(x), 3 * x), (0.0, 0.0, 3.0)),
        *unary(lambda x: np.where(x < 9.0, 1.0 - x, np.exp(x)), (1000.0, INF, INF)),
        *unary(lambda x: np.where(x < 9.0, np.exp(x), 1.0 - x), (1000.0, -999.0, -1.0)),
        *unary(lambda x: np.where(x != 0.0, 1 / x, x), (0.0, 0.0, 1.0)),
    ],
    "clip, min, max and relu over an undefined branch": [
        *unary(lambda x: np.clip(np.exp(x), 0.0, 9.0), (1000.0, 9.0, 0.0)),
        *unary(lambda x: np.clip(np.sqrt(x), 1.0, 2.0), (0.0, 1.0, 0.0)),
        *unary(lambda x: np.maximum(np.sqrt(x), x + 1), (0.0, 1.0, 1.0)),
        *unary(lambda x: np.minimum(np.sqrt(x), x - 1), (0.0, -1.0, 1.0)),
        *unary(lambda x: bp.nn.relu(-1 - np.sqrt(x)), (0.0, 0.0, 0.0)),
        *vector(lambda x: np.max(np.sqrt(x)), ([0.0, 4.0], 2.0, [0.0, 0.25])),
    ],
    "log(x)[0] beside a zero": vector(
        lambda x: np.log(x)[0], ([4.0, 0.0], math.log(4), [0.25, 0.0])
    ),
    "sqrt(x)**2 and x sqrt(x) at 0 are no false 0": [
        *unary(lambda x: np.sqrt(x) ** 2, (0.0, 0.0, "NaN or 1")),
        *unary(lambda x: x * np.sqrt(x), (0.0, 0.0, "NaN or 0")),
    ],
    "sqrt(x x) at 0": unary(lambda x: np.sqrt(x * x), (0.0, 0.0, "NaN or 0")),
    "sqrt(0)": unary(np.sqrt, (0.0, 0.0, INF), (-0.0, -0.0, INF)),
    "abs(0)": unary(np.abs, (0.0, 0.0, 0.0), (-0.0, 0.0, 0.0)),
    "ties of max and min": [
        *binary(np.maximum, (2.0, 2.0, 2.0, [0.5, 0.5])),
        *binary(np.minimum, (2.0, 2.0, 2.0, [0.5, 0.5])),
        *vector(np.max, ([1.0, 3.0, 3.0], 3.0, [0.0, 0.5, 0.5])),
        *vector(np.min, ([2.0, 2.0, 2.0], 2.0, [1 / 3] * 3)),
    ],
    "relu(0)": [
        *unary(bp.nn.relu, (0.0, 0.0, 0.0), (-0.0, 0.0, 0.0)),
        *unary(lambda x: np.maximum(x, 0.0), (0.0, 0.0, 0.5)),
    ],
    "clip at a bound": unary(
        lambda x: np.clip(x, -1.0, 1.0), (1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (2.0, 1.0, 0.0)
    ),
    "leaky_relu(0) and hard_tanh(1)": [
        *unary(lambda x: bp.nn.leaky_relu(x, 0.125), (0.0, 0.0, 0.125)),
        *unary(bp.nn.hard_tanh, (1.0, 1.0, 1.0), (-1.0, -1.0, 1.0)),
    ],
    "norm(0) and std of constants": [
        *vector(np.linalg.norm, ([0.0, 0.0], 0.0, [0.0, 0.0])),
        *vector(np.std, ([2.5, 2.5], 0.0, [0.0, 0.0])),
    ],
    "hypot": binary(
        np.hypot,
        (0.0, 0.0, 0.0, [0.0, 0.0]),
        (3e200, 4e200, 5e200, [0.6, 0.8]),
        (3e-200, 4e-200, 5e-200, [0.6, 0.8]),
    ),
    "norm is scaled": vector(
        np.linalg.norm, ([3e200, 4e200], 5e200, [0.6, 0.8]), ([3e-200, 4e-200], 5e-200, [0.6, 0.8])
    ),
    "atan2": binary(
        np.arctan2,
        (0.0, 0.0, 0.0, [0.0, 0.0]),
        (3e200, 4e200, math.atan2(3, 4), [0.16e-200, -0.12e-200]),
        (3e-200, 4e-200, math.atan2(3, 4), [0.16e200, -0.12e200]),
    ),
    "x/y": binary(np.divide, (1e200, 1e200, 1.0, [1e-200, -1e-200])),
    "powers": [
        *binary(
            np.power,
            (0.0, 0.0, 1.0, [0.0, 0.0]),
            (0.0, 2.0, 0.0, [0.0, 0.0]),
            (0.0, -1.0, INF, [-INF, -INF]),
            (-2.0, 3.0, -8.0, [12.0, NAN]),
        ),
        *unary(lambda x: x**0.0, (0.0, 1.0, 0.0)),
        *unary(lambda x: x**0.5, (-INF, INF, None), (0.0, 0.0, INF)),
        *unary(lambda x: x**3, (-2.0, -8.0, 12.0)),
    ],
    "saturation": [
        *unary(scipy.special.expit, (40.0, 1.0, E40 / (1 + E40) ** 2)),
        *unary(scipy.special.expit, (-40.0, E40 / (1 + E40), E40 / (1 + E40) ** 2)),
        *unary(np.tanh, (20.0, 1.0, 4 * E40 / (1 + E40) ** 2), (-25.0, -1.0, mp.sech(25) ** 2)),
        *unary(np.expm1, (-40.0, -1.0, E40)),
        *[
            Row(lambda x: scipy.special.softmax(x)[0], (two(40.0, 0.0),), 1.0, [s, -s], 8)
            for s in [E40 / (1 + E40) ** 2]
        ],
    ],
    "softplus(21)": unary(
        bp.nn.softplus, (21.0, 21 + mp.log1p(mp.exp(-21)), 1 / (1 + mp.exp(-21)))
    ),
    "logsumexp": vector(
        scipy.special.logsumexp,
        ([1000.0, 1000.0], 1000 + mp.log(2), [0.5, 0.5]),
        ([INF, 0.0], INF, [1.0, 0.0]),
        ([-INF, -INF], -INF, [0.0, 0.0]),
    ),
    "arcsin near 1": unary(np.arcsin, (NEAR_ONE, mp.asin(NEAR_ONE), ROOT)),
    "asinh and acosh of 1e200": [
        *unary(np.arcsinh, (1e200, mp.asinh(1e200), 1e-200)),
        *unary(np.arccosh, (1e200, mp.acosh(1e200), 1e-200)),
    ],
    "sinc": unary(
        np.sinc,
        (0.0, 1.0, 0.0),
        (1e-200, 1.0, -(mp.pi**2) * mp.mpf(1e-200) / 3),
        (1e-3, mp.sinpi(1e-3) / (mp.pi * mp.mpf(1e-3)), sinc_slope(1e-3)),
    ),
    "variance": [
        Row(
            np.var,
            (np.array([1e8 + 1, 1e8 + 2, 1e8 + 4]),),
            mp.mpf(14) / 9,
            [2 * (t - mp.mpf(7) / 3) / 3 for t in (1, 2, 4)],
            16,
        )
    ],
    "xlogy(0, 0)": binary(scipy.special.xlogy, (0.0, 0.0, 0.0, [-INF, 0.0])),
    "cosh(700)": unary(np.cosh, (700.0, mp.cosh(700), mp.sinh(700))),
    "subnormals": [
        *unary(np.log, (TINY, mp.log(mp.mpf(TINY)), INF)),
        *binary(np.divide, (1e-310, 1e-310, 1.0, [INF, -INF])),
        *unary(lambda x: x * 0.5, (4e-310, 4e-310 * 0.5, 0.5)),
    ],
    "NaN": [
        *binary(np.maximum, (NAN, 1.0, NAN, [None, None]), (1.0, NAN, NAN, [None, None])),
        *unary(bp.nn.relu, (NAN, NAN, None)),
        *unary(lambda x: np.clip(x, -1.0, 1.0), (NAN, NAN, None)),
        *vector(np.max, ([1.0, NAN, 2.0], NAN, [None] * 3)),
    ],
    "steps": [
        *unary(np.sign, (0.0, 0.0, 0.0), (-2.5, -1.0, 0.0)),
        *unary(np.floor, (-2.5, -3.0, 0.0)),
        *unary(np.ceil, (-2.5, -2.0, 0.0)),
        *unary(np.round, (2.5, 2.0, 0.0)),
    ],
    "mod": binary(np.mod, (7.0, -3.0, -2.0, [1.0, 3.0]), (0.3, 0.1, 0.3 % 0.1, [1.0, -2.0])),
    "prod with zeros": vector(
        np.prod,
        ([2.0, 0.0, 3.0], 0.0, [0.0, 6.0, 0.0]),
        ([0.0, 0.0, 3.0], 0.0, [0.0, 0.0, 0.0]),
        ([1e200, 1e200, 1e-300], None, [1e-100, 1e-100, INF]),
    ),
    "cumprod with zeros": vector(
        lambda x: np.sum(np.cumprod(x)), ([2.0, 0.0, 3.0], 2.0, [1.0, 8.0, 0.0])
    ),
    "sort is stable": vector(
        lambda x: np.sort(x)[0] + 2 * np.sort(x)[1] + 4 * np.sort(x)[2],
        ([3.0, 1.0, 1.0], 15.0, [4.0, 1.0, 2.0]),
    ),
    "argmax carries no gradient, gathering does": vector(
        lambda x: np.argmax(x) + x[np.argmax(x)] ** 2, ([1.0, 3.0, 3.0], 10.0, [0.0, 6.0, 0.0])
    ),
}
LABELS = [label for label, rows in ROWS.items() for _ in rows]
ALL = [row for rows in ROWS.values() for row in rows]
OPERANDS = tuple(row.operands for row in ALL)


def every_row(operands):
    return tuple(row.model(*own) for row, own in zip(ALL, operands, strict=True))


def agrees(found: float, wanted: Any, ulps: float) -> bool:
    """Tell whether a number is the one promised."""
    match wanted:
        case None:
            return True
        case str():  # "NaN or ..."
            return math.isnan(found) or found == float(wanted.split()[-1])
    exact = float(wanted)
    if math.isnan(exact):
        return math.isnan(found)
    if math.isinf(exact) or exact == 0:
        return found == exact
    return abs(found - exact) <= ulps * 2.0**-52 * abs(exact)


def leaves(tree):
    """Return the arrays and numbers of nested tuples."""
    return [leaf for part in tree for leaf in (leaves(part) if isinstance(part, tuple) else [part])]


def hold(values, slopes):
    """Hold results, of all rows, to what is promised."""
    slopes, wrong = iter(slopes), []
    for label, row, value in zip(LABELS, ALL, values, strict=True):
        if not agrees(float(value), row.value, row.ulps):
            wrong.append(f"{label}: value {value!r} at {row.operands}, not {row.value}")
        bars = itertools.islice(slopes, len(row.operands))
        found = list(itertools.chain(*(np.ravel(bar).tolist() for bar in bars)))
        if not all(map(agrees, found, row.slopes, itertools.repeat(row.ulps))):
            wrong.append(f"{label}: slopes {found} at {row.operands}, not {row.slopes}")
    assert not wrong, "\n".join(wrong)


SEEDS = (1.0,) * len(ALL)


def test_every_row():
    """The numpy target, and the Numba target's text as plain Python."""
    fn = bp.vjp(every_row, target="numpy")
    values, slopes = fn(OPERANDS, SEEDS)
    hold(values, leaves(slopes))
    text = running.emit(fn.stages[-1][1], "numba")
    found = running.run(text, [*leaves(OPERANDS), *SEEDS], how="python")
    hold(found[: len(ALL)], found[len(ALL) :])


@pytest.mark.nightly
def test_every_row_in_machine_code():
    """Half a minute of compilation: `pytest tests/contract/test_numerics.py -m nightly`."""
    values, slopes = bp.vjp(every_row, target="numba")(OPERANDS, SEEDS)
    hold(values, leaves(slopes))


def test_float32_sums_are_rounded_once():
    x = np.full(100_000, 0.1, np.float32)
    fn = bp.value_and_grad(np.sum, target="numpy")
    found, slope = fn(x)
    text = running.emit(fn.stages[-1][1], "numba")
    (value, _) = running.run(text, [x[:1000]], how="python")
    for total, count in ((found, 100_000), (value, 1000)):
        exact = count * float(np.float32(0.1))
        assert abs(float(total) - exact) <= 4 * np.spacing(np.float32(exact))
    assert slope.dtype == np.float32
