"""Every op of the table agrees with the interpreter on each target.

At scalars, vectors, repeated operands and empty arrays, in float64 and float32 (and in integers
where an op takes them), with first derivatives. The texts run as NumPy and as plain Python; Numba
compiles every op once, and the whole product each night.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType, f32, i64
from bpcompile.passes.pipeline import LOWER
from bpcompile.passes.pipeline import run as run_passes
from tests.emit.running import TARGETS, agree, call, emit, load, same
from tests.emit.walk import (
    ELEMENTWISE,
    STRUCTURE,
    Model,
    Walk,
    arguments,
    elementwise_models,
    vectors,
    walk,
)
from tests.ops.support import BITS

DTYPES = (DType.F64, DType.F32)
SIZES = {"elementwise": ((3, 2), (0, 2), (2, 0)), "structure": ((3, 2), (0, 2), (4, 1))}


PARTS = 6  # modules that Numba compiles of all structure ops, and of all elementwise ones by dtype


# Numba alone takes a minute over these, since it optimises a helper again in each of its callers.
NIGHTLY = {"dft rdft irdft"}


def groups(models: list[Model], count: int) -> list[list[Model]]:
    """Return models in groups of a count, each for one module."""
    return [models[k : k + count] for k in range(0, len(models), count)]


def hold(walked: Walk, dtype: DType, how: str, sizes: tuple[tuple[int, int], ...]) -> None:
    """Hold a module to the interpreter at several lengths, row by row."""
    text = emit(walked.graph, TARGETS[how])
    function = load(text, how)["model_value"]
    for n, m in sizes:
        args = arguments(dtype, n, m)
        want, found = interpret(walked.graph, args), call(function, args, how=how)
        for labels, one, other in zip(walked.labels, want, found, strict=True):
            if len(labels) == 1 and how == "numba" and one.dtype == np.float32:
                wide = np.float64(other) if np.ndim(other) == 0 else np.float64(0)
                np.testing.assert_equal(np.float64(np.float32(wide)), wide, f"wide: {labels}")
            rows = ([one], [other]) if np.ndim(one) == 0 else (one, other)
            assert np.shape(one) == np.shape(other)
            for label, x, y in zip(labels, *rows, strict=True):
                same([x], [y], f"{label} at n = {n}, m = {m}\n{text}")


def test_every_op_is_walked() -> None:
    walked = {op.name for op in ELEMENTWISE}
    walked |= {name for model in STRUCTURE for name in model.name.split()}
    # Calls are written out before; prints and bits have no results of floats: `test_debugging.py`
    # and `frontend/test_bits.py` hold what is emitted of them.
    calls = {op.name for op in OPS.values() if op.kind is Kind.CALL}
    assert walked >= set(OPS) - {"param", "empty", "show"} - calls - BITS


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("how", ["numpy", "python"])
def test_elementwise_ops_with_derivatives(how: str, dtype: DType) -> None:
    for models in groups(elementwise_models(), 20):
        hold(walk(models, dtype), dtype, how, SIZES["elementwise"])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("how", ["numpy", "python"])
def test_structure_ops_with_derivatives(how: str, dtype: DType) -> None:
    for models in groups(STRUCTURE, 6):
        hold(walk(models, dtype), dtype, how, SIZES["structure"])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("part", range(PARTS // 2))
def test_elementwise_ops_through_numba(part: int, dtype: DType) -> None:
    models = [vectors(op) for op in ELEMENTWISE[part :: PARTS // 2]]
    hold(walk(models, dtype, brief=True), dtype, "numba", SIZES["elementwise"])


@pytest.mark.parametrize("part", range(PARTS))
def test_structure_ops_through_numba(part: int) -> None:
    models = [model for model in STRUCTURE if model.name not in NIGHTLY][part::PARTS]
    hold(walk(models, DType.F64, brief=True), DType.F64, "numba", SIZES["structure"])


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_whole_product_through_numba(dtype: DType) -> None:
    for kind, models in (("structure", STRUCTURE), ("elementwise", elementwise_models())):
        for group in groups(models, 1 if kind == "structure" else 6):
            hold(walk(group, dtype), dtype, "numba", SIZES[kind])


@pytest.mark.parametrize("how", ["numpy", "python"])
@pytest.mark.parametrize("name", ["equal", "not_equal", "logical_xor", "less"])
def test_a_comparison_of_comparisons_is_no_chain(name: str, how: str) -> None:
    builder = Builder("f")
    x, y = builder.param("x", f32["n"]), builder.param("y", f32["n"])
    values = np.float32([1, 1, 0, 2, 3]), np.float32([0, 1, 1, 2, 1])
    agree(builder.finish([OPS[name](x > 0.5, y > 0.5), OPS[name](x > y, y > x)]), values, how)


@pytest.mark.parametrize("how", ["numpy", "python", "numba"])
def test_float32_products_are_rounded_once(how: str) -> None:
    builder = Builder("f")
    x = builder.param("x", f32["n"])
    graph = run_passes(builder.finish((OPS["prod"](x, axes=(0,)),)), LOWER)
    # 1e30 squared is no float32, the whole product is.
    agree(graph, [np.float32([1e30, 1e30, 1e-30, 1.5])], how)


@pytest.mark.parametrize("how", ["numpy", "python", "numba"])
def test_the_neutral_value_of_nothing(how: str) -> None:
    builder = Builder("f")
    x, k = builder.param("x", f32["n"]), builder.param("k", i64["n"])
    found = [OPS[name](v, axes=(0,)) for name in ("sum", "prod") for v in (x, k)]
    found += [OPS[name](x > 0.0, axes=(0,)) for name in ("any", "all")]
    agree(builder.finish(found), [np.zeros(0, "f4"), np.zeros(0, "i8")], how)
