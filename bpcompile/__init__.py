"""Compile a model once into a fast, fused, readable forward-and-backward function.

    >>> import bpcompile as bp
    >>> import numpy as np
    >>> @bp.value_and_grad(target="numpy")
    ... def loss(w, x):
    ...     return np.sum((w * x) ** 2)
    >>> loss(np.array([1.0, 2.0]), np.array([3.0, 0.5]))
    (10.0, array([18.,  1.]))
"""

from __future__ import annotations

from bpcompile.compiled import CompiledFunction
from bpcompile.errors import (
    ArgumentError,
    BpcompileError,
    CacheError,
    CacheWarning,
    CompileError,
    FormatError,
    GradientWarning,
    LimitError,
    NotCompiledError,
    NotDifferentiableError,
    ShapeError,
    TraceError,
    TypeMismatchError,
    UnsupportedError,
)
from bpcompile.function import compile, grad, jvp, value_and_grad, vjp
from bpcompile.ir.types import bool_, f32, f64, i64
from bpcompile.options import Options

__version__ = "0.1.0"

__all__ = [
    "compile",
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "Options",
    "CompiledFunction",
    "f64",
    "f32",
    "i64",
    "bool_",
    "BpcompileError",
    "ArgumentError",
    "CacheError",
    "CacheWarning",
    "CompileError",
    "FormatError",
    "GradientWarning",
    "LimitError",
    "NotCompiledError",
    "NotDifferentiableError",
    "ShapeError",
    "TraceError",
    "TypeMismatchError",
    "UnsupportedError",
]
