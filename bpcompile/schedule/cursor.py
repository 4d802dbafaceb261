"""Write the statements of one scope: a `Cursor` is their list, with what is known among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.schedule.nest import Index
from bpcompile.schedule.statements import CheckedIndex, Expression, If, Set, Statement, Var


@dataclass(frozen=True, slots=True)
class Count:
    """Say what a counted loop counts: its counter goes from `first` to below `end`."""

    token: str
    first: Size
    end: Size


class Cursor:
    """Hold the statements of one scope and the values known in it."""

    __slots__ = ("_born", "_known", "_known_at", "_tested", "counts", "parent", "statements")

    def __init__(self, parent: Cursor | None = None, counts: Count | None = None) -> None:
        """Start an empty scope inside another; that of a counted loop says what it counts."""
        self.parent = parent
        self.counts = counts
        self.statements: list[Statement] = []
        self._known: dict[tuple[Node, Index], Expression] = {}
        self._known_at: dict[int, frozenset[str]] = {}  # by the identity of a test
        self._tested: dict[tuple[Size, Size], Size] = {}
        self._born: set[str] = {counts.token} if counts else set()

    def nested(self, counts: Count | None = None) -> Cursor:
        """Return an empty scope inside this one."""
        return Cursor(self, counts)

    def _around(self) -> Iterator[Cursor]:
        """Iterate over this scope and those around it, outwards."""
        scope: Cursor | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def add(self, statement: Statement) -> None:
        """Append a statement."""
        self.statements.append(statement)
        match statement:
            case Set(var=Var(rank=0) as var) | CheckedIndex(var=Var() as var):
                self._born.add(var.token)
            case If(results=results):
                self._born.update(var.token for var in results if not var.rank)

    def add_test(self, test: CheckedIndex, known: frozenset[str]) -> None:
        """Append the test of an index, where integers of these names are known."""
        self.add(test)
        self._known_at[id(test)] = known

    def last_tests(self) -> Iterator[tuple[CheckedIndex, frozenset[str]]]:
        """Yield the last tests behind which nothing stands but reads, with what was known there."""
        for statement in reversed(self.statements):
            if isinstance(statement, CheckedIndex):
                yield statement, self._known_at[id(statement)]
            elif not isinstance(statement, Set):
                break

    def makes(self, token: str) -> bool:
        """Tell whether the number that a token stands for is made in this scope, once each run."""
        return token in self._born

    def knows(self, token: str) -> bool:
        """Tell whether a scope around this one makes the number of a token, or the caller did."""
        return any(token in scope._born for scope in self._around() if scope is not self)

    def give(self, var: Var) -> None:
        """Know a scalar that the caller gives."""
        self._born.add(var.token)

    def remember(self, node: Node, at: Index, value: Expression) -> None:
        """Let an element of a value be read as an expression from here on."""
        self._known[node, at] = value

    def known(self, node: Node, at: Index) -> Expression | None:
        """Return the expression of an element that this scope or one around it knows."""
        return next((s._known[node, at] for s in self._around() if (node, at) in s._known), None)

    def remember_tested(self, value: Size, length: Size, index: Size) -> None:
        """Remember an index that was tested against a length from here on."""
        self._tested[value, length] = index

    def tested(self, value: Size, length: Size) -> Size | None:
        """Return an index that this scope or one around it has tested against a length."""
        key = value, length
        return next((s._tested[key] for s in self._around() if key in s._tested), None)
