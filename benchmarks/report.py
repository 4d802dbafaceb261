"""Write a report: JSON for `compare.py`, Markdown for a reader.

In:  the records of the workers, one per case.
Out: text. The first table has a row per bar, the second a row per contender.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.peers import PEERS

COLUMNS = ("bpcompile", "hand", *(peer.title for peer in PEERS))
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def duration(seconds: float) -> str:
    """Return seconds with three digits and a unit.

    >>> duration(0.0000234)
    '23.4 us'
    """
    scale, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    scaled = seconds / scale
    digits = 0 if scaled >= 100 else 1 if scaled >= 10 else 2
    return f"{scaled:.{digits}f} {unit}"


def amount(value: float, unit: str) -> str:
    """Return a fact's figure with three digits and its unit.

    >>> amount(2_400_000, "bytes")
    '2.4 MB'
    """
    if unit == "s":
        return duration_or_less(value)
    if unit != "bytes":
        return f"{value:.3g} {unit}"
    scale, name = next((pair for pair in _SIZES if value >= pair[0]), _SIZES[-1])
    return f"{value / scale:.3g} {name}"


def cell(text: str) -> str:
    """Return text that stays inside one cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    listed = list(header)
    lines = [listed, ["---"] * len(listed), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def figure(bar: Mapping[str, Any]) -> str:
    """Return a bar's figure with its quartiles, or why there is none."""
    found = bar["figure"]
    if found is None:
        return f"not measured ({bar['reason']})"
    if bar["unit"] == "s":
        return duration_or_less(found["median"])
    unit = "" if bar["unit"] == "x" else f" {bar['unit']}"
    return f"{found['median']:.2f} ({found['q1']:.2f} to {found['q3']:.2f}){unit}"


def duration_or_less(seconds: float) -> str:
    """Return a duration that may be a difference and so be negative or zero."""
    return f"-{duration(-seconds)}" if seconds < 0 else duration(seconds)


def verdict(bar: Mapping[str, Any]) -> str:
    """Return the last cell of a bar's row."""
    return {True: "yes", False: "**no**", None: "not measured"}[bar["met"]]


def time_in(record: Mapping[str, Any], column: str, subject: str) -> str:
    """Return the time of the column's contender: the bar's subject, else the column's first."""
    listed = [entry for entry in record["contenders"] if entry["column"] == column]
    if not listed:
        return "-"
    chosen = next((entry for entry in listed if entry["name"] == subject), listed[0])
    if chosen["status"] == "measured":
        return duration(chosen["seconds"]["median"])
    return "not installed" if chosen["status"] == "skipped" else "failed"


def bars_table(report: Mapping[str, Any]) -> str:
    """Return the table with a row per bar."""
    rows = []
    for record in report["cases"]:
        if not record["bars"]:
            times = [time_in(record, name, "") for name in COLUMNS]
            rows.append([record["title"], "none", *times, "-", "-"])
        for bar in record["bars"]:
            times = [time_in(record, name, bar["subject"]) for name in COLUMNS]
            rows.append([record["title"], bar["text"], *times, figure(bar), verdict(bar)])
    return table(["case", "bar", *COLUMNS, "ratio", "meets bar"], rows)


def contenders_table(report: Mapping[str, Any]) -> str:
    """Return the table with a row per contender, the failed and the skipped included."""
    rows = []
    for record in report["cases"]:
        for entry in record["contenders"]:
            if entry["status"] != "measured":
                rows.append(
                    [record["name"], entry["name"], entry["status"], "", "", entry["reason"]]
                )
                continue
            seconds = entry["seconds"]
            quartiles = f"{duration(seconds['q1'])} to {duration(seconds['q3'])}"
            ratio = entry["ratio_to_reference"]
            beside = f"{ratio['median']:.3g}" if ratio else ""
            remark = f"{seconds['count']} rounds"
            if entry["disturbed"]:
                remark += f", {entry['disturbed']} disturbed"
            for part, found in entry["parts"].items():
                remark += f"; {part} {duration(found['median'])}"
            for fact, found in entry["facts"].items():
                remark += f"; {fact} {amount(found['value'], found['unit'])}"
            time = duration(seconds["median"])
            rows.append([record["name"], entry["name"], time, quartiles, beside, remark])
    header = ["case", "implementation", "median", "quartiles", "x reference", "remark"]
    return table(header, rows)


def peers_line(peers: Mapping[str, str | None]) -> str:
    """Return one sentence that names each peer: its version, or that it was skipped."""
    there = [f"{p.title} {peers[p.module]}" for p in PEERS if peers.get(p.module) is not None]
    gone = [p.title for p in PEERS if peers.get(p.module) is None]
    skipped = f" Skipped, since not installed: {', '.join(gone)}." if gone else ""
    return f"Peers: {', '.join(there) or 'none'}.{skipped}"


def markdown(report: Mapping[str, Any]) -> str:
    """Return the whole report as Markdown."""
    machine, libraries = report["machine"], report["libraries"]
    versions = ", ".join(f"{name} {value or '(absent)'}" for name, value in libraries.items())
    head = (
        f"Measured {report['date']} by `{report['command']}` on {machine['cpu']} "
        f"({machine['system']}), Python {machine['python']}, one thread on {report['pinned']}."
    )
    method = (
        "Times are medians over rounds A B C A B C ...; a ratio is taken within each round, and "
        "its quartiles stand beside it. JAX computes in the calling thread, on one core its faster "
        "way."
    )
    if report.get("clock") == "processor":
        method += " Seconds are the processor's, since others used the machine too."
    quick = "This was a quick run, with few rounds: it shows that all works, not how fast it is."
    parts = [
        head,
        f"{versions}. {peers_line(report['peers'])}",
        method + (f" {quick}" if report["quick"] else ""),
        bars_table(report),
        contenders_table(report),
    ]
    for record in report["cases"]:
        for title, text in record["notes"].items():
            parts.append(f"{record['name']}, {title}:\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"
