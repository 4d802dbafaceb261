"""Say what the text of a module comes with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node


class Stage(NamedTuple):
    """Name a function of a module, with the dtype and rank of each argument.

    One that `is_cut` takes the first of its parts and the end of them as its last two arguments.
    """

    name: str
    arguments: tuple[tuple[str, int], ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Emitted:
    """Hold the text of a module, the name of its public function, and its dimensions in order.

    `tested` has what an index out of range is raised with the number of: the node of the model
    that reads or writes, and its array's axis. The numpy target has no numbers. `words` is how many
    float64 the functions work in beside their arguments and results. Where loops are cut, `stages`
    are the functions that the work is made of, and `parts` the numbers of parts.
    """

    text: str
    name: str
    dims: tuple[str, ...]
    tested: tuple[tuple[Node, int], ...] = ()
    words: Size = 0
    stages: tuple[Stage, ...] = ()
    parts: tuple[Size, ...] = ()
