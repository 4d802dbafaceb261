"""Declare the ops that run graphs: the counted loop.

``loop(lower, upper, *carried, *constants)`` runs `body` for i = lower, ..., upper - 1. The body
has the parameters ``(i, *carried, *constants)`` and returns the next carried values, of the same
types. The result is the tuple of the last carried values. What is read from outside is a constant
operand: regions are closed. `note` is a sentence for the emitted comment and has no meaning.
Derivative rules of region ops rewrite regions and live in `bpcompile.transforms`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpcompile.errors import CompileError
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import Kind, Op, declare
from bpcompile.ir.type import DType, TupleType, Type


def _infer_loop(
    lower: Type, upper: Type, *rest: Type, body: Graph, carried: int, **_: str
) -> TupleType:
    """Check that the body fits its operands and gives back what it is given."""
    index = Type(DType.I64)
    given = (index, *rest)
    types = tuple(p.type for p in body.params)
    results = tuple(o.type for o in body.outputs)
    if lower != index or upper != index or types != given or results != rest[:carried]:
        raise CompileError(f"loop over {rest[:carried]} with a body {types} -> {results}")
    return TupleType(tuple(rest[:carried]))


def _loop(
    run: Callable[..., Any],
    lower: Any,
    upper: Any,
    *rest: Any,
    body: Graph,
    carried: int,
    **_: str,
) -> Any:
    """Run the body once per index."""
    state, constants = tuple(rest[:carried]), tuple(rest[carried:])
    for i in range(int(lower), int(upper)):
        state = tuple(run(body, (i, *state, *constants)))
    return state


loop = declare(
    Op(
        "loop",
        Kind.REGION,
        infer=_infer_loop,
        evaluate=_loop,
        derivative="none",
        doc="Run `body` for each index from the first operand up to the second.",
    )
)
