"""The text form of graphs: goldens, round trip, names, origins, refusals."""

from __future__ import annotations

import math
import random
import re

import pytest

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.errors import BpcompileError, FormatError, LimitError
from bpcompile.ir import parse as parse_module
from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim, dim_max
from bpcompile.ir.graph import Graph, Guard, Origin
from bpcompile.ir.op import OPS
from bpcompile.ir.parse import parse
from bpcompile.ir.type import DType, bool_, f32, f64, i64
from bpcompile.ir.walk import graph_equal
from bpcompile.ops.index import At, Slice
from bpcompile.transforms.reverse import reverse

N, D = Dim.named("n"), Dim.named("d")


def named(expr, name, line=None):
    expr.node.name = name
    expr.node.origin = Origin("model.py", line) if line else None
    return expr


def loss() -> Graph:
    """Return a loss with names, lines and a guard."""
    builder = Builder("loss")
    w, X, t = (builder.param(*p) for p in (("w", f64["d"]), ("X", f64["n d"]), ("t", f64["n"])))
    for param in (w, X, t):
        param.node.origin = Origin("model.py", 3)
    builder.guards.append(Guard(N, ">=", 1, "mean, model.py:5"))
    with builder.at(Origin("model.py", 4)):
        z = named(OPS["matmul"](X, w), "z", 4)
        r = named(z - t, "r", 5)
        total = OPS["sum"](r * r, axes=(0,))
        count = OPS["astype"](builder.dim(N), dtype=DType.F64)
        return builder.finish((named(total / count, "loss", 5),))


def decay() -> Graph:
    """Return a loop in a loop."""
    inner = Builder("inner")
    inner.param("j", i64[()])
    y = inner.param("y", f64[()])
    inner_body = inner.finish((named(y * 0.5, "y", 9),))
    outer = Builder("outer")
    i, s, xs = (outer.param(*p) for p in (("i", i64[()]), ("s", f64[()]), ("xs", f64["n"])))
    zero = outer.const(0, i64[()])
    item = OPS["index"](xs, i, spec=(At(0),))
    halved = OPS["loop"](zero, i, item, body=inner_body, carried=1).items()[0]
    body = outer.finish((named(s + halved, "s", 10),))
    builder = Builder("decay")
    xs = builder.param("xs", f64["n"])
    zero, stop = builder.const(0, i64[()]), builder.dim(N)
    start = builder.const(0.0, f64[()])
    with builder.at(Origin("model.py", 8)):
        loop = OPS["loop"](zero, stop, start, xs, body=body, carried=1)
    return builder.finish((named(loop.items()[0], "s", 11),))


