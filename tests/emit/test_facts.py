"""What a module's docstring says of the work of a call."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bpcompile as bp


def sentence(function, *example, target="numba"):
    """Return what a module says of its work, in one line."""
    source = bp.value_and_grad(function, target=target, cache=False).compile(*example).source
    found = re.search(r"A call takes about ([^.]*)\.", source)
    return None if found is None else " ".join(found[1].split())


def squares(x):
    return np.sum(x * x)


def halved(x):
    while x > 1.0:
        x = x * 0.5
    return x


@pytest.mark.parametrize("target", ["numba", "numpy"])
def test_operations_in_the_emitted_names_of_the_lengths(target):
    assert re.match(r"\d n operations", sentence(squares, np.ones(3), target=target))


def test_bytes_of_arrays_and_workspace():
    def scaled(x):
        return np.sum(np.sort(x) * x)

    assert "16 n bytes read and written" in sentence(squares, np.ones(3))
    assert "workspace" in sentence(scaled, np.ones(3))


def test_figures_of_cost_are_the_same():
    fn = bp.value_and_grad(squares, target="numpy").compile(np.ones(1000))
    assert fn.cost(np.ones(1000)).total.operations.formula == "3*n"
    assert sentence(squares, np.ones(3)).startswith("3 n operations")


def test_turns_that_only_a_run_tells():
    assert "turns" in sentence(halved, 9.0)
    assert sentence(halved, 9.0, target="numpy") is None
