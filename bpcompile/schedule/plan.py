"""Plan a whole graph: its parameters, results, buffers and statements."""

from __future__ import annotations

from bpcompile.ir.graph import Graph, Node
from bpcompile.schedule.block import Block
from bpcompile.schedule.handover import copy_into
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.places import ArrayPlace, Cursor, Place, ScalarPlace, Workshop
from bpcompile.schedule.regions import lower_region
from bpcompile.schedule.statements import Expression, Plan, Var

_UNOWNED = ("param", "const", "empty", "table")


def plan(graph: Graph) -> Plan:
    """Return the statements that compute a lowered graph."""
    shop = Workshop()
    places: dict[Node, Place] = {}
    params: list[Var] = []
    for node in graph.params:
        type = node.array_type
        if type.rank:
            var = shop.array(node.name, type.dtype, type.shape, "param")
            places[node] = ArrayPlace(var, tuple(range(type.rank)))
        else:
            var = Var(node.name, type.dtype)
            places[node] = ScalarPlace(var)
        params.append(var)
    cursor = Cursor()
    lowering = Lowering(Block(graph), shop, places, cursor, lower_region)
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
