"""Make a function of NumPy operations out of SymPy expressions, and trace it.

In: an expression, a matrix or nested lists of them, and the symbols that are its arguments. Out:
a `SymbolicModel`, which is called with traced values as any model is; `lower` traces one for the
types that its symbols have by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bpcompile.errors import LimitError, TraceError
from bpcompile.frontend.origins import origin, where
from bpcompile.frontend.session import Frame, current, entered, is_tracing
from bpcompile.frontend.symbolic.arguments import Specs, SymbolicArguments
from bpcompile.frontend.symbolic.results import Results
from bpcompile.frontend.symbolic.rules import check, rule_of
from bpcompile.frontend.symbolic.survey import Survey
from bpcompile.frontend.symbolic.walk import Walk
from bpcompile.frontend.tracing import Leaf, Traced, trace
from bpcompile.ir.graph import Origin

_DEFAULT_NAME = "expression"


class SymbolicModel:
    """Compute SymPy expressions of traced values.

    A call gives what the expressions are of its arguments: a list as a tuple, a `Matrix` as an
    array of two axes. An array for a `Symbol` broadcasts.

    Attributes:
        arguments: the arguments, by name, symbol or position.

    Raises:
        ArgumentError: for a text, or an expression with symbols that `args` does not give.
        UnsupportedError: for a part of the expression that has no op, with its path.
        LimitError: for an expression of more than a million nodes.

    Example:
        >>> import sympy
        >>> x, y = sympy.symbols("x y")
        >>> model = SymbolicModel((x + y) ** 2, args=[x, y])
        >>> model.arguments.position("y")
        1
    """

    def __init__(
        self,
        expr: Any,
        args: Iterable[Any],
        specs: Specs = None,
        name: str | None = None,
        scalars: bool = False,
    ) -> None:
        """Look over the expressions; nothing is lowered before the call.

        With `scalars` each symbol takes a float64, to which an int is converted; else it takes
        what it is given, unless `specs` says more.
        """
        self._made_of = (expr, tuple(args), specs, name, scalars)
        with _depth_refused():
            self._results = Results(expr)
            self._survey = Survey(self._results.roots)
            check(self._survey)
            self.arguments = SymbolicArguments(self._made_of[1], self._survey)
            self.__signature__ = self.arguments.signature(specs, scalars)
        self.__name__ = name or _DEFAULT_NAME
        self.__doc__ = f"Compute a SymPy expression of {', '.join(self.arguments.names)}."

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the expressions: what was found in them is known by identity."""
        return SymbolicModel, self._made_of

    def __call__(self, *values: Any) -> Any:
        """Return the expressions' values for traced arguments."""
        if not is_tracing():
            raise TraceError(
                f"{self.__name__} is a SymPy expression that is not compiled{where()}: write "
                "bp.compile(expr, args=[...]) and call that"
            )
        with _depth_refused(), entered(_without_lines(current())):
            found, sizes = self.arguments.bind(values)
            walk = Walk(self._survey, self.arguments.forms, rule_of, found, sizes)
            return self._results.lowered(walk)


class _LineFrame(Frame):
    """Build the graph of another frame with one line for all nodes, or none."""

    def __init__(self, frame: Frame, line: Origin | None) -> None:
        """Share everything with a frame."""
        vars(self).update(vars(frame))
        self._line = line

    def mark(self) -> None:
        """Give the nodes built next the one line."""
        self.builder.origin = self._line


def _without_lines(frame: Frame) -> Frame:
    """Return the frame for an expression, whose nodes stand on no line of the user's.

    Inside a model they have the line of the call.
    """
    builder = frame.builder
    alone = frame.parent is None and len(builder.nodes) == len(builder.params)
    return _LineFrame(frame, None if alone else origin())


@contextmanager
def _depth_refused() -> Iterator[None]:
    """Turn SymPy's own recursion into an error that says so."""
    try:
        yield
    except RecursionError:
        raise LimitError(
            f"the expression is nested deeper than SymPy can look{where()}: build it in parts, or "
            "write it as a Python function"
        ) from None


def lower(
    expr: Any,
    args: Iterable[Any],
    specs: Specs = None,
    name: str | None = None,
) -> Traced:
    """Return the graph of SymPy expressions.

    Args:
        expr: an expression, a `Matrix`, or nested lists of them. A list gives a tuple of results,
            a matrix an array of two axes; a column is n x 1.
        args: the parameters: `Symbol`, `MatrixSymbol`, `IndexedBase`.
        specs: the types of some arguments, by symbol or name, or of all in order. A symbol is by
            itself a real float64 scalar, and an int64 where it is a length or a limit of a sum;
            the sizes of a `MatrixSymbol` and the ranges of indices are dimensions.
        name: the graph's name.

    Raises:
        ArgumentError: for a symbol that `args` does not give.
        UnsupportedError: for a part of the expression that has no op, with its path.
        ShapeError: where shapes do not fit.
        LimitError: for an expression of more than a million nodes.

    Example:
        >>> import sympy
        >>> x, i, n = sympy.IndexedBase("x"), *sympy.symbols("i n", integer=True)
        >>> graph = lower(sympy.Sum(x[i] ** 2, (i, 0, n - 1)), args=[x]).graph
        >>> graph.params[0].type, [node.op.name for node in graph]
        (f64[n], ['param', 'square', 'sum'])
    """
    model = SymbolicModel(expr, args, name=name)
    names = model.arguments.names
    types = model.arguments.types(specs)
    leaves = [Leaf(type, name, exact=True) for type, name in zip(types, names, strict=True)]
    return trace(model, leaves, name=model.__name__)
