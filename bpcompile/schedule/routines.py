"""Write a routine: an algorithm on whole vectors or matrices, once for each of a batch."""

from __future__ import annotations

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Routine
from bpcompile.ir.type import DType, TupleType, Type
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.nest import Task
from bpcompile.schedule.places import ArrayPlace
from bpcompile.schedule.reading import Reader
from bpcompile.schedule.statements import Call, For, Lit, SizeValue, Statement, Var


def write_routine(block: Reader, task: Task, cursor: Cursor) -> None:
    """Write the call of a routine's helper, in loops over the batch."""
    node = task.node
    routine = node.op.routine
    assert routine is not None
    operands = [_whole(block, arg) for k, arg in enumerate(node.args) if k not in routine.aside]
    outs = _results(block, task)
    axis, batch = _batch(node, routine)
    counters = [Var(None, DType.I64, ours=True) for _ in batch]
    index = tuple(counter.size for counter in counters)
    statement: Statement = Call(operands, outs, index, axis, node)
    for counter, size in reversed(list(zip(counters, batch, strict=True))):
        statement = For(counter, Lit(0, DType.I64), SizeValue(size), [statement])
    cursor.add(statement)


def _batch(node: Node, routine: Routine) -> tuple[int, tuple[Size, ...]]:
    """Return the first axis that a routine works on, and the lengths of those around its own."""
    first, own = node.args[0].shape, routine.ranks[0]
    axis: int = node.attrs.get("axis", len(first) - own)
    return axis, (*first[:axis], *first[axis + own :])


def _whole(block: Reader, node: Node) -> Var:
    """Return the array of an operand."""
    place = block.array_of(node)
    assert place is not None
    return place.var


def _results(block: Reader, task: Task) -> list[Var]:
    """Return the arrays of the results: those that they are asked for in, or new ones."""
    node = task.node
    if isinstance(node.type, Type):
        return [block.buffer(task).var]
    items = {user.attrs["index"]: user for user in block.block.users[node]}
    outs: list[Var] = []
    assert node.op.routine is not None
    names = node.op.routine.names
    assert isinstance(node.type, TupleType)
    for k, type in enumerate(node.type.items):
        assert isinstance(type, Type)
        item = items.get(k)
        claimed = None if item is None else block.claims.get(item)
        hint = item.name if item is not None and item.name else (names[k] if names else None)
        outs.append(claimed or block.shop.temporary(hint, type.dtype, type.shape))
        if item is not None:
            block.places[item] = ArrayPlace(outs[k], tuple(range(type.rank)))
    return outs
