"""Build the wheel, install it and compile with it; check the locks and the Makefile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command and return what it prints; a failure shows that."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}"
    return done.stdout


def copy_checkout(to: Path) -> Path:
    """Copy what a build needs from the checkout."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("bpcompile", "templates", "requirements", "benchmarks"):
        shutil.copytree(ROOT / name, to / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", "Makefile", ".gitignore"):
        shutil.copy(ROOT / name, to / name)
    return to


def build_wheel(source: Path, out: Path) -> Path:
    pytest.importorskip("build", reason="the dev environment has it")
    run(
        *(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, source),
        cwd=out,
        SOURCE_DATE_EPOCH="1700000000",
    )
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The interpreter of an environment with the wheel, which borrows this one's dependencies."""
    directory = tmp_path_factory.mktemp("installed")
    venv.create(directory, with_pip=False, symlinks=os.name != "nt")
    base = {"base": str(directory), "platbase": str(directory)}
    python = Path(sysconfig.get_path("scripts", "venv", vars=base)) / "python"
    # A directory that a .pth file adds comes after the environment's own, and its .pth files are
    # not read: neither an editable install nor the checkout can stand in for the wheel.
    borrowed = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    site_packages = Path(sysconfig.get_path("purelib", "venv", vars=base))
    (site_packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python),
        *("install", "--no-deps", "--no-index", wheel),
        cwd=directory,
    )
    return python


