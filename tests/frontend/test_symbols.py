from __future__ import annotations

import subprocess
import sys

from sympy import Matrix
from sympy.abc import x

from bpcompile.frontend.symbols import is_symbolic


def test_is_symbolic_looks_into_lists():
    assert is_symbolic(x)
    assert is_symbolic(Matrix([1]))
    assert is_symbolic([1, (2, [x])])
    assert not is_symbolic([1, "x", None])
    assert not is_symbolic(lambda: x)
    endless: list[object] = [1]
    endless.append(endless)
    assert not is_symbolic(endless)


def test_sympy_is_not_imported_to_tell():
    code = (
        "import sys\n"
        "from bpcompile.frontend.symbols import is_symbolic\n"
        "assert not is_symbolic([1])\n"
        "assert 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
