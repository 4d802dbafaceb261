"""Declare the ops that call a user's function with a derivative rule of its own.

``custom_vjp`` and ``custom_jvp`` run `primal`, a closed region. All regions of such a node take its
first operands, as many as they need: the arguments first, then what the function reads from
outside. `given` are the numbers of the operands that have a derivative. The result is the tuple of
the function's values.

``custom_vjp`` has two regions more. `forward` takes operands and returns the same values and then
residuals. `backward` takes all operands, the residuals and a cotangent for each float value, and
returns a cotangent for each of `given`. ``custom_jvp`` has `tangent`, which takes all operands and
a tangent for each of `given`, and returns the values and then a tangent for each float one.

A rule may call its own function: that node has no rule, and `again` is the number `mark` of the
node whose rule it stands in and is its own. `name` is the user's name of the function. In the
rule that takes the place of a call it has the rule, and a `level` that sets it apart from the call.

The derivative rules in `bpcompile.transforms.calls` put the regions in the place of the node, and
`bpcompile.passes.calls` the primal of nodes that are left after the adjoint pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpcompile.errors import CompileError
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import Kind, Op, declare
from bpcompile.ir.type import AnyType, TupleType, Type


def float_results(primal: Graph) -> list[int]:
    """Return the numbers of the results that have a cotangent or tangent."""
    return [k for k, out in enumerate(primal.outputs) if out.array_type.dtype.is_float]


def _checked(
    operands: tuple[Type, ...], primal: Graph, given: tuple[int, ...]
) -> tuple[tuple[AnyType, ...], tuple[AnyType, ...], tuple[AnyType, ...]]:
    """Return the types of the results, of the float ones, and of the operands in `given`."""
    results = tuple(out.array_type for out in primal.outputs)
    if not _takes(primal, operands):
        raise CompileError(f"a call over {operands} of a region of {len(primal.params)} parameters")
    if any(not operands[k].dtype.is_float for k in given):
        raise CompileError(f"a call over {operands} with derivatives in {given}")
    return (
        results,
        tuple(results[k] for k in float_results(primal)),
        tuple(operands[k] for k in given),
    )


def _takes(region: Graph, operands: tuple[AnyType, ...]) -> bool:
    """Tell whether a region takes the first of these operands."""
    types = tuple(param.type for param in region.params)
    return types == operands[: len(types)]


def _infer_vjp(
    *operands: Type,
    primal: Graph,
    given: tuple[int, ...],
    forward: Graph | None = None,
    backward: Graph | None = None,
    **_: object,
) -> TupleType:
    """Check that the regions fit the operands and each other."""
    results, floats, wanted = _checked(operands, primal, given)
    if forward is not None and backward is not None:
        made = tuple(out.type for out in forward.outputs)
        residuals = made[len(results) :]
        taken = tuple(param.type for param in backward.params)
        returned = tuple(out.type for out in backward.outputs)
        fits = _takes(forward, operands) and made[: len(results)] == results
        if not fits or taken != (*operands, *residuals, *floats) or returned != wanted:
            raise CompileError(f"a call over {operands} with a rule {made}, {taken} -> {returned}")
    return TupleType(tuple(out.array_type for out in primal.outputs))


def _infer_jvp(
    *operands: Type,
    primal: Graph,
    given: tuple[int, ...],
    tangent: Graph | None = None,
    **_: object,
) -> TupleType:
    """Check that the regions fit the operands and each other."""
    results, floats, wanted = _checked(operands, primal, given)
    if tangent is not None:
        taken = tuple(param.type for param in tangent.params)
        returned = tuple(out.type for out in tangent.outputs)
        if taken != (*operands, *wanted) or returned != (*results, *floats):
            raise CompileError(f"a call over {operands} with a rule {taken} -> {returned}")
    return TupleType(tuple(out.array_type for out in primal.outputs))


def _call(run: Callable[..., Any], *operands: Any, primal: Graph, **_: object) -> Any:
    """Run the function."""
    return run(primal, operands[: len(primal.params)])


custom_vjp = declare(
    Op(
        "custom_vjp",
        Kind.CALL,
        infer=_infer_vjp,
        evaluate=_call,
        derivative="none",
        cost=50.0,
        doc="Run `primal`; reverse mode runs `forward` and `backward` in its place.",
    )
)

custom_jvp = declare(
    Op(
        "custom_jvp",
        Kind.CALL,
        infer=_infer_jvp,
        evaluate=_call,
        derivative="none",
        cost=50.0,
        doc="Run `primal`; derivatives are those of `tangent`.",
    )
)
