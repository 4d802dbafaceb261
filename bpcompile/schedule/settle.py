"""Compute scalars where they belong: ``x = x / 2``, and not ``v0 = x / 2`` with ``x = v0`` below.

A value that was computed for a variable becomes that variable where nothing reads the old value any
more. A value that nothing else reads may also be computed later, at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bpcompile.schedule.mentions import Mentions, mentions
from bpcompile.schedule.statements import Expression, If, Set, Statement, Var

Moves = list[tuple[Var, Expression]]


def settled(
    statements: list[Statement], moves: Sequence[tuple[Var, Expression]], given: Collection[Var]
) -> Moves:
    """Let variables become those that take their values, where they can; return the other moves.

    `given` are the variables with a value before the statements. Of them, either all are computed
    in place or none: a step reads best as a whole.
    """
    different = [(target, _itself(value)) for target, value in moves]
    different = [(target, value) for target, value in different if value is not target]
    candidates = [v for _, v in different if isinstance(v, Var) and v not in given]
    return _Settling(statements, different, given).run() if candidates else different


class _Settling:
    """Settle the moves at the end of one list of statements."""

    def __init__(self, statements: list[Statement], moves: Moves, given: Collection[Var]) -> None:
        self.statements = statements
        self.moves = moves
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
        put_off = self._put_off()
        if put_off is None:
            for target in self.old:
                self.new.pop(target, None)
        for target, value in self.new.items():
            value.become(target)
        for statement in put_off or ():
            self.statements.remove(statement)
            self.statements.append(statement)
        return [(target, value) for target, value in self.moves if target not in self.new]

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
                last = self._at_the_end(new, target)
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

    def _at_the_end(self, new: Var, old: Var) -> Set | None:
        """Return the assignment of a new value if it may as well be the last statement."""
        where = [k for k, each in enumerate(self.found) if new in each.vars]
        statement = self.statements[where[0]]
        if len(where) != 1 or not isinstance(statement, Set):
            return None
        value = self._mentioned([statement.value])
        if any(name.startswith("%") and name not in self.tokens for name in value.names):
            return None
        read = set(value.vars)
        changed = {*self.old, *(var for each in self.found[where[0] + 1 :] for var in each.set)}
        stable = not any(var.rank for var in read) and read.isdisjoint(changed - {old})
        return statement if stable else None


def _itself(value: Expression) -> Expression:
    """Return a variable under its first name, and any other expression as it is."""
    return value.itself() if isinstance(value, Var) else value
