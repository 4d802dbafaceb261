from __future__ import annotations

import numpy as np

import bpcompile as bp


def test_a_table_that_is_written_into_is_copied_first():
    f = bp.compile(lambda s, a: (s + np.array([1.0, a, 0.0, 2.0]), np.array([a, 0.0, 0.0, 2.0])))
    mixed, other = f(np.zeros(4), 3.0)
    assert mixed.tolist() == [1.0, 3.0, 0.0, 2.0]
    assert other.tolist() == [3.0, 0.0, 0.0, 2.0]
