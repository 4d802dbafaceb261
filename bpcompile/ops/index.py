"""Declare reading and writing at indices: ``index``, ``update`` and ``accumulate``.

All three share one form of index. `spec` has one entry per axis of the indexed array:

* `Slice(start, step, length)` takes `length` places from `start` on; `step` may be negative.
* `At(k)` takes the places that index operand k names: an i64 scalar, which drops the axis, or an
  i64 array. All index arrays of one op have the same shape, and its axes stand in the result where
  the first of them stands in `spec`.

Run-time indices count from the front and from the back, as in NumPy; one out of range is an
IndexError. The transpose of ``index`` is ``accumulate`` into zeros. ``accumulate`` adds repeated
indices up, as `np.add.at` does; on bool arrays it is a logical or.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.attributes import record
from bpcompile.ir.dims import Size, product
from bpcompile.ir.op import OPS, Kind, Op, declare
from bpcompile.ir.type import DType, Type
from bpcompile.ops.shape import broadcast_to, filled, zeros_like

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr
    from bpcompile.ir.graph import Node


@record
class Slice(NamedTuple):
    """Take `length` places from `start` on, `step` apart."""

    start: Size
    step: int
    length: Size


@record
class At(NamedTuple):
    """Take the places that index operand number `operand` names."""

    operand: int


Spec = tuple[Slice | At, ...]


def whole(length: Size) -> Slice:
    """Return the slice that takes all of an axis."""
    return Slice(0, 1, length)


def is_static(spec: Spec) -> bool:
    """Tell whether an index is made of slices alone."""
    return all(isinstance(entry, Slice) for entry in spec)


def indexed_shape(spec: Spec, indices: tuple[Type, ...]) -> tuple[Size, ...]:
    """Return the shape of what an index takes."""
    shape: list[Size] = []
    placed = False
    for entry in spec:
        if isinstance(entry, Slice):
            shape.append(entry.length)
        elif indices[entry.operand].rank and not placed:
            shape.extend(indices[entry.operand].shape)
            placed = True
    return tuple(shape)


def _check(x: Type, spec: Spec, indices: tuple[Type, ...]) -> None:
    """Check that an index fits an array type."""
    shapes = {t.shape for t in indices if t.rank}
    used = {entry.operand for entry in spec if isinstance(entry, At)}
    if len(spec) != x.rank or len(shapes) > 1 or used != set(range(len(indices))):
        raise CompileError(f"index {spec} with {indices} into {x}")
    if any(t.dtype is not DType.I64 for t in indices):
        raise CompileError(f"index operands {indices} must be i64")


def _infer_index(x: Type, *indices: Type, spec: Spec) -> Type:
    """Return the type of what an index takes."""
    _check(x, spec, indices)
    return x.with_shape(indexed_shape(spec, indices))


def _infer_write(x: Type, value: Type, *indices: Type, spec: Spec) -> Type:
    """Return the type of the written array."""
    _check(x, spec, indices)
    if value != x.with_shape(indexed_shape(spec, indices)):
        raise CompileError(f"write of {value} at {spec} with {indices} into {x}")
    return Type(x.dtype, x.shape)


def numpy_index(spec: Any, indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the open-mesh NumPy index, whose axes stand where the op's result has them.

    Every entry becomes an integer array shaped to its own axes of the result, so that NumPy's
    rule about where index axes go never applies.
    """
    index_rank = max((np.ndim(i) for i in indices), default=0)
    axes: list[tuple[int, ...]] = []
    rank, group = 0, None
    for entry in spec:
        if isinstance(entry, Slice):
            axes.append((rank,))
            rank += 1
        elif np.ndim(indices[entry.operand]):
            if group is None:
                group = tuple(range(rank, rank + index_rank))
                rank += index_rank
            axes.append(group)
        else:
            axes.append(())
    result = []
    for entry, own in zip(spec, axes, strict=True):
        if isinstance(entry, Slice):
            start, step, length = map(int, entry)  # type: ignore[arg-type]  # sizes are known here
            values = start + step * np.arange(length)
        else:
            values = np.asarray(indices[entry.operand])
        spread = [1] * rank
        for axis, length in zip(own, values.shape, strict=True):
            spread[axis] = length
        result.append(values.reshape(spread))
    return tuple(result)


def _index(x: Any, *indices: Any, spec: Any) -> Any:
    """Read at an index."""
    return np.asarray(x)[numpy_index(spec, indices)]


def _update(x: Any, value: Any, *indices: Any, spec: Any) -> Any:
    """Return a copy with places replaced."""
    result = np.array(x)
    result[numpy_index(spec, indices)] = value
    return result


def _accumulate(x: Any, value: Any, *indices: Any, spec: Any) -> Any:
    """Return a copy with values added at places, repeated ones too."""
    result = np.array(x)
    add = np.logical_or if result.dtype == bool else np.add
    add.at(result, numpy_index(spec, indices), value)
    return result


def _none(indices: tuple[Expr, ...]) -> tuple[None, ...]:
    """Return no cotangent for the index operands."""
    return (None,) * len(indices)


