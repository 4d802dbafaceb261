"""The one door through which a name from data reaches emitted text."""

from __future__ import annotations

import builtins
import keyword
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bpcompile as bp
from bpcompile.emit.formula import Formulas
from bpcompile.emit.module import emit_module
from bpcompile.emit.names import (
    RESERVED,
    Namer,
    safe_file,
    safe_name,
    safe_note,
    spelled,
    unnamed_letter,
)
from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64
from bpcompile.passes.pipeline import LOWER, run
from bpcompile.schedule.program import Interface
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.emit.hostile import HOSTILE


@pytest.mark.parametrize("name", ["x", "X", "loss_2", "a" * 64, "w__", "x1", "vector", "v", "v0"])
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
    assert [namer.fresh(None), namer.fresh("v0"), namer.fresh("a b")] == ["v0", "v0_2", "v1"]


def test_unnamed_values_are_called_as_no_value_of_the_user_is():
    assert unnamed_letter(["x", None, "v", "loss", "v1 = 2", "v\u0661"]) == "v"
    assert unnamed_letter(["v0", "x"]) == "u"
    assert unnamed_letter(["v0_bar", "u1", "w2"]) == "t"
    assert unnamed_letter([f"{letter}0" for letter in string.ascii_lowercase]) == "value_"
    namer = Namer(unnamed="u")
    assert [namer.fresh("v0"), namer.fresh(None), namer.fresh("u1")] == ["v0", "u0", "u1"]


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


def module_of(name, target, derive):
    """Return the module of derivatives of a graph whose every value bears one name."""
    builder = Builder("f")
    x, s = builder.param(name, f64["n m"]), builder.param(name, f64[()])
    y = OPS["sin"](x) * x
    rows = OPS["sum"](y * y, axes=(1,))
    z = OPS["sum"](OPS["exp"](rows) * rows, axes=(0,)) * s
    for value in (y, rows, z):
        value.node.name = name
    graph = builder.finish((z, y))
    joint = derive(graph, [0, 1])
    lowered = run(joint, LOWER)
    interface = Interface("f_of", "f_of: results.", tuple(range(len(lowered.outputs))))
    return emit_module(lowered, interface, target, Formulas(graph, joint)).text


@pytest.mark.parametrize("target", ["numpy", "numba"])
@pytest.mark.parametrize("derive", [reverse, forward])
def test_a_module_does_not_tell_which_names_were_refused(target, derive):
    texts = {module_of(name, target, derive) for name in HOSTILE}
    assert len(texts) == 1


LOOP = """
def model({name}):
    def step(k, {name}):
        return {name} * {name} * 0.5 + 0.25
    return bp.fori_loop(0, 9, step, {name})
"""


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_a_loop_does_not_tell_which_names_were_refused(target):
    texts = set()
    for name in ("print", "len", "math", "workspace", "\u0445", "\u540d", "x" * 65):
        defined = {"bp": bp}
        exec(LOOP.format(name=name), defined)
        call = bp.value_and_grad(defined["model"], target=target, compile="eager", cache=False)
        texts.add(call.compile(bp.f64[()]).source)
    assert len(texts) == 1


def test_an_ending_of_ours_goes_with_its_name():
    for ending in ("bar", "dot", "next", "bar_dot", "back_bar", "ij"):
        assert safe_name(f"loss_{ending}") == f"loss_{ending}"
        for name in ("print", "np", "class", "a b"):
            assert safe_name(f"{name}_{ending}") is None


def test_a_note_shows_no_name_that_was_refused():
    note = "keeps x, h[...] and 1 more value of each step on the tape: for the gradient (here)"
    assert safe_note(note) == note
    assert safe_note("keeps len, print\nimport os and \u0445") == "keeps ?, ??import os and ?"


def test_the_path_of_a_leaf_becomes_a_name():
    assert safe_name("state['pos']") == "state_pos"
    assert safe_name("pair[0]_bar") == "pair_0_bar"
    assert safe_name("layers[1]['w']_bar") == "layers_1_w_bar"
    assert safe_note("keeps s['pos'] and h[...]") == "keeps s_pos and h[...]"
    for name in ("print[0]_bar'", "a['b c']", "a[x]", "a['b'", "1[0]", "\u540d[0]", "a['\u0445']"):
        assert safe_name(name) is None
