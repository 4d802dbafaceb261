"""The contract of a compiled function, clause by clause: arguments, derivatives, results."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
import pytest

import bpcompile as bp

grad = functools.partial(bp.grad, target="numpy")
value_and_grad = functools.partial(bp.value_and_grad, target="numpy")
compiled = functools.partial(bp.compile, target="numpy")

X = np.array([[1.0, -2.0, 0.5], [0.3, 4.0, -1.5]])
W = np.array([0.5, -0.25, 2.0])


def loss(w, X, scale=2.0, *, shift=0.0):
    r = X @ w * scale + shift
    return np.sum(r * r)


def d_loss(w, X, scale=2.0, shift=0.0):
    return 2 * scale * X.T @ (X @ w * scale + shift)


def close(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)


# -- argnums and calls -----------------------------------------------------------------------------


@pytest.mark.parametrize("argnums", [0, "w", -3])
def test_an_int_or_a_name_gives_a_bare_gradient(argnums):
    gradient = grad(loss, argnums=argnums)(W, X, 2.0)
    assert type(gradient) is np.ndarray
    close(gradient, d_loss(W, X))


@pytest.mark.parametrize("argnums", [(0,), ("w",), [0]])
def test_a_tuple_gives_a_tuple_even_of_one(argnums):
    gradients = grad(loss, argnums=argnums)(W, X)
    assert type(gradients) is tuple
    assert len(gradients) == 1
    close(gradients[0], d_loss(W, X))


def test_gradients_come_in_the_order_of_argnums_and_keywords_are_named():
    residual = X @ W * 2.0 + 0.5
    d_shift, d_scale, d_w = grad(loss, argnums=("shift", 2, "w"))(W, X, shift=0.5)
    close(d_shift, 2 * residual.sum())
    close(d_scale, 2 * residual @ (X @ W))
    close(d_w, d_loss(W, X, 2.0, 0.5))


def test_calls_take_keywords_and_defaults_as_the_function_does():
    call = grad(loss)
    for args, keywords in [
        ((W, X, 3.0), {"shift": 0.5}),
        ((W,), {"X": X, "scale": 3.0, "shift": 0.5}),
        ((), {"shift": 0.5, "scale": 3.0, "X": X, "w": W}),
    ]:
        close(call(*args, **keywords), d_loss(W, X, 3.0, 0.5))
    close(call(W, X), d_loss(W, X))
    close(call(w=W, X=X), d_loss(W, X))


def test_names_documentation_and_the_function_itself_are_kept():
    def model(x):
        """Say what it is."""
        return x * x

    call = grad(model)
    assert (call.__name__, call.__doc__, call.__wrapped__) == ("model", "Say what it is.", model)


def test_has_aux():
    def model(w):
        return np.sum(w * w), {"double": w * 2, "size": w.size, "none": None}

    gradient, aux = grad(model, has_aux=True)(W)
    close(gradient, 2 * W)
    close(aux["double"], 2 * W)
    assert (aux["size"], aux["none"], list(aux)) == (3, None, ["double", "none", "size"])
    (value, aux), (gradient,) = value_and_grad(model, argnums=(0,), has_aux=True)(W)
    close(value, np.sum(W * W))
    close(gradient, 2 * W)


# -- trees -----------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any


def test_gradients_have_the_structure_of_what_they_belong_to():
    def model(p):
        layer, points, (scale, nothing) = p["layer"], p["points"], p["rest"]
        assert nothing is None
        return np.sum(layer.w * scale + layer.b) + points[0].x * points[1].y

    params = {
        "rest": (2.0, None),
        "points": [Point(3.0, 4.0), Point(5.0, 6.0)],
        "layer": Layer(W, {"a": 1.0}["a"]),
    }
    gradient = grad(model)(params)
    assert list(gradient) == ["layer", "points", "rest"]
    assert type(gradient["layer"]) is Layer
    close(gradient["layer"].w, [2.0] * 3)
    assert gradient["layer"].b == 3.0
    assert gradient["points"] == [Point(6.0, 0.0), Point(0.0, 3.0)]
    assert gradient["rest"] == (W.sum(), None)


def test_other_nesting_is_other_code_and_other_order_of_keys_is_not():
    call = grad(lambda p: sum(x * x for x in (p.values() if isinstance(p, dict) else p)))
    assert call({"a": 1.0, "b": 2.0}) == {"a": 2.0, "b": 4.0}
    assert call({"b": 2.0, "a": 1.0}) == {"a": 2.0, "b": 4.0}
    assert len(call.compilations) == 1
    assert call([1.0, 2.0]) == [2.0, 4.0]
    assert call((1.0, 2.0)) == (2.0, 4.0)
    assert call({"a": 1.0, "c": 2.0}) == {"a": 2.0, "c": 4.0}
    assert len(call.compilations) == 4


# -- what is known when compiling ------------------------------------------------------------------


def test_static_names_are_known_and_compared_by_value():
    def model(x, power, how="sum"):
        for _ in range(power - 1):
            x = x * x
        return np.sum(x) if how == "sum" else np.mean(x)

    call = grad(model, static_argnames="power")
    close(call(W, 2), 2 * W)
    close(call(W, power=3), 4 * W**3)
    close(call(W, 2, how="mean"), 2 * W / 3)
    close(call(W, 2), 2 * W)
    assert len(call.compilations) == 3


def test_captured_values_are_frozen_when_traced():
    small, large, numbers = np.array([1.0, 2.0]), np.ones(50), {"k": 3.0}
    call = compiled(lambda x: x * small.sum() * large.sum() * numbers["k"])
    assert call(1.0) == 450.0
    small[:], large[:], numbers["k"] = 0.0, 0.0, 0.0
    assert call(1.0) == 450.0
    assert call(2.0) == 900.0


# -- what compiles again, and what does not --------------------------------------------------------


def test_run_time_ints_and_bools_never_compile_again():
    call = grad(lambda x, n, flag: np.sum(np.where(flag, x * n, x)))
    for n, flag in [(2, True), (-7, False), (2**40, True), (0, False)]:
        close(call(W, n, flag), np.full(3, n if flag else 1))
    assert len(call.compilations) == 1


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_new_lengths_never_compile_again(target):
    call = bp.value_and_grad(loss, target=target)
    for n, d in [(2, 3), (7, 3), (3, 5), (40, 2), (0, 3)]:
        rows, w = np.full((n, d), 0.5), np.ones(d)
        value, gradient = call(w, rows)
        close(value, n * d * d)
        close(gradient, d_loss(w, rows))
        assert gradient.shape == (d,)
    assert len(call.compilations) == 1
    assert call.compilations[0]["types"].startswith("w: f64[")


def test_a_guard_says_what_the_code_relies_on():
    call = compiled(lambda x: x[2] + x.sum())
    assert call(np.arange(5.0)) == 12.0
    assert call(np.arange(3.0)) == 5.0
    (made,) = call.compilations
    assert made["guards"] == ["n >= 3"]
    with pytest.raises(IndexError, match="`x`"):
        call(np.arange(2.0))
    assert len(call.compilations) == 1


def test_a_broken_guard_compiles_anew_and_says_why():
    call = compiled(lambda x, y: x * y)
    close(call(W, W), W * W)
    close(call(W, np.array([2.0])), 2 * W)
    close(call(W[:2], W[:2]), W[:2] ** 2)
    reasons = [made["reason"] for made in call.compilations]
    assert reasons[0] == "first call"
    assert "y" in reasons[1]
    assert len(reasons) == 2


def test_specs_compile_ahead():
    call = grad(loss).compile(bp.f64["d"], bp.f64["n d"])
    assert call.compilations[0]["types"].startswith("w: f64[d], X: f64[n, d]")
    close(call(W, X), d_loss(W, X))
    assert len(call.compilations) == 1
    fixed = compiled(lambda x, n: x[2] * n).compile(bp.f32["3"], bp.i64[()])
    assert fixed(np.ones(3, np.float32), 4) == 4.0
    assert len(fixed.compilations) == 1
    with pytest.raises(bp.ShapeError, match="spec"):
        compiled(lambda x: x[2]).compile(bp.f64["n"])


def test_a_length_may_be_an_expression_of_others():
    call = compiled(lambda x, y: x[1:] * y).compile(bp.f64["n + 1"], bp.f64["n"])
    close(call(W, W[:2]), W[1:] * W[:2])
    assert len(call.compilations) == 1


# -- dtypes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_float32_stays_float32_beside_weak_numbers(target):
    call = bp.value_and_grad(lambda x, s: np.mean(np.exp(x * s) * 0.5 + 1), target=target)
    x = np.linspace(0.0, 1.0, 5, dtype=np.float32)
    for s in (2.0, np.float64(2.0)):
        value, gradient = call(x, s)
        assert (type(value), gradient.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(gradient, np.exp(2 * x.astype(float)) / 5, rtol=1e-6)
    value, gradient = call(x, 2)
    assert (type(value), gradient.dtype) == (np.float32, np.float32)
    value, gradient = call(x.astype(float), np.float32(2.0))
    assert (type(value), gradient.dtype) == (float, np.float64)


def test_dtypes_follow_the_arguments_as_in_numpy():
    f32, f64, i64 = np.ones(2, np.float32), np.ones(2), np.array([1, 2])
    call = compiled(lambda a, b: a * b)
    for a in (f32, f64, i64, 2, 2.0, np.float32(2.0), True):
        for b in (f32, f64, i64, 3, 3.0):
            got, want = call(a, b), a * b
            np.testing.assert_array_equal(got, want)
            expected = np.result_type(*(v if np.ndim(v) else type(v)(1) for v in (a, b)))
            assert np.asarray(got).dtype == np.asarray(want).dtype == expected or np.ndim(got) == 0


# -- results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_results_are_fresh_writable_contiguous_and_share_nothing(target):
    def model(x, y):
        return x, x.T, x[:1], x.reshape(-1), np.zeros(3), (x, y)

    call = bp.compile(model, target=target)
    first = call(X, W)
    again = call(X, W)
    flat = [*first[:-1], *first[-1], *again[:-1], *again[-1]]
    for k, array in enumerate(flat):
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.flags.aligned
        for other in (X, W, *flat[:k]):
            assert not np.shares_memory(array, other)
    for got, want in zip(first[:-1], model(X, W)[:-1], strict=True):
        np.testing.assert_array_equal(got, want)
    first[0][:] = -1.0
    np.testing.assert_array_equal(call(X, W)[0], X)


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_rank_0_results_are_numbers_of_python(target):
    def model(x, n, flag):
        return np.sum(x), x[0, 0] > 0, n * 2, np.logical_not(flag), x.astype(np.float32)[0, 0], 7

    got = bp.compile(model, target=target)(X, 3, True)
    assert got == (np.sum(X), True, 6, False, np.float32(1.0), 7)
    assert [type(value) for value in got] == [float, bool, int, bool, np.float32, int]


# -- the other transforms --------------------------------------------------------------------------


def swirl(x, y):
    return np.sin(x) * y, {"dot": x @ y}


def test_vjp_takes_a_cotangent_of_the_outputs_structure():
    u = np.array([1.0, -1.0, 2.0])
    value, gradient = bp.vjp(swirl, target="numpy")(W, u, (u, {"dot": 3.0}))
    close(value[0], np.sin(W) * u)
    close(value[1]["dot"], W @ u)
    close(gradient, np.cos(W) * u * u + 3.0 * u)
    _, (gx, gy) = bp.vjp(swirl, argnums=(0, "y"), target="numpy")(W, u, (u, {"dot": 3.0}))
    close(gx, gradient)
    close(gy, np.sin(W) * u + 3.0 * W)


def test_jvp_takes_a_tangent_for_each_of_argnums():
    u, dx, dy = np.array([1.0, -1.0, 2.0]), np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.0, -1.0])
    call = bp.jvp(swirl, argnums=("x", 1), target="numpy")
    value, (dot, rest) = call(W, u, dx, dy)
    close(value[0], np.sin(W) * u)
    close(dot, np.cos(W) * dx * u + np.sin(W) * dy)
    close(rest["dot"], dx @ u + W @ dy)


def test_forward_and_reverse_agree():
    rng = np.random.default_rng(0)
    u, tangent, cotangent = rng.normal(size=(3, 3))
    _, (pushed, _) = bp.jvp(swirl, target="numpy")(W, u, tangent)
    _, pulled = bp.vjp(swirl, target="numpy")(W, u, (cotangent, {"dot": 0.0}))
    close(cotangent @ pushed, pulled @ tangent)


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_transforms_nest(target):
    derivative = functools.partial(bp.grad, target=target)
    second = derivative(derivative(lambda x: np.sin(x) * x**2))
    x = 0.7
    close(second(x), 2 * np.sin(x) + 4 * x * np.cos(x) - x * x * np.sin(x))


def test_other_nestings():
    close(grad(grad(grad(lambda x: np.exp(2 * x))))(0.3), 8 * np.exp(0.6))
    close(grad(lambda w: np.sum(grad(loss)(w, X) ** 2))(W), 16 * X.T @ X @ d_loss(W, X))
    u = np.array([1.0, 0.0, -1.0])
    close(bp.jvp(grad(loss), target="numpy")(W, X, u)[1], 8 * X.T @ (X @ u))
    close(bp.vjp(grad(loss), target="numpy")(W, X, u)[1], 8 * X.T @ (X @ u))


def test_grad_works_as_a_decorator_with_and_without_options():
    @bp.grad(argnums="y", target="numpy")
    def product(x, y):
        return x * y * y

    @bp.compile
    def plain(x):
        return x

    assert product(2.0, 3.0) == 12.0
    assert isinstance(plain, bp.CompiledFunction)


def test_nothing_is_computed_for_what_nobody_differentiates():
    call = grad(lambda w, X: np.sum(np.tanh(X @ w)))
    call(W, X)
    assert "X_bar" not in str(call.adjoint)
    assert "w_bar" in call.source


# -- numba and C -----------------------------------------------------------------------------------


def test_one_compilation_serves_python_numba_and_c():
    """`fn`, `fn.bind`, `fn.njit`, `fn.njit_into` and `fn.cfunc` compute the same."""
    fn = bp.value_and_grad(loss)
    value, gradient = fn(W, X, 2.0)
    bound = fn.bind(W, X, 2.0)
    assert bound(W, X, 2.0)[1] is bound(W, X, 2.0)[1]
    found, out = np.empty(()), np.empty(3)
    fn.njit_into(W, X, 2.0, found, out)
    results = [fn(W, X, 2.0), bound(W, X, 2.0), fn.njit(W, X, 2.0), (found.copy(), out.copy())]
    found[...], out[...] = 0.0, 0.0
    a, b, c, d = (array.ctypes.data for array in (W, X, found, out))
    assert fn.cfunc.ctypes(a, b, 2.0, 3, 2, c, d) == 0
    assert fn.cfunc.ctypes(a, b, 2.0, 3, -1, c, d) != 0
    for got in (*results, (found, out)):
        close(got[0], value)
        close(got[1], gradient)
    assert len(fn.specializations) == 1
