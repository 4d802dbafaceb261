"""Hold branches, loops with a test and tapes on every target to the interpreter, and read the text.

The graphs are built by hand: what a frontend makes of control flow is tested where that lives.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.schedule.plan import plan
from bpcompile.schedule.statements import CopyArray, Fill, For, If, Statement, While
from tests.emit import building, control
from tests.emit.control import CASES, Case
from tests.emit.programs import Program
from tests.emit.running import agree, combined, emit, run, same


def below(statement: Statement) -> list[Statement]:
    """Return the statements inside of one."""
    match statement:
        case For(body=body):
            return body
        case While(test=test, body=body):
            return [*test, *body]
        case If(then=then, otherwise=otherwise):
            return [*then, *otherwise]
    return []


def whole_arrays_in_loops(case: Case) -> list[Statement]:
    """Return the statements inside loops that copy or fill a whole array."""
    found: list[Statement] = []
    stack = [(s, False) for s in plan(case[0]).statements]
    while stack:
        statement, inside = stack.pop()
        if inside and isinstance(statement, (CopyArray, Fill)):
            found.append(statement)
        inside = inside or isinstance(statement, (For, While))
        stack += [(s, inside) for s in below(statement)]
    return found


def body(case: Case, target: str) -> list[str]:
    """Return the lines of the function that does the work, without its head and comments."""
    text = emit(case[0], target)
    main = text[text.index("def _main") :]
    lines = main[: main.index("\n\n\n")].splitlines()[2:]
    return [line.split("  #")[0].rstrip() for line in lines]


def written(text: str, indent: int = 4) -> list[str]:
    """Return the lines of a text at a depth."""
    return textwrap.indent(textwrap.dedent(text).strip("\n"), " " * indent).splitlines()


@pytest.mark.parametrize("how", ["numpy", "python"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_agrees_with_the_interpreter(case, how):
    agree(*case(), how)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_agrees_without_fusion(case):
    agree(*case(), "python", fuse=False)


def test_agrees_compiled():
    cases = [control.chosen_stores, control.running_maximum, control.bubble, control.narrow]
    graph = combined([case()[0] for case in (*cases, control.taped, control.taped_arrays)])
    given = {"f64[n]": np.array([3.0, -2.0, 7.0, 1.0]), "f64[]": 70.0, "i64[]": np.int64(150)}
    given |= {"f32[]": np.float32(0.7), "bool[]": np.bool_(True)}
    args = [given[str(param.type)] for param in graph.params]
    text = emit(graph, "numba")
    same(interpret(graph, args), run(text, args, how="numba"), text)


@pytest.mark.parametrize(
    "case",
    [control.chosen_stores, control.bubble, control.running_maximum, control.taped_arrays],
    ids=lambda case: case.__name__,
)
def test_no_iteration_copies_an_array(case):
    assert whole_arrays_in_loops(case()) == []
    inner = [line for line in body(case(), "numpy") if line.startswith(" " * 12)]
    assert not any("np.array(" in line for line in inner if "append" not in line)


def test_an_array_read_later_is_copied_once():
    graph, _ = control.kept_operand()
    (branch,) = (s for s in plan(graph).statements if isinstance(s, If))
    assert not any(isinstance(s, CopyArray) for s in (*branch.then, *branch.otherwise))


# How it reads


def test_branch_without_else_on_numba():
    assert body(control.chosen_stores(), "numba") == written(
        """
        n = x.shape[0]
        y.fill(0.0)
        count = 0
        for i in range(n):
            x_i = x[i]
            if x_i > 0.0:
                y[i] = x_i * 2.0
                count = count + 1
        return count
        """
    )


def test_branch_without_else_on_numpy():
    assert body(control.chosen_stores(), "numpy")[2:-1] == written(
        """
        y = np.zeros(n, np.float64)
        count = np.int64(0)
        for i in range(n):
            x_i = x[i]
            if x_i > 0.0:
                y[i] = x_i * 2.0
                count = count + np.int64(1)
        """,
        8,
    )


def test_ladder_of_branches():
    assert body(control.ladder(), "numba")[:6] == written(
        """
        if x < 0.0:
            y = -x
        elif x > 1.0:
            y = x * 3.0
        else:
            y = math.sin(x)
        """
    )


def test_variables_of_an_enclosing_block_are_shared():
    assert body(control.nested_whiles(), "numpy")[2:-1] == written(
        """
        k = np.int64(0)
        s = np.float64(0.0)
        while k < np.int64(3):
            s = s + 9.0
            while s > 3.0:
                for i in range(n):
                    s = s * 0.5 + x[i]
                s = s * 0.25
            k = k + np.int64(1)
        """,
        8,
    )


def test_all_at_once_where_one_reads_the_other():
    lines = body(control.fibonacci(), "numba")
    assert "        a, c = c, a + c" in lines


def test_lines_of_the_model_stand_beside_heads():
    for target in ("numba", "numpy"):
        text = emit(control.search()[0], target)
        assert "while low < high:  # model.py:14\n" in text
        assert "if xs[" in text
        assert "] < wanted:  # model.py:3\n" in text


def test_a_tape_grows():
    lines = body(control.taped(), "numba")
    assert lines[2:13] == written(
        """
        x_tape = np.empty(64)
        q_tape = np.empty(64)
        work = 0

        while k < n:
            if k == x_tape.shape[0]:
                x_tape = _grown(x_tape)
                q_tape = _grown(q_tape)
            x_tape[_unsigned(k)] = x
            v0 = a / x
            q_tape[_unsigned(k)] = v0
        """
    )


def test_a_tape_with_a_limit_lies_in_the_workspace():
    text = emit(control.limited_tape()[0], "numba")
    assert "_grown" not in text
    assert ".reshape((70, n))" in text


def test_a_short_loop_does_not_look_for_signals():
    builder = building.Builder("f")
    x = builder.param("x", building.F)
    (y,) = building.repeat(
        [building.named(x * 1.0, "y")],
        [],
        lambda b, y: y > 1.0,
        lambda b, y: [y * 0.5],
        limit=100,
    )
    assert "_poll" not in emit(builder.finish([y]), "numba")


# Ctrl-C

_ENDLESS = """
import signal, sys
from tests.emit import building
from tests.emit.running import emit, load

