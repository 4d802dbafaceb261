"""Keep what was found, a line of JSON for each function and draw, so that a run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


def key(entry: Entry) -> str:
    """Return what an entry is about: no two of a record have the same."""
    parts = ("walk", "name", "dtype", "seed", "target")
    return "|".join(str(entry.get(part, "")) for part in parts)


class Record:
    """Hold the entries of a run, in memory and in a file if there is one."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self.entries[key(entry)] = entry

    def has(self, **about: Any) -> bool:
        """Tell whether there is an entry about this."""
        return key(about) in self.entries

    def add(self, entry: Entry) -> None:
        """Enter what was found, in the file at once."""
        self.entries[key(entry)] = entry
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def of(self, walk: str) -> Iterator[Entry]:
        """Yield the entries of a walk."""
        return (entry for entry in self.entries.values() if entry["walk"] == walk)
