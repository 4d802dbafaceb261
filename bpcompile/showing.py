"""Ask `show` about one compiled form of a function and the values of one call.

In: a `Specialization` and the exact leaves of a call that fits it. Out: the ledger, the gradient
check, the cost, the profile. This is where results nested as the user has them become arrays with
names.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.frontend.arguments.inputs import Arguments
from bpcompile.frontend.arguments.trees import leaves_of
from bpcompile.show.check import Named, Returned
from bpcompile.show.check import check as check_gradient
from bpcompile.show.cost import Cost
from bpcompile.show.costing import cost as cost_of
from bpcompile.show.costing import tasks
from bpcompile.show.explain import explain as explain_graph
from bpcompile.show.explain import labels_of
from bpcompile.show.ledger import Ledger
from bpcompile.show.profiles import Profile
from bpcompile.show.profiling import profile as profile_of
from bpcompile.show.report import GradientReport
from bpcompile.show.trail import Printed, follow
from bpcompile.specialization import Specialization


def explain(made: Specialization, leaves: Sequence[Any]) -> Ledger:
    """Return the ledger of a call.

    A function that is only compiled is explained by the gradient of its first result, where that
    is a float scalar, in all its arguments; else by its forward values.
    """
    compilation = made.compilation
    graph, task = compilation.traced.graph, compilation.task
    printed = Printed(compilation.emitted.text, compilation.emit)
    trail = follow(graph, compilation.traced.structure, task, printed, labels_of(graph))
    wrt = [k for target in task.targets for k in target.params]
    first = graph.outputs[0].array_type if graph.outputs else None
    if first is None or (task.kind != "vjp" and (first.shape or not first.dtype.is_float)):
        wrt = []
    elif task.kind == "compile":
        wrt = [k for k, param in enumerate(graph.params) if param.array_type.dtype.is_float]
    seeds = _seeds(made, leaves) if task.kind == "vjp" else None
    return explain_graph(graph, _arguments(made, leaves), wrt, seeds, trail)


def check(
    made: Specialization, leaves: Sequence[Any], function: Callable[..., Any], given: Arguments
) -> GradientReport:
    """Return the check of a call; `function` is the user's own, and `given` what it takes."""
    results = list(leaves_of(made.call(leaves, None))[0])
    returned = _returned(made, leaves, results)
    names = made.compilation.traced.structure.paths("result")
    plain = _plainly(function, given)
    if len(plain) == len(names):
        returned = dataclasses.replace(returned, plain=_named(names, range(len(plain)), plain))
    graph = made.compilation.traced.graph
    return check_gradient(graph, _arguments(made, leaves), returned)


def _plainly(function: Callable[..., Any], given: Arguments) -> list[Any]:
    """Return what Python makes of copies of the arguments, taken apart.

    Nothing where the function does not run so, as one that must be traced.
    """
    copies = [leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in given.leaves]
    args, kwargs = given.rebuild(copies)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(leaves_of(function(*args, **kwargs))[0])
    except Exception:  # noqa: BLE001  (whatever the function of a user may raise)
        return []


def cost(made: Specialization, leaves: Sequence[Any]) -> Cost:
    """Return the cost of a call."""
    compilation = made.compilation
    args = [*leaves, *compilation.traced.captured]
    name, cuts = compilation.task.name, bool(compilation.emitted.parts)
    return cost_of(compilation.lowered, args, name, compilation.fuse, cuts)


def profile(
    made: Specialization, leaves: Sequence[Any], call: Callable[[], Any], repeat: int | None
) -> Profile:
    """Return where a call spends its time; `call` is that of the user's."""
    compilation = made.compilation
    args = [*leaves, *compilation.traced.captured]
    return profile_of(
        compilation.task.name,
        made.program,
        compilation.emitted.text,
        leaves,
        call,
        lambda: tasks(compilation.lowered, args, compilation.fuse, bool(compilation.emitted.parts)),
        repeat,
    )


def _arguments(made: Specialization, leaves: Sequence[Any]) -> list[Any]:
    """Return a value for each parameter of the model."""
    return [*leaves[: made.own], *made.compilation.traced.captured]


def _seeds(made: Specialization, leaves: Sequence[Any]) -> list[Any]:
    """Return the cotangent of each result of the model, None for what is no float."""
    outputs = made.compilation.traced.graph.outputs
    given = leaves[made.own :]
    return [
        seed if out.array_type.dtype.is_float else None
        for out, seed in zip(outputs, given, strict=True)
    ]


def _returned(made: Specialization, leaves: Sequence[Any], results: list[Any]) -> Returned:
    """Return what a call returned, by what it is."""
    compilation = made.compilation
    task, structure = compilation.task, compilation.traced.structure
    count, names = structure.count, structure.paths("result")
    params = [k for target in task.targets for k in target.params]
    labels = [made.program.places[k].path for k in params]
    tree = compilation.joint.results.unflatten(range(len(results)))
    if task.kind == "compile":
        return Returned(values=_named(names, range(count), results))
    if task.kind == "jvp":
        tangents = _named([f"tangent of {name}" for name in names], range(count), results[count:])
        given = dict(zip(params, leaves[made.own :], strict=True))
        return Returned(_named(names, range(count), results), (), None, tangents, given)
    if task.kind == "grad":
        gradients, values = (tree[0], tree[1]) if task.has_aux else (tree, ())
        first = 1
    else:
        values, gradients = tree
        first = 0
    slots = leaves_of(gradients)[0]
    seeds = _seeds(made, leaves) if task.kind == "vjp" else None
    shown = leaves_of(values)[0]
    return Returned(
        values=_named(names[first:], range(first, count), [results[k] for k in shown]),
        gradients=_named(labels, params, [results[k] for k in slots]),
        seeds=seeds,
    )


def _named(names: Sequence[str], positions: Sequence[int], arrays: Sequence[Any]) -> list[Named]:
    """Return arrays with their names and positions."""
    return [Named(*entry) for entry in zip(names, positions, arrays, strict=False)]
