"""List what reads, writes and orders entries."""

from __future__ import annotations

import numpy as np

from benchmarks import peers
from benchmarks.agreements.words import Case, alike, apart, on

torch = peers.torch()

APART = apart("nm")
GRID = on("57")
AT = np.array([0, 3, 3, 4])
PLACES = np.array([[0, 2, 1], [4, 0, 0]])
TRUTHS = np.array([True, False, True, True, False])
STEPS = np.array([-1.5, -0.5, 0.2, 1.1])


def written(m, x, v, at, how):
    """Return a copy of x with v written into places, or added to them, in the words of each."""
    if hasattr(x, "at"):
        return x.at[at].set(v) if how == "set" else x.at[at].add(v)
    y = m.copy(x)
    if how == "set":
        y[at] = v
    else:
        m.add.at(y, at, v)
    return y


CASES: tuple[Case, ...] = (
    Case("take", lambda m, x: m.take(x, AT, axis=0), GRID,
         lambda x: x.index_select(0, torch.tensor(AT))),
    Case("take, flat", lambda m, x: m.take(x, PLACES), GRID, lambda x: x.ravel()[PLACES]),
    Case("indices", lambda m, x: x[AT, 1:6:2] * x[::-1][AT, 1:6:2], GRID,
         lambda x: x[AT, 1:6:2] * x.flip(0)[AT, 1:6:2], lambda m, x: x[AT, 1:6:2] * x[::-1][AT,
         1:6:2]),
    Case("indices, mixed", lambda m, x: x[PLACES, None, ..., 2], on("5n7"),
         lambda x: x[PLACES, None, ..., 2]),
    Case("indices, truths", lambda m, x: x[TRUTHS], GRID, lambda x: x[TRUTHS]),
    Case("indices, a row", lambda m, x: x[-2] * x[1, ::-1], GRID,
         lambda x: x[-2] * x[1].flip(0)),
    Case("writes", lambda m, x, v: written(m, x, v, (slice(1, 4), 2), "set"), on("57 3"),
         lambda x, v: torch.select_scatter(x, torch.cat([x[:1, 2], v, x[4:, 2]]), 1, 2)),
    Case("writes, added", lambda m, x, v: written(m, x, v, AT, "add"), on("57 47"),
         lambda x, v: x.index_add(0, torch.tensor(AT), v)),
    Case("take_along_axis", lambda m, x: m.take_along_axis(x, PLACES, 1), on("25"),
         lambda x: torch.take_along_dim(x, torch.tensor(PLACES), 1)),
    Case("compress", lambda m, x: m.compress(TRUTHS, x, axis=0), GRID, lambda x: x[TRUTHS],
         lambda m, x: m.compress(TRUTHS, x, axis=0, size=3)),
    Case("extract", lambda m, x: m.extract(TRUTHS, x), on("5"), lambda x: x[TRUTHS],
         lambda m, x: m.extract(TRUTHS, x, size=3)),
    Case("delete", lambda m, x: m.delete(x, 2, axis=0), GRID,
         lambda x: torch.cat([x[:2], x[3:]])),
    Case("insert", lambda m, x, v: m.insert(x, 2, v, axis=0), on("57 7"),
         lambda x, v: torch.cat([x[:2], v[None], x[2:]])),
    *(Case(f"{name}, axis {axis}", lambda m, x, name=name, axis=axis: getattr(m, name)(x,
         axis=axis),
           APART, (lambda x, axis=axis: torch.sort(x, axis)[0]) if name == "sort" else None)
      for name in ("sort",) for axis in (0, 1)),
    Case("sort, all", lambda m, x: m.sort(x, axis=None), APART, lambda x: x.ravel().sort()[0]),
    Case("sort, ties", lambda m, x: m.sort(m.round(x), axis=0), on("66"),
         lambda x: torch.sort(torch.round(x), dim=0, stable=True)[0], slopes=False),
    Case("partition", lambda m, x: m.partition(x, 2, axis=0)[2], apart("5m"),
         lambda x: torch.kthvalue(x, 3, 0)[0]),
    Case("argpartition", lambda m, x: m.argpartition(x, 2, axis=0)[2], apart("5m"),
         lambda x: torch.kthvalue(x, 3, 0)[1], slopes=False),
    *alike("argsort", APART, axis=0, slopes=False),
    Case("argsort, stable", lambda m, x: m.argsort(m.round(x), axis=1, kind="stable"), on("66"),
         lambda x: torch.argsort(torch.round(x), dim=1, stable=True), lambda m, x: m.argsort(
             m.round(x), axis=1), slopes=False),
    Case("lexsort", lambda m, x, y: m.lexsort((y, m.round(x))), apart("6 6"), slopes=False),
    Case("searchsorted", lambda m, x: m.searchsorted(STEPS, x), on("nm", -3, 3),
         lambda x: torch.searchsorted(torch.tensor(STEPS, dtype=x.dtype), x), slopes=False),
    Case("searchsorted, right", lambda m, x: m.searchsorted(m.sort(x), STEPS, side="right"),
         on("6", -3, 3),
         lambda x: torch.searchsorted(x.sort()[0], torch.tensor(STEPS, dtype=x.dtype), right=True),
         slopes=False),
    Case("digitize", lambda m, x: m.digitize(x, STEPS), on("nm", -3, 3),
         lambda x: torch.bucketize(x, torch.tensor(STEPS, dtype=x.dtype), right=True),
         slopes=False),
    Case("isin", lambda m, x: m.isin(m.round(x), np.array([1.0, 2.0])), on("nm", -3, 3),
         lambda x: torch.isin(torch.round(x), torch.tensor([1.0, 2.0], dtype=x.dtype)),
         slopes=False),
    Case("bincount", lambda m, x: m.bincount(AT, weights=x, minlength=6), on("4"),
         lambda x: torch.bincount(torch.tensor(AT), x, 6),
         lambda m, x: m.bincount(AT, weights=x, minlength=6, length=6), slopes=False, single=False),
    Case("bincount, slopes", lambda m, x: m.bincount(AT, weights=x, minlength=6), on("4"),
         None, lambda m, x: m.bincount(AT, weights=x, minlength=6, length=6), single=False),
    Case("ravel_multi_index", lambda m, x: m.ravel_multi_index(
        (m.argmax(x, axis=0), m.argmin(x, axis=0)), (5, 5)), apart("5m"), None,
         lambda m, x: m.ravel_multi_index((m.argmax(x, axis=0), m.argmin(x, axis=0)), (5, 5),
                                          mode="clip"), slopes=False),
    Case("unravel_index", lambda m, x: m.unravel_index(m.argmax(x), (5, 4)), apart("54"),
         lambda x: list(torch.unravel_index(x.argmax(), (5, 4))), slopes=False),
    *alike("tril_indices_from triu_indices_from diag_indices_from", on("nn"), torch=False,
           slopes=False),
    Case("interp", lambda m, x, y: m.interp(x, STEPS, y), on("n 4", -2, 2)),
    Case("interp, places", lambda m, x, p, y: m.interp(x, m.cumsum(p), y), on("n 4 4", 0.2, 1.9)),
    # Those that write into their argument
    Case("put_along_axis", lambda m, x, v: put(m, x, v), on("25 21"),
         lambda x, v: x.scatter(1, torch.tensor([[3], [0]]), v)),
    Case("fill_diagonal", lambda m, x: filled(m, x), on("44"),
         lambda x: x * x - torch.diag(torch.diag(x * x)) + 0.5 * torch.eye(4, dtype=x.dtype)),
    Case("place", lambda m, x: placed(m, x, "place"), on("5"),
         lambda x: torch.where(torch.tensor(TRUTHS), 0.5, x * x)),
    Case("putmask", lambda m, x: placed(m, x, "putmask"), on("5"),
         lambda x: torch.where(torch.tensor(TRUTHS), 0.5, x * x), jax=False),
    Case("put", lambda m, x: replaced(m, x), on("6"),
         lambda x: (x * x).index_fill(0, torch.tensor([1, 4]), 0.5)),
    Case("copyto", lambda m, x, y: copied(m, x, y), on("nm m"), lambda x, y: y + 0 * x, jax=False),
)  # fmt: skip


