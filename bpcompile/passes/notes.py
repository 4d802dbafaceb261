"""Keep the notes of loops true: what they keep and read, once nobody reads it, is not said."""

from __future__ import annotations

import re

from bpcompile.ir.graph import Node

_READS = re.compile(r"reads .*? from the tape(, | and |$)")


def settled_note(note: str, params: tuple[Node, ...], kept: int) -> str:
    """Return what is still true of the note of a loop with these parameters and `kept` rows.

    A tape is a parameter of a name of its own, or a row.
    """
    if kept or any((param.name or "").endswith("_tape") for param in params):
        return note
    if note.startswith("keeps ") and note.endswith(" on the tape"):
        return ""
    head, colon, rest = note.partition(": ")
    found = _READS.match(rest)
    if found is None:
        return note
    left = rest[found.end() :]
    return f"{head}{colon}{left or 'needs no tape'}"
