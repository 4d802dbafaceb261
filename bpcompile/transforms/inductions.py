"""Find integers that a loop changes by the same amount in each iteration.

Such a state is known without a tape: after k iterations it is its start plus k times the amount.
These are the induction variables of A. V. Aho and others, "Compilers: Principles, Techniques, and
Tools", section 9.1. An inner loop that walks through an array is then run backwards from how far it
came, and nothing that its test reads is kept, be it an array that a loop around it changes.
"""

from __future__ import annotations

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType, Type
from bpcompile.transforms.regions import Loop

_INTEGER = Type(DType.I64)


def inductions(loop: Loop, builder: Builder) -> tuple[dict[Node, Node], dict[Node, Node]]:
    """Return what such states of a loop are in terms of its index, for a graph of its body.

    With them go parameters for what they are computed from, and the values of these outside.
    """
    known: dict[Node, Node] = {}
    outside: dict[Node, Node] = {}

    def given(node: Node, name: str) -> Expr:
        """Return a value from outside: a literal, or a parameter for it."""
        if node.op.name == "const":
            return builder.const(node.attrs["value"], _INTEGER)
        param = builder.param(name, _INTEGER)
        outside[param.node] = node
        return param

    for state, out, start in zip(loop.states, loop.outputs, loop.operands, strict=False):
        amount = _amount(loop, state, out)
        if amount is None:
            continue
        steps = builder.wrap(loop.index)
        if loop.lower.op.name != "const" or loop.lower.attrs["value"] != 0:
            steps = steps - given(loop.lower, "first")
        first = given(start, f"{state.name}_first" if state.name else "first")
        step = builder.wrap(amount)
        if amount.attrs.get("value") not in (1, -1):
            steps = steps * step
        is_down = (out.op.name == "sub") != (amount.attrs.get("value") == -1)
        found = first - steps if is_down else first + steps
        found.node.name = found.node.name or state.name
        known[state] = found.node
    return known, outside


def _amount(loop: Loop, state: Node, out: Node) -> Node | None:
    """Return what each iteration adds to a state or takes from it, None where that changes."""
    if state.type != _INTEGER or out.op.name not in ("add", "sub"):
        return None
    left, right = out.args
    if out.op.name == "add" and right is state:
        left, right = right, left
    fixed = right in loop.constants or (right.op.name == "const" and right.type == _INTEGER)
    return right if left is state and fixed else None
