"""Write how values take the place of others: at the end of an iteration, and of a branch's arm.

Arrays that are not made where they belong are copied there; scalars are assigned all at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bpcompile.errors import CompileError
from bpcompile.ir.graph import Node
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.settle import settled
from bpcompile.schedule.statements import CopyArray, Fill, Move, Set, Var


def hand_over(
    inner: Lowering, targets: Sequence[tuple[Var, Node]], given: Collection[Var], cursor: Cursor
) -> None:
    """Write that variables and arrays take values of a block, all at once.

    `given` are those that have a value before the block.
    """
    _copy_arrays(inner, [(var, out) for var, out in targets if var.rank], cursor)
    scalars = [(var, inner.read(out, (), cursor)) for var, out in targets if not var.rank]
    moves = settled(cursor.statements, scalars, given)
    for var, value in moves:
        if var not in given:
            cursor.add(Set(var, value))
    moves = [(var, value) for var, value in moves if var in given]
    if moves:
        cursor.add(Move([var for var, _ in moves], [value for _, value in moves]))


def copy_into(lowering: Lowering, target: Var, source: Node, cursor: Cursor) -> None:
    """Write the copy of a whole value into an array; an empty array needs none."""
    if source.op.name == "empty":
        return
    if source.op.name == "const":
        cursor.add(Fill(target, source.attrs["value"]))
        return
    place = lowering.array_of(source)
    if place is None:
        raise CompileError(f"{source!r} has no array to copy from")
    if place.var is not target:
        cursor.add(CopyArray(target, place.var))


def _copy_arrays(inner: Lowering, targets: Sequence[tuple[Var, Node]], cursor: Cursor) -> None:
    """Write the copies of the arrays that are not made in their place."""
    copies: list[tuple[Var, Node]] = []
    for var, out in targets:
        place = inner.array_of(out)
        if place is None or place.var is not var:
            copies.append((var, out))
    overwritten = {var for var, _ in copies}
    held = [(var, _held(inner, out, overwritten, cursor)) for var, out in copies]
    for var, source in held:
        if isinstance(source, Var):
            cursor.add(CopyArray(var, source))
        else:
            copy_into(inner, var, source, cursor)


def _held(inner: Lowering, out: Node, overwritten: Collection[Var], cursor: Cursor) -> Var | Node:
    """Return what to copy from, saved first where it is itself overwritten."""
    place = inner.array_of(out)
    if place is None or place.var not in overwritten:
        return out
    type = out.array_type
    saved = inner.shop.temporary(None, type.dtype, type.shape)
    cursor.add(CopyArray(saved, place.var))
    return saved
