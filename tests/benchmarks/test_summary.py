from __future__ import annotations

from typing import Any

from benchmarks.summary import HEADER, summary


def entry(name: str, column: str, median: float, **facts: float) -> dict[str, Any]:
    return {
        "name": name,
        "column": column,
        "status": "measured",
        "reason": "",
        "seconds": {"median": median},
        "facts": {fact.replace("_", " "): {"value": value} for fact, value in facts.items()},
    }


def model(name: str, scale: float) -> dict[str, Any]:
    return {
        "name": name,
        "contenders": [
            entry("bpcompile", "bpcompile", 2e-3 * scale, workspace=4000.0, cold_compile=1.5),
            entry("bpcompile value", "bpcompile", 1e-3),
            entry("JAX", "JAX", 12e-3, temporaries=8000.0),
            entry("JAX library", "JAX", 6e-3, temporaries=16000.0),
            {"name": "hand", "column": "hand", "status": "failed", "reason": "wrong"},
        ],
    }


def test_a_row_holds_times_ratios_and_memory_and_the_last_one_the_medians():
    text = summary({"cases": [model("loop_a", 1.0), model("loop_b", 2.0), model("scalar", 1.0)]})
    head, _, first, second, last = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[:5]
    )
    assert tuple(head) == HEADER
    found = dict(zip(HEADER, first, strict=True))
    assert (found["model"], found["bpcompile"], found["hand"]) == ("a", "2.00 ms", "-")
    assert (found["loop / ours"], found["library / ours"]) == ("6.00", "3.00")
    assert (found["workspace"], found["JAX memory"]) == ("4 kB", "8 kB")
    assert dict(zip(HEADER, second, strict=True))["loop / ours"] == "3.00"
    assert dict(zip(HEADER, last, strict=True))["gradient / value"] == "3.00"
    assert "loop_a, hand: failed: wrong" in text
