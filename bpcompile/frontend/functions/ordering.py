"""Answer the functions that sort: sort, argsort, median, quantile, searchsorted and their like.

Sorting gathers by the places that ``argsort`` finds, so its derivative is that of the gathering.
What is made of other NumPy functions is written in them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.elementwise import as_float, cast, promoted
from bpcompile.frontend.functions.axes import one_axis, some_axes
from bpcompile.frontend.functions.reductions import require_elements
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType


def _keys(a: Any, axis: Any) -> tuple[Tracer, int]:
    """Return what is to be sorted along which axis; None sorts all elements as a vector."""
    x: Any = lift(a)
    if axis is None:
        return RULES["ravel"](x), 0
    return x, one_axis(axis, x.ndim, x)


def _refuse_order(function: str, order: Any, rest: dict[str, Any]) -> None:
    """Refuse what arrays without fields do not have; every sort is stable."""
    rest.pop("stable", None)
    kind = rest.pop("kind", None)
    if kind not in (None, "quicksort", "mergesort", "heapsort", "stable", "quick", "heap"):
        raise UnsupportedError(
            f"kind={kind!r} of np.{function}{where()}: write 'stable', which every sort here is"
        )
    refuse_keywords(function, {"order": order, **rest}, order=None)


@rule("argsort")
def argsort(a: Any, axis: Any = -1, *, order: Any = None, **_: Any) -> Tracer:
    """Return the places of the elements in ascending order, NaN last; equal ones keep theirs."""
    _refuse_order("argsort", order, _)
    x, along = _keys(a, axis)
    frame = current()
    frame.mark()
    value = frame.expr(x.expr)
    if value.dtype is DType.BOOL:
        value = cast(value, DType.I64)
    return Tracer(OPS["argsort"](value, axis=along))


@rule("sort")
def sort(a: Any, axis: Any = -1, *, order: Any = None, **_: Any) -> Any:
    """Return the elements in ascending order, NaN last."""
    _refuse_order("sort", order, _)
    x, along = _keys(a, axis)
    return RULES["take_along_axis"](x, argsort(x, along), along)


@rule("ndarray.sort")
def sort_in_place(self: Tracer, axis: Any = -1, **_: Any) -> None:
    """Put an array in ascending order."""
    RULES["__assign__"](self, sort(self, axis, **_).expr)


@rule("partition")
def partition(a: Any, kth: Any, axis: Any = -1, *, order: Any = None, **_: Any) -> Any:
    """Return the elements sorted, which puts each `kth` where NumPy's partition would."""
    _places_in_range(a, kth, axis)
    return sort(a, axis, order=order, **_)


@rule("argpartition")
def argpartition(a: Any, kth: Any, axis: Any = -1, *, order: Any = None, **_: Any) -> Tracer:
    """Return the places of the sorted elements, which are a partition at each `kth`."""
    _places_in_range(a, kth, axis)
    return argsort(a, axis, order=order, **_)


def _places_in_range(a: Any, kth: Any, axis: Any) -> None:
    """Refuse a place that is known to lie outside."""
    x, along = _keys(a, axis)
    if lift(kth).expr.dtype is not DType.I64:
        raise TypeMismatchError(f"kth of np.partition is {kth!r}{where()}: write an int")
    for place in np.atleast_1d(kth) if not isinstance(kth, Tracer) else ():
        size, sizes = x.sizes[along], current().session.sizes
        inside = sizes.decide(size, ">", int(place), "np.partition") and (
            place >= 0 or sizes.decide(size, ">=", -int(place), "np.partition")
        )
        if not inside:
            raise ShapeError(
                f"kth={place} is out of range for {describe(x)} of {size} places{where()}: write a "
                "smaller one"
            )


# Medians and quantiles


