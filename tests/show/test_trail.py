"""Where each value of a model is computed: the emitted line, or the rewrite that absorbed it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.show.trail import Place


def places(fn, *args):
    """Return the places of a call's values, each of which must be a line of the source."""
    ledger = fn.explain(*args)
    lines = fn.source.splitlines()
    for row in ledger:
        for place in (row.place, row.adjoint_place):
            if place.line is not None:
                assert lines[place.line - 1].partition("  # ")[0].strip() == place.code
    return ledger


def neuron(w, x, b):
    s = np.sum(w * x) + b
    return 1 / (1 + np.exp(-s))


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_lines_are_those_of_the_emitted_module(target):
    fn = bp.value_and_grad(neuron, argnums=("w", "b"), target=target)
    ledger = places(fn, np.array([1.0, -2.0]), np.array([0.5, 0.3]), 0.1)
    assert re.match(r"s = ", ledger["s"].place.code)
    assert ledger["s"].place.note == ""
    assert re.match(r"\w+ = ", ledger["neuron"].place.code)
    assert ledger["neuron"].place.note.startswith("rewritten: Write 1 / (1 + e⁻ˣ)")
    assert "s_bar" in ledger["s"].adjoint_place.code
    assert ledger["w"].place == Place(note="an argument")
    absorbed = [row for row in ledger if row.place.note == "absorbed by neuron = sigmoid(s)"]
    assert [row.operation for row in absorbed] == ["neg", "exp", "add"]
    assert all(row.place.line is None for row in absorbed)


def test_inlined_values_name_the_line_that_they_are_in():
    fn = bp.grad(lambda x: np.sum(np.sin(x) * np.cos(x)), target="numpy")
    ledger = places(fn, np.array([1.0, 2.0]))
    inlined = [row for row in ledger if "inlined" in row.place.note]
    assert inlined
    assert all(row.place.line is not None for row in inlined)


def test_stable_logsumexp_absorbs_the_written_one():
    def model(x):
        m = np.max(x)
        return m + np.log(np.sum(np.exp(x - m)))

    fn = bp.value_and_grad(model, target="numpy")
    ledger = places(fn, np.array([1000.0, 1001.0]))
    notes = {row.operation: row.place.note for row in ledger}
    assert "logsumexp" in notes["exp"]
    assert "logsumexp" in notes["log"]


def test_kinds_of_transforms_have_places():
    x = np.array([1.0, 2.0])
    for fn, args in [
        (bp.compile(lambda x: np.exp(x) + 1, target="numpy"), (x,)),
        (bp.vjp(lambda x: np.exp(x) + 1, target="numpy"), (x, x)),
        (bp.jvp(lambda x: np.exp(x) + 1, target="numpy"), (x, x)),
    ]:
        ledger = places(fn, *args)
        assert any(row.place.line is not None for row in ledger)


def test_loops_are_followed():
    def model(x):
        return bp.fori_loop(0, 20, lambda i, y: np.sin(y) * x, x)

    fn = bp.grad(model, target="numpy")
    ledger = places(fn, 0.5)
    assert [row.place.note for row in ledger if row.operation == "loop"] == ["a loop"]
    assert ledger["x"].adjoint == fn(0.5)


def test_place_prints_line_and_note():
    assert str(Place(3, "y = x", "inlined")) == "line 3: y = x  (inlined)"
    assert str(Place(3, "y = x")) == "line 3: y = x"
    assert str(Place(note="an argument")) == "an argument"
    assert str(Place()) == ""
