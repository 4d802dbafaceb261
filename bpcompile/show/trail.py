"""Find for each value of a model the emitted line that computes it, or what it was rewritten to.

The stages are run again with every value of the model among the outputs: passes keep outputs, so
that each is followed from the graph as written into the lowered graph. The module is printed
once more with the number of a node in each comment. A line counts only where that text and the
emitted module have the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bpcompile.emit.emitted import Emitted
from bpcompile.emit.formula import Formulas
from bpcompile.frontend.arguments.trees import Structure
from bpcompile.ir.build import Builder
from bpcompile.ir.graph import Graph, Node, users
from bpcompile.ir.op import Kind, Op
from bpcompile.ir.type import TupleType
from bpcompile.ops.checks import is_token
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.pipeline import LOWER, MODEL, SIMPLIFY, run, simplify
from bpcompile.passes.rewrite import Rewriter, Rule, Rules, rewrite
from bpcompile.show.notation import text_of
from bpcompile.transforms.joint import Task, derive
from bpcompile.transforms.reverse import Sweep

_MARK = "  # @"
_COMMENT = "  # "


@dataclass(frozen=True, slots=True)
class Place:
    """Say where a value is computed.

    `line` and `code` are the emitted line (from 1), None and empty where there is none; `note`
    says what became of the value: that it is inlined there, or which rewrite absorbed it.
    """

    line: int | None = None
    code: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Return line and note as one text."""
        where = f"line {self.line}: {self.code}" if self.line is not None else ""
        if where and self.note:
            return f"{where}  ({self.note})"
        return where or self.note


@dataclass(frozen=True, slots=True)
class Trail:
    """Hold the places of the values of a model, and of their adjoints."""

    values: Mapping[Node, Place]
    adjoints: Mapping[Node, Place]


@dataclass(frozen=True, slots=True)
class Printed:
    """Hold the text of an emitted module, and what prints a lowered graph in the same way."""

    text: str
    emit: Callable[[Graph, Formulas], Emitted]


def follow(
    written: Graph, structure: Structure, task: Task, printed: Printed, labels: Mapping[Node, str]
) -> Trail:
    """Return the places of the values of a graph as written in the module made of it."""
    return _Follower(written, structure, task, printed, labels).trail()


