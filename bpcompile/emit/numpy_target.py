"""Print a graph as NumPy code, one statement for each value that deserves a name.

Works on the graph itself: the statements are arrays, so there are no loop nests to plan. Loops
stay plain Python, which is right but slow, and the module's docstring says so. Every array that an
op with a fresh result makes may be written in place by its only reader; views never are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bpcompile.emit.layout import Line
from bpcompile.emit.names import Namer
from bpcompile.emit.printing import Piece, call_text, number, render, shape_text, tuple_text
from bpcompile.emit.prologue import Lengths
from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node, users
from bpcompile.ir.op import Kind, Level
from bpcompile.ir.type import DType, TupleType, Type
from bpcompile.ops.index import At, Slice, Spec
from bpcompile.ops.reduce import kept_axes

_INLINE_LENGTH = 48
Comment = Callable[[Node], str]


class NumpyWriter:
    """Write the statements of a graph and of its regions into one list of lines."""

    def __init__(self, namer: Namer, lengths: Lengths, comment: Comment) -> None:
        """Hold the names, the lengths, and what to say beside the line of a node."""
        self.namer = namer
        self.lengths = lengths
        self.comment = comment
        self.lines: list[Line] = []
        self.needs_mesh = False

    def block(self, graph: Graph, given: Mapping[Node, Piece], depth: int) -> list[Piece]:
        """Write the statements of a graph; return the text of its outputs."""
        return _Block(self, graph, given, depth).write()

    def add(self, code: str, depth: int, comment: str = "") -> None:
        """Append a line."""
        self.lines.append(Line(code, depth, comment))


class _Block:
    """Write one graph at one depth."""

    def __init__(
        self, writer: NumpyWriter, graph: Graph, given: Mapping[Node, Piece], depth: int
    ) -> None:
        self.writer = writer
        self.graph = graph
        self.depth = depth
        self.place: dict[Node, Piece] = dict(given)
        self.users = users(graph)
        self.outputs = set(graph.outputs)
        self.results: dict[Node, list[Piece]] = {}

    def write(self) -> list[Piece]:
        for node in self.graph.nodes:
            if node not in self.place:
                self._node(node)
        return [self.place[out] for out in self.graph.outputs]

    def _node(self, node: Node) -> None:
        """Write one node, or keep its text for its only reader."""
        if node.op.name == "loop":
            self._loop(node)
        elif node.op.name == "item":
            self.place[node] = self.results[node.args[0]][node.attrs["index"]]
        elif node.op.name in ("update", "accumulate"):
            self._write_at(node)
        else:
            piece = self._expression(node)
            if self._stays_inline(node, piece):
                self.place[node] = piece
            else:
                self._assign(node, piece.text)

    def _assign(self, node: Node, text: str) -> None:
        """Give the value of a node a name."""
        name = self.writer.namer.fresh(node.name)
        self.writer.add(f"{name} = {text}", self.depth, self.writer.comment(node))
        self.place[node] = Piece(name)

    def _stays_inline(self, node: Node, piece: Piece) -> bool:
        """Tell whether a value needs no statement of its own."""
        if node.op.name in ("const", "dim"):
            return node not in self.outputs or node.array_type.rank == 0
        if node.op.name == "index" and node.args[0] in self.owned_params:
            return False
        readers = self.users[node]
        if node.name is not None or node in self.outputs or len(readers) != 1:
            return False
        reader = readers[0]
        if reader.op.kind is Kind.REGION or len(piece.text) > _INLINE_LENGTH:
            return False
        text = reader.op.numpy
        return text is None or not any(reader.args[k] is node for k in text.repeats)

    def _array(self, node: Node) -> str:
        """Return the text of an operand that must be an array of its full shape."""
        if node.op.name == "const" and node.array_type.rank:
            return self._full(node.array_type, node.attrs["value"])
        return self.place[node].text

    def _full(self, type: Type, value: float) -> str:
        """Return the text of an array of one value."""
        shape = shape_text(self.writer.lengths.shape(type.shape))
        kind = f"np.{type.dtype.numpy_name}"
        if value == 0 and str(value) != "-0.0":
            return call_text("np.zeros", shape, kind)
        return call_text("np.full", shape, number(value, "np").text, kind)

    def _shape(self, shape: tuple[Size, ...]) -> str:
        """Return the text of a shape as a tuple."""
        return (
            tuple_text([str(size) for size in self.writer.lengths.shape(shape)]) if shape else "()"
        )

    def _expression(self, node: Node) -> Piece:
        """Return the expression of a node that is not a write or a loop."""
        kind, name = node.op.kind, node.op.name
        if kind is Kind.ELEMENTWISE:
            return self._elementwise(node)
        if kind is Kind.REDUCE:
            return self._reduce(node)
        if name == "matmul":
            assert node.op.numpy is not None
            return render(
                node.op.numpy, [Piece(self._array(a), self._level(a)) for a in node.args]
            )
        if name == "index":
            return self._read_at(node)
        if kind is Kind.VIEW:
            return self._view(node)
        return self._leaf(node)

    def _leaf(self, node: Node) -> Piece:
        """Return the expression of an op that does no work."""
        type = node.array_type
        match node.op.name:
            case "const":
                if node in self.outputs and type.rank:
                    return Piece(self._full(type, node.attrs["value"]))
                plain = number(node.attrs["value"], "np")
                if type.rank:
                    return plain
                return Piece(call_text(f"np.{type.dtype.numpy_name}", plain.text))
            case "dim":
                return Piece(
                    call_text("np.int64", str(self.writer.lengths.size(node.attrs["size"])))
                )
            case "table":
                values = ", ".join(number(v, "np").text for v in node.attrs["values"])
                flat = f"np.array([{values}], np.{type.dtype.numpy_name})"
                return Piece(
                    flat if type.rank == 1 else f"{flat}.reshape({self._shape(type.shape)})"
                )
            case "iota":
                return Piece(self._iota(type.shape, node.attrs["axis"]))
            case "empty":
                return Piece(self._full(type, 0.0))
        raise CompileError(f"the numpy target has no text for {node.op.name}")

    def _iota(self, shape: tuple[Size, ...], axis: int) -> str:
        """Return the text of a counting array."""
        count = f"np.arange({self.writer.lengths.size(shape[axis])})"
        if len(shape) == 1:
            return count
        places = ", ".join(":" if k == axis else "None" for k in range(len(shape)))
        return f"np.broadcast_to({count}[{places}], {self._shape(shape)})"

    def _elementwise(self, node: Node) -> Piece:
        """Return the expression of an elementwise op."""
        if node.op.name == "astype":
            dtype = node.attrs["dtype"].numpy_name
            operand = self.place[node.args[0]]
            if node.array_type.rank == 0 or node.args[0].op.name == "const":
                return Piece(call_text(f"np.{dtype}", operand.text))
            return Piece(f"{operand.at(Level.ATOM)}.astype(np.{dtype})")
        if node.op.numpy is None:
            raise CompileError(f"the op {node.op.name} has no text for the numpy target")
        operands = [self.place[arg] for arg in node.args]
        if node.array_type.rank and all(arg.op.name == "const" for arg in node.args):
            operands[0] = Piece(self._array(node.args[0]))
        return render(node.op.numpy, operands)

    def _reduce(self, node: Node) -> Piece:
        """Return the expression of a reduction."""
        (operand,), axes = node.args, node.attrs["axes"]
        rank = operand.array_type.rank
        text = self._array(operand)
        if node.op.name in ("argmax", "argmin"):
            return Piece(call_text(f"np.{node.op.name}", text, str(axes[0])))
        arguments = [text]
        if kept_axes(rank, axes):
            arguments.append(str(axes[0]) if len(axes) == 1 else tuple_text([str(a) for a in axes]))
        narrow = node.array_type.dtype is DType.F32 and node.op.name == "sum"
        if narrow:
            arguments.append("dtype=np.float64")
        total = call_text(f"np.{node.op.name}", *arguments)
        if not narrow:
            return Piece(total)
        if node.array_type.rank:
            return Piece(f"{total}.astype(np.float32)")
        return Piece(call_text("np.float32", total))

    def _view(self, node: Node) -> Piece:
        """Return the expression of an op that rearranges."""
        (operand,) = node.args
        text = self._array(operand)
        match node.op.name:
            case "reshape":
                return Piece(f"np.reshape({text}, {self._shape(node.shape)})")
            case "transpose":
                order = node.attrs["order"]
                if order == (1, 0):
                    return Piece(f"{Piece(text, self._level(operand)).at(Level.ATOM)}.T")
                return Piece(f"np.transpose({text}, {tuple_text([str(k) for k in order])})")
            case "broadcast":
                return Piece(self._broadcast(node, text))
        raise CompileError(f"the numpy target has no text for {node.op.name}")

    def _level(self, node: Node) -> Level:
        """Return how strongly the text of an operand binds."""
        return self.place[node].level

    def _broadcast(self, node: Node, text: str) -> str:
        """Return the text of a broadcast: implicit where only elementwise ops read it."""
        axes, rank = node.attrs["axes"], len(node.shape)
        order = sorted(range(len(axes)), key=lambda k: axes[k])
        if order != list(range(len(axes))):
            text = f"np.transpose({text}, {tuple_text([str(k) for k in order])})"
            axes = tuple(sorted(axes))
        trailing = axes == tuple(range(rank - len(axes), rank))
        if not trailing:
            shown = (
                self.place[node.args[0]].at(Level.ATOM) if order == list(range(len(axes))) else text
            )
            text = f"{shown}[{', '.join(':' if k in axes else 'None' for k in range(rank))}]"
        if node not in self.outputs and all(self._spreads(u, node) for u in self.users[node]):
            return text if not trailing else f"({text})"
        return f"np.broadcast_to({text}, {self._shape(node.shape)})"

    def _spreads(self, reader: Node, node: Node) -> bool:
        """Tell whether a reader spreads this operand itself, beside one of full shape."""
        if reader.op.kind is not Kind.ELEMENTWISE or reader.op.name == "astype":
            return False
        return any(
            arg is not node and arg.op.name not in ("const", "broadcast") for arg in reader.args
        )

    def _index_text(self, spec: Spec, indices: list[str], ranks: list[int], x: Node) -> str:
        """Return the text between the brackets of a read or write."""
        pointed = [entry for entry in spec if isinstance(entry, At)]
        arrays = [entry for entry in pointed if ranks[entry.operand]]
        parts = [
            indices[entry.operand] if isinstance(entry, At) else self._slice_text(entry, length)
            for entry, length in zip(spec, x.shape, strict=True)
        ]
        plain = len(pointed) <= 1 or len(pointed) == len(spec) or not arrays
        shown = [part for part in parts if part is not None]
        if plain and len(shown) == len(parts):
            return ", ".join(shown)
        return self._mesh_text(spec, indices, ranks)

    def _slice_text(self, entry: Slice, length: Size) -> str | None:
        """Return the text of a slice, or None where Python has no slice for it."""
        size = self.writer.lengths.size
        start, step, count = size(entry.start), entry.step, size(entry.length)
        if entry == Slice(0, 1, length):
            return ":"
        stop = start + count * step
        if step < 0:
            if stop == -1:
                shown = "" if start == size(length) - 1 else str(start)
                return f"{shown}::{step}"
            known = isinstance(stop, int) and stop >= 0
            return f"{start}:{stop}:{step}" if known else None
        shown_start = "" if start == 0 else str(start)
        shown_stop = "" if stop == size(length) else str(stop)
        return f"{shown_start}:{shown_stop}" + (f":{step}" if step > 1 else "")

    def _mesh_text(self, spec: Spec, indices: list[str], ranks: list[int]) -> str:
        """Return an open mesh, so that NumPy's rule about index axes never applies."""
        result_rank, group, axes = 0, -1, []
        index_rank = max(ranks, default=0)
        for entry in spec:
            axes.append(result_rank)
            if isinstance(entry, Slice):
                result_rank += 1
            elif ranks[entry.operand]:
                if group < 0:
                    group = result_rank
                    result_rank += index_rank
                axes[-1] = group
        parts = []
        for entry, axis in zip(spec, axes, strict=True):
            if isinstance(entry, At) and not ranks[entry.operand]:
                parts.append(indices[entry.operand])
                continue
            own = 1 if isinstance(entry, Slice) else index_rank
            size = self.writer.lengths.size
            text = (
                f"({size(entry.start)} + {entry.step} * np.arange({size(entry.length)}))"
                if isinstance(entry, Slice)
                else indices[entry.operand]
            )
            marks = [":" if axis <= k < axis + own else "None" for k in range(result_rank)]
            parts.append(f"{text}[{', '.join(marks)}]" if result_rank > own else text)
        return ", ".join(parts)

    def _pointers(self, nodes: tuple[Node, ...]) -> tuple[list[str], list[int]]:
        """Return the texts and ranks of index operands."""
        return (
            [Piece(self._array(n), self._level(n)).at(Level.ATOM) for n in nodes],
            [n.array_type.rank for n in nodes],
        )

    def _read_at(self, node: Node) -> Piece:
        """Return the expression of an ``index``."""
        x, *rest = node.args
        texts, ranks = self._pointers(tuple(rest))
        inside = self._index_text(node.attrs["spec"], texts, ranks, x)
        base = Piece(self._array(x), self._level(x)).at(Level.ATOM)
        return Piece(f"{base}[{inside}]")

    def _owned(self, node: Node) -> bool:
        """Tell whether a value is a fresh array that only one node reads."""
        fresh = (
            node.op.kind in (Kind.REDUCE, Kind.CONTRACTION)
            or node.op.name in ("update", "accumulate", "const", "empty")
            or (node.op.kind is Kind.ELEMENTWISE and node.op.name != "stop_gradient")
            or bool(node.attrs.get("owned"))
        )
        return fresh and len(self.users[node]) == 1 and node not in self.outputs

    def _write_at(self, node: Node) -> None:
        """Write an ``update`` or ``accumulate``, in place where nobody else sees the array."""
        base, value, *rest = node.args
        texts, ranks = self._pointers(tuple(rest))
        inside = self._index_text(node.attrs["spec"], texts, ranks, base)
        taken = self.place[base].text if base.op.name not in ("const", "empty") else ""
        if taken.isidentifier() and (self._owned(base) or base in self.owned_params):
            name = taken
        else:
            name = self.writer.namer.fresh(node.name)
            source = self._array(base)
            made = source if source.startswith(("np.zeros(", "np.full(")) else f"np.array({source})"
            self.writer.add(f"{name} = {made}", self.depth)
        repeated = any(ranks)
        shown = self.place[value].text
        comment = self.writer.comment(node)
        if node.op.name == "update":
            self.writer.add(f"{name}[{inside}] = {shown}", self.depth, comment)
        elif node.array_type.dtype is DType.BOOL:
            self.writer.add(f"np.logical_or.at({name}, np.s_[{inside}], {shown})", self.depth, comment)
        elif repeated:
            self.writer.add(f"np.add.at({name}, np.s_[{inside}], {shown})", self.depth, comment)
        else:
            self.writer.add(f"{name}[{inside}] += {shown}", self.depth, comment)
        self.place[node] = Piece(name)

    @property
    def owned_params(self) -> set[Node]:
        """Return the parameters whose arrays belong to this block and have one reader."""
        return {p for p in self.graph.params if p.attrs.get("owned") and len(self.users[p]) == 1}

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
            text = self._array(init)
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
            given[param] = Piece(self._array(constant), self._level(constant))
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
                return str(self.writer.lengths.size(node.attrs["size"]))
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
        super().__init__(writer, graph, given, depth)
        self.carried = carried
        self.wrote = False

    @property
    def owned_params(self) -> set[Node]:
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
        text = self._array(node)
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
