"""Offer the functions of `numpy.fft` for models, as `bpcompile.numpy` does.

Complex values live inside of a model only: return their parts, or what is real of them.

>>> import numpy as np
>>> np.abs(rfft(np.array([1.0, -1.0]))).tolist()
[0.0, 2.0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy import fft as _fft

from bpcompile.frontend import tracing as _tracing  # noqa: F401 - enters the rules
from bpcompile.frontend.functions import fourier as _fourier
from bpcompile.frontend.registry import RULES as _RULES

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Give NumPy's functions, whose names are found at run time, any type."""


_TAKEN = {
    name: getattr(_fft, name)
    for name in (rule.removeprefix("fft.") for rule in _RULES if rule.startswith("fft."))
}
_TAKEN |= {function.__name__: own for function, own in _fourier.FREQUENCIES.items()}
globals().update(_TAKEN)

__all__ = sorted(_TAKEN)
