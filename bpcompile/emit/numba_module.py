"""Assemble the module of the numba target."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from bpcompile.emit.emitted import Emitted, Stage
from bpcompile.emit.facts import plan_facts
from bpcompile.emit.formula import Formulas
from bpcompile.emit.helpers import helpers_of
from bpcompile.emit.layout import FunctionText, Line, ModuleText, without_unused_lengths
from bpcompile.emit.names import Namer, listed, stage_name
from bpcompile.emit.numba_target import NumbaWriter
from bpcompile.emit.printing import number, shape_text, tuple_text
from bpcompile.emit.prologue import Lengths, check_lines, lengths
from bpcompile.emit.results import nested_text, scalar_results
from bpcompile.emit.signals import EXTERNALS
from bpcompile.emit.signals import LINES as SIGNAL_LINES
from bpcompile.ir.dims import Dim, Size, product
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType
from bpcompile.ops.checks import raised
from bpcompile.schedule.cuts import cut
from bpcompile.schedule.kernels import Kernel, split
from bpcompile.schedule.memory import Slot, lay_out
from bpcompile.schedule.plan import known_of, plan
from bpcompile.schedule.program import Interface
from bpcompile.schedule.sharing import share
from bpcompile.schedule.statements import Buffer, For, Plan, Statement, Var
from bpcompile.schedule.stretches import in_stretches

NJIT = '@njit(error_model="numpy", nogil=True, boundscheck=False)'
_FAST = (
    '@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})'
)
_VECTOR = (
    '@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"contract"}, '
    "forceinline=True)"
)
_OWN = frozenset(op.vector.pattern.partition("(")[0] for op in OPS.values() if op.vector)
# Special functions without a branch, none of which relies on a product being rounded.
_BRANCHLESS = """
    _arcsine_parts _cbrt _ci _erfcinv _erfcx _erfcx_slope _erfinv _exp1 _exp_square _expi
    _exprel _exprel_slope _hyperbolic _kl_div _lambertw_gap_lower _lambertw_gap_upper
    _lambertw_lower _lambertw_root _lambertw_step _lambertw_upper _ldexp _log2_in_two _log_ends
    _log_ndtr _log_ndtr_slope _log_of_two_parts _log_parts _log_ratio _ndtri _normal_hazard
    _normal_quantile
    _pow_ends _power_of_two _rel_entr _si _sici_f _sici_g _split_exponent _upper_half
