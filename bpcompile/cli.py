"""Run bpcompile from the command line: `bpcompile demo`, `compile`, `show`, `explain` and others.

A model is named as ``FILE:FUNCTION``. The file is run, as Python runs it; the function may be plain
or already under a transform such as `bp.grad`. Arguments are numbers, JSON, and files of arrays,
read without evaluating anything. Mistakes end with one message and exit status 2.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from bpcompile import demo as demonstration
from bpcompile.command import (
    arguments_for,
    arguments_of_size,
    load_function,
    sizes_of,
    specs_for,
)
from bpcompile.compiled import CompiledFunction
from bpcompile.errors import ArgumentError, BpcompileError
from bpcompile.experiment import experiment
from bpcompile.runtime.store import default_store

app = typer.Typer(
    name="bpcompile",
    help="Compile a model once into a fast, fused, readable forward-and-backward function.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
cache = typer.Typer(help="Look after the compiled code that is kept on disk.", no_args_is_help=True)
app.add_typer(cache, name="cache")

_NUMBER = re.compile(r"-[\d.]")

Model = Annotated[str, typer.Argument(metavar="FILE:FUNCTION", help="the model")]
Wrt = Annotated[
    str | None,
    typer.Option(help="what is differentiated: names or positions, with commas; by default 0"),
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--args",
        metavar="VALUE...",
        help="arguments: numbers, JSON lists, .npy files, or one .npz file with an array for each",
    ),
]
Specs = Annotated[
    list[str] | None,
    typer.Option("--spec", metavar="NAME=TYPE", help="the type of an argument, as x='f64[n 3]'"),
]
Target = Annotated[str, typer.Option(help="numba or numpy")]
Kind = Annotated[
    str,
    typer.Option(
        "--transform", help="compile, grad, value_and_grad, vjp or jvp, for a plain function"
    ),
]


@app.command()
def demo(
    target: Target = "numba",
    epochs: Annotated[int, typer.Option(min=1, help="passes over the data")] = demonstration.EPOCHS,
) -> None:
    """Train a classifier of handwritten digits with a compiled gradient."""
    demonstration.run(Console(), target=target, epochs=epochs)


@app.command("compile")
def compile_(
    model: Model,
    wrt: Wrt = None,
    spec: Specs = None,
    args: Values = None,
    target: Target = "numba",
    transform: Kind = "value_and_grad",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a .py file to write, stand-alone")
    ] = None,
) -> None:
    """Compile a function for types or examples, and print or save the emitted module."""
    fn = _compiled(model, transform, wrt, target, spec, args)
    if output is not None:
        typer.echo(f"wrote {fn.save(output)}")
    else:
        _print_source(fn.source)


@app.command()
def show(
    model: Model,
    stage: Annotated[
        str | None, typer.Option(help="a stage to print; without it the stages are listed")
    ] = None,
    dot: Annotated[bool, typer.Option("--dot", help="print the graph for Graphviz")] = False,
    wrt: Wrt = None,
    spec: Specs = None,
    args: Values = None,
    target: Target = "numba",
    transform: Kind = "value_and_grad",
) -> None:
    """Show what each stage of the compiler made of a function."""
    fn = _compiled(model, transform, wrt, target, spec, args)
    stages = dict(fn.stages)
    if stage is None:
        table = Table("stage", "values")
        for name, graph in stages.items():
            table.add_row(name, str(len(graph)))
        table.add_row("source", f"{len(fn.source.splitlines())} lines")
        Console().print(table)
    elif stage == "source":
        _print_source(fn.source)
    elif stage in stages:
        typer.echo(stages[stage].to_dot() if dot else str(stages[stage]))
    else:
        raise ArgumentError(
            f"there is no stage {stage!r}: write one of {', '.join(stages)}, source"
        )


@app.command()
def explain(
    model: Model,
    args: Values = None,
    wrt: Wrt = None,
    target: Target = "numba",
    transform: Kind = "value_and_grad",
) -> None:
    """Print the ledger of backpropagation for given arguments."""
    fn = load_function(model, transform, wrt, target)
    positions, keywords = arguments_for(fn, args or ())
    typer.echo(str(fn.explain(*positions, **keywords)))


@app.command()
def check(
    model: Model,
    args: Values = None,
    wrt: Wrt = None,
    target: Target = "numba",
    transform: Kind = "value_and_grad",
) -> None:
    """Check compiled gradients against the interpreter; the exit status is 1 on failure."""
    fn = load_function(model, transform, wrt, target)
    positions, keywords = arguments_for(fn, args or ())
    report = fn.check(*positions, **keywords)
    typer.echo(str(report))
    if not report:
        raise typer.Exit(1)


@app.command()
def bench(
    model: Model,
    vary: Annotated[str, typer.Option(help="options to vary: of fuse, math, width, target")] = (
        "target"
    ),
    sizes: Annotated[
        str, typer.Option(help="lengths of the dimension that is free: 1e2:1e6, or with commas")
    ] = "1e2:1e6",
    spec: Specs = None,
    dim: Annotated[
        list[str] | None, typer.Option(metavar="NAME=LENGTH", help="a length that stays the same")
    ] = None,
    wrt: Wrt = None,
    transform: Kind = "value_and_grad",
    plot: Annotated[Path | None, typer.Option(help="an SVG file to draw the times into")] = None,
    json: Annotated[Path | None, typer.Option(help="a file for the measurements")] = None,
) -> None:
    """Measure a function under several options, and say what limits the fastest."""
    fn = load_function(model, transform, wrt)
    arguments = arguments_of_size(specs_for(fn, spec or ()), dim or ())
    found = experiment(fn, _listed(vary), sizes_of(sizes), arguments)
    typer.echo(str(found))
    if plot is not None:
        plot.write_text(found.drawing(), encoding="utf-8")
    if json is not None:
        json.write_text(dumps(found.record(), indent=1) + "\n", encoding="utf-8")


def _listed(text: str) -> list[str]:
    """Return the words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


