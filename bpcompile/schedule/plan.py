"""Plan a whole graph: its parameters, results, buffers and statements."""

from __future__ import annotations

from bpcompile.ir.dims import Dim, Size, size_names
from bpcompile.ir.graph import Graph, Node
from bpcompile.schedule.block import Block
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.handover import copy_into
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.places import ArrayPlace, Place, ScalarPlace, Workshop
from bpcompile.schedule.ranges import Facts
from bpcompile.schedule.regions import lower_region
from bpcompile.schedule.statements import Expression, Plan, SizeValue, Var

_UNOWNED = ("param", "const", "empty", "table")


def plan(graph: Graph, fuse: bool = True) -> Plan:
    """Return the statements that compute a lowered graph.

    Without `fuse` each operation on arrays has loops of its own.
    """
    shop = Workshop(known_of(graph), fuse)
    places: dict[Node, Place] = {}
    params: list[Var] = []
    cursor = Cursor()
    for node in graph.params:
        type = node.array_type
        if type.rank:
            var = shop.array(node.name, type.dtype, type.shape, "param")
            places[node] = ArrayPlace(var, tuple(range(type.rank)))
        else:
            var = Var(node.name, type.dtype)
            places[node] = ScalarPlace(_counted(node) or var)
            cursor.give(var)
        params.append(var)
    lowering = Lowering(Block(graph, fuse=fuse), shop, places, cursor, lower_region)
    outs: dict[int, Var] = {}
    for position, out in enumerate(graph.outputs):
        if not out.array_type.rank:
            continue
        hint = out.name if out.op.name != "param" else None
        outs[position] = shop.array(hint, out.array_type.dtype, out.shape, "out")
        if out.op.name not in _UNOWNED:
            lowering.claims.setdefault(out, outs[position])
    lowering.prepare_writes()
    lowering.run()
    scalars: dict[int, Expression] = {}
    for position, out in enumerate(graph.outputs):
        if position in outs:
            copy_into(lowering, outs[position], out, cursor)
        else:
            scalars[position] = lowering.read(out, (), cursor)
    return Plan(params, outs, scalars, shop.buffers, cursor.statements)


def known_of(graph: Graph) -> Facts:
    """Return what is known of the lengths of a graph's arrays."""
    return Facts(graph.guards, _signed(graph))


def _counted(param: Node) -> SizeValue | None:
    """Return the size that a run-time number is, where that has a name."""
    size: Size = param.attrs.get("size", 0)
    return SizeValue(size) if _bare(size) else None


def _signed(graph: Graph) -> set[str]:
    """Return the names of sizes that are run-time numbers rather than lengths of arrays."""
    numbers = {n for p in graph.params for n in size_names(p.attrs.get("size", 0))}
    return numbers.difference(*(size_names(s) for p in graph.params for s in p.shape if _bare(s)))


def _bare(size: Size) -> bool:
    """Tell whether a size is a name alone."""
    return isinstance(size, Dim) and str(size) in size.names()
