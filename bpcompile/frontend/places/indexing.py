"""Read at an index, by NumPy's rules: ints, slices, None, Ellipsis, integer arrays, known masks.

An index is taken apart into one entry per axis. What only slices and known ints name is a static
read; traced ints and integer arrays become operands. Whether a known index fits a length that is
not known is decided by the example and guarded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import OutOfRangeError, TraceError, TypeMismatchError
from bpcompile.frontend.elementwise import broadcast, common_shape, counting, under_shape
from bpcompile.frontend.lengths.length import is_length, size_of_length
from bpcompile.frontend.lift import as_ndarray, lift
from bpcompile.frontend.origins import quoted, where
from bpcompile.frontend.places.masks import mask_of, masked
from bpcompile.frontend.places.memory import view_of
from bpcompile.frontend.places.slices import slice_entry
from bpcompile.frontend.registry import rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe, own_name
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType
from bpcompile.ops.index import At, Slice, Spec, indexed_shape, whole
from bpcompile.ops.shape import transposed


class _Known(NamedTuple):
    """Hold a known place on an axis, which the index drops."""

    place: Size


class _Places(NamedTuple):
    """Hold places that are i64 values of the graph: a scalar or an array.

    `basic` are a run-time int and a slice from one: NumPy gives a view of what they take.
    """

    value: Expr
    basic: bool = False


_Entry = Slice | _Known | _Places


class Place(NamedTuple):
    """Say what an index takes of an array.

    `before` is the shape that the array is given first, `spec` and `operands` are those of the op,
    `taken` the shape of what it takes, `shape` the result's in NumPy, and `order` what its axes
    become, or None where they stay.
    """

    before: tuple[Size, ...]
    spec: Spec
    operands: tuple[Expr, ...]
    taken: tuple[Size, ...]
    order: tuple[int, ...] | None
    shape: tuple[Size, ...]
    is_view: bool  # whether NumPy would give a view

    def read(self, x: Expr) -> Expr:
        """Return what is taken of an array of the current graph."""
        here = self._now()
        x = under_shape(x, here.before)
        if self.operands or any(e != whole(n) for e, n in zip(here.spec, x.shape, strict=True)):
            x = OPS["index"](x, *map(current().expr, self.operands), spec=here.spec)
        if self.order is not None:
            x = transposed(x, self.order)
        return under_shape(x, here.shape)

    def write(self, x: Expr, value: Expr, op: str = "update") -> Expr:
        """Return an array of the current graph with a value at what is taken of it, or added."""
        here = self._now()
        if self.order is not None:
            back = sorted(range(len(self.order)), key=self.order.__getitem__)
            value = transposed(value, tuple(back))
        value = under_shape(value, here.taken)
        inside = under_shape(x, here.before)
        operands = map(current().expr, self.operands)
        written = OPS[op](inside, value, *operands, spec=here.spec)
        return under_shape(written, x.shape)

    def _now(self) -> Place:
        """Return the same place in terms of the lengths as they are known now.

        A view is read again whenever its array is written to, and more may be known by then.
        """
        sizes = current().session.sizes
        if sizes.settled:
            return self
        return Place(
            sizes.resolve_shape(self.before),
            tuple(
                Slice(sizes.resolve(e.start), e.step, sizes.resolve(e.length))
                if isinstance(e, Slice)
                else e
                for e in self.spec
            ),
            self.operands,
            sizes.resolve_shape(self.taken),
            self.order,
            sizes.resolve_shape(self.shape),
            self.is_view,
        )


@rule("__getitem__")
def getitem(x: Tracer, index: Any) -> Tracer:
    """Return the places of `x` that an index names."""
    frame = current()
    frame.mark()
    mask = mask_of(index)
    if mask is not None:
        return masked(frame, x, mask)
    x, index = sliced(x, index)
    place = placed(frame, x, index)
    if place.is_view:
        return view_of(x, place.read, place.write)
    return Tracer(place.read(frame.expr(x.expr)))


def sliced(x: Tracer, index: Any) -> tuple[Tracer, Any]:
    """Return an array and an index of it in which no slice at a run-time start meets other places.

    Each such slice is taken first, since it is an axis of its own: ``x[i:i + 2, j:j + 2]`` is
    ``x[i:i + 2][:, j:j + 2]``.
    """
    if not isinstance(index, tuple):
        return x, index
    moving = [part for part in index if _moves(part)]
    beside = sum(isinstance(p, (Tracer, np.ndarray, list, range)) for p in index) + len(moving)
    if not moving or beside == 1:
        return x, index
    parts = _with_all_axes(x, _without_masks(index))
    axis = 0
    for number, part in enumerate(parts):
        if _moves(part):
            x = getitem(x, (*(slice(None),) * axis, part))
            parts = (*parts[:number], slice(None), *parts[number + 1 :])
        axis += part is not None
    return x, parts


def _moves(part: Any) -> bool:
    """Tell whether an entry of an index is a slice with a traced start."""
    return isinstance(part, slice) and isinstance(part.start, Tracer)


def placed(frame: Frame, x: Tracer, index: Any) -> Place:
    """Return what an index takes of an array.

    Raises `OutOfRangeError`, `TypeMismatchError` or `TraceError` where it takes nothing that is
    known.
    """
    parts = _without_masks(index if isinstance(index, tuple) else (index,))
    parts = _with_all_axes(x, parts)
    sizes = iter(enumerate(x.sizes))
    entries: list[_Entry | None] = [
        None if part is None else _entry(frame, x, *next(sizes), part) for part in parts
    ]
    if any(isinstance(e, _Places) for e in entries):
        lengths = iter(x.sizes)
        before = tuple(1 if entry is None else next(lengths) for entry in entries)
        own = [whole(1) if entry is None else entry for entry in entries]
        return _advanced(frame, before, own)
    return _basic(frame, x.sizes, entries)


def _basic(frame: Frame, before: tuple[Size, ...], entries: list[_Entry | None]) -> Place:
    """Return what ints, slices and new axes take."""
    spec: list[Slice] = []
    shape: list[Size] = []
    for entry in entries:
        if entry is None:
            shape.append(1)
        elif isinstance(entry, _Known):
            spec.append(Slice(entry.place, 1, 1))
        else:
            assert isinstance(entry, Slice)
            spec.append(entry)
            shape.append(entry.length)
    resolve = frame.session.sizes.resolve_shape
    taken = resolve(tuple(entry.length for entry in spec))
    return Place(before, tuple(spec), (), taken, None, resolve(tuple(shape)), True)


def _without_masks(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an index with each known mask replaced by the places where it is true."""
    found: list[Any] = []
    for part in parts:
        if isinstance(part, Tracer) and part.expr.dtype is DType.BOOL:
            raise TraceError(
                f"the mask {_mask_text(part)} gives an array whose length is not known while the "
                f"function is traced{where()}: write np.where(mask, x, 0.0), or sum with it, as in "
                "np.sum(np.where(mask, x, 0.0))"
            )
        if isinstance(part, (bool, np.bool_)):
            raise TypeMismatchError(
                f"{part} as an index is not known{where()}: write None for a new axis"
            )
        if isinstance(part, (list, np.ndarray)) and not _holds_tracer(part):
            array = as_ndarray(part)
            if array.dtype == bool:
                found.extend(np.nonzero(array))
                continue
        found.append(part)
    return tuple(found)


