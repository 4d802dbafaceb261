"""Factorisations, systems and determinants: derivatives to second order against differences.

What LAPACK takes conjugates for has no complex step: central differences of the interpreter's
values are the reference. Forward mode is the transposed vjp, so JVP against VJP tests both.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.matrices import diagonal_matrix, identity, mirrored, symmetric
from bpcompile.ops.shape import swapped
from bpcompile.passes.expand import expand_composites
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.ops.support import graph_of, summed, value

RNG = np.random.default_rng(41)
SQUARE, TALL, WIDE = RNG.normal(size=(4, 4)), RNG.normal(size=(5, 3)), RNG.normal(size=(3, 5))
BATCH = np.diag([1.0, 2.0, 4.0]) + 0.3 * RNG.normal(size=(2, 3, 3))
SPREAD = np.diag([1.0, 2.0, 4.0, 7.0]) + 0.3 * RNG.normal(size=(4, 4))


def positive(x):
    """Return positive definite matrices."""
    product = OPS["matmul"](x, swapped(x))
    return product + identity(product)


def both(name, **attrs):
    """Return the sum of the sines of all results of an op, of those with a float type."""

    def model(x):
        found = OPS[name](x, **attrs).items()
        parts = [OPS["sum"](OPS["sin"](y), axes=tuple(range(len(y.shape)))) for y in found]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    return model


def alone(name, k, **attrs):
    """Return one of the results of an op, the others unread."""
    return lambda x: OPS[name](x, **attrs).items()[k]


def least(wide):
    """Return least squares without a cut."""
    return lambda a, b: OPS["lstsq"](a, b, a.builder.const(1e-9, Type(a.dtype)), wide=wide)


def triangular(**attrs):
    """Return solutions with a triangle that is well conditioned."""
    return lambda t, b: OPS["triangular_solve"](t + identity(t) * 4.0, b, **attrs)


MODELS = {
    "cholesky": (lambda x: OPS["cholesky"](positive(x)), [SQUARE]),
    "cholesky, batch": (lambda x: OPS["cholesky"](positive(x)), [BATCH]),
    "lower": (triangular(lower=True, transposed=False), [SQUARE, RNG.normal(size=(4, 2))]),
    "upper": (triangular(lower=False, transposed=True), [BATCH, RNG.normal(size=(2, 3, 1))]),
    "solve": (OPS["solve"], [SPREAD, RNG.normal(size=(4, 2))]),
    "solve, vector": (OPS["solve"], [SPREAD, RNG.normal(size=4)]),
    "solve, batch of vectors": (OPS["solve"], [BATCH, RNG.normal(size=(2, 3))]),
    "solve, transposed": (lambda a, b: OPS["solve"](swapped(a), b), [SPREAD, SQUARE]),
    "inv": (OPS["inv"], [SPREAD]),
    "inv, batch": (lambda x: OPS["inv"](swapped(x)), [BATCH]),
    "det": (OPS["det"], [SQUARE]),
    "det, batch": (OPS["det"], [BATCH]),
    "cofactors": (OPS["cofactors"], [SQUARE]),
    "cofactors, turned": (lambda x: OPS["cofactors"](swapped(x)), [SQUARE[[1, 0, 2, 3]]]),
    "cofactors, batch": (OPS["cofactors"], [BATCH]),
    "logabsdet": (OPS["logabsdet"], [BATCH]),
    "qr, square": (both("qr", wide=False), [SPREAD]),
    "qr, tall": (both("qr", wide=False), [TALL]),
    "qr, wide": (both("qr", wide=True), [WIDE]),
    "q alone": (alone("qr", 0, wide=False), [TALL]),
    "r alone": (alone("qr", 1, wide=False), [TALL]),
    "q alone, wide, batch": (alone("qr", 0, wide=True), [RNG.normal(size=(2, 2, 4))]),
    "r alone, wide, batch": (alone("qr", 1, wide=True), [RNG.normal(size=(2, 2, 4))]),
    "eigh": (lambda x: both("eigh")(symmetric(x)), [SPREAD]),
    "eigh, batch": (lambda x: both("eigh")(symmetric(x)), [BATCH]),
    "svd": (both("svd", wide=False), [SPREAD]),
    "svd, tall": (both("svd", wide=False), [TALL]),
    "svd, wide": (both("svd", wide=True), [WIDE]),
    "lstsq, tall": (least(wide=False), [TALL, RNG.normal(size=(5, 2))]),
    "lstsq, wide": (least(wide=True), [WIDE, RNG.normal(size=(3, 2))]),
}
every_model = pytest.mark.parametrize(("model", "arrays"), MODELS.values(), ids=MODELS)


def differences(graph, arrays, directions, k=0, step=1e-3):
    """Return the derivative of output `k` along directions, by Richardson's extrapolation."""

    def central(h):
        ends = [
            interpret(graph, [a + s * h * d for a, d in zip(arrays, directions, strict=True)])[k]
            for s in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * h)

    table = [central(step / 2**k) for k in range(3)]
    for order in (1, 2):
        table = [
            (4**order * fine - wide) / (4**order - 1) for wide, fine in itertools.pairwise(table)
        ]
    return table[0]


