"""Describe the work of one node: the axes that it loops over, and what it reads at an index.

A task has canonical axes, each with a size and a token (`AXES`); the element that an operand
gives to one iteration is its index in terms of the tokens. Nodes that only rearrange, constants,
and arithmetic that is cheaper than a load are *transparent*: they have no task, and reading them
reads their operands.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from bpcompile.ir.dims import Dim, Size, floor_div, product
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import TapeType, TupleType
from bpcompile.ops.index import At, Slice, Spec

AXES: tuple[Dim, ...] = tuple(Dim.named(f"%axis{k}") for k in range(32))
UNKNOWN = Dim.named("%unknown")  # an index that is known at run time only
SMALL_PRODUCT = 1024  # multiplications below which a literal matrix product becomes loops


class Work(enum.Enum):
    """Sort tasks by the loops that they need."""

    ELEMENT = "element"  # one value for each index of the result
    REDUCE = "reduce"  # folds a value for each index of the operand
    CONTRACT = "contract"  # folds a product for each index
    WRITE = "write"  # writes a value for each index of the second operand
    ROW = "row"  # takes rows of an array where they lie
    COPY = "copy"  # stores a transparent value
    OPAQUE = "opaque"  # a matrix product by BLAS, a routine, or a region
    CHECK = "check"  # raises


def rank_of(node: Node) -> int:
    """Return the number of indices that an element of a value takes; a tape has rows."""
    return 1 + node.type.row.rank if isinstance(node.type, TapeType) else node.array_type.rank


def is_literal_small(node: Node) -> bool:
    """Tell whether a matrix product is small enough, and literally so, to become plain loops."""
    left, right = node.args
    work: Size = product(left.shape)
    if right.array_type.rank > 1:
        work = work * right.shape[-1]
    return isinstance(work, int) and work <= SMALL_PRODUCT


def work_of(node: Node) -> Work:
    """Return the kind of work of a node that is not transparent."""
    if isinstance(node.type, TupleType):
        return Work.OPAQUE
    match node.op.kind:
        case Kind.REDUCE:
            return Work.REDUCE
        case Kind.CONTRACTION:
            by_blas = all(arg.array_type.rank == 2 for arg in node.args)
            return Work.OPAQUE if by_blas and not is_literal_small(node) else Work.CONTRACT
        case Kind.ROUTINE:
            return Work.OPAQUE
        case Kind.CHECK:
            return Work.CHECK
        case Kind.INDEX if node.op.name in ("update", "accumulate"):
            return Work.WRITE
    return Work.ELEMENT


def iteration_sizes(node: Node, work: Work) -> tuple[Size, ...]:
    """Return the size of each canonical axis of a node's work."""
    match work:
        case Work.REDUCE:
            return node.args[0].shape
        case Work.WRITE:
            return node.args[1].shape
        case Work.CONTRACT:
            return (*node.shape, node.args[0].shape[-1])
        case Work.OPAQUE | Work.ROW:
            return ()
    return node.shape


def result_axes(node: Node, work: Work) -> tuple[int, ...]:
    """Return the canonical axis along which each axis of the result runs."""
    if work is Work.REDUCE:
        folded = node.attrs["axes"]
        return tuple(k for k in range(node.args[0].array_type.rank) if k not in folded)
    if work in (Work.WRITE, Work.OPAQUE, Work.ROW):
        return ()
    return tuple(range(node.array_type.rank))


def operand_indices(
    node: Node, work: Work, at: Sequence[Size]
) -> Iterator[tuple[Node, tuple[Size, ...]]]:
    """Yield each operand with the index at which the iteration `at` reads it."""
    match work:
        case Work.REDUCE:
            yield node.args[0], tuple(at)
        case Work.CONTRACT:
            left, right = node.args
            batch = max(left.array_type.rank, right.array_type.rank) - 2
            *kept, shared = at
            outer = tuple(kept[: max(batch, 0)])
            rest = list(kept[max(batch, 0) :])
            row = (rest.pop(0),) if left.array_type.rank > 1 else ()
            yield left, (*outer, *row, shared)
            yield right, (*outer, shared, *rest)
        case Work.WRITE:
            yield node.args[1], tuple(at)
            yield from pointer_indices(node.attrs["spec"], node.args[2:], at)
        case Work.COPY:
            yield node, tuple(at)
        case _ if node.op.name == "replay":
            tape, place = node.args
            yield place, ()
            yield tape, (UNKNOWN, *at)
        case _ if node.op.name == "index":
            x, *pointers = node.args
            yield from pointer_indices(node.attrs["spec"], pointers, at)
            yield x, mapped_index(node.attrs["spec"], pointers, at, [UNKNOWN] * len(pointers))
        case _:
            for arg in node.args:
                yield arg, tuple(at)


