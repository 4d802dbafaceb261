"""Compute scalars where they belong: ``x = x / 2``, and not ``v0 = x / 2`` with ``x = v0`` below.

A value that was computed for a variable becomes that variable where nothing reads the old value any
more. A value that nothing else reads may also be computed later, at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bpcompile.schedule.mentions import Mentions, mentions
from bpcompile.schedule.statements import (
    Apply,
    Expression,
    For,
    If,
    Set,
    SizeValue,
    Statement,
    Var,
    While,
)

_MOST_WRITTEN_OUT = 4  # ops
Moves = list[tuple[Var, Expression]]


def settled(
    statements: list[Statement], moves: Sequence[tuple[Var, Expression]], given: Collection[Var]
) -> Moves:
    """Let variables become those that take their values, where they can; return the other moves.

    `given` are the variables with a value before the statements. Of them, either all are computed
    in place or none but those that nothing else reads: a step reads best as a whole. Beside a
    branch, several stay moves: its results may stand for each other's variables already.
    """
    different = [(target, _itself(value)) for target, value in moves]
    different = [(target, value) for target, value in different if value is not target]
    candidates = [v for _, v in different if isinstance(v, Var) and v not in given]
    if not candidates or (len(different) > 1 and _has_branch(statements)):
        return different
    return _Settling(statements, different, given).run()


def _has_branch(statements: Sequence[Statement]) -> bool:
    """Tell whether a branch stands among statements or in their loops."""
    pending = list(statements)
    while pending:
        statement = pending.pop()
        if isinstance(statement, If):
            return True
        if isinstance(statement, (For, While)):
            pending.extend(statement.body)
    return False


class _Settling:
    """Settle the moves at the end of one list of statements."""

    def __init__(self, statements: list[Statement], moves: Moves, given: Collection[Var]) -> None:
        self.statements = statements
        self.moves = moves
        self.given = given
        self.values = [value for _, value in moves]
        scalars = {*(v for v in self.values if isinstance(v, Var)), *given}
        self.tokens = {token: v for v in scalars if not v.rank for token in v.tokens}
        self.found = [self._mentioned([statement]) for statement in statements]
        made = {var for each in self.found for var in each.set}
        self.new: dict[Var, Var] = {
            target: value
            for target, value in moves
            if isinstance(value, Var) and value in made and self.values.count(value) == 1
        }
        self.old = [target for target, _ in moves if target in given]

    def _mentioned(self, items: Sequence[Statement | Expression]) -> Mentions:
        """Return what statements or expressions mention."""
        return mentions(items, dict(self.tokens))

    def run(self) -> Moves:
        """Rename variables and put statements off; return the moves that are left."""
        self.old = [target for target in self.old if not self._is_alone(target)]
        put_off = self._put_off()
        if put_off is None:
            for target in self.old:
                self.new.pop(target, None)
        for target, value in self.new.items():
            value.become(target)
        for statement in put_off or ():
            self.statements.remove(statement)
            self.statements.append(statement)
        left = [(target, value) for target, value in self.moves if target not in self.new]
        return self._written_out(left)

    def _written_out(self, moves: Moves) -> Moves:
        """Return moves with short values in place of the variables that only they read.

        All of them or none, as in ``a, b = b, a + b``.
        """
        found: list[tuple[Var, Expression, Set | None]] = []
        for target, value in moves:
            last = None
            if isinstance(value, Var) and self._is_made(value):
                last = self._at_the_end(value, set())
                if last is None or _is_explained(last) or self.values.count(value) > 1:
                    return moves
            found.append((target, value if last is None else last.value, last))
        if sum(operations(value) for _, value, _ in found) > _MOST_WRITTEN_OUT:
            return moves
        for _, _, last in found:
            if last is not None:
                self.statements.remove(last)
        return [(target, value) for target, value, _ in found]

    def _is_made(self, value: Var) -> bool:
        """Tell whether a variable is first assigned in the statements."""
        return value not in self.given and any(value in each.set for each in self.found)

    def _is_alone(self, target: Var) -> bool:
        """Tell whether only its own next value reads a variable: a sum, for the most part."""
        new = self.new.get(target)
        places = [k for k, each in enumerate(self.found) if target in each.vars]
        return (
            new is not None
            and len(places) == 1
            and new in self.found[places[0]].set
            and isinstance(self.statements[places[0]], Set)
            and target not in self._mentioned(self.values).vars
        )

    def _put_off(self) -> list[Set] | None:
        """Return the statements to put off so that all old variables are computed in place.

        None where that cannot be.
        """
        needed = self._mentioned(self.values).vars
        found: list[Set] = []
        for target in self.old:
            new = self.new.get(target)
            if new is None or target in needed:
                return None
            if not self._replaces(new, target, self.statements, self.found):
                last = self._at_the_end(new, {*self.old} - {target})
                if last is None:
                    return None
                found.append(last)
        return found

    def _replaces(
        self, new: Var, old: Var, statements: Sequence[Statement], found: Sequence[Mentions]
    ) -> bool:
        """Tell whether nothing reads an old value once the new one is assigned."""
        first = next((k for k, each in enumerate(found) if new in each.set), None)
        if first is None:
            return True
        if any(old in later.vars for later in found[first + 1 :]):
            return False
        statement = statements[first]
        if isinstance(statement, Set) or old not in found[first].vars:
            return True
        if not isinstance(statement, If):
            return False
        return all(
            self._replaces(new, old, arm, [self._mentioned([below]) for below in arm])
            for arm in (statement.then, statement.otherwise)
        )

    def _at_the_end(self, new: Var, changing: set[Var]) -> Set | None:
        """Return the assignment of a new value if it may as well be the last statement.

        `changing` are variables that may have changed by then.
        """
        where = [k for k, each in enumerate(self.found) if new in each.vars]
        statement = self.statements[where[0]]
        if len(where) != 1 or not isinstance(statement, Set):
            return None
        value = self._mentioned([statement.value])
        if any(name.startswith("%") and name not in self.tokens for name in value.names):
            return None
        read = set(value.vars)
        changed = changing.union(*(each.set for each in self.found[where[0] + 1 :]))
        stable = not any(var.rank for var in read) and read.isdisjoint(changed)
        return statement if stable else None


def _is_explained(statement: Set) -> bool:
    """Tell whether a line differentiates, so that a formula stands beside it."""
    node = statement.node
    return node is not None and node.origin is not None and node.origin.adjoint_of is not None


def operations(value: Expression) -> int:
    """Return the number of ops in an expression; arithmetic in sizes counts as one."""
    count, stack = 0, [value]
    while stack:
        current = stack.pop()
        if isinstance(current, Apply):
            count += 1
            stack.extend(current.args)
        elif isinstance(current, SizeValue):
            count += 1
    return count


def _itself(value: Expression) -> Expression:
    """Return a variable under its first name, and any other expression as it is."""
    return value.itself() if isinstance(value, Var) else value
