"""Texts in the store: found by exactly what they were printed from."""

from __future__ import annotations

import os

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import ops  # noqa: F401  (parsing needs the table of ops)
from bpcompile.emit.emitted import Emitted
from bpcompile.errors import CacheWarning, OutOfRangeError
from bpcompile.ir.parse import parse
from bpcompile.runtime import texts
from bpcompile.runtime.texts import keep, recall, text_name

WRITTEN = """
graph f(x: f64[n]) -> total {
  v0: f64[n] = mul(x, x)  # model.py:4
  total: f64[] = sum(v0, axes=(0,))  # model.py:5
}
"""


def entries(store):
    return [store.path(e.name) for e in store.entries() if e.name.endswith(".json")]


def test_an_entry_has_all_that_a_module_comes_with(store):
    graph, again = parse(WRITTEN), parse(WRITTEN)
    name = text_name((graph,), ("numba",))
    assert text_name((again,), ("numba",)) == name
    assert recall(store, name, graph) is None
    printed = Emitted("y = 1  # ȳ", "f", ("n",), ((graph.nodes[1], 0),))
    keep(store, name, printed, graph)
    found = recall(store, name, again)
    assert (found.text, found.name, found.dims) == (printed.text, "f", ("n",))
    assert found.tested == ((again.nodes[1], 0),)


@pytest.mark.parametrize(
    ("old", "new"),
    [("py:4", "py:6"), ("model", "other"), ("total", "all"), ("mul", "add"), ("[n]", "[m]")],
)
def test_names_lines_and_attributes_are_in_an_entrys_name(old, new):
    other = parse(WRITTEN.replace(old, new))
    assert text_name((other,), ()) != text_name((parse(WRITTEN),), ())


def test_settings_and_the_packages_own_files_are_in_it(monkeypatch, tmp_path):
    graph = parse(WRITTEN)
    name = text_name((graph,), ("numba", "vector"))
    assert name != text_name((graph,), ("numba", "libm"))
    assert name != text_name((graph,), ("numbavector",))
    assert name != text_name((graph, graph), ("numba", "vector"))
    source = tmp_path / "rule.py"
    states = []
    for text, nanoseconds in (("a", 1), ("a", 2), ("ab", 2)):
        source.write_text(text)
        os.utime(source, ns=(nanoseconds, nanoseconds))
        states.append(texts._state(tmp_path))
    assert len(set(states)) == 3
    (tmp_path / "notes.txt").write_text("of no effect")
    assert texts._state(tmp_path) == states[-1]
    monkeypatch.setattr(texts, "_package", lambda: ("another",))
    assert name != text_name((graph,), ("numba", "vector"))


def grown(x):
    return np.sum(np.exp(x) * x)


def compiled(**options):
    fn = bp.value_and_grad(grown, target="numpy", **options)
    fn(np.arange(3.0))
    return fn


def test_a_second_function_is_not_printed_again(own_cache, monkeypatch):
    from bpcompile.emit import module

    first = compiled()
    assert len(entries(own_cache)) == 1
    monkeypatch.setattr(module, "fill", None)  # printing would fail
    second = compiled()
    assert second.source == first.source
    assert second(np.arange(3.0))[0] == first(np.arange(3.0))[0]
    with pytest.raises(TypeError):
        compiled(cache=False)


def test_a_damaged_entry_is_printed_anew(own_cache):
    source = compiled().source
    (path,) = entries(own_cache)
    path.write_bytes(path.read_bytes().replace(b"exp", b"log"))
    with pytest.warns(CacheWarning, match="not what was stored"):
        assert compiled().source == source
    assert len(entries(own_cache)) == 1


def test_without_cache_no_text_is_kept(own_cache):
    compiled(cache=False)
    assert entries(own_cache) == []


def test_errors_name_the_line_also_of_a_kept_text(own_cache):
    def chosen(x, k):
        return np.sum(x[k])

    messages = []
    for _ in range(2):
        fn = bp.compile(chosen)
        fn(np.arange(3.0), np.array([1]))
        with pytest.raises(OutOfRangeError) as caught:
            fn(np.arange(3.0), np.array([7]))
        messages.append(str(caught.value))
    assert len(entries(own_cache)) == 1
    assert messages[0] == messages[1]
    assert "test_texts.py" in messages[0]
