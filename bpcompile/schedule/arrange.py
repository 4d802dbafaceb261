"""Arrange a finished counted loop so that vector code may come of it.

1. An element that each step adds to, and that the loop touches nowhere else, is added up in a
   variable and gets the sum once, after the loop.
2. A loop that counts downwards counts upwards where its steps may run in any order.
3. A loop whose steps add to each other's elements is parted (`parting`).
"""

from __future__ import annotations

from bpcompile.schedule.accesses import Access, Steps, accesses, in_any_order
from bpcompile.schedule.parting import parted
from bpcompile.schedule.places import Workshop
from bpcompile.schedule.statements import Fold, For, Index, Lit, Load, Set, Statement, Var


def arranged(loop: For, shop: Workshop, carries: bool) -> list[Statement]:
    """Return what to write for a loop, which may carry scalars from step to step."""
    sums = _sums(loop, shop)
    before: list[Statement] = [Set(var, Lit(0.0, var.dtype)) for var, _ in sums]
    after: list[Statement] = [Fold(fold.target, "sum", var, fold.node) for var, fold in sums]
    parts: list[For] = [loop]
    is_free = in_any_order(loop, shop.facts)
    loop.ordered = loop.ordered or not is_free
    if is_free and not carries:
        loop.down = False
        parts = parted(loop, shop)
    return [*before, *parts, *after]


def _sums(loop: For, shop: Workshop) -> list[tuple[Var, Fold]]:
    """Let a loop add up in variables what it adds to one element; return them with the last fold.

    Only elements that are in range even if the loop takes no step.
    """
    touched = accesses(loop.body)
    if touched is None:
        return []
    steps = Steps(loop, shop.facts)
    shapes = {buffer.var: buffer.shape for buffer in shop.buffers}
    found: dict[tuple[Var, Index], tuple[Var, Fold]] = {}
    for k, statement in enumerate(loop.body):
        if not isinstance(statement, Fold) or not isinstance(statement.target, Load):
            continue
        array, index = statement.target.array.itself(), statement.target.index
        own = Access(array, index, changes=True, adds=True)
        key = array, index
        if statement.op != "sum" or not array.dtype.is_float or not steps.is_fixed(own):
            continue
        others = (a for a in touched if a.array is array and a != own)
        if key not in found and any(steps.may_ever_meet(own, other) for other in others):
            continue
        lengths = shapes.get(array)
        if lengths is None or not all(map(shop.facts.within, index, lengths)):
            continue
        hint = f"{array.hint}_sum" if array.hint else None
        total = found[key][0] if key in found else Var(hint, array.dtype)
        found[key] = total, statement
        loop.body[k] = Fold(total, "sum", statement.value, statement.node)
    return list(found.values())
