"""Print a graph as NumPy statements, one for each value that deserves a name.

Works on the graph itself: the statements are arrays, so there are no loop nests to plan. Loops and
branches stay plain Python, which is right but slow, and the module's docstring says so. What is
written in place is decided by `bpcompile.emit.numpy_storage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bpcompile.emit.layout import Line
from bpcompile.emit.names import Namer, safe_note
from bpcompile.emit.numpy_expression import Expressions
from bpcompile.emit.numpy_storage import Storage, keeps_operand
from bpcompile.emit.printing import Piece, call_text
from bpcompile.emit.prologue import Lengths
from bpcompile.emit.raising import Raised, printing_line, raising_lines
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import DType, TupleType, Type
from bpcompile.ops.checks import show
from bpcompile.schedule.ownership import WRITES

_INLINE_LENGTH = 48
_ELEMENTWISE, _REGION = Kind.ELEMENTWISE, Kind.REGION
Comment = Callable[[Node], str]
Region = Callable[["Block", Node], list[str]]


class NumpyWriter:
    """Write the statements of a graph and of its regions into one list of lines."""

    def __init__(
        self,
        namer: Namer,
        lengths: Lengths,
        comment: Comment,
        regions: Mapping[str, Region],
        raised: Raised,
    ) -> None:
        """Hold the names, the lengths, and what to say beside the line of a node.

        `regions` has for each region op what writes it and returns the names of its results, and
        `raised` with what each check raises its exception.
        """
        self.raised = raised
        self.namer = namer
        self.regions = regions
        self.lengths = lengths
        self.comment = comment
        self.lines: list[Line] = []

    def block(self, graph: Graph, given: Mapping[Node, Piece], depth: int) -> list[Piece]:
        """Write the statements of a graph; return the text of its outputs."""
        block = Block(self, graph, given, depth, Storage(graph))
        block.write()
        return [block.place[out] for out in graph.outputs]

    def add(self, code: str, depth: int, comment: str = "") -> None:
        """Append a line; a comment that stands alone is a note, and is filtered."""
        self.lines.append(Line(code, depth, comment if code else safe_note(comment)))


class Block(Expressions):
    """Write one graph or region at one depth."""

    def __init__(
        self,
        writer: NumpyWriter,
        graph: Graph,
        given: Mapping[Node, Piece],
        depth: int,
        storage: Storage,
        targets: Sequence[str] = (),
        tapes: Mapping[Node, Sequence[str]] | None = None,
    ) -> None:
        """Hold the block.

        `targets` are the names that a region's results end under, `tapes` those on which a value is
        kept.
        """
        super().__init__(writer.lengths, graph, given)
        self.writer = writer
        self.users = storage.users
        self.depth = depth
        self.storage = storage
        self.targets = targets
        self.tapes = tapes or {}
        self.results: dict[Node, list[str]] = {}
        self.name_for: dict[Node, str] = {}
        self._mentioned: dict[Node, frozenset[Node]] = {}  # of the values that stay inline
        for node, holder in storage.renamed.items():
            self.name_for[node] = given[holder].text
        for out, own, target in zip(storage.results, storage.holders, targets, strict=False):
            if own is None and storage.has_own_line(out):
                self.name_for[storage.root(out)] = target

    def write(self) -> None:
        """Write the statements."""
        for param in self.graph.params:
            self._keep(param)
        for node in self.graph.nodes:
            if node not in self.place and node not in self.storage.late:
                self._node(node)
                if self.tapes:
                    self._keep(node)
        for node in self.storage.late:
            self._node(node)
            self._keep(node)

    def region(
        self,
        graph: Graph,
        given: Mapping[Node, Piece],
        storage: Storage,
        targets: Sequence[str],
        tapes: Mapping[Node, Sequence[str]] | None = None,
    ) -> Block:
        """Return the block of a region below this one's depth."""
        return Block(self.writer, graph, given, self.depth + 1, storage, targets, tapes)

    def fresh_name(self, node: Node, hint: str | None = None) -> str:
        """Return the name of a value that has none yet."""
        hint = node.name or hint or self.storage.hints.get(node)
        return self.name_for.get(node) or self.writer.namer.fresh(hint)

    def _node(self, node: Node) -> None:
        """Write one node."""
        if node.op.kind is _ELEMENTWISE:
            self._value(node)
        elif node.op.kind is Kind.REGION:
            self.results[node] = self.writer.regions[node.op.name](self, node)
        elif node.op.kind is Kind.ROUTINE and isinstance(node.type, TupleType):
            self.results[node] = self._several(node, node.type)
        elif node.op.name == "item":
            self.place[node] = Piece(self.results[node.args[0]][node.attrs["index"]])
        elif node.op.name in WRITES:
            self._write_at(node)
        elif node.op.kind is Kind.CHECK:
            self._check(node)
        else:
            self._value(node)

    def _value(self, node: Node) -> None:
        """Write the value of a node, or keep its text for its only reader."""
        piece = self.expression(node)
        if self._stays_inline(node, piece):
            self.place[node] = piece
        else:
            self._assign(node, piece.text)

    def _several(self, node: Node, type: TupleType) -> list[str]:
        """Write a routine with several results; return their names."""
        routine = node.op.routine
        if routine is not None and routine.text is None:
            return ["None"] * len(type.items)  # no text reads them
        items = {user.attrs["index"]: user for user in self.users[node]}
        fresh = self.writer.namer.fresh
        hints = (routine.names if routine is not None else ()) or (None,) * len(type.items)
        names = [
            self.fresh_name(items[k], hint) if k in items else fresh(hint)
            for k, hint in enumerate(hints)
        ]
        text = self.routine(node).text
        self.writer.add(f"{', '.join(names)} = {text}", self.depth, self.writer.comment(node))
        return names

    def _check(self, node: Node) -> None:
        """Write a check of the model, or a print."""
        if node.op is show:
            values = [self.place[arg] for arg in node.args[1:]]
            line = printing_line(node, values, self.depth, self.writer.comment(node))
            self.writer.lines.append(line)
            return
        condition, args = self.place[node.args[0]], self.writer.raised[node]
        comment = self.writer.comment(node)
        lines = raising_lines(node.attrs["kind"], condition, args, self.depth, comment)
        self.writer.lines += lines

    def _assign(self, node: Node, text: str) -> None:
        """Give the value of a node a name."""
        name = self.fresh_name(node)
        self.writer.add(f"{name} = {text}", self.depth, self.writer.comment(node))
        self.place[node] = Piece(name)

    def _keep(self, node: Node) -> None:
        """Put a value on the tapes that ask for it, an array as it is now."""
        for tape in self.tapes.get(node, ()):
            text = self.array(node)
            seen = self.users[node] or node in self.storage.outputs or node in self.storage.in_place
            if node.array_type.rank and (seen or node.op.kind is Kind.LEAF or keeps_operand(node)):
                text = f"np.array({text})"
            self.writer.add(f"{tape}.append({text})", self.depth)

    def _stays_inline(self, node: Node, piece: Piece) -> bool:
        """Tell whether a value needs no statement of its own."""
        if not node.args and node.op.name in ("const", "dim"):
            return node not in self.outputs or node.array_type.rank == 0
        readers = self.users[node]
        if not readers and node in self.tapes and node not in self.storage.outputs:
            return True
        if node.name is not None or len(readers) != 1 or len(piece.text) > _INLINE_LENGTH:
            return False
        (reader,) = readers
        if node in self.outputs:
            return False
        if reader.attrs and reader.op.kind is _REGION:
            tested = reader.op.name == "branch" and reader.args[0] is node
            if not tested:
                return False
        text = reader.op.numpy
        if text is not None and text.repeats and any(reader.args[k] is node for k in text.repeats):
            return False
        return not self.storage.shares or self._may_wait(node, reader)

    def _may_wait(self, node: Node, reader: Node) -> bool:
        """Tell whether a value is the same where its reader stands; note what it is made of."""
        if self.storage.is_overwritten(node):
            return False
        seen = frozenset().union(*(self._mentioned.get(arg, {arg}) for arg in node.args))
        if self.storage.lasts(seen, reader):
            self._mentioned[node] = seen
        return node in self._mentioned

    def _write_at(self, node: Node) -> None:
        """Write an ``update`` or ``accumulate``, in place where nobody else sees the array."""
        base, value, *pointers = node.args
        inside = self.brackets(node, base, tuple(pointers))
        if node in self.storage.in_place:
            name = self.place[base].text
        else:
            name = self.fresh_name(node)
            source = self.array(base)
            made = source if source.startswith(("np.zeros(", "np.full(")) else f"np.array({source})"
            self.writer.add(f"{name} = {made}", self.depth)
        repeated = any(pointer.array_type.rank for pointer in pointers)
        shown = self.place[value].text
        comment = self.writer.comment(node)
        if node.op.name == "update":
            self.writer.add(f"{name}[{inside}] = {shown}", self.depth, comment)
        elif node.array_type.dtype is DType.BOOL:
            self.writer.add(
                f"np.logical_or.at({name}, np.s_[{inside}], {shown})", self.depth, comment
            )
        elif repeated:
            self.writer.add(f"np.add.at({name}, np.s_[{inside}], {shown})", self.depth, comment)
        else:
            self.writer.add(f"{name}[{inside}] += {shown}", self.depth, comment)
        self.place[node] = Piece(name)

    def hand_over(self) -> None:
        """Assign the results to the names under which they end, all at once where one is read."""
        storage, moved = self.storage, []
        for out, holder, target in zip(storage.results, storage.holders, self.targets, strict=True):
            text = self.array(out)
            if text == target:
                continue
            if self._is_seen_elsewhere(out):
                text = f"np.array({text})"
            if holder is None:
                self.writer.add(f"{target} = {text}", self.depth)
            else:
                moved.append((target, text))
        if moved:
            left, right = (", ".join(side) for side in zip(*moved, strict=True))
            self.writer.add(f"{left} = {right}", self.depth)

    def _is_seen_elsewhere(self, out: Node) -> bool:
        """Tell whether an array result may be known under another name as well."""
        if not out.array_type.rank:
            return False
        shared = self.storage.results.count(out) > 1
        return shared or keeps_operand(out) or out.op.name in ("param", "iota")


def result_text(piece: Piece, type: Type) -> str:
    """Return the text of a result leaf: Python scalars, and arrays in C order.

    NumPy lays out its results like their operands, a transposed array among them.
    """
    if type.rank > 1:
        return call_text("np.ascontiguousarray", piece.text)
    if type.rank:
        return piece.text
    if type.dtype is DType.F32:
        return call_text("np.float32", piece.text)
    builtin = {DType.F64: "float", DType.I64: "int", DType.BOOL: "bool"}[type.dtype]
    return call_text(builtin, piece.text)


def fresh_text(node: Node, piece: Piece, seen: set[Node]) -> str:
    """Return the text of an array result that shares memory with nothing else."""
    text = piece.text
    shares = node.op.kind is Kind.VIEW or node.op.name in (
        "param",
        "index",
        "item",
        "replay",
        "stop_gradient",
    )
    if shares or node in seen:
        text = call_text("np.array", text)
    seen.add(node)
    return text
