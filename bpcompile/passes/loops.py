"""Simplify loops: bring constants into their bodies, and skip what stays as it was."""

from __future__ import annotations

from collections.abc import Mapping

from bpcompile.ir.build import attribute_key
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import DType
from bpcompile.passes.rewrite import Rewriter, Rules, Table, number, rewrite

_FREE = frozenset({"const", "dim", "table"})  # what costs nothing to write again in each turn


def item_of_loop(y: Node, _build: Rewriter) -> Node | None:
    """Take the initial value of what a loop leaves as it was, or never reaches."""
    loop, k = y.args[0], y.attrs["index"]
    if loop.op.name != "loop":
        return None
    lower, upper = number(loop.args[0]), number(loop.args[1])
    never = lower is not None and upper is not None and lower >= upper
    body, initial = loop.attrs["body"], loop.args[2 + k]
    stays = body.outputs[k] is body.params[1 + k] or _same_constant(body.outputs[k], initial)
    return initial if never or stays else None


def _same_constant(a: Node, b: Node) -> bool:
    """Tell whether two nodes are one constant, bit by bit."""
    if a.op.name != "const" or b.op.name != "const" or a.type != b.type:
        return False
    return bool(attribute_key(a.attrs["value"]) == attribute_key(b.attrs["value"]))


def steady_states(y: Node, build: Rewriter) -> Node | None:
    """Write a carried constant that each turn makes again as a constant in the body.

    Whether each turn does is found by assuming it: masks that start as True and are only widened
    are True all along. Only those and what is a constant already are tried.
    """
    body, carried = y.attrs["body"], y.attrs["carried"]
    read = {arg for node in body.nodes for arg in node.args}
    assumed = {}
    for k, param in enumerate(body.params[1 : 1 + carried]):
        initial, made = y.args[2 + k], body.outputs[k]
        mask = number(initial) is not None and initial.array_type.dtype is DType.BOOL
        if param in read and (mask or _same_constant(made, initial)):
            assumed[k] = initial
    while assumed:
        inside = {body.params[1 + k]: initial for k, initial in assumed.items()}
        new = build.region(substituted(body, inside, keep=True))
        held = {k: c for k, c in assumed.items() if _same_constant(new.outputs[k], c)}
        if len(held) == len(assumed):
            return build("loop", *y.args, **{**y.attrs, "body": new})
        assumed = held
    return None


def constants_into_loop(y: Node, build: Rewriter) -> Node | None:
    """Write a constant that a loop reads from outside inside, where it can be folded."""
    first = 2 + y.attrs["carried"]
    leaves = {k: arg for k, arg in enumerate(y.args[first:], first) if arg.op.name in _FREE}
    if not leaves:
        return None
    body = y.attrs["body"]
    inside = {body.params[k - 1]: leaf for k, leaf in leaves.items()}
    body = build.region(substituted(body, inside))
    args = [arg for k, arg in enumerate(y.args) if k not in leaves]
    return build("loop", *args, **{**y.attrs, "body": body})


def substituted(graph: Graph, values: Mapping[Node, Node], *, keep: bool = False) -> Graph:
    """Return a graph with leaves in the place of some parameters, which go or are not read."""
    copies = {p: Node(v.op, (), v.attrs, v.type, v.origin, p.name) for p, v in values.items()}
    place: dict[Node, Node] = dict(copies)
    params = graph.params if keep else tuple(p for p in graph.params if p not in copies)
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


LOOPS: Table = {"item": (item_of_loop,), "loop": (constants_into_loop, steady_states)}
_RULES = Rules(LOOPS)


def simplify_loops(graph: Graph) -> Graph:
    """Return the graph with constants inside the loops that read them."""
    return rewrite(graph, _RULES)
