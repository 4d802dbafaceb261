"""The cases, one file each: `CASE` is what the worker measures.

A case writes the model once in plain NumPy style for bpcompile, the same function with its
gradient by hand in Numba, and the same model as a practised user of each peer writes it. The
cases of the models with loops, `loop_NAME`, are made by `benchmarks.loops`.
"""

from __future__ import annotations

import importlib

from benchmarks import loops, models
from benchmarks.case import Case


def load(name: str) -> Case:
    """Return the case of a name."""
    if name.startswith("loop_"):
        return loops.case(models.load(name.removeprefix("loop_")))
    case: Case = importlib.import_module(f"benchmarks.cases.{name}").CASE
    return case
