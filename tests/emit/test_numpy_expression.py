from __future__ import annotations

import numpy as np

import bpcompile as bp


def test_a_choice_among_numbers_is_as_wide_as_what_it_meets():
    f = bp.grad(lambda a: np.sum(np.where(a > 0, np.log(a), 0.0)), target="numpy", cache=False)
    assert f(np.array([2.0, -1.0], np.float32)).dtype == np.float32
    assert f(np.array([2.0, -1.0])).tolist() == [0.5, 0.0]