def _index_vjp(g: Expr, y: Expr, x: Expr, *indices: Expr, spec: Spec) -> tuple[Any, ...]:
    """Add the cotangent up at the places it was read from."""
    return (accumulate(zeros_like(x), g, *indices, spec=spec), *_none(indices))


def _index_mask(where: Expr | None, x: Expr, *indices: Expr, spec: Spec) -> tuple[Any, ...]:
    """Activate the places that were read."""
    if all(entry == whole(n) for entry, n in zip(spec, x.shape, strict=True)):
        return (where, *_none(indices))
    if where is None:
        where = filled(x, True, indexed_shape(spec, tuple(i.type for i in indices)))
    return (accumulate(filled(x, False, x.shape), where, *indices, spec=spec), *_none(indices))


def _update_vjp(g: Expr, y: Expr, x: Expr, value: Expr, *indices: Expr, spec: Spec) -> Any:
    """Pass the cotangent of written places to the value, and of the others to the array.

    Of values that are written to one place only the last one counts.
    """
    taken = index(g, *indices, spec=spec)
    last = _written_last(x, indices, spec)
    return (
        update(g, zeros_like(value), *indices, spec=spec),
        taken if last is None else OPS["select"](last, taken, zeros_like(taken)),
        *_none(indices),
    )


def _written_last(x: Expr, indices: tuple[Expr, ...], spec: Spec) -> Expr | None:
    """Return which elements of a written value no later one overwrites; None where all stay.

    The numbers of the elements are written as the elements are, and read again: an element whose
    number is still there has not been overwritten.
    """
    arrays = [i for i in indices if i.shape]
    if not arrays or any(_is_distinct(i.node) for i in arrays):
        return None
    axes = [k for k, e in enumerate(spec) if isinstance(e, At) and indices[e.operand].shape]
    places = tuple(At(k) for k in range(len(axes)))
    numbers = _numbers(arrays[0])
    blank = x.builder.const(0, Type(DType.I64, tuple(x.shape[k] for k in axes)))
    ordered = [indices[entry.operand] for k in axes if isinstance(entry := spec[k], At)]
    written = update(blank, numbers, *ordered, spec=places)
    last = OPS["equal"](index(written, *ordered, spec=places), numbers)
    first = sum(isinstance(entry, Slice) for entry in spec[: axes[0]])
    shape = indexed_shape(spec, tuple(i.type for i in indices))
    return broadcast_to(last, shape, tuple(range(first, first + len(last.shape))))


def _numbers(like: Expr) -> Expr:
    """Return the number of each element of an array in C order."""
    total: Expr | None = None
    for axis in range(len(like.shape)):
        attrs = {"shape": like.shape, "axis": axis}
        counted = like.builder.node(OPS["iota"], (), attrs, Type(DType.I64, like.shape))
        stride = like.builder.dim(product(like.shape[axis + 1 :]))
        part = counted * broadcast_to(stride, like.shape, ())
        total = part if total is None else total + part
    assert total is not None
    return total


def _is_distinct(index: Node) -> bool:
    """Tell whether an index array plainly names no place twice: it counts, or is a known one."""
    match index.op.name:
        case "iota":
            return index.array_type.rank == 1
        case "table":
            values = index.attrs["values"]
            return len(set(values)) == len(values) and min(values, default=0) >= 0
        case "add" | "sub":
            counts = [arg.op.name == "iota" and arg.array_type.rank == 1 for arg in index.args]
            even = [arg.op.name in ("const", "broadcast") for arg in index.args]
            return (counts[0] and even[1]) or (counts[1] and even[0])
    return False


def _update_mask(where: Expr | None, x: Expr, value: Expr, *indices: Expr, spec: Spec) -> Any:
    """Deactivate the overwritten places of the array."""
    whole_array = filled(x, True, x.shape) if where is None else where
    return (
        update(whole_array, filled(x, False, value.shape), *indices, spec=spec),
        where and index(where, *indices, spec=spec),
        *_none(indices),
    )


index = declare(
    Op(
        "index",
        Kind.INDEX,
        infer=_infer_index,
        evaluate=_index,
        vjp=_index_vjp,
        mask=_index_mask,
        linear=(0,),
        doc="Read the places that `spec` names.",
    )
)

update = declare(
    Op(
        "update",
        Kind.INDEX,
        infer=_infer_write,
        evaluate=_update,
        vjp=_update_vjp,
        mask=_update_mask,
        linear=(0, 1),
        doc="The first operand with the second written at the places that `spec` names.",
    )
)

accumulate = declare(
    Op(
        "accumulate",
        Kind.INDEX,
        infer=_infer_write,
        evaluate=_accumulate,
        vjp=lambda g, y, x, value, *indices, spec: (
            g,
            index(g, *indices, spec=spec),
            *_none(indices),
        ),
        mask=lambda where, x, value, *indices, spec: (
            where,
            where and index(where, *indices, spec=spec),
            *_none(indices),
        ),
        linear=(0, 1),
        doc="The first operand with the second added at the places that `spec` names.",
    )
)