def test_wheel_holds_package_templates_and_data(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read("bpcompile-0.1.0.dist-info/METADATA").decode("utf-8")

    templates = {f"bpcompile/{p.relative_to(ROOT).as_posix()}" for p in files("templates", "*.j2")}
    assert templates
    assert templates <= names
    assert {p.relative_to(ROOT).as_posix() for p in files("bpcompile", "*.py")} <= names
    assert {
        "bpcompile/py.typed",
        "bpcompile/data/README.md",
        "bpcompile/data/digits.csv.gz",
        "bpcompile/data/breast_cancer.csv.gz",
        "bpcompile-0.1.0.dist-info/licenses/LICENSE",
    } <= names
    top = {name.split("/")[0] for name in names}
    assert top == {"bpcompile", "bpcompile-0.1.0.dist-info"}
    assert not [name for name in names if "__pycache__" in name]
    assert wheel.name == "bpcompile-0.1.0-py3-none-any.whl"
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Requires-Python: <3.14,>=3.11\n" in metadata


def files(folder: str, pattern: str) -> list[Path]:
    return sorted((ROOT / folder).rglob(pattern))


def test_wheel_is_reproducible_from_a_path_with_a_space(wheel, tmp_path):
    source = copy_checkout(tmp_path / "another checkout")
    (tmp_path / "out").mkdir()

    again = build_wheel(source, tmp_path / "out")

    assert again.read_bytes() == wheel.read_bytes()


def test_installed_wheel_compiles_a_function(installed, tmp_path):
    script = tmp_path / "a model.py"
    script.write_text(
        "import sys\n"
        "import bpcompile as bp\n"
        "assert not {'numba', 'sympy'} & set(sys.modules), 'the import is not lazy'\n"
        "f = bp.value_and_grad(lambda x, y, z: (x + y) * z, argnums=(0, 1, 2))\n"
        "print(bp.__file__)\n"
        "print(f(-2.0, 5.0, -4.0))\n",
        encoding="utf-8",
    )

    where, result = run(installed, "-I", script, cwd=tmp_path).splitlines()

    assert Path(where).is_relative_to(installed.parents[1])
    assert result == "(-12.0, (-4.0, -4.0, 3.0))"


def test_installed_wheel_has_the_command(installed, tmp_path):
    assert "demo" in run(installed.with_name("bpcompile"), "--help", cwd=tmp_path)
    assert "demo" in run(installed, "-m", "bpcompile", "--help", cwd=tmp_path)


def test_installed_wheel_has_the_data(installed, tmp_path):
    load = "from bpcompile.data import load_digits; print(load_digits()[0].shape)"
    assert run(installed, "-I", "-c", load, cwd=tmp_path) == "(1797, 64)\n"


# -- locks -----------------------------------------------------------------------------------


def read_lock(name: str) -> dict[tuple[str, str], tuple[str, int]]:
    """Return version and number of hashes per (package, marker); refuse any other line."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    text = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    pinned = {}
    for line in text.splitlines():
        match = re.fullmatch(
            r"([a-z0-9-]+)==(\S+?)(?: *; *(.*?))?((?: +--hash=sha256:\w{64})+) *", line
        )
        assert match, f"{name}: unexpected line {line!r}"
        package, version, marker, hashes = match.groups()
        pinned[package, marker or ""] = version, hashes.count("--hash")
    return pinned


@pytest.mark.parametrize("name", ["run.lock", "dev.lock"])
def test_lock_pins_with_hashes_and_names_no_index(name):
    assert len(read_lock(name)) > 15
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"://|index-url|find-links|trusted-host", text)


@pytest.mark.parametrize(
    ("name", "groups"), [("run.lock", ["build"]), ("dev.lock", ["build", "dev"])]
)
def test_lock_satisfies_the_project(name, groups):
    requirements = pytest.importorskip("packaging.requirements")
    wanted = list(PROJECT["project"]["dependencies"])
    for group in groups:
        wanted += PROJECT["dependency-groups"][group]
    versions: dict[str, set[str]] = {}
    for (package, _), (version, _) in read_lock(name).items():
        versions.setdefault(package, set()).add(version)

    for text in wanted:
        requirement = requirements.Requirement(text)
        assert requirement.name in versions, f"{requirement} is not in {name}: make lock"
        for version in versions[requirement.name]:
            assert requirement.specifier.contains(version), f"{requirement}, {name} has {version}"


def test_dev_lock_extends_the_run_lock():
    run_versions = {package: pin[0] for (package, _), pin in read_lock("run.lock").items()}
    dev_versions = {package: pin[0] for (package, _), pin in read_lock("dev.lock").items()}
    assert run_versions.items() <= dev_versions.items()


# -- Makefile --------------------------------------------------------------------------------

# Writes down how it is called; `-m venv --clear DIR` puts a copy of itself there.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    "-m venv --clear "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    "-c "* | --version) exit 0 ;;
esac
echo "$*" >> calls.txt
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout under a path with a space, and a stand-in for Python."""
    if not shutil.which("make"):
        pytest.skip("no make, as on Windows")
    directory = copy_checkout(tmp_path / "a checkout")
    fake = directory / "fake python"
    fake.write_text(FAKE_PYTHON, encoding="utf-8")
    fake.chmod(0o755)
    return directory


def make(checkout: Path, *arguments: str) -> list[str]:
    """Run make there; return the calls of Python since the last time."""
    calls = checkout / "calls.txt"
    calls.unlink(missing_ok=True)
    # These tests may themselves run under make, which hands its variables down.
    outer = dict.fromkeys(("MAKEFLAGS", "ARGS", "JOBS", "PEER_ARGS"), "")
    run("make", "PYTHON=./fake python", *arguments, cwd=checkout, **outer)
    return calls.read_text(encoding="utf-8").splitlines()


def test_make_demo_installs_the_lock_once(checkout):
    first = make(checkout, "demo", "ARGS=--epochs 1")

    assert first[0] == "-m venv --clear .venv"
    assert "--require-hashes --only-binary :all: --requirement requirements/run.lock" in first[1]
    assert first[2].endswith("--no-deps --no-build-isolation --editable .")
    assert first[3] == "-m bpcompile demo --epochs 1"
    assert make(checkout, "demo") == ["-m bpcompile demo"]


def test_make_test_shares_the_environment_and_adds_the_dev_lock(checkout):
    make(checkout, "demo")

    added, tested = make(checkout, "test", "ARGS=tests/ops -k tanh")

    assert added.endswith(
        "--require-hashes --only-binary :all: --quiet --requirement requirements/dev.lock"
    )
    assert tested == "-m pytest -n auto --maxprocesses 4 --dist worksteal tests/ops -k tanh"
    assert make(checkout, "demo") == ["-m bpcompile demo"]
    lint = make(checkout, "lint")
    assert lint == ["-m ruff check .", "-m ruff format --check .", "-m mypy --strict bpcompile"]


def test_make_starts_anew_when_the_lock_changes(checkout):
    make(checkout, "test")
    later = (checkout / ".venv" / "run.stamp").stat().st_mtime + 10
    os.utime(checkout / "requirements" / "run.lock", (later, later))

    assert make(checkout, "demo")[0] == "-m venv --clear .venv"


def test_make_says_which_python_it_needs(checkout):
    (checkout / "fake python").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")

    with pytest.raises(
        AssertionError, match=r"needs Python 3\.11, 3\.12 or 3\.13.*fake python"
    ) as e:
        make(checkout, "demo")

    assert "make PYTHON=/path/to/python3.12 demo" in str(e.value)
    assert not (checkout / ".venv").exists()


def test_make_clean_removes_what_make_made(checkout):
    make(checkout, "test")
    run("make", "clean", cwd=checkout)
    assert not (checkout / ".venv").exists()
    assert (checkout / "requirements" / "run.lock").exists()
