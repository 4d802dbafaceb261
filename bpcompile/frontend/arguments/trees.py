"""Take nested arguments apart into leaves, and put leaves together in the same shape.

In: any Python value. Out: its leaves in order, a text for the path of each, and a `Structure`.
Tuples, lists, dicts (in the order of their sorted keys), named tuples and dataclasses are nodes;
None is a node without children; all else is a leaf.

    >>> leaves, paths, structure = flatten({"w": [1.0, 2.0], "b": (3.0, None)}, "params")
    >>> leaves
    [3.0, 1.0, 2.0]
    >>> paths
    ["params['b'][0]", "params['w'][0]", "params['w'][1]"]
    >>> structure.unflatten([0.5, 1, 2])
    {'b': (0.5, None), 'w': [1, 2]}

A structure is a flat sequence of tokens in postorder, so that comparing, hashing and rebuilding
need no recursion. It is written here, not taken from a library, because a call needs more than
flattening: see `bpcompile.frontend.arguments.closures`.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from bpcompile.errors import ArgumentError, LimitError
from bpcompile.ir.type import Type

_MAX_DEPTH = 1000


class Node(NamedTuple):
    """Describe one node: the class that is rebuilt, and the keys of its children in order."""

    kind: type
    keys: tuple[Any, ...]
    style: str
    """``"items"`` (tuple, list), ``"dict"``, ``"named"``, ``"data"``, ``"none"`` or ``"fixed"``."""
    value: Any = None
    """What a fixed one stands for, such as a string: it is part of the structure."""


LEAF = None
Token = Node | None
_NONE = Node(type(None), (), "none")


class Structure:
    """Hold the shape of a tree: a token for each node and leaf, children before their parent."""

    __slots__ = ("_hash", "count", "tokens")

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        """Hold the tokens."""
        self.tokens = tokens
        self.count = tokens.count(LEAF)
        self._hash = hash(tokens)

    def __hash__(self) -> int:
        """Return the kept hash."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Tell whether two trees have the same nodes at the same places."""
        if not isinstance(other, Structure):
            return NotImplemented
        return self is other or (self._hash == other._hash and self.tokens == other.tokens)

    @property
    def is_leaf(self) -> bool:
        """Tell whether the tree is a single leaf."""
        return self.tokens == (LEAF,)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Return the tree with these leaves.

        Raises `ArgumentError` where there are not as many leaves as the structure has.
        """
        given = list(leaves)
        if len(given) != self.count:
            raise ArgumentError(f"{len(given)} leaves for a tree of {self.count}")
        if self.is_leaf:
            return given[0]
        rest = iter(given)
        stack: list[Any] = []
        for token in self.tokens:
            if token is LEAF:
                stack.append(next(rest))
                continue
            start = len(stack) - len(token.keys)
            children = stack[start:]
            del stack[start:]
            stack.append(rebuilt(token, children))
        return stack[0]

    def paths(self, root: str = "") -> list[str]:
        """Return the path of each leaf as Python text: ``root['w'][0].b``."""
        found: list[str] = []
        pending = [root]
        for token in reversed(self.tokens):  # a parent comes before its last child
            prefix = pending.pop()
            if token is LEAF:
                found.append(prefix)
            else:
                pending.extend(prefix + _suffix(token, key) for key in token.keys)
        found.reverse()
        return found

    def nest(self, leaves: Iterable[Any]) -> Any:
        """Return the leaves nested as plain tuples, which is how compiled code returns them.

        A tree of one leaf gives the leaf; None disappears.
        """
        rest = iter(leaves)
        stack: list[list[Any]] = []
        for token in self.tokens:
            if token is LEAF:
                stack.append([next(rest)])
            elif token is _NONE:
                stack.append([])
            else:
                start = len(stack) - len(token.keys)
                children = [value for child in stack[start:] for value in child]
                del stack[start:]
                stack.append([tuple(children)] if children else [])
        return stack[0][0] if stack[0] else ()

    def __repr__(self) -> str:
        """Return the tree with a star for each leaf."""
        return repr(self.unflatten([_STAR] * self.count))


class _Star:
    """Stand for a leaf in the text of a structure."""

    def __repr__(self) -> str:
        return "*"


_STAR = _Star()


def flatten(
    tree: Any, name: str = "", fixed: tuple[type, ...] = ()
) -> tuple[list[Any], list[str], Structure]:
    """Return the leaves of a tree, the path of each beginning with `name`, and the structure.

    Raises `LimitError` for a tree deeper than 1000 levels, or one that contains itself.
    """
    leaves, structure = leaves_of(tree, fixed)
    return leaves, structure.paths(name), structure


def leaves_of(tree: Any, fixed: tuple[type, ...] = ()) -> tuple[list[Any], Structure]:
    """Return the leaves of a tree and its structure, of which those of `fixed` types are a part.

    Raises `LimitError` for a tree deeper than 1000 levels, or one that contains itself.
    """
    node = node_of(tree)
    if node is LEAF:
        return [tree], Structure((LEAF,))
    leaves: list[Any] = []
    tokens: list[Token] = []
    path: list[Node] = [node]  # the nodes whose children are being visited
    pending: list[list[Any]] = [_children(tree, node)]  # their children, last first
    while path:
        if not pending[-1]:
            pending.pop()
            tokens.append(path.pop())
            continue
        value = pending[-1].pop()
        node = node_of(value)
        if node is LEAF and fixed and isinstance(value, fixed):
            tokens.append(Node(type(value), (), "fixed", value))
            continue
        if node is LEAF:
            tokens.append(LEAF)
            leaves.append(value)
            continue
        if len(path) >= _MAX_DEPTH:
            raise LimitError(
                f"a {type(value).__name__} is nested more than {_MAX_DEPTH} levels deep, or "
                "contains itself: pass its parts as separate arguments"
            )
        path.append(node)
        pending.append(_children(value, node))
    return leaves, Structure(tuple(tokens))


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """Return the tree of this structure with these leaves."""
    return structure.unflatten(leaves)


def map_leaves(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to the leaves of trees of one structure.

    Raises `ArgumentError` where the structures differ.

        >>> map_leaves(lambda p, g: p - 0.1 * g, {"w": 1.0}, {"w": 5.0})
        {'w': 0.5}
    """
    leaves, structure = leaves_of(tree)
    others = [leaves_like(structure, other, f"tree {k}") for k, other in enumerate(rest, 2)]
    return structure.unflatten(function(*values) for values in zip(leaves, *others, strict=True))


