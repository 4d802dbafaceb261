"""Random programs: what Python computes on NumPy arrays, the traced graph computes, or a refusal.

A program is source text of statements over a few variables, so that every spelling of control flow
meets every other one: exits from anywhere, aliases, views, stores, closures. It is run by plain
Python on copies, and by the interpreter on its graph. Its gradient on both targets is held to the
interpreter's, and that against central differences where those are smooth.

The long campaign, 3 000 other programs each time, 300 to a test:

    pytest -m nightly tests/frontend/flow/test_random_programs.py
"""

from __future__ import annotations

import itertools
import linecache
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bpcompile.errors import BpcompileError
from bpcompile.ir.interpret import interpret
from bpcompile.passes.pipeline import LOWER, SIMPLIFY
from bpcompile.passes.pipeline import run as run_passes
from bpcompile.transforms.reverse import reverse
from tests.emit.running import agree
from tests.tracing import run, traced

ALL = "s, t, k, u, v, m, row, d, pair"
LOSS = (
    "s + 0.3 * t + u.sum() + 0.7 * (v * v).sum() + 0.2 * (m * m).sum() + 0.01 * k + "
    "0.4 * row[0] + d['q'] + (d['p'] * v).sum() + 0.6 * pair[0] - pair[1].sum()"
)
STATE = "s, t, k, u, v, m, w, row, d, pair"
HEAD = """\
def model(x, w, a, n, j):
    s, t, k = a * 1.0, 0.5, 0
    u, v, m = x * 1.0, x[::-1] * 0.5, w + 0.1
    row, d, pair = m[2], {"p": x * 0.1, "q": 0.2}, (t, u * 0.5)

    def helper(y, c):
        nonlocal t
        t = t * 0.9 + c
        if c > 0.2:
            y[1] = 0.5 * y[1] + c
            return y[0]
        return y[2] * 0.5

"""
FLOATS = (
    "s", "t", "a", "x[0]", "u[1]", "v[2]", "m[0, 1]", "u[k % 4]", "m[k % 3, n % 4]", "row[1]",
    "d['q']", "pair[0]", "v[j[1]]", "m[1:][0, 2]",
)  # fmt: skip
INTS = ("k", "n", "k + 1", "n - k", "k % 3", "len(x)", "2", "j[k % 4]", "n // 2", "(k & 1)")
ARRAYS = (
    "u", "v", "x", "m[1]", "m[k % 3]", "u[::-1]", "u + v", "np.tanh(m[0])", "0.5 * v", "row",
    "d['p']", "pair[1]", "v[j]", "m[1:][0]",
    "m[:, ::-1][2]", "np.where(u > v, u, 0.5 * v)",
)  # fmt: skip


@st.composite
def floats(draw):
    """Return the text of a number."""
    one, other = draw(st.sampled_from(FLOATS)), draw(st.sampled_from(FLOATS))
    forms = (
        one, f"0.5 * {one} + 0.1", f"0.6 * {one} - 0.3 * {other}", f"np.sin({one} + {other})",
        f"np.tanh({one} * {other})", f"max({one}, 0.3) * 0.5", f"abs({one}) * 0.7",
        f"({one} if {other} > 0.1 else 0.4)", f"0.1 * {draw(st.sampled_from(INTS))}",
        f"helper({draw(st.sampled_from(['u', 'v', 'm[1]', 'u.copy()', 'row[:3]']))}, {one})",
        f"({other} > 0.3 and {one})", f"({one} or 0.2)", f"(lambda q: 0.5 * q + t)({one})",
        f"sum(0.2 * q for q in ({one}, {other}))", f"0.3 * ((q := {one}) + 0.5 * q)",
        f"(0.4 if any(e > {one} for e in u) else {other})",
    )  # fmt: skip
    return draw(st.sampled_from(forms))


