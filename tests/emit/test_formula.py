"""Test that the mathematics beside the code reads as the user would write it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bpcompile as bp

X = np.arange(12.0).reshape(3, 4)


def comments(f, *args):
    """Return the docstring's formulas and the comments of the module that computes a gradient."""
    call = bp.grad(f, target="numpy", cache=False)
    call(*args)
    first, *rest = call.source.split('"""')
    assert not first
    return rest[0] + "\n".join(re.findall(r"# (.*)", call.source))


def test_an_element_of_each_row():
    def picked(z, labels):
        chosen = np.take_along_axis(z, labels[:, None], axis=1)
        return np.sum(chosen * chosen)

    text = comments(picked, X, np.array([0, 3, 1]))
    assert "chosen = z[arange(n), labels]\n" in text
    assert "z̄ = chosen_bar at [arange(n), labels], from chosen = z[arange(n), labels]" in text

    def by_arange(z, labels):
        chosen = z[np.arange(len(z)), labels]
        return np.sum(chosen * chosen)

    text = comments(by_arange, X, np.array([0, 3, 1]))
    assert "chosen = z[arange(n), labels]\n" in text


@pytest.mark.parametrize(
    ("places", "shown"), [([2, 0], "[2, 0]"), (list(range(3)) * 5, "table(15)")]
)
def test_constant_places(places, shown):
    def picked(z):
        chosen = z[np.array(places)]
        return np.sum(chosen * chosen)

    assert f"chosen = z[{shown}, :]" in comments(picked, X)
