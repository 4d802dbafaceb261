"""One training step's gradient of a middle-sized network in float32: mostly matrix products."""

from __future__ import annotations

from functools import partial

from benchmarks import mlp
from benchmarks.case import Case, Contender, faster

CASE = Case(
    name="mlp_float32",
    title="MLP 784-256-10 (relu, softmax cross-entropy), batch 64, float32",
    contenders=(
        Contender("bpcompile", "bpcompile", partial(mlp.bpcompile_call, mlp.LARGE)),
        Contender("bpcompile out", "bpcompile", partial(mlp.bpcompile_out, mlp.LARGE)),
        Contender("bpcompile bind", "bpcompile", partial(mlp.bpcompile_bound, mlp.LARGE)),
        Contender("hand", "hand", partial(mlp.hand, mlp.LARGE)),
        Contender("JAX", "JAX", partial(mlp.jax_call, mlp.LARGE, one_hot=True), "jax"),
        Contender("JAX gather", "JAX", partial(mlp.jax_call, mlp.LARGE), "jax"),
        Contender("JAX, NumPy out", "JAX", partial(mlp.jax_numpy_out, mlp.LARGE), "jax"),
        Contender("PyTorch", "PyTorch", partial(mlp.torch_call, mlp.LARGE), "torch"),
        Contender("autograd", "autograd", partial(mlp.autograd_call, mlp.LARGE), "autograd"),
    ),
    bars=(faster(0.95, "bpcompile", "JAX", "JAX gather", "PyTorch"),),
    rtol=1e-4,
)
