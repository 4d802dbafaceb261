"""Executing emitted modules: once for each key, from the text in hand."""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bpcompile.errors import CacheWarning, CompileError
from bpcompile.runtime import load
from bpcompile.runtime.load import PREFIX, load_module

DOUBLE = '''
def double(x):
    """Return twice x."""
    return 2 * x
'''


def loaded(text=DOUBLE, public=("double",), **options):
    return load_module(text, target="numpy", options=options, public=public)


@pytest.fixture(autouse=True)
def _own(own_cache):
    """Give each test a cache of its own."""


def test_a_module_is_executed_and_written_for_reading(own_cache):
    result = loaded()
    assert result.module.double(21) == 42
    assert result.path == str(own_cache.path(f"{result.key}.py"))
    assert Path(result.path).read_text().startswith(DOUBLE)
    assert inspect.getsource(result.module.double) in DOUBLE
    assert result.module.__file__ == result.path == result.module.double.__code__.co_filename
    assert (result.hits, result.misses, result.compilations) == (0, 0, [])
    assert result.seconds > 0


def test_equal_keys_share_a_module_and_the_file_shows_the_latest_comments():
    first = loaded()
    second = loaded(DOUBLE.replace("2 * x", "2 * x  # y = 2 x"))
    assert second.module is first.module
    assert second.key == first.key
    assert "# y = 2 x" in second.text
    assert "# y = 2 x" not in first.text
    assert "# y = 2 x" in Path(first.path).read_text()


def test_other_statements_options_and_public_names_are_other_modules():
    modules = [
        loaded(),
        loaded(DOUBLE.replace("2 *", "2.0 *")),
        loaded(width=4),
        loaded(DOUBLE, public=()),
    ]
    assert len({m.key for m in modules}) == len({id(m.module) for m in modules}) == 4


def test_a_tampered_source_is_never_executed(forget):
    path = Path(loaded().path)
    path.write_text("raise SystemExit('planted')\n")
    forget()
    with pytest.warns(CacheWarning, match="not what was stored"):
        again = loaded()
    assert again.module.double(21) == 42
    assert path.read_text().startswith(DOUBLE)


def test_nothing_of_an_emitted_modules_name_is_looked_for(tmp_path, monkeypatch):
    name = PREFIX + "0" * 32
    (tmp_path / f"{name}.py").write_text("raise SystemExit('planted')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FileNotFoundError, match="has changed"):
        __import__(name)
    result = loaded()
    assert __import__(result.module.__name__) is result.module
    assert sys.modules[result.module.__name__] is result.module


def test_tracebacks_show_emitted_lines_even_without_the_file():
    result = loaded("def fail(x):\n    return x / 0  # by nought\n", public=("fail",))
    Path(result.path).unlink()
    for name in [n for n in linecache.cache if not n.startswith("<")]:
        del linecache.cache[name]  # but what has no file to be read from again
    with pytest.raises(ZeroDivisionError) as caught:
        result.module.fail(1)
    assert "by nought" in "".join(traceback.format_exception(caught.value))


def test_the_numpy_target_does_without_numba(python):
    out = python(
        """
        import sys
        sys.modules["numba"] = None
        from bpcompile.runtime.load import load_module
        text = "import numpy as np\\ndef double(x):\\n    return np.multiply(2, x)\\n"
        loaded = load_module(text, target="numpy", options={}, public=["double"])
        print(loaded.module.double(21), "llvmlite" in sys.modules)
        """
    )
    assert out == "42 False"


def test_importing_the_runtime_does_not_import_numba(python):
    out = python(
        """
        import sys
        import bpcompile.runtime.load, bpcompile.runtime.dispatch
        print("numba" in sys.modules, "platformdirs" in sys.modules)
        """
    )
    assert out == "False False"


@pytest.mark.parametrize(
    ("text", "public", "message"),
    [
        ("def f(:\n", (), "cannot compile"),
        ("1 / 0\n", (), "ZeroDivisionError"),
        ("f = 1\n", ("f",), "has no function f"),
        ("def f(): pass\n", ("f", "g", "h"), "has no function g, h"),
    ],
)
def test_faults_of_the_text_are_compile_errors(text, public, message):
    with pytest.raises(CompileError, match=message):
        loaded(text, public)


def test_what_is_not_installed_is_an_import_error():
    with pytest.raises(ImportError, match="no_such_module"):
        loaded("import no_such_module\n", ())


def test_text_beyond_ascii_and_without_a_last_newline():
    result = loaded("def f(x):\n    return x  # z\u0304 = \u2202", ("f",))
    assert result.module.f(1) == 1
    assert "z\u0304 = \u2202\n" in Path(result.path).read_text(encoding="utf-8")


COUNTED = """
import sys
sys.executed = getattr(sys, "executed", [])
sys.executed.append({0})
def number():
    return {0}
"""


def test_threads_execute_each_module_once(monkeypatch):
    monkeypatch.setattr(sys, "executed", [], raising=False)
    barrier = threading.Barrier(16)

    def work(i):
        barrier.wait()
        return loaded(COUNTED.format(i % 4), ("number",)).module

    with ThreadPoolExecutor(16) as pool:
        modules = list(pool.map(work, range(16)))
    assert sorted(sys.executed) == [0, 1, 2, 3]
    assert len({id(m) for m in modules}) == 4
    assert [m.number() for m in modules] == [i % 4 for i in range(16)]


def test_a_failure_in_one_thread_leaves_no_lock_behind():
    for _ in range(2):
        with pytest.raises(CompileError):
            loaded("1 / 0\n", ())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_in_the_middle_of_a_load_can_load(python):
    out = python(
        """
        import os, threading, warnings
        from bpcompile.runtime import load, store

        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        text = "def double(x):\\n    return 2 * x\\n"
        arguments = dict(target="numpy", options={}, public=["double"])
        first = load.load_module(text, **arguments)
        held, done = threading.Event(), threading.Event()

        def hold():
            with load._guard, store._lock, load._locks[first.key, True]:
                held.set()
                done.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            again = load.load_module(text, **arguments)
            other = load.load_module(text + "y = 1", **arguments)
            os._exit(0 if again.module is first.module and other.module.double(2) == 4 else 1)
        status = os.waitpid(child, 0)[1]
        done.set()
        thread.join()
        print(os.waitstatus_to_exitcode(status))
        """
    )
    assert out == "0"


def test_the_memo_is_by_module_and_cache():
    first = loaded()
    second = load_module(DOUBLE, target="numpy", options={}, public=("double",), cache=False)
    assert second.key == first.key
    assert len(load._modules) == 2
