from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp

PARAMS = {"w": np.arange(6.0).reshape(2, 3), "b": (1.0, np.ones(2))}


def test_ravel_and_back():
    vector, unravel = bp.tree.ravel(PARAMS)
    assert vector.tolist() == [1, 1, 1, 0, 1, 2, 3, 4, 5]
    again = unravel(vector)
    assert again["b"][0] == 1.0
    np.testing.assert_array_equal(again["w"], PARAMS["w"])
    with pytest.raises(bp.ArgumentError, match=r"a vector of shape \(3,\) for a tree of 9 numbers"):
        unravel(np.ones(3))
    empty, unravel = bp.tree.ravel({})
    assert empty.shape == (0,)
    assert unravel(empty) == {}


def test_trees_in_a_model():
    def norm(params):
        vector, _ = bp.tree.ravel(params)
        return np.sum(vector**2)

    gradient = bp.grad(norm, target="numpy")(PARAMS)
    expected = bp.tree.map(lambda p: 2 * p, PARAMS)
    for got, want in zip(bp.tree.flatten(gradient)[0], bp.tree.flatten(expected)[0], strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_vector_of_parameters_in_a_model():
    vector, unravel = bp.tree.ravel(PARAMS)

    def loss(flat):
        params = unravel(flat)
        return np.sum(params["w"] @ np.ones(3)) + params["b"][0] * np.sum(params["b"][1])

    assert bp.grad(loss, target="numpy")(vector).tolist() == [2, 1, 1, 1, 1, 1, 1, 1, 1]
