"""`numpy.fft` in models gives what NumPy gives, and gradients are those of the definition."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from tests.tracing import run, traced

RNG = np.random.default_rng(3)
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 30, 97)
EPS = np.finfo(float).eps


def parts(z):
    """Return both parts of a complex value, as a model may."""
    return np.real(z) * 1.0, np.imag(z) * 1.0


def hold(model, *args, scale=None):
    """Hold a model to NumPy, in units of the largest result."""
    found = run(traced(model, *args), *args)
    wanted = model(*args)
    for got, want in zip(leaves_of(found), leaves_of(wanted), strict=True):
        want = np.asarray(want)
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        size = np.abs(want).max(initial=0) if scale is None else scale
        eps = np.finfo(want.dtype).eps
        assert np.abs(got - want).max(initial=0) <= 100 * eps * (size + 1e-300)


def leaves_of(found):
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("n", LENGTHS)
def test_one_axis(n):
    def model(x, y):
        z = x + 1j * y
        fft = np.fft
        results = fft.fft(x), fft.fft(z), fft.ifft(x), fft.ifft(z), fft.rfft(x), fft.ihfft(x)
        pairs = [part for found in results for part in parts(found)]
        return (*pairs, fft.irfft(fft.rfft(x), n), fft.irfft(z, n), fft.hfft(z, n))

    hold(model, *RNG.normal(size=(2, n)))


KEYWORDS = [
    {"n": 3},
    {"n": 9, "norm": "ortho"},
    {"axis": 0, "norm": "forward"},
    {"axis": -2, "n": 5, "norm": "backward"},
]


@pytest.mark.parametrize("keywords", KEYWORDS, ids=str)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_keywords(name, keywords):
    def model(x):
        z = np.fft.rfft(x) if name in ("irfft", "hfft") else x
        return parts(getattr(np.fft, name)(z, **keywords))

    hold(model, RNG.normal(size=(4, 6)))


MANY = [
    ("fft2", {}),
    ("ifft2", {"norm": "ortho"}),
    ("fftn", {}),
    ("ifftn", {"s": (5, 3), "axes": (1, 0)}),
    ("rfft2", {"s": (3, 8)}),
    ("rfftn", {"axes": (0, 2), "norm": "forward"}),
    ("irfft2", {}),
    ("irfftn", {"s": (2, 7), "axes": (0, -1), "norm": "ortho"}),
]


@pytest.mark.parametrize(("name", "keywords"), MANY, ids=str)
def test_several_axes(name, keywords):
    def model(x):
        return parts(getattr(np.fft, name)(x + 0.5j * x**2 if name[0] != "r" else x, **keywords))

    hold(model, RNG.normal(size=(3, 4, 5)))


def test_float32_stays_float32():
    hold(lambda x: parts(np.fft.rfft(x)), RNG.normal(size=60).astype(np.float32))
    hold(lambda x: np.fft.irfft(np.fft.rfft(x, norm="ortho")), RNG.normal(size=6).astype("f4"))


def test_shifts_and_frequencies():
    def model(x):
        n = len(x)
        z = np.fft.fft(x)
        back = np.fft.ifftshift(np.fft.fftshift(z) * 2, axes=0)
        f = np.fft.fftfreq(n, d=0.1) * x
        return *parts(np.fft.fftshift(z)), *parts(back), f, np.fft.rfftfreq(x.shape[0]) + x[0]

    for n in (1, 2, 5, 6):
        hold(model, RNG.normal(size=n), scale=10.0)
    hold(lambda a: np.fft.fftshift(a, axes=(0, 1)) + 0, RNG.normal(size=(3, 4)))
    hold(lambda a: np.fft.ifftshift(a) + 0, RNG.normal(size=(3, 4)))


def test_one_graph_serves_every_length_of_its_kind():
    found = traced(lambda x: parts(np.fft.rfft(x)), RNG.normal(size=6))
    for n in (1, 7, 12):
        x = RNG.normal(size=n)
        re, im = run(found, x)
        np.testing.assert_allclose(re + 1j * im, np.fft.rfft(x), atol=1e-14)


def test_plain_arguments_are_numpys():
    import bpcompile.numpy.fft as own

    x = RNG.normal(size=5)
    assert np.array_equal(own.fft(x), np.fft.fft(x))
    assert np.array_equal(own.fftfreq(5, 0.2), np.fft.fftfreq(5, 0.2))
    assert np.array_equal(own.rfftfreq(5), np.fft.rfftfreq(5))
    assert {"fft", "irfftn", "fftshift", "fftfreq"} <= set(own.__all__)


# Derivatives


def matrix(n):
    """Return e^(-2πijk/n)."""
    return np.exp(-2j * np.pi * (np.outer(np.arange(n), np.arange(n)) % n) / n)


@pytest.mark.parametrize("n", [1, 4, 5, 12])
def test_gradients_are_those_of_the_matrix(n):
    x, u, v = RNG.normal(size=(3, n))
    m = n // 2 + 1
    F = matrix(n)

    def loss(x, u, v):
        z = np.fft.fft(x)
        return np.sum(u * np.sin(z.real)) + np.sum(v * np.cos(z.imag))

    z = F @ x
    want = F.real.T @ (u * np.cos(z.real)) - F.imag.T @ (v * np.sin(z.imag))
    np.testing.assert_allclose(bp.grad(loss, target="numpy")(x, u, v), want, atol=1e-12)

    def half(x, u, v):
        z = np.fft.rfft(x)
        return np.sum(u * np.sin(z.real)) + np.sum(v * np.cos(z.imag))

    z, H = z[:m], F[:m]
    want = H.real.T @ (u[:m] * np.cos(z.real)) - H.imag.T @ (v[:m] * np.sin(z.imag))
    np.testing.assert_allclose(bp.grad(half, target="numpy")(x, u[:m], v[:m]), want, atol=1e-12)

    def back(u, v, x):
        return np.sum(x * np.sin(np.fft.irfft(u + 1j * v, len(x))))

    twice = np.where((np.arange(m) == 0) | (2 * np.arange(m) == n), 1.0, 2.0)[:, None]
    inverse_re, inverse_im = H.real * twice / n, H.imag * twice / n
    bar = x * np.cos(u[:m] @ inverse_re + v[:m] @ inverse_im)
    found = bp.grad(back, argnums=(0, 1), target="numpy")(u[:m], v[:m], x)
    np.testing.assert_allclose(found[0], inverse_re @ bar, atol=1e-12)
    np.testing.assert_allclose(found[1], inverse_im @ bar, atol=1e-12)


def power(x):
    """Return how far a power spectrum is from flat."""
    return np.sum((np.abs(np.fft.rfft(x)) ** 2 - 1.0) ** 2)


def circular(x, h):
    """Return a loss of a circular convolution."""
    y = np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(h), len(x))
    return np.sum((y - 1.0) ** 2)


def filtered(a):
    """Return the energy behind a low pass filter of an image."""
    z = np.fft.fft2(a)
    f = np.fft.fftfreq(a.shape[0])[:, None] ** 2 + np.fft.fftfreq(a.shape[1]) ** 2
    return np.sum(np.fft.ifft2(z * np.exp(-20 * f)).real ** 4)


def delayed(x, t):
    """Return the energy of a signal less itself, later by a time that is differentiated."""
    z = np.fft.rfft(x)
    later = np.fft.irfft(z * np.exp(-2j * np.pi * np.fft.rfftfreq(len(x)) * t), len(x))
    return np.sum((later - x) ** 4) + np.sum(np.abs(z) / (1 + np.abs(z)))


MODELS = {
    "power": (power, (RNG.normal(size=6),)),
    "circular": (circular, (RNG.normal(size=5), RNG.normal(size=5))),
    "filtered": (filtered, (RNG.normal(size=(3, 4)),)),
    "delayed": (delayed, (RNG.normal(size=7), 0.3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_by_first_and_second_derivatives(name):
    model, args = MODELS[name]
    argnums = tuple(range(len(args)))
    options = {"argnums": argnums, "target": "numpy"}
    compiled = bp.value_and_grad(model, **options)
    value, gradient = compiled(*args)
    np.testing.assert_allclose(value, model(*args), rtol=1e-12)
    assert compiled.check(*args)
    dots = tuple(RNG.normal(size=np.shape(arg)) for arg in args)
    _, pushed = bp.jvp(model, **options)(*args, *dots)
    pairs = list(zip(gradient, dots, strict=True))
    np.testing.assert_allclose(pushed, sum(np.sum(g * d) for g, d in pairs), rtol=1e-10)
    step = 1e-5
    ends = [
        compiled(*(a + s * step * d for a, d in zip(args, dots, strict=True)))[1] for s in (1, -1)
    ]

    def along(*xs):
        slopes = bp.grad(model, argnums=argnums)(*xs)
        return sum(np.sum(g * d) for g, d in zip(slopes, dots, strict=True))

    found = bp.grad(along, **options)(*args)
    for got, high, low in zip(found, *ends, strict=True):
        np.testing.assert_allclose(got, (high - low) / (2 * step), rtol=1e-5, atol=1e-5)


def test_a_wave_by_split_steps():
    def spread(re, im, v, steps):
        psi = re + 1j * im
        k = 2 * np.pi * np.fft.fftfreq(len(re), d=0.3)
        kinetic, potential = np.exp(-0.05j * k**2), np.exp(-0.1j * v)
        for _ in range(steps):
            psi = np.fft.ifft(kinetic * np.fft.fft(potential * psi))
        return np.sum(np.abs(psi) ** 2 * np.arange(len(re)))

    args = (*RNG.normal(size=(3, 6)), 20)
    compiled = bp.value_and_grad(spread, argnums=(0, 1, 2), target="numpy")
    np.testing.assert_allclose(compiled(*args)[0], spread(*args), rtol=1e-12)
    assert compiled.check(*args)


def test_a_power_spectrum_is_smooth_where_it_vanishes():
    def energy(x):
        return np.sum(np.abs(np.fft.rfft(x)) ** 2)

    d = np.arange(1.0, 5.0)
    along = bp.grad(lambda x: np.sum(bp.grad(energy)(x) * d), target="numpy")
    half = matrix(4)[:3]
    want = 2 * (half.conj().T @ half).real @ d
    for x in (np.zeros(4), np.ones(4)):
        np.testing.assert_allclose(along(x), want, atol=1e-12)


@pytest.mark.nightly
def test_models_through_numba():
    for model, args in MODELS.values():
        argnums = tuple(range(len(args)))
        found = bp.value_and_grad(model, argnums=argnums)(*args)
        want = bp.value_and_grad(model, argnums=argnums, target="numpy")(*args)
        np.testing.assert_allclose(found[0], want[0], rtol=1e-12)
        for got, other in zip(found[1], want[1], strict=True):
            np.testing.assert_allclose(got, other, rtol=1e-11, atol=1e-12)


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_lengths_through_numba(dtype):
    def model(x, y):
        z, half = np.fft.fft(x + 1j * y), np.fft.rfft(x)
        return *parts(z), *parts(half), np.fft.irfft(half * 2j, len(x)), *parts(np.fft.ifft(y))

    compiled = bp.compile(model)
    for n in [*range(1, 65), 97, 720, 1000, 1009, 1024, 2018, 4096]:
        args = RNG.normal(size=(2, n)).astype(dtype)
        found, wanted = compiled(*args), model(*args.astype(float))
        for got, want in zip(found, wanted, strict=True):
            assert got.dtype == dtype
            size = np.sqrt(np.mean(want**2)) or 1.0
            assert np.abs(got - want).max() / size <= (2 + np.log2(n)) * 2 * np.finfo(dtype).eps


# What is refused

REFUSED = {
    "complex": (lambda x: np.fft.rfft(1j * x), TypeMismatchError, "rfft takes real values"),
    "scalar": (lambda x: np.fft.fft(x[0]), ShapeError, "of a scalar"),
    "norm": (lambda x: np.fft.fft(x, norm="both"), ArgumentError, "'ortho' or 'forward'"),
    "nothing": (lambda x: np.fft.fft(x, n=0), ShapeError, "at least one"),
    "single": (lambda x: np.fft.irfft(x[:1]), ShapeError, "at least one"),
    "lengths": (lambda x: np.fft.fftn(x, s=(2, 3), axes=(0,)), ShapeError, "one for each"),
    "returned": (np.fft.rfft, TypeMismatchError, "complex"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_write(name):
    use, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        traced(lambda x: use(x), RNG.normal(size=4))
