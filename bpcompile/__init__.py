"""Compile a model once into a fast, fused, readable forward-and-backward function.

    >>> import bpcompile as bp
    >>> import numpy as np
    >>> @bp.value_and_grad(target="numpy")
    ... def loss(w, x):
    ...     return np.sum((w * x) ** 2)
    >>> loss(np.array([1.0, 2.0]), np.array([3.0, 0.5]))
    (10.0, array([18.,  1.]))

The public names are loaded when they are first used, so that importing the package costs next to
nothing in a program that may not need it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bpcompile.startup import uncollected

if TYPE_CHECKING:
    from bpcompile import nn, numpy, special, tree
    from bpcompile.checkpoints import checkpoint, range
    from bpcompile.compiled import CompiledFunction
    from bpcompile.control import (
        cond,
        fori_loop,
        map,
        scan,
        stop_gradient,
        switch,
        while_loop,
    )
    from bpcompile.custom import custom_jvp, custom_vjp
    from bpcompile.debugging import debug_print
    from bpcompile.errors import (
        ArgumentError,
        BpcompileError,
        CacheError,
        CacheWarning,
        CompileError,
        CompileWarning,
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
    from bpcompile.function import (
        compile,
        grad,
        jvp,
        value_and_grad,
        vjp,
    )
    from bpcompile.ir.type import bool_, f32, f64, i64
    from bpcompile.options import Options
    from bpcompile.segments import segment_sum
    from bpcompile.transforms.primitive import primitive

__version__ = "0.1.0"

# Where each public name lives; a test holds this against the imports above.
_HOMES = {
    "bpcompile.function": ("compile", "grad", "value_and_grad", "vjp", "jvp"),
    "bpcompile.checkpoints": ("checkpoint", "range"),
    "bpcompile.control": (
        "cond",
        "fori_loop",
        "map",
        "scan",
        "stop_gradient",
        "switch",
        "while_loop",
    ),
    "bpcompile.debugging": ("debug_print",),
    "bpcompile.custom": ("custom_jvp", "custom_vjp"),
    "bpcompile.transforms.primitive": ("primitive",),
    "bpcompile.segments": ("segment_sum",),
    "bpcompile.compiled": ("CompiledFunction",),
    "bpcompile.options": ("Options",),
    "bpcompile.ir.type": ("f64", "f32", "i64", "bool_"),
    "bpcompile.errors": (
        "BpcompileError",
        "ArgumentError",
        "CacheError",
        "CacheWarning",
        "CompileWarning",
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
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("numpy", "special", "nn", "tree")

__all__ = [
    "compile",
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "cond",
    "switch",
    "while_loop",
    "fori_loop",
    "scan",
    "map",
    "range",
    "checkpoint",
    "stop_gradient",
    "segment_sum",
    "primitive",
    "custom_jvp",
    "custom_vjp",
    "debug_print",
    "numpy",
    "special",
    "nn",
    "tree",
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
    "CompileWarning",
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


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOME_OF and name not in _MODULES:
        raise AttributeError(f"module 'bpcompile' has no attribute {name!r}")
    with uncollected():
        if name in _HOME_OF:
            value = getattr(importlib.import_module(_HOME_OF[name]), name)
        else:
            value = importlib.import_module(f"bpcompile.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})
