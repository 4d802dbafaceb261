"""Find what the reverse sweep reads from an array as a nest of loops leaves it, instead of a tape.

An element that no later iteration writes again is there when the reverse sweep comes by: in the
elimination of a matrix a row that has been used stays. So is a value that was written to such a
place. `View` knows of one array, in one body of the nest, what is written after each of its forms:
later in the iteration, in later ones, and after the loop as the loops around it go on.

The array is a value like any other. Where something else is written over it after the nest, the
schedule makes a copy, which is less than a tape of what the nest reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type
from bpcompile.transforms.accesses import MOST_WRITES, Access, Place, Space, start, versions, writes
from bpcompile.transforms.counts import Counts
from bpcompile.transforms.keep import element_count, work
from bpcompile.transforms.regions import Loop


class View(NamedTuple):
    """Know the writes that follow the forms of an array in a graph; `array` is its last form."""

    array: Node
    place: Place
    after: Mapping[Node, list[Access]]


def views_inside(views: Iterable[View], loop: Loop) -> list[View]:
    """Return what is known in the body of a loop; the arrays are still those outside."""
    found = []
    for view in views:
        place = view.place.inside(loop)
        after: dict[Node, list[Access]] = {}
        for k, operand in enumerate(loop.operands):
            if k >= loop.carried:
                if operand in view.after:
                    after[loop.params[k]] = view.after[operand]
            else:
                result = _result(view.after, loop, k)
                if result is not None:
                    after |= _after(loop, k, view.place, place, view.after[result])
        if after:
            found.append(View(view.array, place, after))
    return found


def new_views(
    loop: Loop, counts: Counts, passing: Collection[Node], ends: Sequence[Node]
) -> list[View]:
    """Return a view for each array that a loop changes by elements, as it leaves it.

    `ends` are its last forms. Left out is an array that comes from the iteration before
    of a loop around this one: it would have to be kept as a whole. `passing` are such arrays.
    """
    found = []
    for k, (param, out) in enumerate(zip(loop.states, loop.outputs, strict=True)):
        if out is param or not isinstance(param.type, Type) or not param.shape:
            continue
        origin = start(loop.operands[k])
        if origin.op.name == "param" and origin in passing:
            continue
        if element_count(param.type) > work(loop.node):
            continue
        outside = Place(Space(counts, counts.graph.guards), counts)
        inside = outside.inside(loop)
        after = _after(loop, k, outside, inside, [])
        if after:
            found.append(View(ends[k], inside, after))
    return found


def _after(
    loop: Loop, k: int, outside: Place, place: Place, behind: list[Access]
) -> dict[Node, list[Access]]:
    """Return what is written after each form of state `k` in an iteration of a loop.

    `behind` is what is written after the loop. The empty mapping where some write is not seen.
    """
    forms = versions(loop.outputs[k], loop.params[k])
    if forms is None or place.known is None:
        return {}
    index = place.known[loop.index]
    later = place._replace(
        known={**place.known, loop.index: outside.counter(loop, index.shifted(1))}
    )
    next_ones = writes(forms[1:], later)
    if next_ones is None:
        return {}
    rest = [*next_ones, *behind]
    if len(rest) > 4 * MOST_WRITES:  # of a deep nest
        return {}
    found: dict[Node, list[Access]] = {forms[-1]: rest}
    for before, step in zip(forms[-2::-1], forms[:0:-1], strict=True):
        made = writes([step], place)
        if made is None:
            return {}
        rest = [*made, *rest]
        found[before] = rest
    return found


def _result(after: Mapping[Node, list[Access]], loop: Loop, k: int) -> Node | None:
    """Return the form of an array that is the last value of a state of a loop."""
    number = loop.places[k]
    for node in after:
        if node.op.name == "item" and node.args[0] is loop.node and node.attrs["index"] == number:
            return node
    return None


def read_finally(graph: Graph, views: Iterable[View]) -> dict[Node, Node]:
    """Return for forward values of a body the ``index`` that reads them from a last form.

    These are elements that are read, and scalars that are written.
    """
    found: dict[Node, Node] = {}
    for view in views:
        for node in graph.nodes:
            if node.op.name == "index" and node.args[0] in view.after:
                value, operands = node, node.args[1:]
                rest = view.after[node.args[0]]
            elif node.op.name == "update" and node in view.after:
                value, operands = node.args[1], node.args[2:]
                rest = view.after[node]
            else:
                continue
            if value in found or not value.args or not isinstance(value.type, Type):
                continue
            access = view.place.access(node)
            if all(view.place.space.never_meet(access, write) for write in rest):
                attrs = {"spec": node.attrs["spec"]}
                args = (view.array, *operands)
                found[value] = Node(OPS["index"], args, attrs, value.type, value.origin, value.name)
    return found
