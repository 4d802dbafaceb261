"""Simplify the checks of a model, and let them stand alone in the end.

`settle` is the last pass: tokens have kept every check in the flow of data until then (see
`bpcompile.ops.checks`). Nothing may be dropped after it but by `drop_dead` of the same package.
"""

from __future__ import annotations

from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType, Type
from bpcompile.ir.walk import all_graphs
from bpcompile.ops.checks import checked, require, show, unchecked
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.forms import FORMS
from bpcompile.passes.rewrite import Rewriter, Rules, Table, number, rewrite


def certain_check(y: Node, _build: Rewriter) -> Node | None:
    """Leave out a check that certainly passes."""
    return y.args[0] if number(y.args[0]) is True else None


def certain_tokens(y: Node, build: Rewriter) -> Node | None:
    """Wait for no check that certainly passes, for none twice, and for all at once."""
    x, *tokens = y.args
    if x.op is checked:
        x, tokens = x.args[0], [*x.args[1:], *tokens]
    wanted = [token for token in dict.fromkeys(tokens) if number(token) is not True]
    if not wanted:
        return x
    return None if (x, *wanted) == y.args else build("checked", x, *wanted)


def arm_that_raises(y: Node, build: Rewriter) -> Node | None:
    """Write ``if c: raise`` as a check of the condition, without a branch."""
    branch, k = y.args[0], y.attrs["index"]
    if branch.op.name != "branch":
        return None
    then, otherwise = (branch.attrs[key].outputs[k] for key in ("then", "otherwise"))
    condition = branch.args[0]
    if _raises(then) and number(otherwise) is True:
        raising, condition = then, build("logical_not", condition)
    elif _raises(otherwise) and number(then) is True:
        raising = otherwise
    else:
        return None
    with build.at(raising.origin):
        return build("require", condition, **raising.attrs)


def _raises(token: Node) -> bool:
    """Tell whether a token is that of an exception which is raised in any case."""
    return token.op is require and number(token.args[0]) is False


CHECKS: Table = {
    "require": (certain_check,),
    "checked": (certain_tokens,),
    "item": (arm_that_raises,),
}
_RULES = Rules(CHECKS)
_STANDING = (require, show)  # what is run for itself


def simplify_checks(graph: Graph) -> Graph:
    """Return the graph with fewer checks and tokens."""
    return rewrite(graph, _RULES)


def settle(graph: Graph) -> Graph:
    """Return the graph in which checks stand for themselves, without tokens."""
    found = any(node.op.kind is Kind.CHECK for inner in all_graphs(graph) for node in inner.nodes)
    return drop_dead(_Settling().graph(graph), checks=True) if found else graph


class _Settling:
    """Write tokens as what they are once code goes on: true."""

    def __init__(self) -> None:
        """Start with no region known."""
        self._known: dict[Graph, tuple[Graph, set[int]]] = {}  # what it becomes, and its tokens

    def graph(self, graph: Graph) -> Graph:
        """Return a graph in which no value waits for a check."""
        return self._settled(graph)[0]

    def _settled(self, graph: Graph) -> tuple[Graph, set[int]]:
        """Return a graph or region without tokens, and which of its outputs are some."""
        if graph in self._known:
            return self._known[graph]
        truth = Node(OPS["const"], (), {"value": True}, Type(DType.BOOL))
        nodes = list(graph.params)
        place: dict[Node, Node] = {param: param for param in graph.params}
        handed: dict[Node, set[int]] = {}  # the results of regions that are tokens
        for node in graph.nodes:
            if node.op.name == "param":
                continue
            if node.op is checked:
                place[node] = place[unchecked(node)]
                continue
            new, handed[node] = self._node(node, tuple(place[arg] for arg in node.args), truth)
            nodes.append(new)
            item = node.op.name == "item" and node.attrs["index"] in handed[node.args[0]]
            place[node] = truth if node.op in _STANDING or item else new
        outputs = tuple(place[out] for out in graph.outputs)
        tokens = {k for k, out in enumerate(outputs) if out is truth}
        if truth in place.values():
            nodes.insert(len(graph.params), truth)
        made = Graph(graph.name, graph.params, tuple(nodes), outputs, graph.guards)
        self._known[graph] = made, tokens
        return made, tokens

    def _node(self, node: Node, args: tuple[Node, ...], truth: Node) -> tuple[Node, set[int]]:
        """Return a node of new operands, and which of its results are tokens.

        A call is left as it is: where code is made, there is none.
        """
        if node.op.kind is Kind.CALL:
            return Node(node.op, args, node.attrs, node.type, node.origin, node.name), set()
        inner = {key: self._settled(region) for key, region in regions(node)}
        made = [inner[key] for key in inner if key != "test"]
        handed = set().union(*(tokens for _, tokens in made))
        handed = {k for k in handed if all(_is_true(region.outputs[k]) for region, _ in made)}
        if handed and node.op.name != "branch":
            first = FORMS[node.op.name].first
            args = tuple(truth if k - first in handed else arg for k, arg in enumerate(args))
        attrs = {**node.attrs, **{key: region for key, (region, _) in inner.items()}}
        return Node(node.op, args, attrs, node.type, node.origin, node.name), handed


def _is_true(node: Node) -> bool:
    """Tell whether a node is the constant that stands for tokens."""
    return number(node) is True