def inner(found, directions):
    return sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))


@every_model
def test_first_derivatives(model, arrays):
    graph = graph_of(summed(model), arrays)
    wrt = range(len(arrays))
    directions = [RNG.normal(size=a.shape) for a in arrays]
    want = differences(graph, arrays, directions)
    for form in (lambda g: g, expand_composites):
        _, *pulled = interpret(form(reverse(graph, wrt)), arrays)
        assert inner(pulled, directions) == pytest.approx(want, rel=2e-7, abs=2e-8)
        pushed = interpret(form(forward(graph, wrt)), [*arrays, *directions])[1]
        assert pushed == pytest.approx(inner(pulled, directions), rel=1e-9, abs=1e-10)


@every_model
def test_second_derivatives(model, arrays):
    graph = graph_of(summed(model), arrays)
    wrt = range(len(arrays))
    first = reverse(graph, wrt)
    directions = [RNG.normal(size=a.shape) for a in arrays]
    twice = expand_composites(forward(first, wrt))
    found = interpret(twice, [*arrays, *directions])[len(first.outputs) + 1 :]
    for k, slope in enumerate(found):
        want = differences(first, arrays, directions, k + 1)
        np.testing.assert_allclose(slope, want, rtol=2e-6, atol=2e-7 * max(1, np.abs(want).max()))


@every_model
def test_expansion_means_the_same(model, arrays):
    meant, written = (value(model, arrays, expanded=form) for form in (False, True))
    np.testing.assert_allclose(written, meant, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wide", [False, True])
def test_small_singular_values_count_as_zero(wide):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(2, 3, 5) if wide else (2, 5, 3))
    b = rng.normal(size=(2, 5, 2))
    turned = np.swapaxes(a, -1, -2)
    ratios = np.linalg.svd(a, compute_uv=False)[:, 1:] / np.linalg.svd(a, compute_uv=False)[:, :1]
    assert ratios.min() < 0.5 < ratios.max()  # some are dropped, some are not

    def model(a, b):
        cut = a.builder.const(0.5, Type(a.dtype))
        found = OPS["lstsq"](swapped(a) if wide else a, b, cut, wide=False)
        beside = OPS["lstsq"](a if wide else swapped(a), found, cut, wide=True)
        return OPS["sum"](found, axes=(1,)) + OPS["sum"](beside, axes=(1,))

    tall = turned if wide else a
    pinv = np.linalg.pinv(tall, rcond=0.5)
    exact = (pinv @ b).sum(1) + (np.swapaxes(pinv, -1, -2) @ pinv @ b).sum(1)
    for expanded in (False, True):
        found = value(model, [a, b], expanded=expanded)
        np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-13)


# Determinants of singular matrices


def minors(x):
    """Return the cofactors by their definition."""
    n = len(x)
    found = np.empty((n, n))
    for i, j in np.ndindex(n, n):
        rest = np.delete(np.delete(x, i, 0), j, 1)
        found[i, j] = (-1) ** (i + j) * np.linalg.det(rest)
    return found


