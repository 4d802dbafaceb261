"""Explain what compiled code raises: a check that failed, or an index out of range, and the line.

A check of the model raises the user's exception with its text, by which it is found among the
checks in the graph. For an index, machine code raises an IndexError with the index, the length and
the number of the place; the emitter kept which read or write of the model has that number. The
numpy target raises NumPy's own error, and the graph is interpreted to find the place, at about the
price of the call itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpcompile.errors import OutOfRangeError
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.interpret import IndexFault, interpret
from bpcompile.ir.op import Kind
from bpcompile.ops.checks import KINDS, raised


def explain(
    error: Exception, tested: Sequence[tuple[Node, int]], graph: Graph, leaves: Sequence[Any]
) -> Exception:
    """Return what to raise for an error in a call with exact leaves; one from elsewhere as it is.

    `tested` is that of the emitted module and `graph` what it computes.
    """
    for node, args in raised(graph).items():
        if type(error) is KINDS[node.attrs["kind"]] and error.args == args:
            origin, text = node.origin, node.attrs["text"]
            place = f"{origin.file}:{origin.line}" if origin is not None and origin.file else ""
            return type(error)(f"{text} ({place})" if text and place else text or place)
    return explain_index(error, tested, graph, leaves) if type(error) is IndexError else error


def explain_index(
    error: IndexError, tested: Sequence[tuple[Node, int]], graph: Graph, leaves: Sequence[Any]
) -> IndexError:
    """Return what to raise for an index out of range in a call with exact leaves.

    `tested` is that of the emitted module and `graph` what it computes. An error from elsewhere
    comes back as it is.
    """
    if len(error.args) == 4:
        _, index, length, number = error.args
        node, axis = tested[number]
        return _message(_source_of(node), axis, index, length)
    try:
        interpret(graph, leaves)
    except IndexFault as fault:
        return _message(_source_of(fault.node), fault.axis, fault.index, fault.length)
    return error


def _source_of(node: Node) -> Node:
    """Return the read or write of the model that a node does or differentiates."""
    source = node.origin.adjoint_of if node.origin is not None else None
    return source if source is not None and source.op.kind is Kind.INDEX else node


def _message(node: Node, axis: int, index: int, length: int) -> OutOfRangeError:
    """Return the error for an index outside its axis."""
    name = _array_name(node)
    what = f"`{name}`" if name else "an array"
    advice = f"pass one from {-length} to {length - 1}, or clip it first, as in np.clip"
    return OutOfRangeError(
        f"index {index} is out of range for axis {axis} of {what} ({node.args[0].type}) with "
        f"length {length}{_line(node)}: {advice if length else 'the axis is empty'}"
    )


def _array_name(node: Node) -> str | None:
    """Return the user's name of the array that is read or written."""
    array = node.args[0]
    while array.name is None and (array.op.kind is Kind.VIEW or array.op.name == "copy"):
        array = array.args[0]
    return array.name or (None if node.op.name == "index" else node.name)


def _line(node: Node) -> str:
    """Return where the user reads or writes."""
    origin = node.origin
    return f" at {origin.file}:{origin.line}" if origin is not None and origin.file else ""
