"""Time the first result of one implementation, in this new process, after the imports.

    python -m benchmarks.first_call NAME

prints a line of JSON: `seconds` to the first result, `trace` seconds of them where bpcompile says,
`cpu` seconds of this process for it, and the `result`, flat. The cases of cold and warm starts
start it again and again.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import first_scalar, mlp, models
from benchmarks.measure import leaves


def bpcompile() -> tuple[float, Any, float]:
    """Compile the digits network with bpcompile and call it."""
    import bpcompile as bp

    arguments = mlp.problem(mlp.DIGITS)
    start = time.perf_counter()
    function = bp.value_and_grad(mlp.tanh_loss)
    result = function(*arguments)
    taken = time.perf_counter() - start
    return taken, result, trace_seconds(function)


def trace_seconds(function: Any) -> float:
    """Return the seconds that the newest compilation spent in tracing."""
    return float(function.compilations[-1]["seconds"]["trace"])


def hand() -> tuple[float, Any, float]:
    """Compile the digits network as written by hand in Numba and call it."""
    call = mlp.hand(mlp.DIGITS)
    start = time.perf_counter()
    result = call.result()
    return time.perf_counter() - start, result, 0.0


def three_lines() -> tuple[float, Any, float]:
    """Import the three-line cached function and call it."""
    start = time.perf_counter()
    from benchmarks.three_lines import three_lines as function

    result = function(2.0)
    return time.perf_counter() - start, result, 0.0


def jax() -> tuple[float, Any, float]:
    """Jit the digits network with JAX and call it."""
    call = mlp.jax_call(mlp.DIGITS, one_hot=True)
    start = time.perf_counter()
    result = call.result()
    return time.perf_counter() - start, result, 0.0


def torch() -> tuple[float, Any, float]:
    """Run the digits network eagerly with PyTorch: there is nothing to compile."""
    call = mlp.torch_call(mlp.DIGITS)
    start = time.perf_counter()
    result = call.result()
    return time.perf_counter() - start, result, 0.0


FIRST: dict[str, Callable[[], tuple[float, Any, float]]] = {
    "bpcompile": bpcompile,
    "hand": hand,
    "three_lines": three_lines,
    "jax": jax,
    "torch": torch,
}


def prepared(name: str) -> Callable[[], tuple[float, Any, float]]:
    """Return the first call of one of `first_scalar`, whose model is made before the clock runs."""
    work = first_scalar.PREPARED[name]()

    def first() -> tuple[float, Any, float]:
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result, 0.0

    return first


def loop(name: str) -> tuple[float, Any, float]:
    """Compile a model of `benchmarks/models/` with bpcompile and call it."""
    import bpcompile as bp

    model = models.load(name)
    arguments = model.arguments(model.full)
    start = time.perf_counter()
    function = bp.value_and_grad(model.function, argnums=model.argnums)
    result = function(*arguments)
    return time.perf_counter() - start, result, trace_seconds(function)


def main(name: str) -> None:
    """Time one implementation and print the outcome; the import of Numba is not in the time."""
    importlib.import_module("numba")
    first = FIRST.get(name) or functools.partial(loop, name.removeprefix("loop_"))
    if name in first_scalar.PREPARED:
        first = prepared(name)
    start = time.process_time()
    seconds, result, trace = first()
    cpu = time.process_time() - start
    flat = np.concatenate([leaf.ravel() for leaf in leaves(result)]).tolist()
    print(json.dumps({"seconds": seconds, "trace": trace, "cpu": cpu, "result": flat}))


if __name__ == "__main__":
    main(sys.argv[1])
