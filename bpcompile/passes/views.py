"""Simplify how values are arranged: views of views, and reads of what was just written.

Views that repeat values, add axes or permute them move towards the results: an elementwise op of
views that are alike is the view of the op, which then works on fewer values, or meets the inverse
of the view. Views that take one element move the other way, and so do reads of single elements of
arrays of at most `SMALL` entries: what is computed from such an element is a scalar all along. All
of these rules move values and change none.
"""

from __future__ import annotations

from bpcompile.ir.dims import Size, product
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ops.index import Slice, Spec, is_static, whole
from bpcompile.passes.rewrite import Rewriter, Rules, Table, for_operands, number, rewrite

SMALL = 8  # entries of a literal array that is taken apart where single elements are read

_VIEW = Kind.VIEW
_FOLDS = frozenset({"sum", "prod", "max", "min", "any", "all"})


def view_of_view(y: Node, build: Rewriter) -> Node | None:
    """Drop a view that changes nothing, and write two of a kind as one."""
    (x,) = y.args
    moves = y.attrs.get("order", y.attrs.get("axes", ()))
    if x.type == y.type and _is_sorted(moves):
        return x
    if x.op is not y.op:
        return None
    inner = x.args[0]
    if y.op.name == "reshape":
        return build("reshape", inner, shape=y.attrs["shape"])
    if y.op.name == "transpose":
        order = tuple(x.attrs["order"][k] for k in y.attrs["order"])
        return build("transpose", inner, order=order)
    axes = tuple(y.attrs["axes"][k] for k in x.attrs["axes"])
    return build("broadcast", inner, shape=y.attrs["shape"], axes=axes)


def transpose_of_broadcast(y: Node, build: Rewriter) -> Node | None:
    """Write a transposed broadcast as a broadcast along other axes."""
    (x,) = y.args
    if x.op.name != "broadcast":
        return None
    order = y.attrs["order"]
    axes = tuple(order.index(axis) for axis in x.attrs["axes"])
    return build("broadcast", x.args[0], shape=y.shape, axes=axes)


def broadcast_of_transpose(y: Node, build: Rewriter) -> Node | None:
    """Write a broadcast of a transpose as a broadcast along other axes."""
    (x,) = y.args
    if x.op.name != "transpose":
        return None
    axes = [0] * len(x.shape)
    for k, axis in enumerate(x.attrs["order"]):
        axes[axis] = y.attrs["axes"][k]
    return build("broadcast", x.args[0], shape=y.attrs["shape"], axes=tuple(axes))


def broadcast_of_one(y: Node, build: Rewriter) -> Node | None:
    """Write a broadcast that repeats nothing as a reshape."""
    axes, shape = y.attrs["axes"], y.attrs["shape"]
    if not _is_sorted(axes) or any(n != 1 for k, n in enumerate(shape) if k not in axes):
        return None
    return build("reshape", y.args[0], shape=shape)


@for_operands(Kind.VIEW)
def op_of_views(y: Node, build: Rewriter) -> Node | None:
    """Write an elementwise op of equal views, and constants, as the view of the op."""
    view = None
    for arg in y.args:
        if arg.op.kind is _VIEW:
            view = arg
        elif arg.op.name != "const":
            return None
    if view is None or not all(_fits(arg, view) for arg in y.args):
        return None
    shape = view.args[0].shape
    if view.op.name == "reshape" and len(shape) >= len(view.shape):
        return None
    inner = [
        build.const(number(arg), arg.array_type.with_shape(shape)).node
        if arg.op.name == "const"
        else arg.args[0]
        for arg in y.args
    ]
    return build(view.op.name, build(y.op.name, *inner, **y.attrs), **view.attrs)


def _fits(arg: Node, view: Node) -> bool:
    """Tell whether an operand is a constant or the same view of a value of the same shape."""
    if arg.op.name == "const":
        return True
    if arg.op is not view.op or arg.attrs != view.attrs:
        return False
    return arg.args[0].shape == view.args[0].shape


def scalar_of_op(y: Node, build: Rewriter) -> Node | None:
    """Write an op of one element, taken out as a scalar, as the op of scalars."""
    (x,) = y.args
    if y.shape != () or x.op.kind is not Kind.ELEMENTWISE:
        return None
    scalars = [_scalar(arg, build) for arg in x.args]
    return build(x.op.name, *scalars, **x.attrs)


def _scalar(x: Node, build: Rewriter) -> Node:
    """Return the one element of an array."""
    return build("reshape", x, shape=()) if x.shape else x


def element_of_op(y: Node, build: Rewriter) -> Node | None:
    """Write one element of an op of small arrays as the op of their elements."""
    x, spec = y.args[0], y.attrs["spec"]
    if x.op.kind is not Kind.ELEMENTWISE or not is_static(spec):
        return None
    count = product(x.shape)
    if not isinstance(count, int) or count > SMALL or product(y.shape) != 1:
        return None
    elements = [build("index", arg, spec=spec) for arg in x.args]
    return build(x.op.name, *elements, **x.attrs)


def fold_of_nothing(y: Node, build: Rewriter) -> Node | None:
    """Write a reduction over no axes, or over axes of length 1, without it."""
    (x,) = y.args
    if (
        any(x.shape[k] != 1 for k in y.attrs["axes"])
        or x.array_type.dtype is not y.array_type.dtype
    ):
        return None
    return build("reshape", x, shape=y.shape) if y.attrs["axes"] else x


