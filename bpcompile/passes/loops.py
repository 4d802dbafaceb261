"""Simplify loops: bring constants into regions, and skip what stays as it was."""

from __future__ import annotations

from collections.abc import Mapping

from bpcompile.ir.build import attribute_key
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.type import DType
from bpcompile.passes.forms import FORMS, inside, with_regions
from bpcompile.passes.rewrite import Rewriter, Rules, Table, number, rewrite

_FREE = frozenset({"const", "dim", "table"})  # what costs nothing to write again in each turn


def item_of_loop(y: Node, _build: Rewriter) -> Node | None:
    """Take the initial value of what a loop leaves as it was, or never reaches."""
    loop, k = y.args[0], y.attrs["index"]
    if loop.op.name not in ("loop", "while") or k >= loop.attrs["carried"]:
        return None
    form = FORMS[loop.op.name]
    body: Graph = loop.attrs["body"]
    initial: Node = loop.args[form.first + k]
    kept = body.outputs[k] is body.params[form.lead + k]
    if kept or _same_constant(body.outputs[k], initial) or _is_never_run(loop):
        return initial
    return None


def _is_never_run(loop: Node) -> bool:
    """Tell whether a loop certainly has no iteration."""
    if loop.op.name == "while":
        return number(loop.attrs["test"].outputs[0]) is False
    lower, upper = number(loop.args[0]), number(loop.args[1])
    return lower is not None and upper is not None and lower >= upper


def _same_constant(a: Node, b: Node) -> bool:
    """Tell whether two nodes are one constant, bit by bit."""
    if a.op.name != "const" or b.op.name != "const" or a.type != b.type:
        return False
    return bool(attribute_key(a.attrs["value"]) == attribute_key(b.attrs["value"]))


def steady_states(y: Node, build: Rewriter) -> Node | None:
    """Write a carried constant that each turn makes again as a constant inside.

    Whether each turn does is found by assuming it: masks that start as True and are only widened
    are True all along. Only those, what is handed on and what is a constant already are tried.
    """
    form, body, carried = FORMS[y.op.name], y.attrs["body"], y.attrs["carried"]
    read = {arg for _, region in regions(y) for node in region.nodes for arg in node.args}
    assumed = {}
    for k in range(carried):
        initial, made = y.args[form.first + k], body.outputs[k]
        params = inside(y, form.first + k)
        tried = initial.array_type.dtype is DType.BOOL or made is params["body"]
        is_read = not read.isdisjoint(params.values())
        known = number(initial) is not None and tried
        if is_read and (known or _same_constant(made, initial)):
            assumed[k] = initial
    while assumed:
        new = _with_constants(y, {form.first + k: c for k, c in assumed.items()}, build, keep=True)
        held = {k: c for k, c in assumed.items() if _same_constant(new["body"].outputs[k], c)}
        if len(held) == len(assumed):
            return build(y.op.name, *y.args, **with_regions(y, new))
        assumed = held
    return None


def constants_inside(y: Node, build: Rewriter) -> Node | None:
    """Write a constant that regions read from outside inside, where it can be folded."""
    first = FORMS[y.op.name].first + y.attrs.get("carried", 0)
    leaves = {k: arg for k, arg in enumerate(y.args) if k >= first and arg.op.name in _FREE}
    if not leaves:
        return None
    new = _with_constants(y, leaves, build)
    args = [arg for k, arg in enumerate(y.args) if k not in leaves]
    return build(y.op.name, *args, **with_regions(y, new))


def _with_constants(
    y: Node, leaves: Mapping[int, Node], build: Rewriter, *, keep: bool = False
) -> dict[str, Graph]:
    """Return the regions of a node with leaves in the place of some operands."""
    found = {}
    for key, region in regions(y):
        values = {inside(y, k)[key]: leaf for k, leaf in leaves.items()}
        found[key] = build.region(substituted(region, values, keep=keep))
    return found


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


LOOPS: Table = {
    "item": (item_of_loop,),
    "loop": (constants_inside, steady_states),
    "while": (constants_inside, steady_states),
    "branch": (constants_inside,),
}
_RULES = Rules(LOOPS)


def simplify_loops(graph: Graph) -> Graph:
    """Return the graph with constants inside the loops that read them."""
    return rewrite(graph, _RULES)
