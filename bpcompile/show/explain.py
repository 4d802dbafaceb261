"""Compute the ledger of backpropagation: the chain rule of a model as written, in numbers.

In: the graph of a model before any rewrite, the arguments of one call, and which of them are
differentiated. Out: a `Ledger`. The reverse sweep runs over the graph as it is, so that
``1 / (1 + exp(-s))`` shows each of its gates even where the compiled code has one stable sigmoid.
The interpreter evaluates all that the sweep builds: values, adjoints, local derivatives, and what
each operation sends back.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpcompile.emit.formula import accented
from bpcompile.emit.names import safe_file
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, Origin, users
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import Kind
from bpcompile.ir.text import identifiers
from bpcompile.ir.type import TupleType
from bpcompile.ops.checks import is_token, unchecked
from bpcompile.ops.index import Slice
from bpcompile.show.ledger import Ledger, Operand, Row, Value
from bpcompile.show.notation import latex_name, latex_of, text_of
from bpcompile.show.textbook import shown_partial
from bpcompile.show.trail import Place, Trail
from bpcompile.transforms.reverse import Cotangent, Sweep

_SILENT = ("const", "dim", "table", "empty", "iota")


def explain(
    graph: Graph,
    args: Sequence[Any],
    wrt: Sequence[int],
    seeds: Sequence[Any] | None = None,
    trail: Trail | None = None,
) -> Ledger:
    """Return the ledger of a graph.

    Args:
        graph: the model as written.
        args: a value for each parameter.
        wrt: the positions of the differentiated parameters; none for the forward values alone.
        seeds: the adjoint of each output, None for one that has none; by default 1 for the first
            output, which is a scalar then.
        trail: where the emitted module computes each value.

    Raises:
        NotDifferentiableError: where an operation on the way has no derivative.

    Example:
        >>> from bpcompile import ops
        >>> from bpcompile.ir.type import f64
        >>> builder = Builder("f")
        >>> x, y, z = (builder.param(name, f64[()]) for name in "xyz")
        >>> ledger = explain(builder.finish(((x + y) * z,)), [-2.0, 5.0, -4.0], [0, 1, 2])
        >>> [row.adjoint for row in ledger.rows[:3]]
        [-4.0, -4.0, 3.0]
    """
    return _Explainer(graph, wrt, trail).ledger(args, seeds)


def labels_of(graph: Graph) -> dict[Node, str]:
    """Return the label of each value that has a row: the user's name, or that in the text."""
    readers = users(graph)
    hidden = {n for n in graph.nodes if _is_place(n, readers) or is_token(n, readers)}
    return {
        node: label
        for node, label in identifiers(graph).items()
        if node.op.name not in _SILENT and node not in hidden
    }


def _is_place(node: Node, readers: Mapping[Node, list[Node]]) -> bool:
    """Tell whether a node is a slice of one element whose axes go away next, as in ``w[0]``."""
    if node.op.name != "index" or node.name is not None or len(readers[node]) != 1:
        return False
    reader = readers[node][0]
    spec = node.attrs["spec"]
    return reader.op.name == "reshape" and any(
        isinstance(entry, Slice) and entry.length == 1 for entry in spec
    )


class _Faithful(Builder):
    """Hold every node of a graph as written, equal ones too."""

    def adopt(self, node: Node) -> Node:
        """Append a node, and keep it where an equal one is there."""
        if super().adopt(node) is not node:
            self.nodes.append(node)
        return node


class _Recorder(Sweep):
    """Note what each operation sends back to each of its operands."""

    def __init__(self, builder: Builder, graph: Graph, wrt: Sequence[Node]) -> None:
        super().__init__(builder, graph, wrt)
        self.sent: dict[Node, list[tuple[Node, Expr]]] = {}
        self.taken: dict[tuple[Node, Node], Expr] = {}

    def accumulate(self, node: Node, value: Expr, where: Expr | None = None) -> None:
        """Add a contribution, and note it."""
        source = self._source()
        if source is not None and node in self.active:
            self.sent.setdefault(source, []).append((node, value))
        super().accumulate(node, value, where)

    def take(self, node: Node) -> Cotangent | None:
        """Return a cotangent that an operation goes on adding to, and note it."""
        found = super().take(node)
        source = self._source()
        if found is not None and source is not None:
            self.taken[source, node] = found.value
        return found

    def _source(self) -> Node | None:
        """Return the node whose rule is running."""
        origin = self.builder.origin
        return origin.adjoint_of if origin is not None else None


