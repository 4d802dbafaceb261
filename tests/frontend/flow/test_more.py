"""Programs that were wrong once: aliases, closures and exits where a traced value decides."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import TraceError
from tests.tracing import run, traced

V = np.array([3.0, -1.0, 4.0, -1.5, 5.0, 9.0, -2.0, 6.0, 5.0, 3.5])
M = np.arange(12.0).reshape(3, 4) + 0.5


def flat(value):
    """Return the numbers of nested results."""
    if isinstance(value, (tuple, list)):
        return [number for part in value for number in flat(part)]
    return np.ravel(np.asarray(value, float)).tolist()


def agrees(model, *args):
    """Check a model's graph against the model run by Python on copies; return the graph."""
    found = traced(model, *args)
    copies = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
    want = flat(model(*copies))
    np.testing.assert_allclose(flat(run(found, *args)), want, rtol=1e-13, atol=1e-13)
    return found.graph


def refused(model, *args, match):
    """Check that a trace is refused with the user's file and this message."""
    with pytest.raises(TraceError, match=match) as found:
        traced(model, *args)
    assert model.__code__.co_filename in str(found.value)


# -- arrays that are known by other names, and bound anew in a loop ----------------------------


def iterated_array_is_bound_anew(x):
    s = 0.0
    for v in x:
        s += v
        x = x + 1
    return s, x


def another_name_stays(x):
    y = x
    s = 0.0
    for i in range(len(x)):
        s += y[i]
        x = x + 1
    return s, x, y


def a_list_knows_it(x):
    z = x * 1.0
    known = [z]
    s = 0.0
    for i in range(len(x)):
        s += known[0][i]
        z = z + 1
    return s, z, known[0]


def written_and_bound_anew(x, y):
    for i in range(len(x)):
        x[i] = x[i] * 2
        x = x + 1
        x[0] = 0.0
        if y[i] > 3:
            y = y * 0.5
        y[i] = 1.0
    y[1] = 5
    return x, y


def rotates(x):
    a, b, c = x * 1.0, x * 2, x * 3
    for i in range(10):
        a, b, c = b, c, a
        a[i] = b[i] + c[i]
    return a, b, c


def swaps_in_an_arm(x):
    a, b = x.copy(), np.zeros(len(x))
    if x[0] > 0:
        a, b = b, a
    a[0] = 7.0
    for i in range(len(x)):
        if a[i] > b[i]:
            a, b = b, a
        a[i] += 1
    return a, b


def arguments_change_places(old, new):
    for _ in range(20):
        for i in range(1, len(old) - 1):
            new[i] = 0.5 * old[i - 1] + 0.25 * old[i] + 0.25 * old[i + 1]
        old, new = new, old
    return old


def best_is_copied(x):
    best = x.copy()
    for i in range(len(x)):
        x[i] *= 0.5
        if x.sum() < best.sum():
            best = x.copy()
    best[0] = 1
    return best, x


def in_trees(x):
    state = {"a": x * 1.0, "b": np.zeros(len(x))}
    pair = [x * 1.0, x * 2.0]
    for i in range(len(x)):
        state["b"][i] = state["a"][i] * 2
        state = {"a": state["a"] * 0.9, "b": state["b"]}
        pair = [pair[1], pair[0]]
        pair[0][i] = 5.0
    pair[0][0] = 1.0
    return state["a"], state["b"], pair


def views_of_what_is_written(x):
    y = x * 1.0
    head, tail = y[:3], y[5:]
    for i in range(len(x)):
        head += i
        y[7] += head[0]
    if x[0] > 0:
        y[1] = 99.0
    else:
        head[2] = 77.0
    return y, head, tail


def iterated_array_is_written(x):
    s = 0.0
    for i, v in enumerate(x[1:]):
        s += v
        x[-1] += 1.0
        x[i + 1] += v
    return s, x


