"""Write what each entry point does first: bind the lengths, and test what the code relies on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bpcompile.emit.layout import Line
from bpcompile.emit.names import Namer
from bpcompile.ir.dims import Dim, Size, size_names, substitute
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.type import TupleType, Type


@dataclass(slots=True)
class Lengths:
    """Hold the dimensions of a module: their emitted names, and the lines that bind and test them.

    `order` lists the graph's dimension names as they are first bound.
    """

    rename: Mapping[str, Size]
    order: list[str] = field(default_factory=list)
    bindings: list[Line] = field(default_factory=list)
    checks: list[Line] = field(default_factory=list)

    def size(self, size: Size) -> Size:
        """Return a size under the emitted names."""
        return substitute(size, self.rename)

    def shape(self, shape: tuple[Size, ...]) -> tuple[Size, ...]:
        """Return a shape under the emitted names."""
        return tuple(self.size(size) for size in shape)

    def names(self) -> list[str]:
        """Return the emitted names, in order of binding."""
        return [str(self.rename[name]) for name in self.order]


def bare_name(size: Size) -> str | None:
    """Return the name of a size that is a bare name."""
    if isinstance(size, Dim) and len(size.terms) == 1:
        monomial, coefficient = size.terms[0]
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], str):
            return monomial[0]
    return None


def _dimension_names(graph: Graph) -> list[str]:
    """Return the dimension names that a graph binds, in order of its parameters."""
    names: dict[str, None] = {}
    for param in graph.params:
        for size in (*param.shape, param.attrs.get("size", 0)):
            name = bare_name(size)
            if name is not None:
                names.setdefault(name)
    return list(names)


def lengths(graph: Graph, params: Mapping[Node, str], namer: Namer) -> Lengths:
    """Return the lengths of a graph whose parameters are called `params` in the text."""
    rename: dict[str, Size] = {}
    for name in _dimension_names(graph):
        rename[name] = Dim.named(namer.fresh(name))
    found = Lengths(rename)
    pending: list[tuple[str, Size]] = []
    for param in graph.params:
        _bind(found, param, params[param], pending)
    for text, size in pending:
        found.checks.extend(check_lines(text, "==", str(found.size(size))))
    for guard in graph.guards:
        left, right = str(found.size(guard.left)), str(found.size(guard.right))
        found.checks.extend(check_lines(left, guard.relation, right))
    return found


def _bind(found: Lengths, param: Node, text: str, pending: list[tuple[str, Size]]) -> None:
    """Bind the names that a parameter is the first to mention; remember what must be tested."""
    if "size" in param.attrs:
        counted = bare_name(param.attrs["size"])
        if counted is None or counted in found.order:
            pending.append((text, param.attrs["size"]))
        else:
            found.order.append(counted)
            found.bindings.append(Line(f"{found.rename[counted]} = {text}"))
    fresh: list[tuple[int, str]] = []
    for axis, size in enumerate(param.shape):
        name = bare_name(size)
        if name is not None and name not in found.order:
            found.order.append(name)
            fresh.append((axis, str(found.rename[name])))
        else:
            pending.append((f"{text}.shape[{axis}]", size))
    if len(fresh) == len(param.shape) > 1:
        names = ", ".join(name for _, name in fresh)
        found.bindings.append(Line(f"{names} = {text}.shape"))
    else:
        found.bindings.extend(Line(f"{name} = {text}.shape[{axis}]") for axis, name in fresh)


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def check_lines(left: str, relation: str, right: str) -> list[Line]:
    """Return the lines that refuse a broken relation."""
    return [
        Line(f"if {left} {_OPPOSITE[relation]} {right}:"),
        Line(f'raise ValueError("expected {left} {relation} {right}")', depth=1),
    ]


def mentioned_names(graph: Graph) -> set[str]:
    """Return every dimension name that the types of a graph and its regions mention."""
    names: set[str] = set()
    stack = [graph]
    while stack:
        for node in stack.pop().nodes:
            types = node.type.items if isinstance(node.type, TupleType) else (node.type,)
            for type in types:
                assert isinstance(type, Type)
                for size in type.shape:
                    names |= size_names(size)
            stack.extend(region for _, region in regions(node))
    return names
