"""Bind the arguments of a call to a function's parameters, as the function itself would.

In: a function and a call. Out: the `Entry`s of the call, which are its arguments in their one
canonical order: positions first (keywords that name a position moved there), then keywords by
name. Defaults that the call does not use stay the function's own, so that ``axis=0`` remains a
known number; only a differentiated argument left out takes its default as a value.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bpcompile.errors import ArgumentError
from bpcompile.ir.type import Type

Selector = int | str
_SPEC_MARKS = ("f64[", "f32[", "i64[", "bool_[")


class Entry(NamedTuple):
    """Hold one argument of a call: its place, what messages call it, its value, and its role."""

    key: Selector
    name: str
    value: Any
    static: bool
    spec: Type | None


class Signature:
    """Bind calls of one function.

    `name` is what messages call the function. Raises `ArgumentError` where `static` or
    `differentiated` select a parameter that the function does not have.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        static: Sequence[Selector] = (),
        differentiated: Sequence[Selector] = (),
    ) -> None:
        """Read the function's parameters.

        `positional` lists those that can be given by position.
        """
        self.name = name_of(function)
        self._signature = _read(function)
        self._parameters = list(self._signature.parameters.values()) if self._signature else []
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.positional = [p.name for p in self._parameters if p.kind in kinds]
        plain = all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in self._parameters)
        self._plain_names = self.positional if plain else []
        self._specs = _specs(function, self._parameters, self.name)
        self.static = tuple(static)
        self.differentiated = tuple(differentiated)
        for selector in (*self.static, *self.differentiated):
            self._check(selector)

    # -- parameters ----------------------------------------------------------------------------

    @property
    def keyword_only(self) -> list[str]:
        """Return the names of the parameters that can be given by keyword alone."""
        kind = inspect.Parameter.KEYWORD_ONLY
        return [p.name for p in self._parameters if p.kind is kind]

    @property
    def text(self) -> str:
        """Return the function with its parameters, for messages: ``loss(w, X, y)``."""
        if self._signature is None:
            return f"{self.name}(...)"
        plain = [p.replace(annotation=inspect.Parameter.empty) for p in self._parameters]
        return f"{self.name}{inspect.Signature(plain)}"

    def _has(self, kind: Any) -> bool:
        """Tell whether the function has a parameter such as ``*args`` or ``**kwargs``."""
        return self._signature is None or any(p.kind is kind for p in self._parameters)

    def _check(self, selector: Selector) -> None:
        """Refuse a selector that no call can have."""
        if isinstance(selector, str):
            known = [p.name for p in self._parameters]
            if selector in known or self._has(inspect.Parameter.VAR_KEYWORD):
                return
            near = _nearest(selector, known)
            advice = f"did you mean {near!r}?" if near else "write the name of a parameter"
            raise ArgumentError(f"{self.text} has no parameter {selector!r}: {advice}")
        count = len(self.positional)
        if -count <= selector < count or self._has(inspect.Parameter.VAR_POSITIONAL):
            return
        raise ArgumentError(
            f"{self.text} has no argument number {selector}: its {count} positional "
            f"parameter{'s count' if count != 1 else ' counts'} from 0"
        )

    def key_of(self, selector: Selector, entries: Sequence[Entry]) -> int:
        """Return the index among a call's entries of what a selector means.

        Raises `ArgumentError` where the call does not have it.
        """
        wanted: set[Selector] = {selector}
        names = self.positional
        if isinstance(selector, str):
            if selector in names:
                wanted.add(names.index(selector))
        else:
            count = sum(isinstance(entry.key, int) for entry in entries)
            position = selector if selector >= 0 else max(count, len(names)) + selector
            wanted = {position}
            if position < len(names):
                wanted.add(names[position])
        for index, entry in enumerate(entries):
            if entry.key in wanted:
                return index
        raise ArgumentError(f"{self.text}: the call has no argument {selector!r} to differentiate")

    def positions(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return a call without its keywords where they name just the next parameters, else None.

        For functions of plain parameters alone; what is special about others `bind` sorts out.
        """
        given = len(args) + len(kwargs)
        if not self._plain_names or given > len(self._plain_names):
            return None
        try:
            rest = [kwargs[name] for name in self._plain_names[len(args) : given]]
        except KeyError:
            return None
        return (*args, *rest)

    # -- calls ---------------------------------------------------------------------------------

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Entry]:
        """Return the arguments of a call in canonical order.

        Raises `ArgumentError`, which names function and parameter, where the function would
        refuse the call.
        """
        if self._signature is None or (not kwargs and self._is_plain(len(args))):
            positions, keywords = tuple(args), kwargs
        else:
            try:
                bound = self._signature.bind(*args, **kwargs)
            except TypeError as error:
                raise self._refused(error, len(args), kwargs) from None
            for name in self._defaulted(bound):
                bound.arguments[name] = self._signature.parameters[name].default
            bound.arguments = {
                p.name: bound.arguments[p.name]
                for p in self._parameters
                if p.name in bound.arguments
            }
            positions, keywords = bound.args, bound.kwargs
        entries = [self._entry(k, value, len(positions)) for k, value in enumerate(positions)]
        entries += [self._entry(name, keywords[name], 0) for name in sorted(keywords)]
        return entries

    def _is_plain(self, count: int) -> bool:
        """Tell whether so many positions are all that the function has, and nothing else."""
        return count == len(self.positional) == len(self._parameters)

    def _refused(self, error: TypeError, given: int, kwargs: dict[str, Any]) -> ArgumentError:
        """Return the error for a call that does not fit the parameters."""
        advice = ""
        for name in kwargs:
            known = [p.name for p in self._parameters]
            if name not in known and (near := _nearest(name, known)):
                advice = f"; did you mean {near}=?"
        more = f" and {', '.join(f'{name}=' for name in kwargs)}" if kwargs else ""
        return ArgumentError(
            f"{self.text}: {error}; the call has {given} positional argument"
            f"{'' if given == 1 else 's'}{more}{advice}"
        )

    def _defaulted(self, bound: inspect.BoundArguments) -> list[str]:
        """Return the differentiated parameters that a call leaves to their default."""
        names = self.positional
        found: list[str] = []
        for selector in self.differentiated:
            if isinstance(selector, int):
                if not -len(names) <= selector < len(names):
                    continue
                selector = names[selector]
            parameter = self._signature.parameters.get(selector) if self._signature else None
            if parameter is None or selector in bound.arguments:
                continue
            if parameter.default is not inspect.Parameter.empty:
                found.append(selector)
        return found

    def _entry(self, key: Selector, value: Any, count: int) -> Entry:
        """Return one argument with what messages call it."""
        names = self.positional
        if isinstance(key, str):
            name = key
        else:
            name = names[key] if key < len(names) else self._rest(key - len(names))
        static = bool(self.static) and self._is_static(key, name, count)
        return Entry(key, name, value, static, self._specs.get(name))

    def _is_static(self, key: Selector, name: str, count: int) -> bool:
        """Tell whether an argument is one of the static ones, by position or name."""
        names = self.positional
        same: set[Selector] = {key, name}
        if isinstance(key, int):
            same.add(key - max(count, len(names)))
        elif key in names:
            same.update((names.index(key), names.index(key) - len(names)))
        return any(selector in same for selector in self.static)

    def _rest(self, index: int) -> str:
        """Return the name of one of the arguments that ``*args`` takes."""
        kind = inspect.Parameter.VAR_POSITIONAL
        star = next((p.name for p in self._parameters if p.kind is kind), "args")
        return f"{star}[{index}]"


def name_of(function: Any) -> str:
    """Return the name of a function, a partial's function, or a callable object's class."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that a wrong one was most likely meant to be."""
    for other in known:
        if other.lower() == name.lower():
            return other
    near = difflib.get_close_matches(name, known, n=1)
    return near[0] if near else None


def _read(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature, or None for a builtin that has none."""
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        return None


def _specs(
    function: Callable[..., Any], parameters: list[inspect.Parameter], name: str
) -> dict[str, Type]:
    """Return the types that the function's annotations give its parameters."""
    texts = [p for p in parameters if isinstance(p.annotation, str)]
    if any(mark in p.annotation for p in texts for mark in _SPEC_MARKS):
        try:
            signature = inspect.signature(function, eval_str=True)
        except (NameError, AttributeError, SyntaxError, TypeError) as error:
            raise ArgumentError(
                f"the annotations of {name} cannot be read ({error}): import the names that they "
                "use at the top of the file"
            ) from error
        parameters = list(signature.parameters.values())
    return {p.name: p.annotation for p in parameters if isinstance(p.annotation, Type)}
