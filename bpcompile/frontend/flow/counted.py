"""Build counted loops: a body traced once, its carried values, and what it stacks.

The graph's `loop` is closed and its carried values keep their types. What the body reads from
outside becomes a constant operand. A carried Python number that the body turns into another dtype
takes that dtype from the start, and the body is traced once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bpcompile.errors import ArgumentError, TypeMismatchError
from bpcompile.frontend.arguments.trees import Structure, flatten, leaves_of
from bpcompile.frontend.elementwise import cast, promoted
from bpcompile.frontend.flow.past import Settled
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lengths.runtime import size_of
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.region import Region, RegionParam
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At, whole

_INDEX = Type(DType.I64)


class Step(NamedTuple):
    """Hold what one run of a body gives.

    That is the next carried tree, and a tree to stack with the row that it is stacked at.
    """

    carried: Any
    stacked: Any = None
    row: Any = None


class Loop:
    """Trace a body and append its loop to the current graph.

    `run_body(index, carried)` gives a `Step`. `names` are the body's own names for the index and
    for the carried tree, which its leaves are called after. `attributes` go with the graph's loop.
    """

    def __init__(
        self,
        what: str,
        run_body: Callable[[Tracer, Any], Step],
        names: tuple[str, str],
        attributes: dict[str, Any] | None = None,
    ) -> None:
        """Hold the body; `what` is the function that messages name, such as ``bp.scan``."""
        self.what = what
        self.run_body = run_body
        self.names = names
        self.attributes = attributes or {}

    def __call__(self, lower: Any, upper: Any, init: Any, count: Size = 0) -> tuple[Any, Any]:
        """Return the last carried tree and the stacked tree, of `count` rows."""
        frame = current()
        leaves, paths, structure = flatten(init, self.names[1])
        values = lift_all(leaves)
        first, last = self._bound(frame, lower), self._bound(frame, upper)
        settled = Settled() if frame.past is None else frame.past.settled()
        values = [_widened(v, settled.dtypes.get((0, k))) for k, v in enumerate(values)]
        while True:
            body = _Body(self, paths, structure, values, count)
            body.region.frame.past = settled.inner.begin()
            wider = body.trace()
            if wider is None:
                break
            settled.dtypes.update(((0, k), v.expr.dtype) for k, v in enumerate(wider))
            values = wider  # each time one more is no longer weak
        return body.append(frame, first, last)

    def _bound(self, frame: Frame, bound: Any) -> Expr:
        """Return a bound as an i64 scalar of the graph."""
        if isinstance(bound, Length):
            frame.mark()
            return frame.dim(bound.dim)
        value = lift(bound)
        if value.ndim or value.expr.dtype is not DType.I64:
            raise TypeMismatchError(
                f"a bound of {self.what} is {describe(value)}{where()}: write an int"
            )
        # The reverse sweep needs the number of steps as a length, where it is one.
        size_of(frame, value)
        return frame.expr(value.expr)


def _widened(value: Tracer, dtype: DType | None) -> Tracer:
    """Return a start value in the dtype that the body gave a number when it was traced before."""
    if dtype is None or not value.weak or value.ndim or value.expr.dtype is dtype:
        return value
    return Tracer(cast(current().expr(value.expr), dtype))


class _Body:
    """Trace the body of one loop for carried values of certain types."""

    def __init__(
        self,
        loop: Loop,
        paths: list[str],
        structure: Structure,
        values: list[Tracer],
        count: Size,
    ) -> None:
        """Hold the loop and the values that it starts with."""
        self.loop = loop
        self.paths = paths
        self.structure = structure
        self.values = values
        self.count = count
        self.region = Region(loop.names[0])

    def trace(self) -> list[Tracer] | None:
        """Trace the body; return the start values in other dtypes where it needs them."""
        region = self.region
        region.frame.builder.name = "body"
        self.index = region.param(RegionParam(self.loop.names[0], _INDEX, weak=True))
        self.carried = [
            region.param(RegionParam(path, value.type, value.weak))
            for path, value in zip(self.paths, self.values, strict=True)
        ]
        # The body may write to what it is given; the parameters stay what they are.
        tree = self.structure.unflatten(Tracer(t.expr, t.weak) for t in self.carried)
        step = region.run(self.loop.run_body, self.index, tree)
        next_leaves, structure = leaves_of(step.carried)
        if structure != self.structure:
            raise ArgumentError(
                f"the body of {self.loop.what} returns {structure!r} for the carried "
                f"{self.structure!r}{where()}: return what it is given, nested alike"
            )
        stacked, self.stacked_structure = leaves_of(step.stacked)
        self.next = region.run(lift_all, next_leaves)
        self.stacked = region.run(lift_all, stacked)
        self.row = region.run(lift, self.index if step.row is None else step.row)
        return self._wider()

    def _wider(self) -> list[Tracer] | None:
        """Return the start values in the dtypes that the body gives them, where they are weak."""
        found = []
        for path, before, after in zip(self.paths, self.values, self.next, strict=True):
            dtype = promoted((before, after))
            self._check_shape(path, before, after)
            if after.expr.dtype is before.expr.dtype or dtype is before.expr.dtype:
                found.append(before)
            elif before.weak and not before.ndim:
                frame = current()
                found.append(Tracer(cast(frame.expr(before.expr), dtype)))
            else:
                raise self._changed(path, before, after, f".astype({dtype.numpy_name})")
        same = all(new is old for new, old in zip(found, self.values, strict=True))
        return None if same else found

    def _check_shape(self, path: str, before: Tracer, after: Tracer) -> None:
        """Check that a carried value keeps its shape."""
        sizes = current().session.sizes
        pairs = zip(before.sizes, after.sizes, strict=False)
        if before.ndim != after.ndim or not all(sizes.equal(n, m) for n, m in pairs):
            raise self._changed(path, before, after, "np.zeros or np.full of the later shape")

    def _changed(self, path: str, before: Tracer, after: Tracer, advice: str) -> TypeMismatchError:
        """Return the error for a carried value that changes its type."""
        return TypeMismatchError(
            f"the carried value `{path}` of {self.loop.what} is {before.type} before the body and "
            f"{after.type} after it{where()}: start it with {advice}"
        )

    def append(self, frame: Frame, lower: Expr, upper: Expr) -> tuple[Any, Any]:
        """Append the loop's node; return the last carried tree and the stacked tree."""
        frame.mark()
        region = self.region
        inner = region.frame
        after = [
            cast(inner.expr(new.expr), old.expr.dtype)
            for new, old in zip(self.next, self.values, strict=True)
        ]
        buffers, rows = self._buffers()
        found = [] if (token := inner.token()) is None else [token]
        tokens = [region.param(RegionParam("checked", token.type)) for token in found]
        inner.checks.clear()
        params = [self.index, *self.carried, *buffers, *tokens]
        graph, constants = region.finish(params, [*after, *rows, *found])
        start = [frame.expr(value.expr) for value in self.values]
        start += [frame.const(0, buffer.type) for buffer in buffers]
        start += [frame.const(1, param.type) for param in tokens]
        operands = (lower, upper, *start, *constants)
        node = OPS["loop"](*operands, body=graph, carried=len(start), **self.loop.attributes)
        items = node.items()
        count = len(items) - len(tokens)
        frame.checks.extend(items[count:])
        results = [
            Tracer(item, weak)
            for item, weak in zip(items[:count], self._weak(len(buffers)), strict=True)
        ]
        split = len(self.values)
        return (
            self.structure.unflatten(results[:split]),
            self.stacked_structure.unflatten(results[split:]),
        )

    def _weak(self, buffers: int) -> list[bool]:
        """Return for each result whether it is weak: a number that the body leaves one."""
        pairs = zip(self.values, self.next, strict=True)
        return [before.weak and after.weak for before, after in pairs] + [False] * buffers

    def _buffers(self) -> tuple[list[Tracer], list[Expr]]:
        """Return the arrays that rows are written into, and each with this step's row."""
        region, inner = self.region, self.region.frame
        sizes = inner.session.sizes
        place = inner.expr(self.row.expr)
        buffers, rows = [], []
        for number, value in enumerate(self.stacked):
            row = inner.expr(value.expr)
            shape = sizes.resolve_shape((self.count, *row.shape))
            name = value.expr.node.name or f"row{number}"
            buffer = region.param(RegionParam(f"{name}s", row.type.with_shape(shape)))
            spec = (At(0), *(whole(n) for n in row.shape))
            buffers.append(buffer)
            rows.append(OPS["update"](buffer.expr, row, place, spec=spec))
        return buffers, rows


def argument_names(function: Any, defaults: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a function calls its first arguments, or the defaults."""
    bound = 1 if hasattr(function, "__self__") else 0
    code = getattr(function, "__code__", None)
    if code is None:
        return defaults
    names = code.co_varnames[bound : min(code.co_argcount, bound + len(defaults))]
    return (*names, *defaults[len(names) :])
