"""The transforms: what each returns, how argnums, aux and options are given, and nesting."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import Any, NamedTuple

import numpy as np
import pytest

import bpcompile as bp

value_and_grad = functools.partial(bp.value_and_grad, target="numpy")
grad = functools.partial(bp.grad, target="numpy")
vjp = functools.partial(bp.vjp, target="numpy")
jvp = functools.partial(bp.jvp, target="numpy")
compiled = functools.partial(bp.compile, target="numpy")

rng = np.random.default_rng(0)
W, X, Y = rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5)


def loss(w, X, y, lam=0.1):
    r = X @ w - y
    return np.sum(r * r) + lam * np.sum(w * w)


def dloss(w, X, y, lam=0.1):
    return 2 * X.T @ (X @ w - y) + 2 * lam * w


def same(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)


def test_compile_gives_the_function_itself():
    same(compiled(loss)(W, X, Y), loss(W, X, Y))


def test_grad_and_value_and_grad():
    same(grad(loss)(W, X, Y), dloss(W, X, Y))
    value, gradient = value_and_grad(loss)(W, X, Y)
    same(value, loss(W, X, Y))
    same(gradient, dloss(W, X, Y))


def test_argnums_bare_tuple_and_names():
    whole = dloss(W, X, Y)
    for argnums in (0, "w", -4):
        same(grad(loss, argnums=argnums)(W, X, Y, 0.1), whole)
    for argnums in ((0,), ("w",), [0]):
        (only,) = grad(loss, argnums=argnums)(W, X, Y)
        same(only, whole)
    gw, glam, gy = grad(loss, argnums=(0, "lam", 2))(W, X, Y)
    same(gw, whole)
    same(glam, np.sum(W * W))
    same(gy, -2 * (X @ W - Y))


def test_argnums_by_keyword_and_default():
    by_name = grad(loss, argnums="lam")
    same(by_name(W, X, Y), np.sum(W * W))
    same(by_name(W, X, Y, lam=0.3), np.sum(W * W))
    same(grad(loss, argnums=3)(W, y=Y, X=X), np.sum(W * W))


def test_argnums_count_the_call():
    def product(*factors):
        return functools.reduce(lambda a, b: a * b, factors)

    assert grad(product, argnums=2)(2.0, 3.0, 5.0) == 6.0
    assert grad(product, argnums=-1)(2.0, 3.0, 5.0) == 6.0


def test_keyword_only_and_further_keywords():
    def f(x, *, a, **rest):
        return x * a * rest["b"]

    assert grad(f, argnums="a")(2.0, a=3.0, b=5.0) == 10.0
    assert grad(f, argnums=("b", 0))(2.0, b=5.0, a=3.0) == (6.0, 15.0)


def test_aux_comes_along():
    def f(w):
        return np.sum(w**2), {"twice": 2 * w, "count": w.sum()}

    gradient, aux = grad(f, has_aux=True)(W)
    same(gradient, 2 * W)
    same(aux["twice"], 2 * W)
    (value, aux), gradient = value_and_grad(f, has_aux=True)(W)
    same(value, np.sum(W**2))
    same(aux["count"], W.sum())
    same(gradient, 2 * W)


def test_vjp_pulls_a_cotangent_back():
    def f(w, s):
        return np.sin(w) * s, {"sum": w.sum() * s}

    value, (gw, gs) = vjp(f, argnums=(0, 1))(W, 2.0, (np.ones(3), {"sum": 3.0}))
    same(value[0], np.sin(W) * 2)
    same(value[1]["sum"], W.sum() * 2)
    same(gw, 2 * np.cos(W) + 6)
    same(gs, np.sin(W).sum() + 3 * W.sum())


def test_vjp_takes_its_cotangent_by_keyword():
    same(vjp(lambda x: x * x)(W, cotangent=np.ones(3))[1], 2 * W)


def test_vjp_ignores_the_cotangent_of_an_int():
    def f(x):
        return np.argmax(x), x * x

    for cotangent in (0, None):
        (best, square), gradient = vjp(f)(W, (cotangent, np.ones(3)))
        assert best == np.argmax(W)
        same(square, W * W)
        same(gradient, 2 * W)


def test_jvp_pushes_tangents_forward():
    dw, dlam = rng.normal(size=3), 0.5
    value, dot = jvp(loss, argnums=(0, 3))(W, X, Y, 0.1, dw, dlam)
    same(value, loss(W, X, Y))
    same(dot, dloss(W, X, Y) @ dw + dlam * np.sum(W * W))
    same(jvp(loss)(W, X, Y, dw)[1], dloss(W, X, Y) @ dw)


def test_jvp_takes_trees():
    def f(p):
        return p["a"] * p["b"]

    value, dot = jvp(f)({"a": 2.0, "b": 3.0}, {"a": 1.0, "b": 0.5})
    assert (value, dot) == (6.0, 4.0)


# -- structure -----------------------------------------------------------------------------------


class Pair(NamedTuple):
    w: Any
    b: Any


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any


def tree_loss(params, x):
    first, (second, nothing), pair, layer = params
    assert nothing is None
    return np.sum((first["w"] * x + first["b"]) ** 2) * second[0] + pair.w * pair.b + layer.w @ x


def test_gradients_have_the_structure_of_their_argument():
    params = (
        {"w": W, "b": 0.5},
        ([2.0], None),
        Pair(3.0, 4.0),
        Layer(np.ones(3), np.zeros(2)),
    )
    gradient = grad(tree_loss)(params, W)
    first, (second, nothing), pair, layer = gradient
    assert type(gradient) is tuple
    assert list(first) == ["b", "w"]
    assert (type(second), nothing, type(pair), type(layer)) == (list, None, Pair, Layer)
    inner = W * W + 0.5
    same(first["w"], 2 * 2 * inner * W)
    same(first["b"], 2 * 2 * inner.sum())
    same(second[0], np.sum(inner**2))
    assert pair == (4.0, 3.0)
    same(layer.w, W)
    same(layer.b, np.zeros(2))


def test_a_tree_without_leaves_has_itself_as_gradient():
    assert grad(lambda p, x: x * x, argnums=(0, 1))({}, 3.0) == ({}, 6.0)


def test_results_keep_their_structure():
    def f(x):
        return {"b": [x, None], "a": Pair(x + 1, (x * 2,)), "c": Layer(x, 1.0)}

    assert compiled(f)(3.0) == {"a": Pair(4.0, (6.0,)), "b": [3.0, None], "c": Layer(3.0, 1.0)}


# -- what can be transformed ---------------------------------------------------------------------


def test_decorators_with_and_without_options():
    @bp.grad(argnums=1, target="numpy")
    def f(x, y):
        """Multiply."""
        return x * y * y

    assert f(3.0, 5.0) == 30.0
    assert (f.__name__, f.__doc__, f.__wrapped__(1.0, 2.0)) == ("f", "Multiply.", 4.0)
    assert list(inspect.signature(f).parameters) == ["x", "y"]
    assert isinstance(f, bp.CompiledFunction)
    assert repr(f) == "<bpcompile grad(f(x, y))>"


def test_partials_callable_objects_lambdas_and_bound_methods():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        def __call__(self, x):
            return self.scale * x * x

        def method(self, x):
            return self.scale * x**3

    assert grad(functools.partial(lambda a, x: a * x * x, 3.0))(2.0) == 12.0
    assert grad(Model(3.0))(2.0) == 12.0
    assert grad(Model(3.0).method)(2.0) == 36.0


class Fit:
    def __init__(self, scale):
        self.scale = scale

    @bp.value_and_grad(target="numpy")
    def loss(self, w):
        return self.scale * np.sum(w * w)


def test_a_decorated_method_belongs_to_its_instance():
    two, three = Fit(2.0), Fit(3.0)
    same(two.loss(W)[1], 4 * W)
    same(three.loss(W)[1], 6 * W)
    assert two.loss is two.loss
    assert len(two.loss.specializations) == 1
    assert isinstance(Fit.loss, bp.CompiledFunction)


def test_a_copied_instance_gets_its_own():
    two = Fit(2.0)
    same(two.loss(W)[1], 4 * W)
    copied = Fit.__new__(Fit)
    copied.__dict__.update(two.__dict__)
    copied.scale = 5.0
    same(copied.loss(W)[1], 10 * W)


def test_what_is_no_function_is_refused():
    with pytest.raises(
        bp.ArgumentError, match=r"grad takes a function, not 3: write bp\.grad\(f\)"
    ):
        bp.grad(3)


@pytest.mark.parametrize("argnums", [True, 1.5, (), (0, None)])
def test_argnums_that_select_nothing_are_refused(argnums):
    with pytest.raises(bp.ArgumentError, match="argnums="):
        bp.grad(loss, argnums=argnums)


def test_argnums_that_the_function_does_not_have_are_refused_at_once():
    with pytest.raises(
        bp.ArgumentError, match=r"loss\(w, X, y, lam=0.1\) has no argument number 4"
    ):
        bp.grad(loss, argnums=4)
    with pytest.raises(bp.ArgumentError, match="did you mean 'lam'"):
        bp.grad(loss, argnums="lamb")


def test_one_argument_twice_is_refused():
    with pytest.raises(bp.ArgumentError, match=r"names an argument of .* twice"):
        grad(loss, argnums=("w", 0))(W, X, Y)


# -- nesting -------------------------------------------------------------------------------------


def test_grad_of_grad():
    second = grad(grad(lambda x: np.sin(x) * x))
    same(second(0.7), 2 * np.cos(0.7) - 0.7 * np.sin(0.7))
    third = grad(grad(grad(lambda x: x**4)))
    same(third(2.0), 48.0)


def test_transforms_mix():
    same(jvp(grad(loss))(W, X, Y, np.eye(3)[0])[1], 2 * X.T @ X[:, 0] + 0.2 * np.eye(3)[0])
    same(vjp(grad(loss))(W, X, Y, np.eye(3)[1])[1], 2 * X.T @ X[:, 1] + 0.2 * np.eye(3)[1])
    same(grad(lambda w: value_and_grad(loss)(w, X, Y)[0])(W), dloss(W, X, Y))
    same(grad(compiled(loss))(W, X, Y), dloss(W, X, Y))


def test_a_gradient_inside_a_model():
    inner = grad(lambda w, s: np.sum(np.sin(w)) * s)

    def model(w, s):
        return np.sum(inner(w, s) ** 2)

    same(compiled(model)(W, 2.0), np.sum((2 * np.cos(W)) ** 2))
    same(grad(model)(W, 2.0), -8 * np.cos(W) * np.sin(W))
    same(grad(model, argnums=1)(W, 2.0), 4 * np.sum(np.cos(W) ** 2))


def test_an_inner_function_may_read_traced_values():
    def model(w, s):
        return np.sum(bp.grad(lambda v: np.sum(v**3) * s)(w))

    same(grad(model, argnums=(0, 1))(W, 2.0)[0], 12 * W)
    same(grad(model, argnums=(0, 1))(W, 2.0)[1], np.sum(3 * W**2))


def test_inner_trees_and_aux():
    def energy(p):
        return p["a"] * p["b"] ** 2, p["a"]

    def model(a):
        (value, aux), gradient = bp.value_and_grad(energy, has_aux=True)({"a": a, "b": 3.0})
        return value + aux + gradient["a"] * gradient["b"]

    # a b² + a + b² · 2ab at b = 3
    same(compiled(model)(2.0), 18 + 2 + 9 * 12)
    same(grad(model)(2.0), 9 + 1 + 9 * 6)


def test_inner_vjp_and_jvp():
    def model(x):
        value, pulled = bp.vjp(np.sin)(x, np.ones(3))
        pushed = bp.jvp(np.sin)(x, 2 * np.ones(3))[1]
        return np.sum(value + pulled + pushed)

    same(compiled(model)(W), np.sum(np.sin(W) + 3 * np.cos(W)))
    same(grad(model)(W), np.cos(W) - 3 * np.sin(W))


def test_out_inside_a_model_is_refused():
    inner = grad(lambda x: np.sum(x * x))
    with pytest.raises(bp.ArgumentError, match="inside a model leave it out"):
        compiled(lambda x: inner(x, out=np.empty(3)))(W)


# -- what the function must return ---------------------------------------------------------------


def test_grad_needs_a_scalar():
    def f(x):
        y = x * 2
        return y  # noqa: RET504 - the message names it

    place = r"test_function\.py:\d+"
    message = rf"grad\(f\) needs a scalar.*`y` \(f64\[n\]\) at .*{place}: sum it.*y\.sum\(\)"
    with pytest.raises(bp.ShapeError, match=message):
        grad(f)(W)


def test_grad_needs_one_result():
    with pytest.raises(bp.ArgumentError, match=r"returns \(\*, \*\): .* with has_aux=True"):
        grad(lambda x: (x, x))(1.0)
    with pytest.raises(bp.ArgumentError, match=r"a pair \(value, aux\), and .* returns \*"):
        grad(lambda x: x, has_aux=True)(1.0)


def test_grad_needs_a_float():
    with pytest.raises(bp.TypeMismatchError, match=r"returns i64\[\].*: only floats have"):
        grad(lambda x: np.argmax(x))(W)
    with pytest.raises(
        bp.TypeMismatchError, match="returns no float, and only floats have cotangents"
    ):
        vjp(lambda x: np.argmax(x))(W, 1)


# -- options -------------------------------------------------------------------------------------


def test_options_by_keyword_and_object():
    options = bp.Options(target="numpy", name="cost")
    f = bp.grad(lambda x: x * x, options=options)
    assert f(3.0) == 6.0
    assert "def cost_grad(x):" in f.source
    assert (
        "def price_grad" in bp.grad(lambda x: x, options=options, name="price").compile(1.0).source
    )
    with pytest.raises(
        bp.ArgumentError, match=r"there is no option traget=: did you mean target=\?"
    ):
        bp.grad(loss, traget="numpy")
    with pytest.raises(bp.ArgumentError, match=r"write bp\.Options"):
        bp.grad(loss, options={"target": "numpy"})


def test_an_option_that_no_stage_honours_is_refused():
    with pytest.raises(bp.UnsupportedError, match=r"tune=True is not there yet: .* write False"):
        grad(loss, tune=True)(W, X, Y)
