"""Check that a graph keeps every invariant that its readers rely on.

Each invariant is one function; `verify` runs them all and names the node that breaks one.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn

from bpcompile.errors import BpcompileError, CompileError
from bpcompile.ir.attributes import is_attribute, misformed
from bpcompile.ir.dims import Dim, Size, size_names
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.type import AnyType, DType, TapeType, TupleType, Type

# What a type rule may raise where its operands or attributes do not fit it at all.
_RULE_FAILS = (BpcompileError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
_RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_VALUES = {DType.F64: float, DType.F32: float, DType.I64: int, DType.BOOL: bool}
MAX_TABLE = 16


class InvalidGraph(CompileError):
    """Signal a graph that breaks an invariant, at `node` where one is to blame."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        """Hold the node."""
        super().__init__(message)
        self.node = node


def verify(graph: Graph) -> None:
    """Check a graph and its regions.

    Raises `InvalidGraph`, a `CompileError` that names the node: for parameters that do not stand
    first, a node that stands twice or before its operands, a foreign operand, a type other than
    the op's rule gives, an attribute outside the closed set, a dimension that no parameter binds,
    a region that is not closed, or an output that is not there.

        >>> from bpcompile.ir.parse import parse
        >>> verify(parse("graph f(x: f64[n]) -> x {}"))
    """
    _Verifier(bound_names(graph)).run(graph)


def bound_names(graph: Graph) -> frozenset[str]:
    """Return the dimensions that the parameters of a graph bind: those that stand bare."""
    found = set()
    for param in graph.params:
        shape = param.type.shape if isinstance(param.type, Type) else ()
        for size in (*shape, param.attrs.get("size", 0)):
            if isinstance(size, Dim) and str(size).isidentifier():
                found.add(str(size))
    return frozenset(found)


class _Verifier:
    """Run the checks over a graph and its regions, each region once."""

    def __init__(self, bound: AbstractSet[str]) -> None:
        """Hold the names that the parameters of the whole program bind."""
        self.bound = bound
        # By identity, since Python hashes a type in a function of ours; the nodes keep types alive.
        self._good_types: set[int] = set()
        self._good_signatures: set[tuple[Any, ...]] = set()
        self._good_graphs: set[Graph] = set()

    def run(self, graph: Graph) -> None:
        """Check one graph."""
        if graph in self._good_graphs:
            return
        _check_params(graph)
        self._check_guards(graph)
        seen: set[Node] = set()
        for node in graph.nodes:
            if node in seen:
                _fail(graph, node, "stands twice")
            for arg in node.args:
                if arg not in seen:
                    _fail(graph, node, f"reads {_shown(arg)}, which does not stand before it")
            if node.attrs:
                self._check_attributes(graph, node)
                for _, region in regions(node):
                    self.run(region)
            if id(node.type) not in self._good_types:
                self._check_dims(graph, node, node.type)
            self._check_type(graph, node)
            seen.add(node)
        _check_outputs(graph, seen)
        self._good_graphs.add(graph)

    def _check_guards(self, graph: Graph) -> None:
        """Check the relations between sizes."""
        for guard in graph.guards:
            if guard.relation not in _RELATIONS:
                raise InvalidGraph(f"{graph.name}: {guard.relation} is no relation of a guard")
            self._check_bound(graph, None, guard.left)
            self._check_bound(graph, None, guard.right)

    def _check_attributes(self, graph: Graph, node: Node) -> None:
        """Check that the attributes are of the closed set and name known dimensions."""
        for key, value in node.attrs.items():
            if isinstance(value, Graph):
                continue
            if not is_attribute(value):
                _fail(graph, node, f"has the attribute {key} = {value!r}, which no text can hold")
            for size in _dims(value):
                self._check_bound(graph, node, size)
        wrong = misformed(node)
        if wrong:
            value = node.attrs[wrong]
            _fail(graph, node, f"has the attribute {wrong} = {value!r}, which does not fit it")

    def _check_dims(self, graph: Graph, node: Node, type: AnyType) -> None:
        """Check the sizes in a type."""
        for item in type.items if isinstance(type, TupleType) else (type,):
            for size in item.row.shape if isinstance(item, TapeType) else item.shape:
                if isinstance(size, int) and size < 0:
                    _fail(graph, node, f"has the length {size}")
                self._check_bound(graph, node, size)
        self._good_types.add(id(type))

    def _check_type(self, graph: Graph, node: Node) -> None:
        """Check the type; one that the same op has of the same operands elsewhere is good."""
        name = node.op.name
        if name in _GIVEN:
            _GIVEN[name](graph, node)
        elif node.attrs:
            _check_rule(graph, node)
        else:
            signature = (node.op, id(node.type), *[id(arg.type) for arg in node.args])
            if signature not in self._good_signatures:
                _check_rule(graph, node)
                self._good_signatures.add(signature)

    def _check_bound(self, graph: Graph, node: Node | None, size: Size) -> None:
        """Check that a parameter binds each name in a size."""
        for name in sorted(size_names(size) - self.bound):
            message = f"the dimension {name} of {size} is bound by no parameter"
            if node is not None:
                _fail(graph, node, message)
            raise InvalidGraph(f"{graph.name}: {message}")


def _dims(value: Any) -> Iterator[Dim]:
    """Yield the dimensions in an attribute."""
    stack = [value]
    while stack:
        entry = stack.pop()
        if isinstance(entry, Dim):
            yield entry
        elif isinstance(entry, tuple):
            stack.extend(entry)


def _shown(node: Node) -> str:
    """Return how a message names a node."""
    where = f" at {node.origin}" if node.origin is not None and node.origin.line else ""
    return f"{node.name or 'a value'} = {node.op.name}(...){where}"


def _fail(graph: Graph, node: Node, message: str) -> NoReturn:
    """Refuse a graph because of a node."""
    raise InvalidGraph(f"{graph.name}: {_shown(node)}: {message}", node)


def _check_params(graph: Graph) -> None:
    """Check that the parameters, and nothing else that is one, stand first."""
    count = len(graph.params)
    if graph.nodes[:count] != graph.params:
        raise InvalidGraph(f"{graph.name}: the parameters do not stand first, in order")
    for k, node in enumerate(graph.nodes):
        if (node.op.name == "param") != (k < count):
            _fail(graph, node, "parameters stand first and are in the list of parameters")


def _check_outputs(graph: Graph, nodes: AbstractSet[Node]) -> None:
    """Check that the results are arrays of this graph."""
    for out in graph.outputs:
        if out not in nodes:
            _fail(graph, out, "is an output and no node of the graph")
        if not isinstance(out.type, Type):
            _fail(graph, out, "is an output and no array")


def _check_rule(graph: Graph, node: Node) -> None:
    """Check that the type is the one that the op's rule gives."""
    if node.op.name != "item" and any(isinstance(arg.type, TupleType) for arg in node.args):
        _fail(graph, node, "reads a value of several arrays, which only item may")
    try:
        type = node.op.infer(*(arg.type for arg in node.args), **node.attrs)
    except (*_RULE_FAILS, AssertionError) as error:
        _fail(graph, node, f"does not fit its operands: {error}")
    if type != node.type:
        _fail(graph, node, f"has the type {node.type}, and its operands make {type}")
    # The rule of an elementwise op takes any number of operands; the op's other parts say how many.
    domain = node.op.domain
    if domain is not None and len(domain.intervals) != len(node.args):
        _fail(graph, node, f"has {len(node.args)} operands and takes {len(domain.intervals)}")


