"""Write a graph as text that a person can read and `bpcompile.ir.parse` reads back.

    graph loss(w: f64[d], X: f64[n, d], t: f64[n]) -> loss {  # model.py:3
      guard n >= 1: "mean, model.py:5"
      z: f64[n] = matmul(X, w)  # model.py:4
      r: f64[n] = sub(z, t)  # model.py:5
      v0: f64[n] = mul(r, r)  # model.py:5
      loss: f64[] = sum(v0, axes=(0,))  # model.py:5
    }

A value bears the user's own name where that is an identifier and unique in its graph, else ``v0``,
``v1``, and so on, with the name, if it has one, quoted behind. Constants are plain numbers. A
region follows the node that runs it, indented. A trailing comment is the node's origin:
``# model.py:4, adjoint of z``.

This module takes graphs by shape, not by class, so that `Graph` itself can print with it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bpcompile.ir.attributes import RECORDS
from bpcompile.ir.dims import Dim
from bpcompile.ir.type import DType

if TYPE_CHECKING:
    from bpcompile.ir.graph import Graph, Node, Origin

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_NUMBERED = re.compile(r"v[0-9]+", re.ASCII)
_PLAIN_FILE = re.compile(r"[A-Za-z0-9_./<>+-]([A-Za-z0-9_./<> +-]*[A-Za-z0-9_./<>+-])?", re.ASCII)
_INDENT = "  "
_WIDTH = 100

# Names that a value of an attribute may start with and that are no dimension.
RESERVED = frozenset({"True", "False", "nan", "inf", *(dtype.value for dtype in DType)})


def graph_text(graph: Graph) -> str:
    """Return the text of a graph, without a newline at its end."""
    return "\n".join(_graph_lines(graph, "", ""))


def is_own_name(identifier: str) -> bool:
    """Tell whether an identifier of the text is the value's name, and no number for want of one."""
    return bool(_IDENTIFIER.fullmatch(identifier)) and not _NUMBERED.fullmatch(identifier)


def identifiers(graph: Graph) -> dict[Node, str]:
    """Return the identifier that each node of a graph bears in its text."""
    found: dict[Node, str] = {}
    taken: set[str] = set()
    unnamed = 0
    for node in graph.nodes:
        name = node.name
        if name is None or name in taken or not is_own_name(name):
            name = f"v{unnamed}"
            unnamed += 1
        taken.add(name)
        found[node] = name
    return found


def _graph_lines(graph: Graph, start: str, indent: str) -> Iterator[str]:
    """Yield the lines of a graph; `start` stands before the first."""
    ids = identifiers(graph)
    yield from _header(graph, ids, start, indent)
    inner = indent + _INDENT
    for guard in graph.guards:
        reason = f": {json.dumps(guard.reason)}" if guard.reason else ""
        yield f"{inner}guard {guard}{reason}"
    for node in graph.nodes:
        if node.op.name != "param":
            yield from _node_lines(graph, node, ids, inner)
    yield f"{indent}}}"


def _header(graph: Graph, ids: Mapping[Node, str], start: str, indent: str) -> Iterator[str]:
    """Yield the lines up to the opening brace: one, unless the parameters need more."""
    name = graph.name if _IDENTIFIER.fullmatch(graph.name) else json.dumps(graph.name)
    params = [_declared(p, ids) + _param_attributes(p) for p in graph.params]
    origins = [_origin(p.origin, ids) for p in graph.params]
    outputs = ", ".join(ids[out] for out in graph.outputs)
    results = outputs if len(graph.outputs) == 1 else f"({outputs})"
    head, tail = f"{indent}{start}graph {name}(", f") -> {results} {{"
    line = f"{head}{', '.join(params)}{tail}"
    if len(set(origins)) <= 1 and len(line) <= _WIDTH:
        yield line + (origins[0] if origins else "")
        return
    yield head
    for param, origin in zip(params, origins, strict=True):
        yield f"{indent}{_INDENT * 2}{param},{origin}"
    yield f"{indent}{tail}"


def _declared(node: Node, ids: Mapping[Node, str]) -> str:
    """Return ``z: f64[n]``, with the user's name behind where the identifier is not it."""
    identifier = ids[node]
    name = "" if node.name is None or identifier == node.name else f" {json.dumps(node.name)}"
    return f"{identifier}{name}: {node.type}"


def _param_attributes(param: Node) -> str:
    """Return the attributes of a parameter that do not follow from its name."""
    shown = {k: v for k, v in param.attrs.items() if k != "name" or v != param.name}
    return f" ({', '.join(_attributes(shown))})" if shown else ""


def _node_lines(graph: Graph, node: Node, ids: Mapping[Node, str], indent: str) -> Iterator[str]:
    """Yield the line of a node, and those of its regions."""
    if node.op.name == "const" and node.attrs.keys() == {"value"}:
        meaning = value_text(node.attrs["value"])
    else:
        plain = {k: v for k, v in node.attrs.items() if type(v) is not type(graph)}
        entries = (*(ids[arg] for arg in node.args), *_attributes(plain))
        meaning = f"{node.op.name}({', '.join(entries)})"
    yield f"{indent}{_declared(node, ids)} = {meaning}{_origin(node.origin, ids)}"
    for key in sorted(node.attrs):
        region = node.attrs[key]
        if type(region) is type(graph):
            yield from _graph_lines(region, f"{key} = ", indent + _INDENT)


def _attributes(attrs: Mapping[str, Any]) -> Iterator[str]:
    """Yield ``key=value`` for each attribute, by key."""
    return (f"{key}={value_text(attrs[key])}" for key in sorted(attrs))


def value_text(value: Any) -> str:
    """Return the text of an attribute's value."""
    if isinstance(value, Dim):
        return f"<{value}>" if value.names() & (RESERVED | RECORDS.keys()) else str(value)
    if isinstance(value, DType):
        return value.value
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        inner = _listed(value_text(entry) for entry in value)
        return type(value).__name__ + inner if hasattr(value, "_fields") else _tuple(value, inner)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return repr(value)


def _listed(entries: Iterable[str]) -> str:
    """Return texts between parentheses."""
    return f"({', '.join(entries)})"


def _tuple(value: tuple[Any, ...], inner: str) -> str:
    """Return the text of a tuple, which has a comma even where it has one entry."""
    return f"{inner[:-1]},)" if len(value) == 1 else inner


def _origin(origin: Origin | None, ids: Mapping[Node, str]) -> str:
    """Return the trailing comment that says where a node comes from."""
    if origin is None:
        return ""
    parts = []
    if origin.file or origin.line:
        plain = _PLAIN_FILE.fullmatch(origin.file)
        parts.append(f"{origin.file if plain else json.dumps(origin.file)}:{origin.line}")
    if origin.adjoint_of is not None:
        parts.append(
            f"adjoint of {ids[origin.adjoint_of]}" if origin.adjoint_of in ids else "adjoint"
        )
    return f"  # {', '.join(parts)}" if parts else ""
