"""Work in the background: its result, its error, and a fork beside it."""

from __future__ import annotations

import multiprocessing
import os
import threading

import pytest

from bpcompile.background import in_background


def test_result_and_error():
    assert in_background(lambda: 6 * 7).result() == 42
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_waits():
    gate, done = threading.Event(), []
    in_background(lambda: (gate.wait(), done.append(True)))
    threading.Timer(0.05, gate.set).start()
    child = multiprocessing.get_context("fork").Process(target=gate.wait)
    child.start()
    assert done
    child.join()
    assert child.exitcode == 0
