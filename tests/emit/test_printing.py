"""Expressions printed and read back by Python: brackets where needed, numbers to the bit."""

from __future__ import annotations

import ast
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.emit.printing import (
    Piece,
    call_text,
    number,
    render,
    shape_text,
    size_piece,
    tuple_text,
)
from bpcompile.ir.dims import Dim, dim_max, floor_div
from bpcompile.ir.op import OPS, Level, call, infix, pattern, prefix

TEXTS = {
    "neg": prefix("-", Level.NEGATE),
    "not": prefix("not ", Level.NOT),
    "add": infix("+", Level.ADD),
    "sub": infix("-", Level.ADD),
    "mul": infix("*", Level.MULTIPLY),
    "div": infix("/", Level.MULTIPLY),
    "power": pattern("{0} ** {1}", Level.POWER, Level.ATOM, Level.NEGATE),
    "less": pattern("{0} < {1}", Level.COMPARE, Level.BIT_OR, Level.BIT_OR),
    "and": pattern("{0} and {1}", Level.AND, Level.AND, Level.NOT),
    "or": pattern("{0} or {1}", Level.OR, Level.OR, Level.AND),
    "if": pattern("{1} if {0} else {2}", Level.CONDITION, Level.OR, Level.OR, Level.CONDITION),
    "call": call("f", 2),
}
LEAVES = st.sampled_from(["x", "y", "1.5", "-2.0"])


@st.composite
def trees(draw, depth=4):
    """Draw an expression as nested tuples, its leaves as texts."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(LEAVES)
    name = draw(st.sampled_from(sorted(TEXTS)))
    count = len(TEXTS[name].needs)
    return (name, *(draw(trees(depth=depth - 1)) for _ in range(count)))


def printed(tree) -> Piece:
    if isinstance(tree, str):
        return number(float(tree), "math") if tree[-1].isdigit() else Piece(tree)
    return render(TEXTS[tree[0]], [printed(part) for part in tree[1:]])


def bracketed(tree) -> str:
    """Return the expression with brackets around everything."""
    if isinstance(tree, str):
        return f"({tree})"
    return "(" + TEXTS[tree[0]].pattern.format(*map(bracketed, tree[1:])) + ")"


class Flat(ast.NodeTransformer):
    """Join ``(a and b) and c``, which Python reads apart from ``a and b and c``, to the latter."""

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        first, *rest = node.values
        if isinstance(first, ast.BoolOp) and type(first.op) is type(node.op):
            node.values = [*first.values, *rest]
        return node


def meaning(text: str) -> str:
    return ast.dump(Flat().visit(ast.parse(text, mode="eval")))


@settings(max_examples=500)
@given(trees())
def test_brackets_are_right(tree):
    assert meaning(printed(tree).text) == meaning(bracketed(tree))


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (("sub", "x", ("sub", "y", "x")), "x - (y - x)"),
        (("sub", ("sub", "x", "y"), "x"), "x - y - x"),
        (("mul", ("add", "x", "y"), "-2.0"), "(x + y) * -2.0"),
        (("power", "-2.0", "x"), "(-2.0) ** x"),
        (("neg", ("power", "x", "y")), "-x ** y"),
        (("neg", ("neg", "x")), "--x"),
        (("if", ("less", "x", "y"), "x", ("if", "y", "x", "y")), "x if x < y else x if y else y"),
    ],
)
def test_no_bracket_is_wasted(tree, text):
    assert printed(tree).text == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_floats_come_back_to_the_bit(value):
    found = eval(number(value, "math").text, {"math": math})
    assert type(found) is float
    if math.isnan(value):
        assert math.isnan(found)
    else:
        assert struct.pack("d", found) == struct.pack("d", value)


@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans()))
def test_ints_and_bools_come_back(value):
    piece = number(value, "np")
    assert eval(piece.text) == value
    assert piece.level is (Level.NEGATE if value < 0 else Level.ATOM)


def test_special_numbers():
    assert number(math.inf, "np") == Piece("np.inf")
    assert number(-math.inf, "math") == Piece("-math.inf", Level.NEGATE)
    assert number(-0.0, "math") == Piece("-0.0", Level.NEGATE)
    assert number(math.nan, "np").text == "np.nan"
    assert number(-2.0, "np").at(Level.POWER) == "(-2.0)"


N, M = Dim.named("n"), Dim.named("m")
SIZES = [3, -3, N, 2 * N, N * M, N - 1, -1 * N, floor_div(N, 2), dim_max(N, M), N * M - 2 * N + 1]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["mul", "sub", "power", "neg"])
def test_sizes_bind_as_they_read(size, name):
    names = {"n": 5, "m": 7, "max": max}
    op = TEXTS[name]
    piece = size_piece(size)
    value = eval(piece.text, names)
    for place in range(len(op.needs)):
        operands = [Piece("2")] * len(op.needs)
        operands[place] = piece
        meant = op.pattern.format(*(f"({p.text})" for p in operands))
        assert eval(render(op, operands).text, names) == eval(meant, names)
    assert value == eval(str(size), names)


def test_shapes_and_tuples():
    assert tuple_text(["x"]) == "(x,)"
    assert tuple_text(["x", "y"]) == "(x, y)"
    assert shape_text((N,)) == "n"
    assert shape_text((N, 3)) == "(n, 3)"
    assert shape_text(()) == "()"
    assert call_text("f", "x", "y") == "f(x, y)"


@pytest.mark.parametrize("target", ["numba", "numpy"])
def test_every_text_of_the_table_binds_as_it_says(target):
    for op in OPS.values():
        text = getattr(op, target)
        if text is None:
            continue
        letters = "xyzw"[: len(text.needs)]
        # Operands that bind just too weakly get brackets, and then mean what they mean apart.
        weak = {need: "p if q else r" for need in Level if need > Level.CONDITION}
        operands = [
            Piece(weak.get(need, letter), Level.CONDITION if need in weak else Level.ATOM)
            for letter, need in zip(letters, text.needs, strict=True)
        ]
        shown = ast.dump(ast.parse(render(text, operands).text, mode="eval"))
        meant = text.pattern.format(*(f"({piece.text})" for piece in operands))
        assert shown == ast.dump(ast.parse(meant, mode="eval")), op.name
