"""Say what is called while tracing, in place of what the model calls.

`resolve(f)` is what the rewritten source calls for `f`. NumPy's functions that do not dispatch and
Python's own have stand-ins; the user's functions, lambdas, methods, partials and callable objects
are rewritten in turn; functions under `numba.njit` are taken by their Python source.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import itertools
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from bpcompile.errors import TraceError, UnsupportedError
from bpcompile.frontend.answering import answered
from bpcompile.frontend.complex.making import COMPLEX_REPLACED
from bpcompile.frontend.complex.pairs import ENDINGS, Complex
from bpcompile.frontend.flow import (
    checks,
    conditions,
    loops,
)
from bpcompile.frontend.flow.mutation import (
    check_change,
    check_global,
    check_iterators,
    check_kept,
    checked_method,
    refuse_known,
)
from bpcompile.frontend.flow.scopes import check_nonlocal, own
from bpcompile.frontend.flow.unbound import NO_RESULT, UNSET, Unbound
from bpcompile.frontend.functions.creation import REPLACED, is_traced
from bpcompile.frontend.functions.fourier import FREQUENCIES
from bpcompile.frontend.functions.python_calls import python_calls
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import is_inner, where
from bpcompile.frontend.places.known_arrays import named_array
from bpcompile.frontend.protocol import public_name
from bpcompile.frontend.quick import key_of, quick
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.rewriting.checks import ASSERT, RAISE, TEXT, TRIED
from bpcompile.frontend.rewriting.exits import PENDING
from bpcompile.frontend.rewriting.flow import (
    AND,
    ARMS,
    BRANCH,
    CHAIN,
    CHOOSE,
    LOOP,
    NOT,
    OR,
    UNBOUND,
    WHILE,
)
from bpcompile.frontend.rewriting.index import SLICE
from bpcompile.frontend.rewriting.match import IS
from bpcompile.frontend.rewriting.rewrite import CALL, GLOBAL, ITEM, MUTATE, NAME, RETURN, STORE
from bpcompile.frontend.rewriting.rewritten import install, rewritten
from bpcompile.frontend.rewriting.scope import NONLOCAL, OWN
from bpcompile.frontend.session import current, is_tracing
from bpcompile.frontend.tracer import Tracer, describe, own_name

# Packages whose Python code is not the user's model.
_FOREIGN = frozenset(
    {"numpy", "scipy", "numba", "sympy", "pandas", "matplotlib", "jax", "torch", "hypothesis"}
    | {"pytest", "_pytest"}
)
_STDLIB = Path(sysconfig.get_paths()["stdlib"]).as_posix() + "/"
_UNNAMED = frozenset({"const", "dim"})


def resolve(function: Any) -> Any:
    """Return what is called in place of `function` while tracing."""
    kind = type(function)
    if kind is FunctionType:
        return _resolved_function(function)
    _refuse_random(function)
    if kind is MethodType:
        found = resolve(function.__func__)
        return function if found is function.__func__ else MethodType(found, function.__self__)
    try:
        stand_in = _STAND_INS.get(function)
    except TypeError:  # not hashable
        stand_in = None
    if stand_in is not None:
        return stand_in
    if kind is functools.partial:
        found = resolve(function.func)
        return functools.partial(found, *function.args, **function.keywords)
    if kind is np.ufunc or kind is _DISPATCHER:
        return _STAND_INS.setdefault(function, _of_lists(function))
    if kind is BuiltinFunctionType:
        is_at = isinstance(function.__self__, np.ufunc) and function.__name__ == "at"
        return _changing(function) if is_at else checked_method(function)
    if isinstance(function, type):
        return function
    return _resolved_object(function)


def _resolved_function(function: FunctionType) -> Any:
    """Return the form of a Python function to call."""
    file = function.__code__.co_filename
    package = (function.__module__ or "").split(".")[0]
    if package == "scipy":
        return _scipy(function)
    if package == "numpy" or is_inner(file):
        return _STAND_INS.get(function, function)
    if package in _FOREIGN or (file.startswith(_STDLIB) and "-packages" not in file):
        return function
    return rewritten(function)


def _resolved_object(function: Any) -> Any:
    """Return the form of a callable object to call."""
    if (getattr(function, "__module__", None) or "").startswith("scipy.fft."):
        return _scipy(function)  # which dispatches by a class of its own
    python = getattr(function, "py_func", None)  # a function under numba.njit
    if isinstance(python, FunctionType):
        return resolve(python)
    method = vars(type(function)).get("__call__") or type(function).__call__
    if isinstance(method, FunctionType):
        found = resolve(method)
        if found is not method:
            return MethodType(found, function)
    return function


_SPECIAL = (
    *("logsumexp", "softmax", "log_softmax", "polygamma"),
    *("zeta", "lambertw", "multigammaln", "softplus"),
)


def _scipy(function: Any) -> Any:
    """Return the form of a Python function of SciPy: a rule, or a refusal of traced arguments."""
    name = function.__name__
    module = ".".join(p for p in function.__module__.split(".") if not p.startswith("_"))
    rule = RULES.get(f"special.{name}") if name in _SPECIAL else RULES.get(f"{module}.{name}")

    def call(*args: Any, **keywords: Any) -> Any:
        if not is_traced([*args, *keywords.values()]):
            return function(*args, **keywords)
        if rule is not None:
            return answered(f"{module}.{name}", rule, args, keywords)
        raise UnsupportedError(
            f"{module}.{name} is not known for traced values{where()}: use a ufunc of "
            "scipy.special or functions of NumPy, or compute it outside and pass it in"
        )

    return call


_DISPATCHER = type(np.sum)


def _of_lists(function: Any) -> Callable[..., Any]:
    """Return the form of a NumPy function, which does not look for traced values in lists."""
    is_ufunc = isinstance(function, np.ufunc)
    seen = (Tracer, Length) if is_ufunc else (Tracer,)
    known = is_ufunc or public_name(function) in RULES
    name = f"np.{function.__name__ if is_ufunc else public_name(function)}"

    def call(*args: Any, **keywords: Any) -> Any:
        if is_ufunc and not keywords:
            made = quick(key_of(function.__name__, args), args)
            if made is not None:
                return made
        if "out" in keywords:
            for target in (
                keywords["out"] if isinstance(keywords["out"], tuple) else (keywords["out"],)
            ):
                check_change(target)
        given = [*args, *keywords.values()]
        if not is_traced(given):
            return function(*args, **keywords)
        answer = function  # NumPy itself hands a traced value on to us
        if known and not any(isinstance(value, seen) for value in given):
            answer = by_ufunc if is_ufunc else by_function
        return answered(name, answer, args, keywords)

    def by_ufunc(*args: Any, **keywords: Any) -> Any:
        return RULES["__array_ufunc__"](function, "__call__", args, keywords)

    def by_function(*args: Any, **keywords: Any) -> Any:
        return RULES["__array_function__"](function, args, keywords)

    call.__name__ = function.__name__
    return call


def _refuse_random(function: Any) -> None:
    """Refuse functions that draw random numbers, which tracing would draw once for all calls."""
    owner = getattr(function, "__self__", None)
    modules = (getattr(function, "__module__", None) or "", type(owner).__module__)
    drawn = any(module.startswith("numpy.random") for module in modules)
    if drawn or type(owner).__module__ == "random":
        raise TraceError(
            f"{getattr(function, '__name__', 'a random function')} would draw random numbers once, "
            f"while the function is traced{where()}: draw them outside and pass them in as an "
            "argument"
        )


# -- functions that change their arguments, and that take values of iterators ---------------------


def _changing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the form of a function that changes its first argument."""
    is_numpys = (getattr(function, "__module__", None) or "").startswith("numpy")
    name = f"np.{getattr(function, '__name__', '')}"

    def call(target: Any, *args: Any, **keywords: Any) -> Any:
        check_change(target)
        if is_numpys and is_traced([target, *args, *keywords.values()]):
            return answered(name, function, (target, *args), keywords)
        return function(target, *args, **keywords)

    return call


