"""`match` on traced values and on structures, and what stays the same beside arrays in a tree."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
import pytest

from tests.frontend.flow.test_more import V, agrees, refused
from tests.tracing import run, traced


class Kind(enum.Enum):
    FAST = 1
    SLOW = 2


def values(x, k):
    match k:
        case 0:
            return x[0] ** 2
        case 1 | 2:
            return x[1] ** 3
        case n if n > 5:
            return x[2] * n
        case _:
            return x.sum()


def pairs(x, k):
    y = 0.0
    for i in range(k):
        match i % 3, k:
            case 0, 1:
                y += x[0] * i
            case ((0 | 1), n) if n > 2:
                y += x[1] ** 2 * n
            case 2, _:
                y -= x[2]
            case a, b:
                y += a * b * x[3]
    return y


def exits(x, k):
    while True:
        match k:
            case 0:
                break
            case 3:
                k -= 2
                continue
            case _:
                x = x * 1.5
        k -= 1
    return x.sum()


def singletons(x, k):
    match bool(x[0] > k):
        case True:
            y = x[1]
        case _:
            y = x[2]
    match k:
        case None | True:
            return x[0] + y
        case 1:
            return x[2] + y
        case _:
            return x[3] + y


def both(x, k):
    match bool(x[0] > k):
        case False:
            y = x[1]
        case True:
            y = x[2]
    match bool(x[1] > k):
        case True as above:
            return x[3] * above + y
        case False:
            return y


@pytest.mark.parametrize("model", [values, pairs, exits, singletons, both])
def test_values_decide(model):
    found = traced(model, V, 3)
    for k in (0, 1, 2, 3, 7):
        assert run(found, V, k) == pytest.approx(model(V, k), rel=1e-13)


def structures(x, mode, state):
    match mode:
        case Kind.FAST:
            y = x.sum()
        case Kind.SLOW:
            y = (x**2).sum()
    match state:
        case [int(), float() as b]:
            return y * b
        case [float() | int(), float()]:
            return y + state[0]
        case {"v": v, **rest}:
            return y - v * len(rest)
        case float():
            return y * state
        case _:
            return y


@pytest.mark.parametrize("state", [[2, 0.5], [2.0, 0.5], {"v": 2.0, "w": 1.0}, 3.0, 3, "none"])
def test_structures_are_known_and_classes_are_those_of_the_values(state):
    for mode in Kind:
        agrees(structures, V, mode, state)


def one_case(x, k):
    match k:
        case 0:
            y = x[0]
    return y


def guarded(x, k):
    match bool(x[0] > k):
        case True if k > 1:
            y = x[0]
        case False:
            y = x[1]
    return y


@pytest.mark.parametrize("model", [one_case, guarded])
def test_a_variable_of_one_case(model):
    refused(model, V, 0, match=r"`y` gets its value in one arm of the `if` at .*:\d+ only")


@dataclasses.dataclass
class Named:
    value: object
    name: str = "first"
    by: object = np.sin


def named(x, n):
    state, best = Named(x[0]), {"kind": Kind.FAST, "v": x[1]}
    for i in range(n):
        state = Named(state.by(state.value) + x[i], state.name, state.by)
        if x[i] > 0:
            best = {"kind": best["kind"], "v": x[i]}
    return state.value, best["v"] if best["kind"] is Kind.FAST else 0.0


def renamed(x, n):
    state = Named(x[0])
    for i in range(n):
        state = Named(x[i], state.name + "!")
    return state.value


def test_texts_stay_the_same_beside_numbers():
    agrees(named, V, 4)
    refused(renamed, V, 4, match=r"with the same texts in it, in all steps; it is used at")


def at_least_one_step(x):
    y, k = x[0], 0
    while True:
        part = np.zeros(3)
        part[0] = following = 0.5 * (y + 2 / y)
        k += 1
        if abs(following - y) < 1e-9:
            break
        y = following
    return following + k, part


def behind_a_break(x):
    y = x[0]
    while True:
        y = y * 2
        if y > 50:
            break
        last = y
    return last


def test_a_loop_that_runs_at_least_once_binds_variables():
    agrees(at_least_one_step, V)
    refused(behind_a_break, V, match=r"`last` gets its value in some steps of the `while` at .*:\d")
