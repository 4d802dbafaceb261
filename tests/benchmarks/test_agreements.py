"""Hold the comparison with the peers to what it promises: it finds who is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.agreements import functions
from benchmarks.agreements.functions import Found
from benchmarks.agreements.record import Record
from benchmarks.agreements.words import Case, leaves, on

CASE = Case("square", lambda m, x: m.square(x), on("nm"), jax=False, single=False)


def off(value, slope):
    """Return what a peer gives whose value and slope are off by these factors."""

    def turns(case, args, shapes, seed):
        (x,) = args
        (w,) = functions.weights(shapes, x.dtype)
        return [("JAX", lambda: Found([value * x * x], [slope * 2 * w * x]))]

    return turns


@pytest.mark.parametrize(
    ("value", "slope", "judged"),
    [(1.0, 1.0, []), (1.0, 1 + 1e-8, ["theirs"]), (1 + 1e-10, 1.0, ["theirs"])],
)
def test_a_peer_that_is_off_is_found(monkeypatch, value, slope, judged):
    monkeypatch.setattr(functions, "turns", off(value, slope))
    found = functions.examine(CASE, 1, "numpy")
    assert [q["judged"] for q in found["quarrels"]] == judged
    assert not found["no"]


def test_we_are_found_to_be_off(monkeypatch):
    monkeypatch.setattr(functions, "turns", off(1.0, 1.0))
    right = functions.by_us

    def wrong(*about):
        run = right(*about)
        return lambda *xs: Found(run(*xs).values, [1.001 * s for s in run(*xs).slopes])

    monkeypatch.setattr(functions, "by_us", wrong)
    assert [q["judged"] for q in functions.examine(CASE, 1, "numpy")["quarrels"]] == ["ours"]


def test_a_peer_that_raises_is_in_the_report(monkeypatch):
    def turn():
        raise NotImplementedError("no such function")

    monkeypatch.setattr(functions, "turns", lambda *about: [("PyTorch", turn)])
    found = functions.examine(CASE, 1, "numpy")
    assert found["no"] == {"PyTorch": "NotImplementedError: no such function"}


def test_a_record_is_resumed(tmp_path):
    path = tmp_path / "record.jsonl"
    Record(path).add({"walk": "functions", "name": "sum", "seed": 0, "target": "numpy"})
    again = Record(path)
    assert again.has(walk="functions", name="sum", seed=0, target="numpy")
    assert not again.has(walk="functions", name="sum", seed=1, target="numpy")


def test_leaves_are_those_of_nested_results():
    assert leaves((1, [np.float64(2.0), (3,)])) == [1, 2.0, 3]
