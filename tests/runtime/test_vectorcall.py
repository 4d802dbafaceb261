"""Builtin functions that call machine code: every nesting and dtype, and no reference lost."""

from __future__ import annotations

import gc
import pickle
import sys
import threading
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.frontend.arguments.trees import leaves_of

Pair = namedtuple("Pair", "w b")


@dataclass
class Params:
    w: np.ndarray
    b: float


x3 = np.array([1.0, 2.0, 3.0])


def hot(function, *args):
    """Return a compiled function whose call is the builtin one."""
    for _ in range(2):
        function(*args)
    assert "_enter" not in repr(type(function).__call__)
    return function


def builtin(function):
    return type(function).__call__


def kinds(tree):
    """Return the tree with classes in place of its leaves."""
    leaves, structure = leaves_of(tree)
    return structure.unflatten([type(leaf) for leaf in leaves])


def loss(p, x):
    return np.sum((p["w"] * x + p["b"][0] - p["b"][1][0]) ** 2)


def test_nested_arguments_results_and_buffers():
    p = {"w": x3 + 1, "b": [0.5, (2.0,), None]}
    fn = hot(bp.value_and_grad(loss), p, x3)
    residual = p["w"] * x3 - 1.5
    value, g = builtin(fn)(p, x3)
    assert value == np.sum(residual**2)
    assert kinds(g) == {"w": np.ndarray, "b": [float, (float,), None]}
    np.testing.assert_allclose(g["w"], 2 * residual * x3)
    assert (g["b"][0], g["b"][1][0]) == (2 * residual.sum(), -2 * residual.sum())
    again = fn(p, x3)[1]
    assert again["w"] is not g["w"]
    assert again["b"] is not g["b"]
    w = np.empty(3)
    found = fn(p, x3, out=(None, {"w": w, "b": [None, (None,), None]}))
    assert found[1]["w"] is w
    np.testing.assert_array_equal(w, g["w"])
    bound = fn.bind(p, x3)
    assert bound(p, x3)[1]["w"] is bound(p, x3)[1]["w"]
    assert kinds(bound(p, x3)) == kinds((value, g))
    for other in ({**p, "c": 1.0}, {"w": p["w"]}, [p]):
        with pytest.raises((bp.TypeMismatchError, TypeError, KeyError, IndexError)):
            bound(other, x3)


def test_classes_of_the_users_are_put_together_in_python():
    @bp.value_and_grad
    def both(p, q):
        return np.sum(p.w * p.b) + np.sum(q.w) * q.b

    p, q = Params(x3, 2.0), Pair(x3, 3.0)
    fn = hot(bp.value_and_grad(both.__wrapped__, argnums=(0, 1)), p, q)
    value, (gp, gq) = fn(p, q)
    assert value == 12.0 + 18.0
    assert type(gp) is Params
    assert type(gq) is Pair
    assert (gp.b, gq.b) == (6.0, 6.0)
    bound = fn.bind(p, q)
    assert kinds(bound(p, q)[1][1]) == Pair(np.ndarray, float)
    assert bound(p, q)[1][0].w is bound(p, q)[1][0].w


def test_each_dtype_goes_in_and_out():
    def model(x, n, flag, s):
        return x * s + n, n + 1, flag, np.sum(x)

    x = x3.astype(np.float32)
    fn = hot(bp.compile(model), x, 2, True, np.float32(0.5))
    for flag in (True, False):
        array, n, same, total = builtin(fn)(x, 2, flag, np.float32(0.5))
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, x * np.float32(0.5) + 2)
        assert (n, same, total) == (3, flag, 6.0)
        assert (type(n), type(same), type(total)) == (int, bool, np.float32)
    assert fn(x, np.int64(2), np.True_, np.float32(0.5))[1:] == (3, True, 6.0)
    with pytest.raises(bp.TypeMismatchError):
        fn(x, 2**70, True, np.float32(0.5))


