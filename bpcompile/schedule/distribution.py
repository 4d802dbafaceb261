"""Distribute a loop around other loops and dear arithmetic over loops of their own.

In a pass over the rows of a matrix that takes a product with each row, then exponentials and
logarithms of it, and then adds to a gradient, the arithmetic stands beside inner loops, where no
vector code comes of it: it would take four times as long. Where the steps may run in any order, the
inner loops run for all rows first, the arithmetic for all of them then, and so on; numbers that one
loop makes and a later one reads get an array. This is loop distribution (K. Kennedy and J. R.
Allen, "Optimizing Compilers for Modern Architectures", 2001, section 5.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from bpcompile.ir.dims import Size
from bpcompile.ir.type import DType
from bpcompile.schedule.accesses import in_any_order
from bpcompile.schedule.parting import is_vector_code, steps_of
from bpcompile.schedule.places import Workshop
from bpcompile.schedule.renaming import parts_of, renamed, values_of
from bpcompile.schedule.statements import (
    Apply,
    Fold,
    For,
    Lit,
    Load,
    Set,
    Statement,
    Store,
    Var,
    size_of,
)

_DEAR = 20.0  # additions that vector code must save for what the arrays between the loops cost


def distributed(loop: For, shop: Workshop) -> list[For]:
    """Return the loops that one becomes: itself, where that gains nothing or must not be."""
    runs = _runs(loop.body)
    if runs is None or not _gains(runs):
        return [loop]
    steps = steps_of(loop)
    makers = _makers(runs)
    if steps is None or makers is None or not in_any_order(loop, shop.facts):
        return [loop]
    crossing = _crossing(runs, makers)
    if any(var.dtype is DType.I64 for var in crossing):
        return [loop]  # an index of arrays may be made of it
    return _Distribution(loop, runs, makers, crossing, steps, shop).loops()


def _runs(body: Sequence[Statement]) -> list[list[Statement]] | None:
    """Return the statements by turns as those around inner loops and those of arithmetic.

    None where the body does anything else, or has but one kind.
    """
    if not all(isinstance(statement, (Set, Store, Fold, For)) for statement in _all(body)):
        return None
    starts = {_total(inner) for inner in _all(s for s in body if isinstance(s, For))}

    def is_nest(statement: Statement) -> bool:
        return isinstance(statement, For) or (
            isinstance(statement, Set)
            and isinstance(statement.value, Lit)
            and statement.var in starts
        )

    found = [list(group) for _, group in groupby(body, is_nest)]
    return found if len(found) > 1 and any(isinstance(s, For) for s in body) else None


def _total(statement: Statement) -> Var | None:
    """Return the scalar that a statement folds into."""
    match statement:
        case Fold(target=Var() as total):
            return total
    return None


def _gains(runs: Iterable[Sequence[Statement]]) -> bool:
    """Tell whether the arithmetic is dear, and may become vector code."""
    plain = [run for run in runs if not any(isinstance(s, For) for s in run)]
    if not all(is_vector_code(run) for run in plain):
        return False
    values = [value for run in plain for statement in run for value in values_of(statement)]
    dear = (v.node.op for value in values for v in parts_of(value) if isinstance(v, Apply))
    return sum(op.cost for op in dear if op.vector is not None) >= _DEAR


def _makers(runs: Sequence[Sequence[Statement]]) -> dict[Var, int] | None:
    """Return in which run each scalar of a step is made; None where that is more than one."""
    found: dict[Var, int] = {}
    for k, run in enumerate(runs):
        for statement in _all(run):
            if isinstance(statement, Set) and found.setdefault(statement.var, k) != k:
                return None
    for k, run in enumerate(runs):
        for total in map(_total, _all(run)):
            if total is not None and found.get(total, k) != k:
                return None
    return found


def _crossing(runs: Sequence[Sequence[Statement]], makers: Mapping[Var, int]) -> set[Var]:
    """Return the scalars that a later run reads."""
    return {var for k, run in enumerate(runs) for var in _read(run) if makers.get(var, k) < k}


class _Distribution:
    """Hold what the loops of one distribution share."""

    def __init__(
        self,
        loop: For,
        runs: Sequence[Sequence[Statement]],
        makers: Mapping[Var, int],
        crossing: set[Var],
        steps: Size,
        shop: Workshop,
    ) -> None:
        """Hold the parts."""
        self.loop, self.runs, self.steps, self.shop = loop, runs, steps, shop
        self.makers, self.crossing = makers, crossing
        self.rows: dict[Var, Var] = {}
        first = size_of(loop.lower)
        assert first is not None
        self.place = (loop.var.size - first,)

    def loops(self) -> list[For]:
        """Return one loop for each run."""
        found = []
        for k, run in enumerate(self.runs):
            read = [v for v in dict.fromkeys(_read(run)) if self.makers.get(v, k) < k]
            given = {var: Var(var.hint, var.dtype, ours=var.ours) for var in read}
            body: list[Statement] = [Set(given[v], Load(self.rows[v], self.place)) for v in read]
            body += [renamed(statement, given) for statement in run]
            for var in [v for v in self.makers if self.makers[v] == k and v in self.crossing]:
                hint = var.hint and f"{var.hint}_row"
                self.rows[var] = self.shop.temporary(hint, var.dtype, (self.steps,))
                body.append(Store(self.rows[var], self.place, var))
            loop = self.loop
            found.append(For(loop.var, loop.lower, loop.upper, body, "" if k else loop.note))
        return found


# -- statements ------------------------------------------------------------------------------------


def _all(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Iterate over statements and those inside of loops."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        yield statement
        if isinstance(statement, For):
            stack += statement.body


def _read(statements: Iterable[Statement]) -> Iterator[Var]:
    """Iterate over the scalars that statements read."""
    for statement in _all(statements):
        for value in values_of(statement):
            yield from (part for part in parts_of(value) if isinstance(part, Var))
