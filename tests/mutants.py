"""Run the tests against every fault in every derivative rule: each must make one of them fail.

    python -m tests.mutants                        # the whole campaign
    python -m tests.mutants ops.exponential        # the faults whose keys hold a text
    python -m tests.mutants --every 40             # a sample: one of forty

First each test is run once with rules that note that they are called, so that a fault in a rule is
only met by the tests that call it, the quickest first and those first that found other faults of
that rule. Tests that compile machine code, draw random programs or take long are left out: what
survives here may still be found by the whole suite, and what is killed here certainly is. A test
that fails with a fault has to pass again without it. The exit status is the number of survivors
that `tests/equivalents.txt` does not list, at most 100. In it the keys of
faults that change nothing stand below lines ``= reason``.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import inspect
import io
import itertools
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import faults

EQUIVALENT = Path(__file__).with_name("equivalents.txt")
# The tests that meet faults in the rules of ops, and in those of regions and sweeps.
FOLDERS = {
    "ops.": ("tests/ops", "tests/transforms/test_duality.py"),
    "transforms.": ("tests/transforms",),
}
LONGEST = 2.0  # seconds that a test may take without a fault
PATIENCE = 20.0  # and with a fault
MOST = 4.0  # seconds that all tests together may take for one mutant, the quickest of them


@dataclass(eq=False)
class Check:
    """Hold a test that can be called."""

    name: str
    call: Callable[[], object]
    seconds: float = 0.0


@dataclass
class Outcome:
    """Hold what became of the mutants."""

    killed: dict[str, str] = field(default_factory=dict)
    equivalent: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)


# The tests


class _Collected:
    """Take the tests that pytest collects."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def collect(folders: Sequence[str]) -> list[Check]:
    """Return the tests of folders that need nothing but their parameters."""
    taken = _Collected()
    options = ["--collect-only", "-q", "-o", "addopts=", "--import-mode=importlib"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*options, "-p", "no:cacheprovider", "-m", "not nightly", *folders], [taken])
    found = []
    for item in taken.items:
        if not isinstance(item, pytest.Function) or hasattr(item.obj, "hypothesis"):
            continue
        given: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
        compiles = any(isinstance(value, str) and value == "numba" for value in given.values())
        if not compiles and set(inspect.signature(item.obj).parameters) <= set(given):
            found.append(Check(item.nodeid, _bound(item.obj, given)))
    return found


def _bound(function: Callable[..., object], given: dict[str, Any]) -> Callable[[], object]:
    return lambda: function(**given)


class _TooLong(Exception):
    """Say that a test ran out of time."""


def _alarm(*_: object) -> None:
    raise _TooLong


def failure(check: Check, seconds: float = PATIENCE) -> str | None:
    """Return the name of the exception with which a test fails, None where it passes."""
    signal.signal(signal.SIGVTALRM, _alarm)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check.call()
    except pytest.skip.Exception:
        return None
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  (a fault may raise any)
        return type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


# Which tests call which rules


def reach(rules: Sequence[faults.Rule], checks: Iterable[Check]) -> dict[faults.Rule, list[Check]]:
    """Return for each rule the tests that call it, the quickest first; measure them."""
    calling: dict[faults.Rule, list[Check]] = {rule: [] for rule in rules}
    hit: set[faults.Rule] = set()
    with contextlib.ExitStack() as stack:
        for rule in rules:
            stack.enter_context(_noted(rule, hit))
        for check in checks:
            hit.clear()
            start = time.process_time()
            wrong = failure(check, 10 * LONGEST)
            check.seconds = time.process_time() - start
            if wrong is not None:
                print(f"fails without a fault: {check.name}", flush=True)
            if wrong is not None or check.seconds > LONGEST:
                continue
            for rule in hit:
                calling[rule].append(check)
    for rule, found in calling.items():
        found.sort(key=lambda check: check.seconds)
        total = itertools.accumulate(check.seconds for check in found)
        calling[rule] = [check for check, sum in zip(found, total, strict=True) if sum < MOST]
    return calling


