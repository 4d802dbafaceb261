"""Say what an attribute of a node may hold: a closed set, so that graphs can be written and read.

An attribute is an int, a float, a bool, a text, a size, a dtype, a region, or a tuple of such
values (regions stand alone). A named tuple is allowed where its class is entered in `RECORDS`;
the text form writes it as ``Slice(0, 1, n)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from bpcompile.ir.dims import Dim
from bpcompile.ir.type import DType, Type

if TYPE_CHECKING:
    from bpcompile.ir.graph import Node

RECORDS: dict[str, type[tuple[Any, ...]]] = {}

Record = TypeVar("Record", bound=type[tuple[Any, ...]])

_PLAIN = (int, float, bool, str)
MAX_NESTING = 8


def record(cls: Record) -> Record:
    """Allow a named tuple class as the value of an attribute; use it as a decorator."""
    RECORDS[cls.__name__] = cls
    return cls


def is_attribute(value: Any, nesting: int = MAX_NESTING) -> bool:
    """Tell whether a value that is not a region may stand in an attribute."""
    if isinstance(value, tuple):
        known = type(value) is tuple or RECORDS.get(type(value).__name__) is type(value)
        return known and nesting > 0 and all(is_attribute(v, nesting - 1) for v in value)
    return type(value) in _PLAIN or isinstance(value, (Dim, DType))


def misformed(node: Node) -> str:
    """Return the name of an attribute of a node that cannot mean what it is called; else nothing.

    An attribute means the same in every op: `axes` are axes of the operand (of the result, beside
    a `shape`), `spec` is an index into the operand. Attributes of other names may hold anything.
    """
    for name, value in node.attrs.items():
        form = _FORMS.get(name)
        if form is not None and not form(value, node):
            return name
    return ""


def _is_count(value: Any, below: float = float("inf")) -> bool:
    """Tell whether a value is an int from 0 on, less than a bound."""
    return type(value) is int and 0 <= value < below


def _is_size(value: Any) -> bool:
    """Tell whether a value is a length."""
    return isinstance(value, Dim) or _is_count(value)


def _is_shape(value: Any, _: Node) -> bool:
    """Tell whether a value is a shape."""
    return type(value) is tuple and all(map(_is_size, value))


def _shape(node: Node) -> tuple[Any, ...]:
    """Return the shape of the first operand, none where that is no array."""
    type_of_first = node.args[0].type if node.args else None
    return type_of_first.shape if isinstance(type_of_first, Type) else ()


def _are_axes(value: Any, node: Node) -> bool:
    """Tell whether a value names distinct axes; those of an operand stand in order."""
    shape = node.attrs.get("shape")
    if type(value) is not tuple or not (shape is None or type(shape) is tuple):
        return False
    rank = len(_shape(node) if shape is None else shape)
    if not all(_is_count(axis, rank) for axis in value) or len(set(value)) < len(value):
        return False
    return shape is not None or list(value) == sorted(value)


def _is_part(value: Any, node: Node) -> bool:
    """Tell whether a value is a number of operands that the node may have, behind the bounds."""
    bounds = 2 if node.op.name == "loop" else 0
    return _is_count(value, len(node.args) + 1 - bounds)


def _is_order(value: Any, node: Node) -> bool:
    """Tell whether a value names every axis of the operand once."""
    if type(value) is not tuple or not all(map(_is_count, value)):
        return False
    return sorted(value) == list(range(len(_shape(node))))


def _is_axis(value: Any, node: Node) -> bool:
    """Tell whether a value names an axis: of the result beside a `shape`, else of the operand."""
    shape = node.attrs.get("shape")
    found = _shape(node) if shape is None else shape
    return type(found) is tuple and _is_count(value, len(found))


def _is_index(value: Any, node: Node) -> bool:
    """Tell whether a value is an index into the operand that leaves it nowhere for certain."""
    if type(value) is not tuple or len(value) != len(_shape(node)):
        return False
    return all(map(_fits, value, _shape(node)))


def _fits(entry: Any, length: Any) -> bool:
    """Tell whether an entry of an index is a run-time index, or a slice of an axis."""
    if type(entry) is RECORDS.get("At"):
        return _is_count(entry[0])
    if type(entry) is not RECORDS.get("Slice"):
        return False
    start, step, count = entry
    if not (_is_size(start) and type(step) is int and step and _is_size(count)):
        return False
    if count == 0:
        return True
    last = start + step * (count - 1)
    beyond = (-start, -last, start - length + 1, last - length + 1)
    return not any(isinstance(excess, int) and excess > 0 for excess in beyond)


_FORMS: dict[str, Callable[[Any, Node], bool]] = {
    "axes": _are_axes,
    "axis": _is_axis,
    "carried": _is_part,
    "ddof": lambda value, _: type(value) is int,
    "dtype": lambda value, _: isinstance(value, DType),
    "index": lambda value, _: _is_count(value),
    "kept": lambda value, _: _is_count(value),
    "limit": lambda value, _: _is_size(value),
    "note": lambda value, _: type(value) is str,
    "order": _is_order,
    "shape": _is_shape,
    "spec": _is_index,
}
