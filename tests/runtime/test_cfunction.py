"""Compiled code called from C: values, lengths, refusals and callbacks."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import pytest
from scipy import LowLevelCallable, integrate

import bpcompile as bp
from bpcompile.runtime.cfunction import REFUSED, CFunction

TABLE = np.linspace(0.0, 1.0, 20)
rng = np.random.default_rng(0)
w, X, y = rng.normal(size=4), rng.normal(size=(50, 4)), rng.normal(size=50)


def residuals(w, X, y):
    r = np.tanh(X @ w) - y
    return np.sum((r - np.mean(r)) ** 2)


fit = bp.value_and_grad(residuals)


def call(function, *args):
    """Call with arrays as pointers."""
    given = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in args]
    return function.ctypes(*given)


def test_arrays_are_pointers_and_a_workspace_is_made():
    value, gradient = fit(w, X, y)
    c = fit.cfunc
    assert isinstance(c, CFunction)
    assert fit.cfunc is c
    dims = ", ".join(f"int64_t {name}" for name in fit.specializations[-1].program.dims)
    assert c.prototype == (
        f"int32_t residuals_value_and_grad(const double *, const double *, const double *, {dims}, "
        "double *, double *)"
    )
    assert fit.workspace_size(4, 50) > 0
    found, out = np.zeros(()), np.zeros(4)
    assert call(c, w, X, y, 4, 50, found, out) == 0
    np.testing.assert_allclose(found, value, rtol=1e-13)
    np.testing.assert_allclose(out, gradient, rtol=1e-13)
    assert call(c, w, X, y, 4, 7, found, out) == 0
    np.testing.assert_allclose(found, fit(w, X[:7].copy(), y[:7].copy())[0], rtol=1e-13)
    assert call(c, w, X, y, 4, -1, found, out) == REFUSED
    assert call(c, w, X, y, 4, 50, found, w) == REFUSED, "they overlap"


def test_scalars_go_by_value_and_captured_arrays_are_kept():
    def model(a, k, flag, s):
        return a * np.sum(TABLE) + k, k + 1, flag, a * s

    fn = bp.compile(model)
    expected = fn(1.5, 3, True, np.float32(0.5))
    outs = [
        np.zeros((), t) for t in (np.float64, np.int64, np.bool_, np.asarray(expected[3]).dtype)
    ]
    for flag in (True, False):
        assert call(fn.cfunc, 1.5, 3, flag, 0.5, *outs) == 0
        assert [o.item() for o in outs] == [expected[0], 4, flag, 0.75]


def test_a_broken_guard_is_a_status_and_no_error():
    fn = bp.grad(lambda x: np.sum((x[2:] - x[:-2]) ** 2))
    fn(np.ones(5))
    out = np.zeros(5)
    assert call(fn.cfunc, np.ones(5), 5, out) == 0
    assert call(fn.cfunc, np.ones(5), 1, out) == REFUSED
    assert call(fn.cfunc, np.ones(5), 5, out) == 0


def test_any_thread_may_call_it():
    value, _ = fit(w, X, y)
    c, wrong = fit.cfunc, []

    def use():
        found, out = np.zeros(()), np.zeros(4)
        for _ in range(50):
            if call(c, w, X, y, 4, 50, found, out) or abs(found - value) > 1e-9:
                wrong.append(found)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_scipy_takes_it_for_a_callback_through_ctypes():
    """The address in a C signature of the caller's own: quad calls ``double f(double)``."""
    fn = bp.value_and_grad(lambda t: np.exp(-t * t))
    fn(0.5)
    inner = fn.cfunc.ctypes

    @ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    def integrand(t):
        value, slope = ctypes.c_double(), ctypes.c_double()
        status = inner(t, ctypes.addressof(value), ctypes.addressof(slope))
        return slope.value if status == 0 else np.nan

    found, _ = integrate.quad(LowLevelCallable(integrand), 0.0, 2.0)
    assert found == pytest.approx(np.exp(-4.0) - 1.0, rel=1e-12)


def test_the_numpy_target_has_none():
    fn = bp.grad(lambda x: x * x, target="numpy")
    with pytest.raises(bp.NotCompiledError):
        _ = fn.cfunc
    fn(1.0)
    with pytest.raises(bp.UnsupportedError, match="cfunc is machine code"):
        _ = fn.cfunc
