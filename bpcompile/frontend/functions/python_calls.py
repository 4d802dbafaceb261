"""Say what Python's own functions mean on traced values: `max`, `len`, `math.sin`, `isinstance`.

Python calls these in C and takes only real numbers. The source rewriting calls what stands here
in their place; each hands on to the original where nothing is traced.
"""

from __future__ import annotations

import builtins
import functools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from bpcompile.errors import TraceError, TypeMismatchError
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.flow.iteration import backwards, counted, enumerated, zipped
from bpcompile.frontend.functions.creation import is_traced
from bpcompile.frontend.lengths.length import Length, is_length, length, size_of_length
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, unsupported
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import dim_max, dim_min
from bpcompile.ir.type import DType

# -- math --------------------------------------------------------------------------------------

_MATH_NAMES = {
    "pow": "power",
    "fabs": "absolute",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "lgamma": "special.gammaln",
}
_ROUNDING = frozenset({"floor", "ceil", "trunc"})


def _math(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return what stands for a function of `math`."""
    rules = (_MATH_NAMES.get(name, name), f"special.{name}")

    def call(*args: Any, **keywords: Any) -> Any:
        if not any(is_traced(arg) for arg in args):
            return original(*args, **keywords)
        found = next((RULES[rule] for rule in rules if rule in RULES), None)
        if found is None or keywords:
            raise unsupported(name, "math")
        for arg in args:
            _require_scalar(arg, name)
        result = found(*args)
        return RULES["astype"](result, np.int64) if name in _ROUNDING else result

    call.__name__ = name
    return call


def _require_scalar(value: Any, name: str) -> None:
    """Refuse an array where `math` takes a number."""
    if isinstance(value, Tracer) and value.ndim:
        raise TypeMismatchError(
            f"math.{name} takes a number, not {describe(value)}{where()}: write the function of "
            "the same name in np"
        )


def _log(x: Any, *base: Any) -> Any:
    """Stand for `math.log`."""
    if not is_traced((x, *base)):
        return math.log(x, *base)
    _require_scalar(x, "log")
    found = RULES["log"](x)
    return RULES["divide"](found, RULES["log"](base[0])) if base else found


def _hypot(*coordinates: Any) -> Any:
    """Stand for `math.hypot`."""
    if not is_traced(coordinates):
        return math.hypot(*coordinates)
    found = RULES["absolute"](coordinates[0])
    for other in coordinates[1:]:
        found = RULES["hypot"](found, other)
    return found


def _prod(values: Iterable[Any], *, start: Any = 1) -> Any:
    """Stand for `math.prod`."""
    parts = list(values)
    if not is_traced([*parts, start]):
        return math.prod(parts, start=start)
    return functools.reduce(operator.mul, parts if start == 1 else [start, *parts])


def _fsum(values: Iterable[Any]) -> Any:
    """Stand for `math.fsum`."""
    parts = list(values)
    return _sum(parts) if is_traced(parts) else math.fsum(parts)


# -- builtins ----------------------------------------------------------------------------------


def _extreme(name: str, ufunc: str, of_sizes: Callable[..., Any]) -> Callable[..., Any]:
    """Return what stands for `max` or `min`."""
    original = getattr(builtins, name)

    def call(*args: Any, **keywords: Any) -> Any:
        values = list(args)
        if len(args) == 1 and not keywords:
            if isinstance(args[0], Tracer):
                return _extreme_of_array(args[0], name)
            values = list(args[0])
        if keywords or not is_traced(values):
            return original(*args, **keywords) if len(args) > 1 or keywords else original(values)
        if all(is_length(value) for value in values):
            return length(functools.reduce(of_sizes, map(size_of_length, values)))
        for value in values:
            _require_comparable(value, name)
        return functools.reduce(RULES[ufunc], values)

    call.__name__ = name
    return call


def _extreme_of_array(x: Tracer, name: str) -> Any:
    """Return the largest or smallest element of a vector, as `max(x)` does."""
    if x.ndim != 1:
        raise TypeMismatchError(
            f"{name}() of {describe(x)} compares whole rows{where()}: write np.{name}(x)"
        )
    return RULES[name](x)


def _require_comparable(value: Any, name: str) -> None:
    """Refuse arrays, of which Python cannot tell the larger."""
    if np.ndim(value) if not isinstance(value, Length) else False:
        shown = describe(value) if isinstance(value, Tracer) else type(value).__name__
        raise TypeMismatchError(
            f"{name}() compares numbers, not {shown}{where()}: write np.{name}imum(a, b)"
        )


def _sorted(values: Any, /, *, key: Any = None, reverse: bool = False) -> Any:
    """Stand for `sorted`: a list of as many values as there are, the smallest first."""
    parts = list(values)
    if not is_traced(parts):
        return sorted(parts, key=key, reverse=reverse)
    if key is not None or any(np.ndim(part) for part in parts):
        raise TraceError(
            f"sorted() of traced values{where()} orders numbers, without key=: write "
            "np.sort(x), or np.argsort of the keys and x[order]"
        )
    found = list(RULES["sort"](RULES["asarray"](parts)))
    return found[::-1] if reverse else found


def _sum(values: Any, /, start: Any = 0) -> Any:
    """Stand for `sum`."""
    if isinstance(values, Tracer) and values.ndim:
        total = RULES["sum"](values, axis=0)
        return total if type(start) is int and start == 0 else RULES["add"](start, total)
    parts = list(values)
    if not is_traced(parts) and not is_traced(start):
        return builtins.sum(parts, start)
    # The int 0 that Python begins with is left out of the graph.
    given = parts if type(start) is int and start == 0 else [start, *parts]
    return functools.reduce(operator.add, given)


def _any(values: Any, /) -> Any:
    """Stand for `any`."""
    return _truths(values, "any", "logical_or")


def _all(values: Any, /) -> Any:
    """Stand for `all`."""
    return _truths(values, "all", "logical_and")


def _truths(values: Any, name: str, rule: str) -> Any:
    """Return whether any or all of some values are true."""
    if isinstance(values, Tracer) and values.ndim == 1:
        return RULES[name](values)
    parts = list(values)
    if not is_traced(parts):
        return getattr(builtins, name)(parts)
    found = [RULES["not_equal"](part, 0) if _is_number(part) else part for part in parts]
    return functools.reduce(RULES[rule], found)


def _is_number(value: Any) -> bool:
    """Tell whether a value is a traced number that is no bool."""
    return isinstance(value, Tracer) and value.expr.dtype is not DType.BOOL


def _len(value: Any, /) -> Any:
    """Stand for `len`: a traced array's is a length."""
    if isinstance(value, Tracer) and value.ndim:
        return value.shape[0]
    return len(value)


def _float(value: Any = 0.0, /) -> Any:
    """Stand for `float`: a traced number becomes one of float64."""
    if isinstance(value, Length):
        return as_float(value)
    return _converted(value, np.float64) if _is_unknown(value) else float(value)


def _int(*args: Any) -> Any:
    """Stand for `int`: a length is one, and a traced number is rounded towards zero."""
    if len(args) == 1 and isinstance(args[0], Length):
        return args[0]
    unknown = len(args) == 1 and _is_unknown(args[0])
    return _converted(args[0], np.int64) if unknown else int(*args)


def _bool(value: Any = False, /) -> Any:
    """Stand for `bool`: of a traced number it is whether that is not 0."""
    return RULES["not_equal"](value, 0) if _is_unknown(value) else bool(value)


def _is_unknown(value: Any) -> bool:
    """Tell whether a value is a traced number, of which only the compiled code knows the value."""
    if not isinstance(value, Tracer) or value.ndim:
        return False
    return value.expr.node.op.name != "const"


def _converted(value: Tracer, dtype: type) -> Tracer:
    """Return a traced number as Python's own of another kind, which is weak."""
    return Tracer(value.astype(dtype).expr, weak=True)


def _print(*args: Any, **keywords: Any) -> None:
    """Stand for `print`, which cannot show what is not known."""
    for arg in args:
        if isinstance(arg, Tracer):
            raise TraceError(
                f"print of {describe(arg)} has no value to show while the function is traced"
                f"{where()}: return the value, and print it after the call"
            )
    print(*args, **keywords)  # noqa: T201 - the user's own print


_VIRTUAL: dict[DType, tuple[type, ...]] = {
    DType.F64: (float, np.float64),
    DType.F32: (np.float32,),
    DType.I64: (int, np.int64),
    DType.BOOL: (bool, np.bool_),
}


def _isinstance(value: Any, classes: Any, /) -> bool:
    """Stand for `isinstance`: a traced value is of the classes of what it stands for."""
    if isinstance(value, classes):
        return True
    if isinstance(value, Length):
        return _is_subclass((int,), classes)
    if isinstance(value, Tracer):
        found = (np.ndarray,) if value.ndim else _VIRTUAL[value.expr.dtype]
        return _is_subclass(found, classes)
    return False


def _is_subclass(found: tuple[type, ...], classes: Any) -> bool:
    """Tell whether a class is one of others."""
    return any(issubclass(one, classes) for one in found)


def python_calls() -> dict[Any, Callable[..., Any]]:
    """Return what stands for each of Python's functions."""
    found: dict[Any, Callable[..., Any]] = {
        getattr(math, name): _math(name, getattr(math, name))
        for name in dir(math)
        if callable(getattr(math, name)) and not name.startswith("_")
    }
    found |= {math.log: _log, math.hypot: _hypot, math.prod: _prod, math.fsum: _fsum}
    found |= {
        max: _extreme("max", "maximum", dim_max),
        min: _extreme("min", "minimum", dim_min),
        sum: _sum,
        sorted: _sorted,
        any: _any,
        all: _all,
        len: _len,
        float: _float,
        int: _int,
        bool: _bool,
        range: counted,
        enumerate: enumerated,
        zip: zipped,
        reversed: backwards,
        print: _print,
        isinstance: _isinstance,
    }
    return found
