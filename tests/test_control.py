"""Loops that stay loops: values, types, captured values, and errors."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile import checkpoints
from bpcompile import control as bp
from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.frontend.arguments.trees import leaves_of
from bpcompile.ir.graph import regions
from tests.tracing import agrees, run, traced

V = np.array([0.5, -1.0, 2.0, 0.25])
X = np.arange(12.0).reshape(4, 3)


def loops(graph):
    return [node for node in graph.nodes if node.op.name == "loop"]


def test_fori_loop():
    def model(x, n):
        scale = np.sin(x)

        def body(i, state):
            total, power = state
            return total + power * scale[i % 4], power * 0.5

        return bp.fori_loop(0, n, body, (0.0, 1.0))

    found = agrees(model, V, 7)
    (loop,) = loops(found.graph)
    ((_, body),) = regions(loop)
    assert [param.name for param in body.params] == ["i", "total", "power", "scale"]
    np.testing.assert_allclose(run(found, V, 30), model(V, 30), rtol=1e-14)
    np.testing.assert_allclose(run(found, V, 0), model(V, 0))


def test_a_run_time_bound_is_a_length():
    found = traced(lambda x, n: bp.fori_loop(0, n, lambda i, s: s * x[0], 1.0), V, 3)
    assert str(found.graph.params[1].attrs["size"]) == "n"
    # A negative one runs nothing, and is no length.
    found = agrees(lambda x, n: bp.fori_loop(0, n, lambda i, s: s * x[0], 1.0), V, -3)
    assert "size" not in found.graph.params[1].attrs


def test_a_length_in_a_tree_keeps_off_other_lengths():
    def model(p, x):
        n = p["n"]
        return np.ones(n).sum() * x

    found = agrees(model, {"n": 2}, V)
    np.testing.assert_allclose(run(found, {"n": 5}, V[:3]), 5 * V[:3])


def test_bounds():
    def model(x, a, b):
        n = len(x)
        add = lambda i, s: s + i * x[0]  # noqa: E731 - a lambda as a body is under test
        return (
            bp.fori_loop(0, 3, add, 0.0),
            bp.fori_loop(a, b + 1, add, 0.0),
            bp.fori_loop(1, n, lambda i, s: s + x[i] * x[i - 1], 0.0),
            bp.fori_loop(n, 2, add, 1.0),
            bp.fori_loop(np.int64(1), n // 2, add, 1.0),
        )

    agrees(model, V, -1, 2)


def test_trees_are_carried():
    def model(x):
        def body(i, s):
            return {"a": [s["a"][0] + x, s["a"][1] + 1], "b": (s["b"][0] * x[i], None)}

        return bp.fori_loop(0, len(x), body, {"a": [np.zeros(4), 0], "b": (1.0, None)})

    agrees(model, V)


def test_weak_numbers_take_the_dtype_of_the_body():
    def model(x):
        total = bp.fori_loop(0, len(x), lambda i, s: s + x[i], 0)
        count = bp.fori_loop(0, 3, lambda i, s: s + 1, 0)
        carried = bp.fori_loop(0, 3, lambda i, s: (s[1], s[1] + x[0]), (0, 0))
        return total, count, carried

    single = V.astype(np.float32)
    found = traced(model, single)
    assert [str(out.type) for out in found.graph.outputs] == ["f32[]", "i64[]", "f32[]", "f32[]"]
    agrees(model, V)


def test_a_number_that_met_an_array_is_no_longer_weak():
    def model(x, y):
        total = bp.fori_loop(0, 2, lambda i, s: s + y.sum(), 0.0)
        count = bp.fori_loop(0, 2, lambda i, s: s + 0.5, 0.0)
        return total * x, count * x

    agrees(model, V.astype(np.float32), V, rtol=1e-6)


def test_loops_in_loops_and_functions_in_them():
    def inner(a, b):
        c = np.zeros(2) + a
        return np.array([c[0], max(b, 0.5)])

    def model(x):
        def outer_body(i, total):
            row = bp.fori_loop(0, i + 1, lambda j, s: s + inner(x[j], x[i]), np.zeros(2))
            return total + row * x[i]

        return bp.fori_loop(0, len(x), outer_body, np.zeros(2))

    found = agrees(model, V)
    (outer,) = loops(found.graph)
    ((_, body),) = regions(outer)
    assert len(loops(body)) == 1


def test_captured_arrays_in_a_body():
    table = np.linspace(0.0, 1.0, 40)

    def model(x):
        return bp.fori_loop(0, 4, lambda i, s: s + table[i] * x[i] + table.shape[0], 0.0)

    found = agrees(model, V)
    assert [param.name for param in found.graph.params] == ["x", "table"]


def test_lengths_that_a_body_ties_together():
    def model(x, y, z):
        total = bp.fori_loop(0, 3, lambda i, s: s + x * y, z)
        return total + y

    found = agrees(model, V, V + 1, V * 2)
    assert {str(param.type) for param in found.graph.params} == {"f64[n]"}
    found = agrees(lambda x, y: bp.fori_loop(0, 2, lambda i, s: s + x[1:] - x[:-1], y), V, V[:3])
    assert [str(param.type) for param in found.graph.params] == ["f64[n]", "f64[n - 1]"]


def test_a_run_time_int_sizes_an_array_in_a_body():
    def model(x, n):
        return bp.fori_loop(0, 3, lambda i, s: s + np.ones(n).sum() * x[i], 0.0)

    found = agrees(model, V, 5)
    np.testing.assert_allclose(run(found, V, 2), model(V, 2))


def test_scan():
    def model(x, s):
        def body(carry, row):
            total = carry + row.sum() * s
            return total, (total * 2, row[0])

        forward = bp.scan(body, 0.0, x)
        backward = bp.scan(body, 1.0, x, reverse=True)
        return forward, backward

    found = agrees(model, X, 0.5)
    for n in (1, 6):
        x = np.sin(np.arange(3.0 * n).reshape(n, 3)) if n > 1 else None
        if x is not None:
            for got, want in zip(run(found, x, 2.0)[0][1], model(x, 2.0)[0][1], strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-14)


def test_scan_over_trees_and_without_rows():
    def model(x, v, n):
        def body(carry, rows):
            (a, b), k = carry
            y = rows["x"] * a + rows["v"]
            return ((a + 1.0, b + y), k + 1), {"y": y, "k": k}

        tree = bp.scan(body, ((0.0, np.zeros(3)), 0), {"x": x, "v": v})
        counted = bp.scan(lambda c, _: (c * 0.5, c), 1.0, None, length=5)
        sized = bp.scan(lambda c, _: (c + 1, c), 0, length=n)
        nothing = bp.scan(lambda c, row: (c + row, None), np.zeros(3), x)
        known = bp.scan(lambda c, k: (c + k, c), 0.0, [1.0, 2.0][0] * np.arange(3.0))
        checked = bp.scan(lambda c, row: (c, row), 0.0, x, length=4)
        return tree, counted, sized, nothing, known, checked

    agrees(model, X, V, 3)


def test_scan_of_float32_stacks_float32():
    found = traced(lambda x: bp.scan(lambda c, row: (c + row, c * row), 0.0, x), V.astype("f4"))
    assert [str(out.type) for out in found.graph.outputs] == ["f32[]", "f32[n]"]


def test_stop_gradient():
    def model(x, n):
        return bp.stop_gradient({"x": x * 2, "n": n, "k": 3})

    found = agrees(model, V, 2)
    assert [node.op.name for node in found.graph.nodes].count("stop_gradient") == 1


def test_outside_of_a_trace_they_are_python_loops():
    assert bp.fori_loop(0, 4, lambda i, s: s + i, 0) == 6
    assert bp.scan(lambda c, _: (c + 1, None), 0, length=3) == (3, None)
    carry, ys = bp.scan(lambda c, x: (c + x, c), 0.0, V, reverse=True)
    assert carry == V.sum()
    np.testing.assert_array_equal(ys, [1.25, 2.25, 0.25, 0.0])
    with pytest.raises(ShapeError, match=r"bp.scan over arrays with \[3, 4\] rows"):
        bp.scan(lambda c, x: (c, None), 0, (V, V[:3]))
    assert bp.stop_gradient([1.0, V])[1] is V


def test_a_carried_value_that_changes():
    def grows(x):
        def body(i, state):
            return {"total": state["total"] + x}

        return bp.fori_loop(0, 3, body, {"total": 0.0})

    with pytest.raises(TypeMismatchError) as error:
        traced(grows, V)
    line = grows.__code__.co_firstlineno + 4
    assert str(error.value) == (
        "the carried value `state['total']` of bp.fori_loop is f64[] before the body and f64[n] "
        f"after it at {__file__}:{line}: start it with np.zeros or np.full of the later shape"
    )

    def widens(x, k):
        return bp.scan(lambda c, v: (c + v, None), k, x)

    with pytest.raises(
        TypeMismatchError, match=r"`c` of bp.scan is i64\[d\] before the body and f64"
    ):
        traced(widens, X, np.array([1, 2, 3]))


def test_bodies_that_return_something_else():
    with pytest.raises(ArgumentError, match=r"the body of bp.fori_loop returns \(\*, \*\) for the"):
        traced(lambda x: bp.fori_loop(0, 3, lambda i, s: (s, s), x), V)
    with pytest.raises(ArgumentError, match=r"the body of bp.scan returns Tracer .*return a pair"):
        traced(lambda x: bp.scan(lambda c, row: c + row, 0.0, x), V)


def test_bounds_and_rows_that_do_not_fit():
    with pytest.raises(TypeMismatchError, match=r"a bound of bp.fori_loop is `s` \(f64\[\]\)"):
        traced(lambda s: bp.fori_loop(0, s, lambda i, t: t, 0.0), 2.0)
    with pytest.raises(
        ShapeError, match=r"`xs\[1\]` of bp.scan, `y` .*, has d rows where n are exp"
    ):
        traced(lambda x, y: bp.scan(lambda c, r: (c, None), 0.0, (x, y)), V, V[:3])
    with pytest.raises(ShapeError, match="neither xs nor length"):
        traced(lambda x: bp.scan(lambda c, r: (c, None), x), V)
    with pytest.raises(ShapeError, match="is a scalar"):
        traced(lambda s: bp.scan(lambda c, r: (c, None), 0.0, s), 1.0)


# -- cond, switch, while_loop, map ---------------------------------------------------------------


def both_ways(model, *args):
    """Check a model's graph against its run on plain arrays."""
    found = traced(model, *args)
    got, want = run(found, *args), model(*args)
    for one, other in zip(leaves_of(got)[0], leaves_of(want)[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_cond_and_switch():
    def model(x, k):
        y = bp.cond(x > 0, lambda a: (a * 2, a), lambda a: (-a, a + 1.0), x)
        z = bp.switch(k, [lambda a: a, lambda a: a * x, lambda a: a**3], y[0])
        return y, z, bp.cond(True, lambda: 1.0, lambda: "never")

    for x, k in ((2.0, 0), (-3.0, 1), (2.0, 2), (1.5, 7), (1.5, -4)):
        both_ways(model, x, k)


def test_while_loop_and_map():
    def model(x):
        def improve(state):
            y, n = state
            return 0.5 * (y + x[0] / y), n + 1

        root = bp.while_loop(lambda s: abs(s[0] ** 2 - x[0]) > 1e-10, improve, (x[0], 0))
        return root, bp.map(lambda v: {"square": v * v, "sine": np.sin(v)}, x)

    both_ways(model, np.arange(2.0, 14.0))


def test_arms_that_differ_are_refused():
    with pytest.raises(TypeMismatchError, match=r"arms of the `bp\.cond` at .*test_control"):
        traced(lambda x: bp.cond(x > 0, lambda: x, lambda: (x, x)), 1.0)
    with pytest.raises(ArgumentError, match=r"bp\.switch has no branches"):
        traced(lambda x: bp.switch(x, []), 1)


def test_what_is_kept_of_a_loop():
    def model(x):
        y = x[0]
        for _ in checkpoints.range(100, checkpoint="sqrt"):
            y = np.sin(y) + 0.1
        y = bp.fori_loop(0, 50, lambda i, v: np.cos(v), y, checkpoint=7)
        inner = checkpoints.checkpoint(lambda a, b: {"sum": a + b, "rows": b * x})
        return bp.scan(lambda c, v: (c * v, c), y, x, checkpoint=("binomial", 4)), inner(y, 2.0)

    both_ways(model, np.linspace(0.5, 1.5, 12))
    graph = traced(model, np.linspace(0.5, 1.5, 12)).graph
    kept = [node.attrs.get("checkpoint") for node in loops(graph)]
    assert kept == ["sqrt", 7, ("binomial", 4), "again"]

    with pytest.raises(ArgumentError, match=r"checkpoint='cube' .*'sqrt'"):
        traced(lambda x: bp.fori_loop(0, 9, lambda i, v: v, x, checkpoint="cube"), 1.0)
