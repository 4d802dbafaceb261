"""Write composite operations in terms of the others that they are made of.

This runs after the adjoint pass: a composite carries its own derivative rule, and the model is
shown as it was written. What value and derivative have in common, such as the exponential inside a
sigmoid, is one node afterwards.
"""

from __future__ import annotations

from bpcompile.ir.graph import Graph, Node
from bpcompile.passes.rewrite import WRITTEN, Rewriter, Rules, Table, rewrite


def expand(node: Node, build: Rewriter) -> Node | None:
    """Return the operations that a composite stands for."""
    assert node.op.expand is not None
    args = [build.wrap(arg) for arg in node.args]
    return node.op.expand(*args, **node.attrs).node


EXPAND: Table = {WRITTEN: (expand,)}
_RULES = Rules(EXPAND)


def expand_composites(graph: Graph) -> Graph:
    """Return the graph with every composite written out."""
    return rewrite(graph, _RULES)
