"""Fixtures that every test may use: `golden`, and a compile cache of the session's own."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent

# The same examples at each run, and no deadlines: a first call compiles for seconds.
hypothesis.settings.register_profile("bpcompile", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("bpcompile")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files from what the tests produce now; then read `git diff`",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse ids with addresses: processes that share the tests must find the same ones."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid} differs between processes: give it another id")


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep compiled code out of the user's own cache, in this process and in its children."""
    directory = tmp_path_factory.mktemp("bpcompile-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "BPCOMPILE_CACHE_DIR", str(directory))
        yield directory


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compare emitted text with a committed file: `golden(fn.source)`, `golden(text, "name")`.

    The file of `tests/emit/test_driver.py::test_mlp` is `tests/golden/emit/test_driver/mlp.py`:
    the test's own path, then the name, which is by default the test's without `test_` (with its
    parameters, if it has some). `pytest --update-golden` writes it. `suffix` is for texts that
    are not Python: `golden(str(fn.graph), "graph", suffix=".txt")`.
    """
    node = request.node
    folder = golden_folder(node.path)
    default = node.name.removeprefix("test_")
    update = request.config.getoption("--update-golden")

    def check(text: str, name: str = default, *, suffix: str = ".py") -> None:
        compare(text, folder / (re.sub(r"\W+", "_", name).strip("_") + suffix), update=update)

    return check


def golden_folder(test_file: Path) -> Path:
    """Return the folder of a test file's golden files."""
    return TESTS / "golden" / test_file.relative_to(TESTS).with_suffix("")


def compare(text: str, path: Path, *, update: bool) -> None:
    """Fail with a unified diff unless the file holds exactly this text; or write it there."""
    shown = Path(os.path.relpath(path, TESTS.parent)).as_posix()
    expected = path.read_bytes().decode("utf-8") if path.is_file() else None
    if text == expected:
        return
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
        return
    if expected is None:
        pytest.fail(f"{shown} does not exist; write it with --update-golden", pytrace=False)
    diff = "".join(
        difflib.unified_diff(
            expected.splitlines(keepends=True),
            text.splitlines(keepends=True),
            fromfile=shown,
            tofile="produced now",
        )
    )
    pytest.fail(
        f"{diff}\nIf the change is meant, write it with --update-golden and review `git diff`.",
        pytrace=False,
    )
