"""Fill the arrays that a caller gives by ``out=``, by the rules of NumPy's ufuncs.

Each place of the result takes None, for a fresh value, or an array of the result's shape, into
whose dtype the result may be cast by the rule ``"same_kind"``; a scalar's place takes an array of
shape (). A buffer that machine code cannot write into, or that overlaps an argument, is filled
through a temporary. The buffers themselves are what the call returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.ir.type import Type
from bpcompile.runtime.program import Program


class OutError(ArgumentError, ValueError):
    """Signal an array given by ``out=`` that is read-only or shares memory with another."""


def call_into(
    program: Program,
    leaves: Sequence[Any],
    given: Sequence[Any],
    paths: Sequence[str],
    lengths: Mapping[str, int],
) -> list[Any]:
    """Return the result leaves of a call; those for which `given` has an array are that array.

    `given` has None or an array for each result leaf, and `paths` what messages call it. Raises
    `TypeMismatchError`, `ShapeError` or `OutError` for an array that cannot take its result.
    """
    shapes = program.shapes(lengths)
    for array, type, shape, path in zip(given, program.outputs, shapes, paths, strict=True):
        if array is not None:
            _check(array, type, shape, path)
    _check_apart([(a, p) for a, p in zip(given, paths, strict=True) if a is not None])
    inputs = [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]
    arrays = [
        array if _fits(array, type, inputs) else np.empty(shape, type.dtype.numpy_name)
        for array, type, shape in zip(given, program.outputs, shapes, strict=True)
        if type.rank
    ]
    scalars = iter(program.run_filling(leaves, arrays, lengths))
    filled = iter(arrays)
    results: list[Any] = []
    for array, type in zip(given, program.outputs, strict=True):
        value = next(filled) if type.rank else next(scalars)
        if array is not None and array is not value:
            np.copyto(array, value, casting="same_kind")
        results.append(value if array is None else array)
    return results


def _check(array: Any, type: Type, shape: tuple[int, ...], path: str) -> None:
    """Refuse what cannot take a result."""
    if array.__class__ is not np.ndarray and not _is_plain(array):
        raise TypeMismatchError(
            f"{path} is a {array.__class__.__name__}: give an ndarray of shape {shape} and dtype "
            f"{type.dtype.numpy_name}, or None for a fresh result"
        )
    if array.shape != shape:
        raise ShapeError(
            f"{path} has shape {array.shape}, and the result has shape {shape}: write "
            f"np.empty({shape})"
        )
    if not np.can_cast(type.dtype.numpy_name, array.dtype, "same_kind"):
        raise TypeMismatchError(
            f"{path} has dtype {array.dtype}, and the result is {type.dtype.numpy_name}: write "
            f"np.empty({shape}, np.{type.dtype.numpy_name})"
        )
    if not array.flags.writeable:
        raise OutError(f"{path} is read-only: give an array that can be written")


def _is_plain(array: Any) -> bool:
    """Tell whether an object is an array without a mask, and no `np.matrix`."""
    return isinstance(array, np.ndarray) and not isinstance(array, (np.ma.MaskedArray, np.matrix))


def _check_apart(given: Sequence[tuple[np.ndarray, str]]) -> None:
    """Refuse two arrays that share memory."""
    for k, (array, path) in enumerate(given):
        for other, other_path in given[:k]:
            if np.may_share_memory(array, other) and np.shares_memory(array, other):
                raise OutError(f"{path} and {other_path} share memory: give separate arrays")


def _fits(array: np.ndarray | None, type: Type, inputs: Sequence[np.ndarray]) -> bool:
    """Tell whether machine code can write its result right into an array."""
    return (
        array is not None
        and array.__class__ is np.ndarray
        and array.dtype == type.dtype.numpy_name
        and array.dtype.isnative
        and array.flags.carray
        and not any(np.may_share_memory(array, x) for x in inputs)
    )
