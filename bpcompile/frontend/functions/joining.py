"""Answer the functions that put arrays together: concatenate, stack and their like.

They write their parts into an array of zeros with ``update``, which a schedule does in place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError
from bpcompile.frontend.elementwise import cast, promoted, under_shape
from bpcompile.frontend.functions.axes import at_axis, one_axis, whole_number
from bpcompile.frontend.lift import lift, lift_all, required_dtype
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import Slice, whole


def parts_of(arrays: Any, function: str) -> list[Tracer]:
    """Return the arrays to put together.

    Raises `ShapeError` where there are none.
    """
    parts = lift_all(arrays)
    if not parts:
        raise ShapeError(f"np.{function} of nothing{where()}: give at least one array")
    return parts


def _joined_dtype(parts: Sequence[Tracer], dtype: Any) -> DType:
    """Return the dtype of parts put together."""
    return promoted(parts) if dtype is None else required_dtype(dtype)


def join(frame: Frame, parts: Sequence[Expr], axis: int, shape: tuple[Size, ...]) -> Expr:
    """Return parts of one dtype written one behind the other along an axis."""
    frame.mark()
    result = frame.const(0, Type(parts[0].dtype, shape))
    start: Size = 0
    for part in parts:
        length = part.shape[axis]
        if not _is_zero(part):
            spec = tuple(
                Slice(start, 1, length) if k == axis else whole(n) for k, n in enumerate(shape)
            )
            result = OPS["update"](result, part, spec=spec)
        start = start + length
    return result


def _is_zero(part: Expr) -> bool:
    """Tell whether a part is what the array holds already; -0.0 is not."""
    if part.node.op.name != "const":
        return False
    value = part.node.attrs["value"]
    return value == 0 and math.copysign(1.0, value) > 0


@rule("concatenate", "concat")
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, **_: Any
) -> Tracer:
    """Return arrays one behind the other along an axis."""
    refuse_keywords("concatenate", {"out": out, **_}, out=None, casting="same_kind")
    parts = parts_of(arrays, "concatenate")
    if axis is None:
        parts, axis = [RULES["ravel"](part) for part in parts], 0
    if len(parts) == 1 and dtype is None:
        return Tracer(parts[0].expr, parts[0].weak)
    first = parts[0]
    place = one_axis(axis, first.ndim, first)
    for other in parts[1:]:
        _require_same(first, other, skipped=place)
    frame = current()
    frame.mark()
    wanted = _joined_dtype(parts, dtype)
    exprs = [cast(frame.expr(part.expr), wanted) for part in parts]
    total: Size = 0
    for expr in exprs:
        total = total + expr.shape[place]
    shape = tuple(total if k == place else n for k, n in enumerate(exprs[0].shape))
    return Tracer(join(frame, exprs, place, shape))


def _require_same(first: Tracer, other: Tracer, skipped: int | None = None) -> None:
    """Check that two shapes agree, apart from one axis."""
    sizes = current().session.sizes
    fit = first.ndim == other.ndim and all(
        k == skipped or sizes.equal(n, m)
        for k, (n, m) in enumerate(zip(first.sizes, other.sizes, strict=True))
    )
    if not fit:
        raise ShapeError(
            f"{describe_part(first)} and {describe_part(other)} cannot be put together{where()}: "
            "their shapes must agree" + ("" if skipped is None else f" but for axis {skipped}")
        )


def describe_part(part: Tracer) -> str:
    """Return a part's name and type."""
    name = part.expr.node.name
    return f"`{name}` ({part.type})" if name else str(part.type)


@rule("stack")
def stack(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, **_: Any) -> Tracer:
    """Return arrays of one shape side by side along a new axis."""
    refuse_keywords("stack", {"out": out, **_}, out=None, casting="same_kind")
    parts = parts_of(arrays, "stack")
    return stacked(parts, axis, _joined_dtype(parts, dtype))


