"""Apply tables of rewrite rules to a graph: each node once, its operands first.

A rule is a function ``rule(node, build)`` that returns the node to use instead, or None. Whatever
a rule builds goes through the same table before the rule sees it, so one walk over the graph
reaches what would else take several, and equal nodes are always one object. A node keeps its
identity where neither it nor its operands changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any, TypeAlias

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder, node_key
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import OPS, Kind, Op

Rule: TypeAlias = Callable[[Node, "Rewriter"], "Node | None"]
Table: TypeAlias = Mapping[str | Kind, Sequence[Rule]]

WRITTEN = "written"
_REGION = Kind.REGION
_FEW = 3  # operands, of which the combinations are few enough to remember
MAX_DEPTH = 60  # of rules that build nodes that rules rewrite


_OPERANDS: dict[Rule, frozenset[str | Kind]] = {}  # of the rules that are `for_operands`


def for_operands(*wanted: str | Kind) -> Callable[[Rule], Rule]:
    """Say that a rule applies only where an operand is an op of these names or kinds.

    It is not called elsewhere: most nodes have no such operand, and a long model has 10⁵ nodes.
    """

    def noted(rule: Rule) -> Rule:
        _OPERANDS[rule] = frozenset(wanted)
        return rule

    return noted


class Rules:
    """Hold rules by the name or kind of the op that they look at; those listed first go first.

    An op that is written in other ops has the rules of `WRITTEN`, too.
    """

    def __init__(self, *tables: Table) -> None:
        """Join tables."""
        self._tables = tables
        self._of_ops: dict[tuple[Op, ...], tuple[Rule, ...]] = {}

    def of(self, op: Op, operands: Sequence[Op]) -> tuple[Rule, ...]:
        """Return the rules for an op with operands made by other ops, in order."""
        ops = (op, *operands)
        found = self._of_ops.get(ops)
        if found is None:
            keys = (op.name, op.kind) if op.expand is None else (WRITTEN, op.name, op.kind)
            every = (rule for table in self._tables for key in keys for rule in table.get(key, ()))
            met = {one for operand in operands for one in (operand.name, operand.kind)}
            found = tuple(rule for rule in every if _may_apply(rule, met))
            if len(operands) <= _FEW:
                self._of_ops[ops] = found
        return found


def _may_apply(rule: Rule, met: set[str | Kind]) -> bool:
    """Tell whether a rule may apply to a node whose operands have these names and kinds."""
    wanted = _OPERANDS.get(rule)
    return wanted is None or not met.isdisjoint(wanted)


def rewrite(graph: Graph, rules: Rules) -> Graph:
    """Return a graph rewritten by rules, in its regions too; dead nodes are dropped."""
    return _rewritten(graph, rules, {})


class Rewriter(Builder):
    """Build a graph whose nodes are rewritten as they are made.

    Called with the name of an op, its operands and attributes, it returns the node.
    """

    def __init__(self, graph: Graph, rules: Rules, regions: dict[Graph, Graph]) -> None:
        """Start with the parameters and guards of `graph`."""
        super().__init__(graph.name)
        self.params = list(graph.params)
        self.nodes = list(graph.params)
        self.guards = list(graph.guards)
        self.place: dict[Node, Node] = {param: param for param in graph.params}
        self._rules = rules
        self._regions = regions
        self._settled: dict[Any, Node] = {}
        self._names: dict[Node, str] = {}
        self._depth = 0

    def __call__(self, name: str, *args: Node, **attrs: Any) -> Node:
        """Return the node of an operation."""
        op = OPS[name]
        type = op.infer(*(arg.type for arg in args), **attrs)
        return self._known_or_new(Node(op, args, attrs, type, self.origin))

    def region(self, graph: Graph) -> Graph:
        """Return a region rewritten by the same rules."""
        return _rewritten(graph, self._rules, self._regions)

    def move(self, node: Node) -> None:
        """Bring a node of the old graph here, and remember what became of it."""
        place = self.place
        args = node.args
        changed = False
        for arg in args:
            if place[arg] is not arg:
                changed = True
                break
        attrs = node.attrs
        if attrs and node.op.kind is _REGION:
            inner = {key: self.region(region) for key, region in regions(node)}
            if any(inner[key] is not attrs[key] for key in inner):
                attrs = {**attrs, **inner}
                changed = True
        if changed:
            moved = tuple([place[arg] for arg in args])
            copy = Node(node.op, moved, attrs, node.type, node.origin, node.name)
        else:
            copy = node
        result = place[node] = self._known_or_new(copy)
        if node.name is not None and result.name is None and result is not node:
            self._give_name(result, node.name)

    def _give_name(self, node: Node, name: str) -> None:
        """Name the replacement of a named node, now or, if an older graph has it, at the end.

        A parameter stays itself.
        """
        if node.op.name == "param":
            return
        if node in self.place:
            self._names.setdefault(node, name)
        else:
            node.name = name

    def _known_or_new(self, node: Node) -> Node:
        """Return what a node is rewritten to."""
        key = _key(node)
        found = self._settled.get(key)
        if found is None:
            found = self._settled[key] = self._settle(node)
        return found

    def _settle(self, node: Node) -> Node:
        """Return the result of the first rule that applies, or the node itself."""
        rules = self._rules.of(node.op, [arg.op for arg in node.args])
        if rules:
            before, self.origin = self.origin, node.origin
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise CompileError(f"rewriting {node.op.name} comes to no end")
            for rule in rules:
                found = rule(node, self)
                if found is not None:
                    break
            else:
                found = None
            self._depth -= 1
            self.origin = before
            if found is not None:
                return found
        self.nodes.append(node)
        return node

    def rewritten(self, graph: Graph) -> Graph:
        """Return the new graph, or the old one where it is the same."""
        outputs = tuple([self.place[out] for out in graph.outputs])
        needed = set(outputs)
        for node in reversed(self.nodes):
            if node in needed:
                needed.update(node.args)
        rest = [node for node in self.nodes[len(self.params) :] if node in needed]
        new = Graph(self.name, graph.params, (*graph.params, *rest), outputs, graph.guards)
        if self._names:
            new = _renamed(new, self._names)
        same = len(new.nodes) == len(graph.nodes) and all(map(is_, new.nodes, graph.nodes))
        return graph if same and all(map(is_, new.outputs, graph.outputs)) else new


def _rewritten(graph: Graph, rules: Rules, known: dict[Graph, Graph]) -> Graph:
    """Return a graph or region rewritten by rules; `known` holds the regions met so far."""
    if graph in known:
        return known[graph]
    build = Rewriter(graph, rules, known)
    for node in graph.nodes:
        if node.op.name != "param":
            build.move(node)
    known[graph] = new = build.rewritten(graph)
    known[new] = new
    return new


def _key(node: Node) -> Any:
    """Return what makes two nodes equal; the operands of a commutative op have no order."""
    op, args = node.op, node.args
    if node.attrs or not args:
        return node_key(node)
    if op.commutative:
        a, b = args
        if id(a) > id(b):
            return (op, (b, a))
    return (op, args)


def _renamed(graph: Graph, names: Mapping[Node, str]) -> Graph:
    """Return a graph in which some nodes have another name; the old nodes stay as they are."""
    place: dict[Node, Node] = {}
    for node in graph.nodes:
        args = tuple([place[arg] for arg in node.args])
        if node in names or not all(map(is_, args, node.args)):
            name = names.get(node, node.name)
            place[node] = Node(node.op, args, node.attrs, node.type, node.origin, name)
        else:
            place[node] = node
    nodes, outputs = (tuple([place[n] for n in part]) for part in (graph.nodes, graph.outputs))
    return Graph(graph.name, graph.params, nodes, outputs, graph.guards)


def number(node: Node) -> Any:
    """Return the value of a constant, or None for any other node."""
    return node.attrs["value"] if node.op.name == "const" else None