def test_lengths_of_results_are_computed_before_the_call():
    def model(x, y):
        return np.concatenate([x, y])[1:], np.outer(x, y), x[: len(x) // 2]

    fn = hot(bp.compile(model), np.ones(5), np.ones(4))
    for n, m in ((5, 4), (6, 2), (1, 3)):
        x, y = np.arange(float(n)), np.arange(float(m))
        for found, expected in zip(builtin(fn)(x, y), model(x, y), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert found.flags.owndata
            assert found.flags.writeable


def test_what_is_not_exact_goes_the_slow_way():
    fn = hot(bp.value_and_grad(lambda x: np.sum(x * x)), x3)
    expected = fn(x3)
    strided = np.repeat(x3, 2)[::2]
    frozen = x3.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + x3.tobytes(), np.uint8)[1:].view(np.float64)
    swapped = x3.astype(">f8")
    unpickled = np.array([1.0, 2.0, 3.0], np.dtype("f8", align=True, copy=True))
    for x in (strided, frozen, unaligned, swapped, unpickled):
        value, gradient = fn(x)
        assert value == expected[0]
        np.testing.assert_array_equal(gradient, expected[1])
    with pytest.raises(bp.TypeMismatchError):
        fn(np.ma.masked_array(x3))
    with pytest.raises(bp.ArgumentError):
        fn()
    with pytest.raises(bp.ArgumentError):
        fn(x3, x3)
    assert fn(x=x3)[0] == expected[0]
    gradient = np.empty(3)
    assert fn(x=x3, out=(None, gradient))[1] is gradient


def test_unpickled_arrays_are_as_fast_as_others():
    fn = hot(bp.value_and_grad(lambda x: np.sum(x * x)), x3)
    (made,) = fn.specializations
    x, out = pickle.loads(pickle.dumps((x3, np.empty(3))))
    assert x.dtype is not x3.dtype
    calls = made.calls
    assert fn(x, out=(None, out))[1] is out
    np.testing.assert_array_equal(fn(x)[1], 2 * x3)
    assert made.calls == calls, "they took the slow path"


def test_buffers_are_refused_or_filled_apart():
    fn = hot(bp.grad(lambda x, y: np.sum(x * y * y), argnums=(0, 1)), x3, x3 + 1)
    y = x3 + 1
    one, other = np.empty(3), np.empty(3)
    found = fn(x3, y, out=(one, other))
    assert found[0] is one
    assert found[1] is other
    np.testing.assert_array_equal(one, y * y)
    assert fn(x3, y, out=(None, other))[1] is other
    with pytest.raises(ValueError, match="share memory"):
        fn(x3, y, out=(one, one))
    with pytest.raises(bp.ShapeError):
        fn(x3, y, out=(one, np.empty(4)))
    frozen = np.empty(3)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        fn(x3, y, out=(one, frozen))
    narrow = np.empty(3, np.float32)
    assert fn(x3, y, out=(one, narrow))[1] is narrow
    x = x3.copy()
    fn(x, y, out=(x, other))
    np.testing.assert_array_equal(x, y * y)
    with pytest.raises(bp.ArgumentError):
        fn(x3, y, out=(one,))


def test_captured_arrays_and_workspaces():
    table = np.linspace(0.0, 1.0, 60).reshape(20, 3)

    def model(w):
        r = np.tanh(table @ w)
        return np.sum((r - np.mean(r)) ** 2)

    fn = bp.value_and_grad(model)
    plain = bp.value_and_grad(model, target="numpy")
    for _ in range(4):
        value, gradient = fn(x3)
        np.testing.assert_allclose(value, plain(x3)[0], rtol=1e-12)
        np.testing.assert_allclose(gradient, plain(x3)[1], rtol=1e-12)
    out = np.empty(3)
    assert fn(x3, out=(None, out))[1] is out
    np.testing.assert_array_equal(out, gradient)
    np.testing.assert_array_equal(fn.bind(x3)(x3)[1], gradient)


def test_no_reference_is_lost_or_given_away():
    p = {"w": x3 + 1, "b": [0.5, (2.0,), None]}
    fn = hot(bp.value_and_grad(loss), p, x3)
    bound = fn.bind(p, x3)
    out = (None, {"w": np.empty(3), "b": [None, (None,), None]})
    wrong, short = x3[::-1], (None, {"w": np.empty(4), "b": [None, (None,), None]})
    watched = [p["w"], x3, p, p["b"], out[1]["w"], short[1]["w"], np.dtype(np.float64), True, None]
    watched += [fn, bound, bound(p, x3)]

    def use():
        for _ in range(50):
            fn(p, x3)
            fn(p, x3, out=out)
            bound(p, x3)
            fn(p, wrong)
            with pytest.raises(bp.ShapeError):
                fn(p, x3, out=short)

    use()
    gc.collect()
    before, blocks = [sys.getrefcount(w) for w in watched], sys.getallocatedblocks()
    use()
    gc.collect()
    assert [sys.getrefcount(w) for w in watched] == before
    assert sys.getallocatedblocks() - blocks < 40


def test_long_calls_let_other_threads_run():
    fn = hot(bp.grad(lambda x: np.sum(np.sin(np.exp(np.cos(x))))), np.ones(1_000_000))
    x, seen = np.ones(1_000_000), []
    thread = threading.Thread(target=lambda: [fn(x) for _ in range(3)])
    thread.start()
    while thread.is_alive():
        seen.append(None)
    assert len(seen) > 1000, "this thread stood still"