def stacked(parts: Sequence[Tracer], axis: Any, dtype: DType) -> Tracer:
    """Return values of one shape side by side along a new axis."""
    first = parts[0]
    for other in parts[1:]:
        _require_same(first, other)
    frame = current()
    frame.mark()
    place = one_axis(axis, first.ndim + 1, first)
    exprs = []
    for part in parts:
        expr = cast(frame.expr(part.expr), dtype)
        exprs.append(under_shape(expr, (*expr.shape[:place], 1, *expr.shape[place:])))
    own = exprs[0].shape
    shape = (*own[:place], len(parts), *own[place + 1 :])
    return Tracer(exprs[0] if len(parts) == 1 else join(frame, exprs, place, shape))


@rule("hstack")
def hstack(tup: Any, *, dtype: Any = None, **_: Any) -> Tracer:
    """Return arrays one behind the other along the second axis, vectors along their only one."""
    refuse_keywords("hstack", _, casting="same_kind")
    parts = [RULES["atleast_1d"](part) for part in parts_of(tup, "hstack")]
    return concatenate(parts, axis=0 if parts[0].ndim == 1 else 1, dtype=dtype)


@rule("vstack", "row_stack")
def vstack(tup: Any, *, dtype: Any = None, **_: Any) -> Tracer:
    """Return arrays one below the other, vectors as rows."""
    refuse_keywords("vstack", _, casting="same_kind")
    parts = [RULES["atleast_2d"](part) for part in parts_of(tup, "vstack")]
    return concatenate(parts, axis=0, dtype=dtype)


@rule("column_stack")
def column_stack(tup: Any) -> Tracer:
    """Return arrays side by side, vectors as columns."""
    parts = [
        RULES["expand_dims"](part, 1) if part.ndim == 1 else part
        for part in parts_of(tup, "column_stack")
    ]
    return concatenate([RULES["atleast_2d"](part) for part in parts], axis=1)


@rule("append")
def append(arr: Any, values: Any, axis: Any = None) -> Tracer:
    """Return two arrays one behind the other."""
    return concatenate((arr, values), axis=axis)


@rule("split")
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Tracer]:
    """Return an array cut along an axis: into equal parts, or at places."""
    x = lift(ary)
    place = one_axis(axis, x.ndim, x)
    if not isinstance(indices_or_sections, int):
        return _cut(x, place, indices_or_sections)
    count = indices_or_sections
    known = current().session.sizes.concrete(x.sizes[place])
    if count < 1 or known % count:
        raise ShapeError(
            f"axis {place} of {describe(x)} has length {known} and cannot be cut into {count} "
            f"equal parts{where()}: write np.array_split, or name the places, as in [2, 5]"
        )
    return _cut(x, place, range(known // count, known, max(known // count, 1)))


@rule("array_split")
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Tracer]:
    """Return an array cut along an axis: into parts that differ by at most one, or at places."""
    x = lift(ary)
    place = one_axis(axis, x.ndim, x)
    if not isinstance(indices_or_sections, int):
        return _cut(x, place, indices_or_sections)
    whole_number(indices_or_sections, "the number of parts of np.array_split", 1)
    known = current().session.sizes.concrete(x.sizes[place])
    size, longer = divmod(known, indices_or_sections)
    return _cut(x, place, [size * k + min(k, longer) for k in range(1, indices_or_sections)])


def _cut(x: Tracer, place: int, cuts: Iterable[Any]) -> list[Tracer]:
    """Return the pieces of an array between places along an axis."""
    edges = [None, *cuts, None]
    return [at_axis(x, place, slice(start, stop)) for start, stop in pairwise(edges)]


@rule("block")
def block(arrays: Any) -> Any:
    """Return nested lists of blocks as one array."""
    depth, inner = 0, arrays
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    return _blocks(arrays, depth, depth)


def _blocks(part: Any, depth: int, left: int) -> Any:
    """Return the blocks of one level joined, the innermost level along the last axis."""
    if not isinstance(part, list):
        x: Any = lift(part)
        return np.reshape(x, (*(1,) * max(depth - x.ndim, 0), *x.shape))
    return np.concatenate([_blocks(p, depth, left - 1) for p in part], axis=-left)
