"""Say which trees machine code takes apart and puts together, and in which steps.

In: the structures of a call's arguments and results. Out: a `Form`, and the steps of its results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bpcompile.frontend.arguments.trees import LEAF, Node, Structure
from bpcompile.ir.type import Type

_MAX_TOKENS = 200


class Form(NamedTuple):
    """Say how leaves lie: the structure of each positional argument, and of the result."""

    arguments: tuple[Structure, ...]
    results: Structure


def can_take(structure: Structure) -> bool:
    """Tell whether machine code can take a tree apart: it reads no attributes."""
    return all(token is LEAF or token.style != "data" for token in structure.tokens)


def can_put(structure: Structure) -> bool:
    """Tell whether machine code can put a tree together: of tuples, lists and dicts."""
    return all(
        token is LEAF or token.kind in (tuple, list, dict, type(None)) for token in structure.tokens
    )


def is_small(form: Form) -> bool:
    """Tell whether a call has so few leaves that each may have its own instructions."""
    trees = (*form.arguments, form.results)
    return sum(len(structure.tokens) for structure in trees) <= _MAX_TOKENS


class Part(NamedTuple):
    """Hold a part of a result without scalars: its structure, and which leaves are its own."""

    structure: Structure
    leaves: range


Step = Part | Node | int
"""What a result is put together from, children first: a fixed part, a node, the place of a leaf."""


def steps_of(results: Structure, outputs: Sequence[Type], *, bound: bool) -> list[Step]:
    """Return the steps that put a result together.

    Where the call is `bound`, the largest parts that hold no scalar are steps of their own: they
    are the same objects at each call.
    """
    stack: list[tuple[int, range, bool]] = []  # first token, leaves, whether all are arrays
    parts: dict[int, tuple[int, range]] = {}  # by their last token
    tokens, leaf = results.tokens, 0
    for k, token in enumerate(tokens):
        if token is LEAF:
            start, span, fixed = k, range(leaf, leaf + 1), bool(outputs[leaf].rank)
            leaf += 1
        else:
            cut = len(stack) - len(token.keys)
            children = stack[cut:]
            del stack[cut:]
            start = children[0][0] if children else k
            span = range(children[0][1].start if children else leaf, leaf)
            fixed = all(child[2] for child in children)
        stack.append((start, span, fixed))
        if fixed and bound:
            parts = {end: part for end, part in parts.items() if end < start}
            parts[k] = start, span
    inside = {k for end, (start, _) in parts.items() for k in range(start, end)}
    leaves = iter(range(leaf))
    steps: list[Step] = []
    for k, token in enumerate(tokens):
        place = next(leaves) if token is LEAF else -1
        if k in parts:
            start, span = parts[k]
            steps.append(Part(Structure(tokens[start : k + 1]), span))
        elif k not in inside:
            steps.append(place if token is LEAF else token)
    return steps
