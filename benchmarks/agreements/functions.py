"""Compare a function with its peers on random shapes: its values, and the gradient of Σ w f(x).

An error counts in units of ε times the condition, which is measured: how far the result moves where
the operands move by 10⁻⁷ of themselves. In float64 a function is held to NumPy's value and to the
peers' values and gradients; where one differs, difference quotients of NumPy's function, and a
value in extended precision, say who is wrong. In float32 each is held to the float64 result.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import bpcompile as bp
from benchmarks import peers
from benchmarks.agreements import words
from benchmarks.agreements.words import Case, leaves

BOUND = 100.0  # ε, times the condition
STEP = 1e-7  # by which operands move, to find the condition
Arrays = list[np.ndarray]


class Found(NamedTuple):
    """Hold the values of a function, and the gradient of their weighted sum; both may be empty."""

    values: Arrays
    slopes: Arrays


class Quarrel(NamedTuple):
    """Hold where two differ: in which part, by how many units, at which entry, and both numbers."""

    part: str
    units: float
    place: tuple[int, ...]
    own: float
    other: float


def weights(shapes: Sequence[tuple[int, ...]], kind: Any) -> Arrays:
    """Return random weights of both signs, of these shapes."""
    rng = np.random.default_rng(11)
    drawn = [np.asarray(rng.uniform(0.5, 1.5, s) * rng.choice([-1.0, 1.0], s)) for s in shapes]
    return [w.astype(kind) for w in drawn]


def is_float(x: Any) -> bool:
    """Tell whether a result has slopes: not one of whole numbers or truths."""
    return "float" in str(x.dtype) if hasattr(x, "dtype") else isinstance(x, float)


# Each in its turn


def by_numpy(case: Case, args: Sequence[Any]) -> Arrays:
    """Return the values by NumPy and SciPy."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [np.asarray(v) for v in leaves(case.call(words.plain(), *args))]


def by_us(case: Case, shapes: Any, kind: Any, target: str) -> Callable[..., Found]:
    """Return the function that gives values and gradients by bpcompile."""
    m, w = words.ours(), weights(shapes, kind)

    def values(*xs: Any) -> list[Any]:
        return leaves(case.call(m, *xs))

    if not case.slopes:
        compiled = bp.compile(values, target=target, cache=False)
        return lambda *xs: Found([np.asarray(v) for v in compiled(*xs)], [])

    def model(*xs: Any) -> Any:
        found = values(*xs)
        kept = [np.sum(u * v) for u, v in zip(w, found, strict=True) if is_float(v)]
        return sum(kept[1:], kept[0]), found

    count = len(case.draw(np.random.default_rng(0)))
    both = bp.value_and_grad(
        model, argnums=tuple(range(count)), has_aux=True, target=target, cache=False
    )

    def run(*xs: Any) -> Found:
        (_, found), slopes = both(*xs)
        return Found([np.asarray(v) for v in found], [np.asarray(s) for s in slopes])

    return run


def by_jax(case: Case, args: Sequence[np.ndarray], shapes: Any) -> Found:
    """Return values and gradients by JAX."""
    jax, jnp = peers.jax()
    m, w = words.jax(), weights(shapes, args[0].dtype)
    call = case.call if case.jax is True else case.jax
    assert callable(call)

    def model(*xs: Any) -> Any:
        found = [jnp.asarray(v) for v in leaves(call(m, *xs))]
        return sum(jnp.sum(u * v) for u, v in zip(w, found, strict=True) if is_float(v)), found

    given = [jnp.asarray(x) for x in args]
    if not case.slopes:
        return Found([np.asarray(v) for v in jax.jit(lambda *xs: leaves(call(m, *xs)))(*given)], [])
    wrt = tuple(range(len(args)))
    (_, found), slopes = jax.jit(jax.value_and_grad(model, argnums=wrt, has_aux=True))(*given)
    return Found([np.asarray(v) for v in found], [np.asarray(s) for s in slopes])


def by_torch(case: Case, args: Sequence[np.ndarray], shapes: Any) -> Found:
    """Return values and gradients by PyTorch."""
    torch = peers.torch()
    assert case.torch is not None
    kind = args[0].dtype
    given = [torch.tensor(x, requires_grad=case.slopes and x.dtype.kind == "f") for x in args]
    found = [v if torch.is_tensor(v) else torch.tensor(v) for v in leaves(case.torch(*given))]
    values = [v.detach().resolve_conj().resolve_neg().numpy() for v in found]
    if not case.slopes:
        return Found(values, [])
    w = [torch.tensor(u) for u in weights(shapes, kind)]
    total = sum((u * v).sum() for u, v in zip(w, found, strict=True) if v.is_floating_point())
    slopes = torch.autograd.grad(total, given, allow_unused=True)
    pairs = zip(slopes, args, strict=True)
    return Found(
        values, [np.zeros_like(x) if s is None else s.resolve_neg().numpy() for s, x in pairs]
    )


