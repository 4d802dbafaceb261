"""Each NumPy function that is known gives what NumPy gives: values, dtype and shape."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.tracing import agrees

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(3, 4))
M = RNG.normal(size=(4, 5))
T = RNG.normal(size=(2, 3, 4))
V = RNG.normal(size=4)
P = RNG.uniform(0.2, 0.9, size=(3, 4))
K = RNG.integers(-3, 5, size=(3, 4))
TRUE = A > 0
F = A.astype(np.float32)

UNARY = [
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "square",
    "reciprocal", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "arcsinh", "arctanh", "absolute", "fabs", "negative", "positive", "sign", "floor", "ceil",
    "rint", "trunc", "isnan", "isinf", "isfinite", "logical_not", "deg2rad", "rad2deg", "degrees",
    "radians",
]  # fmt: skip
BINARY = [
    "add", "subtract", "multiply", "divide", "power", "float_power", "maximum", "minimum",
    "arctan2", "hypot", "logaddexp", "copysign", "fmod", "remainder", "floor_divide", "equal",
    "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
    "logical_xor",
]  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    function = getattr(np, name)
    agrees(lambda x: function(x), P)
    agrees(lambda x: function(x), P.astype(np.float32), rtol=3e-7)
    agrees(lambda x: function(x), 0.5)


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    function = getattr(np, name)
    agrees(lambda x, y: function(x, y), P, B * 3 if name != "power" else B)
    agrees(lambda x, y: function(x, y), P, V)
    agrees(lambda x: function(x, 2.0), P.astype(np.float32), rtol=3e-7)
    agrees(lambda x, y: function(x, y), 0.5, P)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "any", "all", "var", "std"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-3, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduction(name, axis, keepdims):
    function = getattr(np, name)
    agrees(lambda x: function(x, axis=axis, keepdims=keepdims), T)
    if name not in ("var", "std"):
        agrees(lambda x: function(x, axis=axis, keepdims=keepdims), T > 0)
        agrees(
            lambda x: getattr(x, name)(axis=axis, keepdims=keepdims),
            T.astype(np.float32),
            rtol=1e-6,
        )


CASES = {
    "reduce ints": lambda: (lambda k: (k.sum(), k.mean(0), k.max(), k.prod(1), k.var()), K),
    "ddof": lambda: (lambda x: (np.var(x, ddof=1), x.std(0, ddof=1), np.std(x, correction=1)), A),
    "arg": lambda: (lambda x: (np.argmax(x), x.argmin(1), np.argmax(x, axis=0, keepdims=True)), A),
    "ptp": lambda: (lambda x: (np.ptp(x), np.ptp(x, axis=1)), A),
    "count": lambda: (lambda x: (np.count_nonzero(x > 0), np.count_nonzero(x > 0, axis=1)), A),
    "average": lambda: (lambda x, w: (np.average(x), np.average(x, 1, w)), A, V),
    "sum of scalar": lambda: (lambda x: (np.sum(x), np.mean(x), np.max(x)), 1.5),
    "sum dtype": lambda: (lambda x: np.sum(x, dtype=np.float64), F),
    "axis empty": lambda: (lambda x: np.sum(x, axis=()), A),
    "reduce ufunc": lambda: (lambda x: (np.add.reduce(x), np.maximum.reduce(x, axis=1)), A),
    "outer ufunc": lambda: (lambda x, y: np.subtract.outer(x, y), V, A),
    "reshape": lambda: (lambda x: (x.reshape(12), x.reshape(2, -1), np.reshape(x, (-1, 2, 3))), A),
    "reshape dims": lambda: (lambda x: x.reshape(x.shape[0], 2, x.shape[1] // 2), A),
    "reshape merged": lambda: (lambda x: x.reshape(x.shape[0] * x.shape[1], -1), T),
    "ravel": lambda: (lambda x: (x.ravel(), x.flatten(), np.ravel(x)), T),
    "transpose": lambda: (
        lambda x: (x.T, x.transpose(1, 0, 2), np.transpose(x, (2, 0, 1)), x.mT),
        T,
    ),
    "swap": lambda: (lambda x: (np.swapaxes(x, 0, 2), x.swapaxes(-1, 0)), T),
    "move": lambda: (lambda x: (np.moveaxis(x, 0, -1), np.moveaxis(x, (0, 1), (2, 0))), T),
    "expand": lambda: (lambda x: (np.expand_dims(x, 1), np.expand_dims(x, (0, -1))), A),
    "squeeze": lambda: (lambda x: (np.squeeze(x[None]), x[:, None].squeeze(1)), A),
    "broadcast": lambda: (
        lambda x, y: (np.broadcast_to(x, (2, 3, 4)), np.broadcast_to(y, (3, 2))),
        A,
        1.5,
    ),
    "broadcast arrays": lambda: (lambda x, y: tuple(np.broadcast_arrays(x, y)), A, V),
    "atleast": lambda: (
        lambda x, s: (np.atleast_1d(s), np.atleast_2d(x), np.atleast_2d(s)),
        V,
        2.0,
    ),
    "flip": lambda: (lambda x: (np.flip(x), np.flip(x, 0), np.flip(x, axis=(1,))), A),
    "astype": lambda: (lambda x: (x.astype(np.float32), x.astype(int), (x > 0).astype(float)), A),
    "copy": lambda: (lambda x: (x.copy(), np.copy(x)), A),
    "shape": lambda: (lambda x: (np.shape(x)[0], np.ndim(x), np.size(x), np.size(x, 1), x.size), A),
    "item": lambda: (lambda x: (x.item(2), x.item(1, 2), x[0, :1].item()), A),
    "tolist": lambda: (lambda x: x.tolist(), A),
    "concatenate": lambda: (
        lambda x, y: (np.concatenate([x, y]), np.concatenate((x, y, x), axis=1)),
        A,
        B,
    ),
    "concatenate flat": lambda: (lambda x, y: np.concatenate([x, y], axis=None), A, V),
    "concatenate mixed": lambda: (lambda x, k: np.concatenate([x, k]), F, K),
    "stack": lambda: (
        lambda x, y: (np.stack([x, y]), np.stack([x, y], axis=-1), np.stack((x,))),
        A,
        B,
    ),
    "hstack": lambda: (lambda x, y, v: (np.hstack([x, y]), np.hstack([v, 2.0, v])), A, B, V),
    "vstack": lambda: (lambda x, v: (np.vstack([x, v]), np.vstack([v, v])), A, V),
    "column_stack": lambda: (lambda v: np.column_stack([v, v * 2]), V),
    "append": lambda: (lambda x, y: (np.append(x, y), np.append(x, y, axis=0)), A, B),
    "split": lambda: (
        lambda x: (np.split(x, 2, axis=1), np.split(x, [1]), np.array_split(x, 3)),
        A,
    ),
    "where": lambda: (
        lambda x, y: (np.where(x > 0, x, y), np.where(x > y, 1.0, 0), np.where(x, 1, 2)),
        A,
        V,
    ),
    "where bool": lambda: (lambda x: np.where(x > 0, x > 1, False), A),
    "select": lambda: (lambda x: np.select([x < -0.5, x < 0.5], [x, x * x], default=7.0), A),
    "clip": lambda: (
        lambda x: (np.clip(x, -0.5, 0.5), x.clip(0), np.clip(x, None, 0.3), x.clip(max=0.1)),
        A,
    ),
    "clip array": lambda: (lambda x, v: np.clip(x, v - 1, v + 1), A, V),
    "clip ints": lambda: (lambda k: (np.clip(k, 0, 2), np.clip(k, 0.5, None), k.clip(-1)), K),
    "take": lambda: (lambda x: (np.take(x, [0, 2]), np.take(x, [0, -1], axis=1), x.take(1, 0)), A),
    "take_along": lambda: (
        lambda x, k: (np.take_along_axis(x, k, 1), np.take_along_axis(x, k[:1] * 0, 0)),
        A,
        np.argsort(A, axis=1),
    ),
    "round": lambda: (
        lambda x: (
            np.round(x),
            x.round(2),
            np.round(x * 100, -1),
            round(x[0, 1] * 9),
            round(x[0, 0], 2),
        ),
        A,
    ),
    "diff": lambda: (lambda x: (np.diff(x), np.diff(x, axis=0), np.diff(x, 2)), A),
    "diagonal": lambda: (
        lambda x: (np.diagonal(x), np.diagonal(x, 1), np.diagonal(x, -1), x.diagonal()),
        A,
    ),
    "diagonal of stack": lambda: (
        lambda x: (np.diagonal(x, 0, 1, 2), np.linalg.diagonal(x), np.linalg.diagonal(x, offset=1)),
        T,
    ),
    "trace of stack": lambda: (
        lambda x: (np.trace(x), np.linalg.trace(x), np.linalg.trace(x, offset=-1)),
        T,
    ),
    "diag": lambda: (lambda v, x: (np.diag(v), np.diag(v, 1), np.diag(v, -2), np.diag(x)), V, A),
    "trace": lambda: (lambda x: (np.trace(x), x.trace(1)), A),
    "tri": lambda: (lambda x: (np.tril(x), np.triu(x, 1), np.tril(x, -1)), T),
    "nan_to_num": lambda: (
        lambda x: (np.nan_to_num(x), np.nan_to_num(x, nan=1.0, posinf=2.0)),
        np.array([1.0, np.nan, np.inf, -np.inf]),
    ),
    "like": lambda: (lambda x: (np.zeros_like(x), np.ones_like(x), np.full_like(x, 3)), F),
    "like dtype": lambda: (lambda x: (np.zeros_like(x, dtype=int), np.ones_like(x, shape=(2,))), F),
    "meshgrid": lambda: (
        lambda v, w: (*np.meshgrid(v, w), *np.meshgrid(v, w, indexing="ij")),
        V,
        A[:, 0],
    ),
    "float32 stays": lambda: (
        lambda v: (
            np.quantile(v, 0.3),
            np.percentile(v, 30.0),
            np.nanmedian(v),
            np.max(v, initial=-1.0, where=v > 0),
            np.linspace(v[0], v[1], 3),
        ),
        V.astype(np.float32),
    ),
    "float32 widens": lambda: (
        lambda x, v: (np.cov(x), np.corrcoef(x), np.interp(v, v, v), np.quantile(v, [0.3, 0.6])),
        A.astype(np.float32),
        np.sort(V).astype(np.float32),
    ),
    "matmul 11": lambda: (lambda v: v @ v, V),
    "matmul 21": lambda: (lambda x, v: x @ v, A, V),
    "matmul 12": lambda: (lambda v, m: v @ m, V, M),
    "matmul 22": lambda: (
        lambda x, m: (x @ m, x.dot(m), np.matmul(x, m), np.linalg.matmul(x, m)),
        A,
        M,
    ),
    "matmul 32": lambda: (lambda t, m: t @ m, T, M),
    "matmul 31": lambda: (lambda t, v: t @ v, T, V),
    "matmul 13": lambda: (lambda v, t: v @ t, A[:, 0], T),
    "matmul 33": lambda: (lambda t: t @ t.mT, T),
    "matmul 43": lambda: (lambda t, u: t[:, None] @ u, T, np.swapaxes(T, 1, 2)),
    "matmul 23": lambda: (lambda m, t: m.T @ t.mT, M, T),
    "matmul ints": lambda: (lambda k: (k @ k.T, (k > 0) @ (k.T > 0), k @ (k.T * 0.5)), K),
    "matmul f32": lambda: (lambda x, m: x @ m, A, M),
    "dot": lambda: (
        lambda x, v, t: (np.dot(x, v), np.dot(v, 2.0), np.dot(x, t.mT), t.dot(v)),
        A,
        V,
        T,
    ),
    "vdot": lambda: (lambda x, y: (np.vdot(x, y), np.vecdot(x, y), np.linalg.vecdot(x, y)), A, B),
    "inner": lambda: (lambda x, v: (np.inner(x, v), np.inner(x, x), np.inner(v, v)), A, V),
    "matvec": lambda: (lambda t, v: np.matvec(t, v), T, V),
    "vecmat": lambda: (lambda t, v: np.vecmat(v, t), T, V[:3]),
    "block": lambda: (lambda a, v: (np.block([[a, a], [a * 2, a * 3]]), np.block([v, v])), A, V),
    "outer": lambda: (lambda x, v: (np.outer(v, v), np.outer(x, v), np.linalg.outer(v, v)), A, V),
    "tensordot": lambda: (
        lambda t, x: (
            np.tensordot(t, x),
            np.tensordot(t, x, axes=([1], [0])),
            np.tensordot(x, x, 0),
            np.tensordot(t, x, axes=((2, 1), (1, 0))),
        ),
        T,
        A,
    ),
    "multi_dot": lambda: (lambda x, m: np.linalg.multi_dot([x, m, m.T]), A, M),
    "norm": lambda: (
        lambda x, v: (
            np.linalg.norm(v),
            np.linalg.norm(x),
            np.linalg.norm(x, axis=1),
            np.linalg.norm(x, axis=0, keepdims=True),
            np.linalg.norm(v, 1),
            np.linalg.norm(v, np.inf),
            np.linalg.norm(v, 3),
            np.linalg.norm(x, 1),
            np.linalg.norm(x, -np.inf),
            np.linalg.norm(x, "fro"),
            np.linalg.norm(x, 2, axis=1),
            np.linalg.norm(v, 0),
        ),
        A,
        V,
    ),
    "norm extreme": lambda: (
        lambda v: (np.linalg.norm(v[:2]), np.linalg.norm(v[2:4]), np.linalg.norm(v[4:])),
        np.array([3e150, 4e150, 3e-150, 4e-150, 0.0, 0.0]),
    ),
    "vector norm": lambda: (
        lambda x: (np.linalg.vector_norm(x), np.linalg.vector_norm(x, axis=0)),
        A,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_function(name):
    function, *args = CASES[name]()
    agrees(function, *args)


EINSUM = {
    "ij,jk->ik": (A, M),
    "ij,jk": (A, M),
    "ij->ji": (A,),
    "ij->": (A,),
    "ij->j": (A,),
    "ii->i": (A[:, :3],),
    "ii": (A[:, :3],),
    "i,i->": (V, V),
    "i,j->ij": (V, V),
    "ij,ij->i": (A, B),
    "bij,ij->b": (T, A),
    "bij,bkj->bik": (T, T),
    "bij,jk->bik": (T, M),
    "ij,jk,kl->il": (A, M, M.T),
    "ij,j,i->": (A, V, A[:, 0]),
    "ijk,ljk->il": (T, T),
    "i,->i": (V, 2.0),
    "...j,jk": (T, M),
    "...ij,...kj->...ik": (T, T[:1]),
    "b...,b...->...": (A, B),
    "i...->...": (T,),
    "ij,...j->i...": (A, T),
    "ab,bc,cd,de->ae": (A, M, M.T, A.T),
    "ij,ij,jk,k->i": (A, B, M, M[0]),
}


@pytest.mark.parametrize("subscripts", EINSUM)
def test_einsum(subscripts):
    agrees(lambda *xs: np.einsum(subscripts, *xs), *EINSUM[subscripts])


def test_einsum_with_subscripts_behind_operands():
    agrees(lambda a, m: np.einsum(a, [0, 1], m, [1, 2]), A, M)
    agrees(lambda a, m: np.einsum(a, [0, 1], m, [1, 2], [2, 0]), A, M)
    agrees(lambda t: np.einsum(t, [..., 0], [0, ...]), T)


def test_einsum_multiplies_in_the_cheapest_order():
    wide, tall = RNG.normal(size=(2, 90)), RNG.normal(size=(90, 80))
    found = agrees(lambda a, b, v: np.einsum("ij,jk,k->i", a, b, v), wide, tall, tall[0])
    products = [node.shape for node in found.graph.nodes if node.op.name == "matmul"]
    assert all(len(shape) == 1 for shape in products)


def test_norm_of_a_vector_beyond_the_range_of_squares():
    v = np.array([3e200, 4e200])
    w = np.array([3e-200, 4e-200])
    found = agrees(lambda x: np.linalg.norm(x) if x.size else 0.0, A)
    assert found is not None

    def norms(a, b):
        return np.linalg.norm(a), np.linalg.norm(b)

    from tests.tracing import run, traced

    got = run(traced(norms, v, w), v, w)
    np.testing.assert_allclose(got, (5e200, 5e-200), rtol=1e-15)


def test_scipy_special():
    special = pytest.importorskip("scipy.special")

    def model(x, y):
        return (
            special.expit(x), special.erf(x), special.erfc(x), special.ndtr(x), special.xlogy(y, y),
            special.logit(y), special.log_expit(x), special.exp2(x), special.log1p(y),
            special.cbrt(x), special.logsumexp(x), special.logsumexp(x, axis=1, keepdims=True),
            special.softmax(x, axis=-1), special.log_softmax(x, axis=0),
        )  # fmt: skip

    agrees(model, A, P)


def test_math():
    def model(x, y):
        return (
            math.sin(x), math.cos(x), math.tan(x), math.asin(x), math.acos(x), math.atan(x),
            math.atan2(x, y), math.sinh(x), math.cosh(x), math.tanh(x), math.asinh(x),
            math.exp(x), math.expm1(x), math.log(x), math.log(x, 3), math.log1p(x), math.log2(x),
            math.log10(x), math.sqrt(x), math.cbrt(x), math.pow(x, y), math.fabs(-x),
            math.hypot(x, y), math.hypot(x, y, 2.0), math.floor(x * 10), math.ceil(x * 10),
            math.trunc(-x * 10), math.copysign(x, -y), math.fmod(y, x), math.isnan(x),
            math.isfinite(x), math.degrees(x), math.radians(x), math.erf(x), math.erfc(x),
            math.prod([x, y, 3.0]), math.fsum([x, y, x]),
        )  # fmt: skip

    agrees(model, 0.3, 1.7)
