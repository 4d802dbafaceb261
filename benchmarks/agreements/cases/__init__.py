"""List what is compared, by subject."""

from __future__ import annotations

from benchmarks.agreements.cases import (
    complexes,
    elementwise,
    folds,
    linear,
    networks,
    places,
    products,
    shapes,
    signals,
    special,
)
from benchmarks.agreements.words import Case

ALL: tuple[Case, ...] = (
    *elementwise.CASES,
    *folds.CASES,
    *shapes.CASES,
    *places.CASES,
    *products.CASES,
    *linear.CASES,
    *signals.CASES,
    *complexes.CASES,
    *special.CASES,
    *networks.CASES,
)
