"""Declare an elementwise op of the user's from a SymPy expression.

In: a name, an expression and its symbols. Out: an op in the table, whose meaning and expansion are
the expression's graph, and whose partial derivatives are the reverse sweep of that graph. So value
and derivative share what they have in common, and a branch that is not taken contributes nothing.
"""

from __future__ import annotations

import functools
import keyword
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.elementwise import Loop, elementwise, promoted
from bpcompile.frontend.functions.creation import is_traced
from bpcompile.frontend.lift import as_ndarray
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.symbolic import lower
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node, reachable
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Domain, Kind, Op
from bpcompile.ir.type import DType, Type
from bpcompile.ops.elementwise import elementwise as declare_elementwise
from bpcompile.ops.elementwise import latex_call
from bpcompile.passes.pipeline import SIMPLIFY, run
from bpcompile.transforms.reverse import reverse

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_SCALAR = Type(DType.F64)
_DRAWN = (0.2, 0.9)  # where tests of all ops draw an operand
_MOST_IN_LATEX = 200
_lock = threading.Lock()
_known: dict[str, Primitive] = {}


class Primitive:
    """Apply an elementwise function of the user's to traced values, arrays and numbers.

    Made by `primitive`.
    """

    def __init__(self, name: str, expr: Any, args: tuple[Any, ...], op: Op) -> None:
        """Hold the declaration."""
        self.__name__ = name
        self.expr = expr
        self.args = args
        self.op = op

    def __call__(self, *values: Any) -> Any:
        """Return the function's value; arrays broadcast.

        Raises `ArgumentError` for another number of values.
        """
        if len(values) != len(self.args):
            raise ArgumentError(
                f"{self.__name__} takes {len(self.args)} values and was given {len(values)}"
                f"{where()}"
            )
        if any(is_traced(value) for value in values):
            return elementwise(self.op.name, values, _loop)
        return self._value(values)

    def _value(self, values: Sequence[Any]) -> Any:
        """Return the function of arrays and numbers."""
        dtype = np.result_type(*(v if type(v) in (int, float) else as_ndarray(v) for v in values))
        dtype = dtype if dtype == np.float32 else np.dtype(np.float64)
        arrays = np.broadcast_arrays(*(np.asarray(value, dtype) for value in values))
        found = self.op.evaluate(*arrays)
        return found if found.ndim else found.item() if dtype == np.float64 else found[()]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the declaration."""
        return primitive, (self.__name__, self.expr, self.args)

    def __repr__(self) -> str:
        """Return the name and its arguments."""
        return f"<primitive {self.__name__}({', '.join(str(arg.name) for arg in self.args)})>"


def primitive(name: str, expr: Any, args: Iterable[Any]) -> Primitive:
    """Declare an elementwise op: its value, partial derivatives and LaTeX from SymPy.

    Args:
        name: what the op is called in graphs and formulas: an ASCII identifier.
        expr: a SymPy expression with one real value, as `lower` takes it.
        args: its symbols, in the order of the call.

    Raises:
        ArgumentError: for a name that another op or a NumPy function has, or is no identifier;
            where `args` are no symbols, or miss one of the expression's.
        UnsupportedError: for an expression that is not a scalar function at each place.

    The result is called in models, on traced values, and outside of them. The same declaration
    again gives the same function.

    Example:
        >>> from sympy.abc import x
        >>> import sympy
        >>> swish = primitive("doc_swish", x / (1 + sympy.exp(-x)), [x])
        >>> swish(0.0), swish(1.0)
        (0.0, 0.7310585786300049)
    """
    symbols = tuple(args)
    with _lock:
        known = _known.get(name)
        if known is not None and known.args == symbols and known.expr == expr:
            return known
        _check_name(name)
        graph = _scalar_graph(name, expr, symbols)
        # Stable forms first, as for any model: log(1 + exp x) is softplus x here too.
        op = _declared(name, run(graph, SIMPLIFY), _latex(name, expr, symbols, len(graph)))
        found = _known[name] = Primitive(name, expr, symbols, op)
        return found


def _check_name(name: Any) -> None:
    """Refuse a name that is taken or would not be one in emitted text."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ArgumentError(
            f"{name!r} cannot be the name of an op{where()}: write an ASCII identifier of at most "
            "64 letters"
        )
    if name in OPS or name in RULES or f"special.{name}" in RULES:
        what = "another primitive" if name in _known else "an op or a function of NumPy"
        raise ArgumentError(f"the name {name} is that of {what}{where()}: write another")


