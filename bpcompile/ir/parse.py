"""Read a graph from its text, the inverse of `bpcompile.ir.text`.

The text is data: its ops come from the closed table `OPS`, its attributes from the closed set of
`ir.attributes`, and what comes out has passed the verifier. Each refusal is a `FormatError` that
names the line, or a `LimitError`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bpcompile.errors import FormatError, LimitError, ShapeError
from bpcompile.ir.attributes import MAX_NESTING, RECORDS
from bpcompile.ir.dims import Size, parse_dim
from bpcompile.ir.graph import Graph, Guard, Node, Origin
from bpcompile.ir.op import OPS
from bpcompile.ir.scan import Scanner
from bpcompile.ir.text import is_own_name
from bpcompile.ir.type import AnyType, DType, TapeType, TupleType, Type
from bpcompile.ir.verify import InvalidGraph, verify

MAX_NODES = 2_000_000
MAX_REGIONS = 32  # regions within regions
MAX_RANK = 32
MAX_DIGITS = 19  # of an integer: those of a 64-bit one

_ORIGIN = re.compile(
    r"""\#\ (?:(?P<file>"(?:[^"\\]|\\.)*"|[A-Za-z0-9_./<>\ +-]*):(?P<line>[0-9]{1,9}))?
    (?:,\ )?(?P<adjoint>adjoint(?:\ of\ (?P<of>[A-Za-z0-9_]+))?)?\s*""",
    re.VERBOSE | re.ASCII,
)
_RELATIONS = ("==", "!=", "<", "<=", ">", ">=")
_DTYPES = {dtype.value: dtype for dtype in DType}
_SPECIAL: dict[str, Any] = {
    "True": True,
    "False": False,
    "nan": float("nan"),
    "inf": float("inf"),
    **_DTYPES,
}

Scope = dict[str, Node]


def parse(text: str) -> Graph:
    """Return the graph that a text stands for.

    Raises `FormatError` with the line for a text that is no graph, or no valid one, and
    `LimitError` for one that is too large.

        >>> from bpcompile import ops
        >>> print(parse("graph f(x: f64[n]) -> y { y: f64[n] = mul(x, x) }"))
        graph f(x: f64[n]) -> y {
          y: f64[n] = mul(x, x)
        }
    """
    reader = _Reader(Scanner(text))
    graph = reader.graph(0)
    reader.scan.take("end", "the end of the text")
    try:
        verify(graph)
    except InvalidGraph as error:
        line = reader.lines.get(error.node) if error.node is not None else None
        raise FormatError(f"line {line or 1}: {error}") from None
    return graph


class _Reader:
    """Read graphs, types and values from a scanner, each by the method of its name."""

    def __init__(self, scan: Scanner) -> None:
        """Start at the scanner's place."""
        self.scan = scan
        self.lines: dict[Node, int] = {}
        self._sizes: dict[str, Size] = {}

    def graph(self, nesting: int) -> Graph:
        """Take a graph."""
        scan, scope = self.scan, Scope()
        if nesting > MAX_REGIONS:
            raise LimitError(f"line {scan.lines[scan.at]}: over {MAX_REGIONS} regions deep")
        if scan.take("name", "graph") != "graph":
            scan.fail("a graph was expected, as in: graph f(x: f64[]) -> x {}")
        name = scan.string() if scan.kind == "text" else scan.take("name", "the graph's name")
        scan.mark("(")
        params = scan.listed(")", lambda: self.param(scope))
        scan.mark("->")
        several = scan.skip("(")
        results = scan.listed(")", self.result) if several else [self.result()]
        scan.mark("{")
        origin = self.origin(scope)
        for param in params:
            param.origin = param.origin or origin
        guards, nodes = [], list(params)
        while scan.text == "guard" and scan.following != ":" and scan.following[:1] != '"':
            guards.append(self.guard())
        while not scan.skip("}"):
            nodes.append(self.node(scope, nesting))
        outputs = tuple(self.known(scope, *result) for result in results)
        return Graph(name, tuple(params), tuple(nodes), outputs, tuple(guards))

    def result(self) -> tuple[str, int]:
        """Take the identifier of an output; return it with its line."""
        line = self.scan.lines[self.scan.at]
        return self.scan.take("name", "the name of an output"), line

    def known(self, scope: Scope, identifier: str, line: int) -> Node:
        """Return the node that an identifier stands for."""
        if identifier not in scope:
            raise FormatError(f"line {line}: {identifier} is not defined before it is used")
        return scope[identifier]

    def guard(self) -> Guard:
        """Take ``guard n >= 3: "reason"``."""
        scan = self.scan
        scan.take("name", "guard")
        left = self.size((*_RELATIONS, "="))
        if scan.text not in _RELATIONS:
            scan.fail(f"one of {' '.join(_RELATIONS)} was expected, and {scan.text} found")
        relation = scan.take("mark", "a relation")
        line = scan.lines[scan.at]
        right = self.size((":",), line)
        return Guard(left, relation, right, scan.string() if scan.skip(":") else "")

    def declared(self, scope: Scope) -> tuple[str, str | None, AnyType]:
        """Take ``z: f64[n]`` or ``v1 "name": f64[n]``; return identifier, name and type."""
        scan = self.scan
        identifier = scan.take("name", "the name of a value")
        name = identifier if is_own_name(identifier) else None
        if scan.kind == "text":
            name = scan.string()
        if identifier in scope:
            scan.fail(f"{identifier} is defined twice", taken=True)
        scan.mark(":")
        return identifier, name, self.type()

    def enter(self, scope: Scope, identifier: str, node: Node) -> Node:
        """Enter a node under its identifier and remember its line."""
        if len(self.lines) >= MAX_NODES:
            raise LimitError(f"a graph of more than {MAX_NODES} nodes")
        self.lines[node] = self.scan.lines[self.scan.at - 1]
        scope[identifier] = node
        return node

    def param(self, scope: Scope) -> Node:
        """Take a parameter."""
        identifier, name, type = self.declared(scope)
        attrs: dict[str, Any] = {"name": name}
        if self.scan.skip("("):
            entries = self.scan.listed(")", self.attribute)
            attrs |= self.distinct(entries, {})
        node = Node(OPS["param"], (), attrs, type, None, name)
        if self.scan.text == "," and self.scan.kind == "mark":
            self.scan.at += 1  # a comment behind the comma is the parameter's
            node.origin = self.origin(scope)
            self.scan.at -= 1
        return self.enter(scope, identifier, node)

    def node(self, scope: Scope, nesting: int) -> Node:
        """Take a node together with its regions."""
        scan = self.scan
        identifier, name, type = self.declared(scope)
        scan.mark("=")
        args: tuple[Node, ...] = ()
        op = OPS["const"]
        if scan.kind == "name" and scan.following == "(":
            if scan.text not in OPS or scan.text == "param":
                scan.fail(f"there is no op {scan.text}")
            op = OPS[scan.take("name", "an op")]
            scan.mark("(")
            args, attrs = self.operands(scope)
        else:
            attrs = {"value": self.literal()}
        origin = self.origin(scope)
        while scan.kind == "name" and scan.following == "=":
            key = scan.take("name", "the name of a region")
            scan.mark("=")
            attrs |= self.distinct([(key, self.graph(nesting + 1))], attrs)
        return self.enter(scope, identifier, Node(op, args, attrs, type, origin, name))

    def operands(self, scope: Scope) -> tuple[tuple[Node, ...], dict[str, Any]]:
        """Take the operands and attributes of a node, with the closing parenthesis."""
        scan = self.scan
        entries = scan.listed(")", lambda: self.operand(scope))
        args = [entry for entry in entries if isinstance(entry, Node)]
        attrs = [entry for entry in entries if not isinstance(entry, Node)]
        if any(isinstance(entry, Node) for entry in entries[len(args) :]):
            scan.fail("operands stand before attributes", taken=True)
        return tuple(args), self.distinct(attrs, {})

    def operand(self, scope: Scope) -> Node | tuple[str, Any]:
        """Take an operand, or an attribute."""
        if self.scan.following == "=":
            return self.attribute()
        line = self.scan.lines[self.scan.at]
        return self.known(scope, self.scan.take("name", "the name of an operand"), line)

    def attribute(self) -> tuple[str, Any]:
        """Take ``key=value``."""
        key = self.scan.take("name", "the name of an attribute")
        self.scan.mark("=")
        return key, self.value(0)

    def distinct(self, entries: list[tuple[str, Any]], before: dict[str, Any]) -> dict[str, Any]:
        """Return attributes as a dict; each key must be new."""
        found: dict[str, Any] = {}
        for key, value in entries:
            if key in found or key in before:
                self.scan.fail(f"the attribute {key} is given twice", taken=True)
            found[key] = value
        return found

    def origin(self, scope: Scope) -> Origin | None:
        """Return the origin that the comment behind the last token states."""
        match = _ORIGIN.fullmatch(self.scan.comment)
        if match is None or not (match["line"] or match["adjoint"]):
            return None
        file = match["file"] or ""
        if file.startswith('"'):
            try:
                file = str(json.loads(file))
            except ValueError:
                return None
        return Origin(file, int(match["line"] or 0), scope.get(match["of"] or ""))

    def type(self) -> AnyType:
        """Take ``f64[n, 3]``, ``tape f64[3]`` or ``(f64[], i64[n])``."""
        if self.scan.skip("("):
            return TupleType(tuple(self.scan.listed(")", self.item_type)))
        return self.item_type()

    def item_type(self) -> Type | TapeType:
        """Take ``f64[n, 3]`` or ``tape f64[3]``."""
        if self.scan.text != "tape":
            return self.array_type()
        self.scan.at += 1
        return TapeType(self.array_type())

    def array_type(self) -> Type:
        """Take ``f64[n, 3]``."""
        dtype = _DTYPES.get(self.scan.text)
        if dtype is None:
            self.scan.fail(f"a type such as f64[n, 3] was expected, and {self.scan.text} found")
        self.scan.at += 1
        self.scan.mark("[")
        shape = tuple(self.scan.listed("]", lambda: self.size((",", "]"))))
        if len(shape) > MAX_RANK or any(isinstance(n, int) and n < 0 for n in shape):
            self.scan.fail(f"{shape} is no shape: at most {MAX_RANK} lengths, none below 0")
        return Type(dtype, shape)

    def size(self, ends: tuple[str, ...], line: int = 0) -> Size:
        """Take a size, up to one of the marks `ends` (or to the end of `line`)."""
        scan, depth, start = self.scan, 0, self.scan.at
        while scan.kind in ("name", "number", "mark") and (depth or scan.text not in ends):
            if line and scan.lines[scan.at] != line:
                break
            depth += (scan.text == "(") - (scan.text == ")")
            if depth < 0:
                break
            if scan.kind == "number" and len(scan.text) > MAX_DIGITS:
                scan.fail(f"the length {scan.text} is too large")
            scan.at += 1
        text = " ".join(scan.texts[start : scan.at])
        if text not in self._sizes:
            try:
                self._sizes[text] = parse_dim(text)
            except ShapeError as error:
                scan.fail(str(error), taken=scan.at > start)
        return self._sizes[text]

    def value(self, nesting: int) -> Any:
        """Take the value of an attribute."""
        scan = self.scan
        if nesting > MAX_NESTING:
            scan.fail(f"tuples are nested more than {MAX_NESTING} deep")
        if scan.kind == "text":
            return scan.string()
        if scan.skip("<"):
            size = self.size((">",))
            scan.mark(">")
            return size
        if scan.kind == "name" and scan.following == "(" and scan.text in RECORDS:
            record = RECORDS[scan.take("name", "a record")]
            scan.mark("(")
            entries = scan.listed(")", lambda: self.value(nesting + 1))
            if len(entries) != len(getattr(record, "_fields", ())):
                scan.fail(f"{record.__name__} has {len(entries)} entries", taken=True)
            return record(*entries)
        if self.is_tuple():
            scan.mark("(")
            return tuple(scan.listed(")", lambda: self.value(nesting + 1)))
        return self.number()

    def is_tuple(self) -> bool:
        """Tell whether a tuple comes next, and no size in parentheses."""
        scan, depth = self.scan, 0
        if scan.text != "(" or scan.following == ")":
            return scan.text == "("
        for k in range(scan.at, len(scan.texts)):
            text = scan.texts[k]
            depth += (text == "(") - (text == ")")
            if depth == 0 or (depth == 1 and text == ","):
                return depth == 1
        return False

    def number(self) -> Any:
        """Take a number, a truth value, a dtype or a size."""
        scan = self.scan
        sign = scan.text == "-" and scan.kinds[scan.at] == "mark"
        place = min(scan.at + sign, len(scan.texts) - 1)
        kind, text = scan.kinds[place], scan.texts[place]
        if (kind == "name" and text in _SPECIAL) or (kind == "number" and not text.isdigit()):
            return self.literal()
        return self.size((",", ")"))

    def literal(self) -> Any:
        """Take a number, a truth value or a dtype."""
        scan = self.scan
        negative = scan.skip("-")
        text = scan.text
        if scan.kind == "name" and text in _SPECIAL:
            value = _SPECIAL[text]
        elif scan.kind == "number" and not (text.isdigit() and len(text) > MAX_DIGITS):
            value = int(text) if text.isdigit() else float(text)
        else:
            scan.fail(f"a number was expected, and {text or 'the end'} found")
        if negative and type(value) not in (int, float):
            scan.fail(f"-{text} is no value")
        scan.at += 1
        return -value if negative else value
