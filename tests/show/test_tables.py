from __future__ import annotations

import numpy as np
import pytest

from bpcompile.show.tables import cell, text_table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.5, "0.5"),
        (-0.0, "-0"),
        (float("nan"), "nan"),
        (7, "7"),
        (True, "True"),
        (np.array([1.0, 2.5]), "[1, 2.5]"),
        (np.array([], float), "[]"),
        (np.arange(3), "[0, 1, 2]"),
        (np.arange(12).reshape(3, 4), "3x4, int64"),
        (np.full((2, 2), 3.0), "2x2, norm 6"),
        (np.eye(3, dtype=bool), "3x3, 3 true"),
        (np.array([np.inf] * 9), "9, norm inf"),
        (np.ones((2, 0)), "2x0, norm 0"),
    ],
)
def test_cell(value, text):
    assert cell(value) == text


def test_text_table_aligns_combining_letters():
    table = text_table(("name", "n"), [[("z̄ = x", "1"), ("", "22")], [("long name", "3")]], "lr")
    assert table.splitlines() == [
        "name        n",
        "---------  --",
        "z̄ = x       1",
        "           22",
        "long name   3",
    ]


def test_a_wide_table_breaks_its_widest_cells_between_words():
    words = " ".join(["word"] * 60)
    table = text_table(("name", "text"), [[("a", words)], [("b", "x" * 150)]], "ll")
    lines = table.splitlines()
    assert max(map(len, lines)) <= 120
    assert "".join(line[6:] for line in lines[2:]).replace(" ", "") == "word" * 60 + "x" * 150
    assert [line[0] for line in lines[2:] if line[0] != " "] == ["a", "b"]
