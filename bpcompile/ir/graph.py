"""Define a program: nodes in static single assignment form, and graphs of them.

The grammar, as `print(graph)` shows it (lists have commas; `bpcompile.ir.text` has an example):

    graph     = "graph" name "(" param* ")" "->" results "{" guard* node* "}"
    param     = name ":" type ["(" attribute* ")"]
    results   = name | "(" name* ")"
    guard     = "guard" size relation size [":" text]
    node      = name ":" type "=" (number | op "(" name* attribute* ")")  # origin
                (key "=" graph)*
    type      = dtype "[" size* "]" | "(" type* ")"
    attribute = key "=" (number | text | size | dtype | tuple | record tuple)

A node is its own value and is compared by identity; a builder makes equal nodes the same object.
An op with several results gives one value of tuple type, taken apart by ``item`` nodes. A region
(the body of a loop, the arms of a branch) is a `Graph` in the attributes of its node, and it is
closed: whatever it reads is one of its parameters. Arrays are values: ``update`` and
``accumulate`` give new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpcompile.ir.dims import Size
from bpcompile.ir.picture import graph_html, to_dot
from bpcompile.ir.text import graph_text
from bpcompile.ir.type import AnyType, Type

if TYPE_CHECKING:
    from bpcompile.ir.op import Op


class Origin:
    """Say where a node comes from: the user's line, and the node that it differentiates."""

    __slots__ = ("adjoint_of", "file", "line")

    def __init__(self, file: str, line: int, adjoint_of: Node | None = None) -> None:
        """Hold the file and line of the user's code, and the forward node of an adjoint."""
        self.file = file
        self.line = line
        self.adjoint_of = adjoint_of

    def __repr__(self) -> str:
        """Return ``file:line``."""
        return f"{self.file}:{self.line}"


class Node:
    """Hold one operation of a graph, which is also its result.

    `name` is the user's own name for the value, or None. Never mutated once its graph is
    finished, except that a frontend may name a node while it traces.
    """

    __slots__ = ("args", "attrs", "name", "op", "origin", "type")

    def __init__(
        self,
        op: Op,
        args: tuple[Node, ...],
        attrs: dict[str, Any],
        type: AnyType,
        origin: Origin | None = None,
        name: str | None = None,
    ) -> None:
        """Hold the parts of the node."""
        self.op = op
        self.args = args
        self.attrs = attrs
        self.type = type
        self.origin = origin
        self.name = name

    @property
    def array_type(self) -> Type:
        """Return the type of a node that is an array or a scalar, never a tuple."""
        assert isinstance(self.type, Type)
        return self.type

    @property
    def shape(self) -> tuple[Size, ...]:
        """Return the shape."""
        return self.array_type.shape

    def __repr__(self) -> str:
        """Return a short text for debugging."""
        return f"<{self.name or '_'}: {self.type} = {self.op.name}>"


@dataclass(frozen=True, slots=True)
class Guard:
    """State an integer relation between sizes that the code of a graph relies on.

    `relation` is one of ``== != < <= > >=``; `reason` names the user's line that needs it.
    """

    left: Size
    relation: str
    right: Size
    reason: str = ""

    def __str__(self) -> str:
        """Return the relation as text, which is also a Python expression."""
        return f"{self.left} {self.relation} {self.right}"

    @property
    def naturals(self) -> tuple[Size, ...]:
        """Return the sizes that the relation says are 0 or more; none of ``!=``."""
        more = self.left - self.right
        match self.relation:
            case ">=":
                return (more,)
            case ">":
                return (more - 1,)
            case "<=":
                return (-1 * more,)
            case "<":
                return (-1 * more - 1,)
            case "==":
                return (more, -1 * more)
        return ()


class Graph:
    """Hold a finished program: parameters, nodes in order of evaluation, and results.

    `nodes` contains every node that a result needs, the parameters first, each after its operands.
    """

    __slots__ = ("guards", "name", "nodes", "outputs", "params")

    def __init__(
        self,
        name: str,
        params: tuple[Node, ...],
        nodes: tuple[Node, ...],
        outputs: tuple[Node, ...],
        guards: tuple[Guard, ...] = (),
    ) -> None:
        """Hold the parts of the graph."""
        self.name = name
        self.params = params
        self.nodes = nodes
        self.outputs = outputs
        self.guards = guards

    def with_outputs(self, outputs: tuple[Node, ...]) -> Graph:
        """Return the graph that computes other values of the same nodes."""
        return Graph(self.name, self.params, self.nodes, outputs, self.guards)

    def __iter__(self) -> Iterator[Node]:
        """Iterate over the nodes in order."""
        return iter(self.nodes)

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.nodes)

    def __str__(self) -> str:
        """Return the graph as text, which `bpcompile.ir.parse` reads back."""
        return graph_text(self)

    def __repr__(self) -> str:
        """Return a short text for debugging."""
        return f"<graph {self.name}: {len(self.nodes)} nodes>"

    def to_dot(self) -> str:
        """Return a picture of the graph in the language of Graphviz."""
        return to_dot(self)

    def _repr_html_(self) -> str:
        """Return the graph as an HTML table, which notebooks show."""
        return graph_html(self)


def regions(node: Node) -> Sequence[tuple[str, Graph]]:
    """Return the name and graph of each region of a node."""
    if not node.attrs:  # most nodes
        return ()
    return [(key, value) for key, value in node.attrs.items() if isinstance(value, Graph)]


def users(graph: Graph) -> Mapping[Node, list[Node]]:
    """Return the nodes that read each node, in order and with repetition."""
    result: dict[Node, list[Node]] = {node: [] for node in graph.nodes}
    for node in graph.nodes:
        for arg in node.args:
            result[arg].append(node)
    return result


def reachable(outputs: tuple[Node, ...]) -> set[Node]:
    """Return every node that `outputs` depend on, themselves included."""
    seen: set[Node] = set()
    found: set[Node] = set(outputs)
    while found:
        seen |= found
        found = {arg for node in found for arg in node.args if arg not in seen}
    return seen
