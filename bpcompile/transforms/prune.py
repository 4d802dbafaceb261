"""Drop what a loop carries and nobody reads.

A carried value is needed where its last value is read, or where the next value of a needed one
depends on it. The sweep uses this where it gave an inner loop a tape that is then recomputed
instead of kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bpcompile.ir.build import Expr
from bpcompile.ir.graph import Graph, Node, reachable
from bpcompile.ir.types import TupleType
from bpcompile.transforms.regions import Loop, empty_copy, moved


class _Smaller(NamedTuple):
    """Hold what is left of a loop: numbers of initial values and constants, body, results."""

    operands: list[int]
    body: Graph
    results: list[int]


def pruned(graph: Graph) -> Graph:
    """Return a graph whose loops carry only what is read: the same object where all of it is."""
    smaller: dict[Node, _Smaller] = {}
    for node, operands in _needed(graph).items():
        left = _shrink(Loop(node), operands)
        if left is not None:
            smaller[node] = left
    return _rebuilt(graph, smaller) if smaller else graph


def _needed(graph: Graph) -> dict[Node, list[int]]:
    """Return for each needed loop the numbers of the operands that it needs."""
    needed = set(graph.outputs)
    kept: dict[Node, list[int]] = {}
    read: dict[Node, set[int]] = {}
    for node in reversed(graph.nodes):
        if node not in needed:
            continue
        if node.op.name == "loop":
            kept[node] = _needed_operands(Loop(node), read.get(node, set()))
            needed.update(node.args[k] for k in (0, 1, *(2 + k for k in kept[node])))
            continue
        if node.op.name == "item":
            read.setdefault(node.args[0], set()).add(node.attrs["index"])
        needed.update(node.args)
    return kept


def _needed_operands(loop: Loop, read: set[int]) -> list[int]:
    """Return which initial values and constants a loop needs for the results that are read."""
    results = set(read)
    while True:
        found = reachable(tuple(loop.outputs[k] for k in sorted(results)))
        used = {k for k, param in enumerate(loop.params) if param in found}
        more = {k for k in used if k < loop.carried} - results
        if not more:
            return sorted(used | results)
        results |= more


def _shrink(loop: Loop, operands: list[int]) -> _Smaller | None:
    """Return what is left of a loop with these operands, or None where that is all of it."""
    results = [k for k in operands if k < loop.carried]
    params = (loop.index, *(loop.params[k] for k in operands))
    outputs = tuple(loop.outputs[k] for k in results)
    found = reachable(outputs)
    rest = (n for n in loop.body.nodes if n in found and n.op.name != "param")
    same = len(operands) == len(loop.params)
    graph = Graph(loop.body.name, params, (*params, *rest), outputs, loop.body.guards)
    body = pruned(graph)
    return None if same and body is graph else _Smaller(operands, body, results)


def _rebuilt(graph: Graph, smaller: Mapping[Node, _Smaller]) -> Graph:
    """Return the graph with the smaller loops in it."""
    builder = empty_copy(graph)
    place: dict[Node, Node] = {}
    for node in graph.nodes:
        if any(arg not in place for arg in node.args):
            continue  # it reads what was dropped, so nobody needs it
        args = tuple(place[arg] for arg in node.args)
        copy: Node | None = moved(node, args)
        if node in smaller:
            copy = _smaller_loop(node, smaller[node], place)
        elif node.op.name == "item" and node.args[0] in smaller:
            copy = _renumbered(node, smaller[node.args[0]].results, args)
        if copy is not None:
            place[node] = builder.adopt(copy)
    return builder.finish([Expr(builder, place[out]) for out in graph.outputs])


def _renumbered(node: Node, results: list[int], args: tuple[Node, ...]) -> Node | None:
    """Return an item of a loop that has only `results` left, or None where it has it no more."""
    if node.attrs["index"] not in results:
        return None
    attrs = {"index": results.index(node.attrs["index"])}
    return Node(node.op, args, attrs, node.type, node.origin, node.name)


def _smaller_loop(node: Node, left: _Smaller, place: Mapping[Node, Node]) -> Node:
    """Return a loop with the operands that are left."""
    args = tuple(place[node.args[k]] for k in (0, 1, *(2 + k for k in left.operands)))
    attrs = {**node.attrs, "body": left.body, "carried": len(left.results)}
    type = TupleType(tuple(loop_out.array_type for loop_out in left.body.outputs))
    return Node(node.op, args, attrs, type, node.origin, node.name)
