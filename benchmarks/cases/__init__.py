"""The cases, one idea a file: `CASE`, or one of `CASES`, is what the worker measures.

A case writes the model once in plain NumPy style for bpcompile, the same function with its
gradient by hand, and the same model as a practised user of each peer writes it. The cases of the
models with loops, `loop_NAME`, are made by `benchmarks.loops`.
"""

from __future__ import annotations

import importlib

from benchmarks import loops, models
from benchmarks.case import Case

MEMBERS = {
    "straight_line_long": ("straight_line_cold", "long"),
    "digits_mlp_deep": ("digits_mlp", "deep"),
    "mlp_float32_wide": ("mlp_float32", "wide"),
    "chain_activations": ("chains", "activations"),
    "chain_black_scholes": ("chains", "black_scholes"),
    **{f"unary_{name}": ("unary", name) for name in ("exp", "tanh", "log", "sin", "erf")},
    **{f"mixture_{size}": ("mixture", size) for size in ("10", "32", "64")},
    **{
        f"network_{name}": ("network", name)
        for name in ("convolution", "attention_1", "attention_8")
    },
}
"""The module of each case that shares one with others, and its name in `CASES` there."""


def load(name: str) -> Case:
    """Return the case of a name."""
    if name.startswith("loop_"):
        return loops.case(models.load(name.removeprefix("loop_")))
    module, member = MEMBERS.get(name, (name, ""))
    found = importlib.import_module(f"benchmarks.cases.{module}")
    case: Case = found.CASES[member] if member else found.CASE
    return case
