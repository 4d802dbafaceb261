"""Run conditions while tracing: known ones as Python does, traced ones as branches.

The rewritten source loops over what these functions give (see `bpcompile.frontend.rewriting.flow`).
For a traced condition `branch` gives True and then False: each arm is traced into a graph, and
what they leave in the variables is joined by the graph's ``branch``.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from bpcompile.errors import TraceError
from bpcompile.frontend.flow.join import joined
from bpcompile.frontend.flow.region import FlowRegion, Variables, closed
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.rewriting.flow import LONG_CHAIN
from bpcompile.frontend.session import current, is_tracing
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type


def truth(value: Any) -> bool | None:
    """Return the truth of a value, or None where only the compiled code will know it."""
    if not isinstance(value, Tracer):
        return bool(value)
    node = value.expr.node
    if node.op.name == "const" and not node.shape:
        return bool(node.attrs["value"])
    if value.ndim:
        raise TraceError(
            f"the truth of {describe(value)}, an array, is not one value{where()}: write .any() or "
            ".all(), or np.where(condition, a, b) to choose for each element"
        )
    return None


def condition_of(value: Tracer) -> Tracer:
    """Return the truth of a traced scalar as a bool of the graph."""
    if value.expr.dtype is DType.BOOL:
        return value
    found: Tracer = RULES["not_equal"](value, 0)
    return found


def variables_at(names: tuple[str, ...], get: Any, put: Any, keyword: str) -> Variables:
    """Return the variables of a piece of control flow that stands at the user's line."""
    return Variables(names, get, put, f"the `{keyword}`{where()}")


# -- branches ----------------------------------------------------------------------------------


def branch(test: Any, get: Any, put: Any, names: tuple[str, ...]) -> Iterable[bool]:
    """Give the truth of a condition, or both truths in turn where it is traced."""
    known = truth(test)
    if known is not None:
        return (known,)
    return _traced_branch(condition_of(test), variables_at(names, get, put, "if"))


def arms(
    tests: Sequence[Callable[[], Any]], get: Any, put: Any, names: tuple[str, ...]
) -> Iterator[int]:
    """Give the number of the arm of an `if` with many `elif`; that of `else` is the last.

    Where tests are traced it gives the number of each arm that may be taken.
    """
    return _arms(tests, variables_at(names, get, put, "if"))


def _arms(tests: Sequence[Callable[[], Any]], variables: Variables) -> Iterator[int]:
    """Give the numbers of arms, by halves: so a chain of hundreds is a few branches deep.

    For that all tests come first, if they are cheap and cannot fail. Else each stands in the
    `else` of those before it.
    """
    if not is_tracing():
        yield next((k for k, test in enumerate(tests) if test()), len(tests))
        return
    found: list[tuple[int, Tracer]] = []
    for number, test in enumerate(tests):
        if found and not _is_harmless(test):
            yield from _one_by_one(found, tests[number:], number, variables)
            return
        value = test()
        known = truth(value)
        if known:
            yield from _by_halves(found, number, variables)
            return
        if known is None:
            found.append((number, condition_of(value)))
    yield from _by_halves(found, len(tests), variables)


def _by_halves(
    found: Sequence[tuple[int, Tracer]], last: int, variables: Variables
) -> Iterator[int]:
    """Give the numbers of arms whose conditions are known to be cheap, and then `last`."""
    if not found:
        yield last
        return
    middle = (len(found) + 1) // 2
    any_of = functools.reduce(RULES["logical_or"], [test for _, test in found[:middle]])
    for taken in _traced_branch(any_of, variables):
        if not taken:
            yield from _by_halves(found[middle:], last, variables)
        else:  # the last of them, where none before it is true
            yield from _by_halves(found[: middle - 1], found[middle - 1][0], variables)


def _one_by_one(
    found: Sequence[tuple[int, Tracer]],
    rest: Sequence[Callable[[], Any]],
    first: int,
    variables: Variables,
) -> Iterator[int]:
    """Give the numbers of arms, the remaining tests in the `else` of those that are found."""
    if not found:
        yield from (first + k for k in _arms(rest, variables))
        return
    any_of = functools.reduce(RULES["logical_or"], [test for _, test in found])
    for taken in _traced_branch(any_of, variables):
        if taken:
            yield from _by_halves(found[:-1], found[-1][0], variables)
        else:
            yield from (first + k for k in _arms(rest, variables))


def _traced_branch(test: Tracer, variables: Variables) -> Iterator[bool]:
    """Give both truths in turn; each arm is traced into a graph, and their results are joined."""
    outer = current()
    outer.mark()
    condition = outer.expr(test.expr)
    before = variables.values()
    regions, afters = [], []
    for taken in (True, False):
        region = FlowRegion("then" if taken else "otherwise", variables)
        region.enter()
        yield taken
        afters.append(variables.values())
        region.leave()
        regions.append(region)
        variables.set(before)
    if all(region.frame.ended for region in regions):
        outer.ended = True
        afters = [before, before]
    joint = joined(regions, afters, variables)
    tokens = _tokens(regions)
    outputs = [[*out, *more] for out, more in zip(joint.outputs, tokens, strict=True)]
    if any(outputs):
        parts = [(r.frame, (), out) for r, out in zip(regions, outputs, strict=True)]
        (then, otherwise), operands = closed(outer, parts)
        outer.mark()
        node = OPS["branch"](condition, *operands, then=then, otherwise=otherwise)
        count = len(joint.outputs[0])
        joint.assign(outer, node.items()[:count])
        outer.checks.extend(node.items()[count:])
    variables.set(joint.values([]))