class _Slots:
    """Collect the values that the interpreter is asked for."""

    def __init__(self) -> None:
        self.exprs: list[Expr] = []
        self._known: dict[Node, int] = {}

    def add(self, expr: Expr) -> int:
        """Return the number of a value."""
        if expr.node not in self._known:
            self._known[expr.node] = len(self.exprs)
            self.exprs.append(expr)
        return self._known[expr.node]


class _Explainer:
    """Hold what the rows of one ledger share."""

    def __init__(self, graph: Graph, wrt: Sequence[int], trail: Trail | None) -> None:
        self.graph = graph
        self.trail = trail
        self.builder = _Faithful(graph.name)
        self.builder.params = list(graph.params)
        self.builder.guards = list(graph.guards)
        for node in graph.nodes:
            self.builder.adopt(node)
        self.sweep = _Recorder(self.builder, graph, [graph.params[k] for k in wrt])
        self.labels = labels_of(graph)
        self.slots = _Slots()
        self.bars: dict[Node, Expr] = {}

    def ledger(self, args: Sequence[Any], seeds: Sequence[Any] | None) -> Ledger:
        """Return the ledger."""
        given = self._seeded(seeds) if self.sweep.active else []
        self.sweep.run()
        for node in self.graph.nodes:
            bar = None if isinstance(node.type, TupleType) else self.sweep.cotangent(node)
            if bar is not None:
                self.bars[node] = bar.value
        plans = [_Plan(self, node) for node in self.graph.nodes if node in self.labels]
        joint = self.sweep.finish(self.slots.exprs)
        values = interpret(joint, [*args, *given])
        rows = tuple(plan.row(values) for plan in plans)
        outputs = tuple(
            self.labels.get(out, str(out.attrs.get("value"))) for out in self._outputs()
        )
        return Ledger(self.graph.name, rows, outputs)

    def _outputs(self) -> tuple[Node, ...]:
        """Return the outputs of the graph, without the checks that they wait for."""
        return tuple(map(unchecked, self.graph.outputs))

    def _seeded(self, seeds: Sequence[Any] | None) -> list[Any]:
        """Give the outputs their adjoints; return the values of the parameters that hold them."""
        builder, outputs = self.builder, self.graph.outputs
        if seeds is None:
            self.sweep.accumulate(outputs[0], builder.const(1, outputs[0].array_type))
            return []
        given = []
        for number, (out, seed) in enumerate(zip(outputs, seeds, strict=True)):
            if seed is not None:
                param = builder.param(f"seed_{number}", out.array_type)
                self.sweep.accumulate(out, param)
                given.append(seed)
        return given

    def shown(self, node: Node, labels: Mapping[Node, str]) -> tuple[str, str]:
        """Return a value as text and LaTeX: its label, or its formula."""
        if node in labels:
            return accented(labels[node]), latex_name(labels[node])
        return text_of(node, labels), latex_of(node, labels)


class _Plan:
    """Hold where the numbers of one row are found among the interpreter's values."""

    def __init__(self, owner: _Explainer, node: Node) -> None:
        self.owner = owner
        self.node = node
        wrap = owner.builder.wrap
        self.value = None if isinstance(node.type, TupleType) else owner.slots.add(wrap(node))
        bar = owner.bars.get(node)
        self.bar = None if bar is None else owner.slots.add(bar)
        self.operands = [self._operand(k, arg) for k, arg in self._arguments()]

    def _source(self) -> Node:
        """Return the node whose operands the row shows: behind ``w[0]`` stands the slice."""
        node = self.node
        if node.op.name == "reshape" and node.args[0] not in self.owner.labels:
            inner = node.args[0]
            return inner if inner.op.name == "index" else node
        return node

    def _arguments(self) -> list[tuple[int, Node]]:
        """Return the operands that have labels, with their positions."""
        args = self._source().args
        return [(k, arg) for k, arg in enumerate(args) if arg in self.owner.labels]

    def _operand(self, k: int, arg: Node) -> _Edge:
        """Return what is known of one operand."""
        return _Edge(self.owner, self._source(), self.node, k, arg)

    def row(self, values: Sequence[Any]) -> Row:
        """Return the row."""
        owner, node, source = self.owner, self.node, self._source()
        trail = owner.trail
        is_param = node.op.name == "param"
        return Row(
            name=owner.labels[node],
            operation=source.op.name,
            formula="" if is_param else _formula(source, owner.labels),
            latex="" if is_param else latex_of(source, owner.labels),
            type=str(node.type),
            value=_plain(values, self.value),
            adjoint=_plain(values, self.bar),
            operands=tuple(edge.operand(values) for edge in self.operands),
            origin=_origin(node.origin),
            place=trail.values.get(node, Place()) if trail else Place(),
            adjoint_place=trail.adjoints.get(node, Place()) if trail else Place(),
        )


