"""Simplify loops: bring constants into their bodies, and skip what a loop leaves as it was."""

from __future__ import annotations

from collections.abc import Mapping

from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.passes.rewrite import Rewriter, Rules, Table, number, rewrite


def item_of_loop(y: Node, _build: Rewriter) -> Node | None:
    """Take the initial value of what a loop leaves as it was, or never reaches."""
    loop, k = y.args[0], y.attrs["index"]
    if loop.op.name != "loop":
        return None
    lower, upper = number(loop.args[0]), number(loop.args[1])
    never = lower is not None and upper is not None and lower >= upper
    body = loop.attrs["body"]
    return loop.args[2 + k] if never or body.outputs[k] is body.params[1 + k] else None


def constants_into_loop(y: Node, build: Rewriter) -> Node | None:
    """Write a constant that a loop reads from outside inside, where it can be folded."""
    first = 2 + y.attrs["carried"]
    leaves = {
        k: arg
        for k, arg in enumerate(y.args[first:], first)
        if arg.op.kind is Kind.LEAF and not arg.args and arg.op.name != "param"
    }
    if not leaves:
        return None
    body = y.attrs["body"]
    inside = {body.params[k - 1]: leaf for k, leaf in leaves.items()}
    body = build.region(substituted(body, inside))
    args = [arg for k, arg in enumerate(y.args) if k not in leaves]
    return build("loop", *args, **{**y.attrs, "body": body})


def substituted(graph: Graph, values: Mapping[Node, Node]) -> Graph:
    """Return a graph with leaves in the place of some of its parameters."""
    copies = {p: Node(v.op, (), v.attrs, v.type, v.origin, p.name) for p, v in values.items()}
    place: dict[Node, Node] = dict(copies)
    params = tuple(p for p in graph.params if p not in copies)
    nodes: list[Node] = [*params, *copies.values()]
    for node in graph.nodes:
        if node in copies:
            continue
        args = tuple([place[arg] for arg in node.args])
        changed = any(a is not b for a, b in zip(args, node.args, strict=True))
        place[node] = (
            Node(node.op, args, node.attrs, node.type, node.origin, node.name) if changed else node
        )
        if node.op.name != "param":
            nodes.append(place[node])
    outputs = tuple(place[out] for out in graph.outputs)
    return Graph(graph.name, params, tuple(nodes), outputs, graph.guards)


LOOPS: Table = {"item": (item_of_loop,), "loop": (constants_into_loop,)}
_RULES = Rules(LOOPS)


def simplify_loops(graph: Graph) -> Graph:
    """Return the graph with constants inside the loops that read them."""
    return rewrite(graph, _RULES)
