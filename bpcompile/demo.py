"""Train a classifier of handwritten digits with a compiled gradient, and show what happens.

The whole main job on real data: the model is written in layers, its fused value and gradient is
compiled once and called for each minibatch; then the same step is measured beside NumPy code
written by hand, and the emitted source is shown.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile import nn
from bpcompile.compiled import CompiledFunction
from bpcompile.data import load_digits
from bpcompile.function import value_and_grad

if TYPE_CHECKING:
    from rich.console import Console

SEED = 0
BATCH = 64
EPOCHS = 40
LEARNING_RATE = 0.1
MOMENTUM = 0.9
TEST_SHARE = 0.2

_ROUNDS = 300  # of the measurement

MODEL = nn.Sequential(nn.Dense(64, 32), nn.Tanh(), nn.Dense(32, 10))


def loss(parameters: Any, images: Any, labels: Any) -> Any:
    """Return the cross-entropy of the model's predictions: the function that is compiled."""
    return nn.softmax_cross_entropy(MODEL(parameters, images), labels)


def numpy_step(parameters: Any, images: Any, labels: Any) -> tuple[Any, Any]:
    """Return the same value and gradient by backpropagation written by hand in NumPy."""
    (W1, b1), _, (W2, b2) = parameters
    rows, count = np.arange(len(labels)), len(labels)
    h = np.tanh(images @ W1 + b1)
    z = h @ W2 + b2
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    total = e.sum(axis=1)
    value = np.mean(np.log(total) - z[rows, labels])
    z_bar = e / total[:, None]
    z_bar[rows, labels] -= 1.0
    z_bar /= count
    a_bar = (z_bar @ W2.T) * (1.0 - h * h)
    return value, ((images.T @ a_bar, a_bar.sum(axis=0)), None, (h.T @ z_bar, z_bar.sum(axis=0)))


@dataclass(frozen=True, slots=True)
class Split:
    """Hold the images, pixels scaled to 0 .. 1, and labels for training and for testing."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def split_digits() -> Split:
    """Return the digits in a fixed random order, a fifth of them kept for testing."""
    images, labels = load_digits()
    order = np.random.default_rng(SEED).permutation(len(labels))
    images, labels = images[order] / 16.0, labels[order]
    tests = round(TEST_SHARE * len(labels))
    return Split(images[tests:], labels[tests:], images[:tests], labels[:tests])


def batches(data: Split, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the minibatches of one epoch in a random order, all of the same length."""
    order = rng.permutation(len(data.labels))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        yield data.images[chosen], data.labels[chosen]


def train(
    step: Callable[..., Any], data: Split, after_epoch: Callable[[float], None], epochs: int
) -> Any:
    """Return the parameters after some epochs of gradient descent with momentum."""
    rng = np.random.default_rng(SEED)
    parameters = MODEL.init(rng)
    optimizer = nn.sgd(LEARNING_RATE, momentum=MOMENTUM)
    state = optimizer.init(parameters)
    for _ in range(epochs):
        values = []
        for images, labels in batches(data, rng):
            value, gradients = step(parameters, images, labels)
            parameters, state = optimizer.update(parameters, gradients, state)
            values.append(value)
        after_epoch(float(np.mean(values)))
    return parameters


def accuracy(parameters: Any, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images that the model names right."""
    return float(np.mean(np.argmax(MODEL(parameters, images), axis=1) == labels))


def interleaved(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Return the median seconds of each call, measured by turns so that load hits all alike."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, found in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            found.append(time.perf_counter() - started)
    return [statistics.median(found) for found in times]


def run(console: Console, *, target: str = "numba", epochs: int = EPOCHS) -> float:
    """Run the demonstration on a console; return the accuracy on the test images."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    data = split_digits()
    console.print(
        f"[bold]Handwritten digits[/]: {len(data.labels)} images of 8 x 8 pixels to train on, "
        f"{len(data.test_labels)} to test on"
    )
    console.print("Model: 64 inputs, 32 tanh units, 10 classes, softmax cross-entropy")
    step = value_and_grad(loss, target=target)
    first = next(batches(data, np.random.default_rng(SEED)))
    with console.status("Compiling value and gradient into one function ..."):
        started = time.perf_counter()
        step.compile(MODEL.init(np.random.default_rng(SEED)), *first)
        seconds = time.perf_counter() - started
    origin = "from the cache" if _was_cached(step) else "compiled anew"
    console.print(f"Value and gradient in one function: {seconds:.2f} s, {origin}")
    columns = (
        TextColumn("Training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    started = time.perf_counter()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("epochs", total=epochs, loss="")

        def after_epoch(value: float) -> None:
            progress.update(task, advance=1, loss=f"epochs, loss {value:.4f}")

        parameters = train(step, data, after_epoch, epochs)
    seconds = time.perf_counter() - started
    right = accuracy(parameters, data.test_images, data.test_labels)
    steps = epochs * (len(data.labels) // BATCH)
    console.print(f"{steps} steps in {seconds:.2f} s")
    console.print(f"[bold]Accuracy on the test images: {right:.1%}[/]")
    _compare(console, step, parameters, first)
    _show_source(console, step)
    return right


def _was_cached(step: CompiledFunction) -> bool:
    """Tell whether the machine code came from the disk."""
    return bool(step.compilations[-1]["cache"] == "hit")


def _compare(console: Console, step: CompiledFunction, parameters: Any, batch: Any) -> None:
    """Measure a step beside NumPy written by hand."""
    value, gradients = step(parameters, *batch)
    expected, by_hand = numpy_step(parameters, *batch)
    pairs = [(gradients[k][j], by_hand[k][j]) for k in (0, 2) for j in (0, 1)]
    error = max(float(np.max(np.abs(a - b))) for a, b in pairs)
    ours, theirs = interleaved(
        [lambda: step(parameters, *batch), lambda: numpy_step(parameters, *batch)], _ROUNDS
    )
    console.print(
        f"Value and gradient of one batch of {BATCH} (medians of {_ROUNDS}, taken by turns):"
    )
    console.print(f"  compiled function      {ours * 1e6:7.1f} us")
    console.print(
        f"  NumPy, written by hand {theirs * 1e6:7.1f} us   ({theirs / ours:.1f} times as long)"
    )
    error = max(error, abs(value - float(expected)))
    console.print(f"  largest difference between the two: {error:.1e}")


def _show_source(console: Console, step: CompiledFunction) -> None:
    """Say where the emitted source is, and show its docstring and a piece of the adjoint."""
    path = step.specializations[-1].compilation.loaded.path
    lines = step.source.splitlines()
    console.print(f"The emitted source, {len(lines)} lines of Python, is in")
    console.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)
    console.print("It begins")
    shown = lines[: lines.index('"""', 1) + 1]
    adjoint = next((k for k, line in enumerate(lines) if _is_adjoint(line)), None)
    if adjoint is not None:
        start = max(k for k in range(adjoint) if lines[k].startswith("def "))
        shown += ["...", *lines[start : adjoint + 1]]
    for line in shown:
        console.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)
    console.print("  ...", style="dim")


def _is_adjoint(line: str) -> bool:
    """Tell whether an emitted line says which formula of the chain rule it computes."""
    code, _, comment = line.partition("  # ")
    return bool(code.strip()) and ", from " in comment
