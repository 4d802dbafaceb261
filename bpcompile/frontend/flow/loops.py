"""Run loops while tracing: known ones as Python does, traced ones as regions.

The rewritten source loops over what `loop` and `repeat` give (see
`bpcompile.frontend.rewriting.flow`). For a traced loop that is one step: the body is traced once,
or again until the types of what it carries stay, into the graph's ``loop`` or ``while``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bpcompile.errors import ArgumentError, TraceError, TypeMismatchError
from bpcompile.frontend.flow.carried import Next, Opened
from bpcompile.frontend.flow.conditions import both, branch, negated, truth, truth_of, variables_at
from bpcompile.frontend.flow.iteration import Iteration, over, over_known
from bpcompile.frontend.flow.mutation import check_iterators
from bpcompile.frontend.flow.past import site
from bpcompile.frontend.flow.region import FlowRegion, Variables, closed
from bpcompile.frontend.flow.state import State
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lengths.runtime import size_of
from bpcompile.frontend.lift import lift
from bpcompile.frontend.places.memory import rewind
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import Frame, current, is_tracing
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, dim_max
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type

_INDEX = Type(DType.I64)
_MOST_LENGTH = 32
_TOKEN = Type(DType.BOOL)  # of the checks of a body


def loop(
    values: Any,
    get: Any,
    put: Any,
    names: tuple[str, ...],
    stopped: Callable[[], Any] | None = None,
) -> Iterable[Any]:
    """Give the values of a `for` statement; one step where it is rolled."""
    if not is_tracing():
        return _until(values, stopped, None)
    check_iterators((values,))
    variables = variables_at(names, get, put, "for")
    steps = _rolled(values)
    if steps is None:
        return values if stopped is None else _until(values, stopped, variables)
    return _traced_loop(steps, variables, stopped)


def _until(
    values: Iterable[Any], stopped: Callable[[], Any] | None, variables: Variables | None
) -> Iterator[Any]:
    """Give known values until a flag is set; once it is traced, each further step is a branch."""
    rest = iter(values)
    for value in rest:
        yield value
        flag = stopped() if stopped is not None else False
        known = truth(flag)
        if known:
            return
        if known is None:
            break
    for value in rest:
        assert stopped is not None
        assert variables is not None
        for taken in branch(negated(stopped()), variables.get, variables.put, variables.names):
            if taken:
                yield value


def _rolled(values: Any) -> Iteration | None:
    """Return what a `for` statement rolls, or None where Python runs each step."""
    session = current().session
    steps = over(values)
    if steps is None:
        steps = over_known(values)
    if steps is None or site() in session.unrolled:
        return None
    count = steps.count
    if isinstance(count, int) and count <= session.unroll and not steps.attributes:
        return None
    return steps


def _may_unroll(frame: Frame, steps: Iteration) -> bool:
    """Tell whether a loop that cannot be rolled is unrolled instead.

    So it is where the number of steps is known, or is a length that is short in the example: the
    graph is then for this length alone.
    """
    count = steps.count
    if isinstance(count, Length):
        value = frame.session.sizes.value(count.size)
        return value is not None and value <= _MOST_LENGTH
    return isinstance(count, int)


def _traced_loop(
    steps: Iteration, variables: Variables, stopped: Callable[[], Any] | None
) -> Iterator[Any]:
    """Give one step of a loop, and append the loop that it stands for.

    The counter is called after the first variable, which is the loop's own.
    """
    outer = current()
    outer.mark()
    lower, upper = _bound(outer, steps.lower), _bound(outer, steps.upper)
    here = site() if _may_unroll(outer, steps) else None
    if here is not None:
        outer.session.rolling.append(here)
    state = State(variables)
    state.count = steps.count
    below = size_of(outer, Tracer(upper))
    while True:
        region = FlowRegion("body", variables)
        region.frame.past = state.settled.inner.begin()
        name = steps.name or next(iter(variables.names), "i")
        index = Tracer(region.frame.builder.param(name, _INDEX), weak=True)
        if below is not None:
            outer.session.counters[index.expr.node] = below
        opened = state.open(region)
        region.enter()
        yield steps.element(index)
        ends = stopped is not None and truth(stopped()) is not False
        try:
            last = state.close(region, opened)
        except TypeMismatchError:
            if not isinstance(steps.count, int):
                # It is not unrolled for the sake of a type, since other lengths will come.
                outer.session.rolling.clear()
            raise
        region.leave()
        if last is not None:
            break
        variables.set(state.before)
    if here is not None:
        outer.session.rolling.remove(here)
    if ends:
        if steps.attributes:
            raise ArgumentError(
                f"checkpoint= of {variables.what} is for loops that run all their steps, and this "
                "one may end before, by `break` or `return`: leave checkpoint= out, or decide in "
                "each step whether it changes anything"
            )
        assert stopped is not None
        ended = stopped

        def going(index: Tracer) -> Any:
            more = RULES["less"](index, Tracer(current().expr(upper)))
            return both(more, lambda: negated(ended()))

        limit = _limit(outer, lower, upper)
        results = _append_while(outer, state, (region, opened, last), going, (index, lower), limit)
        _finish(outer, state, region, results[1:], last)
        return
    outputs = state.outputs(region, last)
    params = [index.expr, *state.params(opened), *_token_params(region, region)]
    (body,), constants = closed(outer, [(region.frame, params, outputs)])
    outer.mark()
    starts = _starts(outer, state, region)
    operands = (lower, upper, *starts, *constants)
    node = OPS["loop"](*operands, body=body, carried=len(starts), **steps.attributes)
    _finish(outer, state, region, node.items(), last)


def _token_params(region: FlowRegion, body: FlowRegion) -> list[Expr]:
    """Return the parameter of a graph for the token that a loop's body hands out, if it does."""
    return [region.frame.builder.param("checked", _TOKEN)] if body.frame.checks else []


