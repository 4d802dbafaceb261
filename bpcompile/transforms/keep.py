"""Choose what the forward sweep of a region keeps for its reverse sweep.

In: the joint graph of a body (its nodes, then those of its adjoint) and the nodes that the adjoint
reads. Out: the nodes that go on the tape; whatever else the adjoint reads is computed again from
them, from the loop's index and from constants.

The choice is the cheapest one: a byte on the tape costs `BYTE` units, which is what it takes to
write and read it again, and a node that is computed again costs what it costs. With two vertices
for each node, *available* (in the reverse sweep) and *recomputed*, this is a minimum cut:

    source -> available(v)           unbounded   the adjoint reads v
    available(v) -> recomputed(v)    bytes       cut: v is on the tape
    recomputed(v) -> sink            cost        cut: v is computed again, which needs
    recomputed(v) -> available(u)    unbounded   each operand u of v

The formulation is that of partitioners which trade memory against recomputation, with both in one
objective; for its structure see A. V. Goldberg and others on project selection, and J. Kleinberg
and É. Tardos, "Algorithm Design", section 7.11.

A tape entry must not be dearer than the iteration itself: an array of which an iteration changes
only elements is kept only where nothing else helps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Size, evaluate, product, size_names
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import Kind
from bpcompile.ir.type import AnyType, TapeType, TupleType, Type
from bpcompile.transforms.flow import BOUNDED, UNBOUNDED, Network

BYTE = 1.0  # the cost of a byte on the tape, in additions
TYPICAL_LENGTH = 100  # what an unknown length is taken for
LARGEST_NETWORK = 20_000  # nodes; above it the choice is among two

_SCALE = 16  # capacities are whole numbers
_LAST_RESORT = 1 << 20


class Region(NamedTuple):
    """Describe the joint graph of a body to the choice.

    `free` are parameters that the reverse sweep has anyway, `history` those that depend on earlier
    iterations, `forward` the nodes that the forward sweep computes in any case. `later` gives for
    the next value of a state the state: where the reverse sweep has the state of each iteration, it
    has met the next value in the iteration before. `moving` are the free parameters that are not
    the same in all runs of the region, and `stored` what the forward sweep hands out in any case.
    `distant` are arrays that a loop around the region must keep as a whole, once for so many runs,
    and `sparse` those of which a run changes fewer elements than there are. `left` has for nodes
    what gives the same, as the ``index`` that reads from an array as the loops leave it.
    """

    graph: Graph
    free: Collection[Node]
    history: Collection[Node]
    forward: Collection[Node]
    later: Mapping[Node, Node]
    moving: Collection[Node] = ()
    stored: Collection[Node] = ()
    distant: Mapping[Node, int] = MappingProxyType({})
    sparse: Collection[Node] = ()
    left: Mapping[Node, Node] = MappingProxyType({})

    def sources(self, node: Node) -> tuple[Node, ...]:
        """Return what a node is computed from again."""
        if node in self.later:
            return (self.later[node],)
        if node in self.left:
            return self.left[node].args
        return () if node in self.history or node in self.distant else node.args


def choose(region: Region, needed: Iterable[Node]) -> list[Node]:
    """Return the nodes to keep, in the order of the graph."""
    costs = _Costs(region)
    relevant = _relevant(region, needed)
    if len(relevant) > LARGEST_NETWORK:
        kept = _one_of_two(costs, relevant, needed)
    else:
        kept = _minimum(costs, relevant, set(needed))
    return [node for node in region.graph.nodes if node in kept]


def _relevant(region: Region, needed: Iterable[Node]) -> dict[Node, int]:
    """Return the nodes to decide upon, numbered: what `needed` depends on, but for free nodes."""
    free = set(region.free)
    number: dict[Node, int] = {}
    stack = [node for node in needed if not _is_free(node, free)]
    while stack:
        node = stack.pop()
        if node not in number:
            number[node] = len(number)
            stack += (source for source in region.sources(node) if not _is_free(source, free))
    return number


def _is_free(node: Node, free: Collection[Node]) -> bool:
    """Tell whether the reverse sweep has a value without work."""
    return node in free or (node.op.kind is Kind.LEAF and not node.args and node.op.name != "param")


def _minimum(costs: _Costs, relevant: dict[Node, int], needed: Collection[Node]) -> set[Node]:
    """Return the nodes on the tape in a minimum cut."""
    network = Network(2 + 2 * len(relevant))
    for node, number in relevant.items():
        available, again = 2 + 2 * number, 3 + 2 * number
        if node in needed:
            network.connect(0, available, UNBOUNDED)
        network.connect(available, again, costs.to_keep(node))
        network.connect(again, 1, costs.to_repeat(node))
        for source in dict.fromkeys(costs.region.sources(node)):
            if source in relevant:
                network.connect(again, 2 + 2 * relevant[source], UNBOUNDED)
    side = network.cut(0, 1)
    repeated = {node for node, number in relevant.items() if side[3 + 2 * number]}
    return _first_kept(costs.region, relevant, needed, repeated)


def _first_kept(
    region: Region,
    relevant: Collection[Node],
    needed: Collection[Node],
    repeated: Collection[Node],
) -> set[Node]:
    """Return the nodes that are read and not computed again."""
    kept: set[Node] = set()
    seen = {node for node in needed if node in relevant}
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node not in repeated:
            kept.add(node)
            continue
        for source in region.sources(node):
            if source in relevant and source not in seen:
                seen.add(source)
                stack.append(source)
    return kept


def _one_of_two(costs: _Costs, relevant: dict[Node, int], needed: Iterable[Node]) -> set[Node]:
    """Return the cheaper of two tapes: what the adjoint reads, or what an iteration starts from."""
    direct = {node for node in needed if node in relevant}
    start = {node for node in relevant if node in costs.region.history}
    again = sum(costs.to_repeat(node) for node in relevant if node not in start)
    first = sum(costs.to_keep(node) for node in direct)
    can_keep = all(isinstance(node.type, Type) for node in direct)
    cheaper = first <= again + sum(costs.to_keep(node) for node in start)
    return direct if can_keep and cheaper else start


class _Costs:
    """Know what nodes of a region cost, in whole numbers."""

    def __init__(self, region: Region) -> None:
        """Add up the work of one iteration."""
        self.region = region
        self._work = sum(work(node) for node in region.graph.nodes if node in region.forward)
        fixed = set(region.free).difference(region.moving)
        self._fixed = fixed
        for node in region.graph.nodes:
            if node.args and all(_is_free(arg, fixed) for arg in node.args):
                fixed.add(node)

    def to_keep(self, node: Node) -> int:
        """Return the cost of a node on the tape."""
        if not isinstance(node.type, Type) or node in self._fixed or _is_tape_of_while(node):
            return UNBOUNDED
        if node in self.region.stored:
            return 1  # next to nothing, but more than what is free
        size = byte_count(node.type)
        if node in self.region.distant:
            return _capacity(size * BYTE / self.region.distant[node])
        elements = size / node.type.dtype.itemsize
        dear = node in self.region.sparse or (node.type.rank > 0 and elements > self._work)
        return _capacity(size * BYTE * (_LAST_RESORT if dear else 1))

    def to_repeat(self, node: Node) -> int:
        """Return the cost of computing a node again, its operands being there.

        What the forward sweep does not compute is computed once either way, and what does not
        change from one iteration to the next is computed before the loop.
        """
        if node in self.region.history or node in self.region.distant:
            return UNBOUNDED
        if node in self.region.left:
            return _SCALE
        if node in self.region.later:
            return 1  # next to nothing, but more than a node that is on the tape itself
        if node in self._fixed or node not in self.region.forward:
            return 0
        copied = element_count(node.type) if node.op.name in ("update", "accumulate") else 0
        return _capacity(work(node) + copied, 0)


def _capacity(cost: float, least: int = 1) -> int:
    """Return a cost as a whole number, which deep nests of loops do not make unbounded."""
    return max(least, round(min(cost * _SCALE, BOUNDED)))


def typical(size: Size) -> int:
    """Return the value of a size where each unknown length is typical."""
    return max(1, evaluate(size, dict.fromkeys(size_names(size), TYPICAL_LENGTH)))


def made_in_passing(graph: Graph, forward: Collection[Node]) -> set[Node]:
    """Return the nodes of a graph that composites among `forward` compute on their way.

    A composite is written out after the adjoint pass, where its value and its derivative share
    nodes: the exponential in a sigmoid is part of both.
    """
    builder = Builder.extending(graph)
    composites = [node for node in graph.nodes if node in forward and node.op.expand is not None]
    found: set[Node] = set()
    known = set(graph.nodes)
    while composites:
        node = composites.pop()
        assert node.op.expand is not None
        stack = [node.op.expand(*map(builder.wrap, node.args), **node.attrs).node]
        while stack:
            inner = stack.pop()
            if inner in forward or inner in found:
                continue
            found.add(inner)
            stack += inner.args
            if inner.op.expand is not None:
                composites.append(inner)
    return found & known


def element_count(type: AnyType) -> int:
    """Return the typical number of elements of a value."""
    if isinstance(type, TupleType):
        return sum(element_count(item) for item in type.items)
    if isinstance(type, TapeType):
        return TYPICAL_LENGTH * element_count(type.row)
    return typical(product(type.shape))


def byte_count(type: Type) -> int:
    """Return the typical size of a value in bytes."""
    return element_count(type) * type.dtype.itemsize


def work(node: Node) -> float:
    """Return the typical cost of a node, in additions."""
    match node.op.kind:
        case Kind.LEAF | Kind.VIEW:
            return 0.0
        case Kind.REDUCE:
            return float(element_count(node.args[0].type))
        case Kind.INDEX:
            written = node.op.name != "index"
            return float(element_count(node.args[1].type if written else node.type))
        case Kind.CONTRACTION:
            shared = node.args[0].shape[-1:]
            return 2.0 * element_count(node.type) * typical(product(shared))
        case Kind.ROUTINE:
            return element_count(node.args[0].type) * float(typical(node.args[0].shape[-1]))
        case Kind.REGION:
            parts = [sum(map(work, region)) for _, region in regions(node)]
            return max(parts) if node.op.name == "branch" else iterations(node) * sum(parts)
    return node.op.cost * max(element_count(value.type) for value in (node, *node.args))


def _is_tape_of_while(node: Node) -> bool:
    """Tell whether an array holds rows of a ``while``, of which there may be far fewer."""
    if node.op.name != "item" or node.args[0].op.name != "while":
        return False
    start: Node = node.args[0].args[node.attrs["index"]]
    return start.op.name == "empty"


def iterations(node: Node) -> int:
    """Return the typical number of iterations of a loop."""
    if node.op.name == "while":
        return min(TYPICAL_LENGTH, typical(node.attrs.get("limit", 0) or TYPICAL_LENGTH))
    lower, upper = (_known(bound) for bound in node.args[:2])
    return TYPICAL_LENGTH if lower is None or upper is None else max(1, upper - lower)


def _known(bound: Node) -> int | None:
    """Return the typical value of a bound of a loop, where it is a size."""
    if bound.op.name == "const":
        return int(bound.attrs["value"])
    size = bound.attrs.get("size")
    return None if size is None else typical(size)
