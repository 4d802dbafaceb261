"""Say what was found."""
from __future__ import annotations
from typing import Any


def complaints(entry):
    if entry["walk"] == "exact":
        for what in ("misses", "defects"):
            for f in entry[what]:
                yield f"{entry['name']} {entry['dtype']}: {f}"
        return
    for f in entry["quarrels"]:
        yield f"{entry['name']} {entry['seed']} {entry['target']}: {f}"
    for who, f in entry["no"].items():
        yield f"{entry['name']} {entry['seed']}: no {who}: {f}"
def text(record): return ""
class Summary:
    def __init__(self, r): self.ours=0
    def lines(self): return []
