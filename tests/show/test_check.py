"""The gradient check: passes what is right, and finds the worst entry of what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f32, f64
from bpcompile.show.check import Named, Returned, check
from bpcompile.show.reference import Reference, is_between
from bpcompile.transforms.reverse import reverse


def total(x):
    return OPS["sum"](x, axes=tuple(range(len(x.shape))))


def graph_of(model, **types):
    builder = Builder("model")
    params = [builder.param(name, type) for name, type in types.items()]
    return builder.finish((model(*params),))


def gradients(graph, args):
    return interpret(reverse(graph, range(len(args))), args)[1:]


def named(graph, arrays):
    return [Named(p.name, k, a) for k, (p, a) in enumerate(zip(graph.params, arrays, strict=True))]


def test_right_gradient_passes_and_wrong_entry_is_found():
    graph = graph_of(lambda x, y: total(OPS["sin"](x) * y), x=f64["n m"], y=f64["n m"])
    rng = np.random.default_rng(0)
    args = [rng.normal(size=(3, 4)), rng.normal(size=(3, 4))]
    right = gradients(graph, args)
    report = check(graph, args, Returned(gradients=named(graph, right)))
    assert report
    assert report.method == "complex step 1e-30"
    assert report.rtol == pytest.approx(np.sqrt(np.finfo(float).eps))
    assert all(entry.error < 1e-15 for entry in report.checks)
    wrong = [right[0].copy(), right[1].copy()]
    wrong[1][2, 1] += 1e-3
    wrong[1][0, 0] += 1e-5
    report = check(graph, args, Returned(gradients=named(graph, wrong)))
    assert not report
    worst = report.worst
    assert worst["x"].ok
    assert not worst["y"].ok
    assert worst["y"].index == (2, 1)
    assert worst["y"].got - worst["y"].expected == pytest.approx(1e-3)
    assert worst["y"].error == pytest.approx(1e-3)
    assert "FAILED" in str(report)
    assert "[2, 1]" in str(report)


def test_small_arguments_are_judged_by_their_own_scale():
    graph = graph_of(lambda x, y: total(x * 1e8) + total(y * 1e-4), x=f64["n"], y=f64["n"])
    args = [np.ones(2), np.ones(2)]
    right = gradients(graph, args)
    assert check(graph, args, Returned(gradients=named(graph, right)))
    wrong = [right[0], right[1] * 1.01]
    assert not check(graph, args, Returned(gradients=named(graph, wrong)))


def test_large_gradients_are_sampled_and_summed_along_a_direction():
    graph = graph_of(lambda x: total(OPS["square"](x)), x=f64["n"])
    x = np.linspace(-1, 1, 1000)
    report = check(graph, [x], Returned(gradients=[Named("x", 0, 2 * x)]), entries=20)
    assert report
    kinds = {entry.kind: entry for entry in report.checks}
    assert kinds["gradient"].entries == 1000
    assert kinds["gradient"].checked in (20, 21)
    assert kinds["direction"].ok
    wrong = 2 * x
    wrong[500] += 0.5
    report = check(graph, [x], Returned(gradients=[Named("x", 0, wrong)]), entries=1)
    kinds = {entry.kind: entry.ok for entry in report.checks}
    assert kinds == {"gradient": True, "direction": False}
    assert not report
    assert not report.worst["x"].ok


def test_a_sum_that_cancels_is_a_rounding_error_in_both():
    r = np.array([0.1, 0.2, -0.3])
    builder = Builder("model")
    b, x = builder.param("b", f64[()]), builder.param("r", f64["n"])
    graph = builder.finish((b * total(x),))
    report = check(graph, [1.0, r], Returned(gradients=[Named("b", 0, 5.5e-17)]))
    assert report, str(report)
    assert not check(graph, [1.0, r], Returned(gradients=[Named("b", 0, 1e-12)]))


def test_float32_has_its_own_tolerance():
    graph = graph_of(lambda x: total(OPS["exp"](x)), x=f32["n"])
    x = np.array([0.5, 1.5], np.float32)
    right = np.exp(x)
    report = check(graph, [x], Returned(gradients=[Named("x", 0, right)]))
    assert report
    assert report.rtol == pytest.approx(np.sqrt(np.finfo(np.float32).eps))
    assert not check(graph, [x], Returned(gradients=[Named("x", 0, right * np.float32(1.01))]))


def test_kinks_accept_any_slope_between():
    graph = graph_of(lambda x: total(OPS["abs"](x)), x=f64["n"])
    x = np.array([0.0, 1.0])
    for slope, passes in [(0.0, True), (1.0, True), (-1.0, True), (1.5, False)]:
        report = check(graph, [x], Returned(gradients=[Named("x", 0, np.array([slope, 1.0]))]))
        assert bool(report) is passes
    assert (
        check(graph, [x], Returned(gradients=[Named("x", 0, np.array([0.0, 1.0]))])).checks[0].kinks
        == 1
    )
    assert is_between(0.2, -1.0, 1.0, 1.0)
    assert not is_between(0.2, 1.0, 1.0, 1.0)


def test_overflow_of_the_model_as_written_is_undecided():
    graph = graph_of(lambda x: OPS["log"](OPS["exp"](x) + 1.0), x=f64[()])
    report = check(graph, [800.0], Returned(gradients=[Named("x", 0, 1.0)]))
    assert report
    assert report.checks[0].undecided == 1
    assert "1 undecided" in str(report)


def test_nan_passes_only_where_the_model_has_one():
    graph = graph_of(lambda x: total(OPS["log"](x)), x=f64["n"])
    x = np.array([np.nan, 2.0])
    assert check(graph, [x], Returned(gradients=[Named("x", 0, np.array([np.nan, 0.5]))]))
    y = np.array([1.0, 2.0])
    assert not check(graph, [y], Returned(gradients=[Named("x", 0, np.array([np.nan, 0.5]))]))


def test_poles_accept_an_infinite_slope_of_the_right_sign():
    graph = graph_of(lambda x: OPS["sqrt"](x), x=f64[()])
    assert check(graph, [0.0], Returned(gradients=[Named("x", 0, np.inf)]))
    assert not check(graph, [0.0], Returned(gradients=[Named("x", 0, -np.inf)]))
    assert not check(graph, [0.0], Returned(gradients=[Named("x", 0, np.nan)]))


def test_central_differences_take_over_without_a_complex_form(monkeypatch):
    graph = graph_of(lambda x: total(OPS["exp"](x) * x), x=f64["n"])
    x = np.array([0.5, -1.0, 2.0])

    def refuse(self, directions):
        raise TypeError("no complex form")

    monkeypatch.setattr(Reference, "_complex", refuse)
    right = np.exp(x) * (1 + x)
    report = check(graph, [x], Returned(gradients=[Named("x", 0, right)]))
    assert report
    assert report.method.startswith("central differences with steps 7.4e-04")
    assert report.checks[0].error < 1e-8
    assert not check(graph, [x], Returned(gradients=[Named("x", 0, right * (1 + 1e-4))]))


def test_empty_and_scalar_arguments():
    graph = graph_of(lambda x, y: total(x) * y, x=f64["n"], y=f64[()])
    report = check(graph, [np.zeros(0), 2.0], Returned(gradients=named(graph, [np.zeros(0), 0.0])))
    assert report
    assert report.worst["x"].checked == 0


X, Y = np.array([0.3, 1.2, -0.7]), np.array([2.0, -1.0, 0.5])


@pytest.mark.parametrize(
    ("fn", "args", "kinds"),
    [
        (bp.compile(lambda x, y: (x * y, x + 1), target="numpy"), (X, Y), ["value"] * 2),
        (bp.grad(lambda x, y: np.sum(x * y), target="numpy"), (X, Y), ["gradient"]),
        (
            bp.grad(lambda x: (np.sum(x * x), {"twice": 2 * x}), has_aux=True, target="numpy"),
            (X,),
            ["value", "gradient"],
        ),
        (
            bp.value_and_grad(lambda p: np.sum(p["a"] * p["b"]), target="numpy"),
            ({"a": X, "b": Y},),
            ["value", "gradient", "gradient"],
        ),
        (
            bp.value_and_grad(lambda x: (np.sum(x), x * x), has_aux=True, target="numpy"),
            (X,),
            ["value", "value", "gradient"],
        ),
        (
            bp.vjp(lambda x, y: (x * y, np.sum(y)), argnums=("x", "y"), target="numpy"),
            (X, Y, (Y, 2.0)),
            ["value", "value", "gradient", "gradient"],
        ),
        (
            bp.jvp(lambda x, y: (x * y, np.sum(y)), argnums=("x", "y"), target="numpy"),
            (X, Y, Y, X),
            ["value", "value", "tangent", "tangent"],
        ),
    ],
    ids=["compile", "grad", "grad aux", "tree", "value aux", "vjp", "jvp"],
)
def test_every_transform_is_checked(fn, args, kinds):
    report = fn.check(*args)
    found = [entry.kind for entry in report.checks]
    assert [kind for kind in found if kind != "python"] == kinds
    results = len(fn.graph.outputs)
    assert found.count("python") == results, "each result is compared with Python's, too"
    assert report, str(report)
    assert all(entry.error < 1e-14 for entry in report.checks)
    assert report._repr_html_().startswith("<table")


def test_names_are_those_of_the_arguments():
    fn = bp.value_and_grad(lambda p: np.sum(p["a"] * p["b"]), target="numpy")
    report = fn.check({"a": X, "b": Y})
    assert list(report.worst) == ["p['a']", "p['b']"]


def test_machine_code_is_checked():
    report = bp.value_and_grad(lambda x: np.sum(np.tanh(x) ** 2)).check(X)
    assert report, str(report)


def test_what_python_computes_is_compared_with_the_trace():
    """Captured values are those of the first call: here the function has changed since."""
    captured = [1.0]

    def model(x):
        return np.sum(x) * captured[0]

    fn = bp.value_and_grad(model, target="numpy", cache=False)
    x = np.arange(3.0)
    assert [c.kind for c in fn.check(x).checks] == ["value", "python", "gradient"]
    assert fn.check(x)
    captured[0] = 2.0
    report = fn.check(x)
    assert not report
    assert [(c.kind, c.expected, c.got) for c in report.checks if not c.ok] == [
        ("python", 3.0, 6.0)
    ]


def test_arguments_of_a_check_stay_as_they_are():
    def model(x):
        x[0] = 0.0
        return np.sum(x * x)

    x = np.array([1.0, 2.0])
    assert bp.grad(model, target="numpy", cache=False).check(x)
    assert x[0] == 1.0
