"""Locks that a forked child finds free."""

from __future__ import annotations

import gc
import os
import threading

import numpy as np
import pytest
import sympy

import bpcompile as bp
from bpcompile.runtime.locks import ForkLock, _all
from bpcompile.transforms import primitive

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
forks = pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")


def held_elsewhere(lock, during):
    """Run a function while another thread holds a lock."""
    taken, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        return during()
    finally:
        done.set()
        thread.join()


def status_of_child(work):
    """Return the exit status of a forked child that does the work, killed where it hangs."""
    child = os.fork()
    if child == 0:
        import signal

        signal.alarm(60)
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    return status


def test_it_is_a_lock_that_its_owner_may_take_again():
    lock, seen = ForkLock(), []

    def other():
        with lock:
            seen.append(1)

    with lock, lock:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.05)
        assert not seen
    thread.join()
    assert seen


def test_it_is_forgotten_with_its_owner():
    gc.collect()
    before = len(_all)
    lock = ForkLock()
    assert len(_all) == before + 1
    del lock
    gc.collect()
    assert len(_all) == before


@forks
def test_a_child_takes_a_lock_that_a_thread_of_the_parent_held():
    lock = ForkLock()

    def take():
        with lock:
            return True

    assert held_elsewhere(lock, lambda: status_of_child(take)) == 0


@forks
def test_a_child_compiles_what_a_thread_of_the_parent_was_compiling():
    fn = bp.value_and_grad(lambda x: np.sum(x * x), target="numpy")
    fn(np.ones(2))

    def call():
        return fn(3.0) == (9.0, 6.0) and fn(np.ones(3))[0] == 3.0

    (made,) = fn.specializations
    for lock in (fn._lock, made.program.lock):
        assert held_elsewhere(lock, lambda: status_of_child(call)) == 0


@forks
def test_a_child_declares_a_primitive_while_a_thread_of_the_parent_declared_one():
    x = sympy.Symbol("x")

    def declare():
        swish = bp.primitive("swish_of_a_child", x / (1 + sympy.exp(-x)), [x])
        return swish(0.0) == 0.0

    assert held_elsewhere(primitive._lock, lambda: status_of_child(declare)) == 0
