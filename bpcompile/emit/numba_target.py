"""Print the statements of a plan as the body of a Numba function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bpcompile.emit.layout import Line
from bpcompile.emit.names import Namer
from bpcompile.emit.printing import Piece, call_text, number, render, size_piece
from bpcompile.errors import CompileError
from bpcompile.ir.dims import Dim, Size, substitute
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind, Level, infix
from bpcompile.ir.type import DType
from bpcompile.schedule.statements import (
    Apply,
    CheckedIndex,
    CopyArray,
    Expression,
    Fill,
    Fold,
    FoldIndex,
    For,
    Lit,
    Load,
    Move,
    Product,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
)

_TIMES = infix("*", Level.MULTIPLY)
_LETTERS = "ijklpqrstuvw"
VECTOR = {"exp": "_exp", "log": "_log", "log1p": "_log1p", "tanh_near_zero": "_tanh_small"}
Comment = Callable[[Node], str]


class NumbaWriter:
    """Write statements as lines; every variable gets its name where it is first seen."""

    def __init__(
        self, namer: Namer, dims: Mapping[str, Size], comment: Comment, vector: bool
    ) -> None:
        """Hold the names of the module and of its dimensions.

        With `vector`, loops call our own branch-free exp and log, which LLVM turns into vector
        code; a lone scalar is left to libm, which compiles faster.
        """
        self._vector = vector
        self.namer = namer
        self.comment = comment
        self.lines: list[Line] = []
        self._names: dict[Var, str] = {}
        self._sizes: dict[str, Size] = dict(dims)
        self._counters: list[str] = []
        self.tested: dict[tuple[Node, int], int] = {}  # the axes with run-time indices, numbered
        self._inner: list[list[str]] = []  # the scalars first named in each open loop
        self._dtypes: dict[str, DType] = {}

    def inside(self) -> NumbaWriter:
        """Return a writer for a function of its own, which knows the names given so far."""
        writer = NumbaWriter(self.namer.copy(), {}, self.comment, self._vector)
        writer._names = dict(self._names)
        writer.tested = self.tested
        writer._sizes = dict(self._sizes)
        return writer

    def name(self, var: Var) -> str:
        """Return the name of a variable."""
        known = self._names.get(var)
        if known is None:
            known = self._fresh(var)
            self.call(var, known)
            if self._inner and not var.rank:
                self._inner[-1].append(known)
        return known

    def _fresh(self, var: Var) -> str:
        """Return a name for a variable: never one that had another type in a loop before."""
        while True:
            name = self.namer.own(var.hint or "v") if var.ours else self.namer.fresh(var.hint)
            if self._dtypes.setdefault(name, var.dtype) is var.dtype:
                return name

    def call(self, var: Var, name: str) -> None:
        """Give a variable a name."""
        self._names[var] = name
        self._sizes[var.token] = Dim.named(name)

    def size(self, size: Size) -> Size:
        """Return a size under the emitted names."""
        return substitute(size, self._sizes)

    def index(self, index: Sequence[Size]) -> str:
        """Return the text between the brackets of an element."""
        return ", ".join(str(self.size(size)) for size in index) if index else "()"

    # Expressions

    def expression(self, value: Expression) -> Piece:
        """Return the text of a scalar expression."""
        match value:
            case Var():
                return Piece(self.name(value))
            case Lit(value=constant, dtype=dtype):
                return self._literal(constant, dtype)
            case SizeValue(size=size):
                return size_piece(self.size(size))
            case Load(array=array, index=index):
                return Piece(f"{self.name(array)}[{self.index(index)}]")
            case Apply(node=node, args=args):
                return self._apply(node, [self.expression(arg) for arg in args])

    def _literal(self, value: float | int | bool, dtype: DType) -> Piece:
        """Return a literal of its exact type: Numba would widen a float32 beside a plain one."""
        piece = number(value, "math")
        return Piece(call_text("np.float32", piece.text)) if dtype is DType.F32 else piece

    def _apply(self, node: Node, args: list[Piece]) -> Piece:
        """Return the text of an op applied to scalars."""
        if node.op.name == "astype":
            return self._convert(node, args[0])
        if node.op.kind is Kind.CONTRACTION:
            return render(_TIMES, args)
        if self._vector and self._counters and node.op.name in VECTOR:
            return _by_vector(node, args[0])
        if node.op.numba is None:
            raise CompileError(f"the op {node.op.name} has no text for the numba target")
        return render(node.op.numba, args)

    def _convert(self, node: Node, arg: Piece) -> Piece:
        """Return the text of a conversion."""
        dtype: DType = node.attrs["dtype"]
        if dtype is DType.BOOL:
            return Piece(f"{arg.at(Level.BIT_OR)} != 0", Level.COMPARE)
        return Piece(call_text(f"np.{dtype.numpy_name}", arg.text))

    # Statements

    def add(self, code: str, depth: int, comment: str = "") -> None:
        """Append a line."""
        self.lines.append(Line(code, depth, comment))

    def statements(self, statements: Sequence[Statement], depth: int) -> None:
        """Write statements, the bodies of loops below them."""
        for statement in statements:
            self._statement(statement, depth)

    def _statement(self, statement: Statement, depth: int) -> None:
        match statement:
            case Set(var=var, value=value, node=node):
                text = self.expression(value).text
                self.add(f"{self.name(var)} = {text}", depth, self._say(node))
            case Store(array=array, index=index, value=value, node=node):
                target = f"{self.name(array)}[{self.index(index)}]"
                self.add(f"{target} = {self.expression(value).text}", depth, self._say(node))
            case Fold():
                self._fold(statement, depth)
            case FoldIndex():
                self._fold_index(statement, depth)
            case For():
                self._for(statement, depth)
            case CheckedIndex():
                self._checked_index(statement, depth)
            case Fill(array=array, value=value):
                text = self._literal(value, array.dtype).text
                self.add(f"{self.name(array)}.fill({text})", depth)
            case CopyArray(target=target, source=source):
                whole = "..." if target.rank == 0 else ":"
                self.add(f"{self.name(target)}[{whole}] = {self.name(source)}", depth)
            case Move(targets=targets, values=values):
                right = ", ".join(self.expression(value).text for value in values)
                self.add(f"{', '.join(map(self.name, targets))} = {right}", depth)
            case Product():
                self._product(statement, depth)

    def _say(self, node: Node | None) -> str:
        """Return the comment of the line that computes a node."""
        return self.comment(node) if node is not None else ""

    def _fold(self, fold: Fold, depth: int) -> None:
        """Write one step of a reduction."""
        target = self.expression(fold.target).text
        wide = fold.target.dtype if isinstance(fold.target, Var) else fold.target.array.dtype
        value = self._fold_value(fold, target, wide)
        self.add(f"{target} = {value}", depth, self._say(fold.node))

    def _fold_value(self, fold: Fold, target: str, wide: DType) -> str:
        """Return the next value of an accumulator."""
        value = fold.value
        widens = wide is DType.F64 and fold.node is not None and _is_narrow(fold.node)
        product = isinstance(value, Apply) and value.node.op.kind is Kind.CONTRACTION
        if fold.op == "sum" and wide.is_float:
            if product and isinstance(value, Apply):
                parts = [self._widened(arg, widens) for arg in value.args]
                return call_text("_fma", target, *parts)
            return call_text("_add", target, self._widened(value, widens))
        piece = self.expression(value)
        match fold.op:
            case "sum":
                return f"{target} + {piece.at(Level.MULTIPLY)}"
            case "prod":
                factor = Piece(self._widened(value, widens)) if widens else piece
                return f"{target} * {factor.at(Level.NEGATE)}"
            case "max" | "min":
                return call_text(f"_{fold.op}", target, piece.text)
            case "any":
                return f"{target} or {piece.at(Level.AND)}"
        return f"{target} and {piece.at(Level.NOT)}"

    def _widened(self, value: Expression, widens: bool) -> str:
        """Return the text of a value, as float64 where the accumulator is wider."""
        text = self.expression(value).text
        return call_text("np.float64", text) if widens else text

    def _fold_index(self, fold: FoldIndex, depth: int) -> None:
        """Write one step of argmax or argmin: the first extreme wins, and the first NaN."""
        best, where = self.name(fold.best), self.name(fold.where)
        value = self.expression(fold.value)
        text = value.text
        if not isinstance(fold.value, Var):
            text = self.namer.fresh(None)
            self.add(f"{text} = {value.text}", depth)
        sign = ">" if fold.op == "max" else "<"
        self.add(f"if {text} {sign} {best} or {text} != {text} and {best} == {best}:", depth)
        self.add(f"{best}, {where} = {text}, {self.size(fold.position)}", depth + 1)

    def _for(self, loop: For, depth: int) -> None:
        """Write a loop; its counter takes the first letter that is free here."""
        if loop.note:
            self.add("", depth, loop.note)
        name = self._counter(loop.var)
        self.call(loop.var, name)
        lower, upper = self.expression(loop.lower).text, self.expression(loop.upper).text
        bounds = upper if lower == "0" else f"{lower}, {upper}"
        self.add(f"for {name} in range({bounds}):", depth)
        before = len(self.lines)
        self._counters.append(name)
        self._inner.append([])
        self.statements(loop.body, depth + 1)
        self._counters.pop()
        for inner in self._inner.pop():
            self.namer.release(inner)
        if not loop.var.ours:
            self.namer.release(name)
        if len(self.lines) == before:
            self.add("pass", depth + 1)

    def _counter(self, var: Var) -> str:
        """Return the name of a loop's counter."""
        if not var.ours:
            return self.namer.fresh(var.hint)
        for letter in _LETTERS:
            if letter not in self._counters and not self.namer.is_taken(letter):
                return letter
        return self.namer.own("index")

    def _checked_index(self, index: CheckedIndex, depth: int) -> None:
        """Write the test of a run-time index, with the number by which its error is explained."""
        number = self.tested.setdefault((index.node, index.axis), len(self.tested))
        value, length = self.expression(index.value).text, str(self.size(index.length))
        self.add(f"{self.name(index.var)} = {call_text('_at', value, length, str(number))}", depth)

    def _product(self, product: Product, depth: int) -> None:
        """Write a matrix product."""
        left = self.name(product.left) + (".T" if product.left_transposed else "")
        right = self.name(product.right) + (".T" if product.right_transposed else "")
        out = self.name(product.out)
        self.add(f"np.dot({left}, {right}, out={out})", depth, self._say(product.node))


def _by_vector(node: Node, arg: Piece) -> Piece:
    """Return the call of one of our own functions, which compute in float64."""
    function = VECTOR[node.op.name]
    if node.array_type.dtype is DType.F32:
        wide = call_text("np.float64", arg.text)
        return Piece(call_text("np.float32", call_text(function, wide)))
    return Piece(call_text(function, arg.text))


def _is_narrow(node: Node) -> bool:
    """Tell whether a fold's result is float32, so that its accumulator is wider."""
    return node.array_type.dtype is DType.F32