def _rows(a: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """Return floats with the folded axes as one axis behind the others, and those axes."""
    x: Any = as_float(a)
    axes = some_axes(axis, x.ndim, x)
    require_elements(x, axes, "quantile")
    kept = [k for k in range(x.ndim) if k not in axes]
    moved = np.transpose(x, (*kept, *axes))
    return np.reshape(moved, (*(x.shape[k] for k in kept), -1)), axes


def _with_axes(found: Any, axes: tuple[int, ...], keepdims: bool, lead: int = 0) -> Any:
    """Return a result with the folded axes as axes of length 1, if they are kept."""
    return np.expand_dims(found, tuple(lead + k for k in axes)) if keepdims else found


@rule("median")
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    """Return the middle element, or the mean of the two in the middle; NaN beside a NaN."""
    refuse_keywords("median", {"out": out}, out=None)
    del overwrite_input  # a traced argument is never changed
    rows, axes = _rows(a, axis)
    ordered, count = sort(rows), rows.shape[-1]
    middle = 0.5 * ordered[..., (count - 1) // 2] + 0.5 * ordered[..., count // 2]
    last = ordered[..., -1]
    return _with_axes(np.where(np.isnan(last), last, middle), axes, keepdims)


@rule("nanmedian")
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    """Return the median of what is a number."""
    return nanquantile(a, 0.5, axis, out, overwrite_input, keepdims=keepdims)


class _Method(NamedTuple):
    """Place a quantile among n elements: at n q + alpha + q (1 - alpha - beta), less 1."""

    alpha: float
    beta: float


# R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", 1996, the continuous ones.
_METHODS = {
    "linear": _Method(1, 1),
    "interpolated_inverted_cdf": _Method(0, 1),
    "hazen": _Method(0.5, 0.5),
    "weibull": _Method(0, 0),
    "median_unbiased": _Method(1 / 3, 1 / 3),
    "normal_unbiased": _Method(3 / 8, 3 / 8),
}
_ROUNDED = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}


@rule("quantile")
def quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, **_: Any,
) -> Any:  # fmt: skip
    """Return the elements below which the shares `q` of all lie, between elements by a line."""
    refuse_keywords("quantile", {"out": out, **_}, out=None, weights=None)
    del overwrite_input  # a traced argument is never changed
    rows, axes = _rows(a, axis)
    ordered = sort(rows)
    found = _quantile(ordered, q, rows.shape[-1], method)
    missing = np.isnan(ordered[..., -1])
    return _with_axes(np.where(missing, np.nan, found), axes, keepdims, np.ndim(q))


@rule("nanquantile")
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, **_: Any,
) -> Any:  # fmt: skip
    """Return the quantiles of what is a number, NaN where nothing is."""
    refuse_keywords("nanquantile", {"out": out, **_}, out=None, weights=None)
    del overwrite_input
    rows, axes = _rows(a, axis)
    count = np.sum(~np.isnan(rows), axis=-1)
    found = np.where(count > 0, _quantile(sort(rows), q, count, method), np.nan)
    return _with_axes(found, axes, keepdims, np.ndim(q))


def _quantile(ordered: Any, q: Any, count: Any, method: str) -> Any:
    """Return the quantiles of the first `count` elements of sorted rows, the shares' axes first."""
    if not isinstance(q, Tracer) and not np.all((np.asarray(q) >= 0) & (np.asarray(q) <= 1)):
        raise ShapeError(f"q={q} of np.quantile{where()}: write shares between 0 and 1")
    share: Any = as_float(q)
    lead, weak = share.ndim, share.weak
    share = np.reshape(share, (*share.shape, *(1,) * (ordered.ndim - 1)))
    place = _place_of(share, count, method)
    below = np.clip(np.floor(place), 0, count - 1)
    above = np.clip(below + 1, 0, count - 1)
    step = np.clip(place - below, 0, 1)
    if weak:  # a plain number as the share leaves float32 elements what they are
        step = step.astype(ordered.dtype)
    low, high = (_taken(ordered, k, lead) for k in (below, above))
    found = np.where(step < 0.5, low + (high - low) * step, high - (high - low) * (1 - step))
    return np.where(step == 0, low, found)


def _taken(ordered: Any, place: Any, lead: int) -> Any:
    """Return the elements of rows at places whose first axes are not those of the rows."""
    kept = ordered.shape[:-1]
    places = np.broadcast_to(place, (*place.shape[:lead], *kept)).astype(int)
    flat = np.moveaxis(np.reshape(places, (-1, *kept)), 0, -1)
    found = np.take_along_axis(ordered, np.maximum(flat, 0), axis=-1)
    return np.reshape(np.moveaxis(found, -1, 0), places.shape)


