"""Test `assert` and `raise` where traced values decide: what the graph raises, and when."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import TraceError
from tests.tracing import agrees, run, traced


def fails(model, good, bad, kind, text):
    """Check that a model raises for bad arguments what Python raises, and else agrees with it."""
    found = agrees(model, *good)
    with pytest.raises(kind) as expected:
        model(*bad)
    with pytest.raises(kind) as caught:
        run(found, *bad)
    assert type(caught.value) is type(expected.value)
    assert caught.value.args == ((text,) if text else ())


def test_an_assert_of_a_traced_condition():
    def plain(x):
        assert x > 0
        return x * x

    def said(x):
        assert x > 0, "x must be positive"
        return x * x

    def array(x):
        assert (x > 0).all(), "all " + "of them"
        return x * x

    def nan(x):
        assert x <= 0 or x > 0, "nan"
        return x

    fails(plain, (2.0,), (-1.0,), AssertionError, "assert x > 0")
    fails(said, (2.0,), (-1.0,), AssertionError, "x must be positive")
    fails(array, (np.ones(3),), (np.array([1.0, 2.0, -1.0]),), AssertionError, "all of them")
    fails(nan, (2.0,), (np.nan,), AssertionError, "nan")


def test_what_is_known_is_tested_while_tracing():
    def shapes(x):
        assert x.ndim == 1, f"{x.ndim} axes"
        return x.sum()

    assert len(traced(shapes, np.ones(3)).graph) == 2
    with pytest.raises(AssertionError, match="2 axes"):
        traced(shapes, np.ones((2, 2)))


def test_a_message_of_traced_values_shows_their_source():
    def fields(x, y):
        assert x > y[0], f"{x:.3f} {y[0]!r} <= {2 * 3:03d} {'a'!r:>5} {{}} { {'k': 1}['k'] }"
        return x

    def percent(x):
        assert x > 0, "x is %s" % x  # noqa: UP031
        return x

    def value(x):
        assert x > 0, x
        return x

    def known(x):
        assert x > 0, 42  # noqa: RUF040 - as users may write
        return x

    for model, args, text in (
        (fields, (1.0, np.array([2.0])), "{x} {y[0]} <= 006   'a' {} 1"),
        (percent, (-1.0,), "'x is %s' % x"),
        (value, (-1.0,), "x"),
        (known, (-1.0,), "42"),
    ):
        with pytest.raises(AssertionError) as caught:
            run(traced(model, *args), *args)
        assert caught.value.args == (text,)


def test_a_raise_in_an_arm():
    def first(x):
        if x < 0:
            raise ValueError("negative")
        return np.sqrt(x)

    def last(x):
        if x > 1:
            return x
        elif x > 0:
            return 2 * x
        raise KeyError

    def otherwise(x):
        if x > 0:
            y, name = x * 2, "twice"
        else:
            raise ArithmeticError("not positive")
        return y * len(name)

    def nested(x):
        y = x
        if x > 0:
            if x > 10:
                if x > 100:
                    raise OverflowError("far")
                else:  # noqa: RET506 - an arm of its own
                    raise RuntimeError("large")
            y = y + 1
        return y

    fails(first, (4.0,), (-1.0,), ValueError, "negative")
    fails(last, (0.5,), (-1.0,), KeyError, "")
    fails(otherwise, (0.5,), (-1.0,), ArithmeticError, "not positive")
    fails(nested, (0.5,), (20.0,), RuntimeError, "large")
    fails(nested, (-0.5,), (200.0,), OverflowError, "far")


def test_checks_in_loops():
    def counted(x):
        s = 0.0
        for value in x:
            assert value > 0, "positive"
            s += value
        return s

    def written(x):
        y = np.zeros(len(x))
        for i in range(len(x)):
            if x[i] == 0:
                raise ZeroDivisionError("zero")
            y[i] = 1 / x[i]
        return y

    def repeated(x):
        k = 0
        while x < 10:
            if k > 3:
                raise RuntimeError("too long")
            x = x * 1.5
            k += 1
        return x

    def left(x):
        for value in x:
            if value < 0:
                raise ValueError("early")
            if value > 3:
                return value
        return 0.0

    def alone(x):
        for value in x:
            assert value > 0, "alone"
        return x

    ones, bad = np.ones(20), np.array([1.0] * 19 + [-1.0])
    fails(counted, (ones,), (bad,), AssertionError, "positive")
    fails(written, (ones,), (0 * ones,), ZeroDivisionError, "zero")
    fails(repeated, (5.0,), (0.1,), RuntimeError, "too long")
    fails(left, (ones,), (bad,), ValueError, "early")
    agrees(left, 5 * bad)
    fails(alone, (ones,), (bad,), AssertionError, "alone")
    agrees(counted, np.ones(0))


def test_a_check_in_the_test_of_a_while():
    def going(x):
        assert x > 0, "halved away"
        return x > 1

    def model(x):
        while going(x):
            x = x - 0.75
        return x

    fails(model, (1.5,), (-1.0,), AssertionError, "halved away")


def test_a_check_in_an_arm_that_is_not_taken_does_not_fire():
    def positive(x):
        assert x > 0, "in a helper"
        return True

    def arm(x):
        if x > 5:
            assert x > 10, "large"
            x = x * 2
        return x

    def operand(x):
        return 1.0 if x < 0 or positive(x - 1) else x

    def expression(x):
        return np.log(x) if x > 0 and positive(x) else 0.0

    fails(arm, (12.0,), (7.0,), AssertionError, "large")
    agrees(arm, 1.0)
    fails(operand, (2.0,), (0.5,), AssertionError, "in a helper")
    agrees(operand, -1.0)
    agrees(expression, -1.0)


def test_checks_in_helpers_lambdas_and_explicit_forms():
    def checked(x):
        if x < 0:
            raise ValueError("negative")
        return np.sqrt(x)

    def chosen(x):
        return bp.cond(x > 1, checked, lambda y: checked(y) * 2, x)

    def scanned(x):
        return bp.scan(lambda s, v: (s + checked(v), v), 0.0, x)

    def counted(x):
        return bp.fori_loop(0, len(x), lambda i, s: s + checked(x[i]), 0.0)

    def repeated(x):
        return bp.while_loop(lambda v: v > 1, lambda v: checked(v - 3) - v, x)

    bad = np.array([1.0, -1.0])
    fails(chosen, (4.0,), (-1.0,), ValueError, "negative")
    found = traced(scanned, np.ones(2))
    np.testing.assert_allclose(run(found, np.ones(2))[0], 2.0)
    with pytest.raises(ValueError, match="negative"):
        run(found, bad)
    fails(counted, (np.ones(2),), (bad,), ValueError, "negative")
    fails(repeated, (4.0,), (2.0,), ValueError, "negative")


def test_a_function_that_is_differentiated_inside_of_a_model():
    def inner(x):
        assert x > 0, "inner"
        return x**3

    def gradient(x):
        return bp.grad(inner)(x)

    def value_unused(x):
        return bp.value_and_grad(inner)(x)[1] * 2

    def unread(x):
        bp.grad(inner)(x)
        return x

    for model, expected in ((gradient, 12.0), (value_unused, 24.0), (unread, 2.0)):
        found = traced(model, 2.0)
        np.testing.assert_allclose(run(found, 2.0), expected)
        with pytest.raises(AssertionError, match="inner"):
            run(found, -2.0)


def test_exceptions_that_code_cannot_raise():
    class OwnError(ValueError):
        """Stand for a class of the user's."""

    def own(x):
        if x < 0:
            raise OwnError("mine")
        return x

    def number(x):
        if x < 0:
            raise ValueError(3)
        return x

    def caused(x):
        if x < 0:
            raise ValueError("x") from KeyError("y")
        return x

    def bare(x):
        if x < 0:
            raise
        return x

    for model in (own, number, caused, bare):
        with pytest.raises(TraceError, match=r"an exception is raised at .* ValueError") as caught:
            traced(model, 1.0)
        assert "np.nan" in str(caught.value)


def test_checks_inside_of_a_try_are_refused():
    def asserts(x):
        try:
            assert x > 0
        except AssertionError:
            x = 1.0
        return x

    def helper(x):
        if x < 0:
            raise ValueError("no")
        return x

    def raises(x):
        try:
            y = helper(x)
        except ValueError:
            y = 0.0
        return y

    def after(x):
        try:
            y = {"a": 1.0}["b"]
        except KeyError:
            y = 2.0
        assert x > 0, "after"
        return x * y

    for model in (asserts, raises):
        with pytest.raises(TraceError, match="inside of a `try`"):
            traced(model, 1.0)
    fails(after, (1.0,), (-1.0,), AssertionError, "after")


def test_a_function_without_results_is_refused():
    def nothing(x):
        assert x > 0

    with pytest.raises(TraceError, match="nothing tests its arguments and returns nothing"):
        traced(nothing, 1.0)