# Who differs


def scales(found: Found, moved: Found, args: Sequence[np.ndarray], shapes: Any) -> list[float]:
    """Return the size of what an error of one ε may come to, for each value and gradient."""
    kept = [v.astype(float) for v in found.values]
    w = weights(shapes, float)
    total = sum(float(np.nansum(np.abs(u * v))) for u, v in zip(w, kept, strict=True))
    sizes = []
    for own, other in zip([*kept, *found.slopes], [*moved.values, *moved.slopes], strict=True):
        with np.errstate(all="ignore"):
            change = np.abs(other.astype(float) - own)
        change = change[np.isfinite(change)]
        size = np.abs(own[np.isfinite(own)]).max(initial=0.0)
        sizes.append(float(size + change.max(initial=0.0) / STEP))
    largest = [float(np.nanmax(np.abs(x), initial=0.0)) for x in args]
    floors = [total / x if x else 0.0 for x in largest]  # what the sum itself leaves in a slope
    count = len(kept)
    return [*sizes[:count], *(s + f for s, f in zip(sizes[count:], floors, strict=False))]


def compare(own: Found, other: Found, sizes: Sequence[float], eps: float) -> list[Quarrel]:
    """Return by how much two differ in each value and gradient, at the worst entry."""
    labels = [f"value {k}" for k in range(len(own.values))]
    labels += [f"gradient {k}" for k in range(len(own.slopes))]
    quarrels = []
    pairs = zip([*own.values, *own.slopes], [*other.values, *other.slopes], strict=False)
    for label, (mine, theirs), size in zip(labels, pairs, sizes, strict=False):
        if np.shape(mine) != np.shape(theirs):
            quarrels.append(Quarrel(f"{label}, its shape", math.inf, (), math.nan, math.nan))
            continue
        a, b = np.asarray(mine, float), np.asarray(theirs, float)
        with np.errstate(all="ignore"):
            off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        off = np.where(np.isnan(off), math.inf, off)
        if not off.size:
            continue
        at = tuple(int(k) for k in np.unravel_index(int(np.argmax(off)), off.shape))
        unit = eps * (size or 1.0)
        quarrels.append(Quarrel(label, float(off[at]) / unit, at, float(a[at]), float(b[at])))
    return quarrels


def truth(
    case: Case, args: Sequence[np.ndarray], shapes: Any, quarrel: Quarrel
) -> tuple[float, float]:
    """Return the disputed number by NumPy's function, and how far that may be off.

    A value comes in extended precision where NumPy can; a slope by difference quotients, which
    Ridders' scheme extrapolates ("Accurate computation of F'(x) and F'(x) F''(x)", 1982).
    """
    kind, _, number = quarrel.part.partition(" ")
    if kind == "value":
        return _exact_value(case, args, int(number), quarrel.place)
    w = weights(shapes, float)

    def total(t: float) -> float:
        moved = [np.array(x, float) for x in args]
        moved[int(number)][quarrel.place] += t
        found = by_numpy(case, moved)
        return math.fsum(float(np.sum(u * v)) for u, v in zip(w, found, strict=True))

    step = 0.02 * max(0.1, abs(float(args[int(number)][quarrel.place])))
    rows: list[list[float]] = []
    best = (math.nan, math.inf)
    for k in range(9):
        h = step / 1.6**k
        row = [(total(h) - total(-h)) / (2 * h)]
        for j in range(k):
            factor = 1.6 ** (2 * (j + 1))
            row.append((factor * row[j] - rows[-1][j]) / (factor - 1))
        if rows:
            spread = max(abs(row[-1] - row[-2]), abs(row[-1] - rows[-1][-1]))
            best = min(best, (row[-1], spread), key=lambda pair: pair[1])
        rows.append(row)
    return best


def _exact_value(case: Case, args: Any, k: int, place: tuple[int, ...]) -> tuple[float, float]:
    """Return a value in extended precision, or in NumPy's own where it has none."""
    if case.exact is not None:
        value = float(case.exact(*args)[place])
        return value, abs(value) * 1e-15
    try:
        wide = by_numpy(case, [np.asarray(x, np.longdouble) for x in args])[k][place]
        if wide.dtype == np.longdouble:
            return float(wide), abs(float(wide)) * 1e-16
    except Exception:  # noqa: BLE001 - of whatever kind: LAPACK's have a class of their own
        pass
    value = float(by_numpy(case, args)[k][place])
    return value, abs(value) * 1e-14


