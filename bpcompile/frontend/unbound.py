"""Stand in for a variable that has no value here: bound in one arm only, or changed in type.

Any use of it is a `TraceError` that says which variable it is and why it has none.
"""

from __future__ import annotations

from typing import Any, NoReturn

from bpcompile.errors import TraceError
from bpcompile.frontend.origins import where


class Unbound:
    """Refuse every use of a variable, for a reason."""

    __slots__ = ("reason",)
    __hash__ = object.__hash__

    def __init__(self, reason: str = "") -> None:
        """Hold the reason: a whole sentence without its end."""
        self.reason = reason

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Raise the error for a use."""
        reason = self.reason or "a variable is used before it is given a value"
        raise TraceError(f"{reason}; it is used{where()}")

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
