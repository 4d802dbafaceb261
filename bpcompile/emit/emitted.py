"""Say what the text of a module comes with."""

from __future__ import annotations

from dataclasses import dataclass

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node


@dataclass(frozen=True, slots=True)
class Emitted:
    """Hold the text of a module, the name of its public function, and its dimensions in order.

    `tested` has what an index out of range is raised with the number of: the node of the model
    that reads or writes, and its array's axis. The numpy target has no numbers. `words` is how many
    float64 the functions work in beside their arguments and results.
    """

    text: str
    name: str
    dims: tuple[str, ...]
    tested: tuple[tuple[Node, int], ...] = ()
    words: Size = 0
