"""Say what a compiled module offers, apart from how it computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Nest: TypeAlias = int | tuple["Nest", ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """Name the public function of a module and the nesting of its results.

    `name` is the public function, as ``loss_value_and_grad``; `summary` the first line of its
    docstring; `results` has the position in the graph's outputs of each result leaf, nested as the
    function returns them: ``(0, (1, 2))`` for a value and two gradients.
    """

    name: str
    summary: str
    results: Nest
