"""Say what reverse mode keeps of loops that ask for it, and how often their steps run.

In: a lowered graph. Out: for each loop that runs backwards from kept states, what the schedule is
called, the sizes of what is kept, and the number of runs. The loops say so in an attribute that the
rule of reverse mode leaves there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bpcompile.emit.names import safe_file
from bpcompile.ir.dims import Size, evaluate, product
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import Type
from bpcompile.ir.walk import all_graphs
from bpcompile.transforms.revolve import fewest_steps
from bpcompile.transforms.schedules import Schedule


class Found(NamedTuple):
    """Hold the schedule of one loop: sizes in bytes, and the runs of a step on average.

    `runs` is None where the number of steps is not known before the code runs.
    """

    place: str
    kind: str
    kept: Size
    tape: Size
    runs: float | None


def schedules(graph: Graph, known: Mapping[str, int]) -> list[Found]:
    """Return the schedules of the loops of a lowered graph, with the values of its dimensions."""
    found = []
    for region in all_graphs(graph):
        for node in region.nodes:
            asked = node.attrs.get("schedule")
            if isinstance(asked, Schedule):
                tape = sum((_started(inner) for inner in _inside(node)), 0)
                runs = _runs(asked, known)
                found.append(Found(_place(node), _kind(asked, known), asked.bytes, tape, runs))
    return found


def _inside(node: Node) -> list[Graph]:
    """Return the body of a loop and the regions in it."""
    return list(all_graphs(node.attrs["body"]))


def _started(graph: Graph) -> Size:
    """Return the bytes of the arrays that start without a value."""
    total: Size = 0
    for node in graph.nodes:
        if node.op.name == "empty" and isinstance(node.type, Type):
            total = total + product(node.shape) * node.type.dtype.itemsize
    return total


def _place(node: Node) -> str:
    """Return the line of a loop."""
    origin = node.origin
    if origin is None or not origin.file:
        return "a loop"
    return f"{safe_file(origin.file)}:{origin.line}"


def _kind(asked: Schedule, known: Mapping[str, int]) -> str:
    """Return what a schedule is called."""
    number = _value(asked.number, known)
    if asked.kind == "binomial":
        return f"binomial, {number} states" if number else "binomial"
    if asked.kind == "again":
        return "computed again"
    return f"stretches of {number} steps" if number else "stretches"


def _runs(asked: Schedule, known: Mapping[str, int]) -> float | None:
    """Return how often a step runs, that in its own adjoint included."""
    if asked.kind != "binomial":
        return 2.0
    steps, places = _value(asked.steps, known), _value(asked.number, known)
    if steps is None or places is None or steps < 1:
        return None
    return 1 + (fewest_steps(steps, places) + 1) / steps


def _value(size: Size, known: Mapping[str, int]) -> int | None:
    """Return the value of a size, where it is known."""
    try:
        return evaluate(size, known)
    except KeyError:
        return None
