"""Walk over graphs: into regions, and over two graphs side by side."""

from __future__ import annotations

from collections.abc import Iterator

from bpcompile.ir.build import attribute_key
from bpcompile.ir.graph import Graph, Node, regions


def all_graphs(graph: Graph) -> Iterator[Graph]:
    """Yield a graph and every region in it, each once, outer ones first."""
    seen, stack = {graph}, [graph]
    while stack:
        current = stack.pop()
        yield current
        for node in current.nodes:
            for _, region in regions(node) if node.attrs else ():
                if region not in seen:
                    seen.add(region)
                    stack.append(region)


def graph_equal(left: Graph, right: Graph) -> bool:
    """Tell whether two graphs are the same program, written alike.

    Compared are the names, types, operands, attributes (floats by their bits), guards and order of
    the nodes, in regions too. Origins are comments and are not compared.
    """
    pairs, seen = [(left, right)], {(left, right)}
    while pairs:
        a, b = pairs.pop()
        inner = _regions_if_equal(a, b)
        if inner is None:
            return False
        for pair in inner:
            if pair not in seen:
                seen.add(pair)
                pairs.append(pair)
    return True


def _regions_if_equal(a: Graph, b: Graph) -> list[tuple[Graph, Graph]] | None:
    """Return the pairs of regions that are left to compare, or None where the graphs differ."""
    counts = [(len(g.nodes), len(g.params), len(g.outputs)) for g in (a, b)]
    if counts[0] != counts[1] or (a.name, a.guards) != (b.name, b.guards):
        return None
    twin = dict(zip(a.nodes, b.nodes, strict=True))
    found: list[tuple[Graph, Graph]] = []
    for x, y in twin.items():
        if not _alike(x, y, twin):
            return None
        found += ((region, y.attrs[key]) for key, region in regions(x))
    ends = zip((*a.params, *a.outputs), (*b.params, *b.outputs), strict=True)
    return found if all(twin.get(x) is y for x, y in ends) else None


def _alike(x: Node, y: Node, twin: dict[Node, Node]) -> bool:
    """Tell whether two nodes are equal, apart from their regions."""
    if (x.op, x.name, x.type, x.attrs.keys()) != (y.op, y.name, y.type, y.attrs.keys()):
        return False
    if len(x.args) != len(y.args):
        return False
    if any(twin.get(a) is not b for a, b in zip(x.args, y.args, strict=True)):
        return False
    for key, value in x.attrs.items():
        other = y.attrs[key]
        if isinstance(value, Graph) or isinstance(other, Graph):
            if type(value) is not type(other):
                return False
        elif attribute_key(value) != attribute_key(other):
            return False
    return True
