"""Reductions and composites: values against NumPy and SciPy, named dimensions, dtypes."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.special

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import bool_, f32, f64, i64
from bpcompile.passes.expand import expand_composites
from bpcompile.transforms.reverse import reverse as reverse_of
from tests.ops.support import gradient, value

AXES = [(0,), (1,), (2,), (0, 2), (0, 1, 2)]
X = np.random.default_rng(5).normal(size=(3, 4, 2))


def model(name, axes, **options):
    return lambda x: OPS[name](x, axes=axes, **options)


REFERENCES = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "logsumexp": scipy.special.logsumexp,
    "softmax": scipy.special.softmax,
    "log_softmax": scipy.special.log_softmax,
}


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("name", REFERENCES)
def test_values(name, axes):
    for dtype, rtol in (("float64", 1e-14), ("float32", 1e-6)):
        x = X.astype(dtype)
        for expanded in (False, True):
            found = value(model(name, axes), [x], expanded=expanded)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, REFERENCES[name](x, axis=axes), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("ddof", [0, 1])
def test_moments(axes, ddof):
    for expanded in (False, True):
        found = value(model("var", axes, ddof=ddof), [X], expanded=expanded)
        np.testing.assert_allclose(found, np.var(X, axis=axes, ddof=ddof), rtol=1e-14)
        found = value(model("std", axes, ddof=ddof), [X], expanded=expanded)
        np.testing.assert_allclose(found, np.std(X, axis=axes, ddof=ddof), rtol=1e-14)


@pytest.mark.parametrize("name", ["any", "all", "argmax", "argmin"])
def test_questions(name):
    data = X > 0 if name in ("any", "all") else X
    for axis in range(3):
        found = value(model(name, (axis,)), [data])
        np.testing.assert_array_equal(found, getattr(np, name)(data, axis=axis))
    builder = Builder()
    x = builder.param("x", bool_["n m"] if name in ("any", "all") else f64["n m"])
    assert OPS[name](x, axes=(0,)).type == (bool_ if name in ("any", "all") else i64)["m"]


def test_integers_reduce_to_integers():
    data = np.arange(1, 7).reshape(2, 3)
    for name in ("sum", "prod", "max", "min"):
        found = value(model(name, (1,)), [data])
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, REFERENCES[name](data, axis=1))


def test_float32_sums_and_products_round_once():
    x = np.full(100_000, 0.1, "float32")
    exact = np.sum(x.astype("float64"))
    assert value(model("sum", (0,)), [x]) == np.float32(exact)
    assert value(model("mean", (0,)), [x]) == np.float32(exact / x.size)
    # 1e30 squared is no float32, the whole product is.
    assert value(model("prod", (0,)), [np.float32([1e30, 1e30, 1e-30])]) == np.float32(1e30)


def test_float32_running_sums_round_once():
    x = np.full(2000, 0.1, "float32")
    exact = np.cumsum(x.astype("float64")).astype("float32")
    for reverse in (False, True):
        model = functools.partial(OPS["cumsum"], axis=0, reverse=reverse)
        for expanded in (False, True):
            found = value(model, [x], expanded=expanded)
            np.testing.assert_array_equal(found, exact[::-1] if reverse else exact)


def test_moments_of_too_few_elements_are_nan():
    for name in ("var", "std"):
        for expanded in (False, True):
            found = value(model(name, (0,), ddof=1), [np.ones(1)], expanded=expanded)
            assert np.isnan(found)
            assert np.isnan(gradient(model(name, (0,), ddof=1), np.ones(1), expanded=expanded)[0])


@pytest.mark.parametrize("length", [0, 1, 4])
def test_running_folds_of_a_named_length(length):
    arrays = [X[:2, 0, 0].repeat(2)[:length] for _ in range(2)]
    for name, count in (("cumsum", 1), ("recurrence", 2), ("cumprod", 1)):
        for reverse in ({"reverse": False}, {"reverse": True}) if name != "cumprod" else ({},):
            found = []
            for shape in ("n", (length,)):
                builder = Builder("f")
                xs = [builder.param(f"x{k}", f64[shape]) for k in range(count)]
                y = OPS[name](*xs, axis=0, **reverse)
                total = builder.finish((OPS["sum"](y * y, axes=(0,)), y))
                joint = expand_composites(reverse_of(total, range(count)))
                found.append(interpret(joint, arrays[:count]))
            for named, literal in zip(*found, strict=True):
                np.testing.assert_array_equal(named, literal, strict=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sum", {}),
        ("prod", {}),
        ("max", {}),
        ("mean", {}),
        ("var", {"ddof": 0}),
        ("var", {"ddof": 1}),
        ("std", {"ddof": 1}),
        ("logsumexp", {}),
        ("softmax", {}),
        ("log_softmax", {}),
    ],
)
@pytest.mark.parametrize("spec", [f64, f32])
def test_named_lengths_give_what_literal_ones_do(name, options, spec):
    x = X.astype(spec.dtype.numpy_name)
    for axes in AXES:
        results = []
        for shape in ("n m k", x.shape):
            builder = Builder("f")
            y = OPS[name](builder.param("x", spec[shape]), axes=axes, **options)
            y = y * y * y
            total = OPS["sum"](y, axes=tuple(range(len(y.shape)))) if y.shape else y
            joint = expand_composites(reverse_of(builder.finish((total,)), [0]))
            results.append(interpret(joint, [x]))
        for named, literal in zip(*results, strict=True):
            np.testing.assert_array_equal(named, literal, strict=True)


def test_gradient_of_nothing():
    for name in ("sum", "mean", "prod"):
        assert gradient(model(name, (0,)), np.zeros((0,)))[0].shape == (0,)
    assert np.isnan(value(model("mean", (0,)), [np.zeros(0)]))
    np.testing.assert_array_equal(value(model("prod", (0,)), [np.zeros((0, 2))]), [1, 1])
