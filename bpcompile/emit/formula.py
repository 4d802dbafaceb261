"""Write the mathematics beside the code: the docstring's formulas and the comment of each line.

In: the graph as written and the joint graph before it was lowered, in which composites such as
``softmax`` still stand. Out: text of a closed alphabet. The formula of an adjoint line is printed
from the graph that its rule built, so that it cannot drift from the code.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from bpcompile.emit.formula_regions import (
    SELECT,
    is_call,
    operands_inside,
    region_lines,
    result_name,
    result_piece,
)
from bpcompile.emit.names import safe_file, safe_name, unnamed_letter
from bpcompile.emit.printing import Piece, number, render, size_piece
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node, Origin, regions
from bpcompile.ir.op import Kind, Level, Text, infix
from bpcompile.ir.walk import all_graphs
from bpcompile.ops.index import At, Slice
from bpcompile.passes.checks import settle

_LONG = 72
_SHORT = 48
_TABLE = 24
_MOST_LINES = 40
_PRODUCT = infix("", Level.MULTIPLY)
_UNKNOWN = Piece("(...)")  # a value without a name, whose formula is not at hand


class Formulas:
    """Hold the text that explains a module, and the letter by which it calls `unnamed` values."""

    def __init__(self, written: Graph, joint: Graph) -> None:
        """Print the formulas of the graph as written and of the adjoint's values."""
        settled = settle(written)
        self.unnamed = unnamed_letter(n.name for inner in all_graphs(written) for n in inner.nodes)
        refused = [param for param in settled.params if not safe_name(param.name)]
        called = _Printer(Graph(settled.name, (), (), ()))
        called.take(
            {param: Piece(f"{self.unnamed}{k}") for k, param in enumerate(refused)}
        )  # as they are emitted
        forward = _Printer(settled, called)
        self._lines = forward.named_statements()
        self._joint = _Printer(joint, forward)
        self._adjoint = _named_adjoints(self._joint)
        pending = [self._joint]
        while pending:
            printer = pending.pop()
            inside = printer.regions()
            for region in inside:
                self._adjoint.update(_named_adjoints(region))
            pending += inside

    def mathematics(self) -> list[str]:
        """Return the forward mathematics, a line for each named value; of many, the ends."""
        if len(self._lines) <= _MOST_LINES:
            return self._lines
        cut = len(self._lines) - _MOST_LINES + 1
        return [*self._lines[: _MOST_LINES - 2], f"... ({cut} more)", self._lines[-1]]

    def facts(self, params: Mapping[Node, str]) -> list[str]:
        """Return the types of the parameters."""
        return ["   ".join(f"{text}: {node.type}" for node, text in params.items())]

    def comment(self, node: Node) -> str:
        """Return what stands beside the line that computes a node, or nothing."""
        origin = node.origin
        if node.op.name in ("while", "branch", "require", "show"):
            return _region_place(node, origin)
        if origin is None or origin.adjoint_of is None:
            return ""
        if origin.adjoint_of.op.kind is Kind.REGION:
            return ""  # the line above a loop says what it keeps and reads
        named = self._adjoint.get(_key(node)) if node.name is not None else None
        if named is not None:
            return _adjoint_comment(*named)
        return f"from {self._source(origin.adjoint_of)}{_place(origin)}"

    def _source(self, node: Node) -> str:
        """Return the forward formula that a line differentiates."""
        own = self._joint.body.get(node)
        if own is None:
            return _local_statement(node)
        if len(own.text) > _SHORT:
            return _nearest_statement(self._joint, node)
        return self._joint.statement(node)


def _key(node: Node) -> tuple[int, str] | None:
    """Return what identifies a named adjoint value through all passes, which keep origins."""
    if node.name is None or node.origin is None or node.origin.adjoint_of is None:
        return None
    return (id(node.origin.adjoint_of), node.name)


