"""Walk over expressions and lower each node once, iteratively.

A rule is a pair of functions: one says which parts are needed, and where a part sees an index or
a function's argument; the other makes the value of the node from those of its parts. The memo is
keyed by the identity of the node and by what its free indices stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bpcompile.errors import LimitError, UnsupportedError
from bpcompile.frontend.origins import where
from bpcompile.frontend.symbolic.forms import Forms
from bpcompile.frontend.symbolic.survey import Survey, is_named
from bpcompile.frontend.symbolic.values import Index, Value, index_value, length_value
from bpcompile.ir.dims import Size, size_names, substitute

MOST_INDICES = 16


class Argument(NamedTuple):
    """Hold the value that a function's parameter stands for."""

    number: int
    value: Value


Scope = Mapping[Any, Index | Argument]
Task = tuple[Any, Scope]


class Site:
    """Hold one node while it is lowered: what was asked for, and in the end the values of that.

    Attributes:
        walk: the walk.
        node: the node.
        scope: what the indices and parameters that are free in it stand for.
        tasks: the parts that were asked for.
        values: their values, once they are known.
    """

    __slots__ = ("key", "keys", "node", "scope", "stage", "tasks", "values", "walk")

    def __init__(self, walk: Walk, node: Any, scope: Scope, key: Any) -> None:
        """Start with nothing asked for."""
        self.walk = walk
        self.node = node
        self.scope = scope
        self.key = key
        self.stage = 0
        self.keys: list[Any] = []
        self.tasks: list[Task] = []
        self.values: list[Value] = []

    @property
    def parts(self) -> tuple[Any, ...]:
        """Return the parts of the node."""
        return self.walk.survey.parts(self.node)

    def refusal(self, advice: str) -> UnsupportedError:
        """Return the error for the node: it, its place, and the advice."""
        return self.walk.survey.refusal(self.node, advice)


Parts = Callable[[Site], list[Task]]


class Rule(NamedTuple):
    """Say how the nodes of one class are lowered.

    `more` asks for parts whose scope depends on the values of the first ones (`Walk.known`).
    """

    parts: Parts
    combine: Callable[[Site], Value]
    more: Parts | None = None


class Walk:
    """Lower the expressions of a survey, given the values of their symbols and arrays.

    `sizes` has the value of each place-holder of `forms`.
    """

    def __init__(
        self,
        survey: Survey,
        forms: Forms,
        rule_of: Callable[[type], Rule | None],
        values: Mapping[Any, Value],
        sizes: Mapping[str, Size],
    ) -> None:
        """Start without lowered nodes."""
        self.survey = survey
        self.forms = forms
        self.values = values
        self.sizes = sizes
        self._rule_of = rule_of
        self._rules: dict[type, Rule] = {}
        self._memo: dict[Any, Value] = {}
        self._count = 0

    def value(self, root: Any) -> Value:
        """Return the value of an expression, each node of which must have a rule.

        Raises `UnsupportedError` for a node that its rule refuses, with its path.
        """
        memo, key_of = self._memo, self._key
        nothing: Scope = {}
        stack = [Site(self, root, nothing, key_of(root, nothing))]
        while stack:
            site = stack[-1]
            further = None if site.key in memo else self._asked(site)
            if further is None:
                stack.pop()
                if site.key not in memo:
                    memo[site.key] = self._combined(site)
                continue
            keys = [key_of(*task) for task in further]
            site.stage += 1
            site.tasks += further
            site.keys += keys
            for task, key in zip(reversed(further), reversed(keys), strict=True):
                if key not in memo:
                    stack.append(Site(self, *task, key))
        return self.known(root, nothing)

    def _asked(self, site: Site) -> list[Task] | None:
        """Return the parts that a node needs next, or None where it has all."""
        if is_named(site.node):
            return None
        rule = self._rule(site.node)
        ask = (rule.parts, rule.more, None)[site.stage]
        return None if ask is None else ask(site)

    def _combined(self, site: Site) -> Value:
        """Return the value of a node whose parts are lowered."""
        if is_named(site.node):
            return self._named(site.node, site.scope)
        site.values = [self._memo[key] for key in site.keys]
        return self._rule(site.node).combine(site)

    def _rule(self, node: Any) -> Rule:
        """Return the rule of a node."""
        found = self._rules.get(type(node))
        if found is None:
            found = self._rule_of(type(node))
            assert found is not None
            self._rules[type(node)] = found
        return found

    def known(self, node: Any, scope: Scope) -> Value:
        """Return the value of a node that is lowered already."""
        return self._memo[self._key(node, scope)]

    def _key(self, node: Any, scope: Scope) -> Any:
        """Return what a node's value depends on."""
        if not scope:
            return id(node)
        free = self.survey.free(node)
        if not free:
            return id(node)
        return id(node), frozenset(scope[atom].number for atom in free if atom in scope)

    # -- scopes --------------------------------------------------------------------------------

    def bound(self, scope: Scope, atom: Any, start: Size, length: Size) -> Scope:
        """Return a scope in which a symbol runs over a range.

        Raises `LimitError` for more ranges at once than arrays have axes.
        """
        if sum(isinstance(found, Index) for found in scope.values()) >= MOST_INDICES:
            raise LimitError(f"more than {MOST_INDICES} sums within each other{where()}")
        self._count += 1
        return {**scope, atom: Index(self._count, start, length)}

    def given(self, scope: Scope, atom: Any, value: Value) -> Scope:
        """Return a scope in which a symbol stands for a value."""
        self._count += 1
        return {**scope, atom: Argument(self._count, value)}

    def _named(self, atom: Any, scope: Scope) -> Value:
        """Return the value of a symbol or an array."""
        found = scope.get(atom)
        if isinstance(found, Argument):
            return found.value
        if found is not None:
            return index_value(found)
        if atom in self.values:
            return self.values[atom]
        return length_value(self.sizes[self.forms.name(atom)])

    def size(self, expr: Any, scope: Scope) -> Size:
        """Return a whole number in terms of lengths, and of the place-holders of indices.

        Raises `UnsupportedError` for what is no whole number, or depends on a value.
        """
        form = self.forms.form(expr)
        known: dict[str, Size] = {}
        for name in size_names(form):
            binding = scope.get(self.forms.atom(name))
            if binding is None and name in self.sizes:
                known[name] = self.sizes[name]
            elif not isinstance(binding, Index):
                raise self.survey.refusal(
                    expr, "depends on a value: an index or a length is made of whole numbers"
                )
        return substitute(form, known)

    def indices(self, size: Size, scope: Scope) -> dict[str, Index]:
        """Return the indices that a size depends on, by place-holder."""
        names = size_names(size)
        found = {self.forms.name(a): b for a, b in scope.items() if isinstance(b, Index)}
        return {name: index for name, index in found.items() if name in names}
