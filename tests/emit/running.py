"""Run emitted modules in tests: as NumPy, as plain Python, and compiled by Numba."""

from __future__ import annotations

import math
import types
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from bpcompile.emit.formula import Formulas
from bpcompile.emit.module import emit_module
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.schedule.program import Interface

TARGETS = {"numpy": "numpy", "python": "numba", "numba": "numba"}


def emit(graph: Graph, target: str, name: str = "model_value", **options: Any) -> str:
    """Return the module that computes a lowered graph, its results as a flat tuple."""
    results = tuple(range(len(graph.outputs)))
    interface = Interface(name, f"{name}: the value of `model`.", results)
    return emit_module(graph, interface, target, Formulas(graph, graph), **options).text


_BY_NUMPY = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "fabs": "abs",
}


class _Quiet:
    """Stand for `math` in plain Python: no exception where compiled code gives inf or NaN."""

    inf, nan, pi = math.inf, math.nan, math.pi

    def __getattr__(self, name: str) -> Any:
        if name in ("erf", "erfc", "gamma", "lgamma"):
            return getattr(math, name)
        return getattr(np, _BY_NUMPY.get(name, name))


def _plain_njit(*_: Any, **__: Any) -> Any:
    """Stand for `njit`: leave the function as it is."""
    return lambda function: function


def load(text: str, how: str) -> dict[str, Any]:
    """Return what an emitted module defines; ``how`` is numpy, python or numba."""
    module = types.ModuleType("emitted")
    if how == "python":
        text = text.replace("from numba import njit", "from numba import")
        text = text.replace("from numba import, types", "from numba import types")
        text = text.replace("from numba import\n", "\n")
        module.__dict__["njit"] = _plain_njit
    exec(compile(text, "emitted", "exec"), module.__dict__)
    if how == "python" and "math" in module.__dict__:
        module.__dict__["math"] = _Quiet()
    return module.__dict__


def run(text: str, args: Sequence[Any], *, how: str, name: str = "model_value") -> tuple[Any, ...]:
    """Return the results of an emitted module."""
    return call(load(text, how)[name], args, how=how)


def call(function: Any, args: Sequence[Any], *, how: str) -> tuple[Any, ...]:
    """Return the results of a function of an emitted module."""
    given = [leaf(a, how) for a in args]
    with np.errstate(all="ignore"):
        found: tuple[Any, ...] = function(*given)
    return found


def leaf(value: Any, how: str) -> Any:
    """Return an argument as an emitted function takes it: C-contiguous, scalars unboxed."""
    array = np.asarray(value)
    if array.ndim:
        return np.ascontiguousarray(array)
    return array[()] if how == "python" else array.item() if array.dtype != "f4" else array[()]


def agree(graph: Graph, args: Sequence[Any], how: str, **options: Any) -> None:
    """Assert that a lowered graph gives the interpreter's values on a target."""
    text = emit(graph, TARGETS[how], **options)
    same(interpret(graph, args), run(text, args, how=how), text)


def same(want: Sequence[Any], found: Sequence[Any], text: str, *, rtol: float = 1e-9) -> None:
    """Assert that results are alike: shape, dtype of arrays, and value."""
    for one, other in zip(want, found, strict=True):
        wanted, got = np.asarray(one), np.asarray(other)
        assert wanted.shape == got.shape, text
        if wanted.ndim:
            assert wanted.dtype == got.dtype, text
        single = wanted.dtype == np.float32
        np.testing.assert_allclose(
            got.astype(float),
            wanted.astype(float),
            rtol=2e-4 if single else rtol,
            atol=1e-4 if single else rtol,
            err_msg=text,
        )


def combined(graphs: Sequence[Graph]) -> Graph:
    """Return one graph that computes what several do, whose dimensions it takes to be the same.

    It has few parameters, since Numba takes its time over each: those of equal type are shared.
    """
    builder = Builder("f")
    shared: dict[tuple[str, int], Expr] = {}
    outputs: list[Expr] = []
    for graph in graphs:
        seen: Counter[str] = Counter()
        given = []
        for param in graph.params:
            kind = str(param.type)
            key = (kind, seen[kind])
            seen[kind] += 1
            if key not in shared:
                shared[key] = builder.param(f"x{len(shared)}", param.array_type)
            given.append(shared[key])
        outputs.extend(builder.inline(graph, given))
    return builder.finish(outputs)
