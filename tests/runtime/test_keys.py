"""The key of a module: what changes it, and what does not."""

from __future__ import annotations

import sys

import pytest

from bpcompile.errors import CompileError
from bpcompile.runtime.keys import module_key, parse

TEXT = '''
"""A module."""

def f(x, y=0.5):
    """Return something."""
    z = x * 2.0 + 1.0
    return z - y
'''


def key(text: str, target: str = "numpy", **options: object) -> str:
    return module_key(text, target, options)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+ 1.0", "+ 1.0  # z = 2 x + 1   model.py:14"),
        ("A module.", "Another\nmodule."),
        ("Return something.", "Return z - y."),
        ("    return", "\n\n    # The end.\n    return"),
        ("x * 2.0 + 1.0", "(x*2.0)+1.0"),
    ],
)
def test_comments_docstrings_and_layout_do_not_matter(old, new):
    assert old in TEXT
    assert key(TEXT.replace(old, new)) == key(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2.0", "3.0"),
        ("2.0", "2"),
        ("1.0", "-1.0"),
        ("1.0", "True"),
        ("0.5", "0.25"),
        ("z", "w"),
        ("def f", "def g"),
        ("x, y", "x, *, y"),
        ("z - y", "y - z"),
        ("z - y", "z - y if z > y else 0.0"),
    ],
)
def test_statements_names_and_constants_matter(old, new):
    assert old in TEXT
    assert key(TEXT.replace(old, new)) != key(TEXT)


def test_equal_constants_of_different_bits_or_types_differ():
    keys = {key(f"x = {c}") for c in ("0.0", "-0.0", "0", "False", "''", "None", "0j", "b''", "()")}
    assert len(keys) == 9
    assert key("x = (1, 2.0)") != key("x = (1, 2)")
    assert key("def f(x): return x in {1, 2}") != key("def f(x): return x in {1, 3}")


def test_nested_functions_matter():
    nested = "def f(x):\n    def g(y):\n        return y + {}\n    return g(x)\n"
    assert key(nested.format("1.0")) != key(nested.format("2.0"))


def test_options_and_target_matter():
    keys = {
        key(TEXT),
        key(TEXT, "numba"),
        key(TEXT, width=4),
        key(TEXT, width="4"),
        key(TEXT, width=4, fuse=True),
        key(TEXT, width=(4, (True, None))),
    }
    assert len(keys) == 6
    assert key(TEXT, a=1, b=2) == key(TEXT, b=2, a=1)


def test_numbas_environment_matters_to_numba_alone(monkeypatch):
    before = key(TEXT), key(TEXT, "numba")
    monkeypatch.setenv("NUMBA_OPT", "2")
    assert key(TEXT) == before[0]
    assert key(TEXT, "numba") != before[1]


def test_a_worker_of_joblib_finds_what_its_parent_compiled(monkeypatch):
    before = key(TEXT, "numba")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert key(TEXT, "numba") == before


def test_versions_and_cpu_matter():
    from bpcompile.runtime.keys import _machine

    text = " ".join(_machine("numba"))
    for name in ("numpy", "numba", "llvmlite", "scipy"):
        assert f"{name} {sys.modules[name].__version__}" in text
    assert "blas [" in text
    assert "cpu " in text
    assert sys.implementation.cache_tag in text


def test_long_modules_have_keys():
    lines = [f"    v{i} = x[{i % 7}] * {i}.5 + v{max(i - 1, 0)}  # {i}" for i in range(30_000)]
    text = "def f(x, v0):\n" + "\n".join(lines) + "\n    return v0\n"
    assert key(text) == key(text.replace("  # ", "  # line "))


@pytest.mark.parametrize(
    "text",
    ["def f(:", "x = " + "(" * 500 + "1" + ")" * 500, "x = '\0'", "return 1"],
    ids=["syntax", "nesting", "null byte", "return"],
)
def test_what_python_refuses_is_a_compile_error(text):
    with pytest.raises(CompileError, match="fault of bpcompile"):
        parse(text)


def test_options_of_other_kinds_are_refused():
    with pytest.raises(CompileError, match="of type list"):
        key(TEXT, width=[1])
    with pytest.raises(CompileError, match="of type object"):
        key(TEXT, width=(1, object()))
