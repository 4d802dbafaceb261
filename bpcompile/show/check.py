"""Hold compiled values and derivatives against the interpreter.

In: the graph of a model as written, the arguments of a call, and what the compiled function
returned for them. Out: a `GradientReport`, falsy on failure. The reference (`show.reference`)
knows no derivative rule.

An entry passes where |got - expected| <= rtol (|expected| + largest |expected| of its array), where
rtol is √eps of the narrowest float type among arguments and results. More is allowed where the
reference is less exact: by the error of differences, and by what rounding of the arguments changes
(a sum that cancels to zero is a rounding error in both). At a kink, where the slopes to the left
and to the right differ, any slope between them passes and is counted as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from bpcompile.ir.graph import Graph
from bpcompile.show.reference import Reference, is_between
from bpcompile.show.report import Check, GradientReport

_SEED = 20240521  # of the entries and directions that are drawn
Index = tuple[int, ...]
Expect = Callable[[Reference], tuple[Any, Any]]


class Named(NamedTuple):
    """Hold an array that the compiled function returned, what it is called, and what it is of.

    `position` is that of an output of the graph, or, for a gradient, of a parameter.
    """

    name: str
    position: int
    got: Any


@dataclass(frozen=True, slots=True)
class Returned:
    """Hold what a compiled function returned.

    Attributes:
        values: outputs of the model.
        gradients: gradients of Σ seed · output in parameters.
        seeds: what each output is multiplied with, None for nothing; by default the first by 1.
        tangents: derivatives of outputs along `directions`.
        directions: the tangent of each parameter that moves, by position.
        plain: outputs of the model as Python itself computes them.
    """

    values: Sequence[Named] = ()
    gradients: Sequence[Named] = ()
    seeds: Sequence[Any] | None = None
    tangents: Sequence[Named] = ()
    directions: Mapping[int, Any] = field(default_factory=dict)
    plain: Sequence[Named] = ()


def check(
    graph: Graph,
    args: Sequence[Any],
    returned: Returned,
    *,
    entries: int = 100,
    rtol: float | None = None,
) -> GradientReport:
    """Return how compiled results compare with the interpreter's.

    Args:
        graph: the model as written.
        args: a value for each parameter.
        returned: what the compiled function made of them.
        entries: how many entries of a gradient are checked one by one. Of a larger one these are
            its largest and a drawn selection, and one direction through all entries is checked.
        rtol: the relative tolerance, by default √eps of the narrowest float type of the model.

    Example:
        >>> from bpcompile import ops
        >>> from bpcompile.ir.build import Builder
        >>> from bpcompile.ir.type import f64
        >>> builder = Builder("f")
        >>> x = builder.param("x", f64[()])
        >>> graph = builder.finish((x * x,))
        >>> bool(check(graph, [3.0], Returned(gradients=[Named("x", 0, 6.0)])))
        True
        >>> bool(check(graph, [3.0], Returned(gradients=[Named("x", 0, 5.0)])))
        False
    """
    return _Checker(graph, args, returned, entries, rtol).report()


class _Checker:
    """Hold what the checks of one call share."""

    def __init__(
        self,
        graph: Graph,
        args: Sequence[Any],
        returned: Returned,
        entries: int,
        rtol: float | None,
    ) -> None:
        self.reference = Reference(graph, args)
        self.returned = returned
        self.entries = entries
        self.rtol = self.reference.eps**0.5 if rtol is None else rtol
        self._nearby: list[Reference] | None = None

    @property
    def nearby(self) -> list[Reference]:
        """Return the references at rounded arguments, made when they are first needed."""
        if self._nearby is None:
            self._nearby = self.reference.nearby()
        return self._nearby

    def report(self) -> GradientReport:
        """Return the checks of values, tangents and gradients."""
        reference, returned = self.reference, self.returned
        found = [self._array(named, "value", _value(named.position)) for named in returned.values]
        for named in returned.plain:
            found.append(self._array(self._fitting(named), "python", _value(named.position)))
        directions = {k: np.asarray(v) for k, v in returned.directions.items()}
        for named in returned.tangents:
            found.append(self._array(named, "tangent", _tangent(named.position, directions)))
        for named in returned.gradients:
            found += self._gradient(named)
        return GradientReport(reference.graph.name, reference.method, self.rtol, tuple(found))

    def _fitting(self, named: Named) -> Named:
        """Return what Python computed; of another shape or kind it is NaN, which fails."""
        shape = self.reference.values[named.position].shape
        try:
            got = np.asarray(named.got, np.float64)
        except (TypeError, ValueError):
            got = np.array(np.nan)
        return named if got.shape == shape else named._replace(got=np.full(shape, np.nan))

    def _weighed(self, outputs: Sequence[np.ndarray], *, absolute: bool = False) -> float:
        """Return Σ seed · output, or Σ |seed| · output."""
        if self.returned.seeds is None:
            return float(outputs[0])
        total = 0.0
        with np.errstate(all="ignore"):
            for out, seed in zip(outputs, self.returned.seeds, strict=True):
                if seed is not None:
                    total += float(np.sum(out * (np.abs(seed) if absolute else seed)))
        return total

    def _array(self, named: Named, kind: str, expect: Expect) -> Check:
        """Compare an array with what `expect` gives of a reference: values and their errors."""
        got = np.asarray(named.got, np.float64)
        expected, error = (np.asarray(part, np.float64) for part in expect(self.reference))
        ratios = self._ratios(got, expected, error, _largest(expected))
        if np.any(ratios > 1):
            ratios = self._ratios(got, expected, error + self._noise(expect), _largest(expected))
        if not got.size:
            return Check(named.name, kind, True, (), 0.0, 0.0, 0.0, 0, 0)
        index = tuple(int(k) for k in np.unravel_index(np.argmax(ratios), got.shape))
        return Check(
            named.name,
            kind,
            bool(ratios[index] <= 1),
            index,
            float(got[index]),
            float(expected[index]),
            _distance(got[index], expected[index]),
            got.size,
            got.size,
        )

    def _ratios(self, got: Any, expected: Any, error: Any, scale: float) -> Any:
        """Return how far off values are in units of what is allowed; 0 where they are the same."""
        size = np.where(np.isfinite(expected), np.abs(expected), 0.0)
        allowed = self.rtol * (size + scale) + 10 * error
        with np.errstate(all="ignore"):
            same = (got == expected) | (np.isnan(got) & np.isnan(expected))
            ratio = np.abs(got - expected) / allowed
            return np.where(same, 0.0, np.where(np.isnan(ratio), np.inf, ratio))

    def _noise(self, expect: Expect) -> Any:
        """Return how much rounding of the arguments changes what is expected."""
        expected = expect(self.reference)[0]
        noise = np.zeros(np.shape(expected))
        with np.errstate(all="ignore"):
            for near in self.nearby:
                noise = np.fmax(noise, np.abs(expect(near)[0] - expected))
        return np.where(np.isfinite(noise), noise, 0.0)

    # -- gradients -------------------------------------------------------------------------------

    def _gradient(self, named: Named) -> Iterator[Check]:
        """Compare entries of a gradient, and one direction through all of them."""
        got = np.asarray(named.got, np.float64)
        indices = self._chosen(got)
        slopes = [self._slope(named.position, _unit(got.shape, index)) for index in indices]
        expected = np.array([slope for slope, _ in slopes], np.float64)
        error = np.array([error for _, error in slopes], np.float64)
        entries = np.array([got[index] for index in indices], np.float64)
        scale = _largest(expected)
        ratios = self._ratios(entries, expected, error, scale)
        kinks = undecided = 0
        for k in np.flatnonzero(ratios > 1):
            direction = _unit(got.shape, indices[k])
            if self._is_undecided(entries[k], expected[k]):
                undecided += 1
                ratios[k] = 0.0
            elif self._is_at_kink(named.position, direction, entries[k], scale):
                kinks += 1
                ratios[k] = 0.0
            else:
                ratios[k] = self._with_noise(named, direction, entries[k], scale)
        worst = int(np.argmax(ratios)) if len(ratios) else None
        yield Check(
            named.name,
            "gradient",
            bool(np.all(ratios <= 1)),
            () if worst is None else indices[worst],
            0.0 if worst is None else float(entries[worst]),
            0.0 if worst is None else float(expected[worst]),
            0.0 if worst is None else _distance(entries[worst], expected[worst]),
            got.size,
            len(indices),
            kinks,
            undecided,
        )
        if len(indices) < got.size:
            yield self._direction(named, got, scale)

    def _slope(
        self, position: int, direction: np.ndarray, near: Reference | None = None
    ) -> tuple[float, float]:
        """Return the derivative of the checked number along a direction, and its error."""
        slopes, errors = (near or self.reference).slopes({position: direction})
        return self._weighed(slopes), self._weighed(errors, absolute=True)

    def _with_noise(self, named: Named, direction: np.ndarray, got: float, scale: float) -> float:
        """Return how far off a slope is where rounding of the arguments is allowed for."""

        def expect(near: Reference) -> tuple[Any, Any]:
            return self._slope(named.position, direction, near)

        expected, error = expect(self.reference)
        return float(self._ratios(got, expected, error + self._noise(expect), scale))

    def _is_undecided(self, got: float, expected: float) -> bool:
        """Tell whether the reference cannot judge: the model as written overflows, or has a pole.

        A NaN that the model itself does not have is never excused.
        """
        if not np.isfinite(expected):
            value = self._weighed(self.reference.values)
            return bool(not np.isnan(got) or not np.isfinite(value))
        return bool(np.isinf(got) and got * expected > 0 and abs(expected) > 1 / self.rtol)

    def _direction(self, named: Named, got: np.ndarray, scale: float) -> Check:
        """Compare the product of a gradient with a drawn direction."""
        direction = np.random.default_rng(_SEED).standard_normal(got.shape)
        expected, error = self._slope(named.position, direction)
        product = float(np.sum(got * direction))
        size = scale * float(np.sqrt(got.size))
        ratio = float(self._ratios(product, expected, error, size))
        undecided = ratio > 1 and self._is_undecided(product, expected)
        if ratio > 1 and not undecided:
            ratio = self._with_noise(named, direction, product, size)
        return Check(
            named.name,
            "direction",
            undecided or ratio <= 1,
            (),
            product,
            expected,
            _distance(product, expected),
            got.size,
            1,
            undecided=int(undecided),
        )

    def _chosen(self, got: np.ndarray) -> list[Index]:
        """Return the entries that are checked one by one."""
        if got.size <= self.entries:
            return list(np.ndindex(got.shape))
        drawn = np.random.default_rng(_SEED).choice(got.size, self.entries, replace=False)
        chosen = sorted({int(np.argmax(np.abs(got))), *(int(k) for k in drawn)})
        return [tuple(int(i) for i in np.unravel_index(k, got.shape)) for k in chosen]

    def _is_at_kink(self, position: int, direction: np.ndarray, got: float, scale: float) -> bool:
        """Tell whether two slopes meet here and a value lies between them."""
        left, right = self.reference.sides({position: direction})
        return is_between(float(got), self._weighed(left), self._weighed(right), scale)


def _value(position: int) -> Expect:
    """Return what gives an output of a reference."""
    return lambda near: (near.values[position], 0.0)


def _tangent(position: int, directions: Mapping[int, np.ndarray]) -> Expect:
    """Return what gives the derivative of an output along directions."""

    def expect(near: Reference) -> tuple[Any, Any]:
        slopes, errors = near.slopes(directions)
        return slopes[position], errors[position]

    return expect


def _largest(values: np.ndarray) -> float:
    """Return the largest finite magnitude."""
    return float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))


def _distance(got: Any, expected: Any) -> float:
    """Return how far apart two numbers are; equal ones, NaN and infinities too, by nothing."""
    if got == expected or (np.isnan(got) and np.isnan(expected)):
        return 0.0
    with np.errstate(all="ignore"):
        return float(abs(got - expected))


def _unit(shape: tuple[int, ...], index: Index) -> np.ndarray:
    """Return the direction of one entry."""
    found = np.zeros(shape)
    found[index] = 1.0
    return found
