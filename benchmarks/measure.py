"""Check that the contenders agree, then time them in rounds: A B C A B C ...

Rounds pair the contenders: in each, all meet the same disturbance, so a ratio is taken within its
round and its median is steadier than the ratio of two medians. A batch that the kernel interrupted
is repeated a few times, and counted as disturbed if it never ran through.
"""

from __future__ import annotations

import math
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.case import Bar, Call, Case, Clocked, Contender, Fact, Sample
from benchmarks.peers import PeerMissingError, require

ATTEMPTS = 5
"""How often a batch is repeated to find one that the kernel did not interrupt."""

SHORT = 5e-3
"""Seconds below which a call feels cold caches, so one call before each batch is not timed."""

PATIENCE = 0.5
"""Seconds after which a batch is not repeated any more."""


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, seconds of a batch, and seconds for one contender in all.

    `processor` counts the seconds that this process has the processor, for a machine that others
    use too: there a call of more than a few milliseconds is interrupted each time.
    """

    rounds: int
    batch: float = 1e-3
    budget: float = 10.0
    processor: bool = False


@dataclass
class Measured:
    """What came of one contender: its seconds by round, or the reason why there are none."""

    contender: Contender
    status: str = "measured"
    reason: str = ""
    disturbed: int = 0
    seconds: dict[int, float] = field(default_factory=dict)
    parts: dict[str, dict[int, float]] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    median: float
    q1: float
    q3: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Return the median and quartiles of at least one value.

    >>> spread([1.0, 2.0, 3.0, 4.0, 5.0])
    Spread(median=3.0, q1=2.0, q3=4.0, count=5)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, q1, q3, len(values))


def leaves(tree: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the leaves of nested tuples, lists and dicts as float64 arrays, in order."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending.extend(reversed([node[key] for key in sorted(node)]))
        elif isinstance(node, (tuple, list)):
            pending.extend(reversed(node))
        else:
            plain = node.detach() if hasattr(node, "detach") else node
            yield np.asarray(plain, dtype=np.float64)


def disagreement(result: Any, reference: Any, rtol: float) -> str:
    """Return how `result` differs from `reference`, or "" if each leaf agrees.

    A leaf agrees if no entry differs by more than `rtol` times the leaf's largest magnitude; leaves
    are compared flat, since a peer may return a column for a vector.
    """
    ours, theirs = list(leaves(result)), list(leaves(reference))
    if len(ours) != len(theirs):
        return f"{len(ours)} results, the reference has {len(theirs)}"
    for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a.size != b.size:
            return f"result {position} has {a.size} entries, the reference {b.size}"
        if a.size == 0:
            continue
        error = np.max(np.abs(a.ravel() - b.ravel()))
        scale = np.max(np.abs(b))
        if not error <= rtol * scale:
            return (
                f"result {position} differs by {error:.3g} where the largest entry is {scale:.3g}"
            )
    return ""


def _interruptions() -> int:
    """Return how often the kernel has taken the processor from this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _batch_sampler(call: Call, effort: Effort) -> Callable[[], tuple[Sample, bool]]:
    """Return a sampler that times a batch of calls with the collector off."""
    timer = call.timer(time.process_time if effort.processor else time.perf_counter)
    number = 1
    once = timer.timeit(1)
    while once * number < effort.batch:  # the first calls are slow, so the estimate sinks
        number = max(number + 1, math.ceil(effort.batch / once))
        once = timer.timeit(number) / number

    def sample() -> tuple[Sample, bool]:
        if once < SHORT:  # bring data and code back into the caches that the others have used
            timer.timeit(1)
        disturbed: list[float] = []
        for _ in range(ATTEMPTS):
            before = _interruptions()
            taken = timer.timeit(number)
            if effort.processor or _interruptions() == before:
                return Sample(taken / number), False
            disturbed.append(taken)
            if sum(disturbed) > PATIENCE:
                break
        return Sample(statistics.median(disturbed) / number), True

    return sample


