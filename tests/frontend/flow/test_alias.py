"""Arrays that two variables know, or may know, where loops and branches bind them anew."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from tests.frontend.flow.test_more import M, V, agrees, refused


def only_carried_variables_know_it(x, n):
    a = x * 1.0
    b = a
    for i in range(n):
        a[i] += 1.0
        b = b
        a = a
    return a, b


def exchanged_after_a_copy(x, n):
    a = x * 1.0
    b = a.copy()
    for i in range(n):
        a, b = b, a
        a[i] += 1.0
    return a, b


def a_copy_in_a_body_is_its_own(x, n):
    best = x * 1.0
    for i in range(n):
        kept = best.copy()
        best = np.tanh(best)
        best[i] = kept[0]
    return best


def each_name_has_its_own_after_the_arms(x, n):
    u, v = x * 1.0, x * 2.0
    if x[0] > 0:
        u = v.copy()
    for i in range(n):
        v[i] = u[1]
        v = v * 0.5
    return u, v


def inner_loops_bind_it_to_itself(x, n):
    y = x * 1.0
    z = y
    for _ in range(n):
        for j in range(n):
            y = y
            y[j] = y[j] * 2 + z[0]
    return y, z


def a_while_binds_it_to_itself(x, n):
    y = x * 1.0
    z = y[1:]
    for _ in range(n):
        j = n
        while j > 1:
            j -= 1
            y = y
            z[j - 1] = y[j] * 2
    return y, z


@pytest.mark.parametrize(
    "model",
    [
        only_carried_variables_know_it,
        exchanged_after_a_copy,
        a_copy_in_a_body_is_its_own,
        each_name_has_its_own_after_the_arms,
        inner_loops_bind_it_to_itself,
        a_while_binds_it_to_itself,
    ],
)
def test_what_is_one_array_stays_one(model):
    agrees(model, V, 3)


def exchanged(x, n):
    a = x * 1.0
    b = a
    for i in range(n):
        a, b = b, a
        a[i] += 1.0
    return a, b


def exchanged_views(x, n):
    a = x * 1.0
    b = a[1:]
    a = a[:-1]
    for i in range(n):
        a[i] += 1.0
        a, b = b, a
    return a, b


def known_by_an_arm(x, n):
    u, v = x * 1.0, x * 2.0
    if x[0] > 0.25:
        u = v
    count = n
    while count > 0:
        count -= 1
        kept = v
        kept[1] = np.sin(x[0] + v[2])
        v = np.tanh(x).copy()
    return u, v


def overwritten_as_a_whole(x, n):
    u, v = x * 1.0, x * 2.0
    if x[0] > 0.25:
        u = v
    while n > 0:
        n -= 1
        v[:] = x
        v = np.tanh(x).copy()
    return u, v


@pytest.mark.parametrize(
    "model", [exchanged, exchanged_views, known_by_an_arm, overwritten_as_a_whole]
)
def test_what_may_be_one_array_is_not_written_to(model):
    refused(model, V, 3, match=r"may share its memory with .*take a \.copy\(\) before that")


def test_rows_that_a_loop_names_anew_are_refused():
    def rows(m, n):
        row = m[0]
        for i in range(n):
            row[i] = 1.0
            row = m[i % 3]
        return m

    refused(rows, M, 4, match=r"may share its memory")


def test_what_finally_writes_after_a_return_is_refused_or_seen():
    def traced_return(x, n):
        y = x * 1.0
        try:
            while n > 0:
                n -= 1
                return y, n
        finally:
            y[0] = 7.0
        return y, n

    def known_return(x, n):
        y = x * 1.0
        try:
            return y, n
        finally:
            y[0] = 7.0

    refused(traced_return, V, 3, match=r"may share its memory")
    agrees(known_return, V, 3)


def test_operands_that_become_one_value_share_what_arms_make_of_them():
    def operands(x, a):
        u = x * 1.0
        return 0.3 * (np.sin(x[0] + u[0]) if a < 0.3 else 0.5)

    def results(x, a):
        if a < 0.3:
            p, q = np.sin(x[0]), np.sin(x[0])
        else:
            p, q = 0.5, 0.5
        return np.sin(p) * x[1] + np.sin(q) * x[2]

    x = np.array([0.3, 0.2, 0.1])
    options = {"target": "numpy", "cache": False, "verify": True}
    value, x_bar = bp.value_and_grad(operands, **options)(x, 0.2)
    assert value == operands(x, 0.2)
    np.testing.assert_allclose(x_bar, [0.6 * np.cos(0.6), 0.0, 0.0], rtol=1e-14)
    value, x_bar = bp.value_and_grad(results, **options)(x, 0.2)
    inner, s = np.sin(0.3), np.sin(np.sin(0.3))
    np.testing.assert_allclose(x_bar, [0.3 * np.cos(inner) * np.cos(0.3), s, s], rtol=1e-14)


def test_a_body_that_overwrites_an_array_by_one_without_a_name_is_simplified():
    def overwritten(x, n):
        u = x * 1.0
        kept = (0.5, u * 0.5)
        while n > 0 and x[0] < 2.0:
            n -= 1
            u[:] = kept[1]
        return u.sum()

    x = np.array([0.3, 0.2, 0.1])
    for n, slope in ((0, 1.0), (3, 0.5)):
        x_bar = bp.grad(overwritten, target="numpy", cache=False, verify=True)(x, n)
        np.testing.assert_allclose(x_bar, np.full(3, slope))


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_an_array_turned_round_by_each_step(target):
    def turned(x, n):
        u, s = x * 1.0, 0.0
        for i in range(n):
            s += u[0] * i
            u[:] = u[::-1]
        return (u * np.arange(1.0, 5.0)).sum() + s

    x = np.array([0.3, 0.2, 0.5, 0.7])
    fn = bp.value_and_grad(turned, target=target)
    for n, slope in (
        (0, [1.0, 2.0, 3.0, 4.0]),
        (3, [6.0, 3.0, 2.0, 2.0]),
        (4, [3.0, 2.0, 3.0, 8.0]),
    ):
        value, x_bar = fn(x, n)
        np.testing.assert_allclose(value, turned(x, n), rtol=1e-14)
        np.testing.assert_allclose(x_bar, slope, rtol=1e-14)


def keeps_an_element(x, j, n):
    u = x * 1.0
    before, last = 0.4, 0.5
    while n > 0:
        n -= 1
        np.add.at(u, j, 0.7)
        before, last = last, u[0]
    return before + 0.3 * last + u.sum()


def test_a_number_read_from_an_array_is_no_view_of_it():
    x, j = np.array([0.3, -0.4, 0.7]), np.array([2, 1, 0, 1])
    fn = bp.compile(keeps_an_element, target="numpy", cache=False)
    assert np.isclose(fn(x, j, 3), keeps_an_element(x, j, 3), rtol=1e-14)
