"""One training step's gradient of a small network, 64-32-10 on a batch of 64."""

from __future__ import annotations

from functools import partial

from benchmarks import mlp
from benchmarks.case import Case, Contender, faster

CASE = Case(
    name="digits_mlp",
    title="digits MLP 64-32-10 (tanh, softmax cross-entropy), batch 64, NumPy in",
    contenders=(
        Contender("bpcompile", "bpcompile", partial(mlp.bpcompile_call, mlp.DIGITS)),
        Contender("bpcompile out", "bpcompile", partial(mlp.bpcompile_out, mlp.DIGITS)),
        Contender("bpcompile bind", "bpcompile", partial(mlp.bpcompile_bound, mlp.DIGITS)),
        Contender("hand", "hand", partial(mlp.hand, mlp.DIGITS)),
        Contender("JAX", "JAX", partial(mlp.jax_call, mlp.DIGITS, one_hot=True), "jax"),
        Contender("JAX gather", "JAX", partial(mlp.jax_call, mlp.DIGITS), "jax"),
        Contender("JAX, NumPy out", "JAX", partial(mlp.jax_numpy_out, mlp.DIGITS), "jax"),
        Contender("PyTorch", "PyTorch", partial(mlp.torch_call, mlp.DIGITS), "torch"),
        Contender("autograd", "autograd", partial(mlp.autograd_call, mlp.DIGITS), "autograd"),
    ),
    bars=(faster(1.6, "bpcompile", "JAX", "JAX gather"), faster(2.0, "bpcompile", "PyTorch")),
)
