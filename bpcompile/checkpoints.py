"""Offer the choice of what reverse mode keeps, and what it computes again.

    def simulate(x):
        for _ in bp.range(1_000_000, checkpoint="sqrt"):
            x = step(x)
        return x

The gradient is the same; it needs less memory and more time.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

from bpcompile.frontend.arguments.leaves import is_static
from bpcompile.frontend.arguments.trees import leaves_of
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.flow.counted import Loop, Step
from bpcompile.frontend.flow.iteration import Checkpoint, checkpointing, counted, over, over_known
from bpcompile.frontend.lift import lift
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import is_tracing
from bpcompile.frontend.tracer import Tracer


def range(*bounds: Any, checkpoint: Checkpoint = None) -> Any:
    """Return Python's range for a `for` statement, with a choice of what reverse mode keeps.

    Without one, the backward sweep keeps a few scalars or the state of every step. With one it
    keeps states of some steps only, and runs stretches of the loop again from there.

    Args:
        bounds: the start, stop and step of `range`: ints, lengths or traced ints.
        checkpoint: ``"sqrt"`` keeps about √n states of n steps, and every step of one stretch of
            √n at a time: each step runs twice. An int k keeps the state of each k-th step.
            ``"binomial"`` keeps about log₂ n states and runs stretches again and again, in the
            order that needs the fewest steps; ``("binomial", c)`` keeps c.
            Where steps write elements of an array that the gradient reads, whole states would take
            more than a few scalars of every step; these are then kept as without a choice.

    Returns:
        Something to loop over.

    Raises:
        ArgumentError: for another `checkpoint`.

    Example:
        >>> [i * i for i in range(4, checkpoint="sqrt")]
        [0, 1, 4, 9]
    """
    attributes = checkpointing(checkpoint)
    if not is_tracing():
        return builtins.range(*bounds)
    found = counted(*bounds)
    steps = over(found)
    if steps is None:
        steps = over_known(found)
    assert steps is not None
    steps.attributes = attributes
    return steps


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose inner values reverse mode does not keep, but computes again.

    Args:
        f: a function of trees of arrays.

    Returns:
        A function with the same arguments and results.

    Example:
        >>> checkpoint(lambda x: x * x)(3.0)
        9.0
    """

    @functools.wraps(f)
    def again(*args: Any, **keywords: Any) -> Any:
        if not is_tracing():
            return f(*args, **keywords)
        body = resolve(f)
        leaves, structure = leaves_of((args, keywords))
        traced = [leaf if is_static(leaf) else lift(leaf) for leaf in leaves]
        place = [k for k, leaf in enumerate(traced) if isinstance(leaf, Tracer)]
        result: list[Any] = []

        def run_body(_: Tracer, given: tuple[Any, ...]) -> Step:
            inside = list(traced)
            for k, value in zip(place, given, strict=True):
                inside[k] = value
            own_args, own_keywords = structure.unflatten(inside)
            found, shape = leaves_of(body(*own_args, **own_keywords))
            result[:] = [shape]
            return Step(given, tuple(found), 0)

        given = tuple(traced[k] for k in place)
        loop = Loop("bp.checkpoint", run_body, ("k", "given"), {"checkpoint": "again"})
        rows = loop(0, 1, given, 1)[1]
        return result[0].unflatten(RULES["__getitem__"](row, 0) for row in rows)

    return again


__all__ = ["checkpoint", "range"]
