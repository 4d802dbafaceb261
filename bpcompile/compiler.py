"""Compile a model: the stages, in order.

| stage    | in                                     | out                                          |
|----------|----------------------------------------|----------------------------------------------|
| trace    | a model, place-holders of arguments    | `Traced`: the graph of the model as written, |
|          |                                        | the nesting of its results, captured arrays  |
| simplify | that graph                             | the graph, simplified and in stable form     |
| adjoint  | it, and what is to be derived          | `Joint`: values and derivatives in one graph |
| lower    | the joint graph                        | the same in the ops that code is made of     |
| verify   | the lowered graph                      | nothing, or the fault that a pass made       |
| emit     | the lowered graph and its interface    | `Emitted`: the text of a module, scheduled   |
|          |                                        | on the way, or kept from an earlier process  |
| load     | the text                               | `LoadedModule`: its functions                |

`compile_model` below is these calls.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpcompile import startup
from bpcompile.emit.emitted import Emitted
from bpcompile.emit.names import safe_name
from bpcompile.errors import UnsupportedError
from bpcompile.frontend.tracing import Traced
from bpcompile.ir.graph import Graph
from bpcompile.ir.verify import verify
from bpcompile.options import Options
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.runtime.load import LoadedModule, load_module
from bpcompile.runtime.program import MAIN
from bpcompile.runtime.store import default_store
from bpcompile.runtime.texts import keep, recall, text_name
from bpcompile.schedule.program import Interface
from bpcompile.transforms.joint import Joint, Task, derive
from bpcompile.transforms.marks import Marks, marked

if TYPE_CHECKING:
    from bpcompile import budget
    from bpcompile.emit import formula, module
else:  # where the text is in the store, nothing is scheduled and printed
    budget = startup.import_module("bpcompile.budget")
    formula = startup.import_module("bpcompile.emit.formula")
    module = startup.import_module("bpcompile.emit.module")

_ENDINGS = ("", "_fill", "_into", "_workspace")

# Options that no stage honours yet; a value other than the default is refused, never ignored.
_NOT_HONOURED = ("tune",)


@dataclass(frozen=True, slots=True)
class Compilation:
    """Hold what the stages made of one model for one kind of arguments."""

    traced: Traced
    task: Task
    marks: Marks
    """What loops were made to keep, by their numbers in the simplified graph."""
    joint: Joint
    lowered: Graph
    fuse: bool
    """Whether its loops were joined."""
    threads: int
    """How many threads a call may use."""
    emit: Callable[[Graph, formula.Formulas], Emitted]
    """Print a lowered graph with formulas as this module was printed."""
    emitted: Emitted
    loaded: LoadedModule
    seconds: dict[str, float]
    """How long each stage took."""

    @property
    def stages(self) -> list[tuple[str, Graph]]:
        """Return the graph after each stage and pass, made again."""
        found = [("trace", self.traced.graph)]

        def observe(name: str, before: Graph, after: Graph) -> None:
            if after is not before:
                found.append((name, after))

        model = marked(run(self.traced.graph, SIMPLIFY, observe), self.marks)
        joint = derive(model, self.traced.structure, self.task)
        if self.task.kind != "compile":
            found.append(("adjoint", joint.graph))
        run(joint.graph, LOWER, observe)
        return found


def compile_model(
    trace: Callable[[], Traced], describe: Callable[[Traced], Task], options: Options
) -> Compilation:
    """Return the compiled form of a model.

    Args:
        trace: the first stage, ready to run.
        describe: says of a traced model what is to be derived.
        options: the options of the transform.

    Raises:
        BpcompileError: what any of the stages raises, with the user's line.
    """
    _require_honoured(options)
    target, checked = options.effective_target, options.verify
    seconds: dict[str, float] = {}
    with _timed(seconds, "trace"):
        traced = trace()
    with _timed(seconds, "simplify"):
        model = run(traced.graph, SIMPLIFY, verify=checked)
    with _timed(seconds, "adjoint"):
        task = describe(traced)
        marks = _marks(model, traced, task, options)
        joint = derive(marked(model, marks), traced.structure, task)
    with _timed(seconds, "lower"):
        lowered = run(joint.graph, LOWER, verify=checked)
    with _timed(seconds, "verify"):
        verify(lowered)
    with _timed(seconds, "emit"):
        interface = _interface(joint, task)
        style = target, options.math, options.fuse, options.cuts
        emit = functools.partial(_emit, interface, *style)
        settings = (repr(style), repr(interface), repr(_differentiated(task)))
        emitted = _printed(emit, traced.graph, joint, lowered, settings, options.cache)
    with _timed(seconds, "load"):
        loaded = load_module(
            emitted.text,
            target=target,
            options=_distinguishing(lowered, options.width),
            public=[
                *(emitted.name + ending for ending in _ENDINGS),
                MAIN,
                *(stage.name for stage in emitted.stages),
            ],
            cache=options.cache,
        )
    return Compilation(
        traced,
        task,
        marks,
        joint,
        lowered,
        options.fuse,
        options.threads,
        emit,
        emitted,
        loaded,
        seconds,
    )


def _marks(model: Graph, traced: Traced, task: Task, options: Options) -> Marks:
    """Return what the loops of a model are to keep, where the memory is bounded."""
    limit = options.memory_bytes
    if limit is None:
        return {}
    return budget.choose(
        model,
        lambda graph: derive(graph, traced.structure, task).graph,
        traced.dims,
        limit,
        task.kind,
        options.fuse,
    )


def _emit(
    interface: Interface,
    target: str,
    math: str,
    fuse: bool,
    cuts: bool,
    graph: Graph,
    formulas: formula.Formulas,
) -> Emitted:
    """Return the module of a lowered graph."""
    return module.emit_module(graph, interface, target, formulas, math, fuse, cuts)


def _differentiated(task: Task) -> tuple[str, list[int]]:
    """Return by what rule the joint graph is made, and of which parameters."""
    return task.kind, [k for target in task.targets for k in target.params]


def _printed(
    emit: Callable[[Graph, formula.Formulas], Emitted],
    written: Graph,
    joint: Joint,
    lowered: Graph,
    settings: Sequence[str],
    cache: bool,
) -> Emitted:
    """Return the module of a lowered graph, as it was printed before or now.

    The joint graph is what `settings` make of the written one, so it is not in the entry's name.
    """
    store = default_store()
    if not (cache and store.persistent):
        return emit(lowered, formula.Formulas(written, joint.graph))
    name = text_name((written, lowered), settings)
    found = recall(store, name, lowered)
    if found is None:
        found = emit(lowered, formula.Formulas(written, joint.graph))
        keep(store, name, found, lowered)
    return found


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long a stage takes."""
    started = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - started


