"""Lay the temporary arrays of a plan out in one workspace.

Two temporaries of equal length share a place where the statements that use one all stand before
those of the other. The workspace is counted in words of 8 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from bpcompile.ir.dims import Size, floor_div, product
from bpcompile.schedule.statements import (
    Apply,
    Call,
    CopyArray,
    Expression,
    Fill,
    Fold,
    For,
    If,
    Load,
    Plan,
    Product,
    Statement,
    Store,
    Stretch,
    Var,
    While,
)
from bpcompile.schedule.statements import Buffer as Buffer


@dataclass(slots=True)
class Slot:
    """Place a temporary at `start` of the workspace, `words` long."""

    buffer: Buffer
    start: Size
    words: Size


def lay_out(plan: Plan) -> tuple[list[Slot], Size]:
    """Return the place of each temporary and the length of the workspace, both in words."""
    spans = _spans(plan)
    temps = [b for b in plan.buffers if b.role == "temp" and b.var in spans]
    temps.sort(key=lambda buffer: spans[buffer.var][0])
    slots: list[Slot] = []
    free: dict[Size, list[tuple[int, Size]]] = {}
    total: Size = 0
    for buffer in temps:
        first, last = spans[buffer.var]
        words = _words(buffer)
        places = free.setdefault(words, [])
        start = next((s for end, s in places if end < first), None)
        if start is None:
            start = total
            total = total + words
        else:
            places[:] = [(e, s) for e, s in places if s != start]
        places.append((last, start))
        slots.append(Slot(buffer, start, words))
    return slots, total


def _words(buffer: Buffer) -> Size:
    """Return the words that a buffer takes."""
    count = product(buffer.shape)
    per_word = 8 // buffer.dtype.itemsize
    return count if per_word == 1 else floor_div(count + (per_word - 1), per_word)


def _spans(plan: Plan) -> dict[Var, tuple[int, int]]:
    """Return the first and last top-level statement that uses each array."""
    spans: dict[Var, tuple[int, int]] = {}
    for position, statement in enumerate(plan.statements):
        for var in arrays_in(statement):
            first, _ = spans.get(var, (position, position))
            spans[var] = (first, position)
    return spans


def arrays_in(statement: Statement) -> set[Var]:
    """Return the arrays that a statement and all below it touch."""
    found: set[Var] = set()
    stack: list[Statement | Expression] = [statement]
    while stack:
        match stack.pop():
            case For(body=body, lower=lower, upper=upper):
                stack += [*body, lower, upper]
            case Stretch(body=body):
                stack += body
            case If(condition=condition, then=then, otherwise=otherwise):
                stack += [condition, *then, *otherwise]
            case While(test=test, condition=condition, body=body):
                stack += [*test, condition, *body]
            case Store(array=array, value=value):
                found.add(array)
                stack.append(value)
            case Fold(target=target, value=value):
                stack += [target, value]
            case Fill(array=array) | Load(array=array):
                found.add(array)
            case CopyArray(target=target, source=source):
                found |= {target, source}
            case Product(out=out, left=left, right=right):
                found |= {out, left.array, right.array}
            case Call(operands=operands, outs=outs):
                found |= {*operands, *outs}
            case Apply(args=args):
                stack += args
            case other:
                stack += _values(other)
    return found


def _values(statement: Statement | Expression) -> list[Expression]:
    """Return the expressions directly inside of a statement of scalars."""
    value = getattr(statement, "value", None)
    values = getattr(statement, "values", None)
    if values is not None:
        return list(values)
    return [value] if value is not None and not isinstance(value, (int, float)) else []
