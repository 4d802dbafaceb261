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

SUBJECTS: dict[str, tuple[Case, ...]] = {
    "elementwise": elementwise.CASES,
    "folds and running folds": folds.CASES,
    "shapes": shapes.CASES,
    "places and order": places.CASES,
    "products and polynomials": products.CASES,
    "linear algebra": linear.CASES,
    "Fourier transforms, convolutions": signals.CASES,
    "complex values inside": complexes.CASES,
    "special functions": special.CASES,
    "networks": networks.CASES,
}
ALL = tuple(case for cases in SUBJECTS.values() for case in cases)