""".split()  # noqa: SIM905  (a page of quotation marks would say no more)
_DECORATORS = {
    **dict.fromkeys(_BRANCHLESS, _VECTOR),
    **dict.fromkeys(("_add", "_fma"), _FAST),
    **dict.fromkeys(_OWN, _VECTOR),
    **dict.fromkeys(
        ("_poll", "_where"),
        '@njit(error_model="numpy", nogil=True, boundscheck=False, forceinline=True)',
    ),
}


class NumbaStyle(NamedTuple):
    """Say how a module is written: see `emit_module`."""

    math: str
    fuse: bool
    cuts: bool


def numba_module(
    graph: Graph, interface: Interface, formulas: Formulas, style: NumbaStyle
) -> tuple[ModuleText, Emitted]:
    """Return the module of a graph, and what goes with its text."""
    return _NumbaModule(graph, interface, formulas, style).assemble()


class _NumbaModule:
    """Hold what the parts of one module share."""

    def __init__(
        self, graph: Graph, interface: Interface, formulas: Formulas, style: NumbaStyle
    ) -> None:
        name = interface.name
        self.graph = graph
        self.interface = interface
        self.formulas = formulas
        self.loops = "" if style.fuse else ", each operation in loops of its own"
        self.whole: Plan = plan(graph, style.fuse)
        self.plan: Plan = cut(self.whole, known_of(graph)) if style.cuts else self.whole
        self.plan = in_stretches(self.plan)
        ours = {"_main", *(_FIRST_AND_LAST if self.plan.parts else ())}
        taken = frozenset({name, *(f"{name}_{end}" for end in _ENDINGS), *ours})
        self.namer = Namer(taken, formulas.unnamed)
        self.params = {param: self.namer.fresh(param.name) for param in graph.params}
        self.bound: Lengths = lengths(graph, self.params, self.namer)
        vector, lines = style.math == "vector", formulas.comment
        self.writer = NumbaWriter(self.namer, self.bound.rename, lines, vector, raised(graph))
        for var, text in zip(self.plan.params, self.params.values(), strict=True):
            self.writer.call(var, text)
        self.kernels: list[FunctionText] = []
        self.stages: list[Stage] = []
        self.slots: list[Slot]
        self.words: Size
        self.slots, self.words = lay_out(self.plan)
        self._ends: dict[Size, str] = {}  # names of places in the workspace

    def assemble(self) -> tuple[ModuleText, Emitted]:
        """Return the module, and what goes with its text."""
        figures = plan_facts(self.whole, self.words, self.bound.rename, self.params.values())
        share(self.plan)
        main = self._main()
        routines = self.writer.routines.values()
        for routine in routines:
            routine.decorator = NJIT
        functions = [*routines, *self.kernels, main, *self._public()]
        for function in functions:
            function.lines = without_unused_lengths(function.lines)
        helpers = helpers_of(functions, "numba", decorator, EXTERNALS)
        tables = [self._table(b) for b in self.plan.buffers if b.role == "table"]
        codes = [*tables, *(line.code for f in (*helpers, *functions) for line in f.lines)]
        polls = any(function.name == "_poll" for function in helpers)
        imports = _imports(codes, ["njit", *(["types"] if polls else [])])
        own = [f.name for f in helpers if f.name in _OWN]
        sources = f"{', '.join(own)} of its own" if own else "mathematics by libm"
        facts = [
            *self.formulas.facts(self.params),
            "",
            *figures,
            f"Written by bpcompile for Numba: {sources}{self.loops}.",
            *(_PARTS if self.plan.parts else ()),
        ]
        return (
            ModuleText(
                self.interface.summary,
                self.formulas.mathematics(),
                facts,
                [*imports, *([""] if tables else []), *tables, *(SIGNAL_LINES if polls else ())],
                [*helpers, *functions],
            ),
            Emitted(
                "",
                self.interface.name,
                tuple(self.bound.order),
                tuple(self.writer.tested),
                self.words,
                tuple(self.stages),
                self.plan.parts,
            ),
        )

    def _table(self, buffer: Buffer) -> str:
        """Return the definition of a constant array."""
        values = ", ".join(number(v, "math").text for v in buffer.values)
        text = f"np.array([{values}], np.{buffer.dtype.numpy_name})"
        if len(buffer.shape) != 1:
            text += f".reshape({tuple_text([str(s) for s in buffer.shape])})"
        return f"{self.writer.name(buffer.var)} = {text}"

    def _arrays(self) -> list[str]:
        """Return the names of the array results."""
        return [self.writer.name(var) for var in self.plan.outs.values()]

    def _main(self) -> FunctionText:
        """Return the function that does the work."""
        arrays = self._arrays()
        writer = self.writer
        writer.lines.extend(self.bound.bindings)
        writer.lines.extend(self.bound.checks)
        for slot in self.slots:
            self._name_end(slot)
            writer.add(self._slot(slot), 0, str(_typed(slot, self.bound)))
        for part in split(self.plan):
            if isinstance(part, Kernel):
                self._kernel(part)
            else:
                writer.statements([part], 0)
        scalars = [writer.expression(value).text for value in self.plan.scalars.values()]
        writer.add(f"return {scalar_results(scalars)}" if scalars else "return", 0)
        workspace = ["workspace"] if self.slots else []
        doc = "Fill the array results and return the scalar ones."
        return FunctionText(
            "_main", [*self.params.values(), *arrays, *workspace], [doc], writer.lines, NJIT
        )

    def _kernel(self, kernel: Kernel) -> None:
        """Add the function of a kernel and write its call."""
        reads = [self.writer.name(var) for var in kernel.reads]
        results = [self.writer.name(var) for var in kernel.results]
        params = [*reads, *(str(self.bound.rename[name]) for name in kernel.lengths)]
        given = list(params)
        writer = self.writer.inside()
        statements = kernel.statements
        if kernel.parts is not None:
            (loop,) = statements
            statements = [self._from_first_to_last(loop, writer)]
            params += _FIRST_AND_LAST
            given += ["0", self.writer.name(kernel.parts)]
        writer.statements(statements, 0)
        if results:
            writer.add(f"return {', '.join(results)}", 0)
        name = self.namer.own(stage_name(kernel.made))
        doc = f"Compute {listed(kernel.made) or 'one stage'}."
        self.kernels.append(FunctionText(name, params, [doc], writer.lines, NJIT))
        self.writer.add(f"{_targets(results)}{name}({', '.join(given)})", 0)
        kinds = [(var.dtype.value, var.rank) for var in kernel.reads]
        kinds += [("i64", 0)] * (len(params) - len(reads))
        if self.plan.parts:
            self.stages.append(Stage(name, tuple(kinds), kernel.parts is not None))

    def _from_first_to_last(self, loop: Statement, writer: NumbaWriter) -> For:
        """Return the loop over the parts that a call of a kernel computes."""
        assert isinstance(loop, For)
        first, last = (Var(name, DType.I64, ours=True) for name in _FIRST_AND_LAST)
        for var, name in zip((first, last), _FIRST_AND_LAST, strict=True):
            writer.call(var, name)
        return dataclasses.replace(loop, lower=first, upper=last)

    def _slot(self, slot: Slot) -> str:
        """Return the line that cuts a temporary out of the workspace."""
        size = self.bound.size
        text = f"workspace[{self._place(slot.start)}:{self._place(slot.start + slot.words)}]"
        if slot.buffer.dtype is not DType.F64:
            text += f".view(np.{slot.buffer.dtype.numpy_name})"
        count = product(slot.buffer.shape)
        if slot.buffer.dtype.itemsize < 8:
            text += f"[:{size(count)}]"
        if len(slot.buffer.shape) != 1:
            text += f".reshape({tuple_text([str(size(s)) for s in slot.buffer.shape])})"
        return f"{self.writer.name(slot.buffer.var)} = {text}"

    def _name_end(self, slot: Slot) -> None:
        """Write the line that names where a temporary ends, if that is long to say."""
        end = slot.start + slot.words
        if isinstance(end, Dim) and len(end.terms) > _MOST_TERMS and end not in self._ends:
            text = f"{self._place(slot.start)} + {self.bound.size(slot.words)}"
            self._ends[end] = self.namer.own("end")
            self.writer.add(f"{self._ends[end]} = {text}", 0)

    def _place(self, place: Size) -> str:
        """Return the text of a place in the workspace."""
        return self._ends.get(place) or str(self.bound.size(place))

    def _public(self) -> Sequence[FunctionText]:
        """Return the four public functions."""
        name, graph = self.interface.name, self.graph
        params, arrays = list(self.params.values()), self._arrays()
        given = ["workspace"] if self.slots else []
        work = f"_main({', '.join([*params, *arrays, *given])})"
        scalar_names = [self.namer.fresh(graph.outputs[k].name) for k in self.plan.scalars]
        call = Line(f"{_targets(scalar_names)}{work}")
        words = self.bound.size(self.words)
        fresh: list[Line] = [*self.bound.bindings] if self._needs_lengths() else []
        for buffer, array in zip(self._outs(), arrays, strict=True):
            shape = shape_text(self.bound.shape(buffer.shape))
            kind = "" if buffer.dtype is DType.F64 else f", np.{buffer.dtype.numpy_name}"
            fresh.append(Line(f"{array} = np.empty({shape}{kind})"))
        if self.slots:
            fresh.append(Line(f"workspace = np.empty({words})"))
        texts = [""] * len(graph.outputs)
        for position, text in zip(self.plan.scalars, scalar_names, strict=True):
            texts[position] = text
        for position, text in zip(self.plan.outs, arrays, strict=True):
            texts[position] = text
        fresh += [call, Line(f"return {nested_text(self.interface.results, texts)}")]
        targets = [self.namer.own(f"{scalar}_out") for scalar in scalar_names]
        into = list(texts)
        for position, target in zip(self.plan.scalars, targets, strict=True):
            into[position] = target
        stores = [
            Line(f"{target}[()] = {text}")
            for target, text in zip(targets, scalar_names, strict=True)
        ]
        checks = self._given_checks(arrays, words)
        summary = self.interface.summary.split(": ", 1)[-1]
        return [
            FunctionText(name, params, [f"Return {summary}"], fresh, NJIT),
            FunctionText(
                f"{name}_fill",
                [*params, *arrays, *given],
                ["Fill the array results and return the scalar ones."],
                [*checks, Line(f"return {work}")],
                NJIT,
            ),
            FunctionText(
                f"{name}_into",
                [*params, *into, *given],
                ["Fill one array per result, of shape () for a scalar."],
                [*checks, call, *stores],
                NJIT,
            ),
            FunctionText(
                f"{name}_workspace",
                self.bound.names(),
                ["Return the length of the workspace in float64 words."],
                [Line(f"return {words}")],
                NJIT,
            ),
        ]

    def _given_checks(self, arrays: list[str], words: Size) -> list[Line]:
        """Return the lines that refuse given arrays which the work would not stay inside of.

        Lengths and memory are looked at; the caller sees to dtype and contiguity.
        """
        lines: list[Line] = []
        for buffer, array in zip(self._outs(), arrays, strict=True):
            for axis, size in enumerate(self.bound.shape(buffer.shape)):
                lines.extend(check_lines(f"{array}.shape[{axis}]", "==", str(size)))
        if self.slots:
            lines.extend(check_lines("workspace.shape[0]", ">=", str(words)))
        inputs = [text for param, text in self.params.items() if param.array_type.rank]
        if inputs and arrays:
            spans = [f"_span({text})" for text in inputs]
            given = self.namer.own("spans")
            lines.append(Line(f"{given} = {tuple_text(spans)}"))
            for array in arrays:
                lines.append(Line(f"if _meets(_span({array}), {given}):"))
                lines.append(Line(f'raise ValueError("{array} overlaps an argument")', depth=1))
        bindings = self.bound.bindings if self._needs_lengths() else []
        return [*bindings, *lines]

    def _needs_lengths(self) -> bool:
        """Tell whether the fresh function allocates anything of a named length."""
        sizes = [s for b in self._outs() for s in b.shape] + ([self.words] if self.slots else [])
        return any(not isinstance(size, int) for size in sizes)

    def _outs(self) -> list[Buffer]:
        """Return the buffers of the array results."""
        by_var = {b.var: b for b in self.plan.buffers}
        return [by_var[var] for var in self.plan.outs.values()]


def decorator(helper: str) -> str:
    """Return the decorator of an emitted helper function."""
    return _DECORATORS.get(helper, NJIT)


_FIRST_AND_LAST = "first", "last"
_PARTS = [
    "",
    "Functions that take `first, last` compute some of the parts of a loop. This module runs them",
    "in order; bpcompile lets threads share them.",
]
_MOST_TERMS = 2  # of a place in the workspace that is written out
_ENDINGS = ("fill", "into", "workspace")


def _imports(codes: list[str], of_numba: list[str]) -> list[str]:
    """Return the lines that import what the code of a module uses."""
    needs = {name: any(f"{name}." in code for code in codes) for name in ("math", "np")}
    return [
        *(["import math", ""] if needs["math"] else []),
        *(["import numpy as np"] if needs["np"] else []),
        f"from numba import {', '.join(of_numba)}",
    ]


def _targets(names: list[str]) -> str:
    """Return the left side of an assignment of scalar results."""
    return f"{', '.join(names)} = " if names else ""


def _typed(slot: Slot, bound: Lengths) -> str:
    """Return the type of a temporary under the emitted names."""
    shape = ", ".join(str(s) for s in bound.shape(slot.buffer.shape))
    return f"{slot.buffer.dtype.value}[{shape}]"