def pointer_indices(
    spec: Spec, pointers: Sequence[Node], at: Sequence[Size]
) -> Iterator[tuple[Node, tuple[Size, ...]]]:
    """Yield each index operand with the index at which it is read."""
    group = _group(spec, pointers)
    for pointer in pointers:
        rank = pointer.array_type.rank
        yield pointer, tuple(at[group : group + rank]) if rank else ()


def _group(spec: Spec, pointers: Sequence[Node]) -> int:
    """Return the first result axis of the index arrays."""
    axis = 0
    for entry in spec:
        if isinstance(entry, Slice):
            axis += 1
        elif pointers[entry.operand].array_type.rank:
            return axis
    return axis


def mapped_index(
    spec: Spec, pointers: Sequence[Node], at: Sequence[Size], pointed: Sequence[Size]
) -> tuple[Size, ...]:
    """Return the index into the indexed array for the index `at` of what was taken.

    `pointed` gives the value of each index operand at this place.
    """
    index: list[Size] = []
    axis, placed = 0, False
    for entry in spec:
        if isinstance(entry, At):
            rank = pointers[entry.operand].array_type.rank
            if rank and not placed:
                axis += rank
                placed = True
            index.append(pointed[entry.operand])
        else:
            index.append(entry.start + at[axis] * entry.step)
            axis += 1
    return tuple(index)


def viewed_index(node: Node, at: Sequence[Size]) -> tuple[Size, ...]:
    """Return the index into a view's operand for the index `at` of the view."""
    match node.op.name:
        case "broadcast":
            return tuple(at[axis] for axis in node.attrs["axes"])
        case "transpose":
            index: list[Size] = [0] * len(at)
            for k, axis in enumerate(node.attrs["order"]):
                index[axis] = at[k]
            return tuple(index)
    return reshaped_index(node.args[0].shape, node.shape, at)


def reshaped_index(
    source: tuple[Size, ...], target: tuple[Size, ...], at: Sequence[Size]
) -> tuple[Size, ...]:
    """Return the index into `source` of the element that C order puts at `at` of `target`.

    Axes that only gain or lose length 1 keep their index; other groups of axes go through the
    position in C order.
    """
    index: list[Size] = []
    i, j = 0, 0
    while i < len(source) or j < len(target):
        if i < len(source) and source[i] == 1 and not (j < len(target) and target[j] == 1):
            index.append(0)
            i += 1
            continue
        if j < len(target) and target[j] == 1 and not (i < len(source) and source[i] == 1):
            j += 1
            continue
        i_end, j_end = _matching_group(source, target, i, j)
        index.extend(_regrouped(source[i:i_end], target[j:j_end], at[j:j_end]))
        i, j = i_end, j_end
    return tuple(index)


def _matching_group(
    source: tuple[Size, ...], target: tuple[Size, ...], i: int, j: int
) -> tuple[int, int]:
    """Return the ends of the shortest groups of axes from `i` and `j` on of equal product."""
    left, right = source[i], target[j]
    i_end, j_end = i + 1, j + 1
    while left != right:
        more_left = i_end < len(source)
        more_right = j_end < len(target)
        if more_right and (not more_left or _smaller(right, left)):
            right = right * target[j_end]
            j_end += 1
        elif more_left:
            left = left * source[i_end]
            i_end += 1
        else:
            break
    return i_end, j_end


def _smaller(a: Size, b: Size) -> bool:
    """Tell whether a product of sizes should grow first: it has fewer factors."""
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    degree_a = 0 if isinstance(a, int) else len(a.terms[0][0])
    degree_b = 0 if isinstance(b, int) else len(b.terms[0][0])
    if degree_a != degree_b:
        return degree_a < degree_b
    return str(a) < str(b)


def _regrouped(
    source: tuple[Size, ...], target: tuple[Size, ...], at: Sequence[Size]
) -> list[Size]:
    """Return the index within one group of axes."""
    if source == target:
        return list(at)
    flat: Size = 0
    for length, k in zip(target, at, strict=True):
        flat = flat * length + k
    index: list[Size] = []
    for axis in range(len(source)):
        rest = product(source[axis + 1 :])
        place = flat if rest == 1 else floor_div(flat, rest)
        index.append(
            place if axis == 0 else place - floor_div(flat, rest * source[axis]) * source[axis]
        )
    return index
