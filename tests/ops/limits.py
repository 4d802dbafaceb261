"""Say how far each elementwise op may be from mpmath, and make the graphs that are measured."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type, f64
from bpcompile.passes.pipeline import LOWER, run
from bpcompile.transforms.reverse import scaled
from tests.ops import (
    references,
    references_bessel,
    references_gamma,
    references_incomplete,
    references_integrals,
    references_special,
)
from tests.ops.support import has_partial

# What each module has: a table of its functions.
FAMILIES = {
    references.__name__: references.REFERENCES,
    references_bessel.__name__: references_bessel.BESSEL,
    references_gamma.__name__: references_gamma.GAMMA,
    references_incomplete.__name__: references_incomplete.INCOMPLETE,
    references_integrals.__name__: references_integrals.INTEGRALS,
    references_special.__name__: references_special.SPECIAL,
}
REFERENCES = {name: found for table in FAMILIES.values() for name, found in table.items()}

VALUE, SLOPE = 2.0, 4.0


class Limit(NamedTuple):
    """Hold what an op is allowed where it misses the bar, and the reason.

    `beyond` names the operands at which nothing is promised.
    """

    value: float
    slope: float
    reason: str
    beyond: Callable[..., np.ndarray] | None = None


def subnormal_length(a, b):
    return np.hypot(a, b) < np.finfo(a.dtype).tiny / np.finfo(a.dtype).eps


def subnormal_operand(a, b):
    return np.minimum(np.abs(a), np.abs(b)) < np.finfo(a.dtype).tiny


def subnormal_power(a, b):
    with np.errstate(all="ignore"):
        return np.minimum(np.power(a, b), np.power(a, b - 1)) < np.finfo(a.dtype).tiny


def subnormal_quotient(a, b):
    with np.errstate(all="ignore"):
        return np.abs(a / b) < np.finfo(a.dtype).tiny


def rounded_exponent(s, q):
    return (s + 1) - 1 != s


# What is beyond, with its figure and reason.
EXCEPTIONS: dict[str, Limit] = {
    "erfc": Limit(2.3, SLOPE, "the C library's own error, by which ndtr is bounded too"),
    "exp1": Limit(2.7, SLOPE, "an exponential, a quotient and their product, for x > 0.5"),
    "expi": Limit(2.4, SLOPE, "the sum of a logarithm and a product, to 6"),
    "lambertw_upper": Limit(2.4, SLOPE, "a polynomial and its product with x, left of -0.1"),
    "log_ndtr": Limit(3.6, SLOPE, "the product of erfcx and an exponential, for x > 0.7"),
    "ndtr": Limit(2.3, SLOPE, "that of erfc"),
    "hypot": Limit(
        VALUE,
        SLOPE,
        "a subnormal length has too few bits to divide by",
        subnormal_length,
    ),
    "power": Limit(
        VALUE,
        SLOPE,
        "a subnormal power has too few bits for the products of its partials",
        subnormal_power,
    ),
    "div": Limit(
        VALUE, SLOPE, "a subnormal quotient has too few bits to divide again", subnormal_quotient
    ),
    "sinc": Limit(2.3, SLOPE, "those of πx twice, of the sine and the quotient"),
    **dict.fromkeys(
        ["j0", "j1"],
        Limit(2.1, SLOPE, "of the amplitude: the roundings of sine, root and quotient, beyond 8"),
    ),
    "i0": Limit(2.3, SLOPE, "the roundings of exp and its product, of which a fit has one"),
    "i0e": Limit(2.1, SLOPE, "the same, below 3"),
    "i1": Limit(2.1, SLOPE, "those of i0"),
    "i1e": Limit(2.5, SLOPE, "those of i0e"),
    "k0": Limit(2.8, SLOPE, "those of exp, the fit and its quotient, or of their sum to 1"),
    "k0e": Limit(2.7, SLOPE, "those of exp and of a sum below 1"),
    "k1": Limit(2.5, SLOPE, "those of k0"),
    "k1e": Limit(2.5, SLOPE, "those of k0e"),
    "arctan2": Limit(
        VALUE,
        SLOPE,
        "a subnormal operand has too few bits once it is divided by the larger one",
        subnormal_operand,
    ),
    "beta": Limit(3.9, 4.8, "those of three gamma functions, their product and a rise of digamma"),
    "betaln": Limit(3.1, SLOPE, "those of three logarithms of gamma, or that of beta"),
    "gammainc": Limit(4.3, SLOPE, "a power, an exponential and gamma, times a series"),
    "gammaincc": Limit(5.7, SLOPE, "the same, and one less it where x is just below a"),
    "betainc": Limit(7.6, 4.7, "a continued fraction, and one less it where that is small"),
    "spence": Limit(2.6, SLOPE, "the square of a logarithm and two sums, beyond 4"),
    "expn": Limit(2.7, SLOPE, "the sums of the power series below 1/2, the fraction's at order 3"),
    "gamma": Limit(2.2, SLOPE, "those of pow, the sine and the division, left of 0"),
    "riemann_zeta": Limit(2.1, SLOPE, "those of pow and of zeta itself, left of -1"),
    "hurwitz_zeta": Limit(
        VALUE, SLOPE, "where s + 1 is rounded, log(q) multiplies that", rounded_exponent
    ),
    **dict.fromkeys(
        ["rel_entr", "kl_div"],
        Limit(
            2.1, SLOPE, "a difference, a quotient, log1p and a product, of nearly equal operands"
        ),
    ),
}
# What only the numpy target or float32 misses.
EXCEPTIONS_HERE: dict[tuple[str, str, str], Limit] = {
    ("erf", "numpy", "float64"): Limit(2.2, SLOPE, "SciPy's own error"),
    **dict.fromkeys(
        [("arcsin", how, "float32") for how in ("numpy", "python")],
        Limit(3.0, SLOPE, "NumPy's own error beside 1/2, in either text as Python runs it"),
    ),
    **dict.fromkeys(
        [("power", how, "float32") for how in ("numpy", "python")],
        Limit(
            VALUE,
            16.0,
            "the exponent less one is rounded where the power is an extreme",
            subnormal_power,
        ),
    ),
}
# Operations that IEEE 754 rounds, choices, steps and questions: right or wrong, never nearly right.
EXACT = set(
    """
    add sub mul neg abs sign floor ceil rint trunc relu astype stop_gradient copysign floor_divide
    remainder fmod maximum minimum clip select less less_equal greater greater_equal equal not_equal
    logical_and logical_or logical_not logical_xor isnan isinf isfinite nextafter spacing
    """.split()  # noqa: SIM905  (a page of quotation marks would say no more)
)
# Pieces of lines, and derivatives of others: never a model's own.
INNER = set(
    """
    gaussian norm_pdf tanh_near_zero erfcx_slope log_ndtr_slope exprel_slope lambertw_gap_upper
    lambertw_gap_lower i0e_less_i1e k1e_less_k0e
    gamma_density beta_density dawsn_slope digamma_rise i1e_slope k1e_slope normal_hazard
    """.split()  # noqa: SIM905  (as above)
)


def limits(name, how, dtype):
    here = EXCEPTIONS_HERE.get((name, how, dtype), EXCEPTIONS.get(name))
    return here or Limit(VALUE, SLOPE, "")


def graph_of(names, dtype=DType.F64):
    """Return the lowered graph of values and partials of ops, each at points of its own."""
    builder = Builder("f")
    outputs = []
    for k, name in enumerate(names):
        slopes = REFERENCES[name].slopes
        type = Type(dtype, f64[f"n{k}"].shape)
        xs = [builder.param(f"x{k}_{j}", type) for j in range(len(slopes))]
        y = OPS[name](*xs)
        outputs.append(y)
        for j, (partial, slope) in enumerate(zip(OPS[name].partials, slopes, strict=True)):
            is_known = partial is not None and has_partial(OPS[name], j)
            assert is_known == (slope is not None), name
            if is_known:
                outputs.append(scaled(builder.const(1, type), partial(y, *xs)))
    return run(builder.finish(outputs), LOWER)


@functools.cache
def exact(name):
    """Return what the results of an op are: the label, function and largest term of each."""
    reference = REFERENCES[name]
    found = [("value", reference.value, reference.term)]
    for k, slope in enumerate(reference.slopes):
        if slope is not None:
            found.append((f"partial {k}", slope, reference.slope_terms[k]))
    return found
