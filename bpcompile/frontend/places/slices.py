"""Work out what a slice takes of an axis: its start, step and length."""

from __future__ import annotations

from typing import Any

from bpcompile.errors import ShapeError, TraceError
from bpcompile.frontend.lengths.length import is_length, size_of_length
from bpcompile.frontend.lengths.runtime import size_of
from bpcompile.frontend.lengths.sizes import Sizes
from bpcompile.frontend.origins import quoted, where
from bpcompile.frontend.session import Frame
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, floor_div
from bpcompile.ir.type import DType
from bpcompile.ops.index import Slice


def slice_entry(frame: Frame, x: Tracer, size: Size, part: slice) -> Slice | tuple[Expr, Size]:
    """Return what a slice takes of an axis.

    That is a `Slice`; or, where the start is a traced value that is no length but the slice's
    length is known, as in ``x[i:i + 3]``, the start and the length.
    """
    sizes = frame.session.sizes
    step = _step(sizes, part.step)
    if isinstance(part.start, Tracer) and isinstance(part.stop, Tracer) and step == 1:
        length = _constant_difference(frame, part.start, part.stop)
        if length is not None and _bound(frame, part.start) is None:
            return frame.expr(part.start.expr), length
    start = _known_bound(frame, x, part.start)
    stop = _known_bound(frame, x, part.stop)
    reason = quoted() or describe(x)
    if step > 0:
        first = _clipped(sizes, 0 if start is None else start, size, 0, size, reason)
        last = _clipped(sizes, size if stop is None else stop, size, 0, size, reason)
        return _made(sizes, first, step, _count(sizes, last - first, step, reason))
    first = _clipped(sizes, size - 1 if start is None else start, size, -1, size - 1, reason)
    last = -1 if stop is None else _clipped(sizes, stop, size, -1, size - 1, reason)
    return _made(sizes, first, step, _count(sizes, first - last, -step, reason))


def _made(sizes: Sizes, first: Size, step: int, length: Size) -> Slice:
    """Return a slice; one that takes nothing starts inside, whatever its bounds."""
    first, length = sizes.resolve(first), sizes.resolve(length)
    return Slice(first, step, length) if length != 0 else Slice(0, 1, 0)


def _step(sizes: Sizes, step: Any) -> int:
    """Return the step of a slice as an int."""
    if step is None:
        return 1
    if not is_length(step):
        raise TraceError(f"the step of a slice must be a known int{where()}: write one")
    value = sizes.concrete(size_of_length(step))
    if value == 0:
        raise ShapeError(f"the step of a slice is zero{where()}: write 1 or more, or -1 or less")
    return value


def _bound(frame: Frame, bound: Any) -> Size | None:
    """Return a bound as a size, or None where it is a traced value that is no length."""
    if is_length(bound):
        return size_of_length(bound)
    if isinstance(bound, Tracer) and not bound.ndim and bound.expr.dtype is DType.I64:
        return size_of(frame, bound)
    return None


def _known_bound(frame: Frame, x: Tracer, bound: Any) -> Size | None:
    """Return a bound as a size; None where it is left out.

    Raises `TraceError` for a traced value that is no length.
    """
    if bound is None:
        return None
    found = _bound(frame, bound)
    if found is None:
        given = describe(bound) if isinstance(bound, Tracer) else repr(bound)
        raise TraceError(
            f"a slice of {describe(x)} up to {given} has a length that is not known while the "
            f"function is traced{where()}: choose with np.where(np.arange(n) < k, x, 0.0), read "
            "x[i:i + 3] for a known length, or name the bound in static_argnames"
        )
    return found


def _constant_difference(frame: Frame, start: Tracer, stop: Tracer) -> Size | None:
    """Return the length of ``x[i:i + k]``: k, where `stop` is written as `start` plus it."""
    node = frame.expr(stop.expr).node
    first = frame.expr(start.expr).node
    if node.op.name == "add":
        for one, other in (node.args, node.args[::-1]):
            if one is first and other.op.name == "const":
                return max(int(other.attrs["value"]), 0)
            if one is first and other.op.name == "dim":
                size: Size = other.attrs["size"]
                return size
    return None


def _clipped(sizes: Sizes, bound: Size, size: Size, low: Size, high: Size, reason: str) -> Size:
    """Return a bound counted from the front and kept between `low` and `high`."""
    if not sizes.decide(bound, ">=", 0, reason):
        bound = bound + size
        if not sizes.decide(bound, ">=", low, reason):
            return low
    return bound if sizes.decide(bound, "<=", high, reason) else high


def _count(sizes: Sizes, distance: Size, step: int, reason: str) -> Size:
    """Return the number of places in a distance, at this step."""
    if not sizes.decide(distance, ">=", 0, reason):
        return 0
    return floor_div(distance + (step - 1), step)
