"""Word the notes of loops and branches that keep values, and name what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpcompile.ir.graph import Node

_MOST_NAMES = 6  # how many kept values a note names


def stem(node: Node) -> str:
    """Return what the tape of a value is called after."""
    array = node.args[0].name if node.op.name == "index" else None
    return (node.name or array or "kept").removesuffix("_tape").removesuffix("_kept")


def kept_name(node: Node) -> str:
    """Return the name of a value that a branch returns for the gradient."""
    called = stem(node)
    return called if called == "kept" else f"{called}_kept"


def names(kept: Sequence[Node]) -> str:
    """Return the names of kept values as one phrase; those without a name are counted."""
    shown = [_shown(node) for node in kept]
    if not kept:
        return ""
    named = list(dict.fromkeys(name for name in shown if name))[:_MOST_NAMES]
    rest = len(kept) - sum(name in named for name in shown)
    if rest:
        named.append(f"{rest} {'more ' if named else ''}value{'s' * (rest > 1)}")
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _shown(node: Node) -> str:
    """Return how a note calls a kept value: by its name, or as an element of a named array."""
    called = stem(node)
    if called == "kept":
        return ""
    element = node.op.name == "index" or (node.name or "").endswith(("_tape", "_kept"))
    return f"{called}[...]" if element else (node.name or "")


def forward_note(kept: Sequence[Node], asked: Any) -> str:
    """Say what a forward loop keeps, where `asked` is what its ``checkpoint`` says."""
    if not kept:
        return ""
    if is_stretch(asked):
        known = isinstance(asked[1], int) and asked[1] > 0
        place = f"every {asked[1]} steps" if known else "each of about sqrt n stretches of steps"
        return f"keeps {names(kept)} before {place}"
    return f"keeps {names(kept)} of each step on the tape"


def is_stretch(asked: Any) -> bool:
    """Tell whether an attribute ``checkpoint`` is that of a loop over stretches of steps."""
    return isinstance(asked, tuple) and asked[0] == "stretch"


def backward_note(kept: Sequence[Node], again: int, asked: Any, left: Sequence[Node] = ()) -> str:
    """Say what a backward loop reads, and how many values it computes again.

    `left` are parameters for arrays that are read as the loops leave them.
    """
    if is_stretch(asked):
        return f"runs each stretch again from {names(kept) or 'its start'}, the last one first"
    if asked == "again":
        return "computes again what was not kept"
    does = [f"reads {names(kept)} from the tape"] if kept else []
    arrays = list(dict.fromkeys(node.name or "" for node in left))
    does += [f"reads {name} as the steps leave it" for name in arrays]
    does = does or ["needs no tape"]
    if again:
        does.append(f"computes {again} value{'s' * (again > 1)} again")
    return f"runs the steps backwards: {', '.join(does[:-1])}{' and ' * (len(does) > 1)}{does[-1]}"
