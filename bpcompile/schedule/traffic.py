"""Count what the statements of a plan do: operations, and elements of arrays read and written.

Counts are sizes: polynomials in the dimensions, so that they hold for every length. Within one nest
of loops an element of an array counts once, however often it is used: what an outer iteration
touches is expected to stay in the cache. An array counts again for each nest that goes through it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, assert_never

from bpcompile.ir.dims import Dim, Size, dim_min, floor_div, product, size_names, substitute
from bpcompile.ir.op import Kind
from bpcompile.schedule.integers import Integers
from bpcompile.schedule.statements import (
    Apply,
    Call,
    Check,
    CheckedIndex,
    CopyArray,
    Expression,
    Fill,
    Fold,
    FoldIndex,
    For,
    Grow,
    If,
    Index,
    Lit,
    Load,
    Move,
    NewTape,
    Poll,
    Product,
    Run,
    Set,
    SizeValue,
    Statement,
    Store,
    Stretch,
    Var,
    While,
)

Shapes = dict[Var, tuple[Size, ...]]


class _Loop(NamedTuple):
    """Hold the counter of a loop around a statement, and its bounds."""

    token: str
    lower: Size
    upper: Size


Loops = tuple[_Loop, ...]


@dataclass(slots=True)
class Counts:
    """Hold what a run of statements does.

    `operations` is in units of an addition, as the op table weighs them; `calls` counts each op;
    `read` and `written` count elements of arrays.
    """

    operations: Size = 0
    calls: dict[str, Size] = field(default_factory=dict)
    read: dict[Var, Size] = field(default_factory=dict)
    written: dict[Var, Size] = field(default_factory=dict)

    def include(self, other: Counts) -> None:
        """Add what another run does."""
        self.operations = self.operations + other.operations
        for mine, theirs in (
            (self.calls, other.calls),
            (self.read, other.read),
            (self.written, other.written),
        ):
            _merge(mine, theirs)


def _merge(mine: dict[Any, Size], theirs: dict[Any, Size]) -> None:
    """Add counts by key."""
    for key, count in theirs.items():
        mine[key] = mine.get(key, 0) + count


def count(statements: Iterable[Statement], shapes: Shapes, known: Integers) -> Counts:
    """Return what statements do; each top-level loop is a nest, and so is what lies between.

    `shapes` are those of the arrays, and `known` says what the plan's integers are.
    """
    total = Counts()
    between: list[Statement] = []
    for statement in statements:
        if isinstance(statement, (For, While, Product)):
            total.include(_Nest(shapes, known).counts([statement]))
        else:
            between.append(statement)
    total.include(_Nest(shapes, known).counts(between))
    return total


class _Nest:
    """Count statements that run together."""

    def __init__(self, shapes: Shapes, known: Integers) -> None:
        self.shapes = shapes
        self.known = known
        self.found = Counts()
        self.touched: set[tuple[int, Var, Index]] = set()

    def counts(self, statements: Sequence[Statement]) -> Counts:
        """Return the counts, no array read or written more often than it has elements."""
        stack: list[tuple[Statement, Loops]] = [(s, ()) for s in reversed(statements)]
        while stack:
            current, loops = stack.pop()
            if isinstance(current, For):
                lower, upper = map(self.known.resolved, map(_size, (current.lower, current.upper)))
                inner = (*loops, _Loop(current.var.token, lower, upper))
                stack += [(below, inner) for below in reversed(current.body)]
            elif isinstance(current, While):
                number = Dim.named(self.known.turns[id(current)])
                turns = (*loops, _Loop("%turn", 0, number))
                self._values([current.condition], turns)
                stack += [(below, turns) for below in (*current.body[::-1], *current.test[::-1])]
            elif isinstance(current, If):
                self._values([current.condition], loops)
                arms = (*current.otherwise[::-1], *current.then[::-1])
                stack += [(below, loops) for below in arms]
            else:
                self._statement(current, loops)
        for elements in (self.found.read, self.found.written):
            for array in elements:
                elements[array] = _least(elements[array], product(self.shapes[array]))
        return self.found

    def _statement(self, statement: Statement, loops: Loops) -> None:
        """Count one statement that is no loop."""
        match statement:
            case Set(value=value) | CheckedIndex(value=value):
                self._values([value], loops)
            case Check(condition=value, values=values):
                self._values([value, *values], loops)
            case Store(array=array, index=index, value=value):
                self._values([value], loops)
                self._touch(self.found.written, array, index, loops)
            case Fold(target=target, op=op, value=value):
                self._values([value], loops)
                self._operate("add" if op == "sum" else op, 1.0, loops)
                if isinstance(target, Load):
                    self._touch(self.found.read, target.array, target.index, loops)
                    self._touch(self.found.written, target.array, target.index, loops)
            case FoldIndex(op=op, value=value):
                self._values([value], loops)
                self._operate(f"arg{op}", 1.0, loops)
            case Move(values=values):
                self._values(values, loops)
            case Fill(array=array):
                self._whole(self.found.written, array, loops)
            case CopyArray(target=target, source=source):
                self._whole(self.found.read, source, loops)
                self._whole(self.found.written, target, loops)
            case Product():
                self._product(statement, loops)
            case Call():
                self._call(statement, loops)
            case Poll() | NewTape() | Grow():
                pass  # a look for Ctrl-C and a longer tape cost little beside many iterations
            case For() | If() | While() | Run() | Stretch():
                raise AssertionError("what has statements inside is taken apart before")
            case _:
                assert_never(statement)

    def _values(self, values: Sequence[Expression], loops: Loops) -> None:
        """Count what expressions compute and read."""
        stack = list(values)
        while stack:
            value = stack.pop()
            if isinstance(value, Apply):
                op = value.node.op
                product_of_two = op.kind is Kind.CONTRACTION
                self._operate("mul" if product_of_two else op.name, op.cost, loops)
                stack += value.args
            elif isinstance(value, Load):
                self._touch(self.found.read, value.array, value.index, loops)

    def _operate(self, name: str, cost: float, loops: Loops) -> None:
        """Count an operation once for each iteration."""
        times = _total(1, loops)
        self.found.operations = self.found.operations + round(cost) * times
        self.found.calls[name] = self.found.calls.get(name, 0) + times

    def _touch(self, elements: dict[Var, Size], array: Var, index: Index, loops: Loops) -> None:
        """Count the elements that an index takes over all iterations, once for equal indices."""
        key = (id(elements), array, index)
        if key in self.touched:
            return
        self.touched.add(key)
        names = {name for size in self.known.shape(index) for name in size_names(size)}
        tokens = {loop.token for loop in loops}
        if any(name.startswith("%") for name in names - tokens):
            chosen = loops  # a place found at run time may be another in each iteration
        else:
            chosen = _chosen(loops, names)
        elements[array] = elements.get(array, 0) + _total(1, chosen)

    def _whole(self, elements: dict[Var, Size], array: Var, loops: Loops) -> None:
        """Count all of an array."""
        times = _total(product(self.shapes[array]), loops)
        elements[array] = elements.get(array, 0) + times

    def _product(self, statement: Product, loops: Loops) -> None:
        """Count a matrix product: for each element of the result a sum of products."""
        shared = statement.node.args[0].shape[-1]
        times = _total(product(self.shapes[statement.out]) * shared, loops)
        self.found.operations = self.found.operations + 2 * times
        for name in ("add", "mul"):
            self.found.calls[name] = self.found.calls.get(name, 0) + times
        for matrix in (statement.left, statement.right):
            self._whole(self.found.read, matrix.array, loops)
        self._whole(self.found.written, statement.out, loops)

    def _call(self, statement: Call, loops: Loops) -> None:
        """Count a routine: what it reads and writes, and its work as an estimate."""
        routine = statement.node.op.routine
        assert routine is not None
        first, axis = self.shapes[statement.operands[0]], statement.axis
        times = _total(routine.work(first[axis : axis + routine.ranks[0]]), loops)
        self.found.operations = self.found.operations + times
        name = statement.node.op.name
        self.found.calls[name] = self.found.calls.get(name, 0) + _total(1, loops)
        for array, own in zip(statement.operands, routine.taken, strict=True):
            self._part(self.found.read, array, axis, own, loops)
        for array, own in zip(statement.outs, routine.results, strict=True):
            self._part(self.found.written, array, axis, own, loops)

    def _part(
        self, elements: dict[Var, Size], array: Var, axis: int, own: int, loops: Loops
    ) -> None:
        """Count what lies along some axes of an array."""
        times = _total(product(self.shapes[array][axis : axis + own]), loops)
        elements[array] = elements.get(array, 0) + times


def _size(bound: Expression) -> Size:
    """Return a bound of a loop as a size."""
    if isinstance(bound, SizeValue):
        return bound.size
    if isinstance(bound, Lit):
        return int(bound.value)
    if isinstance(bound, Var):
        return bound.size
    raise AssertionError(f"the bound {bound} of a loop is no size")


def _chosen(loops: Loops, names: set[str]) -> Loops:
    """Return the loops whose counters an index depends on, directly or through a bound."""
    kept: list[_Loop] = []
    for loop in reversed(loops):
        if loop.token in names:
            kept.append(loop)
            names = names | size_names(loop.lower) | size_names(loop.upper)
    return tuple(reversed(kept))


def _total(each: Size, loops: Loops) -> Size:
    """Return the sum over all iterations of a count that may depend on the counters."""
    below = 1  # sums of powers are polynomials over a denominator, divided by at the end
    for loop in reversed(loops):
        if isinstance(each, Dim) and loop.token in size_names(each):
            each, divisor = _summed(each, loop)
            below *= divisor
        else:
            each = each * (loop.upper - loop.lower)
    return _quotient(each, below)


def _summed(each: Dim, loop: _Loop) -> tuple[Size, int]:
    """Return Σ each over the counter as a numerator and a denominator.

    Where the counter stands in a division, an extreme or a higher power than the third, the count
    at the last iteration stands for all: an upper bound, as counts grow with their counters.
    """
    last = loop.upper - 1
    parts: list[Size] = [0, 0, 0, 0]
    for monomial, coefficient in each.terms:
        power = monomial.count(loop.token)
        rest = Dim({tuple(atom for atom in monomial if atom != loop.token): coefficient})
        if power >= len(parts) or loop.token in size_names(rest):
            return substitute(each, {loop.token: last}) * (loop.upper - loop.lower), 1
        parts[power] = parts[power] + rest
    total: Size = 0
    for part, high, low in zip(parts, _powers(last), _powers(loop.lower - 1), strict=True):
        total = total + part * (high - low)
    return total, _POWERS_BELOW


_POWERS_BELOW = 12


def _powers(n: Size) -> tuple[Size, ...]:
    """Return 12 Σ 1, 12 Σ i, 12 Σ i² and 12 Σ i³ over i = 1, ..., n, up to what cancels."""
    pair = n * (n + 1)
    return 12 * n, 6 * pair, 2 * pair * (2 * n + 1), 3 * pair * pair


def _quotient(count: Size, divisor: int) -> Size:
    """Return an exact quotient, in lowest terms."""
    if isinstance(count, Dim):
        common = math.gcd(divisor, *(coefficient for _, coefficient in count.terms))
        return floor_div(floor_div(count, common), divisor // common)
    return count // divisor


def _least(count: Size, most: Size) -> Size:
    """Return the lesser of two counts, where dimensions are never negative.

    A literal count comes from literal places, which are in range.
    """
    if isinstance(count, int):
        return min(count, most) if isinstance(most, int) else count
    difference = count - most
    coefficients = [c for _, c in difference.terms] if isinstance(difference, Dim) else [difference]
    if all(coefficient >= 0 for coefficient in coefficients):
        return most
    if all(coefficient <= 0 for coefficient in coefficients):
        return count
    return dim_min(count, most)
