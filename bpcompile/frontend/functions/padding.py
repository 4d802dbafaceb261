"""Answer np.pad: constants, edges, ramps, statistics, and the array itself seen in mirrors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.functions.axes import at_axis
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type
from bpcompile.ops.index import Slice


@rule("pad")
def pad(array: Any, pad_width: Any, mode: Any = "constant", **rest: Any) -> Any:
    """Return an array with more places around it, filled as a mode says."""
    x: Any = lift(array)
    widths = _widths(x, pad_width)
    fill = _PADDING.get(mode) if isinstance(mode, str) else None
    if fill is None:
        raise UnsupportedError(
            f"np.pad with mode={mode!r} is not known for traced values{where()}: write one of "
            f"{', '.join(_PADDING)}"
        )
    if mode == "constant" and _is_number(rest.get("constant_values", 0)):
        refuse_keywords("pad", {k: v for k, v in rest.items() if k != "constant_values"})
        return _surrounded(x, widths, rest.get("constant_values", 0))
    for axis, (before, behind) in enumerate(widths):
        if before or behind:
            x = fill(x, axis, before, behind, rest)
    return x


def _is_number(value: Any) -> bool:
    """Tell whether a value is one known number."""
    return not isinstance(value, Tracer) and np.ndim(value) == 0


def _surrounded(x: Tracer, widths: list[tuple[int, int]], number: float) -> Tracer:
    """Return an array written into a larger one of one number."""
    frame = current()
    frame.mark()
    value = frame.expr(x.expr)
    shape = tuple(n + sum(width) for n, width in zip(value.shape, widths, strict=True))
    spec = tuple(Slice(w[0], 1, n) for n, w in zip(value.shape, widths, strict=True))
    whole = np.asarray(number).astype(x.dtype).item()
    return Tracer(OPS["update"](frame.const(whole, Type(value.dtype, shape)), value, spec=spec))


def _widths(x: Any, given: Any) -> list[tuple[int, int]]:
    """Return how many places are added before and behind each axis."""
    if isinstance(given, dict):
        given = [given.get(k, given.get(k - x.ndim, 0)) for k in range(x.ndim)]
        given = [(w, w) if np.ndim(w) == 0 else tuple(w) for w in given]
    if isinstance(given, Tracer) or np.asarray(given).dtype.kind not in "iu":
        raise TypeMismatchError(f"pad_width of np.pad{where()}: write ints that are known")
    widths = np.broadcast_to(np.asarray(given), (x.ndim, 2))
    if (widths < 0).any():
        raise ShapeError(f"pad_width={given} of np.pad{where()}: write no negative widths")
    return [(int(a), int(b)) for a, b in widths]


def _pair(value: Any, axis: int, rank: int) -> tuple[Any, Any]:
    """Return the values for the two ends of an axis."""
    if isinstance(value, Tracer) or np.ndim(value) == 0:
        return value, value
    before, behind = np.broadcast_to(np.asarray(value, dtype=object), (rank, 2))[axis]
    return before, behind


def _block(x: Any, axis: int, count: int, value: Any) -> Any:
    """Return places of one value."""
    shape = tuple(count if k == axis else n for k, n in enumerate(x.shape))
    return np.broadcast_to(lift(value).astype(x.dtype), shape)


def _joined(axis: int, *parts: Any) -> Any:
    """Return parts one behind the other, those without places left out."""
    kept = [part for part in parts if part is not None]
    return np.concatenate(kept, axis=axis) if len(kept) > 1 else kept[0]


def _constant(x: Any, axis: int, before: int, behind: int, rest: dict[str, Any]) -> Any:
    """Pad with numbers."""
    refuse_keywords("pad", {k: v for k, v in rest.items() if k != "constant_values"})
    first, last = _pair(rest.get("constant_values", 0), axis, x.ndim)
    return _joined(
        axis,
        _block(x, axis, before, first) if before else None,
        x,
        _block(x, axis, behind, last) if behind else None,
    )


def _ramp(x: Any, axis: int, before: int, behind: int, rest: dict[str, Any]) -> Any:
    """Pad with straight lines from the edge to a number."""
    refuse_keywords("pad", {k: v for k, v in rest.items() if k != "end_values"})
    first, last = _pair(rest.get("end_values", 0), axis, x.ndim)
    steps = [1] * x.ndim
    steps[axis] = -1
    left = (np.arange(before) / max(before, 1)).reshape(steps).astype(x.dtype)
    right = (np.arange(behind - 1, -1, -1) / max(behind, 1)).reshape(steps).astype(x.dtype)
    edges = at_axis(x, axis, slice(0, 1)), at_axis(x, axis, slice(-1, None))
    return _joined(
        axis,
        first + (edges[0] - first) * left if before else None,
        x,
        last + (edges[1] - last) * right if behind else None,
    )


def _by_statistic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what pads with a statistic of the places next to each end."""

    def fill(x: Any, axis: int, before: int, behind: int, rest: dict[str, Any]) -> Any:
        refuse_keywords("pad", {k: v for k, v in rest.items() if k != "stat_length"})
        lengths = _pair(rest.get("stat_length"), axis, x.ndim)
        parts = [x, x]
        if lengths[0] is not None:
            parts[0] = at_axis(x, axis, slice(0, int(lengths[0])))
        if lengths[1] is not None:
            count = x.shape[axis]
            parts[1] = at_axis(x, axis, slice(max(count - int(lengths[1]), 0), None))
        values = [function(part, axis=axis, keepdims=True) for part in parts]
        return _joined(
            axis,
            np.repeat(values[0], before, axis=axis) if before else None,
            x,
            np.repeat(values[1], behind, axis=axis) if behind else None,
        )

    return fill