@st.composite
def conditions(draw):
    """Return the text of a condition."""
    one, other = draw(st.sampled_from(FLOATS)), draw(st.sampled_from(FLOATS))
    k = draw(st.sampled_from(INTS))
    forms = (
        f"{one} > 0.25", f"{one} < {other}", f"{k} > 1", f"{k} % 2 == 0",
        f"-0.5 < {one} < 0.8", f"not {one} > {other}", f"{one} > 0.1 and {k} < 3",
        f"{one} < 0 or {other} > 0.4", "n > 2 and k", f"0 <= {k} < n",
        f"-0.2 < {one} <= {other} < 1",
        "len(u) > 3", f"(u > {one}).any()",
    )  # fmt: skip
    return draw(st.sampled_from(forms))


@st.composite
def simple(draw):
    """Return a statement of one line."""
    value, other = draw(floats()), draw(st.sampled_from(FLOATS))
    array = draw(st.sampled_from(ARRAYS))
    name = draw(st.sampled_from(["u", "v"]))
    view = draw(st.sampled_from(VIEWS)).replace("u", name)
    place = draw(st.sampled_from(["0", "k % 4", "-1", "n % 4", "j[2]"]))
    scalars = (
        f"s = {value}", f"t = {value}", f"s += {value}", f"s, t = t, {value}",
        f"k = (k + {draw(st.sampled_from(INTS))}) % 7", "k += 1",
        f"s = 0.5 * s + sum([{name}[e] for e in range(3)])",
        f"del k; k = {draw(st.integers(0, 3))}", f"t = {value} if {other} < 0.3 else t",
    )  # fmt: skip
    arrays = (
        f"{name} = {array}", f"{name} = 0.5 * {array} + s * 0.1", f"{name} = {array}.copy()",
        "u, v = v, u", f"{name}[{place}] = {value}", f"{name}[{place}] += {value}",
        f"{name}[1:3] = {value}", f"{name}[:2] *= 0.5", f"{name} += 0.1", f"{name}[:] = {array}",
        f"m[k % 3, {place}] = {value}", f"m[n % 3] = {array}",
        "m[0], m[1] = m[1] * 1.0, m[0] * 1.0", f"m[1, 1:] -= 0.1 * {name}[1:]", "m = m * 0.9",
        "w = m", "pair = (u, v); u, v = pair; pair = (s, u * 0.5)", f"row[0] -= {value}",
        f"keep = {name}; keep[1] = {value}", f"m[:, 1] += {other}", "row = m[k % 3]", "row = u",
        f"{name}[{place}], {name}[2] = {name}[0], {value}",
    )  # fmt: skip
    views = (
        f"part = {view}; part[0] += {value}", f"part = {view}; part *= 0.5",
        f"{view}[0] = {value}",
        f"part = {view}; part[:] = {value}; s = s + part[0]",
        f"row = m[k % 3][::-1]; row[1] = {other}",
        f"for e in ({view}, v): e[0] += 0.1", f"part = m.T[{place}]; part[1] = {value}",
        f"part = m.reshape(-1); part[{place}] += {value}", f"m[1:][0][2:][0] = {value}",
    )  # fmt: skip
    chosen = (
        f"{name}[{name} > 0.3] = 0.1", f"{name}[j] = {value}", f"{name}[j[:2]] += {value}",
        f"m[m > {other}] = {value}", f"m[j[:3] % 3, j[1:]] = {value}",
        f"{name}[[2, 0]] = {name}[[0, 1]]",
        f"{name}[{name} > {other}] *= 0.5", f"{name}[v > 0] = ({array})[v > 0]",
        f"np.add.at({name}, j, {value})", f"m[k % 3][v > 0.2] = {value}",
    )  # fmt: skip
    trees = (
        f"d = {{'p': d['p'], 'q': {value}}}", f"d = {{**d, 'p': {array} * 0.5}}",
        "s = s + d['q']",
        f"d = {{'q': d['q'] + 0.1, 'p': {array}}}", f"d['p'][{place}] = {value}",
        f"d['q'] = {value}",
        f"pair = ({value}, pair[1])", f"pair = (pair[0], {array})",
        "t, keep = pair; pair = (s, keep * 0.9)",
        f"pair[1][{place}] += {value}",
        f"several = [u, v]; several[k % 2 if k == 1 else 0][1] = {other}",
        f"several = []; several.append({value}); s = several[0]",
    )  # fmt: skip
    kind = draw(st.sampled_from([scalars, scalars, arrays, arrays, views, chosen, trees]))
    return draw(st.sampled_from(kind))


