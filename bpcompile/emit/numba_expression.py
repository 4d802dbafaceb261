"""Name the variables of a Numba function and print its scalar expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bpcompile.emit.helpers import call_helper, is_helper
from bpcompile.emit.names import Namer
from bpcompile.emit.printing import Piece, call_text, number, render, size_piece
from bpcompile.errors import CompileError
from bpcompile.ir.dims import Dim, Size, size_names, substitute
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind, Level, call, infix
from bpcompile.ir.type import DType
from bpcompile.schedule.statements import Apply, Expression, Lit, Load, SizeValue, Var

_TIMES = infix("*", Level.MULTIPLY)
_LIBM = {"log1p": call("_log1p_by_log")}
_FASTER_ALONE = ("expm1", "log1p", "tanh_near_zero")  # than libm's, also where nothing is a vector


class NumbaNames:
    """Hold the names of a function's variables and print expressions over them.

    Every variable gets its name where it is first seen.
    """

    def __init__(self, namer: Namer, dims: Mapping[str, Size], vector: bool) -> None:
        """Hold the names of the module and of its dimensions.

        With `vector`, loops call our own branch-free functions, which LLVM turns into vector
        code; without, only what takes libm half the time in another way. A lone scalar is left to
        libm, which compiles faster, and so are most around an inner loop and in one whose steps
        wait for each other.
        """
        self._vector = vector
        self.namer = namer
        self._names: dict[Var, str] = {}
        self._sizes: dict[str, Size] = dict(dims)
        self._counters: list[str] = []
        self._is_innermost = False  # whether LLVM may make vector code of the lines
        self._inner: list[list[str]] = []  # the scalars first named in each open loop
        self._dtypes: dict[str, DType] = {}
        self._changing: set[str] = set()  # tokens of the scalars that the innermost loop sets

    def name(self, var: Var) -> str:
        """Return the name of a variable."""
        known = self._names.get(var)
        if known is None and var.itself() is not var:
            known = self._names[var] = self.name(var.itself())
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
        for token in var.tokens:
            self._sizes[token] = Dim.named(name)

    def size(self, size: Size) -> Size:
        """Return a size under the emitted names."""
        return substitute(size, self._sizes)

    def index(self, index: Sequence[Size]) -> str:
        """Return the text between the brackets of an element."""
        return ", ".join(map(self._place, index)) if index else "()"

    def _place(self, size: Size) -> str:
        """Return the text of an index, which is never negative.

        For one that each step makes anew Numba would look for a negative one: an addition and a
        choice that the next load waits for.
        """
        text = str(self.size(size))
        return text if self._changing.isdisjoint(size_names(size)) else call_text("_unsigned", text)

    # Expressions

    def expression(self, value: Expression) -> Piece:
        """Return the text of a scalar expression."""
        match value:
            case Var():
                return Piece(self.name(value))
            case Lit(value=constant, dtype=dtype):
                return self.literal(constant, dtype)
            case SizeValue(size=size):
                return size_piece(self.size(size))
            case Load(array=array, index=index):
                return Piece(f"{self.name(array)}[{self.index(index)}]")
            case Apply(node=node, args=args):
                return self._apply(node, [self.expression(arg) for arg in args])

    def literal(self, value: float | int | bool, dtype: DType) -> Piece:
        """Return a literal of its exact type: Numba would widen a float32 beside a plain one."""
        piece = number(value, "math")
        return Piece(call_text("np.float32", piece.text)) if dtype is DType.F32 else piece

    def _apply(self, node: Node, args: list[Piece]) -> Piece:
        """Return the text of an op applied to scalars."""
        if node.op.name == "astype":
            return self._convert(node, args[0])
        if node.op.kind is Kind.CONTRACTION:
            return render(_TIMES, args)
        ours = node.op.vector if self._vector else _LIBM.get(node.op.name)
        gains = self._is_innermost or (self._counters and node.op.name in _FASTER_ALONE)
        if gains and ours is not None and node.array_type.dtype.is_float:
            return call_helper(ours, args, node.array_type.dtype)
        if node.op.numba is None:
            raise CompileError(f"the op {node.op.name} has no text for the numba target")
        if is_helper(node.op.numba):
            return call_helper(node.op.numba, args, node.array_type.dtype)
        return render(node.op.numba, args)

    def _convert(self, node: Node, arg: Piece) -> Piece:
        """Return the text of a conversion."""
        dtype: DType = node.attrs["dtype"]
        if dtype is DType.BOOL:
            return Piece(f"{arg.at(Level.BIT_OR)} != 0", Level.COMPARE)
        return Piece(call_text(f"np.{dtype.numpy_name}", arg.text))
