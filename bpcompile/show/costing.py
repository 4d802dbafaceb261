"""Put together what a call costs: count what each kernel of a plan does.

In: the lowered graph and the values of a call. Out: a `Cost`, read off the plan that the Numba
target is printed from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bpcompile.emit.names import safe_file, safe_name
from bpcompile.ir.dims import Dim, Size, product, size_names, substitute
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import bind_dims
from bpcompile.schedule.cuts import cut
from bpcompile.schedule.effort import has_loop
from bpcompile.schedule.integers import integers
from bpcompile.schedule.kernels import Kernel, split
from bpcompile.schedule.memory import lay_out
from bpcompile.schedule.mentions import mentions
from bpcompile.schedule.plan import known_of, plan
from bpcompile.schedule.statements import Buffer, Call, Plan, Product, Statement, Var
from bpcompile.schedule.traffic import Counts, Shapes, count
from bpcompile.show.cost import Amount, ArrayCost, Cost, KernelCost, ScheduleCost
from bpcompile.show.schedules import schedules

_WORD = 8
_ROLES = {"param": "input", "out": "result", "temp": "temporary", "tape": "tape"}


def cost(
    graph: Graph, args: Sequence[Any], name: str, fuse: bool = True, cuts: bool = False
) -> Cost:
    """Return what a call of a lowered graph costs.

    Args:
        graph: the graph that code is printed from.
        args: a value for each parameter; lengths and integers count.
        name: what the function is called.
        fuse: whether the loops of its code were joined.
        cuts: whether they were cut into parts, which work in some more memory.
    """
    found = _Coster(graph, args, name, fuse)
    return found.cost(cut(found.plan, known_of(graph)) if cuts else found.plan)


class Task(NamedTuple):
    """Hold the figures of one nest of loops, product or routine; None where only a run can tell."""

    title: str
    operations: int | None
    bytes: int | None


def tasks(graph: Graph, args: Sequence[Any], fuse: bool = True, cuts: bool = False) -> list[Task]:
    """Return what the nests of loops, products and routines of a call do, in order.

    Without figures where loops are cut: these are for the nests as they were before.
    """
    found = _Coster(graph, args, graph.name, fuse)
    return list(found.tasks(cut(found.plan, known_of(graph)) if cuts else found.plan))


class _Coster:
    """Hold what the figures of one call share."""

    def __init__(self, graph: Graph, args: Sequence[Any], name: str, fuse: bool) -> None:
        self.name, self.graph = name, graph
        self.plan: Plan = plan(graph, fuse)
        self.dims = bind_dims(graph, args)
        self.integers = integers(self.plan)
        self.shapes: Shapes = {b.var: self.integers.shape(b.shape) for b in self.plan.buffers}
        self.known: dict[str, int] = dict(self.dims)
        for var, arg in zip(self.plan.params, args, strict=True):
            if not var.rank and isinstance(arg, int):
                self.known[var.token] = arg
        self.called, self.notes = self._names()

    def cost(self, worked: Plan) -> Cost:
        """Return the cost, with the workspace of the plan that code is printed from."""
        total = Counts()
        kernels = []
        for name, kind, statements in self._parts():
            found = count(statements, self.shapes, self.integers)
            total.include(found)
            kernels.append(self._kernel(name, kind, found))
        _, words = lay_out(worked)
        shown = (b for b in self.plan.buffers if b.role in _ROLES and self._is_used(b, total))
        return Cost(
            self.name,
            {name: value for name, value in self.dims.items() if not name.startswith("%")},
            tuple(kernels),
            tuple(self._array(number, buffer, total) for number, buffer in enumerate(shown)),
            self._kernel("in all", "", total),
            self._amount(words * _WORD),
            tuple(self._schedules()),
            self._told(total),
        )

    def _names(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what run-time integers are called, and for those that no argument is, why."""
        called: dict[str, str] = {}
        notes: dict[str, str] = {}
        taken = set(self.dims)

        def call(token: str, wish: str) -> str:
            name, number = wish, 1
            while name in taken:
                number += 1
                name = f"{wish}_{number}"
            taken.add(name)
            called[token] = name
            return name

        for var in self.plan.params:
            if not var.rank:
                call(var.token, safe_name(var.hint) or "count")
        for token, place in self.integers.places.items():
            where = f" at {safe_file(place.file)}:{place.line}" if place and place.file else ""
            name = call(token, "turns")
            notes[token] = f"{name}: how often the loop{where} runs, which only a run can tell"
        for token, hint in self.integers.hints.items():
            name = call(token, safe_name(hint) or "count")
            notes[token] = f"{name}: an integer that the model computes, which only a run can tell"
        return called, notes

    def _told(self, total: Counts) -> tuple[str, ...]:
        """Return what is to be said of the names in the figures."""
        sizes = [total.operations, *total.read.values(), *total.written.values()]
        sizes += [size for shape in self.shapes.values() for size in shape]
        used = {name for size in sizes for name in size_names(size)}
        return tuple(note for token, note in self.notes.items() if token in used)

    def _schedules(self) -> Iterator[ScheduleCost]:
        """Yield what loops keep that were asked to keep little."""
        for one in schedules(self.graph, self.known):
            kept, tape = self._amount(one.kept), self._amount(one.tape)
            yield ScheduleCost(one.place, one.kind, kept, tape, one.runs)

    def _parts(self) -> Iterator[tuple[str, str, list[Statement]]]:
        """Yield name, kind and statements of each kernel and product."""
        rest: list[Statement] = []
        for part in split(self.plan):
            if not isinstance(part, (Product, Call, Kernel)):
                rest.append(part)
                continue
            if rest:
                yield "between kernels", "loops", rest
                rest = []
            if isinstance(part, Product):
                yield self._product(part), "product", [part]
            elif isinstance(part, Call):
                operands, outs = (
                    ", ".join(map(self._title, v)) for v in (part.operands, part.outs)
                )
                yield f"{outs} = {part.node.op.name}({operands})", "routine", [part]
            else:
                yield _title_of(part.made), "loops", part.statements
        if rest:
            yield self.name, "loops", rest

    def tasks(self, worked: Plan) -> Iterator[Task]:
        """Yield the figures of what runs for long in a plan."""
        for part in split(worked):
            if isinstance(part, Product):
                yield self._task(self._product(part), part, worked)
            elif isinstance(part, Call):
                yield self._task(part.node.op.name, part, worked)
            else:
                for statement in part.statements if isinstance(part, Kernel) else [part]:
                    if has_loop([statement]):
                        made = mentions([statement], {}).made
                        title = _title_of(list(made)) if made else ""
                        yield self._task(title, statement, worked)

    def _task(self, title: str, statement: Statement, worked: Plan) -> Task:
        """Return the figures of a statement, which are only known where the plan is not cut."""
        if worked is not self.plan:
            return Task(title, None, None)
        found = count([statement], self.shapes, self.integers)
        moved = _bytes(found.read) + _bytes(found.written)
        amounts = self._amount(found.operations).value, self._amount(moved).value
        return Task(title, *amounts)

    def _product(self, product: Product) -> str:
        """Return a matrix product as a formula; what has no name is left out."""
        left, right = (
            self._title(matrix.array) + ("\u1d40" if matrix.transposed else "")
            for matrix in (product.left, product.right)
        )
        out = safe_name(product.out.hint)
        return f"{out} = {left} {right}" if out else f"{left} {right}"

    def _title(self, var: Var) -> str:
        """Return the name of an array."""
        return safe_name(var.hint) or "temporary"

    def _kernel(self, name: str, kind: str, found: Counts) -> KernelCost:
        """Return the figures of a kernel."""
        calls = {op: self._amount(found.calls[op]) for op in sorted(found.calls)}
        return KernelCost(
            name,
            kind,
            self._amount(found.operations),
            calls,
            self._amount(_bytes(found.read)),
            self._amount(_bytes(found.written)),
        )

    def _is_used(self, buffer: Buffer, total: Counts) -> bool:
        """Tell whether a temporary is ever touched; arguments and results always count."""
        touched = buffer.var in total.read or buffer.var in total.written
        return touched or buffer.role != "temp"

    def _array(self, number: int, buffer: Buffer, total: Counts) -> ArrayCost:
        """Return the figures of an array."""
        size, var = buffer.dtype.itemsize, buffer.var
        shape = self.shapes[var]
        return ArrayCost(
            safe_name(var.hint) or f"v{number}",
            _ROLES[buffer.role],
            buffer.dtype.value,
            tuple(self._named(length) for length in shape),
            self._amount(product(shape) * size),
            self._amount(total.read.get(var, 0) * size),
            self._amount(total.written.get(var, 0) * size),
        )

    def _amount(self, size: Size) -> Amount:
        """Return a count with its value, as far as it is known."""
        found = self._named(substitute(size, self.known))
        # Formulas hold for lengths of at least 1: a loop from 1 to n would run -1 times for n = 0.
        return Amount(self._named(size), max(found, 0) if isinstance(found, int) else found)

    def _named(self, size: Size) -> Size:
        """Return a size with the names of run-time integers in place of their tokens."""
        tokens = {name for name in size_names(size) if name.startswith("%")}
        return substitute(size, {t: Dim.named(self.called.get(t, "count")) for t in tokens})


def _bytes(elements: Mapping[Var, Size]) -> Size:
    """Return the bytes of elements of several arrays."""
    total: Size = 0
    for var, number in elements.items():
        total = total + number * var.dtype.itemsize
    return total


def _title_of(made: Sequence[str]) -> str:
    """Return the name of a kernel: from its first to its last named value."""
    named = [name for name in map(safe_name, made) if name]
    if not named:
        return "kernel"
    return f"{named[0]} to {named[-1]}" if named[0] != named[-1] else named[0]
