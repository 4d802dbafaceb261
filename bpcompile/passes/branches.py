"""Simplify branches: take the arm that is certain, and what both arms return alike.

An arm stays an arm however small it is: what is not taken is not evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpcompile.ir.build import attribute_key
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.passes.loops import substituted
from bpcompile.passes.rewrite import Rewriter, Rules, Table, number, rewrite

_LEAVES = frozenset({"const", "dim", "table"})


def item_of_branch(y: Node, build: Rewriter) -> Node | None:
    """Take the result of the arm that is certain, or the value that both arms return."""
    branch, k = y.args[0], y.attrs["index"]
    if branch.op.name != "branch":
        return None
    condition, *operands = branch.args
    arms = [branch.attrs["then"], branch.attrs["otherwise"]]
    known = number(condition)
    if known is not None:
        return _inlined(arms[0 if known else 1], k, operands, build)
    then, otherwise = (arm.outputs[k] for arm in arms)
    values = [_operand(arm, arm.outputs[k], operands) for arm in arms]
    if values[0] is not None and values[0] is values[1]:
        return values[0]
    if then.op.name in _LEAVES and _same_leaf(then, otherwise):
        return build.node(then.op, (), then.attrs, then.type).node
    if then.type == _BOOL and (number(then), number(otherwise)) == (True, False):
        return condition
    if then.type == _BOOL and (number(then), number(otherwise)) == (False, True):
        return build("logical_not", condition)
    return None


_BOOL = Type(DType.BOOL)


def _inlined(arm: Graph, k: int, operands: Sequence[Node], build: Rewriter) -> Node:
    """Return a result of an arm, computed where the branch is."""
    results = build.inline(arm.with_outputs((arm.outputs[k],)), map(build.wrap, operands))
    return results[0].node


def _operand(arm: Graph, out: Node, operands: Sequence[Node]) -> Node | None:
    """Return the operand that an arm hands on, or None."""
    return operands[arm.params.index(out)] if out.op.name == "param" else None


def _same_leaf(a: Node, b: Node) -> bool:
    """Tell whether two nodes are one constant, bit by bit."""
    if a.op is not b.op or a.type != b.type or a.attrs.keys() != b.attrs.keys():
        return False
    return all(attribute_key(a.attrs[key]) == attribute_key(b.attrs[key]) for key in a.attrs)


def negated_condition(y: Node, build: Rewriter) -> Node | None:
    """Exchange the arms of a branch on a negated condition."""
    condition, *operands = y.args
    if condition.op.name != "logical_not":
        return None
    then, otherwise = y.attrs["otherwise"], y.attrs["then"]
    attrs = {**y.attrs, "then": then, "otherwise": otherwise}
    return build("branch", condition.args[0], *operands, **attrs)


def known_condition(y: Node, build: Rewriter) -> Node | None:
    """Write the condition, where an arm reads it, as what it is there."""
    condition, *operands = y.args
    places = [k for k, operand in enumerate(operands) if operand is condition]
    if not places:
        return None
    new = {}
    for key, value in (("then", True), ("otherwise", False)):
        arm = y.attrs[key]
        leaf = Node(OPS["const"], (), {"value": value}, _BOOL)
        new[key] = build.region(substituted(arm, {arm.params[k]: leaf for k in places}))
    rest = [operand for operand in operands if operand is not condition]
    return build("branch", condition, *rest, **{**y.attrs, **new})


BRANCHES: Table = {
    "item": (item_of_branch,),
    "branch": (negated_condition, known_condition),
}
_RULES = Rules(BRANCHES)


def simplify_branches(graph: Graph) -> Graph:
    """Return the graph with fewer branches, and with what is known in their arms."""
    return rewrite(graph, _RULES)
