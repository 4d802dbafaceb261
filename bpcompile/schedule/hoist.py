"""Test run-time indices before the loops that use them, where that says the same.

An exception that may be raised inside a loop keeps LLVM from making vector code of it. So an index
that a loop does not change is tested before the loop, and of an index that grows or falls with a
counter, and is never negative, the largest is. A test goes out of counted loops only, never out of
a branch or a loop with a test, which may not come to it; a loop that may take no step is asked
whether it does.
"""

from __future__ import annotations

from dataclasses import dataclass

from bpcompile.ir.dims import Size, size_names, substitute
from bpcompile.schedule.cursor import Count, Cursor
from bpcompile.schedule.ranges import Facts, factor_of


@dataclass(slots=True)
class Hoisted:
    """Say where to test an index, and which: itself, or the largest that it becomes.

    `runs` are the steps of loops that may take none.
    """

    cursor: Cursor
    value: Size
    runs: tuple[Size, ...] = ()
    is_extreme: bool = False


def hoisted(value: Size, cursor: Cursor, facts: Facts) -> Hoisted:
    """Return where to test an index that is used at a cursor."""
    found = Hoisted(cursor, value)
    grows = facts.never_negative(value)
    while True:
        scope = found.cursor
        if scope.counts is None or scope.parent is None:
            return found
        before = facts.expanded(found.value)
        step = _largest(before, scope.counts) if grows else before
        if step is None or not _is_known_before(scope, (step, *found.runs)):
            return found
        is_extreme = found.is_extreme or step != before
        with facts.before(scope.counts.token):
            steps = scope.counts.end - scope.counts.first
            runs = () if facts.never_negative(steps - 1) else (steps,)
        found = Hoisted(scope.parent, step, (*runs, *found.runs), is_extreme)


def _largest(value: Size, counts: Count) -> Size | None:
    """Return the largest that a size becomes while a loop counts; None where that is not plain."""
    factor = factor_of(value, counts.token)
    if not isinstance(factor, int):
        return None
    return substitute(value, {counts.token: counts.end - 1 if factor > 0 else counts.first})


def _is_known_before(scope: Cursor, sizes: tuple[Size, ...]) -> bool:
    """Tell whether all that stands in sizes is known before the loop whose body a scope is."""
    tokens = {name for size in sizes for name in size_names(size) if name.startswith("%")}
    return all(scope.knows(token) and not scope.makes(token) for token in tokens)
