"""Write branches and whiles into graphs, and check their derivatives against complex steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ir.verify import verify
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.transforms.models import STEP, derivatives

_DTYPES = {bool: DType.BOOL, int: DType.I64, float: DType.F64}


def _region(name: str, values: Mapping[str, Expr], write: Callable[..., Any]) -> Graph:
    builder = Builder(name)
    params = [builder.param(key, value.type) for key, value in values.items()]
    found = write(*params)
    results = found if isinstance(found, tuple) else (found,)
    return builder.finish([_value(builder, result) for result in results])


def _value(builder: Builder, result: Any) -> Expr:
    if isinstance(result, Expr):
        return result
    return builder.const(result, Type(_DTYPES[type(result)]))


def branch(
    condition: Expr,
    operands: Mapping[str, Expr],
    then: Callable[..., Any],
    otherwise: Callable[..., Any],
) -> Any:
    """Append a branch; an arm is a function of the operands. Numbers are scalar constants."""
    arms = {
        "then": _region("then", operands, then),
        "otherwise": _region("otherwise", operands, otherwise),
    }
    args = (condition, *operands.values())
    results = condition.builder.apply(OPS["branch"], args, arms).items()
    return results if len(results) > 1 else results[0]


def repeat(
    builder: Builder,
    states: Mapping[str, Expr],
    constants: Mapping[str, Expr],
    test: Callable[..., Expr],
    step: Callable[..., Any],
    limit: Any = 0,
) -> tuple[Expr, ...]:
    """Append a while; test and step are functions of the states and constants."""
    values = states | constants
    attrs = {
        "test": _region("test", values, test),
        "body": _region("body", values, step),
        "carried": len(states),
        **({"limit": limit} if limit != 0 else {}),
    }
    return builder.apply(OPS["while"], tuple(values.values()), attrs).items()


def check(graph: Graph, args: Sequence[Any], wrt: Sequence[int], second: bool = True) -> list[Any]:
    """Check gradient and tangent of a scalar, and its second derivative; return the gradient."""
    args = [np.asarray(a) for a in args]
    verify(graph)
    joint = reverse(graph, wrt)
    verify(joint)
    value, *gradients = interpret(joint, args)
    np.testing.assert_allclose(value, interpret(graph, args)[0], rtol=1e-14)
    for k, gradient in zip(wrt, gradients, strict=True):
        np.testing.assert_allclose(gradient, derivatives(graph, args, k), rtol=1e-10, atol=1e-12)
    rng = np.random.default_rng(5)
    dots = [rng.normal(size=args[k].shape) for k in wrt]
    tangents = forward(graph, wrt)
    verify(tangents)
    along = sum(np.sum(g * d) for g, d in zip(gradients, dots, strict=True))
    pushed = interpret(tangents, [*args, *dots])[len(graph.outputs)]
    assert pushed == pytest.approx(along, rel=1e-9, abs=1e-11)
    if second:
        check_second(graph, args, wrt, dots)
    return gradients


def check_second(graph: Graph, args: Sequence[Any], wrt: Sequence[int], dots: Any) -> None:
    """Check three ways to a Hessian product against complex steps of the gradient."""
    joint = reverse(graph, wrt)
    moved = [a.astype(complex) if a.dtype.kind == "f" else a for a in args]
    for k, dot in zip(wrt, dots, strict=True):
        moved[k] = moved[k] + 1j * STEP * dot
    count = len(wrt)
    expected = [g.imag / STEP for g in interpret(joint, moved, complex_step=True)[-count:]]

    # Without the value, so that nothing else gives a cotangent to what only a tape hands on.
    twice = reverse(joint.with_outputs(joint.outputs[-count:]), wrt, seeds="input")
    verify(twice)
    ways = {"reverse over reverse": interpret(twice, [*args, *dots])[-count:]}
    pushed = forward(joint, wrt)
    verify(pushed)
    ways["forward over reverse"] = interpret(pushed, [*args, *dots])[-count:]
    tangents = forward(graph, wrt)
    tangents = tangents.with_outputs(tangents.outputs[len(graph.outputs) :][:1])
    pulled = reverse(tangents, wrt)
    verify(pulled)
    ways["reverse over forward"] = interpret(pulled, [*args, *dots])[1:]
    for name, found in ways.items():
        for f, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-8, atol=1e-10, err_msg=name)
