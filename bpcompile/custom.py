"""Offer derivative rules for whole functions, with the API of JAX.

    @bp.custom_jvp
    def log1pexp(x):
        return np.log(1.0 + np.exp(x))

    @log1pexp.defjvp
    def log1pexp_tangent(primals, tangents):
        (x,), (t,) = primals, tangents
        return log1pexp(x), (1.0 - 1.0 / (1.0 + np.exp(x))) * t

Inside a model a call is one node, and derivatives of the model are made of what the rule says, not
of the function's own operations; the rule's operations are differentiated again where a second
derivative is asked for. Outside of any trace the decorated function is the plain function.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

from bpcompile.errors import ArgumentError, NotDifferentiableError
from bpcompile.frontend.arguments.trees import map_leaves
from bpcompile.frontend.custom.call import Call, Rule, call_with_rule
from bpcompile.frontend.custom.rules import forward_regions, reverse_regions
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import is_tracing


class Custom:
    """Hold a function and the rule for its derivative; called as the function is."""

    kind = ""
    advice = ""
    regions: Callable[[Call], dict[str, Any]]

    def __init__(self, function: Callable[..., Any], nondiff_argnums: Sequence[int]) -> None:
        """Start without a rule."""
        functools.update_wrapper(self, function)
        self.function = function
        self.nondiff_argnums = nondiff_argnums
        self.parts: tuple[Callable[..., Any], ...] = ()
        self._rules: dict[int, Rule] = {}

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Return the function's value.

        Raises `NotDifferentiableError` inside a model where no rule is defined.
        """
        if not is_tracing():
            return self.function(*args, **keywords)
        given, names = _positional(self.function, args, keywords)
        if not self.parts:
            raise NotDifferentiableError(
                f"{_name(self.function)} has no derivative rule yet{where()}: {self.advice}"
            )
        if len(given) not in self._rules:
            fixed = frozenset(_fixed(self.nondiff_argnums, len(given)))
            name = _name(self.function)
            self._rules[len(given)] = Rule(
                self.kind, self.regions, name, self.function, self.parts, fixed, names, self
            )
        return call_with_rule(self._rules[len(given)], given)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the method of an object."""
        return self if instance is None else MethodType(self, instance)

    def _define(self, *parts: Callable[..., Any]) -> None:
        """Set the functions of the rule."""
        for part in parts:
            if not callable(part):
                raise ArgumentError(
                    f"the rule of {_name(self.function)} has {part!r} in it{where()}: pass a "
                    "function"
                )
        self.parts = parts
        self._rules.clear()


class CustomVjp(Custom):
    """Hold a function with a rule for reverse mode; made by `custom_vjp`."""

    kind = "custom_vjp"
    regions = staticmethod(reverse_regions)
    advice = "write f.defvjp(fwd, bwd) after it"

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Define the rule.

        Args:
            fwd: takes the function's arguments; returns its value, and a tree of residuals.
            bwd: takes the arguments of `nondiff_argnums`, the residuals and a cotangent nested as
                the function's value (None for an int or bool); returns a tuple with a cotangent
                for each other argument, of that argument's shape and dtype; None is zero.

        Raises:
            ArgumentError: for what is no function.
        """
        self._define(fwd, bwd)


