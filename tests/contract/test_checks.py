"""Hold compiled checks to their promises: the user's exception, text and line, from every form."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from numba import njit

import bpcompile as bp

NASTY = 'a """ quote, \\ \n a _helper(x), scipy. and np. {brace} % é "'


def root(x):
    assert x > 0, "x must be positive"
    return np.sqrt(x)


def total(x, y):
    s = 0.0
    for i in range(len(x)):
        if x[i] < 0:
            raise ValueError("negative")
        if x[i] > 100:
            raise ValueError("large")
        s = s + np.sqrt(x[i]) * y
        if s > 1000:
            raise ValueError("large")
    return s


def shifted(x):
    if x[0] > 5:
        raise KeyError(NASTY)
    return x * 2.0


def line(model, text, after=0):
    """Return where a model has a piece of text, as messages say it."""
    lines, start = inspect.getsourcelines(model)
    found = [k for k, row in enumerate(lines) if text in row][after]
    return f"{inspect.getsourcefile(model)}:{start + found}"


def raises(kind, text, call):
    """Check what a call raises, twice: at first, and once the call is hot."""
    for _ in range(2):
        with pytest.raises(kind) as caught:
            call()
        assert type(caught.value) is kind
        assert caught.value.args == (text,)


@pytest.fixture(params=["numba", "numpy"])
def target(request):
    """Return each target."""
    return request.param


def test_every_transform_raises_once_in_its_forward_part(target):
    text = f"x must be positive ({line(root, 'assert')})"
    for transform, more in (
        (bp.compile, ()),
        (bp.grad, ()),
        (bp.value_and_grad, ()),
        (bp.vjp, (1.0,)),
        (bp.jvp, (1.0,)),
    ):
        fn = transform(root, target=target)
        fn(4.0, *more)
        fn(4.0, *more)
        assert fn.source.count("raise AssertionError(") == 1
        raises(AssertionError, text, lambda fn=fn, more=more: fn(-1.0, *more))
    assert bp.grad(root, target=target)(4.0) == 0.25


def test_checks_in_a_loop_name_their_own_lines(target):
    fn = bp.value_and_grad(total, target=target)
    x = np.full(12, 4.0)
    value, gradient = fn(x, 0.5)
    assert value == 12.0
    np.testing.assert_allclose(gradient, 0.125)
    assert fn.source.count('raise ValueError("large")') == 1
    assert fn.source.count('raise ValueError("large", 1)') == 1
    raises(ValueError, f"negative ({line(total, 'negative')})", lambda: fn(-x, 0.5))
    raises(ValueError, f"large ({line(total, 'large')})", lambda: fn(x * 50, 0.5))
    raises(ValueError, f"large ({line(total, 'large', 1)})", lambda: fn(x, 500.0))


def test_out_and_bind_raise_too(target):
    fn = bp.compile(shifted, target=target)
    good, bad = np.ones(3), np.full(3, 7.0)
    out = np.empty(3)
    assert fn(good, out=out) is out
    np.testing.assert_array_equal(out, 2.0)
    text = f"{NASTY} ({line(shifted, 'raise')})"
    raises(KeyError, text, lambda: fn(bad, out=out))
    bound = fn.bind(good)
    np.testing.assert_array_equal(bound(good), 2.0)
    raises(KeyError, text, lambda: bound(bad))
    np.testing.assert_array_equal(bound(good), 2.0)


def test_njit_raises_constant_text():
    inner = bp.value_and_grad(total).compile(np.ones(3), 1.0).njit

    @njit
    def outer(x):
        return inner(x, 1.0)[0]

    assert outer(np.ones(3)) == 3.0
    with pytest.raises(ValueError, match="negative") as caught:
        outer(-np.ones(3))
    assert caught.value.args == ("negative",)


def test_a_gradient_that_is_zero_keeps_the_check(target):
    def constant(x):
        assert x > 0, "positive"
        return 3.0 + 0.0 * np.floor(x)

    fn = bp.grad(constant, target=target)
    assert fn(1.0) == 0.0
    raises(AssertionError, f"positive ({line(constant, 'assert')})", lambda: fn(-1.0))


def test_derivatives_of_derivatives_keep_the_check(target):
    def cube(x):
        s = 1.0
        for _ in range(9 if x.ndim else 3):
            s = s * x
            assert s > 0, "positive"
        return s

    fn = bp.grad(bp.grad(cube), target=target)
    assert fn(2.0) == pytest.approx(12.0)
    raises(AssertionError, f"positive ({line(cube, 'assert')})", lambda: fn(-2.0))


def test_a_saved_module_raises_constant_text(tmp_path, target):
    fn = bp.compile(root, target=target).compile(1.0)
    fn.save(tmp_path / "root.py")
    space: dict[str, object] = {}
    exec((tmp_path / "root.py").read_text(), space)
    with pytest.raises(AssertionError) as caught:
        space["root_compile"](-1.0)
    assert caught.value.args == ("x must be positive",)


def test_explain_and_check_work_beside_checks(target):
    fn = bp.value_and_grad(root, target=target).compile(2.0)
    assert fn.check(2.0)
    assert "checked" not in str(fn.explain(2.0))
    assert "require x > 0" in fn.source
