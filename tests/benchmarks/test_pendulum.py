from __future__ import annotations

import numpy as np
import sympy

from benchmarks import pendulum


def test_the_equations_written_out_are_those_of_the_mechanics():
    names, values = pendulum.arguments(3), pendulum.point(3)
    expression = pendulum.misfit(3)
    place = dict(zip(names, values, strict=True))
    slopes = [expression.diff(angle).evalf(subs=place) for angle in names[:3]]
    value, expected = pendulum.value_and_gradient(values, 3)
    np.testing.assert_allclose(float(expression.evalf(subs=place)), value, rtol=1e-12)
    np.testing.assert_allclose([float(slope) for slope in slopes], expected, rtol=1e-10)


def test_a_node_counts_once():
    x = sympy.Symbol("x")
    assert pendulum.distinct(x * sympy.sin(x)) == 3
