"""Stretches that are translated without Numba's passes: the same bits, and what is left to it."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.runtime import straight
from bpcompile.runtime.llvm_text import UnknownError
from bpcompile.schedule import stretches


@pytest.fixture
def seen(monkeypatch):
    """Cut early, and note which functions are translated."""
    found = []
    usual = straight.translated

    def noted(dispatcher, arguments):
        made = usual(dispatcher, arguments)
        found.append((dispatcher.py_func.__name__, made is not None))
        return made

    monkeypatch.setattr(stretches, "LONGEST", 15)
    monkeypatch.setattr(stretches, "_STRETCH", 12)
    monkeypatch.setattr(straight, "translated", noted)
    return found


def model(x, y, p):
    a, b = x, y
    for k in range(3):
        a = np.where(a < b, np.tanh(a * p[k % 3]), np.arctan(b) / (1.0 + a * a))
        b = bp.special.gammaln(2.0 + a * a) - np.sqrt(np.abs(b)) * p[0]
        b = np.where((a > 0.1) & (b == b), b, -b)
    return a * b


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_results_are_numbas_bit_by_bit(dtype, seen, monkeypatch):
    given = dtype(0.3), dtype(-0.8), np.array([0.5, 1.25, -0.75], dtype)
    monkeypatch.setattr(straight, "LONG", 10**9)
    usual = bp.value_and_grad(model, (0, 1), cache=False)(*given)
    assert not any(translated for _, translated in seen)
    seen.clear()
    monkeypatch.setattr(straight, "LONG", 5)
    call = bp.value_and_grad(lambda *args: model(*args), (0, 1), cache=False)
    found = call(*given)
    assert sum(translated for _, translated in seen) > 2
    assert np.array(found[0]).tobytes() == np.array(usual[0]).tobytes()
    assert [np.array(g).tobytes() for g in found[1]] == [np.array(g).tobytes() for g in usual[1]]


@pytest.mark.parametrize(
    "line",
    ["y = x ** 2.0", "y = x if x else 1.0", "y = x < 1.0 < x", "y, z = x, x", "x += 1.0", "y = z"],
)
def test_what_is_not_known_is_left_to_numba(line):
    from numba import njit, types

    text = f"def f(x):\n    {line}\n"
    defined = {}
    exec(text, defined)
    function = straight._Function(njit(defined["f"]), (types.float64,))
    with pytest.raises(UnknownError):
        function.compiled(ast.parse(text).body[0])
