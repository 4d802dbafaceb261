"""Rows are read where they lie, but for those that somebody writes to or takes as a whole."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.schedule.plan import plan

TABLE = np.arange(12.0).reshape(4, 3) / 7.0
PLACES = np.array([1, 3, 1, 0, 2])


def elements(table, places):
    total = 0.0
    for i in range(places.shape[0]):
        row = table[places[i]]
        if row[0] > 0.2:
            total += row[0] * row[2]
        else:
            total += row[1] ** 2
    return total


def in_a_loop(table, places):
    total = 0.0
    for i in range(places.shape[0]):
        row = table[places[i]]
        for j in range(row.shape[0]):
            total += row[j] * (j + 1.0) * row[2]
    return total


def overwritten_table(table, places):
    table = table.copy()
    total = 0.0
    for i in range(places.shape[0]):
        row = 1.0 * table[places[i]]
        table[places[i], 0] = 5.0 + total
        total += row[0] * row[1]
    return total


def copied_row(table, places):
    total = 0.0
    for i in range(places.shape[0]):
        row = table[places[i]].copy()
        row[i % 3] = row[0] * total
        total += row[1] + row[0] * row[2]
    return total


def carried_row(table, places):
    row = np.ones(3)
    total = 0.0
    for i in range(places.shape[0]):
        total += row[0] * row[2]
        row = table[places[i]] * 1.0
    return total


def whole_row(table, places):
    total = 0.0
    for i in range(places.shape[0]):
        total += np.dot(table[places[i]], table[places[i - 1]])
    return total


MODELS = (elements, in_a_loop, overwritten_table, copied_row, carried_row, whole_row)
COPIED = (overwritten_table, copied_row, carried_row)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_values_and_gradients(model):
    made = bp.value_and_grad(model, cache=False)
    plain = bp.value_and_grad(model, target="numpy")
    value, gradient = made(TABLE, PLACES)
    assert value == pytest.approx(model(TABLE, PLACES), rel=1e-12)
    np.testing.assert_allclose(gradient, plain(TABLE, PLACES)[1], rtol=1e-12)
    with pytest.raises(IndexError, match=r"index 4 .*test_rows\.py:\d+"):
        made(TABLE, np.array([4]))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_rows_that_are_copied(model):
    made = bp.compile(model, target="numpy").compile(TABLE, PLACES)
    made_plan = plan(run(made.graph, (*SIMPLIFY, *LOWER)))
    copies = [buffer for buffer in made_plan.buffers if buffer.role == "temp"]
    assert bool(copies) is (model in COPIED)
