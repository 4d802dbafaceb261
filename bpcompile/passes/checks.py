"""Simplify the checks of a model, and let them stand alone in the end.

`settle` is the last pass: tokens have kept every check in the flow of data until then (see
`bpcompile.ops.checks`). Nothing may be dropped after it but by `drop_dead` of the same package.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import Kind
from bpcompile.ir.walk import all_graphs
from bpcompile.ops.checks import checked, require, unchecked
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.rewrite import Rewriter, Rules, Table, number, rewrite


def certain_check(y: Node, _build: Rewriter) -> Node | None:
    """Leave out a check that certainly passes."""
    return y.args[0] if number(y.args[0]) is True else None


def certain_tokens(y: Node, build: Rewriter) -> Node | None:
    """Wait for no check that certainly passes, for none twice, and for all at once."""
    x, *tokens = y.args
    if x.op is checked:
        x, tokens = x.args[0], [*x.args[1:], *tokens]
    wanted = [token for token in dict.fromkeys(tokens) if number(token) is not True]
    if not wanted:
        return x
    return None if (x, *wanted) == y.args else build("checked", x, *wanted)


def arm_that_raises(y: Node, build: Rewriter) -> Node | None:
    """Write ``if c: raise`` as a check of the condition, without a branch."""
    branch, k = y.args[0], y.attrs["index"]
    if branch.op.name != "branch":
        return None
    then, otherwise = (branch.attrs[key].outputs[k] for key in ("then", "otherwise"))
    condition = branch.args[0]
    if _raises(then) and number(otherwise) is True:
        raising, condition = then, build("logical_not", condition)
    elif _raises(otherwise) and number(then) is True:
        raising = otherwise
    else:
        return None
    with build.at(raising.origin):
        return build("require", condition, **raising.attrs)


def _raises(token: Node) -> bool:
    """Tell whether a token is that of an exception which is raised in any case."""
    return token.op is require and number(token.args[0]) is False


CHECKS: Table = {
    "require": (certain_check,),
    "checked": (certain_tokens,),
    "item": (arm_that_raises,),
}
_RULES = Rules(CHECKS)


def simplify_checks(graph: Graph) -> Graph:
    """Return the graph with fewer checks and tokens."""
    return rewrite(graph, _RULES)


def settle(graph: Graph) -> Graph:
    """Return the graph in which checks stand for themselves, without tokens."""
    found = any(node.op.kind is Kind.CHECK for inner in all_graphs(graph) for node in inner.nodes)
    return drop_dead(_without_tokens(graph, {}), checks=True) if found else graph


def _without_tokens(graph: Graph, known: dict[Graph, Graph]) -> Graph:
    """Return a graph or region in which no value waits for a check."""
    if graph in known:
        return known[graph]
    place: dict[Node, Node] = {}
    for node in graph.nodes:
        place[node] = _placed(node, place, known)
    outputs = tuple(place[out] for out in graph.outputs)
    nodes = tuple(place[node] for node in graph.nodes if node.op is not checked)
    known[graph] = new = Graph(graph.name, graph.params, nodes, outputs, graph.guards)
    return new


def _placed(node: Node, place: dict[Node, Node], known: dict[Graph, Graph]) -> Node:
    """Return what becomes of a node whose operands have their places."""
    if node.op is checked:
        return place[unchecked(node)]
    inner = {key: _without_tokens(region, known) for key, region in regions(node)}
    args = tuple(place[arg] for arg in node.args)
    if _same(args, node.args) and all(new is node.attrs[key] for key, new in inner.items()):
        return node
    attrs = {**node.attrs, **inner} if inner else node.attrs
    return Node(node.op, args, attrs, node.type, node.origin, node.name)


def _same(new: Sequence[Node], old: Sequence[Node]) -> bool:
    """Tell whether all operands stayed."""
    return all(a is b for a, b in zip(new, old, strict=True))
