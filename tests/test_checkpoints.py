from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ArgumentError

CHOICES = [("numpy", choice) for choice in (4, "sqrt", ("binomial", 2), "binomial")]
CHOICES += [("numba", "sqrt"), ("numba", ("binomial", 2))]


def relaxation(checkpoint: Any) -> Callable[..., Any]:
    """Return a model whose steps are worth keeping, with the choice of what is kept."""

    def relax(x: Any, steps: Any) -> Any:
        for i in bp.range(steps, checkpoint=checkpoint):
            x = x + 0.01 * np.sin(x * i) * np.exp(-x * x)
        return np.sum(x * x)

    return relax


@pytest.mark.parametrize(("target", "choice"), CHOICES)
def test_gradients_do_not_depend_on_what_is_kept(target: str, choice: Any) -> None:
    x = np.linspace(0.1, 2.0, 5)
    plain = bp.value_and_grad(relaxation(None), target="numpy")
    fn = bp.value_and_grad(relaxation(choice), target=target)
    for steps in (0, 1, 10, 17):
        value, gradient = fn(x, steps)
        assert value == pytest.approx(plain(x, steps)[0], rel=1e-13)
        np.testing.assert_allclose(gradient, plain(x, steps)[1], rtol=1e-12)


def test_memory_falls_to_the_root_of_the_number_of_steps() -> None:
    x = np.ones(10)
    bytes_of = {}
    for choice in (None, 100, "sqrt"):
        fn = bp.value_and_grad(relaxation(choice), target="numpy")
        bytes_of[choice] = [fn.cost(x, steps).workspace.value for steps in (10**4, 10**6)]
    whole, stretches, root = bytes_of.values()
    assert whole[1] >= 10**6 * 10 * 8
    assert 99 < whole[1] / whole[0] < 101
    assert stretches[1] < whole[1] / 50
    assert 9 < root[1] / root[0] < 11
    assert root[1] < 0.5e6


@pytest.mark.parametrize("choice", ["sqrt", 10])
def test_second_derivatives_keep_as_little(choice: Any) -> None:
    """The derivative of a sweep over stretches runs its stretches again, too."""

    def driven(checkpoint: Any) -> Callable[..., Any]:
        def drive(x: Any, u: Any) -> Any:
            for i in bp.range(u.shape[0], checkpoint=checkpoint):
                x = np.sin(x) * 0.5 + 0.6 * x + u[i]
            return np.sum(x * x)

        return bp.grad(lambda x, u, v: np.sum(bp.grad(drive)(x, u) * v), target="numpy")

    x, v = np.linspace(0.1, 1.0, 10), np.linspace(1.0, 2.0, 10)
    whole, fn = driven(None), driven(choice)
    u = np.linspace(-0.5, 0.5, 25)
    np.testing.assert_allclose(fn(x, u, v), whole(x, u, v), rtol=1e-10)
    few, many = (fn.cost(x, np.zeros(n), v).workspace.value for n in (400, 40_000))
    assert many < whole.cost(x, np.zeros(40_000), v).workspace.value / 10
    assert many < (15 if choice == "sqrt" else 100) * few


def test_emitted_comments_state_what_is_kept() -> None:
    x = np.ones(3)
    text = bp.grad(relaxation(7), target="numpy").compile(x, 20).source
    assert "# keeps x before every 7 steps" in text
    assert "# runs each stretch again from x, the last one first" in text
    text = bp.grad(relaxation("sqrt"), target="numpy").compile(x, 20).source
    assert "# keeps x before each of about sqrt n stretches of steps" in text


def test_a_checkpointed_function_keeps_nothing_of_its_inside() -> None:
    def block(x: Any, w: Any) -> Any:
        for _ in range(4):
            x = np.tanh(x @ w)
        return x

    def network(x: Any, w: Any, wrap: Any) -> Any:
        for _ in range(12):
            x = wrap(block)(x, w)
        return np.sum(x * x)

    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(200, 8)), rng.normal(size=(8, 8)) / 3
    options: dict[str, Any] = {"argnums": (0, 1), "target": "numpy"}
    plain = bp.value_and_grad(lambda x, w: network(x, w, lambda f: f), **options)
    again = bp.value_and_grad(lambda x, w: network(x, w, bp.checkpoint), **options)
    (value, gradients), (value_again, gradients_again) = plain(x, w), again(x, w)
    assert value_again == pytest.approx(value, rel=1e-14)
    for got, expected in zip(gradients_again, gradients, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-14)
    assert "computes again what was not kept" in again.source
    kept, made_again = (fn.cost(x, w).workspace.value for fn in (plain, again))
    assert made_again < kept / 2


def test_a_checkpointed_function_takes_trees_and_static_values() -> None:
    def model(x: Any, wrap: Any) -> Any:
        scaled = wrap(lambda tree, power, scale=1.0: {"y": np.sin(tree["x"] ** power) * scale})
        for i in range(len(x)):
            x = scaled({"x": x}, 2, scale=1.0 + i)["y"]
        return np.sum(x)

    x = np.linspace(0.2, 0.9, 12)
    expected = bp.grad(lambda x: model(x, lambda f: f), target="numpy")(x)
    got = bp.grad(lambda x: model(x, bp.checkpoint), target="numpy")(x)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_second_derivatives_go_through_checkpointed_functions() -> None:
    def model(x: Any, wrap: Any) -> Any:
        block = wrap(lambda u: np.tanh(u * u) + 0.1 * np.exp(-u))
        return np.sum(block(block(x)) * x)

    def curvature(x: Any, wrap: Any) -> Any:
        return np.sum(bp.grad(lambda u: model(u, wrap))(x) * np.cos(x))

    x = np.linspace(0.2, 0.9, 12)
    expected = bp.grad(lambda x: curvature(x, lambda f: f), target="numpy")(x)
    got = bp.grad(lambda x: curvature(x, bp.checkpoint), target="numpy")(x)
    np.testing.assert_allclose(got, expected, rtol=1e-11)


@pytest.mark.parametrize("choice", [0, -1, True, 2.5, "often", ("binomial", 0), ("sqrt", 3)])
def test_another_choice_is_refused_with_what_to_write(choice: Any) -> None:
    with pytest.raises(ArgumentError, match="write 'sqrt', 'binomial'"):
        bp.range(4, checkpoint=choice)


def test_a_short_loop_with_a_choice_is_not_unrolled() -> None:
    def model(x: Any) -> Any:
        for i in bp.range(6, checkpoint=2):
            x = np.sin(x * i) + x
        return np.sum(x)

    fn = bp.grad(model, target="numpy").compile(np.ones(5))
    assert [s.kind for s in fn.cost(np.ones(5)).schedules] == ["stretches of 2 steps"]


def test_outside_of_a_trace_nothing_is_kept_and_all_runs_as_python() -> None:
    assert list(bp.range(2, 11, 3, checkpoint=2)) == [2, 5, 8]
    assert bp.checkpoint(lambda a, *, b: a - b)(5, b=3) == 2
    assert bp.fori_loop(0, 3, lambda i, x: x + i, 1, checkpoint="sqrt") == 4
