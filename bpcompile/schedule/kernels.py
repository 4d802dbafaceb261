"""Cut a plan into kernels: the runs of loops between matrix products, each a function of its own.

A kernel takes the arrays and scalars that it reads and the lengths that it mentions, fills its
arrays, and returns the scalars that are read after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class _Mentions:
    """Hold the variables and names that statements mention, in order."""

    vars: dict[Var, None] = field(default_factory=dict)
    set: dict[Var, None] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    counters: dict[Var, None] = field(default_factory=dict)
    made: dict[str, None] = field(default_factory=dict)


def split(plan: Plan) -> list[Kernel | Statement]:
    """Return the statements of a plan, its runs of loops as kernels.

    A plan that is a single run stays whole: there is nothing to keep apart.
    """
    runs = list(_runs(plan.statements))
    if sum(_loops(run) for run in runs) < 2:
        return list(plan.statements)
    tokens: dict[str, Var] = {}
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
    found = _Mentions()
    stack: list[Statement | Expression] = list(reversed(list(statements)))
    while stack:
        stack.extend(reversed(_visit(stack.pop(), found, tokens)))
    return found


def _visit(
    item: Statement | Expression, found: _Mentions, tokens: dict[str, Var]
) -> list[Statement | Expression]:
    """Record what one statement or expression mentions itself; return what is below it."""

    def sizes(*given: Size) -> None:
        for size in given:
            for name in sorted(size_names(size)):
                found.names.setdefault(name)
                if name in tokens:
                    found.vars.setdefault(tokens[name])

    def assigned(var: Var) -> None:
        tokens[var.token] = var
        found.vars.setdefault(var)
        found.set.setdefault(var)

    node = getattr(item, "node", None)
    if node is not None and node.name is not None and not isinstance(item, Apply):
        found.made.setdefault(node.name)
    match item:
        case Var():
            tokens[item.token] = item
            found.vars.setdefault(item)
        case SizeValue(size=size):
            sizes(size)
        case Load(array=array, index=index):
            found.vars.setdefault(array)
            sizes(*index)
        case Apply(args=args):
            return list(args)
        case Set(var=var, value=value):
            assigned(var)
            return [value]
        case Store(array=array, index=index, value=value):
            found.vars.setdefault(array)
            sizes(*index)
            return [value]
        case Fold(target=target, value=value):
            if isinstance(target, Var):
                assigned(target)
                return [value]
            return [target, value]
        case FoldIndex(best=best, where=where, value=value, position=position):
            assigned(best)
            assigned(where)
            sizes(position)
            return [value]
        case CheckedIndex(var=var, value=value, length=length):
            assigned(var)
            sizes(length)
            return [value]
        case For(var=var, lower=lower, upper=upper, body=body):
            found.counters.setdefault(var)
            return [lower, upper, *body]
        case Fill(array=array):
            found.vars.setdefault(array)
        case CopyArray(target=target, source=source):
            found.vars.setdefault(target)
            found.vars.setdefault(source)
        case Move(targets=targets, values=values):
            for var in targets:
                assigned(var)
            return list(values)
        case Product(out=out, left=left, right=right):
            for var in (out, left, right):
                found.vars.setdefault(var)
    return []