def _mask_text(mask: Tracer) -> str:
    """Return the name of a mask, or the text of the whole index."""
    return f"in `{quoted()}`" if own_name(mask) is None else describe(mask)


def _holds_tracer(part: Any) -> bool:
    """Tell whether a list has a traced value in it."""
    return isinstance(part, list) and any(isinstance(p, Tracer) or _holds_tracer(p) for p in part)


def _with_all_axes(x: Tracer, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an index with an entry for each axis, the ellipsis written out."""
    count = sum(part is not None and part is not Ellipsis for part in parts)
    gaps = [k for k, part in enumerate(parts) if part is Ellipsis]
    if count > x.ndim or len(gaps) > 1:
        text = quoted()
        raise OutOfRangeError(
            f"{f'`{text}`' if text else 'an index'} has {count} entries for {describe(x)} of "
            f"{x.ndim} axes{where()}: write at most {x.ndim}, and one ellipsis"
        )
    rest = (slice(None),) * (x.ndim - count)
    if not gaps:
        return (*parts, *rest)
    gap = gaps[0]
    return (*parts[:gap], *rest, *parts[gap + 1 :])


def _entry(frame: Frame, x: Tracer, axis: int, size: Size, part: Any) -> _Entry:
    """Return one entry of an index."""
    if isinstance(part, slice):
        return _slice(frame, x, size, part)
    if is_length(part):
        return _Known(_place(x, axis, size, size_of_length(part)))
    if isinstance(part, Tracer) and not part.ndim:
        known = part.expr.node
        if known.op.name == "const" and part.expr.dtype is DType.I64:
            return _Known(_place(x, axis, size, int(known.attrs["value"])))
    if isinstance(part, np.ndarray) and part.ndim == 0 and part.dtype.kind in "iu":
        return _Known(_place(x, axis, size, int(part)))
    if not isinstance(part, (Tracer, np.ndarray, list, range)) and not hasattr(part, "__array__"):
        raise TypeMismatchError(
            f"{type(part).__name__} is no index of {describe(x)}{where()}: write an int, a slice, "
            "None, ... or an integer array"
        )
    return _places(frame, x, axis, size, part)


def _places(frame: Frame, x: Tracer, axis: int, size: Size, part: Any) -> _Places:
    """Return integer places as a value, known ones checked against the axis."""
    known = None if isinstance(part, Tracer) or _holds_tracer(part) else as_ndarray(part)
    if known is not None and not known.size:
        known = known.astype(np.int64)  # NumPy reads [] as floats
    places = lift(part if known is None else known)
    if places.expr.dtype is not DType.I64:
        raise TypeMismatchError(
            f"{describe(places)} cannot be an index of {describe(x)}{where()}: convert it with "
            ".astype(int)"
        )
    if known is None:
        _fit_counter(frame, places, size)
        if not places.ndim:
            return _Places(frame.expr(places.expr), True)
    if known is not None and known.size:
        _require(x, axis, size, int(known.max()))
        if known.min() < 0:
            _require(x, axis, size, int(known.min()))
    return _Places(frame.expr(places.expr))


def _fit_counter(frame: Frame, places: Tracer, size: Size) -> None:
    """Let it be known that a loop's counter stays inside an axis: it needs no test then."""
    below = None if places.ndim else frame.below(frame.expr(places.expr).node)
    if below is not None:
        frame.session.sizes.fit(below, size, quoted() or "the index of a loop")


def _place(x: Tracer, axis: int, size: Size, place: Size) -> Size:
    """Return a known place counted from the front, checked against its axis."""
    if isinstance(place, int):
        _require(x, axis, size, place)
        return place if place >= 0 else size + place
    sizes = current().session.sizes
    if not sizes.decide(place, ">=", 0):
        place = size + place
    if not (sizes.decide(place, ">=", 0) and sizes.decide(place, "<", size)):
        raise _out_of_range(x, axis, size, str(place))
    return place


def _require(x: Tracer, axis: int, size: Size, place: int) -> None:
    """Check a known place against its axis, by a guard where its length is not known.

    Raises `OutOfRangeError` where it lies outside.
    """
    least = place + 1 if place >= 0 else -place
    if not current().session.sizes.decide(size, ">=", least, _reason(x)):
        raise _out_of_range(x, axis, size, str(place))


def _reason(x: Tracer) -> str:
    """Return what a guard says of the value that needs it."""
    return quoted() or describe(x)


def _out_of_range(x: Tracer, axis: int, size: Size, place: str) -> OutOfRangeError:
    """Return the error for an index outside its axis."""
    value = current().session.sizes.value(size)
    shown = str(size) if isinstance(size, int) or value is None else f"{size} = {value}"
    return OutOfRangeError(
        f"index {place} is out of range for axis {axis} of {describe(x)} with length {shown}"
        f"{where()}: write one from {-size} to {size - 1}"
    )


def _slice(frame: Frame, x: Tracer, size: Size, part: slice) -> _Entry:
    """Return the entry of a slice; one of known length at a traced start reads at places."""
    found = slice_entry(frame, x, size, part)
    if isinstance(found, Slice):
        return found
    start, length = found
    return _Places(counting(frame, (length,)) + broadcast(start, (length,)), True)


def _advanced(frame: Frame, before: tuple[Size, ...], entries: list[_Entry]) -> Place:
    """Return what an index with places takes, with the axes where NumPy puts them."""
    arrays = [e.value for e in entries if isinstance(e, _Places) and e.value.shape]
    shape = common_shape((a.shape for a in arrays), _index_shapes)
    shape = frame.session.sizes.resolve_shape(shape)
    spec: list[Slice | At] = []
    operands: list[Expr] = []
    for entry in entries:
        if isinstance(entry, Slice):
            spec.append(entry)
            continue
        spec.append(At(len(operands)))
        value = frame.dim(entry.place) if isinstance(entry, _Known) else frame.expr(entry.value)
        operands.append(broadcast(value, shape) if value.shape else value)
    taken = indexed_shape(tuple(spec), tuple(operand.type for operand in operands))
    order = _order(entries, len(taken), len(shape)) if shape else None
    result = taken if order is None else tuple(taken[k] for k in order)
    is_view = all(e.basic for e in entries if isinstance(e, _Places))
    return Place(before, tuple(spec), tuple(operands), taken, order, result, is_view)


def _index_shapes() -> str:
    """Return the beginning of the message about index arrays that do not fit."""
    text = quoted()
    return f"the index arrays in {f'`{text}`' if text else 'an index'}{where()} do not fit together"


def _order(entries: list[_Entry], count: int, rank: int) -> tuple[int, ...] | None:
    """Return how the axes of a result are moved to where NumPy has them; None where they stay.

    Ints count as index arrays beside one. Where the index arrays stand apart, their axes come
    first; else they stand where the first of them stands, an int included.
    """
    advanced = [k for k, e in enumerate(entries) if not isinstance(e, Slice)]
    apart = advanced[-1] - advanced[0] + 1 != len(advanced)
    first_array = next(k for k, e in enumerate(entries) if isinstance(e, _Places) and e.value.shape)
    now = sum(isinstance(e, Slice) for e in entries[:first_array])
    wanted = 0 if apart else sum(isinstance(e, Slice) for e in entries[: advanced[0]])
    if now == wanted:
        return None
    moved = list(range(now, now + rank))
    others = [k for k in range(count) if k not in moved]
    return (*others[:wanted], *moved, *others[wanted:])
