"""Print a graph as NumPy statements, one for each value that deserves a name.

Works on the graph itself: the statements are arrays, so there are no loop nests to plan. Loops
stay plain Python, which is right but slow, and the module's docstring says so. Every array that an
op with a fresh result makes may be written in place by its only reader; views never are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bpcompile.emit.layout import Line
from bpcompile.emit.names import Namer, safe_note
from bpcompile.emit.numpy_expression import Expressions
from bpcompile.emit.printing import Piece, call_text
from bpcompile.emit.prologue import Lengths
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import DType, TupleType, Type

_INLINE_LENGTH = 48
_STATEMENTS = frozenset({"loop", "item", "update", "accumulate"})
Comment = Callable[[Node], str]


class NumpyWriter:
    """Write the statements of a graph and of its regions into one list of lines."""

    def __init__(self, namer: Namer, lengths: Lengths, comment: Comment) -> None:
        """Hold the names, the lengths, and what to say beside the line of a node."""
        self.namer = namer
        self.lengths = lengths
        self.comment = comment
        self.lines: list[Line] = []

    def block(self, graph: Graph, given: Mapping[Node, Piece], depth: int) -> list[Piece]:
        """Write the statements of a graph; return the text of its outputs."""
        return _Block(self, graph, given, depth).write()

    def add(self, code: str, depth: int, comment: str = "") -> None:
        """Append a line; a comment that stands alone is a note, and is filtered."""
        self.lines.append(Line(code, depth, comment if code else safe_note(comment)))


class _Block(Expressions):
    """Write one graph at one depth."""

    def __init__(
        self, writer: NumpyWriter, graph: Graph, given: Mapping[Node, Piece], depth: int
    ) -> None:
        super().__init__(writer.lengths, graph, given)
        self.writer = writer
        self.depth = depth
        self.results: dict[Node, list[Piece]] = {}
        self.owned_params = self._owned_params()

    def write(self) -> list[Piece]:
        for node in self.graph.nodes:
            if node not in self.place:
                self._node(node)
        return [self.place[out] for out in self.graph.outputs]

    def _node(self, node: Node) -> None:
        """Write one node, or keep its text for its only reader."""
        if node.op.name not in _STATEMENTS:
            piece = self.expression(node)
            if self._stays_inline(node, piece):
                self.place[node] = piece
            else:
                self._assign(node, piece.text)
        elif node.op.name == "loop":
            self._loop(node)
        elif node.op.name == "item":
            self.place[node] = self.results[node.args[0]][node.attrs["index"]]
        else:
            self._write_at(node)

    def _assign(self, node: Node, text: str) -> None:
        """Give the value of a node a name."""
        name = self.writer.namer.fresh(node.name)
        self.writer.add(f"{name} = {text}", self.depth, self.writer.comment(node))
        self.place[node] = Piece(name)

    def _stays_inline(self, node: Node, piece: Piece) -> bool:
        """Tell whether a value needs no statement of its own."""
        if node.op.name in ("const", "dim"):
            return node not in self.outputs or node.array_type.rank == 0
        readers = self.users[node]
        if node.name is not None or len(readers) != 1 or len(piece.text) > _INLINE_LENGTH:
            return False
        if node in self.outputs or (node.op.name == "index" and node.args[0] in self.owned_params):
            return False
        (reader,) = readers
        if reader.attrs and reader.op.kind is Kind.REGION:
            return False
        text = reader.op.numpy
        return text is None or not any(reader.args[k] is node for k in text.repeats)

    def _owned(self, node: Node) -> bool:
        """Tell whether a value is a fresh array that only one node reads."""
        fresh = (
            node.op.kind in (Kind.REDUCE, Kind.CONTRACTION)
            or node.op.name in ("update", "accumulate", "const", "empty")
            or (node.op.kind is Kind.ELEMENTWISE and node.op.name != "stop_gradient")
        )
        return fresh and len(self.users[node]) == 1 and node not in self.outputs

    def _write_at(self, node: Node) -> None:
        """Write an ``update`` or ``accumulate``, in place where nobody else sees the array."""
        base, value, *pointers = node.args
        inside = self.brackets(node, base, tuple(pointers))
        taken = self.place[base].text if base.op.name not in ("const", "empty") else ""
        if taken.isidentifier() and (self._owned(base) or base in self.owned_params):
            name = taken
        else:
            name = self.writer.namer.fresh(node.name)
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

    def _owned_params(self) -> set[Node]:
        """Return the parameters whose arrays belong to this block: none but in a loop."""
        return set()

    def _loop(self, node: Node) -> None:
        """Write a counted loop: carried values are variables, assigned all at once."""
        body: Graph = node.attrs["body"]
        carried: int = node.attrs["carried"]
        lower, upper, *rest = node.args
        assert isinstance(node.type, TupleType)
        if node.attrs.get("note"):
            self.writer.add("", self.depth, str(node.attrs["note"]))
        state: list[str] = []
        for param, init in zip(body.params[1 : 1 + carried], rest, strict=False):
            name = self.writer.namer.fresh(param.name)
            text = self.array(init)
            made = (
                text
                if not param.array_type.rank or text.startswith("np.zeros(")
                else f"np.array({text})"
            )
            self.writer.add(f"{name} = {made}", self.depth)
            state.append(name)
        index = self.writer.namer.fresh(body.params[0].name or "i")
        first, last = self._bound(lower), self._bound(upper)
        bounds = last if first == "0" else f"{first}, {last}"
        self.writer.add(f"for {index} in range({bounds}):", self.depth)
        given = {body.params[0]: Piece(index)}
        given.update(zip(body.params[1 : 1 + carried], map(Piece, state), strict=True))
        for param, constant in zip(body.params[1 + carried :], rest[carried:], strict=True):
            given[param] = Piece(self.array(constant), self.level(constant))
        inner = _LoopBody(self.writer, body, given, self.depth + 1, body.params[1 : 1 + carried])
        results = [inner.state_text(out) for out in _written(inner)]
        moved = [(s, r) for s, r in zip(state, results, strict=True) if s != r]
        if moved:
            left, right = ", ".join(s for s, _ in moved), ", ".join(r for _, r in moved)
            self.writer.add(f"{left} = {right}", self.depth + 1)
        elif not inner.wrote:
            self.writer.add("pass", self.depth + 1)
        self.writer.namer.release(index)
        self.results[node] = [Piece(name) for name in state]

    def _bound(self, node: Node) -> str:
        """Return the text of a loop's bound."""
        match node.op.name:
            case "const":
                return str(node.attrs["value"])
            case "dim":
                return str(self.lengths.size(node.attrs["size"]))
        return self.place[node].text


