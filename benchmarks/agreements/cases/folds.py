"""List reductions, running folds and what is made of them, along axes of random arrays."""

from __future__ import annotations

import numpy as np

from benchmarks import peers
from benchmarks.agreements.cases.elementwise import truths, wholes
from benchmarks.agreements.words import Case, alike, apart, on, same

torch = peers.torch()

CUBE = on("bnm")
GRID = on("nm")
APART = apart("bnm")
KEPT = {"axis": (0, 2), "keepdims": True}
MASK = np.array([True, False, True, True])


def beside_nan(rng: np.random.Generator) -> list[np.ndarray]:
    """Return numbers apart from each other, with a NaN in each column but not in each row."""
    (x,) = apart("55")(rng)
    x[rng.permutation(5), np.arange(5)] = np.nan
    return [x]


CASES: tuple[Case, ...] = (
    *alike("sum prod mean max min var std", CUBE, torch=False),
    *alike("sum mean", CUBE, how="two axes", **KEPT),
    *alike("amax amin", APART, how="two axes", **KEPT),
    *alike("prod max min var std", APART, torch=False, how="two axes", **KEPT),
    *alike("sum mean cumsum cumprod", CUBE, axis=1, how="an axis"),
    *alike("prod", CUBE, axis=-1, how="an axis"),
    *alike("sum prod mean", CUBE, axis=0, torch=False, how="axis 0"),
    Case("sum, where", lambda m, x: m.sum(x, axis=1, where=MASK), on("n4"),
         lambda x: (x * torch.tensor(MASK)).sum(1)),
    Case("mean, where", lambda m, x: m.mean(x, axis=1, where=MASK), on("n4"),
         lambda x: x[:, MASK].mean(1)),
    Case("max, where", lambda m, x: m.max(x, axis=1, where=MASK, initial=-1.0), apart("n4")),
    Case("prod, initial", lambda m, x: m.prod(x, axis=0, initial=3.0), GRID,
         lambda x: 3 * x.prod(0)),
    Case("var, ddof", lambda m, x: m.var(x, axis=0, ddof=1), GRID, lambda x: torch.var(x, 0)),
    Case("std, keepdims", lambda m, x: m.std(x, axis=1, keepdims=True), GRID,
         lambda x: torch.std(x, 1, correction=0, keepdim=True)),
    Case("max, ties", lambda m, x: m.max(m.maximum(x, 0.5), axis=0), GRID,
         lambda x: torch.amax(torch.maximum(x, torch.full_like(x, 0.5)), 0), slopes=False),
    Case("ptp", lambda m, x: m.ptp(x, axis=1), APART, lambda x: x.amax(1) - x.amin(1)),
    Case("average", lambda m, x, w: m.average(x, axis=1, weights=w + 3), on("nm m"),
         lambda x, w: (x * (w + 3)).sum(1) / (w + 3).sum()),
    same("median", APART), same("median", APART, axis=1, how="an axis"), same("median", GRID,
         axis=0, how="axis 0"),
    *(same(f, APART, q, axis=1, how=f"of {q}") for f, q in (
        ("quantile", 0.3), ("percentile", 30.0), ("quantile", 0.95))),
    same("quantile", GRID, 0.3, axis=1, torch=lambda x: torch.quantile(x, 0.3, 1)),
    *(same("quantile", APART, 0.41, axis=0, method=kind, how=kind,
           torch=lambda x, kind=kind: torch.quantile(x, 0.41, 0, interpolation=kind))
      for kind in ("lower", "higher", "nearest", "midpoint", "linear")),
    Case("quantile, several", lambda m, x: m.quantile(x, np.array([0.1, 0.5, 0.77]), axis=0), GRID,
         lambda x: torch.quantile(x, torch.tensor([0.1, 0.5, 0.77], dtype=x.dtype), 0),
         single=False),
    *alike("nansum nanmean", beside_nan, axis=0, how="beside NaN"),
    *alike("nanmax nanmin nanprod nanvar nanstd nanmedian nancumsum nancumprod", beside_nan,
           axis=0, torch=False, how="beside NaN"),
    same("nanquantile", beside_nan, 0.3, axis=0, how="beside NaN",
         torch=lambda x: torch.nanquantile(x, 0.3, 0)),
    same("nanpercentile", beside_nan, 30.0, axis=0, how="beside NaN"),
    *alike("nanargmax nanargmin", beside_nan, axis=0, torch=False, slopes=False),
    *alike("cumsum cumprod", on("nm"), axis=0, how="axis 0"),
    *alike("cumulative_sum cumulative_prod", CUBE, axis=1, torch=False),
    same("cumulative_sum", CUBE, axis=1, include_initial=True, how="from 0"),
    same("diff", GRID, torch=""), same("diff", CUBE, n=2, axis=0, torch=lambda x: x.diff(2, 0),
                                       how="twice"),
    same("ediff1d", GRID),
    Case("gradient", lambda m, x: m.gradient(x, 0.5, axis=0), on("4m"),
         lambda x: torch.gradient(x, spacing=0.5, dim=0)[0]),
    Case("gradient, all axes", lambda m, x: m.gradient(x), on("45"),
         lambda x: list(torch.gradient(x))),
    Case("trapezoid", lambda m, y, x: m.trapezoid(y, x), on("nm m"), torch.trapezoid),
    Case("trapezoid, even", lambda m, y: m.trapezoid(y, dx=0.3, axis=0), on("nm"),
         lambda y: torch.trapezoid(y, dx=0.3, dim=0)),
    Case("cov", lambda m, x: m.cov(x), GRID, torch.cov),
    Case("cov, columns", lambda m, x: m.cov(x, rowvar=False, ddof=0), GRID,
         lambda x: torch.cov(x.mT, correction=0)),
    Case("corrcoef", lambda m, x: m.corrcoef(x), on("n6"), torch.corrcoef),
    *alike("any all", truths("nm"), axis=1, slopes=False),
    *alike("argmax argmin", APART, axis=1, slopes=False),
    *alike("argmax argmin", APART, slopes=False, how="all"),
    *alike("count_nonzero", wholes_one := (lambda rng: wholes(rng)[:1]), slopes=False),
    same("count_nonzero", wholes_one, axis=1, torch=lambda x: torch.count_nonzero(x, 1),
         slopes=False, how="an axis"),
)  # fmt: skip
