"""One training step's gradient of a small network: 64-32-10, and 64-32-32-10."""

from __future__ import annotations

from functools import partial

from benchmarks import mlp
from benchmarks.case import Bar, Case, Contender, faster

PEERS = ("JAX", "JAX gather", "PyTorch", "autograd")


def case(name: str, title: str, size: mlp.Size, bars: tuple[Bar, ...]) -> Case:
    """Return the case of a size."""
    return Case(
        name=name,
        title=title,
        contenders=(
            Contender("bpcompile", "bpcompile", partial(mlp.bpcompile_call, size)),
            Contender("bpcompile out", "bpcompile", partial(mlp.bpcompile_out, size)),
            Contender("bpcompile bind", "bpcompile", partial(mlp.bpcompile_bound, size)),
            Contender("hand", "hand", partial(mlp.hand, size)),
            Contender("JAX", "JAX", partial(mlp.jax_call, size, one_hot=True), "jax"),
            Contender("JAX gather", "JAX", partial(mlp.jax_call, size), "jax"),
            Contender("JAX, NumPy out", "JAX", partial(mlp.jax_numpy_out, size), "jax"),
            Contender("PyTorch", "PyTorch", partial(mlp.torch_call, size), "torch"),
            Contender("autograd", "autograd", partial(mlp.autograd_call, size), "autograd"),
        ),
        bars=bars,
    )


CASE = case(
    "digits_mlp",
    "digits MLP 64-32-10 (tanh, softmax cross-entropy), batch 64, NumPy in",
    mlp.DIGITS,
    (
        faster(1.6, "bpcompile", "JAX", "JAX gather"),
        faster(2.0, "bpcompile", "PyTorch"),
        faster(3.5, "bpcompile", *PEERS),
    ),
)

CASES = {
    "deep": case(
        "digits_mlp_deep",
        "digits MLP 64-32-32-10 (tanh, softmax cross-entropy), batch 32, NumPy in",
        mlp.DEEP,
        (faster(3.5, "bpcompile", *PEERS),),
    )
}
