"""Run graphs with NumPy: the oracle of every test, and the meaning of a graph.

In: a graph and one array or number for each parameter. Out: the arrays of its outputs, each of
exactly the shape and dtype that its node states, so that an op whose type rule and meaning differ
is found here.

With ``complex_step=True`` every float value is complex. The derivative of an analytic program in
the direction v is then Im f(x + i h v) / h with h = 1e-30, without cancellation (Squire and Trapp,
"Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998).
Comparisons, indices and branches look at real parts alone, and abs(x) is x times the sign of its
real part, so that a program is differentiated on the piece that it runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import ArgumentError, CompileError, ShapeError
from bpcompile.ir import dims as sizes
from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import AnyType, DType, Type

_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class IndexFault(IndexError):
    """Signal an index out of range: of which node, on which axis of its array, of what length."""

    def __init__(self, node: Node, axis: int, index: int, length: int) -> None:
        """Hold what is known."""
        super().__init__(f"index {index} is out of range for axis {axis} of length {length}")
        self.node = node
        self.axis = axis
        self.index = index
        self.length = length


def interpret(
    graph: Graph,
    args: Sequence[Any],
    dims: Mapping[str, int] | None = None,
    *,
    complex_step: bool = False,
) -> tuple[Any, ...]:
    """Return the values of a graph's outputs for these arguments, as NumPy arrays.

    `args` has one array-like for each parameter. A named dimension is the length of the first axis
    that bears its bare name, or the value of the i64 parameter whose attribute `size` it is; `dims`
    gives the lengths that no parameter binds.

    Raises `ArgumentError` for a wrong number of arguments, `ShapeError` where an argument or a
    guard of the graph does not fit, `IndexFault` where an index is out of range, and
    `CompileError` where an op's meaning disagrees with its type rule.

        >>> from bpcompile import ops
        >>> from bpcompile.ir.build import Builder
        >>> from bpcompile.ir.type import f64
        >>> builder = Builder("f")
        >>> x = builder.param("x", f64["n"])
        >>> interpret(builder.finish((x * x + 1.0,)), [[1.0, 2.0]])
        (array([2., 5.]),)
    """
    bound = bind_dims(graph, args, dims)
    _check_guards(graph, bound)
    with np.errstate(all="ignore"):
        return _Run(bound, complex_step=complex_step)(graph, args)


def bind_dims(
    graph: Graph, args: Sequence[Any], dims: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the value of each named dimension that the arguments of a graph bind."""
    if len(args) != len(graph.params):
        raise ArgumentError(
            f"{graph.name} takes {len(graph.params)} arguments and was given {len(args)}"
        )
    bound = dict(dims or {})
    for param, arg in zip(graph.params, args, strict=True):
        shape = np.shape(arg)
        if len(shape) != len(param.shape):
            raise ShapeError(f"{param.name} is {param.type} and was given the shape {shape}")
        for size, length in zip(param.shape, shape, strict=True):
            _bind(bound, size, length)
        _bind(bound, param.attrs.get("size"), arg)
    return bound


def _bind(bound: dict[str, int], size: Size | None, length: Any) -> None:
    """Bind a bare name that has no value yet."""
    if isinstance(size, Dim) and str(size).isidentifier():
        bound.setdefault(str(size), int(length))


def _check_guards(graph: Graph, bound: Mapping[str, int]) -> None:
    """Refuse arguments that break a guard of the graph."""
    for guard in graph.guards:
        left, right = _size(guard.left, bound), _size(guard.right, bound)
        if not _RELATIONS[guard.relation](left, right):
            reason = f", needed by {guard.reason}" if guard.reason else ""
            raise ShapeError(f"{guard} does not hold: {left} against {right}{reason}")


def _size(size: Size, bound: Mapping[str, int]) -> int:
    """Return the value of a size."""
    try:
        return sizes.evaluate(size, bound)
    except KeyError as error:
        raise ShapeError(f"no argument binds the dimension {error.args[0]} of {size}") from None


class _Step(NamedTuple):
    """Hold one node, ready to run: where its operands are, and its resolved attributes."""

    node: Node
    args: tuple[int, ...]
    attrs: dict[str, Any]
    shape: tuple[int, ...] | None  # None for a tuple
    dtype: Any


