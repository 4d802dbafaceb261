"""Experiments: which combinations run, and what is said of the fastest."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import ceilings
from bpcompile.ceilings import Bound, least_time, sampled
from bpcompile.experiment import Experiment, Point, choices, experiment, shown


def square(x):
    return np.sum(x * x)


def test_combinations():
    found = choices(["target", "fuse", "math"])
    assert {"target": "numpy", "fuse": True, "math": "vector"} in found
    assert sum(choice["target"] == "numpy" for choice in found) == 1
    assert len(found) == 5
    assert choices(["width"])[:2] == [{"width": None}, {"width": 128}]
    with pytest.raises(bp.ArgumentError, match="--vary colour: write some of fuse, math"):
        choices(["colour"])


def test_an_experiment(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "bpcompile.experiment.least_time", lambda *given: asked.append(given) or Bound("call", 1e-9)
    )
    found = experiment(bp.grad(square), ["target"], [3, 30], lambda n: [np.ones(n)])
    assert {(p.size, p.choice["target"]) for p in found.points} == {
        (size, target) for size in (3, 30) for target in ("numba", "numpy")
    }
    assert all(p.quartiles[0] <= p.seconds <= p.quartiles[1] for p in found.points)
    assert asked[1][1] == 2 * 8 * 30  # bytes read and written
    assert json.loads(json.dumps(found.record()))["bounds"]["3"]["limit"] == "call"
    with pytest.raises(bp.ArgumentError, match="no size"):
        experiment(bp.grad(square), ["target"], [], lambda n: [n])


def test_what_is_said():
    slow = Point({"fuse": False}, 10, 4e-6, (3e-6, 5e-6), 1.0)
    fast = Point({"fuse": True}, 10, 2e-6, (1e-6, 3e-6), 2.0)
    found = Experiment("grad(f)", (slow, fast), {10: Bound("memory", 1e-6)})
    lines = str(found).splitlines()
    assert lines[0] == "grad(f)"
    assert lines[4].split() == [
        "10",
        "True",
        "2",
        "us",
        "1",
        "us",
        "to",
        "3",
        "us",
        "1.00",
        "2",
        "s",
    ]
    assert lines[5].split() == [
        "10",
        "False",
        "4",
        "us",
        "3",
        "us",
        "to",
        "5",
        "us",
        "2.00",
        "1",
        "s",
    ]
    assert lines[-1] == (
        "size 10: the fastest is fuse=True; its limit is memory, of which it reaches 50%"
    )
    assert "fuse=True" in found.drawing()
    assert [shown(t) for t in (2.0, 0.5, 3e-9)] == ["2 s", "500 ms", "3 ns"]


def test_the_largest_bound_is_the_limit(monkeypatch):
    monkeypatch.setattr(ceilings, "bandwidth", lambda moved: 1e9)
    monkeypatch.setattr(ceilings, "arithmetic", lambda: 1e9)
    monkeypatch.setattr(ceilings, "call", lambda: 1e-7)
    assert least_time(10.0, 10.0) == ("call", 1e-7)
    assert least_time(2e3, 1e3).limit == "arithmetic"
    assert least_time(1e3, 2e3).limit == "memory"


def test_calls_take_turns():
    order = []
    times = sampled([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert [len(t) for t in times] == [3, 3]
    assert min(map(min, times)) > 0
