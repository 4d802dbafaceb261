"""Estimate the work of one run of some statements, in additions: a polynomial in the dimensions.

Good to a factor of a few, which is what the decision how often to look for Ctrl-C needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bpcompile.ir.dims import Size, product, size_names, substitute
from bpcompile.schedule.statements import (
    Apply,
    Call,
    Check,
    CopyArray,
    Expression,
    Fill,
    Fold,
    For,
    If,
    Lit,
    Load,
    Move,
    Product,
    Run,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
    While,
)

_UNKNOWN_TRIPS = 16


def effort(statements: Sequence[Statement], shapes: Mapping[Var, tuple[Size, ...]]) -> Size:
    """Return the estimate; `shapes` has those of the arrays."""
    total: Size = 0
    bounds: dict[str, Size] = {}
    stack: list[tuple[Statement, Size]] = [(s, 1) for s in reversed(statements)]
    while stack:
        statement, times = stack.pop()
        match statement:
            case For(var=var, lower=lower, upper=upper, body=body):
                last = _bounded(_size(upper), bounds)
                bounds[var.token] = last
                trips = last - _bounded(_size(lower), bounds)
                stack += [(below, times * trips) for below in reversed(body)]
            case While(test=test, condition=condition, body=body):
                total = total + _UNKNOWN_TRIPS * times * _expressions([condition])
                stack += [(below, _UNKNOWN_TRIPS * times) for below in (*test, *body)]
            case If(condition=condition, then=then, otherwise=otherwise):
                total = total + times * _expressions([condition])
                stack += [(below, times) for below in (*then, *otherwise)]
            case _:
                total = total + times * _single(statement, shapes)
    return total


def _single(statement: Statement, shapes: Mapping[Var, tuple[Size, ...]]) -> Size:
    """Return the work of a statement that has no statements inside."""
    match statement:
        case Set(value=value) | Store(value=value) | Fold(value=value):
            return 1 + _expressions([value])
        case Check(condition=value, values=values):
            return 1 + _expressions([value, *values])
        case Move(values=values):
            return 1 + _expressions(values)
        case Fill(array=array):
            return product(shapes[array])
        case CopyArray(target=target):
            return product(shapes[target])
        case Product(out=out, node=node):
            return 2 * product(shapes[out]) * node.args[0].shape[-1]
        case Call(operands=operands, axis=axis, node=node):
            routine = node.op.routine
            assert routine is not None
            work: Size = routine.work(shapes[operands[0]][axis : axis + routine.ranks[0]])
            return work
    return 1


def _expressions(values: Sequence[Expression]) -> int:
    """Return the work of expressions: that of their ops, and one for each element read."""
    total, stack = 0, list(values)
    while stack:
        value = stack.pop()
        if isinstance(value, Apply):
            total += max(1, round(value.node.op.cost))
            stack += value.args
        elif isinstance(value, Load):
            total += 1
    return total


def _size(bound: Expression) -> Size:
    """Return a bound of a loop as a size."""
    if isinstance(bound, Lit):
        return int(bound.value)
    return bound.size if isinstance(bound, (SizeValue, Var)) else _UNKNOWN_TRIPS


def _bounded(size: Size, bounds: Mapping[str, Size]) -> Size:
    """Return a size in the dimensions alone: counters at their ends, what else there is as few."""
    tokens = {name for name in size_names(size) if name.startswith("%")}
    return substitute(size, {name: bounds.get(name, _UNKNOWN_TRIPS) for name in tokens})


def has_loop(statements: Iterable[Statement]) -> bool:
    """Tell whether a loop stands among statements or in their branches."""
    stack = list(statements)
    while stack:
        match stack.pop():
            case For() | While() | Run():
                return True
            case If(then=then, otherwise=otherwise):
                stack += [*then, *otherwise]
    return False
