from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.dims import Dim, parse_dim
from bpcompile.ir.graph import Guard
from bpcompile.ir.type import f64, i64
from bpcompile.runtime.lengths import Misfit, Place, bind_lengths, length_of, shape_of


def test_names_are_bound_in_order_and_tested_after():
    places = [Place("x", f64["n - 1"]), Place("y", f64["n 3"])]
    assert bind_lengths(places, [np.ones(4), np.ones((5, 3))]) == {"n": 5}


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones(5), np.ones((5, 3)), r"axis 0 of x is 5 and must be n - 1 = 4"),
        (np.ones(4), np.ones((5, 2)), r"axis 1 of y is 2 and must be 3"),
    ],
)
def test_lengths_that_do_not_fit_are_named(x, y, message):
    places = [Place("x", f64["n - 1"]), Place("y", f64["n 3"])]
    with pytest.raises(Misfit, match=message):
        bind_lengths(places, [x, y])


def test_an_int_may_be_a_length():
    places = [Place("n", i64[()], Dim.named("n")), Place("x", f64["n"])]
    assert bind_lengths(places, [3, np.ones(3)]) == {"n": 3}
    with pytest.raises(Misfit, match="axis 0 of x is 4 and must be n = 3"):
        bind_lengths(places, [3, np.ones(4)])


def test_guards_say_why():
    guard = Guard(Dim.named("n"), ">=", 3, "x[2] at model.py:7")
    with pytest.raises(Misfit, match=r"n >= 3 \(x\[2\] at model\.py:7\) does not hold for n = 2"):
        bind_lengths([Place("x", f64["n"])], [np.ones(2)], [guard])
    assert bind_lengths([Place("x", f64["n"])], [np.ones(3)], [guard]) == {"n": 3}


def test_a_size_without_value_does_not_fit():
    with pytest.raises(Misfit, match="has no value for m = 4, n = 0"):
        length_of(parse_dim("m // n"), {"m": 4, "n": 0})
    assert shape_of(f64["n*m 2"], {"n": 3, "m": 4}) == (12, 2)
