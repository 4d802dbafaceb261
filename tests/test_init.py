"""The package's front door: what is public, what importing loads, what runs without Numba."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bpcompile as bp


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_public_name_is_there_and_listed_alike():
    tree = ast.parse(Path(bp.__file__).read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.name: node.module
        for node in typed.body
        if isinstance(node, ast.ImportFrom) and node.module != "bpcompile"
        for alias in node.names
    }
    assert homes == bp._HOME_OF
    assert sorted(bp.__all__) == sorted({*homes, *bp._MODULES})
    for name in bp.__all__:
        assert getattr(bp, name) is not None
    assert set(bp.__all__) <= set(dir(bp))
    with pytest.raises(AttributeError, match="has no attribute 'gradd'"):
        _ = bp.gradd


def test_importing_loads_nothing_heavy():
    heavy = "('numba', 'llvmlite', 'sympy', 'scipy', 'numpy', 'jinja2', 'rich')"
    found = run(f"import bpcompile, sys; print([m for m in {heavy} if m in sys.modules])")
    assert found == "[]"
    program = (
        f"import bpcompile, sys; bpcompile.grad; print([m for m in {heavy} if m in sys.modules])"
    )
    assert run(program) == "['numpy']"


def test_the_numpy_target_runs_where_numba_is_not_installed():
    program = """
import sys
sys.modules["numba"] = None
import numpy as np
import bpcompile as bp
f = bp.value_and_grad(lambda x: np.sum(x * x), target="numpy", cache=False)
print(f(np.ones(3)))
"""
    assert run(program) == "(3.0, array([2., 2., 2.]))"
