"""Reverse mode through loops, against complex steps through the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import NotDifferentiableError
from bpcompile.ir.build import Builder
from bpcompile.ir.graph import Graph, regions
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import DType, Type, f64, i64
from bpcompile.ir.verify import verify
from bpcompile.transforms import keep
from bpcompile.transforms.reverse import reverse
from tests.transforms.control import check
from tests.transforms.models import (
    MODELS,
    N,
    at,
    derivatives,
    filled_table,
    in_place,
    loop,
    lorenz,
    params,
    put,
    recurrence,
    scan,
    size_param,
    total,
    triangular,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_gradient(model):
    graph, args, wrt = model()
    joint = reverse(graph, wrt)
    verify(joint)
    value, *gradients = interpret(joint, args)
    np.testing.assert_allclose(value, interpret(graph, args)[0], rtol=1e-15)
    for k, gradient in zip(wrt, gradients, strict=True):
        np.testing.assert_allclose(gradient, derivatives(graph, args, k), rtol=1e-12, atol=1e-13)


def i_as_float(i):
    return OPS["astype"](i, dtype=DType.F64)


def finite_gradient(builder, output, args, wrt=(0,)):
    """Return the gradients, which must be those of complex steps and finite."""
    graph = builder.finish((output,))
    gradients = interpret(reverse(graph, wrt), args)[1:]
    for k, gradient in zip(wrt, gradients, strict=True):
        np.testing.assert_allclose(gradient, derivatives(graph, args, k), rtol=1e-12)
    return gradients


def test_branch_not_taken_inside_a_loop_contributes_nothing():
    b = Builder()
    x = b.param("x", f64[()])

    def step(i, x):
        return OPS["select"](x > 0.0, OPS["sqrt"](x) * 0.5, x * 2.0 + 0.0)

    (last,) = loop(b, 0, 3, {"x": x}, {}, step)
    finite_gradient(b, last, [0.0])
    finite_gradient(b, last, [0.3])


def test_narrowed_state_keeps_its_mask_between_iterations():
    """y is chosen at the last iteration alone, and comes from sqrt(0) at the others."""
    b = Builder()
    x = b.param("x", f64[()])

    def step(i, x, y):
        chosen = OPS["select"](x > 2.0, y, x + 1.0)
        return chosen, OPS["sqrt"](y)

    last, _ = loop(b, 0, 3, {"x": x, "y": x * 0.0}, {}, step)
    finite_gradient(b, last, [0.0])


def test_state_that_the_last_iteration_replaces_has_a_mask_before():
    b = Builder()
    x = b.param("x", f64[()])

    def step(i, s):
        return OPS["select"](i > 0, s.builder.const(2.0, s.type), OPS["sqrt"](s))

    (last,) = loop(b, 0, 3, {"s": x}, {}, step)
    assert finite_gradient(b, last, [0.0]) == (0.0,)


def test_mask_from_outside_goes_through_a_loop():
    b = Builder()
    x = b.param("x", f64[()])
    (last,) = loop(b, 0, 3, {"s": x}, {}, lambda i, s: OPS["sqrt"](s))
    finite_gradient(b, OPS["select"](x > 1.0, last, x), [0.0])
    (double,) = finite_gradient(b, OPS["select"](x < 1.0, last, x), [0.0625])
    assert double > 0


def test_unread_results_and_unread_constants_contribute_nothing():
    b = Builder()
    v, w = (b.param(name, f64["n"]) for name in "vw")
    roots = OPS["sqrt"](v)

    def step(i, out, roots, w):
        return put(out, at(roots, i) * OPS["sqrt"](at(w, i)), i)

    (out,) = loop(b, 0, 3, {"out": b.const(0, w.type)}, {"roots": roots, "w": w}, step)
    first = at(out, b.const(1, i64[()]))
    args = [np.array([0.2, 0.5, 0.7, 0.0]), np.array([0.0, 0.5, 0.7, 0.0])]
    v_bar, w_bar = finite_gradient(b, first, args, (0, 1))
    assert v_bar[3] == 0
    assert w_bar[0] == 0


def test_constant_read_in_full_has_no_mask():
    b = Builder()
    v = b.param("v", f64["n"])
    roots = OPS["sqrt"](v)
    states, constants = {"s": b.const(0, f64[()])}, {"roots": roots}
    (s,) = loop(b, 0, b.dim(N), states, constants, lambda i, s, roots: s + at(roots, i))
    joint = reverse(b.finish((s,)), [0])
    assert "bool" not in str(joint)


def test_losers_of_a_maximum():
    b = Builder()
    x = b.param("x", f64[()])

    def step(i, x):
        return OPS["maximum"](OPS["sqrt"](x), x + 1.0)

    (last,) = loop(b, 0, 4, {"x": x}, {}, step)
    finite_gradient(b, last, [0.0])


def test_zero_iterations():
    for steps in (0, -3):
        b = Builder()
        n = size_param(b)
        x, c = params(b, x=f64[()], c=f64["m"])

        def step(i, s, c):
            return OPS["sin"](s) * at(c, i)

        (s,) = loop(b, 0, n, {"s": x * 2.0}, {"c": c}, step)
        joint = reverse(b.finish((s,)), [1, 2])
        assert [float(np.sum(v)) for v in interpret(joint, [steps, 0.3, np.ones(2)])] == [0.6, 2, 0]


def test_step_count_that_the_model_computes():
    b = Builder()
    x, n = params(b, x=f64[()], n=i64[()])
    (linear,) = loop(b, 0, n * n, {"s": x}, {}, lambda i, s: s * 0.5)
    joint = reverse(b.finish((linear,)), [0])
    assert interpret(joint, [1.0, 2])[1] == 0.0625
    assert "while" not in str(joint)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_tape_of_a_step_count_that_the_model_computes_grows(n):
    b = Builder()
    x, k = params(b, x=f64[()], k=i64[()])
    (s,) = loop(b, 2, k * k, {"s": x}, {}, lambda i, s: OPS["sin"](s) * i_as_float(i))
    joint = reverse(b.finish((s * s,)), [0])
    assert "tape f64[]" in str(joint)
    check(b.finish((s * s,)), [0.7, n], [0])


def test_bounded_step_count_gets_a_tape_of_the_bound():
    """A loop of min(k, n) steps, where k is computed, keeps at most n values."""
    b = Builder()
    n = size_param(b)
    x, k = params(b, x=f64[()], k=i64[()])
    upper = OPS["minimum"](k, n)
    (s,) = loop(b, 0, upper, {"s": x}, {}, lambda i, s: OPS["sin"](s))
    graph = b.finish((s,))
    joint = reverse(graph, [1])
    for args in ([5, 0.7, 3], [3, 0.7, 5]):
        expected = derivatives(graph, args, 1)
        np.testing.assert_allclose(interpret(joint, args)[1], expected, rtol=1e-14)


def array_work(graph: Graph, inside: bool = False) -> set[str]:
    """Return the ops inside loops that touch whole arrays."""
    found = set()
    for node in graph.nodes:
        whole_array = isinstance(node.type, Type) and node.type.rank and node.args
        if inside and whole_array:
            found.add(node.op.name)
        for _, region in regions(node):
            found |= array_work(region, inside=True)
    return found


@pytest.mark.parametrize("model", [recurrence, scan, in_place, triangular, filled_table])
def test_elements_change_in_place_both_ways(model):
    """No iteration touches a whole array: n stores cost O(n) forward and backward."""
    graph, _, wrt = model()
    allowed = {"update", "accumulate", "item"}
    assert array_work(reverse(graph, wrt)) <= allowed


def test_scan_reads_the_cotangent_of_its_outputs_and_never_writes_it():
    graph, _, wrt = scan()
    back = [n for n in reverse(graph, wrt).nodes if n.op.name == "loop"][-1]
    names = [p.name for p in back.attrs["body"].params]
    assert names.index("ys_bar") > back.attrs["carried"]


def test_what_is_kept_is_said_in_a_note():
    forward, backward = (n for n in reverse(*lorenz()[::2]).nodes if n.op.name == "loop")
    assert forward.attrs["note"] == "keeps x, y and z of each step on the tape"
    assert backward.attrs["note"].startswith(
        "runs the steps backwards: reads x, y and z from the tape and computes 67 values again"
    )


def test_expensive_values_are_kept_and_cheap_ones_computed_again():
    b = Builder()
    x = b.param("x", f64[()])

    def step(i, x):
        return OPS["exp"](OPS["exp"](x * 0.1) * -0.5)

    (last,) = loop(b, 0, 10, {"x": x}, {}, step)
    forward, backward = (n for n in reverse(b.finish((last,)), [0]).nodes if n.op.name == "loop")
    assert len(forward.type.items) == 3  # the state, and both exponentials: their derivatives
    assert "exp" not in {n.op.name for n in backward.attrs["body"].nodes}


def test_next_state_is_not_kept_beside_the_state():
    """s is needed at both ends of an iteration, and one tape has both."""
    graph, _, _ = scan()
    forward, backward = (n for n in reverse(graph, [1, 2]).nodes if n.op.name == "loop")
    tapes = [p.name for p in forward.attrs["body"].params if p.name.endswith("_tape")]
    assert tapes == ["s_tape"]
    assert "s_next" in [p.name for p in backward.attrs["body"].params]


def test_linear_loops_need_no_tape():
    b = Builder()
    x, a = params(b, x=f64[()], a=f64[()])
    (last,) = loop(b, 0, 10, {"x": x}, {"a": a}, lambda i, x, a: x * a + x)
    joint = reverse(b.finish((last,)), [0])
    assert [n.attrs.get("note") for n in joint.nodes if n.op.name == "loop"] == [
        None,
        "runs the steps backwards: needs no tape",
    ]


def test_original_loop_is_replaced_not_repeated():
    for model in MODELS:
        graph, _, wrt = model()
        loops = [n for n in reverse(graph, wrt).nodes if n.op.name == "loop"]
        assert len(loops) == 2


def test_names_of_the_user_survive():
    text = str(reverse(*lorenz()[::2]))
    for name in ("x_tape", "sigma_bar", "i_back", "x_bar"):
        assert name in text


def test_unknown_region_and_missing_derivative():
    b = Builder()
    x = b.param("x", f64[()])
    secret = Op("secret", Kind.ELEMENTWISE, lambda x: x, np.sin, derivative="none")
    (last,) = loop(b, 0, 3, {"x": x}, {}, lambda i, x: x.builder.apply(secret, (x,), {}))
    with pytest.raises(NotDifferentiableError, match="secret has no derivative"):
        reverse(b.finish((last,)), [0])


def test_large_bodies_are_split_without_a_network(monkeypatch):
    monkeypatch.setattr(keep, "LARGEST_NETWORK", 3)
    for model in MODELS:
        test_gradient(model)


def test_array_that_many_iterations_read_is_kept_once():
    """Particles on a line: of n squared distances the tape has none, but the n places."""
    b = Builder("forces")
    steps = size_param(b, "t")
    (x,) = params(b, x=f64["n"])

    def step(t, x):
        builder = x.builder

        def one(i, f, x):
            def other(j, f, x, i):
                d = at(x, i) - at(x, j)
                return put(f, at(f, i) + d * d * d, i)

            (f,) = loop(f.builder, 0, f.builder.dim(N), {"f": f}, {"x": x, "i": i}, other, "j")
            return f

        def move(i, x, f):
            return put(x, at(x, i) + at(f, i) * 0.1, i)

        zeros, n = builder.const(0, x.type), builder.dim(N)
        (f,) = loop(builder, 0, n, {"f": zeros}, {"x": x}, one)
        (x,) = loop(builder, 0, n, {"x": x}, {"f": f}, move)
        return x

    (x,) = loop(b, 0, steps, {"x": x}, {}, step, "t")
    graph = b.finish((total(x * x),))
    check(graph, [2, [0.3, 0.5, -0.2]], [1])
    forward = next(n for n in reverse(graph, [1]).nodes if n.op.name == "loop")
    assert [len(item.shape) for item in forward.type.items] == [1, 2]


def test_array_that_is_filled_element_by_element_is_never_copied():
    """A factor in three loops: its elements are on the tape as they are read, n cubed in all."""
    b = Builder("factor")
    (a,) = params(b, A=f64["n n"])

    def row(i, f, a):
        def column(j, f, a, i):
            def inner(k, t, f, i, j):
                return t - at(f, i, k) * at(f, j, k)

            (t,) = loop(f.builder, 0, j, {"t": at(a, i, j)}, {"f": f, "i": i, "j": j}, inner, "k")
            return put(f, t / at(a, j, j), i, j)

        (f,) = loop(f.builder, 0, i + 1, {"f": f}, {"A": a, "i": i}, column, "j")
        return f

    (f,) = loop(b, 0, b.dim(N), {"f": b.const(0, a.type)}, {"A": a}, row)
    graph = b.finish((total(f * f),))
    check(graph, [[[2.0, 0.3, 0.4], [0.1, 1.5, -0.2], [0.5, 0.6, 1.2]]], [0])
    assert array_work(reverse(graph, [0])) <= {"update", "accumulate", "item", "empty"}
    for node in reverse(graph, [0]).nodes:
        if node.op.name == "loop":
            inside = node.attrs["body"]
            whole = [n for n in inside.nodes if n.op.name == "update" and n.args[1].shape]
            assert not whole


@pytest.mark.parametrize(("count", "x"), [(0, [0.0, 4.0]), (2, [0.3, 4.0])])
def test_a_state_that_each_iteration_fills_has_the_mask_from_outside_where_none_runs(count, x):
    b = Builder()
    x_, a, k = params(b, x=f64["n"], A=f64["n n"], k=i64[()])
    start = {"s": OPS["sqrt"](x_)}
    (s,) = loop(b, 0, k, start, {"A": a}, lambda i, s, a: OPS["matmul"](a, s))
    graph = b.finish((total(OPS["select"](x_ > 0.2, s, 0.0)),))
    args = [np.array(x), np.array([[0.5, 0.2], [-0.3, 0.7]]), count]
    gradient = interpret(reverse(graph, [0]), args)[1]
    expected = derivatives(graph, args, 0) if count else [0.0, 0.25]
    np.testing.assert_allclose(gradient, expected, rtol=1e-13)


def test_a_state_that_the_body_alone_narrows_is_read_everywhere_at_the_end():
    b = Builder()
    x, k = params(b, x=f64[()], k=i64[()])

    def step(i, s):
        return OPS["sqrt"](OPS["select"](s > 0.5, s, 0.3))

    (s,) = loop(b, 0, k, {"s": OPS["sqrt"](x)}, {}, step)
    graph = b.finish((s * s,))
    for args in ([0.81, 3], [0.04, 1], [0.04, 0], [0.0, 2]):
        expected = derivatives(graph, args, 0) if args[0] else 0.0
        np.testing.assert_allclose(interpret(reverse(graph, [0]), args)[1], expected, rtol=1e-13)


def test_the_tape_of_a_loop_that_starts_below_zero_has_a_place_for_each_step():
    b = Builder()
    (x,) = params(b, x=f64[()])

    def step(i, s, x):
        return OPS["sin"](s * x) + x * OPS["astype"](i, dtype=x.dtype)

    (s,) = loop(b, -2, 3, {"s": x}, {"x": x}, step)
    check(b.finish((s,)), [0.7], [0])
