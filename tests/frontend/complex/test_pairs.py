"""Complex values inside a model are those of NumPy, and never leave it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import TypeMismatchError, UnsupportedError
from tests.tracing import agrees, run, traced

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(2, 4))
A, B = RNG.normal(size=(2, 3, 4))
H = RNG.normal(size=4) + 1j * RNG.normal(size=4)


def parts(z):
    """Return both parts of a complex value, as a model may."""
    return np.real(z) * 1.0, np.imag(z) * 1.0


UNARY = """
    negative positive conj square reciprocal sqrt exp expm1 log log2 log10 sin cos tan sinh cosh
    tanh
""".split()  # noqa: SIM905  (names read better in a line)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_value(name):
    function = getattr(np, name)
    agrees(lambda x, y: parts(function(x + 1j * y)), X, Y, rtol=1e-12)


@pytest.mark.parametrize("name", ["abs", "angle", "isnan", "isfinite", "isinf"])
def test_functions_with_a_real_result(name):
    function = getattr(np, name)
    agrees(lambda x, y: function(x + 1j * y), X, Y)


OPERATIONS = {
    "real + complex": lambda x, y: x + y * 1j,
    "complex constants": lambda x, y: (2 - 3j) * x - y / (1 + 2j) + 1j,
    "complex64": lambda x, y: x.astype(np.float32) * np.complex64(1 + 2j),
    "captured": lambda x, y: H * x - y * H + (x + 1j * y) @ H,
    "quotient": lambda x, y: (x + 1j) / (y - 2j),
    "real over complex": lambda x, y: x / (y + 1j * x),
    "over imaginary": lambda x, y: (x + 1j * y) / 2j,
    "square": lambda x, y: (x + 1j * y) ** 2,
    "cube below": lambda x, y: (x + 1j * y) ** -3,
    "root": lambda x, y: (x + 1j * y) ** 0.5,
    "real power": lambda x, y: (x + 1j * y) ** 1.3,
    "complex power": lambda x, y: (x + 1j * y) ** (0.3 + 0.2j * y),
    "zeroth power": lambda x, y: (x + 1j * y) ** 0,
    "of a number": lambda x, y: np.e ** (1j * x),
    "phase": lambda x, y: np.exp(-1j * np.pi * x),
    "where": lambda x, y: np.where(x > 0, x + 1j * y, 2.0),
    "numbers": lambda x, y: complex(x[0], y[0]) * np.complex128(y[1]) + complex(1, 2),
    "as complex": lambda x, y: x.astype(complex) * 1j + y.astype("c16"),
    "conjugate": lambda x, y: (x + 1j * y).conj() + (x - 1j * y).conjugate(),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operators(name):
    operation = OPERATIONS[name]
    agrees(lambda x, y: parts(operation(x, y)), X, Y, rtol=1e-12)


PLACING = {
    "index": lambda z: z[1],
    "slice": lambda z: z[::-1, 1:3],
    "mask": lambda z: np.where(np.abs(z) > 1, z, 0),
    "transpose": lambda z: z.T + np.transpose(z),
    "reshape": lambda z: z.reshape(2, 6).ravel(),
    "sum": lambda z: z.sum(axis=0) + np.sum(z),
    "mean": lambda z: z.mean(axis=1, keepdims=True),
    "cumsum": lambda z: np.cumsum(z, axis=1),
    "concatenate": lambda z: np.concatenate([z, z.real * 2, 1j * z], axis=1),
    "stack": lambda z: np.stack([z, z.conj()]),
    "array": lambda z: np.array([z[0, 0], 2.0, 1j]),
    "roll": lambda z: np.roll(z, 1, axis=1),
    "pad": lambda z: np.pad(z, ((0, 0), (1, 2))),
    "split": lambda z: np.split(z, 2, axis=1)[1],
    "iteration": lambda z: sum(row * k for k, row in enumerate(z)),
    "broadcast": lambda z: z + z[0] * z[:, :1],
    "matmul": lambda z: z @ z.T,
    "dot with reals": lambda z: np.dot(z, z.real.T),
    "vdot": lambda z: np.vdot(z[0], z[1]),
    "einsum": lambda z: np.einsum("ij,kj,ik->i", z, z, z[:, :3]),
    "outer": lambda z: np.outer(z[0], z[1]),
    "solve": lambda z: np.linalg.solve(z[:, :3] + 3j * np.eye(3), z[:, 3]),
    "polyval": lambda z: np.polyval([1.0, 2.0, 3.0], z),
    "convolve": lambda z: np.convolve(z[0], z[1]),
    "correlate": lambda z: np.correlate(z[0], z[1], "full"),
    "split, vector": lambda z: np.hsplit(z, 2)[0],
    "expand": lambda z: np.squeeze(z[:, None, :], 1),
}


@pytest.mark.parametrize("name", PLACING)
def test_arrays(name):
    operation = PLACING[name]
    agrees(lambda a, b: parts(operation(a + 1j * b)), A, B, rtol=1e-11)


def test_real_results_of_arrays():
    def model(a, b):
        z = a + 1j * b
        return np.linalg.norm(z, axis=1), z.std(), np.var(z, axis=0), np.allclose(z, z + 1e-12)

    agrees(model, A, B)


def test_attributes():
    def model(x, y):
        z = x + 1j * y
        assert z.shape == x.shape
        assert z.ndim == 1
        assert z.dtype == np.complex128
        assert len(z) == 4
        assert np.iscomplexobj(z)
        assert np.isrealobj(x)
        return np.size(z) + x[0], np.shape(z)[0] + y[0]

    agrees(model, X, Y)


def test_writes_are_seen_where_numpy_shows_them():
    def model(x, y):
        z = x + 1j * y
        w, again = z, z.conj()
        z[1:3] = 5 - 1j
        w *= 2j
        z.imag[0] = 7.0
        w.real = y
        again[0] = 0
        return *parts(z), *parts(w), *parts(again), x * 1.0

    agrees(model, X, Y)


def test_a_complex_array_is_filled_in():
    def model(x):
        z = np.zeros(4, dtype=complex)
        for k in range(4):
            z[k] = np.exp(1j * k * x[k])
        ones = np.ones((2, 4), np.complex64) * z
        return *parts(z), *parts(ones)

    agrees(model, X, rtol=1e-12)


def test_loops_and_branches_carry_them():
    def model(x, n):
        z = x * (1 + 0j)
        c = 0.1 * x + 0.2j
        k = 0
        while k < n and np.abs(z[0]) < 2:
            z = z * z + c
            k += 1
        if z[0].real > 0:
            z = z * 1j
        return parts(z)

    found = traced(model, X, 3)
    for n in (0, 3):
        np.testing.assert_allclose(run(found, X, n), model(X, n), rtol=1e-12)


def test_functions_that_run_as_regions_take_them():
    def model(x):
        z = x + 1j * x[::-1]
        w = bp.fori_loop(0, 5, lambda k, z: z * np.exp(0.1j) + z.conj() * k, z)
        return parts(bp.cond(w[0].real > 0, lambda z: z * 1j, lambda z: z.conj(), w))

    want = X + 1j * X[::-1]
    for k in range(5):
        want = want * np.exp(0.1j) + want.conj() * k
    want = want * 1j if want[0].real > 0 else want.conj()
    np.testing.assert_allclose(run(traced(model, X), X), [want.real, want.imag], rtol=1e-12)


def test_a_loop_that_makes_a_value_complex_says_so():
    def model(x, n):
        psi = x
        for _ in range(n):
            psi = psi * 1j
        return np.abs(psi)

    with pytest.raises(TypeMismatchError, match=r"`psi` is \* before .* and Complex\(\*, \*\)"):
        traced(model, X, 11)


REFUSED = {
    "returned": (lambda z: z, r"returns `result` as result, which is complex \(from .*np\.stack"),
    "in a tree": (lambda z: {"a": [z]}, r"as result\['a'\]\[0\], which is complex"),
    "compared": (lambda z: z < 1, r"`z < 1` \(complex128\[n\]\) at .* is complex.*np\.abs\(z\)"),
    "sorted": (np.sort, "complex"),
    "as float": (lambda z: z.astype(float), r"\.astype\(float64\) of .*z\.real"),
    "truth": (lambda z: 1.0 if z[0] else 2.0, "the truth of .* is complex"),
    "largest": (lambda z: z.max(), r"\.max of|complex"),
    "spectral norm": (lambda z: np.linalg.norm(np.outer(z, z), 2), "singular values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_write(name):
    use, message = REFUSED[name]

    def model(x):
        return use(x + 1j * x)

    with pytest.raises(TypeMismatchError, match=message):
        traced(model, X)


def test_a_real_array_takes_no_complex_value():
    def model(x):
        z = np.exp(1j * x)
        y = np.zeros(4)
        y[0] = z[0]
        return y

    with pytest.raises(TypeMismatchError, match=r"is complex.*z\.real or z\.imag") as caught:
        traced(model, X)
    assert re.search(r"test_pairs\.py:\d+", str(caught.value))


def test_a_returned_spectrum_is_named_with_its_line():
    def model(x):
        spectrum = np.exp(1j * x)
        return x, spectrum

    with pytest.raises(TypeMismatchError, match=r"`spectrum` as result\[1\].*test_pairs\.py:\d+"):
        traced(model, X)


def test_complex_arguments_behind_the_first_are_refused():
    with pytest.raises(UnsupportedError, match="only the first may be complex"):
        traced(lambda x: np.trapezoid(x, x * 1j).real, X)
