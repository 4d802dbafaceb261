"""Say what the integers of a plan are: counts in terms of the lengths, or known only after a run.

In: a plan. Out: `Integers`. An integer that is assigned once,
from counters, lengths and numbers, is a size. The turns of a loop with a test are not, but the
integer that counts them and the tapes that it fills are as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bpcompile.ir.dims import Dim, Size, size_names, substitute
from bpcompile.ir.graph import Origin
from bpcompile.ir.type import DType
from bpcompile.schedule.statements import (
    CheckedIndex,
    Expression,
    Fold,
    FoldIndex,
    For,
    Grow,
    If,
    Lit,
    Move,
    Plan,
    Set,
    SizeValue,
    Statement,
    Var,
    While,
    size_of,
)

_TURNS = "%turns"


@dataclass(slots=True)
class Integers:
    """Hold what is known of the integers of a plan.

    Attributes:
        sizes: what stands for the token of a variable.
        turns: the token of the number of turns of each loop with a test, by its identity; loops
            of one line, forward and computed again for the gradient, share one.
        places: the line of the loop that a token of turns belongs to.
        hints: what a variable is called whose token is left.
    """

    sizes: dict[str, Size] = field(default_factory=dict)
    turns: dict[int, str] = field(default_factory=dict)
    places: dict[str, Origin | None] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)

    def resolved(self, size: Size) -> Size:
        """Return a size with the variables that stand for sizes replaced."""
        for _ in range(len(self.sizes) + 1):
            if self.sizes.keys().isdisjoint(size_names(size)):
                break
            size = substitute(size, self.sizes)
        return size

    def shape(self, shape: Sequence[Size]) -> tuple[Size, ...]:
        """Return a shape so."""
        return tuple(self.resolved(size) for size in shape)


def integers(plan: Plan) -> Integers:
    """Return what the integers of a plan are."""
    found = Integers()
    values: dict[Var, list[Expression | None]] = {}
    counters = {var.token for var in plan.params if not var.rank}
    loops: list[While] = []
    lengths = {b.var: b.shape[0] for b in plan.buffers if b.role == "tape"}
    for statement in _all(plan.statements):
        for var, value in _assigned(statement):
            if not var.rank and var.dtype is DType.I64:
                values.setdefault(var.itself(), []).append(value)
        if isinstance(statement, For):
            counters.update(statement.var.tokens)
        elif isinstance(statement, While):
            loops.append(statement)
            _name(found, statement)
    for loop in loops:
        turns = Dim.named(found.turns[id(loop)])
        for inner in loop.body:
            if isinstance(inner, Grow):
                for tape in inner.tapes:
                    found.sizes.update(dict.fromkeys(size_names(lengths.get(tape, 0)), turns))
            for var, value in _assigned(inner):
                if _counts(var, value) and _starts_at_0(values[var.itself()]):
                    found.sizes.update(dict.fromkeys(var.itself().tokens, turns))
                    del values[var.itself()]
    _define(found, values, counters)
    return found


def _all(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Yield statements and those inside of them."""
    stack = list(statements)[::-1]
    while stack:
        statement = stack.pop()
        yield statement
        if isinstance(statement, For):
            stack += statement.body[::-1]
        elif isinstance(statement, If):
            stack += [*statement.otherwise[::-1], *statement.then[::-1]]
        elif isinstance(statement, While):
            stack += [*statement.body[::-1], *statement.test[::-1]]


def _assigned(statement: Statement) -> Iterator[tuple[Var, Expression | None]]:
    """Yield the scalars that a statement assigns, with their values where it says them."""
    match statement:
        case Set(var=var, value=value) | CheckedIndex(var=Var() as var, value=value):
            yield var, value
        case Move(targets=targets, values=values):
            yield from zip(targets, values, strict=True)
        case Fold(target=Var() as var):
            yield var, None
        case FoldIndex(best=best, where=where):
            yield best, None
            yield where, None


def _name(found: Integers, loop: While) -> None:
    """Give the turns of a loop a token, that of another loop of the same line."""
    origin = loop.node.origin
    for token, place in found.places.items():
        if origin and place and (place.file, place.line) == (origin.file, origin.line):
            found.turns[id(loop)] = token
            return
    token = f"{_TURNS}{len(found.places) + 1}"
    found.turns[id(loop)], found.places[token] = token, origin


def _counts(var: Var, value: Expression | None) -> bool:
    """Tell whether an assignment adds 1 to a variable."""
    if var.rank or var.dtype is not DType.I64 or not isinstance(value, SizeValue):
        return False
    return any(value.size - Dim.named(token) == 1 for token in var.itself().tokens)


def _starts_at_0(values: Sequence[Expression | None]) -> bool:
    """Tell whether a variable that adds 1 to itself in one place is 0 before, and nothing else."""
    others = [v for v in values if not isinstance(v, SizeValue) or isinstance(v.size, int)]
    return len(values) == 2 and len(others) == 1 and _number(others[0]) == 0


def _number(value: Expression | None) -> int | None:
    """Return the value of a literal integer."""
    if isinstance(value, Lit):
        return int(value.value)
    return value.size if isinstance(value, SizeValue) and isinstance(value.size, int) else None


def _define(
    found: Integers, values: Mapping[Var, Sequence[Expression | None]], counters: set[str]
) -> None:
    """Note the variables that are assigned once, from what is known."""
    known = {*counters, *found.turns.values()}
    for var, assigned in values.items():
        value = assigned[0] if len(assigned) == 1 else None
        size = None if value is None else size_of(value)
        size = None if size is None else found.resolved(size)
        left = {name for name in size_names(size or 0) if name.startswith("%")} - known
        if size is None or left:
            if var.hint:
                found.hints.update(dict.fromkeys(var.tokens, var.hint))
        else:
            found.sizes.update(dict.fromkeys(var.tokens, size))
