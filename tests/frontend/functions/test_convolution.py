"""Convolutions of `scipy.signal` and transforms of `scipy.fft` in models are SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.signal

import bpcompile as bp
from bpcompile.errors import ArgumentError, ShapeError
from tests.tracing import run, traced

RNG = np.random.default_rng(8)
SHAPES = [((7,), (3,)), ((5,), (4,)), ((4, 5), (2, 3)), ((3, 4, 2), (2, 2, 1))]


def hold(model, *args):
    found, want = run(traced(model, *args), *args), model(*args)
    assert np.shape(found) == np.shape(want)
    np.testing.assert_allclose(found, want, atol=1e-13)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
def test_every_rank_and_mode(name, shapes, mode):
    function = getattr(scipy.signal, name)
    x, y = (RNG.normal(size=shape) for shape in shapes)
    hold(lambda x, y: function(x, y, mode), x, y)
    hold(lambda y, x: function(y, x, mode=mode), y, x)


def test_complex_operands_and_the_method():
    def model(x, y):
        z = scipy.signal.correlate(x + 1j * y, y - 2j * x, "same")
        w = scipy.signal.convolve(x * 1j, y, method="fft")
        return np.stack([z.real, z.imag]).sum() + np.abs(w).sum()

    hold(model, *RNG.normal(size=(2, 4, 3)))
    x, h = RNG.normal(size=11), RNG.normal(size=4)
    hold(lambda x: scipy.signal.fftconvolve(x, h), x)
    hold(lambda a: scipy.signal.fftconvolve(a, a * 2, axes=1), RNG.normal(size=(2, 5)))


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_boundaries_of_matrices(mode, boundary):
    x, y = RNG.normal(size=(5, 6)), RNG.normal(size=(3, 2))
    fill = 0.5 if boundary == "fill" else 0
    hold(lambda x, y: scipy.signal.convolve2d(x, y, mode, boundary, fill), x, y)


@pytest.mark.parametrize("method", ["direct", "fft"])
def test_derivatives(method):
    def loss(x, y):
        return np.sum(np.sin(scipy.signal.convolve(x, y, "same", method)))

    x, y = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3))
    found = bp.grad(loss, argnums=(0, 1), target="numpy")(x, y)
    bar = np.cos(scipy.signal.convolve(x, y, "same"))
    shifts = np.zeros((3, 4, 2, 3))
    for place in np.ndindex(2, 3):
        unit = np.zeros((2, 3))
        unit[place] = 1
        shifts[(..., *place)] = scipy.signal.convolve(x, unit, "same")
    np.testing.assert_allclose(found[1], np.tensordot(bar, shifts, 2), atol=1e-12)
    step = 1e-30
    for place in ((0, 0), (2, 3), (1, 1)):
        moved = x.astype(complex)
        moved[place] += 1j * step
        value = np.sum(np.sin(scipy.signal.convolve(moved, y, "same", "direct")))
        np.testing.assert_allclose(found[0][place], value.imag / step, atol=1e-12)


def test_transforms_of_scipy():
    def model(x):
        z = scipy.fft.fftshift(scipy.fft.fft(x, 6, workers=1))
        a = scipy.fft.irfftn(scipy.fft.rfft2(np.outer(x, x), (4, 6)), (4, 6), norm="ortho")
        k = scipy.fft.rfftfreq(5)
        return np.abs(z).sum() + a.sum() + scipy.fft.irfft(k * scipy.fft.rfft(x, axis=0), 5)

    hold(model, RNG.normal(size=5))


def test_what_is_refused():
    with pytest.raises(ShapeError, match="as many"):
        traced(lambda x: scipy.signal.convolve(x, x[0]), np.ones((2, 2)))
    with pytest.raises(ArgumentError, match="'same'"):
        traced(lambda x: scipy.signal.convolve(x, x, "most"), np.ones(2))
    with pytest.raises(ArgumentError, match="'direct'"):
        traced(lambda x: scipy.signal.convolve(x, x, method="slow"), np.ones(2))
    with pytest.raises(ShapeError, match="one must be as long"):
        traced(lambda x, y: scipy.signal.convolve(x, y, "valid"), np.ones((3, 2)), np.ones((2, 3)))
