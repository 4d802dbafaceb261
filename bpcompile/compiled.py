"""Hold a function that compiles at its first call for the types that it sees: `CompiledFunction`.

In: a Python function, a transform and options. Out: a callable. An exact call of known types goes
to machine code at once, by a closure that stands in for `__call__`; everything else comes to
`_enter`, which binds and converts the arguments, finds or compiles the code that they need, or
says what is wrong with them.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any

from bpcompile.background import in_background
from bpcompile.compiler import compile_model
from bpcompile.errors import (
    ArgumentError,
    CompileError,
    CompileWarning,
    LimitError,
)
from bpcompile.frontend.arguments.inputs import Arguments, Pattern
from bpcompile.frontend.arguments.leaves import Exact
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.session import is_tracing
from bpcompile.frontend.tracing import Traced
from bpcompile.inspected import Inspected
from bpcompile.ir.type import Type
from bpcompile.options import Options
from bpcompile.runtime.locks import ForkLock
from bpcompile.specialization import Record, Specialization
from bpcompile.startup import uncollected
from bpcompile.subject import Subject, Transform
from bpcompile.transforms.nested import apply_inside

_HOT_LIMIT = 8


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
        self._subject = Subject(function, transform, options)
        functools.update_wrapper(self, function, updated=())
        if transform.extras:
            self.__signature__ = _ANY_SIGNATURE
        super().__init__(self._subject.name)
        self._lock = ForkLock()
        self._known: dict[Pattern, list[Specialization]] = {}
        self._hot: list[Callable[..., Any]] = []
        self._pending: list[Future[Specialization]] = []
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
        if found is None or found._subject.function.__self__ is not instance:
            method = self._subject.function.__get__(instance, owner)
            found = kept[key] = CompiledFunction(
                method, self._subject.transform, self._subject.options
            )
        return found

    def __repr__(self) -> str:
        """Return what is derived from which function."""
        return f"<bpcompile {self._subject.transform.kind}({self._subject.signature.text})>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Travel by reference, as functions do; the other side compiles anew, from its cache."""
        found: Any = sys.modules.get(self.__module__)
        name: str = getattr(self, "__qualname__", "")
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name
        return CompiledFunction, (
            self._subject.function,
            self._subject.transform,
            self._subject.options,
        )

    @property
    def transform(self) -> Transform:
        """Return what is derived from the function."""
        return self._subject.transform

    @property
    def options(self) -> Options:
        """Return how it is compiled."""
        return self._subject.options

    @property
    def function(self) -> Callable[..., Any]:
        """Return the function that was given to the transform."""
        found: Callable[..., Any] = self._subject.function
        return found

    @property
    def name(self) -> str:
        """Return what the function is called."""
        return self._name

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
        if kwargs and out is None and self._hot and not self._subject.transform.extras:
            positions = self._subject.signature.positions(args, kwargs)
            if positions is not None:
                return type(self).__call__(*positions)
        arguments, extras = self._subject.arguments(args, kwargs)
        if arguments.traced or is_tracing():
            return self._inside(arguments, extras, out)
        found = self._find(arguments)
        found.calls += 1
        return found.call(found.leaves(arguments, extras), out)

    def _inside(self, arguments: Arguments, extras: Sequence[Any], out: Any) -> Any:
        """Return traced results, inside the trace of another function."""
        if out is not None:
            raise ArgumentError(
                f"{self._name}: out= is for calls with arrays; inside a model leave it out"
            )
        if self._subject.transform.kind == "compile":
            args, kwargs = arguments.rebuild(arguments.leaves)
            return resolve(self._subject.function)(*args, **kwargs)
        task = self._subject.task((), 0)
        differentiated = self._subject.differentiated(arguments)
        return apply_inside(self._subject.function, arguments, extras, differentiated, task)

    # -- compiling -----------------------------------------------------------------------------

    def compile(self, *specs: Any, **keywords: Any) -> CompiledFunction:
        """Compile for arguments given by types, such as ``bp.f64["n d"]``, or by examples.

        Returns the function itself. With types alone, what they leave open about lengths is a
        `ShapeError` that says which to write.
        """
        arguments, _ = self._subject.arguments(specs, keywords)
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
        self._subject.check_annotations(arguments)
        options, trace = self._subject.options, functools.partial(self._trace, arguments)
        if options.waits:
            return self._enlist(self._made(arguments, trace, options, reason))
        traced = trace()
        return self._compile_behind(arguments, lambda: traced, reason)

    def _trace(self, arguments: Arguments) -> Traced:
        """Trace the function on place-holders of a call's arguments."""
        try:
            return self._subject.trace(arguments)
        except RecursionError as error:
            raise LimitError(
                f"{self._name} is nested too deeply to be traced ({error}): write a loop in place "
                "of the recursion"
            ) from error

    def _compile_behind(
        self, arguments: Arguments, trace: Callable[[], Traced], reason: str
    ) -> Specialization:
        """Compile in the background; return the code, or NumPy's where it takes too long."""
        options, budget = self._subject.options, self._subject.options.compile_budget
        work = functools.partial(self._made, arguments, trace, options, reason)
        future = None if budget is None else in_background(work)
        if future and wait([future], budget).done:
            return self._enlist(future.result())
        plain = dataclasses.replace(options, target="numpy")
        made = self._made(arguments, trace, plain, f"{reason}: NumPy until Numba is ready")
        self._all.append(made)
        self._known.setdefault(arguments.pattern, []).append(made)
        future = future or in_background(work)
        self._pending.append(future)
        future.add_done_callback(self._finish)
        return made

    def _finish(self, future: Future[Specialization]) -> None:
        """Let calls find what was compiled in the background."""
        error = future.exception()
        with self._lock:
            self._pending.remove(future)
            if error is None:
                self._enlist(future.result())
        if error is not None:
            warnings.warn(
                f"{self._name} keeps running as NumPy code, since compiling it failed: {error}",
                CompileWarning,
                stacklevel=2,
            )

    def _made(
        self, arguments: Arguments, trace: Callable[[], Traced], options: Options, reason: str
    ) -> Specialization:
        """Return the code for the arguments of a call, ready to run."""
        started = time.time()
        describe = functools.partial(self._subject.describe, arguments)
        with uncollected():
            compilation = compile_model(trace, describe, options)
        made = Specialization(arguments, compilation, Record(started, reason))
        if not any(isinstance(leaf, Type) for leaf in arguments.leaves):
            misfit = made.misfit(arguments)
            if misfit is not None:
                raise CompileError(f"{self._name} was compiled for this call, and {misfit}")
        made.prepare()
        return made

    def _enlist(self, made: Specialization) -> Specialization:
        """Let calls find new code, the hot ones at once."""
        self._all.append(made)
        self._known.setdefault(made.pattern, []).append(made)
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

    def _taken(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Specialization, Sequence[Exact]]:
        """Return the code for a call, compiled now if need be, and the call's exact leaves."""
        arguments, extras = self._subject.arguments(args, kwargs)
        found = self._find(arguments)
        return found, found.leaves(arguments, extras)

    def _model_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Arguments]:
        """Return the function as its author wrote it, and what a call of it is given."""
        return self._subject.function, self._subject.arguments(args, kwargs)[0]

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
        arguments, extras = self._subject.arguments(example, keywords)
        found = self._find(arguments)
        if self._pending:  # the fastest form is that of the code being compiled
            wait(list(self._pending))
            found = self._find(arguments)

        def flatten(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Exact]:
            given, added = self._subject.arguments(args, kwargs)
            same = given.pattern == found.pattern
            if not (same and found.statics.equal(given.statics, self._name)):
                raise ArgumentError(
                    f"{self._name}: the arguments have other types, nesting or static values than "
                    "the example that the call is bound for: call bind again"
                )
            return found.leaves(given, added)

        return found.bind(found.leaves(arguments, extras), flatten)


_ANY_SIGNATURE = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)
