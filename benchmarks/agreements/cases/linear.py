"""List linear algebra: of one matrix and of stacks, in forms without a free sign or order."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from benchmarks import peers
from benchmarks.agreements.words import Case, Draw, alike, matrices, on, same

torch = peers.torch()
T = torch.linalg

REGULAR, STACK = matrices("nn"), matrices("bnn")
POSITIVE, POSITIVES = matrices("nn", positive=True), matrices("bnn", positive=True)
TALL, WIDE, TALLS = matrices("mn"), matrices("nm"), matrices("bmn")


def norms(name: str, orders: tuple[object, ...], draw: Draw, axis: object) -> list[Case]:
    """Return the cases of a norm of several orders along an axis or a pair of them."""
    return [
        Case(
            f"linalg.{name}, order {order}, axis {axis}",
            lambda m, x, order=order: m.linalg.norm(x, order, axis=axis),
            draw,
            lambda x, order=order: T.norm(x, order, dim=axis),
        )
        for order in orders
    ]


def squares(u: Any, s: Any, _: Any) -> Any:
    """Return what does not change where columns of u change their signs."""
    return (u**2 @ s[..., None])[..., 0]


def exponential(x: np.ndarray) -> np.ndarray:
    """Return the exponential of each matrix, by mpmath to 50 digits."""
    with mpmath.workdps(50):
        stack = np.reshape(x, (-1, *x.shape[-2:]))
        found = [mpmath.expm(mpmath.matrix(m.tolist())).tolist() for m in stack]
    return np.reshape(np.array(found, float), x.shape)


def four(rng: np.random.Generator) -> list[np.ndarray]:
    """Return a regular matrix of 4 x 4."""
    return [rng.normal(size=(4, 4)) + 3 * np.eye(4)]


CASES: tuple[Case, ...] = (
    *alike("linalg.inv linalg.det", STACK), *alike("linalg.inv linalg.det", REGULAR, how="one"),
    *alike("linalg.pinv", TALL), *alike("linalg.pinv", WIDE, how="wide"),
    *alike("linalg.pinv", TALLS, how="stacks"),
    *alike("linalg.solve", matrices("bnn bnm")), *alike("linalg.solve", matrices("nn n"),
         how="a vector"),
    same("linalg.solve", matrices("bnn nm"), torch="", how="a stack and a matrix"),
    Case("linalg.slogdet", lambda m, x: m.linalg.slogdet(x)[1], STACK, lambda x: T.slogdet(x)[1]),
    Case("linalg.slogdet, sign", lambda m, x: m.linalg.slogdet(x)[0], STACK,
         lambda x: T.slogdet(x)[0], slopes=False),
    *alike("linalg.cholesky", POSITIVES), *alike("linalg.cholesky", POSITIVE, how="one"),
    Case("linalg.cholesky, upper", lambda m, x: m.linalg.cholesky(x, upper=True), POSITIVE,
         lambda x: T.cholesky(x, upper=True), lambda m, x: m.linalg.cholesky(x, upper=True)),
    Case("linalg.qr", lambda m, x: m.linalg.qr(x)[0] ** 2 @ m.linalg.qr(x)[1] ** 2, TALLS,
         lambda x: T.qr(x)[0] ** 2 @ T.qr(x)[1] ** 2),
    Case("linalg.qr, r", lambda m, x: m.linalg.qr(x, mode="r") ** 2, TALL,
         lambda x: T.qr(x)[1] ** 2),
    Case("linalg.qr, square", lambda m, x: m.linalg.qr(x)[0] ** 2 @ m.linalg.qr(x)[1] ** 2, REGULAR,
         lambda x: T.qr(x)[0] ** 2 @ T.qr(x)[1] ** 2),
    Case("linalg.eigh", lambda m, x: m.linalg.eigh(x + x.T)[1] ** 2 @ m.linalg.eigh(x + x.T)[0],
         REGULAR, lambda x: T.eigh(x + x.T)[1] ** 2 @ T.eigh(x + x.T)[0]),
    Case("linalg.eigh, a triangle", lambda m, x: m.linalg.eigh(x, UPLO="L")[0], REGULAR, None,
         lambda m, x: m.linalg.eigh(x, UPLO="L", symmetrize_input=False)[0], slopes=False),
    Case("linalg.eigvalsh", lambda m, x: m.linalg.eigvalsh(x + m.swapaxes(x, -1, -2)), STACK,
         lambda x: T.eigvalsh(x + x.mT)),
    *(Case(f"linalg.svd, {name}", lambda m, x: squares(*m.linalg.svd(x, full_matrices=False)), draw,
           lambda x: squares(*T.svd(x, full_matrices=False)))
      for name, draw in (("tall", TALL), ("wide", WIDE), ("square", REGULAR), ("stacks", TALLS))),
    Case("linalg.svd, right", lambda m, x: m.linalg.svd(x, full_matrices=False)[2] ** 2, TALL,
         lambda x: T.svd(x, full_matrices=False)[2] ** 2),
    Case("linalg.svd, values", lambda m, x: m.linalg.svd(x, compute_uv=False), WIDE, T.svdvals),
    *alike("linalg.svdvals", TALLS),
    Case("linalg.lstsq", lambda m, x, y: m.linalg.lstsq(x, y)[0], matrices("mn m"),
         lambda x, y: T.lstsq(x, y[:, None]).solution[:, 0]),
    Case("linalg.lstsq, columns", lambda m, x, y: m.linalg.lstsq(x, y)[0], matrices("mn m3"),
         lambda x, y: T.lstsq(x, y).solution),
    *(same("linalg.matrix_power", STACK, k, torch="", how=f"power {k}") for k in (0, 1, 2, 3, 5,
         -2)),
    Case("linalg.tensorinv", lambda m, x: m.linalg.tensorinv(m.reshape(x, (2, 2, 4)), 2), four,
         lambda x: T.tensorinv(x.reshape(2, 2, 4), 2)),
    Case("linalg.tensorsolve", lambda m, x, y: m.linalg.tensorsolve(
        m.reshape(x, (2, 2, 4)), m.reshape(y[0], (2, 2))), lambda rng: four(rng) + four(rng),
         lambda x, y: T.tensorsolve(x.reshape(2, 2, 4), y[0].reshape(2, 2))),
    *norms("norm", (None, 1, 2, 3, 2.5, float("inf"), -float("inf"), -1, -2, 0.5), on("nm", 0.3,
         2), 1),
    *norms("norm", (None, "fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")), TALLS, (1, 2)),
    same("linalg.norm", on("bnm"), how="all", torch=""),
    same("linalg.vector_norm", on("bnm"), axis=1, ord=3, torch=lambda x: T.vector_norm(x, 3, 1)),
    same("linalg.matrix_norm", TALLS, torch=""), same("linalg.matrix_norm", TALLS, ord="nuc",
         torch="",
                                                      how="nuclear"),
    *(Case(f"linalg.cond, {p}", lambda m, x, p=p: m.linalg.cond(x, p), REGULAR,
           lambda x, p=p: T.cond(x, p)) for p in (None, 2, "fro", 1, float("inf"))),
    same("linalg.matrix_rank", TALLS, torch="", slopes=False),
    # SciPy's
    *(same(f"scipy.linalg.{name}", REGULAR, torch=None if theirs is None else theirs)
      for name, theirs in (("inv", "linalg.inv"), ("det", "linalg.det"), ("expm",
           "linalg.matrix_exp"))),
    same("scipy.linalg.expm", matrices("bnn"), torch="linalg.matrix_exp", how="stacks",
         jax=False, exact=exponential),
    Case("scipy.linalg.expm, large", lambda m, x: m.scipy.linalg.expm(3 * x), REGULAR,
         lambda x: T.matrix_exp(3 * x), jax=False, exact=lambda x: exponential(3 * x)),
    same("scipy.linalg.solve", matrices("nn nm"), torch="linalg.solve"),
    same("scipy.linalg.pinv", TALL, torch="linalg.pinv", jax=False),
    Case("scipy.linalg.cholesky", lambda m, x: m.scipy.linalg.cholesky(x @ x.T), REGULAR,
         lambda x: T.cholesky(x @ x.T, upper=True)),
    Case("scipy.linalg.cholesky, lower", lambda m, x: m.scipy.linalg.cholesky(x @ x.T, lower=True),
         REGULAR, lambda x: T.cholesky(x @ x.T)),
    Case("scipy.linalg.cho_solve", lambda m, x, y: m.scipy.linalg.cho_solve(
        m.scipy.linalg.cho_factor(x @ x.T), y), matrices("nn n"),
         lambda x, y: torch.cholesky_solve(y[:, None], T.cholesky(x @ x.T))[:, 0]),
    Case("scipy.linalg.cho_factor", lambda m, x: m.triu(m.scipy.linalg.cho_factor(x @ x.T)[0]),
         REGULAR, lambda x: T.cholesky(x @ x.T, upper=True)),
    *(Case(f"scipy.linalg.solve_triangular, {lower}, {trans}",
           lambda m, x, y, lower=lower, trans=trans: m.scipy.linalg.solve_triangular(
               x, y, lower=lower, trans=trans), matrices("nn nm", positive=True),
           lambda x, y, lower=lower, trans=trans: T.solve_triangular(
               (x.tril() if lower else x.triu()).mT if trans else (x.tril() if lower else x.triu()),
               y, upper=lower == bool(trans)))
      for lower in (True, False) for trans in (0, 1)),
    Case("scipy.linalg.eigh", lambda m, x: m.scipy.linalg.eigh(x + x.T)[1] ** 2, REGULAR,
         lambda x: T.eigh(x + x.T)[1] ** 2),
    Case("scipy.linalg.svd", lambda m, x: m.scipy.linalg.svd(x, full_matrices=False)[1], TALL,
         T.svdvals),
    same("scipy.linalg.svdvals", TALL, torch="linalg.svdvals", jax=False),
    same("scipy.linalg.norm", TALL, torch="linalg.norm", jax=False),
)  # fmt: skip
