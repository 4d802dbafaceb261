"""Take apart what is lowered: expressions, matrices and arrays of them, nested in lists.

A list becomes a tuple, a matrix an array of two axes; numbers may stand among expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.frontend.arguments.trees import Structure, flatten
from bpcompile.frontend.origins import where
from bpcompile.frontend.symbolic.survey import Root
from bpcompile.frontend.symbolic.values import Value, number, stacked
from bpcompile.frontend.symbolic.walk import Walk
from bpcompile.frontend.tracer import Tracer

_NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


class _Result(NamedTuple):
    """Hold one result: its entries, and its shape; None for a single expression."""

    roots: list[Root]
    shape: tuple[int, ...] | None


class Results:
    """Hold the results of a model, and how they are nested.

    Raises `ArgumentError` for text, which SymPy would run as Python code, and for what is neither
    an expression nor a number.
    """

    def __init__(self, expr: Any) -> None:
        """Take an expression, a matrix or nested lists of them apart."""
        import sympy

        tree = list(expr) if isinstance(expr, sympy.Tuple) else expr
        leaves, paths, structure = flatten(tree, "expr")
        for token in structure.tokens:
            if token is not None and token.style not in ("items", "named"):
                raise ArgumentError(
                    f"expressions are nested in a {token.kind.__name__}{where()}: write a list"
                )
        self._structure: Structure = structure
        self._results = [_taken(leaf, path) for leaf, path in zip(leaves, paths, strict=True)]

    @property
    def roots(self) -> Iterator[Root]:
        """Yield the expressions; plain numbers are left out."""
        import sympy

        for result in self._results:
            yield from (root for root in result.roots if isinstance(root.expr, sympy.Basic))

    def lowered(self, walk: Walk) -> Any:
        """Return the values, nested in tuples."""
        return self._structure.nest(_lowered(walk, result) for result in self._results)


def _taken(leaf: Any, path: str) -> _Result:
    """Return one leaf as a result."""
    import sympy

    if isinstance(leaf, sympy.MatrixBase):
        columns = leaf.shape[1]
        entries = leaf.flat()
        roots = [
            Root(f"{path}[{k // columns}, {k % columns}]", entry) for k, entry in enumerate(entries)
        ]
        return _Result(roots, tuple(int(n) for n in leaf.shape))
    if isinstance(leaf, sympy.NDimArray):
        entries = list(sympy.flatten(leaf.tolist()))
        return _Result(_numbered(entries, path), tuple(int(n) for n in leaf.shape))
    if isinstance(leaf, (sympy.Basic, *_NUMBERS)):
        return _Result([Root(path, leaf)], None)
    if isinstance(leaf, str):
        raise ArgumentError(
            f"{path} is a text{where()}: build the expression from SymPy's symbols, since reading "
            "a text would run it as code"
        )
    raise ArgumentError(
        f"{path} is a {type(leaf).__name__}{where()}: write a SymPy expression, a Matrix or a list "
        "of them"
    )


def _numbered(entries: Sequence[Any], path: str) -> list[Root]:
    """Return entries with their place in C order."""
    return [Root(f"{path}.flat[{k}]", entry) for k, entry in enumerate(entries)]


def _lowered(walk: Walk, result: _Result) -> Tracer:
    """Return the value of one result."""
    values = [_value(walk, root) for root in result.roots]
    if result.shape is None:
        return values[0].tracer
    return stacked(values, result.shape).tracer


def _value(walk: Walk, root: Root) -> Value:
    """Return the value of an expression or a number."""
    if isinstance(root.expr, _NUMBERS):
        return number(root.expr)
    return walk.value(root.expr)
