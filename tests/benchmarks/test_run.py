from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks import cases, peers, run


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("bench")
    paths = folder / "report.json", folder / "report.md"
    script = run.ROOT / "benchmarks" / "run.py"
    command = [sys.executable, str(script), "--case", "scalar", "--quick", "--rounds", "3"]
    command += ["--json", str(paths[0]), "--markdown", str(paths[1])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert paths[1].read_text() in done.stdout
    return json.loads(paths[0].read_text()), done.stdout


def test_the_script_measures_from_any_folder(quick):
    report, _ = quick
    entries = {entry["name"]: entry for entry in report["cases"][0]["contenders"]}
    assert entries["hand"]["status"] == "measured"
    assert entries["hand"]["seconds"]["count"] == 3
    for name in ("bpcompile", "bpcompile bind"):
        assert (entries[name]["status"], entries[name]["reason"]) == ("measured", "")


def test_a_peer_that_is_not_installed_is_skipped_by_name(quick):
    report, text = quick
    for peer in peers.PEERS:
        if peers.version(peer.module) is None:
            assert report["peers"][peer.module] is None
            assert f"| skipped |  |  | {peer.title} is not installed |" in text


def test_loops_stands_for_every_loop_model_once():
    names = run.listed(["scalar", "loop_kalman", "loops"])
    assert names[:2] == ["scalar", "loop_kalman"]
    assert sorted(names[1:]) == sorted(run.LOOPS)


def test_a_quick_run_leaves_out_what_takes_minutes():
    assert set(run.every(quick=False)) - set(run.every(quick=True)) == set(run.SLOW)


@pytest.mark.parametrize("name", [name for name in run.every(quick=False) if name not in run.LOOPS])
def test_a_case_bears_its_name_and_its_bars_stand_on_its_contenders(name):
    case = cases.load(name)
    known = {contender.name for contender in case.contenders}
    assert case.name == name
    assert case.reference in known
    for bar in case.bars:
        assert {need.partition(": ")[0] for need in bar.needs} <= known
