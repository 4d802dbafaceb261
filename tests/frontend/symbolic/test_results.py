from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Matrix, MatrixSymbol
from sympy.abc import x, y

from bpcompile.errors import ArgumentError
from bpcompile.frontend.symbolic import lower
from bpcompile.ir.interpret import interpret
from bpcompile.ir.type import f64


def results(expr, args, *point):
    found = lower(expr, args)
    return found.structure.unflatten(interpret(found.graph, point))


def test_a_list_gives_a_tuple():
    assert results([x + y, [x * y, (2.5, x)]], [x, y], 2.0, 3.0) == (5.0, (6.0, (2.5, 2.0)))
    assert results((x,), [x], 2.0) == (2.0,)
    assert results(sympy.Tuple(x, y), [x, y], 2.0, 3.0) == (2.0, 3.0)


@pytest.mark.parametrize("matrix", [Matrix, sympy.ImmutableMatrix, sympy.SparseMatrix])
def test_a_matrix_gives_an_array_of_two_axes(matrix):
    found = results(matrix([[x, 0], [x * y, 1]]), [x, y], 2.0, 3.0)
    np.testing.assert_array_equal(found, [[2.0, 0.0], [6.0, 1.0]])
    assert results(matrix([x, y]), [x, y], 2.0, 3.0).shape == (2, 1)
    assert results(matrix([[x, y]]), [x, y], 2.0, 3.0).shape == (1, 2)


def test_constant_empty_and_many_axed_arrays():
    np.testing.assert_array_equal(results(Matrix([[1, 2], [3, 4]]), [x], 0.0), [[1, 2], [3, 4]])
    assert results(sympy.zeros(0, 3), [x], 0.0).shape == (0, 3)
    found = results(sympy.Array([[[x, 1]], [[y, 2]]]), [x, y], 3.0, 4.0)
    np.testing.assert_array_equal(found, [[[3.0, 1.0]], [[4.0, 2.0]]])


def test_numbers_stand_among_expressions():
    found = results([1, 2.5, True, np.float32(0.5), x], [x], 3.0)
    assert [np.asarray(v).dtype.name for v in found] == [
        "int64",
        "float64",
        "bool",
        "float32",
        "float64",
    ]


def test_an_array_for_a_symbol_broadcasts():
    found = lower([x * y, Matrix([x, 1])], [x, y], {x: f64["n"], y: f64["m", 1]})
    product, column = interpret(found.graph, [np.arange(3.0), np.ones((2, 1))])
    assert product.shape == (2, 3)
    np.testing.assert_array_equal(column, [[[0, 1, 2]], [[1, 1, 1]]])


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        ("x + y", "expr is a text.*SymPy's symbols"),
        ([x, "y"], r"expr\[1\] is a text"),
        ({"a": x}, "nested in a dict"),
        ([x, None], "nested in a NoneType"),
        (object(), "expr is a object"),
        ([x, 1j], r"expr\[1\] is a complex"),
    ],
)
def test_what_is_no_expression_is_refused(expr, message):
    with pytest.raises(ArgumentError, match=message):
        lower(expr, [x, y])


def test_matrix_symbols_may_be_entries():
    row = MatrixSymbol("r", 1, 2)
    np.testing.assert_array_equal(results([row, row[0, 1]], [row], [[3.0, 4.0]])[0], [[3.0, 4.0]])
