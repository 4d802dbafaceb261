"""Look into straight statements, and write them again over other variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bpcompile.schedule.statements import Apply, Expression, Fold, For, Set, Statement, Store, Var


def values_of(statement: Statement) -> list[Expression]:
    """Return the expressions of a statement."""
    match statement:
        case Set(value=value) | Store(value=value) | Fold(value=value):
            return [value]
        case For(lower=lower, upper=upper):
            return [lower, upper]
    return []


def parts_of(value: Expression) -> Iterator[Expression]:
    """Iterate over an expression and all below it."""
    stack = [value]
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, Apply):
            stack += part.args


def renamed(statement: Statement, names: Mapping[Var, Var]) -> Statement:
    """Return a statement that reads other variables."""
    match statement:
        case Set(var=var, value=value, node=node):
            return Set(var, _reading(value, names), node)
        case Store(array=array, index=index, value=value, node=node):
            return Store(array, index, _reading(value, names), node)
        case Fold(target=target, op=op, value=value, node=node):
            return Fold(target, op, _reading(value, names), node)
        case For(body=body):
            statement.body = [renamed(inner, names) for inner in body]
    return statement


def _reading(value: Expression, names: Mapping[Var, Var]) -> Expression:
    """Return an expression over other variables."""
    if isinstance(value, Var):
        return names.get(value, value)
    if isinstance(value, Apply):
        return Apply(value.node, tuple(_reading(arg, names) for arg in value.args))
    return value