@functools.lru_cache(maxsize=65536)
def accented(name: str) -> str:
    """Return ``z̄`` for ``z_bar`` and ``ż`` for ``z_dot``; a longer name keeps its ending."""
    for ending, mark in (("_bar", "\u0304"), ("_dot", "\u0307")):
        stem = name.removesuffix(ending)
        if stem != name and len(stem) == 1:
            return stem + mark
    return name


class _Printer:
    """Print the values of a graph as formulas, inlining what has no name."""

    def __init__(self, graph: Graph, known: _Printer | None = None) -> None:
        """Print a graph; what a printer of a graph with the same nodes has `known` is taken."""
        self.graph = graph
        self.outputs = set(graph.outputs)
        self.piece: dict[Node, Piece] = dict(known.piece) if known else {}
        self.body: dict[Node, Piece] = dict(known.body) if known else {}
        self._inner: dict[Graph, _Printer] = {}
        pieces, bodies = self.piece, self.body
        for node in graph.nodes:
            if node in bodies:
                continue
            if node.op.name == "item" and (node.name is None or is_call(node.args[0])):
                body = result_piece(self, node)
            else:
                body = formula(node, [pieces.get(arg, _UNKNOWN) for arg in node.args])
            name = safe_name(node.name) if node.name is not None else None
            bodies[node] = body
            pieces[node] = Piece(accented(name)) if name else body

    def inner(self, graph: Graph, given: Mapping[Node, Piece]) -> _Printer:
        """Return the printer of a region; `given` are the texts of parameters."""
        if graph not in self._inner:
            known = _Printer(Graph(graph.name, (), (), ()))
            known.take(given)
            self._inner[graph] = _Printer(graph, known)
        return self._inner[graph]

    def take(self, given: Mapping[Node, Piece]) -> None:
        """Take the texts of parameters."""
        self.piece.update(given)
        self.body.update(given)

    def regions(self) -> list[_Printer]:
        """Return the printers of the regions of the graph; a call has its place taken by one."""
        return [
            self.inner(region, operands_inside(self, node, region))
            for node in self.graph.nodes
            if node.attrs and not is_call(node)
            for _, region in regions(node)
        ]

    @functools.cached_property
    def items(self) -> Mapping[Node, list[Node]]:
        """Return the results of each region that something reads."""
        found: dict[Node, list[Node]] = {}
        for node in self.graph.nodes:
            if node.op.name == "item":
                found.setdefault(node.args[0], []).append(node)
        return found

    @functools.cached_property
    def forward_readers(self) -> Mapping[Node, Node]:
        """Return the first reader of each value among those that the user's code made."""
        found: dict[Node, Node] = {}
        for node in self.graph.nodes:
            if node.origin is not None and node.origin.adjoint_of is None:
                for arg in node.args:
                    found.setdefault(arg, node)
        return found

    def statement(self, node: Node) -> str:
        """Return ``name = formula``, or the formula alone."""
        name = safe_name(node.name)
        text = self.body[node].text
        return f"{accented(name)} = {text}" if name else text

    def _check(self, node: Node) -> str:
        """Return the line of a check."""
        (condition,) = node.args
        if condition.op.name == "const":
            return f"raise {node.attrs['kind']}"
        return f"require {self.piece[condition].text}"

    def named_statements(self, *, of_region: bool = False) -> list[str]:
        """Return a line for each named value, and for each result unless it is a region's."""
        lines = []
        for node in self.graph.nodes:
            called = node.op.name == "item" and is_call(node.args[0])
            if node.op.name in ("param", "item") and not called:
                continue
            if node.attrs and node.op.kind is Kind.REGION:
                lines.extend(region_lines(self, node))
            elif node.op.name == "require":
                lines.append(self._check(node))
            elif node.op.name == "show":
                continue
            elif safe_name(node.name):
                lines.append(self.statement(node))
            elif node in self.outputs and not of_region:
                lines.append(f"{self.graph.name} = {self.body[node].text}")
        return lines


