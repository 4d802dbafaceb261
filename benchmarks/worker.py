"""Measure one case in this process, which `run.py` starts with one-thread settings.

    python -m benchmarks.worker CASE --core N --rounds N --batch S --budget S --clock C --json PATH

One process per case: a crash costs one case, and settings that a peer reads once (JAX's float64)
stay with the case that wants them.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from benchmarks import cases, peers
from benchmarks.case import Case
from benchmarks.measure import Effort, Measured, by_round, measure, outcome, paired, spread

LIBRARIES = ("bpcompile", "numba", "llvmlite", "numpy", "scipy")


def pin(core: int) -> str:
    """Hold this process to one core, where the system can; return what was done."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core (the system cannot)"
    os.sched_setaffinity(0, {core})
    return f"core {core}"


def contender_record(measured: Measured, rounds: Any, reference: str) -> dict[str, Any]:
    """Return one contender's entry of the report."""
    name = measured.contender.name
    entry: dict[str, Any] = {
        "name": name,
        "column": measured.contender.column,
        "status": measured.status,
        "reason": measured.reason,
    }
    if measured.seconds:
        entry["seconds"] = vars(spread(list(measured.seconds.values())))
        entry["disturbed"] = measured.disturbed
        entry["parts"] = {
            part: vars(spread(list(values.values()))) for part, values in measured.parts.items()
        }
        ratio = paired(rounds, (name, reference), lambda row: row[name] / row[reference])
        entry["ratio_to_reference"] = vars(ratio) if ratio else None
        entry["facts"] = {fact: vars(figure) for fact, figure in measured.facts.items()}
    return entry


def why_open(case_records: list[Measured], needs: tuple[str, ...]) -> str:
    """Return why a bar has no figure: the contenders that it needs and their reasons."""
    known = {record.contender.name: record for record in case_records}
    causes = {}
    for need in needs:
        record = known[need.partition(": ")[0]]
        if record.status != "measured":
            causes[record.contender.name] = record.reason
    return (
        "; ".join(f"{name}: {reason}" for name, reason in causes.items())
        or "no round has all that it needs"
    )


def case_record(case: Case, records: list[Measured]) -> dict[str, Any]:
    """Return the case's entry of the report."""
    rounds = by_round(records)
    bars = []
    for bar in case.bars:
        figure = outcome(bar, rounds)
        bars.append(
            {
                "text": bar.text,
                "subject": bar.subject,
                "unit": bar.unit,
                "figure": vars(figure) if figure else None,
                "met": bar.met(figure.median) if figure else None,
                "reason": "" if figure else why_open(records, bar.needs),
            }
        )
    return {
        "name": case.name,
        "title": case.title,
        "reference": case.reference,
        "contenders": [contender_record(record, rounds, case.reference) for record in records],
        "bars": bars,
        "notes": notes(case),
    }


def notes(case: Case) -> dict[str, str]:
    """Return what the case has to say beside its times; a failure is said too."""
    if case.notes is None:
        return {}
    try:
        return dict(case.notes())
    except Exception as error:  # noqa: BLE001  # the note is about this very failure
        return {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}


def main() -> None:
    """Measure the case that the command line names and write its record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("case")
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--batch", type=float, required=True)
    parser.add_argument("--budget", type=float, required=True)
    parser.add_argument("--clock", required=True)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()

    pinned = pin(options.core)
    case = cases.load(options.case)
    rounds, processor = min(options.rounds, case.rounds), options.clock == "processor"
    effort = Effort(rounds, options.batch, options.budget, processor)
    record = {
        "case": case_record(case, measure(case, effort)),
        "pinned": pinned,
        "peers": peers.installed(),
        "libraries": {name: peers.version(name) for name in LIBRARIES},
    }
    options.json.write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main()