def _check_param(graph: Graph, node: Node) -> None:
    """Check a parameter, which is an array; one that binds a size is an i64 scalar."""
    if (
        node.args
        or not isinstance(node.type, (Type, TapeType))
        or not isinstance(node.attrs.get("name"), str)
    ):
        _fail(graph, node, "is a parameter: an array with the attribute name")
    if "size" in node.attrs and node.type != Type(DType.I64):
        _fail(graph, node, "gives a size and must be an i64 scalar")


def _check_const(graph: Graph, node: Node) -> None:
    """Check that a constant holds a Python number of its dtype."""
    value: Any = node.attrs.get("value")
    fits = isinstance(node.type, Type) and type(value) is _VALUES[node.type.dtype]
    if node.args or not fits or node.attrs.keys() != {"value"}:
        _fail(graph, node, f"holds {value!r}, which is no number of type {node.type}")


def _check_table(graph: Graph, node: Node) -> None:
    """Check that a table holds as many numbers of its dtype as its shape says."""
    values: Any = node.attrs.get("values")
    if not isinstance(node.type, Type) or not isinstance(values, tuple) or node.args:
        _fail(graph, node, "is a table: a tuple of numbers with the type of an array")
    count = 1
    for size in node.type.shape:
        count = count * size if isinstance(size, int) else -1
    kind = _VALUES[node.type.dtype]
    if count != len(values) or count > MAX_TABLE or any(type(v) is not kind for v in values):
        _fail(graph, node, f"holds {len(values)} numbers and has the type {node.type}")


def _check_dim(graph: Graph, node: Node) -> None:
    """Check that the value of a length is an i64 scalar."""
    size = node.attrs.get("size")
    if node.args or node.type != Type(DType.I64) or not isinstance(size, (int, Dim)):
        _fail(graph, node, "is a length: an i64 scalar with the attribute size")


def _check_empty(graph: Graph, node: Node) -> None:
    """Check that an array without contents is an array."""
    if node.args or node.attrs or not isinstance(node.type, Type):
        _fail(graph, node, "is an array without contents: it has a type and nothing else")


# The ops whose type is given when they are built.
_GIVEN = {
    "param": _check_param,
    "const": _check_const,
    "table": _check_table,
    "dim": _check_dim,
    "empty": _check_empty,
}
