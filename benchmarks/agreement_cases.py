"""List what `benchmarks/agreement.py` compares: names of elementwise operations, and functions.

A case gives a function in NumPy's words for bpcompile, in JAX's and in PyTorch's, and draws its
operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import bpcompile as bp
from benchmarks import peers

# Where a peer calls an elementwise operation otherwise.
JAX_NAMES: dict[str, tuple[str, ...]] = {
    "div": ("divide",),
    "sigmoid": ("sigmoid",),
    "log_sigmoid": ("log_sigmoid",),
    "riemann_zeta": (),
    "hurwitz_zeta": ("zeta",),
    "rgamma": (),
    "erfcx": (),
    "exp1": (),  # neither comes back, of arguments such as 1e200, within minutes
    "expi": (),
    "si": (),
    "ci": (),
    "lambertw_upper": (),
    "lambertw_lower": (),
    "j0": (),
    "j1": (),
    "y0": (),
    "y1": (),
}
TORCH_NAMES: dict[str, tuple[str, ...]] = {
    "div": ("div",),
    "power": ("pow",),
    "cbrt": (),
    "logsigmoid": ("logsigmoid",),
    "log_sigmoid": ("logsigmoid",),
    "gammaln": ("gammaln",),
    "gamma": (),
    "i0": ("i0",),
    "j0": ("bessel_j0",),
    "j1": ("bessel_j1",),
    "y0": ("bessel_y0",),
    "y1": ("bessel_y1",),
    "k0": ("modified_bessel_k0",),
    "k1": ("modified_bessel_k1",),
    "k0e": ("scaled_modified_bessel_k0",),
    "k1e": ("scaled_modified_bessel_k1",),
    "hurwitz_zeta": ("zeta",),
    "riemann_zeta": (),
    "beta": (),
    "betaln": (),
    "exp1": (),
    "expi": (),
}

Draw = Callable[[np.random.Generator], list[np.ndarray]]
Function = Callable[..., Any]


class Case(NamedTuple):
    """Hold a function in the words of each, None where a peer lacks it, and its operands."""

    name: str
    ours: Function
    jax: Function | None
    torch: Function | None
    draw: Draw


def _sizes(rng: np.random.Generator, count: int) -> tuple[int, ...]:
    """Return random lengths."""
    return tuple(int(n) for n in rng.integers(2, 7, count))


def arrays(*ranks: int, low: float = -2.0, high: float = 2.0) -> Draw:
    """Return a draw of operands of these ranks and equal lengths, as far as they go."""

    def draw(rng: np.random.Generator) -> list[np.ndarray]:
        shape = _sizes(rng, max(ranks))
        return [rng.uniform(low, high, shape[max(ranks) - rank :]) for rank in ranks]

    return draw


def square(*shapes: str, positive: bool = False) -> Draw:
    """Return a draw of matrices and vectors in the letters n and m; n x n ones are regular."""

    def draw(rng: np.random.Generator) -> list[np.ndarray]:
        n = int(rng.integers(2, 6))
        sizes = {"n": n, "m": n + 2, "b": 3}
        drawn = []
        for letters in shapes:
            x = rng.normal(size=[sizes[c] for c in letters])
            if letters.endswith("nn"):
                x = x @ np.swapaxes(x, -1, -2) if positive else x
                x = x + 2 * np.eye(n)
            drawn.append(x)
        return drawn

    return draw


jax, jnp = peers.jax()
torch = peers.torch()
F, L, TL = torch.nn.functional, np.linalg, torch.linalg
JL = jnp.linalg


def _same(name: str, torch_name: str | None, draw: Draw, **keywords: Any) -> Case:
    """Return the case of a function that NumPy and JAX call alike, and PyTorch by this name."""
    own, theirs = getattr(np, name), getattr(jnp, name)
    other = None if torch_name is None else getattr(torch, torch_name)
    return Case(
        name,
        lambda *xs: own(*xs, **keywords),
        lambda *xs: theirs(*xs, **keywords),
        None if other is None else (lambda *xs: other(*xs)),
        draw,
    )


def _along(name: str, theirs: Function) -> Case:
    """Return the case of a fold along an axis."""
    own, by_jax = getattr(np, name), getattr(jnp, name)
    return Case(
        f"{name}, an axis",
        lambda x: own(x, axis=1),
        lambda x: by_jax(x, axis=1),
        lambda x: theirs(x, 1),
        arrays(3),
    )


def _stacked(module: Any) -> Function:
    """Return several ways of joining arrays as one array."""
    return lambda x, y: module.concatenate([module.stack([x, y]), module.stack([x, -y])], axis=1)


def _convolution(x: Any, w: Any) -> Any:
    """Return JAX's convolution of images by kernels."""
    return jax.lax.conv_general_dilated(x, w, (2, 2), ((1, 1), (1, 1)))


