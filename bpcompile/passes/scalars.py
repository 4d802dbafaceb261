"""Carry small arrays through loops and branches as scalars.

A state such as ``s = np.array([x, y, z])`` that each turn of a loop makes anew, element by element,
needs no memory: the loop carries its elements, and the rules of `views` write everything that is
computed from them with scalars, the rules here their sums. This runs before the adjoint pass, so
that the derivative is scalar too. A state that a turn reads or writes as a whole, in a matrix
product or at a run-time index, stays an array. What an arm of a branch takes and returns is treated
alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size, product
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import AnyType, DType, TupleType, Type
from bpcompile.ops.index import Slice, Spec, is_static
from bpcompile.passes.forms import FORMS
from bpcompile.passes.rewrite import Rewriter, Table
from bpcompile.passes.views import SMALL

_F64 = Type(DType.F64)
_MOST_SEEN = 64  # nodes looked at for where an array comes from


def scalar_states(graph: Graph) -> Graph:
    """Return the graph with the elements of small arrays in the place of loop-carried arrays."""
    return _split(graph, {})


def _split(graph: Graph, known: dict[Graph, Graph]) -> Graph:
    """Return a graph or region with its loops' states taken apart."""
    if graph in known:
        return known[graph]
    if any(node.attrs and node.op.kind is Kind.REGION for node in graph.nodes):
        new = _rebuilt(graph, known)
        known[graph] = known[new] = new
        return new
    return graph


def _rebuilt(graph: Graph, known: dict[Graph, Graph]) -> Graph:
    """Return a graph whose loops and regions are split."""
    builder = Builder(graph.name)
    builder.params, builder.nodes = list(graph.params), list(graph.params)
    builder.guards = list(graph.guards)
    place: dict[Node, Node] = {param: param for param in graph.params}
    items: dict[Node, tuple[Expr, ...]] = {}
    changed = False
    for node in graph.nodes[len(graph.params) :]:
        if node.op.name == "item" and node.args[0] in items:
            found = items[node.args[0]][node.attrs["index"]].node
            found.name = found.name or node.name
            place[node] = found
            continue
        inner = {key: _split(region, known) for key, region in regions(node)}
        attrs = node.attrs
        if any(inner[key] is not attrs[key] for key in inner):
            attrs, changed = {**attrs, **inner}, True
        moved = tuple([place[arg] for arg in node.args])
        copy = Node(node.op, moved, attrs, node.type, node.origin, node.name)
        split = _splittable(copy) if copy.op.kind is Kind.REGION else _Split([], [])
        if split.operands or split.results:
            with builder.at(node.origin):
                items[node] = _split_region(builder, copy, split)
            changed = True
        else:
            place[node] = builder.adopt(copy)
    if not changed:
        return graph
    return builder.finish([builder.wrap(place[out]) for out in graph.outputs])


def _is_small(node: Node) -> bool:
    """Tell whether a node is an array of few elements, literally so."""
    if not isinstance(node.type, Type) or not node.shape:
        return False
    count = product(node.shape)
    return isinstance(count, int) and 0 < count <= SMALL


class _Split(NamedTuple):
    """Say which parameters and which results of a region op are taken apart, by their numbers.

    Parameters are counted without the index of a loop.
    """

    operands: list[int]
    results: list[int]


def _splittable(node: Node) -> _Split:
    """Return the small arrays that each region of a node makes and reads by element."""
    lead = FORMS[node.op.name].lead
    if node.op.name == "branch":
        return _splittable_branch(node)
    body: Graph = node.attrs["body"]
    params = body.params[lead:]
    small = [k for k in range(node.attrs["carried"]) if _is_small(params[k])]
    if not small:
        return _Split([], [])
    apart = _made_by_element(body)
    small = [k for k in small if body.outputs[k] in apart]
    for _, region in regions(node):
        whole = _read_as_whole(region)
        small = [k for k in small if region.params[lead + k] not in whole]
    return _Split(small, small)


def _splittable_branch(node: Node) -> _Split:
    """Return the small arrays that both arms of a branch make, and that both read, by element."""
    arms = [arm for _, arm in regions(node)]
    numbers = range(len(arms[0].outputs))
    results = [k for k in numbers if _is_small(arms[0].outputs[k])]
    operands = [k for k, param in enumerate(arms[0].params) if _is_small(param)]
    for arm in arms if results else ():
        apart = _made_by_element(arm)
        results = [k for k in results if arm.outputs[k] in apart]
    for arm in arms if operands else ():
        whole = _read_as_whole(arm, [arm.outputs[k] for k in numbers if k not in results])
        operands = [k for k in operands if arm.params[k] not in whole]
    return _Split(operands, results)


def _made_by_element(body: Graph) -> set[Node]:
    """Return the nodes whose elements are scalars of their own, or reads of small arrays."""
    found: set[Node] = set()
    for node in body.nodes:
        if not isinstance(node.type, Type):
            continue
        if not node.shape or (node.op.kind is Kind.LEAF and node.op.name != "item"):
            apart = not node.shape or _is_small(node)
        elif node.op.kind is Kind.ELEMENTWISE or node.op.name == "broadcast":
            apart = all(arg in found for arg in node.args)
        elif node.op.kind is Kind.VIEW:
            apart = node.args[0] in found and _one(node)
        elif node.op.kind is Kind.INDEX and is_static(node.attrs["spec"]):
            written = node.op.name != "index"
            apart = all(arg in found for arg in node.args) and (not written or _one(node.args[1]))
        else:
            apart = False
        if apart:
            found.add(node)
    return found