def put(m, x, v):
    """Return x with v at places along an axis."""
    at = np.array([[3], [0]])
    if hasattr(x, "at"):
        return m.put_along_axis(x, at, v, axis=1, inplace=False)
    y = m.copy(x)
    m.put_along_axis(y, at, v, axis=1)
    return y


def filled(m, x):
    """Return the square of each entry, with a half on the diagonal."""
    y = x * x
    if hasattr(x, "at"):
        return m.fill_diagonal(y, 0.5, inplace=False)
    m.fill_diagonal(y, 0.5)
    return y


def placed(m, x, name):
    """Return the square of each entry, with a half where a mask is true."""
    y = x * x
    if hasattr(x, "at"):
        return m.place(y, TRUTHS, np.array([0.5]), inplace=False)
    getattr(m, name)(y, TRUTHS, [0.5] if name == "place" else 0.5)
    return y


def replaced(m, x):
    """Return the square of each entry, with a half at two places."""
    y = x * x
    if hasattr(x, "at"):
        return m.put(y, np.array([1, 4]), 0.5, inplace=False)
    m.put(y, np.array([1, 4]), 0.5)
    return y


def copied(m, x, y):
    """Return a copy of x over which y is written."""
    z = m.copy(x)
    m.copyto(z, y)
    return z
