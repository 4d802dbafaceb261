"""Drop what nobody reads: nodes, and what loops and branches carry, return or take in vain.

A value that a loop carries is needed where its last value is read, where the next value of a needed
one depends on it, or where the test does. One that the body hands on as it is becomes a constant of
the loop, and two operands that are one value become one. A tape, or a result of a branch, is needed
where it is read.

A check is needed where its token is. Once no value waits for a token any more, which the last pass
sees to, every check is, and with it the loops and branches that it stands in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any, NamedTuple

from bpcompile.ir.build import node_key
from bpcompile.ir.graph import Graph, Node, reachable, regions
from bpcompile.ir.op import Kind
from bpcompile.ir.type import AnyType, TupleType
from bpcompile.passes.forms import FORMS, Form
from bpcompile.passes.notes import settled_note


def drop_dead(graph: Graph, *, checks: bool = False) -> Graph:
    """Return the graph with what its outputs need, in regions too; with `checks`, those as well."""
    return _dropped(graph, _Known(checks))


class _Known:
    """Remember what became of regions, and which of their nodes are needed in any case."""

    def __init__(self, checks: bool) -> None:
        """Say whether checks are."""
        self.checks = checks
        self.graphs: dict[Graph, Graph] = {}
        self._needed: dict[Graph, list[Node]] = {}
        self._used: dict[Any, set[int]] = {}

    def roots(self, graph: Graph, outputs: Sequence[Node]) -> tuple[Node, ...]:
        """Return some outputs of a graph, and its checks and the region ops that hold some."""
        if not self.checks:
            return tuple(outputs)
        if graph not in self._needed:
            self._needed[graph] = [node for node in graph.nodes if self.is_check(node)]
        return (*outputs, *self._needed[graph])

    def used(
        self, form: Form, regions: Mapping[str, Graph], carried: int, read: frozenset[int]
    ) -> set[int]:
        """Return the numbers of the operands that some results of a region op depend on.

        It looks into the regions inside: what an inner loop carries for nobody is not needed, even
        if the loop around it hands it on from one iteration to the next.
        """
        key = (*regions.values(), carried, read)
        if key not in self._used:
            number = {p: k for r in regions.values() for k, p in enumerate(r.params[form.lead :])}
            found = {k for k in read if k < carried}
            before: set[int] | None = None
            while before != found:
                before = set(found)
                for name, region in regions.items():
                    wanted = read | {k for k in found if k < carried}
                    outputs = region.outputs
                    if name != "test":
                        outputs = tuple(outputs[k] for k in sorted(wanted))
                    found.update(number[p] for p in self._reached(region, outputs) if p in number)
            self._used[key] = found
        return self._used[key]

    def _reached(self, graph: Graph, outputs: Sequence[Node]) -> list[Node]:
        """Return the parameters of a region that some of its outputs depend on."""
        needed = set(self.roots(graph, outputs))
        read: dict[Node, set[int]] = {}
        for node in reversed(graph.nodes):
            if node not in needed:
                continue
            if node.op.name == "item":
                read.setdefault(node.args[0], set()).add(node.attrs["index"])
            if node.op.kind is Kind.REGION:
                form = FORMS[node.op.name]
                carried: int = node.attrs.get("carried", 0)
                results = frozenset(read.get(node, ()))
                used = self.used(form, dict(regions(node)), carried, results)
                needed.update(node.args[: form.first])
                needed.update(node.args[form.first + k] for k in used)
            else:
                needed.update(node.args)
        return [param for param in graph.params if param in needed]

    def is_check(self, node: Node) -> bool:
        """Tell whether a node is a check, or one of its regions has one."""
        return self.checks and (
            node.op.name in ("require", "show")
            or any(self.roots(region, ()) for _, region in regions(node))
        )


class _Plan(NamedTuple):
    """Say what becomes of a region op: the numbers of the operands and results that are left.

    Operands are counted from the first that the regions take, results as in the node's type.
    `same` are the results that others stand for. `carried` of the results are carried.
    """

    operands: list[int]
    results: list[int]
    same: dict[int, int]
    carried: int
    regions: dict[str, Graph]


def _dropped(graph: Graph, known: _Known) -> Graph:
    """Return a graph or region without what its outputs do not need."""
    if graph in known.graphs:
        return known.graphs[graph]
    nodes, outputs = graph.nodes, graph.outputs
    roots = known.roots(graph, outputs)
    if any(node.attrs and node.op.kind is Kind.REGION for node in nodes):
        place = _places(graph, known)
        nodes = tuple(dict.fromkeys(place.values()))
        outputs = tuple(place[out] for out in outputs)
        roots = tuple(place[root] for root in roots)
    needed = reachable(roots)
    nodes = tuple([n for n in nodes if n in needed or n.op.name == "param"])
    same = len(nodes) == len(graph.nodes) and all(map(is_, nodes, graph.nodes))
    new = graph if same else Graph(graph.name, graph.params, nodes, outputs, graph.guards)
    known.graphs[graph] = known.graphs[new] = new
    return new


def _places(graph: Graph, known: _Known) -> dict[Node, Node]:
    """Return what becomes of the nodes of a graph with regions, in order."""
    plans = _plans(graph, known)
    joins = any(plan.same for plan in plans.values())
    equal: dict[Any, Node] = {}  # two that read one value now are one
    place: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.op.name == "param":
            place[node] = node
        elif node in plans or all(arg in place for arg in node.args):
            copy = _placed(node, plans, place)
            if copy is not None:
                place[node] = equal.setdefault(node_key(copy), copy) if joins else copy
    return place


def _plans(graph: Graph, known: _Known) -> dict[Node, _Plan]:
    """Return the plan of each region op that the outputs need."""
    needed = set(known.roots(graph, graph.outputs))
    read: dict[Node, set[int]] = {}
    plans: dict[Node, _Plan] = {}
    for node in reversed(graph.nodes):
        if node not in needed:
            continue
        if node.op.kind is Kind.REGION:
            plan = plans[node] = _Planner(node, read.get(node, set()), known).plan()
            needed.update(_arguments(node, plan))
        else:
            if node.op.name == "item":
                read.setdefault(node.args[0], set()).add(node.attrs["index"])
            needed.update(node.args)
    return plans


def _arguments(node: Node, plan: _Plan) -> list[Node]:
    """Return the operands that are left."""
    first = FORMS[node.op.name].first
    return [*node.args[:first], *(node.args[first + k] for k in plan.operands)]


class _Planner:
    """Find what is left of a region op, of whose results those in `read` are read."""

    def __init__(self, node: Node, read: set[int], known: _Known) -> None:
        """Take the node apart."""
        self.form = FORMS[node.op.name]
        self.known = known
        self.regions = dict(regions(node))
        self.carried: int = node.attrs.get("carried", 0)
        self.operands = list(node.args[self.form.first :])
        self.numbers = list(range(len(self.operands)))
        assert isinstance(node.type, TupleType)
        self.results = list(range(len(node.type.items)))
        self.read = read
        self.same: dict[int, int] = {}

    def plan(self) -> _Plan:
        """Shrink until nothing goes: smaller regions may need fewer operands."""
        if not self.carried:
            self._join_results()
        while self._shrink():
            pass
        return _Plan(self.numbers, self.results, self.same, self.carried, self.regions)

    def _join_results(self) -> None:
        """Let a result of a branch that both arms make like another be that one."""
        first: dict[tuple[Node, ...], int] = {}
        for k in sorted(self.read):
            made = tuple(arm.outputs[k] for arm in self.regions.values())
            if first.setdefault(made, k) != k:
                self.same[k] = first[made]
        self.read = {k for k in self.read if k not in self.same}

    def _shrink(self) -> bool:
        """Drop what is not needed; tell whether anything went."""
        used = sorted(self._used())
        results = [k for k in used if k < self.carried and self._is_carried(k)]
        carried = len(results)
        results += sorted(k for k in self.read if k >= self.carried)
        operands, twins = results[:carried], dict[int, int]()
        first: dict[Node, int] = {}
        for k in used:
            if k in results[:carried]:
                continue
            other = first.setdefault(self.operands[k], k)
            if other == k:
                operands.append(k)
            else:
                twins[k] = other
        before = self.regions
        self.regions = {
            key: _dropped(self._smaller(key, region, operands, results, twins), self.known)
            for key, region in before.items()
        }
        self.read = {results.index(k) for k in self.read}
        self.operands = [self.operands[k] for k in operands]
        self.numbers = [self.numbers[k] for k in operands]
        self.results = [self.results[k] for k in results]
        self.carried = carried
        return any(self.regions[key] is not region for key, region in before.items())

    def _is_carried(self, k: int) -> bool:
        """Tell whether a state must stay one: it is read, or an iteration changes it."""
        body = self.regions["body"]
        return k in self.read or body.outputs[k] is not body.params[self.form.lead + k]

    def _used(self) -> set[int]:
        """Return the numbers of the operands that are needed."""
        return self.known.used(self.form, self.regions, self.carried, frozenset(self.read))

    def _smaller(
        self,
        key: str,
        region: Graph,
        operands: Sequence[int],
        results: Sequence[int],
        twins: dict[int, int],
    ) -> Graph:
        """Return a region with the parameters and outputs that are left."""
        lead, params = self.form.lead, region.params[self.form.lead :]
        kept = (*region.params[:lead], *(params[k] for k in operands))
        outputs = region.outputs if key == "test" else tuple(region.outputs[k] for k in results)
        if kept == region.params and len(outputs) == len(region.outputs):
            return region
        place = {params[k]: params[other] for k, other in twins.items()}
        nodes = list(kept)
        needed = reachable(self.known.roots(region, outputs))
        equal: dict[Any, Node] = {}  # two that read one value now are one
        for node in region.nodes:
            if node.op.name == "param" or node not in needed:
                continue
            args = tuple([place.get(arg, arg) for arg in node.args])
            same = all(map(is_, args, node.args))
            new = (
                node if same else Node(node.op, args, node.attrs, node.type, node.origin, node.name)
            )
            found = equal.setdefault(node_key(new), new) if twins else new
            if found is not node:
                place[node] = found
            if found is new:
                nodes.append(new)
        outputs = tuple(place.get(out, out) for out in outputs)
        return Graph(region.name, kept, tuple(nodes), outputs, region.guards)


def _placed(node: Node, plans: dict[Node, _Plan], place: dict[Node, Node]) -> Node | None:
    """Return what becomes of a node whose operands have their places, None if it goes."""
    attrs, type, args = node.attrs, node.type, node.args
    if node in plans:
        plan = plans[node]
        args = tuple(_arguments(node, plan))
        if any(plan.regions[key] is not attrs[key] for key in plan.regions):
            attrs = {**attrs, **plan.regions, **_counts(node, plan)}
            if "note" in attrs and "body" in attrs:
                note = settled_note(attrs["note"], attrs["body"].params, attrs.get("kept", 0))
                attrs = {**attrs, "note": note}
                if not note:
                    del attrs["note"]
            type = _result_type(node, plan)
    elif node.op.name == "item" and node.args[0] in plans:
        plan = plans[node.args[0]]
        index = plan.same.get(node.attrs["index"], node.attrs["index"])
        if index not in plan.results:
            return None
        if plan.results.index(index) != node.attrs["index"]:
            attrs = {"index": plan.results.index(index)}
    moved = tuple([place[arg] for arg in args])
    if attrs is node.attrs and all(map(is_, moved, node.args)):
        return node
    return Node(node.op, moved, attrs, type, node.origin, node.name)


def _counts(node: Node, plan: _Plan) -> dict[str, int]:
    """Return the attributes that count results."""
    if node.op.name == "branch":
        return {}
    kept = len(plan.results) - plan.carried
    return {"carried": plan.carried, **({"kept": kept} if "kept" in node.attrs else {})}


def _result_type(node: Node, plan: _Plan) -> AnyType:
    """Return the type of the results that are left."""
    assert isinstance(node.type, TupleType)
    return TupleType(tuple(node.type.items[k] for k in plan.results))
