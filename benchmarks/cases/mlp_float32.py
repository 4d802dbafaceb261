"""One training step's gradient of a middle-sized network in float32: mostly matrix products."""

from __future__ import annotations

from functools import partial

from benchmarks import mlp
from benchmarks.case import Bar, Case, Contender, faster

PEERS = ("JAX", "JAX gather", "PyTorch")


def case(name: str, size: mlp.Size, bars: tuple[Bar, ...]) -> Case:
    """Return the case of a size."""
    return Case(
        name=name,
        title=f"MLP 784-256-10 (relu, softmax cross-entropy), batch {size.batch}, float32",
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
        rtol=1e-4,
    )


CASE = case(
    "mlp_float32",
    mlp.LARGE,
    (faster(0.95, "bpcompile", *PEERS), faster(1.0, "bpcompile", *PEERS)),
)

CASES = {"wide": case("mlp_float32_wide", mlp.WIDE, (faster(1.0, "bpcompile", *PEERS),))}
