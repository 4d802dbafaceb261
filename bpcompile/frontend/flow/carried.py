"""Hold what a loop carries: variables before it, in its body's graph, and after a step."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import BpcompileError
from bpcompile.frontend.arguments.trees import Structure, leaves_of
from bpcompile.frontend.elementwise import cast
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lift import lift
from bpcompile.frontend.places.memory import attach, is_known_outside, may_be, memory_of, root_of
from bpcompile.frontend.rewriting.exits import DONE, RESULTS
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Memory, Tracer, View
from bpcompile.ir.build import Expr
from bpcompile.ir.type import DType, Type


class Start:
    """Hold what a leaf of a variable is before a loop: its value, and the array that it is.

    An array is held weakly at first, so that `settle` can tell whether anything else knows it. Then
    `kept` is the array, or None where only the variable knew it. `ids` tell which arrays it may be
    while all of them live, and `others` those of them that go on without the variable.
    """

    def __init__(self, leaf: Any) -> None:
        """Take a number or an array."""
        lifted = lift(leaf)
        self.expr = lifted.expr
        self.weak = lifted.weak
        self.kept: Tracer | None = None
        self.keeps = False  # the variable is the array `kept` in the body too
        self.stays = False  # the body does not bind it anew
        self.bound_anew = False
        self.memory: Memory | None = None  # of an array that is no view
        self.is_known = lifted is not leaf and bool(lifted.ndim)
        self._plain = leaf
        self._array: weakref.ref[Tracer] | None = None
        self._root: weakref.ref[Tracer] | None = None
        self._views: list[tuple[Any, Any]] = []
        self.ids: frozenset[int] = frozenset()
        self._others: list[weakref.ref[Tracer]] = []
        if isinstance(leaf, Tracer) and leaf.ndim:
            self._plain = None
            self._array = weakref.ref(leaf)
            self._root = weakref.ref(root_of(leaf))
            arrays = may_be(leaf)
            self.ids = frozenset(map(id, arrays))
            self._others = [weakref.ref(array) for array in arrays]
            self.is_known = is_known_outside(leaf)
            self.memory = memory_of(leaf) if root_of(leaf) is leaf else None
            seen = leaf
            while seen.memory is not None and seen.memory.view is not None:
                self._views.append((seen.memory.view.read, seen.memory.view.write))
                seen = seen.memory.view.source

    @property
    def root(self) -> Tracer | None:
        """Return the array that it is or is a view of, if that lives."""
        return self._root() if self._root is not None else None

    @property
    def others(self) -> list[Tracer]:
        """Return the arrays that live and that it may be."""
        return [array for array in (other() for other in self._others) if array is not None]

    def hold(self) -> None:
        """Hold the array, which another variable of the loop knows too."""
        self.kept = self._array() if self._array is not None else None

    def settle(self) -> None:
        """Find out whether the array is known by another name, now that its variable is unset."""
        root = self.root
        if root is None or self._array is None:
            return
        self.kept = self._array()
        if self.kept is None:
            self.kept = root
            for read, write in reversed(self._views):
                view = Tracer(self.expr)
                attach(view, View(self.kept, read, write))
                view.expr = read(current().expr(self.kept.expr))
                self.kept = view

    def widen(self, dtype: DType) -> None:
        """Start in the dtype that the body gives a number."""
        if self.weak and not self.expr.shape and self.expr.dtype is not dtype:
            self.expr, self.weak = cast(self.expr, dtype), False

    def value(self) -> Any:
        """Return what the variable is before the loop."""
        if self._array is None:
            return self._plain
        return Tracer(self.expr, self.weak) if self.kept is None else self.kept

    def tracer(self) -> Tracer:
        """Return the value as a tracer of no memory."""
        return Tracer(self.expr, self.weak)


@dataclass
class Carried:
    """Hold a variable whose leaves are carried; `start` are those before the loop.

    A `late` one has no value before a step: what is carried is read after the loop only.
    """

    paths: list[str]
    structure: Structure
    start: list[Start]
    late: bool = False


class Next(NamedTuple):
    """Hold the next value of a leaf, and the tracer that it is, which may hold another later."""

    leaf: Tracer
    expr: Expr


@dataclass
class Given:
    """Hold a parameter that a variable is at the beginning of a step.

    The tracer is held weakly: once the variable is bound anew, nothing else may know it. A loop in
    the body that leaves the variable the array that it was gives its result the same memory.
    """

    expr: Expr
    tracer: weakref.ref[Tracer]
    memory: Memory | None

    def stays(self, leaf: Tracer) -> bool:
        """Tell whether a leaf after a step is the array of the beginning."""
        return leaf is self.tracer() or (self.memory is not None and leaf.memory is self.memory)


@dataclass
class Opened:
    """Hold the parameters that a graph of the loop has: of variables by number, and of arrays.

    A leaf that stays the array it is has None. `mark` is the number of writes until then.
    """

    leaves: dict[int, list[Given | None]]
    arrays: list[Expr]
    mark: int = 0


def hold_shared(starts: Sequence[Start]) -> None:
    """Hold the arrays that two variables of a loop know, which are unset all at once."""
    count = Counter(id(start.root) for start in starts if start.root is not None)
    for start in starts:
        if count[id(start.root)] > 1:
            start.hold()


_LEAVES = (Tracer, np.ndarray, bool, int, float, np.generic, Length)


# What stays the same in all steps and arms beside arrays and numbers, as a name in a dict of them.
FIXED = (str, bytes, Enum, type, FunctionType, BuiltinFunctionType, np.ufunc, np.dtype)


def are_carried(leaves: Sequence[Any]) -> bool:
    """Tell whether the leaves of a tree, which are some, are arrays and numbers."""
    return bool(leaves) and all(isinstance(leaf, _LEAVES) for leaf in leaves)


def has_leaves(value: Any) -> bool:
    """Tell whether a value is a tree of arrays and numbers."""
    try:
        return are_carried(leaves_of(value, FIXED)[0])
    except BpcompileError:
        return False


def zero(of: tuple[Type, bool]) -> Start:
    """Return what a result is before it is returned."""
    type, weak = of
    return Start(Tracer(current().const(0, type), weak))


def is_read(frame: Frame, params: Sequence[Given | None]) -> bool:
    """Tell whether a graph under construction reads any of some parameters."""
    nodes = {param.expr.node for param in params if param is not None}
    return any(arg in nodes for node in frame.builder.nodes for arg in node.args)


def shown(name: str) -> str:
    """Return what a variable of ours is called in a graph."""
    if name.startswith("__bp_break_"):
        return "stop"
    return {DONE: "returned", **dict.fromkeys(RESULTS, "result")}.get(name, name.replace(".", "_"))


def is_same(before: Any, after: Any) -> bool:
    """Tell whether a known value is the same before and after."""
    if before is after:
        return True
    plain = (str, bytes, int, float, type(None), tuple)
    return type(before) is type(after) and isinstance(before, plain) and bool(before == after)


def short(value: Any) -> str:
    """Return a value's short text."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def why_unbound(name: str, what: str, *, runs: bool) -> str:
    """Return why a variable that a body binds has no value after its loop."""
    why = f"inside {what} only, which may run no time"
    if runs:
        why = f"in some steps of {what} only, behind a `break` or in an arm"
    return f"`{name}` gets its value {why}: give it a value before"
