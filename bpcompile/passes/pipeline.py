"""Put the passes in order: `SIMPLIFY` before the adjoint pass, `LOWER` after it.

The tables of several passes are joined into one walk where they help each other: a rule then sees
operands that every other rule has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from bpcompile.errors import CompileError
from bpcompile.ir.graph import Graph
from bpcompile.ir.verify import verify as verify_graph
from bpcompile.passes.algebra import ALGEBRA, COTANGENT
from bpcompile.passes.branches import BRANCHES
from bpcompile.passes.calls import inline_calls, map_calls
from bpcompile.passes.checks import CHECKS, settle
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.expand import EXPAND
from bpcompile.passes.fold import FOLD
from bpcompile.passes.lift import lift
from bpcompile.passes.loops import LOOPS
from bpcompile.passes.outside import share_outside
from bpcompile.passes.rewrite import Rules, rewrite
from bpcompile.passes.scalars import SCALARS, scalar_states
from bpcompile.passes.stability import STABILITY
from bpcompile.passes.stores import drop_overwritten
from bpcompile.passes.views import VIEWS

Pass: TypeAlias = Callable[[Graph], Graph]
Observer: TypeAlias = Callable[[str, Graph, Graph], None]

MODEL = Rules(FOLD, ALGEBRA, VIEWS, SCALARS, STABILITY, LOOPS, CHECKS, BRANCHES)
_JOINT = Rules(EXPAND, FOLD, ALGEBRA, COTANGENT, VIEWS, SCALARS, LOOPS, CHECKS, BRANCHES)


def simplify(graph: Graph) -> Graph:
    """Return a model folded, simplified and in stable form, equal nodes shared.

    So are the functions that it calls, and their derivative rules.
    """
    return rewrite(map_calls(graph, lambda region: run(region, SIMPLIFY)), MODEL)


def lower(graph: Graph) -> Graph:
    """Return a graph with calls and composites written out, folded and simplified, and shared."""
    return rewrite(inline_calls(graph), _JOINT)


def look_outside(graph: Graph) -> Graph:
    """Return a graph whose regions read what is computed before them, or what may as well be."""
    return share_outside(lift(graph))


SIMPLIFY: tuple[Pass, ...] = (scalar_states, simplify, drop_dead)
# Before the adjoint pass an arm reads for itself, so that its adjoint adds inside the arm.
LOWER: tuple[Pass, ...] = (lower, drop_overwritten, drop_dead, look_outside, settle)


def run(
    graph: Graph,
    passes: Sequence[Pass],
    observe: Observer | None = None,
    verify: bool = False,
) -> Graph:
    """Return the graph after some passes.

    `observe` is called with the name of each pass and the graph before and after it. With `verify`
    the graph is checked after each pass, and the error names the pass that broke it.
    """
    for apply in passes:
        before, graph = graph, apply(graph)
        if verify and graph is not before:
            try:
                verify_graph(graph)
            except CompileError as error:
                raise CompileError(f"after {apply.__name__}: {error}") from error
        if observe is not None:
            observe(apply.__name__, before, graph)
    return graph