class _Run:
    """Run graphs under one binding of the dimensions; a region is prepared once."""

    def __init__(self, bound: Mapping[str, int], *, complex_step: bool) -> None:
        """Hold the binding."""
        self.bound = bound
        self.complex_step = complex_step
        self._steps: dict[Graph, tuple[list[_Step], tuple[int, ...]]] = {}
        self._types: dict[AnyType, tuple[tuple[int, ...] | None, Any]] = {}

    def __call__(self, graph: Graph, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return the values of the outputs of a graph or region."""
        if graph not in self._steps:
            self._steps[graph] = self._prepared(graph)
        steps, outputs = self._steps[graph]
        values: list[Any] = []
        for step in steps[: len(graph.params)]:
            values.append(self._checked(step, args[len(values)]))
        for step in steps[len(graph.params) :]:
            values.append(self._checked(step, self._evaluate(step, values)))
        return tuple(values[k] for k in outputs)

    def _prepared(self, graph: Graph) -> tuple[list[_Step], tuple[int, ...]]:
        """Return the steps of a graph, parameters first, and where its outputs are."""
        rest = (node for node in graph.nodes if node.op.name != "param")
        nodes = (*graph.params, *rest)
        place = {node: k for k, node in enumerate(nodes)}
        steps = []
        for node in nodes:
            attrs = {key: self._resolved(value) for key, value in node.attrs.items()}
            if node.op.kind is Kind.LEAF and not node.args:
                attrs.pop("shape", None)
            operands = tuple(place[arg] for arg in node.args)
            steps.append(_Step(node, operands, attrs, *self._type(node.type)))
        return steps, tuple(place[node] for node in graph.outputs)

    def _type(self, type: AnyType) -> tuple[tuple[int, ...] | None, Any]:
        """Return the shape and NumPy dtype of a type."""
        if type not in self._types:
            if not isinstance(type, Type):
                self._types[type] = None, None
            else:
                shape = tuple(_size(size, self.bound) for size in type.shape)
                self._types[type] = shape, self._dtype(type.dtype)
        return self._types[type]

    def _dtype(self, dtype: DType) -> str:
        """Return the name of the dtype that values of `dtype` have here."""
        return "complex128" if self.complex_step and dtype.is_float else dtype.numpy_name

    def _resolved(self, value: Any) -> Any:
        """Return an attribute with sizes as ints and dtypes as NumPy's names."""
        if isinstance(value, Dim):
            return _size(value, self.bound)
        if isinstance(value, DType):
            return self._dtype(value)
        if isinstance(value, tuple):
            inner = [self._resolved(entry) for entry in value]
            return type(value)(*inner) if hasattr(value, "_fields") else tuple(inner)
        return value

    def _evaluate(self, step: _Step, values: list[Any]) -> Any:
        """Return what the op of a step makes of its operands."""
        op = step.node.op
        args = [values[k] for k in step.args]
        if op.kind is Kind.REGION or op.kind is Kind.CALL:
            return op.evaluate(self, *args, **step.attrs)
        if op.kind is Kind.LEAF and not args:
            return op.evaluate(step.shape, step.dtype, **step.attrs)
        if self.complex_step:
            args = _as_real_program(step, args)
            if op.name == "abs":
                return np.where(np.real(args[0]) < 0, -args[0], args[0])
        try:
            return op.evaluate(*args, **step.attrs)
        except IndexError as error:
            if op.kind is not Kind.INDEX:
                raise
            raise _fault(step.node, args, step.attrs) from error

    def _checked(self, step: _Step, value: Any) -> Any:
        """Return a value with the dtype of its node, or refuse one of another shape."""
        if step.shape is None:
            return value
        array = np.asarray(value)
        if array.dtype != step.dtype:
            array = array.astype(step.dtype)
        if array.shape == step.shape:
            return array
        node = step.node
        if node.op.name == "param":
            raise ShapeError(f"{node.name} is {node.type} and was given the shape {array.shape}")
        raise CompileError(f"{node!r} has type {node.type} and the value the shape {array.shape}")


def _fault(node: Node, args: list[Any], attrs: Mapping[str, Any]) -> IndexError:
    """Return the error that says which index of a read or write is out of range."""
    pointers = args[1 if node.op.name == "index" else 2 :]
    for axis, (entry, length) in enumerate(zip(attrs["spec"], np.shape(args[0]), strict=True)):
        if not hasattr(entry, "operand"):
            continue
        places = np.ravel(pointers[entry.operand])
        wrong = places[(places < -length) | (places >= length)]
        if wrong.size:
            return IndexFault(node, axis, int(wrong[0]), length)
    return IndexError(f"an index of {node!r} is out of range")


def _as_real_program(step: _Step, args: list[Any]) -> list[Any]:
    """Return the operands of a step, as real parts where it carries no derivative."""
    op = step.node.op
    carries = step.dtype == "complex128" and op.derivative != "zero"
    if carries or step.shape is None or op.name == "item":
        return args
    return [np.real(arg) for arg in args]
