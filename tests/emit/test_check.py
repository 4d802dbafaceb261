"""The boundary between data and code: what no template can mean is refused before it compiles."""

from __future__ import annotations

import pytest

from bpcompile.emit.check import check_module
from bpcompile.errors import CompileError

PLAIN = '''"""model: a docstring."""

import math

import numpy as np
from numba import njit

table = np.array([0.5, -1.5], np.float64)


@njit(error_model="numpy", fastmath={"contract"})
def model(x, y):
    """Return a value."""
    n = x.shape[0]
    if n != 2:
        raise ValueError("expected n == 2")
    total = 0.0
    for i in range(n):
        x[i, :], total = (y[i] if y[i] > 0.0 and not n else -1.0), total + math.exp(y[i])
    total += np.sum(x[::-1].T)
    np.add.at(x, np.s_[y], 1.0)
    with np.errstate(all="ignore"):
        pass
    return (total, None)
'''


def test_what_templates_write_passes():
    check_module(PLAIN)


REFUSED = {
    "a lambda": "f = lambda x: x",
    "a class": "class A: pass",
    "a comprehension": "x = [i for i in range(3)]",
    "a generator": "x = sum(i for i in range(3))",
    "a formatted text": 'x = f"{1}"',
    "a walrus": "if (x := 1): pass",
    "a try": "try:\n    pass\nexcept ValueError:\n    pass",
    "an assertion": "assert 1",
    "a deletion": "x = 1\ndel x",
    "a global": "def f():\n    global x",
    "a yield": "def f():\n    yield 1",
    "an async function": "async def f(): pass",
    "a match": "match 1:\n    case _: pass",
    "a star": "x = [*range(3)]",
    "a dictionary": "x = {1: 2}",
    "an annotation": "x: int = 1",
    "bytes": "x = b'1'",
    "a complex number": "x = 1j",
    "another import": "import os",
    "a hidden import": "import numpy, os",
    "a submodule": "import numpy.ctypeslib",
    "an import from elsewhere": "from os import system",
    "an import of more of numba": "from numba import cuda",
    "a star import": "from numba import *",
    "a relative import": "from . import numba",
    "an unknown name": "x = y",
    "a builtin": "eval('1')",
    "another builtin": "x = open('f')",
    "the way to everything": "x = ().__class__",
    "dunder names": "x = __builtins__",
    "a private attribute": "import numpy as np\nx = np._globals",
    "an attribute of a value": "x = 1\ny = x.tofile",
    "a file": "import numpy as np\nx = np.load('f')",
    "memory": "import numpy as np\nx = np.ctypeslib",
    "a file written": "import numpy as np\nx = np.ones(3)\nx.tofile('f')",
    "another module through one of ours": "import math\nx = math.os",
    "no Python": "x = (",
    "a keyword argument by stars": "x = range(**range(3))",
    "a default": "def f(x=open): pass",
    "a decorator": "@open\ndef f(): pass",
    "a subscripted builtin": "x = open[0]",
    "a star among operands": "x = range(1, *3)",
    "a call behind a bracket": "x = (1).real",
    "a name of a module behind a bracket": "x = (1).os",
    "a dotted number": "x = 1..real",
    "a dotted name with a space": "import math\nx = math. os",
    "a generator without other signs": "x = (i for i in 1)",
    "a yield in brackets": "def f():\n    x = (yield)",
    "a name behind a comment in quotes": 'x = 1  # """\nx = y\nx = 1  # """',
    "a value over two lines": "x = max(\n    y = open)",
    "a name that only a docstring has": 'def f():\n    """y = 1"""\n    x = y',
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused(text):
    with pytest.raises(CompileError, match="emitted module"):
        check_module(text)


PLAIN_LINES = """import math
a = 1.5e-05 * math.exp(2.0) ** 3  # a = x y, from \u03b8\u0304
b = -a * (1 + a) - 1e+16 if a < 2.0 and not False else math.pi / 3.25
"""


def test_plain_lines_pass():
    check_module(PLAIN_LINES.replace("math.pi", "math.inf"))
    check_module(f'"""What is meant:\n\n    a = y z\n"""\n{PLAIN_LINES.replace("math.pi", "a")}')


def test_a_block_of_plain_lines_stays_a_block():
    check_module("for i in range(3):\n    a = i\n    b = a\nc = b\n")


def test_depth_is_no_matter():
    check_module("x = " + " + ".join(["1.0"] * 500))
