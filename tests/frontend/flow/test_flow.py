"""Native control flow: what Python computes, the traced graph computes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from bpcompile.errors import LimitError, TraceError, TypeMismatchError
from tests.tracing import run, traced

V = np.array([3.0, -1.0, 4.0, -1.5, 5.0, 9.0, -2.0, 6.0, 5.0, 3.5])
M = np.random.default_rng(0).normal(size=(9, 9)) + 6.0 * np.eye(9)


def copied(value):
    """Return a value that a model may write to."""
    return np.array(value) if isinstance(value, np.ndarray) else value


def flat(value):
    """Return the numbers of nested results."""
    if isinstance(value, (tuple, list)):
        return [number for part in value for number in flat(part)]
    return np.ravel(np.asarray(value, float)).tolist()


def agrees(model, *args):
    """Check a model's graph against the model run by Python; return the graph."""
    found = traced(model, *args)
    want = flat(model(*map(copied, args)))
    np.testing.assert_allclose(flat(run(found, *args)), want, rtol=1e-13, atol=1e-13)
    return found.graph


def ops(graph):
    """Return the names of the ops of a graph's outermost nodes."""
    return [node.op.name for node in graph.nodes]


# -- branches ----------------------------------------------------------------------------------


def absolute(x):
    if x < 0:
        x = -x
    return x


def sign(x):
    if x < 0:
        return -1.0
    elif x > 0:
        return 1.0
    return 0.0


def guards(x):
    if x > 10:
        return x
    if x > 5:
        x = x * 2
        if x > 15:
            return x + 1
        x = x - 3
    if x < -5:
        y = x * x
    else:
        y = x + 1
    return y * 2


def chosen(x):
    y = x * 2 if x > 1 else -x
    return y if (x < 3 and y > 1) or not x > -2 else y + (1 if 0 < x < 2 else 5)


def tuples(x):
    if x > 0:
        a, b = x, 2.0
    else:
        b, a = -x, 3.0
    return a, b


def nothing(x):
    y = x
    if x > 0:
        pass
    else:
        y += 1
    return y


def known(x):
    flags = {"deep": True}
    if flags["deep"] and x is not None:
        x = x * 2
    else:
        x = "never"
    for name in ("a", "b"):
        if name == "b":
            continue
        x = x + 1
    return x


def writes_in_arms(x):
    y = np.zeros(3)
    if x > 0:
        y[0] = x
    else:
        y[1] = -x
        y = y + 1
    y[2] = 7.0
    return y


def truths(x):
    n = 0
    if x:
        n = 1
    return n


@pytest.mark.parametrize("x", [-7.0, -2.0, -1.0, 0.0, 0.5, 1.5, 2.5, 6.0, 9.0, 12.0])
@pytest.mark.parametrize(
    "model",
    [absolute, sign, guards, chosen, tuples, nothing, known, writes_in_arms, truths],
    ids=lambda f: f.__name__,
)
def test_branches(model, x):
    agrees(model, x)


def test_an_arm_that_is_not_taken_is_not_evaluated():
    def model(x):
        if x > 0:
            return math.log(x)
        return 0.0

    graph = agrees(model, 2.0)
    assert "log" not in ops(graph)

    def guarded(x, i):
        if i < len(x) and x[i] > 0:
            return x[i]
        return 0.0

    agrees(guarded, V, 2)
    agrees(guarded, V, 99)


# -- loops -------------------------------------------------------------------------------------


def total(x):
    s = 0
    for i in range(len(x)):
        s += x[i]
    return s


def rows(m):
    s = 0.0
    for k, row in enumerate(m):
        for value in row:
            s = s + value * (k + 1)
    return s


def pairs(x, y):
    s = 0.0
    for a, b in zip(x, y, strict=True):
        s += a * b
    return s


def backwards(x):
    s = 0.0
    for value in reversed(x):
        s = s * 0.5 + value
    for i in range(len(x) - 1, -1, -1):
        s = s * 0.5 + x[i]
    for i in reversed(range(1, len(x))):
        s = s * 0.5 + x[i]
    return s