_OWN_FORMS = frozenset(
    {"param", "const", "dim", "broadcast", "astype", "reshape", "item", "stop_gradient", "checked",
     "transpose", "index", "update", "accumulate", "matmul", "select", "iota", "table",
     "replay"}
)  # fmt: skip


def formula(node: Node, args: Sequence[Piece]) -> Piece:
    """Return the formula of a node in terms of those of its operands."""
    op = node.op
    if op.name not in _OWN_FORMS:
        piece = _call(node, args)
        return piece if len(piece.text) <= _LONG else Piece(f"{op.name}(...)")
    match op.name:
        case "param":
            name = safe_name(node.name)
            return Piece(name) if name else _UNKNOWN
        case "const":
            value = node.attrs["value"]
            whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e6
            return number(int(value) if whole else value, "math")
        case "dim":
            return size_piece(node.attrs["size"])
        case "iota":
            return Piece(f"arange({node.shape[node.attrs['axis']]})")
        case "table":
            return Piece(_table(node.attrs["values"], node.shape))
        case "broadcast" | "astype" | "reshape" | "item" | "stop_gradient" | "checked":
            return args[0]
        case "replay":
            return Piece(f"{args[0].at(Level.ATOM)}[{args[1].text}]" if args else "replay(...)")
        case "transpose":
            return Piece(f"{args[0].at(Level.ATOM)}\u1d40")
        case "index":
            piece = Piece(f"{args[0].at(Level.ATOM)}[{places(node, args[1:])}]")
        case "update":
            piece = Piece(f"{args[0].text} with {args[1].text} at [{places(node, args[2:])}]")
        case "accumulate":
            piece = _scattered(node, args)
        case "matmul":
            piece = _product(args)
        case _:  # select
            piece = render(SELECT, args)
    return piece if len(piece.text) <= _LONG else Piece(f"{op.name}(...)")


def places(node: Node, pointers: Sequence[Piece]) -> str:
    """Return an index as Python writes it."""
    parts = []
    for entry, length in zip(node.attrs["spec"], node.args[0].shape, strict=True):
        if isinstance(entry, At):
            parts.append(pointers[entry.operand].text)
        elif entry.length == 1:
            parts.append(str(entry.start))  # whether the axis goes away is said by the type
        else:
            parts.append(_slice_text(entry, length))
    return ", ".join(parts)


def _slice_text(entry: Slice, length: Size) -> str:
    """Return a slice as Python writes it."""
    stop = entry.start + entry.length * entry.step
    first = "" if entry.start == 0 else str(entry.start)
    short = stop - length  # a stop of -1 reads better than one of n - 1
    last = str(short if isinstance(short, int) else stop)
    if isinstance(short, int) and short >= 0:
        last = ""
    return f"{first}:{last}" + (f":{entry.step}" if entry.step != 1 else "")


def _table(values: Sequence[Any], shape: tuple[Size, ...]) -> str:
    """Return a constant array: its numbers where a line has room for them, else how many."""
    text = f"[{', '.join(number(value, 'math').text for value in values)}]"
    if len(shape) == 1 and len(text) <= _TABLE:
        return text
    return f"table({' x '.join(map(str, shape))})"


def _scattered(node: Node, args: Sequence[Piece]) -> Piece:
    """Return what is added at places, behind what it is added to."""
    added = f"{args[1].at(Level.MULTIPLY)} at [{places(node, args[2:])}]"
    base = node.args[0]
    if base.op.name == "const" and base.attrs["value"] == 0:
        return Piece(added, Level.ADD)
    return Piece(f"{args[0].text} + {added}", Level.ADD)


def _product(args: Sequence[Piece]) -> Piece:
    """Return a product by juxtaposition; two numbers keep their sign between them."""
    if args[0].text == "1":
        return args[1]
    left, right = args[0].at(Level.MULTIPLY), args[1].at(Level.NEGATE)
    joint = " * " if right[0].isdigit() or right.startswith("-") else " "
    return Piece(f"{left}{joint}{right}", Level.MULTIPLY)


