"""Arrange a finished counted loop so that vector code may come of it.

1. An element that each step adds to, and that the loop touches nowhere else, is added up in a
   variable and gets the sum once, after the loop.
2. A number of a backward sweep that each step adds to, and that nothing else reads, is a sum: its
   terms may come in any order.
3. A loop that counts downwards counts upwards where its steps may run in any order.
4. A loop whose steps add to each other's elements is parted (`parting`).
5. A loop over more arrays than LLVM writes vector code for is split (`strands`).
"""

from __future__ import annotations

from collections.abc import Collection

from bpcompile.ir.graph import Node
from bpcompile.ir.op import OPS
from bpcompile.schedule.accesses import Access, Steps, accesses, in_any_order
from bpcompile.schedule.mentions import mentions
from bpcompile.schedule.parting import parted
from bpcompile.schedule.places import Workshop
from bpcompile.schedule.statements import (
    Apply,
    Expression,
    Fold,
    For,
    Index,
    Lit,
    Load,
    Set,
    Statement,
    Var,
)
from bpcompile.schedule.strands import strands


def arranged(loop: For, shop: Workshop, carried: Collection[Var]) -> list[Statement]:
    """Return what to write for a loop, which carries scalars from step to step."""
    sums = _sums(loop, shop)
    before: list[Statement] = [Set(var, Lit(0.0, var.dtype)) for var, _ in sums]
    after: list[Statement] = [Fold(fold.target, "sum", var, fold.node) for var, fold in sums]
    parts: list[For] = [loop]
    waits = [var for var in carried if not _is_summed(loop, var)]
    is_free = in_any_order(loop, shop.facts)
    loop.ordered = not is_free or any(var.dtype.is_float for var in waits)
    if is_free and not waits:
        loop.down = False
        parts = [strand for part in parted(loop, shop) for strand in strands(part, shop)]
    return [*before, *parts, *after]


def _is_summed(loop: For, var: Var) -> bool:
    """Let a loop add to a variable what it does nothing else with; tell whether that is so."""
    touching = [k for k, item in enumerate(loop.body) if var.itself() in mentions([item], {}).vars]
    statement = loop.body[touching[0]] if len(touching) == 1 else None
    if not isinstance(statement, Set) or statement.var.itself() is not var.itself():
        return False
    rest = _without(statement.value, var)
    if rest is None or not var.dtype.is_float or var.itself() in mentions([rest], {}).vars:
        return False
    loop.body[touching[0]] = Fold(statement.var, "sum", rest, statement.node)
    return True


def _without(value: Expression, var: Var) -> Expression | None:
    """Return what a backward sweep adds to a variable; None where it does something else.

    A sum of the model itself keeps its order, so that the value is what Python computes.
    """
    if not isinstance(value, Apply) or value.node.op.name not in ("add", "sub"):
        return None
    origin = value.node.origin
    left, right = value.args
    if origin is None or origin.adjoint_of is None:
        return None
    is_sum = value.node.op.name == "add"
    if isinstance(left, Var) and left.itself() is var.itself():
        return right if is_sum else Apply(_negation(value.node), (right,))
    if is_sum and isinstance(right, Var) and right.itself() is var.itself():
        return left
    rest = _without(left, var)
    return None if rest is None else Apply(value.node, (rest, right))


def _negation(like: Node) -> Node:
    """Return a node that negates what the second operand of another is."""
    return Node(OPS["neg"], like.args[1:], {}, like.type, like.origin)


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
