"""The one door through which a name from data reaches emitted text."""

from __future__ import annotations

import builtins
import keyword
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpcompile.emit.names import RESERVED, Namer, safe_file, safe_name, spelled
from tests.emit.hostile import HOSTILE


@pytest.mark.parametrize("name", ["x", "X", "loss_2", "a" * 64, "w__", "x1", "vector", "v"])
def test_plain_names_pass(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("θ", "theta"), ("θ_1", "theta_1"), ("Ω", "Omega"), ("αβ", "alphabeta"), ("Δx", "Deltax")],
)
def test_greek_letters_are_spelled(name, spelling):
    assert safe_name(name) == spelled(name) == spelling


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name):
    assert safe_name(name) is None


def test_words_of_python_and_ours_are_refused():
    words = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "math", "njit"}
    assert words <= RESERVED
    assert all(safe_name(word) is None for word in words)
    assert safe_name("λ") == "lamda"  # as Unicode names it; the keyword is lambda


@given(st.text(max_size=80))
def test_what_passes_is_an_ascii_identifier_stable_under_nfkc(name):
    found = safe_name(name)
    if found is not None:
        assert found.isascii()
        assert found.isidentifier()
        assert not keyword.iskeyword(found)
        assert len(found) <= 64
        assert unicodedata.normalize("NFKC", found) == found


@given(st.lists(st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["x", "x_2", "v1"]))))
def test_names_of_a_module_are_unique(hints):
    namer = Namer(frozenset({"x", "main_2"}))
    found = [namer.fresh(hint) for hint in hints]
    assert len({*found, "x", "main_2"}) == len(found) + 2
    assert all(name.isascii() and name.isidentifier() for name in found)


def test_a_name_is_numbered_until_it_is_free():
    namer = Namer(frozenset({"h_2"}))
    assert [namer.fresh("h") for _ in range(3)] == ["h", "h_3", "h_4"]
    assert [namer.fresh(None), namer.fresh("v0"), namer.fresh("a b")] == ["v0", "v1", "v2"]


def test_a_released_name_is_given_again():
    namer = Namer()
    first, second = namer.fresh("i"), namer.fresh("i")
    namer.release(second)
    assert (first, namer.fresh("i")) == ("i", "i_2")


def test_scopes_do_not_see_each_other():
    outer = Namer(frozenset({"x"}))
    inner = outer.copy()
    assert (inner.fresh("y"), outer.fresh("y"), inner.fresh("x")) == ("y", "y", "x_2")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/me/model.py", "model.py"),
        ("C:\\models\\loss-2.py", "loss-2.py"),
        ("<stdin>", "<source>"),
        ("/x/a b.py", "<source>"),
        ("/x/a\nimport os", "<source>"),
        ("/x/" + "a" * 65, "<source>"),
        ("", "<source>"),
    ],
)
def test_files_in_comments(path, shown):
    assert safe_file(path) == shown
