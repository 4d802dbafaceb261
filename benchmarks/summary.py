"""Print one row for each loop model of a report, and the median of the ratios over them.

python benchmarks/summary.py REPORT
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, the path holds this folder, not its parent
    sys.path.insert(0, str(ROOT))

from benchmarks.report import amount, duration, table  # noqa: E402  # after the path above

HEADER = (
    "model", "bpcompile", "bind", "value", "hand", "hand value", "JAX loop", "JAX library",
    "loop / ours", "library / ours", "bind / hand", "gradient / value", "value / hand",
    "cold compile", "of it CPU", "workspace", "JAX memory",
)  # fmt: skip


def seconds(entry: Mapping[str, Any] | None) -> float | None:
    """Return the median of a contender, or None if it was not measured."""
    if entry is None or entry["status"] != "measured":
        return None
    return float(entry["seconds"]["median"])


def fact(entry: Mapping[str, Any] | None, name: str) -> float | None:
    """Return a fact of a contender, or None if it has none."""
    found = (entry or {}).get("facts", {}).get(name)
    return None if found is None else float(found["value"])


def least(*values: float | None) -> float | None:
    """Return the least of the values that there are."""
    return min((value for value in values if value is not None), default=None)


def ratio(a: float | None, b: float | None) -> float | None:
    """Return a / b where both are there."""
    return None if a is None or not b else a / b


def shown(value: float | None, unit: str) -> str:
    """Return a cell: a ratio with two digits, or an amount with its unit."""
    if value is None:
        return "-"
    if unit == "x":
        return f"{value:.2f}"
    return duration(value) if unit == "s" and value > 0 else amount(value, unit)


def row(record: Mapping[str, Any]) -> tuple[list[str], tuple[float | None, ...]]:
    """Return the cells of a model, and its ratios."""
    entries = {entry["name"]: entry for entry in record["contenders"]}
    forms = [entry for entry in entries.values() if entry["column"] == "JAX"]
    library = [entry for entry in forms if entry["name"] in ("JAX library", "JAX vmap")]
    loops = [entry for entry in forms if entry not in library]
    ours, bind = seconds(entries.get("bpcompile")), seconds(entries.get("bpcompile bind"))
    value = seconds(entries.get("bpcompile value"))
    hand, plain = seconds(entries.get("hand")), seconds(entries.get("hand value"))
    loop, arrays = least(*map(seconds, loops)), least(*map(seconds, library))
    ratios = (
        ratio(loop, ours), ratio(arrays, ours), ratio(bind, hand),
        ratio(ours, value), ratio(value, plain),
    )  # fmt: skip
    times = [shown(t, "s") for t in (ours, bind, value, hand, plain, loop, arrays)]
    memory = least(*(fact(entry, "temporaries") for entry in loops or library))
    extra = [
        shown(fact(entries.get("bpcompile"), "cold compile"), "s"),
        shown(fact(entries.get("bpcompile"), "cold compile, CPU"), "s"),
        shown(fact(entries.get("bpcompile"), "workspace"), "bytes"),
        shown(memory, "bytes"),
    ]
    name = record["name"].removeprefix("loop_")
    return [name, *times, *(shown(r, "x") for r in ratios), *extra], ratios


def summary(report: Mapping[str, Any]) -> str:
    """Return the table of the loop models of a report, with the medians in its last row."""
    rows, ratios = [], []
    for record in report["cases"]:
        if record["name"].startswith("loop_"):
            cells, figures = row(record)
            rows.append(cells)
            ratios.append(figures)
    medians = []
    for column in zip(*ratios, strict=True):
        there = [figure for figure in column if figure is not None]
        medians.append(shown(statistics.median(there) if there else None, "x"))
    rows.append(["median", *[""] * 7, *medians, "", "", "", ""])
    failed = [
        f"{record['name']}, {entry['name']}: {entry['status']}: {entry['reason']}"
        for record in report["cases"]
        for entry in record["contenders"]
        if entry["status"] != "measured"
    ]
    return "\n\n".join([table(HEADER, rows), *failed])


def main(arguments: list[str] | None = None) -> int:
    """Print the summary of a report."""
    parser = argparse.ArgumentParser(prog="python benchmarks/summary.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("report", type=Path)
    chosen = parser.parse_args(arguments)
    print(summary(json.loads(chosen.report.read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