def oddities() -> Graph:
    """Return a graph with every kind of attribute, constant and name."""
    builder = Builder("an odd name; \n")
    count = builder.param("count", i64[()])
    count.node.attrs["size"] = N
    x = builder.param("a-b", f64["n", "max(n, 3) + 1", "(n*n) // 4"])
    z = builder.param("z", f32["n"])
    z2 = builder.param("z", f64["nan"])
    exprs = [
        named(builder.const(value, type), name)
        for value, type, name in (
            (-0.0, f64[()], "v3"),
            (math.nan, f64["n"], None),
            (math.inf, f32[()], "True"),
            (-math.inf, f64[()], "z"),
            (5e-324, f64[()], "θ"),
            (0.1, f32[()], 'quote " and \\ and \ud800'),
            (-(2**62), i64[()], "f64"),
            (True, bool_["n", 3], "graph"),
        )
    ]
    exprs += [
        builder.dim(dim_max(N, 3) + 1),
        builder.dim(Dim.named("nan") + 2),
        builder.node(OPS["table"], (), {"values": (1.5, -math.inf)}, f64[2]),
        builder.node(OPS["table"], (), {"values": ()}, i64[0]),
        builder.node(OPS["iota"], (), {"shape": (N,), "axis": 0}, i64["n"]),
        OPS["index"](z, spec=(Slice(N - 1, -1, N),)),
        OPS["astype"](z2, dtype=DType.F32),
        OPS["reshape"](x, shape=(N * dim_max(N, 3) + N, N * N // 4)),
    ]
    for k, file in enumerate(("a.py", "a b.py", 'c:\\"d.py', "e\nf.py", "", "g:1.py")):
        exprs[k].node.origin = Origin(file, k + 1)
    exprs[-1].node.origin = Origin("model.py", 3, exprs[0].node)
    exprs[-2].node.origin = Origin("", 0, exprs[0].node)
    return builder.finish((*exprs, x))


GRAPHS = {
    "loss": loss,
    "loss_adjoint": lambda: reverse(loss(), [0]),
    "decay": decay,
    "oddities": oddities,
    "empty": lambda: Builder("empty").finish(()),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_text_is_golden(name, golden):
    golden(str(GRAPHS[name]()) + "\n", name, suffix=".txt")


@pytest.mark.parametrize("name", GRAPHS)
def test_parse_inverts_print(name):
    graph = GRAPHS[name]()
    again = parse(str(graph))
    assert graph_equal(graph, again)
    assert str(again) == str(graph)


def test_origins_come_back():
    graph = parse(str(reverse(loss(), [0])))
    z = next(node for node in graph.nodes if node.name == "z")
    assert repr(z.origin) == "model.py:4"
    assert any(n.origin is not None and n.origin.adjoint_of is z for n in graph.nodes)
    assert all(param.origin.line == 3 for param in graph.params)
    files = [node.origin.file for node in parse(str(oddities())).nodes if node.origin]
    assert {"e\nf.py", "g:1.py", 'c:\\"d.py'} <= set(files)


def test_long_headers_are_broken_and_keep_each_origin():
    builder = Builder("wide")
    params = [builder.param(f"a_rather_long_name_{k}", f64["n d"]) for k in range(6)]
    for k, param in enumerate(params):
        param.node.origin = Origin("model.py", k) if k else None
    graph = builder.finish(params)
    text = str(graph)
    assert all(len(line) <= 100 for line in text.splitlines()[:-2])
    again = parse(text)
    assert graph_equal(graph, again)
    assert [p.origin and p.origin.line for p in again.params] == [None, 1, 2, 3, 4, 5]


def test_spaces_and_comments_do_not_matter():
    text = (
        "# a file\ngraph f ( x : f64 [ n ] )\n->\ny{y:f64[n]=mul(x,\n x)# not an origin\n}\n# end\n"
    )
    assert str(parse(text)) == "graph f(x: f64[n]) -> y {\n  y: f64[n] = mul(x, x)\n}"


HEAD = "graph f(x: f64[n]) -> y {\n  "
REFUSED = {
    "": "line 1: graph was expected, and the end found",
    "graf f() -> () {}": "line 1: a graph was expected",
    "graph f(x: f64[n]) -> y {}": "line 1: y is not defined",
    HEAD + "y: f64[n] = mul(x, z)\n}": "line 2: z is not defined",
    HEAD + "x: f64[n] = mul(x, x)\n}": "line 2: x is defined twice",
    HEAD + "y: f64[n] = system(x)\n}": "line 2: there is no op system",
    HEAD + "y: f64[n] = param(x)\n}": "line 2: there is no op param",
    HEAD + "y: f64[m] = mul(x, x)\n}": r"line 2: .*dimension m of m is bound by no parameter",
    HEAD + "y: f64[] = mul(x, x)\n}": r"line 2: .*has the type f64\[\], and its operands make",
    HEAD + "y: f16[n] = mul(x, x)\n}": "line 2: a type such as",
    HEAD + "y: f64[-3] = mul(x, x)\n}": "line 2: .* is no shape",
    HEAD + "y: f64[n**2] = mul(x, x)\n}": "line 2: .* is not a dimension",
    HEAD + "y: f64[n // 0] = mul(x, x)\n}": "line 2: .* divided by zero",
    HEAD + "y: f64[99999999999999999999] = mul(x, x)\n}": "line 2: the length .* too large",
    HEAD
    + "y: f64[] = sum(x, axes=(0,), axes=(0,))\n}": "line 2: the attribute axes is given twice",
    HEAD + "y: f64[] = sum(axes=(0,), x)\n}": "line 2: operands stand before",
    HEAD + "y: f64[] = sum(x, axes=(7,))\n}": "line 2: .*axes = .7,., which does not fit",
    HEAD + "y: f64[] = sum(x, axes=3)\n}": "line 2: .*axes = 3, which does not fit",
    HEAD + "y: f64[] = sum(x)\n}": "line 2: .*does not fit its operands",
    HEAD + "y: f64[1] = index(x, spec=(Slice(0, 1),))\n}": "line 2: Slice has 2 entries",
    HEAD + "y: f64[1] = index(x, spec=(Range(0, 1, 1),))\n}": "line 2: .* is not a dimension",
    HEAD + "y: i64[] = 1.0\n}": "line 2: .*holds 1.0, which is no number of type i64",
    HEAD + "y: f64[] = -True\n}": "line 2: -True is no value",
    HEAD + 'y: f64[] = "text"\n}': 'line 2: a number was expected, and "text" found',
    HEAD + 'y "\\q": f64[n] = mul(x, x)\n}': "line 2: .* JSON's escapes",
    HEAD + "y: f64[n] = mul(x, x)\n": "line 3: the name of a value was expected, and the end found",
    HEAD + "y: f64[n] = mul(x, x)\n} }": "line 3: the end of the text was expected",
    HEAD + "y: f64[n] = mul(x, x) $\n}": r"line 2: '\$' has no meaning",
    HEAD + "guard n ~ 3\n}": "line 2: '~' has no meaning",
    HEAD + "guard n = 3\n}": "line 2: one of == != < <= > >= was expected",
    HEAD + "guard m > 3\n y: f64[n] = mul(x, x)\n}": "line 1: .*the dimension m",
    HEAD + "y: f64[n] = mul(x, x, f=((((((((((1,),),),),),),),),),))\n}": "nested more than 8",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusals_name_the_line(text):
    with pytest.raises(FormatError, match=REFUSED[text]):
        parse(text)


def test_limits(monkeypatch):
    with pytest.raises(LimitError, match="a name of 10000 characters"):
        parse("graph " + "f" * 10_000)
    with pytest.raises(LimitError, match="a list of over 4096 entries"):
        parse("graph f(" + "".join(f"x{k}: f64[]," for k in range(5000)) + ") -> () {}")
    nested = "graph f() -> () {" + " v0: f64[] = add() body = graph g() -> () {" * 40
    with pytest.raises(LimitError, match="over 32 regions deep"):
        parse(nested)
    with pytest.raises(FormatError, match="write at most 400"):
        parse("graph f(x: f64[" + "(" * 190 + "n" + ")" * 190 + "]) -> x {}")
    bomb = "*".join(f"(a{k} + b{k})" for k in range(20))
    with pytest.raises(FormatError, match="over 1024 terms"):
        parse(f"graph f(x: f64[{bomb}]) -> x {{}}")
    monkeypatch.setattr(parse_module, "MAX_NODES", 3)
    with pytest.raises(LimitError, match="more than 3 nodes"):
        parse(str(loss()))


def test_chain_of_many_nodes_needs_no_stack():
    builder = Builder()
    y = x = builder.param("x", f64[()])
    for _ in range(5000):
        y = y * 0.5 + x
    graph = builder.finish((y,))
    assert graph_equal(parse(str(graph)), graph)


def test_mutated_texts_give_graphs_or_typed_errors():
    rng = random.Random(0)
    texts = [str(make()) for make in GRAPHS.values()]
    pieces = [piece for text in texts for piece in re.findall(r"\w+|[^\w\s]|\s+", text)]
    good = 0
    for _ in range(1500):
        parts = re.findall(r"\w+|[^\w\s]|\s+", rng.choice(texts))
        for _ in range(rng.randint(1, 3)):
            k = rng.randrange(len(parts))
            match rng.randrange(5):
                case 0:
                    del parts[k]
                case 1:
                    parts[k] = rng.choice(pieces)
                case 2:
                    parts.insert(k, rng.choice(pieces))
                case 3:
                    j = rng.randrange(len(parts))
                    parts[k], parts[j] = parts[j], parts[k]
                case 4:
                    parts[k] += chr(rng.choice((0, 9, 34, 35, 92, 123, 233, 0x2028, 0xD800)))
        try:
            again = parse("".join(parts))
        except BpcompileError:
            continue
        good += 1
        assert graph_equal(parse(str(again)), again)
    assert good > 20  # else the mutations are too coarse to reach what lies behind the syntax