class _LoopBody(_Block):
    """Write the body of a loop, whose carried arrays belong to it."""

    def __init__(
        self,
        writer: NumpyWriter,
        graph: Graph,
        given: Mapping[Node, Piece],
        depth: int,
        carried: tuple[Node, ...],
    ) -> None:
        self.carried = carried
        super().__init__(writer, graph, given, depth)
        self.wrote = False

    def _owned_params(self) -> set[Node]:
        """Return the carried arrays that one node writes after all others have read them.

        A reader of a view keeps the array, so every reader but the writer must make a fresh value
        and stand before it.
        """
        order = {node: k for k, node in enumerate(self.graph.nodes)}
        owned = set()
        for param in self.carried:
            readers = self.users[param]
            writers = [
                r for r in readers if r.op.name in ("update", "accumulate") and r.args[0] is param
            ]
            if len(writers) != 1 or param in self.outputs:
                continue
            writer = writers[0]
            others = [r for r in readers if r is not writer]
            scalar = all(r.op.name == "index" and r.array_type.rank == 0 for r in others)
            if (
                scalar
                and all(order[r] < order[writer] for r in others)
                and param not in writer.args[1:]
            ):
                owned.add(param)
        return owned

    def state_text(self, node: Node) -> str:
        """Return the text of a next carried value, a copy where it would alias another."""
        text = self.array(node)
        aliases = node.array_type.rank and not self._fresh_name(node)
        return f"np.array({text})" if aliases else text

    def _fresh_name(self, node: Node) -> bool:
        """Tell whether a value's array is seen under no other name."""
        params = [self.place[p].text for p in self.graph.params]
        shared = sum(out is node for out in self.graph.outputs) > 1
        if node in self.graph.params:
            return (
                node in self.carried
                and not shared
                and self.graph.outputs[self.carried.index(node)] is node
            )
        return (node.op.kind is not Kind.VIEW and node.op.name != "index" and not shared) or (
            self.place[node].text in params
        )


def _written(body: _LoopBody) -> tuple[Node, ...]:
    """Write the body and return its outputs."""
    before = len(body.writer.lines)
    body.write()
    body.wrote = len(body.writer.lines) > before
    return body.graph.outputs


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
        "stop_gradient",
    )
    if shares or node in seen:
        text = call_text("np.array", text)
    seen.add(node)
    return text
