"""Layers against the formulas that they stand for, on arrays and compiled."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import nn
from bpcompile.errors import ArgumentError, ShapeError


def rng():
    return np.random.default_rng(3)


# -- parameters --------------------------------------------------------------------------------


def test_glorot_and_he_have_their_spread():
    glorot = nn.Dense(300, 500, weights="glorot").init(rng()).W
    bound = math.sqrt(6 / 800)
    assert 0.99 * bound < np.max(np.abs(glorot)) <= bound
    assert np.std(glorot) == pytest.approx(math.sqrt(2 / 800), rel=0.01)
    he = nn.Dense(300, 500, weights="he").init(rng()).W
    assert np.std(he) == pytest.approx(math.sqrt(2 / 300), rel=0.01)


@pytest.mark.parametrize(
    ("follower", "scheme"),
    [
        (nn.Relu(), "he"),
        (nn.Softplus(), "he"),
        (nn.Gelu(), "he"),
        (nn.Tanh(), "glorot"),
        (nn.Sigmoid(), "glorot"),
        (nn.Softmax(), "glorot"),
        (nn.Activation(np.sin), "glorot"),
        (nn.Activation(np.abs, "he"), "he"),
        (nn.Dense(3, 2), "glorot"),
    ],
    ids=str,
)
def test_weights_suit_what_follows(follower, scheme):
    (W, _), *_ = nn.Sequential(nn.Dense(4, 3), follower).init(rng())
    assert np.array_equal(W, nn.Dense(4, 3, weights=scheme).init(rng()).W)


def test_last_layer_of_an_inner_model_suits_what_follows_that():
    inner = nn.Sequential(nn.Dense(4, 3))
    (((W, _),), _) = nn.Sequential(inner, nn.Relu()).init(rng())
    assert np.array_equal(W, nn.Dense(4, 3, weights="he").init(rng()).W)


def test_given_scheme_goes_before_what_follows():
    (W, _), _ = nn.Sequential(nn.Dense(4, 3, weights="glorot"), nn.Relu()).init(rng())
    assert np.array_equal(W, nn.Dense(4, 3).init(rng()).W)


def test_bias_begins_at_zero_and_can_be_left_out():
    assert np.array_equal(nn.Dense(4, 3).init(rng()).b, np.zeros(3))
    layer = nn.Dense(4, 3, bias=False)
    parameters = layer.init(rng())
    assert parameters.b is None
    x = np.ones((2, 4))
    assert np.array_equal(layer(parameters, x), x @ parameters.W)


def test_float32_parameters_are_the_float64_ones_rounded():
    model = nn.Sequential(nn.Dense(4, 3), nn.Tanh(), nn.Sequential(nn.Dense(3, 2)))
    wide = bp_leaves(model.init(rng()))
    narrow = bp_leaves(model.init(rng(), np.float32))
    assert {a.dtype for a in narrow} == {np.dtype(np.float32)}
    for a, b in zip(wide, narrow, strict=True):
        assert np.array_equal(a.astype(np.float32), b)


def bp_leaves(tree):
    from bpcompile.frontend.arguments.trees import leaves_of

    return leaves_of(tree)[0]


# -- values ------------------------------------------------------------------------------------


def test_model_is_its_formula():
    model = nn.Sequential(nn.Dense(4, 3), nn.Tanh(), nn.Dense(3, 2))
    parameters = model.init(rng())
    (W1, b1), nothing, (W2, b2) = parameters
    assert nothing is None
    x = rng().normal(size=(5, 4))
    assert np.array_equal(model(parameters, x), np.tanh(x @ W1 + b1) @ W2 + b2)
    assert model(parameters, x[0]).shape == (2,)
    assert model(parameters, x.reshape(5, 1, 4)).shape == (5, 1, 2)


ACTIVATIONS = (
    nn.Tanh(),
    nn.Relu(),
    nn.Sigmoid(),
    nn.Softplus(),
    nn.Gelu(),
    nn.Gelu(approximate=False),
    nn.Softmax(),
    nn.LogSoftmax(),
)


def test_activations_compute_the_same_compiled():
    x = rng().normal(scale=3.0, size=(4, 3))

    def every(x):
        return tuple(layer(None, x) for layer in ACTIVATIONS)

    compiled = bp.compile(every, target="numpy")(x)
    for layer, found in zip(ACTIVATIONS, compiled, strict=True):
        expected = layer(None, x)
        assert expected.shape == x.shape
        np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=str(layer))


def test_activations_are_what_they_are_called():
    x = np.array([[-1.0, 0.0, 2.0]])
    e = np.exp(x)
    values = {repr(layer): layer(None, x) for layer in ACTIVATIONS}
    np.testing.assert_allclose(values["Tanh()"], np.tanh(x))
    np.testing.assert_allclose(values["Relu()"], [[0.0, 0.0, 2.0]])
    np.testing.assert_allclose(values["Sigmoid()"], e / (1 + e))
    np.testing.assert_allclose(values["Softplus()"], np.log(1 + e))
    np.testing.assert_allclose(values["Softmax()"], e / e.sum())
    np.testing.assert_allclose(values["LogSoftmax()"], x - np.log(e.sum()))
    exact = [[x / 2 * (1 + math.erf(x / math.sqrt(2))) for x in x[0]]]
    np.testing.assert_allclose(nn.Gelu(approximate=False)(None, x), exact)
    np.testing.assert_allclose(nn.Gelu()(None, x), exact, atol=1e-3)


def test_flatten_keeps_the_first_axis():
    flatten = nn.Flatten()
    x = np.arange(24.0).reshape(2, 3, 4)
    assert np.array_equal(flatten(None, x), x.reshape(2, 12))
    assert np.array_equal(flatten(None, x[0, 0]), x[0, 0].reshape(4, 1))
    assert np.array_equal(
        bp.compile(lambda x: flatten(None, x), target="numpy")(x), flatten(None, x)
    )


def test_gradient_of_a_model_of_images():
    model = nn.Sequential(
        nn.Flatten(), nn.Dense(6, 5), nn.Softplus(), nn.Sequential(nn.Dense(5, 4), nn.Sigmoid())
    )
    parameters = model.init(rng())
    x = rng().normal(size=(7, 2, 3))

    def loss(params, x):
        return np.sum(model(params, x) ** 2)

    fn = bp.value_and_grad(loss, target="numpy")
    value, gradients = fn(parameters, x)
    assert value == pytest.approx(loss(parameters, x), rel=1e-14)
    assert type(gradients[1]) is nn.DenseParameters
    assert gradients[0] is None
    assert fn.check(parameters, x)


def test_float32_model_gives_float32():
    model = nn.Sequential(nn.Dense(4, 3), nn.Relu(), nn.Dense(3, 2), nn.LogSoftmax())
    parameters = model.init(rng(), np.float32)
    x = rng().normal(size=(5, 4)).astype(np.float32)

    def loss(params, x):
        return np.mean(model(params, x))

    value, gradients = bp.value_and_grad(loss, target="numpy")(parameters, x)
    assert type(value) is np.float32
    assert {g.dtype for g in bp_leaves(gradients)} == {np.dtype(np.float32)}
    assert value == pytest.approx(loss(parameters, x), rel=1e-6)


# -- in a graph --------------------------------------------------------------------------------


def test_graph_has_the_layers_names_and_literal_sizes():
    model = nn.Sequential(nn.Dense(4, 3), nn.Tanh(), nn.Dense(3, 2))

    def predict(params, x):
        scores = model(params, x)
        return scores * 2.0

    fn = bp.compile(predict, target="numpy")
    fn(model.init(rng()), np.ones((5, 4)))
    text = str(fn.graph)
    assert re.search(r"dense_0: f64\[\w+, 3\] = add", text)
    assert re.search(r"tanh_1: f64\[\w+, 3\] = tanh\(dense_0\)", text)
    assert re.search(r"scores: f64\[\w+, 2\] = add", text)
    assert "params_0_W: f64[4, 3]" in text
    assert f"{__file__}:" in text  # the user's line, not that of a layer
    assert "bpcompile/nn" not in text


def test_activations_of_the_users_are_called_as_their_functions():
    def wave(x):
        return np.sin(x) + x

    model = nn.Sequential(
        nn.Activation(wave), nn.Activation(lambda x: 2.0 * x), nn.Activation(np.exp)
    )
    fn = bp.compile(lambda x: model((None, None, None), x), target="numpy")
    fn(np.ones(3))
    assert [node.name for node in fn.graph.nodes if "_" in (node.name or "")] == [
        "wave_0", "activation_1", "exp_2",
    ]  # fmt: skip


def test_any_object_with_both_methods_is_a_layer():
    class Scale:
        def init(self, rng):
            return {"factor": rng.normal(size=3)}

        def __call__(self, parameters, x):
            return x * parameters["factor"] + math.pi

    model = nn.Sequential(nn.Dense(4, 3), Scale())
    parameters = model.init(rng())
    x = np.ones((2, 4))
    expected = nn.Dense(4, 3)(parameters[0], x) * parameters[1]["factor"] + math.pi
    assert np.array_equal(model(parameters, x), expected)
    fn = bp.value_and_grad(lambda params, x: np.sum(model(params, x)), target="numpy")
    assert fn(parameters, x)[0] == pytest.approx(np.sum(expected), rel=1e-14)


def test_functions_of_the_users_are_rewritten_in_a_model():
    def wave(x):
        return math.sin(x) if np.ndim(x) == 0 else np.sin(x)

    layer = nn.Activation(lambda x: sum(wave(x[k]) for k in range(2)))
    fn = bp.grad(lambda x: layer(None, x), target="numpy")
    x = np.array([0.3, 0.7])
    np.testing.assert_allclose(fn(x), np.cos(x), rtol=1e-14)


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Dense(0, 3), "Dense(0, 3): write how many numbers come in and go out"),
        (lambda: nn.Dense(4, 3.0), "Dense(4, 3.0): write how many"),
        (lambda: nn.Dense(True, 3), "Dense(True, 3): write how many"),
        (lambda: nn.Dense(4, 3, weights="xavier"), "weights='xavier': write 'glorot', 'he'"),
        (lambda: nn.Sequential(nn.Tanh), "layer 0 of Sequential is <class"),
        (lambda: nn.Sequential(nn.Tanh), "write Tanh(...), an instance"),
        (lambda: nn.Sequential(nn.Dense(4, 3), np.tanh), "write bp.nn.Activation(function)"),
        (lambda: nn.Sequential(64), "layer 0 of Sequential is 64: write an object with init"),
        (lambda: nn.Dense(4, 3).init(0), "not 0: write np.random.default_rng(0)"),
        (lambda: nn.Sequential().init(np.random), "write np.random.default_rng(0)"),
        (lambda: nn.Dense(4, 3).init(rng(), int), "dtype=int64: write np.float64 or np.float32"),
    ],
)
def test_what_makes_no_layer_is_refused(make, text):
    with pytest.raises(ArgumentError, match=re.escape(text)):
        make()


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Dense(4, 3), nn.Tanh(), nn.Dense(5, 2)),
        (nn.Sequential(nn.Tanh(), nn.Dense(4, 3)), nn.Softmax(), nn.Dense(5, 2)),
        (nn.Dense(4, 3), nn.Tanh(), nn.Sequential(nn.Tanh(), nn.Dense(5, 2))),
    ],
    ids=lambda layers: repr(nn.Sequential(*layers[:1])),
)
def test_sizes_that_do_not_meet_are_refused_when_stacked(layers):
    text = r"layer 2, .* takes 5 numbers a row, and layer 0, .*, gives 3: write the same"
    with pytest.raises(ShapeError, match=text):
        nn.Sequential(*layers)


def test_sizes_are_left_open_by_layers_that_may_change_them():
    nn.Sequential(nn.Dense(4, 3), nn.Flatten(), nn.Dense(30, 2))
    nn.Sequential(nn.Flatten(), nn.Dense(30, 2), nn.Dense(2, 1))


MODEL = nn.Sequential(nn.Dense(4, 3), nn.Tanh(), nn.Dense(3, 2))


@pytest.mark.parametrize(
    "run", [lambda f: f, lambda f: bp.compile(f, target="numpy")], ids=["numpy", "compiled"]
)
@pytest.mark.parametrize(
    ("spoil", "kind", "text"),
    [
        (
            lambda p, x: (p, x[:, :3]),
            ShapeError,
            r"layer 0 of Sequential: Dense\(4, 3\) takes .* length 4, .* \(5, 3\) at .*layers.py",
        ),
        (
            lambda p, x: ((p[0], None, nn.Dense(3, 5).init(rng())), x),
            ShapeError,
            r"layer 2 of .*: Dense.* .* \(\(3, 2\), \(2,\)\), .* \(\(3, 5\), \(5,\)\) at .*: pass",
        ),
        (
            lambda p, x: ((p[0], None, nn.Dense(3, 2, bias=False).init(rng())), x),
            ShapeError,
            r"is given \(\(3, 2\), None\)",
        ),
        (
            lambda p, x: ((p[0], None, p[2].W), x),
            ArgumentError,
            r"layer 2 of Sequential: Dense\(3, 2\) takes the pair \(W, b\)",
        ),
        (lambda p, x: (p[:2], x), ArgumentError, r"takes a tuple of 3 parameters.*a tuple of 2"),
        (lambda p, x: (p[0].W, x), ArgumentError, r"takes a tuple of 3 parameters, one for each"),
    ],
)  # fmt: skip
def test_wrong_sizes_name_the_layer(run, spoil, kind, text):
    with pytest.raises(kind, match=text):
        run(lambda params, x: MODEL(params, x))(*spoil(MODEL.init(rng()), np.ones((5, 4))))


def test_scalars_are_refused():
    with pytest.raises(ShapeError, match=r"Dense\(4, 3\) takes arrays .* shape \(\)"):
        nn.Dense(4, 3)(nn.Dense(4, 3).init(rng()), 1.0)
    with pytest.raises(ShapeError, match=r"Flatten\(\) takes arrays, and is given a scalar"):
        nn.Flatten()(None, 1.0)