VIEWS = (
    "u[1:]", "u[::2]", "u[1:][::-1]", "u[k % 2:]", "m[1]", "m[1:][0]", "m[:, 1]", "row[1:]",
    "u[::-1][1:]",
    "m.T[0]", "m[k % 3][1:]", "d['p'][1:]", "pair[1][:3]",
)  # fmt: skip
LOOPS = (
    "for i in range(n)", "for i in range(len(x))", "for i in range(3)",
    "for i in range(1, n + 2)",
    "for i in range(10)", "for i in range(n, -1, -1)", "for i, e in enumerate(u)",
    "for e, f in zip(u, v)", "for e in reversed(v)", "for row in m", "for i in range(k)",
    "for e in u[1:]", "for e, row in zip(u, m)", "for i, row in enumerate(m)",
    "for row in m[::-1]",
    "for i in (2, 0, 1)", "for e in (s, t, 0.1)", "for q in j",
    "for i, (e, f) in enumerate(zip(u, v))",
)  # fmt: skip


@st.composite
def blocks(draw, depth, looped=False, most=3, result="RESULT"):
    """Return the lines of a block, indented by nothing; `result` is what its function returns."""
    lines = []

    def inner(looped=looped, most=3, less=1):
        return draw(blocks(max(depth - less, 0), looped, most, result))

    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.integers(0, 12)) if depth else 12
        if kind <= 2:
            lines += _block(f"if {draw(conditions())}:", inner())
            if draw(st.booleans()):
                lines += _block(f"elif {draw(conditions())}:", inner())
            if draw(st.booleans()):
                lines += _block("else:", inner())
        elif kind <= 5:
            lines += _block(f"{draw(st.sampled_from(LOOPS))}:", inner(looped=True))
            if draw(st.integers(0, 4)) == 0:
                lines += _block("else:", inner(less=9))
        elif kind <= 7:
            count = f"c{depth}"
            test = draw(
                st.sampled_from([f"{count} > 0 and s < 2.0", f"{count}", f"0 < {count} < 9"])
            )
            lines += [
                f"{count} = n",
                *_block(f"while {test}:", [f"{count} -= 1", *inner(looped=True)]),
            ]
            if draw(st.integers(0, 4)) == 0:
                lines += _block("else:", inner(less=9))
        elif kind == 8:
            head = draw(st.sampled_from(["with np.errstate(all='ignore'):", "try:"]))
            lines += _block(head, inner(most=2))
            if head == "try:":
                tail = draw(st.sampled_from(["finally:", "except ValueError:"]))
                lines += _block(tail, inner(looped=False, less=9))
        elif kind == 9:
            name = f"f{depth}"
            body = draw(blocks(depth - 1, False, 3, "s + y[0]"))
            lines += _block(f"def {name}(y, c):", [f"nonlocal {STATE}", *body, "return c"])
            lines.append(f"t = 0.5 * {name}({draw(st.sampled_from(ARRAYS))}, {draw(floats())})")
        else:
            lines.append(draw(simple()))
    if looped and draw(st.integers(0, 3)) == 0:
        lines += _block(f"if {draw(conditions())}:", [draw(st.sampled_from(["break", "continue"]))])
        lines.append(draw(simple()))
    if depth < 3 and draw(st.integers(0, 9)) == 0:
        lines.append(f"return {result}")
    return lines


def _block(head, body):
    """Return a compound statement."""
    return [head, *(f"    {line}" for line in body)]


