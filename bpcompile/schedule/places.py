"""Say where values lie while a block is written: scalars, arrays, and values of outer blocks.

The `Workshop` hands out what the whole plan shares: temporaries, constant tables, what is known of
counters.
"""

from __future__ import annotations

from typing import Protocol

from bpcompile.ir.dims import Size, size_names, substitute
from bpcompile.ir.graph import Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.hoist import hoisted
from bpcompile.schedule.nest import Index
from bpcompile.schedule.ranges import Facts
from bpcompile.schedule.statements import (
    Buffer,
    CheckedIndex,
    Expression,
    Load,
    Matrix,
    SizeValue,
    Var,
    size_of,
)

_ELEMENT = "%element"


class Place(Protocol):
    """Give the expression of an element of a value."""

    def element(self, at: Index, cursor: Cursor, /) -> Expression:
        """Return the expression."""


class ScalarPlace:
    """Hold a value of rank 0."""

    __slots__ = ("value",)

    def __init__(self, value: Expression) -> None:
        """Hold the expression."""
        self.value = value

    def element(self, _at: Index, _cursor: Cursor, /) -> Expression:
        """Return the value."""
        return self.value


class ArrayPlace:
    """Hold a value in an array that has the result axes `axes`, `row` being the indices before."""

    __slots__ = ("axes", "row", "var")

    def __init__(self, var: Var, axes: tuple[int, ...], row: Index = ()) -> None:
        """Hold the array."""
        self.var = var
        self.axes = axes
        self.row = row

    def kept(self, at: Index) -> Index:
        """Return the index into the array for an index of the value."""
        return (*self.row, *(at[k] for k in self.axes))

    def element(self, at: Index, _cursor: Cursor, /) -> Expression:
        """Return the element."""
        return Load(self.var, self.kept(at))


class Values(Protocol):
    """Answer what a block inside of another asks about the values of the outer one."""

    def read(self, node: Node, at: Index, cursor: Cursor, /) -> Expression:
        """Return the expression of one element of a value."""

    def array_of(self, node: Node, /) -> ArrayPlace | None:
        """Return the whole array that a value lies in, or None where it lies in none."""

    def seen_size(self, node: Node, cursor: Cursor, /) -> Size | None:
        """Return an i64 scalar as a size where that is known without computing anything."""

    def matrix(self, node: Node, /) -> Matrix:
        """Return the array of a matrix and how it must be read."""


class OuterPlace:
    """Read a value of the block around this one."""

    __slots__ = ("node", "values")

    def __init__(self, values: Values, node: Node) -> None:
        """Hold the outer block and its value."""
        self.values = values
        self.node = node

    def element(self, at: Index, cursor: Cursor, /) -> Expression:
        """Return what the outer block reads."""
        return self.values.read(self.node, at, cursor)


class Workshop:
    """Hand out what all blocks of a plan share."""

    def __init__(self, facts: Facts, fuse: bool = True) -> None:
        """Start with no buffers, and with what is known of the lengths; `fuse` is for blocks."""
        self.fuse = fuse
        self.buffers: list[Buffer] = []
        self.facts = facts
        self._conversions: dict[DType, Node] = {}
        self._elements: dict[Var, tuple[Size, ...] | None] = {}  # None where none is written yet

    def array(self, hint: str | None, dtype: DType, shape: tuple[Size, ...], role: str) -> Var:
        """Return a new array of a role."""
        var = Var(hint, dtype, len(shape))
        self.buffers.append(Buffer(var, shape, role))
        return var

    def temporary(self, hint: str | None, dtype: DType, shape: tuple[Size, ...]) -> Var:
        """Return a new temporary array."""
        return self.array(hint, dtype, shape, "temp")

    def table(self, node: Node) -> ArrayPlace:
        """Return the place of a constant array."""
        type = node.array_type
        var = Var(node.name, type.dtype, type.rank)
        self.buffers.append(Buffer(var, type.shape, "table", tuple(node.attrs["values"])))
        return ArrayPlace(var, tuple(range(type.rank)))

    def conversion(self, dtype: DType) -> Node:
        """Return a node that stands for the conversion of a scalar."""
        if dtype not in self._conversions:
            self._conversions[dtype] = Node(OPS["astype"], (), {"dtype": dtype}, Type(dtype))
        return self._conversions[dtype]

    def keeps(self, tape: Var) -> None:
        """Know that of an array nothing is read but what was written to it."""
        self._elements[tape] = None

    def wrote(self, array: Var, value: Expression) -> None:
        """Know of all elements of a tape of integers what is known of the one that is written."""
        if array in self._elements:
            size, before = size_of(value), self._elements[array]
            known = () if size is None else self.facts.about(size, _ELEMENT)
            both = known if before is None else tuple(fact for fact in before if fact in known)
            self._elements[array] = both

    def knows(self, array: Var, element: Var) -> None:
        """Know of a variable what is known of the elements of the tape that it was read from."""
        facts = self._elements.get(array)
        if facts:
            own = (substitute(fact, {_ELEMENT: element.size}) for fact in facts)
            self.facts.know(own, (element.token,))

    def tested(self, value: Size, node: Node, axis: int, cursor: Cursor) -> Size:
        """Return an index of a node's axis that is in range: proved, or tested where it stands."""
        length = node.args[0].shape[axis]
        if self.facts.within(value, length):
            return value
        found = cursor.tested(value, length)
        if found is None:
            place = hoisted(value, cursor, self.facts)
            is_only_tested = place.is_extreme or self.facts.never_negative(value)
            var = None if is_only_tested else Var("at", DType.I64, ours=True)
            found = value if var is None else var.size
            test = CheckedIndex(var, SizeValue(place.value), length, node, axis, place.runs)
            if var is not None or not self._widened(test, place.value, place.cursor):
                place.cursor.add_test(test, self.facts.known())
            if place.is_extreme and place.cursor.parent is None:
                self.facts.learn(length - 1 - place.value, place.runs)
            elif is_only_tested:
                self.facts.know((length - 1 - value,))
            known_in = cursor if place.runs else place.cursor
            known_in.remember_tested(value, length, found)
        return found

    def _widened(self, test: CheckedIndex, value: Size, cursor: Cursor) -> bool:
        """Let a test just before be of a larger index instead, where it stands for both.

        The larger one must be known there already. Nothing but reads stands between the two.
        """
        names = {name for name in size_names(value) if name.startswith("%")}
        for other, known in cursor.last_tests():
            if not isinstance(other.value, SizeValue) or other.var is not None:
                continue
            if (other.length, other.runs) != (test.length, test.runs) or not names <= known:
                continue
            if self.facts.never_negative(value - other.value.size):
                other.value, other.node, other.axis = test.value, test.node, test.axis
                return True
        return False
