"""Write region ops: each kind has a module of its own."""

from __future__ import annotations

from collections.abc import Callable

from bpcompile.ir.graph import Node
from bpcompile.schedule.branches import Branch
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.loops import CountedLoop
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.whiles import WhileLoop

_Writer = CountedLoop | WhileLoop | Branch
_WRITERS: dict[str, Callable[[Lowering, Node, Cursor], _Writer]] = {
    "loop": CountedLoop,
    "while": WhileLoop,
    "branch": Branch,
}


def lower_region(outer: Lowering, node: Node, cursor: Cursor) -> None:
    """Write a region op at a cursor of the block around it."""
    _WRITERS[node.op.name](outer, node, cursor).write()
