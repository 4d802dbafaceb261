"""Stand in for an int that is an array's length: what `x.shape[0]` and `len(x)` give.

Arithmetic with ints gives lengths again, so that `np.zeros(2 * n)` has a named dimension. A
comparison is decided by the example and guarded; `range(n)` and any use as an index need the int
itself, and from then on the graph is for this length alone. Beside floats and arrays a length is
an ordinary value of the graph.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from bpcompile.frontend.registry import RULES, apply
from bpcompile.frontend.session import current
from bpcompile.ir.dims import Dim, Size

_HIGHEST_POWER = 8


class Length:
    """Stand in for one length that is not known while the function is traced."""

    __slots__ = ("dim",)

    def __init__(self, dim: Dim) -> None:
        """Hold the dimension."""
        self.dim = dim

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        """Answer a ufunc, as a value of the graph."""
        return apply("__array_ufunc__", ufunc, method, inputs, keywords)

    @property
    def size(self) -> Size:
        """Return the length, as it is known now."""
        return current().session.sizes.resolve(self.dim)

    def __index__(self) -> int:
        """Return the int; from now on the graph is for this length alone."""
        return current().session.sizes.concrete(self.dim)

    __int__ = __index__
    __trunc__ = __index__

    def __float__(self) -> float:
        """Return the length as a float; from now on the graph is for this length alone."""
        return float(self.__index__())

    def __bool__(self) -> bool:
        """Tell whether the length is not zero, by the example."""
        return current().session.sizes.decide(self.dim, "!=", 0)

    def __hash__(self) -> int:
        """Return the hash of the dimension."""
        return hash(self.dim)

    def __repr__(self) -> str:
        """Return the dimension."""
        return str(self.dim)

    def __pos__(self) -> Length:
        """Return the length."""
        return self

    __abs__ = __pos__
    __floor__ = __pos__
    __ceil__ = __pos__

    def __round__(self, digits: int | None = None) -> Length:
        """Return the length."""
        return self

    def __neg__(self) -> int | Length:
        """Return the negative."""
        return length(-self.dim)

    def __pow__(self, other: Any) -> Any:
        """Return a power: a length again where the exponent is a small int."""
        if type(other) is int and 0 <= other <= _HIGHEST_POWER:
            result: Size = 1
            for _ in range(other):
                result = result * self.dim
            return length(result)
        return RULES["power"](self, other)

    def __rpow__(self, other: Any) -> Any:
        """Return a power with the operands swapped."""
        return RULES["power"](other, self)

    def __truediv__(self, other: Any) -> Any:
        """Return the quotient, a value of the graph."""
        return RULES["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        """Return the quotient with the operands swapped."""
        return RULES["divide"](other, self)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        """Return quotient and remainder."""
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        """Return quotient and remainder with the operands swapped."""
        return other // self, other % self

    # The operators that `_fill_in` gives; written here for the type checker.
    __add__: Callable[[Any, Any], Any]
    __sub__: Callable[[Any, Any], Any]
    __mul__: Callable[[Any, Any], Any]
    __floordiv__: Callable[[Any, Any], Any]
    __mod__: Callable[[Any, Any], Any]


numbers.Integral.register(Length)


def length(size: Size) -> int | Length:
    """Return a size as the user sees it: an int where it is known."""
    return size if isinstance(size, int) else Length(size)


def is_length(value: Any) -> TypeGuard[int | Length]:
    """Tell whether a value can stand for the length of an axis."""
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, Length, np.integer))


def size_of_length(value: Any) -> Size:
    """Return the size that an int or a length stands for."""
    return value.size if isinstance(value, Length) else int(value)


def _arithmetic(rule: str, compute: Callable[[Size, Size], Size], swap: bool) -> Any:
    """Return the method of an operator: lengths among ints, values of the graph otherwise."""

    def method(self: Length, other: Any) -> Any:
        if is_length(other):
            left, right = self.size, size_of_length(other)
            return length(compute(right, left) if swap else compute(left, right))
        if not isinstance(other, (float, np.generic, np.ndarray)):
            return NotImplemented
        return RULES[rule](other, self) if swap else RULES[rule](self, other)

    return method


def _comparison(relation: str, rule: str) -> Any:
    """Return the method of a comparison: decided among ints, a value of the graph otherwise."""

    def method(self: Length, other: Any) -> Any:
        if is_length(other):
            return current().session.sizes.decide(self.dim, relation, size_of_length(other))
        if isinstance(other, float) and not isinstance(other, np.generic):
            return _compare_float(self, relation, other)
        if not isinstance(other, (np.generic, np.ndarray)):
            return NotImplemented
        return RULES[rule](self, other)

    return method


def _compare_float(left: Length, relation: str, right: float) -> bool:
    """Decide a comparison with a float, as one with the int on its far side."""
    if math.isnan(right) or (relation in ("==", "!=") and not right.is_integer()):
        return relation == "!="
    if math.isinf(right):
        return (relation in ("<", "<=", "!=")) == (right > 0)
    if not right.is_integer():
        relation = {"<": "<=", "<=": "<=", ">": ">=", ">=": ">="}[relation]
        right = math.floor(right) if relation == "<=" else math.ceil(right)
    return current().session.sizes.decide(left.dim, relation, int(right))


def _fill_in() -> None:
    """Give `Length` its operators."""
    arithmetic: dict[str, tuple[str, Callable[[Any, Any], Size]]] = {
        "add": ("add", lambda a, b: a + b),
        "sub": ("subtract", lambda a, b: a - b),
        "mul": ("multiply", lambda a, b: a * b),
        "floordiv": ("floor_divide", lambda a, b: a // b),
        "mod": ("remainder", lambda a, b: a - (a // b) * b),
    }
    comparisons = {
        "lt": ("<", "less"),
        "le": ("<=", "less_equal"),
        "gt": (">", "greater"),
        "ge": (">=", "greater_equal"),
        "eq": ("==", "equal"),
        "ne": ("!=", "not_equal"),
    }
    for name, (rule, compute) in arithmetic.items():
        setattr(Length, f"__{name}__", _arithmetic(rule, compute, swap=False))
        setattr(Length, f"__r{name}__", _arithmetic(rule, compute, swap=True))
    for name, (relation, rule) in comparisons.items():
        setattr(Length, f"__{name}__", _comparison(relation, rule))


_fill_in()
