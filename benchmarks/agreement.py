"""Compare values and gradients with JAX and PyTorch in float64: ``python benchmarks/agreement.py``.

Two walks. Each elementwise operation for which the tests have a reference in mpmath is measured at
random points and at hard ones, with each peer beside it: mpmath decides who is wrong. All other
functions are compared with the peers on random shapes, each in JAX's and PyTorch's own words, as
the value and gradient of Σ w f(x) with random weights w.

An error may be 100 ε times the condition, which is measured: how far the result moves where the
operands move by 10⁻⁷ of themselves. Elementwise operations have the limits of
`tests/ops/limits.py` instead, of their own. It exits with 1 where bpcompile is wrong, or
differs from a peer; ``--defects docs/peers.md`` writes down where a peer is wrong.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpcompile as bp
from benchmarks import agreement_cases as cases
from benchmarks import peers
from tests.emit import running
from tests.ops.limits import REFERENCES, exact, graph_of, limits
from tests.ops.references import errors, exactly, points

EPS = np.finfo(float).eps
BOUND = 100.0  # ε, times the condition
STEP = 1e-7  # by which operands move, to find the condition
FAR = 1e6  # ulp from which on a defect is called wrong


class Defect(NamedTuple):
    """Hold where a peer is off by more than the bound."""

    function: str
    part: str
    peer: str
    point: str
    error: float
    found: float


# Elementwise operations, by mpmath


def hard(name: str) -> list[np.ndarray]:
    """Return points of an operation: few random ones, and all magnitudes within its bounds."""
    bounds = REFERENCES[name].bounds
    drawn = [x[:24] for x in points(REFERENCES[name], 24)]
    sizes = np.array([1e-300, 1e-100, 1e-20, 1e-8, 1e-3, 0.45, 0.999999, 1.0, 2.5, 21.0, 40.0])
    sizes = np.concatenate([sizes, [700.0, 1e8, 1e100, 1e200]])
    signed = np.concatenate([sizes, -sizes])
    if len(bounds) == 1:
        more = [signed]
    else:
        rng = np.random.default_rng(3)
        more = [rng.permutation(np.tile(signed, 2)) for _ in bounds]
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


def ours(name: str, at: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return value and partials of an operation by bpcompile."""
    return list(running.run(running.emit(graph_of([name]), "numpy"), at, how="numpy"))