@contextlib.contextmanager
def _noted(rule: faults.Rule, hit: set[faults.Rule]) -> Iterator[None]:
    """Let a rule note that it is called."""
    kept = [function.__code__ for function in rule.functions]
    for function in rule.functions:
        notes = function.__globals__.setdefault(faults.HIT, {})
        notes[id(rule)] = lambda: hit.add(rule)
        function.__code__ = rule.noting()
    try:
        yield
    finally:
        for function, code in zip(rule.functions, kept, strict=True):
            function.__code__ = code


# The campaign


def equivalents() -> list[tuple[str, str]]:
    """Return the key of each mutant that changes nothing, and the reason."""
    found, reason = [], ""
    for line in EQUIVALENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            reason = line.removeprefix("= ")
        elif line:
            found.append((line, reason))
    return found


class Campaign:
    """Meet mutants with tests."""

    def __init__(self, calling: dict[faults.Rule, list[Check]]) -> None:
        """Take the tests that call each rule."""
        self.calling = calling
        self.outcome = Outcome()
        self._first: dict[faults.Rule, list[Check]] = {}

    def meet(self, mutant: faults.Mutant, known: Iterable[str]) -> None:
        """Run tests against a mutant until one fails, unless it is known to be equivalent."""
        if mutant.key in known:
            self.outcome.equivalent.append(mutant.key)
            return
        killer = self._killer(mutant)
        if killer is None:
            self.outcome.survived.append(mutant.key)
        else:
            self.outcome.killed[mutant.key] = killer

    def _killer(self, mutant: faults.Mutant) -> str | None:
        """Return the name of a test that fails with a mutant and passes without it."""
        first = self._first.setdefault(mutant.rule, [])
        checks = [*first, *(c for c in self.calling.get(mutant.rule, ()) if c not in first)]
        code = mutant.code()
        for check in checks:
            with faults.planted(mutant.rule, code):
                wrong = failure(check)
            if wrong is None:
                continue
            if failure(check) is not None:  # it draws other numbers each time
                print(f"fails without a fault: {check.name}", flush=True)
                self.calling[mutant.rule].remove(check)
                continue
            if check in first:
                first.remove(check)
            first.insert(0, check)
            return f"{check.name}: {wrong}"
        return None


def run(selected: Sequence[str] = (), every: int = 1, *, all_known: bool = False) -> Outcome:
    """Run a campaign and print what it finds."""
    rules = faults.rules()
    found = [mutant for rule in rules for mutant in faults.mutants(rule)]
    if selected:
        found = [m for m in found if any(text in m.key for text in selected)]
    found = found[::every]
    known = {} if all_known else dict(equivalents())
    wanted = {mutant.rule for mutant in found if mutant.key not in known}
    layers = {rule.module.split(".")[0] + "." for rule in wanted}
    checks = collect(sorted({folder for layer in layers for folder in FOLDERS[layer]}))
    start = time.monotonic()
    calling = reach([rule for rule in rules if rule in wanted], checks)
    print(f"{len(rules)} rules, {len(found)} mutants, {len(checks)} tests", flush=True)
    campaign = Campaign(calling)
    outcome = campaign.outcome
    gc.freeze()
    for k, mutant in enumerate(found):
        before = time.monotonic()
        campaign.meet(mutant, known)
        took = time.monotonic() - before
        if outcome.survived and outcome.survived[-1] == mutant.key:
            count = len(calling.get(mutant.rule, ()))
            print(f"survived {count} tests, {took:.1f} s: {mutant.key}", flush=True)
        if k % 200 == 199:
            print(f"... {k + 1} mutants, {time.monotonic() - start:.0f} s", flush=True)
    print(
        f"{len(outcome.killed)} killed, {len(outcome.equivalent)} equivalent, "
        f"{len(outcome.survived)} survived, {time.monotonic() - start:.0f} s"
    )
    return outcome


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="*", help="take the mutants whose keys hold one of these")
    parser.add_argument("--every", type=int, default=1, help="take one of so many")
    parser.add_argument("--known", action="store_true", help="meet those listed as equivalent too")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BPCOMPILE_CACHE_DIR"] = cache
        outcome = run(given.text, given.every, all_known=given.known)
    return min(len(outcome.survived), 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
