"""`bpcompile.numpy` has what the rules know, and does on plain arrays what NumPy does."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import bpcompile.numpy as bnp
from bpcompile.frontend import tracing as _rules  # noqa: F401 - enters the rules
from bpcompile.frontend.registry import RULES
from tests.tracing import agrees, run, traced

V = np.arange(1.0, 4.0)
OURS = {
    "arange",
    "array",
    "asarray",
    "empty",
    "eye",
    "full",
    "identity",
    "linspace",
    "ones",
    "zeros",
}


def test_the_names_are_those_of_the_rules():
    rules = {name for name in RULES if "." not in name and hasattr(np, name)}
    public = set(bnp.__all__)
    assert rules <= public
    functions = {name for name in public if callable(getattr(bnp, name)) and name not in OURS}
    values = {"linalg", "bool_", "float32", "float64", "int64", "ndarray"}
    aliases = {name for name in functions if getattr(np, name).__name__ in rules}
    assert functions - values - aliases == set()
    assert {"cos", "acos", "absolute", "cumsum", "pi", "linalg"} <= public
    inner = {name.removeprefix("linalg.") for name in RULES if name.startswith("linalg.")}
    assert {name for name in inner if hasattr(np.linalg, name)} == set(bnp.linalg.__all__)


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_are_numpys_on_plain_arguments(name):
    args = {"array": ([1, 2],), "asarray": ([1, 2],), "full": (3, 2.0), "linspace": (0, 1, 3)}
    given = args.get(name, (3,))
    found, wanted = getattr(bnp, name)(*given), getattr(np, name)(*given)
    assert type(found) is np.ndarray
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if name != "empty":
        np.testing.assert_array_equal(found, wanted)


def test_a_model_without_source():
    space = {"bnp": bnp}
    text = """
        def model(x, n):
            first = bnp.array([x[0], bnp.maximum(x[1], 2.5), 1.0])
            second = bnp.zeros(n) + bnp.sin(x[0])
            third = bnp.full(3, x[2]) * bnp.arange(3)
            return first, second, third, bnp.linalg.norm(x), bnp.eye(3) @ x, bnp.abs(x).sum()
    """
    exec(textwrap.dedent(text), space)
    agrees(space["model"], V, 4)


def test_with_source_too():
    def model(x):
        return bnp.array([x[0], bnp.pi]), bnp.zeros(len(x)), bnp.concatenate([x, x])

    found = agrees(model, V)
    for got, want in zip(run(found, V * 2), model(V * 2), strict=True):
        np.testing.assert_array_equal(got, want)


def test_an_unknown_name():
    with pytest.raises(AttributeError):
        traced(lambda x: bnp.roots(x), V)
