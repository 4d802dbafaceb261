"""Add contributions to a cotangent up, and join their masks.

Contributions that add at places (the transpose of ``index``) wait until the sum is read. They then
go into the array that the other contributions make, one after the other, so that reading n elements
one by one costs n additions backward and not n arrays.
"""

from __future__ import annotations

import functools
import operator

from bpcompile.ir.build import Expr
from bpcompile.ir.graph import Node

_MOST_PARTS = 8  # a mask of more parts is joined as it comes


class Total:
    """Hold the contributions to one cotangent; without `masked` their masks are dropped."""

    __slots__ = ("_value", "_where")

    def __init__(self, *, masked: bool) -> None:
        """Start empty."""
        self._value = _Sum()
        self._where = _Mask() if masked else None

    def add(self, value: Expr, where: Expr | None) -> None:
        """Add a contribution that can be other than a structural zero at `where`, or anywhere."""
        self._value.add(value)
        if self._where is None:
            return
        if where is None:
            self._where = None
        else:
            self._where.add(where)
            if self._where.everywhere:
                self._where = None

    def value(self) -> Expr:
        """Return the sum."""
        return self._value.read()

    def where(self) -> Expr | None:
        """Return where any contribution can be other than a structural zero; None: anywhere."""
        return None if self._where is None else self._where.read()


class _Sum:
    """Add values up, those written at places last."""

    __slots__ = ("_total", "_waiting")

    def __init__(self) -> None:
        """Start empty."""
        self._total: Expr | None = None
        self._waiting: list[Expr] | None = None

    def add(self, value: Expr) -> None:
        """Add one more value."""
        if value.node.op.name == "accumulate" and is_zero(value.node.args[0]):
            if self._waiting is None:
                self._waiting = []
            self._waiting.append(value)
        elif self._total is None:
            self._total = value
        else:
            self._total = self._joined(self._total, value)

    def _joined(self, before: Expr, value: Expr) -> Expr:
        """Return two values as one."""
        return before + value

    def read(self) -> Expr:
        """Return the value of all that was added."""
        for value in self._in_order():
            if self._total is None:
                self._total = value
            else:
                rest = [value.builder.wrap(arg) for arg in value.node.args[1:]]
                self._total = value.node.op(self._total, *rest, **value.node.attrs)
        self._waiting = None
        assert self._total is not None
        return self._total

    def _in_order(self) -> list[Expr]:
        """Return what waits; one that adds where the others have just put 0 is written there.

        The cotangent of an array whose element was changed loses that place, and gets it back
        where the new element was made of the old one.
        """
        waiting = self._waiting or []
        total = None if self._total is None else self._total.node
        for k, value in enumerate(waiting):
            if total is not None and _fills(value.node, total):
                self._total = _filled(value, total)
                return waiting[:k] + waiting[k + 1 :]
        return waiting


class _Mask(_Sum):
    """Join masks by or, in the shortest form where that is easily seen."""

    __slots__ = ("_parts", "everywhere")

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.everywhere = False
        self._parts: list[Expr] = []

    def _joined(self, before: Expr, value: Expr) -> Expr:
        """Return where either mask is true; `before` is the or of the parts so far."""
        parts = self._parts or [before]
        found = 0
        while found < len(parts) <= _MOST_PARTS:
            part = parts[found]
            if _complementary(part.node, value.node):
                self.everywhere = True
                return value
            common = _common(part.node, value.node)
            if common is None:
                found += 1
                continue
            del parts[found]
            value = value.builder.wrap(common)
            found = 0
        self._parts = [*parts, value]
        return functools.reduce(operator.or_, self._parts)

    def read(self) -> Expr:
        """Return the mask; what is added after this joins it as a whole."""
        self._parts = []
        return super().read()


def _fills(value: Node, total: Node) -> bool:
    """Tell whether a value adds at the one place at which an array was set to 0."""
    return (
        total.op.name == "update"
        and is_zero(total.args[1])
        and value.args[2:] == total.args[2:]
        and value.attrs["spec"] == total.attrs["spec"]
        and not any(place.shape for place in value.args[2:])
    )


def _filled(value: Expr, total: Node) -> Expr:
    """Return the array with a value at that place: as it was, where the value was read there."""
    array, _, *places = total.args
    read = value.node.args[1]
    same = read.op.name == "index" and read.args == (array, *places)
    if same and read.attrs["spec"] == total.attrs["spec"]:
        return value.builder.wrap(array)
    args = [value.builder.wrap(arg) for arg in (array, read, *places)]
    return total.op(*args, **total.attrs)


def _complementary(a: Node, b: Node) -> bool:
    """Tell whether two masks are c and not c, as both sides of a ``select`` are."""
    return _negates(a, b) or _negates(b, a)


def _negates(a: Node, b: Node) -> bool:
    """Tell whether `a` is written as not `b`."""
    return a.op.name == "logical_not" and a.args[0] is b


def _common(a: Node, b: Node) -> Node | None:
    """Return w where two masks are w and c, w and not c."""
    if a.op.name == "logical_and" and b.op.name == "logical_and":
        for k, m in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if a.args[k] is b.args[m] and _complementary(a.args[1 - k], b.args[1 - m]):
                return a.args[k]
    return None


def is_zero(node: Node) -> bool:
    """Tell whether a node is the constant zero."""
    return node.op.name == "const" and node.attrs["value"] == 0