def _tokens(regions: Sequence[FlowRegion]) -> list[list[Expr]]:
    """Return the token of each arm's checks, as one more result where either has some."""
    found = [region.frame.token() for region in regions]
    if found == [None, None]:
        return [[], []]
    frames = [region.frame for region in regions]
    return [
        [frame.const(1, Type(DType.BOOL)) if token is None else token]
        for frame, token in zip(frames, found, strict=True)
    ]


class Cell:
    """Hold one value that control flow binds outside of the user's variables."""

    def __init__(self, value: Any = None) -> None:
        """Hold the first value."""
        self.value = value

    def get(self) -> tuple[Any, ...]:
        """Return the value as that of one variable."""
        return (self.value,)

    def put(self, values: tuple[Any, ...]) -> None:
        """Set the value."""
        (self.value,) = values


def chosen(test: Any, yes: Callable[[], Any], *rest: Callable[[], Any]) -> Any:
    """Stand for ``yes if test else no``, or for a chain of such: tests, and what each chooses."""
    if len(rest) == 1:
        return choose(test, yes, *rest)
    tests: list[Callable[[], Any]] = [partial(_itself, test), *rest[:-1:2]]
    values = [yes, *rest[1:-1:2], rest[-1]]
    if len(tests) < LONG_CHAIN:
        return choose(test, yes, lambda: chosen(rest[0](), *rest[1:]))
    cell = Cell()
    for number in _arms(tests, variables_at(("value",), cell.get, cell.put, "if")):
        cell.value = values[number]()
    return cell.value


def choose(test: Any, yes: Callable[[], Any], no: Callable[[], Any], what: str = "if") -> Any:
    """Return ``yes() if test else no()``; `what` is the keyword that messages name."""
    known = truth(test)
    if known is not None:
        return yes() if known else no()
    cell = Cell()
    variables = variables_at(("value",), cell.get, cell.put, what)
    for taken in _traced_branch(condition_of(test), variables):
        cell.value = yes() if taken else no()
    return cell.value


def both(first: Any, *rest: Callable[[], Any]) -> Any:
    """Stand for ``and``."""
    return _decided(first, rest, ends=False)


def either(first: Any, *rest: Callable[[], Any]) -> Any:
    """Stand for ``or``."""
    return _decided(first, rest, ends=True)


def _decided(value: Any, rest: Sequence[Callable[[], Any]], *, ends: bool) -> Any:
    """Return the first value whose truth is `ends`, or else the last one, as Python does."""
    for following in rest:
        known = truth(value)
        if known is None:
            value = _lazily(value, following, ends=ends)
        elif known is ends:
            return value
        else:
            value = following()
    return value


def _lazily(value: Tracer, following: Callable[[], Any], *, ends: bool) -> Any:
    """Return a traced value or the following one, which is evaluated where it is needed."""
    if value.expr.dtype is DType.BOOL and _is_harmless(following):
        other = following()
        if isinstance(other, (bool, np.bool_)) or _is_condition(other):
            return RULES["logical_or" if ends else "logical_and"](value, other)
    if ends:
        return choose(value, partial(_itself, value), following, "or")
    return choose(value, following, partial(_itself, value), "and")


def _is_condition(value: Any) -> bool:
    """Tell whether a value is a traced bool."""
    return isinstance(value, Tracer) and not value.ndim and value.expr.dtype is DType.BOOL


def truth_of(value: Any) -> Any:
    """Return the truth of a value, known or as a bool of the graph."""
    known = truth(value)
    return condition_of(value) if known is None else known


def _is_harmless(following: Callable[[], Any]) -> bool:
    """Tell whether an operand is cheap and cannot fail, so that it may be evaluated in any case."""
    region = FlowRegion("operand")
    region.enter()
    following()
    region.leave()
    nodes = region.frame.builder.nodes
    return len(nodes) <= 8 and all(
        node.op.name in ("param", "const", "dim") or (node.op.numba and not node.shape)
        for node in nodes
    )


def negated(value: Any) -> Any:
    """Stand for ``not``."""
    known = truth(value)
    return RULES["logical_not"](condition_of(value)) if known is None else not known


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def chained(signs: tuple[str, ...], first: Any, *rest: Any) -> Any:
    """Stand for ``a < b <= c``."""
    found: Any = True
    left = first
    for sign, right in zip(signs, rest, strict=True):
        part = _COMPARE[sign](left, right)
        found = part if found is True else both(found, partial(_itself, part))
        left = right
    return found


def is_singleton(value: Any, singleton: bool | None, last: bool = False) -> Any:
    """Stand for what ``case True``, ``case False`` and ``case None`` ask.

    With `last` the other truth value has been asked for before: what is neither is no condition.
    """
    if _is_condition(value) and singleton is not None:
        if last:
            return True
        return value if singleton else negated(value)
    return value is singleton


def _itself(value: Any) -> Any:
    """Return a value."""
    return value
