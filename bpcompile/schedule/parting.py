"""Part a loop that adds to several elements of an array: one loop for each.

The transpose of a stencil adds to ``b[i - 1]``, ``b[i]`` and ``b[i + 1]`` in one step, so that each
step waits for what the one before stored, and no vector code comes of it. Additions commute: the
loop keeps one of the elements, and writes down what it adds to the others, which loops of their own
add afterwards. That pays where the rest of the loop may become vector code.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpcompile.ir.dims import Size, dim_max, size_names, substitute
from bpcompile.schedule.accesses import Access, Steps, accesses
from bpcompile.schedule.places import Workshop
from bpcompile.schedule.statements import (
    Apply,
    Expression,
    Fold,
    For,
    Load,
    Set,
    Statement,
    Store,
    Var,
    size_of,
)

_DIVISION = 8.0  # additions; what costs more and has no vector form is a call of libm


def parted(loop: For, shop: Workshop) -> list[For]:
    """Return the loops that one becomes whose steps may run in any order: itself, mostly."""
    if not is_vector_code(loop.body) or steps_of(loop) is None:
        return [loop]
    later: list[Fold] = []
    for folds in _shared(loop, shop).values():
        parts = _parts(folds, Steps(loop, shop.facts))
        choices = [[f for part in parts if part is not kept for f in part] for kept in parts]
        later += min(choices, key=lambda choice: len({id(fold.value) for fold in choice}))
    return [loop, *_put_off(loop, later, shop)] if later else [loop]


def steps_of(loop: For) -> Size | None:
    """Return the number of steps, None where it changes from one run of the loop to the next."""
    first, end = size_of(loop.lower), size_of(loop.upper)
    if first is None or end is None:
        return None
    steps = end - first
    return None if any(name.startswith("%") for name in size_names(steps)) else steps


def is_vector_code(body: Sequence[Statement]) -> bool:
    """Tell whether LLVM may make vector code of a loop but for what its steps share."""
    values: list[Expression] = []
    for statement in body:
        if not isinstance(statement, (Set, Store, Fold)):
            return False
        values.append(statement.value)
    while values:
        value = values.pop()
        if isinstance(value, Apply):
            op = value.node.op
            if op.cost > _DIVISION and op.vector is None:
                return False
            values += value.args
    return True


def _shared(loop: For, shop: Workshop) -> dict[Var, list[Fold]]:
    """Return the additions to each array that nothing else in the loop touches."""
    found: dict[Var, list[Fold]] = {}
    for statement in loop.body:
        if isinstance(statement, Fold) and isinstance(statement.target, Load):
            found.setdefault(statement.target.array.itself(), []).append(statement)
    touched = accesses(loop.body) or ()
    others = {access.array for access in touched if not access.adds}
    steps = Steps(loop, shop.facts)
    return {
        array: folds
        for array, folds in found.items()
        if array not in others
        and not any(steps.may_meet(_access(fold), _access(fold)) for fold in folds)
    }


def _parts(folds: Sequence[Fold], steps: Steps) -> list[list[Fold]]:
    """Return the additions in parts; within a part no element is plainly that of two steps."""
    parts: list[list[Fold]] = []
    for fold in folds:
        for part in parts:
            if not any(steps.meet(_access(fold), _access(other)) for other in part):
                part.append(fold)
                break
        else:
            parts.append([fold])
    return parts


def _put_off(loop: For, folds: Sequence[Fold], shop: Workshop) -> list[For]:
    """Take additions out of a loop, which writes down what they add; return loops that add it."""
    steps = steps_of(loop)
    assert steps is not None
    first = size_of(loop.lower)
    assert first is not None
    rows: dict[int, Var] = {}
    parts: list[For] = []
    for fold in folds:
        where = next(k for k, statement in enumerate(loop.body) if statement is fold)
        target, place = _target(fold), loop.var.size - first
        row = rows.get(id(fold.value))
        if row is None:
            hint = fold.value.hint if isinstance(fold.value, Var) else None
            length = steps if shop.facts.is_length(steps) else dim_max(0, steps)
            row = shop.temporary(hint and f"{hint}_row", target.array.dtype, (length,))
            rows[id(fold.value)] = row
            loop.body[where] = Store(row, (place,), fold.value)
        else:
            del loop.body[where]
        counter = Var(loop.var.hint, loop.var.dtype, ours=loop.var.ours)
        renamed = {loop.var.token: counter.size}
        index = tuple(substitute(size, renamed) for size in target.index)
        added = Load(row, (substitute(place, renamed),))
        again = Fold(Load(target.array, index), fold.op, added, fold.node)
        parts.append(For(counter, loop.lower, loop.upper, [again]))
    return parts


def _target(fold: Fold) -> Load:
    """Return the element that is added to."""
    assert isinstance(fold.target, Load)
    return fold.target


def _access(fold: Fold) -> Access:
    """Return the access of an addition."""
    target = _target(fold)
    return Access(target.array.itself(), target.index, changes=True, adds=True)
