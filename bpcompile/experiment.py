"""Measure what the choices of the compiler cost: the same function under several options.

In: a compiled function, the options to vary, and arguments of several sizes. Out: an `Experiment`,
which prints as a table, with what limits the fastest at each size and how close it comes to that.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bpcompile.ceilings import Bound, least_time, sampled, widths
from bpcompile.compiled import CompiledFunction
from bpcompile.curves import drawn
from bpcompile.errors import ArgumentError
from bpcompile.options import make_options
from bpcompile.show.tables import text_table

Choice = Mapping[str, Any]

_VALUES: dict[str, tuple[Any, ...]] = {
    "fuse": (True, False),
    "math": ("vector", "libm"),
    "width": (None, 128, 256, 512),
    "target": ("numba", "numpy"),
}
"""What each option is varied over, its default first."""

_ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Point:
    """Hold one measurement.

    Attributes:
        choice: the options, by name.
        size: that of the arguments.
        seconds: the median of a bound call.
        quartiles: the first and the third.
        compiling: seconds from the function to its first result, from the cache or anew.
    """

    choice: Choice
    size: int
    seconds: float
    quartiles: tuple[float, float]
    compiling: float


@dataclass(frozen=True, slots=True)
class Experiment:
    """Hold what was measured of a function, and for each size the least time that is possible."""

    name: str
    points: tuple[Point, ...]
    bounds: Mapping[int, Bound]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the sizes in order."""
        return tuple(self.bounds)

    def fastest(self, size: int) -> Point:
        """Return the fastest point at a size."""
        return min((p for p in self.points if p.size == size), key=lambda point: point.seconds)

    def __str__(self) -> str:
        """Return a table, the fastest at each size first, and what limits that."""
        names = list(self.points[0].choice)
        head = ["size", *names, "median", "quartiles", "x fastest", "first result"]
        groups = [self._rows(size) for size in self.sizes]
        align = "r" + "l" * len(names) + "rrrr"
        verdicts = "\n".join(map(self.verdict, self.sizes))
        return f"{self.name}\n\n{text_table(head, groups, align)}\n\n{verdicts}"

    def _rows(self, size: int) -> list[list[str]]:
        """Return the lines of a size."""
        best = self.fastest(size).seconds
        here = sorted((p for p in self.points if p.size == size), key=lambda p: p.seconds)
        return [
            [
                str(size),
                *map(str, point.choice.values()),
                shown(point.seconds),
                f"{shown(point.quartiles[0])} to {shown(point.quartiles[1])}",
                f"{point.seconds / best:.2f}",
                shown(point.compiling),
            ]
            for point in here
        ]

    def verdict(self, size: int) -> str:
        """Return what limits the fastest at a size, and what share of that it reaches."""
        best, bound = self.fastest(size), self.bounds[size]
        words = ", ".join(f"{name}={value}" for name, value in best.choice.items())
        share = bound.seconds / best.seconds
        return (
            f"size {size}: the fastest is {words}; its limit is {bound.limit}, of which it reaches "
            f"{share:.0%}"
        )

    def drawing(self) -> str:
        """Return the times over the sizes as the text of an SVG file."""
        curves: dict[str, list[tuple[float, float]]] = {}
        for point in self.points:
            name = ", ".join(f"{key}={value}" for key, value in point.choice.items())
            curves.setdefault(name, []).append((point.size, point.seconds))
        curves["least possible"] = [(size, bound.seconds) for size, bound in self.bounds.items()]
        return drawn(self.name, curves)

    def record(self) -> dict[str, Any]:
        """Return the measurements as what JSON can hold."""
        return {
            "name": self.name,
            "points": [dataclasses.asdict(point) for point in self.points],
            "bounds": {str(size): bound._asdict() for size, bound in self.bounds.items()},
        }


def experiment(
    fn: CompiledFunction,
    vary: Sequence[str],
    sizes: Sequence[int],
    arguments: Callable[[int], Sequence[Any]],
) -> Experiment:
    """Measure a function under each combination of options.

    Args:
        fn: the function; the options that are not varied stay as they are.
        vary: names of options, of `fuse`, `math`, `width` and `target`.
        sizes: what `arguments` is called with.
        arguments: gives the arguments of a size.

    Raises:
        ArgumentError: for an option that cannot be varied, or no size.

    Example:
        >>> import bpcompile as bp
        >>> import numpy as np
        >>> fn = bp.grad(lambda x: np.sum(np.exp(x)))
        >>> found = experiment(fn, ["target"], [100], lambda n: [np.zeros(n)])
        >>> sorted(point.choice["target"] for point in found.points)
        ['numba', 'numpy']
    """
    if not sizes:
        raise ArgumentError("there is no size to measure at: write one or more")
    forms = [(choice, _under(fn, choice)) for choice in choices(vary)]
    points: list[Point] = []
    bounds: dict[int, Bound] = {}
    for size in sizes:
        given = arguments(size)
        calls, seconds = [], []
        for _, form in forms:
            started = time.perf_counter()
            run = functools.partial(form.bind(*given), *given)
            run()
            seconds.append(time.perf_counter() - started)
            calls.append(run)
        times = sampled(calls, _ROUNDS)
        for (choice, _), compiling, found in zip(forms, seconds, times, strict=True):
            low, middle, high = statistics.quantiles(found, n=4)
            points.append(Point(choice, size, middle, (low, high), compiling))
        bounds[size] = _least(forms[times.index(min(times, key=statistics.median))][1], given)
    return Experiment(f"{fn.transform.kind}({fn.name})", tuple(points), bounds)


def choices(vary: Sequence[str]) -> list[dict[str, Any]]:
    """Return the combinations of options; those that mean nothing together are left out.

    >>> choices(["target"])
    [{'target': 'numba'}, {'target': 'numpy'}]
    """
    for name in vary:
        if name not in _VALUES:
            raise ArgumentError(f"--vary {name}: write some of {', '.join(_VALUES)}, with commas")
    columns = [_possible(name) for name in dict.fromkeys(vary)]
    found = []
    for values in itertools.product(*columns):
        choice = dict(zip(dict.fromkeys(vary), values, strict=True))
        others = {name: value for name, value in choice.items() if name != "target"}
        usual = all(value == _VALUES[name][0] for name, value in others.items())
        if choice.get("target") != "numpy" or usual:  # whose code none of the others changes
            found.append(choice)
    return found


def _possible(name: str) -> tuple[Any, ...]:
    """Return the values of an option that this machine has."""
    return widths() if name == "width" else _VALUES[name]


def _under(fn: CompiledFunction, choice: Choice) -> CompiledFunction:
    """Return a function under other options."""
    return CompiledFunction(fn.function, fn.transform, make_options(fn.options, choice))


def _least(form: CompiledFunction, given: Sequence[Any]) -> Bound:
    """Return what limits a call."""
    total = form.cost(*given).total
    amounts = (total.operations, total.read, total.written)
    operations, read, written = (x.found if isinstance(x.found, int) else 0 for x in amounts)
    return least_time(operations, read + written)


def shown(seconds: float) -> str:
    """Return a time with its unit.

    >>> shown(0.00123), shown(2.5e-7)
    ('1.23 ms', '250 ns')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
