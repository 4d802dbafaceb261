"""Prove where the iterations of a loop write: at other places each, or at all places together."""

from __future__ import annotations

from collections.abc import Iterator

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ops.index import At, Slice, whole
from bpcompile.transforms.counts import Counts, Linear
from bpcompile.transforms.regions import Loop


def written_once(loop: Loop, k: int, counts: Counts) -> set[Node]:
    """Return the nodes that hold state k of a loop inside its body, if no place is written twice.

    That is so where the state passes through one ``update`` alone, directly or in an inner loop,
    and each iteration writes at other places than all others. Returns the empty set where this
    is not seen.
    """
    chain = _chain(loop, k)
    return set() if not chain or _write_forms(loop, k, counts) is None else chain


def changed_by_elements(loop: Loop, k: int) -> bool:
    """Tell whether an iteration writes elements of state k and leaves the others."""
    return bool(loop.params[k].shape) and bool(_chain(loop, k))


def _chain(loop: Loop, k: int) -> set[Node]:
    """Return the nodes from the next value of state k back to the state itself.

    The empty set where anything but updates and inner loops stands in between.
    """
    node, chain = loop.outputs[k], set[Node]()
    while node is not loop.params[k]:
        chain.add(node)
        below = _below(node)
        if below is None:
            return set()
        node = below
    return {*chain, node}


def _below(node: Node) -> Node | None:
    """Return the array that a node writes into, directly or in a loop."""
    if node.op.name == "update":
        return node.args[0]
    if node.op.name == "item" and node.args[0].op.name == "loop":
        return Loop(node.args[0]).operands[int(node.attrs["index"])]
    return None


def _write_forms(loop: Loop, k: int, counts: Counts) -> list[Linear] | None:
    """Return the indices of the one write to state k, if each iteration writes elsewhere.

    The forms are those that have only constants of the loop in them; the loop around it goes on
    with them. None where there is no or more than one write, or two iterations may meet.
    """
    forms: list[Linear] | None = None
    node = loop.outputs[k]
    while node is not loop.params[k]:
        below = _below(node)
        if below is None or forms is not None:
            return None
        if node.op.name == "update":
            forms = [counts.linear(index) for index in _scalar_indices(node)]
        else:
            inner = Loop(node.args[0])
            found = _write_forms(inner, node.attrs["index"], counts.inside(inner))
            if found is None:
                return None
            forms = [_outside(form, inner, counts) for form in found]
        node = below
    fixed = set(loop.constants)
    if forms is None or not any(_never_meets(form, loop, counts) for form in forms):
        return None
    return [form for form in forms if fixed.issuperset(form.terms)]


def _never_meets(form: Linear, loop: Loop, counts: Counts) -> bool:
    """Tell whether an index names another place at each iteration; -1 and n - 1 are the same."""
    low = counts.range(form).low
    fixed = {loop.index, *loop.constants}
    moves = loop.index in form.terms and fixed.issuperset(form.terms)
    return moves and low is not None and counts.never_negative(low)


def _scalar_indices(node: Node) -> list[Node]:
    """Return the scalar index operands of an ``index``, ``update`` or ``accumulate``."""
    operands = node.args[1:] if node.op.name == "index" else node.args[2:]
    named = [operands[entry.operand] for entry in node.attrs["spec"] if isinstance(entry, At)]
    return [operand for operand in named if not operand.shape]


def _outside(form: Linear, inner: Loop, counts: Counts) -> Linear:
    """Return a form in constants of an inner loop as one in the nodes around it."""
    total = Linear({}, form.constant)
    for param, factor in form.terms.items():
        operand = inner.operands[inner.params.index(param)]
        total = total.plus(counts.linear(operand), factor)
    return total


def covers(loop: Loop, counts: Counts, after: Node, before: Node) -> bool:
    """Tell whether the iterations together set all places of a mask.

    `after` is the mask that an iteration makes of `before`: a chain of ``accumulate`` nodes of
    which one has the loop's index, from the first to the last place of an axis, and True.
    """
    return any(_is_full(loop, counts, write) for write in _accumulates(after, before))


def _accumulates(after: Node, before: Node) -> Iterator[Node]:
    """Yield the ``accumulate`` nodes between two masks."""
    node = after
    while node is not before and node.op.name == "accumulate":
        yield node
        node = node.args[0]


def _is_full(loop: Loop, counts: Counts, write: Node) -> bool:
    """Tell whether a write reaches each place at some iteration."""
    value, spec = write.args[1], write.attrs["spec"]
    if value.op.name != "const" or not value.attrs["value"]:
        return False
    ats = [(axis, entry) for axis, entry in enumerate(spec) if isinstance(entry, At)]
    rest = all(_is_whole(entry, write.shape, axis) for axis, entry in enumerate(spec))
    if len(ats) != 1 or not rest:
        return False
    index = write.args[2 + ats[0][1].operand]
    if index.shape:
        return False
    form = counts.linear(index)
    if dict(form.terms) not in ({loop.index: 1}, {loop.index: -1}):
        return False
    return counts.range(form) == (0, write.shape[ats[0][0]] - 1)


def _is_whole(entry: Slice | At, shape: tuple[Size, ...], axis: int) -> bool:
    """Tell whether an entry of a spec takes all of an axis, or is not a slice."""
    return isinstance(entry, At) or entry == whole(shape[axis])
