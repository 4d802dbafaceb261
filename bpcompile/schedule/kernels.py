"""Cut a plan into kernels: the runs of loops between matrix products, each a function of its own.

A kernel takes the arrays and scalars that it reads and the lengths that it mentions, fills its
arrays, and returns the scalars that are read after it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bpcompile.ir.dims import Size, size_names
from bpcompile.schedule.statements import (
    Apply,
    CheckedIndex,
    CopyArray,
    Expression,
    Fill,
    Fold,
    FoldIndex,
    For,
    Load,
    Move,
    Plan,
    Product,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
)


@dataclass(slots=True)
class Kernel:
    """Hold a run of statements with what it needs from outside and gives back.

    `made` lists the named values in order, for the kernel's name.
    """

    statements: list[Statement]
    reads: list[Var]
    lengths: list[str]
    results: list[Var]
    made: list[str]


class _Mentions:
    """Gather the variables and names that statements mention, in order."""

    def __init__(self, tokens: dict[str, Var]) -> None:
        """Start empty; `tokens` knows the variables that stand in sizes, and learns more."""
        self.tokens = tokens
        self.vars: dict[Var, None] = {}
        self.set: dict[Var, None] = {}
        self.names: dict[str, None] = {}
        self.counters: dict[Var, None] = {}
        self.made: dict[str, None] = {}

    def sizes(self, *given: Size) -> None:
        """Note the names in sizes, and the variables whose tokens stand there."""
        for size in given:
            for name in sorted(size_names(size)):
                self.names.setdefault(name)
                if name in self.tokens:
                    self.vars.setdefault(self.tokens[name])

    def reads(self, *given: Var) -> None:
        """Note variables."""
        for var in given:
            self.tokens[var.token] = var
            self.vars.setdefault(var)

    def assigns(self, *given: Var) -> None:
        """Note variables that a statement sets."""
        self.reads(*given)
        for var in given:
            self.set.setdefault(var)

    def visit(self, item: Statement | Expression) -> list[Statement | Expression]:
        """Note what one statement or expression mentions itself; return what is below it."""
        node = getattr(item, "node", None)
        if node is not None and node.name is not None and not isinstance(item, Apply):
            self.made.setdefault(node.name)
        return _below(item, self)


@functools.singledispatch
def _below(_item: Statement | Expression, _found: _Mentions) -> list[Statement | Expression]:
    """Note what an item mentions itself and return what is below it; a literal has nothing."""
    return []


@_below.register
def _(item: Var, found: _Mentions) -> list[Statement | Expression]:
    found.reads(item)
    return []


@_below.register
def _(item: SizeValue, found: _Mentions) -> list[Statement | Expression]:
    found.sizes(item.size)
    return []


@_below.register
def _(item: Load, found: _Mentions) -> list[Statement | Expression]:
    found.reads(item.array)
    found.sizes(*item.index)
    return []


@_below.register
def _(item: Apply, _found: _Mentions) -> list[Statement | Expression]:
    return list(item.args)


@_below.register
def _(item: Set, found: _Mentions) -> list[Statement | Expression]:
    found.assigns(item.var)
    return [item.value]


@_below.register
def _(item: Store, found: _Mentions) -> list[Statement | Expression]:
    found.reads(item.array)
    found.sizes(*item.index)
    return [item.value]


@_below.register
def _(item: Fold, found: _Mentions) -> list[Statement | Expression]:
    if isinstance(item.target, Var):
        found.assigns(item.target)
        return [item.value]
    return [item.target, item.value]


@_below.register
def _(item: FoldIndex, found: _Mentions) -> list[Statement | Expression]:
    found.assigns(item.best, item.where)
    found.sizes(item.position)
    return [item.value]


@_below.register
def _(item: CheckedIndex, found: _Mentions) -> list[Statement | Expression]:
    found.assigns(item.var)
    found.sizes(item.length)
    return [item.value]


@_below.register
def _(item: For, found: _Mentions) -> list[Statement | Expression]:
    found.counters.setdefault(item.var)
    return [item.lower, item.upper, *item.body]


@_below.register
def _(item: Fill, found: _Mentions) -> list[Statement | Expression]:
    found.reads(item.array)
    return []


@_below.register
def _(item: CopyArray, found: _Mentions) -> list[Statement | Expression]:
    found.reads(item.target, item.source)
    return []


@_below.register
def _(item: Move, found: _Mentions) -> list[Statement | Expression]:
    found.assigns(*item.targets)
    return list(item.values)


@_below.register
def _(item: Product, found: _Mentions) -> list[Statement | Expression]:
    found.reads(item.out, item.left, item.right)
    return []


def split(plan: Plan) -> list[Kernel | Statement]:
    """Return the statements of a plan, its runs of loops as kernels.

    A plan that is a single run stays whole: there is nothing to keep apart.
    """
    runs = list(_runs(plan.statements))
    if sum(_loops(run) for run in runs) < 2:
        return list(plan.statements)
    tokens = {var.token: var for var in plan.params if not var.rank}
    _mentions(plan.statements, tokens)
    mentions = [_mentions(run, tokens) for run in runs]
    after: list[set[Var]] = []
    later: set[Var] = set(_mentions(plan.scalars.values(), tokens).vars)
    for found in reversed(mentions):
        after.append(set(later))
        later |= set(found.vars)
    parts: list[Kernel | Statement] = []
    before: set[Var] = set()
    for run, found, read_later in zip(runs, mentions, reversed(after), strict=True):
        if _loops(run):
            parts.append(_kernel(run, found, before, read_later))
        else:
            parts.extend(run)
        before |= set(found.set)
    return parts


def _runs(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Yield the runs of statements that no matrix product interrupts, and the products alone."""
    run: list[Statement] = []
    for statement in statements:
        if isinstance(statement, Product):
            if run:
                yield run
            yield [statement]
            run = []
        else:
            run.append(statement)
    if run:
        yield run


def _loops(run: list[Statement]) -> bool:
    """Tell whether a run has a loop."""
    return any(isinstance(statement, For) for statement in run)


def _kernel(
    run: list[Statement], found: _Mentions, before: set[Var], read_later: set[Var]
) -> Kernel:
    """Return the kernel of a run."""
    reads = [
        v
        for v in found.vars
        if (v.rank or v not in found.set or v in before) and v not in found.counters
    ]
    lengths = [name for name in found.names if not name.startswith("%")]
    results = [v for v in found.set if v in read_later]
    return Kernel(run, reads, lengths, results, list(found.made))


def _mentions(statements: Iterable[Statement | Expression], tokens: dict[str, Var]) -> _Mentions:
    """Return what statements and all below them mention; `tokens` learns their variables."""
    found = _Mentions(tokens)
    stack: list[Statement | Expression] = list(reversed(list(statements)))
    while stack:
        stack.extend(reversed(found.visit(stack.pop())))
    return found