def by_jax(name: str, at: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Return value and partials by JAX, or None where it has no such function."""
    jax, jnp = peers.jax()
    names = cases.JAX_NAMES.get(name, (name,))
    function = _found((jnp, jax.scipy.special, jax.nn), names)
    if function is None:
        return None
    given = [jnp.asarray(x) for x in at]
    try:
        value, back = jax.vjp(function, *given)
        return [np.asarray(value), *map(np.asarray, back(jnp.ones_like(value)))]
    except (NotImplementedError, TypeError, ValueError):
        return None


def by_torch(name: str, at: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Return value and partials by PyTorch, or None where it has no such function."""
    torch = peers.torch()
    names = cases.TORCH_NAMES.get(name, (name,))
    function = _found((torch, torch.special, torch.nn.functional), names)
    if function is None:
        return None
    given = [torch.tensor(x, requires_grad=True) for x in at]
    try:
        value = function(*given)
        slopes = torch.autograd.grad(value.sum(), given, allow_unused=True)
    except (RuntimeError, NotImplementedError, TypeError):
        return None
    pairs = zip(slopes, at, strict=True)
    zero = [np.full(x.shape, math.nan) if s is None else s.numpy() for s, x in pairs]
    return [value.detach().numpy(), *zero]


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
    for k, (exact_value, _) in enumerate(wanted):
        moved = [x[k : k + 1] * (1 + STEP) for x in at]
        try:
            change = float(abs(exactly(moved, function)[0][0] - exact_value))
        except (ArithmeticError, TypeError, ValueError):  # beyond the end of the domain
            change = math.inf
        found.append(change / STEP / max(float(abs(exact_value)), 5e-324))
    return np.where(np.isfinite(found), found, math.inf)


def elementwise(name: str) -> tuple[list[str], list[Defect]]:
    """Return our misses and the peers' defects of one operation."""
    at = hard(name)
    table = {"ours": ours(name, at), "JAX": by_jax(name, at), "PyTorch": by_torch(name, at)}
    misses: list[str] = []
    defects: list[Defect] = []
    places = {"value": 0, **{f"partial {k}": k + 1 for k in range(len(at))}}
    limit = limits(name, "numpy", "float64")
    beyond = np.zeros(at[0].shape, bool) if limit.beyond is None else limit.beyond(*at)
    for count, (label, function, term) in enumerate(exact(name)):
        wanted = exactly(at, function, term)
        around = np.maximum(1.0, condition(at, function, wanted))
        known = np.array([abs(float(w)) < 1e300 and abs(float(w)) > 1e-300 for w, _ in wanted])
        for who, results in table.items():
            if results is None:
                continue
            found = results[count] if who == "ours" else results[places[label]]
            off = errors(found, wanted)
            if who == "ours":
                allowed = limit.value if label == "value" else limit.slope
                for k in np.flatnonzero((off > allowed) & ~beyond)[:1]:
                    misses.append(f"{name}, {label}: {off[k]:.3g} ulp at {_place(at, k)}")
                continue
            wrong = (off > BOUND * around) & known
            if wrong.any():
                k = int(np.argmax(np.where(wrong, np.minimum(off, 1e18), -1.0)))
                defects.append(Defect(name, label, who, _place(at, k), off[k], float(found[k])))
    return misses, defects


def _place(at: Sequence[np.ndarray], k: int) -> str:
    """Return a point as text."""
    return ", ".join(f"{x[k]:.6g}" for x in at)


# Other functions, by both peers


def gradients(case: cases.Case, args: Sequence[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Return value and gradients of Σ w f(x), by each that has the function."""
    rng = np.random.default_rng(11)
    shape = np.shape(case.ours(*args))
    w = rng.uniform(0.5, 1.5, shape)
    wrt = tuple(range(len(args)))

    def model(*xs: Any) -> Any:
        return np.sum(w * case.ours(*xs))

    value, slopes = bp.value_and_grad(model, argnums=wrt, target="numpy", cache=False)(*args)
    found = {"ours": [np.asarray(value), *map(np.asarray, slopes)]}
    if case.jax is not None:
        jax, jnp = peers.jax()
        both = jax.value_and_grad(lambda *xs: jnp.sum(w * case.jax(*xs)), argnums=wrt)
        value, slopes = both(*map(jnp.asarray, args))
        found["JAX"] = [np.asarray(value), *map(np.asarray, slopes)]
    if case.torch is not None:
        torch = peers.torch()
        given = [torch.tensor(x, requires_grad=True) for x in args]
        total = (torch.tensor(w) * case.torch(*given)).sum()
        parts = torch.autograd.grad(total, given)
        found["PyTorch"] = [total.detach().numpy(), *(p.numpy() for p in parts)]
    moved = [x * (1 + STEP * rng.choice([-1, 1], x.shape)) for x in args]
    value, slopes = bp.value_and_grad(model, argnums=wrt, target="numpy", cache=False)(*moved)
    found["moved"] = [np.asarray(value), *map(np.asarray, slopes)]
    return found


def others(case: cases.Case, seed: int) -> list[str]:
    """Return where a function differs from a peer by more than its condition allows."""
    args = case.draw(np.random.default_rng([seed, len(case.name)]))
    found = gradients(case, args)
    lines = []
    for who in ("JAX", "PyTorch"):
        for k, (own, other) in enumerate(zip(found["ours"], found.get(who, ()), strict=False)):
            size = np.max(np.abs(own), initial=0.0)
            moved = np.max(np.abs(found["moved"][k] - own), initial=0.0) / STEP
            bound = BOUND * EPS * (size + moved + np.max(np.abs(found["ours"][0])))
            apart = np.max(np.abs(own - other), initial=0.0)
            if not apart <= bound:
                part = "value" if k == 0 else f"gradient {k - 1}"
                shapes = ", ".join(str(x.shape) for x in args)
                lines.append(f"{case.name} {shapes}: {part} is {apart:.2e} off {who}'s")
    return lines


# Reports


def page(defects: Sequence[Defect]) -> Iterator[str]:
    """Yield the lines of the page of the peers' defects."""
    jax, _ = peers.jax()
    yield "# Where the peers are wrong"
    yield ""
    yield (
        f"Written by `python benchmarks/agreement.py --defects docs/peers.md` with JAX "
        f"{jax.__version__} and PyTorch {peers.torch().__version__}, in float64 on a CPU. An error "
        "of more than 100 units in the last place times the condition of the problem, where "
        "mpmath's value is a normal number; for each the worst of some 50 points."
    )
    yield ""
    yield "| function | of | peer | at | it gives | error in ulp |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for d in defects:
        error = "wrong" if d.error > FAR else f"{d.error:.0f}"
        yield f"| `{d.function}` | {d.part} | {d.peer} | {d.point} | {d.found:.6g} | {error} |"


def main() -> int:
    """Compare, print, and return 1 where there is a mismatch of ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--defects", type=Path, help="the page that is written")
    parser.add_argument("--draws", type=int, default=3, help="random shapes of each function")
    parser.add_argument("--only", default="", help="functions whose name contains this")
    parser.add_argument("--walk", choices=("both", "elementwise", "others"), default="both")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    misses: list[str] = []
    defects: list[Defect] = []
    names = [name for name in REFERENCES if chosen.only in name and chosen.walk != "others"]
    for name in names:
        found, wrong = elementwise(name)
        misses += found
        defects += wrong
        print(
            f"{name}: {found or 'right'}",
            *(f"; {d.peer} {d.part} {d.error:.3g}" for d in wrong),
            flush=True,
        )
    rest = cases.CASES if chosen.walk != "elementwise" else ()
    others_of = [case for case in rest if chosen.only in case.name]
    for case in others_of:
        for seed in range(chosen.draws):
            found = others(case, seed)
            misses += found
            for line in found:
                print(line, flush=True)
    if chosen.defects is not None:
        chosen.defects.write_text("\n".join(page(defects)) + "\n", encoding="utf-8")
    print(
        f"{len(names)} elementwise operations and {len(others_of)} other functions on "
        f"{chosen.draws} shapes: {len(misses)} mismatches; {len(defects)} defects of peers"
    )
    return 1 if misses else 0


if __name__ == "__main__":
    raise SystemExit(main())
