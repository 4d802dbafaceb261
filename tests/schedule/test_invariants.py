"""What a loop with a test keeps in range needs no test: no access leaves its array all the same.

The emitted modules run as plain Python on arrays that refuse an index from the end or behind it, so
a wrong proof is seen.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from bpcompile.passes.pipeline import LOWER
from bpcompile.passes.pipeline import run as run_passes
from bpcompile.transforms.reverse import reverse
from tests.emit.running import emit, load
from tests.tracing import traced


class Strict(np.ndarray):
    """Refuse any index that is not from 0 to below the length."""

    def __getitem__(self, at: Any) -> Any:
        """Return an element."""
        if isinstance(at, (int, np.integer)):
            assert 0 <= at < len(self), f"read at {at} of {len(self)}"
        return super().__getitem__(at)

    def __setitem__(self, at: Any, value: Any) -> None:
        """Write an element."""
        if isinstance(at, (int, np.integer)):
            assert 0 <= at < len(self), f"write at {at} of {len(self)}"
        super().__setitem__(at, value)


def between(a, x):
    low = 0
    high = a.shape[0] - 1
    while high - low > 1:
        middle = (low + high) // 2
        if a[middle] <= x:
            low = middle
        else:
            high = middle
    return a[low] * a[high]


def lower_bound(a, x):
    low = 0
    high = a.shape[0]
    while low < high:
        middle = (low + high) // 2
        if a[middle] < x:
            low = middle + 1
        else:
            high = middle
    return a[max(low - 1, 0)]


def inserted(a, x):
    b = a.copy()
    for i in range(1, b.shape[0]):
        key = b[i]
        j = i - 1
        while j >= 0 and b[j] > key:
            b[j + 1] = b[j]
            j -= 1
        b[j + 1] = key
    return b[0] * b[-1] * x


def two_ends(a, x):
    i = 0
    j = a.shape[0] - 1
    total = 0.0
    while i < j:
        total += a[i] * a[j]
        if a[i] + a[j] < x:
            i += 1
        else:
            j -= 1
    return total


def by_doubling(a, x):
    i = 1
    while i < a.shape[0] and x < 2.0:
        x = x + a[i]
        i = 2 * i
    return x * a[i // 2]


def leaves_on_top(a, x):
    i = 0
    while a[i] < x:
        i += 1
    return a[i]


def leaves_below(a, x):
    i = a.shape[0] - 1
    while a[i] > x:
        i -= 1
    return a[i]


def too_far(a, x):
    i = 0
    while i < a.shape[0]:
        x = x + a[i]
        i += 1 if x < 1.0 else 2
    return x * a[i - 1]


def stands_still(a, x):
    i = 0
    while i < a.shape[0]:
        x = 2.0 * x + 0.1
        if x > 1.0:
            i += 1
    return x * a[i - 1]


def emitted(function, length=5, gradient=False):
    """Return the emitted module of a function of an array and a number."""
    graph = traced(function, np.arange(float(length)), 0.3).graph
    graph = reverse(graph, [0]) if gradient else graph
    return emit(run_passes(graph, LOWER), "numba")


def main(text):
    """Return the part of a module that computes."""
    return text.partition("def _main(")[2].partition("\n\n")[0]


# What is tested in each: nothing, or what the loop does not keep in range.
@pytest.mark.parametrize(
    ("function", "tests", "polls"),
    [
        (between, 0, 0),
        (lower_bound, 0, 0),
        (inserted, 0, 0),
        (two_ends, 0, 0),
        (by_doubling, 1, 0),
        (leaves_on_top, 2, 1),
        (leaves_below, 2, 1),
        (too_far, 1, 0),
        (stands_still, 0, 1),
    ],
)
def test_what_is_tested(function, tests, polls):
    text = main(emitted(function))
    assert (text.count("_at(") + text.count("_below("), text.count("_poll(")) == (tests, polls), (
        text
    )


@pytest.mark.parametrize(
    "function",
    [between, lower_bound, inserted, two_ends, by_doubling, leaves_on_top, leaves_below, too_far],
)
def test_no_access_leaves_its_array(function):
    rng = np.random.default_rng(3)
    for gradient in (False, True):
        module = load(emitted(function, gradient=gradient), "python")
        for length, _ in itertools.product((3, 4, 5, 8), range(6)):
            a, x = np.sort(rng.uniform(-1.0, 1.0, length)), rng.uniform(-2.0, 2.0)
            a = a if length % 2 else rng.permutation(a)
            try:
                want = function(a, x)
            except IndexError:
                with pytest.raises(IndexError):
                    module["model_value"](a.view(Strict), x)
                continue
            found = module["model_value"](a.view(Strict), x)
            assert found[0] if gradient else found == pytest.approx(want)


def test_two_tests_become_one_where_one_index_is_larger():
    def loss(a, heights):
        low = 0
        high = a.shape[0] - 1
        while high - low > 1:
            middle = (low + high) // 2
            if a[middle] <= 0.5:
                low = middle
            else:
                high = middle
        return heights[low] + heights[high]

    graph = traced(loss, np.arange(4.0), np.arange(5.0)).graph
    text = main(emit(run_passes(graph, LOWER), "numba"))
    assert "_below(high, " in text
    assert "heights[low] + heights[high]" in text
    assert text.count("_below(") == 1
