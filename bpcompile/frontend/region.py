"""Trace a function into a closed graph of its own, inside the trace of another one.

This is what a loop's body is made of, and what a transform used inside a model differentiates:
outer values that the function reads become the last parameters of its graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bpcompile.frontend.session import Frame, current, entered
from bpcompile.frontend.substitute import Substitution
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import Type


class RegionParam(NamedTuple):
    """Hold what a parameter of a region is called and its type."""

    name: str
    type: Type
    weak: bool = False


class Region:
    """Build one closed graph inside the graph of the current frame."""

    def __init__(self, name: str) -> None:
        """Start an empty graph inside the current one."""
        self.outer = current()
        self.frame = Frame(Builder(name), self.outer.session, self.outer)

    def param(self, param: RegionParam) -> Tracer:
        """Append a parameter, whose value the node of the region supplies."""
        expr = self.frame.builder.param(param.name, param.type)
        return Tracer(expr, param.weak)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return what the function makes of arguments, its operations in this region."""
        with entered(self.frame):
            return function(*args)

    def finish(self, params: Sequence[Tracer], outputs: Sequence[Expr]) -> tuple[Graph, list[Expr]]:
        """Return the graph with `params` first, and the outer values of its further parameters.

        All are in terms of the lengths as they are known now. The first output waits
        for the checks.
        """
        outputs = [self.frame.waiting(out) if not k else out for k, out in enumerate(outputs)]
        sizes = self.outer.session.sizes
        first: list[Node] = [param.expr.node for param in params]
        captured = [inner.node for _, inner in self.frame.captures]
        self.frame.builder.params[:] = [*first, *captured]
        graph = self.frame.builder.finish(outputs)
        graph = Substitution(sizes.replaced()).graph(graph)
        return graph, [self.outer.expr(outer) for outer, _ in self.frame.captures]
