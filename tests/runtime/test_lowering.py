"""Emitted functions mean the same by our lowering as by Numba's own."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from numba.core import types

from bpcompile.runtime import linking, lowering
from bpcompile.runtime.linking import compile_entry
from bpcompile.runtime.load import load_module

TEXT = """
import numpy as np
from numba import njit


@njit(error_model="numpy", boundscheck=False)
def _main(x, y, k, out, copy, workspace):
    n, m = x.shape
    end = n*m
    rows = workspace[0:end].reshape((n, m))
    row = workspace[end:end + m]
    rows[:] = x
    copy[:] = y
    words = (m + 7) // 8
    given = workspace[end + m:end + m + words].view(np.bool)[:m]
    given.fill(m >= 0)
    rounded = workspace[end + m + words:end + 2*m + words].view(np.float32)[:m]
    rounded.fill(1)
    row.fill(0.5)
    for j in range(m):
        row[j] += 0.5 * rounded[j] if given[j] else 0.0
    row[0] = 3.0
    for i in range(n):
        for j in range(m):
            rows[i, j] = rows[i, j] * row[j] + x[-1, k]
    row[-1] = rows[0, k]
    np.dot(rows, y, out=out)
    return row[m - 1] + x[0, -1]


@njit(error_model="numpy", boundscheck=False)
def fresh(x, y, k):
    out = np.empty((x.shape[0], y.shape[1]))
    copy = np.empty(y.shape)
    workspace = np.empty(x.size + 3*x.shape[1] + 1)
    return _main(x, y, k, out, copy, workspace), out, copy
"""
MATRIX = types.Array(types.float64, 2, "C")
VECTOR = types.Array(types.float64, 1, "C")
SIGNATURE = (MATRIX, MATRIX, types.int64, MATRIX, MATRIX, VECTOR)


def load(which):
    """Return a module of its own: of equal keys there is one in a process."""
    return load_module(
        TEXT, target="numba", options={"of": which}, public=["fresh", "_main"], cache=False
    ).module


def test_vector_width():
    for width in (None, 128):
        module = load_module(
            TEXT, target="numba", options={"width": width}, public=["fresh", "_main"], cache=False
        ).module
        made = compile_entry(module._main, SIGNATURE)
        asked = f'"prefer-vector-width"="{width}"' in made.library.get_llvm_str()
        assert asked == (width is not None)


def expected(x, y, k):
    rows, row = x.copy(), np.ones(x.shape[1])
    row[0] = 3.0
    rows = rows * row + x[-1, k]
    return rows[0, k] + x[0, -1], rows @ y


@pytest.fixture(scope="module")
def module():
    made = load("all")
    compile_entry(made._main, SIGNATURE)
    compile_entry(made.fresh, (MATRIX, MATRIX, types.int64))
    return made


@pytest.mark.parametrize(("n", "m", "p"), [(3, 4, 2), (1, 4, 2), (3, 4, 1), (1, 1, 1), (0, 2, 3)])
def test_elements_copies_views_and_products_are_those_of_numpy(module, n, m, p):
    rng = np.random.default_rng(n + m + p)
    x, y = rng.normal(size=(n + 1, m)), rng.normal(size=(m, p))
    for k in (0, m - 1, -1, -m):
        value, out, copy = module.fresh(x, y, k)
        wanted, product = expected(x, y, k)
        np.testing.assert_allclose(value, wanted, rtol=1e-14)
        np.testing.assert_allclose(out, product, rtol=1e-13)
        assert np.array_equal(copy, y)


def test_it_is_bit_by_bit_what_numba_alone_makes(module):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    ours, alone = module.fresh(x, y, -2), load("alone").fresh(x, y, -2)
    assert ours[0] == alone[0]
    assert np.array_equal(ours[1], alone[1])


def test_a_function_that_only_looks_counts_no_references(monkeypatch):
    seen = {}

    def noted(func_ir, described):
        found = only_looks(func_ir, described)
        seen[func_ir.func_id.func_name] = found
        return found

    only_looks = lowering.only_looks
    monkeypatch.setattr(lowering, "only_looks", noted)
    made = load("references")
    compile_entry(made.fresh, (MATRIX, MATRIX, types.int64))
    assert seen["_main"]
    assert not seen["fresh"]
    held = np.ones((3, 4))
    gone = weakref.ref(held)
    results = [made.fresh(held, np.ones((4, 2)), 0) for _ in range(3)]
    del held
    gc.collect()
    assert gone() is None
    assert all(np.array_equal(r[1], results[0][1]) for r in results)


def test_less_is_compiled_than_by_numba_alone(monkeypatch):
    """Numba compiles functions of its own for copies, `reshape`, `fill`, `view` and `np.dot`."""
    names = []
    compiled = linking._waiting_library().finalize

    def noted(library):
        names.append(library.name)
        return compiled(library)

    monkeypatch.setattr(linking._waiting_library(), "finalize", noted)
    made = load("names")
    compile_entry(made._main, SIGNATURE)
    kept = {name.split(".")[0].split("$")[0] for name in names}
    assert not kept & {"normalize_reshape_value", "dot_3_mm", "dot_3", "unicode_join"}
    assert not any("fill_impl" in name or "_change_dtype" in name for name in names)


def test_numba_is_left_as_it_was(module):
    from numba import njit

    @njit
    def user(x):
        y = np.zeros(x.shape)
        y[:] = x.reshape((-1,))[0]
        return np.dot(y, x) + x[-1, 0]

    x = np.arange(4.0).reshape(2, 2)
    assert np.array_equal(user(x), np.dot(np.zeros((2, 2)), x) + x[-1, 0])
    with pytest.raises(ValueError, match="incompatible"):
        user(np.ones((2, 3)))
