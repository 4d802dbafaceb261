"""Hold lowered values: arrays that have an axis for each index of a sum that they depend on.

``x[i] * y[j]`` inside sums over i and j is an array with the axes of i and j. The axes of indices
come first, in the order in which the indices were bound; a value's own axes (those of a matrix, or
of an array given for a symbol) follow and broadcast as NumPy's do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.frontend.elementwise import as_float, counting
from bpcompile.frontend.lift import lift
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import DType, Type
from bpcompile.ops.shape import broadcast_to, reshaped

# NumPy's names for ops that are called otherwise.
_OTHER_NAMES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "negative": "neg",
    "absolute": "abs",
}
_SCALAR = Type(DType.F64)


class Index(NamedTuple):
    """Hold the range of an index: `length` places from `start` on. `number` tells ranges apart."""

    number: int
    start: Size
    length: Size


class Value(NamedTuple):
    """Hold a lowered expression and the indices that its first axes belong to.

    `minus` is the value of which this is the negative, and `inverse` that of which it is the
    reciprocal, where the expression was written so: sums and products then subtract and divide.
    """

    tracer: Tracer
    axes: tuple[Index, ...] = ()
    minus: Value | None = None
    inverse: Value | None = None


def number(value: Any) -> Value:
    """Return a constant."""
    return Value(lift(value))


def length_value(size: Size) -> Value:
    """Return a length as a real number."""
    if isinstance(size, int):
        return number(float(size))
    frame = current()
    frame.mark()
    return Value(as_float(Tracer(frame.dim(size), weak=True)))


def index_value(index: Index) -> Value:
    """Return what an index is at each place of its axis, as a real number."""
    frame = current()
    frame.mark()
    places = as_float(Tracer(counting(frame, (index.length,)), weak=True))
    value = Value(places, (index,))
    return value if index.start == 0 else call("add", value, length_value(index.start))


def own_rank(value: Value) -> int:
    """Return the number of axes that belong to no index."""
    return value.tracer.ndim - len(value.axes)


def call(rule: str, *values: Value) -> Value:
    """Return what the rule of a NumPy function makes of values, each place by itself.

    What is made of numbers and lengths alone never widens float32, be it an array or not.
    """
    found = _of_scalars(rule, values)
    if found is not None:
        return found
    tracers, axes = aligned(values)
    tracer: Tracer = RULES[rule](*tracers)
    tracer.weak = all(t.weak for t in tracers if t.expr.dtype is not DType.BOOL)
    return Value(tracer, axes)


def _of_scalars(rule: str, values: Sequence[Value]) -> Value | None:
    """Return what an op makes of float64 scalars, by a short way; None for anything else.

    Nothing broadcasts and nothing is converted: most nodes of most expressions.
    """
    op = _op_of(rule)
    frame = current()
    if op is None:
        return None
    exprs = [value.tracer.expr for value in values]
    for expr in exprs:
        if expr.node.type != _SCALAR or expr.builder is not frame.builder:
            return None
    frame.mark()
    found = frame.builder.apply(op, exprs, {})
    weak = found.dtype is DType.F64 and all(value.tracer.weak for value in values)
    return Value(Tracer(found, weak))


@functools.cache
def _op_of(rule: str) -> Op | None:
    """Return the elementwise op that the rule of a NumPy function is on floats, if it is one."""
    op = OPS.get(_OTHER_NAMES.get(rule, rule.removeprefix("special.")))
    return op if op is not None and op.kind is Kind.ELEMENTWISE else None


def folded(rule: str, values: Sequence[Value]) -> Value:
    """Return what a rule of two operands makes of several, from the left."""
    found = values[0]
    for value in values[1:]:
        found = call(rule, found, value)
    return found


def aligned(values: Sequence[Value]) -> tuple[list[Tracer], tuple[Index, ...]]:
    """Return the arrays with the same index axes in front, and these.

    Arrays that depend on no index and are scalars stay so.
    """
    axes = values[0].axes
    if all(value.axes == axes for value in values):
        rank = max(own_rank(value) for value in values)
        if not axes or all(own_rank(value) == rank for value in values):
            return [value.tracer for value in values], axes
    axes = tuple(sorted({index for value in values for index in value.axes}))
    rank = max(own_rank(value) for value in values)
    return [_spread(value, axes, rank) for value in values], axes


def _spread(value: Value, axes: tuple[Index, ...], rank: int) -> Tracer:
    """Return an array with all the index axes, and own axes of length 1 up to a rank."""
    tracer = value.tracer
    if not tracer.ndim:
        return tracer
    frame = current()
    frame.mark()
    kept = len(value.axes)
    own = tracer.sizes[kept:]
    padded = (*tracer.sizes[:kept], *(1,) * (rank - len(own)), *own)
    expr = reshaped(frame.expr(tracer.expr), padded)
    places = [axes.index(index) for index in value.axes]
    places += range(len(axes), len(axes) + rank)
    shape = (*(index.length for index in axes), *padded[kept:])
    return Tracer(broadcast_to(expr, shape, tuple(places)), tracer.weak)


def over_index(op: Callable[..., Any], value: Value, indices: Sequence[Index]) -> Value:
    """Return what a reduction makes of the axes of indices."""
    places = tuple(k for k, index in enumerate(value.axes) if index in indices)
    kept = tuple(index for index in value.axes if index not in indices)
    return Value(op(value.tracer, axis=places), kept)


def stacked(values: Sequence[Value], shape: tuple[int, ...]) -> Value:
    """Return an array of values that depend on no index, in C order; own axes come last."""
    if not values:
        return Value(lift(np.zeros(shape)))
    tracers = [value.tracer for value in values]
    if any(tracer.ndim for tracer in tracers):
        tracers = RULES["broadcast_arrays"](*tracers)
    found: Tracer = RULES["stack"](tracers)
    return Value(RULES["reshape"](found, (*shape, *found.shape[1:])))