@cache.command("path")
def cache_path() -> None:
    """Print where compiled code is kept."""
    typer.echo(str(default_store().directory))


@cache.command("list")
def cache_list() -> None:
    """List what is kept, the least recently used first."""
    entries = default_store().entries()
    table = Table("entry", "bytes", "last used")
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        table.add_row(entry.name, str(entry.size), used)
    total = sum(entry.size for entry in entries)
    if entries:
        Console().print(table)
    typer.echo(f"{len(entries)} entries, {total} bytes, in {default_store().directory}")


@cache.command("clear")
def cache_clear() -> None:
    """Remove all compiled code that is kept."""
    store = default_store()
    count = len(store.entries())
    store.clear()
    typer.echo(f"removed {count} entries from {store.directory}")


def _compiled(
    model: str,
    transform: str,
    wrt: str | None,
    target: str,
    spec: Sequence[str] | None,
    args: Sequence[str] | None,
) -> CompiledFunction:
    """Return a function compiled for the types or examples of the command line."""
    fn = load_function(model, transform, wrt, target)
    if args:
        if spec:
            raise ArgumentError("--spec and --args are two ways to say the same: write one of them")
        positions, keywords = arguments_for(fn, args)
        return fn.compile(*positions, **keywords)
    return fn.compile(**specs_for(fn, spec or ()))


def _print_source(source: str) -> None:
    """Print a module, in colours where a person reads it."""
    if sys.stdout.isatty():
        Console().print(Syntax(source, "python", background_color="default"))
    else:
        typer.echo(source, nl=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of this process; return its exit status.

    >>> main(["show", "nothing.py:f"])
    2
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        app(args=_spread(given), prog_name="bpcompile")
    except BpcompileError as error:
        typer.echo(f"bpcompile: {error}", err=True)
        return 2
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _spread(argv: Sequence[str]) -> list[str]:
    """Return a command line with ``--args`` before each of the values that follow it."""
    spread: list[str] = []
    inside = False
    for token in argv:
        if token == "--args":
            inside = True
        elif inside and (not token.startswith("-") or _NUMBER.match(token)):
            spread.append(f"--args={token}")
        else:
            inside = False
            spread.append(token)
    return spread
