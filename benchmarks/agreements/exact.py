"""Measure elementwise operations and their partials at hard points, where mpmath is right.

The points are of every magnitude within an operation's domain. bpcompile has the limits of
`tests/ops/limits.py`; a peer is wrong where it is off by more than 100 units in the last place
times the condition, and the exact value is a normal number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import peers
from bpcompile.ir.type import DType
from tests.emit import running
from tests.ops.limits import REFERENCES, exact, graph_of, limits
from tests.ops.references import errors, exactly, points

BOUND = 100.0  # units in the last place, times the condition
STEP = 1e-7  # by which operands move, to find the condition

# Where a peer calls an operation otherwise, or lacks it.
JAX_NAMES: dict[str, tuple[str, ...]] = {
    "div": ("divide",), "hurwitz_zeta": ("zeta",), "riemann_zeta": (), "rgamma": (), "erfcx": (),
    "si": (), "ci": (), "lambertw_upper": (), "lambertw_lower": (), "j0": (), "j1": (), "y0": (),
    "y1": (),
    "exp1": (), "expi": (), "expn": (),
    # none comes back, of arguments such as 1e200, within minutes
}  # fmt: skip
TORCH_NAMES: dict[str, tuple[str, ...]] = {
    "power": ("pow",), "kl_div": (),  # that of torch.nn.functional is another function
    "cbrt": (), "log_sigmoid": ("logsigmoid",), "gamma": (), "beta": (),
    "betaln": (), "exp1": (), "expi": (), "riemann_zeta": (), "hurwitz_zeta": ("zeta",),
    "j0": ("bessel_j0",), "j1": ("bessel_j1",), "y0": ("bessel_y0",), "y1": ("bessel_y1",),
    "k0": ("modified_bessel_k0",), "k1": ("modified_bessel_k1",),
    "k0e": ("scaled_modified_bessel_k0",), "k1e": ("scaled_modified_bessel_k1",),
}  # fmt: skip
SIZES = (1e-300, 1e-100, 1e-20, 1e-8, 1e-3, 0.45, 0.999999, 1.0, 2.5, 21.0, 40.0, 700.0, 1e8, 1e100)
SIZES = (*SIZES, 1e200)


def hard(name: str, kind: str) -> list[np.ndarray]:
    """Return points of an operation: few random ones, and all magnitudes within its bounds."""
    bounds = REFERENCES[name].bounds
    drawn = [x[:24] for x in points(REFERENCES[name], 24, kind)]
    with np.errstate(all="ignore"):
        signed = np.array([*SIZES, *(-x for x in SIZES)]).astype(kind)
    signed = signed[np.isfinite(signed) & (signed != 0)]
    rng = np.random.default_rng(3)
    more = [signed] if len(bounds) == 1 else [rng.permutation(np.tile(signed, 2)) for _ in bounds]
    inside = np.ones(more[0].shape, bool)
    for x, (low, high) in zip(more, bounds, strict=True):
        inside &= (x > low) & (x < high)
    more = [y[inside] for y in more]
    kept = [not _is_pole(name, [y[k : k + 1] for y in more]) for k in range(more[0].size)]
    return [np.concatenate([x, y[kept]]) for x, y in zip(drawn, more, strict=True)]


def _is_pole(name: str, at: Sequence[np.ndarray]) -> bool:
    """Tell whether mpmath finds no value or partial at a point."""
    try:
        for _, function, term in exact(name):
            exactly(at, function, term)
    except (ValueError, ZeroDivisionError):
        return True
    return False


def ours(name: str, at: Sequence[np.ndarray], kind: str) -> list[np.ndarray]:
    """Return value and partials of an operation by bpcompile."""
    graph = graph_of([name], DType.F64 if kind == "float64" else DType.F32)
    return list(running.run(running.emit(graph, "numpy"), at, how="numpy"))


def by_jax(name: str, at: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Return value and partials by JAX, or None where it has no such function."""
    jax, jnp = peers.jax()
    function = _found((jnp, jax.scipy.special, jax.nn), JAX_NAMES.get(name, (name,)))
    if function is None:
        return None
    try:
        value, back = jax.vjp(function, *(jnp.asarray(x) for x in at))
        return [np.asarray(value), *map(np.asarray, back(jnp.ones_like(value)))]
    except (NotImplementedError, TypeError, ValueError):
        return None


