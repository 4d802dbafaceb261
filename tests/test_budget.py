from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ArgumentError, UnsupportedError

STEPS = 10**6
X = np.linspace(0.1, 2.0, 10)


def decay(x: Any, steps: Any) -> Any:
    """Integrate an ODE by the midpoint rule."""
    for _ in range(steps):
        middle = x - 0.5e-4 * x * np.sum(x * x)
        x = x - 1e-4 * middle * np.sum(middle * middle)
    return np.sum(x * x)


def gradient(budget: Any, target: str = "numpy") -> Any:
    return bp.value_and_grad(decay, target=target, memory_budget=budget)


def test_a_million_steps_fit_into_64_megabytes() -> None:
    plain = gradient(None).cost(X, STEPS)
    assert plain.workspace.value > 80e6
    assert not plain.schedules
    cost = gradient("64MB").compile(X, STEPS).cost(X, STEPS)
    assert cost.workspace.value < 64e6
    (schedule,) = cost.schedules
    assert schedule.kind == "stretches of 1001 steps"
    assert schedule.kept.value == 1001 * 10 * 8
    assert schedule.tape.value >= schedule.kept.value
    assert schedule.runs == 2
    assert "stretches of 1001 steps" in str(cost)


def test_what_fits_as_a_whole_is_kept_as_a_whole() -> None:
    fn = gradient("1GB").compile(X, STEPS)
    assert not fn.cost(X, STEPS).schedules
    assert fn.source == gradient(None).compile(X, STEPS).source


def test_less_memory_gives_a_binomial_schedule_with_what_there_is_room_for() -> None:
    cost = gradient("20kB").compile(X, STEPS).cost(X, STEPS)
    assert 18e3 < cost.workspace.value <= 20e3
    (schedule,) = cost.schedules
    assert schedule.kind.startswith("binomial, 2")
    assert 3 < schedule.runs < 5


def test_too_little_is_refused_with_the_least_that_would_do() -> None:
    with pytest.raises(ArgumentError, match="the least that would do is") as caught:
        gradient(100).compile(X, STEPS)
    least = int(str(caught.value).split()[-2])
    gradient(least).compile(X, STEPS)
    with pytest.raises(ArgumentError):
        gradient(least - 1).compile(X, STEPS)


def test_gradients_do_not_depend_on_it() -> None:
    value, expected = gradient(None)(X, 200)
    for budget in (20_000, 4_000, 1_000):
        fn = gradient(budget)
        got, found = fn(X, 200)
        assert got == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert fn.cost(X, 200).workspace.value <= budget


def test_loops_that_save_most_are_chosen_first_and_an_explicit_choice_stays() -> None:
    def model(x: Any, steps: Any) -> Any:
        small = x[0]
        for _ in range(steps):
            small = small + 0.1 * np.sin(small)
        for _ in bp.range(steps, checkpoint=10):
            x = x + 0.1 * np.sin(x * small)
        for _ in range(steps):
            x = x + 0.1 * np.cos(x)
        return np.sum(x)

    fn = bp.grad(model, target="numpy", memory_budget=100_000)
    kinds = [s.kind for s in fn.compile(X, 2000).cost(X, 2000).schedules]
    assert sorted(kinds) == ["stretches of 10 steps", "stretches of 45 steps"]
    np.testing.assert_allclose(fn(X, 30), bp.grad(model, target="numpy")(X, 30), rtol=1e-12)


def test_a_value_alone_has_no_reverse_sweep_to_bound() -> None:
    fn = bp.compile(decay, target="numpy", memory_budget=1)
    assert fn(X, 3) == pytest.approx(decay(X, 3))


def test_a_tape_without_a_bound_is_refused() -> None:
    def newton(x: Any) -> Any:
        y = x
        while abs(y * y - x) > 1e-12:
            y = 0.5 * (y + x / y)
        return y

    with pytest.raises(UnsupportedError, match="not known before it runs"):
        bp.grad(newton, target="numpy", memory_budget="1MB")(2.0)


def test_stages_and_adjoint_show_the_choice() -> None:
    fn = gradient(4_000)
    fn(X, 200)
    assert fn.stages[-1][1].nodes
    assert 'checkpoint="sqrt"' not in str(fn.graph)
    assert "schedule=" in str(dict(fn.stages)["adjoint"])
    assert str(dict(fn.stages)["adjoint"]) == str(fn.adjoint)


@pytest.mark.nightly
def test_a_million_steps_run_in_64_megabytes() -> None:
    bounded, plain = gradient("64MB", "numba"), gradient(None, "numba")
    value, found = bounded(X, STEPS)
    expected_value, expected = plain(X, STEPS)
    assert value == pytest.approx(expected_value, rel=1e-12)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
