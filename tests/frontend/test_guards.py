"""A graph traced at one length serves any other length rightly, or refuses it by a guard."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bpcompile.errors import ShapeError
from tests.tracing import run, traced

BOUND = st.none() | st.integers(-6, 6)
STEP = st.none() | st.sampled_from([1, 2, 3, -1, -2])
LENGTH = st.integers(2, 9)


def serves_or_refuses(model, example, others):
    """Check a model at other arguments; return how many were served."""
    try:
        model(*example)
    except (IndexError, ValueError):
        return 0
    found = traced(model, *example)
    served = 0
    for args in others:
        try:
            got = run(found, *args)
        except ShapeError:
            continue  # a guard, or a length that is another's
        want = model(*args)
        for one, two in zip(got, want, strict=True):
            assert np.shape(one) == np.shape(two)
            np.testing.assert_allclose(one, two, rtol=1e-14)
        served += 1
    return served


@settings(max_examples=150)
@given(
    slices=st.lists(st.builds(slice, BOUND, BOUND, STEP), min_size=1, max_size=3),
    example=LENGTH,
)
def test_slices(slices, example):
    def model(x):
        return tuple(x[s] for s in slices)

    others = [(np.arange(float(n)),) for n in range(11)]
    assert serves_or_refuses(model, (np.arange(float(example)),), others) >= 1


@settings(max_examples=60)
@given(places=st.lists(st.integers(-6, 6), min_size=1, max_size=3), example=LENGTH)
def test_places(places, example):
    def model(x):
        return tuple(x[k] for k in places)

    others = [(np.arange(float(n)),) for n in range(1, 11)]
    serves_or_refuses(model, (np.arange(float(example)),), others)


@settings(max_examples=60)
@given(n=LENGTH, m=LENGTH, a=st.integers(-2, 3), b=st.integers(1, 4), c=st.integers(1, 3))
def test_arithmetic_and_comparisons(n, m, a, b, c):
    def model(x, y):
        n, m = len(x), len(y)
        size = b * n + m // c
        if n + a > m:
            size += 2
        if n == m or size % 2 == 0:
            return x.sum() * np.ones(size), np.arange(size)
        return y.sum() * np.ones(size + n * m), np.arange(n, n + m)

    others = [(np.arange(float(i)), np.arange(float(j))) for i in (1, 2, 5, n) for j in (3, 4, m)]
    assert serves_or_refuses(model, (np.arange(float(n)), np.arange(float(m))), others) >= 1


@settings(max_examples=60)
@given(k=st.integers(0, 6), n=st.integers(3, 8))
def test_run_time_ints(k, n):
    def model(x, k):
        return x[:k], x[k:], np.arange(k) * 2, np.zeros(k + len(x)), x[-1 - k // 4 :]

    others = [(np.arange(float(i)), j) for i in (3, 5, n) for j in (0, 2, 4, k)]
    assert serves_or_refuses(model, (np.arange(float(n)), k), others) >= 1


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)),
    new=st.sampled_from(["merge", "split", "open", "swap"]),
)
def test_reshapes(shape, new):
    def model(x):
        a, b, c = x.shape
        y = {
            "merge": lambda: x.reshape(a * b, c),
            "split": lambda: x.reshape(a, -1),
            "open": lambda: x.reshape(-1, 2),
            "swap": lambda: x.T.reshape(c, b * a) + x.reshape(-1, c).T,
        }[new]()
        return y, x + np.ones(c), np.squeeze(x)

    def data(shape):
        return (np.arange(float(np.prod(shape))).reshape(shape),)

    others = [data(s) for s in ((2, 3, 2), (1, 2, 1), (4, 1, 3), shape)]
    serves_or_refuses(model, data(shape), others)
