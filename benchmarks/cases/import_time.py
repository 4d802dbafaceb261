"""`import bpcompile` in a new process, beside the imports of NumPy and of the peers."""

from __future__ import annotations

from functools import partial

from benchmarks.case import Case, Clocked, Contender, Sample, within
from benchmarks.processes import run

TIMED = (
    "import sys, time; start = time.perf_counter(); import {0}; "
    "taken = time.perf_counter() - start; "
    "print(taken, *(name for name in ('numba', 'sympy') if name in sys.modules))"
)


def importing(module: str) -> Clocked:
    """Return a contender that imports a module in a new process."""

    def sample() -> Sample:
        return Sample(float(run(["-c", TIMED.format(module)]).split()[0]))

    return Clocked(sample, lambda: 0.0)


def importing_bpcompile() -> Clocked:
    """Return the contender for bpcompile, which must load neither numba nor sympy."""
    _, *loaded = run(["-c", TIMED.format("bpcompile")]).split()
    if loaded:
        raise ImportError(f"import bpcompile loads {' and '.join(loaded)}")
    return importing("bpcompile")


CASE = Case(
    name="import_time",
    title="`import bpcompile`",
    contenders=(
        Contender("bpcompile", "bpcompile", importing_bpcompile),
        Contender("NumPy", "hand", partial(importing, "numpy")),
        Contender("Numba", "hand", partial(importing, "numba")),
        Contender("JAX", "JAX", partial(importing, "jax"), "jax"),
        Contender("PyTorch", "PyTorch", partial(importing, "torch"), "torch"),
        Contender("autograd", "autograd", partial(importing, "autograd"), "autograd"),
        Contender("CasADi", "CasADi", partial(importing, "casadi"), "casadi"),
        Contender("PyTensor", "PyTensor", partial(importing, "pytensor"), "pytensor"),
    ),
    bars=(within(0.25, "bpcompile"),),
    reference="NumPy",
    rounds=21,
)
