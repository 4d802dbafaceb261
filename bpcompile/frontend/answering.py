"""Call the rule of a function, and say what is wrong where its arguments do not fit.

A rule refuses what it knows to be wrong. What else goes wrong inside of it, in our code or in
NumPy's, comes of arguments that it never expected, and becomes a typed error here: with the
function, what it was given, the user's line, and the form that is known. An exception of the user's
own, from a function that a rule calls, goes through as it is.
"""

from __future__ import annotations

import inspect
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import (
    ArgumentError,
    BpcompileError,
    CompileError,
    OutOfRangeError,
    ShapeError,
)
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.origins import is_inner, where

_UNEXPECTED = (
    ArithmeticError, AssertionError, AttributeError, CompileError, LookupError, TypeError,
    ValueError,
)  # fmt: skip
_LONGEST = 60
_STDLIB = f"{sysconfig.get_paths()['stdlib']}/"


def answered(
    name: str, function: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> Any:
    """Return what a function makes of traced arguments; `name` is what messages call it.

    Raises `ArgumentError`, `ShapeError` or `OutOfRangeError` where they do not fit it.
    """
    keepdims = keywords.get("keepdims", False)
    if not isinstance(keepdims, (int, np.bool_)) and "no value" not in repr(keepdims):
        raise ArgumentError(f"{name} with keepdims={keepdims!r}{where()}: write True or False")
    try:
        return function(*args, **keywords)
    except _UNEXPECTED as error:
        known = isinstance(error, BpcompileError) and type(error) is not CompileError
        if known or _is_users(error):
            raise
        raise _refusal(name, function, args, keywords, error) from error


def _is_users(error: BaseException) -> bool:
    """Tell whether an exception comes from a function of the user's that was called back."""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not (file.startswith(("<", _STDLIB)) or is_inner(file)):
            return True
        trace = trace.tb_next
    return False


def _refusal(
    name: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    error: Exception,
) -> BpcompileError:
    """Return the error for arguments that do not fit a function."""
    given = [*map(_shown, args), *(f"{key}={_shown(value)}" for key, value in keywords.items())]
    kind: type[BpcompileError] = ArgumentError
    if isinstance(error, IndexError) and not isinstance(error, ValueError):
        kind = OutOfRangeError
    elif isinstance(error, ValueError):
        kind = ShapeError
    reason = str(error) or type(error).__name__
    return kind(f"{name}({', '.join(given)}){where()}: {reason}; write {_form(name, function)}")


def _shown(value: Any) -> str:
    """Return an argument for a message."""
    type_of = getattr(value, "expr", None)
    if type_of is not None:
        return str(type_of.type)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, Length):
        return str(value)
    if isinstance(value, (list, tuple)):
        text = ", ".join(map(_shown, value[:4])) + (", ..." if len(value) > 4 else "")
        return f"[{text}]" if isinstance(value, list) else f"({text})"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _form(name: str, function: Callable[..., Any]) -> str:
    """Return how a function is called."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some of NumPy's have none
        return f"{name} with arguments that it takes"
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in parameters
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    shown = [str(part) for part in plain if "no value" not in str(part) and "<" not in str(part)]
    return f"{name}({', '.join(shown)})"
