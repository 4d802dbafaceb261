"""Trace a function and hold what its graph computes against what Python computes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.frontend.arguments.leaves import exact, is_static, type_of
from bpcompile.frontend.arguments.trees import flatten, leaves_of
from bpcompile.frontend.tracing import Leaf, Traced, trace
from bpcompile.ir.interpret import interpret
from bpcompile.ir.verify import verify


def leaf(value: Any, path: str) -> Leaf:
    """Return the place-holder of an array or number."""
    example = exact(value, path)
    return Leaf(type_of(example), path, example)


def leaves(function: Callable[..., Any], *args: Any) -> list[Any]:
    """Return arguments with a place-holder for each array and number, named as in the function."""
    names = list(inspect.signature(function).parameters)
    names += [f"a{k}" for k in range(len(args))]
    found = []
    for name, arg in zip(names, args, strict=False):
        values, paths, structure = flatten(arg, name)
        placed = [
            value if is_static(value) else leaf(value, path)
            for value, path in zip(values, paths, strict=True)
        ]
        found.append(structure.unflatten(placed))
    return found


def traced(function: Callable[..., Any], *args: Any, **options: Any) -> Traced:
    """Return the trace of a function at example arguments, its graph verified."""
    found = trace(function, leaves(function, *args), **options)
    verify(found.graph)
    return found


def run(found: Traced, *args: Any) -> Any:
    """Return what a trace's graph computes for arguments, nested as the function's result."""
    values = [exact(value, "argument") for value in leaves_of(args)[0] if not is_static(value)]
    return found.structure.unflatten(interpret(found.graph, [*values, *found.captured]))


def agrees(function: Callable[..., Any], *args: Any, rtol: float = 1e-13, **options: Any) -> Traced:
    """Check that a function's graph gives what the function gives: values, dtypes and shapes."""
    found = traced(function, *args, **options)
    with np.errstate(all="ignore"):
        expected, structure = leaves_of(function(*args))
    assert found.structure == structure
    for got, want in zip(leaves_of(run(found, *args))[0], expected, strict=True):
        assert np.shape(got) == np.shape(want)
        assert got.dtype == _our_dtype(want), f"{got.dtype} where NumPy gives {_our_dtype(want)}"
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-300)
    return found


def _our_dtype(value: Any) -> np.dtype[Any]:
    """Return the dtype of a value, smaller ints counted as int64."""
    dtype = np.asarray(value).dtype
    return np.dtype(np.int64) if dtype.kind in "iu" else dtype
