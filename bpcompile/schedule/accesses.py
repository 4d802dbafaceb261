"""Tell which steps of a loop touch the same element of an array.

What statements do to arrays is a list of accesses: reads, additions to an element, and writes.
Additions commute with each other; any other two accesses to an array, of which one changes it, must
stay in order unless they never meet. Two never meet in different steps where on some axis both are
the same multiple of the loop's counter beside what does not change in the loop: ``i + n`` and
``i + n``, or ``2*i`` and ``2*i + 1``; and in no two steps where one is proved to be the larger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import starmap

from bpcompile.ir.dims import Size, size_names, substitute
from bpcompile.ir.type import DType
from bpcompile.ops.checks import show
from bpcompile.schedule.ranges import Facts, factor_of
from bpcompile.schedule.statements import (
    Apply,
    Check,
    CheckedIndex,
    CopyArray,
    Expression,
    Fill,
    Fold,
    For,
    If,
    Index,
    Load,
    Move,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
)


@dataclass(frozen=True, slots=True)
class Access:
    """Say that an element of an array is touched, or with no index all of it."""

    array: Var
    index: Index | None
    changes: bool = False
    adds: bool = False


def accesses(statements: Iterable[Statement], *, may_raise: bool = False) -> list[Access] | None:
    """Return what statements and all below them touch.

    None where one of them may raise, unless that is said to be no matter, or prints, or does what
    is not looked into.
    """
    found: list[Access] = []
    stack = list(statements)
    while stack:
        match stack.pop():
            case Set(value=value):
                found += _reads([value])
            case Move(values=values):
                found += _reads(values)
            case Store(array=array, index=index, value=value):
                found += [*_reads([value]), Access(array.itself(), index, changes=True)]
            case Fold(target=target, op=op, value=value):
                found += _reads([value])
                if isinstance(target, Load):
                    adds = op == "sum"
                    found.append(Access(target.array.itself(), target.index, True, adds))
            case For(lower=lower, upper=upper, body=body):
                found += _reads([lower, upper])
                stack += body
            case If(condition=condition, then=then, otherwise=otherwise):
                found += _reads([condition])
                stack += [*then, *otherwise]
            case CheckedIndex(value=value) if may_raise:
                found += _reads([value])
            case Check(condition=condition, node=node, values=values) if may_raise:
                if node.op is show:
                    return None
                found += _reads([condition, *values])
            case Fill(array=array):
                found.append(Access(array.itself(), None, changes=True))
            case CopyArray(target=target, source=source):
                found.append(Access(target.itself(), None, changes=True))
                found.append(Access(source.itself(), None))
            case _:
                return None
    return found


def _reads(values: Iterable[Expression]) -> list[Access]:
    """Return the elements that expressions read."""
    found: list[Access] = []
    stack = list(values)
    while stack:
        match stack.pop():
            case Load(array=array, index=index):
                found.append(Access(array.itself(), index))
            case Apply(args=args):
                stack += args
    return found


class Steps:
    """Compare the steps of one loop."""

    def __init__(self, loop: For, facts: Facts) -> None:
        """Hold the loop, and what is known before it."""
        self.loop = loop
        self.token = loop.var.token
        self.facts = facts
        self.changing = {self.token, *_made(loop.body)}

    def may_meet(self, one: Access, other: Access) -> bool:
        """Tell whether two accesses to an array may touch the same element in different steps."""
        if one.index is None or other.index is None:
            return True
        pairs = list(zip(one.index, other.index, strict=True))
        return not any(starmap(self._differ, pairs)) and self.may_ever_meet(one, other)

    def may_ever_meet(self, one: Access, other: Access) -> bool:
        """Tell whether two accesses may touch the same element, in one step or in two."""
        if one.index is None or other.index is None:
            return True
        lower, upper = self.loop.lower, self.loop.upper
        if not isinstance(lower, (SizeValue, Var)) or not isinstance(upper, (SizeValue, Var)):
            return True
        again = Var(None, DType.I64)
        first, end = lower.size, upper.size
        with (
            self.facts.counting(self.token, first, end),
            self.facts.counting(again.token, first, end),
        ):
            for left, right in zip(one.index, other.index, strict=True):
                left, right = self.facts.expanded(left), self.facts.expanded(right)
                apart = left - substitute(right, {self.token: again.size})
                if self.facts.never_negative(apart - 1) or self.facts.never_negative(-apart - 1):
                    return False
        return True

    def is_fixed(self, access: Access) -> bool:
        """Tell whether an access is to one element in all steps."""
        if access.index is None:
            return False
        names = {name for size in access.index for name in size_names(self.facts.expanded(size))}
        return names.isdisjoint(self.changing)

    def meet(self, one: Access, other: Access) -> bool:
        """Tell whether two accesses touch the same element in steps at a known distance."""
        if one.index is None or other.index is None:
            return False
        found: set[int] = set()
        for left, right in zip(one.index, other.index, strict=True):
            apart, factor = self._apart(left, right)
            if apart is None or (not factor and apart) or (factor and apart % factor):
                return False
            if factor:
                found.add(apart // factor)
        return len(found) == 1 and found != {0}

    def conflict(self, one: Access, other: Access) -> bool:
        """Tell whether two accesses must stay in order where they are in different steps."""
        if one.array is not other.array or (one.adds and other.adds):
            return False
        return (one.changes or other.changes) and self.may_meet(one, other)

    def _differ(self, one: Size, other: Size) -> bool:
        """Tell whether two indices differ in any two different steps."""
        apart, factor = self._apart(one, other)
        return apart is not None and factor != 0 and (apart == 0 or apart % factor != 0)

    def _apart(self, one: Size, other: Size) -> tuple[int | None, int]:
        """Return how far apart two indices are in one step, and what both change by in each.

        None for the distance where that is not the same number in all steps.
        """
        one, other = self.facts.expanded(one), self.facts.expanded(other)
        factor = factor_of(one, self.token)
        apart = one - other
        names = {*size_names(one), *size_names(other)} - {self.token}
        if not isinstance(factor, int) or factor != factor_of(other, self.token):
            return None, 0
        if not isinstance(apart, int) or not names.isdisjoint(self.changing):
            return None, 0
        return apart, factor


def _made(statements: Iterable[Statement]) -> set[str]:
    """Return the tokens of the scalars that statements make and of the counters in them."""
    found: list[Var] = []
    stack = list(statements)
    while stack:
        match stack.pop():
            case Set(var=var) | Fold(target=Var() as var) | CheckedIndex(var=Var() as var):
                found.append(var)
            case Move(targets=targets):
                found += targets
            case For(var=var, body=body):
                found.append(var)
                stack += body
            case If(then=then, otherwise=otherwise, results=results):
                found += results
                stack += [*then, *otherwise]
    return {token for var in found for token in (*var.tokens, *var.itself().tokens)}


def in_any_order(loop: For, facts: Facts) -> bool:
    """Tell whether the steps of a loop that carries no scalar may run in any order."""
    found = accesses(loop.body)
    if found is None:
        return False
    steps = Steps(loop, facts)
    by_array: dict[Var, list[Access]] = {}
    for access in dict.fromkeys(found):
        by_array.setdefault(access.array, []).append(access)
    return not any(
        steps.conflict(one, other)
        for group in by_array.values()
        if any(access.changes for access in group)
        for k, one in enumerate(group)
        for other in group[k:]
    )
