"""Test the lines of checks: any text is a literal that means it and nothing else."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpcompile.emit.check import check_module
from bpcompile.emit.printing import Piece
from bpcompile.emit.raising import literal, raising_lines
from bpcompile.ir.op import Level
from tests.emit.hostile import HOSTILE


@given(st.text())
def test_any_text_is_a_literal(text):
    shown = literal(text)
    assert ast.literal_eval(shown) == text
    assert shown.isascii()
    assert shown.isprintable()
    assert '"' not in shown[1:-1]


@pytest.mark.parametrize("text", [*HOSTILE, '"""', "_poll(x)", "scipy.special", "\n", "\\", "'\""])
def test_hostile_texts_stay_inside_of_their_literals(text):
    shown = literal(text)
    assert ast.literal_eval(shown) == text
    assert "_poll(" not in shown
    assert "scipy." not in shown
    _, line = raising_lines("ValueError", Piece("x"), (text,), 0, "")
    check_module(f'"""A module."""\n\ndef f(x):\n    """Test."""\n    {line.code}\n')


def test_conditions_and_arguments():
    def lines(condition, *args):
        return [line.code for line in raising_lines("KeyError", condition, args, 0, "")]

    greater = Piece("x > 0", Level.COMPARE)
    assert lines(greater, "no") == ["if not x > 0:", 'raise KeyError("no")']
    assert lines(Piece("a and b", Level.AND)) == ["if not (a and b):", "raise KeyError()"]
    assert lines(Piece("not x > 0", Level.NOT), "", 2) == ["if x > 0:", 'raise KeyError("", 2)']
    assert lines(Piece("np.logical_not(x > 0)"))[0] == "if x > 0:"