def _iterating(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the form of a function that takes the values of iterators."""

    def call(*args: Any, **keywords: Any) -> Any:
        check_iterators(args)
        return function(*args, **keywords)

    call.__name__ = function.__name__
    return call


_CHANGING = (setattr, delattr, np.copyto, np.put, np.place, np.putmask, np.fill_diagonal)
_ITERATING = (next, list, tuple, set, frozenset, dict)


# -- functions that call functions -------------------------------------------------------------


def _map(function: Any, *iterables: Any) -> Any:
    """Stand for `map`."""
    check_iterators(iterables)
    return map(resolve(function), *iterables)


def _filter(function: Any, iterable: Any) -> Any:
    """Stand for `filter`."""
    check_iterators((iterable,))
    return filter(resolve(function) if function is not None else None, iterable)


def _reduce(function: Any, iterable: Any, *initial: Any) -> Any:
    """Stand for `functools.reduce`."""
    check_iterators((iterable,))
    return functools.reduce(resolve(function), iterable, *initial)


def _accumulate(iterable: Any, func: Any = None, **keywords: Any) -> Any:
    """Stand for `itertools.accumulate`."""
    return itertools.accumulate(iterable, None if func is None else resolve(func), **keywords)


def _making(stand_in: Any) -> Any:
    """Return the form of a function that makes arrays, which are known by their arguments."""
    if not isinstance(stand_in, FunctionType):
        return stand_in

    @functools.wraps(stand_in)
    def call(*args: Any, **keywords: Any) -> Any:
        if is_traced([*args, *keywords.values()]):
            return answered(f"np.{stand_in.__name__}", stand_in, args, keywords)
        return stand_in(*args, **keywords)

    return call


_STAND_INS: dict[Any, Callable[..., Any]] = {
    **{name: _iterating(stand_in) for name, stand_in in python_calls().items()},
    **{function: _iterating(function) for function in _ITERATING},
    **{function: _changing(function) for function in _CHANGING},
    **{
        function: _making(stand_in)
        for function, stand_in in {**REPLACED, **COMPLEX_REPLACED, **FREQUENCIES}.items()
    },
    contextlib.suppress: checks.suppressing,
    builtins.map: _map,
    builtins.filter: _filter,
    functools.reduce: _reduce,
    itertools.accumulate: _accumulate,
}


# -- the other hooks ---------------------------------------------------------------------------


def name_value(scope: str, value: Any, name: str, is_call: bool = False) -> Any:
    """Give a traced value the user's name for it, in the function that `scope` tells.

    The first name stays, except that a function's own name for the result of a call goes before
    the one that the called function had for it, and any name before a path such as `params['w']`.
    """
    if type(value) is Tracer:
        node = value.expr.node
        if node.op.name not in _UNNAMED and is_tracing():
            named_in = current().session.named_in
            known = own_name(value)
            replaces = is_call and named_in.get(node, scope) != scope
            if replaces or known is None or not known.isidentifier():
                node.name = name
                named_in[node] = scope
    elif type(value) is Length and is_tracing():
        current().session.sizes.wish(value.dim, name)
    elif type(value) is np.ndarray:
        return named_array(value, name)
    elif type(value) is Complex:
        for part, ending in zip((value.real, value.imag), ENDINGS, strict=True):
            name_value(scope, part, name + ending, is_call)
    elif type(value) is Unbound:
        value.refuse()
    return value


def returned(value: Any) -> Any:
    """Return the value that a function returns, or refuse one that a variable does not have."""
    for part in value if type(value) is tuple else (value,):
        if type(part) is Unbound:
            part.refuse()
    return value


def item(target: Any, index: Any) -> Any:
    """Read places of an array or another container; a known array may have a traced index."""
    parts = index if isinstance(index, tuple) else (index,)
    if isinstance(target, np.ndarray) and any(is_traced(bounds(part)) for part in parts):
        return lift(target)[index]
    return target[index]


def bounds(part: Any) -> Any:
    """Return what an index is made of, so that the bounds of a slice are seen."""
    return (part.start, part.stop, part.step) if isinstance(part, slice) else part


def store(value: Any, target: Any, index: Any) -> None:
    """Write to places of an array or another container."""
    parts = index if isinstance(index, tuple) else (index,)
    if isinstance(target, np.ndarray) and (is_traced([value, *map(bounds, parts)])):
        shown = describe(value) if isinstance(value, Tracer) else "a traced value"
        refuse_known(target, f"{shown} is written to a place of")
    check_change(target)
    check_kept(target, [value])
    target[index] = value


install(
    {
        CALL: resolve,
        NAME: name_value,
        ITEM: item,
        STORE: store,
        SLICE: slice,
        PENDING: NO_RESULT,
        UNBOUND: UNSET,
        BRANCH: conditions.branch,
        ARMS: conditions.arms,
        LOOP: loops.loop,
        WHILE: loops.repeat,
        AND: conditions.both,
        OR: conditions.either,
        NOT: conditions.negated,
        CHOOSE: conditions.chosen,
        CHAIN: conditions.chained,
        IS: conditions.is_singleton,
        ASSERT: checks.check,
        RAISE: checks.check_raise,
        TEXT: checks.text_of,
        TRIED: checks.tried,
        RETURN: returned,
        MUTATE: check_change,
        GLOBAL: check_global,
        OWN: own,
        NONLOCAL: check_nonlocal,
    }
)
