"""Models with loops, branches and assignment, in plain Python as a Numba user writes them.

`NAMES` are the models in the order of the report, `load` imports the one that is asked for.
"""

from __future__ import annotations

import importlib

from benchmarks.models.model import Model

PLACES = {
    "lorenz_euler": ("lorenz", "EULER"),
    "lorenz_rk4": ("lorenz", "RK4"),
    "vanderpol_euler": ("vanderpol", "EULER"),
    "vanderpol_rk4": ("vanderpol", "RK4"),
    "nbody_euler": ("nbody", "EULER"),
    "nbody_rk4": ("nbody", "RK4"),
    "kalman": ("kalman", "MODEL"),
    "hmm": ("hmm", "MODEL"),
    "lstm_2": ("lstm", "TWO_LAYERS"),
    "lstm_4": ("lstm", "FOUR_LAYERS"),
    "dtw": ("dtw", "MODEL"),
    "cholesky": ("cholesky", "MODEL"),
    "lu": ("lu", "MODEL"),
    "median": ("median", "MODEL"),
    "newton": ("newton", "MODEL"),
    "wave": ("wave", "MODEL"),
    "search": ("search", "MODEL"),
    "mixture_loops": ("mixture", "LOOPS"),
    "mixture_arrays": ("mixture", "ARRAYS"),
    "bundle": ("bundle", "MODEL"),
    "garch": ("garch", "MODEL"),
    "edit": ("edit", "MODEL"),
}
"""The module of each model and its name there."""

NAMES = tuple(PLACES)


def load(name: str) -> Model:
    """Return the model of a name."""
    module, attribute = PLACES[name]
    model: Model = getattr(importlib.import_module(f"benchmarks.models.{module}"), attribute)
    return model
