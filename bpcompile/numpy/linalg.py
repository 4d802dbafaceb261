"""Offer the functions of `numpy.linalg` that are known for traced values.

>>> import numpy as np
>>> float(norm(np.array([3.0, 4.0])))
5.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy import linalg as _linalg

from bpcompile.frontend import tracing as _tracing  # noqa: F401 - enters the rules
from bpcompile.frontend.registry import RULES as _RULES

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Give NumPy's functions, whose names are found at run time, any type."""


__all__ = sorted(
    name
    for name in (rule.removeprefix("linalg.") for rule in _RULES if rule.startswith("linalg."))
    if hasattr(_linalg, name)
)
globals().update({name: getattr(_linalg, name) for name in __all__})
