"""Differentiate a model without any derivative rule, by evaluating it at moved arguments.

* Complex step: ∂f/∂x = Im f(x + i h) / h with h = 1e-30, exact to rounding (Squire and Trapp,
  "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998).
* Where an operation has no complex form, or the complex value overflows: central differences
  D(h) = (f(x + h) - f(x - h)) / 2h, extrapolated as (4 D(h/2) - D(h)) / 3 (Richardson). Their
  error is estimated by what the extrapolation changed, and by the rounding of f over h.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.type import DType

_STEP = 1e-30
_NEARBY = 3
_SEED = 20240521
_KINK = 1e-3  # slopes that differ by more of their size are two
Directions = Mapping[int, np.ndarray]


class Slopes(NamedTuple):
    """Hold the derivatives of the outputs along a direction, and how far off each may be."""

    values: list[np.ndarray]
    errors: list[np.ndarray]


class Reference:
    """Evaluate and differentiate a graph at the arguments of one call.

    `directions` give an array for each parameter that moves, by its position.
    """

    def __init__(self, graph: Graph, args: Sequence[Any]) -> None:
        """Evaluate the graph."""
        self.graph = graph
        self.args = [np.asarray(arg) for arg in args]
        narrow = any(n.array_type.dtype is DType.F32 for n in (*graph.params, *graph.outputs))
        self.eps = float(np.finfo(np.float32 if narrow else np.float64).eps)
        self.values = [np.asarray(value) for value in interpret(graph, self.args)]
        self.is_analytic = self._is_analytic()

    @property
    def method(self) -> str:
        """Return how slopes are found, in words."""
        if self.is_analytic:
            return f"complex step {_STEP:g}"
        size = f"{self.eps**0.2:.1e} max(1, |x|)"
        return f"central differences with steps {size} and half of it, extrapolated"

    def _is_analytic(self) -> bool:
        """Tell whether every operation has a complex form."""
        try:
            self._complex({})
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return False
        return True

    def slopes(self, directions: Directions) -> Slopes:
        """Return the derivatives of all outputs along a direction."""
        if not self.is_analytic:
            return self._differences(directions)
        moved = self._complex(directions)
        # Where the value is infinite its imaginary part means nothing.
        found = [np.where(np.isfinite(np.real(y)), np.imag(y) / _STEP, np.nan) for y in moved]
        errors = [np.zeros(np.shape(slope)) for slope in found]
        if all(np.all(np.isfinite(slope)) for slope in found):
            return Slopes(found, errors)
        other = self._differences(directions)
        pairs = zip(found, other.values, other.errors, strict=True)
        for k, (slope, value, error) in enumerate(pairs):
            finite = np.isfinite(slope)
            found[k], errors[k] = np.where(finite, slope, value), np.where(finite, 0.0, error)
        return Slopes(found, errors)

    def nearby(self) -> list[Reference]:
        """Return references at arguments that differ by rounding: they show what rounding does."""
        rng = np.random.default_rng(_SEED)
        found = []
        for _ in range(_NEARBY):
            args = []
            for arg in self.args:
                if arg.dtype.kind == "f":
                    signs = rng.choice([-1.0, 1.0], arg.shape)
                    arg = np.asarray(arg * (1 + self.eps * signs), arg.dtype)
                args.append(arg)
            found.append(Reference(self.graph, args))
        return found

    def _complex(self, directions: Directions) -> tuple[Any, ...]:
        """Return the outputs at arguments with a small imaginary part."""
        moved = [arg.astype(complex) if arg.dtype.kind == "f" else arg for arg in self.args]
        for k, direction in directions.items():
            moved[k] = moved[k] + 1j * _STEP * direction
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return interpret(self.graph, moved, complex_step=True)

    def _differences(self, directions: Directions) -> Slopes:
        """Return extrapolated central differences."""
        step = self._step(directions, self.eps**0.2)
        found, errors = [], []
        with np.errstate(all="ignore"):
            wide, fine = (self._central(directions, h) for h in (step, step / 2))
            for first, second, value in zip(wide, fine, self.values, strict=True):
                slope = (4 * second - first) / 3
                found.append(slope)
                errors.append(np.abs(slope - second) + self.eps * np.abs(value) / step)
        return Slopes(found, errors)

    def _central(self, directions: Directions, step: float) -> list[np.ndarray]:
        """Return the central difference of each output."""
        pairs = zip(self._at(directions, step), self._at(directions, -step), strict=True)
        return [(high - low) / (2 * step) for high, low in pairs]

    def sides(self, directions: Directions) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the slopes of each output to the left and to the right."""
        step = self._step(directions, self.eps**0.5)
        low, high = self._at(directions, -step), self._at(directions, step)
        with np.errstate(all="ignore"):
            left = [(y - a) / step for a, y in zip(low, self.values, strict=True)]
            right = [(b - y) / step for b, y in zip(high, self.values, strict=True)]
        return left, right

    def _at(self, directions: Directions, step: float) -> list[np.ndarray]:
        """Return the outputs at moved arguments, as float64."""
        moved = list(self.args)
        for k, direction in directions.items():
            moved[k] = np.asarray(moved[k] + step * direction, moved[k].dtype)
        return [np.asarray(out, np.float64) for out in interpret(self.graph, moved)]

    def _step(self, directions: Directions, relative: float) -> float:
        """Return a step relative to the largest argument that moves, at least to 1."""
        sizes = [np.abs(self.args[k][direction != 0]) for k, direction in directions.items()]
        largest = [float(np.max(size[np.isfinite(size)], initial=1.0)) for size in sizes]
        return relative * max([1.0, *largest])


def is_between(got: float, left: float, right: float, scale: float) -> bool:
    """Tell whether two slopes differ, and a value lies between them."""
    low, high = min(left, right), max(left, right)
    room = _KINK * max(abs(low), abs(high), scale)
    return high - low > room and low - room <= got <= high + room