def steps(x):
    s = 0.0
    for i in range(1, len(x), 3):
        s += x[i] * i
    return s


def skips(x):
    s, count = 0.0, 0
    for value in x:
        if value < 0:
            continue
        count += 1
        if value > 5:
            s += 1
            continue
        s += value
    return s, count


def finds(x):
    for i in range(len(x)):
        if x[i] > 4.5:
            return i, x[i]
    return -1, 0.0


def searches(x):
    found = -1
    for i in range(len(x)):
        if x[i] > 100:
            found = i
            break
    else:
        found = 99
    return found


def nested_exits(m):
    s = 0.0
    for i in range(len(m)):
        for j in range(len(m)):
            if m[i, j] > 6.5:
                break
            if m[i, j] < -1.5:
                return s
            if m[i, j] < 0:
                continue
            s += m[i, j]
        if s > 1e6:
            return -1.0
    return s


def newton(x):
    y = x[0]
    while abs(y * y - x[0]) > 1e-12:
        y = 0.5 * (y + x[0] / y)
    return y


def known_start(x):
    error, y, n = 1.0, x[0], 0
    while error > 1e-9:
        new = 0.5 * (y + x[0] / y)
        error = abs(new - y)
        y = new
        n += 1
    return y, n


def forever(x):
    y, n = x[0], 0
    while True:
        y = y * 0.5
        n += 1
        if y < 0.01:
            break
        if n > 100:
            return -1.0
    return y + n


def walrus(x):
    y = x[0]
    while (gap := y - 1.0) > 0.1:
        y = 1.0 + gap / 2
    return y


def bisects(x):
    lo, hi = 0, len(x) - 1
    while lo < hi:
        mid = (lo + hi) // 2
        if x[mid] < 3.2:
            lo = mid + 1
        else:
            hi = mid
    return lo


