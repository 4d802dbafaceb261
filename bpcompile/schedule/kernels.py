"""Cut a plan into kernels: runs of loops between products and routines, and stretches, each one.

A kernel takes the arrays and scalars that it reads and the lengths that it mentions, fills its
arrays, and returns the scalars that are read after it.

Where loops are cut into parts, each of these is a kernel of its own, and so is all that stands
between two: nothing is left beside them but the numbers of parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bpcompile.schedule.mentions import Mentions, mentions
from bpcompile.schedule.statements import (
    Call,
    For,
    If,
    Plan,
    Product,
    Set,
    Statement,
    Stretch,
    Var,
    While,
)


@dataclass(slots=True)
class Kernel:
    """Hold a run of statements with what it needs from outside and gives back.

    `made` lists the named values in order, for the kernel's name. `parts` is in how many parts it
    is cut, if it is.
    """

    statements: list[Statement]
    reads: list[Var]
    lengths: list[str]
    results: list[Var]
    made: list[str]
    parts: Var | None = None


def split(plan: Plan) -> list[Kernel | Statement]:
    """Return the statements of a plan, its runs of loops as kernels.

    A plan that is a single run stays whole: there is nothing to keep apart.
    """
    runs = list(_stages(plan.statements) if plan.parts else _runs(plan.statements))
    if not plan.parts and sum(map(_is_kernel, runs)) < 2:
        return list(plan.statements)
    tokens = {var.token: var for var in plan.params if not var.rank}
    mentions(plan.statements, tokens)
    found_in = [mentions(run, tokens) for run in runs]
    after: list[set[Var]] = []
    later: set[Var] = set(mentions(plan.scalars.values(), tokens).vars)
    for found in reversed(found_in):
        after.append(set(later))
        later |= set(found.vars)
    parts: list[Kernel | Statement] = []
    before: set[Var] = set()
    for run, found, read_later in zip(runs, found_in, reversed(after), strict=True):
        if _is_kernel(run) or (plan.parts and not _counts_parts(run)):
            kernel = _kernel(run, found, before, read_later)
            if plan.parts and not kernel.made:
                kernel.made = [v.hint for v in kernel.results if v.hint is not None]
            parts.append(kernel)
        else:
            parts.extend(run)
        if _parts_of(run[0]) is None:
            before |= set(found.set)
    return parts


def _runs(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Yield the runs of statements that no product or routine interrupts, and these alone."""
    run: list[Statement] = []
    for statement in statements:
        if isinstance(statement, (Product, Call, Stretch)):
            if run:
                yield run
            yield [statement]
            run = []
        else:
            run.append(statement)
    if run:
        yield run


def _stages(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Yield each loop that is cut, the number of its parts, and the runs between, all in order."""
    run: list[Statement] = []
    for statement in statements:
        alone = isinstance(statement, Stretch) or _parts_of(statement) is not None
        if alone or _counts_parts([statement]):
            if run:
                yield run
            yield [statement]
            run = []
        else:
            run.append(statement)
    if run:
        yield run


def _counts_parts(run: Sequence[Statement]) -> bool:
    """Tell whether all that is done is to say into how many parts a loop is cut."""
    return len(run) == 1 and isinstance(run[0], Set) and run[0].counts


def _parts_of(statement: Statement) -> Var | None:
    """Return the number of parts into which a loop is cut."""
    return statement.parts if isinstance(statement, For) else None


def _is_kernel(run: list[Statement]) -> bool:
    """Tell whether a run has a loop, or is a stretch: it is a function of its own then."""
    return any(isinstance(statement, (For, While, If, Stretch)) for statement in run)


def _kernel(
    run: list[Statement], found: Mentions, before: set[Var], read_later: set[Var]
) -> Kernel:
    """Return the kernel of a run."""
    reads = [
        v for v in found.vars if (v not in found.set or v in before) and v not in found.counters
    ]
    lengths = [name for name in found.names if not name.startswith("%")]
    results = [v for v in found.set if v in read_later]
    parts = _parts_of(run[0])
    if parts is not None or isinstance(run[0], Stretch):
        reads = [v for v in found.vars if v not in found.set and v not in found.counters]
        reads.sort(key=lambda v: v is parts)  # the rest in its order
        results = []  # what it folds is folded from its parts, after it; a stretch keeps its own
    if isinstance(run[0], Stretch):
        run = run[0].body
    return Kernel(run, reads, lengths, results, list(found.made), parts)