class _Edge:
    """Hold the way back from one operation to one of its operands."""

    def __init__(self, owner: _Explainer, source: Node, node: Node, k: int, arg: Node) -> None:
        self.owner, self.source, self.k, self.arg = owner, source, k, arg
        self.local, self.local_texts = self._local() if source in owner.bars else (None, ("", ""))
        self.sent = self._sent()
        self.taken: int | None = None
        self.rule = ("", "")
        if self.sent is not None:
            slots = owner.slots
            taken = owner.sweep.taken.get((source, arg))
            self.taken = None if taken is None else slots.add(taken)
            if not self.local_texts[0]:
                bar = owner.bars.get(source) or owner.bars.get(node)
                own = {} if bar is None else {bar.node: f"{owner.labels[node]}_bar"}
                self.rule = owner.shown(self.sent.node, ChainMap(own, owner.labels))
            self.slot: int | None = slots.add(self.sent)
        else:
            self.slot = None

    def _sent(self) -> Expr | None:
        """Return what the operation sends to this operand."""
        owner = self.owner
        sent = [value for node, value in owner.sweep.sent.get(self.source, []) if node is self.arg]
        same = [k for k, arg in enumerate(self.source.args) if arg is self.arg]
        which = same.index(self.k)
        return sent[which] if which < len(sent) else None

    def _local(self) -> tuple[int | float | None, tuple[str, str]]:
        """Return the local derivative, as the number of its slot or a plain number, and as text."""
        owner, node, k = self.owner, self.source, self.k
        if self.arg not in owner.sweep.active:
            return None, ("", "")
        wrap, op = owner.builder.wrap, node.op
        y, xs = wrap(node), tuple(wrap(arg) for arg in node.args)
        if op.partials is not None:
            rule = op.partials[k]
            if rule is None:
                return None, ("", "")
            shown = shown_partial(node, k, rule)(y, *xs, **node.attrs)
            return self._kept(rule(y, *xs, **node.attrs), shown)
        if op.vjp is not None and op.kind in (Kind.ELEMENTWISE, Kind.REDUCE):
            one = owner.builder.const(1, node.array_type)
            found = op.vjp(one, y, *xs, **node.attrs)[k]
            if found is not None:
                return self._kept(found, found)
        return None, ("", "")

    def _kept(
        self, found: Expr | float, shown: Expr | float
    ) -> tuple[int | float | None, tuple[str, str]]:
        """Return the slot of a local derivative, which may be a plain number, and its text."""
        owner = self.owner
        if not isinstance(shown, Expr):
            texts = (f"{shown:g}", f"{shown:g}")
        else:
            texts = owner.shown(shown.node, owner.labels)
        if isinstance(found, Expr):
            return owner.slots.add(found), texts
        return float(found), texts

    def operand(self, values: Sequence[Any]) -> Operand:
        """Return the entry of the row."""
        local: Value | None
        local = _plain(values, self.local) if isinstance(self.local, int) else self.local
        sent = _plain(values, self.slot)
        if sent is not None and self.taken is not None:
            sent = _as_value(np.asarray(sent) - values[self.taken])
        return Operand(
            name=self.owner.labels[self.arg],
            formula=self.local_texts[0],
            latex=self.local_texts[1],
            derivative=local,
            rule=self.rule[0],
            rule_latex=self.rule[1],
            sent=sent,
        )


def _formula(node: Node, labels: Mapping[Node, str]) -> str:
    """Return the formula of a gate; one that only moves elements says so."""
    text = text_of(node, labels)
    if node.op.name in ("broadcast", "astype", "reshape", "stop_gradient", "copy"):
        return f"{node.op.name}({text})"
    return text


def _plain(values: Sequence[Any], slot: int | None) -> Value | None:
    """Return one of the interpreter's values: a Python number or an array."""
    return None if slot is None else _as_value(values[slot])


def _as_value(value: Any) -> Value:
    """Return a value as a Python number where it has rank 0."""
    array = np.asarray(value)
    plain: Value = array if array.ndim else array.item()
    return plain


def _origin(origin: Origin | None) -> str:
    """Return the user's line."""
    return f"{safe_file(origin.file)}:{origin.line}" if origin is not None and origin.file else ""
