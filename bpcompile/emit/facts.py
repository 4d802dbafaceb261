"""Say in a module's docstring about how much a call computes, reads and writes.

In: the plan of the numba target, or the graph of the numpy target, whose arrays are not planned.
Out: a sentence in the emitted names of the lengths. Each figure is its two leading terms:
`fn.cost` has all of them, for kernels and arrays too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

from bpcompile.ir.dims import Dim, Size, product, size_names, substitute
from bpcompile.ir.figures import MATHEMATICAL, leading, written
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import Kind
from bpcompile.ir.type import Type
from bpcompile.schedule.integers import integers
from bpcompile.schedule.statements import Plan, Var
from bpcompile.schedule.traffic import count

_TERMS = 2
_WORD = 8
_WIDTH = 100
Rename = Mapping[str, Size]


def plan_facts(plan: Plan, words: Size, rename: Rename, params: Iterable[str]) -> list[str]:
    """Return the lines on a plan whose workspace takes `words`.

    `rename` has the emitted names of the lengths, and `params` those of the parameters.
    """
    known = integers(plan)
    shapes = {buffer.var: known.shape(buffer.shape) for buffer in plan.buffers}
    found = count(plan.statements, shapes, known)
    given = zip(plan.params, params, strict=True)
    names = {
        **rename,
        **{var.token: Dim.named(text) for var, text in given if not var.rank},
        **dict.fromkeys(known.places, Dim.named("turns")),
    }
    moved = _text(_bytes(found.read) + _bytes(found.written), names)
    scratch = _text(words * _WORD, names)
    parts = [f"{_text(found.operations, names)} operations"]
    if moved != "0":
        parts.append(f"{moved} bytes read and written")
    if scratch != "0":
        parts.append(f"{scratch} bytes of workspace")
    return textwrap.wrap(f"A call takes about {', '.join(parts)}.", _WIDTH)


def graph_facts(graph: Graph, rename: Rename) -> list[str]:
    """Return the lines on a graph that is computed array by array; none where no length tells."""
    total = _operations(graph)
    if total is None:
        return []
    return textwrap.wrap(f"A call takes about {_text(total, rename)} operations.", _WIDTH)


def _text(size: Size, rename: Rename) -> str:
    """Return about what a size is; run-time integers without a name are the steps of loops."""
    left = {name for name in size_names(size) if name.startswith("%")} - rename.keys()
    names = {**rename, **dict.fromkeys(left, Dim.named("steps"))}
    return written(leading(substitute(size, names), _TERMS), MATHEMATICAL)


def _bytes(elements: Mapping[Var, Size]) -> Size:
    """Return the bytes of elements of several arrays."""
    total: Size = 0
    for var, number in elements.items():
        total = total + number * var.dtype.itemsize
    return total


def _operations(graph: Graph) -> Size | None:
    """Return the operations of a graph, None where no length tells how often a loop runs."""
    total: Size = 0
    stack: list[tuple[Graph, Size]] = [(graph, 1)]
    while stack:
        current, times = stack.pop()
        for node in current.nodes:
            if node.attrs and node.op.kind is Kind.REGION:
                turns = _turns(node)
                if turns is None:
                    return None
                stack += [(inner, times * turns) for _, inner in regions(node)]
            elif isinstance(node.type, Type):
                total = total + times * _of_node(node)
    return total


def _of_node(node: Node) -> Size:
    """Return the operations of one node, in units of an addition."""
    op = node.op
    if op.kind is Kind.ELEMENTWISE:
        shape = node.shape
        return round(op.cost) * product(shape) if shape else round(op.cost)
    if op.kind is Kind.REDUCE:
        return product(node.args[0].shape)
    if op.kind is Kind.CONTRACTION:
        return 2 * product(node.shape) * node.args[0].shape[-1]
    return 0


def _turns(node: Node) -> Size | None:
    """Return how often the regions of a node run, where lengths tell."""
    if node.op.name == "branch":
        return 1
    if node.op.name != "loop":
        return None
    lower, upper = map(_number, node.args[:2])
    return None if lower is None or upper is None else upper - lower


def _number(node: Node) -> Size | None:
    """Return the value of a bound that is a number or a length."""
    if node.op.name == "const":
        return int(node.attrs["value"])
    return node.attrs["size"] if node.op.name == "dim" else None
