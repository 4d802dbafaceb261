"""Let an inner loop work in one place of a larger array, instead of an array of its own.

The tape of an inner loop is one place of the tape of the loop around it. Here the inner loop gets
the larger array and the index of its place: what it wrote at j it now writes at (i, j), and what it
read at j it reads at (i, j), so that nothing is copied from one tape to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, users
from bpcompile.ir.op import OPS
from bpcompile.ir.type import AnyType, DType, TupleType, Type
from bpcompile.ops.index import At, Slice
from bpcompile.transforms.regions import Loop, moved

_INTEGER = Type(DType.I64)
_Users = Mapping[Node, list[Node]]


def can_deepen(loop: Loop, k: int) -> bool:
    """Tell whether operand k of a loop is read and written by elements alone, here and inside."""
    inside = users(loop.body)
    held = [loop.params[k]]
    for node in held:
        for user in inside[node]:
            if user.op.name == "loop":
                inner = Loop(user)
                places = [m for m, operand in enumerate(inner.operands) if operand is node]
                if len(places) != 1 or not can_deepen(inner, places[0]):
                    return False
                held += _results(user, places[0], inner.carried, inside)
            elif user.op.name == "update" and user.args[0] is node:
                held.append(user)
            elif user.op.name != "index":
                return False
    outputs = [m for m, out in enumerate(loop.outputs) if out in held]
    return outputs == ([k] if k < loop.carried else []) and not _is_value(held, inside)


def _results(node: Node, k: int, carried: int, inside: _Users) -> list[Node]:
    """Return the items of a loop that hold its state k."""
    if k >= carried:
        return []
    return [item for item in inside[node] if item.attrs["index"] == k]


def _is_value(held: Sequence[Node], inside: _Users) -> bool:
    """Tell whether an array is itself written into another."""
    known = set(held)
    return any(
        user.op.name == "update" and user.args[1] in known for node in held for user in inside[node]
    )


def deepened(
    loop: Loop, arrays: Mapping[int, Node], given: Sequence[Node], place: Sequence[Node]
) -> Node:
    """Return a loop whose operands `arrays` are larger ones, worked on at `place`.

    `given` are the operands as they are, of which the numbers in `arrays` are replaced; `place`
    are i64 scalars, the index of the first axes of each larger array.
    """
    operands = [arrays.get(k, operand) for k, operand in enumerate(given)]
    types = {k: array.array_type for k, array in arrays.items()}
    body = _deepened_body(loop, types, len(place))
    args = (*loop.node.args[:2], *operands, *place)
    results = TupleType(tuple(node.array_type for node in operands[: loop.carried]))
    attrs = {**loop.node.attrs, "body": body}
    return Node(OPS["loop"], args, attrs, results, loop.node.origin, loop.node.name)


def _deepened_body(loop: Loop, types: Mapping[int, Type], depth: int) -> Graph:
    """Return the body that works on larger arrays; the index of the place comes last."""
    builder = Builder(loop.body.name)
    at: dict[Node, Node] = {loop.index: builder.adopt(loop.index)}
    params = [loop.index]
    larger: set[Node] = set()
    for k, param in enumerate(loop.params):
        if k in types:
            larger.add(param)
            at[param] = builder.param(str(param.name), types[k]).node
        else:
            at[param] = builder.adopt(param)
        params.append(at[param])
    index = [builder.param("place", _INTEGER).node for _ in range(depth)]
    builder.params = [*params, *index]
    for node in loop.body.nodes:
        if node not in at:
            at[node] = builder.adopt(_deepened_node(node, at, larger, index))
    return builder.finish([Expr(builder, at[out]) for out in loop.outputs])


def _deepened_node(
    node: Node, at: Mapping[Node, Node], larger: set[Node], index: Sequence[Node]
) -> Node:
    """Return what becomes of a node; `larger` holds those that stand for larger arrays."""
    args = tuple(at[arg] for arg in node.args)
    if not larger.intersection(node.args):
        if node.op.name == "item" and args[0] is not node.args[0]:
            return _item(node, args[0], larger)
        return moved(node, args)
    if node.op.name == "loop":
        inner = Loop(node)
        arrays = {k: at[x] for k, x in enumerate(inner.operands) if x in larger}
        bounded = Loop(moved(node, (*args[:2], *inner.operands)))
        return deepened(bounded, arrays, args[2:], index)
    first = 1 if node.op.name == "index" else 2
    attrs = {"spec": _deeper(node.attrs["spec"], len(index))}
    type: AnyType = node.type if node.op.name == "index" else args[0].type
    if node.op.name == "update":
        larger.add(node)
    moved_args = (*args[:first], *index, *args[first:])
    return Node(node.op, moved_args, attrs, type, node.origin, node.name)


def _item(node: Node, loop: Node, larger: set[Node]) -> Node:
    """Return a result of a loop that works on larger arrays."""
    assert isinstance(loop.type, TupleType)
    type = loop.type.items[node.attrs["index"]]
    if type != node.type:
        larger.add(node)
    return Node(node.op, (loop,), node.attrs, type, node.origin, node.name)


def _deeper(spec: tuple[At | Slice, ...], depth: int) -> tuple[At | Slice, ...]:
    """Return an index into the larger array: its first axes at the place, the others as before."""
    rest = (At(e.operand + depth) if isinstance(e, At) else e for e in spec)
    return (*(At(k) for k in range(depth)), *rest)
