"""Define the statements of a plan: scalar expressions, loops, branches, writes, calls on arrays.

Two trees. Expressions are scalars: literals, sizes, variables, elements of arrays, and ops of the
table applied to expressions. Statements assign, accumulate, loop, branch, call BLAS and routines.
Index arithmetic is done in `Size`: a loop variable and any integer scalar has a token, a `Dim`
whose name no user can write, so that an index is a polynomial that can be compared and proved in
range.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType

_tokens = itertools.count()


class Var:
    """Hold a variable of the plan: a scalar, an index or an array.

    `hint` is the name that it would like; `ours` marks a hint that does not come from data. A
    variable that became another one is only a second handle for it.
    """

    __slots__ = ("_other", "_tokens", "dtype", "hint", "ours", "rank")

    def __init__(self, hint: str | None, dtype: DType, rank: int = 0, ours: bool = False) -> None:
        """Hold what is known of the variable."""
        self.hint = hint
        self.dtype = dtype
        self.rank = rank
        self.ours = ours
        self._tokens: list[str] = []
        self._other: Var | None = None

    @property
    def token(self) -> str:
        """Return the name under which the present value of the variable stands in sizes."""
        if not self._tokens:
            self.renew()
        return self._tokens[-1]

    @property
    def tokens(self) -> list[str]:
        """Return all names under which the variable stands in sizes."""
        return self._tokens or [self.token]

    @property
    def size(self) -> Dim:
        """Return the variable as a size."""
        return Dim.named(self.token)

    def renew(self) -> None:
        """Take a new token: what is known of sizes with the old one says nothing from here on."""
        self._tokens.append(f"%{next(_tokens)}")

    def become(self, other: Var) -> None:
        """Stand for another variable from now on."""
        self._other = other
        other._tokens[:0] = self.tokens

    def itself(self) -> Var:
        """Return the variable that this one stands for in the end."""
        var = self
        while var._other is not None:
            var = var._other
        return var

    def __repr__(self) -> str:
        """Return the hint, for debugging."""
        return f"<{self.hint or 'v'}>"


Index: TypeAlias = tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Lit:
    """Hold a literal number."""

    value: float | int | bool
    dtype: DType


@dataclass(frozen=True, slots=True)
class SizeValue:
    """Use a size as an i64 number."""

    size: Size


@dataclass(frozen=True, slots=True)
class Load:
    """Read an element of an array."""

    array: Var
    index: Index


@dataclass(frozen=True, slots=True, eq=False)
class Apply:
    """Apply an elementwise op to scalars; `node` is an instance of it, for dtype and attributes."""

    node: Node
    args: tuple[Expression, ...]


Expression: TypeAlias = Lit | SizeValue | Load | Apply | Var


def size_of(value: Expression) -> Size | None:
    """Return an i64 value as a size, where it is one."""
    if isinstance(value, SizeValue):
        return value.size
    if isinstance(value, Var) and not value.rank and value.dtype is DType.I64:
        return value.size
    return int(value.value) if isinstance(value, Lit) and value.dtype is DType.I64 else None


@dataclass(slots=True)
class Set:
    """Assign a scalar variable.

    One that `counts` is the number of parts of a loop, or of a step in its part: never negative.
    """

    var: Var
    value: Expression
    node: Node | None = None
    counts: bool = False


@dataclass(slots=True)
class Store:
    """Write an element of an array."""

    array: Var
    index: Index
    value: Expression
    node: Node | None = None


@dataclass(slots=True)
class Fold:
    """Fold a value into an accumulator: a scalar variable, or an element of an array.

    `op` is ``sum``, ``prod``, ``max``, ``min``, ``any`` or ``all``.
    """

    target: Var | Load
    op: str
    value: Expression
    node: Node | None = None


@dataclass(slots=True)
class FoldIndex:
    """Keep the extreme value seen so far and its position: argmax and argmin."""

    best: Var
    where: Var
    op: str
    value: Expression
    position: Size
    node: Node | None = None


@dataclass(slots=True)
class CheckedIndex:
    """Assign a run-time index counted from the front, or raise IndexError.

    `node` reads or writes at the index, on its array's axis number `axis`. Without a variable the
    index is only tested. `runs` are the steps of loops that come after: where one of them takes
    none there is no such index, and 0 stands for it.
    """

    var: Var | None
    value: Expression
    length: Size
    node: Node
    axis: int
    runs: tuple[Size, ...] = ()


@dataclass(slots=True)
class Check:
    """Raise the exception of `node`, a ``require``, where a condition does not hold.

    Where it is a ``show``, print the `values`.
    """

    condition: Expression
    node: Node
    values: tuple[Expression, ...] = ()


@dataclass(slots=True)
class For:
    """Count a variable from `lower` up to below `upper`, or with `down` the same way back.

    Each step of an `ordered` loop waits for a number or an element of the one before, so that no
    vector code comes of it. A loop over `parts` counts up to this number, and threads may run its
    steps at the same time.
    """

    var: Var
    lower: Expression
    upper: Expression
    body: list[Statement]
    note: str = ""
    down: bool = False
    ordered: bool = False
    parts: Var | None = None


@dataclass(slots=True)
class If:
    """Run one of two lists of statements; `node` is the branch.

    `results` are the variables that are first assigned in here and read after it.
    """

    condition: Expression
    then: list[Statement]
    otherwise: list[Statement]
    results: list[Var]
    node: Node
    note: str = ""


@dataclass(slots=True)
class While:
    """Run `body` as long as a condition holds, which the statements of `test` prepare."""

    test: list[Statement]
    condition: Expression
    body: list[Statement]
    node: Node
    note: str = ""


@dataclass(slots=True)
class Stretch:
    """Run statements that are a function of their own: a piece of a long straight line."""

    body: list[Statement]


@dataclass(slots=True)
class Poll:
    """Add the work of one iteration to a variable, and look for Ctrl-C where it is much."""

    var: Var
    work: Size


@dataclass(slots=True)
class NewTape:
    """Make a tape: an array of rows of a shape, which grows."""

    tape: Var
    row: tuple[Size, ...]


@dataclass(slots=True)
class Grow:
    """Make room for one more row on tapes that have `used` rows."""

    tapes: list[Var]
    used: Size


@dataclass(slots=True)
class Fill:
    """Set all of an array to one number."""

    array: Var
    value: float | int | bool


@dataclass(slots=True)
class CopyArray:
    """Copy all of an array into another of the same shape."""

    target: Var
    source: Var


@dataclass(slots=True)
class Move:
    """Assign scalar variables all at once."""

    targets: list[Var]
    values: list[Expression]


class Matrix(NamedTuple):
    """Read an array as a matrix: under another shape, and then transposed, where said.

    `given` tells that the array is an argument, which may lie in memory in any way.
    """

    array: Var
    shape: tuple[Size, ...] | None = None
    transposed: bool = False
    given: bool = False


@dataclass(slots=True)
class Product:
    """Multiply two matrices into a third."""

    out: Var
    left: Matrix
    right: Matrix
    node: Node


@dataclass(slots=True)
class Call:
    """Run the routine of `node` on whole arrays, each at the indices of a batch.

    `index` has those of the axes before `axis` and then those of the axes behind it.
    """

    operands: list[Var]
    outs: list[Var]
    index: Index
    axis: int
    node: Node


@dataclass(slots=True)
class Run:
    """Run a shared loop, which mentions `lengths`, with `given` in the place of what it `takes`."""

    loop: For
    takes: list[Var]
    given: list[Var]
    lengths: list[str]
    made: list[str]


Statement: TypeAlias = (
    Set | Store | Fold | FoldIndex | CheckedIndex | Check | For | If | While | Stretch | Poll
    | NewTape | Grow | Fill | CopyArray | Move | Product | Call | Run
)  # fmt: skip


@dataclass(slots=True)
class Buffer:
    """Describe an array of the plan.

    `role` is ``param``, ``out``, ``temp``, ``table`` or ``tape``. A tape lies outside of the
    workspace, since its length is known when its loop ends.
    """

    var: Var
    shape: tuple[Size, ...]
    role: str
    values: tuple[float | int | bool, ...] = ()

    @property
    def dtype(self) -> DType:
        """Return the element type."""
        return self.var.dtype


@dataclass(slots=True)
class Plan:
    """Hold a scheduled graph.

    `params` and `outs` are the variables of the parameters and of the array results; `scalars`
    gives the expression of each rank-0 result by its position in the outputs. `parts` are the
    numbers of parts into which its loops are cut.
    """

    params: list[Var]
    outs: dict[int, Var]
    scalars: dict[int, Expression]
    buffers: list[Buffer] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    parts: tuple[Size, ...] = ()
