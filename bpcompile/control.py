"""Offer control flow as functions, with the signatures of `jax.lax`.

    def simulate(x0, n):
        return bp.fori_loop(0, n, lambda i, x: x + 0.1 * np.sin(x), x0)

A model may as well write `for`, `while` and `if`: these are for functions without source, and for
code that comes from JAX. Inside a compiled model each function is traced once and its loop is
rolled, forward and backward. Called on plain arrays outside of any trace, all run as the Python
control flow that they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.arguments.trees import flatten, leaves_of, map_leaves
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.flow.conditions import Cell, choose
from bpcompile.frontend.flow.counted import Loop, Step, argument_names
from bpcompile.frontend.flow.iteration import Checkpoint, checkpointing
from bpcompile.frontend.flow.loops import repeat
from bpcompile.frontend.functions.linear_algebra import stop_gradient as stopped
from bpcompile.frontend.lengths.length import length as size_length
from bpcompile.frontend.lengths.runtime import required_size
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import current, is_tracing
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import Size


def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    checkpoint: Checkpoint = None,
) -> Any:
    """Return `body_fun(i, value)` folded over i = lower, ..., upper - 1.

    Args:
        lower: the first index: an int, a length, or a traced int.
        upper: where to stop, alike.
        body_fun: takes the index and the carried tree, and returns the next carried tree.
        init_val: the tree of arrays and numbers to start with. Shapes and dtypes stay the same
            through the loop; a Python number takes the dtype that the body gives it.
        checkpoint: what reverse mode keeps of the steps; see `bp.range`.

    Returns:
        The last carried tree.

    Raises:
        TypeMismatchError: where a carried value changes its shape or dtype.
        ArgumentError: where the body returns another structure.

    Example:
        >>> fori_loop(0, 4, lambda i, x: x * 2.0 + i, 1.0)
        27.0
    """
    if not is_tracing():
        for i in range(lower, upper):
            init_val = body_fun(i, init_val)
        return init_val
    body = resolve(body_fun)
    names = argument_names(body, ("i", "carry"))
    loop = Loop(
        "bp.fori_loop",
        lambda i, carry: Step(body(i, carry)),
        (names[0], names[1]),
        checkpointing(checkpoint),
    )
    return loop(lower, upper, init_val)[0]


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any
) -> Any:
    """Return `body_fun(value)` applied as long as `cond_fun(value)` is true.

    Args:
        cond_fun: takes the carried tree and returns a bool.
        body_fun: takes the carried tree and returns the next one.
        init_val: the tree of arrays and numbers to start with. Shapes and dtypes stay the same
            through the loop; a Python number takes the dtype that the body gives it.

    Returns:
        The last carried tree.

    Raises:
        TypeMismatchError: where a carried value changes its shape, dtype or structure.

    Example:
        >>> while_loop(lambda x: x < 100, lambda x: x * 3, 1)
        243
    """
    cell = Cell(init_val)
    test, body = (resolve(f) if is_tracing() else f for f in (cond_fun, body_fun))
    name = argument_names(body, ("carry",))
    for _ in repeat(lambda: test(cell.value), cell.get, cell.put, name, "bp.while_loop"):
        cell.value = body(cell.value)
    return cell.value


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    """Return `true_fun(*operands)` where `pred` is true, else `false_fun(*operands)`.

    The function that is not chosen is not run, and contributes nothing to a gradient.

    Args:
        pred: a bool or number.
        true_fun: takes the operands.
        false_fun: takes them too, and returns a tree of the same structure, shapes and dtypes.
        operands: what the functions are given; they may as well read variables around them.

    Returns:
        What the chosen function returns.

    Raises:
        TypeMismatchError: where the two return trees or shapes that differ.

    Example:
        >>> cond(2.0 > 1.0, lambda x: x * 10, lambda x: -x, 3.0)
        30.0
    """
    if not is_tracing():
        return true_fun(*operands) if pred else false_fun(*operands)
    yes, no = resolve(true_fun), resolve(false_fun)
    return choose(pred, lambda: yes(*operands), lambda: no(*operands), "bp.cond")


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return `branches[index](*operands)`, with the index clamped to those that there are.

    Args:
        index: an int.
        branches: functions of the operands, which return trees of the same structure, shapes and
            dtypes.
        operands: what the functions are given.

    Returns:
        What the chosen function returns.

    Raises:
        ArgumentError: where there are no branches.
        TypeMismatchError: where two return trees or shapes that differ.

    Example:
        >>> switch(7, [lambda x: x, lambda x: x * 2, lambda x: x * 3], 1.0)
        3.0
    """
    if not branches:
        raise ArgumentError(f"bp.switch has no branches{where()}: give at least one function")
    if len(branches) == 1:
        return (resolve(branches[0]) if is_tracing() else branches[0])(*operands)
    middle = len(branches) // 2  # by halves, so that few conditions are tested
    return cond(
        index < middle,
        lambda: switch(index, branches[:middle], *operands),
        lambda: switch(index - middle, branches[middle:], *operands),
    )


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Return the stacked results of `f` on each row of `xs`, one after the other.

    Args:
        f: takes one row of each array in `xs`, and returns a tree.
        xs: a tree of arrays with equal first axes.

    Returns:
        The tree of results, each with a new first axis.

    Raises:
        ShapeError: where the first axes differ.

    Example:
        >>> map(lambda x: x * x, np.arange(3.0))
        array([0., 1., 4.])
    """
    body = resolve(f) if is_tracing() else f
    return scan(lambda carry, x: (carry, body(x)), None, xs)[1]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    *,
    checkpoint: Checkpoint = None,
) -> tuple[Any, Any]:
    """Return the last carry of `carry, y = f(carry, x)` over the rows of `xs`, and the stacked y.

    Args:
        f: takes the carried tree and one row of each array in `xs` (None without `xs`), and returns
            the next carried tree and a tree to stack (None for nothing).
        init: the tree to start with; shapes and dtypes stay the same through the loop.
        xs: a tree of arrays with equal first axes, or None.
        length: the number of steps; needed without `xs`.
        reverse: go from the last row to the first; `y` of row k stays at row k.
        checkpoint: what reverse mode keeps of the steps; see `bp.range`.

    Returns:
        `(carry, ys)`: the last carried tree, and the tree of y with a new first axis.

    Raises:
        ShapeError: where the first axes differ, or there is neither `xs` nor `length`.
        TypeMismatchError: where a carried value changes its shape or dtype.
        ArgumentError: where `f` returns no pair, or another structure.

    Example:
        >>> scan(lambda total, x: (total + x, total), 0.0, np.arange(4.0))
        (np.float64(6.0), array([0., 0., 1., 3.]))
    """
    if not is_tracing():
        return _plain_scan(f, init, xs, length, reverse)
    body = resolve(f)
    leaves, paths, structure = flatten(xs, "xs")
    rows = [lift(leaf) for leaf in leaves]
    count = _count(rows, paths, length)
    steps = size_length(count)

    def place(i: Any) -> Any:
        return steps - 1 - i if reverse else i

    def run_body(i: Tracer, carry: Any) -> Step:
        row = structure.unflatten(RULES["__getitem__"](x, place(i)) for x in rows)
        found = body(carry, row)
        if not isinstance(found, tuple) or len(found) != 2:
            raise ArgumentError(
                f"the body of bp.scan returns {type(found).__name__}{where()}: return a pair, the "
                "next carry and the value to stack"
            )
        return Step(*found, place(i))

    names = argument_names(body, ("carry", "x"))
    loop = Loop("bp.scan", run_body, ("i", names[0]), checkpointing(checkpoint))
    return loop(0, steps, init, count)


def _count(rows: list[Tracer], paths: list[str], length: Any) -> Size:
    """Return the number of rows that arrays share.

    Raises `ShapeError` where they differ or nothing tells.
    """
    sizes = current().session.sizes
    count: Size | None = None if length is None else required_size(length, "the length of bp.scan")
    for row, path in zip(rows, paths, strict=True):
        if not row.ndim:
            raise ShapeError(f"`{path}` of bp.scan is a scalar{where()}: scan over arrays")
        if count is None:
            count = row.sizes[0]
        elif not sizes.equal(count, row.sizes[0]):
            raise ShapeError(
                f"`{path}` of bp.scan, {describe(row)}, has {row.sizes[0]} rows where {count} are "
                f"expected{where()}: give every array as many rows"
            )
    if count is None:
        raise ShapeError(f"bp.scan has neither xs nor length{where()}: write length=n")
    return sizes.resolve(count)


def _plain_scan(f: Any, init: Any, xs: Any, length: Any, reverse: bool) -> tuple[Any, Any]:
    """Run a scan over plain arrays."""
    leaves, structure = leaves_of(xs)
    counts = {len(leaf) for leaf in leaves} | ({length} if length is not None else set())
    if len(counts) != 1:
        raise ShapeError(
            f"bp.scan over arrays with {sorted(counts)} rows: give every array as many rows, or "
            "write length=n"
        )
    (count,) = counts
    steps = range(count)
    found: dict[int, list[Any]] = {}
    inner = None
    for i in reversed(steps) if reverse else steps:
        init, y = f(init, structure.unflatten(leaf[i] for leaf in leaves))
        found[i], inner = leaves_of(y)
    if inner is None:
        return init, None
    return init, inner.unflatten(
        np.stack(column) for column in zip(*(found[i] for i in steps), strict=True)
    )


def stop_gradient(x: Any) -> Any:
    """Return a tree that every derivative takes as a constant.

    Args:
        x: a tree of arrays and numbers; those that are not traced stay what they are.

    Returns:
        The same tree.

    Example:
        >>> stop_gradient(2.0)
        2.0
    """
    return map_leaves(_stopped, x)


def _stopped(leaf: Any) -> Any:
    """Return one leaf as a constant."""
    if isinstance(leaf, Tracer) and leaf.expr.dtype.is_float:
        return stopped(leaf)
    return leaf


__all__ = [
    "cond",
    "fori_loop",
    "map",
    "scan",
    "stop_gradient",
    "switch",
    "while_loop",
]
