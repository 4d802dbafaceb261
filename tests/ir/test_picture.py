"""Drawings of graphs: valid Graphviz text whatever the names are, and escaped HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder
from bpcompile.ir.graph import Graph
from bpcompile.ir.picture import quoted
from bpcompile.ir.type import f64
from tests.strategies import graphs
from tests.transforms import models

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|->|[{}\[\]=,;]')


class Dot:
    """Read the part of Graphviz's language that drawings use."""

    def __init__(self, text):
        self.tokens = []
        position = 0
        for found in _TOKEN.finditer(text):
            assert not text[position : found.start()].strip(), text[position : found.start()]
            self.tokens.append(found[0])
            position = found.end()
        assert not text[position:].strip()
        self.nodes, self.edges, self.clusters = {}, [], []
        self.take("digraph")
        self.name = self.text()
        self.block()
        assert not self.tokens

    def take(self, expected=None):
        token = self.tokens.pop(0)
        assert expected in (None, token), (token, expected)
        return token

    def text(self):
        token = self.take()
        assert token[0] == '"'
        assert token[-1] == '"'
        return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], token[1:-1])

    def block(self):
        self.take("{")
        while self.tokens[0] != "}":
            self.statement()
        self.take("}")

    def statement(self):
        name = self.take()
        if name == "subgraph":
            self.clusters.append(self.take())
            self.block()
        elif self.tokens[0] == "=":
            self.take("=")
            self.take()
        elif self.tokens[0] == "->":
            self.take("->")
            self.edges.append((name, self.take(), self.attributes()))
        elif name in ("node", "edge"):
            self.attributes()
        else:
            assert name not in self.nodes
            self.nodes[name] = self.attributes()

    def attributes(self):
        found = {}
        if self.tokens[0] != "[":
            return found
        self.take("[")
        while self.tokens[0] != "]":
            key = self.take()
            self.take("=")
            found[key] = self.text() if self.tokens[0][0] == '"' else self.take()
            if self.tokens[0] == ",":
                self.take(",")
        self.take("]")
        return found


def read(graph):
    dot = Dot(graph.to_dot())
    for start, end, _ in dot.edges:
        assert start in dot.nodes
        assert end in dot.nodes
    return dot


class Cells(HTMLParser):
    """Collect the cells of HTML tables, and fail on anything else inside them."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ("table", "thead", "tr", "th", "td", "caption"), tag
        assert {name for name, _ in attrs} <= {"style"}
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def test_arguments_results_and_edges():
    builder = Builder("model")
    x, y = builder.param("x", f64["n"]), builder.param("y", f64["n"])
    graph = builder.finish((x * y + 2.0,))
    dot = read(graph)
    assert dot.name == "model"
    labels = {name: attrs["label"] for name, attrs in dot.nodes.items()}
    assert list(labels.values())[:2] == ["x\nf64[n]", "y\nf64[n]"]
    assert "v1 = 2.0\nf64[n]" in labels.values()
    assert [attrs.get("shape") for attrs in dot.nodes.values()].count("ellipse") == 2
    assert [attrs.get("peripheries") for attrs in dot.nodes.values()].count("2") == 1
    assert len(dot.edges) == 4


def test_regions_are_clusters():
    dot = read(models.lorenz().graph)
    assert len(dot.clusters) == 1
    assert any(attrs.get("style") == "dashed" for *_, attrs in dot.edges)


def test_adjoint_values_have_a_colour_of_their_own():
    from bpcompile.transforms.reverse import reverse

    builder = Builder("model")
    x = builder.param("x", f64[()])
    forward = read(builder.finish((x * x,)))
    joint = read(reverse(builder.finish((x * x,)), [0]))
    colours = [{a["fillcolor"] for a in dot.nodes.values()} for dot in (forward, joint)]
    assert len(colours[1] - colours[0]) == 1


HOSTILE = ['"];evil[', "\\", "\\N", "a\nb", "<b>", "&amp;", "]--}", "\u202e", "x" * 300, "α"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_data(name):
    builder = Builder(name)
    x = builder.param(name, f64[()])
    y = x * x
    y.node.name = name
    graph = builder.finish((y,))
    dot = read(graph)
    assert len(dot.nodes) == 2
    assert len(dot.edges) == 2
    cells = Cells(graph._repr_html_()).cells
    assert len(cells) == 3 * 6


@settings(max_examples=200)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=3))
def test_quoted_is_one_token(lines):
    text = quoted(*lines)
    assert _TOKEN.fullmatch(text)
    assert text.isprintable()


@settings(max_examples=20)
@given(graphs())
def test_random_graphs_are_drawn(case):
    graph, _ = case
    dot = read(graph)
    assert len(dot.nodes) >= len(graph.nodes)
    Cells(graph._repr_html_())


def test_shared_regions_are_drawn_for_each_owner():
    model = models.lorenz().graph
    loop = next(node for node in model.nodes if node.op.name == "loop")
    twice = Graph("twice", model.params, (*model.nodes, copy_of(loop)), model.outputs, model.guards)
    assert len(read(twice).clusters) == 2


def copy_of(node):
    from bpcompile.ir.graph import Node

    return Node(node.op, node.args, node.attrs, node.type, node.origin, "again")