def bubble(x):
    n = len(x)
    for i in range(n):
        for j in range(n - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
    return x[n // 2]


def insertion(x):
    for i in range(1, len(x)):
        key = x[i]
        j = i - 1
        while j >= 0 and x[j] > key:
            x[j + 1] = x[j]
            j -= 1
        x[j + 1] = key
    return x


def ping_pong(x):
    old, new = x.copy(), np.zeros(len(x))
    for _ in range(20):
        for i in range(1, len(x) - 1):
            new[i] = 0.25 * old[i - 1] + 0.5 * old[i] + 0.25 * old[i + 1]
        old, new = new, old
    return old


def in_place(x):
    y = x * 1.0
    z = y
    for i in range(len(x)):
        y += i
        y[i] *= 2
    return y, z


def carried_tree(x):
    state = {"sum": 0.0, "last": (x[0], np.zeros(2))}
    for value in x:
        last, pair = state["last"]
        state = {"sum": state["sum"] + value * last, "last": (value, pair + value)}
    return state["sum"], state["last"][1]


@dataclass
class Point:
    x: float
    y: float


def dataclasses(x):
    p = Point(0.0, 1.0)
    for value in x:
        p = Point(p.x + value, p.y * 0.9)
    return p.x, p.y


def rolled_known(x):
    y = x[0]
    for _ in range(50):
        y = 0.5 * (y + x[0] / y)
    return y


LAYERS = [np.full((3, 3), 0.1 * k) for k in range(12)]


def unrolled_known(x):
    h = x[:3]
    for k in range(12):
        h = np.tanh(LAYERS[k] @ h)
    return h


def helper(x, i):
    if x[i] < 0:
        return -x[i]
    return x[i]


def helped(x):
    s = 0.0
    for i in range(len(x)):
        s += helper(x, i)
    return s


def closures(x):
    s = np.zeros(2)

    def add(value):
        s[0] += value
        if value > 0:
            s[1] += 1

    for value in x:
        add(value)
    return s


def no_steps(x):
    s = x[0]
    for i in range(3, 3 + len(x) - 10):
        s += i
    return s


def lu(a):
    n = len(a)
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    return a


VECTORS = [
    total, backwards, steps, skips, finds, searches, newton, known_start, forever, walrus, bisects,
    bubble, insertion, ping_pong, in_place, carried_tree, dataclasses, rolled_known, unrolled_known,
    helped, closures, no_steps,
]  # fmt: skip


@pytest.mark.parametrize("model", VECTORS, ids=lambda f: f.__name__)
def test_loops_over_vectors(model):
    agrees(model, V)


@pytest.mark.parametrize("model", [rows, nested_exits, lu], ids=lambda f: f.__name__)
def test_loops_over_matrices(model):
    agrees(model, M)


def test_loops_over_two():
    agrees(pairs, V, V[::-1].copy())


def test_loops_over_run_time_ints():
    def power(x, n):
        y = 1.0
        for _ in range(n):
            y = y * x
        return y

    agrees(power, 1.5, 7)
    agrees(power, 1.5, 0)


def test_what_is_rolled():
    def loops(model, *args):
        return ops(traced(model, *args).graph).count("loop")

    assert loops(rolled_known, V) == 1
    assert loops(unrolled_known, V) == 0
    assert loops(total, V) == 1

    def short(x):
        s = 0.0
        for i in range(8):
            s += x[i]
        return s

    assert loops(short, V) == 0
    assert ops(traced(short, V, unroll=3).graph).count("loop") == 1


def test_an_element_written_in_a_loop_is_one_update():
    graph = traced(lu, M).graph
    (node,) = [node for node in graph.nodes if node.op.name == "loop"]
    assert node.attrs["carried"] == 1


# -- what is refused ---------------------------------------------------------------------------


def fails(model, *args, match, error=TraceError):
    """Check that a trace is refused with the user's file and this message."""
    with pytest.raises(error, match=match) as found:
        traced(model, *args)
    assert __file__ in str(found.value)


def test_a_variable_bound_in_one_arm_only():
    def model(x):
        if x > 0:
            y = x
        return y

    fails(model, 1.0, match=r"`y` gets its value in one arm of the `if` at .*give it one in both")

    def unread(x):
        if x > 0:
            y = x
            x = y + 1
        return x

    agrees(unread, 1.0)


def test_a_variable_bound_in_a_loop_only():
    def model(x, n):
        for i in range(n):
            last = x[i]
        return last

    fails(model, V, 3, match=r"`last` gets its value inside the `for` at .*give it a value before")


def test_a_carried_value_that_changes_shape():
    def model(x):
        s = 0.0
        for _ in x:
            s = s + x
        return s

    fails(
        model,
        V,
        match=r"`s` is f64\[\] before the `for` at .* and f64\[n\] after one step",
        error=TypeMismatchError,
    )


def test_results_of_different_structures():
    def model(x):
        if x > 0:
            return x, x
        return x

    fails(model, 1.0, match=r"what the function returns is nested as", error=TypeMismatchError)

    def none(x):
        if x > 0:
            return x
        return None

    fails(none, 1.0, match=r"what the function returns", error=TypeMismatchError)


def test_values_that_are_no_numbers():
    def model(x):
        mode = "a"
        for value in x:
            if value > 0:
                mode = "b"
        return 1.0 if mode == "a" else x[0]

    fails(model, V, match=r"`mode`")


def test_an_array_as_a_condition():
    def model(x):
        if x > 0:
            x = x + 1
        return x

    fails(model, V, match=r"an array, is not one value .*\.any\(\)")


def test_changes_of_objects_from_outside():
    def appends(x, n):
        found = []
        for i in range(n):
            found.append(x[i])
        return found[0]

    fails(appends, V, 3, match=r"`found` \(list\) is changed by \.append\(\) at .*traced once")

    def counts(x, n):
        count = [0]
        for _ in range(n):
            count[0] += 1
        return count[0] * x[0]

    fails(counts, V, 3, match=r"`count` \(list\) is changed at")

    def in_arm(x):
        seen = {}
        if x[0] > 0:
            seen["first"] = x[0]
        return x[1]

    fails(in_arm, V, match=r"`seen` \(dict\) is changed at")

    def attribute(x):
        point = Point(0.0, 0.0)
        if x[0] > 0:
            point.x = x[0]
        return point.x

    fails(attribute, V, match=r"`point` \(Point\) is changed at")

    def own(x, n):
        total = 0.0
        for i in range(n):
            parts = []
            for k in range(3):
                parts.append(x[i] * k)
            total += sum(parts)
        return total

    agrees(own, V, 3)


def test_changes_of_global_variables():
    def model(x):
        global CHANGED
        CHANGED = 0.0
        if x > 0:
            CHANGED = 1.0
        return x

    fails(model, 1.0, match=r"the global variable `CHANGED` is bound at")


CHANGED = 0.0


def factorial(x):
    if x <= 1:
        return 1.0
    return x * factorial(x - 1)


def power(x, n=4):
    if n == 0:
        return 1.0
    return x * power(x, n - 1)


def test_recursion():
    agrees(lambda x: power(x), 1.5)
    fails(factorial, 5.0, match=r"nested more than .* deep.*write a loop", error=LimitError)


def test_exceptions_and_contexts():
    def model(x):
        total = 0.0
        for value in x:
            try:
                if value < 0:
                    continue
                total += value
            finally:
                total += 0.5
            with np.errstate(all="ignore"):
                if value > 8:
                    break
        else:
            total = -1.0
        return total

    agrees(model, V)
    agrees(model, np.abs(V) / 2)

    def caught(x):
        try:
            if x > 0:
                raise ValueError
        except ValueError:
            return 0.0
        return x

    fails(caught, 1.0, match=r"exception")


def test_any_and_all():
    def model(x):
        if any(v > 8 for v in x) and not all(v > 0 for v in x):
            return x[0]
        return x[1]

    agrees(model, V)
    agrees(model, np.abs(V))


def test_rows_that_change_places_stay_rolled():
    def model(m):
        before, row = np.zeros(len(m)), np.zeros(len(m))
        for i in range(len(m)):
            for j in range(1, len(m)):
                row[j] = 0.5 * row[j - 1] + before[j] + m[i, j]
            before, row = row, before
        return before, row

    assert ops(agrees(model, M)).count("loop") == 1
    big = np.add.outer(np.arange(40.0), np.arange(40.0))
    assert ops(agrees(model, big)).count("loop") == 1


def test_a_long_loop_is_not_unrolled_for_a_list():
    def model(x):
        found = []
        for value in x:
            found.append(value * 2)
        return sum(found)

    agrees(model, V)
    fails(model, np.arange(40.0), match=r"`found` \(list\) is changed by \.append\(\)")


def test_rows_of_a_rolled_loop_are_views():
    def rows_in_place(m):
        a = m * 1.0
        for row in a:
            row *= 1.5
            row[0] = 7.0
        for k, row in enumerate(a):
            row[1:3] += k
        for i in range(len(a)):
            row = a[i]
            part = row[2:]
            part[0] = a[i, 0]
            row[1] -= 1.0
        return a

    agrees(rows_in_place, M)

    def kept(m):
        a = m * 1.0
        last = a[0]
        for i in range(len(a)):
            row = a[i]
            row[0] = 1.0
            last = row + 0.0
        a[:] = a + 1.0
        return a, last

    agrees(kept, M)


def test_deleted_variables():
    def model(x):
        total = 0.0
        for value in x:
            part = value * 2
            total += part
            del part
        return total

    agrees(model, V)

    def gone(x):
        y = x * 2
        del y
        if x > 0:
            return y  # noqa: F821 - that it has no value is under test
        return x

    fails(gone, 1.0, match="before it is given a value")


def test_a_traced_value_in_a_global_variable():
    def model(x):
        global CHANGED
        CHANGED = x * 2
        return x

    fails(model, 1.0, match=r"the global variable `CHANGED` is bound to a traced value")
