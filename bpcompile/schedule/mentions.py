"""Find what statements mention: variables, dimension names, and which variables they assign."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from bpcompile.ir.dims import Dim, Size, size_names
from bpcompile.schedule.statements import (
    Apply,
    Call,
    Check,
    CheckedIndex,
    CopyArray,
    Expression,
    Fill,
    Fold,
    FoldIndex,
    For,
    Grow,
    If,
    Lit,
    Load,
    Move,
    NewTape,
    Poll,
    Product,
    Run,
    Set,
    SizeValue,
    Statement,
    Store,
    Stretch,
    Var,
    While,
)

Item = Statement | Expression


class Mentions:
    """Gather the variables and names that statements mention, in order.

    `set` has the variables that they assign, `counters` those that loops count, `names` the names
    in sizes, and `made` the named values. A variable that became another one is that one.
    """

    def __init__(self, tokens: dict[str, Var]) -> None:
        """Start empty; `tokens` knows the variables that stand in sizes, and learns more."""
        self.tokens = tokens
        self.vars: dict[Var, None] = {}
        self.set: dict[Var, None] = {}
        self.names: dict[str, None] = {}
        self.counters: dict[Var, None] = {}
        self.made: dict[str, None] = {}

    def include(self, items: Iterable[Item]) -> None:
        """Note what statements or expressions and all below them mention."""
        stack: list[Item] = list(reversed(list(items)))
        while stack:
            stack.extend(reversed(self._visit(stack.pop())))

    def sizes(self, *given: Size) -> None:
        """Note the names in sizes, and the variables whose tokens stand there."""
        for size in given:
            for name in sorted(size_names(size)):
                self.names.setdefault(name)
                if name in self.tokens:
                    self.vars.setdefault(self.tokens[name].itself())

    def reads(self, *given: Var) -> None:
        """Note variables."""
        for var in given:
            for token in var.tokens:
                self.tokens[token] = var
            self.vars.setdefault(var.itself())

    def assigns(self, *given: Var) -> None:
        """Note variables that a statement sets."""
        self.reads(*given)
        for var in given:
            self.set.setdefault(var.itself())

    def _visit(self, item: Item) -> list[Item]:
        """Note what one statement or expression mentions itself; return what is below it."""
        node = getattr(item, "node", None)
        if node is not None and node.name is not None and not isinstance(item, Apply):
            self.made.setdefault(node.name)
        return _BELOW[type(item)](item, self)


def mentions(items: Iterable[Item], tokens: dict[str, Var]) -> Mentions:
    """Return what statements and all below them mention; `tokens` learns their variables."""
    found = Mentions(tokens)
    found.include(items)
    return found


@functools.singledispatch
def _below(item: Item, found: Mentions) -> list[Item]:
    """Note what an item mentions itself and return what is below it."""
    raise NotImplementedError


@_below.register
def _(_item: Lit, _found: Mentions) -> list[Item]:
    return []


@_below.register
def _(item: Var, found: Mentions) -> list[Item]:
    found.reads(item)
    return []


@_below.register
def _(item: SizeValue, found: Mentions) -> list[Item]:
    found.sizes(item.size)
    return []


@_below.register
def _(item: Load, found: Mentions) -> list[Item]:
    found.reads(item.array)
    found.sizes(*item.index)
    return []


@_below.register
def _(item: Apply, _found: Mentions) -> list[Item]:
    return list(item.args)


@_below.register
def _(item: Set, found: Mentions) -> list[Item]:
    found.assigns(item.var)
    return [item.value]


@_below.register
def _(item: Store, found: Mentions) -> list[Item]:
    found.reads(item.array)
    found.sizes(*item.index)
    return [item.value]


@_below.register
def _(item: Fold, found: Mentions) -> list[Item]:
    if isinstance(item.target, Var):
        found.assigns(item.target)
        return [item.value]
    return [item.target, item.value]


@_below.register
def _(item: FoldIndex, found: Mentions) -> list[Item]:
    found.assigns(item.best, item.where)
    found.sizes(item.position)
    return [item.value]


@_below.register
def _(item: CheckedIndex, found: Mentions) -> list[Item]:
    if item.var is not None:
        found.assigns(item.var)
    found.sizes(item.length, *item.runs)
    return [item.value]


@_below.register
def _(item: Check, _found: Mentions) -> list[Item]:
    return [item.condition, *item.values]


@_below.register
def _(item: For, found: Mentions) -> list[Item]:
    found.counters.setdefault(item.var)
    return [item.lower, item.upper, *item.body]


@_below.register
def _(item: If, _found: Mentions) -> list[Item]:
    return [item.condition, *item.then, *item.otherwise]


@_below.register
def _(item: While, _found: Mentions) -> list[Item]:
    return [*item.test, item.condition, *item.body]


@_below.register
def _(item: Stretch, _found: Mentions) -> list[Item]:
    return list(item.body)


@_below.register
def _(item: Poll, found: Mentions) -> list[Item]:
    found.assigns(item.var)
    found.sizes(item.work)
    return []


@_below.register
def _(item: NewTape, found: Mentions) -> list[Item]:
    found.assigns(item.tape)
    found.sizes(*item.row)
    return []


@_below.register
def _(item: Grow, found: Mentions) -> list[Item]:
    found.assigns(*item.tapes)
    found.sizes(item.used)
    return []


@_below.register
def _(item: Fill, found: Mentions) -> list[Item]:
    found.reads(item.array)
    return []


@_below.register
def _(item: CopyArray, found: Mentions) -> list[Item]:
    found.reads(item.target, item.source)
    return []


@_below.register
def _(item: Move, found: Mentions) -> list[Item]:
    found.assigns(*item.targets)
    return list(item.values)


@_below.register
def _(item: Product, found: Mentions) -> list[Item]:
    found.reads(item.out, item.left.array, item.right.array)
    for matrix in (item.left, item.right):
        found.sizes(*(matrix.shape or ()))
    return []


@_below.register
def _(item: Call, found: Mentions) -> list[Item]:
    found.reads(*item.outs, *item.operands)
    found.sizes(*item.index)
    return []


@_below.register
def _(item: Run, found: Mentions) -> list[Item]:
    found.reads(*item.given)
    found.sizes(*map(Dim.named, item.lengths))
    found.made.update(dict.fromkeys(item.made))
    return []


# Long models have 10⁵ items, and the search of `singledispatch` for a class takes a microsecond.
_BELOW: dict[type, Callable[[Any, Mentions], list[Item]]] = dict(_below.registry)
