"""Choose what reverse mode keeps of each loop so that a call stays within its memory.

In: a model, a way to measure the bytes that a choice takes, and the bytes that there are. Out: the
choice for each loop that makes none of its own. What a choice takes is read from the workspace as
it is planned, at the lengths of the example, and not estimated.

The whole tape is the cheapest: every step runs once. Where it does not fit, loops are run in √n
stretches, those first that save most; then each step runs twice. Where that does not fit either,
the same loops get binomial schedules with as many states as there is room for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bpcompile.errors import ArgumentError, ShapeError, UnsupportedError
from bpcompile.ir.dims import Size, evaluate
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.walk import all_graphs
from bpcompile.passes.pipeline import LOWER, run
from bpcompile.schedule.memory import lay_out
from bpcompile.schedule.plan import plan
from bpcompile.transforms.marks import Marks, loops_of, marked

_WORD = 8
_MOST_LOOPS = 12  # each costs a derivation or two
_REVERSE = ("grad", "value_and_grad", "vjp")


def choose(
    model: Graph,
    derive: Callable[[Graph], Graph],
    dims: Mapping[str, int],
    budget: int,
    kind: str = "grad",
    fuse: bool = True,
) -> Marks:
    """Return what each loop of a model is to ask for, by the numbers of the loops.

    Args:
        model: the simplified graph of the model.
        derive: makes the joint graph of a model.
        dims: the lengths of the example.
        budget: the bytes that the workspace may take.
        kind: the transform; only those with a reverse sweep are bound.
        fuse: whether loops are joined.

    Raises:
        ArgumentError: where nothing fits, with the least that would do.
        ShapeError: where a length is not known.
        UnsupportedError: where a loop is counted by data, so that its tape has no bound.
    """
    if kind not in _REVERSE:
        return {}
    return _Choice(model, _Measure(model, derive, dims, fuse), budget).find()


class _Measure:
    """Know how many bytes the workspace takes for some choices."""

    def __init__(
        self,
        model: Graph,
        derive: Callable[[Graph], Graph],
        dims: Mapping[str, int],
        fuse: bool,
    ) -> None:
        """Hold what the measurement needs."""
        self._model, self._derive, self._dims, self._fuse = model, derive, dims, fuse
        self._known: dict[tuple[Any, ...], int] = {}

    def __call__(self, marks: Marks) -> int:
        """Return the bytes."""
        key = tuple(sorted(marks.items()))
        if key not in self._known:
            self._known[key] = self._measured(marks)
        return self._known[key]

    def _measured(self, marks: Marks) -> int:
        """Derive, plan and lay out."""
        lowered = run(self._derive(marked(self._model, marks)), LOWER)
        _require_bounded(lowered)
        words: Size = lay_out(plan(lowered, self._fuse))[1]
        try:
            return evaluate(words, self._dims) * _WORD
        except KeyError as error:
            raise ShapeError(
                f"memory_budget= needs the length {error.args[0]}: write integers in the spec, or "
                "compile with an example"
            ) from None


def _require_bounded(lowered: Graph) -> None:
    """Refuse a tape that grows while the code runs."""
    for graph in all_graphs(lowered):
        for node in graph.nodes:
            if node.op.name == "while" and node.attrs.get("kept"):
                raise UnsupportedError(
                    f"memory_budget= with a loop{_place(node)} whose number of steps is not known "
                    "before it runs: its tape has no bound; write a `for` statement over a range "
                    "of a length, with `break` where it may end before"
                )


def _place(node: Node) -> str:
    """Return where a node comes from, for a message."""
    origin = node.origin
    while origin is not None and origin.adjoint_of is not None and not origin.file:
        origin = origin.adjoint_of.origin
    return f" at {origin}" if origin else ""


class _Choice:
    """Search for a choice that fits."""

    def __init__(self, model: Graph, measure: _Measure, budget: int) -> None:
        """Find the loops that make no choice of their own."""
        loops = enumerate(loops_of(model))
        self.free = [k for k, loop in loops if "checkpoint" not in loop.attrs][:_MOST_LOOPS]
        self.measure, self.budget = measure, budget
        self.marks: dict[int, Any] = {}

    def find(self) -> Marks:
        """Return the first choice that fits, from the cheapest to that of the least memory."""
        if self._fits() or self._in_stretches() or self._binomial():
            return self.marks
        raise ArgumentError(
            f"memory_budget={self.budget} bytes is not enough: the least that would do is "
            f"{self.measure(self.marks)} bytes"
        )

    def _fits(self) -> bool:
        """Tell whether the present choice fits."""
        return self.measure(self.marks) <= self.budget

    def _in_stretches(self) -> bool:
        """Run loops in stretches, those first that save most."""
        order = sorted(self.free, key=lambda k: self.measure({k: "sqrt"}))
        for k in order:
            if self.measure({**self.marks, k: "sqrt"}) < self.measure(self.marks):
                self.marks[k] = "sqrt"
            if self._fits():
                return True
        return False

    def _binomial(self) -> bool:
        """Give loops binomial schedules, with as many states as there is room for."""
        for k in self.free:
            least, next_least = (
                self.measure({**self.marks, k: ("binomial", count)}) for count in (1, 2)
            )
            if least < self.measure(self.marks):
                self.marks[k] = ("binomial", 1)
                if self._fits():
                    room = (self.budget - least) // max(next_least - least, 1)
                    self.marks[k] = ("binomial", 1 + room)
                    return True
        return False
