"""Each partial of each elementwise op against `sympy.diff`, at 30 digits."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Piecewise, S, erf, exp, log, sqrt

from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from tests.ops.support import ELEMENTWISE, apply, draw, gradient, has_partial, names, params, value

x, y, z = sympy.symbols("x y z", real=True)

DAWSON = sqrt(sympy.pi) / 2 * exp(-(x**2)) * sympy.erfi(x)

# The op in SymPy's terms, on the piece that its test domain lies on where SymPy has no such op.
MEANING = {
    "add": x + y,
    "sub": x - y,
    "mul": x * y,
    "div": x / y,
    "neg": -x,
    "square": x**2,
    "reciprocal": 1 / x,
    "abs": Piecewise((x, x > 0), (-x, True)),
    "copysign": Piecewise((x, x * y > 0), (-x, True)),
    "maximum": Piecewise((x, x > y), (y, True)),
    "minimum": Piecewise((x, x < y), (y, True)),
    "clip": Piecewise((y, x < y), (z, x > z), (x, True)),
    "relu": Piecewise((x, x > 0), (S.Zero, True)),
    "astype": x,
    "exp": exp(x),
    "exp2": S(2) ** x,
    "expm1": exp(x) - 1,
    "log": log(x),
    "log1p": log(1 + x),
    "log2": log(x) / log(2),
    "log10": log(x) / log(10),
    "logaddexp": log(exp(x) + exp(y)),
    "logaddexp2": log(2**x + 2**y) / log(2),
    "xlogy": x * log(y),
    "xlog1py": x * log(1 + y),
    "log_ratio": log(x / y),
    "entr": -x * log(x),
    "rel_entr": x * log(x / y),
    "kl_div": x * log(x / y) - x + y,
    "expi": sympy.Ei(x),
    "exp1": sympy.expint(1, x),
    "exprel": (exp(x) - 1) / x,
    "exprel_slope": sympy.diff((exp(x) - 1) / x, x),
    "si": sympy.Si(x),
    "ci": sympy.Ci(x),
    "lambertw_upper": sympy.LambertW(x),
    "lambertw_lower": sympy.LambertW(x, -1),
    "lambertw_gap_upper": 1 + y,
    "lambertw_gap_lower": 1 + y,
    "logit": log(x / (1 - x)),
    "sigmoid": 1 / (1 + exp(-x)),
    "softplus": log(1 + exp(x)),
    "log_sigmoid": -log(1 + exp(-x)),
    "gaussian": exp(-(x**2)),
    "norm_pdf": exp(-(x**2) / 2) / sqrt(2 * sympy.pi),
    "erf": erf(x),
    "erfc": sympy.erfc(x),
    "erfcx": exp(x**2) * sympy.erfc(x),
    "erfcx_slope": sympy.diff(exp(x**2) * sympy.erfc(x), x),
    "log_ndtr": log((1 + erf(x / sqrt(2))) / 2),
    "log_ndtr_slope": sympy.diff(log((1 + erf(x / sqrt(2))) / 2), x),
    "normal_hazard": sqrt(2 / sympy.pi) * exp(-(x**2) / 2) / sympy.erfc(x / sqrt(2)),
    "erfinv": sympy.erfinv(x),
    "erfcinv": sympy.erfinv(1 - x),
    "ndtri": sqrt(2) * sympy.erfinv(2 * x - 1),
    "erfi": sympy.erfi(x),
    "dawsn": DAWSON,
    "dawsn_slope": 1 - 2 * x * DAWSON,
    "spence": sympy.polylog(2, 1 - x),
    "expn": sympy.expint(x, y),
    "nextafter": x,
    "digamma_rise": sympy.digamma(x + y) - sympy.digamma(x),
    "ndtr": (1 + erf(x / sqrt(2))) / 2,
    "j0": sympy.besselj(0, x),
    "j1": sympy.besselj(1, x),
    "y0": sympy.bessely(0, x),
    "y1": sympy.bessely(1, x),
    "i0": sympy.besseli(0, x),
    "i1": sympy.besseli(1, x),
    "i0e": exp(-x) * sympy.besseli(0, x),
    "i1e": exp(-x) * sympy.besseli(1, x),
    "i0e_less_i1e": exp(-x) * (sympy.besseli(0, x) - sympy.besseli(1, x)),
    "k0": sympy.besselk(0, x),
    "k1": sympy.besselk(1, x),
    "k0e": exp(x) * sympy.besselk(0, x),
    "k1e": exp(x) * sympy.besselk(1, x),
    "i1e_slope": sympy.diff(exp(-x) * sympy.besseli(1, x), x),
    "k1e_slope": sympy.diff(exp(x) * sympy.besselk(1, x), x),
    "k1e_less_k0e": exp(x) * (sympy.besselk(1, x) - sympy.besselk(0, x)),
    "beta": sympy.gamma(x) * sympy.gamma(y) / sympy.gamma(x + y),
    "betaln": sympy.loggamma(x) + sympy.loggamma(y) - sympy.loggamma(x + y),
    "gammainc": sympy.lowergamma(x, y) / sympy.gamma(x),
    "gammaincc": sympy.uppergamma(x, y) / sympy.gamma(x),
    "gamma_density": y ** (x - 1) * exp(-y) / sympy.gamma(x),
    "betainc": sympy.betainc_regularized(x, y, 0, z),
    "beta_density": z ** (x - 1)
    * (1 - z) ** (y - 1)
    * sympy.gamma(x + y)
    / (sympy.gamma(x) * sympy.gamma(y)),
    "gamma": sympy.gamma(x),
    "gammaln": sympy.loggamma(x),
    "digamma": sympy.digamma(x),
    "rgamma": 1 / sympy.gamma(x),
    "hurwitz_zeta": sympy.zeta(x, y),
    "riemann_zeta": sympy.zeta(x),
    "sqrt": sqrt(x),
    "cbrt": x ** (S.One / 3),
    "power": x**y,
    "hypot": sqrt(x**2 + y**2),
    "sin": sympy.sin(x),
    "sinc": sympy.sin(sympy.pi * x) / (sympy.pi * x),
    "cos": sympy.cos(x),
    "tan": sympy.tan(x),
    "arcsin": sympy.asin(x),
    "arccos": sympy.acos(x),
    "arctan": sympy.atan(x),
    "arctan2": sympy.atan2(x, y),
    "sinh": sympy.sinh(x),
    "cosh": sympy.cosh(x),
    "tanh": sympy.tanh(x),
    "tanh_near_zero": sympy.tanh(x),
    "arcsinh": sympy.asinh(x),
    "arccosh": sympy.acosh(x),
    "arctanh": sympy.atanh(x),
}
# Those without a proof, each with the reason, and all with tests of their own below.
UNPROVED = {
    "remainder": "SymPy leaves the derivative of floor standing",
    "fmod": "SymPy leaves the derivative of the whole part standing",
    "select": "it is a choice by a bool, which is no number to SymPy",
}
DIFFERENTIABLE = [op for op in ELEMENTWISE if op.derivative is None]
PROVED = [op for op in DIFFERENTIABLE if op.name in MEANING]


def test_every_differentiable_op_has_its_meaning_here():
    assert {op.name for op in DIFFERENTIABLE} == MEANING.keys() | UNPROVED.keys()
    assert MEANING.keys().isdisjoint(UNPROVED)


@pytest.mark.parametrize("op", PROVED, ids=names(PROVED))
def test_partials_are_those_of_sympy(op):
    meaning = MEANING[op.name]
    arrays = draw(op, (6,))
    points = [
        {s: sympy.Float(a[place], 40) for s, a in zip((x, y, z), arrays, strict=False)}
        for place in range(6)
    ]
    exact = [float(meaning.subs(point).evalf(30)) for point in points]
    np.testing.assert_allclose(value(apply(op), arrays), exact, rtol=1e-12, atol=1e-15)
    found = gradient(apply(op), *arrays)
    for k, symbol in enumerate((x, y, z)[: len(arrays)]):
        if not has_partial(op, k):
            continue
        slope = sympy.diff(meaning, symbol)
        exact = [float(slope.subs(point).evalf(30)) for point in points]
        np.testing.assert_allclose(found[k], exact, rtol=1e-13, err_msg=f"{symbol}")


@pytest.mark.parametrize(("name", "quotient"), [("remainder", np.floor), ("fmod", np.trunc)])
def test_remainders_differentiate_on_their_piece(name, quotient):
    a, b = draw(OPS[name], (40,))
    over_a, over_b = gradient(apply(OPS[name]), a, b)
    np.testing.assert_array_equal(over_a, np.ones(40))
    np.testing.assert_array_equal(over_b, -quotient(a / b))


def test_select_hands_its_cotangent_to_the_choice():
    where, a, b = draw(OPS["select"], (40,))
    over_a, over_b = gradient(apply(OPS["select"]), where, a, b)
    np.testing.assert_array_equal(over_a, where)
    np.testing.assert_array_equal(over_b, ~where)


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=names(DIFFERENTIABLE))
def test_float32_gradients_stay_float32(op):
    arrays = draw(op, (6,), "float32")
    wide = [a if a.dtype == bool else a.astype("float64") for a in arrays]
    if op.name == "astype":
        assert gradient(apply(op), *arrays)[0].dtype == np.float32
        return
    for found, expected in zip(
        gradient(apply(op), *arrays), gradient(apply(op), *wide), strict=True
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-6)


def test_zero_derivative_stops_the_sweep():
    for op in ELEMENTWISE:
        arrays = draw(op, (3,))
        builder = Builder("f")
        result = apply(op)(*params(builder, arrays))
        if op.derivative == "zero" and result.dtype.is_float:
            for found in gradient(apply(op), *arrays):
                np.testing.assert_array_equal(found, np.zeros(3))