def index_of_all(y: Node, _build: Rewriter) -> Node | None:
    """Drop an index that reads all of an array."""
    x = y.args[0]
    return x if _takes_all(y.attrs["spec"], x.shape) else None


def index_of_index(y: Node, build: Rewriter) -> Node | None:
    """Write a slice of a slice as one."""
    x = y.args[0]
    outer, inner = y.attrs["spec"], x.attrs.get("spec", ())
    if x.op.name != "index" or not (is_static(outer) and is_static(inner)):
        return None
    pairs = zip(inner, outer, strict=True)
    spec = tuple(Slice(a.start + a.step * b.start, a.step * b.step, b.length) for a, b in pairs)
    return build("index", x.args[0], spec=spec)


def index_of_broadcast(y: Node, build: Rewriter) -> Node | None:
    """Write a slice of a broadcast as a shorter broadcast of a slice."""
    x = y.args[0]
    spec = y.attrs["spec"]
    if x.op.name != "broadcast" or not is_static(spec):
        return None
    axes = x.attrs["axes"]
    inner = build("index", x.args[0], spec=tuple(spec[k] for k in axes))
    return build("broadcast", inner, shape=y.shape, axes=axes)


def index_of_written(y: Node, build: Rewriter) -> Node | None:
    """Read what was just written from the value, and what lies beside it from the array before."""
    x = y.args[0]
    if x.op.name not in ("update", "accumulate"):
        return None
    base, value, *at = x.args
    spec, written = y.attrs["spec"], x.attrs["spec"]
    if is_static(spec) and is_static(written):
        if _are_apart(spec, written):
            return build("index", base, spec=spec)
        inside = _inside(spec, written)
        if inside is None:
            return None
        value = build("index", value, spec=inside)
    elif spec != written or tuple(at) != y.args[1:] or any(i.shape for i in at):
        return None  # repeated indices of an array overwrite each other
    if x.op.name == "update":
        return value
    return _added(build("index", base, *at, spec=spec), value, build)


def write_of_all(y: Node, build: Rewriter) -> Node | None:
    """Drop an array of which all is written."""
    base, value = y.args[:2]
    if not _takes_all(y.attrs["spec"], base.shape):
        return None
    return value if y.op.name == "update" else _added(base, value, build)


def _added(base: Node, value: Node, build: Rewriter) -> Node | None:
    """Return a sum into an array, in which the constant zero stands for nothing.

    This is the one rule by which -0.0 may stand where 0.0 + -0.0 = 0.0 was written: arrays of
    zeros to add into come from the adjoint pass, which means "no contribution yet" by them.
    """
    if number(base) == 0:
        return value
    if value.array_type.dtype.value == "bool":
        return build("logical_or", base, value)
    return build("add", base, value)


def _takes_all(spec: Spec, shape: tuple[Size, ...]) -> bool:
    """Tell whether an index takes every place in order."""
    return all(entry == whole(n) for entry, n in zip(spec, shape, strict=True))


def _is_sorted(axes: tuple[int, ...]) -> bool:
    """Tell whether axes stand in order."""
    return list(axes) == sorted(axes)


def _ends(entry: Slice) -> tuple[Size, Size] | None:
    """Return the first and last place of a slice that steps by one, and is not empty."""
    if entry.step != 1 or entry.length == 0:
        return None
    return entry.start, entry.start + entry.length - 1


def _are_apart(left: Spec, right: Spec) -> bool:
    """Tell whether two indices are known to have no place in common."""
    for a, b in zip(left, right, strict=True):
        one, two = _ends(a), _ends(b)  # type: ignore[arg-type]  # both are made of slices
        if one is None or two is None:
            continue
        gaps = (one[0] - two[1], two[0] - one[1])
        if any(isinstance(gap, int) and gap > 0 for gap in gaps):
            return True
    return False


def _inside(spec: Spec, written: Spec) -> Spec | None:
    """Return where in the written part an index reads, or None where it may reach beyond."""
    found = []
    for a, b in zip(spec, written, strict=True):
        assert isinstance(a, Slice)
        assert isinstance(b, Slice)
        if a == b:
            found.append(whole(a.length))
            continue
        before = a.start - b.start
        after = b.start + b.length - a.start - a.length
        if a.step != 1 or b.step != 1 or not isinstance(before, int) or not isinstance(after, int):
            return None
        if before < 0 or after < 0:
            return None
        found.append(Slice(before, 1, a.length))
    return tuple(found)


VIEWS: Table = {
    "transpose": (transpose_of_broadcast,),
    "reshape": (scalar_of_op,),
    "broadcast": (broadcast_of_one, broadcast_of_transpose),
    "index": (index_of_all, index_of_index, index_of_broadcast, index_of_written, element_of_op),
    "update": (write_of_all,),
    "accumulate": (write_of_all,),
    **dict.fromkeys(_FOLDS, (fold_of_nothing,)),
    Kind.VIEW: (view_of_view,),
    Kind.ELEMENTWISE: (op_of_views,),
}
_RULES = Rules(VIEWS)


def simplify_views(graph: Graph) -> Graph:
    """Return the graph with fewer and later views, and without reads of what was written."""
    return rewrite(graph, _RULES)