def verdict(quarrel: Quarrel, right: float) -> str:
    """Say who is wrong, "ours" or "theirs": who is 100 times closer is right, else it is "open"."""
    mine, other = abs(quarrel.own - right), abs(quarrel.other - right)
    if math.isfinite(mine) and not 100 * mine > other:
        return "theirs"
    return "ours" if math.isfinite(other) and not 100 * other > mine else "open"


# One case


def turns(
    case: Case, args: Sequence[np.ndarray], shapes: Any, seed: int
) -> list[tuple[str, Callable[[], Found]]]:
    """Return the peers that have the function, each with its turn.

    JAX compiles each function and shape anew, for half a second: it has the first draw in float64.
    """
    listed: list[tuple[str, Callable[[], Found]]] = []
    if case.jax is not False and seed == 0 and args[0].dtype != np.float32:
        listed.append(("JAX", lambda: by_jax(case, args, shapes)))
    if case.torch is not None:
        listed.append(("PyTorch", lambda: by_torch(case, args, shapes)))
    return listed


def examine(case: Case, seed: int, target: str) -> dict[str, Any]:
    """Return what there is to report of a case at one draw of its operands, in both precisions."""
    report: dict[str, Any] = {
        "name": case.name,
        "seed": seed,
        "units": {},
        "quarrels": [],
        "no": {},
    }
    args = case.draw(np.random.default_rng([seed, *case.name.encode()]))
    exact: Found | None = None
    narrow = case.single and case.slopes
    for kind in (np.float64, np.float32)[: 2 if narrow else 1]:
        given = [x.astype(np.float32).astype(kind) if x.dtype.kind == "f" else x for x in args]
        plain = by_numpy(case, given)
        shapes = [v.shape for v in plain]
        mine = by_us(case, shapes, kind, target)
        own = mine(*given)
        rng = np.random.default_rng(seed)
        if exact is None:
            moved = [x * (1 + STEP * rng.choice([-1, 1], x.shape)) if x.dtype.kind == "f" else x
                     for x in given]  # fmt: skip
            other = mine(*moved) if case.slopes else own
            exact, sizes = own, scales(own, other, given, shapes)
            _enter(report, "NumPy", "float64", compare(own, Found(plain, []), sizes, 2.0**-52))
        else:
            _enter(report, "ours", "float32", compare(exact, own, sizes, 2.0**-23))
        _same_types(report, own, plain, kind)
        for who, turn in turns(case, given, shapes, seed):
            try:
                theirs = turn()
            except Exception as error:  # noqa: BLE001 - whatever a peer lacks is in the report
                report["no"][who] = f"{type(error).__name__}: {str(error).splitlines()[0][:150]}"
                continue
            name = np.dtype(kind).name
            _enter(report, who, name, compare(exact, theirs, sizes, float(np.finfo(kind).eps)))
    for quarrel in report["quarrels"]:
        _judge(case, args, quarrel)
    return report


def _same_types(report: dict[str, Any], own: Found, plain: Arrays, kind: Any) -> None:
    """Enter values whose dtype is not NumPy's."""
    for k, (mine, theirs) in enumerate(itertools.zip_longest(own.values, plain)):
        if mine is None or theirs is None or mine.dtype != theirs.dtype:
            found = {"who": "NumPy", "dtype": np.dtype(kind).name, "part": f"value {k}",
                     "units": math.inf, "own": str(getattr(mine, "dtype", None)),
                     "other": str(getattr(theirs, "dtype", None)), "judged": "ours"}  # fmt: skip
            report["quarrels"].append(found)


def _enter(report: dict[str, Any], who: str, kind: str, quarrels: Sequence[Quarrel]) -> None:
    """Enter the largest error, and those beyond the bound."""
    key = f"{who} {kind}"
    worst = max((q.units for q in quarrels), default=0.0)
    report["units"][key] = max(worst, report["units"].get(key, 0.0))
    for q in quarrels:
        if not q.units <= BOUND:
            report["quarrels"].append({"who": who, "dtype": kind, **q._asdict()})


def _judge(case: Case, args: Sequence[np.ndarray], found: dict[str, Any]) -> None:
    """Enter who is wrong, and the right number with how far that may be off."""
    if "judged" in found:
        return
    if found["dtype"] == "float32":  # beside the float64 result
        found["judged"], found["right"] = (
            ("ours" if found["who"] == "ours" else "theirs"),
            found["own"],
        )
        return
    given = [x.astype(np.float32).astype(float) if x.dtype.kind == "f" else x for x in args]
    shapes = [v.shape for v in by_numpy(case, given)]
    if "shape" in found["part"]:
        found["judged"] = "open"
        return
    quarrel = Quarrel(
        found["part"], found["units"], tuple(found["place"]), found["own"], found["other"]
    )
    right = truth(case, given, shapes, quarrel)
    found["judged"], found["right"], found["spread"] = verdict(quarrel, right[0]), *right