class CustomJvp(Custom):
    """Hold a function with a rule for both modes; made by `custom_jvp`."""

    kind = "custom_jvp"
    regions = staticmethod(forward_regions)
    advice = "write @f.defjvp over a function of (primals, tangents) after it"

    def defjvp(self, jvp: Callable[..., Any]) -> Callable[..., Any]:
        """Define the rule; use it as a decorator.

        Args:
            jvp: takes the arguments of `nondiff_argnums`, the tuple of the others and the tuple of
                their tangents, in which it is linear; returns the function's value and its tangent.

        Returns:
            `jvp` itself.

        Raises:
            ArgumentError: for what is no function.
        """
        self._define(jvp)
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Define the rule as a sum over the arguments.

        Args:
            jvps: for each argument a function `jvp(tangent, value, *arguments)`, which returns
                that argument's part of the tangent of the value; None where it has none.

        Raises:
            ArgumentError: where `nondiff_argnums` names arguments, or the arguments are not as
                many.
        """
        if self.nondiff_argnums:
            raise ArgumentError(
                f"{_name(self.function)}.defjvps cannot leave arguments out{where()}: write defjvp"
            )

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
            if len(jvps) != len(primals):
                raise ArgumentError(
                    f"{_name(self.function)} has {len(primals)} arguments and defjvps was given "
                    f"{len(jvps)} functions{where()}: write None for one without a derivative"
                )
            value = self(*primals)
            parts = [
                jvp(tangent, value, *primals)
                for jvp, tangent in zip(jvps, tangents, strict=True)
                if jvp is not None
            ]
            if not parts:
                return value, None
            return value, functools.reduce(functools.partial(map_leaves, _added), parts)

        self._define(rule)


def custom_vjp(
    fun: Callable[..., Any] | None = None, nondiff_argnums: int | Sequence[int] = ()
) -> Any:
    """Return a function whose reverse-mode derivative `defvjp` defines; use it as a decorator.

    Args:
        fun: a function of trees of arrays and numbers.
        nondiff_argnums: numbers of arguments without a derivative. `bwd` is given them first.

    Returns:
        A callable like `fun`, with the method `defvjp(fwd, bwd)`.

    Forward mode refuses it with `NotDifferentiableError`: a rule by `custom_jvp` serves both.

    Raises:
        ArgumentError: for what is no function.

    Example:
        >>> @custom_vjp
        ... def clipped(x):
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
        >>> clipped(3.0)
        3.0
    """
    return _made(CustomVjp, fun, nondiff_argnums)


def custom_jvp(
    fun: Callable[..., Any] | None = None, nondiff_argnums: int | Sequence[int] = ()
) -> Any:
    """Return a function whose derivative `defjvp` defines; use it as a decorator.

    Args:
        fun: a function of trees of arrays and numbers.
        nondiff_argnums: numbers of arguments without a derivative. The rule is given them first.

    Returns:
        A callable like `fun`, with the methods `defjvp(rule)` and `defjvps(*rules)`. Reverse mode
        transposes the rule.

    Raises:
        ArgumentError: for what is no function.

    Example:
        >>> @custom_jvp
        ... def square(x):
        ...     return x * x
        >>> square.defjvps(lambda t, value, x: 2.0 * x * t)
        >>> square(3.0)
        9.0
    """
    return _made(CustomJvp, fun, nondiff_argnums)


def _made(kind: type[Custom], fun: Any, nondiff_argnums: int | Sequence[int]) -> Any:
    """Return the function with a rule, or what takes the function."""
    numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
    if fun is None:
        return functools.partial(_made, kind, nondiff_argnums=numbers)
    if not callable(fun):
        raise ArgumentError(f"bp.{kind.kind} is given {fun!r}{where()}: pass a function")
    return kind(fun, numbers)


def _fixed(numbers: Sequence[int], count: int) -> list[int]:
    """Return numbers of arguments, counted from the start."""
    found = []
    for number in numbers:
        if not -count <= number < count:
            raise ArgumentError(
                f"nondiff_argnums names the argument {number} of {count}{where()}: write a number "
                f"from 0 to {count - 1}"
            )
        found.append(number % count)
    return found


def _positional(
    function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[list[Any], tuple[str, ...]]:
    """Return the arguments of a call by position, defaults included, and their names."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return list(args), ()
    try:
        bound = signature.bind(*args, **keywords)
    except TypeError as error:
        raise ArgumentError(f"{_name(function)}(): {error}{where()}") from None
    bound.apply_defaults()
    if bound.kwargs:
        raise ArgumentError(
            f"{_name(function)} has a derivative rule, which goes by position, and takes "
            f"{', '.join(bound.kwargs)} by keyword alone{where()}: make it a positional parameter"
        )
    return list(bound.args), tuple(signature.parameters)


def _name(function: Any) -> str:
    """Return the name of a function."""
    return getattr(function, "__name__", type(function).__name__)


def _added(left: Any, right: Any) -> Any:
    """Return a sum of traced values and numbers."""
    return RULES["add"](left, right)


__all__ = ["custom_jvp", "custom_vjp"]
