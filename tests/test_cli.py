"""The command line: what each command prints, and how mistakes end."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from bpcompile.ceilings import Bound
from bpcompile.cli import _spread, main

MODEL = """
import numpy as np
import bpcompile as bp

def neuron(w, x):
    s = w[0] * x[0] + w[1] * x[1] + w[2]
    return 1.0 / (1.0 + np.exp(-s))

def loss(w: bp.f64["d"], X: bp.f64["n d"], y: bp.f64["n"]):
    return np.mean((X @ w - y) ** 2)

def kinked(x):
    return np.abs(x)
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return str(path)


@pytest.fixture
def run(capsys):
    def call(*argv):
        status = main(argv)
        return status, *capsys.readouterr()

    return call


NUMPY = ("--target", "numpy")


def test_help(run):
    status, out, _ = run("--help")
    assert status == 0
    for command in ("demo", "compile", "show", "explain", "check", "cache"):
        assert command in out


def test_explain_prints_the_ledger(run, model):
    values = ("--args", "[2, -3, -3]", "[-1, -2]")
    status, out, _ = run("explain", f"{model}:neuron", *values, "--wrt", "w,x", *NUMPY)
    assert status == 0
    assert out.startswith("Backpropagation through neuron: 13 operations")
    assert "-0.534447" in out
    assert "absorbed by" in out


def test_check_says_whether_it_passed(run, model):
    status, out, _ = run("check", f"{model}:neuron", "--args", "[2, -3, -3]", "[-1, -2]", *NUMPY)
    assert status == 0
    assert "passed" in out
    status, out, _ = run("check", f"{model}:kinked", "--args", "-1.5", *NUMPY)
    assert status == 0


def test_failed_check_has_status_1(run, model, monkeypatch):
    from bpcompile.show.report import Check, GradientReport

    bad = Check("x", "gradient", False, (), 1.0, 2.0, 1.0, 1, 1)
    report = GradientReport("kinked", "complex step", 1e-8, (bad,))
    monkeypatch.setattr("bpcompile.inspected.Inspected.check", lambda *_, **__: report)
    status, out, _ = run("check", f"{model}:kinked", "--args", "1", *NUMPY)
    assert status == 1
    assert "FAILED" in out


def test_compile_prints_the_module(run, model):
    status, out, _ = run("compile", f"{model}:loss", *NUMPY)
    assert status == 0
    assert out.startswith('"""loss_value_and_grad: the value and gradient of `loss` in w.')
    compile(out, "emitted", "exec")
    spec = ("--spec", "w=f64[3]", "--spec", "x=f64[2]")
    status, out, _ = run("compile", f"{model}:neuron", *spec, *NUMPY, "--transform", "grad")
    assert status == 0
    assert "neuron_grad" in out
    status, out, _ = run("compile", f"{model}:neuron", "--args", "[1, 2, 3]", "[1, 2]", *NUMPY)
    assert status == 0


def test_compile_writes_a_module_that_stands_alone(run, model, tmp_path):
    target = tmp_path / "written.py"
    status, out, _ = run("compile", f"{model}:loss", *NUMPY, "-o", str(target))
    assert status == 0
    assert str(target) in out
    call = "written.loss_value_and_grad(np.ones(2), np.eye(2), np.zeros(2))[0]"
    code = f"import written, numpy as np; print({call})"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout == "1.0\n"