def _scalar_graph(name: str, expr: Any, symbols: tuple[Any, ...]) -> Graph:
    """Return the graph of an expression of scalars."""
    import sympy

    for symbol in symbols:
        if not isinstance(symbol, sympy.Symbol):
            raise ArgumentError(
                f"the primitive {name} has a {type(symbol).__name__} among its arguments{where()}: "
                "write Symbols, since an op is applied at each place by itself"
            )
    if not symbols:
        raise ArgumentError(f"the primitive {name} has no arguments{where()}: write args=[x]")
    graph = lower(expr, symbols, [_SCALAR] * len(symbols), name).graph
    if len(graph.outputs) != 1 or any(node.shape for node in graph.nodes):
        raise UnsupportedError(
            f"the primitive {name} is no function of scalars{where()}: write one expression "
            "without sums or matrices, or .doit() them"
        )
    if not graph.outputs[0].array_type.dtype.is_float:
        raise TypeMismatchError(
            f"the primitive {name} is a condition{where()}: write Piecewise((1, condition), "
            "(0, True))"
        )
    return graph


def _declared(name: str, graph: Graph, latex: str) -> Op:
    """Declare the op of a scalar graph."""
    count = len(graph.params)
    joint = reverse(graph, range(count))
    value = _part(joint, 0)
    return declare_elementwise(
        name,
        functools.partial(_evaluated, value),
        tuple(_partial(_part(joint, 1 + k)) for k in range(count)),
        expand=lambda *xs: applied(value, xs),
        latex=latex,
        domain=Domain((_DRAWN,) * count),
        cost=sum(node.op.cost for node in value if node.op.kind is Kind.ELEMENTWISE),
        doc=f"The primitive {name}.",
    )


def _part(graph: Graph, output: int) -> Graph:
    """Return the graph of one output, without what that does not need."""
    out = graph.outputs[output]
    needed = {*graph.params, *reachable((out,))}
    nodes = tuple(node for node in graph.nodes if node in needed)
    return Graph(graph.name, graph.params, nodes, (out,))


def _partial(graph: Graph) -> Callable[..., Expr | float] | None:
    """Return the partial derivative that a graph computes; None where it is 0 everywhere."""
    out = graph.outputs[0]
    if out.op.name == "const" and out.attrs["value"] == 0:
        return None
    return lambda _, *xs: applied(graph, xs)


def applied(graph: Graph, xs: Sequence[Expr]) -> Expr:
    """Return what a graph of scalars computes at each place of values of one type."""
    builder, like = xs[0].builder, xs[0].type
    place: dict[Node, Expr] = dict(zip(graph.params, xs, strict=True))
    for node in graph.nodes:
        if node in place:
            continue
        if node.op.name == "const":
            dtype = _dtype(node.array_type.dtype, like)
            place[node] = builder.const(node.attrs["value"], like.with_dtype(dtype))
        else:
            attrs = {
                key: _dtype(value, like) if isinstance(value, DType) else value
                for key, value in node.attrs.items()
            }
            place[node] = builder.apply(node.op, [place[arg] for arg in node.args], attrs)
    return place[graph.outputs[0]]


def _dtype(dtype: DType, like: Type) -> DType:
    """Return a dtype of the scalar graph among values of another float dtype."""
    return like.dtype if dtype.is_float else dtype


def _evaluated(graph: Graph, *arrays: Any) -> Any:
    """Return what a graph of scalars makes of arrays of one shape, which may be complex."""
    dtype = DType.F32 if arrays[0].dtype == np.float32 else DType.F64
    shape: tuple[Size, ...] = np.shape(arrays[0])
    builder = Builder(graph.name)
    xs = [builder.param(p.attrs["name"], Type(dtype, shape)) for p in graph.params]
    whole = builder.finish((applied(graph, xs),))
    return interpret(whole, arrays, complex_step=np.iscomplexobj(arrays[0]))[0]


def _loop(args: Sequence[Tracer]) -> Loop:
    """Return the dtypes of operands and result: the float that NumPy promotes them to."""
    dtype = promoted(args)
    dtype = dtype if dtype.is_float else DType.F64
    return (dtype,) * len(args), dtype


def _latex(name: str, expr: Any, symbols: tuple[Any, ...], nodes: int) -> str:
    """Return the expression as a LaTeX pattern; a call by its name where it is long."""
    import sympy

    short = latex_call(f"\\operatorname{{{name}}}", len(symbols))
    if nodes > _MOST_IN_LATEX or _tree_size(expr) > _MOST_IN_LATEX:
        return short
    marks = {symbol: f"OPERAND{k}END" for k, symbol in enumerate(symbols)}
    text: str = sympy.latex(expr, symbol_names=marks).replace("{", "{{").replace("}", "}}")
    for k, mark in enumerate(marks.values()):
        text = text.replace(mark, f"{{{k}}}")
    return text


def _tree_size(expr: Any) -> int:
    """Return the number of nodes of an expression as a tree, as far as that is short."""
    stack, count = [expr], 0
    while stack and count <= _MOST_IN_LATEX:
        count += 1
        stack.extend(stack.pop().args)
    return count


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent, which the child has not, may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
