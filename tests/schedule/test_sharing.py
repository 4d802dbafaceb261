"""Loops that do the same become one routine, and nothing else does."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.transforms.reverse import reverse
from tests.emit.running import emit, load
from tests.tracing import traced

RNG = np.random.default_rng(8)
Q, M = RNG.normal(size=(4, 2)), RNG.uniform(1.0, 2.0, size=4)


def pull(masses, q, a):
    for i in range(q.shape[0]):
        for j in range(q.shape[0]):
            dx = q[j, 0] - q[i, 0]
            dy = q[j, 1] - q[i, 1]
            w = masses[j] / (1.0 + dx * dx + dy * dy)
            a[i, 0] += w * dx
            a[i, 1] += w * dy


def stages(masses, start):
    """Take steps of three stages each."""
    q = start.copy()
    for _ in range(9):
        a, b, c = np.zeros(q.shape), np.zeros(q.shape), np.zeros(q.shape)
        pull(masses, q, a)
        pull(masses, a, b)
        pull(masses, b, c)
        for i in range(q.shape[0]):
            for k in range(2):
                q[i, k] += 0.01 * (a[i, k] + b[i, k] + c[i, k])
    return (q * q).sum()


def once(masses, start):
    """Run the same loops outside of a loop: they stay where they are."""
    a, b, c = np.zeros(start.shape), np.zeros(start.shape), np.zeros(start.shape)
    pull(masses, start, a)
    pull(masses, a, b)
    pull(masses, b, c)
    return (c * c).sum()


def weights(masses, start):
    """Add up in loops that differ in a constant, an operation or what they read after it."""
    q = start.copy()
    total = 0.0
    for _ in range(9):
        for i in range(q.shape[0]):
            q[i, 0] += 0.1 * masses[i]
            q[i, 1] += 0.1 * q[i, 0]
            q[i, 0] *= 0.5
        for i in range(q.shape[0]):
            q[i, 0] += 0.2 * masses[i]
            q[i, 1] += 0.1 * q[i, 0]
            q[i, 0] *= 0.5
        for i in range(q.shape[0]):
            q[i, 0] += 0.1 * masses[i]
            q[i, 1] -= 0.1 * q[i, 0]
            q[i, 0] *= 0.5
        total += q[0, 0]
    return total


def text_of(model, derive):
    graph = run(traced(model, M, Q).graph, SIMPLIFY)
    return emit(run(reverse(graph, (0, 1)) if derive else graph, LOWER), "numba")


def routines(text):
    """Return how often each routine is called."""
    names = re.findall(r"^def (_\w+(?:_to_|_compute)\w*)\(", text, re.MULTILINE)
    return {name: len(re.findall(rf"^ +{name}\(", text, re.MULTILINE)) for name in names}


@pytest.mark.parametrize("derive", [False, True])
def test_stages_run_one_routine(derive):
    text = text_of(stages, derive)
    counts = routines(text)
    assert list(counts.values()) == [3] * (1 + derive)
    found = load(text, "python")["model_value"](M, Q)
    assert found[0] == pytest.approx(stages(M, Q), rel=1e-14)
    if derive:
        move = RNG.normal(size=Q.shape)
        step = (stages(M, Q + 1e-6 * move) - stages(M, Q - 1e-6 * move)) / 2e-6
        assert np.vdot(found[2], move) == pytest.approx(step, rel=1e-7)


@pytest.mark.parametrize("model", [once, weights])
def test_other_loops_stay(model):
    text = text_of(model, False)
    assert not routines(text)
    assert load(text, "python")["model_value"](M, Q)[0] == pytest.approx(model(M, Q), rel=1e-14)
