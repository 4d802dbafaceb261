"""Choose what a transformed function computes: its joint graph, results and further arguments.

In: the graph of a function as traced, the structure of what it returns, and which parameters are
differentiated. Out: a `Joint`, whose outputs are the leaves of the results in order, and whose
parameters are the function's, then the cotangents or tangents that the caller gives, then the
captured arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.frontend.arguments.trees import Structure, leaves_of
from bpcompile.ir.build import Builder
from bpcompile.ir.graph import Graph, Node
from bpcompile.ops.checks import checked, unchecked
from bpcompile.passes.pipeline import SIMPLIFY, run
from bpcompile.passes.stores import drop_overwritten
from bpcompile.transforms.forward import forward
from bpcompile.transforms.hoist import hoist
from bpcompile.transforms.reverse import reverse


class Target(NamedTuple):
    """Hold one differentiated argument: its name, its structure, its positions among the params."""

    name: str
    structure: Structure
    params: Sequence[int]


class Extra(NamedTuple):
    """Hold one argument that a transform adds: what messages call it, and its structure."""

    name: str
    structure: Structure


@dataclass(frozen=True, slots=True)
class Task:
    """Say what is to be derived.

    `kind` is the name of the transform; `bare` tells whether argnums was a single one; `hidden` is
    the number of captured arrays, which are the last parameters; `name` is the function's.
    """

    kind: str
    name: str
    targets: tuple[Target, ...] = ()
    bare: bool = True
    has_aux: bool = False
    hidden: int = 0


class Joint(NamedTuple):
    """Hold the joint graph, the structure of the results, and the arguments that it adds."""

    graph: Graph
    results: Structure
    extras: tuple[Extra, ...] = ()


def derive(graph: Graph, returned: Structure, task: Task) -> Joint:
    """Return the joint graph of a transform.

    Raises `ShapeError`, `TypeMismatchError` or `ArgumentError` where the function does not return
    what the transform needs, and `NotDifferentiableError` where an op has no derivative.
    """
    lighter = hoist(graph)
    if lighter is not graph:  # an element that is carried is known where it was read and written
        graph = run(lighter, (*SIMPLIFY, drop_overwritten))
    return _RULES[task.kind](graph, returned, task)


def _compile(graph: Graph, returned: Structure, task: Task) -> Joint:  # noqa: ARG001 - one signature
    """Return the graph itself."""
    return Joint(graph, returned)


def _value_and_grad(graph: Graph, returned: Structure, task: Task) -> Joint:
    """Return the value, the auxiliary results where there are some, and the gradients."""
    tree = returned.unflatten(range(returned.count))
    if task.has_aux:
        if not (type(tree) is tuple and len(tree) == 2):
            raise ArgumentError(
                f"{task.kind}({task.name}) with has_aux=True needs a function that returns a pair "
                f"(value, aux), and {task.name} returns {returned!r}"
            )
        _require_scalar(graph, leaves_of(tree[0])[1], task)
        value: Any = tree
    else:
        _require_scalar(graph, returned, task)
        value = 0
    joint = reverse(graph, _params(task))
    gradients = _nested(task, len(graph.outputs))
    if task.kind == "value_and_grad":
        tree = (value, gradients)
    else:
        tree = (gradients, value[1]) if task.has_aux else gradients
    return _chosen(joint, joint.outputs, tree)


def _vjp(graph: Graph, returned: Structure, task: Task) -> Joint:
    """Return the value and the products of the given cotangent with the Jacobians."""
    if not any(out.array_type.dtype.is_float for out in graph.outputs):
        raise TypeMismatchError(
            f"vjp({task.name}): {task.name} returns no float, and only floats have cotangents"
        )
    joint = reverse(graph, _params(task), seeds="input")
    bars = iter(joint.params[len(graph.params) :])
    given: list[Node] = []
    for number, out in enumerate(graph.outputs):
        if out.array_type.dtype.is_float:
            given.append(next(bars))
        else:
            # An int has no cotangent: its place in the argument is read and not used.
            name = f"{out.name or f'out_{number}'}_bar"
            given.append(Builder().param(name, out.array_type).node)
    count = len(graph.outputs)
    tree = (returned.unflatten(range(count)), _nested(task, count))
    extras = (Extra("cotangent", returned),)
    return _chosen(_reordered(joint, graph, given, task.hidden), joint.outputs, tree, extras)


def _jvp(graph: Graph, returned: Structure, task: Task) -> Joint:
    """Return the value and the product of the Jacobians with the given tangents."""
    joint = forward(graph, _params(task))
    given = joint.params[len(graph.params) :]
    count = len(graph.outputs)
    tree = (returned.unflatten(range(count)), returned.unflatten(range(count, 2 * count)))
    extras = tuple(Extra(f"tangent of {t.name}", t.structure) for t in task.targets)
    return _chosen(_reordered(joint, graph, given, task.hidden), joint.outputs, tree, extras)


_RULES: dict[str, Callable[[Graph, Structure, Task], Joint]] = {
    "compile": _compile,
    "grad": _value_and_grad,
    "value_and_grad": _value_and_grad,
    "vjp": _vjp,
    "jvp": _jvp,
}


def _params(task: Task) -> list[int]:
    """Return the positions of the differentiated parameters."""
    return [position for target in task.targets for position in target.params]


def _nested(task: Task, first: int) -> Any:
    """Return the gradients' positions among the outputs in the structure that the caller gets."""
    trees: list[Any] = []
    for target in task.targets:
        count = target.structure.count
        trees.append(target.structure.unflatten(range(first, first + count)))
        first += count
    return trees[0] if task.bare else tuple(trees)


