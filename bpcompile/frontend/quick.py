"""Append elementwise operations fast where there is nothing to decide.

Most operations of a long scalar model have operands of one shape whose dtypes have been seen
together before. For those the general path of `frontend.elementwise` would find again what it found
the first time; here one look-up gives it. Anything else is left to that path (a None).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Op
from bpcompile.ir.type import DType, Type

Key = tuple[Any, ...]


class Plan(NamedTuple):
    """Hold what a function does with operands of certain dtypes.

    `dtypes` has what numbers become; traced operands have theirs already.
    """

    op: Op
    dtypes: tuple[DType, ...]
    result: DType
    weak: bool


_plans: dict[Key, Plan] = {}
_types: dict[tuple[DType, tuple[Size, ...]], Type] = {}
_MOST_TYPES = 4096
_INT64 = 2**63


def key_of(name: str, values: Sequence[Any]) -> Key | None:
    """Return what decides the plan for operands, or None where there can be none."""
    key: list[Any] = [name]
    for value in values:
        kind = type(value)
        if kind is Tracer:
            key.append(value.expr.node.type.dtype)
            key.append(value.weak)
        elif kind is float or (kind is int and -_INT64 <= value < _INT64):
            key.append(kind)
        else:
            return None
    return tuple(key)


def remember(key: Key | None, values: Sequence[Any], plan: Plan) -> None:
    """Keep a plan, unless a traced operand would have to be converted."""
    if key is None or key in _plans:
        return
    for value, dtype in zip(values, plan.dtypes, strict=True):
        if type(value) is Tracer and value.expr.dtype is not dtype:
            return
    _plans[key] = plan


def quick(key: Key | None, values: Sequence[Any]) -> Tracer | None:
    """Append an operation whose plan is known, or return None."""
    plan = _plans.get(key) if key is not None else None
    if plan is None:
        return None
    frame = current()
    if not frame.session.sizes.settled:
        return None
    shape: tuple[Size, ...] | None = None
    builder = frame.builder
    for value in values:
        if type(value) is Tracer:
            if value.expr.builder is not builder:
                return None
            own = value.expr.node.shape
            if shape is None:
                shape = own
            elif shape is not own and shape != own:
                return None
    if shape is None:
        return None
    frame.mark()
    nodes = tuple(
        value.expr.node if type(value) is Tracer else _number(frame, value, dtype, shape)
        for value, dtype in zip(values, plan.dtypes, strict=True)
    )
    expr = builder.node(plan.op, nodes, {}, _type(plan.result, shape))
    return Tracer(expr, plan.weak and not shape)


def _number(frame: Frame, value: float, dtype: DType, shape: tuple[Size, ...]) -> Node:
    """Return the constant of a Python number, which was perhaps made before."""
    key = (type(value), value, dtype, shape)
    found = frame.numbers.get(key)
    if found is None:
        made: Expr = frame.const(value, _type(dtype, shape))
        found = made.node
        if value and value == value:  # 0.0 equals -0.0, and NaN nothing
            frame.numbers[key] = found
    return found


def _type(dtype: DType, shape: tuple[Size, ...]) -> Type:
    """Return the type, the same object each time."""
    found = _types.get((dtype, shape))
    if found is None:
        if len(_types) > _MOST_TYPES:
            _types.clear()
        found = _types[dtype, shape] = Type(dtype, shape)
    return found
