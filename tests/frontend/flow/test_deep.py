"""Chains of hundreds of arms, and blocks nested deeper than Python nests loops."""

from __future__ import annotations

import linecache

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import LimitError, TraceError
from tests.tracing import agrees, run, traced

FILES = {}


@pytest.fixture(autouse=True)
def _sources():
    """Give the source back that another test may have cleared since the models were made."""
    linecache.cache.update(FILES)


def made(lines):
    """Return the function `model` of some lines."""
    source = "\n".join(lines) + "\n"
    file = f"<deep {hash(source)}>"
    FILES[file] = (len(source), None, source.splitlines(keepends=True), file)
    linecache.cache[file] = FILES[file]
    names = {"np": np}
    exec(compile(source, file, "exec"), names)
    return names["model"]


def chain(count, arm="y = {k}.5 * x * n", test="x < {k}"):
    """Return a function of a chain of `elif`."""
    lines = ["def model(x, n):", "    y = x * 1.0"]
    for k in range(count):
        word = "elif" if k else "if"
        lines += [f"    {word} {test.format(k=k)}:", f"        {arm.format(k=k)}"]
    return made([*lines, "    else:", "        y = x * x", "    return y + 1.0"])


def early_returns(count, between=""):
    """Return a function that returns early many times."""
    lines = ["def model(x, n):"]
    for k in range(count):
        lines += [f"    {between}"] if between else []
        lines += [f"    if x < {k}:", f"        return {k}.5 * x * n"]
    return made([*lines, "    return x * x"])


def conditional_expressions(count):
    """Return a function of a chain of conditional expressions."""
    arms = " ".join(f"{k}.5 * x if x < {k} else" for k in range(count))
    return made(["def model(x, n):", f"    return {arms} x * x + n"])


def nested_ifs(count):
    """Return a function of `if` statements in each other."""
    lines = ["def model(x, n):", "    y = 0.0"]
    for k in range(count):
        lines += [f"{'    ' * (k + 1)}if x > -{k}:", f"{'    ' * (k + 2)}y += x * n"]
    return made([*lines, "    return y"])


@pytest.mark.parametrize(
    "model",
    [
        chain(300),
        chain(30, "return {k}.5 * x", "{k} > n and x < {k}"),
        chain(20, "y = {k}.5 * x", "np.full(4, x).sum() < {k} * 4"),
        early_returns(300),
        early_returns(25, "x = x * 0.99 + 0.1 * n"),
        conditional_expressions(100),
        nested_ifs(40),
    ],
    ids=[
        "elif",
        "elif with known parts",
        "elif with loops in tests",
        "returns",
        "statements between returns",
        "conditional expressions",
        "nested",
    ],
)
def test_deep_code_agrees(model):
    found = traced(model, 7.3, 2)
    for x in (-1.5, 0.0, 7.3, 19.5, 290.2, 299.0, 1e6):
        np.testing.assert_allclose(run(found, x, 2), model(x, 2), rtol=1e-13)


def test_the_derivative_of_a_long_chain():
    fn = bp.grad(chain(100), target="numpy", cache=False)
    assert [fn(x, 2) for x in (-1.0, 7.3, 99.5)] == [1.0, 17.0, 199.0]


def test_arms_that_are_not_taken_are_not_traced_where_that_is_known():
    lines = ["def model(x, n):"]
    for k in range(20):
        lines += [f"    {'elif' if k else 'if'} len(x) == {k}:", f"        return x[{k} - 1] * n"]
    agrees(made(lines), np.arange(1.0, 6.0), 2)


def test_more_than_python_nests_names_the_line():
    loops = [f"{'    ' * (k + 1)}for i{k} in range(n):" for k in range(18)]
    model = made(["def model(x, n):", *loops, "    " * 19 + "x = x * 0.5", "    return x"])
    with pytest.raises(LimitError, match=r"nested more than 15 deep at <deep .*>:17.*operations"):
        traced(model, 1.0, 2)
    with pytest.raises(LimitError, match=r"nested more than 50 deep at <deep .*>:103: join"):
        traced(nested_ifs(90), 1.0, 2)
    with pytest.raises(TraceError, match=r"at <deep .*>:3: .*nested too deep .*bp.cond"):
        traced(chain(1000), 1.0, 2)


def test_deep_code_is_compiled_from_deep_in_the_stack():
    model = chain(250)

    def called_from(depth):
        return called_from(depth - 1) if depth else traced(model, 1.5, 2.0)

    assert run(called_from(300), 1.5, 2.0) == model(1.5, 2.0)


def test_the_derivative_of_ten_loops_with_tests():
    lines = ["def model(x):"]
    for k in range(10):
        before = "    " * (k + 1)
        lines += [f"{before}c{k} = 0", f"{before}while c{k} < 1 + (x > 0.0):"]
        lines += [f"{before}    c{k} += 1", f"{before}    x = 0.99 * x + 0.01 * np.sin(x)"]
    model = made([*lines, "    return x"])
    fn = bp.grad(model, target="numpy", cache=False)
    assert np.isclose(fn(0.3), (model(0.3 + 1e-6) - model(0.3 - 1e-6)) / 2e-6, rtol=1e-7)