@st.composite
def programs(draw):
    """Return the source of a program, which returns RESULT."""
    body = [*draw(blocks(draw(st.integers(1, 3)))), "return RESULT"]
    return HEAD + "".join(f"    {line}\n" for line in body)


_count = itertools.count()


def made(source, result):
    """Return the function of a program, whose source is found by its file's name."""
    file = f"<program {next(_count)}>"
    text = source.replace("RESULT", result)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {"np": np}
    exec(compile(text, file, "exec"), names)  # the program is made above
    return names["model"], file


X = np.array([0.31, -0.42, 0.73, 0.14])
J = np.array([3, 1, 0, 1])
W = np.array([[0.2, -0.3, 0.6, 0.1], [0.9, 0.45, -0.7, 0.35], [-0.15, 0.55, 0.8, -0.25]])


def flat(value):
    """Return the numbers of nested results."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, (tuple, list)):
        return [number for part in value for number in flat(part)]
    return np.ravel(np.asarray(value, float)).tolist()


def computed(model, a, n):
    """Return what plain Python computes on copies; None where a variable has no value."""
    try:
        return model(X.copy(), W.copy(), a, n, J.copy())
    except UnboundLocalError:
        return None


def check_value(source, a, n):
    """Check a program's graph against plain Python, unless it is refused at a line of it."""
    model, file = made(source, f"({ALL})")
    want = computed(model, a, n)
    try:
        graph = traced(model, X, W, a, n, J)
    except BpcompileError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert re.search(rf"{re.escape(file)}:\d+", refusal), f"no line in: {refusal}"
        return False
    if want is not None:
        got = flat(run(graph, X, W, a, n, J))
        np.testing.assert_allclose(got, flat(want), rtol=1e-9, atol=1e-11, err_msg=source)
    return want is not None


def check_gradient(source, a, n):
    """Check a program's gradient on both targets, and where it is smooth by central differences."""
    model, _ = made(source, LOSS)
    found = traced(model, X, W, a, n, J)
    joint = run_passes(reverse(run_passes(found.graph, SIMPLIFY), [0, 1, 2]), LOWER)
    args = [X, W, np.asarray(a), np.asarray(n), J, *found.captured]
    for how in ("numpy", "python"):
        agree(joint, args, how)
    gradients = interpret(joint, args)[1:]
    base = computed(model, a, n)
    for direction in (1.0, 2.0):
        dx, dw = (
            np.cos(direction * np.arange(4.0)),
            np.sin(direction + np.arange(12.0)).reshape(3, 4),
        )
        steps = [model(X + h * dx, W + h * dw, a + h, n, J) for h in (1e-6, -1e-6)]
        forward, backward = (steps[0] - base) / 1e-6, (base - steps[1]) / 1e-6
        if not np.isclose(forward, backward, rtol=1e-3, atol=1e-3):
            continue  # a kink or a jump
        got = (gradients[0] * dx).sum() + (gradients[1] * dw).sum() + gradients[2]
        low, high = sorted((forward, backward))  # a small kink passes as smooth
        error = 1e-5 + 1e-4 * abs(low)
        assert low - error <= got <= high + error, f"{got} is not {low} to {high}: {source}"


CHECKS = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=[Phase.generate],  # a failure says its program: to shrink one takes minutes
)
FEW = settings(CHECKS, max_examples=60, derandomize=True)
MANY = settings(CHECKS, max_examples=300, derandomize=False)


@FEW
@given(programs(), st.sampled_from([0.4, -0.6]), st.integers(0, 4))
def test_values(source, a, n):
    check_value(source, a, n)


@settings(FEW, max_examples=20)
@given(programs(), st.sampled_from([0.4, -0.6]), st.integers(0, 4))
def test_gradients(source, a, n):
    if check_value(source, a, n):
        check_gradient(source, a, n)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(10))
def test_many_programs(part):
    @MANY
    @given(programs(), st.sampled_from([0.4, -0.6]), st.integers(0, 4))
    def check(source, a, n):
        if check_value(source, a, n):
            check_gradient(source, a, n)

    check()