@pytest.mark.parametrize(
    "model",
    [
        iterated_array_is_bound_anew, another_name_stays, a_list_knows_it, rotates, swaps_in_an_arm,
        best_is_copied, in_trees, views_of_what_is_written, iterated_array_is_written,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_names_of_arrays(model):
    agrees(model, V)


@pytest.mark.parametrize("model", [written_and_bound_anew, arguments_change_places])
def test_arguments_that_are_written_and_bound_anew(model):
    agrees(model, V, V[::-1].copy())


def test_rows_are_views():
    def model(m):
        last = m[0]
        for row in m:
            row *= 2
        for k in range(len(m)):
            last = m[k]
            last[1] = 100.0 + k
        last = last + 0.0
        for i in range(len(m) - 1):
            m[i], m[i + 1] = m[i + 1], m[i]
        return m, last

    agrees(model, M)


def test_slices_from_run_time_starts_are_axes_of_their_own():
    def model(m, k):
        total = 0.0
        for i in range(len(m) - 1):
            for j in range(len(m) - 1):
                block = m[i : i + 2, j : j + 2]
                total = total + block[0, 1] * 2 + block[1, 0] * 3
                block[0, 1] += 0.1
        m[k, k + 1 : k + 3] = np.array([1.0, 2.0])
        m[[0, 1], k : k + 2] = 3.5
        a = m.reshape(2, 2, 3) * 1.0
        return total, m, a[k, :, k : k + 2], a[[0, 1], k : k + 1, k], a[k : k + 1, None, [0, 1]]

    agrees(model, M, 1)


# -- arrays that control flow decides upon, and that are written to ------------------------------


def alias_of_one_arm(x):
    a, b = x * 1.0, np.zeros(len(x))
    if x[0] > 0:
        b = a
    a[0] = 5.0
    return a, b


def view_of_one_arm(x):
    a, b = x * 1.0, np.zeros(3)
    if x[0] > 0:
        b = a[:3]
    a[0] = 5.0
    return a, b


def bound_anew_in_one_arm(x):
    a = x * 1.0
    known = [a]
    if x[0] < 0:
        a = a + 1
    a[0] = 99.0
    return a, known[0]


def bound_anew_in_a_helper(x):
    def change(a):
        if x[0] < 0:
            a = a + 1
        a[0] = 99.0

    a = x * 1.0
    change(a)
    return a


def alias_of_a_loop(x):
    a, b = x * 1.0, np.zeros(len(x))
    for i in range(len(x)):
        a[i] = 5.0
        b = a
    a[0] = 6.0
    return a, b


def written_in_a_loop_of_a_helper(x):
    def change(y):
        for i in range(len(y)):
            y[i] = y[i] * 2
            y = y + 1
        return y

    z = x * 1.0
    return change(z), z


@pytest.mark.parametrize(
    "model",
    [
        alias_of_one_arm, view_of_one_arm, bound_anew_in_one_arm, bound_anew_in_a_helper,
        alias_of_a_loop, written_in_a_loop_of_a_helper,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_writes_to_what_may_be_another_array_are_refused(model):
    refused(model, V, match=r"may share its memory with .* since the `(if|for)` at .*\.copy\(\)")


def test_what_nobody_reads_any_more_is_no_other_name():
    def model(x):
        a, b = x * 1.0, np.zeros(len(x))
        if x[0] > 0:
            b = a
        total = b.sum()
        b = total
        a[0] = 5.0
        return a, b

    agrees(model, V)


# -- variables of other functions ----------------------------------------------------------------


def test_a_variable_of_another_function_is_refused_where_nothing_carries_it():
    def in_a_third(x):
        count = 0

        def add():
            nonlocal count
            count += 1

        def every():
            for v in x:
                if v > 0:
                    add()

        every()
        return count

    def bumps(x, use):
        count = 0

        def bump():
            nonlocal count
            count = count + 1
            return x[0] > 0

        return use(x, bump), count

    def operand(x):
        return bumps(x, lambda x, bump: x[1] > 0 and bump())

    def chosen(x):
        return bumps(x, lambda x, bump: bump() if x[0] > 0 else x[1] > 0)

    for model in (in_a_third, operand, chosen):
        refused(model, V, match=r"`count` of another function is bound at .*bind it at the call")

    def test_of_a_while(x):
        count, s = 0, 0.0

        def next_count():
            nonlocal count
            count = count + 1
            return count

        while next_count() < x[0]:
            s += 1.0
        return s, count

    refused(test_of_a_while, V, match=r"`count` of another function is bound")


def test_variables_of_other_functions_that_loops_carry():
    def model(x):
        count, last = 0, 0.0

        def add(v):
            nonlocal count, last
            if v > 0:
                count += 1
                last = v

        for v in x:
            add(v)

        def every():
            nonlocal last
            for v in x:
                last = last * 0.5 + v

        every()
        return count, last

    agrees(model, V)

    def made_inside(x):
        total = 0.0
        for v in x:
            n = 0

            def add(v=v):
                nonlocal n
                n += 1
                return v * n

            total += add() + add()
        return total

    agrees(made_inside, V)


def test_a_condition_that_writes_is_refused():
    def model(x):
        c = np.zeros(2)

        def bump():
            c[0] += 1
            return c[0]

        s = 0.0
        while bump() < x[0]:
            s += 1.0
        return s

    refused(model, V, match=r"the condition of the `while` at .* writes to an array.*while True")


# -- exits, conditions and `del` -----------------------------------------------------------------


def deletes(x):
    y = x[0]
    for v in x:
        t = v * 2
        y = y + t
        del t
    if y > 0:
        z = y * 2
        del z
    return y


def returns_from_forever(x):
    y, i = x[0], 0
    while True:
        y = y * 0.5
        i += 1
        for v in x:
            if v > y + i:
                return y, i
            if v < 0:
                break


def always_returns_behind_a_loop(x):
    for i in range(len(x)):
        for j in range(i):
            if x[j] > x[i] + 5:
                break
        else:
            if i > 3:
                continue
        if x[i] < 0:
            return x[i], i
    else:
        return 5.0, -1
    return 6.0, -2


def ends_in_what_never_runs(x):
    if x[0] > 0:
        return x[0]
    else:
        return x[1]
    y = 3.0
    return y + 1


def walrus_with_else(x):
    y, g, i = x[0], 3.0, 0
    for i in range(len(x)):
        while (g := y - 1.0) > 0.1:
            y = 1 + g / 2
            if y > 1.4:
                continue
            if y < 1.2:
                break
        else:
            y = y + g
            if i > 3:
                break
            continue
        y += 1
    return y, g, i


def values_of_and_and_or(x):
    s = 0.0
    for v in x:
        s += (v - 3.0) or 7.0
        s += (v - 3.0) and 11.0
        s += v > 4 and v
    a = x[0] < 0 or x[1] or x[2]
    b = x[0] > 0 and x[1] and x[2]
    return s, a, b, not (x[0] and x[1] < 0)


@pytest.mark.parametrize(
    "model",
    [
        deletes, returns_from_forever, always_returns_behind_a_loop, ends_in_what_never_runs,
        walrus_with_else, values_of_and_and_or,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_statements(model):
    agrees(model, V)


def test_what_del_changes_is_refused():
    def model(x):
        kept = {"a": x[0]}
        if x[0] > 0:
            del kept["a"]
        return x[0]

    refused(model, V, match=r"`kept` \(dict\) is changed at")


# -- what is read after the loop that gives it its value ---------------------------------------


def read_after_known_steps(x):
    t = 0.0
    for i in range(15):
        z = x[0] * i
        t += z
    return t + i + z


def read_after_an_array(x):
    for i, v in enumerate(x):
        pair = (v * 2, i)
        row = x[i:]
    return pair, i, v, len(row)


def read_after_inner_loops(x):
    total = 0.0
    for _ in range(12):
        for k in range(len(x)):
            last = x[k] + total
        total = 0.5 * last
    return total, last, k


def read_after_a_break(x):
    for i in range(20):
        z = x[0] * i
        if z > 7:
            break
    return z, i


@pytest.mark.parametrize(
    "model", [read_after_known_steps, read_after_an_array, read_after_inner_loops]
)
def test_a_variable_may_be_read_after_the_loop_that_binds_it(model):
    agrees(model, V)


def test_a_variable_is_read_after_a_break():
    agrees(read_after_a_break, V)
    agrees(read_after_a_break, -V)


def test_a_variable_that_no_step_may_bind_is_refused():
    def bound_in_an_arm(x):
        for v in x:
            if v > 0:
                z = v
        return z

    def of_a_traced_count(x, n):
        for i in range(n):
            z = x[i]
        return z

    refused(bound_in_an_arm, V, match=r"`z` gets its value inside the `for` at .* only")
    refused(of_a_traced_count, V, 3, match=r"`z` gets its value inside the `for` at .* only")


def test_a_variable_that_the_first_step_binds_in_an_arm_unrolls_the_loop():
    def bound_in_the_first_step(x):
        for i in range(12):
            if i > 0:
                z = z + x[0]  # noqa: F821  (the first step has bound it)
            else:
                z = x[1]
        return z

    agrees(bound_in_the_first_step, V)
