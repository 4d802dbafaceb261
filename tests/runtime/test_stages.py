"""Calls that threads share: the bits, the errors and the buffers are those of one thread."""

from __future__ import annotations

import multiprocessing
import pickle
import threading

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.runtime import threads

N = 120_000  # a few parts


def model(x, rows):
    e = np.exp(-x * x) * x[rows]
    return np.sum(e)


def value(x, rows):
    return model(x, rows)


x = np.random.default_rng(1).normal(size=N)
rows = np.arange(N)[::-1].copy()
single = bp.compile(value, deterministic=True)
shared = bp.compile(value, deterministic=True, threads=4)


@pytest.fixture(autouse=True)
def four_processors(monkeypatch):
    """Let helpers start whatever the machine has."""
    monkeypatch.setattr(threads, "processors", lambda: 4)


@pytest.fixture(scope="module")
def expected():
    """Return the result of one thread."""
    return single(x, rows)


def test_bits_are_those_of_one_thread(expected):
    np.testing.assert_allclose(expected, model(x, rows), rtol=1e-12)
    assert shared(x, rows) == expected
    assert bp.compile(value, threads=2)(x, rows) == expected
    assert shared.bind(x, rows)(x, rows) == expected
    assert pickle.loads(pickle.dumps(shared))(x, rows) == expected
    assert shared.njit(x, rows) == expected


def test_short_calls_and_empty_ones():
    assert shared(x[:100], rows[-100:]) == single(x[:100], rows[-100:])
    assert shared(x[:0], rows[:0]) == 0.0


def test_16_threads_at_once(expected):
    found = []

    def call():
        found.extend(shared(x, rows) for _ in range(5))

    callers = [threading.Thread(target=call) for _ in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [expected] * 80


def test_index_out_of_range_is_that_of_the_first_step():
    wrong = rows.copy()
    wrong[[40_000, 100_000]] = [N + 1, N + 2]
    for call in (single, shared):
        with pytest.raises(IndexError, match=f"index {N + 1} is out of range"):
            call(x, wrong)


def _send(call, queue):
    queue.put(call(x, rows))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child takes nothing of them
def test_forked_child_shares_calls_too(expected):
    assert shared(x, rows) == expected
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_send, args=(shared, queue))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join()


@pytest.mark.nightly
def test_saved_module_gives_the_same_bits(expected, tmp_path):
    shared.save(tmp_path / "saved.py")
    names = {}
    exec(compile((tmp_path / "saved.py").read_text(), "saved", "exec"), names)
    assert names["value_compile"](x, rows) == expected


def test_numpy_target_computes_in_the_calling_thread():
    call = bp.compile(value, target="numpy", threads=4, deterministic=True)
    assert call(x, rows) == bp.compile(value, target="numpy")(x, rows)


def test_fill_of_gradients_in_given_arrays():
    gradient = bp.grad(lambda a: np.sum(a * a * a), threads=4, deterministic=True)
    a = np.random.default_rng(2).normal(size=2**19)
    out = np.empty_like(a)
    assert gradient(a, out=out) is out
    np.testing.assert_allclose(out, 3 * a * a)
    np.testing.assert_array_equal(gradient.bind(a)(a), out)