def _chosen(
    graph: Graph, outputs: Sequence[Node], tree: Any, extras: tuple[Extra, ...] = ()
) -> Joint:
    """Return the joint graph whose outputs are the leaves of a tree of positions.

    Where a result that waits for the checks of the function is none of them, another one waits.
    """
    positions, structure = leaves_of(tree)
    chosen = [outputs[k] for k in positions]
    left = [out for out in outputs if out.op is checked and out not in chosen]
    nodes = graph.nodes
    if left and chosen:
        tokens = [token for out in left for token in out.args[1:]]
        chosen[0] = Node(checked, (chosen[0], *tokens), {}, chosen[0].type, left[0].origin)
        nodes = (*nodes, chosen[0])
    graph = Graph(graph.name, graph.params, nodes, tuple(chosen), graph.guards)
    return Joint(graph, structure, extras)


def _reordered(joint: Graph, graph: Graph, given: Sequence[Node], hidden: int) -> Graph:
    """Return the joint graph with what the caller gives before the captured arrays."""
    own = graph.params
    params = (*own[: len(own) - hidden], *given, *own[len(own) - hidden :])
    known = set(params)
    nodes = (*params, *(node for node in joint.nodes if node not in known))
    return Graph(joint.name, params, nodes, joint.outputs, joint.guards)


def _require_scalar(graph: Graph, structure: Structure, task: Task) -> None:
    """Refuse a value that is not one float scalar."""
    call = f"{task.kind}({task.name})"
    if not structure.is_leaf:
        raise ArgumentError(
            f"{call} needs a function that returns one scalar, and {task.name} returns "
            f"{structure!r}: return the scalar alone, or (scalar, the rest) with has_aux=True"
        )
    value = unchecked(graph.outputs[0])
    place = f" at {value.origin}" if value.origin else ""
    # A returned expression is named after its function, which would say nothing here.
    name = None if value.name in (task.name, "lambda") else value.name
    label = f"`{name}` ({value.type})" if name else f"{value.type}"
    if value.shape:
        raise ShapeError(
            f"{call} needs a scalar, and {task.name} returns {label}{place}: sum it, as in "
            f"{name or 'result'}.sum(), or take one element; bp.vjp takes any shape"
        )
    if not value.array_type.dtype.is_float:
        raise TypeMismatchError(
            f"{call} needs a float, and {task.name} returns {label}{place}: only floats have "
            "derivatives"
        )
