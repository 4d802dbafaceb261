"""Print the value of a node as a NumPy expression over the texts of its operands."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from bpcompile.emit.helpers import call_helper, is_helper
from bpcompile.emit.numpy_index import bracket_text
from bpcompile.emit.printing import Piece, call_text, number, render, shape_text, tuple_text
from bpcompile.emit.prologue import Lengths
from bpcompile.errors import CompileError
from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Graph, Node, users
from bpcompile.ir.op import Kind, Level, Text
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import Slice
from bpcompile.ops.reduce import kept_axes

_ELEMENTWISE = Kind.ELEMENTWISE


class Expressions:
    """Hold the texts of one graph's values and print those of more.

    `place` is the text of each value that has one: a name, or an expression for its only reader.
    `plain` is that of a float64 constant beside another operand, whose type decides that of the
    result: ``1.0 / v0``, where ``np.float64(1.0)`` would be a call for nothing.
    """

    def __init__(self, lengths: Lengths, graph: Graph, given: Mapping[Node, Piece]) -> None:
        """Start with the texts that are `given`: those of the parameters."""
        self.lengths = lengths
        self.place: dict[Node, Piece] = dict(given)
        self.plain: dict[Node, Piece] = {}
        self.graph = graph
        self.outputs = set(graph.outputs)

    @functools.cached_property
    def users(self) -> Mapping[Node, list[Node]]:
        """Return the readers of each value."""
        return users(self.graph)

    def expression(self, node: Node) -> Piece:
        """Return the expression of a node that is not a write or a loop."""
        kind, name = node.op.kind, node.op.name
        if kind is _ELEMENTWISE:
            return self._elementwise(node)
        if kind is Kind.REDUCE:
            return self._reduce(node)
        if name == "matmul":
            assert node.op.numpy is not None
            return render(node.op.numpy, [Piece(self.array(a), self.level(a)) for a in node.args])
        if kind is Kind.ROUTINE:
            return self.routine(node)
        if name == "index":
            return self._read_at(node)
        if kind is Kind.VIEW:
            return self._view(node)
        if name == "replay":
            tape, place = node.args
            return Piece(f"{self.place[tape].text}[{self.place[place].text}]")
        return self._leaf(node)

    def array(self, node: Node) -> str:
        """Return the text of an operand that must be an array of its full shape."""
        if node.op.name == "const" and node.array_type.rank:
            return self._full(node.array_type, node.attrs["value"])
        return self.place[node].text

    def routine(self, node: Node) -> Piece:
        """Return the call of a routine."""
        routine = node.op.routine
        assert routine is not None
        is_single = len(node.args[0].shape) == routine.ranks[0]
        text = (routine.single if is_single else None) or routine.text
        assert text is not None
        attrs = {
            name: self.lengths.size(value) if isinstance(value, Dim) else value
            for name, value in node.attrs.items()
        }
        return Piece(text(**attrs).format(*map(self.array, node.args)))

    def _full(self, type: Type, value: float) -> str:
        """Return the text of an array of one value."""
        shape = shape_text(self.lengths.shape(type.shape))
        kind = f"np.{type.dtype.numpy_name}"
        if value == 0 and str(value) != "-0.0":
            return call_text("np.zeros", shape, kind)
        return call_text("np.full", shape, number(value, "np").text, kind)

    def _shape(self, shape: tuple[Size, ...]) -> str:
        """Return the text of a shape as a tuple."""
        return tuple_text([str(size) for size in self.lengths.shape(shape)]) if shape else "()"

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
                if type.dtype is DType.F64:
                    self.plain[node] = plain
                return Piece(call_text(f"np.{type.dtype.numpy_name}", plain.text))
            case "dim":
                return Piece(call_text("np.int64", str(self.lengths.size(node.attrs["size"]))))
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
        count = f"np.arange({self.lengths.size(shape[axis])})"
        if len(shape) == 1:
            return count
        places = ", ".join(":" if k == axis else "None" for k in range(len(shape)))
        return f"np.broadcast_to({count}[{places}], {self._shape(shape)})"

    def _elementwise(self, node: Node) -> Piece:
        """Return the expression of an elementwise op."""
        name, text = node.op.name, node.op.numpy
        if name == "astype":
            dtype = node.attrs["dtype"].numpy_name
            operand = self.place[node.args[0]]
            if node.array_type.rank == 0 or node.args[0].op.name == "const":
                return Piece(call_text(f"np.{dtype}", operand.text))
            return Piece(f"{operand.at(Level.ATOM)}.astype(np.{dtype})")
        if text is None:
            raise CompileError(f"the op {name} has no text for the numpy target")
        if is_helper(text):
            return self._by_helper(node, text)
        if name == "power" and _is_one_number(node.args[1]):
            return self._power(node)
        for arg in node.args:
            if arg.op.name != "const":
                break
        else:
            return self._of_constants(node, text)
        plain, place = self.plain, self.place
        operands = [plain.get(arg) or place[arg] for arg in node.args]
        if name == "select" and _is_single_choice(node):  # np.where of two plain numbers is float64
            operands[1] = Piece(call_text("np.float32", operands[1].text))
        return render(text, operands)

    def _by_helper(self, node: Node, text: Text) -> Piece:
        """Return the call of a function of our own."""
        operands = [self.place[arg] for arg in node.args]
        if node.array_type.rank and all(arg.op.name == "const" for arg in node.args):
            operands[0] = Piece(self.array(node.args[0]))
        return call_helper(text, operands, node.array_type.dtype)

    def _power(self, node: Node) -> Piece:
        """Return a power whose exponent is one number and may be a half.

        NumPy's power takes the square root there, which is NaN at -inf and -0.0 at -0.0, where the
        power is inf and 0. It does not where the exponent is an array of full size; for scalars
        there is `np.float_power`, which is as fast, and eight times slower for arrays.
        """
        type, (base, exponent) = node.array_type, node.args
        if type.rank:
            spread = self.array(exponent)
            if exponent.op.name != "const":
                spread = f"np.array(np.broadcast_to({spread}, {self._shape(type.shape)}))"
            return Piece(call_text("np.power", self.place[base].text, spread))
        power = call_text("np.float_power", self.place[base].text, self.place[exponent].text)
        return Piece(call_text("np.float32", power) if type.dtype is DType.F32 else power)

    def _of_constants(self, node: Node, text: Text) -> Piece:
        """Return the expression of an op whose operands are all numbers: NumPy must compute it."""
        operands = [self.place[arg] for arg in node.args]
        if node.array_type.rank:
            operands[0] = Piece(self.array(node.args[0]))
        return render(text, operands)

    def _reduce(self, node: Node) -> Piece:
        """Return the expression of a reduction."""
        (operand,), axes = node.args, node.attrs["axes"]
        rank = operand.array_type.rank
        text = self.array(operand)
        if node.op.name in ("argmax", "argmin"):
            return Piece(call_text(f"np.{node.op.name}", text, str(axes[0])))
        arguments = [text]
        if kept_axes(rank, axes):
            arguments.append(str(axes[0]) if len(axes) == 1 else tuple_text([str(a) for a in axes]))
        narrow = node.array_type.dtype is DType.F32 and node.op.name in ("sum", "prod")
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
        text = self.array(operand)
        match node.op.name:
            case "reshape" if operand.array_type.rank > 0 and not node.shape:
                return Piece(self._element(operand))
            case "reshape":
                return Piece(f"np.reshape({text}, {self._shape(node.shape)})")
            case "transpose":
                order = node.attrs["order"]
                if order == (1, 0):
                    return Piece(f"{self._atom(operand)}.T")
                return Piece(f"np.transpose({text}, {tuple_text([str(k) for k in order])})")
            case "broadcast":
                return Piece(self._broadcast(node, text))
        raise CompileError(f"the numpy target has no text for {node.op.name}")

    def _element(self, array: Node) -> str:
        """Return the text of the one element of an array: a copy, which a view would not be."""
        shown = self.place[array]
        if array.op.name == "index" and not shown.text.isidentifier():
            spec, base = array.attrs["spec"], array.args[0]
            if all(isinstance(entry, Slice) for entry in spec):
                places = [str(self.lengths.size(entry.start)) for entry in spec]
                return f"{self._atom(base)}[{', '.join(places)}]"
        return f"{self._atom(array)}[{', '.join(['0'] * array.array_type.rank)}]"

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

    def _read_at(self, node: Node) -> Piece:
        """Return the expression of an ``index``."""
        x, *pointers = node.args
        return Piece(f"{self._atom(x)}[{self.brackets(node, x, tuple(pointers))}]")

    def brackets(self, node: Node, array: Node, pointers: tuple[Node, ...]) -> str:
        """Return the text between the brackets of a read or write into `array`."""
        texts = [self._atom(pointer) for pointer in pointers]
        ranks = [pointer.array_type.rank for pointer in pointers]
        return bracket_text(node.attrs["spec"], texts, ranks, array.shape, self.lengths.size)

    def _atom(self, node: Node) -> str:
        """Return the text of an operand, in parentheses where brackets or a dot follow."""
        return Piece(self.array(node), self.level(node)).at(Level.ATOM)

    def level(self, node: Node) -> Level:
        """Return how strongly the text of an operand binds."""
        return self.place[node].level


def _is_one_number(exponent: Node) -> bool:
    """Tell whether a float exponent is a half or an unknown number, the same for many bases."""
    if not exponent.array_type.dtype.is_float:
        return False
    if exponent.op.name == "const":
        return bool(exponent.attrs["value"] == 0.5)
    while exponent.op.kind is Kind.VIEW and exponent.op.name != "broadcast":
        (exponent,) = exponent.args
    return exponent.op.name == "broadcast" or not exponent.array_type.rank


def _is_single_choice(node: Node) -> bool:
    """Tell whether a choice is one of two numbers that are float32."""
    single = node.array_type.dtype is DType.F32
    return single and all(arg.op.name == "const" for arg in node.args[1:])
