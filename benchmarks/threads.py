"""Measure what a second thread gives: bpcompile beside Numba's `prange` on the same mathematics.

`python benchmarks/threads.py` is a command of its own, since `run.py` holds each case to one core.
Each model runs with one thread and with several, and so does the loop that one would write by hand
for Numba with `parallel=True`, with the functions `_exp` and `_log1p` that bpcompile emits. So the
factor of either says what the machine can give: two hyperthreads of one core are less than two
cores. Rounds alternate, and the least time of a contender counts, since others may use the machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, the path holds this folder, not its parent
    sys.path.insert(0, str(ROOT))

import bpcompile as bp  # noqa: E402  # after the path above

Array = np.ndarray[Any, Any]


def elementwise(z: Array, y: Array) -> Any:
    """Return a logistic loss, element by element."""
    return np.sum(np.log1p(np.exp(-y * z)))


def rows(x: Array) -> Any:
    """Return the mean of the logarithms of sums of exponentials, one for each row of a batch."""
    largest = np.max(x, axis=1)
    return np.mean(largest + np.log(np.sum(np.exp(x - largest[:, None]), axis=1)))


def regression(w: Array, X: Array, y: Array) -> Any:
    """Return the loss of a logistic regression, whose weights all rows share."""
    return np.mean(np.log1p(np.exp(-y * (X @ w))))


def elementwise_by_hand(functions: dict[str, Any]) -> Callable[..., Any]:
    """Return the value and gradient of `elementwise` as one would write it with `prange`."""
    from numba import njit, prange

    exp, log1p = functions["_exp"], functions["_log1p"]

    @njit(parallel=True, error_model="numpy", fastmath={"reassoc", "contract"})
    def value_and_gradient(z: Array, y: Array) -> Any:
        bar = np.empty(z.shape[0])
        loss = 0.0
        for i in prange(z.shape[0]):
            margin = y[i] * z[i]
            e = exp(-abs(margin))
            loss += max(-margin, 0.0) + log1p(e)
            bar[i] = -y[i] * (1.0 if margin <= 0.0 else e) / (1.0 + e)
        return loss, bar

    return value_and_gradient


def rows_by_hand(functions: dict[str, Any]) -> Callable[..., Any]:
    """Return the value and gradient of `rows` as one would write it with `prange`."""
    from numba import njit, prange

    exp = functions["_exp"]

    @njit(parallel=True, error_model="numpy", fastmath={"reassoc", "contract"})
    def value_and_gradient(x: Array) -> Any:
        n, d = x.shape
        bar = np.empty((n, d))
        mean = 0.0
        for i in prange(n):
            largest = -np.inf
            for j in range(d):
                largest = max(largest, x[i, j])
            total = 0.0
            for j in range(d):
                bar[i, j] = exp(x[i, j] - largest)
                total += bar[i, j]
            mean += (largest + np.log(total)) / n
            for j in range(d):
                bar[i, j] /= total * n
        return mean, bar

    return value_and_gradient


@dataclass(frozen=True)
class Work:
    """Hold a model, what it is called with, and how it is written by hand, if it is."""

    model: Callable[..., Any]
    arguments: tuple[Array, ...]
    by_hand: Callable[[dict[str, Any]], Callable[..., Any]] | None = None


def works() -> list[Work]:
    """Return what is measured."""
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=10**6), rng.choice([-1.0, 1.0], size=10**6)
    features = rng.normal(size=(10**5, 20))
    return [
        Work(elementwise, (z, y), elementwise_by_hand),
        Work(rows, (rng.normal(size=(20_000, 50)),), rows_by_hand),
        Work(regression, (rng.normal(size=20), features, y[: 10**5])),
    ]


def emitted(function: Any) -> ModuleType:
    """Return the module that bpcompile emits for a function."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "emitted_by_bpcompile.py"
        function.save(path)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def contenders(work: Work, threads: int) -> dict[str, Callable[[], Any]]:
    """Return the calls that are compared; each gives the value and gradient."""
    import numba

    calls: dict[str, Callable[[], Any]] = {}
    one = bp.value_and_grad(work.model)
    for label, function in {
        "bpcompile, 1 thread": one,
        "bpcompile, 1, deterministic": bp.value_and_grad(work.model, deterministic=True),
        f"bpcompile, {threads} threads": bp.value_and_grad(work.model, threads=threads),
    }.items():
        calls[label] = lambda function=function: function(*work.arguments)
    if work.by_hand is not None:
        one(*work.arguments)
        hand = work.by_hand(vars(emitted(one)))
        for number in (1, threads):

            def call(number: int = number) -> Any:
                numba.set_num_threads(number)
                return hand(*work.arguments)

            calls[f"prange by hand, {number}"] = call
    return calls


def measure(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the least seconds of each call over the rounds, after a check that all agree."""
    reference = next(iter(calls.values()))()
    for label, call in calls.items():
        for found, expected in zip(call(), reference, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15, err_msg=label)
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for label, call in calls.items():
            started = time.perf_counter()
            call()
            least[label] = min(least[label], time.perf_counter() - started)
    return least


def main() -> None:
    """Print a table of milliseconds, with the factor that threads give."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    print("| model | contender | ms | times faster than with 1 |")
    print("|---|---|---|---|")
    for work in works():
        least = measure(contenders(work, given.threads), given.rounds)
        for label, seconds in least.items():
            alone = next(s for name, s in least.items() if name[:6] == label[:6])
            shown = f"| {work.model.__name__} | {label} | {1e3 * seconds:.2f} "
            print(f"{shown}| {alone / seconds:.2f} |")


if __name__ == "__main__":
    main()
