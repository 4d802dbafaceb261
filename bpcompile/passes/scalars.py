"""Carry small arrays through loops as scalars.

A state such as ``s = np.array([x, y, z])`` that each turn of a loop makes anew, element by element,
needs no memory: the loop carries its elements, and the rules of `views` write everything that is
computed from them with scalars, the rules here their sums. This runs before the adjoint pass, so
that the derivative is scalar too. A state that a turn reads or writes as a whole, in a matrix
product or at a run-time index, stays an array.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size, product
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import Slice, Spec, is_static
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
        numbers = _splittable(copy) if node.op.name == "loop" else []
        if numbers:
            with builder.at(node.origin):
                items[node] = _split_loop(builder, copy, numbers)
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


def _splittable(loop: Node) -> list[int]:
    """Return the numbers of the carried values that each turn makes and reads by element."""
    body, carried = loop.attrs["body"], loop.attrs["carried"]
    small = [k for k in range(carried) if _is_small(body.params[1 + k])]
    if not small:
        return []
    apart = _made_by_element(body)
    whole = _read_as_whole(body)
    return [k for k in small if body.outputs[k] in apart and body.params[1 + k] not in whole]


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


def _read_as_whole(body: Graph) -> set[Node]:
    """Return the arrays that reach something that takes arrays, and not their elements."""
    found: set[Node] = set()
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


def _split_loop(builder: Builder, loop: Node, numbers: list[int]) -> tuple[Expr, ...]:
    """Append a loop that carries the elements of some states; return the old loop's results."""
    body: Graph = loop.attrs["body"]
    carried: int = loop.attrs["carried"]
    inner = Builder(body.name)
    inner.guards = list(body.guards)
    arguments = [inner.param(body.params[0].name or "i", body.params[0].array_type)]
    operands: list[Expr] = []
    widths: list[int] = []
    for k, param in enumerate(body.params[1:]):
        operand, type, name = builder.wrap(loop.args[2 + k]), param.array_type, param.name or "s"
        if k in numbers:
            parts = _elements(operand)
            names = (f"{name}_{j}" for j in range(len(parts)))
            scalars = [inner.param(own, Type(type.dtype)) for own in names]
            arguments.append(_assembled(scalars, type))
        else:
            parts = [operand]
            arguments.append(inner.param(name, type))
        operands += parts
        widths.append(len(parts))
    outputs: list[Expr] = []
    for k, out in enumerate(inner.inline(body, arguments)):
        outputs += _elements(out) if k in numbers else [out]
    attrs = {**loop.attrs, "body": inner.finish(outputs), "carried": len(outputs)}
    ends = [builder.wrap(arg) for arg in loop.args[:2]]
    found = iter(builder.apply(loop.op, (*ends, *operands), attrs).items())
    return tuple(
        _assembled([next(found) for _ in range(widths[k])], body.params[1 + k].array_type)
        if k in numbers
        else next(found)
        for k in range(carried)
    )
