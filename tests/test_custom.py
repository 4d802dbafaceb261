"""Functions with a derivative rule of their own: values, derivatives of any order, and errors."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import (
    ArgumentError,
    LimitError,
    NotDifferentiableError,
    ShapeError,
    TraceError,
    TypeMismatchError,
)
from bpcompile.ir.parse import parse
from bpcompile.ir.verify import verify
from bpcompile.ir.walk import graph_equal

PLAIN = {"target": "numpy", "cache": False}
X = np.array([0.3, -1.0, 2.0])


@bp.custom_vjp
def product(x, y):
    return np.sin(x) * y


def product_forward(x, y):
    cosine = np.cos(x)
    return product(x, y), (cosine, np.sin(x), y, cosine)


def product_backward(kept, g):
    cosine, sine, y, again = kept
    assert again is cosine
    return cosine * g * y, 3.0 * sine * g  # three times what autodiff gives


product.defvjp(product_forward, product_backward)


@bp.custom_jvp
def softened(x):
    return np.log(1.0 + np.exp(x))


@softened.defjvp
def softened_tangent(primals, tangents):
    (x,), (t,) = primals, tangents
    return softened(x), (1.0 - 1.0 / (1.0 + np.exp(x))) * t


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def test_outside_a_model_they_are_plain_functions():
    np.testing.assert_array_equal(product(X, 2.0), np.sin(X) * 2.0)
    assert softened(0.0) == np.log(2.0)
    assert product.__name__ == "product"


def test_the_rule_is_what_the_gradient_is_made_of():
    def model(x, y):
        return np.sum(product(x, y) ** 2)

    y = np.array([2.0, 3.0, 4.0])
    fn = bp.value_and_grad(model, argnums=(0, 1), **PLAIN)
    value, (in_x, in_y) = fn(X, y)
    assert value == pytest.approx(np.sum((np.sin(X) * y) ** 2))
    np.testing.assert_allclose(in_x, 2.0 * np.sin(X) * y * np.cos(X) * y)
    np.testing.assert_allclose(in_y, 3.0 * 2.0 * np.sin(X) ** 2 * y)
    (call,) = [node for node in fn.graph if node.op.name == "custom_vjp"]
    assert call.attrs["name"] == "product"
    for _, graph in fn.stages:
        verify(graph)
    assert graph_equal(parse(str(fn.graph)), fn.graph)
    assert "product(x, y)" in fn.source
    assert "product(x, y)" in str(fn.explain(X, y))
    assert not fn.check(X, y)  # the rule is not the derivative, and says so


def test_derivatives_of_higher_order_go_through_the_rule():
    def first(x):
        return bp.grad(lambda x: product(x, 2.0))(x)

    assert bp.grad(first, **PLAIN)(0.3) == pytest.approx(-2.0 * np.sin(0.3))
    third = bp.grad(lambda x: bp.grad(first)(x), **PLAIN)
    assert third(0.3) == pytest.approx(-2.0 * np.cos(0.3))
    slope = sigmoid(0.5) * (1.0 - sigmoid(0.5))
    for transform in (
        bp.grad(bp.grad(softened), **PLAIN)(0.5),
        bp.jvp(bp.grad(softened), **PLAIN)(0.5, 1.0)[1],
    ):
        assert transform == pytest.approx(slope)


def test_a_rule_for_both_modes():
    assert bp.grad(softened, **PLAIN)(1000.0) == 1.0  # where autodiff gives NaN
    value, tangent = bp.jvp(softened, **PLAIN)(X, np.ones(3))
    np.testing.assert_allclose(value, np.log1p(np.exp(X)))
    np.testing.assert_allclose(tangent, sigmoid(X))
    chosen = bp.custom_jvp(lambda x: np.abs(x))
    chosen.defjvp(lambda p, t: (np.abs(p[0]), np.where(p[0] >= 0.0, t[0], -t[0])))
    np.testing.assert_array_equal(bp.grad(lambda x: np.sum(chosen(x)), **PLAIN)(X), np.sign(X))


def test_a_rule_for_reverse_mode_says_so_in_forward_mode():
    with pytest.raises(NotDifferentiableError, match=r"product at .*:\d+ .*bp\.custom_jvp"):
        bp.jvp(lambda x: product(x, 2.0), **PLAIN)(X, X)


def test_a_rule_in_parts():
    power = bp.custom_jvp(lambda x, y: x**y)
    power.defjvps(lambda t, z, x, y: y * x ** (y - 1.0) * t, None)
    assert bp.grad(power, argnums=(0, 1), **PLAIN)(3.0, 2.0) == pytest.approx((6.0, 0.0))
    none = bp.custom_jvp(lambda x: x)
    none.defjvps(None)
    assert bp.grad(none, **PLAIN)(3.0) == 0.0


def test_trees_keywords_defaults_and_known_arguments():
    @bp.custom_vjp
    def scaled(params, x, mode="plain", n=2):
        out = params["w"] * x if mode == "scaled" else x
        return {"out": out**n, "count": n}

    def forward(params, x, mode, n):
        return scaled(params, x, mode, n), (params, x, n)

    def backward(kept, g):
        params, x, n = kept
        bar = g["out"] * n * (params["w"] * x) ** (n - 1)
        return {"w": bar * x, "b": None}, bar * params["w"], None, None

    scaled.defvjp(forward, backward)

    def model(params, x):
        found = scaled(params, x=x, mode="scaled")
        return np.sum(found["out"]) * found["count"]

    params = {"w": np.array([1.0, 2.0]), "b": 1.0}
    value, (in_params, in_x) = bp.value_and_grad(model, argnums=(0, 1), **PLAIN)(
        params, np.array([3.0, 4.0])
    )
    assert value == 2.0 * (9.0 + 64.0)
    np.testing.assert_allclose(in_params["w"], [36.0, 128.0])
    assert in_params["b"] == 0.0
    np.testing.assert_allclose(in_x, [12.0, 64.0])


def test_arguments_without_a_derivative():
    @partial(bp.custom_jvp, nondiff_argnums=(0,))
    def apply(f, x):
        return f(x)

    apply.defjvp(lambda f, p, t: (f(p[0]), 2.0 * t[0]))
    assert bp.grad(lambda x: 3.0 * apply(np.sin, x), **PLAIN)(1.0) == 6.0

    @bp.custom_vjp(nondiff_argnums=1)
    def clipped(x, bound):
        return x

    clipped.defvjp(lambda x, b: (x, None), lambda b, _, g: (np.clip(g, -b, b),))
    fn = bp.grad(lambda x, b: np.sum(clipped(x, b) * 5.0), **PLAIN)
    np.testing.assert_array_equal(fn(X, 2.0), [2.0, 2.0, 2.0])
    with pytest.raises(NotDifferentiableError, match="`b` is differentiated and clipped"):
        bp.grad(lambda x, b: np.sum(clipped(x, b)), argnums=1, **PLAIN)(X, 2.0)


def test_what_the_function_reads_from_outside():
    table = np.arange(25.0).reshape(5, 5)
    times = bp.custom_vjp(lambda x: table @ x)
    times.defvjp(lambda x: (times(x), None), lambda _, g: (table.T @ g,))
    x = np.arange(5.0)
    fn = bp.grad(lambda x: np.sum(bp.grad(lambda x: np.sum(np.sin(times(x))))(x)), **PLAIN)
    expected = -(table.T @ (np.sin(table @ x)[:, None] * table)).sum(1)
    np.testing.assert_allclose(fn(x), expected)

    def model(x, w):
        inner = bp.custom_vjp(lambda x: x * w)
        inner.defvjp(lambda x: (inner(x), ()), lambda _, g: (g * w,))
        return inner(x)

    assert bp.grad(model, **PLAIN)(2.0, 3.0) == 3.0
    with pytest.raises(NotDifferentiableError, match="`w` is differentiated"):
        bp.grad(model, argnums=1, **PLAIN)(2.0, 3.0)


def test_a_forward_function_that_uses_the_value_of_its_own():
    halved = bp.custom_vjp(lambda x: x * x)
    halved.defvjp(lambda x: (halved(x) * 1.5 - 0.5 * halved(x), halved(x)), lambda y, g: (g * y,))
    assert bp.value_and_grad(halved, **PLAIN)(3.0) == (9.0, 9.0)
    assert bp.grad(bp.grad(halved), **PLAIN)(3.0) == 9.0


def test_straight_through():
    rounded = bp.custom_vjp(lambda x: np.round(x))
    rounded.defvjp(lambda x: (rounded(x), None), lambda _, g: (g,))
    fn = bp.grad(lambda x: np.sum(rounded(rounded(x) * 1.5) ** 2), **PLAIN)
    np.testing.assert_array_equal(fn(np.array([1.2, 3.3])), [6.0, 12.0])
    same = bp.custom_vjp(lambda x: x)
    same.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    fn = bp.grad(lambda x: np.sum(same(same(x)) * np.array([0.5, 4.0, -3.0])), **PLAIN)
    np.testing.assert_array_equal(fn(X), [0.5, 1.0, -1.0])


def flows(x, n):
    s = x
    for _ in range(n):
        if s > 0.5:
            s = 0.9 * softened(s)
        else:
            s = softened(s + 1.0) * 0.7
    while s < 4.0:
        s = softened(s) + 1.0
    return s


def scanned(x):
    step = bp.checkpoint(softened)
    carry, rows = bp.scan(lambda c, z: (step(c) * 0.5 + z, softened(c)), x[0], x, checkpoint="sqrt")
    return carry + np.sum(rows) + bp.stop_gradient(softened(x[2]))


def test_compiled():
    def model(x):
        return softened(x) + product(x, 2.0)

    found = [bp.value_and_grad(model, target=target)(0.3) for target in ("numpy", "numba")]
    assert found[0] == pytest.approx(found[1], rel=1e-14)


def test_in_loops_and_branches():
    value, gradient = bp.value_and_grad(flows, **PLAIN)(0.7, 7)
    assert value == pytest.approx(flows(0.7, 7))
    step = 1e-6
    slope = (flows(0.7 + step, 7) - flows(0.7 - step, 7)) / (2.0 * step)
    assert gradient == pytest.approx(slope, rel=1e-6)
    assert bp.jvp(flows, **PLAIN)(0.7, 7, 1.0) == pytest.approx((value, gradient))


def test_a_rule_with_a_loop_in_it():
    @bp.custom_jvp
    def series(x):
        return np.sum(np.sin(np.arange(12) * x))

    @series.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        value, tangent = 0.0, 0.0 * t
        for k in range(12):
            value, tangent = value + np.sin(k * x), tangent + k * np.cos(k * x) * t
        return value, tangent

    def model(x):
        return series(x[0]) * x[1]

    k = np.arange(12)
    expected = [X[1] * np.sum(k * np.cos(k * X[0])), np.sum(np.sin(k * X[0])), 0.0]
    np.testing.assert_allclose(bp.grad(model, **PLAIN)(X), expected)
    second = bp.grad(lambda x: bp.grad(model)(x)[0], **PLAIN)(X)
    assert second[0] == pytest.approx(-X[1] * np.sum(k * k * np.sin(k * X[0])))


def test_beside_checkpoints_and_stopped_gradients():
    _, gradient = bp.value_and_grad(scanned, **PLAIN)(X)

    def plain(x):
        c, total = x[0], 0.0
        for z in x:
            total, c = total + np.log1p(np.exp(c)), np.log1p(np.exp(c)) * 0.5 + z
        return c + total

    steps = 1e-6 * np.eye(3)
    slopes = [(plain(X + step) - plain(X - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)
    assert bp.jvp(scanned, **PLAIN)(X, np.eye(3)[1])[1] == pytest.approx(gradient[1])


def test_checks_inside_hold():
    @bp.custom_vjp
    def root(x):
        if x < 0.0:
            raise ValueError("negative")
        return np.sqrt(x)

    root.defvjp(lambda x: (root(x), x), lambda x, g: (0.5 * g / np.sqrt(x),))
    fn = bp.value_and_grad(root, **PLAIN)
    assert fn(4.0) == (2.0, 0.25)
    with pytest.raises(ValueError, match="negative"):
        fn(-1.0)


def test_a_function_that_calls_itself():
    @bp.custom_jvp
    def power(x, n):
        return x if n == 0 else x * power(x, n - 1)

    @power.defjvp
    def _(primals, tangents):
        x, n = primals
        return power(x, n), (n + 1) * (power(x, n - 1) if n else 1.0) * tangents[0]

    fn = bp.grad(bp.grad(lambda x: power(x, 3)), **PLAIN)
    assert fn(2.0) == 48.0

    @bp.custom_jvp
    def endless(x, n):
        return x

    endless.defjvp(lambda p, t: (endless(p[0], p[1] + 1), t[0]))
    with pytest.raises(LimitError, match="more than 16 levels"):
        bp.grad(lambda x: endless(x, 0), **PLAIN)(2.0)


def test_a_method():
    class Model:
        k = 3.0

        @bp.custom_vjp
        def value(self, x):
            return self.k * x

        value.defvjp(lambda self, x: (self.k * x, None), lambda _, g: (None, 7.0 * g))

    assert Model().value(2.0) == 6.0
    assert bp.grad(lambda x: Model().value(x), **PLAIN)(1.0) == 7.0


BAD_RULES = [
    (lambda x: (np.sin(x), None), lambda _, g: g, ArgumentError, "return a tuple with one"),
    (lambda x: (np.sin(x), None), lambda _, g: (g, g), ArgumentError, "returns 2 values"),
    (lambda x: (np.sin(x), None), lambda _, g: (np.sum(g),), ShapeError, r"must have f64\[n\]"),
    (lambda x: (np.sin(x), None), lambda _, g: (g > 0,), TypeMismatchError, "bool.*must have f64"),
    (lambda x: (np.sin(x), None), lambda _, g: ("g",), TypeMismatchError, "str 'g'"),
    (lambda x: np.sin(x), lambda _, g: (g,), ArgumentError, "return a pair"),
    (lambda x: ((np.sin(x),), 0), lambda _, g: (g,), ArgumentError, "returns the value nested"),
    (lambda x: (np.sum(x), 0), lambda _, g: (g,), ShapeError, "the value that"),
]


@pytest.mark.parametrize(("forward", "backward", "error", "message"), BAD_RULES)
def test_a_rule_that_does_not_fit(forward, backward, error, message):
    wrong = bp.custom_vjp(lambda x: np.sin(x))
    wrong.defvjp(forward, backward)
    with pytest.raises(error, match=message) as found:
        bp.grad(lambda x: np.sum(wrong(x)), **PLAIN)(X)
    assert "test_custom.py:" in str(found.value)


def test_other_refusals():
    bare = bp.custom_vjp(lambda x: x)
    with pytest.raises(NotDifferentiableError, match="no derivative rule yet"):
        bp.grad(bare, **PLAIN)(1.0)
    with pytest.raises(ArgumentError, match="pass a function"):
        bare.defvjp(1.0, None)
    with pytest.raises(ArgumentError, match="pass a function"):
        bp.custom_jvp(3.0)
    bent = bp.custom_jvp(lambda x: x)
    bent.defjvp(lambda p, t: (p[0], t[0] ** 2))
    with pytest.raises(NotDifferentiableError, match="not linear in its tangents"):
        bp.grad(bent, **PLAIN)(1.0)

    @bp.custom_jvp
    def writes(x):
        x[0] = 1.0
        return x

    writes.defjvps(lambda t, y, x: t)
    with pytest.raises(TraceError, match="writes to its argument `x`"):
        bp.grad(lambda x: np.sum(writes(x)), **PLAIN)(X)
    far = bp.custom_vjp(lambda x: x, nondiff_argnums=3)
    far.defvjp(lambda x: (x, 0), lambda _, g: (g,))
    with pytest.raises(ArgumentError, match="nondiff_argnums names the argument 3 of 1"):
        bp.grad(far, **PLAIN)(1.0)
    named = bp.custom_vjp(lambda x, *, k: x * k)
    named.defvjp(lambda x: (x, 0), lambda _, g: (g,))
    with pytest.raises(ArgumentError, match="takes k by keyword alone"):
        bp.grad(lambda x: named(x, k=2.0), **PLAIN)(1.0)
    wide = bp.custom_vjp(lambda x: np.sin(x))
    wide.defvjp(lambda x: (wide(x), x), lambda x, g: (g.astype(np.float64),))
    with pytest.raises(TypeMismatchError, match=r"astype\(np.float32\)"):
        bp.grad(lambda x: np.sum(wide(x)), **PLAIN)(X.astype(np.float32))
