"""Hold the state of a trace: which graph is being built now, and what was captured into it.

A `Session` is one call of `trace`. A `Frame` is one graph under construction: the function's own,
or inside it the body of a loop. Values of an outer frame that an inner one reads become
parameters of the inner graph, since regions are closed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bpcompile.errors import TraceError
from bpcompile.frontend.lengths.sizes import Sizes
from bpcompile.frontend.origins import origin, where
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type
from bpcompile.ops.shape import reshape

_REBUILT = ("const", "table", "dim")
Site = tuple[Any, int]  # the code object and line of a loop
Journal = dict[int, tuple[Any, Expr]]  # by the id of a tracer: itself, and the value that it held
_state = threading.local()


class Session:
    """Hold what one trace knows: lengths, captured arrays, and who named which value."""

    def __init__(
        self,
        sizes: Sizes,
        unroll: int = 8,
        unrolled: frozenset[Site] = frozenset(),
        last: frozenset[tuple[Site, str]] = frozenset(),
    ) -> None:
        """Start without captured values; known loops of up to `unroll` steps are unrolled."""
        self.sizes = sizes
        self.hidden: list[tuple[np.ndarray, Expr]] = []  # captured arrays and their parameters
        self.numbers: dict[Node, int | None] = {}  # int parameters, with the example's value
        self.named_in: dict[Node, str] = {}  # the function that gave a node its name
        self.writes: list[tuple[Any, Expr]] = []  # what was written to, weakly, from what
        self.counters: dict[Node, Size] = {}  # of rolled loops, with what each stays below
        self.owners: dict[int, tuple[Any, Frame]] = {}  # by id: a variable's cell, and whose it is
        self.arrays: list[
            tuple[np.ndarray, tuple[Site, str]]
        ] = []  # known ones, with their variable
        self.tries = 0  # the bodies of `try` that are being traced
        self.unroll = unroll
        self.unrolled = unrolled  # the known loops that could not be rolled, by their place
        self.last = last  # variables that are read after the loop that gives them their value
        self.calls: list[Any] = []  # calls whose derivative rules are being traced, outermost first
        self.nested_calls = 0  # calls of functions with rules that are being traced
        self.rolling: list[Site] = []  # the known loops that are being rolled, outermost first

    def unique(self, name: str) -> str:
        """Return a name for a hidden parameter that nothing else has."""
        found, number = name, 2
        while self.sizes.is_taken(found):
            found = f"{name}_{number}"
            number += 1
        self.sizes.take(found)
        return found


class Frame:
    """Build one graph of a session."""

    def __init__(self, builder: Builder, session: Session, parent: Frame | None = None) -> None:
        """Start with the builder of an empty graph."""
        self.builder = builder
        self.session = session
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.captures: list[tuple[Expr, Expr]] = []  # outer value, parameter here
        self.journal: Journal | None = None  # for control flow: what outer tracers held before
        self.before: dict[int, Any] = {}  # for control flow: objects that must not change, by id
        self.carried: set[int] = set()  # for control flow: the ids of the cells that it sets
        self.loops: int = 0 if parent is None else parent.loops  # those around, its own included
        self.past: Any = None if parent is None else parent.past  # see `frontend.flow.past`
        self.checks: list[Expr] = []  # tokens of the checks in this graph
        self.ended = False  # whether all of it raises
        self.numbers: dict[Any, Node] = {}  # constants that were made before, for `quick`
        self._inner: dict[Node, Expr] = {}
        self._outer: dict[Node, Node] = {}

    @property
    def root(self) -> Frame:
        """Return the frame of the function itself."""
        frame = self
        while frame.parent is not None:
            frame = frame.parent
        return frame

    def expr(self, value: Expr) -> Expr:
        """Return a value for use in this graph, under the lengths as they are known now.

        Raises `TraceError` for a value of another trace.
        """
        if value.builder is not self.builder:
            value = self._lifted(value)
        sizes = self.session.sizes
        if not sizes.settled:
            shape = sizes.resolve_shape(value.shape)
            if shape != value.shape:
                # Both names stand for one length: the last pass makes the types equal and drops it.
                type = value.type.with_shape(shape)
                value = self.builder.node(reshape, (value.node,), {"shape": shape}, type)
        return value

    def _lifted(self, value: Expr) -> Expr:
        """Return the parameter of this graph that stands for an outer value."""
        known = self._inner.get(value.node)
        if known is not None:
            return known
        if self.parent is None:
            name = f"`{value.node.name}`" if value.node.name else "a value"
            raise TraceError(
                f"{name} of type {value.type} belongs to another trace{where()}: return it from "
                "the function that made it, and pass it in as an argument"
            )
        node = value.node
        if node.op.name in _REBUILT:
            inner = self.builder.node(node.op, (), node.attrs, node.type)
        else:
            outer = self.parent.expr(value)
            known = self._inner.get(outer.node)
            if known is not None:
                self._inner[node] = known
                return known
            inner = self.builder.param(node.name or "", outer.type)
            inner.node.name = node.name
            self.captures.append((outer, inner))
            self._outer[inner.node] = outer.node
            self._inner[outer.node] = inner
        self._inner[node] = inner
        return inner

    def below(self, node: Node) -> Size | None:
        """Return a size that an i64 value stays below: it is the counter of a loop."""
        counters = self.session.counters
        while node not in counters:
            outer = self.outside(node)
            if outer is None:
                return None
            node = outer
        return counters[node]

    def outside(self, node: Node) -> Node | None:
        """Return the value that a parameter made by capture stands for, here or further out."""
        frame: Frame | None = self
        while frame is not None:
            found = frame._outer.get(node)
            if found is not None:
                return found
            frame = frame.parent
        return None

    def dim(self, size: Size) -> Expr:
        """Return a length as an i64 scalar of this graph."""
        return self.builder.dim(self.session.sizes.resolve(size))

    def apply(self, name: str, *args: Expr, **attrs: Any) -> Expr:
        """Append an operation to this graph, with the user's line."""
        self.mark()
        return self.builder.apply(OPS[name], args, attrs)

    def token(self) -> Expr | None:
        """Return one token of all checks in this graph, or None where it has none."""
        return self.waiting(self.checks[0]) if self.checks else None

    def waiting(self, value: Expr) -> Expr:
        """Return a value of this graph that waits for its checks."""
        tokens = [token for token in self.checks if token.node is not value.node]
        return OPS["checked"](value, *tokens) if tokens else value

    def mark(self) -> None:
        """Give the nodes built next the user's line."""
        self.builder.origin = origin()

    def const(self, value: float, type: Type) -> Expr:
        """Append a constant."""
        return self.builder.const(value, type)


def current() -> Frame:
    """Return the frame of the graph that is being built in this thread.

    Raises `TraceError` where nothing is being traced.
    """
    frame: Frame | None = getattr(_state, "frame", None)
    if frame is None:
        raise TraceError(
            f"a traced value is used after its trace has ended{where()}: return it from the "
            "function instead of storing it"
        )
    return frame


def is_tracing() -> bool:
    """Tell whether a graph is being built in this thread."""
    return getattr(_state, "frame", None) is not None


def enter(frame: Frame) -> None:
    """Build the graph of `frame` from now on."""
    _state.frame = frame


@contextmanager
def entered(frame: Frame | None) -> Iterator[None]:
    """Build the graph of `frame` inside the block; None leaves every trace for a while."""
    before = getattr(_state, "frame", None)
    _state.frame = frame
    try:
        yield
    finally:
        _state.frame = before
