"""Dimensions print as one would write them, and their text reads back to the same value."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.dims import Dim, dim_log2, dim_max, dim_sqrt, evaluate, floor_div, parse_dim

N, I = Dim.named("n"), Dim.named("i")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (N - 1 - I, "n - i - 1"),
        (3 - I, "3 - i"),
        (-I - 1, "-i - 1"),
        (2 * N - I * N, "2*n - i*n"),
        (floor_div(N + 1, 3), "(n + 1) // 3"),
        (floor_div(N, 2) - N, "(n // 2) - n"),
        (-floor_div(N, 2), "-(n // 2)"),
        (floor_div(floor_div(N + 1, 2), -3), "((n + 1) // 2) // (-3)"),
        (dim_max(floor_div(N, 2), I), "max(i, n // 2)"),
        (dim_sqrt(N) + 1, "int(np.sqrt(n)) + 1"),
        (2 * dim_log2(N + 1), "2*int(np.log2(n + 1))"),
    ],
)
def test_text(size, text):
    assert str(size) == text
    assert parse_dim(text) == size


def test_roots_and_logarithms_are_rounded_down():
    for value in (0, 1, 2, 3, 4, 15, 16, 17, 2**40 - 1, 2**40, 10**12):
        assert evaluate(dim_sqrt(N), {"n": value}) == int(np.sqrt(value))
        assert evaluate(dim_log2(N + 1), {"n": value}) == int(np.log2(value + 1))
