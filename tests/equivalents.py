"""List the faults that change nothing, each with the reason, by the keys of `tests.faults`."""

from __future__ import annotations

EQUIVALENT: dict[str, tuple[str, ...]] = {}
