"""Write `match` as `if` and `elif` where it compares values, so that traced ones decide.

    match k:                      SUBJECT = k
        case 0 | 1:               if SUBJECT == 0 or SUBJECT == 1:
            y = a          ->         y = a
        case n if n > 5:          elif SUBJECT > 5:
            y = b                     n = SUBJECT
        case _:                       y = b
            y = c                 else:
                                      y = c

Where ``case True`` and ``case False`` both stand alone, the second is what is left of a condition.
Patterns that look into a structure stay what they are, since structure is known while compiling; a
tuple written out behind `match` is compared place by place.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from bpcompile.frontend.rewriting.syntax import at, call, constant, load, store

IS = "__bp_is__"
MATCH_HOOKS = (IS,)

_SUBJECT = "__bp_subject_"

Subject: TypeAlias = tuple[str, ...]  # the variables that hold its places; one if it is no tuple
Test: TypeAlias = ast.expr | None  # None is a test that always holds


class _StructuralError(Exception):
    """Say that a pattern looks into a structure."""


def is_subject(name: str) -> bool:
    """Tell whether a variable is one that holds what `match` compares."""
    return name.startswith(_SUBJECT)


def without_matches(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return statements in which each `match` on values is an `if`, in inner blocks, too."""
    return _block(body, itertools.count())


def _block(body: Sequence[ast.stmt], numbers: Iterator[int]) -> list[ast.stmt]:
    """Return the statements of a block."""
    found: list[ast.stmt] = []
    for node in body:
        for part in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            for field in ("body", "orelse", "finalbody"):
                inner = getattr(part, field, None)
                if isinstance(inner, list):
                    setattr(part, field, _block(inner, numbers))
        found += _decided(node, numbers) if isinstance(node, ast.Match) else [node]
    return found


def _decided(node: ast.Match, numbers: Iterator[int]) -> list[ast.stmt]:
    """Return a `match` as an `if`, or as it is where a pattern looks into a structure."""
    parts = node.subject.elts if isinstance(node.subject, ast.Tuple) else [node.subject]
    if any(isinstance(part, ast.Starred) for part in parts):
        return [node]
    names = tuple(f"{_SUBJECT}{next(numbers)}__" for _ in parts)
    try:
        arms = [(case, *_arm(case, names)) for case in node.cases]
    except _StructuralError:
        for case in node.cases:
            _ask_for_classes(case, numbers)
        return [node]
    _complete(arms)
    rest: list[ast.stmt] = []
    for case, test, bindings in reversed(arms):
        block = [*bindings, *case.body]
        rest = block if test is None else [at(test, ast.If(test, block, rest))]
    kept: list[ast.stmt] = [
        at(part, ast.Assign([store(part, name)], part))
        for name, part in zip(names, parts, strict=True)
    ]
    return [*kept, *rest]


def _complete(arms: Sequence[tuple[ast.match_case, Test, list[ast.stmt]]]) -> None:
    """Tell the test of a truth value that the other one has been asked for without a guard."""
    asked: set[bool] = set()
    for case, test, _ in arms:
        pattern = case.pattern
        inner = pattern.pattern if isinstance(pattern, ast.MatchAs) else pattern
        if not isinstance(inner, ast.MatchSingleton) or not isinstance(inner.value, bool):
            continue
        if (not inner.value) in asked and isinstance(test, ast.Call):
            test.args.append(constant(pattern, True))
        if case.guard is None:
            asked.add(inner.value)


def _arm(case: ast.match_case, subject: Subject) -> tuple[Test, list[ast.stmt]]:
    """Return the test of a case and the statements that bind its names."""
    bound: dict[str, str] = {}
    test = _test(case.pattern, subject, bound)
    if case.guard is not None:
        guard = case.guard
        for name in (n for n in ast.walk(guard) if isinstance(n, ast.Name)):
            name.id = bound.get(name.id, name.id)
        test = guard if test is None else at(guard, ast.BoolOp(ast.And(), [test, guard]))
    like = case.pattern
    bindings: list[ast.stmt] = [
        at(like, ast.Assign([store(like, name)], load(like, ours))) for name, ours in bound.items()
    ]
    return test, bindings


def _test(pattern: ast.pattern, subject: Subject, bound: dict[str, str]) -> Test:
    """Return the test of a pattern; what it binds is added to `bound`."""
    match pattern:
        case ast.MatchAs(pattern=None, name=None):
            return None
        case ast.MatchSequence(patterns=patterns) if len(patterns) == len(subject) > 1:
            tests = [_test(p, (name,), bound) for p, name in zip(patterns, subject, strict=True)]
            return _joined(pattern, ast.And(), [test for test in tests if test is not None])
        case ast.MatchOr(patterns=patterns):
            given = [_test(alternative, subject, {}) for alternative in patterns]
            if any(isinstance(n, ast.MatchAs) and n.name for n in ast.walk(pattern)):
                raise _StructuralError
            known = [test for test in given if test is not None]
            return _joined(pattern, ast.Or(), known) if len(known) == len(given) else None
    if len(subject) > 1:
        raise _StructuralError
    match pattern:
        case ast.MatchAs(pattern=inner, name=str(name)):
            test = None if inner is None else _test(inner, subject, bound)
            bound[name] = subject[0]
            return test
        case ast.MatchValue(value=value):
            return at(pattern, ast.Compare(load(pattern, subject[0]), [ast.Eq()], [value]))
        case ast.MatchSingleton(value=value):
            return call(pattern, IS, load(pattern, subject[0]), constant(pattern, value))
        case ast.MatchClass() if _is_bare(pattern):
            return call(pattern, "isinstance", load(pattern, subject[0]), pattern.cls)
    raise _StructuralError


def _is_bare(pattern: ast.pattern) -> bool:
    """Tell whether a pattern asks for a class and nothing else, as ``float()`` does."""
    bare = isinstance(pattern, ast.MatchClass) and not (pattern.patterns or pattern.kwd_patterns)
    either = isinstance(pattern, ast.MatchOr) and all(map(_is_bare, pattern.patterns))
    return bare or either


def _ask_for_classes(case: ast.match_case, numbers: Iterator[int]) -> None:
    """Let a guard ask for the classes of places: of a traced one only `isinstance` knows it."""
    tests: list[ast.expr] = []

    def asked(place: ast.pattern) -> ast.pattern:
        """Return a pattern that binds what the guard asks, in the place of a class."""
        named = place.name if isinstance(place, ast.MatchAs) else None
        inner = place.pattern if isinstance(place, ast.MatchAs) else place
        if inner is None or not _is_bare(inner):
            pending.append(place)
            return place
        name = named or f"{_SUBJECT}{next(numbers)}__"
        test = _test(inner, (name,), {})
        tests.extend([] if test is None else [test])
        return at(place, ast.MatchAs(None, name))

    pending: list[ast.pattern] = []
    case.pattern = asked(case.pattern)
    while pending:
        pattern = pending.pop()
        if isinstance(pattern, (ast.MatchSequence, ast.MatchMapping, ast.MatchClass)):
            pattern.patterns = [asked(place) for place in pattern.patterns]
        if isinstance(pattern, ast.MatchClass):
            pattern.kwd_patterns = [asked(place) for place in pattern.kwd_patterns]
    if tests:
        every = [*tests, *([] if case.guard is None else [case.guard])]
        case.guard = _joined(case.pattern, ast.And(), every)


def _joined(like: ast.AST, sign: ast.boolop, tests: list[ast.expr]) -> Test:
    """Return tests joined by `and` or `or`."""
    if len(tests) < 2:
        return tests[0] if tests else None
    return at(like, ast.BoolOp(sign, tests))
