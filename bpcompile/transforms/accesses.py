"""Prove that two accesses to an array in a nest of loops never meet.

An index is a linear form in the indices of the loops around it, each of which is a variable between
two bounds that are linear forms in variables made before it. Of a form one finds a lower bound by
putting a bound in the place of each variable, the last one made first: which bound it is depends on
the sign of the factor. This is Fourier's elimination with one bound for each side; see M. Wolfe,
"High Performance Compilers for Parallel Computing", chapter 5, for such tests of dependence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bpcompile.ir.graph import Guard, Node
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At
from bpcompile.transforms.counts import Counts, Linear
from bpcompile.transforms.regions import Branch, Loop, counting_state

MOST_WRITES = 24  # in a body: each read is held against each of them

_INTEGER = Type(DType.I64)

Access = tuple[Linear | None, ...]  # the index on each axis, None where it is not one or not known


class Space:
    """Hold the variables of a nest of loops; `counts` knows what is the same in all of it.

    `guards` are relations between sizes that hold wherever the code runs.
    """

    def __init__(self, counts: Counts, guards: Iterable[Guard] = ()) -> None:
        """Start without variables."""
        self._counts = counts
        self._natural = [size for guard in guards for size in guard.naturals]
        self._bounds: dict[Node, tuple[Linear | None, Linear | None]] = {}
        self._order: dict[Node, int] = {}

    def variable(self, low: Linear | None, high: Linear | None) -> Linear:
        """Return a new variable that lies between two forms, both included; None: anywhere."""
        made = Node(OPS["param"], (), {"name": "index"}, _INTEGER)
        self._order[made] = len(self._order)
        self._bounds[made] = (low, high)
        return Linear({made: 1}, 0)

    def is_natural(self, form: Linear) -> bool:
        """Tell whether a form is seen to be at least 0 wherever its variables are in bounds."""
        while variables := [term for term in form.terms if term in self._order]:
            last = max(variables, key=self._order.__getitem__)
            factor = form.terms[last]
            bound = self._bounds[last][factor < 0]
            if bound is None:
                return False
            form = form.plus(Linear({last: 1}, 0), -factor).plus(bound, factor)
        low = self._counts.range(form).low
        if low is None:
            return False
        natural = self._counts.never_negative
        return natural(low) or any(natural(low - known) for known in self._natural)

    def is_below(self, form: Linear, limit: Linear) -> bool:
        """Tell whether a form is seen to be less than another."""
        return self.is_natural(limit.plus(form, -1).shifted(-1))

    def never_meet(self, one: Access, other: Access) -> bool:
        """Tell whether two accesses are seen to be to different places.

        Some axis tells them apart; an index from the back, as -1, may be one from the front, too.
        """
        return any(
            a is not None
            and b is not None
            and (self.is_below(a, b) or self.is_below(b, a))
            and self.is_natural(a)
            and self.is_natural(b)
            for a, b in zip(one, other, strict=True)
        )


class Place(NamedTuple):
    """Say what the integers of a graph or region are, in the variables of a space.

    `known` gives the forms of nodes that `counts` knows nothing further of; None: they stand for
    themselves.
    """

    space: Space
    counts: Counts
    known: Mapping[Node, Linear] | None = None

    def form(self, node: Node) -> Linear | None:
        """Return the form of an integer, None where it is not known."""
        found = self.counts.linear(node)
        if self.known is None:
            return found
        total = Linear({}, found.constant)
        for term, factor in found.terms.items():
            if term not in self.known:
                return None
            total = total.plus(self.known[term], factor)
        return total

    def access(self, node: Node) -> Access:
        """Return where an ``index``, ``update`` or ``accumulate`` looks."""
        operands = node.args[1:] if node.op.name == "index" else node.args[2:]
        found: list[Linear | None] = []
        for entry in node.attrs["spec"]:
            if isinstance(entry, At):
                index = operands[entry.operand]
                found.append(None if index.shape else self.form(index))
            else:
                found.append(Linear({}, entry.start) if entry.length == 1 else None)
        return tuple(found)

    def inside(self, loop: Loop, index: Linear | None = None) -> Place:
        """Return the place of a body, in an iteration of a loop: any, or that of this index."""
        index = index or self.counter(loop, self.form(loop.lower))
        pairs = zip(loop.constants, loop.operands[loop.carried :], strict=True)
        known = self._known(pairs)
        known[loop.index] = index
        return Place(self.space, self.counts.inside(loop), known)

    def counter(self, loop: Loop, low: Linear | None) -> Linear:
        """Return a new variable for an index of a loop that is not below a form."""
        upper = None if loop.upper is None else self.form(loop.upper)
        return self.space.variable(low, None if upper is None else upper.shifted(-1))

    def inside_arm(self, branch: Branch, number: int) -> Place:
        """Return the place of an arm."""
        arm = branch.arms[number]
        known = self._known(zip(arm.params, branch.operands, strict=True))
        return Place(self.space, self.counts.inside_arm(branch, arm), known)

    def _known(self, pairs: Iterator[tuple[Node, Node]]) -> dict[Node, Linear]:
        """Return the forms of integer parameters."""
        forms = {p: self.form(operand) for p, operand in pairs if p.type == _INTEGER}
        return {param: form for param, form in forms.items() if form is not None}


def versions(last: Node, first: Node) -> list[Node] | None:
    """Return the forms that an array takes by writes, from `first` to `last`; None: not seen."""
    found = [last]
    while found[-1] is not first:
        before = _before(found[-1])
        if before is None:
            return None
        found.append(before)
    return found[::-1]


def _before(node: Node) -> Node | None:
    """Return the array that a node writes into, directly, in a loop or in the arms of a branch."""
    if node.op.name in ("update", "accumulate"):
        return node.args[0]
    if node.op.name != "item" or node.args[0].op.kind is not Kind.REGION:
        return None
    region, k = node.args[0], int(node.attrs["index"])
    if region.op.name == "branch":
        return _before_arms(Branch(region), k)
    if region.op.name == "while" and counting_state(region) is None:
        return None
    loop = Loop(region)
    return loop.operands[loop.places.index(k)] if k in loop.places else None


def _before_arms(branch: Branch, k: int) -> Node | None:
    """Return the operand that both arms of a branch write into to make result `k`."""
    ends = []
    for arm in branch.arms:
        end = start(arm.outputs[k])
        if end not in arm.params:
            return None
        ends.append(branch.operands[arm.params.index(end)])
    return ends[0] if ends[0] is ends[1] else None


def start(node: Node) -> Node:
    """Return the array that another one is made of by writes."""
    while (before := _before(node)) is not None:
        node = before
    return node


def writes(steps: Sequence[Node], place: Place) -> list[Access] | None:
    """Return all accesses that make the forms `steps` of an array; None where some are not seen.

    Those in inner loops stand in new variables. More than `MOST_WRITES` are not looked at.
    """
    found: list[Access] = []
    if len(steps) > MOST_WRITES:
        return None
    for step in steps:
        if step.op.name in ("update", "accumulate"):
            found.append(place.access(step))
            continue
        made = _inside(step.args[0], int(step.attrs["index"]), place)
        if made is None:
            return None
        found += made
    return found if len(found) <= MOST_WRITES else None


def _inside(region: Node, k: int, place: Place) -> list[Access] | None:
    """Return the accesses that a loop or branch makes to write its result `k`."""
    if region.op.name == "branch":
        branch = Branch(region)
        found: list[Access] = []
        for number, arm in enumerate(branch.arms):
            forms = versions(arm.outputs[k], start(arm.outputs[k]))
            made = writes((forms or [])[1:], place.inside_arm(branch, number))
            if forms is None or made is None:
                return None
            found += made
        return found
    loop = Loop(region)
    state = loop.places.index(k)
    forms = versions(loop.outputs[state], loop.params[state])
    return None if forms is None else writes(forms[1:], place.inside(loop))