def _starts(outer: Frame, state: State, body: FlowRegion) -> list[Expr]:
    """Return the start values of what a loop carries, its token last."""
    token = [outer.const(1, _TOKEN)] if body.frame.checks else []
    return [*state.starts(outer), *token]


def _finish(
    outer: Frame, state: State, body: FlowRegion, results: Sequence[Expr], last: list[list[Next]]
) -> None:
    """Let the variables stand for the results of a loop; the last one may be its token."""
    if body.frame.checks:
        outer.checks.append(results[-1])
    state.finish(outer, results, last)


def _limit(outer: Frame, lower: Expr, upper: Expr) -> Size:
    """Return a size that the number of steps does not exceed; 0 where none is known."""
    first, last = (size_of(outer, Tracer(bound)) for bound in (lower, upper))
    return 0 if first is None or last is None else dim_max(last - first, 0)


def _append_while(
    outer: Frame,
    state: State,
    body: tuple[FlowRegion, Opened, list[list[Next]]],
    test: Callable[..., Any],
    counter: tuple[Tracer, Expr] | None = None,
    limit: Size = 0,
) -> tuple[Expr, ...]:
    """Append a loop that runs while a test holds; return the last values of what it carries.

    With a counter, its parameter in the body and its first value, the counter comes first.
    """
    region, opened, last = body
    tested = FlowRegion("test")
    tested.frame.past = None
    given: list[Tracer] = []
    if counter is not None:
        name = counter[0].expr.node.name or "i"
        given = [Tracer(tested.frame.builder.param(name, _INDEX), weak=True)]
    inside = state.open(tested)
    tested.enter()
    going = lift(truth_of(test(*given)))
    tested.leave()
    if len(outer.session.writes) > inside.mark:
        raise TraceError(
            f"the condition of {state.variables.what} writes to an array, and it is traced apart "
            "from the body: write `while True:`, and `if not condition: break` in it"
        )
    outputs, first = state.outputs(region, last), []
    starts = _starts(outer, state, region)
    if counter is not None:
        outputs = [counter[0].expr + 1, *outputs]
        first = [counter[0].expr]
        starts = [counter[1], *starts]
    parts = [
        (
            tested.frame,
            [
                *(t.expr for t in given),
                *state.params(inside),
                *_token_params(tested, region),
            ],
            [tested.frame.waiting(tested.frame.expr(going.expr))],
        ),
        (
            region.frame,
            [*first, *state.params(opened), *_token_params(region, region)],
            outputs,
        ),
    ]
    (test_graph, body_graph), constants = closed(outer, parts)
    outer.mark()
    attrs: dict[str, Any] = {"limit": limit} if limit != 0 else {}
    node = OPS["while"](
        *starts, *constants, test=test_graph, body=body_graph, carried=len(starts), **attrs
    )
    return node.items()


def _bound(frame: Frame, bound: Any) -> Expr:
    """Return a bound of a loop as an i64 scalar of the graph."""
    if isinstance(bound, Length):
        return frame.dim(bound.dim)
    value = lift(bound)
    # The reverse sweep needs the number of steps as a length, where it is one.
    size_of(frame, value)
    return frame.expr(value.expr)


def repeat(
    test: Callable[[], Any], get: Any, put: Any, names: tuple[str, ...], what: str = "while"
) -> Iterator[None]:
    """Give a step of a `while` statement as long as its test holds; one step where it is traced.

    Where only the second test turns out to be traced, as in ``error = 1.0`` before
    ``while error > tolerance``, the first step is taken back and the whole loop is traced.
    """
    if not is_tracing():
        while test():
            yield
        return
    variables = variables_at(names, get, put, what)
    frame = current()
    before, mark, checks = variables.values(), len(frame.session.writes), len(frame.checks)
    steps = 0
    while (known := truth(test())) is not None:
        if not known:
            return
        yield
        steps += 1
    if steps == 1:
        variables.set(before)
        rewind(frame, mark)
        del frame.checks[checks:]
    else:
        steps = 0  # those that ran are none of the loop
    del before  # which would keep its arrays alive
    yield from _traced_repeat(test, variables, steps)


def _traced_repeat(test: Callable[[], Any], variables: Variables, least: int) -> Iterator[None]:
    """Give one step of a `while` statement, and append the loop that it stands for.

    It is known to run `least` steps, as ``while True`` with a `break` runs one.
    """
    outer = current()
    outer.mark()
    state = State(variables)
    state.count = least
    while True:
        region = FlowRegion("body", variables)
        region.frame.past = state.settled.inner.begin()
        opened = state.open(region)
        region.enter()
        yield
        last = state.close(region, opened)
        region.leave()
        if last is not None:
            break
        variables.set(state.before)
    results = _append_while(outer, state, (region, opened, last), test)
    _finish(outer, state, region, results, last)
