"""Draw a graph: as Graphviz text, and as an HTML table for notebooks.

Like `bpcompile.ir.text` this takes graphs by shape, so that `Graph` itself can be drawn. Names,
files and texts of attributes are data: every one of them is quoted or escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bpcompile.ir.text import identifiers, value_text

if TYPE_CHECKING:
    from bpcompile.ir.graph import Graph, Node

_ADJOINT = "#fde9d9"
_FORWARD = "#e3edf9"
_PARAM = "#e6f4e1"


def to_dot(graph: Graph) -> str:
    r"""Return a graph in the language of Graphviz, each region a cluster of its own.

    Arguments are ellipses, results have a double border, and adjoint values another colour.

    >>> from bpcompile import ops
    >>> from bpcompile.ir.build import Builder
    >>> from bpcompile.ir.type import f64
    >>> builder = Builder("f")
    >>> x = builder.param("x", f64["n"])
    >>> print(to_dot(builder.finish((x * x,))))
    digraph "f" {
      rankdir=TB
      node [shape=box, style="rounded,filled", fontname="monospace", fontsize=10]
      edge [fontname="monospace", fontsize=8]
      n0 [label="x\nf64[n]", shape=ellipse, fillcolor="#e6f4e1"]
      n1 [label="v0 = mul\nf64[n]", fillcolor="#e3edf9", peripheries=2]
      n0 -> n1
      n0 -> n1
    }
    """
    return "\n".join(_Drawing(graph).lines())


class _Drawing:
    """Number the nodes of a graph and of its regions, and write them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.number: dict[Node, str] = {}
        self.waiting: list[tuple[Node, str, Graph]] = []  # regions: their node, key and graph

    def lines(self) -> Iterator[str]:
        """Yield the lines of the drawing."""
        yield f"digraph {quoted(self.graph.name)} {{"
        yield "  rankdir=TB"
        yield '  node [shape=box, style="rounded,filled", fontname="monospace", fontsize=10]'
        yield '  edge [fontname="monospace", fontsize=8]'
        yield from self._nodes(self.graph, "  ")
        clusters = 0
        while self.waiting:
            owner, key, region = self.waiting.pop(0)
            yield f"  subgraph cluster_{clusters} {{"
            yield f"    label={quoted(f'{key} of {owner.op.name}: {region.name}')}"
            yield "    style=dashed"
            yield from self._nodes(region, "    ")
            yield "  }"
            for out in dict.fromkeys(region.outputs):
                yield f"  {self.number[out]} -> {self.number[owner]} [style=dashed]"
            clusters += 1
        yield "}"

    def _nodes(self, graph: Graph, indent: str) -> Iterator[str]:
        """Yield the nodes of one graph and the edges between them."""
        names, outputs = identifiers(graph), set(graph.outputs)
        local: dict[Node, str] = {}
        for node in graph.nodes:
            # A region that two nodes run is drawn for each of them, with other numbers.
            mark = local[node] = f"n{len(self.number)}"
            if node in self.number:
                mark = local[node] = f"{self.number[node]}_{len(self.number)}"
            self.number[node] = mark
            yield f"{indent}{mark} [{', '.join(_style(node, names, node in outputs))}]"
            for key, region in node.attrs.items():
                if type(region) is type(self.graph):
                    self.waiting.append((node, key, region))
        for node in graph.nodes:
            for arg in node.args:
                yield f"{indent}{local[arg]} -> {local[node]}"


def _style(node: Node, names: Mapping[Node, str], is_output: bool) -> Iterator[str]:
    """Yield the attributes of a node in the drawing."""
    if node.op.name == "param":
        yield f"label={quoted(names[node], str(node.type))}"
        yield "shape=ellipse"
        yield f'fillcolor="{_PARAM}"'
    else:
        adjoint = node.origin is not None and node.origin.adjoint_of is not None
        yield f"label={quoted(f'{names[node]} = {_operation(node)}', str(node.type))}"
        yield f'fillcolor="{_ADJOINT if adjoint else _FORWARD}"'
    if is_output:
        yield "peripheries=2"


def _operation(node: Node) -> str:
    """Return the op, or the number that a constant is."""
    if node.op.name == "const" and "value" in node.attrs:
        return value_text(node.attrs["value"])
    return node.op.name


def quoted(*lines: str) -> str:
    r"""Return lines as one quoted text of Graphviz, where nothing has a special meaning.

    >>> print(quoted('a "b" \\N', "c"))
    "a \"b\" \\N\nc"
    """
    shown = ["".join(c if c.isprintable() else " " for c in line) for line in lines]
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in shown]
    return '"' + "\\n".join(escaped) + '"'


# -- HTML ----------------------------------------------------------------------------------------


_TABLE = (
    "border-collapse:collapse;font-family:monospace;font-size:90%;font-variant-numeric:tabular-nums"
)
_INNER = "padding:2px 8px;text-align:left;vertical-align:top"
_EDGE = f"border-top:1px solid #8888;{_INNER}"


def html_table(title: str, head: Sequence[str], groups: Sequence[Sequence[Sequence[str]]]) -> str:
    """Return a self-contained HTML table, every text escaped; a group is the lines of one row."""
    cells = "".join(f'<th style="{_EDGE}">{html.escape(text)}</th>' for text in head)
    rows = [f"<thead><tr>{cells}</tr></thead>"]
    for group in groups:
        for number, line in enumerate(group):
            style = _EDGE if number == 0 else _INNER
            inner = "".join(f'<td style="{style}">{html.escape(text)}</td>' for text in line)
            rows.append(f"<tr>{inner}</tr>")
    caption = f'<caption style="text-align:left">{html.escape(title)}</caption>'
    return f'<table style="{_TABLE}">{caption}{"".join(rows)}</table>'


def graph_html(graph: Graph) -> str:
    """Return a graph as an HTML table, a row for each node; regions follow as tables."""
    parts = []
    waiting = [(graph, f"graph {graph.name}")]
    for current, title in waiting:
        names = identifiers(current)
        groups = []
        for node in current.nodes:
            plain = []
            for key, value in sorted(node.attrs.items()):
                if type(value) is type(graph):
                    waiting.append((value, f"{key} of {names[node]} in {current.name}"))
                elif key != "name":
                    plain.append(f"{key}={value_text(value)}")
            operands = ", ".join([*(names[arg] for arg in node.args), *plain])
            result = "result" if node in current.outputs else ""
            origin = repr(node.origin) if node.origin is not None and node.origin.line else ""
            groups.append([(names[node], str(node.type), node.op.name, operands, result, origin)])
        head = ("value", "type", "operation", "operands", "", "from")
        parts.append(html_table(title, head, groups))
    return "".join(parts)
