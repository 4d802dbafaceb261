"""Read the elements of values: as scalars, from arrays, or through transparent nodes.

A value is read as a scalar where the same iteration made it, as an element of its array where it
has one, and else through its operands. A cheap value with several readers is computed once in each
loop that reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At
from bpcompile.schedule.block import Block, through
from bpcompile.schedule.conditions import INTEGER, Sizes, told
from bpcompile.schedule.counts import calculated, is_arithmetic, is_counted
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.nest import Index, Task
from bpcompile.schedule.places import ArrayPlace, OuterPlace, Place, ScalarPlace, Workshop
from bpcompile.schedule.statements import (
    Apply,
    Expression,
    Lit,
    Load,
    Matrix,
    Set,
    SizeValue,
    Var,
    size_of,
)
from bpcompile.schedule.tasks import Work, pointer_indices

_MOST_LOOKED_AT = 32  # nodes that a condition is made of


class Reader:
    """Read values of one block, and know in which arrays they lie."""

    def __init__(
        self, block: Block, shop: Workshop, places: dict[Node, Place], cursor: Cursor
    ) -> None:
        """Prepare to read a block whose parameters stand at `places`."""
        self.block = block
        self.shop = shop
        self.places = places
        self.top = cursor
        self.claims: dict[Node, Var] = {}  # arrays that values are asked to be made in
        self.arrays: dict[Node, ArrayPlace] = {}
        self._tables: dict[Node, ArrayPlace] = {}

    # Elements

    def read(self, node: Node, at: Index, cursor: Cursor) -> Expression:
        """Return the expression of one element of a value."""
        known = cursor.known(node, at)
        if known is not None:
            return known
        place = self._place(node)
        if place is not None:
            return place.element(at, cursor)
        if not self.block.is_transparent(node):
            raise CompileError(f"{node!r} is read before it is made")
        return self.read_through(node, at, cursor)

    def _place(self, node: Node) -> Place | None:
        """Return where a value lies, if it lies anywhere."""
        place = self.places.get(node)
        return place if place is not None else self.arrays.get(node)

    def read_through(self, node: Node, at: Index, cursor: Cursor) -> Expression:
        """Return the expression of a transparent value."""
        match node.op.name:
            case "const":
                return Lit(node.attrs["value"], node.array_type.dtype)
            case "empty":
                return Lit(0, node.array_type.dtype)
            case "dim":
                return SizeValue(node.attrs["size"])
            case "iota":
                return SizeValue(at[node.attrs["axis"]])
            case "table":
                return self._array_of_table(node).element(at, cursor)
            case "replay":
                tape, place = node.args
                return self.read(tape, (self.index_value(place, (), cursor), *at), cursor)
        if node.op.kind is not Kind.ELEMENTWISE:
            ((operand, index),) = through(node, at)
            return self.read(operand, index, cursor)
        value = Apply(node, tuple(self.read(arg, i, cursor) for arg, i in through(node, at)))
        if len(self.block.users[node]) < 2 and node.name is None:
            return value
        return self.named(node, at, value, cursor)

    def array_of(self, node: Node) -> ArrayPlace | None:
        """Return the whole array that a value lies in, or None where it lies in none."""
        place = self._place(node)
        if isinstance(place, OuterPlace):
            return place.values.array_of(place.node)
        if node.op.name == "table":
            return self._array_of_table(node)
        return place if isinstance(place, ArrayPlace) else None

    def _array_of_table(self, node: Node) -> ArrayPlace:
        """Return the place of a small constant array."""
        if node not in self._tables:  # apart from `arrays`, where a copy to write into may stand
            self._tables[node] = self.shop.table(node)
        return self._tables[node]

    def named(self, node: Node, at: Index, value: Expression, cursor: Cursor) -> Var:
        """Assign a value to a variable and remember it for this iteration."""
        var = Var(node.name, node.array_type.dtype)
        is_read = node.op.name == "param"  # one that stands for an element of an array
        if node.array_type == Type(DType.I64) and not is_read and is_counted(node):
            size = self.index_value(node, at, cursor)
            self.shop.facts.define(var.token, size)
            value = value if node.op.name == "remainder" else SizeValue(size)
        if isinstance(value, Load):
            self.shop.knows(value.array, var)
        cursor.add(Set(var, value, node))
        cursor.remember(node, at, var)
        return var

    def index_value(self, node: Node, at: Index, cursor: Cursor) -> Size:
        """Return an i64 value as a size, so that it can stand in an index."""
        known = cursor.known(node, at)
        if isinstance(known, (Var, SizeValue)):
            return known.size
        if is_arithmetic(node) and is_counted(node):
            parts = [self.index_value(arg, i, cursor) for arg, i in through(node, at)]
            return calculated(node, parts)
        if node.op.kind is Kind.VIEW and self.block.is_transparent(node):
            ((operand, index),) = through(node, at)
            return self.index_value(operand, index, cursor)
        value = self.read(node, at, cursor)
        if isinstance(value, SizeValue):
            return value.size
        if isinstance(value, Lit):
            return int(value.value)
        if not isinstance(value, Var):
            value = self.named(node, at, value, cursor)
        return value.size

    def seen_size(self, node: Node, cursor: Cursor) -> Size | None:
        """Return an i64 scalar as a size where that is known without computing anything."""
        known = cursor.known(node, ())
        place = self._place(node)
        if known is None and isinstance(place, OuterPlace):
            return place.values.seen_size(place.node, cursor)
        if known is None and isinstance(place, ScalarPlace):
            known = place.value
        return None if known is None else size_of(known)

    def told(self, condition: Node, holds: bool, cursor: Cursor) -> tuple[Size, ...]:
        """Return the sizes that are 0 or more where a condition holds, or where it does not."""
        seen: dict[Node, Size] = {}
        stack, steps = [condition], 0
        while stack and steps < _MOST_LOOKED_AT:
            node = stack.pop()
            steps += 1
            size = self.seen_size(node, cursor) if node.type == INTEGER else None
            if size is not None:
                seen[node] = size
            else:
                stack += node.args
        return told(Sizes(seen), condition, holds)

    def pointed(self, task_node: Node, at: Sequence[Size], cursor: Cursor) -> list[Size]:
        """Return the values of the index operands of a read or write, tested where need be."""
        skip = 1 if task_node.op.name == "index" else 2
        spec, pointers = task_node.attrs["spec"], task_node.args[skip:]
        axes = {entry.operand: axis for axis, entry in enumerate(spec) if isinstance(entry, At)}
        values: list[Size] = []
        for number, (pointer, index) in enumerate(pointer_indices(spec, pointers, at)):
            value = self.index_value(pointer, index, cursor)
            if not _is_a_place(pointer, task_node.args[0].shape[axes[number]]):
                value = self.shop.tested(value, task_node, axes[number], cursor)
            values.append(value)
        return values

    # Arrays

    def iteration(self, task: Task) -> list[Size]:
        """Return the canonical index of the current iteration of a task."""
        at: list[Size] = [0] * len(task.sizes)
        for axis, loop in zip(task.order, task.path, strict=True):
            at[axis] = loop.counter
        return at

    def result_at(self, task: Task) -> list[Size]:
        """Return the result index of the current iteration of a task."""
        at = self.iteration(task)
        return [at[axis] for axis in task.result]

    def buffer(self, task: Task) -> ArrayPlace:
        """Return the array of a task's value, with the axes that its readers need."""
        node = task.node
        if node not in self.arrays:
            axes = self._kept_axes(task)
            claimed = self.claims.get(node)
            shape = tuple(node.shape[k] for k in axes)
            dtype = node.array_type.dtype
            var = claimed or self.shop.temporary(node.name, dtype, shape)
            self.arrays[node] = ArrayPlace(var, axes)
        return self.arrays[node]

    def _kept_axes(self, task: Task) -> tuple[int, ...]:
        """Return the result axes whose loop not all readers are inside of."""
        if task.work is Work.OPAQUE:
            return tuple(range(task.node.array_type.rank))
        depth = {axis: d for d, axis in enumerate(task.order)}
        return tuple(k for k, axis in enumerate(task.result) if depth[axis] >= task.share)

    # Folds

    def inner_axes(self, task: Task) -> tuple[int, ...]:
        """Return the result axes whose loops stand inside of the folded one."""
        depth = {axis: d for d, axis in enumerate(task.order)}
        ready = task.ready_depth()
        return tuple(k for k, axis in enumerate(task.result) if depth[axis] > ready)

    def buffer_with(self, task: Task, inner: tuple[int, ...]) -> ArrayPlace:
        """Return the array of a fold's value, which has at least the inner axes."""
        axes = tuple(sorted({*self._kept_axes(task), *inner}))
        node = task.node
        if node not in self.arrays:
            shape = tuple(node.shape[k] for k in axes)
            var = self.claims.get(node) or self.shop.temporary(
                node.name, node.array_type.dtype, shape
            )
            self.arrays[node] = ArrayPlace(var, axes)
        return self.arrays[node]

    def shared_array(self, node: Node) -> ArrayPlace:
        """Return the whole array of a value that somebody writes into."""
        place = self._place(node)
        if isinstance(place, ArrayPlace):
            return place
        if node.op.name == "item":
            taken = self.block.taken_by(node)
            return self._claimed(node) if taken is None else self.shared_array(taken)
        task = self.block.tasks.get(node)
        if task is None:
            raise CompileError(f"{node!r} has no array to write into")
        return self.buffer(task)

    def _claimed(self, node: Node) -> ArrayPlace:
        """Return the array that a region is asked to leave a result in."""
        type = node.array_type
        if node not in self.claims:
            self.claims[node] = self.shop.temporary(node.name, type.dtype, type.shape)
        return ArrayPlace(self.claims[node], tuple(range(type.rank)))

    def matrix(self, node: Node) -> Matrix:
        """Return the array of a matrix and how it must be read."""
        source, flipped = node, False
        while source.op.name == "transpose" and self.block.is_transparent(source):
            source, flipped = source.args[0], not flipped
        shape = source.shape
        while source.op.name == "reshape" and self.block.is_transparent(source):
            source = source.args[0]
        place = self._place(source)
        if isinstance(place, OuterPlace):
            found = place.values.matrix(place.node)
        elif isinstance(place, ArrayPlace):
            found = Matrix(place.var, given=source.op.name == "param")
        else:
            raise CompileError(f"{source!r} has no array to multiply")
        if source.shape != shape:
            found = found._replace(shape=shape)
        return found._replace(transposed=found.transposed is not flipped)


def _is_a_place(pointer: Node, length: Size) -> bool:
    """Tell whether index values were found as places along an axis of this length."""
    while pointer.op.kind is Kind.VIEW:
        (pointer,) = pointer.args
    match pointer.op.name:
        case "argsort":
            return bool(pointer.shape[pointer.attrs["axis"]] == length)
        case "argmax" | "argmin":
            return [pointer.args[0].shape[k] for k in pointer.attrs["axes"]] == [length]
    return False
