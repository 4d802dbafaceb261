from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with our conftest.py and one golden test, in a folder below `tests`."""
    tests = pytester.mkdir("tests")
    (tests / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (tests / "emit").mkdir()
    (tests / "emit" / "test_driver.py").write_text(
        "import pytest\n"
        "def test_mlp(golden):\n"
        "    golden('first = 1\\nλ = 2\\n')\n"
        "@pytest.mark.parametrize('target', ['numba'])\n"
        "def test_each(golden, target):\n"
        "    golden('x\\n')\n"
        "    golden('graph\\n', 'the graph', suffix='.txt')\n",
        encoding="utf-8",
    )
    return pytester


def test_missing_golden_fails_and_is_not_written(project):
    result = project.runpytest_inprocess("tests", "-p", "no:cacheprovider")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*emit/test_driver/mlp.py does not exist; *--update-golden*"])
    assert not (project.path / "tests" / "golden").exists()


def test_update_writes_mirrored_paths_then_passes(project):
    project.runpytest_inprocess("tests", "--update-golden").assert_outcomes(passed=2)

    folder = project.path / "tests" / "golden" / "emit" / "test_driver"
    assert sorted(p.name for p in folder.iterdir()) == ["each_numba.py", "mlp.py", "the_graph.txt"]
    assert (folder / "mlp.py").read_bytes() == "first = 1\nλ = 2\n".encode()
    project.runpytest_inprocess("tests").assert_outcomes(passed=2)


def test_changed_golden_fails_with_a_unified_diff(project):
    project.runpytest_inprocess("tests", "--update-golden")
    golden = project.path / "tests" / "golden" / "emit" / "test_driver" / "mlp.py"
    golden.write_text("first = 7\nλ = 2\n", encoding="utf-8")

    result = project.runpytest_inprocess("tests")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["-first = 7", "+first = 1"])


def test_line_endings_are_part_of_a_golden(project):
    project.runpytest_inprocess("tests", "--update-golden")
    golden = project.path / "tests" / "golden" / "emit" / "test_driver" / "mlp.py"
    golden.write_bytes(golden.read_bytes().replace(b"\n", b"\r\n"))

    project.runpytest_inprocess("tests").assert_outcomes(passed=1, failed=1)


def test_cache_is_the_sessions_own_and_children_inherit_it(session_cache):
    assert os.environ["BPCOMPILE_CACHE_DIR"] == str(session_cache)
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ['BPCOMPILE_CACHE_DIR'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.strip() == str(session_cache)
    assert session_cache.stat().st_mode & 0o077 == 0