# Whoever starts the tests in the background has it ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

def endless():
    b = building.Builder("endless")
    x = b.param("x", building.F)
    (y,) = building.repeat(
        [building.named(x * 1.0, "y")], [], lambda b, y: y > 0.0, lambda b, y: [y * 0.5 + 1.0]
    )
    return b.finish([y])

how = sys.argv[1]
made = load(emit(endless(), "numpy" if how == "numpy" else "numba"), how)["model_value"]
made(-1.0)
print("ready", flush=True)
try:
    made(1.0)
except KeyboardInterrupt:
    print("interrupted", made(-3.0), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a process")
@pytest.mark.parametrize("how", ["numba", "numpy"])
def test_an_endless_loop_is_interrupted(how, tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(_ENDLESS, encoding="utf-8")
    root = str(control.__file__).rsplit("/tests/", 1)[0]
    process = subprocess.Popen(
        [sys.executable, str(script), how],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)  # so that the loop runs; a signal before it would end it as well
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert said == "interrupted (-3.0,)\n"
    assert process.returncode == 0


# Whole modules


@pytest.mark.parametrize("case", [control.newton, control.bubble, control.taped])
def test_modules_for_numba(case, golden):
    golden(emit(case()[0], "numba"), case.__name__)


@pytest.mark.parametrize("case", [control.bubble, control.taped])
def test_modules_for_numpy(case, golden):
    golden(emit(case()[0], "numpy"), f"{case.__name__}_with_numpy")


# Random programs


def check(seed: int) -> None:
    """Hold a random program to the interpreter on the targets that need no compilation."""
    program = Program(seed)
    graph, args = program.graph(), program.arguments()
    for how in ("python", "numpy"):
        agree(graph, args, how)


# 44 to 922 each overwrote a value that something else still read.
@pytest.mark.parametrize("seed", [44, 108, 286, 446, 707, 922, *range(20)])
def test_random_program(seed):
    check(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(10))
def test_many_random_programs(block):
    for seed in range(1000 + 300 * block, 1300 + 300 * block):
        check(seed)
