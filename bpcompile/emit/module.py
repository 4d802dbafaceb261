"""Put a module together: the four public functions around the statements of a graph.

`NAME` returns fresh results, `NAME_fill` fills given arrays and returns the scalars, `NAME_into`
fills one array per result, and `NAME_workspace` says how much scratch memory the others take.
"""

from __future__ import annotations

import dataclasses

from bpcompile.emit.check import check_module
from bpcompile.emit.emitted import Emitted
from bpcompile.emit.formula import Formulas
from bpcompile.emit.numba_module import NumbaStyle, numba_module
from bpcompile.emit.numpy_module import numpy_module
from bpcompile.emit.templates import fill
from bpcompile.ir.graph import Graph
from bpcompile.schedule.program import Interface


def emit_module(
    graph: Graph,
    interface: Interface,
    target: str,
    formulas: Formulas,
    math: str = "vector",
    fuse: bool = True,
    cuts: bool = False,
) -> Emitted:
    """Return the module that computes a lowered graph.

    `target` is ``"numba"`` or ``"numpy"``; `formulas` has the mathematics that the docstring and
    the comments show; `math` is ``"vector"`` or ``"libm"``; without `fuse` each
    operation of Numba code has loops of its own; with `cuts` its loops are cut into parts that
    threads may run. Raises `CompileError` where the text fails its
    check.
    """
    if target == "numba":
        style = NumbaStyle(math, fuse, cuts)
        module, found = numba_module(graph, interface, formulas, style)
    else:
        module, dims = numpy_module(graph, interface, formulas)
        found = Emitted("", interface.name, tuple(dims))
    text = fill(f"{target}/module.py.j2", module)
    check_module(text)
    return dataclasses.replace(found, text=text)