def by_torch(name: str, at: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Return value and partials by PyTorch, or None where it has no such function."""
    torch = peers.torch()
    modules = (torch, torch.special, torch.nn.functional)
    function = _found(modules, TORCH_NAMES.get(name, (name,)))
    if function is None:
        return None
    given = [torch.tensor(x, requires_grad=True) for x in at]
    try:
        value = function(*given)
        slopes = torch.autograd.grad(value.sum(), given, allow_unused=True)
    except (RuntimeError, NotImplementedError, TypeError):
        return None
    pairs = zip(slopes, at, strict=True)
    known = [np.full(x.shape, math.nan) if s is None else s.numpy() for s, x in pairs]
    return [value.detach().numpy(), *known]


def _found(modules: Sequence[Any], names: Sequence[str]) -> Callable[..., Any] | None:
    """Return the first of these functions that there is."""
    for module in modules:
        for name in names:
            if callable(getattr(module, name, None)):
                return getattr(module, name)  # type: ignore[no-any-return]  # of a peer
    return None


def condition(
    at: Sequence[np.ndarray], function: Callable[..., Any], wanted: Sequence[Any]
) -> np.ndarray:
    """Return how many times larger a relative change of the operands is in the result."""
    found = []
    for k, (value, _) in enumerate(wanted):
        point = [x[k : k + 1].astype(float) for x in at]
        change = 0.0
        for j, x in enumerate(point):
            moved = [*point[:j], x * (1 + STEP), *point[j + 1 :]]
            try:
                change += float(abs(exactly(moved, function)[0][0] - value))
            except (ArithmeticError, TypeError, ValueError):  # beyond the end of the domain
                change = math.inf
        found.append(change / STEP / max(float(abs(value)), 5e-324))
    return np.where(np.isfinite(found), np.maximum(1.0, found), math.inf)


def examine(name: str, kind: str) -> dict[str, Any]:
    """Return the errors of each, our misses, and the worst defect of a peer in each part."""
    at = hard(name, kind)
    with np.errstate(all="ignore"):
        table = {
            "ours": ours(name, at, kind),
            "JAX": by_jax(name, at),
            "PyTorch": by_torch(name, at),
        }
    report: dict[str, Any] = {
        "name": name, "dtype": kind, "points": int(at[0].size), "units": {}, "misses": [],
        "defects": []
    }  # fmt: skip
    limit = limits(name, "numpy", kind)
    beyond = np.zeros(at[0].shape, bool) if limit.beyond is None else limit.beyond(*at)
    places = {"value": 0, **{f"partial {k}": k + 1 for k in range(len(at))}}
    for count, (label, function, term) in enumerate(exact(name)):
        wanted = exactly(at, function, term)
        around = condition(at, function, wanted)
        for who, results in table.items():
            if results is None:
                continue
            found = results[count] if who == "ours" else results[places[label]]
            off = errors(found, wanted, kind)
            if who == "ours":
                allowed = limit.value if label == "value" else limit.slope
                wrong = (off > allowed) & ~beyond
            else:
                wrong = (off > BOUND * around) & _normal(wanted, kind)
            share = np.where(beyond, 0.0, off / around)
            worst = float(np.max(share, initial=0.0))
            key = f"{who} {kind}"
            report["units"][key] = max(worst, report["units"].get(key, 0.0))
            if wrong.any():
                k = int(np.argmax(np.where(wrong, np.minimum(off, 1e18), -1.0)))
                entry = {"who": who, "part": label, "at": [float(x[k]) for x in at],
                         "units": float(off[k]), "found": float(found[k]),
                         "right": float(wanted[k][0])}  # fmt: skip
                report["misses" if who == "ours" else "defects"].append(entry)
    return report


def _normal(wanted: Sequence[Any], kind: str) -> np.ndarray:
    """Tell where exact results are normal numbers, and not near the end of the range."""
    limit = np.finfo(kind)
    low, high = 1e8 * float(limit.tiny), 1e-8 * float(limit.max)
    return np.array([low < abs(float(value)) < high for value, _ in wanted])
