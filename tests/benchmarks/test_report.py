from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from benchmarks import cases, compare, report, run


def figure(median: float) -> dict[str, Any]:
    return {"median": median, "q1": median, "q3": median, "count": 3}


def entry(name: str, column: str, seconds: float, ratio: float) -> dict[str, Any]:
    return {
        "name": name,
        "column": column,
        "status": "measured",
        "reason": "",
        "seconds": figure(seconds),
        "disturbed": 1,
        "parts": {"tracing": figure(1e-3)},
        "ratio_to_reference": figure(ratio),
        "facts": {"workspace": {"value": 2_400_000, "unit": "bytes"}},
    }


@pytest.fixture
def toy() -> dict[str, Any]:
    absent = {"name": "JAX", "column": "JAX", "status": "skipped", "reason": "JAX is not installed"}
    bars = [
        {
            "text": "bpcompile <= 2 x hand",
            "subject": "bpcompile",
            "unit": "x",
            "figure": figure(1.5),
            "met": True,
            "reason": "",
        },
        {
            "text": "bpcompile >= 6 x faster than JAX",
            "subject": "bpcompile",
            "unit": "x",
            "figure": None,
            "met": None,
            "reason": "JAX: JAX is not installed",
        },
    ]
    case = {
        "name": "toy",
        "title": "a | b",
        "reference": "hand",
        "contenders": [
            entry("bpcompile", "bpcompile", 3e-7, 1.5),
            entry("hand", "hand", 2e-7, 1.0),
            absent,
        ],
        "bars": bars,
        "notes": {"cost": "two lines\nof text"},
    }
    return {
        "format": 1,
        "date": "2026-01-01",
        "command": "python benchmarks/run.py",
        "quick": True,
        "machine": {"cpu": "a CPU", "cores": 1, "system": "Linux", "python": "3.11.0"},
        "settings": {},
        "pinned": "core 0",
        "peers": {"jax": None, "torch": "2.13.0"},
        "libraries": {"numpy": "2.4.6"},
        "cases": [case],
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.5e-7, "250 ns"),
        (1.234e-6, "1.23 us"),
        (0.0123, "12.3 ms"),
        (2.0, "2.00 s"),
        (0, "0.00 ns"),
    ],
)
def test_durations_have_three_digits(seconds, text):
    assert report.duration(seconds) == text


def test_the_table_has_a_row_per_bar_and_names_who_is_missing(toy):
    lines = report.markdown(toy).splitlines()
    reached = next(line for line in lines if "2 x hand" in line)
    assert reached.startswith(
        "| a \\| b | bpcompile <= 2 x hand | 300 ns | 200 ns | not installed |"
    )
    assert reached.endswith("| 1.50 (1.50 to 1.50) | yes |")
    missing = next(line for line in lines if "6 x faster" in line)
    assert missing.endswith("| not measured (JAX: JAX is not installed) | not measured |")
    assert any("Skipped, since not installed: JAX" in line for line in lines)
    assert any("PyTorch 2.13.0" in line for line in lines)
    assert any("| toy | JAX | skipped |" in line for line in lines)
    assert "two lines\nof text" in report.markdown(toy)


def test_a_case_whose_process_died_is_in_the_report(toy):
    toy["cases"].append(run.crashed_case("lorenz", "exit status -11: no message"))
    assert "not measured (exit status -11: no message)" in report.markdown(toy)


def test_a_case_without_a_bar_is_in_the_report(toy):
    toy["cases"][0]["bars"] = []
    assert "| none |" in report.markdown(toy)


def test_every_case_has_its_file():
    files = {path.stem for path in (run.ROOT / "benchmarks" / "cases").glob("*.py")}
    named = set(run.every(quick=False)) - set(run.LOOPS)
    assert files - {"__init__"} == {cases.MEMBERS.get(name, (name, ""))[0] for name in named}


def test_an_equal_report_compares_as_equal(toy, tmp_path, capsys):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(toy))
    assert compare.main([str(path), str(path)]) == 0
    assert "x 1.00" in capsys.readouterr().out


def test_slower_machines_do_not_count_and_worse_ratios_do(toy):
    fresh = copy.deepcopy(toy)
    for listed in fresh["cases"][0]["contenders"][:2]:
        listed["seconds"] = figure(listed["seconds"]["median"] * 10)
    assert not any(finding.worse for finding in compare.compare(toy, fresh, 1.25))
    fresh["cases"][0]["contenders"][0]["ratio_to_reference"] = figure(2.0)
    assert [finding.worse for finding in compare.compare(toy, fresh, 1.25)] == [True]


def test_a_lost_bar_or_implementation_is_worse(toy):
    fresh = copy.deepcopy(toy)
    fresh["cases"][0]["bars"][0]["met"] = False
    fresh["cases"][0]["contenders"][0].update(status="failed", reason="TypeError: no")
    lost = [(f.what, f.after) for f in compare.compare(toy, fresh, 1.25) if f.worse]
    assert lost == [("bpcompile", "failed: TypeError: no"), ("bpcompile <= 2 x hand", "missed")]


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "report.json"
    path.write_text('{"format": 2}')
    with pytest.raises(SystemExit, match=r"report.json is not a report"):
        compare.load(path)


def test_shortcomings_are_missed_bars_and_failures_but_not_absent_peers(toy):
    assert run.shortcomings(toy) == []
    toy["cases"][0]["bars"][0]["met"] = False
    toy["cases"][0]["contenders"][0]["status"] = "failed"
    assert run.shortcomings(toy) == ["toy: bpcompile", "toy: bpcompile <= 2 x hand"]