def _one(node: Node) -> bool:
    """Tell whether a node has exactly one element."""
    return product(node.shape) == 1


def _read_as_whole(body: Graph, outputs: Sequence[Node] = ()) -> set[Node]:
    """Return the arrays that reach `outputs` or something that takes arrays, not their elements."""
    found: set[Node] = set(outputs)
    for node in reversed(body.nodes):
        kind, arrays = node.op.kind, [arg for arg in node.args if isinstance(arg.type, Type)]
        static = kind is Kind.INDEX and is_static(node.attrs["spec"])
        if kind is Kind.VIEW or (static and node.op.name == "index"):
            through = _one(node)
        else:
            through = static or kind is Kind.ELEMENTWISE or _is_total(node)
        if not through or node in found:
            found.update(arg for arg in arrays if arg.shape)
    return found


def _is_total(node: Node) -> bool:
    """Tell whether a node sums all of small float64 arrays, or of their product.

    In float32 a sum is rounded once, which a sum of scalars would not be.
    """
    sums = node.op.name == "sum" or (node.op.name == "matmul" and not node.shape)
    return sums and node.type == _F64 and all(map(_is_small, node.args))


def _is_assembled(x: Node) -> bool:
    """Tell whether the elements of a small array come from scalars, in part at least."""
    stack, seen = [x], {x}
    while stack and len(seen) <= _MOST_SEEN:
        node = stack.pop()
        if node.op.name in ("update", "accumulate"):
            return is_static(node.attrs["spec"]) and _one(node.args[1])
        if node.op.kind is Kind.ELEMENTWISE:
            stack += [arg for arg in node.args if arg not in seen]
            seen.update(node.args)
    return False


def sum_of_elements(y: Node, build: Rewriter) -> Node | None:
    """Write the sum of a small array that is made of scalars as a sum of these."""
    if not _is_total(y) or not _is_assembled(y.args[0]):
        return None
    first, *rest = _elements(build.wrap(y.args[0]))
    for element in rest:
        first = first + element
    return first.node


def product_of_elements(y: Node, build: Rewriter) -> Node | None:
    """Write the inner product of small arrays that are made of scalars as a sum of products."""
    if not _is_total(y) or not any(map(_is_assembled, y.args)):
        return None
    return build("sum", build("mul", *y.args), axes=(0,))


SCALARS: Table = {"sum": (sum_of_elements,), "matmul": (product_of_elements,)}


def _places(shape: tuple[Size, ...]) -> Iterator[Spec]:
    """Yield the index of each element of a literal shape, in order."""
    for place in itertools.product(*(range(n) for n in shape if isinstance(n, int))):
        yield tuple(Slice(k, 1, 1) for k in place)


def _elements(x: Expr) -> list[Expr]:
    """Return the elements of a small array as scalars."""
    parts = (OPS["index"](x, spec=spec) for spec in _places(x.shape))
    return [OPS["reshape"](part, shape=()) for part in parts]


def _assembled(elements: list[Expr], type: Type) -> Expr:
    """Return the array of these elements."""
    array = elements[0].builder.const(0, type)
    ones = (1,) * type.rank
    for spec, element in zip(_places(type.shape), elements, strict=True):
        array = OPS["update"](array, OPS["reshape"](element, shape=ones), spec=spec)
    return array


def _split_region(builder: Builder, node: Node, split: _Split) -> tuple[Expr, ...]:
    """Append a region op that takes and returns elements; return the old one's results."""
    form = FORMS[node.op.name]
    operands: list[Expr] = []
    for k, arg in enumerate(node.args[form.first :]):
        operand = builder.wrap(arg)
        operands += _elements(operand) if k in split.operands else [operand]
    assert isinstance(node.type, TupleType)
    carried = node.attrs.get("carried", 0)
    widths = [_count(item) if k in split.results else 1 for k, item in enumerate(node.type.items)]
    attrs = {**node.attrs}
    for key, region in regions(node):
        inner, arguments = _opened(region, form.lead, split.operands)
        outputs: list[Expr] = []
        for k, out in enumerate(inner.inline(region, arguments)):
            outputs += _elements(out) if k in split.results and key != "test" else [out]
        attrs[key] = inner.finish(outputs)
    if carried:
        attrs["carried"] = sum(widths[:carried])
    ends = [builder.wrap(arg) for arg in node.args[: form.first]]
    found = iter(builder.apply(node.op, (*ends, *operands), attrs).items())
    results = []
    for k, item in enumerate(node.type.items):
        parts = [next(found) for _ in range(widths[k])]
        if k in split.results and isinstance(item, Type):
            results.append(_assembled(parts, item))
        else:
            results.append(parts[0])
    return tuple(results)


def _opened(region: Graph, lead: int, numbers: Sequence[int]) -> tuple[Builder, list[Expr]]:
    """Return a builder with scalars for some parameters, and what stands for all of them."""
    inner = Builder(region.name)
    inner.guards = list(region.guards)
    arguments = []
    for k, param in enumerate(region.params):
        name = param.name or "s"
        if k - lead in numbers:
            type = param.array_type
            names = (f"{name}_{j}" for j in range(_count(type)))
            scalars = [inner.param(own, Type(type.dtype)) for own in names]
            arguments.append(_assembled(scalars, type))
        else:
            own = inner.adopt(Node(param.op, (), {"name": name}, param.type, param.origin, name))
            inner.params.append(own)
            arguments.append(inner.wrap(own))
    return inner, arguments


def _count(type: AnyType) -> int:
    """Return the number of elements of a small array."""
    count = product(type.shape) if isinstance(type, Type) else 1
    assert isinstance(count, int)
    return count
