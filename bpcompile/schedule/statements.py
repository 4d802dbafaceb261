"""Define the statements of a plan: scalar expressions, loops, writes and matrix products.

Two trees. Expressions are scalars: literals, sizes, variables, elements of arrays, and ops of the
table applied to expressions. Statements assign, accumulate, loop, and call BLAS. Index arithmetic
is done in `Size`: a loop variable and any integer scalar has a token, a `Dim` whose name no user
can write, so that an index is a polynomial that can be compared and proved in range.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TypeAlias

from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType

_tokens = itertools.count()


class Var:
    """Hold a variable of the plan: a scalar, an index or an array.

    `hint` is the name that it would like; `ours` marks a hint that does not come from data.
    """

    __slots__ = ("_token", "dtype", "hint", "ours", "rank")

    def __init__(self, hint: str | None, dtype: DType, rank: int = 0, ours: bool = False) -> None:
        """Hold what is known of the variable."""
        self.hint = hint
        self.dtype = dtype
        self.rank = rank
        self.ours = ours
        self._token: str | None = None

    @property
    def token(self) -> str:
        """Return the name under which the variable stands in sizes."""
        if self._token is None:
            self._token = f"%{next(_tokens)}"
        return self._token

    @property
    def size(self) -> Dim:
        """Return the variable as a size."""
        return Dim.named(self.token)

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


@dataclass(slots=True)
class Set:
    """Assign a scalar variable."""

    var: Var
    value: Expression
    node: Node | None = None


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

    `node` reads or writes at the index, on its array's axis number `axis`.
    """

    var: Var
    value: Expression
    length: Size
    node: Node
    axis: int


@dataclass(slots=True)
class For:
    """Count a variable from `lower` up to `upper`."""

    var: Var
    lower: Expression
    upper: Expression
    body: list[Statement]
    note: str = ""


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


@dataclass(slots=True)
class Product:
    """Multiply two matrices, each transposed where said, into a third."""

    out: Var
    left: Var
    left_transposed: bool
    right: Var
    right_transposed: bool
    node: Node


Statement: TypeAlias = (
    Set | Store | Fold | FoldIndex | CheckedIndex | For | Fill | CopyArray | Move | Product
)


@dataclass(slots=True)
class Buffer:
    """Describe an array of the plan; `role` is ``param``, ``out``, ``temp`` or ``table``."""

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
    gives the expression of each rank-0 result by its position in the outputs.
    """

    params: list[Var]
    outs: dict[int, Var]
    scalars: dict[int, Expression]
    buffers: list[Buffer] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