def prepare(case: Case, effort: Effort) -> tuple[list[Measured], dict[str, Any]]:
    """Build and check the contenders; return their records, and samplers of those that are fit."""
    records = [Measured(contender) for contender in case.contenders]
    records.sort(key=lambda record: record.contender.name != case.reference)
    samplers: dict[str, Any] = {}
    reference: Any = None
    for record in records:
        contender = record.contender
        try:
            if contender.peer:
                require(contender.peer)
            built = contender.build()
            result = built.result()
            if contender.name == case.reference:
                reference = [leaf.copy() for leaf in leaves(result)]
            elif reference is None:
                raise RuntimeError(f"nothing to agree with: {case.reference} failed")
            rtol = case.rtol if contender.rtol is None else contender.rtol
            wrong = disagreement(result, reference[: contender.leaves], rtol)
            if wrong:
                record.status, record.reason = "failed", f"disagrees with {case.reference}: {wrong}"
                continue
            if isinstance(built, Call) and built.facts is not None:
                record.facts.update(built.facts())
            samplers[contender.name] = _sampler(built, effort)
        except PeerMissingError as missing:
            record.status, record.reason = "skipped", str(missing)
        except Exception as error:  # noqa: BLE001  # whatever an implementation raises is its result
            lines = str(error).strip().splitlines() or [""]
            record.status = "failed"
            record.reason = f"{type(error).__name__}: {lines[0]}".rstrip(": ")
    return records, samplers


def _sampler(built: Call | Clocked, effort: Effort) -> Callable[[], tuple[Sample, bool]]:
    """Return the sampler of what a contender has built."""
    if isinstance(built, Call):
        return _batch_sampler(built, effort)
    return lambda: (built.sample(), False)


def measure(case: Case, effort: Effort) -> list[Measured]:
    """Return what came of each contender, in the case's order."""
    records, samplers = prepare(case, effort)
    spent = dict.fromkeys(samplers, 0.0)
    fit = [record for record in records if record.contender.name in samplers]
    for number in range(effort.rounds):
        for record in fit:
            name = record.contender.name
            if number >= 3 and spent[name] > effort.budget:
                continue
            start = time.perf_counter()
            sample, disturbed = samplers[name]()
            spent[name] += time.perf_counter() - start
            record.seconds[number] = sample.seconds
            record.disturbed += disturbed
            for part, seconds in sample.parts.items():
                record.parts.setdefault(part, {})[number] = seconds
    order = [contender.name for contender in case.contenders]
    return sorted(records, key=lambda record: order.index(record.contender.name))


def by_round(records: Sequence[Measured]) -> dict[int, dict[str, float]]:
    """Return the seconds of each round by contender; a part is named "contender: part".

    A fact stands in each round of its contender, as "contender: fact".
    """
    rounds: dict[int, dict[str, float]] = {}
    for record in records:
        name = record.contender.name
        series = {name: record.seconds}
        series |= {f"{name}: {part}": seconds for part, seconds in record.parts.items()}
        for label, seconds in series.items():
            for number, value in seconds.items():
                rounds.setdefault(number, {})[label] = value
        for fact, figure in record.facts.items():
            for number in record.seconds:
                rounds[number][f"{name}: {fact}"] = figure.value
    return rounds


def paired(
    rounds: Mapping[int, Mapping[str, float]],
    needs: Sequence[str],
    value: Callable[[Mapping[str, float]], float],
) -> Spread | None:
    """Return the spread of `value` over the rounds that have all of `needs`; None without any."""
    values = [value(row) for row in rounds.values() if all(name in row for name in needs)]
    return spread(values) if values else None


def outcome(bar: Bar, rounds: Mapping[int, Mapping[str, float]]) -> Spread | None:
    """Return the spread of a bar's figure over the rounds."""
    return paired(rounds, bar.needs, bar.value)