def test_show_lists_and_prints_stages(run, model):
    status, out, _ = run("show", f"{model}:loss", *NUMPY)
    assert status == 0
    for stage in ("trace", "simplify", "adjoint", "lower", "source"):
        assert stage in out
    status, out, _ = run("show", f"{model}:loss", *NUMPY, "--stage", "adjoint")
    assert out.startswith("graph loss(w: f64[d], X: f64[n, d], y: f64[n])")
    status, out, _ = run("show", f"{model}:loss", *NUMPY, "--stage", "trace", "--dot")
    assert out.startswith('digraph "loss" {')
    status, out, _ = run("show", f"{model}:loss", *NUMPY, "--stage", "source")
    assert "def loss_value_and_grad" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show", "{}:loss", "--stage", "middle", *NUMPY], "there is no stage 'middle': write one"),
        (["compile", "{}:neuron", *NUMPY], "the type of w is not known: write --spec w='f64[n]'"),
        (["compile", "{}:neuron", "--spec", "w=f65", *NUMPY], "'f65' is no type: write f64"),
        (["compile", "nowhere.py:f"], "there is no file nowhere.py"),
        (["compile", "{}:nothing"], "has no function nothing: it has kinked, loss, neuron"),
        (["explain", "{}:kinked", "--args", "one", *NUMPY], "'one' is no argument: write a number"),
        (["check", "{}:kinked", *NUMPY], "missing a required argument: 'x'"),
        (["compile", "{}:loss", "--target", "cuda"], "target='cuda': write 'numba' or 'numpy'"),
        (
            ["compile", "{}:loss", "--spec", "w=f64[2]", "--args", "1", *NUMPY],
            "two ways to say the same",
        ),
    ],
)
def test_mistakes_end_with_one_line_and_status_2(run, model, argv, message):
    status, out, err = run(*(word.format(model) for word in argv))
    assert status == 2
    assert out == ""
    assert err.startswith("bpcompile: ")
    assert message in err
    assert err.count("\n") == 1


def test_unknown_options_have_status_2(run, model):
    assert run("compile", f"{model}:loss", "--frobnicate")[0] == 2
    assert run("nonsense")[0] == 2


def test_cache(run, model, tmp_path, monkeypatch):
    monkeypatch.setenv("BPCOMPILE_CACHE_DIR", str(tmp_path / "cache"))
    status, out, _ = run("cache", "path")
    assert status == 0
    assert out.startswith(str(tmp_path / "cache"))
    run("compile", f"{model}:loss", *NUMPY, "--spec", "w=f64[7]")
    status, out, _ = run("cache", "list")
    assert status == 0
    assert "entries, " in out
    status, out, _ = run("cache", "clear")
    assert status == 0
    assert out.startswith("removed ")
    assert "0 entries, 0 bytes" in run("cache", "list")[1]


def test_values_after_args_are_taken_up_to_the_next_option():
    assert _spread(["check", "f", "--args", "1", "-2", "[-3]", "-.5", "--wrt", "x", "-o", "y"]) == [
        *("check", "f", "--args=1", "--args=-2", "--args=[-3]", "--args=-.5"),
        *("--wrt", "x", "-o", "y"),
    ]
    assert _spread(["--args", "1", "--args", "2"]) == ["--args=1", "--args=2"]
    assert _spread(["show", "--help"]) == ["show", "--help"]


def test_module_is_run_by_its_name(model):
    command = [
        sys.executable,
        "-m",
        "bpcompile",
        "check",
        f"{model}:kinked",
        "--args",
        "-2",
        *NUMPY,
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "passed" in found.stdout


def test_npz_gives_arguments_by_name(run, model, tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, w=np.ones(2), X=np.eye(2), y=np.zeros(2))
    status, out, _ = run("check", f"{model}:loss", "--args", str(path), *NUMPY)
    assert status == 0
    assert "w" in out


def test_bench(run, model, tmp_path, monkeypatch):
    monkeypatch.setattr("bpcompile.experiment.least_time", lambda *_: Bound("memory", 1e-9))
    plot, record = tmp_path / "times.svg", tmp_path / "times.json"
    status, out, _ = run(
        "bench", f"{model}:loss", "--sizes", "5,50", "--dim", "d=2", "--vary", "target",
        "--plot", str(plot), "--json", str(record),
    )  # fmt: skip
    assert status == 0
    assert "size 50: the fastest is target=" in out
    assert plot.read_text().startswith("<svg")
    assert len(json.loads(record.read_text())["points"]) == 4
    status, _, err = run("bench", f"{model}:loss", "--vary", "speed", "--dim", "d=2")
    assert status == 2
    assert "--vary speed: write some of fuse, math, width, target" in err
