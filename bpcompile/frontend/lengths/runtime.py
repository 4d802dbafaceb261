"""Let a run-time int be the length of an array: ``np.zeros(n)`` for an argument `n`.

The parameter then binds a dimension: its attribute ``size`` is the `Dim` of its name. An int
computed from such parameters and lengths is a length too, as far as sizes can express it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpcompile.errors import ShapeError, TraceError, TypeMismatchError
from bpcompile.frontend.lengths.length import is_length, size_of_length
from bpcompile.frontend.origins import where
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import Size, dim_max, dim_min, floor_div
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType

_COMPUTED: dict[str, Callable[..., Size]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
    "floor_divide": floor_div,
    "maximum": dim_max,
    "minimum": dim_min,
}
_MOST_STEPS = 64


def size_of(frame: Frame, value: Tracer) -> Size | None:
    """Return an i64 scalar of the graph as a size, or None where no size expresses it."""
    if value.ndim or value.expr.dtype is not DType.I64:
        return None
    found: dict[Node, Size] = {}
    start = frame.expr(value.expr).node
    stack = [start]
    for _ in range(_MOST_STEPS):
        if not stack:
            return found[start]
        node = stack[-1]
        outside = frame.outside(node)
        needed = (outside,) if outside else node.args if node.op.name in _COMPUTED else ()
        waiting = [arg for arg in needed if arg not in found]
        if waiting:
            stack.extend(waiting)
            continue
        size = found[outside] if outside else _size_of_node(frame.root, node, found)
        if size is None:
            return None
        found[stack.pop()] = size
    return None


def _size_of_node(root: Frame, node: Node, found: dict[Node, Size]) -> Size | None:
    """Return the size that one node is, its operands being known."""
    if node.op.name == "const":
        return int(node.attrs["value"])
    if node.op.name == "dim":
        size: Size = node.attrs["size"]
        return size
    if node.op.name in _COMPUTED:
        return _COMPUTED[node.op.name](*(found[arg] for arg in node.args))
    return _bound_by(root, node) if node in root.session.numbers else None


def _bound_by(root: Frame, param: Node) -> Size | None:
    """Return the dimension that a parameter of the function binds; None where it is negative."""
    if "size" not in param.attrs:
        sizes = root.session.sizes
        known = root.session.numbers[param]
        if known is not None and known < 0:
            return None
        name = param.attrs["name"]
        if not (name.isascii() and name.isidentifier()):
            name = root.session.unique("n")
        param.attrs["size"] = sizes.named(name, known)
        sizes.bind_count(name)
    size: Size = param.attrs["size"]
    return size


def required_size(value: Any, what: str) -> Size:
    """Return the size that a user gave as a length.

    Raises `TraceError` for a traced value that no size expresses, and `TypeMismatchError` for
    what is no int.
    """
    if is_length(value):
        return size_of_length(value)
    if isinstance(value, Tracer):
        if value.ndim or value.expr.dtype is not DType.I64:
            raise TypeMismatchError(
                f"{describe(value)} cannot be {what}{where()}: write an int, or convert it with "
                ".astype(int) where it comes from an int argument"
            )
        found = size_of(current(), value)
        if found is not None:
            return found
        number = current().root.session.numbers.get(value.expr.node)
        if number is not None and number < 0:
            raise ShapeError(f"{describe(value)} is {number} and {what}{where()}: write 0 or more")
        raise TraceError(
            f"{describe(value)} cannot be {what}{where()}, since it is computed from values: pass "
            "the length as an int argument of its own, or name it in static_argnames"
        )
    raise TypeMismatchError(
        f"{type(value).__name__} {value!r} cannot be {what}{where()}: write an int"
    )
