"""Offer the transforms: `compile`, `grad`, `value_and_grad`, `vjp` and `jvp`.

Each takes a function and returns a `CompiledFunction`; without one it returns a decorator. Names
and arguments are those of JAX and autograd. In place of a function each takes a SymPy expression,
a `Matrix` or a list of them, with ``args=[x, ...]``, its symbols in the order of the call, and
perhaps ``specs={x: bp.f64["n"]}``; argnums then takes the symbols too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, overload

from bpcompile import startup
from bpcompile.compiled import CompiledFunction
from bpcompile.errors import ArgumentError
from bpcompile.frontend.arguments.signature import Selector
from bpcompile.frontend.symbols import is_symbolic
from bpcompile.options import Options, make_options
from bpcompile.subject import Transform

if TYPE_CHECKING:
    from bpcompile.frontend import symbolic
else:  # a program without SymPy needs none of it
    symbolic = startup.import_module("bpcompile.frontend.symbolic")

Function = Callable[..., Any]
Decorator = Callable[[Function], CompiledFunction]
Argnums = Selector | Sequence[Selector]


@overload
def compile(f: Function, *, options: Options | None = None, **given: Any) -> CompiledFunction: ...


@overload
def compile(f: None = None, *, options: Options | None = None, **given: Any) -> Decorator: ...


def compile(
    f: Function | None = None, *, options: Options | None = None, **given: Any
) -> CompiledFunction | Decorator:
    """Compile a function without differentiating it.

    Args:
        f: a function of arrays, numbers and trees of them; without it a decorator is returned.
        options: options for all that is compiled, see `Options`.
        given: options by name, which go before `options`.

    Raises:
        ArgumentError: for an unknown option or an impossible value.

    Example:
        >>> import numpy as np
        >>> norm = compile(lambda x: np.sqrt(np.sum(x * x)), target="numpy")
        >>> norm(np.array([3.0, 4.0]))
        5.0
    """
    return _made(f, "compile", options, given)


@overload
def grad(
    f: Function,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    options: Options | None = None,
    **given: Any,
) -> CompiledFunction: ...


@overload
def grad(
    f: None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    options: Options | None = None,
    **given: Any,
) -> Decorator: ...


def grad(
    f: Function | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    options: Options | None = None,
    **given: Any,
) -> CompiledFunction | Decorator:
    """Return the gradient of a scalar-valued function.

    Args:
        f: the function; without it a decorator is returned.
        argnums: the differentiated argument, by position or name; a tuple of them gives a tuple.
        has_aux: whether `f` returns a pair ``(value, aux)``; the result is then ``(grad, aux)``.
        options: options for all that is compiled, see `Options`.
        given: options by name.

    Raises:
        ArgumentError: for argnums that the function does not have, or an impossible option.

    Example:
        >>> import numpy as np
        >>> grad(lambda x, y: x * x * y, argnums=("x", "y"), target="numpy")(3.0, 2.0)
        (12.0, 9.0)
    """
    return _made(f, "grad", options, given, argnums, has_aux)


@overload
def value_and_grad(
    f: Function,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    options: Options | None = None,
    **given: Any,
) -> CompiledFunction: ...


@overload
def value_and_grad(
    f: None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    options: Options | None = None,
    **given: Any,
) -> Decorator: ...


def value_and_grad(
    f: Function | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    options: Options | None = None,
    **given: Any,
) -> CompiledFunction | Decorator:
    """Return the value and the gradient of a scalar-valued function, in one fused function.

    Args:
        f: the function; without it a decorator is returned.
        argnums: the differentiated argument, by position or name; a tuple of them gives a tuple.
        has_aux: whether `f` returns a pair ``(value, aux)``; the result is then
            ``((value, aux), grad)``.
        options: options for all that is compiled, see `Options`.
        given: options by name.

    Raises:
        ArgumentError: for argnums that the function does not have, or an impossible option.

    Example:
        >>> import numpy as np
        >>> f = value_and_grad(lambda w, x: np.sum(w * x), target="numpy")
        >>> f(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        (11.0, array([3., 4.]))
        >>> from sympy.abc import x, y
        >>> value_and_grad((x + y) ** 2, args=[x, y], argnums=y, target="numpy")(1, 2)
        (9.0, 6.0)
    """
    return _made(f, "value_and_grad", options, given, argnums, has_aux)


@overload
def vjp(
    f: Function, argnums: Argnums = 0, *, options: Options | None = None, **given: Any
) -> CompiledFunction: ...


@overload
def vjp(
    f: None = None, argnums: Argnums = 0, *, options: Options | None = None, **given: Any
) -> Decorator: ...


def vjp(
    f: Function | None = None,
    argnums: Argnums = 0,
    *,
    options: Options | None = None,
    **given: Any,
) -> CompiledFunction | Decorator:
    """Return ``g(*args, cotangent) -> (value, gradients)``: the product with the Jacobian's rows.

    Args:
        f: a function with any outputs; without it a decorator is returned.
        argnums: the differentiated argument, by position or name; a tuple of them gives a tuple.
        options: options for all that is compiled, see `Options`.
        given: options by name.

    Raises:
        ArgumentError: for argnums that the function does not have, or an impossible option.

    Example:
        >>> import numpy as np
        >>> g = vjp(lambda x: x * x, target="numpy")
        >>> g(np.array([1.0, 2.0]), np.array([1.0, 0.5]))
        (array([1., 4.]), array([2., 2.]))
    """
    return _made(f, "vjp", options, given, argnums)


@overload
def jvp(
    f: Function, argnums: Argnums = 0, *, options: Options | None = None, **given: Any
) -> CompiledFunction: ...


@overload
def jvp(
    f: None = None, argnums: Argnums = 0, *, options: Options | None = None, **given: Any
) -> Decorator: ...


def jvp(
    f: Function | None = None,
    argnums: Argnums = 0,
    *,
    options: Options | None = None,
    **given: Any,
) -> CompiledFunction | Decorator:
    """Return ``g(*args, *tangents) -> (value, tangent_out)``: a derivative along a direction.

    Args:
        f: a function with any outputs; without it a decorator is returned.
        argnums: the arguments that move, by position or name; one tangent each.
        options: options for all that is compiled, see `Options`.
        given: options by name.

    Raises:
        ArgumentError: for argnums that the function does not have, or an impossible option.

    Example:
        >>> import numpy as np
        >>> g = jvp(lambda x: x * x, target="numpy")
        >>> g(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
        (array([1., 4.]), array([2., 4.]))
    """
    return _made(f, "jvp", options, given, argnums)


def _transform(kind: str, argnums: Any, has_aux: bool) -> Transform:
    """Return a transform with its argnums as a tuple.

    Raises `ArgumentError` for what selects no argument.
    """
    bare = not isinstance(argnums, (tuple, list))
    selectors: tuple[Any, ...] = (argnums,) if bare else tuple(argnums)
    for selector in selectors:
        if isinstance(selector, bool) or not isinstance(selector, (int, str)):
            raise ArgumentError(
                f"argnums={argnums!r}: write a position, a name, or a tuple of them"
            )
    if not selectors:
        raise ArgumentError(f"argnums={argnums!r}: name at least one argument")
    return Transform(kind, selectors, bare, bool(has_aux))


def _made(
    f: Function | None,
    kind: str,
    options: Options | None,
    given: dict[str, Any],
    argnums: Argnums | None = None,
    has_aux: bool = False,
) -> CompiledFunction | Decorator:
    """Return the compiled function, or the decorator that makes it."""
    if is_symbolic(f):
        f, argnums = _symbolic(f, kind, given, argnums)
    transform = Transform(kind) if kind == "compile" else _transform(kind, argnums, has_aux)
    chosen = make_options(options, given)
    if f is None:
        return lambda function: CompiledFunction(function, transform, chosen)
    return CompiledFunction(f, transform, chosen)


def _symbolic(
    expr: Any, kind: str, given: dict[str, Any], argnums: Any
) -> tuple[symbolic.SymbolicModel, Argnums | None]:
    """Return the model of a SymPy expression, and argnums as positions.

    Takes ``args=`` and ``specs=`` out of the given keywords.
    """
    if "args" not in given:
        raise ArgumentError(f"bp.{kind} of a SymPy expression: write args=[x, ...], its symbols")
    args, specs = given.pop("args"), given.pop("specs", None)
    scalars = kind in ("grad", "value_and_grad")
    model = symbolic.SymbolicModel(expr, args, specs, given.get("name"), scalars)
    if isinstance(argnums, (tuple, list)):
        return model, [model.arguments.position(selector) for selector in argnums]
    return model, None if argnums is None else model.arguments.position(argnums)
