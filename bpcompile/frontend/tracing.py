"""Run a function on tracers and return the graph of what it computes.

In: a Python function, and its arguments as trees whose arrays and numbers are `Leaf` place-holders.
Out: a `Traced`, whose graph has a parameter for each leaf, then one for each large array that the
function captured, and an output for each leaf of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from bpcompile.errors import BpcompileError, LimitError, TraceError, TypeMismatchError
from bpcompile.frontend import protocol  # noqa: F401 - each enters its rules when it is imported
from bpcompile.frontend.arguments.trees import Structure, flatten, leaves_of
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.complex.pairs import refuse_complex
from bpcompile.frontend.complex.rules import enter_rules
from bpcompile.frontend.flow.unbound import LastValueNeededError
from bpcompile.frontend.functions import (  # noqa: F401 - each enters its rules when it is imported
    bits,
    compounds,
    convolution,
    counting,
    creation,
    einsum,
    fourier,
    integers,
    joining,
    linear_algebra,
    matrix_functions,
    ordering,
    padding,
    placing,
    polynomials,
    products,
    rearranging,
    reductions,
    reductions_beside_nan,
    running,
    samples,
    selecting,
    shapes,
    special_compounds,
    special_functions,
    special_gammas,
    spectra,
    systems,
    ufuncs,
    windows,
)
from bpcompile.frontend.lengths.sizes import Sizes, bare_name
from bpcompile.frontend.lift import lift
from bpcompile.frontend.places import (  # noqa: F401 - each enters its rules when it is imported
    indexing,
    writing,
)
from bpcompile.frontend.session import Frame, Session, Site, current, entered
from bpcompile.frontend.substitute import Substitution
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Dim, Size, size_names
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import DType, Type

Number = float | int | bool

enter_rules()  # over those of real values, which the modules above enter


class Leaf:
    """Stand for one array or number among the arguments of a traced function.

    `type` has the lengths that are certain. With an `example` and literal lengths, each length
    other than 1 becomes a dimension of its own, unless `exact`: then they are meant as written.
    """

    __slots__ = ("exact", "example", "name", "type")

    def __init__(
        self,
        type: Type,
        name: str,
        example: np.ndarray | Number | None = None,
        exact: bool = False,
    ) -> None:
        """Hold the parts."""
        self.type = type
        self.name = name
        self.example = example
        self.exact = exact

    def __repr__(self) -> str:
        """Return name and type."""
        return f"Leaf({self.name}: {self.type})"


class Traced:
    """Hold what a trace found.

    Attributes:
        graph: one parameter per leaf in order, then the hidden ones; one output per result leaf.
        structure: how the results are nested.
        paths: what each result leaf is called, such as ``[0]['w']``.
        captured: the arrays of the hidden parameters.
        dims: the length of each dimension in the example, as far as known.
    """

    __slots__ = ("captured", "dims", "graph", "paths", "structure")

    def __init__(
        self,
        graph: Graph,
        structure: Structure,
        paths: list[str],
        captured: tuple[np.ndarray, ...],
        dims: Mapping[str, int],
    ) -> None:
        """Hold the parts."""
        self.graph = graph
        self.structure = structure
        self.paths = paths
        self.captured = captured
        self.dims = dims


def trace(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    dims: Literal["auto", "exact"] = "auto",
    unroll: int = 8,
) -> Traced:
    """Return the graph of a function for these arguments.

    Args:
        function: any callable; its source is rewritten where there is one.
        args: positional arguments: trees with `Leaf` for each array or number that is traced. What
            is no `Leaf` is known while tracing.
        kwargs: keyword arguments, alike.
        name: the graph's name, by default the function's.
        dims: ``"exact"`` makes every length literal.
        unroll: a loop of at most this many known steps is unrolled. A longer one is rolled, unless
            its body needs to know the step, as where it is an index of a list.

    Raises:
        TraceError: where the function needs a value that is not known while tracing.
        ShapeError: where shapes do not fit, or specs leave a question open.
        TypeMismatchError: where a dtype does not fit, or a result is neither array nor number.
        UnsupportedError: for a NumPy function without a rule.

    Example:
        >>> from bpcompile.ir.type import f64
        >>> trace(lambda x: np.exp(x), (Leaf(f64["n"], "x"),)).graph.outputs[0].op
        exp
    """
    unrolled: frozenset[Site] = frozenset()
    last: frozenset[tuple[Site, str]] = frozenset()
    first: Exception | None = None
    while True:
        session = Session(Sizes(()), unroll, unrolled, last)
        try:
            return _traced(function, args, kwargs, name, dims, session)
        except LastValueNeededError as error:
            if error.wanted <= last:
                raise TraceError(str(error)) from None
            last |= error.wanted
        except LimitError:
            if first is None:
                raise
            raise first from None
        except _MAY_NEED_KNOWN as error:
            # The innermost loop that was being rolled may need to know its steps.
            if not session.rolling:
                raise
            first = first or error
            unrolled |= {session.rolling[-1]}


_MAY_NEED_KNOWN = (BpcompileError, TypeError, LookupError, AttributeError)


def _traced(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    name: str | None,
    dims: str,
    session: Session,
) -> Traced:
    """Trace once."""
    leaves, structure = leaves_of((tuple(args), dict(kwargs or {})))
    found = [leaf for leaf in leaves if isinstance(leaf, Leaf)]
    sizes = session.sizes = Sizes(leaf.name for leaf in found)
    frame = Frame(Builder(name or name_of(function)), session)
    for leaf in found:
        _note_names(leaf, sizes)
    values = [_placed(frame, leaf, dims) if isinstance(leaf, Leaf) else leaf for leaf in leaves]
    positional, keywords = structure.unflatten(values)
    handed = list(reversed(positional))
    del values, positional
    with entered(frame):
        result = _called(resolve(function), handed, keywords)
        if current() is not frame:
            code = getattr(function, "__code__", None)
            place = f" at {code.co_filename}:{code.co_firstlineno}" if code else ""
            raise TraceError(
                f"{frame.builder.name}{place} caught an exception from inside control flow on "
                "traced values: keep `try` out of it, or decide with np.where"
            )
        outputs, paths, out_structure = flatten(result)
        refuse_complex(outputs, paths, out_structure)
        tracers = [_output(value, path) for value, path in zip(outputs, paths, strict=True)]
        exprs = [frame.expr(tracer.expr) for tracer in tracers]
    if len(exprs) == 1:
        _name_result(exprs[0].node, frame.builder.name)
    _wait(frame, exprs)
    return _finished(frame, frame.builder.finish(exprs), out_structure, paths)


def _called(function: Callable[..., Any], handed: list[Any], keywords: dict[str, Any]) -> Any:
    """Call a function with arguments that are handed over, the last one first.

    A call with stars would keep them all until it returns, though nobody but the function knows
    them, and it may then not write to what a loop binds anew: see
    `bpcompile.frontend.places.memory`.
    """
    take = handed.pop
    if not keywords:
        match len(handed):
            case 1:
                return function(take())
            case 2:
                return function(take(), take())
            case 3:
                return function(take(), take(), take())
            case 4:
                return function(take(), take(), take(), take())
    return function(*reversed(handed), **keywords)


def _wait(frame: Frame, results: list[Expr]) -> None:
    """Let one result of a function wait for its checks: a number, where there is one."""
    if frame.checks:
        if not results:
            raise TraceError(
                f"{frame.builder.name} tests its arguments and returns nothing: return a number or "
                "array, since a function without results is not compiled"
            )
        first = next((k for k, expr in enumerate(results) if not expr.shape), 0)
        name = results[first].node.name
        results[first] = frame.waiting(results[first])
        results[first].node.name = name


def _name_result(node: Node, name: str) -> None:
    """Call the one result of a function, where it has no name, by the function's."""
    if node.name is None and node.op.kind is not Kind.LEAF:
        node.name = name


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function for its graph."""
    inner = getattr(function, "func", function)  # functools.partial
    name = getattr(inner, "__name__", type(inner).__name__)
    return name if name.isidentifier() else "f"


def _note_names(leaf: Leaf, sizes: Sizes) -> None:
    """Enter the dimensions that a spec names, with the lengths that the example gives them."""
    shape = () if leaf.example is None else np.shape(leaf.example)
    for axis, size in enumerate(leaf.type.shape):
        name = bare_name(size)
        if name is not None:
            sizes.named(name, shape[axis] if shape else None)
    for size in leaf.type.shape:
        for name in size_names(size):
            sizes.named(name, None)


def _placed(frame: Frame, leaf: Leaf, dims: str) -> Tracer:
    """Return the parameter of a leaf."""
    type = leaf.type
    known = all(isinstance(size, int) for size in type.shape)
    if leaf.example is not None and known and not leaf.exact and dims == "auto":
        shape: tuple[Size, ...] = tuple(
            size if size == 1 else frame.session.sizes.fresh(size)
            for size in type.shape
            if isinstance(size, int)
        )
        type = Type(type.dtype, shape, type.weak)
    expr = frame.builder.param(leaf.name, type)
    if not type.shape and type.dtype is DType.I64:
        example = leaf.example
        frame.session.numbers[expr.node] = None if example is None else int(example)
    weak = type.weak or (not type.shape and type.dtype in (DType.F64, DType.I64))
    return Tracer(expr, weak)


def _output(value: Any, path: str) -> Tracer:
    """Return a result leaf as a value of the graph.

    Raises `TypeMismatchError` for what is neither an array nor a number.
    """
    try:
        return lift(value)
    except TypeMismatchError as error:
        place = f"result{path}"
        code = getattr(value, "gi_code", None) or getattr(value, "cr_code", None)
        if code is not None:
            value.close()
            raise TypeMismatchError(
                f"{code.co_name} at {code.co_filename}:{code.co_firstlineno} gives a "
                f"{type(value).__name__} and no value, as it has `yield` or `async` in it: return "
                "its values, as an array or a list of them"
            ) from None
        raise TypeMismatchError(
            f"the function returns {type(value).__name__} as {place}, which is neither array nor "
            f"number: return numbers and arrays of float64, float32, int64 or bool ({error})"
        ) from None


def _finished(frame: Frame, graph: Graph, structure: Structure, paths: list[str]) -> Traced:
    """Return what was traced, in its final dimensions."""
    session = frame.session
    names = session.sizes.final()
    graph = Substitution(names).graph(graph)
    guards = session.sizes.all_guards(names)
    graph = Graph(graph.name, graph.params, graph.nodes, graph.outputs, guards)
    captured = tuple(array for array, _ in session.hidden)
    return Traced(graph, structure, paths, captured, _lengths(session, names))


def _lengths(session: Session, names: Mapping[str, Size]) -> dict[str, int]:
    """Return the length of each final dimension in the example."""
    found: dict[str, int] = {}
    for name, value in session.sizes.values.items():
        final = bare_name(names.get(name, Dim.named(name)))
        if final is not None:
            found.setdefault(final, value)
    return found
