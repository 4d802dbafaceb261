"""Let statements use a row of their own in the place of an array that others use too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from bpcompile.ir.dims import Size
from bpcompile.ir.type import DType
from bpcompile.schedule.statements import (
    Apply,
    Check,
    CheckedIndex,
    Expression,
    Fold,
    For,
    If,
    Index,
    Lit,
    Load,
    Move,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
)


def renamed(statements: Sequence[Statement], rows: Mapping[Var, Var], row: Size) -> list[Statement]:
    """Return statements that use the row number `row` of other arrays, those that `rows` names.

    They are such as `accesses` looks into, and touch these arrays element by element.
    """
    if not rows:
        return list(statements)
    return [_statement(statement, rows, row) for statement in statements]


def _statement(statement: Statement, rows: Mapping[Var, Var], row: Size) -> Statement:
    """Return one statement and all below it."""

    def value_of(value: Expression) -> Expression:
        return _expression(value, rows, row)

    match statement:
        case Set(value=value):
            return dataclasses.replace(statement, value=value_of(value))
        case Store(array=array, index=index, value=value):
            target = _load(Load(array, index), rows, row)
            return dataclasses.replace(
                statement, array=target.array, index=target.index, value=value_of(value)
            )
        case Fold(target=target, value=value):
            if isinstance(target, Load):
                target = _load(target, rows, row)
            return dataclasses.replace(statement, target=target, value=value_of(value))
        case CheckedIndex(value=value):
            return dataclasses.replace(statement, value=value_of(value))
        case Check(condition=condition, values=values):
            return dataclasses.replace(
                statement,
                condition=value_of(condition),
                values=tuple(value_of(value) for value in values),
            )
        case Move(values=values):
            return dataclasses.replace(statement, values=[value_of(value) for value in values])
        case For(lower=lower, upper=upper, body=body):
            return dataclasses.replace(
                statement,
                lower=value_of(lower),
                upper=value_of(upper),
                body=renamed(body, rows, row),
            )
        case If(condition=condition, then=then, otherwise=otherwise):
            return dataclasses.replace(
                statement,
                condition=value_of(condition),
                then=renamed(then, rows, row),
                otherwise=renamed(otherwise, rows, row),
            )
    return statement


def _expression(value: Expression, rows: Mapping[Var, Var], row: Size) -> Expression:
    """Return one expression, which is as deep as a line of code may be."""
    match value:
        case Load():
            return _load(value, rows, row)
        case Apply(node=node, args=args):
            return Apply(node, tuple(_expression(arg, rows, row) for arg in args))
    return value


def _load(load: Load, rows: Mapping[Var, Var], row: Size) -> Load:
    """Return an element of an array, or of its row."""
    own = rows.get(load.array.itself())
    return load if own is None else Load(own, (row, *load.index))


def each_element(shape: Sequence[Size], write: Callable[[Index], Statement]) -> Statement:
    """Return the loops that do something at each index of an array."""
    counters = [Var("i", DType.I64, ours=True) for _ in shape]
    nest = write(tuple(counter.size for counter in counters))
    for counter, length in zip(reversed(counters), reversed(shape), strict=True):
        nest = For(counter, Lit(0, DType.I64), SizeValue(length), [nest])
    return nest
