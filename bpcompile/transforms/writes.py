"""Prove where the iterations of a loop write: at other places each, or at all places together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import Type
from bpcompile.ops.index import At, Slice, whole
from bpcompile.transforms.counts import Counts, Linear
from bpcompile.transforms.keep import element_count, iterations
from bpcompile.transforms.regions import Branch, Loop, counting_state


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


def writes_few(loop: Loop, k: int) -> bool:
    """Tell whether an iteration typically writes fewer elements of state k than there are."""
    state = loop.params[k]
    if not isinstance(state.type, Type) or not state.shape or loop.outputs[k] is state:
        return False
    count = _written(loop.outputs[k], state)
    return count is not None and count < element_count(state.type)


def _written(node: Node, end: Node) -> int | None:
    """Return how many elements are typically written between two forms of an array."""
    total = 0
    while node is not end:
        below = _below(node)
        if below is None:
            return None
        if node.op.name == "update":
            total += element_count(node.args[1].type)
        else:
            count = _written_inside(node.args[0], int(node.attrs["index"]))
            if count is None:
                return None
            total += count
        node = below
    return total


def _written_inside(region: Node, k: int) -> int | None:
    """Return how many elements a region typically writes to make its result `k`."""
    if region.op.name == "branch":
        outs = [arm.outputs[k] for arm in Branch(region).arms]
        counts = [_written(out, _down(out)[1]) for out in outs]
        return None if None in counts else max(count or 0 for count in counts)
    body: Graph = region.attrs["body"]
    param = body.params[k + (region.op.name == "loop")]
    count = _written(body.outputs[k], param)
    return None if count is None else count * iterations(region)


def _chain(loop: Loop, k: int) -> set[Node]:
    """Return the nodes from the next value of state k back to the state itself.

    The empty set where anything but updates, inner loops and branches stands in between.
    """
    chain, end = _down(loop.outputs[k])
    return chain if end is loop.params[k] else set()


def arm_chains(branch: Branch, arm: Graph, once: Collection[Node]) -> set[Node]:
    """Return the nodes on the way of arrays through an arm, for operands among `once`.

    These are arrays whose places are written once in the loop around the branch.
    """
    found: set[Node] = set()
    arrays = {p for p, x in zip(arm.params, branch.operands, strict=True) if x in once}
    for out in arm.outputs if arrays else ():
        chain, end = _down(out)
        if end in arrays:
            found |= chain
    return found


def _down(node: Node) -> tuple[set[Node], Node]:
    """Return the nodes from an array down to the one that it is made of by writes, and that one."""
    chain = {node}
    while (below := _below(node)) is not None:
        node = below
        chain.add(node)
    return chain, node


def _below(node: Node) -> Node | None:
    """Return the array that a node writes into, directly, in a loop or in the arms of a branch."""
    if node.op.name == "update":
        return node.args[0]
    if node.op.name != "item" or node.args[0].op.kind is not Kind.REGION:
        return None
    region, k = node.args[0], int(node.attrs["index"])
    if region.op.name == "branch":
        return _below_arms(Branch(region), k)
    starts = region.args[2:] if region.op.name == "loop" else region.args
    return starts[k] if k < region.attrs["carried"] else None


def _below_arms(branch: Branch, k: int) -> Node | None:
    """Return the operand that both arms of a branch write into to make result `k`."""
    ends = []
    for arm in branch.arms:
        _, end = _down(arm.outputs[k])
        if end.op.name != "param":
            return None
        ends.append(branch.operands[arm.params.index(end)])
    return ends[0] if ends[0] is ends[1] else None


def _write_forms(loop: Loop, k: int, counts: Counts) -> list[Linear] | None:
    """Return the indices of the one write to state k, if each iteration writes elsewhere.

    The forms are those that have only constants of the loop in them; the loop around it goes on
    with them. None where there is no or more than one write, or two iterations may meet.
    """
    writes = _writes(loop.outputs[k], loop.params[k], counts)
    fixed = set(loop.constants)
    if not writes or not any(_never_meets(form, loop, counts) for form in writes[0]):
        return None
    return [form for form in writes[0] if fixed.issuperset(form.terms)]


def _writes(node: Node, end: Node, counts: Counts) -> list[list[Linear]] | None:
    """Return the indices of the write between two forms of an array: of one, or of none.

    None where there are more, or they are not seen.
    """
    found: list[list[Linear]] = []
    while node is not end:
        below = _below(node)
        if node.op.name == "update":
            made: list[list[Linear]] | None
            made = [[counts.linear(index) for index in _scalar_indices(node)]]
        elif below is not None:
            made = _writes_inside(node.args[0], int(node.attrs["index"]), counts)
        else:
            made = None
        if below is None or made is None or (found and made):
            return None
        found += made
        node = below
    return found


def _writes_inside(region: Node, k: int, counts: Counts) -> list[list[Linear]] | None:
    """Return the indices of the write that a region does to make its result `k`, as `_writes`."""
    if region.op.name == "branch":
        branch = Branch(region)
        found = []
        for arm in branch.arms:
            inside = counts.inside_arm(branch, arm)
            _, end = _down(arm.outputs[k])
            made = _writes(arm.outputs[k], end, inside)
            if made is None:
                return None
            names = dict(zip(arm.params, branch.operands, strict=True))
            found += [[_renamed(form, names, counts) for form in forms] for forms in made]
        return found[:1] if len(found) < 2 or found[0] == found[1] else None
    if region.op.name == "while" and counting_state(region) is None:
        return None
    inner = Loop(region)
    forms = _write_forms(inner, inner.places.index(k), counts.inside(inner))
    return None if forms is None else [[outside(form, inner, counts) for form in forms]]


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


def outside(form: Linear, inner: Loop, counts: Counts) -> Linear:
    """Return a form in constants of an inner loop as one in the nodes around it."""
    return _renamed(form, dict(zip(inner.params, inner.operands, strict=True)), counts)


def _renamed(form: Linear, outer: Mapping[Node, Node], counts: Counts) -> Linear:
    """Return a form in parameters of a region as one in the nodes around it.

    A node of the region itself stays: it is none that the loop around the region knows.
    """
    total = Linear({}, form.constant)
    for node, factor in form.terms.items():
        known = counts.linear(outer[node]) if node in outer else Linear({node: 1}, 0)
        total = total.plus(known, factor)
    return total


def covers(loop: Loop, counts: Counts, after: Node, before: Node) -> bool:
    """Tell whether the iterations, all of which are run, together set all places of a mask.

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
