"""Put a stop-watch into an emitted module: what each of its loops takes, read inside of one call.

In: the text of a module. Out: `Timed`, whose text has ``_main(..., ticks)``, which adds up the
nanoseconds between its stations in an array. A station of the numba target is a nest of loops, a
matrix product or a routine; of the numpy target it is a line. The clock is read in machine code, so
that loops of a microsecond can be told apart; two stations next to each other time the clock.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bpcompile.emit.templates import helper_names

# The entries of `ticks`: the last time, two words that the clock writes, what a look at the clock
# takes, what lies between stations, and the stations.
_CLOCK, _REST, FIRST = 3, 4, 5
_LOOPS = (ast.For, ast.While)

_FOR_NUMBA = """
_clock = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.intp))


@njit(nogil=True)
def _lap(ticks, station):
    _clock({clock}, ticks[1:3].ctypes.data)
    now = ticks[1] * 1000000000 + ticks[2]
    ticks[station] += now - ticks[0]
    ticks[0] = now
"""
_FOR_NUMPY = """
def _lap(ticks, station):
    now = time.perf_counter_ns()
    ticks[station] += now - ticks[0]
    ticks[0] = now
"""


@dataclass(frozen=True, slots=True)
class Station:
    """Hold the line of a statement in the module's text, and what it says."""

    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Timed:
    """Hold a module with a stop-watch, and its stations in the order of the array's entries.

    `laps` says how often the clock is read on the account of each entry, from `_REST` on.
    """

    text: str
    stations: tuple[Station, ...]
    laps: tuple[int, ...]

    def seconds(self, ticks: Sequence[int]) -> list[float]:
        """Return what the stations took in a run, the rest first, without the clock itself."""
        own = ticks[_CLOCK]
        spent = zip(ticks[_REST:], self.laps, strict=True)
        return [max(0, nanoseconds - laps * own) * 1e-9 for nanoseconds, laps in spent]

    @property
    def length(self) -> int:
        """Return how many entries `ticks` has."""
        return FIRST + len(self.stations)


def timed(text: str, target: str) -> Timed:
    """Return a module of a target with a stop-watch."""
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    watch = _Watch(text.splitlines(), functions, target)
    main = functions["_main"]
    last = tree.body.index(main)
    body = tree.body[: last + 1]
    watch.put_into_main(main)
    first = next(k for k, node in enumerate(body) if isinstance(node, ast.FunctionDef))
    if target == "numba":
        added = "from numba import njit, types\n" + _FOR_NUMBA.format(clock=time.CLOCK_MONOTONIC)
    else:
        added = "import time\n" + _FOR_NUMPY
    body[first:first] = ast.parse(added).body
    module = ast.fix_missing_locations(ast.Module(body, []))
    return Timed(ast.unparse(module) + "\n", tuple(watch.stations), tuple(watch.laps))


class _Watch:
    """Put laps into functions, and note the stations."""

    def __init__(
        self, lines: Sequence[str], functions: dict[str, ast.FunctionDef], target: str
    ) -> None:
        self.lines, self.target = lines, target
        others = {*helper_names(), "_main"}
        self.kernels = {name: node for name, node in functions.items() if name not in others}
        self.stations: list[Station] = []
        self.laps = [0]

    def put_into_main(self, main: ast.FunctionDef) -> None:
        """Time the statements of the function that does the work, and of the kernels it calls."""
        _take_ticks(main)
        main.body = [*_start(), *self._timed(main.body, self.target == "numba")]

    def _timed(self, body: Sequence[ast.stmt], has_stations: bool) -> list[ast.stmt]:
        """Return statements with the laps between them."""
        found: list[ast.stmt] = []
        charged = True  # whether the clock was read since the last statement
        for statement in body:
            kernel = self._kernel(statement)
            if isinstance(statement, ast.With):
                statement.body = self._timed(statement.body, has_stations=True)
                found.append(statement)
            elif kernel is not None:
                found += [] if charged else [self._rest()]
                _pass_ticks(statement)
                _take_ticks(kernel)
                kernel.body = self._timed(kernel.body, has_stations=True)
                found.append(statement)
                charged = False
            elif isinstance(statement, ast.Return):
                found += [*([] if charged else [self._rest()]), statement]
                charged = True
            elif has_stations and self._is_station(statement):
                found += [] if charged else [self._rest()]
                self.stations.append(Station(statement.lineno, self._code(statement)))
                self.laps.append(1)
                found += [statement, _lap(FIRST + len(self.stations) - 1)]
                charged = True
            else:
                found.append(statement)
                charged = False
        return found if charged else [*found, self._rest()]

    def _rest(self) -> ast.stmt:
        """Return a lap for what lies between stations."""
        self.laps[0] += 1
        return _lap(_REST)

    def _kernel(self, statement: ast.stmt) -> ast.FunctionDef | None:
        """Return the kernel that a statement calls."""
        call = _call(statement)
        if call is None or not isinstance(call.func, ast.Name):
            return None
        return self.kernels.get(call.func.id)

    def _is_station(self, statement: ast.stmt) -> bool:
        """Tell whether a statement is timed by itself."""
        if self.target == "numpy":
            return not isinstance(statement, (ast.If, ast.Pass))
        if isinstance(statement, (*_LOOPS, ast.If)):
            return any(isinstance(node, _LOOPS) for node in ast.walk(statement))
        call = _call(statement)
        if call is None or not isinstance(statement, ast.Expr):
            return False
        return isinstance(call.func, ast.Name) or ast.unparse(call.func) == "np.dot"

    def _code(self, statement: ast.stmt) -> str:
        """Return the first line of a statement without its comment."""
        return self.lines[statement.lineno - 1].split("  # ")[0].strip()


def _call(statement: ast.stmt) -> ast.Call | None:
    """Return the call that a statement is, or assigns."""
    value = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
    return value if isinstance(value, ast.Call) else None


def _take_ticks(function: ast.FunctionDef) -> None:
    function.args.args.append(ast.arg("ticks"))


def _pass_ticks(statement: ast.stmt) -> None:
    call = _call(statement)
    assert call is not None
    call.args.append(ast.Name("ticks", ast.Load()))


def _lap(station: int) -> ast.stmt:
    return ast.parse(f"_lap(ticks, {station})").body[0]


def _start() -> list[ast.stmt]:
    """Return what starts the watch: the second of two laps is what a lap takes."""
    lap = f"_lap(ticks, {_CLOCK})"
    return ast.parse(f"{lap}\nticks[{_CLOCK}] = 0\n{lap}").body
