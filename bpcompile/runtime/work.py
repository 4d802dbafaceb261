"""Say up to which lengths a call is over so soon that other threads may wait for it.

In: a lowered graph. Out: a number that all lengths are compared with at each call.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from bpcompile.ir.dims import Atom, Size, product, size_names
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import Type

_SHORT = 2000  # elements computed: 0.5 to 5 us, where releasing Python's lock takes 0.1 us
_CANDIDATES = (1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 0)
_FREE = (Kind.LEAF, Kind.VIEW)
_PLAIN = (Kind.ELEMENTWISE, Kind.REDUCE, Kind.INDEX)


def short_up_to(graph: Graph, known: Collection[str]) -> int:
    r"""Return the length up to which a call computes few elements, -1 where lengths do not tell.

    That is so for loops and branches, whose work depends on values, and for lengths that are not
    among the `known`, those that a call is asked for.

        >>> from bpcompile.ir.parse import parse
        >>> text = "graph f(x: f64[n]) -> y {\n  y: f64[n] = sin(x)\n}\n"
        >>> short_up_to(parse(text), {"n"})
        512
    """
    if len(graph.nodes) > _SHORT or any(node.op.kind is Kind.REGION for node in graph.nodes):
        return -1
    sizes = [_elements(node) for node in graph.nodes if node.op.kind not in _FREE]
    if any(not size_names(size) <= set(known) for size in sizes):
        return -1
    for length in _CANDIDATES:
        if sum(_at_most(size, length) for size in sizes) <= _SHORT:
            return length
    return -1


def _elements(node: Node) -> Size:
    """Return at most how many elements an operation computes."""
    values = [n for n in (node, *node.args) if isinstance(n.type, Type)]
    counts = [product(value.array_type.shape) for value in values]
    total: Size = 0 if node.op.kind in _PLAIN else 1
    for count in counts:
        total = total + count if node.op.kind in _PLAIN else total * count
    return total


def _at_most(size: Size, length: int) -> int:
    """Return what a size is at most where no length is more than this."""
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms:
        if coefficient > 0:  # lengths are not negative, so the other terms only take away
            total += coefficient * math.prod(_atom_at_most(atom, length) for atom in monomial)
    return total


def _atom_at_most(atom: Atom, length: int) -> int:
    """Return what a name, division, maximum or minimum is at most."""
    if isinstance(atom, str):
        return length
    _, left, right = atom
    return max(_at_most(left, length), _at_most(right, length))
