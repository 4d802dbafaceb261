"""Work with nested arguments, inside a model and outside: what `bp.tree` offers.

In and out: trees of tuples, lists, dicts, named tuples and dataclasses, whose leaves are arrays
and numbers, or stand for them while a model is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.frontend.arguments.trees import Structure, leaves_of, map_leaves
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.session import is_tracing


def map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:  # named as in jax.tree
    """Apply a function to the leaves of a tree, or of several trees nested alike.

    Raises `ArgumentError` where the trees are nested differently.

        >>> map(lambda p, g: p - 0.1 * g, {"w": 1.0, "b": [2.0]}, {"w": 5.0, "b": [10.0]})
        {'b': [1.0], 'w': 0.5}
    """
    return map_leaves(resolve(f) if is_tracing() else f, tree, *rest)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """Return the leaves of a tree, and its structure.

    >>> flatten({"w": 1.0, "b": [2.0, None]})
    ([2.0, 1.0], {'b': [*, None], 'w': *})
    """
    return leaves_of(tree)


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """Return the tree of a structure with these leaves.

    Raises `ArgumentError` for another number of leaves than the structure has.

        >>> unflatten(flatten((1.0, [2.0]))[1], [3.0, 4.0])
        (3.0, [4.0])
    """
    return structure.unflatten(leaves)


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return all leaves as one vector, and the function that makes the tree of such a vector.

    That function raises `ArgumentError` for a vector of another length.

        >>> vector, unravel = ravel({"w": np.ones((2, 2)), "b": 3.0})
        >>> vector
        array([3., 1., 1., 1., 1.])
        >>> unravel(2 * vector)["w"]
        array([[2., 2.],
               [2., 2.]])
    """
    leaves, structure = leaves_of(tree)
    shapes = [np.shape(leaf) for leaf in leaves]
    parts = [np.reshape(leaf, (-1,)) for leaf in leaves]
    vector = np.concatenate(parts) if parts else np.zeros(0)
    sizes = [int(np.prod(shape, dtype=int)) for shape in shapes]

    def unravel(flat: Any) -> Any:
        if np.shape(flat) != (sum(sizes),):
            raise ArgumentError(
                f"a vector of shape {np.shape(flat)} for a tree of {sum(sizes)} numbers"
            )
        found: list[Any] = []
        start = 0
        for shape, size in zip(shapes, sizes, strict=True):
            part = flat[start : start + size]
            found.append(np.reshape(part, shape) if shape else part[0])
            start += size
        return structure.unflatten(found)

    return vector, unravel


__all__ = ["flatten", "map", "ravel", "unflatten"]