class _Watched(Rules):
    """Note what each rule makes, and the sentence that says what the rule does."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules
        self.made: dict[Node, str] = {}

    def of(self, op: Op, operands: Sequence[Op]) -> tuple[Rule, ...]:
        """Return the rules for an op with operands made by other ops, each of them watched."""
        return tuple(self._watch(rule) for rule in self._rules.of(op, operands))

    def _watch(self, rule: Rule) -> Rule:
        sentence = (rule.__doc__ or rule.__name__).strip().splitlines()[0].rstrip(".")

        def watched(node: Node, build: Rewriter) -> Node | None:
            found = rule(node, build)
            if found is not None and found is not node:
                self.made[found] = sentence
            return found

        return watched


class _Marks(Formulas):
    """Print the number of a node in place of its comment."""

    def __init__(self, formulas: Formulas) -> None:
        self._formulas = formulas
        self.unnamed = formulas.unnamed
        self.nodes: list[Node] = []

    def mathematics(self) -> list[str]:
        """Return the mathematics, whose lines move those of the code."""
        return self._formulas.mathematics()

    def facts(self, params: Mapping[Node, str]) -> list[str]:
        """Return the types of the parameters."""
        return self._formulas.facts(params)

    def comment(self, node: Node) -> str:
        """Return the number of a node."""
        self.nodes.append(node)
        return f"@{len(self.nodes) - 1}"


class _Follower:
    """Follow the values of one model through the stages."""

    def __init__(
        self,
        written: Graph,
        structure: Structure,
        task: Task,
        printed: Printed,
        labels: Mapping[Node, str],
    ) -> None:
        self.written = written
        self.readers = users(written)
        self.labels = labels
        self.printed = printed
        self.rules = _Watched(MODEL)
        self.model: dict[Node, Node] = {}  # from the graph as written
        model = self._simplified()
        self.shown: dict[Node, str] = {}  # labels of the simplified values
        for node, found in self.model.items():
            self.shown.setdefault(found, labels[node])
        self.joint = derive(model, structure, task)
        bars = _cotangents(model, task) if task.targets and task.kind != "jvp" else {}
        self.lowered: dict[Node, Node] = {}  # from the simplified model
        self.lowered_bars: dict[Node, Node] = {}
        final = self._lowered(model, bars)
        self.users = users(final)
        self.lines = self._lines(final)

    def _simplified(self) -> Graph:
        """Return the simplified model, and remember what became of each value."""
        values = [n for n in self.written.nodes if n in self.labels]
        values = [n for n in values if not isinstance(n.type, TupleType)]
        outputs = self.written.outputs

        def watched(graph: Graph) -> Graph:
            return rewrite(graph, self.rules)

        passes = [watched if apply is simplify else apply for apply in SIMPLIFY]
        found = run(self.written.with_outputs((*outputs, *values)), passes)
        self.model = dict(zip(values, found.outputs[len(outputs) :], strict=True))
        return drop_dead(found.with_outputs(found.outputs[: len(outputs)]))

    def _lowered(self, model: Graph, bars: Mapping[Node, Node]) -> Graph:
        """Return the lowered graph, and remember what became of values and cotangents."""
        graph = self.joint.graph
        builder = Builder.extending(graph)
        readers = users(model)
        values = (node for node in model.nodes if not isinstance(node.type, TupleType))
        wanted = [node for node in values if not is_token(node, readers)]
        place = _adopted(builder, (*model.nodes, *_order(bars.values())))
        reached = [node for node in bars if bars[node] in place]
        extra = [*(place[node] for node in wanted), *(place[bars[node]] for node in reached)]
        everything = Graph(
            graph.name, graph.params, tuple(builder.nodes), graph.outputs, graph.guards
        )
        found = run(everything.with_outputs((*graph.outputs, *extra)), LOWER)
        rest = iter(found.outputs[len(graph.outputs) :])
        self.lowered = {node: next(rest) for node in wanted}
        self.lowered_bars = {node: next(rest) for node in reached}
        return drop_dead(found.with_outputs(found.outputs[: len(graph.outputs)]), checks=True)

    def _lines(self, final: Graph) -> dict[Node, tuple[int, str]]:
        """Return the emitted line of each value of the lowered graph that has one."""
        marks = _Marks(Formulas(self.written, self.joint.graph))
        printed = self.printed
        marked = printed.emit(final, marks).text
        texts, given = marked.splitlines(), printed.text.splitlines()
        if [_code(line) for line in texts] != [_code(line) for line in given]:
            return {}
        found: dict[Node, tuple[int, str]] = {}
        for number, line in enumerate(texts, start=1):
            _, mark, index = line.rpartition(_MARK)
            if mark and index.isdigit() and _code(line):
                found.setdefault(marks.nodes[int(index)], (number, _code(line)))
        return found

    # -- what became of a value ------------------------------------------------------------------

    def trail(self) -> Trail:
        """Return the places of all values."""
        values = {node: self._value(node) for node in self.labels}
        adjoints = {node: self._adjoint(node) for node in self.labels}
        return Trail(values, adjoints)

    def _value(self, node: Node) -> Place:
        """Return where the value of a node of the model is computed."""
        if node.op.name == "param":
            return Place(note="an argument")
        model = self.model.get(node)
        if model is None:
            return Place(note="a loop" if node.op.kind is Kind.REGION else "in its parts")
        place = self._place(self.lowered.get(model))
        if place is None:
            return Place(note=self._absorbed(node))
        sentence = self.rules.made.get(model) if model.op is not node.op else None
        notes = [place.note, f"rewritten: {sentence}" if sentence else ""]
        return Place(place.line, place.code, "; ".join(note for note in notes if note))

    def _adjoint(self, node: Node) -> Place:
        """Return where the adjoint of a node of the model is computed."""
        model = self.model.get(node)
        bar = self.lowered_bars.get(model) if model is not None else None
        if bar is not None and bar.op.name == "const":
            return Place(note=f"the number {bar.attrs['value']!r}")
        return self._place(bar) or Place()

    def _place(self, node: Node | None) -> Place | None:
        """Return the line of a lowered value, or of the first one that it is inlined into."""
        inlined = False
        seen: set[Node] = set()
        queue = [node] if node is not None and node in self.users else []
        for current in queue:
            if current in self.lines:
                line, code = self.lines[current]
                return Place(line, code, "inlined" if inlined else "")
            inlined = True
            for user in self.users[current]:
                if user not in seen:
                    seen.add(user)
                    queue.append(user)
        return Place(note="returned as it is") if queue and len(queue) == 1 else None

    def _absorbed(self, node: Node) -> str:
        """Return which later value of the model is computed without this one."""
        queue, seen = [node], {node}
        for current in queue:
            for user in self.readers[current]:
                model = self.model.get(user)
                if model is not None and self._place(self.lowered.get(model)) is not None:
                    return f"absorbed by {self.labels[user]} = {text_of(model, self.shown)}"
                if user not in seen:
                    seen.add(user)
                    queue.append(user)
        return "not needed"


def _code(line: str) -> str:
    """Return a line without its comment and indentation."""
    return line.partition(_COMMENT)[0].strip()


def _cotangents(model: Graph, task: Task) -> dict[Node, Node]:
    """Return the cotangent of each value of a simplified model, as the adjoint pass makes it."""
    builder = Builder.extending(model)
    wrt = [model.params[k] for target in task.targets for k in target.params]
    sweep = Sweep(builder, model, wrt)
    if task.kind == "vjp":
        for number, out in enumerate(model.outputs):
            if out.array_type.dtype.is_float:
                seed = builder.param(f"{out.name or f'out_{number}'}_bar", out.array_type)
                sweep.accumulate(out, seed)
    else:
        value = builder.wrap(model.outputs[0])
        sweep.accumulate(value.node, builder.const(1, value.type))
    sweep.run()
    found = {}
    for node in model.nodes:
        bar = None if isinstance(node.type, TupleType) else sweep.cotangent(node)
        if bar is not None:
            found[node] = bar.value
    graph = sweep.finish(found.values())
    return dict(zip(found, graph.outputs, strict=True))


def _order(outputs: Iterable[Node]) -> Sequence[Node]:
    """Return all that nodes depend on, operands first."""
    done: dict[Node, None] = {}
    stack = list(reversed(list(outputs)))
    while stack:
        node = stack[-1]
        missing = [arg for arg in node.args if arg not in done]
        if node in done or not missing:
            done.setdefault(stack.pop())
        else:
            stack += reversed(missing)
    return list(done)


def _adopted(builder: Builder, nodes: Iterable[Node]) -> dict[Node, Node]:
    """Return the equals of nodes among those of a builder, appended where there is none.

    A parameter that the builder does not have is found by its name; what depends on one that is
    not there has no equal.
    """
    known = set(builder.nodes)
    by_name = {param.name: param for param in builder.params}
    place: dict[Node, Node] = {}
    for node in nodes:
        if node in place:
            continue
        if node.op.name == "param":
            found = node if node in known else by_name.get(node.name)
            if found is not None:
                place[node] = found
        elif all(arg in place for arg in node.args):
            args = tuple(place[arg] for arg in node.args)
            copy = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
            place[node] = builder.adopt(node if args == node.args else copy)
    return place
