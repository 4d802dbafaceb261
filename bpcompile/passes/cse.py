"""Share common subexpressions: equal operations on equal operands become one node.

Rebuilding alone does it, since a builder makes equal nodes the same object; commutative operands
may stand in either order.
"""

from __future__ import annotations

from bpcompile.ir.graph import Graph
from bpcompile.passes.rewrite import Rules, rewrite

_NONE = Rules()


def share_common(graph: Graph) -> Graph:
    """Return the graph with equal nodes made one, and without dead ones."""
    return rewrite(graph, _NONE)
