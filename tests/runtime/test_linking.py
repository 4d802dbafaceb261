"""Entry points are one piece of machine code; what waits for them stays usable as Numba has it."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from numba import njit
from numba.core import codegen, compiler, cpu, registry, types

from bpcompile.runtime.linking import compile_entry
from bpcompile.runtime.load import load_module

TEXT = """
import numpy as np
from numba import njit


@njit
def _half(x):
    return 0.5 * x


@njit
def _plus(a, b):
    return a + b


@njit
def _main(x, out):
    for i in range(x.shape[0]):
        out[i] = _half(x[i])
    return out.sum()


@njit
def fresh(x):
    out = np.empty(x.shape[0])
    return _main(x, out) + _plus(0, 1) - _plus(1, 0), out


@njit
def fill(x, out):
    return _main(x, out)
"""
VECTOR = types.Array(types.float64, 1, "C")


@pytest.fixture(scope="module")
def module():
    loaded = load_module(
        TEXT, target="numba", options={}, public=["fresh", "fill"], cache=False
    ).module
    compile_entry(loaded.fresh, (VECTOR,))
    compile_entry(loaded.fill, (VECTOR, VECTOR))
    return loaded


def test_entry_points_share_what_they_call(module):
    x, out = np.arange(4.0), np.zeros(4)
    total, made = module.fresh(x)
    assert total == 3.0
    np.testing.assert_array_equal(made, x / 2)
    assert module.fill(x, out) == 3.0
    np.testing.assert_array_equal(out, made)
    assert len(module._main.signatures) == 1


def test_literal_numbers_are_arguments_like_others(module):
    assert len(module._plus.signatures) == 1


def test_what_is_inside_is_not_made_ready(module):
    (inside,) = module._main.overloads.values()
    (entry,) = module.fresh.overloads.values()
    assert not inside.library._finalized
    assert entry.library._finalized


def test_python_cannot_call_what_is_inside(module):
    with pytest.raises(TypeError):
        module._half(1.0)
    with pytest.raises(TypeError):
        module._main(np.ones(2), out=np.ones(2))


def test_the_users_code_links_both(module):
    half, fresh = module._half, module.fresh

    @njit
    def user(x):
        return half(x[0]) + fresh(x)[0]

    assert user(np.ones(4)) == 2.5


def test_other_types_compile_as_numba_compiles(module):
    half, main = module._half, module._main

    @njit
    def user(x, out):
        return half(3.0 + 0.0j) + main(x, out)

    assert user(np.ones(8)[::2], np.ones(4)) == 3.5


def test_numba_is_left_as_it_was(module):
    context = registry.cpu_target.target_context
    assert context.codegen()._library_class is codegen.JITCodeLibrary
    assert type(context) is cpu.CPUContext
    assert "entry" not in vars(context)
    for function in (module.fresh, module._main):
        assert function._compiler.pipeline_class is compiler.Compiler
        assert "get_call_template" not in vars(function)
    assert gc.isenabled()

    @njit
    def usual(x):
        return x + 1.0

    assert usual(1.0) == 2.0


def test_a_failure_leaves_numba_as_it_was():
    text = "from numba import njit\n\n\n@njit\ndef wrong(x):\n    return x.there_is_no_such\n"
    loaded = load_module(text, target="numba", options={}, public=["wrong"], cache=False)
    with pytest.raises(Exception, match="there_is_no_such"):
        compile_entry(loaded.module.wrong, (VECTOR,))
    assert registry.cpu_target.target_context.codegen()._library_class is codegen.JITCodeLibrary
