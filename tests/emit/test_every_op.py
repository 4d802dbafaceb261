"""Hold every elementwise op of the table to the interpreter, on each target, shape and dtype.

The numba target's text runs as plain Python, which covers all in seconds. Compiled by Numba, all
ops go as one vector module, which takes a minute or two: ``pytest -m nightly tests/emit``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import DType, Type
from bpcompile.passes.pipeline import LOWER
from bpcompile.passes.pipeline import run as run_passes

sys.path.insert(0, str(Path(__file__).parent))
from running import emit, run

N = Dim.named("n")
SHAPES: dict[str, tuple[Size, ...]] = {"scalar": (), "vector": (N,)}
# Ops on bool operands and conversions have tests of their own.
BOOL = ("logical_and", "logical_or", "logical_not", "logical_xor", "select", "astype")


def covered_ops() -> list[Op]:
    """Return the elementwise ops of the table that take floats."""
    return [
        op
        for op in OPS.values()
        if op.kind is Kind.ELEMENTWISE and op.domain and op.name not in BOOL
    ]


def every_op(shape: tuple[Size, ...], dtype: DType, length: int) -> tuple[Graph, list[Any]]:
    """Return a graph whose outputs are all ops at points of their domains, and the points."""
    random = np.random.default_rng(0)
    builder, args, outputs = Builder("ops"), [], []
    type = Type(dtype, shape)
    for op in covered_ops():
        operands = []
        for low, high in op.domain.intervals:
            operands.append(builder.param(f"x{len(args)}", type))
            points = random.uniform(low, high, length if shape else None)
            args.append(np.asarray(points, dtype.numpy_name))
        outputs.append(op(*operands))
    return run_passes(builder.finish(outputs), LOWER), args


def assert_agree(graph: Graph, args: list[Any], dtype: DType, found: tuple[Any, ...]) -> None:
    """Assert that results are the interpreter's to a few units in the last place."""
    rounding = 8 * float(np.finfo(dtype.numpy_name).eps)
    for op, want, got in zip(covered_ops(), interpret(graph, args), found, strict=True):
        np.testing.assert_allclose(
            np.asarray(got, float), np.asarray(want, float), rtol=rounding, err_msg=op.name
        )


@pytest.mark.parametrize("how", ["numpy", "python"])
@pytest.mark.parametrize("dtype", [DType.F64, DType.F32])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [5, 0])
def test_every_op(how, dtype, shape, length):
    if shape == "scalar" and length == 0:
        return  # a scalar has no length
    graph, args = every_op(SHAPES[shape], dtype, length)
    text = emit(graph, "numpy" if how == "numpy" else "numba")
    assert_agree(graph, args, dtype, run(text, args, how=how))


@pytest.mark.nightly
def test_every_op_compiled():
    graph, args = every_op((N,), DType.F64, 5)
    assert_agree(graph, args, DType.F64, run(emit(graph, "numba"), args, how="numba"))
