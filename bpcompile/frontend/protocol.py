"""Answer NumPy's function protocol: `np.sum(x)` of a traced `x` arrives here."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.frontend.answering import answered
from bpcompile.frontend.registry import RULES, rule, unsupported

_PREFIX = "numpy."


def public_name(function: Any) -> str:
    """Return the name of a NumPy function below `np`, such as ``linalg.norm``."""
    module = getattr(function, "__module__", None) or ""
    name: str = getattr(function, "__name__", str(function))
    inner = module.removeprefix(_PREFIX) if module.startswith(_PREFIX) else ""
    return f"{inner}.{name}" if inner in ("linalg", "fft", "random") else name


@rule("__array_function__")
def array_function(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Answer a function of NumPy.

    Raises `UnsupportedError` for one without a rule, and `ArgumentError` for arguments that the
    function does not take.
    """
    name = public_name(function)
    found = RULES.get(name)
    if found is None:
        raise unsupported(name)
    return answered(f"np.{name}", found, args, keywords)


def is_numpy_function(value: Any) -> bool:
    """Tell whether a value is a function or ufunc of NumPy."""
    module = getattr(value, "__module__", None)
    return isinstance(value, np.ufunc) or (module or "").split(".")[0] == "numpy"
