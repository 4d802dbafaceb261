"""Define the options of every transform, and refuse unknown names and impossible values."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from typing import Any

from bpcompile.errors import ArgumentError

_CHOICES: dict[str, tuple[str, ...]] = {
    "target": ("numba", "numpy"),
    "math": ("vector", "libm"),
    "dims": ("auto", "exact"),
    "compile": ("eager", "auto"),
}
_FLAGS = ("fuse", "tune", "deterministic", "cache", "verify")
_WIDTHS = (None, 128, 256, 512)
_MEMORY_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Hold how a function is compiled; every transform takes these as keywords too.

    Args:
        target: ``"numba"``, or ``"numpy"`` for plain NumPy code that needs no compiler.
        fuse: whether to join operations into loops.
        math: ``"vector"`` for our own vectorised functions, ``"libm"`` for the C library's.
        tune: whether to measure alternatives and keep the fastest.
        width: bits of the vector registers that LLVM shall prefer, 128, 256 or 512; None for its
            own choice for the CPU, often less than there are. Numba alone, as for `fn.njit` and a
            saved module, keeps to that choice.
        threads: how many threads of the machine's a call may use, the calling one included. Loops
            whose steps do not wait for each other are shared among them where there is enough to
            do; the numpy target has no such loops, and computes in the calling thread.
        deterministic: whether results have the same bits for any number of threads, one included.
        cache: whether compiled code is kept on disk.
        dims: ``"auto"`` for named lengths, ``"exact"`` to compile for each length alone.
        unroll: a loop of at most this many known steps is unrolled; a longer one is rolled, unless
            its body needs to know the step, as where it is an index of a list.
        compile: ``"eager"``, or ``"auto"`` to run as NumPy code, which gives other last bits, while
            Numba compiles in the background. `bind` waits for it.
        compile_budget: seconds that a call waits for Numba before it goes on as with ``"auto"``;
            None for as long as it takes.
        memory_budget: bytes of workspace that a gradient may take at the lengths of the example, a
            number or a text as ``"64MB"``: where the whole tape takes more, loops keep few states
            and run again (see `bp.range`), and `fn.cost` says which.
        verify: whether every pass is checked.
        static_argnums: positions of arguments that are known when compiling.
        static_argnames: names of arguments that are known when compiling.
        name: what the function is called in the emitted code, instead of its own name.

    Raises:
        ArgumentError: for a value that an option cannot have.

    Example:
        >>> Options(target="numpy").target
        'numpy'
        >>> Options(target="cuda")
        Traceback (most recent call last):
        ...
        bpcompile.errors.ArgumentError: target='cuda': write 'numba' or 'numpy'
    """

    target: str = "numba"
    fuse: bool = True
    math: str = "vector"
    tune: bool = False
    width: int | None = None
    threads: int = 1
    deterministic: bool = False
    cache: bool = True
    dims: str = "auto"
    unroll: int = 8
    compile: str = "eager"
    compile_budget: float | None = None
    memory_budget: int | str | None = None
    verify: bool = False
    static_argnums: int | tuple[int, ...] = ()
    static_argnames: str | tuple[str, ...] = ()
    name: str | None = None

    def __post_init__(self) -> None:
        """Check each value, and make lists tuples."""
        for name, choices in _CHOICES.items():
            _require(self, name, getattr(self, name) in choices, " or ".join(map(repr, choices)))
        for name in _FLAGS:
            _require(self, name, isinstance(getattr(self, name), bool), "True or False")
        _require(self, "width", self.width in _WIDTHS, "128, 256, 512 or None")
        _require(self, "threads", _is_int(self.threads, 1), "an int of 1 or more")
        _require(self, "unroll", _is_int(self.unroll, 0), "an int of 0 or more")
        budget = self.compile_budget
        fits = budget is None or _is_positive(budget)
        _require(self, "compile_budget", fits, "a positive number of seconds, or None")
        advice = "bytes as a positive int, a text such as '64MB', or None"
        _require(self, "memory_budget", _memory_bytes(self.memory_budget) != 0, advice)
        _set_tuple(self, "static_argnums", int, "an int, or a tuple of ints")
        _set_tuple(self, "static_argnames", str, "a name, or a tuple of names")
        _require(self, "name", _is_name(self.name), "an identifier, or None")

    @property
    def static(self) -> tuple[int | str, ...]:
        """Return what selects the static arguments."""
        numbers, names = self.static_argnums, self.static_argnames
        assert isinstance(numbers, tuple)
        assert isinstance(names, tuple)
        return (*numbers, *names)

    @property
    def waits(self) -> bool:
        """Return whether a call waits until its code is compiled, however long it takes."""
        forever = self.compile == "eager" and self.compile_budget is None
        return forever or self.effective_target == "numpy"

    @property
    def cuts(self) -> bool:
        """Return whether loops are cut into parts: for threads, or to add up as threads would."""
        return self.threads > 1 or self.deterministic

    @property
    def memory_bytes(self) -> int | None:
        """Return the memory budget in bytes."""
        return _memory_bytes(self.memory_budget)

    @property
    def effective_target(self) -> str:
        """Return the target, which is ``"numpy"`` where ``NUMBA_DISABLE_JIT=1`` is set."""
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            return "numpy"
        return self.target


NAMES = tuple(field.name for field in dataclasses.fields(Options))


def make_options(options: Options | None, given: Mapping[str, Any]) -> Options:
    """Return options with the keywords of a transform put over them.

    Raises `ArgumentError` for an unknown keyword, with the one that it resembles.
    """
    if options is not None and not isinstance(options, Options):
        raise ArgumentError(f"options={options!r}: write bp.Options(...)")
    for name in given:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1)
            advice = f"did you mean {near[0]}=?" if near else f"the options are {', '.join(NAMES)}"
            raise ArgumentError(f"there is no option {name}=: {advice}")
    return dataclasses.replace(options or Options(), **given)


def _require(options: Options, name: str, fits: bool, advice: str) -> None:
    """Refuse an option's value."""
    if not fits:
        raise ArgumentError(f"{name}={getattr(options, name)!r}: write {advice}")


def _is_int(value: object, least: int) -> bool:
    """Tell whether a value is an int of at least so much."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_name(value: object) -> bool:
    """Tell whether a value can be a function's name, or is None."""
    return value is None or (isinstance(value, str) and value.isidentifier())


def _is_positive(value: object) -> bool:
    """Tell whether a value is a positive real number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _memory_bytes(value: object) -> int | None:
    """Return a memory budget in bytes, None for no budget, and 0 for what is none."""
    if value is None:
        return None
    if isinstance(value, str):
        for unit, factor in _MEMORY_UNITS.items():
            number = value.removesuffix(unit).strip()
            if value.endswith(unit) and number.isascii() and number.isdigit():
                return int(number) * factor
        return 0
    return value if isinstance(value, int) and _is_int(value, 1) else 0


def _set_tuple(options: Options, name: str, kind: type, advice: str) -> None:
    """Make an option a tuple of one kind of values."""
    value = getattr(options, name)
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    fits = all(isinstance(item, kind) and not isinstance(item, bool) for item in items)
    _require(options, name, fits, advice)
    object.__setattr__(options, name, items)
