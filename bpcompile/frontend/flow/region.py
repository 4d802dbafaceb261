"""Trace pieces of control flow into closed graphs, and join what they leave in variables.

An arm or a body runs where it stands in the user's function: `FlowRegion.enter` directs what is
traced into a new graph, and `leave` collects the variables that it bound and the arrays that it
wrote to. Nothing here is a context manager: the piece runs while a generator waits, and an error
in it ends the whole trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bpcompile.errors import LimitError, TraceError
from bpcompile.frontend.flow.mutation import objects_before
from bpcompile.frontend.flow.scopes import cells
from bpcompile.frontend.origins import where
from bpcompile.frontend.places.memory import root_of, undo
from bpcompile.frontend.session import Frame, current, enter
from bpcompile.frontend.substitute import Substitution
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node

_DEEPEST = 50
_MOST_LOOPS = 15  # of the 20 blocks that Python nests, some are loops over the axes of arrays


@dataclass
class Variables:
    """Read and set the variables that a piece of control flow binds.

    `what` names it in messages, such as ``the if at model.py:3``.
    """

    names: tuple[str, ...]
    get: Callable[[], tuple[Any, ...]] | None
    put: Callable[[tuple[Any, ...]], None] | None
    what: str

    def values(self) -> tuple[Any, ...]:
        """Return the values now."""
        return self.get() if self.get is not None else ()

    def set(self, values: Sequence[Any]) -> None:
        """Set all values."""
        if self.put is not None:
            self.put(tuple(values))


class FlowRegion:
    """Direct a trace into a graph of its own for a while."""

    def __init__(self, name: str, variables: Variables | None = None) -> None:
        """Start an empty graph inside the current one, which sets those variables."""
        self.outer = current()
        self.frame = Frame(Builder(name), self.outer.session, self.outer)
        self.frame.journal = {}
        self.frame.before = objects_before()
        self.frame.carried = set(cells(variables.get)) if variables is not None else set()
        self.frame.loops += name == "body"
        if self.frame.depth > _DEEPEST:
            raise LimitError(
                f"control flow on traced values is nested more than {_DEEPEST} deep{where()}: join "
                "conditions by `and`, or decide with np.where; a function that calls itself until "
                "a traced condition holds has no bound, so write a loop"
            )
        if self.frame.loops > _MOST_LOOPS:
            raise LimitError(
                f"loops on traced values are nested more than {_MOST_LOOPS} deep{where()}, and "
                "Python compiles no deeper code: write the inner ones as operations on arrays, or "
                "as one loop"
            )
        self.written: dict[int, tuple[Tracer, Expr]] = {}

    def enter(self) -> None:
        """Let what follows be traced into this graph."""
        enter(self.frame)

    def arrays_written(self) -> list[Tracer]:
        """Return the outer arrays that were written to so far and are no views of others."""
        journal = self.frame.journal or {}
        return [target for target, _ in journal.values() if root_of(target) is target]

    def leave(self) -> None:
        """Let the trace go on outside, where outer arrays hold what they held before."""
        if current() is not self.frame:
            raise TraceError(
                f"control flow on traced values was left by an exception that was caught{where()}: "
                "keep `try` out of it, or decide with np.where"
            )
        self.written = undo(self.frame)
        enter(self.outer)


def closed(
    outer: Frame, parts: Sequence[tuple[Frame, Sequence[Expr], Sequence[Expr]]]
) -> tuple[list[Graph], list[Expr]]:
    """Return the graphs of frames that read the same outer values, and those values.

    Each part is a frame with its own parameters and its outputs. The parameters of all graphs that
    follow stand for the outer values, in one order.
    """
    outside: dict[Node, Expr] = {}
    inside: list[dict[Node, Node]] = []
    for frame, _, _ in parts:
        own = {outer.expr(value).node: param.node for value, param in frame.captures}
        outside.update((outer.expr(value).node, outer.expr(value)) for value, _ in frame.captures)
        inside.append(own)
    graphs = []
    for (frame, params, outputs), own in zip(parts, inside, strict=True):
        for node, value in outside.items():
            if node not in own:
                own[node] = frame.builder.param(node.name or "", value.type).node
                own[node].name = node.name
        captured = [own[node] for node in outside]
        frame.builder.params[:] = [*(param.node for param in params), *captured]
        graph = frame.builder.finish(outputs)
        graphs.append(Substitution(outer.session.sizes.replaced()).graph(graph))
    return graphs, list(outside.values())
