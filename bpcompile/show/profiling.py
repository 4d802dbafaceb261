"""Measure where a call spends its time: run the module with a stop-watch in it.

In: a program, its module's text and the arguments of a call. Out: a `Profile`. The figures beside
the times are those of `costing`, one for each nest of loops.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.runtime.dispatch import compile_exact, type_of
from bpcompile.runtime.load import load_module
from bpcompile.runtime.program import Program
from bpcompile.show.costing import Task
from bpcompile.show.laps import Station, Timed, timed
from bpcompile.show.profiles import Profile, Row

_BUDGET = 0.5  # seconds
_FEWEST, _MOST = 5, 1000
_CODE = 34
Tasks = Callable[[], Sequence[Task]]


def profile(
    name: str,
    program: Program,
    text: str,
    leaves: Sequence[Any],
    call: Callable[[], Any],
    tasks: Tasks,
    repeat: int | None,
) -> Profile:
    """Return where a call with exact leaves spends its time.

    Args:
        name: what the function is called.
        program: runs it.
        text: its module's.
        leaves: its arguments.
        call: calls it as its user does.
        tasks: tells the figures of its nests of loops, for the numba target.
        repeat: how many runs to measure; by default as many as fit in half a second, 5 to 1000.

    Raises:
        ArgumentError: where `repeat` is no positive int.
    """
    if repeat is not None and (type(repeat) is not int or repeat < 1):
        raise ArgumentError(f"{name}: repeat is {repeat!r}: give the number of runs, at least 1")
    call()  # raises what the model raises, with its line
    run, watch = _prepared(program, text, leaves)
    calls, _ = _measured(call, repeat)
    _, ticks = _measured(run, repeat)
    runs = [watch.seconds(entry) for entry in ticks]
    rest, *spent = (statistics.median(column) for column in zip(*runs, strict=True))
    whole = (rest + sum(spent)) or 1e-9
    known: list[Task | None] = [*tasks()] if program.is_compiled else [None] * len(spent)
    rows = [
        _row(station, task, seconds, seconds / whole)
        for station, task, seconds in zip(watch.stations, known, spent, strict=True)
    ]
    rows.append(Row("between these", 0, rest, rest / whole))
    dims = {key: size for key, size in program.lengths(leaves).items() if not key.startswith("%")}
    return Profile(name, dims, tuple(rows), whole, statistics.median(calls), len(runs))


def _row(station: Station, task: Task | None, seconds: float, share: float) -> Row:
    """Return the row of a station."""
    if task is None:
        return Row(_start(station.code), station.line, seconds, share)
    title = task.title or _start(station.code)
    return Row(title, station.line, seconds, share, task.operations, task.bytes)


def _start(code: str) -> str:
    """Return the start of a line of code, by which it is found."""
    return code if len(code) <= _CODE else f"{code[: _CODE - 3]}..."


def _measured(run: Callable[[], Any], repeat: int | None) -> tuple[list[float], list[Any]]:
    """Return the seconds and the results of several runs."""
    run()
    most, started = repeat or _MOST, time.perf_counter()
    seconds: list[float] = []
    results: list[Any] = []
    while len(seconds) < most:
        before = time.perf_counter()
        results.append(run())
        now = time.perf_counter()
        seconds.append(now - before)
        if repeat is None and len(seconds) >= _FEWEST and now - started > _BUDGET:
            break
    return seconds, results


def _prepared(
    program: Program, text: str, leaves: Sequence[Any]
) -> tuple[Callable[[], list[int]], Timed]:
    """Return what runs the module with a stop-watch and gives its ticks."""
    found = program.makers.get("profile")
    if found is None:
        found = program.makers["profile"] = _made(program, text)
    entry, watch = found
    given = [*leaves, *program.hidden]
    if program.is_compiled:
        lengths = program.lengths(leaves)
        shapes = zip(program.outputs, program.shapes(lengths), strict=True)
        given += [np.empty(shape, t.dtype.numpy_name) for t, shape in shapes if t.rank]
        if program.takes_workspace:
            given.append(np.empty(program.words(lengths)))

    def run() -> list[int]:
        ticks = np.zeros(watch.length, np.int64)
        entry(*given, ticks)
        return list(map(int, ticks))

    return run, watch


def _made(program: Program, text: str) -> tuple[Callable[..., Any], Timed]:
    """Return the function with a stop-watch of a program."""
    watch = timed(text, program.loaded.target)
    loaded = load_module(
        watch.text, target=program.loaded.target, options={}, public=["_main"], cache=False
    )
    main = loaded.module._main
    if not program.is_compiled:
        return main, watch
    types = [*program.inputs, *(type_of(t.dtype.value, t.rank) for t in program.outputs if t.rank)]
    types += [type_of("f64", 1)] if program.takes_workspace else []
    return compile_exact(main, [*types, type_of("i64", 1)], _refused).entry, watch


def _refused(*_: Any) -> Any:
    raise AssertionError("a profile runs the machine code itself")
