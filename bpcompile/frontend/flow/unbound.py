"""Stand in for a variable that has no value here: bound in one arm only, or changed in type.

Any use of it is a `TraceError` that says which variable it is and why it has none.
"""

from __future__ import annotations

from typing import Any, NoReturn

from bpcompile.errors import TraceError
from bpcompile.frontend.origins import where

Wanted = frozenset[tuple[Any, str]]  # the places of loops, and a variable's name


class LastValueNeededError(TraceError):
    """Say that a variable is used whose last value a loop could have carried: which, and of which.

    The function is then traced anew, and the loop carries it.
    """

    wanted: Wanted = frozenset()


class Unbound:
    """Refuse every use of a variable, for a reason.

    `wanted` says which loops could carry its last value, by their place, and the variable's name.
    """

    __slots__ = ("reason", "wanted")
    __hash__ = object.__hash__

    def __init__(self, reason: str = "", wanted: Wanted = frozenset()) -> None:
        """Hold the reason: a whole sentence without its end."""
        self.reason = reason
        self.wanted = wanted

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Raise the error for a use."""
        reason = self.reason or "a variable is used before it is given a value"
        text = f"{reason}; it is used{where()}"
        if not self.wanted:
            raise TraceError(text)
        error = LastValueNeededError(text)
        error.wanted = self.wanted
        raise error

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse an attribute."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # what Python and NumPy ask of any object
        self.refuse()

    def __repr__(self) -> str:
        """Return what it is."""
        return f"<{self.reason or 'unbound'}>"


_USES = (
    "bool call contains divmod eq float floordiv ge getitem gt index int invert iter le len lt "
    "matmul mod mul ne neg pos pow radd rdivmod rfloordiv rmatmul rmod rmul rpow rsub rtruediv "
    "setitem add sub truediv abs array_ufunc array_function array iadd isub imul itruediv"
)
for _name in _USES.split():
    setattr(Unbound, f"__{_name}__", Unbound.refuse)


class Pending:
    """Stand for the result of a function that has not returned yet."""

    def __repr__(self) -> str:
        """Return what it is."""
        return "<no result yet>"


UNSET = Unbound()
NO_RESULT = Pending()
