"""Give traced arrays NumPy's operators and methods, each by the rule of the same meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpcompile.frontend.answering import answered
from bpcompile.frontend.registry import RULES, unsupported

# The operator's method, the ufunc it is, and how it is written in place; then those of one form.
BINARY = {
    "add": ("add", "+="),
    "sub": ("subtract", "-="),
    "mul": ("multiply", "*="),
    "truediv": ("divide", "/="),
    "floordiv": ("floor_divide", "//="),
    "mod": ("remainder", "%="),
    "pow": ("power", "**="),
    "matmul": ("matmul", "@="),
    "and": ("bitwise_and", "&="),
    "or": ("bitwise_or", "|="),
    "xor": ("bitwise_xor", "^="),
    "lshift": ("left_shift", "<<="),
    "rshift": ("right_shift", ">>="),
}
ORDER = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
EQUALITY = {"eq": "equal", "ne": "not_equal"}
UNARY = {
    "neg": "negative",
    "pos": "positive",
    "abs": "absolute",
    "invert": "invert",
    "round": "__round__",
    "floor": "__floor__",
    "ceil": "__ceil__",
    "trunc": "__trunc__",
}
_METHODS = (
    "sum", "mean", "var", "std", "max", "min", "prod", "any", "all", "argmax", "argmin", "trace",
    "diagonal", "dot", "take", "round", "squeeze", "swapaxes", "ravel", "flatten", "copy",
    "item", "tolist", "conj", "conjugate", "argsort", "argpartition", "searchsorted",
    "cumsum", "cumprod", "repeat", "compress",
)  # fmt: skip
# Those whose arguments differ from the function's.
_OWN_METHODS = ("reshape", "transpose", "astype", "sort", "fill", "clip")


def called(rule: str, *args: Any, **keywords: Any) -> Any:
    """Return what a rule makes of its arguments.

    Raises `UnsupportedError` where there is no such rule.
    """
    found = RULES.get(rule)
    if found is None:
        raise unsupported(rule)
    return answered(rule.removeprefix("ndarray."), found, args, keywords)


def _method(rule: str) -> Callable[..., Any]:
    """Return the method that is the rule of this name."""

    def method(self: Any, *args: Any, **keywords: Any) -> Any:
        return called(rule, self, *args, **keywords)

    method.__name__ = rule
    return method


def _binary(rule: str) -> Callable[[Any, Any], Any]:
    """Return the method of an operator."""
    return lambda self, other: called(rule, self, other)


def _reflected(rule: str) -> Callable[[Any, Any], Any]:
    """Return the method of an operator whose left operand is another object."""
    return lambda self, other: called(rule, other, self)


def _equality(rule: str) -> Callable[[Any, Any], Any]:
    """Return the method of `==` or `!=`, which Python also asks with unrelated objects."""

    def method(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented
        return called(rule, self, other)

    return method


def _members() -> dict[str, Any]:
    """Return the operators and methods by name."""
    found: dict[str, Any] = {}
    for name, (rule, _) in BINARY.items():
        found[f"__{name}__"], found[f"__r{name}__"] = _binary(rule), _reflected(rule)
    found["__divmod__"], found["__rdivmod__"] = _binary("divmod"), _reflected("divmod")
    found |= {f"__{name}__": _binary(rule) for name, rule in ORDER.items()}
    found |= {f"__{name}__": _equality(rule) for name, rule in EQUALITY.items()}
    found |= {f"__{name}__": _method(rule) for name, rule in UNARY.items()}
    found |= {name: _method(name) for name in _METHODS}
    found |= {name: _method(f"ndarray.{name}") for name in _OWN_METHODS}
    return found


class ArrayMethods:
    """Hold the operators and methods that are rules on the array itself."""

    __slots__ = ()

    __hash__ = object.__hash__


for _name, _member in _members().items():
    setattr(ArrayMethods, _name, _member)
