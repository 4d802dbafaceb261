"""Assemble the module of the numpy target."""

from __future__ import annotations

from bpcompile.emit.facts import graph_facts
from bpcompile.emit.formula import Formulas
from bpcompile.emit.helpers import helpers_of
from bpcompile.emit.layout import FunctionText, Line, ModuleText
from bpcompile.emit.names import Namer
from bpcompile.emit.numpy_control import REGIONS
from bpcompile.emit.numpy_target import NumpyWriter, fresh_text, result_text
from bpcompile.emit.printing import Piece, tuple_text
from bpcompile.emit.prologue import Lengths, lengths
from bpcompile.emit.results import nested_text, scalar_results
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.walk import all_graphs
from bpcompile.ops.checks import raised
from bpcompile.schedule.program import Interface


def numpy_module(
    graph: Graph, interface: Interface, formulas: Formulas
) -> tuple[ModuleText, list[str]]:
    """Return the module of a graph and the names of its dimensions."""
    public = interface.name
    namer = Namer(
        frozenset({public, f"{public}_fill", f"{public}_into", f"{public}_workspace", "_main"}),
        formulas.unnamed,
    )
    params = {param: namer.fresh(param.name) for param in graph.params}
    bound = lengths(graph, params, namer)
    names = list(params.values())
    functions = [
        _main(graph, params, bound, namer, formulas),
        _fresh(graph, interface, names),
        *_filling(graph, interface, names),
        FunctionText(
            f"{public}_workspace",
            bound.names(),
            ["Return the length of the workspace: this target takes none."],
            [Line("return 0")],
        ),
    ]
    functions = [*helpers_of(functions, "numpy", lambda helper: ""), *functions]
    imports = ["import numpy as np"]
    if any("scipy." in line.code for function in functions for line in function.lines):
        imports.append("import scipy.special")
    facts = [*formulas.facts(params), "", *graph_facts(graph, bound.rename)]
    facts.append("Written by bpcompile for NumPy.")
    if any(n.op.name in ("loop", "while") for inner in all_graphs(graph) for n in inner.nodes):
        facts.append("Its loops run in Python: right, but slow.")
    module = ModuleText(interface.summary, formulas.mathematics(), facts, imports, functions)
    return module, bound.order


def _main(
    graph: Graph, params: dict[Node, str], bound: Lengths, namer: Namer, formulas: Formulas
) -> FunctionText:
    """Return the function that computes every result as an array or a NumPy scalar."""
    writer = NumpyWriter(namer, bound, formulas.comment, REGIONS, raised(graph))
    writer.lines.extend(bound.bindings)
    writer.lines.extend(bound.checks)
    writer.add('with np.errstate(all="ignore"):', 0)
    for param, name in params.items():
        if param.array_type.rank == 0:
            writer.add(f"{name} = np.{param.array_type.dtype.numpy_name}({name})", 1)
    results = writer.block(graph, {p: Piece(name) for p, name in params.items()}, 1)
    seen: set[Node] = set()
    texts = [
        fresh_text(node, piece, seen) if node.array_type.rank else piece.text
        for node, piece in zip(graph.outputs, results, strict=True)
    ]
    writer.add(f"return {tuple_text(texts)}", 1)
    return FunctionText(
        "_main", list(params.values()), ["Return every result, in order."], writer.lines
    )


def _fresh(graph: Graph, interface: Interface, names: list[str]) -> FunctionText:
    """Return the public function."""
    results = [f"r{k}" for k in range(len(graph.outputs))]
    texts = [
        result_text(Piece(name), node.array_type)
        for name, node in zip(results, graph.outputs, strict=True)
    ]
    return FunctionText(
        interface.name,
        names,
        [interface.summary.split(": ", 1)[-1].capitalize()],
        [
            Line(f"{tuple_text(results)} = _main({', '.join(names)})"),
            Line(f"return {nested_text(interface.results, texts)}"),
        ],
    )


def _filling(graph: Graph, interface: Interface, names: list[str]) -> list[FunctionText]:
    """Return the functions that fill given arrays."""
    results = [f"r{k}" for k in range(len(graph.outputs))]
    given = [f"out_{k}" for k in range(len(graph.outputs))]
    call = Line(f"{tuple_text(results)} = _main({', '.join(names)})")
    fill, into, scalars = [call], [call], []
    arrays = []
    for result, out, node in zip(results, given, graph.outputs, strict=True):
        into.append(Line(f"{out}[...] = {result}"))
        if node.array_type.rank:
            arrays.append(out)
            fill.append(Line(f"{out}[...] = {result}"))
        else:
            scalars.append(result_text(Piece(result), node.array_type))
    fill.append(Line(f"return {scalar_results(scalars)}"))
    return [
        FunctionText(
            f"{interface.name}_fill",
            [*names, *arrays, "workspace"],
            ["Fill the array results and return the scalar ones."],
            fill,
        ),
        FunctionText(
            f"{interface.name}_into",
            [*names, *given, "workspace"],
            ["Fill one array per result, of shape () for a scalar."],
            into,
        ),
    ]