def _images(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.normal(size=(2, 3, 7, 8)), rng.normal(size=(4, 3, 3, 3))]


def _places(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.normal(size=(7, 3))]


_AT = np.array([0, 3, 3, 6])
_ORTHOGONAL = square("mn")

CASES: Sequence[Case] = (
    *(_same(n, n, arrays(2, 1)) for n in ("maximum", "minimum", "add", "multiply", "copysign")),
    *(_same(n, n, arrays(2)) for n in ("abs", "floor", "sign", "ravel", "triu", "tril")),
    _same("subtract", "subtract", arrays(3, 1)),
    _same("fmod", "fmod", arrays(2, 2, low=0.6, high=3.0)),
    _same("remainder", "remainder", arrays(2, 2, low=0.6, high=3.0)),
    Case("clip", lambda x: np.clip(x, -0.5, 1.0), lambda x: jnp.clip(x, -0.5, 1.0),
         lambda x: torch.clip(x, -0.5, 1.0), arrays(2)),
    Case("where", lambda x, y: np.where(x > y, x * y, y), lambda x, y: jnp.where(x > y, x * y, y),
         lambda x, y: torch.where(x > y, x * y, y), arrays(3, 2)),
    # Reductions and scans
    *(_same(n, n, arrays(3)) for n in ("sum", "prod", "mean", "max", "min")),
    *(_along(n, t) for n, t in (("sum", torch.sum), ("prod", torch.prod), ("mean", torch.mean),
        ("max", torch.amax), ("min", torch.amin), ("cumsum", torch.cumsum),
        ("cumprod", torch.cumprod))),
    Case("var", lambda x: np.var(x, axis=0, ddof=1), lambda x: jnp.var(x, axis=0, ddof=1),
         lambda x: torch.var(x, 0), arrays(2)),
    Case("std", lambda x: np.std(x, axis=1), lambda x: jnp.std(x, axis=1),
         lambda x: torch.std(x, 1, correction=0), arrays(2)),
    Case("median", lambda x: np.median(x, axis=0), lambda x: jnp.median(x, axis=0), None,
         arrays(2)),
    Case("quantile", lambda x: np.quantile(x, 0.3, axis=1), lambda x: jnp.quantile(x, 0.3, axis=1),
         lambda x: torch.quantile(x, 0.3, 1), arrays(2)),
    Case("logsumexp", lambda x: bp.special.logsumexp(x, axis=1),
         lambda x: jax.scipy.special.logsumexp(x, axis=1), lambda x: torch.logsumexp(x, 1),
         arrays(2, low=-30, high=30)),
    Case("softmax", lambda x: bp.special.softmax(x, axis=1), lambda x: jax.nn.softmax(x, axis=1),
         lambda x: torch.softmax(x, 1), arrays(2, low=-30, high=30)),
    Case("log_softmax", lambda x: bp.special.log_softmax(x, axis=1),
         lambda x: jax.nn.log_softmax(x, axis=1), lambda x: torch.log_softmax(x, 1), arrays(2)),
    Case("norm", lambda x: L.norm(x, axis=1), lambda x: JL.norm(x, axis=1),
         lambda x: TL.norm(x, dim=1), arrays(2)),
    Case("norm of order 3", lambda x: L.norm(x, 3, axis=1), lambda x: JL.norm(x, 3, axis=1),
         lambda x: TL.norm(x, 3, dim=1), arrays(2)),
    Case("trapezoid", lambda y, x: np.trapezoid(y, x), lambda y, x: jnp.trapezoid(y, x),
         lambda y, x: torch.trapezoid(y, x), arrays(2, 1)),
    _same("diff", "diff", arrays(2)),
    # Shapes and places
    _same("transpose", "t", arrays(2)), _same("trace", "trace", arrays(2)),
    _same("diag", "diag", arrays(2)),
    Case("joins", _stacked(np), _stacked(jnp), lambda x, y: torch.cat(
        [torch.stack([x, y]), torch.stack([x, -y])], 1), arrays(2, 2)),
    Case("flip and roll", lambda x: np.roll(np.flip(x, 0), 2, 1),
         lambda x: jnp.roll(jnp.flip(x, 0), 2, 1), lambda x: torch.roll(torch.flip(x, [0]), 2, 1),
         arrays(2)),
    Case("sort", lambda x: np.sort(x, axis=0), lambda x: jnp.sort(x, axis=0),
         lambda x: torch.sort(x, 0)[0], arrays(2)),
    Case("take", lambda x: x[_AT] * x[::-1][_AT], lambda x: x[_AT] * x[::-1][_AT],
         lambda x: x[torch.tensor(_AT)] * x.flip(0)[torch.tensor(_AT)], _places),
    Case("pad", lambda x: np.pad(x, ((1, 1), (1, 1)), mode="reflect"),
         lambda x: jnp.pad(x, ((1, 1), (1, 1)), mode="reflect"),
         lambda x: F.pad(x[None], (1, 1, 1, 1), mode="reflect")[0], arrays(2)),
    Case("interp", lambda x, y: np.interp(x, np.linspace(-2, 2, y.size), y),
         lambda x, y: jnp.interp(x, jnp.linspace(-2, 2, y.size), y), None, arrays(1, 1)),
    # Products
    Case("matmul", lambda x, y: x @ np.swapaxes(y, -1, -2),
         lambda x, y: x @ jnp.swapaxes(y, -1, -2),
         lambda x, y: x @ y.mT, arrays(3, 2)),
    Case("einsum", lambda x, y: np.einsum("ijk,kj->ik", x, y.T),
         lambda x, y: jnp.einsum("ijk,kj->ik", x, y.T),
         lambda x, y: torch.einsum("ijk,kj->ik", x, y.T), arrays(3, 2)),
    Case("tensordot", lambda x, y: np.tensordot(x, y, 2), lambda x, y: jnp.tensordot(x, y, 2),
         lambda x, y: torch.tensordot(x, y, 2), arrays(3, 2)),
    _same("outer", "outer", arrays(1, 1)),
    _same("kron", "kron", arrays(2, 2)),
    Case("convolve", np.convolve, jnp.convolve, None, arrays(1, 1)),
    # Linear algebra
    *(Case(n, getattr(L, n), getattr(JL, n), getattr(TL, n), square("bnn"))
      for n in ("inv", "det", "pinv")),
    Case("solve", L.solve, JL.solve, TL.solve, square("bnn", "bnm")),
    Case("slogdet", lambda x: L.slogdet(x)[1], lambda x: JL.slogdet(x)[1],
         lambda x: TL.slogdet(x)[1], square("bnn")),
    Case("cholesky", L.cholesky, JL.cholesky, TL.cholesky, square("bnn", positive=True)),
    Case("qr", lambda x: L.qr(x)[0] ** 2 @ L.qr(x)[1] ** 2,
         lambda x: JL.qr(x)[0] ** 2 @ JL.qr(x)[1] ** 2,
         lambda x: TL.qr(x)[0] ** 2 @ TL.qr(x)[1] ** 2, square("mn")),
    Case("eigh", lambda x: L.eigh(x + x.T)[1] ** 2 @ L.eigh(x + x.T)[0],
         lambda x: JL.eigh(x + x.T)[1] ** 2 @ JL.eigh(x + x.T)[0],
         lambda x: TL.eigh(x + x.T)[1] ** 2 @ TL.eigh(x + x.T)[0], square("nn")),
    Case("svd", lambda x: L.svd(x, full_matrices=False)[0] ** 2 @ L.svd(x, full_matrices=False)[1],
         lambda x: JL.svd(x, full_matrices=False)[0] ** 2 @ JL.svd(x, full_matrices=False)[1],
         lambda x: TL.svd(x, full_matrices=False)[0] ** 2 @ TL.svd(x, full_matrices=False)[1],
         square("mn")),
    Case("matrix_power", lambda x: L.matrix_power(x, 5), lambda x: JL.matrix_power(x, 5),
         lambda x: TL.matrix_power(x, 5), square("nn")),
    # Networks
    *(Case(n, getattr(bp.nn, n), getattr(jax.nn, n), getattr(F, t), arrays(2, low=-6, high=6))
      for n, t in (("relu", "relu"), ("elu", "elu"), ("selu", "selu"), ("silu", "silu"),
                   ("mish", "mish"), ("hard_swish", "hardswish"), ("leaky_relu", "leaky_relu"),
                   ("softplus", "softplus"))),
    Case("gelu", lambda x: bp.nn.gelu(x, approximate=False),
         lambda x: jax.nn.gelu(x, approximate=False), F.gelu, arrays(2, low=-6, high=6)),
    Case("conv2d", lambda x, w: bp.nn.conv2d(x, w, stride=2, padding=1), _convolution,
         lambda x, w: F.conv2d(x, w, stride=2, padding=1), _images),
)  # fmt: skip
