"""Compare a fresh report with a committed one, by ratios and never by times.

    python benchmarks/compare.py COMMITTED FRESH [--tolerance 1.25]

Two machines, or two days of one, differ in their times; how bpcompile stands beside the reference
of the same case (the hand-written function, CPython, NumPy's import) and whether it reaches a bar
differ much less. The exit status is 1 if bpcompile's ratio has grown by more than the tolerance, if
an implementation of it no longer runs, or if a bar that is a ratio was reached and is not any more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, the path holds this folder, not its parent
    sys.path.insert(0, str(ROOT))

from benchmarks.report import table  # noqa: E402  # after the path above

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One line of the comparison."""

    case: str
    what: str
    before: str
    after: str
    change: str
    worse: bool


def compare(committed: Report, fresh: Report, tolerance: float) -> Iterator[Finding]:
    """Yield a finding for each implementation and bar of the cases that both reports have."""
    cases = {case["name"]: case for case in fresh["cases"]}
    for before in committed["cases"]:
        after = cases.get(before["name"])
        if after is not None:
            yield from compare_contenders(before, after, tolerance)
            yield from compare_bars(before, after)


def compare_contenders(before: Report, after: Report, tolerance: float) -> Iterator[Finding]:
    """Yield how each implementation's ratio to the case's reference has changed."""
    entries = {entry["name"]: entry for entry in after["contenders"]}
    for old in before["contenders"]:
        new = entries.get(old["name"], {"status": "gone", "reason": "not in the fresh report"})
        if old["status"] != "measured" or old["name"] == before["reference"]:
            continue
        ours = old["column"] == "bpcompile"
        was = old["ratio_to_reference"]["median"]
        if new["status"] != "measured" or new["ratio_to_reference"] is None:
            lost = f"{new['status']}: {new['reason']}"
            yield Finding(before["name"], old["name"], f"{was:.3g}", lost, "", worse=ours)
            continue
        now = new["ratio_to_reference"]["median"]
        change = now / was
        yield Finding(
            before["name"],
            f"{old['name']} / {before['reference']}",
            f"{was:.3g}",
            f"{now:.3g}",
            f"x {change:.2f}",
            worse=ours and change > tolerance,
        )


def compare_bars(before: Report, after: Report) -> Iterator[Finding]:
    """Yield the bars that were reached in the committed report and are not in the fresh one.

    A bar in seconds depends on the machine, so missing it is shown but does not count.
    """
    bars = {bar["text"]: bar for bar in after["bars"]}
    for old in before["bars"]:
        new = bars.get(old["text"])
        if old["met"] is not True or new is None or new["met"] is True:
            continue
        state = "missed" if new["met"] is False else f"not measured ({new['reason']})"
        counts = old["unit"] != "s"
        yield Finding(before["name"], old["text"], "reached", state, "", worse=counts)


def load(path: Path) -> Report:
    """Return a report, refusing one of another format."""
    report: Report = json.loads(path.read_text(encoding="utf-8"))
    if report.get("format") != 1:
        raise SystemExit(f"{path.name} is not a report of benchmarks/run.py, format 1")
    return report


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison; return 1 if bpcompile has become worse."""
    parser = argparse.ArgumentParser(prog="python benchmarks/compare.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("committed", type=Path)
    parser.add_argument("fresh", type=Path)
    parser.add_argument("--tolerance", type=float, default=1.25)
    options = parser.parse_args(arguments)
    committed, fresh = load(options.committed), load(options.fresh)
    findings = list(compare(committed, fresh, options.tolerance))
    rows = [
        [f.case, f.what, f.before, f.after, f.change, "**worse**" if f.worse else ""]
        for f in findings
    ]
    print(table(["case", "what", "committed", "fresh", "change", ""], rows))
    return 1 if any(finding.worse for finding in findings) else 0


if __name__ == "__main__":
    raise SystemExit(main())
