"""Ten thousand scalar operations, one a line: how the compiler's own time grows.

The time is from the Python function to the emitted text of its value and gradient on the numpy
target, with the cache off; reading the model's file is not in it. The reference is CPython, which
compiles the same file to bytecode: what any tool must at least do with so many lines.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Bar, Case, Clocked, Contender, Sample, within

SMALL, LARGE = 1_000, 10_000
POINT = (0.3, -0.7, 1.1, 0.9)
WIDTH = 12
"""About how many values are waiting to be used at any line."""


def statements(count: int) -> Iterator[str]:
    """Yield lines that each do one operation, and at last the line that returns.

    Every value is used, so no operation can be dropped. Sine, cosine, tanh and arctan are bounded;
    what is exponentiated is bounded, and what is a divisor or under a root or a logarithm is an
    exponential, so no operation leaves its domain.
    """
    draw = random.Random(0)
    unused = ["x0", "x1", "x2", "x3", "v1"]
    bounded, positive = "v0", "v1"
    taken = {"v0"}  # a function is applied once to a value, else the two would be shared
    yield "v0 = np.sin(x0)"
    yield "v1 = np.exp(v0)"
    for i in range(2, count - WIDTH):
        name, kind = f"v{i}", draw.randrange(10)
        if kind == 0 and bounded not in taken:
            yield f"{name} = np.exp({bounded})"
            taken.add(bounded)
            positive = name
        elif kind == 1 and positive not in taken:
            yield f"{name} = np.{draw.choice(('sqrt', 'log'))}({positive})"
            taken.add(positive)
        else:
            a = unused.pop(draw.randrange(len(unused)))
            if kind == 2:
                yield f"{name} = {a} / {positive}"
            elif kind < 7:
                yield f"{name} = np.{('sin', 'cos', 'tanh', 'arctan')[kind % 4]}({a})"
                bounded = name
            else:
                b = unused.pop(0) if len(unused) > WIDTH else draw.choice(("x1", "x3", positive))
                yield f"{name} = {a} {'+-*'[kind - 7]} {b}"
        unused.append(name)
    yield f"return {' + '.join(unused)}"


def source(count: int, array_module: str) -> str:
    """Return a module with a function `model` of about so many operations."""
    lines = [f"import {array_module} as np", "", "", "def model(x0, x1, x2, x3):"]
    lines += [f"    {statement}" for statement in statements(count)]
    return "\n".join(lines) + "\n"


@functools.cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """Return the folder of the generated files, which goes when this process ends."""
    made = tempfile.TemporaryDirectory()
    atexit.register(made.cleanup)
    return made


def load(count: int, array_module: str = "numpy") -> ModuleType:
    """Write and import the module afresh: a function that no cache in memory has seen."""
    name = f"straight_line_{array_module.replace('.', '_')}_{count}"
    path = Path(folder().name) / f"{name}.py"
    path.write_text(source(count, array_module), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path.name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def value_and_gradient(count: int = LARGE) -> Any:
    """Return the value of a model of a size, and its gradient by complex step with NumPy."""
    model = load(count).model
    gradient = []
    for i in range(len(POINT)):
        moved = [complex(a, 1e-30 if i == j else 0.0) for j, a in enumerate(POINT)]
        gradient.append(model(*moved).imag / 1e-30)
    return model(*map(np.float64, POINT)), gradient


def clocked(
    emit: Callable[[Any], float | None], array_module: str, result: Callable[[], Any]
) -> Clocked:
    """Time `emit` on a fresh model of the large size; the small size is a part of the sample.

    `emit` returns the seconds that it took for what comes after the text, which are not counted.
    """

    def seconds(count: int) -> float:
        model = load(count, array_module).model
        start = time.perf_counter()
        after = emit(model) or 0.0
        return time.perf_counter() - start - after

    def sample() -> Sample:
        small = seconds(SMALL)
        return Sample(seconds(LARGE), {"1 000 operations": small})

    return Clocked(sample, result)


def bpcompile_emit() -> Clocked:
    """Trace, differentiate and emit with bpcompile."""
    import bpcompile as bp

    def compiled(model: Any) -> Any:
        transform = bp.value_and_grad(model, (0, 1, 2, 3), target="numpy", cache=False)
        return transform.compile(*POINT)

    def emit(model: Any) -> float:
        """Emit the text; to load it as a module is no part of that."""
        function = compiled(model)
        assert function.source
        return float(function.compilations[-1]["seconds"]["load"])

    return clocked(
        emit,
        "numpy",
        lambda: compiled(load(LARGE).model)(*POINT),
    )


def jax_lower() -> Clocked:
    """Trace, differentiate and lower to StableHLO with JAX; nothing is compiled."""
    jax, _ = peers.jax()

    def lowered(model: Any) -> Any:
        return jax.jit(jax.value_and_grad(model, argnums=(0, 1, 2, 3))).lower(*POINT)

    def result() -> Any:
        with jax.disable_jit():
            return jax.value_and_grad(load(LARGE, "jax.numpy").model, argnums=(0, 1, 2, 3))(*POINT)

    def emit(model: Any) -> None:
        """Emit the text."""
        assert lowered(model).as_text()

    return clocked(emit, "jax.numpy", result)


def cpython() -> Clocked:
    """Compile the model's file to bytecode."""

    def seconds(count: int) -> float:
        text = source(count, "numpy")
        start = time.perf_counter()
        compile(text, "straight_line.py", "exec")
        return time.perf_counter() - start

    def sample() -> Sample:
        small = seconds(SMALL)
        return Sample(seconds(LARGE), {"1 000 operations": small})

    return Clocked(sample, value_and_gradient)


GROWTH = Bar(
    text=f"growth exponent from {SMALL} to {LARGE} <= 1.15",
    subject="bpcompile",
    needs=("bpcompile", "bpcompile: 1 000 operations"),
    value=lambda seconds: (
        math.log(seconds["bpcompile"] / seconds["bpcompile: 1 000 operations"])
        / math.log(LARGE / SMALL)
    ),
    at_most=1.15,
    unit="exponent",
)

CASE = Case(
    name="straight_line",
    title="10 000 mixed scalar operations, trace to emitted text, numpy target",
    contenders=(
        Contender("bpcompile", "bpcompile", bpcompile_emit),
        Contender("CPython", "hand", cpython),
        Contender("JAX lower", "JAX", jax_lower, "jax"),
    ),
    bars=(within(3.0, "bpcompile"), GROWTH),
    reference="CPython",
    rtol=1e-8,
    rounds=7,
)
