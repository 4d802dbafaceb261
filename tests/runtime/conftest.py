"""Texts of emitted modules, and a cache of each test's own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from bpcompile.runtime import load
from bpcompile.runtime.store import Store, default_store, open_store

ROOT = Path(__file__).resolve().parents[2]

ROSENBROCK = '''\
"""rosenbrock_value_and_grad: the value and gradient of `rosenbrock` in x."""

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _kernel(x, g):
    """Fill the gradient and return the value."""
    value = 0.0
    g[:] = 0.0
    for i in range(x.shape[0] - 1):
        a = x[i + 1] - x[i] * x[i]
        b = 1.0 - x[i]
        value += 100.0 * a * a + b * b
        g[i] += -400.0 * a * x[i] - 2.0 * b  # x_bar[i] = -400 a x - 2 b
        g[i + 1] += 200.0 * a
    return value


@njit(error_model="numpy", nogil=True, boundscheck=False)
def rosenbrock_value_and_grad(x):
    """Return the value and the gradient."""
    if x.shape[0] < 2:
        raise ValueError("x is too short")
    g = np.empty(x.shape[0])
    value = _kernel(x, g)
    return value, g
'''

SCALE = """\
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False)
def scale(x, k):
    return x * k
"""


@pytest.fixture
def rosenbrock() -> str:
    return ROSENBROCK


@pytest.fixture
def scale() -> str:
    return SCALE


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "cache")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Make the default store one of this test, as in a process that just started."""
    monkeypatch.setenv("BPCOMPILE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(load, "_modules", {})
    return default_store()


@pytest.fixture
def forget(own_cache: Store) -> Callable[[], None]:
    """Forget the modules of this process, so that the next load starts from the disk."""
    return load._modules.clear


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """Run a program in a process of its own and return what it prints."""

    def run(program: str, *args: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-c", textwrap.dedent(program), *args],
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
