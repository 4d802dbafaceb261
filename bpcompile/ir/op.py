"""Define the form in which an operation is declared, once, and the table of all of them.

An `Op` says everything there is to say about an operation: its meaning (a NumPy function), its
type rule, its derivative, its text in each target, its notation, and the domain from which tests
draw its points. Everything else iterates `OPS`.

Derivative rules are written in the language of the graph: they take and return `Expr`, so a rule
can be differentiated again, simplified and printed. In a rule `y` is the result of the op, `xs`
its operands and `g` the cotangent of `y`.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bpcompile.errors import CompileError
from bpcompile.ir.type import AnyType

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


class Kind(enum.Enum):
    """Sort the ops by what the schedule does with them."""

    LEAF = "leaf"  # param, const, table, dim, iota: no work
    ELEMENTWISE = "elementwise"  # one scalar function at each index
    REDUCE = "reduce"  # folds axes away
    VIEW = "view"  # reads its operand at a mapped index
    INDEX = "index"  # reads or writes at run-time indices
    CONTRACTION = "contraction"  # products summed over an axis
    ROUTINE = "routine"  # an algorithm on whole vectors or matrices: a sort, a factorisation
    COMPOSITE = "composite"  # written in other ops by `expand`
    REGION = "region"  # runs graphs: loops and branches
    CALL = "call"  # runs a graph, which takes its place after the adjoint pass
    CHECK = "check"  # raises where a condition does not hold, or waits for that


class Level(enum.IntEnum):
    """Order the binding strength of Python expressions, weakest first."""

    CONDITION = 1
    OR = 2
    AND = 3
    NOT = 4
    COMPARE = 5
    BIT_OR = 6
    BIT_AND = 7
    ADD = 8
    MULTIPLY = 9
    NEGATE = 10
    POWER = 11
    ATOM = 12


class Text(NamedTuple):
    """Hold the text of an op in a language: a format pattern over operands, and how it binds.

    `needs` gives for each operand the level below which it stands in parentheses, and `repeats`
    the operands that the pattern writes more than once.
    """

    pattern: str
    level: Level
    needs: tuple[Level, ...]
    repeats: frozenset[int] = frozenset()


def infix(symbol: str, level: Level) -> Text:
    """Return the text of a left-associative binary operator; comparisons chain in Python."""
    left = Level(level + 1) if level is Level.COMPARE else level
    return Text(f"{{0}} {symbol} {{1}}", level, (left, Level(level + 1)))


def prefix(symbol: str, level: Level) -> Text:
    """Return the text of a unary operator."""
    return Text(f"{symbol}{{0}}", level, (level,))


def call(name: str, operands: int = 1) -> Text:
    """Return the text of a function call."""
    places = ", ".join(f"{{{k}}}" for k in range(operands))
    return Text(f"{name}({places})", Level.ATOM, (Level.CONDITION,) * operands)


def pattern(text: str, level: Level, *needs: Level) -> Text:
    """Return the text of any other form."""
    found = re.findall(r"\{(\d+)\}", text)
    return Text(text, level, needs, frozenset(int(k) for k in found if found.count(k) > 1))


class Domain(NamedTuple):
    """Bound the points where tests draw the operands of an op: one interval each.

    `ties` is False where points with equal coordinates must be avoided.
    """

    intervals: tuple[tuple[float, float], ...]
    ties: bool = True


REAL = Domain(((-2.0, 2.0),))
POSITIVE = Domain(((0.1, 3.0),))
REAL2 = Domain(((-2.0, 2.0), (-2.0, 2.0)))
NONZERO2 = Domain(((-2.0, 2.0), (0.3, 2.0)))


class Routine(NamedTuple):
    """Say how an algorithm on whole vectors or matrices is called.

    `helper` is the emitted function that works on one of them: it takes each operand, then each
    result's array, which it fills, then the attributes `literals`. `ranks` gives how many of the
    last axes of each operand, and `results` how many of each result, are its own; the axes before
    them are a batch, which operands and results share. With an attribute `axis` the one axis that a
    routine works on is that one in place of the last. `text` gives the call in NumPy, a format
    pattern over operands, from the attributes; it is None where NumPy has no such function and the
    texts of those that read the results do without them, by way of `aside`: operands that the
    helper is not given. `single` is the text where there is no batch, if that is another. `names`
    are what several results are called that have no name of the user's. `work` estimates the
    additions for one of the batch, given the lengths of the first operand's own axes. One that
    `is_total` raises for no operands, so that it may run in vain.
    """

    helper: str
    text: Callable[..., str] | None
    ranks: tuple[int, ...]
    results: tuple[int, ...]
    literals: tuple[str, ...] = ()
    work: Callable[..., Any] = math.prod
    aside: tuple[int, ...] = ()
    single: Callable[..., str] | None = None
    names: tuple[str, ...] = ()
    is_total: bool = False

    @property
    def taken(self) -> tuple[int, ...]:
        """Return how many last axes are its own of each operand that the helper takes."""
        return tuple(rank for k, rank in enumerate(self.ranks) if k not in self.aside)


Partial = Callable[..., "Expr | float"]
Derivative = Literal["zero", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """Declare an operation.

    Exactly one of `partials`, `vjp` and `derivative` says how it is differentiated: `partials`
    (elementwise ops) gives ∂y/∂xₖ as ``partial(y, *xs, **attrs)`` for each operand, None for one
    that carries no derivative; `vjp(g, y, *xs, **attrs)` returns the cotangent of each operand or
    None; `derivative` is ``"zero"`` for a step function and ``"none"`` where no rule is known. For
    an op with several results `y` is the tuple of them and `g` that of their cotangents, None for
    one that has none.

    `mask(where, *xs, **attrs)` says where the cotangent of each operand can be other than a
    structural zero, if that of the result can be so at `where` (a bool value, or None for
    everywhere). It returns a bool value or None for each operand. Elementwise ops pass a mask on
    without saying so; any other op that says nothing drops it.
    """

    name: str
    kind: Kind
    infer: Callable[..., AnyType]  # infer(*operand_types, **attrs)
    evaluate: Callable[..., Any]  # evaluate(*arrays, **attrs), the meaning
    partials: tuple[Partial | None, ...] | None = None
    vjp: Callable[..., tuple[Any, ...]] | None = None
    derivative: Derivative | None = None
    mask: Callable[..., tuple[Any, ...]] | None = None  # see below
    finite: bool = False  # the partials are finite at every point, NaN and inf operands aside
    linear: tuple[int, ...] = ()  # operands in which the op is linear, jointly
    multilinear: tuple[int, ...] = ()  # operands in each of which it is linear, as in a product
    expand: Callable[..., Expr] | None = None  # a composite in terms of other ops
    numba: Text | None = None
    numpy: Text | None = None
    vector: Text | None = None  # for float loops: our own function, of which LLVM makes vector code
    math: Text | None = None
    routine: Routine | None = None
    latex: str | None = None
    domain: Domain | None = None
    commutative: bool = False
    cost: float = 1.0  # in units of one addition, for the choice to recompute
    doc: str = ""

    def __post_init__(self) -> None:
        """Refuse a declaration without exactly one statement about its derivative."""
        said = [self.partials is not None, self.vjp is not None, self.derivative is not None]
        if sum(said) != 1:
            raise CompileError(
                f"the op {self.name} must declare exactly one of partials, vjp, derivative"
            )

    def __call__(self, *args: Expr | float, **attrs: Any) -> Expr:
        """Append this operation to the graph that its operands belong to."""
        for arg in args:
            if not isinstance(arg, (int, float)):
                return arg.builder.apply(self, args, attrs)
        raise CompileError(f"{self.name} needs an operand that is a value of a graph")

    def __repr__(self) -> str:
        """Return the name."""
        return self.name


OPS: dict[str, Op] = {}


def declare(op: Op) -> Op:
    """Enter an op in the table and return it.

    Raises `CompileError` where the name is taken.
    """
    if op.name in OPS:
        raise CompileError(f"the op {op.name} is declared twice")
    OPS[op.name] = op
    return op


def table() -> Mapping[str, Op]:
    """Return the table of all operations by name."""
    return OPS
