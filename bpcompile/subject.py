"""Hold what a compiled function compiles: the user's function, and what is derived from it.

In: a call of it. Out: the call's arguments flattened, the model traced on place-holders of them,
and the task of the adjoint stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.arguments.inputs import Arguments, flatten_entries
from bpcompile.frontend.arguments.leaves import identifier, type_of
from bpcompile.frontend.arguments.signature import Selector, Signature
from bpcompile.frontend.tracing import Leaf, Traced, trace
from bpcompile.ir.type import Type
from bpcompile.options import Options
from bpcompile.runtime.lengths import Misfit, Place, bind_lengths
from bpcompile.transforms.joint import Target, Task


class Transform(NamedTuple):
    """Say what is derived from a function: the transform's name and its own arguments."""

    kind: str
    argnums: tuple[Selector, ...] = ()
    bare: bool = True
    has_aux: bool = False

    @property
    def extras(self) -> int:
        """Return the number of arguments that the transform adds at the end of a call."""
        return {"vjp": 1, "jvp": len(self.argnums)}.get(self.kind, 0)


class Subject:
    """Hold a function, a transform and options: what calls of a compiled function are about."""

    def __init__(
        self, function: Callable[..., Any], transform: Transform, options: Options
    ) -> None:
        """Hold the parts; nothing is traced yet.

        Raises `ArgumentError` where argnums or a static name is no parameter of the function.
        """
        if not callable(function):
            raise ArgumentError(
                f"{transform.kind} takes a function, not {function!r}: write "
                f"bp.{transform.kind}(f), where f is a Python function"
            )
        self.function: Any = function
        self.transform = transform
        self.options = options
        self.signature = Signature(function, options.static, transform.argnums)
        if "out" in self.signature.keyword_only:
            raise ArgumentError(
                f"{self.signature.text} has a keyword out, by which a compiled call takes its "
                "buffers: rename it"
            )
        self.name = options.name or self.signature.name
        self._last_differentiated: tuple[Any, list[int]] = (None, [])

    def arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Arguments, Sequence[Any]]:
        """Return the flattened arguments of a call, and those that the transform adds."""
        args, kwargs, extras = self._split(args, kwargs)
        entries = self.signature.bind(args, kwargs)
        arguments = flatten_entries(entries, self.name)
        if self.transform.argnums:
            arguments.check_differentiable(
                self.differentiated(arguments), f"{self.transform.kind}({self.name})"
            )
        return arguments, extras

    def _split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], Sequence[Any]]:
        """Return a call without the arguments that the transform adds, and these."""
        count = self.transform.extras
        if not count:
            return args, kwargs, ()
        if self.transform.kind == "vjp" and "cotangent" in kwargs:
            kwargs = dict(kwargs)
            return args, kwargs, (kwargs.pop("cotangent"),)
        if len(args) < count:
            what = "a cotangent" if count == 1 else f"{count} tangents"
            what = "a tangent" if self.transform.kind == "jvp" and count == 1 else what
            raise ArgumentError(
                f"{self.transform.kind}({self.name}) takes the arguments of "
                f"{self.signature.text}, and {what} after them: the call has {len(args)}"
            )
        return args[:-count], kwargs, args[-count:]

    def differentiated(self, arguments: Arguments) -> list[int]:
        """Return which entries of a call are differentiated."""
        keys = arguments.pattern.keys
        if keys == self._last_differentiated[0]:
            return self._last_differentiated[1]
        signature, entries = self.signature, arguments.entries
        found = [signature.key_of(selector, entries) for selector in self.transform.argnums]
        if len(set(found)) < len(found):
            raise ArgumentError(
                f"argnums={self.transform.argnums!r} names an argument of {signature.text} twice"
            )
        self._last_differentiated = (keys, found)
        return found

    def trace(self, arguments: Arguments) -> Traced:
        """Trace the function on place-holders of a call's arguments."""
        specs = [
            entry.spec
            for index, entry in enumerate(arguments.entries)
            for _ in arguments.span(index)
        ]
        leaves = [
            _placeholder(leaf, spec, identifier(path))
            for leaf, spec, path in zip(arguments.leaves, specs, arguments.paths(), strict=True)
        ]
        args, kwargs = arguments.rebuild(leaves)
        dims: Any = self.options.dims
        name, unroll = identifier(self.name), self.options.unroll
        return trace(self.function, args, kwargs, name=name, dims=dims, unroll=unroll)

    def describe(self, arguments: Arguments, traced: Traced) -> Task:
        """Return what is to be derived from a traced function."""
        targets = [
            Target(arguments.entries[index].name, arguments.structure(index), arguments.span(index))
            for index in self.differentiated(arguments)
        ]
        return self.task(targets, len(traced.captured))

    def task(self, targets: Sequence[Target], hidden: int) -> Task:
        """Return what is to be derived for these targets."""
        kind, _, bare, has_aux = self.transform
        return Task(kind, self.name, tuple(targets), bare, has_aux, hidden)

    def check_annotations(self, arguments: Arguments) -> None:
        """Refuse lengths that contradict the annotations of the parameters."""
        annotated = [
            (Place(entry.name, entry.spec), arguments.leaves[arguments.span(index)[0]])
            for index, entry in enumerate(arguments.entries)
            if entry.spec is not None and len(arguments.span(index)) == 1
        ]
        given = [(place, leaf) for place, leaf in annotated if not isinstance(leaf, Type)]
        try:
            bind_lengths([place for place, _ in given], [leaf for _, leaf in given])
        except Misfit as misfit:
            raise ShapeError(f"{self.name}: {misfit}, by its annotation") from None


def _placeholder(leaf: Any, spec: Type | None, name: str) -> Leaf:
    """Return what stands for one leaf in the trace."""
    if isinstance(leaf, Type):
        return Leaf(leaf, name, exact=True)
    if spec is not None:
        weak = not spec.shape and type_of(leaf).weak
        return Leaf(Type(spec.dtype, spec.shape, weak), name, leaf, exact=True)
    return Leaf(type_of(leaf), name, leaf)
