"""Find which known functions no case compares, and whether a peer has them."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.agreements import words
from benchmarks.agreements.cases import ALL

PAGE = Path(__file__).parents[2] / "docs" / "coverage.py"
KNOWN = ("yes", "no derivative")  # the states of a function in docs/coverage.py
SAME = {"row_stack": "vstack"}  # other names, and what is compared
UNSET = {"empty"}  # its values are anything


def known() -> Iterator[str]:
    """Yield the dotted names of the functions that docs/coverage.md calls known."""
    page: dict[str, Any] = runpy.run_path(str(PAGE))
    for prefix in ("", "linalg", "fft"):
        yield from (n for n, state in page["of_numpy"](prefix).items() if state.startswith(KNOWN))
    special = page["of_scipy"]()
    yield from (f"special.{n}" for n, state in special.items() if state.startswith(KNOWN))
    for module in ("fft", "linalg", "signal"):
        prefix = f"scipy.{module}."
        yield from (rule for rule in page["RULES"] if rule.startswith(prefix))
    yield from (f"nn.{n}" for n, state in page["of_jax"]().items() if state == "yes")


def missing() -> tuple[list[str], list[str]]:
    """Return the known functions that no case compares: those that a peer has, and the others."""
    compared = {case.function for case in ALL}
    theirs, nobodys = [], []
    for name in known():
        if name in compared or SAME.get(name) in compared or name in UNSET:
            continue
        (theirs if _has(name) else nobodys).append(name)
    return theirs, nobodys


def _has(name: str) -> bool:
    """Tell whether a peer has a function of this name."""
    torch = peers.torch()
    places = ((words.jax(), name), (torch, name), (torch.special, name.rpartition(".")[2]))
    return any(_found(place, dotted) for place, dotted in places)


def _found(place: Any, name: str) -> bool:
    """Tell whether there is a function of a dotted name."""
    try:
        return callable(words.found(place, name))
    except AttributeError:
        return False