def leaves_like(structure: Structure, tree: Any, name: str) -> list[Any]:
    """Return the leaves of a tree that must have this structure.

    Raises `ArgumentError`, which shows both, where it has another.
    """
    leaves, found = leaves_of(tree)
    if found != structure:
        raise ArgumentError(f"{name} must be nested as {structure!r}, and is nested as {found!r}")
    return leaves


def leaves_up_to(structure: Structure, tree: Any, name: str) -> list[Any]:
    """Return what a tree has at each leaf of a structure; None may stand for any part of it.

    Raises `ArgumentError` where the tree does not have the structure's nodes.
    """
    found: list[Any] = []
    pending = [tree]
    for token in reversed(structure.tokens):
        value = pending.pop()
        if token is LEAF:
            found.append(value)
        elif value is None:
            pending.extend([None] * len(token.keys))
        elif node_of(value) == token:
            pending.extend(reversed(_children(value, token)))
        else:
            raise ArgumentError(
                f"{name} must be nested as {structure!r}, not as {leaves_of(value)[1]!r}"
            )
    found.reverse()
    return found


def node_of(value: Any) -> Token:
    """Return the node that a value is, or LEAF."""
    kind = value.__class__
    if kind is tuple or kind is list:
        return Node(kind, tuple(range(len(value))), "items")
    if value is None:
        return _NONE
    if isinstance(value, dict):
        return Node(OrderedDict if kind is OrderedDict else dict, _sorted_keys(value), "dict")
    if isinstance(value, tuple):
        fields = getattr(kind, "_fields", None)
        if isinstance(fields, tuple) and hasattr(kind, "_make"):
            return Node(kind, fields, "named")
        return Node(tuple, tuple(range(len(value))), "items")
    if isinstance(value, list):
        return Node(list, tuple(range(len(value))), "items")
    if hasattr(kind, "__dataclass_fields__") and kind is not Type:
        return Node(kind, tuple(field.name for field in dataclasses.fields(value)), "data")
    return LEAF


def _sorted_keys(value: dict[Any, Any]) -> tuple[Any, ...]:
    """Return the keys in order; those that cannot be compared go by type and text."""
    try:
        return tuple(sorted(value))
    except TypeError:
        return tuple(sorted(value, key=lambda key: (type(key).__qualname__, str(key))))


def _children(value: Any, node: Node) -> list[Any]:
    """Return the children of a node, last first."""
    match node.style:
        case "items" | "named":
            return list(reversed(value))
        case "dict":
            return [value[key] for key in reversed(node.keys)]
        case "data":
            return [getattr(value, key) for key in reversed(node.keys)]
    return []


def rebuilt(node: Node, children: Sequence[Any]) -> Any:
    """Return a node with these children."""
    match node.style:
        case "items":
            return node.kind(children)
        case "dict":
            return node.kind(zip(node.keys, children, strict=True))
        case "named":
            return node.kind._make(children)  # type: ignore[attr-defined]  # every named tuple has it
        case "data":
            # Not by its constructor, which may check or convert what is now a gradient.
            made: Any = object.__new__(node.kind)
            for key, child in zip(node.keys, children, strict=True):
                object.__setattr__(made, key, child)
            return made
    return node.value


def _suffix(node: Node, key: Any) -> str:
    """Return the text that leads from a node to a child."""
    return f".{key}" if node.style in ("named", "data") else f"[{key!r}]"
