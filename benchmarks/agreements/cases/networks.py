"""List the functions of networks: activations, convolutions, pooling, normalisation, losses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.agreements.words import Call, Case, Words, on, same, within

torch = peers.torch()
F = torch.nn.functional

WIDE = on("bnm", -6, 6)
GRID = on("nm", -3, 3)

ACTIVATIONS = {
    "relu": F.relu, "relu6": F.relu6, "elu": F.elu, "selu": F.selu, "celu": F.celu,
    "silu": F.silu, "swish": F.silu, "mish": F.mish, "hard_swish": F.hardswish,
    "hard_silu": F.hardswish, "hard_sigmoid": F.hardsigmoid, "hard_tanh": F.hardtanh,
    "leaky_relu": F.leaky_relu, "softplus": F.softplus, "soft_sign": F.softsign,
    "sigmoid": torch.sigmoid, "log_sigmoid": F.logsigmoid, "tanh": torch.tanh,
    "sparse_plus": None, "sparse_sigmoid": None, "squareplus": None, "identity": None,
}  # fmt: skip


def convolution(count: int, stride: int, padding: int, dilation: int, groups: int) -> Case:
    """Return the case of a convolution with a bias in 1 to 3 dimensions."""
    lengths = "978"[:count]

    def by_jax(m: Words, x: Any, w: Any, b: Any) -> Any:
        found = m.lax.conv_general_dilated(
            x, w, (stride,) * count, ((padding, padding),) * count, rhs_dilation=(dilation,
                 ) * count,
            feature_group_count=groups)  # fmt: skip
        return found + b.reshape(-1, *(1,) * count)

    more = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Case(
        f"nn.conv{count}d, stride {stride}, padding {padding}, dilation {dilation}, {groups} group",
        lambda m, x, w, b: getattr(m.nn, f"conv{count}d")(x, w, b, **more),
        on(f"24{lengths} 6{4 // groups}{'323'[:count]} 6"),
        lambda x, w, b: getattr(F, f"conv{count}d")(x, w, b, **more),
        by_jax,
    )


def transposed(count: int, stride: int, padding: int, more: int, groups: int) -> Case:
    """Return the case of a transposed convolution in 1 to 3 dimensions."""
    options = {"stride": stride, "padding": padding, "output_padding": more, "groups": groups}
    return Case(
        f"nn.conv_transpose{count}d, stride {stride}, padding {padding}+{more}, groups {groups}",
        lambda m, x, w, b: getattr(m.nn, f"conv_transpose{count}d")(x, w, b, **options),
        on(f"24{'543'[:count]} 43{'323'[:count]} {3 * groups}"),
        lambda x, w, b: getattr(F, f"conv_transpose{count}d")(x, w, b, **options),
        jax=False,
    )


def pool(name: str, count: int, size: int, stride: int, padding: int) -> Case:
    """Return the case of pooling."""
    theirs = getattr(F, f"{name}_pool{count}d")
    return Case(
        f"nn.{name}_pool, {count} axes, {size}, stride {stride}, padding {padding}",
        lambda m, x: getattr(m.nn, f"{name}_pool")(x, size, stride, padding),
        on(f"23{'786'[:count]}"),
        lambda x: theirs(x, size, stride, padding),
        jax=False,
    )


def heads(*options: str) -> list[Case]:
    """Return the cases of attention, over several shapes of the leading axes."""
    listed = []
    for option, shapes in itertools.product(options, ("nd md me", "hnd hmd hme", "bhnd bhmd bhme")):

        def call(m: Words, q: Any, k: Any, v: Any, option: str = option) -> Any:
            return m.nn.dot_product_attention(q, k, v, **chosen(option, q, k, np.ones))

        def theirs(q: Any, k: Any, v: Any, option: str = option) -> Any:
            made = chosen(option, q, k, torch.ones)
            return F.scaled_dot_product_attention(q, k, v, attn_mask=made.pop("mask", None), **made)

        listed.append(Case(f"nn.dot_product_attention, {option}, {shapes}", call, on(shapes),
                           theirs, jax=False))  # fmt: skip
    return listed


def chosen(option: str, q: Any, k: Any, ones: Call) -> dict[str, Any]:
    """Return the keywords of attention."""
    if option == "mask":
        mask = ones((int(q.shape[-2]), int(k.shape[-2]))) > 0
        mask[0, 1:] = False
        return {"mask": mask}
    return {"plain": {}, "causal": {"is_causal": True}, "scale": {"scale": 0.3}}[option]


def by_jax_attention(m: Words, q: Any, k: Any, v: Any) -> Any:
    """Return attention by JAX, whose heads are the third axis."""
    q, k, v = (m.swapaxes(x, 1, 2) for x in (q, k, v))
    return m.swapaxes(m.nn.dot_product_attention(q, k, v), 1, 2)


CLASSES = np.array([0, 2, 1, 2, 0])
KEEP = np.array([[True, False, True], [True, True, False]])


def loss(name: str, draw: Any, theirs: Call) -> Case:
    """Return the case of a loss, of predictions and targets."""
    return Case(f"nn.{name}", lambda m, x, y: getattr(m.nn, name)(x, y), draw, theirs, jax=False)


CASES: tuple[Case, ...] = (
    *(same(f"nn.{name}", WIDE, torch=theirs) for name, theirs in ACTIVATIONS.items()),
    *(same("nn.gelu", WIDE, approximate=flag, how=f"approximate {flag}", torch=lambda x, flag=flag:
           F.gelu(x, approximate="tanh" if flag else "none")) for flag in (True, False)),
    same("nn.elu", WIDE, 0.7, torch="nn.functional.elu", how="alpha"),
    same("nn.celu", WIDE, 0.7, torch="nn.functional.celu", how="alpha"),
    same("nn.leaky_relu", WIDE, 0.2, torch="nn.functional.leaky_relu", how="slope"),
    same("nn.squareplus", WIDE, 2.5, how="b"),
    same("nn.log1mexp", on("nm", 0.05, 6)), same("nn.glu", on("n4m"), 1, torch=(
        lambda x: F.glu(x, 1))),
    *(same(f"nn.{name}", WIDE, axis=axis, how=f"axis {axis}",
           torch=lambda x, name=name, axis=axis: getattr(torch, name)(x, axis))
      for name in ("softmax", "log_softmax", "logsumexp") for axis in (0, -1)),
    same("nn.logmeanexp", WIDE, axis=1, torch=lambda x: torch.logsumexp(x, 1) - np.log(x.shape[1])),
    same("nn.standardize", WIDE, axis=-1, torch=lambda x: F.layer_norm(x, x.shape[-1:])),
    Case("nn.one_hot", lambda m, x: m.nn.one_hot(CLASSES, 3) * x, on("53"),
         lambda x: F.one_hot(torch.tensor(CLASSES), 3) * x),
    *(convolution(*o) for o in ((1, 1, 0, 1, 1), (1, 2, 1, 2, 2), (2, 1, 1, 1, 1), (2, 2, 1, 1, 2),
                                (2, 1, 2, 2, 1), (3, 1, 0, 1, 1), (3, 2, 1, 1, 2))),
    Case("nn.conv2d, same", lambda m, x, w: m.nn.conv2d(x, w, padding="same"), on("2367 4333"),
         lambda x, w: F.conv2d(x, w, padding="same"), jax=False),
    *(transposed(*o) for o in ((1, 1, 0, 0, 1), (1, 2, 1, 1, 2), (2, 1, 0, 0, 1), (2, 2, 1, 1, 2),
                               (3, 2, 1, 0, 1))),
    *(pool(*o) for o in itertools.product(("max", "avg"), (1, 2, 3), (2, 3), (1, 2), (0, 1))
      if o[1] < 3 or o[2] == 2),
    Case("nn.batch_norm", lambda m, x, s, t: m.nn.batch_norm(x, s, t), on("534 3 3"),
         lambda x, s, t: F.batch_norm(x, None, None, s, t, training=True), jax=False),
    Case("nn.batch_norm, running", lambda m, x, u, v: m.nn.batch_norm(x, mean=u, variance=v + 3),
         on("534 3 3"), lambda x, u, v: (x - u[:, None]) / torch.sqrt(v[:, None] + 3 + 1e-5),
         jax=False),
    Case("nn.layer_norm", lambda m, x, s, t: m.nn.layer_norm(x, s, t), on("bnm m m"),
         lambda x, s, t: F.layer_norm(x, s.shape, s, t), jax=False),
    Case("nn.group_norm", lambda m, x, s, t: m.nn.group_norm(x, 2, s, t), on("n43 4 4"),
         lambda x, s, t: F.group_norm(x, 2, s, t), jax=False),
    Case("nn.rms_norm", lambda m, x, s: m.nn.rms_norm(x, s), on("bnm m"),
         lambda x, s: F.rms_norm(x, s.shape, s, 1e-5), jax=False),
    *heads("plain", "causal", "scale", "mask"),
    Case("nn.dot_product_attention, JAX's axes", lambda m, q, k, v: m.nn.dot_product_attention(
        q, k, v), on("bhnd bhmd bhmd"), None, by_jax_attention),
    Case("nn.embedding", lambda m, x: m.nn.embedding(x, CLASSES), on("4m"),
         lambda x: F.embedding(torch.tensor(CLASSES), x), jax=False),
    Case("nn.dropout", lambda m, x: m.nn.dropout(x, KEEP, 0.4), on("23"),
         lambda x: torch.where(torch.tensor(KEEP), x / 0.6, 0.0), jax=False),
    loss("mean_squared_error", on("nm nm"), F.mse_loss),
    loss("mean_absolute_error", on("nm nm"), F.l1_loss), loss("huber", on("nm nm"), F.huber_loss),
    loss("hinge", on("nm nm"), lambda x, y: torch.clamp(1 - y * x, min=0).mean()),
    loss("binary_cross_entropy", within((-4, 4), (0.1, 0.9), shapes="nm nm"),
         F.binary_cross_entropy_with_logits),
    Case("nn.softmax_cross_entropy", lambda m, z: m.nn.softmax_cross_entropy(z, CLASSES), on("53"),
         lambda z: F.cross_entropy(z, torch.tensor(CLASSES)), jax=False),
    loss("softmax_cross_entropy", on("nm nm", 0.1, 1), F.cross_entropy)._replace(
        name="nn.softmax_cross_entropy, probabilities"),
    loss("kl_divergence", on("nm nm", 0.1, 1), lambda x, y: F.kl_div(x, y, reduction="batchmean")),
)  # fmt: skip
