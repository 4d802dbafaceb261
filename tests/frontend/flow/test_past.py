"""Nested loops are traced as often as there are loops, not as often as 2 to that power."""

from __future__ import annotations

import linecache

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.frontend.registry import RULES
from tests.frontend.flow.test_more import agrees
from tests.tracing import traced

X = np.array([1.0, 2.0, 3.0, 4.0])
RETURNED = "total, y, known['a'], other"
BODIES = {
    "a number becomes a float": ["total += x[0] * 0.5"],
    "an array is written to": ["total += y[0] * 0.5", "y[1] += total"],
    "an array in a dict is written to": ["known['a'][0] += 1.0", "total += known['a'][0]"],
    "arrays change places": ["z = best", "best = y", "y = z * 0.5", "total += y[0]"],
    "a result is returned": ["if total > 3.0:", f"    return {RETURNED}", "total += y[0] * 0.5"],
}


def nested(depth, head, body):
    """Return a function of loops in each other, whose innermost body calls np.tanh once."""
    start, loop = head
    lines = ["def model(x, n):", "    y, total, best = x * 1.0, 0, x", "    other = y"]
    lines.append("    known = {'a': x * 2.0}")
    for k in range(depth):
        indent = "    " * (k + 1)
        lines += [f"{indent}{line.format(k=k)}" for line in (start, loop) if line]
        lines += [f"{indent}    c{k} -= 1"] if start else []
    lines += [f"{'    ' * (depth + 1)}{line}" for line in ("np.tanh(x[0])", *body)]
    source = "\n".join([*lines, f"    return {RETURNED}"]) + "\n"
    file = f"<nested {depth} {head} {body}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"np": np}
    exec(compile(source, file, "exec"), names)
    return names["model"]


HEADS = [("", "for i{k} in range(n):"), ("c{k} = n", "while c{k} > 0:")]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("head", HEADS, ids=["for", "while"])
def test_traces_of_nested_loops(head, body, monkeypatch):
    calls = []
    rule = RULES["tanh"]
    monkeypatch.setitem(RULES, "tanh", lambda x: (calls.append(1), rule(x))[1])
    counts = []
    for depth in (2, 4, 6):
        calls.clear()
        traced(nested(depth, head, BODIES[body]), X, 2)
        counts.append(len(calls))
    assert counts[1] - counts[0] == counts[2] - counts[1] <= 4, counts


@pytest.mark.parametrize("body", BODIES)
def test_what_is_remembered_changes_no_value(body):
    for head in HEADS:
        model = nested(3, head, BODIES[body])
        for n in (0, 2):
            agrees(model, X, n)


def test_each_call_of_a_helper_has_a_past_of_its_own():
    def total(values, start):
        for value in values:
            start += value
        return start

    def model(x, k, n):
        ints, floats = 0, 0.0
        for _ in range(n):
            ints += total(k, 0)
            floats += total(x, 0) + total(k, 0) // 2
        return ints // 2, floats

    found = agrees(model, X, np.array([3, 4]), 3)
    assert [str(out.type) for out in found.outputs] == ["i64[]", "f64[]"]


def test_traces_of_nested_fori_loops():
    times = []

    def level(depth):
        if not depth:
            return lambda i, c: (times.append(1), c + 0.5)[1]
        inner = level(depth - 1)
        return lambda i, c: bp.fori_loop(0, 3, inner, c)

    def model(x):
        return bp.fori_loop(0, 3, level(6), 0) * x

    traced(model, 1.0)
    assert len(times) <= 10