def _place_of(share: Any, count: Any, method: str) -> Any:
    """Return where among the sorted elements a quantile stands, counted from 0."""
    if method in _ROUNDED:
        return _ROUNDED[method](share * (count - 1))
    if method == "midpoint":
        place = share * (count - 1)
        return 0.5 * (np.floor(place) + np.ceil(place))
    if method not in _METHODS:
        near = ", ".join((*_METHODS, *_ROUNDED, "midpoint"))
        raise UnsupportedError(
            f"method={method!r} of np.quantile is not known for traced values{where()}: write one "
            f"of {near}"
        )
    alpha, beta = _METHODS[method]
    if (alpha, beta) == (1, 1):
        return share * (count - 1)
    return count * share + (alpha + share * (1 - alpha - beta)) - 1


@rule("percentile")
def percentile(a: Any, q: Any, *args: Any, **keywords: Any) -> Any:
    """Return quantiles at hundredths."""
    return quantile(a, _hundredths(q), *args, **keywords)


@rule("nanpercentile")
def nanpercentile(a: Any, q: Any, *args: Any, **keywords: Any) -> Any:
    """Return quantiles of what is a number at hundredths."""
    return nanquantile(a, _hundredths(q), *args, **keywords)


def _hundredths(q: Any) -> Any:
    """Return a share given in hundredths; a plain number stays one, which widens nothing."""
    return q / 100 if type(q) in (int, float) else np.divide(q, 100)


# Places in a sorted vector


@rule("searchsorted")
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Return where values belong in a sorted vector."""
    if side not in ("left", "right"):
        raise TypeMismatchError(
            f"side={side!r} of np.searchsorted{where()}: write 'left' or 'right'"
        )
    table, values = lift_all((a, v))
    if table.ndim != 1:
        raise ShapeError(f"np.searchsorted in {describe(table)}{where()}: give a sorted vector")
    if sorter is not None:
        table = RULES["take"](table, sorter)
    frame = current()
    frame.mark()
    dtype = promoted((table, values))
    flat = RULES["ravel"](values)
    operands = [cast(frame.expr(x.expr), dtype) for x in (table, flat)]
    found = Tracer(OPS["searchsorted"](*operands, right=side == "right"))
    return RULES["reshape"](found, values.shape)


@rule("digitize")
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """Return in which of the bins values lie, whose edges rise or fall."""
    edges: Any = lift(bins)
    side = "left" if right else "right"
    rising = searchsorted(edges, x, side)
    falling = edges.shape[0] - searchsorted(edges[::-1], x, side)
    return np.where(edges[0] <= edges[-1], rising, falling)


@rule("interp")
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, **_: Any) -> Any:
    """Return the values at `x` of the lines through the points (xp, fp), in float64 as NumPy."""
    refuse_keywords("interp", _, period=None)
    xs, ys, x = (RULES["astype"](lift(value), np.float64) for value in (xp, fp, x))
    for value in (xs, ys):
        if value.ndim != 1:
            raise ShapeError(f"np.interp of {describe(value)}{where()}: give vectors of points")
    if not current().session.sizes.decide(xs.sizes[0], "==", ys.sizes[0], "np.interp"):
        raise ShapeError(
            f"np.interp through {describe(xs)} and {describe(ys)}{where()}: give as many values "
            "as places"
        )
    count = xs.shape[0]
    require_elements(xs, (0,), "interp")
    end = np.clip(searchsorted(xs, x, "right"), 1, count - 1) if count > 1 else 0
    start = end - 1 if count > 1 else 0
    width = xs[end] - xs[start]
    slope = (ys[end] - ys[start]) / np.where(width == 0, 1, width)
    found = np.where(x == xs[end], ys[end], ys[start] + slope * (x - xs[start]))
    found = np.where(x < xs[0], ys[0] if left is None else left, found)
    found = np.where(x > xs[-1], ys[-1] if right is None else right, found)
    return np.where(np.isnan(x), x, found)
