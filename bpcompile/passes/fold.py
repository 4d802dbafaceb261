"""Compute what is known: operations whose operands are constants.

A splat constant (one number at every index) folds under any shape, named dimensions included; a
table folds where the shapes are literal and the result has at most 16 entries. The op's own
meaning computes the result, so folding changes no bit of it. A sum of equal numbers is folded only
where it is exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bpcompile.ir.dims import product
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType, Type
from bpcompile.passes.rewrite import Rewriter, Rules, Table, for_operands, number, rewrite

MAX_ENTRIES = 16  # of a table
MAX_WORK = 4096  # entries of a literal constant that are looked at
_EXACT = {DType.F64: 2**53, DType.I64: 2**62, DType.F32: 2**24}  # bounds of exact integers


@for_operands("const", "table")
def fold_elementwise(node: Node, build: Rewriter) -> Node | None:
    """Compute an elementwise op of splat constants at one index, else one of tables."""
    for arg in node.args:
        if arg.op.name != "const":
            return fold_table(node, build) if arg.op.name == "table" else None
    scalars = tuple(_scalar(arg) for arg in node.args)
    point = Node(node.op, scalars, node.attrs, node.array_type.with_shape(()))
    (value,) = _computed(point)
    return build.const(value, node.array_type).node


def fold_view(node: Node, build: Rewriter) -> Node | None:
    """Rearrange a splat constant, which stays what it is."""
    value = number(node.args[0])
    return None if value is None else build.const(value, node.array_type).node


def fold_index(node: Node, build: Rewriter) -> Node | None:
    """Read a splat constant at literal places; run-time indices may be out of range."""
    return fold_view(node, build) if len(node.args) == 1 else None


def fold_table(node: Node, build: Rewriter) -> Node | None:
    """Compute any op of constants and tables with literal shapes."""
    for arg in node.args:
        if arg.op.name not in ("const", "table"):
            return None
    if not all(_is_small(arg, MAX_WORK) for arg in node.args) or not _is_small(node, MAX_WORK):
        return None
    try:
        result = _computed(node)
    except (IndexError, ValueError, ArithmeticError):
        return None  # the compiled function reports it when it runs
    return _constant(result, node, build)


def fold_sum(node: Node, build: Rewriter) -> Node | None:
    """Sum equal numbers where that is exact."""
    (x,) = node.args
    value, dtype = number(x), node.array_type.dtype
    if value is None or dtype not in _EXACT:
        return None
    if value == 0 and math.copysign(1, value) > 0:
        return build.const(0, node.array_type).node
    count = product(tuple(x.shape[k] for k in node.attrs["axes"]))
    if isinstance(count, int):
        exact = math.isfinite(value) and value == int(value) and abs(value * count) <= _EXACT[dtype]
        return build.const(value * count, node.array_type).node if exact and count else None
    if value != 1 or dtype is DType.F32 or node.shape:
        return None
    size = build.dim(count)
    return size.node if dtype is DType.I64 else OPS["astype"](size, dtype=dtype).node


def fold_same(node: Node, build: Rewriter) -> Node | None:
    """Reduce equal numbers to that number, where there is at least one."""
    (x,) = node.args
    value = number(x)
    count = product(tuple(x.shape[k] for k in node.attrs["axes"]))
    neutral = {"any": False, "all": True}.get(node.op.name)
    some = isinstance(count, int) and count > 0
    if value is None or not (some or value is neutral):
        return None
    return build.const(value, node.array_type).node


def _scalar(node: Node) -> Node:
    """Return a splat constant at one index."""
    return Node(node.op, (), node.attrs, node.array_type.with_shape(()))


def _computed(node: Node) -> Any:
    """Return the value of a node whose operands are leaves, as a flat array."""
    args = tuple(dict.fromkeys(node.args))
    (value,) = interpret(Graph("fold", (), (*args, node), (node,)), ())
    return np.ravel(value)


def _is_small(node: Node, limit: int) -> bool:
    """Tell whether a node is an array of literal shape with at most `limit` entries."""
    if not isinstance(node.type, Type):
        return False
    count = product(node.shape)
    return isinstance(count, int) and count <= limit


def _constant(values: Any, node: Node, build: Rewriter) -> Node | None:
    """Return a constant or table of these entries, or None where they are too many."""
    if not len(values):
        return build.const(0, node.array_type).node
    same = values.tobytes() == np.full_like(values, values[0]).tobytes()
    if same:
        return build.const(values[0].item(), node.array_type).node
    if len(values) > MAX_ENTRIES:
        return None
    return build.node(OPS["table"], (), {"values": tuple(values.tolist())}, node.type).node


FOLD: Table = {
    "sum": (fold_sum,),
    "max": (fold_same,),
    "min": (fold_same,),
    "any": (fold_same,),
    "all": (fold_same,),
    Kind.ELEMENTWISE: (fold_elementwise,),
    Kind.VIEW: (fold_view, fold_table),
    Kind.INDEX: (fold_index, fold_table),
    Kind.REDUCE: (fold_table,),
    Kind.CONTRACTION: (fold_table,),
    Kind.COMPOSITE: (fold_table,),
}
_RULES = Rules(FOLD)


def fold_constants(graph: Graph) -> Graph:
    """Return the graph with every operation on constants computed."""
    return rewrite(graph, _RULES)
