"""Apply a transform inside a model: `bp.grad(h)(x)` where `x` is a traced value.

The inner function is traced into a closed graph of its own; what it reads from outside becomes
further parameters. That graph is simplified and derived from like any other, and the joint graph
is put in the place of the call, so that an outer transform differentiates it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.frontend.arguments.inputs import Arguments
from bpcompile.frontend.arguments.leaves import identifier
from bpcompile.frontend.arguments.trees import Structure, leaves_of, leaves_up_to
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.region import Region, RegionParam
from bpcompile.frontend.registry import apply
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.type import DType, Type
from bpcompile.ops.checks import checked
from bpcompile.passes.pipeline import SIMPLIFY, run
from bpcompile.transforms.joint import Target, Task, derive


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
    seeds = _seeds(task, structure, outputs, extras, arguments, values, differentiated)
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
    given = [value.expr for value in (*outer, *seeds)]
    exprs = [frame.expr(expr) for expr in (*given, *read)]
    results = [_unwaiting(frame, expr) for expr in frame.builder.inline(joint.graph, exprs)]
    return joint.results.unflatten(
        Tracer(expr, weak=not expr.shape and expr.dtype is not DType.F32) for expr in results
    )


def _unwaiting(frame: Frame, result: Expr) -> Expr:
    """Return a result of the inner function, whose checks the outer one waits for from now on."""
    node = result.node
    if node.op is not checked:
        return result
    frame.checks.extend(map(frame.builder.wrap, node.args[1:]))
    return frame.builder.wrap(node.args[0])


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


def _seeds(
    task: Task,
    structure: Structure,
    outputs: Sequence[Expr],
    extras: Sequence[Any],
    arguments: Arguments,
    values: Sequence[Any],
    differentiated: Sequence[int],
) -> list[Tracer]:
    """Return the traced cotangents or tangents, each like the value that it belongs to.

    Raises `ArgumentError`, `ShapeError` or `TypeMismatchError` where one is not.
    """
    if task.kind == "vjp":
        belongs: list[Any] = list(outputs)
        leaves = leaves_up_to(structure, extras[0], f"{task.name}: cotangent")
    else:
        belongs = [values[k].expr for index in differentiated for k in arguments.span(index)]
        leaves = []
        for index, extra in zip(differentiated, extras, strict=bool(extras)):
            name = f"{task.name}: tangent of {arguments.entries[index].name}"
            leaves += leaves_up_to(arguments.structure(index), extra, name)
    return [
        _like(expr.type, leaf, task) for expr, leaf in zip(belongs, leaves, strict=bool(extras))
    ]


def _like(type: Type, leaf: Any, task: Task) -> Tracer:
    """Return a cotangent or tangent with the dtype and shape of what it belongs to."""
    what = f"{task.name}: a {'cotangent' if task.kind == 'vjp' else 'tangent'}"
    if leaf is None:
        if type.dtype.is_float:
            raise ArgumentError(f"{what} is None: give an array or number of type {type}")
        leaf = 0
    seed = lift(leaf)
    if not type.dtype.is_float:
        return seed if seed.type == type else lift(np.zeros((), type.dtype.numpy_name))
    sizes = current().session.sizes
    fits = len(seed.sizes) == type.rank
    if not fits or not all(map(sizes.equal, seed.sizes, type.shape)):
        raise ShapeError(f"{what} has the type {seed.type} and must have {type}{where()}")
    if seed.expr.dtype is type.dtype:
        return seed
    if not (seed.weak or np.can_cast(seed.dtype, type.dtype.numpy_name, "safe")):
        raise TypeMismatchError(
            f"{what} has the type {seed.type} and must have {type}{where()}: write "
            f".astype(np.{type.dtype.numpy_name})"
        )
    cast: Tracer = apply("astype", seed, np.dtype(type.dtype.numpy_name))
    return cast
