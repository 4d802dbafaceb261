"""Optimisers against their recursions written out, and compiled into a training step."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import nn
from bpcompile.errors import ArgumentError, ShapeError

PARAMETERS = {"w": np.array([1.0, -2.0, 3.0]), "b": (0.5, None)}


def gradients(step):
    rng = np.random.default_rng(step)
    return {"w": rng.normal(size=3), "b": (float(rng.normal()), None)}


def run(optimizer, steps=5):
    parameters, state = PARAMETERS, optimizer.init(PARAMETERS)
    for step in range(steps):
        parameters, state = optimizer.update(parameters, gradients(step), state)
    return parameters, state


def test_sgd_is_its_recursion():
    w = PARAMETERS["w"] - 0.1 * sum(gradients(step)["w"] for step in range(5))
    found, state = run(nn.sgd(0.1))
    np.testing.assert_allclose(found["w"], w, rtol=1e-14)
    assert state is None
    assert found["b"][1] is None


def test_momentum_is_its_recursion():
    w, v = PARAMETERS["w"], np.zeros(3)
    for step in range(5):
        v = 0.9 * v + gradients(step)["w"]
        w = w - 0.1 * v
    found, state = run(nn.sgd(0.1, momentum=0.9))
    np.testing.assert_allclose(found["w"], w, rtol=1e-14)
    np.testing.assert_allclose(state["w"], v, rtol=1e-14)


def test_adam_is_algorithm_1_of_its_paper():
    theta, m, v = PARAMETERS["b"][0], 0.0, 0.0
    for step in range(1, 6):
        g = gradients(step - 1)["b"][0]
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        theta -= 0.01 * (m / (1 - 0.8**step)) / (np.sqrt(v / (1 - 0.95**step)) + 1e-6)
    found, state = run(nn.adam(0.01, b1=0.8, b2=0.95, eps=1e-6))
    assert found["b"][0] == pytest.approx(theta, rel=1e-14)
    assert state.step == 5
    assert state.mean["b"][0] == pytest.approx(m, rel=1e-14)
    assert state.square["b"][0] == pytest.approx(v, rel=1e-14)


@pytest.mark.parametrize(
    "optimizer", [nn.sgd(0.1), nn.sgd(0.1, 0.5), nn.adam()], ids=["a", "b", "c"]
)
def test_nothing_is_changed_in_place_and_float32_stays(optimizer):
    parameters = {"w": np.array([1.0, 2.0], np.float32)}
    slopes = {"w": np.array([0.5, 0.25], np.float32)}
    state = optimizer.init(parameters)
    for _ in range(2):
        moved, later = optimizer.update(parameters, slopes, state)
        again, _ = optimizer.update(parameters, slopes, state)
        assert np.array_equal(moved["w"], again["w"])
        assert moved["w"].dtype == np.float32
        parameters, state = moved, later
    assert np.array_equal(slopes["w"], np.array([0.5, 0.25], np.float32))


@pytest.mark.parametrize("optimizer", [nn.sgd(0.1, 0.5), nn.adam(0.05)], ids=["sgd", "adam"])
def test_a_whole_training_step_compiles(optimizer):
    x, y = np.arange(6.0).reshape(3, 2), np.array([1.0, 0.0, 2.0])
    slope = bp.grad(lambda p: nn.mean_squared_error(x @ p["w"] + p["b"], y))

    def step(parameters, state):
        return optimizer.update(parameters, slope(parameters), state)

    compiled = bp.compile(step, target="numpy")
    parameters = {"w": np.array([0.1, -0.2]), "b": 0.0}
    plain = (parameters, optimizer.init(parameters))
    fused = plain
    numpy_slope = bp.grad(lambda p: nn.mean_squared_error(x @ p["w"] + p["b"], y), target="numpy")
    for _ in range(3):
        fused = compiled(*fused)
        plain = optimizer.update(plain[0], numpy_slope(plain[0]), plain[1])
    np.testing.assert_allclose(fused[0]["w"], plain[0]["w"], rtol=1e-12)
    assert fused[0]["b"] == pytest.approx(plain[0]["b"], rel=1e-12)
    assert len(compiled.specializations) == 1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.sgd(0.0), r"sgd: learning_rate=0.0: write a finite number above 0"),
        (lambda: nn.sgd(-1), r"sgd: learning_rate=-1"),
        (lambda: nn.sgd(float("nan")), r"sgd: learning_rate=nan"),
        (lambda: nn.sgd("0.1"), r"sgd: learning_rate='0.1'"),
        (lambda: nn.sgd(0.1, momentum=1.0), r"sgd: momentum=1.0: write a number from 0 to below 1"),
        (lambda: nn.adam(float("inf")), r"adam: learning_rate=inf"),
        (lambda: nn.adam(b1=1.0), r"adam: b1=1.0"),
        (lambda: nn.adam(b2=-0.1), r"adam: b2=-0.1"),
        (lambda: nn.adam(eps=0.0), r"adam: eps=0.0"),
    ],
)
def test_numbers_out_of_bounds_are_refused(make, text):
    with pytest.raises(ArgumentError, match=text):
        make()


@pytest.mark.parametrize(
    "optimizer", [nn.sgd(0.1), nn.sgd(0.1, 0.5), nn.adam()], ids=["a", "b", "c"]
)
def test_trees_that_do_not_match_are_refused(optimizer):
    state = optimizer.init(PARAMETERS)
    with pytest.raises(ArgumentError, match="the gradients must be nested as"):
        optimizer.update(PARAMETERS, {"w": np.ones(3)}, state)
    wrong = {"w": np.ones((3, 1)), "b": (1.0, None)}
    with pytest.raises(
        ShapeError, match=r"gradients\['w'\] has shape \(3, 1\), and its param.*\(3,\)"
    ):
        optimizer.update(PARAMETERS, wrong, state)


def test_foreign_states_are_refused():
    with pytest.raises(ArgumentError, match="the state must be nested as"):
        nn.sgd(0.1, 0.5).update(PARAMETERS, gradients(0), None)
    with pytest.raises(ArgumentError, match="adam's state is what its init and update return"):
        nn.adam().update(PARAMETERS, gradients(0), PARAMETERS)
    state = nn.adam().init({"w": 1.0})
    with pytest.raises(ArgumentError, match="the state's mean must be nested as"):
        nn.adam().update(PARAMETERS, gradients(0), state)