def of_rank(n, rank):
    left, right = RNG.integers(-3, 4, (n, rank)), RNG.integers(-3, 4, (rank, n))
    return (left @ right).astype(float)


SINGULAR = [
    np.zeros((1, 1)),
    np.array([[0.0, 1.0], [0.0, 0.0]]),
    np.array([[1.0, 2.0], [2.0, 4.0]]),
    np.diag([2.0, 0.0, 3.0]),
    of_rank(4, 3),
    of_rank(4, 2),
    np.zeros((3, 3)),
]


@pytest.mark.parametrize("x", SINGULAR, ids=lambda x: f"{len(x)} by {len(x)}")
def test_the_derivative_of_det_at_singular_matrices(x):
    graph = graph_of(OPS["det"], [x])
    np.testing.assert_allclose(interpret(reverse(graph, [0]), [x])[1], minors(x), atol=1e-10)


def test_second_derivative_of_det_where_it_is_a_product():
    x, e = np.diag([2.0, 0.0, 3.0]), RNG.normal(size=(3, 3))
    first = reverse(graph_of(OPS["det"], [x]), [0])
    found = interpret(forward(first, [0]), [x, e])[3]
    np.testing.assert_allclose(found, differences(first, [x], [e], 1), atol=1e-7)


# Equal values, triangles, types


def test_pairs_of_equal_eigenvalues_contribute_nothing():
    x = np.diag([1.0, 1.0, 3.0])

    def model(x):
        w, v = OPS["eigh"](symmetric(x)).items()
        weights = OPS["sin"](w)
        return OPS["matmul"](OPS["matmul"](v, diagonal_matrix(weights)), swapped(v))

    graph = graph_of(summed(model), [x])
    found = interpret(reverse(graph, [0]), [x])[1]
    assert np.isfinite(found).all()
    assert found[2, 2] == pytest.approx(np.cos(3.0) * np.cos(np.sin(3.0)), rel=0.2)


def test_vectors_of_equal_singular_values_have_a_finite_cotangent():
    x = np.eye(3)
    graph = graph_of(both("svd", wide=False), [x])
    assert np.isfinite(interpret(reverse(graph, [0]), [x])[1]).all()


def test_a_triangle_is_mirrored():
    x = np.arange(9.0).reshape(3, 3)
    for lower, part in ((True, np.tril), (False, np.triu)):
        found = value(lambda y, lower=lower: mirrored(y, lower=lower), [x])
        np.testing.assert_array_equal(found, part(x) + part(x).T - np.diag(np.diag(x)))


def test_a_gradient_through_the_symmetric_part_is_symmetric():
    graph = graph_of(summed(lambda x: OPS["cholesky"](symmetric(x))), [np.eye(3)])
    x = np.eye(3) * 2.0 + 0.1
    found = interpret(reverse(graph, [0]), [x])[1]
    np.testing.assert_allclose(found, found.T)


@pytest.mark.parametrize("name", ["solve", "inv", "det", "logabsdet"])
def test_value_and_cotangent_share_one_factorisation(name):
    arrays = [SPREAD, RNG.normal(size=4)] if name == "solve" else [SPREAD]
    joint = reverse(graph_of(summed(OPS[name]), arrays), range(len(arrays)))
    nodes = expand_composites(joint).nodes
    assert sum(node.op.name == "lu_factor" for node in nodes) == 1


def test_types_that_do_not_fit_are_refused():
    from bpcompile.errors import CompileError

    square, flat = Type(DType.F64, (3, 3)), Type(DType.F64, (3, 4))
    with pytest.raises(CompileError, match="factorisation"):
        OPS["inv"].infer(flat)
    with pytest.raises(CompileError, match="factorisation"):
        OPS["qr"].infer(Type(DType.I64, (3, 3)), wide=False)
    for right in (Type(DType.F64, (4,)), Type(DType.F32, (3,)), Type(DType.F64, (2, 3, 3))):
        with pytest.raises(CompileError, match="solve"):
            OPS["solve"].infer(square, right)
    with pytest.raises(CompileError, match="lstsq"):
        OPS["lstsq"].infer(flat, Type(DType.F64, (4, 1)), Type(DType.F64), wide=True)
