"""Hold lowered expressions against SymPy's values and derivatives, and complex steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from bpcompile.frontend.symbolic import lower
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.verify import verify
from bpcompile.transforms.reverse import reverse


def lowered(expr: Any, args: Sequence[Any], specs: Any = None) -> Graph:
    """Return the verified graph of an expression."""
    graph = lower(expr, args, specs).graph
    verify(graph)
    return graph


def value(expr: Any, args: Sequence[Any], *point: Any) -> Any:
    """Return the value of the expression's one result."""
    (found,) = interpret(lowered(expr, args), point)
    return found


def gradients(expr: Any, args: Sequence[Any], *point: Any) -> list[Any]:
    """Return the cotangents of all float arguments; an array's entries are weighted."""
    graph = lowered(expr, args)
    joint = reverse(graph, _floats(graph), "input")
    verify(joint)
    (result,) = interpret(graph, point)
    return list(interpret(joint, [*point, _weights(result)])[1:])


def _floats(graph: Graph) -> list[int]:
    """Return which parameters are floats."""
    return [k for k, param in enumerate(graph.params) if param.array_type.dtype.is_float]


def _weights(result: Any) -> Any:
    """Return a number for each entry of a result, 1 for a scalar."""
    return 1.0 / (1.0 + np.arange(np.size(result))).reshape(np.shape(result))


def agrees_with_complex_steps(expr: Any, args: Sequence[Any], *point: Any) -> None:
    """Check every partial derivative of an expression by a step into the complex plane."""
    graph = lowered(expr, args)
    for k, got in zip(_floats(graph), gradients(expr, args, *point), strict=True):
        expected = np.zeros(np.shape(point[k]))
        for place in np.ndindex(expected.shape):
            moved = np.array(point[k], dtype=complex)
            moved[place] += 1e-30j
            moved_point = [*point[:k], moved, *point[k + 1 :]]
            (result,) = interpret(graph, moved_point, complex_step=True)
            expected[place] = np.sum(_weights(result) * np.imag(result)) / 1e-30
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


def exact(expr: Any, values: dict[Any, float]) -> float:
    """Return the value of an expression at floats, worked out with 30 digits."""
    point = {symbol: sympy.Float(number, 30) for symbol, number in values.items()}
    return float(expr.subs(point).evalf(30))
