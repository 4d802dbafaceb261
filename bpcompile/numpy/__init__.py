"""Offer NumPy's functions for models without source: `import bpcompile.numpy as bnp`.

Every function takes traced values and plain arrays, and on plain arrays is NumPy's own. In a model
whose source is at hand `numpy` itself will do; at a prompt or under `exec`, where the source cannot
be rewritten, these are what to write for `np.array([x, y])`, `np.zeros(n)`, `max(a, b)` (`maximum`)
and `math.sin(x)` (`sin`).

    >>> float(maximum(sin(0.0), 1.0))
    1.0

The names are those that have a rule in `bpcompile.frontend`. Most are NumPy's objects themselves,
since NumPy hands calls on traced values over to us; those that make arrays are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as _numpy

from bpcompile.frontend import tracing as _tracing  # noqa: F401 - enters the rules
from bpcompile.frontend.functions import creation as _creation
from bpcompile.frontend.registry import RULES as _RULES
from bpcompile.numpy import fft as fft  # the alias makes it public
from bpcompile.numpy import linalg as linalg

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Give NumPy's functions, whose names are found at run time, any type."""


_OURS = ("arange", "array", "asarray", "empty", "eye", "full", "identity", "linspace", "ones",
         "zeros")  # fmt: skip
_VALUES = ("bool_", "e", "float32", "float64", "inf", "int64", "nan", "ndarray", "newaxis", "pi")


def _is_known(name: str, value: Any) -> bool:
    """Tell whether a function of NumPy has a rule, under this name or its first one."""
    return callable(value) and (name in _RULES or getattr(value, "__name__", "") in _RULES)


_TAKEN = {
    name: value
    for name, value in vars(_numpy).items()
    if not name.startswith("_") and (name in _VALUES or _is_known(name, value))
}
_TAKEN |= {name: getattr(_creation, name) for name in _OURS}
globals().update(_TAKEN)

__all__ = sorted({*_TAKEN, "fft", "linalg"})
