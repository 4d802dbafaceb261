"""Run what the pages say: each block of Python, each message that one shows, each command."""

from __future__ import annotations

import re
import runpy
import shlex
import textwrap
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.cli import main

ROOT = Path(__file__).parents[1]
LISTED = ROOT / "docs" / "coverage.md"
PAGES = [ROOT / "README.md", *sorted({*(ROOT / "docs").glob("*.md")} - {LISTED})]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text and its line."""

    language: str
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(*found.groups(), text.count("\n", 0, found.start()) + 1)
        for found in BLOCK.finditer(text)
    ]


def arguments() -> dict[str, object]:
    """Return what the pages call their models with and do not make themselves."""
    rng = np.random.default_rng(0)
    return {
        "X": rng.normal(size=(20, 3)),
        "y": np.sign(rng.normal(size=20)),
        "w": rng.normal(size=3),
        "b": 0.5,
        "returns": rng.normal(size=50),
    }


def run(block: Block, path: Path, names: dict[str, object], capsys) -> tuple[str, str]:
    """Run a block as a file of its own; return what it prints, and the error that ends it."""
    path.write_text(block.text, encoding="utf-8")
    raised = ""
    try:
        exec(compile(block.text, path, "exec"), names)
    except bp.BpcompileError as error:
        raised = f"{type(error).__name__}: {error}"
    shown = capsys.readouterr().out, raised
    return tuple(text.replace(str(path), "model.py") for text in shown)


def words(text: str) -> str:
    """Return a text with its line breaks undone."""
    return " ".join(text.split())


def statements(text: str) -> list[str]:
    """Return the lines of emitted source without numbers of names and without their comments.

    A comment on a line of its own stays.
    """
    lines = (re.sub(r"\bv\d+\b", "v", line.strip()) for line in text.splitlines())
    return [re.sub(r"(?<=\S)  # .*", "", line) for line in lines if line]


def check_excerpt(block: Block, source: str) -> None:
    """Check that the lines of an excerpt stand in the emitted source in that order."""
    rest = iter(statements(source))
    for line in statements(block.text):
        assert line == "..." or line in rest, (
            f"the excerpt's `{line}` is not emitted: write it anew"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_runs(page, tmp_path, capsys):
    """Run the blocks of a page in turn; an indented one is an excerpt of the source emitted last.

    A block of text after one of Python is what that prints, then the error that it ends with.
    """
    module = types.ModuleType("page")
    module.__dict__.update(arguments())
    blocks = blocks_of(page)
    assert any(block.language == "python" for block in blocks)
    following = [*blocks[1:], Block("", "", 0)]
    for block, after in zip(blocks, following, strict=True):
        if block.language != "python":
            continue
        if block.text.startswith(" "):
            made = [v for v in module.__dict__.values() if isinstance(v, bp.CompiledFunction)]
            check_excerpt(block, made[-1].source)
            continue
        printed, raised = run(block, tmp_path / f"line_{block.line}.py", module.__dict__, capsys)
        place = f"{page.name}, line {block.line}"
        if after.language == "text":
            assert words(printed + raised) == words(after.text), place
        else:
            assert not raised, place


def test_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    model, *_ = (block for block in blocks_of(ROOT / "README.md") if block.language == "python")
    text = model.text.partition("\n\n\nvalue_and_grad")[0]
    assert "def loss" in text
    (tmp_path / "model.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (commands,) = (
        block.text
        for block in blocks_of(ROOT / "README.md")
        if "bpcompile " in block.text and not block.language
    )
    for command in commands.replace("\\\n", "").splitlines():
        name, *given = shlex.split(command, comments=True)
        assert name == "bpcompile"
        if given == ["demo"]:
            continue  # tests/test_demo.py runs it
        assert main(given) in (0, None), command
        assert not capsys.readouterr().err
    assert "def loss_value_and_grad(" in (tmp_path / "loss_grad.py").read_text(encoding="utf-8")


def test_excerpts_are_compared():
    source = textwrap.dedent("""
        def f(x):
            # one loop
            for i in range(n):
                x[i] = 2.0  # twice
                y[i] = 3.0
    """)
    check_excerpt(
        Block("python", "    for i in range(n):\n    ...\n    y[i] = 3.0  # other\n", 1), source
    )
    with pytest.raises(AssertionError, match=r"`x\[i\] = 2\.5` is not emitted"):
        check_excerpt(Block("python", "    x[i] = 2.5\n", 1), source)


def test_the_page_of_what_is_known_is_that_of_the_tables():
    text = runpy.run_path(str(ROOT / "docs" / "coverage.py"))["page"]()
    page = LISTED.read_text(encoding="utf-8")
    assert page == text, "run `python docs/coverage.py`"