def _require_honoured(options: Options) -> None:
    """Refuse what no stage does yet."""
    defaults = {field.name: field.default for field in dataclasses.fields(Options)}
    for name in _NOT_HONOURED:
        value = getattr(options, name)
        if value != defaults[name]:
            raise UnsupportedError(
                f"{name}={value!r} is not there yet: leave it out, or write {defaults[name]!r}"
            )


def _distinguishing(graph: Graph, width: int | None) -> dict[str, object]:
    """Return what the machine code depends on beside the text: types of arguments, registers."""
    types = (param.array_type for param in graph.params)
    return {"types": tuple(f"{type.dtype.value} {type.rank}" for type in types), "width": width}


def _interface(joint: Joint, task: Task) -> Interface:
    """Return the public name and the results of a module."""
    model = safe_name(task.name) or "model"
    name = f"{model}_{task.kind}"
    inputs = _listed([safe_name(target.name) or "an argument" for target in task.targets])
    what = {
        "compile": f"the value of `{model}`",
        "grad": f"the gradient of `{model}` in {inputs}",
        "value_and_grad": f"the value and gradient of `{model}` in {inputs}",
        "vjp": f"the value of `{model}`, and a cotangent pulled back to {inputs}",
        "jvp": f"the value of `{model}`, and its derivative along a tangent of {inputs}",
    }[task.kind]
    results = joint.results.nest(range(joint.results.count))
    return Interface(name, f"{name}: {what}.", results)


def _listed(names: list[str]) -> str:
    """Return names as a list in words."""
    return (
        names[0]
        if len(names) == 1
        else ", ".join(names[:-1]) + f" and {names[-1]}"
        if names
        else ""
    )
