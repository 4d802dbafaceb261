"""Offer the functions of networks, named as in `jax.nn`: activations, softmax, one_hot.

Each takes arrays and numbers, traced or not, and gives floats of the same shape unless it says
otherwise. On plain arrays it computes what the op of the same name means.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile import special
from bpcompile.frontend import tracing as _rules  # noqa: F401 - enters the rules used here
from bpcompile.frontend.functions.creation import arange, is_traced
from bpcompile.frontend.lift import as_ndarray
from bpcompile.frontend.registry import RULES
from bpcompile.ir.op import OPS

Array = Any


def _activation(op: str, doc: str) -> Callable[[Array], Array]:
    """Return the function that is an elementwise op of the table."""

    def call(x: Array) -> Array:
        if is_traced(x):
            return RULES[_RULE_NAMES.get(op, f"special.{op}")](x)
        value = as_ndarray(x)
        single = np.float32 if value.dtype == np.float32 else np.float64
        with np.errstate(all="ignore"):
            return np.asarray(OPS[op].evaluate(value.astype(single)), dtype=single)[()]

    call.__name__ = call.__qualname__ = op
    call.__doc__ = doc
    return call


_RULE_NAMES = {"sigmoid": "special.expit", "log_sigmoid": "special.log_expit"}

sigmoid = _activation("sigmoid", "Return 1/(1 + exp(-x)).")
log_sigmoid = _activation("log_sigmoid", "Return log(sigmoid(x)) without underflow.")
softplus = _activation("softplus", "Return log(1 + exp(x)) without overflow.")
relu = _activation("relu", "Return max(x, 0); its derivative at 0 is 0.")


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


def relu6(x: Array) -> Array:
    """Return min(max(x, 0), 6)."""
    return np.minimum(relu(x), 6.0)


def leaky_relu(x: Array, negative_slope: Array = 0.01) -> Array:
    """Return x where it is positive, else `negative_slope` x.

    >>> float(leaky_relu(-2.0))
    -0.02
    """
    return np.where(np.greater(x, 0), x, np.multiply(negative_slope, x))


def elu(x: Array, alpha: Array = 1.0) -> Array:
    """Return x where it is positive, else alpha (exp(x) - 1)."""
    negative = np.multiply(alpha, np.expm1(np.minimum(x, 0.0)))
    return np.where(np.greater(x, 0), x, negative)


def selu(x: Array) -> Array:
    """Return the scaled elu, which keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return np.multiply(scale, elu(x, alpha))


def silu(x: Array) -> Array:
    """Return x sigmoid(x), also called swish."""
    return np.multiply(x, sigmoid(x))


def gelu(x: Array, approximate: bool = True) -> Array:
    """Return x Φ(x), with Φ the normal distribution.

    As in JAX the default is the form by tanh, ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), of
    D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units" (2016). It is computed as
    x sigmoid(2 u), where u is the argument of tanh, which keeps its digits where 1 + tanh u is
    all but 0.

    >>> float(gelu(-6.0))
    -8.439646700762311e-11
    """
    if not approximate:
        return np.multiply(x, special.ndtr(x))
    inner = np.multiply(x, np.add(1.0, np.multiply(0.044715, np.square(x))))
    return np.multiply(x, sigmoid(np.multiply(2.0 * math.sqrt(2.0 / math.pi), inner)))


def soft_sign(x: Array) -> Array:
    """Return x/(1 + abs(x))."""
    return np.divide(x, np.add(1.0, np.absolute(x)))


def hard_tanh(x: Array) -> Array:
    """Return x kept between -1 and 1."""
    return np.clip(x, -1.0, 1.0)


def celu(x: Array, alpha: Array = 1.0) -> Array:
    """Return x where it is positive, else alpha (exp(x/alpha) - 1)."""
    negative = np.multiply(alpha, np.expm1(np.divide(np.minimum(x, 0.0), alpha)))
    return np.where(np.greater(x, 0), x, negative)


def mish(x: Array) -> Array:
    """Return x tanh(softplus(x)) (D. Misra, 2019)."""
    return np.multiply(x, np.tanh(softplus(x)))


def hard_sigmoid(x: Array) -> Array:
    """Return min(max(x + 3, 0), 6)/6."""
    return np.divide(relu6(np.add(x, 3.0)), 6.0)


def hard_silu(x: Array) -> Array:
    """Return x hard_sigmoid(x), also called hardswish."""
    return np.multiply(x, hard_sigmoid(x))


def squareplus(x: Array, b: Array = 4.0) -> Array:
    """Return (x + √(x² + b))/2."""
    return np.multiply(0.5, np.add(x, np.sqrt(np.add(np.square(x), b))))


def glu(x: Array, axis: int = -1) -> Array:
    """Return the first half of an axis times the sigmoid of the second (Y. Dauphin, 2017).

    >>> glu(np.array([2.0, 0.0]))
    array([1.])
    """
    first, second = np.split(x, 2, axis=axis)
    return np.multiply(first, sigmoid(second))


def softmax(x: Array, axis: Any = -1) -> Array:
    """Return exp(x) over its sum along an axis, or several."""
    return special.softmax(x, axis=axis)


def log_softmax(x: Array, axis: Any = -1) -> Array:
    """Return the logarithm of the softmax along an axis, or several."""
    return special.log_softmax(x, axis=axis)


def logsumexp(a: Array, axis: Any = None, b: Array | None = None, keepdims: bool = False) -> Array:
    """Return log Σ b exp(a) without overflow."""
    return special.logsumexp(a, axis=axis, b=b, keepdims=keepdims)


def one_hot(x: Array, num_classes: int, *, dtype: Any = np.float64) -> Array:
    """Return 1 at the class that each int names and 0 elsewhere, along a new last axis.

    >>> one_hot(np.array([1, 0]), 3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    found = np.equal(np.expand_dims(x, -1), arange(num_classes))
    return RULES["astype"](found, dtype) if is_traced(found) else found.astype(dtype)


swish = silu
hard_swish = hard_silu


def identity(x: Array) -> Array:
    """Return x itself."""
    return np.positive(x)


def log1mexp(x: Array) -> Array:
    """Return log(1 - exp(-x)) of positive x, without loss near 0 and far from it.

    Source: M. Maechler, "Accurately computing log(1 - exp(-|a|))", 2012: either form is exact on
    its side of log 2.
    """
    far = np.greater(x, np.log(2.0))
    near = np.log(np.negative(np.expm1(np.negative(np.where(far, 0.5, x)))))
    return np.where(far, np.log1p(np.negative(np.exp(np.negative(np.where(far, x, 1.0))))), near)


def logmeanexp(x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Return the logarithm of the mean of exp(x), without overflow."""
    count = np.sum(np.ones_like(x), axis=axis, keepdims=keepdims)
    return np.subtract(logsumexp(x, axis=axis, keepdims=keepdims), np.log(count))


def sparse_plus(x: Array) -> Array:
    """Return 0 up to -1, x from 1 on, and (x + 1)²/4 between."""
    between = np.multiply(0.25, np.square(np.add(x, 1.0)))
    return np.where(np.less_equal(x, -1.0), 0.0, np.where(np.greater_equal(x, 1.0), x, between))


def sparse_sigmoid(x: Array) -> Array:
    """Return (x + 1)/2, held between 0 and 1: the derivative of `sparse_plus`."""
    return np.multiply(0.5, np.clip(np.add(x, 1.0), 0.0, 2.0))
