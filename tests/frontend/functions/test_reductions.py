"""Reductions of chosen elements, from initial values on, and beside NaN give what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ArgumentError
from tests.tracing import agrees, traced

RNG = np.random.default_rng(3)
T = RNG.normal(size=(3, 4, 2))
MASK = RNG.uniform(size=(3, 4, 2)) > 0.3
HOLED = np.where(RNG.uniform(size=(3, 4, 2)) > 0.3, T, np.nan)
AXES = [None, 0, 1, (0, 2)]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("function", [np.sum, np.prod])
def test_folds_of_chosen_elements(function, axis, keepdims):
    kept = {"axis": axis, "keepdims": keepdims}
    agrees(lambda x, m: function(x, where=m, **kept), T, MASK)
    agrees(lambda x, m: function(x, where=m, initial=2.0, **kept), T, MASK)
    agrees(lambda x, s: function(x, initial=s, **kept), T, 3.0)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("function", [np.mean, np.var, np.std])
@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:Mean of empty")
def test_moments_of_chosen_elements(function, axis, keepdims):
    kept = {"axis": axis, "keepdims": keepdims}
    agrees(lambda x, m: function(x, where=m, **kept), T, MASK | (T > 0.9))
    agrees(lambda x, m: function(x, where=m, **kept), T, MASK[:, :, :1] | True)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_extremes_and_questions_of_chosen_elements(axis, keepdims):
    kept = {"axis": axis, "keepdims": keepdims}
    for name in ("max", "min"):
        function = getattr(np, name)
        agrees(lambda x, m, f=function: f(x, where=m, initial=0.1, **kept), T, MASK)
        agrees(lambda x, f=function: f(x, initial=0.1, **kept), T)
    agrees(lambda x, m: np.any(x > 1, where=m, **kept), T, MASK)
    agrees(lambda x, m: np.all(x > -1, where=m, **kept), T, MASK)


def test_extremes_of_chosen_elements_need_an_initial_value():
    with pytest.raises(ArgumentError, match=r"np\.max with where= needs initial="):
        traced(lambda x, m: np.max(x, where=m), T, MASK)
    agrees(lambda x: np.max(x, initial=-1.0), T[:0])
    agrees(lambda x: x.max(axis=0, initial=-1.0), T[:0])


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    "name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"]
)
@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:Mean of empty", "ignore:All-NaN")
def test_reductions_beside_nan(name, axis, keepdims):
    function = getattr(np, name)
    agrees(lambda x: function(x, axis=axis, keepdims=keepdims), HOLED)
    agrees(lambda x: function(x, axis=axis), T)


def test_places_beside_nan():
    agrees(lambda x: np.nanargmax(x), HOLED)
    agrees(lambda x: np.nanargmin(x, axis=1), T)
