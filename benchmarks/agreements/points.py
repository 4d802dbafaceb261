"""List special points: kinks, limits, overflow and branches not taken, and what each gives there.

The right numbers are those of `tests/contract/test_numerics.py`, which holds bpcompile to them in
both targets; here they stand beside what JAX and PyTorch give.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import bpcompile as bp
from benchmarks import peers
from benchmarks.agreements import words
from benchmarks.agreements.words import Call

torch = peers.torch()
inf, nan = math.inf, math.nan


class Point(NamedTuple):
    """Hold a function in the words of each, its operands, and its right gradient there."""

    text: str
    call: Call
    torch: Call
    at: tuple[Any, ...]
    right: tuple[Any, ...]


S40 = math.exp(-40) / (1 + math.exp(-40)) ** 2
SIX, EIGHT = 0.6, 0.8

POINTS: tuple[Point, ...] = (
    Point("`where(x > 0, sqrt(x), 0)` at 0", lambda m, x: m.where(x > 0, m.sqrt(x), 0.0),
          lambda x: torch.where(x > 0, torch.sqrt(x), 0.0), (0.0,), (0.0,)),
    Point("`where(x > 0, log(sqrt(x)), 0)` at -1", lambda m, x: m.where(x > 0, m.log(m.sqrt(x)),
         0.0),
          lambda x: torch.where(x > 0, torch.log(torch.sqrt(x)), 0.0), (-1.0,), (0.0,)),
    Point("`where(x < 9, exp(x), x)` at 1000", lambda m, x: m.where(x < 9, m.exp(x), x),
          lambda x: torch.where(x < 9, torch.exp(x), x), (1000.0,), (1.0,)),
    Point("`clip(exp(x), 0, 9)` at 1000", lambda m, x: m.clip(m.exp(x), 0.0, 9.0),
          lambda x: torch.clip(torch.exp(x), 0.0, 9.0), (1000.0,), (0.0,)),
    Point("`maximum(1, sqrt(x))` at 0", lambda m, x: m.maximum(1.0, m.sqrt(x)),
          lambda x: torch.maximum(torch.ones_like(x), torch.sqrt(x)), (0.0,), (0.0,)),
    Point("`log(x)[0]` at (2, 0)", lambda m, x: m.log(x)[0], lambda x: torch.log(x)[0],
          ((2.0, 0.0),), ((0.5, 0.0),)),
    Point("`norm(x)` at (0, 0)", lambda m, x: m.linalg.norm(x), torch.linalg.norm,
          ((0.0, 0.0),), ((0.0, 0.0),)),
    Point("`norm(x)` at (3e200, 4e200)", lambda m, x: m.linalg.norm(x), torch.linalg.norm,
          ((3e200, 4e200),), ((SIX, EIGHT),)),
    Point("`norm(x)` at (3e-200, 4e-200)", lambda m, x: m.linalg.norm(x), torch.linalg.norm,
          ((3e-200, 4e-200),), ((SIX, EIGHT),)),
    Point("`std(x)` at (1, 1)", lambda m, x: m.std(x), lambda x: torch.std(x, correction=0),
          ((1.0, 1.0),), ((0.0, 0.0),)),
    Point("`var(x)` at 1e8 + (1, 2, 4)", lambda m, x: m.var(x),
          lambda x: torch.var(x, correction=0), ((1e8 + 1, 1e8 + 2, 1e8 + 4),),
          ((-8 / 9, -2 / 9, 10 / 9),)),
    Point("`hypot(x, y)` at (0, 0)", lambda m, x, y: m.hypot(x, y), torch.hypot, (0.0, 0.0),
          (0.0, 0.0)),
    Point("`hypot(x, y)` at (3e200, 4e200)", lambda m, x, y: m.hypot(x, y), torch.hypot,
          (3e200, 4e200), (SIX, EIGHT)),
    Point("`arctan2(y, x)` at (0, 0)", lambda m, y, x: m.arctan2(y, x), torch.arctan2, (0.0, 0.0),
          (0.0, 0.0)),
    Point("`arctan2(y, x)` at (1e200, 1e200)", lambda m, y, x: m.arctan2(y, x), torch.arctan2,
          (1e200, 1e200), (5e-201, -5e-201)),
    Point("`arctan2(y, x)` at (1e-200, 1e-200)", lambda m, y, x: m.arctan2(y, x), torch.arctan2,
          (1e-200, 1e-200), (5e199, -5e199)),
    Point("`x / y` at (1e200, 1e200)", lambda m, x, y: x / y, lambda x, y: x / y, (1e200, 1e200),
          (1e-200, -1e-200)),
    Point("`sigmoid(x)` at 40", lambda m, x: m.nn.sigmoid(x), torch.sigmoid, (40.0,), (S40,)),
    Point("`tanh(x)` at 20", lambda m, x: m.tanh(x), torch.tanh, (20.0,),
          (4 * math.exp(-40) / (1 + math.exp(-40)) ** 2,)),
    Point("`expm1(x)` at -40", lambda m, x: m.expm1(x), torch.expm1, (-40.0,), (math.exp(-40),)),
    Point("`softmax(x)[0]` at (40, 0)", lambda m, x: m.nn.softmax(x)[0],
          lambda x: torch.softmax(x, 0)[0], ((40.0, 0.0),), ((S40, -S40),)),
    Point("`softplus(x)` at 21", lambda m, x: m.nn.softplus(x), torch.nn.functional.softplus,
          (21.0,), (1 / (1 + math.exp(-21)),)),
    Point("`logsumexp(x)` at (inf, 0)", lambda m, x: m.special.logsumexp(x),
          lambda x: torch.logsumexp(x, 0), ((inf, 0.0),), ((1.0, 0.0),)),
    Point("`logsumexp(x)` at (-inf, -inf)", lambda m, x: m.special.logsumexp(x),
          lambda x: torch.logsumexp(x, 0), ((-inf, -inf),), ((0.0, 0.0),)),
    Point("`logaddexp(x, y)` at (-inf, -inf)", lambda m, x, y: m.logaddexp(x, y), torch.logaddexp,
          (-inf, -inf), (0.0, 0.0)),
    Point("`xlogy(x, y)` at (0, 0), in y", lambda m, y: m.special.xlogy(0.0, y),
          lambda y: torch.special.xlogy(torch.zeros_like(y), y), (0.0,), (0.0,)),
    Point("`arcsinh(x)` at 1e200", lambda m, x: m.arcsinh(x), torch.arcsinh, (1e200,), (1e-200,)),
    Point("`arccosh(x)` at 1e200", lambda m, x: m.arccosh(x), torch.arccosh, (1e200,), (1e-200,)),
    Point("`sinc(x)` at 1e-200", lambda m, x: m.sinc(x), torch.sinc, (1e-200,),
          (-(math.pi**2) / 3 * 1e-200,)),
)  # fmt: skip


def ours(point: Point) -> list[np.ndarray]:
    """Return the gradient by bpcompile."""
    m = words.ours()
    given = [np.asarray(x, float)[()] for x in point.at]
    found = bp.grad(
        lambda *xs: point.call(m, *xs),
        argnums=tuple(range(len(given))),
        target="numpy",
        cache=False,
    )
    return [np.asarray(g) for g in found(*given)]


def by_jax(point: Point) -> list[np.ndarray]:
    """Return the gradient by JAX."""
    jax, jnp = peers.jax()
    m = words.jax()
    given = [jnp.asarray(x, float) for x in point.at]
    found = jax.grad(lambda *xs: point.call(m, *xs), argnums=tuple(range(len(given))))(*given)
    return [np.asarray(g) for g in found]


def by_torch(point: Point) -> list[np.ndarray]:
    """Return the gradient by PyTorch."""
    given = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point.at]
    return [g.numpy() for g in torch.autograd.grad(point.torch(*given), given)]


def is_right(found: Sequence[np.ndarray], point: Point) -> bool:
    """Tell whether a gradient is right to eleven digits."""
    pairs = zip(found, point.right, strict=True)
    return all(np.allclose(g, np.asarray(r), rtol=1e-11, atol=0.0) for g, r in pairs)


def shown(found: Sequence[Any]) -> str:
    """Return a gradient as text."""
    numbers = np.concatenate([np.ravel(np.asarray(g, float)) for g in found])
    return ", ".join(f"{x + 0.0:.5g}" for x in numbers)


def table() -> list[tuple[Point, list[tuple[str, bool]]]]:
    """Return each point with what bpcompile, JAX and PyTorch give, and whether that is right."""
    rows = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for point in POINTS:
            found = [give(point) for give in (ours, by_jax, by_torch)]
            rows.append((point, [(shown(g), is_right(g, point)) for g in found]))
    return rows
