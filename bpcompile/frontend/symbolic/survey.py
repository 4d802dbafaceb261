"""Look over SymPy expressions once: which nodes, which symbols, which index is free where.

An expression is a graph: `e = e*e + x`, sixty times, is 120 nodes and a tree of 10^18. So nodes
are told apart by identity, and nothing here or in the walk asks SymPy for what it would work out
by recursion: no hash, equality, assumption, text or derivative of a compound expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bpcompile.errors import LimitError, UnsupportedError
from bpcompile.frontend.origins import where

MOST_NODES = 1_000_000
_MOST_SHOWN = 24
_MOST_DIGITS = 128  # binary ones
_MOST_STEPS_SHOWN = 6
_NOTHING: frozenset[Any] = frozenset()


class Root(NamedTuple):
    """Hold one expression that is lowered, and what messages call it."""

    path: str
    expr: Any


class Survey:
    """Hold what is known of some expressions before they are lowered.

    Attributes:
        nodes: every node once, each after its parts. Holding them keeps identities valid.
        bound: the symbols that a sum, a product or a function of an entry binds somewhere.
        atoms: the symbols, indices and arrays that occur, in order.
        roots: the expressions themselves.

    Raises `LimitError` for more than a million distinct nodes.
    """

    def __init__(self, roots: Iterable[Root]) -> None:
        """Visit every node of the expressions."""
        self.nodes: list[Any] = []
        self.bound: set[Any] = set()
        self.atoms: dict[Any, None] = {}
        self._parts: dict[int, tuple[Any, ...]] = {}
        self._place: dict[int, tuple[Any, int]] = {}
        self._paths: dict[int, str] = {}
        self._free: dict[int, frozenset[Any]] = {}
        self.roots: list[Any] = []
        for root in roots:
            self.roots.append(root.expr)
            self._paths.setdefault(id(root.expr), root.path)
            self._visit(root.expr)
        if self.bound:
            for node in self.nodes:
                self._free[id(node)] = self._free_in(node)

    def _visit(self, root: Any) -> None:
        """Note every node that an expression leads to."""
        stack = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                self.nodes.append(node)
                continue
            if id(node) in self._parts:
                continue
            if len(self._parts) >= MOST_NODES:
                raise LimitError(
                    f"the expression has more than {MOST_NODES} nodes{where()}: write it as a "
                    "Python function with loops, or compile its parts"
                )
            parts = self._parts[id(node)] = _parts_of(node)
            if not parts and is_named(node):
                self.atoms.setdefault(node)
            self.bound.update(atom for atom, _ in binders(node))
            stack.append((node, True))
            for number, part in enumerate(parts):
                if id(part) not in self._parts:
                    self._place.setdefault(id(part), (node, number))
                    stack.append((part, False))

    def parts(self, node: Any) -> tuple[Any, ...]:
        """Return what a node is made of; nothing for a symbol, a number or an array."""
        return self._parts[id(node)]

    def free(self, node: Any) -> frozenset[Any]:
        """Return those of the bound symbols that are free in a node."""
        return self._free.get(id(node), _NOTHING)

    def _free_in(self, node: Any) -> frozenset[Any]:
        """Return the bound symbols that are free in a node, those in its parts being known."""
        parts = self.parts(node)
        if not parts:
            return frozenset((node,)) if is_named(node) and node in self.bound else _NOTHING
        bindings = binders(node)
        if not bindings:
            return self._union(parts)
        scoped = self._union([body_of(node)])
        for atom, limits in bindings:  # the innermost first: its limits know the outer ones
            scoped = (scoped - {atom}) | self._union(limits)
        return scoped

    @property
    def unbound(self) -> list[Any]:
        """Return the symbols and arrays that something outside the expressions must give."""
        free = {atom for root in self.roots for atom in self.free(root)}
        return [atom for atom in self.atoms if atom not in self.bound or atom in free]

    def _union(self, parts: Iterable[Any]) -> frozenset[Any]:
        """Return the symbols that are free in any of some nodes."""
        found = _NOTHING
        for part in parts:
            free = self._free[id(part)]
            if not free <= found:
                found = found | free
        return found

    # -- messages ------------------------------------------------------------------------------

    def path(self, node: Any) -> str:
        """Return how to reach a node: ``expr[1].args[0].args[2]``; long ones are cut."""
        steps: list[str] = []
        current = node
        while id(current) not in self._paths:
            if id(current) not in self._place:
                return "expr"
            current, number = self._place[id(current)]
            steps.append(_step(current, number))
        if len(steps) > _MOST_STEPS_SHOWN:
            cut = len(steps) - _MOST_STEPS_SHOWN
            steps = [*steps[:3], f"(and {cut} more)", *steps[-3:]]
        return self._paths[id(current)] + "".join(reversed(steps))

    def refusal(self, node: Any, advice: str) -> UnsupportedError:
        """Return the error for a node that cannot be lowered: it, its place, and what to write."""
        return UnsupportedError(f"{shown(node)} at {self.path(node)} {advice}{where()}")


def _step(node: Any, number: int) -> str:
    """Return how a message names one part of a node."""
    if _kind(type(node)) == "matrix":
        return f"[{number // node.shape[1]}, {number % node.shape[1]}]"
    return f".args[{number}]"


def _parts_of(node: Any) -> tuple[Any, ...]:
    """Return the expressions in a node."""
    import sympy

    kind = _kind(type(node))
    if kind in ("named", "number"):
        return ()
    if kind == "matrix":
        return tuple(node.flat())
    return tuple(part for part in node.args if isinstance(part, sympy.Basic))


def is_named(node: Any) -> bool:
    """Tell whether a node is a symbol, an index or an array."""
    return _kind(type(node)) == "named"


def _kind(cls: type) -> str:
    """Return how the nodes of a class are taken apart."""
    found = _KINDS.get(cls)
    if found is None:
        found = _KINDS[cls] = _kind_of(cls)
    return found


_KINDS: dict[type, str] = {}


def _kind_of(cls: type) -> str:
    """Return how the nodes of a class are taken apart, by its bases."""
    import sympy

    if issubclass(cls, (sympy.Symbol, sympy.Idx, sympy.IndexedBase, sympy.MatrixSymbol)):
        return "named"
    if issubclass(cls, sympy.Number):
        return "number"
    if issubclass(cls, sympy.MatrixBase):
        return "matrix"
    if issubclass(cls, (sympy.Sum, sympy.Product)):
        return "sum"
    return "function" if issubclass(cls, sympy.Lambda) else "node"


def binders(node: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """Return the symbols that a node binds, the innermost first, each with its limits."""
    kind = _kind(type(node))
    if kind == "sum":
        limits = [_parts_of(limit) for limit in _parts_of(node)[1:]]
        return [(limit[0], limit[1:]) for limit in limits]
    if kind == "function":
        return [(atom, ()) for atom in _parts_of(_parts_of(node)[0])]
    return []


def body_of(node: Any) -> Any:
    """Return the part of a node in which the symbols are bound."""
    return _parts_of(node)[1 if _kind(type(node)) == "function" else 0]


def shown(node: Any) -> str:
    """Return a node as a message names it: its text where that is short, else its class."""
    kind = type(node).__name__
    stack, count = [node], 0
    while stack:
        part = stack.pop()
        count += 1
        digits = int(getattr(part, "p", 0)).bit_length() if _kind(type(part)) == "number" else 0
        if count > _MOST_SHOWN or digits > _MOST_DIGITS:
            return f"a {kind}"
        stack.extend(_parts_of(part))
    text = str(node)
    return f"the {kind} `{text}`" if len(text) <= 80 and text.isprintable() else f"a {kind}"
