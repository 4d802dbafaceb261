"""Read elements before a loop that all its iterations read alike, and carry one that all change.

``for j: U[i, j] -= U[i, k] * U[k, j]`` reads ``U[i, k]`` in each iteration and writes it in none:
it is read once, before the loop. ``for k: x[i] -= L[i, k] * x[k]`` changes ``x[i]`` alone: the loop
carries that element as a scalar, which is written after the last iteration. This is loop-invariant
code motion and scalar replacement; see R. Allen and K. Kennedy, "Optimizing Compilers for Modern
Architectures", chapter 8. It runs before the adjoint pass, so that the derivative adds up in a
scalar, too, where it would else add to one place of an array in each iteration.

An element is moved only if its place is seen to be one of the array: a loop that is not run reads
nothing, and raises no error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bpcompile.ir.build import Builder
from bpcompile.ir.graph import Graph, Node, reachable, regions, users
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import AnyType, DType, TupleType, Type
from bpcompile.ops.index import At
from bpcompile.transforms.accesses import Access, Place, Space, versions, writes
from bpcompile.transforms.counts import Counts, Linear
from bpcompile.transforms.regions import Branch, Loop, counting_state, moved

_INTEGER = Type(DType.I64)
_NOTHING: Mapping[Node, Node] = MappingProxyType({})


def hoist(graph: Graph) -> Graph:
    """Return the graph with elements as scalars that its loops only read, or that they change."""
    counts = Counts(graph)
    return _hoisted(graph, Place(Space(counts, graph.guards), counts))


def _hoisted(graph: Graph, place: Place) -> Graph:
    """Return a graph or region with less in its loops, the inner ones first."""
    if not any(node.op.kind is Kind.REGION for node in graph.nodes):
        return graph
    builder = Builder(graph.name)
    builder.guards = list(graph.guards)
    builder.params = [builder.adopt(param) for param in graph.params]
    new: dict[Node, Node] = {param: param for param in graph.params}
    results: dict[Node, Sequence[Node]] = {}
    for node in graph.nodes:
        if node in new:
            continue
        if node.op.name == "item" and node.args[0] in results:
            found = results[node.args[0]][node.attrs["index"]]
            found.name = found.name or node.name
            new[node] = found
            continue
        args = tuple([new[arg] for arg in node.args])
        attrs = _attrs_of(node, args, place)
        same = attrs is node.attrs and args == node.args
        copy = node if same else Node(node.op, args, attrs, node.type, node.origin, node.name)
        if node.op.name == "loop":
            with builder.at(node.origin):
                found_results = _lightened(Loop(copy), builder, place)
            if found_results is not None:
                results[node] = found_results
                new[node] = copy
                continue
        new[node] = builder.adopt(copy)
    if all(new[node] is node for node in graph.nodes):
        return graph
    return builder.finish([builder.wrap(new[out]) for out in graph.outputs])


def _attrs_of(node: Node, args: tuple[Node, ...], place: Place) -> dict[str, Any]:
    """Return the attributes of a region op with less in the loops of its regions."""
    if node.op.kind is not Kind.REGION:
        return node.attrs
    copy = Node(node.op, args, node.attrs, node.type)
    found: dict[str, Graph] = {}
    for number, (key, region) in enumerate(regions(node)):
        if node.op.name == "branch":
            inside = place.inside_arm(Branch(copy), number)
        elif key == "body" and (node.op.name == "loop" or counting_state(node) is not None):
            inside = place.inside(Loop(copy))
        else:
            inside = place._replace(counts=Counts(region), known={})
        found[key] = _hoisted(region, inside)
    if all(found[key] is region for key, region in regions(node)):
        return node.attrs
    return {**node.attrs, **found}


def _lightened(loop: Loop, builder: Builder, place: Place) -> list[Node] | None:
    """Append a loop without the elements that can stand before it; return its results.

    None where nothing changes.
    """
    before = loop
    loop = _with_reads_before(loop, builder, place)
    ends: dict[int, tuple[Node, Node]] = {}
    for k in range(loop.carried):
        write = _only_write(loop, k, place)
        if write is not None:
            array = loop.operands[k]
            loop = _with_scalar(loop, k, write, builder)
            ends[k] = array, write
    if loop is before:
        return None
    made = builder.adopt(loop.node)
    results = []
    for k, item in enumerate(builder.wrap(made).items()):
        node = item.node
        if k in ends:
            array, write = ends[k]
            places = _outside(loop, write.args[2:], builder)
            args = [builder.wrap(x) for x in (array, node, *places)]
            node = OPS["update"](*args, **write.attrs).node
        results.append(node)
    return results


def _with_reads_before(loop: Loop, builder: Builder, place: Place) -> Loop:
    """Return a loop that is given the elements which all its iterations read alike."""
    elements = _Elements(loop, place)
    alike = [node for node in loop.body.nodes if elements.is_read_alike(node)]
    if not alike:
        return loop
    given: dict[Node, Node] = {}
    values: list[Node] = []
    readers = users(loop.body)
    for node in alike:
        value = _outside(loop, [node], builder, elements.starts)[0]
        if node in loop.body.outputs or not elements.moved.issuperset(readers[node]):
            array = node.args[0] if node.op.name == "index" else node.args[0].args[0]
            name = node.name or array.name or "element"
            given[node] = Node(OPS["param"], (), {"name": name}, node.type, node.origin, name)
            values.append(value)
    body = _substituted(loop.body, given, (*loop.body.params, *given.values()), loop.body.outputs)
    args = (*loop.node.args, *values)
    return Loop(_remade(loop.node, args, body, loop.node.type))


class _Elements:
    """Tell which elements all iterations of a loop read alike."""

    def __init__(self, loop: Loop, place: Place) -> None:
        """Start with what is the same in all iterations."""
        self.loop, self.place = loop, place.inside(loop)
        self.fixed = _fixed(loop)
        self.moved: set[Node] = set()
        self.starts: dict[Node, Node] = {}
        self._state: dict[Node, int] = {}
        self._written: dict[int, list[Access]] = {}
        for k, (param, out) in enumerate(zip(loop.states, loop.outputs, strict=True)):
            forms = versions(out, param) if isinstance(param.type, Type) and param.shape else None
            made = None if forms is None else writes(forms[1:], self.place)
            if forms is not None and made is not None:
                self._written[k] = made
                self._state |= dict.fromkeys(forms, k)
                self.starts |= dict.fromkeys(forms, loop.operands[k])

    def is_read_alike(self, node: Node) -> bool:
        """Tell whether a node reads such an element, asked in the order of the body."""
        if node.op.name == "index":
            found = self._is_alike(node)
        else:
            found = node.op.name == "reshape" and node.args[0] in self.moved and not node.shape
        if found:
            self.moved.add(node)
        return found

    def _is_alike(self, node: Node) -> bool:
        """Tell whether an ``index`` reads one element, the same one in all iterations."""
        array = node.args[0]
        if not self.fixed.issuperset(node.args[1:]) or not is_within(node, self.place):
            return False
        if array in self.fixed:
            return True
        if array not in self._state:
            return False
        access, space = self.place.access(node), self.place.space
        return all(space.never_meet(access, w) for w in self._written[self._state[array]])


def is_within(node: Node, place: Place) -> bool:
    """Tell whether an ``index`` or ``update`` is seen to be of one element that the array has."""
    array = node.args[0]
    for size, entry, form in zip(array.shape, node.attrs["spec"], place.access(node), strict=True):
        if form is None:
            return False
        known = not isinstance(entry, At)  # a guard has told that it is there
        limit = Linear({}, size)
        if not known and not (place.space.is_natural(form) and place.space.is_below(form, limit)):
            return False
    return True


def _fixed(loop: Loop) -> set[Node]:
    """Return the nodes of a body that are the same in all iterations, and cost nothing."""
    fixed = set(loop.constants)
    for node in loop.body.nodes:
        leaf = node.op.kind is Kind.LEAF and not node.args and node.op.name != "param"
        whole = node.type == _INTEGER and node.op.kind is Kind.ELEMENTWISE
        if leaf or (whole and fixed.issuperset(node.args)):
            fixed.add(node)
    return fixed


def _outside(
    loop: Loop, nodes: Sequence[Node], builder: Builder, arrays: Mapping[Node, Node] = _NOTHING
) -> list[Node]:
    """Compute nodes of a body before the loop, with other arrays in the place of some."""
    place = {**dict(zip(loop.params, loop.operands, strict=True)), **arrays}
    stack = list(nodes)
    while stack:
        top = stack[-1]
        missing = [arg for arg in top.args if arg not in place] if top not in place else []
        if missing:
            stack += missing
            continue
        stack.pop()
        if top not in place:
            args = tuple(place[arg] for arg in top.args)
            copy = Node(top.op, args, top.attrs, top.type, top.origin, top.name)
            place[top] = builder.adopt(copy)
    return [place[node] for node in nodes]


def _only_write(loop: Loop, k: int, place: Place) -> Node | None:
    """Return the one write to state `k` if it is of one element, the same one in all iterations.

    None also where the array is used in another way than by elements, each seen to be that one or
    another.
    """
    param: Node = loop.params[k]
    write: Node = loop.outputs[k]
    if write.op.name != "update" or write.args[0] is not param or write.args[1].shape:
        return None
    inside, outputs = place.inside(loop), loop.body.outputs
    within = _fixed(loop).issuperset(write.args[2:]) and is_within(write, inside)
    if not within or param in outputs or outputs.count(write) > 1:
        return None
    here = inside.access(write)
    readers = users(loop.body)
    for node in (param, write):
        for user in readers[node]:
            if user is write and write.args.count(param) == 1:
                continue
            if user.op.name != "index" or node in user.args[1:]:
                return None
            apart = inside.space.never_meet(inside.access(user), here)
            if not apart and not _is_same(user, write):
                return None
    return write


def _is_same(read: Node, write: Node) -> bool:
    """Tell whether an ``index`` reads where an ``update`` writes, by the same operands."""
    return read.args[1:] == write.args[2:] and read.attrs["spec"] == write.attrs["spec"]


def _with_scalar(loop: Loop, k: int, write: Node, builder: Builder) -> Loop:
    """Return a loop that carries the one element that it changes of state `k`."""
    param, value = loop.params[k], write.args[1]
    name = value.name or param.name or "element"
    scalar = Node(OPS["param"], (), {"name": name}, value.type, value.origin, name)
    given: dict[Node, Node] = {write: param}  # other places are the same before and after it
    for node in loop.body.nodes:
        if node.op.name == "index" and node.args[0] in (param, write) and _is_same(node, write):
            given[node] = scalar if node.args[0] is param else value
    outputs = tuple(value if m == k else out for m, out in enumerate(loop.outputs))
    states = (scalar if p is param else p for p in loop.states)
    params = (loop.index, *states, *loop.constants, param)
    body = _substituted(loop.body, given, params, outputs)
    attrs = {"spec": write.attrs["spec"]}
    first = OPS["index"].infer(param.array_type, *(x.array_type for x in write.args[2:]), **attrs)
    start = Node(OPS["index"], (param, *write.args[2:]), attrs, first, write.origin)
    operands = list(loop.operands)
    operands[k] = _outside(loop, [start], builder)[0]
    args = (*loop.node.args[:2], *operands, loop.operands[k])
    assert isinstance(loop.node.type, TupleType)
    types = list(loop.node.type.items)
    types[k] = value.array_type
    return Loop(_remade(loop.node, args, body, TupleType(tuple(types))))


def _substituted(
    graph: Graph, given: Mapping[Node, Node], params: Sequence[Node], outputs: Sequence[Node]
) -> Graph:
    """Return a body with other parameters and outputs, and other nodes in the place of some."""
    place: dict[Node, Node] = {param: param for param in params}
    nodes: list[Node] = list(params)
    for node in graph.nodes:
        if node in place:
            continue
        other = given.get(node)
        if other is not None:
            place[node] = place.get(other, other)
            continue
        args = tuple([place[arg] for arg in node.args])
        place[node] = moved(node, args)
        nodes.append(place[node])
    made = tuple(place[out] for out in outputs)
    needed = reachable(made)
    kept = tuple(n for n in nodes if n in needed or n.op.name == "param")
    return Graph(graph.name, tuple(params), kept, made, graph.guards)


def _remade(node: Node, args: tuple[Node, ...], body: Graph, type: AnyType) -> Node:
    """Return a loop with other operands and another body."""
    return Node(node.op, args, {**node.attrs, "body": body}, type, node.origin, node.name)
