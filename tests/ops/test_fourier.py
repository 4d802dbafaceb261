"""Fourier transforms agree with the matrix of their definition, and so do their transposes."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.shape import reshaped
from bpcompile.passes.pipeline import LOWER
from bpcompile.passes.pipeline import run as run_passes
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.emit.running import call, emit, load
from tests.ops.support import directional, gradient, graph_of, summed

RNG = np.random.default_rng(5)
EPS = np.finfo(float).eps


def matrix(n):
    """Return e^(-2πijk/n), of exponents below n."""
    return np.exp(-2j * np.pi * (np.outer(np.arange(n), np.arange(n)) % n) / n)


def half(n):
    """Return how often each place of the first half is in the whole transform."""
    k = np.arange(n // 2 + 1)
    return np.where((k == 0) | (2 * k == n), 1.0, 2.0)


def dft(inverse):
    return lambda re, im: stacked(*OPS["dft"](re, im, inverse=inverse).items())


def rdft(doubled):
    return lambda x: stacked(*OPS["rdft"](x, doubled=doubled).items())


def irdft(n, doubled):
    return lambda re, im: OPS["irdft"](re, im, length=n, doubled=doubled)


def stacked(re, im):
    """Return both parts as one vector."""
    count = re.shape[0] * re.shape[1]
    parts = reshaped(re, (count,)), reshaped(im, (count,))
    return OPS["matmul"](*(as_row(part, k) for k, part in enumerate(parts)))


def as_row(part, k):
    """Return a factor of a product that has every pair, so that both parts are differentiated."""
    count = part.shape[0]
    return reshaped(part, (count, 1) if k == 0 else (1, count))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 8, 9, 12, 15, 53])
def test_values_are_those_of_the_definition(n):
    z = RNG.normal(size=(2, n)) + 1j * RNG.normal(size=(2, n))
    for inverse in (False, True):
        want = z @ (matrix(n).conj() if inverse else matrix(n))
        found = OPS["dft"].evaluate(z.real, z.imag, inverse=inverse)
        np.testing.assert_allclose(found[0] + 1j * found[1], want, atol=40 * n * EPS)
    for doubled in (False, True):
        times = half(n) if doubled else 1.0
        want = (z.real @ matrix(n))[:, : n // 2 + 1] * times
        found = OPS["rdft"].evaluate(z.real, doubled=doubled)
        np.testing.assert_allclose(found[0] + 1j * found[1], want, atol=40 * n * EPS)
        spectrum = z[:, : n // 2 + 1]
        times = half(n) if doubled else np.ones(n // 2 + 1)
        want = ((spectrum * times) @ matrix(n).conj()[: n // 2 + 1]).real
        found = OPS["irdft"].evaluate(spectrum.real, spectrum.imag, length=n, doubled=doubled)
        np.testing.assert_allclose(found, want, atol=40 * n * EPS)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("name", ["dft", "rdft", "irdft"])
def test_derivatives_both_ways_are_those_of_the_complex_step(name, flag, n):
    m = n // 2 + 1
    model, shape, count = {
        "dft": (dft(flag), (2, n), 2),
        "rdft": (rdft(flag), (2, n), 1),
        "irdft": (irdft(n, flag), (2, m), 2),
    }[name]
    arrays = [RNG.normal(size=shape) for _ in range(count)]
    dots = [RNG.normal(size=shape) for _ in range(count)]
    graph = graph_of(lambda *xs: OPS["sin"](model(*xs)), arrays)
    step = [a + 1e-30j * d for a, d in zip(arrays, dots, strict=True)]
    want = np.imag(interpret(graph, step, complex_step=True)[0]) / 1e-30
    found = interpret(forward(graph, range(count)), [*arrays, *dots])[-1]
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)
    bar = RNG.normal(size=want.shape)
    builder = Builder.extending(graph)
    weights = builder.param("weights", Type(graph.outputs[0].array_type.dtype, bar.shape))
    axes = tuple(range(bar.ndim))
    total = OPS["sum"](builder.wrap(graph.outputs[0]) * weights, axes=axes)
    pulled = interpret(reverse(builder.finish([total]), range(count)), [*arrays, bar])[1:]
    product = sum(np.sum(p * d) for p, d in zip(pulled, dots, strict=True))
    np.testing.assert_allclose(product, np.sum(bar * want), rtol=1e-11)


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("name", ["dft", "rdft"])
def test_one_part_alone(name, part):
    count, attrs = (2, {"inverse": False}) if name == "dft" else (1, {"doubled": True})
    arrays, dots = RNG.normal(size=(2, count, 2, 4, 3))
    model = summed(lambda *xs: OPS["sin"](OPS[name](*xs, **attrs).items()[part]))
    exact = directional(graph_of(model, list(arrays)), list(arrays), list(dots))
    found = gradient(model, *arrays)
    assert sum(np.sum(g * d) for g, d in zip(found, dots, strict=True)) == pytest.approx(exact)


def everything():
    """Return the graph of all transforms of rows of a run-time length, with a longer one."""

    builder = Builder("f")
    n = Dim.named("n")
    x, y = (builder.param(name, Type(DType.F64, (2, n))) for name in "xy")
    found = []
    for flag in (False, True):
        found += OPS["dft"](x, y, inverse=flag).items()
        re, im = OPS["rdft"](x, doubled=flag).items()
        found += [re, im, OPS["irdft"](re, im + re * 0.5, length=n, doubled=flag)]
    return run_passes(builder.finish(found), LOWER)


def test_the_emitted_algorithm_as_plain_python():
    function = load(emit(everything(), "numba"), "python")["model_value"]
    for n in [*range(1, 33), 49, 53]:
        args = list(RNG.normal(size=(2, 2, n)))
        found = call(function, args, how="python")
        for one, other in zip(found, interpret(everything(), args), strict=True):
            size = np.sqrt(np.mean(other**2)) or 1.0
            assert np.abs(one - other).max() / size <= (2 + np.log2(n)) * 2 * EPS, n
