"""Say what is known of run-time integers: as linear forms, and bounded by sizes.

In: a graph, and bounds of its i64 parameters where the caller knows some. Out: for an i64 scalar
the form Σ cₖ vₖ + s, where each vₖ is an i64 node that no form is known of and s is a size. A loop
of `n - i` steps inside one over i < n thus gets a tape of n places. What is not linear is bounded
through ``maximum`` and ``minimum`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bpcompile.ir.dims import Atom, Dim, Size, dim_max, dim_min, size_names
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import DType, Type
from bpcompile.transforms.regions import Branch, Loop, counting_state


class Range(NamedTuple):
    """Bound an integer from below and above, both included; None where nothing is known."""

    low: Size | None = None
    high: Size | None = None


class Linear(NamedTuple):
    """Hold the form Σ cₖ vₖ + constant of an integer."""

    terms: Mapping[Node, int]
    constant: Size

    @property
    def size(self) -> Size | None:
        """Return the integer as a size, or None where it is not one."""
        return None if self.terms else self.constant

    def plus(self, other: Linear, times: int = 1) -> Linear:
        """Return this plus `times` another."""
        terms = dict(self.terms)
        for node, factor in other.terms.items():
            terms[node] = terms.get(node, 0) + times * factor
        kept = {node: factor for node, factor in terms.items() if factor}
        return Linear(kept, self.constant + times * other.constant)

    def shifted(self, by: Size) -> Linear:
        """Return this plus a size."""
        return Linear(self.terms, self.constant + by)


class Counts:
    """Know the integers of one graph; the forms are found at the first question."""

    def __init__(
        self,
        graph: Graph,
        ranges: Mapping[Node, Range] | None = None,
        signed: frozenset[str] = frozenset(),
    ) -> None:
        """Hold the graph, and for a region what is known outside of it."""
        self.graph = graph
        sizes = [param.attrs.get("size", 0) for param in graph.params]
        # A dimension that an int argument binds may be negative, unlike the length of an array.
        self.signed = signed.union(*(size_names(size) for size in sizes))
        self._ranges: dict[Node, Range] = dict(ranges or {})
        self._forms: dict[Node, Linear] | None = None

    def linear(self, node: Node) -> Linear:
        """Return the linear form of an i64 scalar of the graph."""
        if self._forms is None:
            self._forms = {}
            for known in self.graph.nodes:
                if known.type == _INTEGER:
                    self._forms[known] = self._form(known, self._forms)
        return self._forms[node] if node in self._forms else self._added(node, self._forms)

    def _added(self, node: Node, forms: dict[Node, Linear]) -> Linear:
        """Return the form of a node that was added to the graph since."""
        stack = [node]
        while stack:
            missing = [x for x in stack[-1].args if x.type == _INTEGER and x not in forms]
            if missing:
                stack += missing
            else:
                last = stack.pop()
                forms[last] = self._form(last, forms)
        return forms[node]

    def end(self, loop: Loop) -> Linear | None:
        """Return the form of the index behind the last one of a loop that runs at all."""
        bound = loop.upper
        if bound is None and loop.counter is not None:
            bound = _bound_of(loop.node, loop.counter)
        return None if bound is None else self.linear(bound)

    def range(self, form: Linear) -> Range:
        """Return the bounds of a linear form."""
        low: Size | None = form.constant
        high: Size | None = form.constant
        for node, factor in form.terms.items():
            found = self._ranges.get(node, Range())
            least, most = (found.low, found.high) if factor > 0 else (found.high, found.low)
            low = None if low is None or least is None else low + factor * least
            high = None if high is None or most is None else high + factor * most
        return Range(low, high)

    def inside(self, loop: Loop) -> Counts:
        """Return what is known inside the body of a loop of the graph."""
        ranges = {loop.index: Range(self.range(self.linear(loop.lower)).low, self._last(loop))}
        for param, operand in zip(loop.constants, loop.operands[loop.carried :], strict=True):
            if param.type == _INTEGER:
                ranges[param] = self.range(self.linear(operand))
        return Counts(loop.body, ranges, self.signed)

    def inside_arm(self, branch: Branch, arm: Graph) -> Counts:
        """Return what is known inside an arm of a branch of the graph."""
        pairs = zip(arm.params, branch.operands, strict=True)
        ranges = {p: self.range(self.linear(x)) for p, x in pairs if p.type == _INTEGER}
        return Counts(arm, ranges, self.signed)

    def is_exact(self, loop: Loop) -> bool:
        """Tell whether the first and last index of a loop are known, and not only bounded."""
        ends = (loop.lower, loop.upper)
        return all(end is not None and self.linear(end).size is not None for end in ends)

    def _last(self, loop: Loop) -> Size | None:
        """Return a size that the index of a loop does not exceed."""
        if loop.upper is None:
            limit, first = loop.node.attrs.get("limit", 0), self.range(self.linear(loop.lower)).high
            return first + limit - 1 if limit != 0 and first is not None else None
        upper = self.range(self.linear(loop.upper)).high
        return None if upper is None else upper - 1

    def never_negative(self, size: Size) -> bool:
        """Tell whether a size is plainly at least 0: a sum of products of lengths."""
        if isinstance(size, int):
            return size >= 0
        return all(
            factor > 0 and all(self._is_length(atom) for atom in monomial)
            for monomial, factor in size.terms
        )

    def _is_length(self, atom: Atom) -> bool:
        """Tell whether an atom is plainly at least 0: a length, or made of such."""
        if isinstance(atom, str):
            return atom not in self.signed
        kind, left, right = atom
        found = self.never_negative(left), self.never_negative(right)
        return any(found) if kind == "max" else all(found)

    def _form(self, node: Node, forms: Mapping[Node, Linear]) -> Linear:
        """Return the form of a node whose operands have theirs."""
        args = [forms[arg] for arg in node.args if arg in forms]
        match node.op.name, args:
            case "const", []:
                return Linear({}, int(node.attrs["value"]))
            case "dim", []:
                return Linear({}, node.attrs["size"])
            case "param", []:
                found = self._ranges.get(node, Range())
                if found.low is not None and found.low == found.high:
                    return Linear({}, found.low)
                if isinstance(node.attrs.get("size"), Dim):
                    return Linear({}, node.attrs["size"])
            case "add", [a, b]:
                return a.plus(b)
            case "sub", [a, b]:
                return a.plus(b, -1)
            case "neg", [a]:
                return Linear({}, 0).plus(a, -1)
            case "mul", [a, b]:
                product = _product(a, b)
                if product is not None:
                    return product
                self._bound_product(node, self.range(a), self.range(b))
            case ("maximum" | "minimum") as name, [a, b]:
                return self._extreme(node, name, self.range(a), self.range(b))
            case "item", [] if node.args[0].op.name == "while":
                return self._counted(node, forms)
        return Linear({node: 1}, 0)

    def _counted(self, node: Node, forms: Mapping[Node, Linear]) -> Linear:
        """Return the form of a result of a ``while``: of its index, which ends at its bound.

        That is so of a test ``index < bound``, as that of a backward loop that keeps a tape, where
        the bound is not below the start.
        """
        repeated = node.args[0]
        number = counting_state(repeated)
        if number is None or number != node.attrs["index"]:
            return Linear({node: 1}, 0)
        start = forms[repeated.args[number]]
        self._ranges[node] = Range(self.range(start).low)
        bound = _bound_of(repeated, number)
        if bound is None:
            return Linear({node: 1}, 0)
        least = self.range(forms[bound].plus(start, -1)).low
        reached = least is not None and self.never_negative(least)
        return forms[bound] if reached else Linear({node: 1}, 0)

    def _bound_product(self, node: Node, a: Range, b: Range) -> None:
        """Bound a product of integers that are not negative."""
        if a.low is None or b.low is None:
            return
        if self.never_negative(a.low) and self.never_negative(b.low):
            ends = None if a.high is None or b.high is None else a.high * b.high
            self._ranges[node] = Range(a.low * b.low, ends)

    def _extreme(self, node: Node, name: str, a: Range, b: Range) -> Linear:
        """Return the form of a maximum or minimum, which bounds of its operands bound."""
        if a.low is not None and b.low is not None and a.low == a.high and b.low == b.high:
            return Linear({}, dim_max(a.low, b.low) if name == "maximum" else dim_min(a.low, b.low))
        if name == "maximum":
            self._ranges[node] = Range(
                _either(a.low, b.low, dim_max), _both(a.high, b.high, dim_max)
            )
        else:
            self._ranges[node] = Range(
                _both(a.low, b.low, dim_min), _either(a.high, b.high, dim_min)
            )
        return Linear({node: 1}, 0)


_INTEGER = Type(DType.I64)


def _bound_of(repeated: Node, number: int) -> Node | None:
    """Return the constant that the index of a ``while`` is less than in each of its iterations."""
    test: Graph = repeated.attrs["test"]
    (last,) = test.outputs
    if last.op.name != "less" or last.args[0] is not test.params[number]:
        return None
    place = {param: k for k, param in enumerate(test.params)}.get(last.args[1], -1)
    return repeated.args[place] if place >= repeated.attrs["carried"] else None


def _product(a: Linear, b: Linear) -> Linear | None:
    """Return the product of two forms where it is linear with whole coefficients."""
    if a.size is not None and b.size is not None:
        return Linear({}, a.size * b.size)
    for factor, form in ((a.size, b), (b.size, a)):
        if isinstance(factor, int):
            return Linear({}, 0).plus(form, factor)
    return None


def _either(a: Size | None, b: Size | None, choose: Callable[[Size, Size], Size]) -> Size | None:
    """Return the better of two bounds of which one is enough."""
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)


def _both(a: Size | None, b: Size | None, choose: Callable[[Size, Size], Size]) -> Size | None:
    """Return the worse of two bounds, both of which are needed."""
    return None if a is None or b is None else choose(a, b)
