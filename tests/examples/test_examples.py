"""Run every example: each asserts its own numbers, and says what it shows."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def lines_of(capsys, name, *args):
    """Return what an example prints."""
    importlib.import_module(f"examples.{name}").main(*args)
    return capsys.readouterr().out


def test_every_example_is_run_here():
    ran = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(NAMES) <= ran


def test_readme_lists_every_example_with_its_command():
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)\.py`", text, re.MULTILINE)) == NAMES
    for name in NAMES:
        assert f"`python examples/{name}.py" in text


@pytest.mark.parametrize("name", NAMES)
def test_example_says_how_it_is_run(name):
    module = importlib.import_module(f"examples.{name}")
    assert f"    python examples/{name}.py" in (module.__doc__ or "")


def test_scalar_gates(capsys):
    shown = lines_of(capsys, "scalar_gates")
    assert re.search(
        r"^f +1 / below +0\.731059 +1 +∂f/∂below = -1 / below² = -0\.534", shown, re.MULTILINE
    )
    assert re.search(r"^x0 +-1 +0\.393224$", shown, re.MULTILINE)


def test_four_graphs(capsys):
    shown = lines_of(capsys, "four_graphs")
    assert shown.count("with its adjoint:") == 4
    assert "W_bar: f64[d, m] = matmul(" in shown


def test_two_layer_by_hand(capsys):
    shown = lines_of(capsys, "two_layer_by_hand")
    assert re.search(
        r"W2_bar = Hᵀ scores_bar, from scores = H W2 \+ b2 +two_layer_by_hand\.py:", shown
    )


def test_numerical_cost(capsys, tmp_path):
    plot = tmp_path / "cost.svg"
    shown = lines_of(capsys, "numerical_cost", plot)
    assert "differences as its power 2.00, backpropagation as its power 1.00" in shown
    assert ElementTree.parse(plot).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_logistic_regression(capsys):
    shown = lines_of(capsys, "logistic_regression")
    assert re.search(
        r"^accuracy on the 169 tumours kept for testing 9\d\.\d%$", shown, re.MULTILINE
    )
    assert "scikit-learn" in shown


def test_garch(capsys):
    shown = lines_of(capsys, "garch")
    assert re.search(r"^alpha = 0\.1057 ± 0\.0130 +drawn with 0\.1$", shown, re.MULTILINE)
    assert re.search(
        r"^# runs the steps backwards: reads variance from the tape", shown, re.MULTILINE
    )
    assert re.search(r"^    beta_bar = _add\(beta_bar, variance_bar \* \w+\)$", shown, re.MULTILINE)


def test_kalman(capsys):
    shown = lines_of(capsys, "kalman")
    assert shown.startswith("log-likelihood -632.5456 after ")
    assert "variance of the level 1469.18   printed 1469.1" in shown


def test_lorenz(capsys):
    shown = lines_of(capsys, "lorenz")
    assert re.search(r"^checkpoint=None +keeps +480,000 bytes", shown, re.MULTILINE)
    assert "which is exp(0.897 t) after a time t" in shown


def test_digits_network(capsys):
    shown = lines_of(capsys, "digits_network")
    assert re.search(r"^Adam: 9\d\.\d% of 360 unseen images are read right$", shown, re.MULTILINE)


def test_sympy_fit(capsys):
    assert "b2 = 5.5015643181e-04   certified 5.5015643181e-04" in lines_of(capsys, "sympy_fit")


def test_own_primitive(capsys):
    shown = lines_of(capsys, "own_primitive")
    assert "mish_1: f64[r, 32] = mish(dense_0)" in shown
    assert re.search(r"^ +800\.0 +800 +1$", shown, re.MULTILINE)


def test_command_of_the_readme_runs(tmp_path):
    """One as a program of its own; the rest of the file runs them in this process."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-W", "error", "examples/scalar_gates.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Backpropagation through sum_times: 2 operations, result f")