def _call(node: Node, args: Sequence[Piece]) -> Piece:
    """Return the notation of an op, or a call by its name."""
    if node.op.name == "mul":
        return _product(args)
    text: Text | None = node.op.math
    if text is not None and len(text.needs) == len(args):
        return render(text, args)
    name = {"sum": "Σ", "prod": "Π"}.get(node.op.name, node.op.name)
    if is_call(node):
        name = safe_name(node.attrs["name"]) or "call"
    if name == "Σ":
        return Piece(f"Σ {args[0].at(Level.MULTIPLY)}", Level.MULTIPLY)
    return Piece(f"{name}({', '.join(arg.text for arg in args)})")


def _place(origin: Origin) -> str:
    """Return the user's line as it stands behind a formula."""
    return f"  {safe_file(origin.file)}:{origin.line}" if origin.file else ""


def _region_place(node: Node, origin: Origin | None) -> str:
    """Return the line of a loop or branch of the model, or of the one that is differentiated.

    Only branches without a note go backward: loops do as counted ones, and the forward part of what
    is differentiated has a note on what it keeps.
    """
    if origin is None or not origin.file:
        return ""
    place = f"{safe_file(origin.file)}:{origin.line}"
    backward = origin.adjoint_of is not None and node.op.name == "branch"
    return f"backward through {place}" if backward and not node.attrs.get("note") else place


def _named_adjoints(printer: _Printer) -> dict[tuple[int, str] | None, tuple[_Printer, Node]]:
    """Return the named adjoint values of a graph, with its printer."""
    found: dict[tuple[int, str] | None, tuple[_Printer, Node]] = {}
    for node in printer.graph.nodes:
        if node.name is not None:
            key = _key(node)
            if key is not None and key not in found:
                found[key] = (printer, node)
    return found


def _adjoint_comment(printer: _Printer, node: Node) -> str:
    """Return the comment of a named adjoint value: its formula, and what it differentiates."""
    origin = node.origin
    assert origin is not None
    assert origin.adjoint_of is not None
    if origin.adjoint_of.op.name == "param":
        return printer.statement(node)
    source = _nearest_statement(printer, origin.adjoint_of)
    return f"{printer.statement(node)}, from {source}{_place(origin)}"


def _nearest_statement(printer: _Printer, node: Node) -> str:
    """Return the statement of the named value that a forward node belongs to."""
    current, readers, outputs = node, printer.forward_readers, printer.outputs
    for _ in range(16):
        if (current.name is not None and safe_name(current.name)) or current in outputs:
            break
        reader = readers.get(current)
        if reader is None:
            break
        current = reader
    return printer.statement(current) if current in printer.body else _local_statement(node)


def _local_statement(node: Node) -> str:
    """Return the formula of a node of any graph, its operands by name or a level deep."""
    args = [Piece(_named(arg)) if _named(arg) else _by_names(arg) for arg in node.args]
    text = formula(node, args).text
    name = _named(node)
    return f"{name} = {text}" if name else text


def _by_names(node: Node) -> Piece:
    """Return the formula of a node in terms of its operands' names."""
    return formula(node, [Piece(_named(arg) or _shown(arg)) for arg in node.args])


def _shown(node: Node) -> str:
    """Return a nameless value shortly: a constant by its value, all else by its op."""
    if not node.args:
        return formula(node, ()).text
    made = node.args[0] if node.op.name == "item" else node
    return f"{made.attrs['name'] if is_call(made) else node.op.name}(...)"


def _named(node: Node) -> str:
    """Return the name of a value as formulas show it, or nothing."""
    name = safe_name(node.name) or (result_name(node) if node.op.name == "item" else None)
    return accented(name) if name else ""
