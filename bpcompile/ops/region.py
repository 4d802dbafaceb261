"""Declare the ops that run graphs: the counted loop, the loop with a test, and the branch.

``loop(lower, upper, *carried, *constants)`` runs `body` for i = lower, ..., upper - 1. The body
has the parameters ``(i, *carried, *constants)`` and returns the next carried values, of the same
types. The result is the tuple of the last carried values.

``while(*carried, *constants)`` runs `body` as long as `test` gives true. Both have the parameters
``(*carried, *constants)``. The body returns the next carried values and then `kept` rows, each of
which goes on a tape. The result is the tuple of the last carried values and the tapes, which
``replay(tape, k)`` reads. A `limit` other than 0 is a size that the number of iterations never
exceeds.

``branch(condition, *operands)`` runs `then` or `otherwise`, which have the parameters
``(*operands)`` and results of the same types; the other one is not run.

What is read from outside is an operand: regions are closed. `note` is a sentence for the emitted
comment and has no meaning. `checkpoint` says what reverse mode keeps of a loop's steps (see
`bpcompile.checkpoints.range`; ``"again"`` keeps nothing but what it starts from). Derivative rules
of region ops rewrite regions and live in `bpcompile.transforms`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import Kind, Op, declare
from bpcompile.ir.type import AnyType, DType, TapeType, TupleType, Type


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


def _infer_while(
    *operands: Type, test: Graph, body: Graph, carried: int, kept: int = 0, **_: object
) -> TupleType:
    """Check that the test and the body fit the operands, and that the body gives back its state."""
    results = tuple(o.array_type for o in body.outputs)
    tested = tuple(o.type for o in test.outputs)
    fits = all(tuple(p.type for p in region.params) == operands for region in (test, body))
    returns = results[:carried] == operands[:carried] and len(results) == carried + kept
    if not fits or not returns or tested != (Type(DType.BOOL),):
        raise CompileError(f"while over {operands} with a test {tested} and a body {results}")
    return TupleType((*results[:carried], *map(TapeType, results[carried:])))


def _while(
    run: Callable[..., Any],
    *operands: Any,
    test: Graph,
    body: Graph,
    carried: int,
    kept: int = 0,
    limit: int = 0,
    **_: object,
) -> Any:
    """Run the body while the test holds; a tape is a list of rows."""
    state, constants = tuple(operands[:carried]), tuple(operands[carried:])
    tapes: tuple[list[Any], ...] = tuple([] for _ in range(kept))
    steps = 0
    while np.real(run(test, (*state, *constants))[0]):
        found = run(body, (*state, *constants))
        state = tuple(found[:carried])
        for tape, row in zip(tapes, found[carried:], strict=True):
            tape.append(row)
        steps += 1
    if limit and steps > limit:
        raise CompileError(f"a while of at most {limit} iterations ran {steps}")
    return (*state, *tapes)


repeat = declare(
    Op(
        "while",
        Kind.REGION,
        infer=_infer_while,
        evaluate=_while,
        derivative="none",
        doc="Run `body` as long as `test` holds, keeping rows of each iteration.",
    )
)


def _infer_replay(tape: AnyType, place: Type) -> Type:
    """Return the type of a row."""
    if not isinstance(tape, TapeType) or place != Type(DType.I64):
        raise CompileError(f"replay of {tape} at {place}")
    return tape.row


replay = declare(
    Op(
        "replay",
        Kind.LEAF,
        infer=_infer_replay,
        evaluate=lambda tape, place: tape[int(place)],
        derivative="none",
        linear=(0,),
        doc="Read the row that a ``while`` kept in one of its iterations.",
    )
)


def _infer_branch(
    condition: Type, *operands: Type, then: Graph, otherwise: Graph, **_: str
) -> TupleType:
    """Check that both arms take the operands and give the same types."""
    arms = (then, otherwise)
    results = [tuple(o.array_type for o in arm.outputs) for arm in arms]
    fits = all(tuple(p.type for p in arm.params) == operands for arm in arms)
    if condition != Type(DType.BOOL) or not fits or results[0] != results[1]:
        raise CompileError(f"branch on {condition} over {operands} with arms {results}")
    return TupleType(results[0])


def _branch(
    run: Callable[..., Any],
    condition: Any,
    *operands: Any,
    then: Graph,
    otherwise: Graph,
    **_: str,
) -> Any:
    """Run one arm."""
    return run(then if np.real(condition) else otherwise, operands)


branch = declare(
    Op(
        "branch",
        Kind.REGION,
        infer=_infer_branch,
        evaluate=_branch,
        derivative="none",
        doc="Run `then` where the condition holds, else `otherwise`.",
    )
)
