"""Objects that control flow on traced values would change once: each change is refused."""

from __future__ import annotations

import collections
import contextlib
import itertools

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ArgumentError, TraceError
from tests.frontend.flow.test_more import V, agrees, refused


class Slots:
    """Hold one value in a slot."""

    __slots__ = ("value",)


def store_to_a_known_array(x, n):
    known = np.array([1, 2, 3])
    if x[0] > 0:
        known[0] = 10
    return x[0] * known[0]


def augmented_known_array(x, n):
    known = np.array([1, 2, 3])
    for _ in range(n):
        known += 10
    return x[0] * known[0]


def method_of_a_known_array(x, n):
    known = np.array([1, 2, 3])
    if x[0] > 0:
        known.fill(7)
    return x[0] * known[0]


def result_into_a_known_array(x, n):
    known = np.array([1, 2, 3])
    if x[0] > 0:
        np.add(known, 1, out=known)
    return x[0] * known[0]


def copied_into_a_known_array(x, n):
    known = np.array([1, 2, 3])
    if x[0] > 0:
        np.copyto(known, 5)
    return x[0] * known[0]


def added_at_places_of_a_known_array(x, n):
    known = np.array([1, 2, 3])
    if x[0] > 0:
        np.add.at(known, [0, 0], 5)
    return x[0] * known[0]


def next_of_an_iterator(x, n):
    steps = itertools.count()
    s = 0.0
    for i in range(n):
        s += x[i] * next(steps)
    return s


def loop_over_an_iterator(x, n):
    values = iter([1.0, 2.0, 3.0])
    s = 0.0
    if x[0] > 0:
        for v in values:
            s += v
    return s * x[0] * next(values)


def list_of_a_generator(x, n):
    values = (k for k in range(3))
    found = 0
    if x[0] > 0:
        found = len(list(values))
    return x[0] * found * next(values)


def part_of_a_zip(x, n):
    values = iter([1.0, 2.0])
    s = 0.0
    if x[0] > 0:
        for a, b in zip(values, [3.0], strict=False):
            s += a * b
    return s * x[0]


def deque(x, n):
    known = collections.deque([1.0, 2.0])
    for _ in range(n):
        known.rotate(1)
    return x[0] * known[0]


def attribute_in_a_slot(x, n):
    held = Slots()
    held.value = 1.0
    for _ in range(n):
        held.value = held.value + 1.0
    return held.value * x[0]


def attribute_by_name(x, n):
    held = Slots()
    held.value = 1.0
    if x[0] > 0:
        setattr(held, "value", 2.0)  # noqa: B010  (what is tested)
    return held.value * x[0]


def deep_inside(x, n):
    held = [[[[[[1.0]]]]]]
    if x[0] > 0:
        held[0][0][0][0][0].append(1.0)
    return x[0] * len(held[0][0][0][0][0])


@pytest.mark.parametrize(
    "model",
    [
        next_of_an_iterator,
        loop_over_an_iterator,
        list_of_a_generator,
        part_of_a_zip,
        deque,
        attribute_in_a_slot,
        attribute_by_name,
        deep_inside,
    ],
)
def test_changes_are_refused(model):
    refused(model, V, 3, match=r"inside control flow on traced values, which is traced once")


def what_a_step_makes_may_change(x, n):
    s = 0.0
    for i in range(n):
        held = Slots()
        held.value = x[i]
        values = iter([1.0, 2.0])
        known = np.array([1, 2, 3])
        known[1] = 7
        queue = collections.deque([next(values)])
        queue.append(next(values) + known[1])
        setattr(held, "value", held.value * queue[1])  # noqa: B010  (what is tested)
        s += held.value
    return s


def changed_outside_of_control_flow(x, n):
    known = np.array([1, 2, 3])
    known[1] = 7
    steps = itertools.count()
    for k in range(3):
        known[k] += next(steps)
    if x[0] > 0:
        x = x * known[1]
    return x, sorted(x[:4]), sorted([x[0], 0.5, x[1]], reverse=True)


def test_a_known_array_that_a_loop_changes_as_a_variable_is_refused():
    refused(augmented_known_array, V, 3, match=r"`known` \(i64\[3\]\) is written to at .*copy")


@pytest.mark.parametrize(
    "model",
    [
        store_to_a_known_array,
        method_of_a_known_array,
        result_into_a_known_array,
        copied_into_a_known_array,
        added_at_places_of_a_known_array,
    ],
)
def test_an_array_that_the_model_made_becomes_a_traced_one(model):
    agrees(model, V, 3)


def test_other_changes_work():
    agrees(what_a_step_makes_may_change, V, 3)
    agrees(changed_outside_of_control_flow, V, 3)


def test_checks_that_suppress_would_catch_are_refused():
    def suppressed(x):
        with contextlib.suppress(ValueError):
            if x[0] > 2:
                raise ValueError("no")
        return x[0]

    def fine(x):
        with contextlib.suppress(ValueError):
            x = x * 2.0
            raise ValueError("known")
        return x

    refused(suppressed, V, match=r"an exception is raised.* inside of a `try` or `suppress`")
    agrees(fine, V)


def test_sorted_takes_numbers():
    refused(lambda x: sorted(x, key=abs), V, match=r"sorted\(\) of traced values at .*np.argsort")


def test_a_choice_of_checkpoints_is_for_loops_that_run_to_their_end():
    def breaks(x):
        for _ in bp.range(100, checkpoint="sqrt"):
            x = 0.9 * x
            if x < 0.1:
                break
        return x

    with pytest.raises(ArgumentError, match=r"checkpoint= of the `for` at .*py:\d+ is for loops"):
        bp.grad(breaks, target="numpy", cache=False)(1.0)
    assert issubclass(ArgumentError, TypeError)
    assert issubclass(TraceError, TypeError)