def _by_place(places: Callable[[int, int, int], np.ndarray]) -> Callable[..., Any]:
    """Return what pads with elements of the array itself, whose length becomes known."""

    def fill(x: Any, axis: int, before: int, behind: int, rest: dict[str, Any]) -> Any:
        kind = rest.get("reflect_type", "even")
        refuse_keywords("pad", {k: v for k, v in rest.items() if k != "reflect_type"})
        if kind != "even":
            raise UnsupportedError(f"reflect_type={kind!r} of np.pad{where()}: write 'even'")
        count = current().session.sizes.concrete(x.sizes[axis])
        if not count:
            raise ShapeError(f"np.pad of {describe(x)}, which has no elements{where()}")
        return np.take(x, places(count, before, behind), axis=axis)

    return fill


def _reflected(count: int, before: int, behind: int) -> np.ndarray:
    """Return the places seen in mirrors that stand on the first and last place."""
    period = max(2 * (count - 1), 1)
    around = np.arange(-before, count + behind) % period
    return np.where(around < count, around, period - around)


def _mirrored(count: int, before: int, behind: int) -> np.ndarray:
    """Return the places seen in mirrors that stand beside the first and last place."""
    around = np.arange(-before, count + behind) % (2 * count)
    return np.where(around < count, around, 2 * count - 1 - around)


def _edge(x: Any, axis: int, before: int, behind: int, rest: dict[str, Any]) -> Any:
    """Pad with the first and last element."""
    refuse_keywords("pad", rest)
    return _joined(
        axis,
        np.repeat(at_axis(x, axis, slice(0, 1)), before, axis=axis) if before else None,
        x,
        np.repeat(at_axis(x, axis, slice(-1, None)), behind, axis=axis) if behind else None,
    )


_PADDING: dict[str, Callable[..., Any]] = {
    "constant": _constant,
    "edge": _edge,
    "linear_ramp": _ramp,
    "maximum": _by_statistic(np.max),
    "mean": _by_statistic(np.mean),
    "median": _by_statistic(np.median),
    "minimum": _by_statistic(np.min),
    "reflect": _by_place(_reflected),
    "symmetric": _by_place(_mirrored),
    "wrap": _by_place(lambda n, before, behind: np.arange(-before, n + behind) % n),
}
