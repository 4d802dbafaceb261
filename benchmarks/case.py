"""What a case is: contenders that do the same work, timed in turn, and the bars to reach."""

from __future__ import annotations

import math
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Round = Mapping[str, float]
"""The seconds of one round, by contender; a contender left out of the round is absent."""


@dataclass(frozen=True)
class Fact:
    """A figure beside the times that is measured once, such as memory or seconds to compile."""

    value: float
    unit: str


@dataclass(frozen=True)
class Call:
    """A call that is timed by repeating it: ``function(*arguments, **keywords)``.

    `filled` holds the arrays that the call fills beside what it returns. `facts` gives figures of
    the implementation that are no times of the call; a bar reads them as "contender: fact".
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    filled: tuple[Any, ...] = ()
    facts: Callable[[], Mapping[str, Fact]] | None = None

    def result(self) -> Any:
        """Return the results of one call, for the check of agreement."""
        returned = self.function(*self.arguments, **self.keywords)
        return self.filled if returned is None else (returned, *self.filled)

    def timer(self, clock: Callable[[], float] = time.perf_counter) -> timeit.Timer:
        """Return a timer of the call, spelled out so that no wrapper is timed with it."""
        names = {f"a{i}": value for i, value in enumerate(self.arguments)}
        listed = [*names, *(f"{key}={key}" for key in self.keywords)]
        scope = {**names, **self.keywords, "function": self.function}
        return timeit.Timer(f"function({', '.join(listed)})", timer=clock, globals=scope)


@dataclass(frozen=True)
class Sample:
    """One measurement by a contender that holds its own clock, with named parts of it."""

    seconds: float
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Clocked:
    """A contender that holds its own clock, as the first call in a new process must."""

    sample: Callable[[], Sample]
    result: Callable[[], Any]


@dataclass(frozen=True)
class Contender:
    """One implementation of a case.

    `build` does all that is not timed (data, compilation) and may raise: the error is reported.
    `peer` is the module of the peer that it needs. `rtol` overrides the case's. A contender that
    does a part of the work, as a value without its gradient does, agrees with the first `leaves`
    of the reference's results.
    """

    name: str
    column: str
    build: Callable[[], Call | Clocked]
    peer: str = ""
    rtol: float | None = None
    leaves: int | None = None


@dataclass(frozen=True)
class Bar:
    """A figure to reach, worked out in each round from the contenders that `needs` names."""

    text: str
    subject: str
    needs: tuple[str, ...]
    value: Callable[[Round], float]
    at_most: float = math.inf
    at_least: float = -math.inf
    unit: str = "x"

    def met(self, value: float) -> bool:
        """Say whether `value` reaches the bar."""
        return self.at_least <= value <= self.at_most


@dataclass(frozen=True)
class Case:
    """A row of the benchmark; `reference` names the contender that the others must agree with."""

    name: str
    title: str
    contenders: tuple[Contender, ...]
    bars: tuple[Bar, ...]
    reference: str = "hand"
    rtol: float = 1e-9
    rounds: int = 200
    notes: Callable[[], Mapping[str, str]] | None = None


def at_most(times: float, subject: str, of: str) -> Bar:
    """Return the bar: `subject` takes at most `times` the time of `of`."""
    return Bar(
        text=f"{subject} <= {times:g} x {of}",
        subject=subject,
        needs=(subject, of),
        value=lambda seconds: seconds[subject] / seconds[of],
        at_most=times,
    )


def faster(times: float, subject: str, than: str, *others: str) -> Bar:
    """Return the bar: `subject` is at least `times` as fast as the fastest of the others."""
    rivals = (than, *others)
    return Bar(
        text=f"{subject} >= {times:g} x faster than {' and '.join(rivals)}",
        subject=subject,
        needs=(subject, *rivals),
        value=lambda seconds: min(seconds[rival] for rival in rivals) / seconds[subject],
        at_least=times,
    )


def within(seconds: float, subject: str) -> Bar:
    """Return the bar: `subject` takes at most so many seconds."""
    return Bar(
        text=f"{subject} <= {seconds:g} s",
        subject=subject,
        needs=(subject,),
        value=lambda measured: measured[subject],
        at_most=seconds,
        unit="s",
    )
