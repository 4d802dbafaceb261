"""Find loops that do the same with other arrays and numbers, and write them once.

A model that calls a function four times, as each stage of a Runge-Kutta step does, has its loops
four times, and four times in the backward sweep. Numba and LLVM take as long for each of them as
for the first. Here one of them becomes a routine, and all of them run it.

Two loops are the same where their statements are, word for word, once the variables of each are
numbered in the order in which they appear. What is left out where a routine is called is a number
of statements, else they stay; a short routine LLVM puts back where it is called. Loops that are run
once stay where they are, a kernel each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from bpcompile.ir.dims import Dim, Size, size_names, substitute
from bpcompile.ir.graph import Node
from bpcompile.schedule.mentions import Item, Mentions, mentions
from bpcompile.schedule.statements import (
    Apply,
    Fill,
    Fold,
    For,
    If,
    Lit,
    Load,
    Move,
    Plan,
    Run,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
    While,
)

FEWEST = 3  # statements of a routine
_SAVED = 12  # statements that a routine takes the place of

Form = tuple[Hashable, ...]


def share(plan: Plan) -> None:
    """Let the loops of a plan that are the same run one routine."""
    alike: dict[Form, list[_Member]] = {}
    tokens = _tokens(plan.statements)
    for body in _bodies(plan.statements, repeated=True):
        for place, loop in enumerate(body):
            if isinstance(loop, For) and _size(loop) >= FEWEST:
                reader = _Reader(tokens)
                form = reader.form(loop)
                if form is not None:
                    member = _Member(body, place, loop, reader.given())
                    alike.setdefault(form, []).append(member)
    gone: set[int] = set()  # the lists of statements in loops that are routines by now
    for members in alike.values():
        there = [member for member in members if id(member.body) not in gone]
        closed = [member for member in there if _is_closed(member.loop, plan, tokens)]
        if (len(closed) - 1) * _size(members[0].loop) < _SAVED:
            continue
        shared = _run(closed[0], tokens)
        for member in closed:
            member.body[member.place] = dataclasses.replace(shared, given=member.given)
            gone.update(id(inner) for inner in _bodies(member.loop.body))


class _Member(NamedTuple):
    """Hold a loop, where it stands, and the variables that it takes from outside."""

    body: list[Statement]
    place: int
    loop: For
    given: list[Var]


def _run(member: _Member, tokens: dict[str, Var]) -> Run:
    """Return what runs a loop where it stands."""
    found = mentions([member.loop], dict(tokens))
    lengths = [name for name in found.names if not name.startswith("%")]
    return Run(member.loop, member.given, member.given, lengths, list(found.made))


def _is_closed(loop: For, plan: Plan, tokens: dict[str, Var]) -> bool:
    """Tell whether nothing else mentions the numbers that a loop sets."""
    own = mentions([loop], dict(tokens))
    others = _Others(loop, dict(tokens))
    others.include([*plan.statements, *plan.scalars.values()])
    return others.vars.keys().isdisjoint(own.set)


class _Others(Mentions):
    """Gather what a plan mentions outside of one loop."""

    def __init__(self, loop: For, tokens: dict[str, Var]) -> None:
        """Start empty."""
        super().__init__(tokens)
        self._loop = loop

    def _visit(self, item: Item) -> list[Item]:
        """Pass the loop by."""
        return [] if item is self._loop else super()._visit(item)


def _bodies(statements: list[Statement], repeated: bool = False) -> Iterator[list[Statement]]:
    """Yield lists of statements, the outer ones first; with `repeated` only what is in loops."""
    stack = [(statements, False)]
    while stack:
        body, is_repeated = stack.pop()
        if is_repeated or not repeated:
            yield body
        for statement in reversed(body):
            inner = is_repeated or isinstance(statement, (For, While))
            stack += [(below, inner) for below in reversed(_inside(statement))]


def _inside(statement: Statement) -> list[list[Statement]]:
    """Return the lists of statements in a statement."""
    match statement:
        case For(body=body):
            return [body]
        case If(then=then, otherwise=otherwise):
            return [then, otherwise]
        case While(test=test, body=body):
            return [test, body]
    return []


def _size(loop: For) -> int:
    """Return the number of statements in a loop."""
    return sum(len(body) for body in _bodies(loop.body))


def _tokens(statements: list[Statement]) -> dict[str, Var]:
    """Return the variables that stand in sizes, the counters of loops among them."""
    found: dict[str, Var] = {}
    mentions(statements, found)
    for body in _bodies(statements):
        for statement in body:
            if isinstance(statement, For):
                found.update(dict.fromkeys(statement.var.tokens, statement.var))
    return found


class _Reader:
    """Read statements as words that say all but which variables they are about."""

    def __init__(self, tokens: dict[str, Var]) -> None:
        """Start without variables; `tokens` knows those that stand in sizes."""
        self._tokens = tokens
        self._numbers: dict[Var, int] = {}
        self._renamed: dict[str, Size] = {}
        self._own: set[Var] = set()
        self._words: list[Hashable] = []

    def given(self) -> list[Var]:
        """Return the variables that were read from outside, in the order in which they appear."""
        return [var for var in self._numbers if var not in self._own]

    def form(self, loop: For) -> Form | None:
        """Return the form of a loop, None where it has a statement that is not looked into."""
        stack: list[Item | Size] = [loop]
        while stack:
            below = self._read(stack.pop())
            if below is None:
                return None
            stack += reversed(below)
        return tuple(self._words)

    def _read(self, item: Item | Size) -> list[Item | Size] | None:
        """Write the words of an item itself; return what is below it."""
        match item:
            case int() | Dim():
                return self._size(item)
            case Var():
                return self._var(item)
            case SizeValue(size=size):
                return self._say(["size"], [size])
            case Lit(value=value, dtype=dtype):
                return self._say([repr(value), dtype], [])
            case Load(array=array, index=index):
                return self._say(["load", len(index)], [array, *index])
            case Apply(node=node, args=args):
                return self._say([*_operation(node), len(args)], args)
            case For() | If():
                return self._read_block(item)
        return self._read_simple(item)

    def _read_simple(self, item: Item | Size) -> list[Item | Size] | None:
        """Write the words of a statement that assigns."""
        match item:
            case Set(var=var, value=value):
                return self._say(["set"], [self._owned(var), value])
            case Store(array=array, index=index, value=value):
                return self._say(["store", len(index)], [array, *index, value])
            case Fold(target=target, op=op, value=value, node=node):
                kind = None if node is None else node.array_type.dtype
                place = self._owned(target) if isinstance(target, Var) else target
                return self._say(["fold", op, kind], [place, value])
            case Fill(array=array, value=constant):
                return self._say(["fill", repr(constant)], [array])
            case Move(targets=targets, values=values):
                return self._say(["move", len(targets)], [*map(self._owned, targets), *values])
        return None

    def _read_block(self, item: For | If) -> list[Item | Size]:
        """Write the words of a loop or branch."""
        if isinstance(item, For):
            words = ["for", item.down, item.ordered, len(item.body)]
            return self._say(words, [item.lower, item.upper, self._owned(item.var), *item.body])
        words = ["if", len(item.then), len(item.otherwise), len(item.results)]
        return self._say(words, [item.condition, *item.results, *item.then, *item.otherwise])

    def _owned(self, var: Var) -> Var:
        """Note that a variable is set here, and return it."""
        self._own.add(var.itself())
        return var

    def _say(self, words: Iterable[Hashable], below: Iterable[Item | Size]) -> list[Item | Size]:
        """Write words, and return what is below them."""
        self._words += words
        return list(below)

    def _var(self, var: Var) -> list[Item | Size]:
        """Write the number of a variable."""
        var = var.itself()
        number = self._numbers.setdefault(var, len(self._numbers))
        for token in var.tokens:
            self._renamed.setdefault(token, Dim.named(f"%{number}"))
        return self._say([number, var.dtype, var.rank], [])

    def _size(self, size: Size) -> list[Item | Size]:
        """Write a size, the variables in it by their numbers."""
        for name in sorted(size_names(size)):
            if name in self._tokens and name not in self._renamed:
                self._var(self._tokens[name])
                self._renamed.setdefault(name, Dim.named(f"%{self._numbers[self._tokens[name]]}"))
        return self._say([str(substitute(size, self._renamed))], [])


def _operation(node: Node) -> list[Hashable]:
    """Return what tells an operation from others."""
    return [id(node.op), repr(sorted(node.attrs.items())), node.array_type.dtype]
