"""Declare the ops that do no work: parameters, constants, lengths and counting arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.ir.dims import Size
from bpcompile.ir.op import Kind, Level, Op, call, declare, pattern
from bpcompile.ir.type import AnyType, DType, TapeType, TupleType, Type


def _typed_by_builder(*_: AnyType, **__: Any) -> AnyType:
    """Refuse inference: the builder gives these ops their type."""
    raise TypeError("the type of this op is given when it is built")


def _filled(shape: tuple[int, ...], dtype: str, value: float) -> Any:
    """Return an array of one value."""
    return np.full(shape, value, dtype=dtype)


param = declare(
    Op(
        "param",
        Kind.LEAF,
        infer=_typed_by_builder,
        evaluate=_typed_by_builder,
        derivative="none",
        doc="A parameter of the graph; attribute `name`.",
    )
)

const = declare(
    Op(
        "const",
        Kind.LEAF,
        infer=_typed_by_builder,
        evaluate=lambda shape, dtype, value: _filled(shape, dtype, value),
        derivative="zero",
        doc="The number `value` at every index of its type.",
    )
)

table = declare(
    Op(
        "table",
        Kind.LEAF,
        infer=_typed_by_builder,
        evaluate=lambda shape, dtype, values: np.array(values, dtype=dtype).reshape(shape),
        derivative="zero",
        doc="A small constant array: `values` is a tuple of numbers in C order, at most 16.",
    )
)

dim = declare(
    Op(
        "dim",
        Kind.LEAF,
        infer=_typed_by_builder,
        evaluate=lambda shape, dtype, size: _filled(shape, dtype, size),
        derivative="zero",
        doc="The length `size` as an i64 scalar.",
    )
)


def _infer_iota(*, shape: tuple[Size, ...], axis: int) -> Type:
    """Return the type of the counting array."""
    return Type(DType.I64, shape)


def _iota(shape: tuple[int, ...], dtype: str, axis: int) -> Any:
    """Return the index along `axis` at each place."""
    return np.broadcast_to(
        np.arange(shape[axis], dtype=dtype).reshape([-1] + [1] * (len(shape) - axis - 1)), shape
    )


iota = declare(
    Op(
        "iota",
        Kind.LEAF,
        infer=_infer_iota,
        evaluate=_iota,
        derivative="zero",
        doc="The index along `axis` at each place of its type, as i64.",
    )
)


def _infer_item(operand: AnyType, *, index: int) -> Type | TapeType:
    """Return the type of one of several results."""
    assert isinstance(operand, TupleType)
    return operand.items[index]


item = declare(
    Op(
        "item",
        Kind.LEAF,
        infer=_infer_item,
        evaluate=lambda values, index: values[index],
        derivative="none",
        doc="Result number `index` of an op with several results.",
    )
)

empty = declare(
    Op(
        "empty",
        Kind.LEAF,
        infer=_typed_by_builder,
        evaluate=lambda shape, dtype: _filled(shape, dtype, 0),
        derivative="zero",
        doc="An array of which every element is written before it is read.",
    )
)

copy = declare(
    Op(
        "copy",
        Kind.ELEMENTWISE,
        infer=lambda x: x,
        evaluate=lambda x: np.array(x),
        partials=(lambda y, x: 1,),
        finite=True,
        linear=(0,),
        numba=pattern("{0}", Level.CONDITION, Level.CONDITION),
        numpy=call("np.array"),
        math=pattern("{0}", Level.CONDITION, Level.CONDITION),
        doc="The operand in an array of its own.",
    )
)
