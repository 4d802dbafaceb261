"""Trace the derivative rule of a function into the regions of its call.

A rule for reverse mode is a forward function, which returns the value and residuals, and a backward
one, which takes these and cotangents. A rule for both modes takes tangents beside the arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.frontend.arguments.leaves import identifier
from bpcompile.frontend.arguments.trees import Structure, leaves_of, leaves_up_to
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.custom.call import Call
from bpcompile.frontend.origins import where
from bpcompile.frontend.region import RegionParam
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.graph import Graph


def reverse_regions(call: Call) -> dict[str, Any]:
    """Return the regions of a rule with a forward and a backward function."""
    forward, backward = call.rule.parts
    inside = call.inside(f"{call.rule.name}_forward")
    residuals: list[Tracer] = []

    def run_forward() -> tuple[list[Expr], Any]:
        found = resolve(forward)(*inside.args)
        values, kept = _pair(call, found, forward, "value", "residuals")
        outputs = _values(call, values, forward)
        leaves, structure = leaves_of(kept)
        each = {id(leaf): leaf for leaf in leaves if isinstance(leaf, Tracer)}
        residuals.extend(each.values())
        exprs = [current().expr(leaf.expr) for leaf in residuals]
        return [*outputs, *call.token(), *exprs], (leaves, structure)

    outputs, kept = inside.region.run(run_forward)
    forward_graph = call.finished(inside, [], outputs)
    return {
        "forward": forward_graph,
        "backward": _backward(call, backward, residuals, *kept),
    }


def _backward(
    call: Call, function: Callable[..., Any], residuals: list[Tracer], leaves: Any, kept: Structure
) -> Graph:
    """Return the graph of a backward function."""
    inside = call.inside(f"{call.rule.name}_backward")
    region = inside.region
    handed = {
        id(leaf): region.param(
            RegionParam(leaf.expr.node.name or f"residual{k}", leaf.type, leaf.weak)
        )
        for k, leaf in enumerate(residuals)
    }
    inner = [handed.get(id(leaf), leaf) for leaf in leaves]
    bars = [
        region.param(RegionParam(f"{out.name or call.rule.name}_bar", type))
        if type.dtype.is_float
        else None
        for out, type in zip(call.primal.outputs, call.results, strict=False)
    ]

    def run_backward() -> list[Expr]:
        fixed = call.rule.fixed_of(inside.args)
        found = resolve(function)(*fixed, kept.unflatten(inner), call.structure.unflatten(bars))
        return _cotangents(call, found, function)

    outputs = region.run(run_backward)
    given = [handed[id(leaf)] for leaf in residuals]
    return call.finished(inside, [*given, *(bar for bar in bars if bar is not None)], outputs)


def _cotangents(call: Call, found: Any, function: Callable[..., Any]) -> list[Expr]:
    """Return what a backward function returns for the operands that have a derivative."""
    trees = call.rule.others_of(call.trees)
    if not isinstance(found, (tuple, list)) or len(found) != len(trees):
        shown = f"{len(found)} values" if isinstance(found, tuple) else type(found).__name__
        raise ArgumentError(
            f"{_shown(function)}, the backward function of {call.rule.name}, returns {shown}"
            f"{where()}: return a tuple with one cotangent for each of the {len(trees)} "
            "arguments, None for one without"
        )
    numbers = [k for k in range(len(call.trees)) if k not in call.rule.fixed]
    values: list[Any] = []
    for number, value in zip(numbers, found, strict=True):
        what = f"the cotangent of `{call.rule.path(number)}` that {_shown(function)} returns"
        values += leaves_up_to(call.trees[number][1], value, what)
    what = f"that {_shown(function)} returns"
    return [
        call.fitted(value, call.leaves[k].type, f"the cotangent of `{call.paths[k]}` {what}")
        for k, value in zip(_leaf_numbers(call), values, strict=True)
        if k in call.given
    ]


def _leaf_numbers(call: Call) -> list[int]:
    """Return the numbers of the leaves of arguments with a derivative."""
    found: list[int] = []
    start = 0
    for number, (leaves, _) in enumerate(call.trees):
        if number not in call.rule.fixed:
            found += range(start, start + len(leaves))
        start += len(leaves)
    return found


def forward_regions(call: Call) -> dict[str, Any]:
    """Return the region of a rule that gives the tangents."""
    (function,) = call.rule.parts
    inside = call.inside(f"{call.rule.name}_tangent")
    region = inside.region
    dots: list[Any] = [_zero_like(leaf) for leaf in call.leaves]
    for k in call.given:
        value = call.leaves[k]
        name = f"{identifier(call.paths[k])}_dot"
        dots[k] = region.param(RegionParam(name, value.type, value.weak))
    given = [dots[k] for k in call.given]

    def run_rule() -> list[Expr]:
        rest, trees = iter(dots), []
        for found, structure in call.trees:
            trees.append(structure.unflatten([next(rest) for _ in found]))
        primals, tangents = map(call.rule.others_of, (inside.args, trees))
        fixed = call.rule.fixed_of(inside.args)
        found = resolve(function)(*fixed, tuple(primals), tuple(tangents))
        values, moved = _pair(call, found, function, "value", "tangent")
        outputs = _values(call, values, function)
        what = f"the tangent that {_shown(function)} returns"
        leaves = leaves_up_to(call.structure, moved, what)
        tangent = [
            call.fitted(leaf, type, what)
            for leaf, type in zip(leaves, call.results, strict=True)
            if type.dtype.is_float
        ]
        return [*outputs, *call.token(), *tangent]

    return {"tangent": call.finished(inside, given, region.run(run_rule))}


def _pair(
    call: Call, found: Any, function: Callable[..., Any], first: str, second: str
) -> tuple[Any, Any]:
    """Return the two values that a part of a rule returns."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise ArgumentError(
            f"{_shown(function)}, of the rule of {call.rule.name}, returns "
            f"{type(found).__name__}{where()}: return a pair, the {first} and the {second}"
        )
    return found[0], found[1]


def _values(call: Call, tree: Any, function: Callable[..., Any]) -> list[Expr]:
    """Return the values that a part of a rule computes, which the function has, too."""
    leaves, structure = leaves_of(tree)
    if structure != call.structure:
        raise ArgumentError(
            f"{_shown(function)} returns the value nested as {structure!r}, and "
            f"{call.rule.name} as {call.structure!r}{where()}: return what the function returns"
        )
    what = f"the value that {_shown(function)} returns"
    return [call.fitted(leaf, type, what) for leaf, type in zip(leaves, call.results, strict=True)]


def _zero_like(leaf: Any) -> Any:
    """Return the tangent of an argument that has none."""
    if isinstance(leaf, np.ndarray):
        return np.zeros(leaf.shape)
    return 0.0


def _shown(function: Any) -> str:
    """Return the name of a function for a message, with its place."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name
