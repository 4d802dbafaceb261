"""Declare the vocabulary: every operation once, each beside its transpose.

In: nothing but the forms of `bpcompile.ir`. Out: the entries of `ir.op.OPS`. Importing this
package declares all of them. An op module must not know of tracing, schedules or targets beyond
the text patterns that it declares.
"""

from bpcompile.ops import (
    accumulation,
    arithmetic,
    checks,
    choice,
    contraction,
    entropy,
    error_function,
    error_inverse,
    exponential,
    exponential_integral,
    factorization,
    gamma,
    hyperbolic,
    index,
    lambert,
    leaf,
    moments,
    order,
    powers,
    product,
    reduce,
    region,
    scaled_error,
    shape,
    softmax,
    trigonometric,
)

__all__ = [
    "accumulation",
    "arithmetic",
    "checks",
    "choice",
    "contraction",
    "entropy",
    "error_function",
    "error_inverse",
    "exponential",
    "exponential_integral",
    "factorization",
    "gamma",
    "hyperbolic",
    "index",
    "lambert",
    "leaf",
    "moments",
    "order",
    "powers",
    "product",
    "reduce",
    "region",
    "scaled_error",
    "shape",
    "softmax",
    "trigonometric",
]
