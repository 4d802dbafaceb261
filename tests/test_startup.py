from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from bpcompile import startup


def test_the_collector_is_as_it_was():
    assert gc.isenabled()
    with startup.uncollected():
        assert not gc.isenabled()
        with startup.uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), startup.uncollected():
        raise KeyError
    assert gc.isenabled()


def test_a_deferred_module_has_the_modules_names():
    fractions = startup.import_module("fractions")
    assert fractions.Fraction(1, 2) + fractions.Fraction(1, 2) == 1
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fractions.no_such_name
    with pytest.raises(ModuleNotFoundError):
        _ = startup.import_module("bpcompile.no_such_module").name


def test_a_call_imports_only_what_it_needs():
    """Reports and SymPy are for programs that ask for them."""
    code = """
import sys
import bpcompile as bp
fn = bp.grad(lambda x: x * x, target="numpy", cache=False)
fn(3.0)
unwanted = ("bpcompile.show.", "bpcompile.frontend.symbolic.", "sympy", "rich", "scipy", "optree")
print([name for name in sys.modules if name.startswith(unwanted)])
assert fn.check(3.0)
print("bpcompile.show.check" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]
