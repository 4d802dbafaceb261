"""Make complex values: by a dtype, as in ``np.zeros(n, complex)``, or from lists of values."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.frontend.complex.pairs import (
    Complex,
    as_complex,
    is_complex,
    is_complex_dtype,
    refusal,
)
from bpcompile.frontend.functions.creation import REPLACED, is_traced
from bpcompile.frontend.registry import RULES, Rule
from bpcompile.frontend.tracer import Tracer


def converting(real: Rule) -> Rule:
    """Return the rule of a conversion, which may be from complex values or to them."""

    def answer(x: Any, dtype: Any) -> Any:
        z = as_complex(x)
        if not is_complex_dtype(dtype):
            raise refusal(z, f".astype({np.dtype(dtype)}) of ")
        half = np.empty(0, dtype).real.dtype
        return Complex(real(z.real, half), real(z.imag, half))

    def choose(x: Any, dtype: Any, *args: Any, **keywords: Any) -> Any:
        converts = isinstance(x, Complex) or is_complex_dtype(dtype)
        return answer(x, dtype) if converts else real(x, dtype, *args, **keywords)

    return choose


def _complex_array(real: Rule, *, copies: bool) -> Rule:
    """Return what stands for `np.array` or `np.asarray`."""

    def answer(object: Any, dtype: Any = None, *args: Any, **keywords: Any) -> Any:
        if is_traced(object) and (is_complex(object) or is_complex_dtype(dtype)):
            if is_complex(object):
                found = as_complex(_stacked(object))
            else:
                found = as_complex(real(object))
            return Complex(*map(np.copy, (found.real, found.imag))) if copies else found
        return real(object, dtype, *args, **keywords)

    return answer


def _stacked(value: Any) -> Any:
    """Return nested lists of values as one complex array."""
    if not isinstance(value, (list, tuple)):
        return value
    return np.stack([as_complex(_stacked(part)) for part in value])


def _filled(real: Rule) -> Rule:
    """Return what stands for `np.zeros` and its like, where the dtype may be complex."""

    def answer(shape: Any, *args: Any, **keywords: Any) -> Any:
        *values, dtype = args or (None,)
        dtype = keywords.get("dtype", dtype)
        found = real(shape, *args, **keywords) if not is_complex_dtype(dtype) else None
        if found is not None:
            return found
        half = np.empty(0, dtype).real.dtype
        rest = {name: v for name, v in keywords.items() if name != "dtype"}
        re = real(shape, *values, dtype=half, **rest)
        return Complex(re, np.zeros_like(re)) if isinstance(re, Tracer) else re.astype(dtype)

    return answer


def _complex_number(value: Any = 0.0, imag: Any = None) -> Any:
    """Stand for `complex` and `np.complex128` of traced numbers."""
    if not is_traced((value, imag)):
        return complex(value) if imag is None else complex(value, imag)
    found = as_complex(value)
    return found if imag is None else RULES["add"](found, Complex(0.0, imag))


COMPLEX_REPLACED: dict[Any, Rule] = {
    **{f: _filled(REPLACED[f]) for f in (np.zeros, np.ones, np.empty)},
    **{f: _complex_array(REPLACED[f], copies=f is np.array) for f in (np.array, np.asarray)},
    complex: _complex_number,
    np.complex128: _complex_number,
}
