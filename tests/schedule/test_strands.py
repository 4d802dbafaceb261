"""Loops over many arrays: which are split, and what they compute."""

from __future__ import annotations

import math
import re

import numpy as np

from bpcompile.ir.interpret import interpret
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.transforms.reverse import reverse
from tests.emit import running
from tests.tracing import traced

RNG = np.random.default_rng(4)
W, H = RNG.normal(size=(6, 11)), RNG.normal(size=11)
PLACES = RNG.permutation(11)


def gates(w, h):
    h = h.copy()
    for _ in range(9):
        for j in range(h.shape[0]):
            keep = 1.0 / (1.0 + math.exp(-(h[j] * w[0, j] + w[1, j])))
            enter = math.tanh(h[j] * w[2, j] + w[3, j])
            fade = math.exp(-h[j] * h[j] * w[4, j])
            h[j] = keep * enter + fade * h[j] * w[5, j]
    return np.sum(h)


def cheap(w, h):
    h = h.copy()
    for _ in range(9):
        for j in range(h.shape[0]):
            keep, enter, fade = h[j] * w[0, j] + w[1, j], h[j] * w[2, j] + w[3, j], h[j] * w[4, j]
            h[j] = keep * enter + fade * h[j] * w[5, j]
    return np.sum(h)


def placed(w, h, places):
    h = h.copy()
    for _ in range(9):
        for j in range(h.shape[0]):
            i = places[j] % 2
            keep = 1.0 / (1.0 + math.exp(-(h[j] * w[i, j] + w[1, j])))
            enter = math.tanh(h[j] * w[2, j] + w[3, j])
            fade = math.exp(-h[j] * h[j] * w[4, j])
            h[j] = keep * enter + fade * h[j] * w[5, j]
    return np.sum(h)


def forward_loops(model, *arguments):
    """Return the bodies of the inner loops before the backward sweep, and check the gradient.

    The emitted Numba module runs as plain Python: what it computes is held to the graph.
    """
    graph = traced(model, *arguments).graph
    joint = reverse(run(graph, SIMPLIFY), (0, 1))
    lowered = run(joint, LOWER)
    text = running.emit(lowered, "numba")
    found = running.run(text, arguments, how="python")
    for value, expected in zip(found, interpret(joint, arguments), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-13)
    main = text[text.index("def _main") :]
    forward = main[main.index("for ") : main.index("runs the steps backwards")]
    return re.split(r"^ +for j in .*\n", forward, flags=re.MULTILINE)[1:]


def test_dear_arithmetic_over_many_arrays_is_split():
    dear = [loop.count("_exp(") for loop in forward_loops(gates, W, H)]
    assert len(dear) > 3
    assert sum(dear) == 3
    assert max(dear) == 1


def test_what_is_cheap_stays_together():
    assert len(forward_loops(cheap, W, H)) == 1


def test_what_makes_an_index_stays_together():
    assert len(forward_loops(placed, W, H, PLACES)) == 1
