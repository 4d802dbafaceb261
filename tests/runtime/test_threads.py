"""Parts in threads: each is computed once, whoever calls, forks or fails meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from bpcompile.runtime import threads
from bpcompile.runtime.threads import run_parts


@pytest.fixture(autouse=True)
def four_processors(monkeypatch):
    """Let helpers start whatever the machine has."""
    monkeypatch.setattr(threads, "processors", lambda: 4)


class Parts:
    """Note who computes which parts."""

    def __init__(self):
        self.found = []
        self.by = set()

    def __call__(self, first, last):
        time.sleep(0.001)
        self.by.add(threading.current_thread())
        self.found.extend(range(first, last))


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_each_part_is_computed_once(count):
    parts = Parts()
    run_parts(parts, count, threads=3)
    assert sorted(parts.found) == list(range(count))


def test_no_more_threads_than_asked_for_and_none_for_one():
    parts = Parts()
    run_parts(parts, 64, threads=2)
    assert len(parts.by) == 2
    alone = Parts()
    run_parts(alone, 64, threads=1)
    assert alone.by == {threading.current_thread()}


def test_helpers_are_fewer_than_the_processors_whoever_calls():
    barrier, computed = threading.Barrier(8), [Parts() for _ in range(8)]

    def call(parts):
        barrier.wait()
        for _ in range(5):
            run_parts(parts, 16, threads=64)

    callers = [threading.Thread(target=call, args=(parts,)) for parts in computed]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for parts in computed:
        assert sorted(parts.found) == sorted([*range(16)] * 5)
    helpers = set().union(*(parts.by for parts in computed)).difference(callers)
    assert len(helpers) <= 3


def test_error_comes_out_when_nothing_is_computed_any_more():
    running = []

    def fail(first, last):
        running.append(first)
        time.sleep(0.002)
        running.remove(first)
        if first <= 30 < last:
            raise ZeroDivisionError("part 30")

    with pytest.raises(ZeroDivisionError, match="part 30"):
        run_parts(fail, 64, threads=4)
    assert running == []
    parts = Parts()
    run_parts(parts, 8, threads=4)
    assert sorted(parts.found) == list(range(8))


def test_interrupt_waits_for_the_helpers():
    running = []

    def slow(first, _):
        running.append(first)
        try:
            time.sleep(0.05)
        finally:
            running.remove(first)

    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_parts(slow, 64, threads=4)
    timer.join()
    assert running == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child takes nothing of them
def test_forked_child_has_helpers_of_its_own():
    run_parts(Parts(), 16, threads=4)
    child = os.fork()
    if child == 0:
        parts = Parts()
        run_parts(parts, 64, threads=4)
        done = sorted(parts.found) == list(range(64)) and len(parts.by) > 1
        os._exit(0 if done else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_without_new_threads_the_caller_does_it_all(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "_team", threads._Team())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    parts = Parts()
    run_parts(parts, 64, threads=4)
    assert parts.by == {threading.current_thread()}
    assert sorted(parts.found) == list(range(64))
