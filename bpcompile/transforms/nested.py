"""Apply a transform inside a model: `bp.grad(h)(x)` where `x` is a traced value.

The inner function is traced into a closed graph of its own; what it reads from outside becomes
further parameters. That graph is simplified and derived from like any other, and the joint graph
is put in the place of the call, so that an outer transform differentiates it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from bpcompile.frontend.arguments import Arguments
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.leaves import identifier
from bpcompile.frontend.lift import lift
from bpcompile.frontend.region import Region, RegionParam
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer
from bpcompile.frontend.trees import Structure, leaves_of, leaves_up_to
from bpcompile.ir.build import Expr
from bpcompile.ir.types import DType
from bpcompile.passes.pipeline import SIMPLIFY, run
from bpcompile.transforms.joint import Joint, Target, Task, derive


def apply_inside(
    function: Callable[..., Any],
    arguments: Arguments,
    extras: Sequence[Any],
    differentiated: Sequence[int],
    task: Task,
) -> Any:
    """Return the results of a transformed function inside a trace.

    Args:
        function: the function to derive from.
        arguments: the flattened arguments of the call, some of them traced.
        extras: the arguments that the transform adds.
        differentiated: which entries of `arguments` are differentiated.
        task: what is to be derived, as yet without targets.

    Raises:
        BpcompileError: what the trace of the function or its derivation raises.
    """
    region = Region(task.name)
    outer, values, place = _entered(region, arguments, differentiated)
    args, kwargs = arguments.rebuild(values)

    def body() -> tuple[list[Expr], Structure]:
        leaves, structure = leaves_of(resolve(function)(*args, **kwargs))
        return [region.frame.expr(lift(leaf).expr) for leaf in leaves], structure

    outputs, structure = region.run(body)
    graph, read = region.finish([values[k] for k in place], outputs)
    targets = tuple(
        Target(
            arguments.entries[index].name,
            arguments.structure(index),
            [place[k] for k in arguments.span(index)],
        )
        for index in differentiated
    )
    task = dataclasses.replace(task, targets=targets, hidden=len(read))
    joint = derive(run(graph, SIMPLIFY), structure, task)
    frame = current()
    given = [*outer, *_seeds(joint, extras, task.name)]
    exprs = [frame.expr(value.expr) for value in given] + [frame.expr(expr) for expr in read]
    results = frame.builder.inline(joint.graph, exprs)
    return joint.results.unflatten(
        Tracer(expr, weak=not expr.shape and expr.dtype is not DType.F32) for expr in results
    )


def _entered(
    region: Region, arguments: Arguments, differentiated: Sequence[int]
) -> tuple[list[Tracer], list[Any], dict[int, int]]:
    """Give the region a parameter for each leaf that is traced or differentiated.

    Returns the outer values of the parameters, all leaves as the function gets them, and which
    parameter stands for which leaf. Other leaves stay what they are, known while tracing.
    """
    wanted = {k for index in differentiated for k in arguments.span(index)}
    paths = arguments.paths()
    outer: list[Tracer] = []
    values: list[Any] = list(arguments.leaves)
    place: dict[int, int] = {}
    for k, leaf in enumerate(arguments.leaves):
        if k in wanted or isinstance(leaf, Tracer):
            given = lift(leaf)
            place[k] = len(outer)
            outer.append(given)
            values[k] = region.param(RegionParam(identifier(paths[k]), given.type, given.weak))
    return outer, values, place


def _seeds(joint: Joint, extras: Sequence[Any], name: str) -> list[Tracer]:
    """Return the traced cotangents or tangents."""
    found: list[Tracer] = []
    for extra, value in zip(joint.extras, extras, strict=True):
        leaves = leaves_up_to(extra.structure, value, f"{name}: {extra.name}")
        found += [lift(leaf) for leaf in leaves]
    return found
