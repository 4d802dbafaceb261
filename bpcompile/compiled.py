"""Hold a function that compiles at its first call for the types that it sees: `CompiledFunction`.

In: a Python function, a transform and options. Out: a callable. An exact call of known types goes
to machine code at once, by a closure that stands in for `__call__`; everything else comes to
`_enter`, which binds and converts the arguments, finds or compiles the code that they need, or
says what is wrong with them.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bpcompile.compiler import compile_model
from bpcompile.errors import (
    ArgumentError,
    CompileError,
    LimitError,
    ShapeError,
)
from bpcompile.frontend.arguments import Arguments, Pattern, flatten_entries
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.leaves import Exact, identifier, type_of
from bpcompile.frontend.session import is_tracing
from bpcompile.frontend.signature import Selector, Signature
from bpcompile.frontend.tracing import Leaf, Traced, trace
from bpcompile.inspected import Inspected
from bpcompile.ir.type import Type
from bpcompile.options import Options
from bpcompile.runtime.lengths import Misfit, Place, bind_lengths
from bpcompile.runtime.locks import ForkLock
from bpcompile.specialization import Record, Specialization
from bpcompile.startup import uncollected
from bpcompile.transforms.joint import Target, Task
from bpcompile.transforms.nested import apply_inside

_HOT_LIMIT = 8


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


class CompiledFunction(Inspected):
    """Call a function, or what is derived from it, as compiled code.

    Made by `bp.compile`, `bp.grad`, `bp.value_and_grad`, `bp.vjp` and `bp.jvp`. Arguments are
    arrays, numbers and nested tuples, lists, dicts and dataclasses of them; results are fresh
    arrays, or those given by ``out=``, and Python numbers.

        >>> import bpcompile as bp
        >>> import numpy as np
        >>> f = bp.value_and_grad(lambda x: np.sum(x * x), target="numpy")
        >>> f(np.array([1.0, 2.0]))
        (5.0, array([2., 4.]))
    """

    def __new__(cls, *_: Any, **__: Any) -> CompiledFunction:
        """Make an instance with a class of its own, whose `__call__` can be exchanged."""
        own = type(cls.__name__, (cls,), {"__module__": cls.__module__, "__doc__": cls.__doc__})
        return object.__new__(own)

    def __init__(
        self, function: Callable[..., Any], transform: Transform, options: Options
    ) -> None:
        """Hold the parts; nothing is compiled yet.

        Raises `ArgumentError` where argnums or a static name is no parameter of the function.
        """
        if not callable(function):
            raise ArgumentError(
                f"{transform.kind} takes a function, not {function!r}: write "
                f"bp.{transform.kind}(f), where f is a Python function"
            )
        functools.update_wrapper(self, function, updated=())
        self._function: Any = function
        self._transform = transform
        self._options = options
        self._signature = Signature(function, options.static, transform.argnums)
        if "out" in self._signature.keyword_only:
            raise ArgumentError(
                f"{self._signature.text} has a keyword out, by which a compiled call takes its "
                "buffers: rename it"
            )
        if transform.extras:
            self.__signature__ = _ANY_SIGNATURE
        super().__init__(options.name or self._signature.name)
        self._last_differentiated: tuple[Any, list[int]] = (None, [])
        self._lock = ForkLock()
        self._known: dict[Pattern, list[Specialization]] = {}
        self._hot: list[Callable[..., Any]] = []
        type(self).__call__ = staticmethod(self._enter)  # type: ignore[method-assign]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the results for these arguments; a closure of the instance's own stands here."""
        return self._enter(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> CompiledFunction:
        """Return the function bound to an instance, as a method is."""
        if instance is None:
            return self
        kept: dict[Any, CompiledFunction] = getattr(instance, "__dict__", {})
        key = f"_bpcompile_{self._name}_{id(self)}"
        found = kept.get(key)
        if found is None or found._function.__self__ is not instance:
            method = self._function.__get__(instance, owner)
            found = kept[key] = CompiledFunction(method, self._transform, self._options)
        return found

    def __repr__(self) -> str:
        """Return what is derived from which function."""
        return f"<bpcompile {self._transform.kind}({self._signature.text})>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Travel by reference, as functions do; the other side compiles anew, from its cache."""
        found: Any = sys.modules.get(self.__module__)
        name: str = getattr(self, "__qualname__", "")
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name
        return CompiledFunction, (self._function, self._transform, self._options)

    @property
    def transform(self) -> Transform:
        """Return what is derived from the function."""
        return self._transform

    # -- calls ---------------------------------------------------------------------------------

    def _enter(self, *args: Any, **kwargs: Any) -> Any:
        """Run any call: the slow path."""
        return self._slow(args, kwargs)

    def _slow(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Bind, convert, find or compile the code, and run it."""
        out = None
        if "out" in kwargs:
            kwargs = dict(kwargs)
            out = kwargs.pop("out")
        if kwargs and out is None and self._hot and not self._transform.extras:
            positions = self._signature.positions(args, kwargs)
            if positions is not None:
                return type(self).__call__(*positions)
        arguments, extras = self._arguments(args, kwargs)
        if arguments.traced or is_tracing():
            return self._inside(arguments, extras, out)
        found = self._find(arguments)
        found.calls += 1
        return found.call(found.leaves(arguments, extras), out)

    def _arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Arguments, Sequence[Any]]:
        """Return the flattened arguments of a call, and those that the transform adds."""
        args, kwargs, extras = self._split(args, kwargs)
        entries = self._signature.bind(args, kwargs)
        arguments = flatten_entries(entries, self._name)
        if self._transform.argnums:
            arguments.check_differentiable(
                self._differentiated(arguments), f"{self._transform.kind}({self._name})"
            )
        return arguments, extras

    def _split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], Sequence[Any]]:
        """Return a call without the arguments that the transform adds, and these."""
        count = self._transform.extras
        if not count:
            return args, kwargs, ()
        if self._transform.kind == "vjp" and "cotangent" in kwargs:
            kwargs = dict(kwargs)
            return args, kwargs, (kwargs.pop("cotangent"),)
        if len(args) < count:
            what = "a cotangent" if count == 1 else f"{count} tangents"
            what = "a tangent" if self._transform.kind == "jvp" and count == 1 else what
            raise ArgumentError(
                f"{self._transform.kind}({self._name}) takes the arguments of "
                f"{self._signature.text}, and {what} after them: the call has {len(args)}"
            )
        return args[:-count], kwargs, args[-count:]

    def _differentiated(self, arguments: Arguments) -> list[int]:
        """Return which entries of a call are differentiated."""
        keys = arguments.pattern.keys
        if keys == self._last_differentiated[0]:
            return self._last_differentiated[1]
        signature, entries = self._signature, arguments.entries
        found = [signature.key_of(selector, entries) for selector in self._transform.argnums]
        if len(set(found)) < len(found):
            raise ArgumentError(
                f"argnums={self._transform.argnums!r} names an argument of {signature.text} twice"
            )
        self._last_differentiated = (keys, found)
        return found

    def _inside(self, arguments: Arguments, extras: Sequence[Any], out: Any) -> Any:
        """Return traced results, inside the trace of another function."""
        if out is not None:
            raise ArgumentError(
                f"{self._name}: out= is for calls with arrays; inside a model leave it out"
            )
        if self._transform.kind == "compile":
            args, kwargs = arguments.rebuild(arguments.leaves)
            return resolve(self._function)(*args, **kwargs)
        task = self._task((), 0)
        differentiated = self._differentiated(arguments)
        return apply_inside(self._function, arguments, extras, differentiated, task)

    # -- compiling -----------------------------------------------------------------------------

    def compile(self, *specs: Any, **keywords: Any) -> CompiledFunction:
        """Compile for arguments given by types, such as ``bp.f64["n d"]``, or by examples.

        Returns the function itself. With types alone, what they leave open about lengths is a
        `ShapeError` that says which to write.
        """
        arguments, _ = self._arguments(specs, keywords)
        if not any(isinstance(leaf, Type) for leaf in arguments.leaves):
            self._find(arguments)
            return self
        with self._lock:
            if not any(made.was_asked(arguments) for made in self._all):
                self._compile(arguments, "asked for")
        return self

    def _find(self, arguments: Arguments) -> Specialization:
        """Return the code for a call, compiled now if need be."""
        found, _ = self._look(arguments)
        if found is not None:
            return found
        with self._lock:
            found, reason = self._look(arguments)  # another thread may have been faster
            return found or self._compile(arguments, reason)

    def _look(self, arguments: Arguments) -> tuple[Specialization | None, str]:
        """Return the code that fits a call, or None and why there is none."""
        reason = "first call" if not self._all else "other types or nesting"
        for known in reversed(self._known.get(arguments.pattern, [])):
            misfit = known.misfit(arguments)
            if misfit is None:
                return known, ""
            reason = misfit
        return None, reason

    def _compile(self, arguments: Arguments, reason: str) -> Specialization:
        """Compile for the arguments of a call, and let further calls find it."""
        self._check_annotations(arguments)
        started = time.time()
        try:
            with uncollected():
                compilation = compile_model(
                    functools.partial(self._trace, arguments),
                    functools.partial(self._describe, arguments),
                    self._options,
                )
        except RecursionError as error:
            raise LimitError(
                f"{self._name} is nested too deeply to be traced ({error}): write a loop in place "
                "of the recursion"
            ) from error
        made = Specialization(arguments, compilation, Record(started, reason))
        if not any(isinstance(leaf, Type) for leaf in arguments.leaves):
            misfit = made.misfit(arguments)
            if misfit is not None:
                raise CompileError(f"{self._name} was compiled for this call, and {misfit}")
        made.prepare()
        self._all.append(made)
        self._known.setdefault(arguments.pattern, []).append(made)
        self._install(made)
        return made

    def _install(self, made: Specialization) -> None:
        """Let hot calls try the newest code first, then those before it, then the slow path."""
        behind = self._hot[-1] if self._hot else self._enter
        if len(self._hot) >= _HOT_LIMIT:
            self._hot.clear()
            behind = self._enter
        with uncollected():
            hot = made.hot(behind)
        if hot is not None:
            self._hot.append(hot)
            type(self).__call__ = staticmethod(hot)  # type: ignore[method-assign]

    def _trace(self, arguments: Arguments) -> Traced:
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
        dims: Any = self._options.dims
        name, unroll = identifier(self._name), self._options.unroll
        return trace(self._function, args, kwargs, name=name, dims=dims, unroll=unroll)

    def _describe(self, arguments: Arguments, traced: Traced) -> Task:
        """Return what is to be derived from a traced function."""
        targets = [
            Target(arguments.entries[index].name, arguments.structure(index), arguments.span(index))
            for index in self._differentiated(arguments)
        ]
        return self._task(targets, len(traced.captured))

    def _task(self, targets: Sequence[Target], hidden: int) -> Task:
        """Return what is to be derived for these targets."""
        kind, _, bare, has_aux = self._transform
        return Task(kind, self._name, tuple(targets), bare, has_aux, hidden)

    def _check_annotations(self, arguments: Arguments) -> None:
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
            raise ShapeError(f"{self._name}: {misfit}, by its annotation") from None

    def _taken(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Specialization, Sequence[Exact]]:
        """Return the code for a call, compiled now if need be, and the call's exact leaves."""
        arguments, extras = self._arguments(args, kwargs)
        found = self._find(arguments)
        return found, found.leaves(arguments, extras)

    def _model_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Arguments]:
        """Return the function as its author wrote it, and what a call of it is given."""
        return self._function, self._arguments(args, kwargs)[0]

    # -- bind ----------------------------------------------------------------------------------

    def bind(self, *example: Any, **keywords: Any) -> Callable[..., Any]:
        """Return the fastest form of a call, for arguments of the example's types and lengths.

        It fills and returns the same arrays at each call; make one for each thread.

            >>> import bpcompile as bp
            >>> import numpy as np
            >>> x = np.array([1.0, 2.0])
            >>> bound = bp.grad(lambda x: np.sum(x * x), target="numpy").bind(x)
            >>> bound(x) is bound(x + 1.0)
            True
        """
        arguments, extras = self._arguments(example, keywords)
        found = self._find(arguments)

        def flatten(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Exact]:
            given, added = self._arguments(args, kwargs)
            same = given.pattern == found.pattern
            if not (same and found.statics.equal(given.statics, self._name)):
                raise ArgumentError(
                    f"{self._name}: the arguments have other types, nesting or static values than "
                    "the example that the call is bound for: call bind again"
                )
            return found.leaves(given, added)

        return found.bind(found.leaves(arguments, extras), flatten)


def _placeholder(leaf: Any, spec: Type | None, name: str) -> Leaf:
    """Return what stands for one leaf in the trace."""
    if isinstance(leaf, Type):
        return Leaf(leaf, name, exact=True)
    if spec is not None:
        weak = not spec.shape and type_of(leaf).weak
        return Leaf(Type(spec.dtype, spec.shape, weak), name, leaf, exact=True)
    return Leaf(type_of(leaf), name, leaf)


_ANY_SIGNATURE = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)
