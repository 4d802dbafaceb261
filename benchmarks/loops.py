"""The case of a model with loops: bpcompile, its value alone, Numba by hand and JAX's forms.

In:  a `Model` of `benchmarks/models/`.
Out: a `Case` with a bar for each figure that is promised of such models.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.case import Bar, Call, Case, Contender, Fact, Round, at_most, faster, within
from benchmarks.models.model import JaxForm, Model
from benchmarks.processes import first_call

COLD = "cold compile"
WORKSPACE = "workspace"
TEMPORARIES = "temporaries"


def gradient(model: Model) -> Call:
    """Compile the value and gradient with bpcompile; each call returns fresh arrays."""
    import bpcompile as bp

    arguments = model.arguments(model.full)
    function = bp.value_and_grad(model.function, argnums=model.argnums)

    def facts() -> Mapping[str, Fact]:
        workspace = function.cost(*arguments).workspace.value
        with tempfile.TemporaryDirectory() as folder:
            cold = first_call(f"loop_{model.name}", Path(folder))
        return {
            WORKSPACE: Fact(workspace, "bytes"),
            COLD: Fact(cold["seconds"], "s"),
            f"{COLD}, CPU": Fact(cold["cpu"], "s"),
        }

    return Call(function, arguments, facts=facts)


def bound(model: Model) -> Call:
    """Bind the value and gradient to its types and buffers."""
    import bpcompile as bp

    arguments = model.arguments(model.full)
    function = bp.value_and_grad(model.function, argnums=model.argnums)
    return Call(function.bind(*arguments), arguments)


def value(model: Model) -> Call:
    """Compile the value alone with bpcompile."""
    import bpcompile as bp

    return Call(bp.compile(model.function), model.arguments(model.full))


def value_by_hand(model: Model) -> Call:
    """Compile the value as written, by Numba alone."""
    from numba import njit

    written = model.forward or model.function
    return Call(njit(error_model="numpy", boundscheck=False)(written), model.arguments(model.full))


def jitted(model: Model, form: JaxForm) -> Call:
    """Jit the value and gradient of one of JAX's forms; the call waits for its results."""
    jax, jnp = peers.jax()
    arguments = model.arguments(model.full)
    derived = jax.value_and_grad(form(jax, jnp), argnums=model.argnums)
    compiled = jax.jit(derived, static_argnums=model.static)
    start = time.perf_counter()
    jax.block_until_ready(compiled(*arguments))
    taken = time.perf_counter() - start

    def facts() -> Mapping[str, Fact]:
        analysis = compiled.lower(*arguments).compile().memory_analysis()
        memory = Fact(analysis.temp_size_in_bytes, "bytes")
        return {TEMPORARIES: memory, "first call": Fact(taken, "s")}

    return Call(lambda *given: jax.block_until_ready(compiled(*given)), arguments, facts=facts)


def by_hand(model: Model, hand: Callable[..., Call]) -> Call:
    """Compile the value and gradient that the model has by hand."""
    return hand(*model.arguments(model.full))


def memory(names: tuple[str, ...]) -> Bar:
    """Return the bar: the workspace is at most the least memory that a form of JAX asks for."""
    rivals = tuple(f"{name}: {TEMPORARIES}" for name in names)

    def ratio(figures: Round) -> float:
        least = min(figures[rival] for rival in rivals)
        return figures[f"bpcompile: {WORKSPACE}"] / max(least, 1.0)

    return Bar(
        text=f"workspace <= 1 x temporaries of {' and '.join(names)}",
        subject="bpcompile",
        needs=(f"bpcompile: {WORKSPACE}", *rivals),
        value=ratio,
        at_most=1.0,
    )


def bars(model: Model) -> tuple[Bar, ...]:
    """Return what is promised of a model with loops."""
    found = [
        at_most(4.0, "bpcompile", "bpcompile value"),
        at_most(1.15, "bpcompile value", "hand value"),
        within(5.0, f"bpcompile: {COLD}"),
        memory(tuple(model.loops or model.library)),
    ]
    if model.hand is not None:
        found.insert(0, at_most(1.5, "bpcompile bind", "hand"))
    if model.library:
        found.insert(0, faster(1.0, "bpcompile", *model.library))
    if model.loops:
        found.insert(0, faster(5.0, "bpcompile", *model.loops))
    return tuple(found)


def reference(model: Model) -> str:
    """Return the contender that the others must agree with: the one least like bpcompile."""
    if model.hand is not None:
        return "hand"
    forms = [*model.loops, *model.library]
    return forms[0] if peers.version("jax") else "bpcompile"


def case(model: Model) -> Case:
    """Return the case of a model."""
    contenders = [
        Contender("bpcompile", "bpcompile", partial(gradient, model)),
        Contender("bpcompile bind", "bpcompile", partial(bound, model)),
        Contender("bpcompile value", "bpcompile", partial(value, model), leaves=1),
    ]
    if model.hand is not None:
        contenders.append(Contender("hand", "hand", partial(by_hand, model, model.hand)))
    contenders.append(
        Contender("hand value", "hand", partial(value_by_hand, model), leaves=1, rtol=1e-9)
    )
    for label, form in {**model.loops, **model.library}.items():
        contenders.append(Contender(label, "JAX", partial(jitted, model, form), "jax"))
    return Case(
        name=f"loop_{model.name}",
        title=model.title,
        contenders=tuple(contenders),
        bars=bars(model),
        reference=reference(model),
        rtol=model.rtol,
        rounds=60,
    )
