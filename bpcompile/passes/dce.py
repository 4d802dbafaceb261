"""Drop what nobody reads: nodes, and what loops carry or take in vain.

A value that a loop carries is needed where its last value is read, or where the next value of a
needed one depends on it. One that the body hands on as it is becomes a constant of the loop, and
two constants that are one value become one.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import is_
from typing import NamedTuple

from bpcompile.ir.graph import Graph, Node, reachable, regions
from bpcompile.ir.op import Kind
from bpcompile.ir.type import TupleType


def drop_dead(graph: Graph) -> Graph:
    """Return the graph with what its outputs need, in regions too."""
    return _dropped(graph, {})


class _Plan(NamedTuple):
    """Say what becomes of a loop.

    `results` are the numbers of the carried values that are left, `constants` those of the other
    operands (counted from the first initial value), and `body` is what is left of the body.
    """

    results: list[int]
    constants: list[int]
    body: Graph


def _dropped(graph: Graph, known: dict[Graph, Graph]) -> Graph:
    """Return a graph or region without what its outputs do not need."""
    if graph in known:
        return known[graph]
    nodes, outputs = graph.nodes, graph.outputs
    if any(node.attrs and node.op.kind is Kind.REGION for node in nodes):
        place = _places(graph, known)
        nodes = tuple(place.values())
        outputs = tuple(place[out] for out in outputs)
    needed = reachable(outputs)
    nodes = tuple([n for n in nodes if n in needed or n.op.name == "param"])
    same = len(nodes) == len(graph.nodes) and all(map(is_, nodes, graph.nodes))
    new = graph if same else Graph(graph.name, graph.params, nodes, outputs, graph.guards)
    known[graph] = known[new] = new
    return new


def _places(graph: Graph, known: dict[Graph, Graph]) -> dict[Node, Node]:
    """Return what becomes of the nodes of a graph with regions, in order."""
    plans = _plans(graph, known)
    place: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.op.name == "param":
            place[node] = node
        elif node in plans or all(arg in place for arg in node.args):
            copy = _placed(node, plans, place, known)
            if copy is not None:
                place[node] = copy
    return place


def _plans(graph: Graph, known: dict[Graph, Graph]) -> dict[Node, _Plan]:
    """Return the plan of each loop that the outputs need."""
    needed = set(graph.outputs)
    read: dict[Node, set[int]] = {}
    plans: dict[Node, _Plan] = {}
    for node in reversed(graph.nodes):
        if node not in needed:
            continue
        if node.op.name == "loop":
            plan = plans[node] = _plan(node, read.get(node, set()), known)
            kept = (0, 1, *(2 + k for k in (*plan.results, *plan.constants)))
            needed.update(node.args[k] for k in kept)
        else:
            if node.op.name == "item":
                read.setdefault(node.args[0], set()).add(node.attrs["index"])
            needed.update(node.args)
    return plans


def _plan(loop: Node, read: set[int], known: dict[Graph, Graph]) -> _Plan:
    """Return what is left of a loop of whose results those in `read` are read.

    A smaller body may need fewer operands, so this goes on while the body shrinks.
    """
    body, carried, operands = loop.attrs["body"], loop.attrs["carried"], list(loop.args[2:])
    numbers = list(range(len(operands)))
    while True:
        results, constants, same = _kept(body, carried, read, operands)
        smaller = _dropped(_smaller_body(body, carried, results, constants, same), known)
        kept = [*results, *constants]
        numbers = [numbers[k] for k in kept]
        if smaller is body:
            return _Plan(numbers[:carried], numbers[carried:], body)
        body, carried, operands = smaller, len(results), [operands[k] for k in kept]
        read = {results.index(k) for k in read}


def _kept(
    body: Graph, carried: int, read: set[int], operands: list[Node]
) -> tuple[list[int], list[int], dict[Node, Node]]:
    """Return which operands stay as carried values and as constants.

    The third is, for each parameter of the body that goes, the one that stands for it.
    """
    params = body.params[1:]
    used = sorted(_used(body, carried, read))
    results = [k for k in used if k < carried and (k in read or body.outputs[k] is not params[k])]
    constants: list[int] = []
    first: dict[Node, int] = {}
    same: dict[Node, Node] = {}
    for k in used:
        if k in results:
            continue
        if operands[k] in first:
            same[params[k]] = params[first[operands[k]]]
        else:
            first[operands[k]] = k
            constants.append(k)
    return results, constants, same


def _used(body: Graph, carried: int, read: Iterable[int]) -> set[int]:
    """Return the operands that a loop needs, counted from the first initial value."""
    number = {param: k for k, param in enumerate(body.params[1:])}
    used = set(read)
    stack = [body.outputs[k] for k in used]
    seen = set(stack)
    while stack:
        node = stack.pop()
        more = node.args
        k = number.get(node)
        if k is not None and k not in used:
            used.add(k)
            if k < carried:
                more = (body.outputs[k],)
        for arg in more:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return used


def _placed(
    node: Node, plans: dict[Node, _Plan], place: dict[Node, Node], known: dict[Graph, Graph]
) -> Node | None:
    """Return what becomes of a node whose operands have their places, None if it goes."""
    attrs, type, args = node.attrs, node.type, node.args
    if node in plans:
        plan = plans[node]
        args = tuple(args[k] for k in (0, 1, *(2 + k for k in (*plan.results, *plan.constants))))
        if plan.body is not attrs["body"]:
            attrs = {**attrs, "body": plan.body, "carried": len(plan.results)}
            type = TupleType(tuple(out.array_type for out in plan.body.outputs))
    elif node.op.name == "item" and node.args[0] in plans:
        results = plans[node.args[0]].results
        if node.attrs["index"] not in results:
            return None
        if results.index(node.attrs["index"]) != node.attrs["index"]:
            attrs = {"index": results.index(node.attrs["index"])}
    else:
        inner = {key: _dropped(region, known) for key, region in regions(node)}
        if any(inner[key] is not attrs[key] for key in inner):
            attrs = {**attrs, **inner}
    moved = tuple([place[arg] for arg in args])
    if attrs is node.attrs and all(map(is_, moved, node.args)):
        return node
    return Node(node.op, moved, attrs, type, node.origin, node.name)


def _smaller_body(
    body: Graph, carried: int, results: list[int], constants: list[int], same: dict[Node, Node]
) -> Graph:
    """Return a body with the parameters and outputs that are kept."""
    params = body.params[1:]
    kept = (body.params[0], *(params[k] for k in (*results, *constants)))
    if kept == body.params and len(results) == carried:
        return body
    place = dict(same)
    nodes = list(kept)
    outputs = tuple(body.outputs[k] for k in results)
    needed = reachable(outputs)
    for node in body.nodes:
        if node.op.name == "param" or node not in needed:
            continue
        args = tuple([place.get(arg, arg) for arg in node.args])
        if not all(map(is_, args, node.args)):
            place[node] = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
        nodes.append(place.get(node, node))
    return Graph(
        body.name, kept, tuple(nodes), tuple(place.get(o, o) for o in outputs), body.guards
    )
