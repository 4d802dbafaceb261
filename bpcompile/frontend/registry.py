"""Hold the table of what a NumPy name means on traced values.

Rule modules enter their functions with `rule`; tracers, lengths and the NumPy protocols look them
up here, so that none of them imports another in a circle. A rule has the signature of the NumPy
function that it stands for, with `_` for keywords that it refuses.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, TypeVar

from bpcompile.errors import UnsupportedError
from bpcompile.frontend.origins import where

Rule = Callable[..., Any]
F = TypeVar("F", bound=Rule)

RULES: dict[str, Rule] = {}  # by NumPy's name, such as "sum" or "linalg.norm"


def rule(*names: str) -> Callable[[F], F]:
    """Enter a function under NumPy's names for it."""

    def enter(function: F) -> F:
        for name in names:
            RULES[name] = function
        return function

    return enter


def apply(name: str, *args: Any, **keywords: Any) -> Any:
    """Return what the rule called `name` makes of its arguments."""
    return RULES[name](*args, **keywords)


def unsupported(name: str, module: str = "np") -> UnsupportedError:
    """Return the error for a function without a rule, with the names that look like it."""
    near = difflib.get_close_matches(name, RULES, n=3, cutoff=0.7)
    advice = (
        f"near it are {', '.join(f'{module}.{n}' for n in near)}"
        if near
        else "write it with other NumPy functions, or compute it outside and pass it in"
    )
    return UnsupportedError(f"{module}.{name} is not known for traced values{where()}: {advice}")


def refuse_keywords(function: str, given: dict[str, Any], **defaults: Any) -> None:
    """Refuse keywords whose value is not NumPy's default.

    Raises `UnsupportedError` naming the keyword.
    """
    for name, value in given.items():
        if name in defaults and (value is defaults[name] or _same(value, defaults[name])):
            continue
        advice = _ADVICE.get(name, "leave it out")
        raise UnsupportedError(
            f"np.{function} with {name}= is not known for traced values{where()}: {advice}"
        )


_ADVICE = {
    "out": "assign the result, as in `y = ...`",
    "where": "choose with np.where(condition, a, b)",
    "dtype": "convert the result with .astype(dtype)",
    "initial": "add it to the result, or use np.maximum or np.minimum with it",
}


def _same(value: Any, default: Any) -> bool:
    """Tell whether a keyword's value is its plain default."""
    return type(value) is type(default) and isinstance(value, (bool, int, str)) and value == default
