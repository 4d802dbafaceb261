"""Read rows where they lie: ``row = table[k]`` copies nothing where only its elements are read.

The place of the row is tested where the model takes it. Elements are then read from the table,
which nothing may write to in the meantime.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node, users
from bpcompile.ir.op import Kind
from bpcompile.ir.type import Type
from bpcompile.ops.index import At, is_static
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.nest import Index
from bpcompile.schedule.ownership import FIRST_STATE, WRITES
from bpcompile.schedule.places import Values
from bpcompile.schedule.statements import Expression
from bpcompile.schedule.tasks import Work, mapped_index, work_of


class RowPlace:
    """Read a row from the array that it was taken from."""

    __slots__ = ("node", "pointed", "values")

    def __init__(self, values: Values, node: Node, pointed: Sequence[Size]) -> None:
        """Hold the block of the row, the node that takes it, and where, in range."""
        self.values = values
        self.node = node
        self.pointed = pointed

    def element(self, at: Index, cursor: Cursor, /) -> Expression:
        """Return an element of the array."""
        table, *pointers = self.node.args
        index = mapped_index(self.node.attrs["spec"], pointers, at, self.pointed)
        return self.values.read(table, index, cursor)


def is_row(node: Node, readers: Mapping[Node, Sequence[Node]], outputs: Collection[Node]) -> bool:
    """Tell whether a node takes rows that lie side by side, and only their elements are read."""
    if node.op.name != "index" or is_static(node.attrs["spec"]) or not node.array_type.rank:
        return False
    if any(pointer.array_type.rank for pointer in node.args[1:]):
        return False
    entries = [isinstance(entry, At) for entry in node.attrs["spec"]]
    return entries == sorted(entries, reverse=True) and _only_elements(node, readers, outputs)


def _only_elements(
    node: Node, readers: Mapping[Node, Sequence[Node]], outputs: Collection[Node]
) -> bool:
    """Tell whether nobody asks for the whole array of a value, in a block or in its regions."""
    stack = [(node, readers, outputs)]
    while stack:
        current, known, given = stack.pop()
        if current in given:
            return False
        for reader in known[current]:
            if reader.op.kind is Kind.REGION:
                inside = _inside(reader, current)
                if inside is None:
                    return False
                stack += [(param, users(g), g.outputs) for g, param in inside]
            elif reader.op.kind is Kind.VIEW:
                stack.append((reader, known, given))
            elif (
                not isinstance(reader.type, Type)
                or work_of(reader) is Work.OPAQUE
                or (reader.op.name in WRITES and reader.args[0] is current)
            ):
                return False
    return True


def _inside(region: Node, operand: Node) -> list[tuple[Graph, Node]] | None:
    """Return what an operand is called in the graphs of a region; None where it is carried."""
    found: list[tuple[Graph, Node]] = []
    is_branch = region.op.name == "branch"
    first = 1 if is_branch else FIRST_STATE[region.op.name]
    carried = 0 if is_branch else region.attrs["carried"]
    for k, arg in enumerate(region.args):
        if arg is not operand:
            continue
        if k < first + carried:
            return None
        for graph in _graphs(region):
            found.append((graph, graph.params[k - first + (region.op.name == "loop")]))
    return found


def _graphs(region: Node) -> list[Graph]:
    """Return the graphs of a region."""
    names = {"loop": ("body",), "while": ("test", "body"), "branch": ("then", "otherwise")}
    return [region.attrs[name] for name in names[region.op.name]]
