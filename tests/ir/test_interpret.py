"""The interpreter: binding of dimensions, dtypes, regions, complex step, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.errors import ArgumentError, CompileError, ShapeError
from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim
from bpcompile.ir.graph import Graph, Guard
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import DType, Type, f32, f64, i64
from bpcompile.ops.index import At, Slice

N = Dim.named("n")


def graph_of(*outputs):
    return outputs[0].builder.finish(outputs)


def test_dtype_of_the_node_decides():
    builder = Builder()
    x = builder.param("x", f32["n"])
    (y,) = interpret(graph_of(OPS["sum"](OPS["exp"](x) * 0.1, axes=(0,))), [[1.0, 2.0]])
    assert y.dtype == np.float32


def test_first_bare_name_binds_and_others_are_checked():
    builder = Builder()
    x = builder.param("x", f64["n"])
    y = builder.param("y", f64["n + 1"])
    graph = builder.finish((x, y, builder.dim(N * 2)))
    assert interpret(graph, [np.ones(3), np.ones(4)])[2] == 6
    with pytest.raises(ShapeError, match="y is f64"):
        interpret(graph, [np.ones(3), np.ones(3)])


def test_run_time_int_binds_a_dimension():
    builder = Builder()
    k = builder.param("k", i64[()])
    k.node.attrs["size"] = N
    ones = builder.const(1, f64["n"])
    assert interpret(graph_of(k, ones), [4])[1].shape == (4,)


def test_unbound_dimension_needs_dims():
    builder = Builder()
    x = builder.param("x", f64["n*m"])
    graph = graph_of(x)
    with pytest.raises(ShapeError, match="no argument binds the dimension m, n"):
        interpret(graph, [np.ones(6)])
    assert interpret(graph, [np.ones(6)], {"n": 2, "m": 3})[0].shape == (6,)


def test_wrong_count_rank_and_guard():
    builder = Builder("model")
    x = builder.param("x", f64["n"])
    builder.guards.append(Guard(N, ">=", 3, "x[2]"))
    graph = graph_of(OPS["index"](x, spec=(Slice(2, 1, 1),)))
    with pytest.raises(ArgumentError, match="model takes 1 arguments and was given 2"):
        interpret(graph, [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"x is f64\[n\] and was given the shape \(1, 1\)"):
        interpret(graph, [np.ones((1, 1))])
    with pytest.raises(ShapeError, match=r"n >= 3 does not hold: 2 against 3, needed by x\[2\]"):
        interpret(graph, [np.ones(2)])


def test_leaves():
    builder = Builder()
    builder.param("x", f64["n"])
    row = (
        builder.const(2.5, f32[2, "n"]),
        builder.node(OPS["table"], (), {"values": (1, 2, 3)}, i64[3]),
        builder.dim(N),
        builder.node(OPS["iota"], (), {"shape": (2, N), "axis": 1}, i64[2, "n"]),
    )
    const, table, dim, iota = interpret(builder.finish(row), [np.zeros(3)])
    assert const.dtype == np.float32
    assert const.shape == (2, 3)
    assert table.tolist() == [1, 2, 3]
    assert dim == 3
    assert iota.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_astype_and_sizes_inside_attributes():
    builder = Builder()
    x = builder.param("x", f64["n"])
    last = OPS["index"](x, spec=(Slice(N - 1, -1, N),))
    flipped, whole = interpret(graph_of(last, OPS["astype"](x, dtype=DType.I64)), [[1.5, 2.5]])
    assert flipped.tolist() == [2.5, 1.5]
    assert whole.dtype == np.int64


def test_meaning_that_disagrees_with_the_type_rule_is_found():
    wrong = Op("wrong", Kind.REDUCE, lambda x: Type(DType.F64), lambda x: x, derivative="zero")
    builder = Builder()
    x = builder.param("x", f64["n"])
    with pytest.raises(CompileError, match="wrong"):
        interpret(graph_of(builder.apply(wrong, (x,), {})), [np.ones(2)])


def running_sum(steps: int | str) -> Graph:
    """Return s -> s + sum over i of x[i] sin-like terms, through a loop."""
    inner = Builder("body")
    i, s, x = (inner.param("i", i64[()]), inner.param("s", f64[()]), inner.param("x", f64["n"]))
    body = inner.finish((s * 0.5 + OPS["exp"](OPS["index"](x, i, spec=(At(0),))),))
    builder = Builder("f")
    x = builder.param("x", f64["n"])
    zero = builder.const(0, i64[()])
    loop = OPS["loop"](zero, builder.dim(N), builder.const(0, f64[()]), x, body=body, carried=1)
    return builder.finish(loop.items())


def test_loop():
    x = np.array([0.1, 0.2, 0.3])
    expected = 0.0
    for value in x:
        expected = expected * 0.5 + np.exp(value)
    assert interpret(running_sum("n"), [x])[0] == pytest.approx(expected, rel=1e-15)


def test_complex_step_through_a_loop():
    x, h = np.array([0.1, 0.2, 0.3]), 1e-30
    found = [
        interpret(running_sum("n"), [x + 1j * h * row], complex_step=True)[0].imag / h
        for row in np.eye(3)
    ]
    assert found == pytest.approx(np.exp(x) * [0.25, 0.5, 1.0], rel=1e-15)


def test_complex_step_follows_branches_by_real_parts():
    builder = Builder()
    x = builder.param("x", f64[()])
    y = OPS["select"](x > 1.0, x * x, -x)
    for value, slope in ((2.0, 4.0), (0.5, -1.0)):
        (found,) = interpret(graph_of(y), [value + 1e-30j], complex_step=True)
        assert found.imag / 1e-30 == slope


def test_depth_costs_no_stack():
    builder = Builder()
    x = builder.param("x", f64[()])
    y = x
    for _ in range(20_000):
        y = y * 0.5 + x
    assert interpret(graph_of(y), [1.0])[0] == 2.0
